//! What happens in an experiment, as told to whoever listens.

use serde::{Deserialize, Serialize};

use super::StepReport;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A step was taken.
    Step {
        /// Its number, counted from 1.
        step: u64,
        /// What it gave.
        report: StepReport,
    },
    /// An epoch is complete.
    Epoch(EpochSummary),
}

/// An epoch in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochSummary {
    /// Its number, counted from 0.
    pub epoch: u32,
    /// Steps taken so far.
    pub step: u64,
    /// The learning rate of its last step.
    pub learning_rate: f32,
    /// Means over its steps.
    pub means: StepReport,
    /// The threshold of each class after it.
    pub thresholds: Vec<f64>,
}
