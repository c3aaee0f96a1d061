//! Why a file cannot be screened, or shards not merged.

use std::path::{Path, PathBuf};

use crate::calibrate::CalibrateError;
use crate::dataset::DatasetError;
use crate::fingerprint::FingerprintError;
use crate::members::MembersError;
use crate::metrics::MetricsError;
use crate::outlier::OutlierError;
use crate::part::Part;
use crate::predictions::PredictionsError;
use crate::prior::PriorError;

/// A file that cannot be screened, or shards that cannot be merged.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// The models are at fault.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// The data is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A pattern cannot be blurred.
    #[error("screen {}", path.display())]
    Fingerprint {
        /// The data.
        path: PathBuf,
        /// Why not.
        source: FingerprintError,
    },
    /// The file has no row.
    #[error("{} has no patterns", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The runs have no unlabelled file.
    #[error("tell outliers: the models were trained without unlabelled patterns to compare with")]
    NoUnlabeled,
    /// Outliers cannot be told.
    #[error(transparent)]
    Outlier(#[from] OutlierError),
    /// A part that is none.
    #[error("screen part {} of {}: parts are counted from 1", part.number, part.of)]
    Part {
        /// What was asked for.
        part: Part,
    },
    /// Probabilities cannot be calibrated.
    #[error("calibrate on the {rows} out-of-bag predictions of labelled rows")]
    Calibrate {
        /// How many there are.
        rows: usize,
        /// Why not.
        source: CalibrateError,
    },
    /// The prior cannot be had.
    #[error(transparent)]
    Prior(#[from] PriorError),
    /// Metrics of the out-of-bag predictions.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Predictions of the pool that are none.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
    /// A shard is not what it should be.
    #[error("{} is no shard of a screening: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A shard of a newer program.
    #[error("{} has format {found}, but this program knows formats up to {known}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// A shard that other models made.
    #[error("{} was made by other models than those of the run", path.display())]
    OtherModels {
        /// The shard.
        path: PathBuf,
    },
    /// Shards that do not go together.
    #[error("{} and {} cannot be merged: their {what} is not the same", first.display(), second.display())]
    OtherShards {
        /// The first shard.
        first: PathBuf,
        /// The other shard.
        second: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// A shard given twice.
    #[error("{} and {} are the same part, {} of {}", first.display(), second.display(), part.number, part.of)]
    Twice {
        /// The first shard.
        first: PathBuf,
        /// The other shard.
        second: PathBuf,
        /// Which part both are.
        part: Part,
    },
    /// Nothing was given to merge.
    #[error("merge no shards at all")]
    NoShards,
    /// Parts that were not given.
    #[error("merge {given} of {of} parts of {data}: {} missing", parts(missing))]
    Missing {
        /// The file they are parts of.
        data: String,
        /// Parts given.
        given: usize,
        /// Parts there are.
        of: u32,
        /// Those not given.
        missing: Vec<u32>,
    },
    /// The extension is none of the known ones.
    #[error("{} ends in none of .csv, .jsonl and .parquet", path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The Parquet library refused.
    #[error("write {}: {reason}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
}

fn parts(missing: &[u32]) -> String {
    const LISTED: usize = 10;
    let mut text: Vec<String> = missing.iter().take(LISTED).map(u32::to_string).collect();
    if missing.len() > LISTED {
        text.push(format!("and {} more", missing.len() - LISTED));
    }
    text.join(", ") + if missing.len() == 1 { " is" } else { " are" }
}

impl ScreenError {
    /// For `map_err`: the action and the file of a failed operation.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
