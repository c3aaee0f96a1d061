//! What can go wrong with a run on disk.

use std::path::{Path, PathBuf};

use crate::claim::ClaimError;
use crate::metrics::MetricsError;
use crate::pretrain::PretrainError;
use crate::split::{SplitError, SplitFileError};
use crate::train::TrainError;

/// What can go wrong with a run on disk.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The system refused an operation on a file.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A directory that holds something else.
    #[error("{directory} is not empty and holds no run")]
    NotARun {
        /// The directory.
        directory: PathBuf,
    },
    /// No run where one is expected.
    #[error("there is no run in {directory} (no manifest.json)")]
    NoRun {
        /// The directory.
        directory: PathBuf,
    },
    /// Something that this process was making is now made by another.
    #[error("{what}: {source}")]
    Lost {
        /// What was being made.
        what: String,
        /// How that is known.
        source: ClaimError,
    },
    /// Another process is making the encoder.
    #[error("another process is making the encoder of {directory}")]
    Busy {
        /// The run.
        directory: PathBuf,
    },
    /// Two runs have different encoders.
    #[error(
        "the encoders of {first} and {second} differ, so that their experiments are not of one run"
    )]
    OtherEncoder {
        /// One run.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Two runs have different results of one experiment.
    #[error("experiment {experiment} of {first} and of {second} differ: {what}")]
    OtherResult {
        /// The experiment.
        experiment: u32,
        /// One run.
        first: PathBuf,
        /// The other.
        second: PathBuf,
        /// What differs first.
        what: String,
    },
    /// The run that others are merged into has begun an experiment of its own.
    #[error("{directory} has begun experiment {experiment} and not completed it")]
    BegunHere {
        /// The run.
        directory: PathBuf,
        /// The experiment.
        experiment: u32,
    },
    /// A record that is not what it should be.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A record of a program newer than this one.
    #[error("{path} has format {found}, but this program knows formats up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// The directory holds a run of another configuration or other data.
    #[error("{directory} holds a run of another configuration: {}", differences.join("; "))]
    OtherConfiguration {
        /// The directory.
        directory: PathBuf,
        /// What differs: setting, stored and asked value.
        differences: Vec<String>,
    },
    /// An experiment was begun with another split.
    #[error("{path} holds another split than the one asked for")]
    OtherSplit {
        /// The record of the split.
        path: PathBuf,
    },
    /// The run has no such experiment.
    #[error("{directory} has no experiment {experiment}; it has {found:?}")]
    NoExperiment {
        /// The directory.
        directory: PathBuf,
        /// The experiment asked for.
        experiment: u32,
        /// The experiments there are.
        found: Vec<u32>,
    },
    /// A split names a row that the data does not have.
    #[error("experiment {experiment} was split with `{name}`, which is no row of {data}")]
    UnknownName {
        /// The experiment.
        experiment: u32,
        /// The name.
        name: String,
        /// The file.
        data: String,
    },
    /// The checkpoint asked for is not there.
    #[error("experiment {experiment} has no checkpoint `{asked}`; it has {found}")]
    NoCheckpoint {
        /// The experiment.
        experiment: u32,
        /// What was asked for.
        asked: String,
        /// The checkpoints there are, in words.
        found: String,
    },
    /// Training failed.
    #[error("experiment {experiment}: {source}")]
    Train {
        /// The experiment.
        experiment: u32,
        /// Why.
        source: TrainError,
    },
    /// No encoder could be made.
    #[error("pretraining: {0}")]
    Pretrain(#[from] PretrainError),
    /// No split could be drawn.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// No split could be had from the file.
    #[error(transparent)]
    SplitFile(#[from] SplitFileError),
    /// Metrics could not be formed.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The threads of a job could not be started.
    #[error("start the threads of a job: {reason}")]
    Threads {
        /// What the system said.
        reason: String,
    },
}

impl RunError {
    /// For `map_err`: a claim on `what` that could not be had or was lost.
    pub(super) fn claim(what: impl FnOnce() -> String) -> impl FnOnce(ClaimError) -> Self {
        move |error| match error {
            ClaimError::Io { action, path, source } => Self::Io { action, path, source },
            source => Self::Lost { what: what(), source },
        }
    }

    /// For `map_err`: the action and the file of a failed operation.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
