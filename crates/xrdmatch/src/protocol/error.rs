//! Why there is no report.

use std::path::PathBuf;

use crate::calibrate::CalibrateError;
use crate::dataset::DatasetError;
use crate::ensemble::EnsembleError;
use crate::metrics::MetricsError;
use crate::predict::PredictError;
use crate::predictions::{PredictionsError, ReadPredictionsError};
use crate::prior::PriorError;
use crate::run::RunError;
use crate::split::SplitFileError;
use crate::statistics::StatisticsError;

/// A report that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The run is at fault.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No experiment of the run is complete.
    #[error("{run} has no complete experiment")]
    NoExperiment {
        /// The run.
        run: PathBuf,
    },
    /// An experiment's predictions cannot be read.
    #[error("read {path}")]
    Predictions {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ReadPredictionsError,
    },
    /// A member's predictions lack a row of its own split: it saw other data than was recorded.
    #[error(
        "experiment {experiment} evaluates `{sample}`, for which it has no prediction: its members saw different data"
    )]
    OtherData {
        /// The experiment.
        experiment: u32,
        /// The sample.
        sample: String,
    },
    /// No experiment has rows to be judged on.
    #[error("no experiment has evaluation rows")]
    NoEvaluation,
    /// All rows are of one class.
    #[error("every row is of class {class}: nothing can be told apart, and no metric judges that")]
    OneClass {
        /// The class.
        class: u8,
    },
    /// Two runs on different grids.
    #[error("{first} was trained on {first_grid}, but {second} on {second_grid}")]
    Grids {
        /// One run.
        first: PathBuf,
        /// Its grid, in words.
        first_grid: String,
        /// The other run.
        second: PathBuf,
        /// Its grid, in words.
        second_grid: String,
    },
    /// Two runs with different labelled files.
    #[error(
        "{first} was trained on {first_data}, but {second} on {second_data}: their contents differ"
    )]
    DataDiffers {
        /// One run.
        first: PathBuf,
        /// Its labelled file.
        first_data: PathBuf,
        /// The other run.
        second: PathBuf,
        /// Its labelled file.
        second_data: PathBuf,
    },
    /// Two runs without an experiment in common.
    #[error("{first} and {second} have no experiment in common")]
    NothingInCommon {
        /// One run.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A prior is to be estimated, but the run has no unlabelled file.
    #[error("estimate the share of positives: {run} was trained without an unlabelled file")]
    NoPool {
        /// The run.
        run: PathBuf,
    },
    /// A table of published predictions that is none.
    #[error("{path}, line {line}, column `{column}`: {reason}")]
    Table {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The column.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// A table of published predictions that cannot be read.
    #[error("read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The split file is at fault.
    #[error(transparent)]
    Splits(#[from] SplitFileError),
    /// The pool is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The pool cannot be predicted.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// Metrics cannot be formed.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// Statistics cannot be formed.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// The members form no ensemble.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// The probabilities cannot be calibrated.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The prior cannot be had.
    #[error(transparent)]
    Prior(#[from] PriorError),
    /// Values that are no probabilities.
    #[error(transparent)]
    Invalid(#[from] PredictionsError),
    /// The file of samples cannot be written.
    #[error("write {path}: {reason}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}
