//! Why there is no fitted model, or no answer of one.

use std::path::PathBuf;

use diffraction::Grid;

use crate::pretrain::PretrainError;
use crate::run::RunError;
use crate::train::TrainError;

/// No fitted model, or no answer of one.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// Training is at fault.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// No encoder could be made.
    #[error("pretraining: {0}")]
    Pretrain(#[from] PretrainError),
    /// The run is at fault.
    #[error(transparent)]
    Run(#[from] RunError),
    /// No network was asked for.
    #[error("fit no network at all; at least 1 member is needed")]
    NoMembers,
    /// No experiment of the run is complete.
    #[error("no experiment of {} is finished ({begun} were begun)", directory.display())]
    NoneFinished {
        /// The run.
        directory: PathBuf,
        /// How many were begun.
        begun: usize,
    },
    /// The patterns lie on another grid than those of the training.
    #[error("the patterns have {found}, but the model was trained on {expected}")]
    Grid {
        /// The grid of the patterns.
        found: Grid,
        /// The grid of the model.
        expected: Grid,
    },
    /// A network answers with infinity or no number.
    #[error("a logit of row {row} is not finite", row = row + 1)]
    NotFinite {
        /// The row, counted from 0.
        row: usize,
    },
}

/// Bytes that are no fitted model.
#[derive(Debug, thiserror::Error)]
pub enum FittedBytesError {
    /// Of another kind, cut off or changed.
    #[error("the fitted model is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// Of a program newer than this one.
    #[error("the fitted model has format {found}, but this program knows formats up to {known}")]
    Newer {
        /// Its format.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The weights do not fit the settings.
    #[error(transparent)]
    Fit(#[from] FitError),
}
