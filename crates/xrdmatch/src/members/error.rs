//! Why models form no ensemble, or cannot be asked.

use std::path::PathBuf;

use convnet::LoadError;
use diffraction::Grid;

use crate::dataset::DatasetError;
use crate::ensemble::EnsembleError;
use crate::metrics::MetricsError;
use crate::predictions::{PredictionsError, ReadPredictionsError};
use crate::run::RunError;
use crate::train::TrainError;

/// Models that form no ensemble, or cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// Weights of a fitted model are of another network.
    #[error("member {member} of the fitted model: {source}")]
    Fitted {
        /// The member, counted from 0.
        member: usize,
        /// What does not fit.
        source: LoadError,
    },
    /// No run was named.
    #[error("form an ensemble of no run")]
    NoRuns,
    /// A run is at fault.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A data file is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// No experiment of the run is complete.
    #[error("no experiment of {} is finished ({begun} were begun)", directory.display())]
    NoneFinished {
        /// The run.
        directory: PathBuf,
        /// How many were begun.
        begun: usize,
    },
    /// An experiment that was asked for is not complete.
    #[error("experiment {experiment} of {} is not finished", directory.display())]
    Unfinished {
        /// The run.
        directory: PathBuf,
        /// The experiment.
        experiment: u32,
    },
    /// Two runs saw different data.
    #[error(
        "{} and {} saw different data: their {what} is not the same",
        first.display(),
        second.display()
    )]
    OtherData {
        /// The first run.
        first: PathBuf,
        /// The other run.
        second: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// Two runs shape networks or patterns differently.
    #[error(
        "{} and {} cannot be one ensemble: setting `{setting}` is not the same",
        first.display(),
        second.display()
    )]
    OtherSettings {
        /// The first run.
        first: PathBuf,
        /// The other run.
        second: PathBuf,
        /// The setting.
        setting: &'static str,
    },
    /// A file that the run was trained with is gone.
    #[error("{} is not there any more, but the run was trained with it", path.display())]
    Moved {
        /// Where it was.
        path: PathBuf,
    },
    /// A file that the run was trained with has changed.
    #[error("{} is not the file that the run was trained with: its contents have changed", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Weights of another network.
    #[error("load experiment {experiment} of {}", directory.display())]
    Weights {
        /// The run.
        directory: PathBuf,
        /// The experiment.
        experiment: u32,
        /// What does not fit.
        source: LoadError,
    },
    /// No network can be made of the run's settings and weights.
    #[error("load experiment {experiment} of {}", directory.display())]
    Network {
        /// The run.
        directory: PathBuf,
        /// The experiment.
        experiment: u32,
        /// Why not.
        source: Box<TrainError>,
    },
    /// Weights were replaced while they were in use.
    #[error("experiment {experiment} of {} has changed since it was opened", directory.display())]
    Replaced {
        /// The run.
        directory: PathBuf,
        /// The experiment.
        experiment: u32,
    },
    /// A network that gives no number.
    #[error(
        "experiment {experiment} of {} gives no finite logit for row {row}: its training diverged",
        directory.display()
    )]
    NotFinite {
        /// The run.
        directory: PathBuf,
        /// The experiment.
        experiment: u32,
        /// The row, from 0, of those at hand.
        row: usize,
    },
    /// The data lies on another grid.
    #[error("{} has {found}, but the models were trained on {expected}", data.display())]
    Grid {
        /// The data.
        data: PathBuf,
        /// Its grid.
        found: Grid,
        /// The grid of the models.
        expected: Grid,
    },
    /// A choice by score where there are no rows to choose on.
    #[error(
        "choose members by their score: experiment {experiment} of {} has no validation rows, and \
         choosing on the rows that are reported would flatter the ensemble",
        directory.display()
    )]
    NoValidation {
        /// The run.
        directory: PathBuf,
        /// The experiment.
        experiment: u32,
    },
    /// No member is good enough.
    #[error("no member reaches a macro-F1 of {asked} on its validation rows; the best has {best}")]
    NoneGoodEnough {
        /// The score asked for.
        asked: f64,
        /// The best there is.
        best: f64,
    },
    /// The stored predictions of an experiment cannot be read.
    #[error("read {}", path.display())]
    StoredPredictions {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ReadPredictionsError,
    },
    /// The scores of a member cannot be formed.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The members do not go together.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
    /// Combined values that are no probabilities.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
}
