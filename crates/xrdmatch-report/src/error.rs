//! Why there is no report.

use std::path::PathBuf;

use xrdmatch::baseline::BaselineError;
use xrdmatch::dataset::DatasetError;
use xrdmatch::ensemble::EnsembleError;
use xrdmatch::fingerprint::FingerprintError;
use xrdmatch::run::RunError;
use xrdmatch::statistics::StatisticsError;

/// Records that give no report, or a report that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run is at fault.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file cannot be read or written.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of a record that is none.
    #[error("read line {line} of {}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The stored predictions of an experiment are no predictions.
    #[error("read the predictions of experiment {experiment} in {}: {reason}", path.display())]
    Predictions {
        /// The experiment.
        experiment: u32,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A run without any experiment.
    #[error("report on {}: it has no experiments yet", directory.display())]
    NoExperiments {
        /// The run.
        directory: PathBuf,
    },
    /// A file of candidates lacks the one column it must have.
    #[error("find a column `name` in {}; its columns are {found}", path.display())]
    NoName {
        /// The file.
        path: PathBuf,
        /// The columns there are.
        found: String,
    },
    /// A file of candidates in an unknown format.
    #[error("tell the format of {}: its name ends neither in .csv nor in .jsonl", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A cell of a table of candidates is not what its column holds.
    #[error("read `{found}` as {expected} (line {line} of {}, column `{column}`)", path.display())]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column's name.
        column: String,
        /// What it should be.
        expected: &'static str,
        /// The text.
        found: String,
    },
    /// The patterns of the candidates are at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The experiments do not go together.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// A statistic cannot be had.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// Patterns cannot be compared.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
    /// A baseline cannot be fitted.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// There is no font to draw the text of pictures with.
    #[error("draw pictures: this machine has no fonts")]
    NoFonts,
    /// A picture cannot be drawn.
    #[error("draw {figure}: {reason}")]
    Picture {
        /// The figure.
        figure: String,
        /// What the library said.
        reason: String,
    },
}

impl ReportError {
    pub(crate) fn io(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
