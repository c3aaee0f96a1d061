//! For how long to train, who teaches, and what is kept: the settings of the training loop.

mod schedule;

use convnet::Weights;
use serde::{Deserialize, Serialize};

pub use schedule::Schedule;

/// For how long to train, who teaches, and what is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Epochs; an evaluation follows each.
    pub epochs: u32,
    /// Steps in an epoch.
    pub iterations: u32,
    /// How the learning rate changes over all steps.
    pub schedule: Schedule,
    /// What labels the weak views.
    pub teacher: Teacher,
    /// Which weights are evaluated and kept for prediction.
    pub evaluate_with: WeightsChoice,
    /// Epochs between two checkpoints.
    pub checkpoint_every: u32,
    /// The best epoch's weights are kept when its macro-F1 is at least this.
    pub keep_best_from: f64,
}

impl Default for Training {
    fn default() -> Self {
        Self {
            epochs: 100,
            iterations: 10,
            schedule: Schedule::Constant,
            teacher: Teacher::Train,
            evaluate_with: WeightsChoice::Current,
            checkpoint_every: 5,
            keep_best_from: 0.0,
        }
    }
}

/// What labels the weak views.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Teacher {
    /// The network in training mode: batch statistics and dropout, as published.
    Train,
    /// The network with running statistics and without dropout.
    Eval,
    /// The running average of the weights, likewise.
    #[serde(alias = "ema")]
    Average,
}

/// Which weights a result is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightsChoice {
    /// Those of the last step.
    Current,
    /// Their running average.
    Average,
}

impl From<WeightsChoice> for Weights {
    fn from(choice: WeightsChoice) -> Self {
        match choice {
            WeightsChoice::Current => Self::Current,
            WeightsChoice::Average => Self::Average,
        }
    }
}

/// A training setting that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainingError {
    /// A count of nothing.
    #[error("setting `{setting}` is 0, but must be at least 1")]
    Zero {
        /// The name of the setting.
        setting: &'static str,
    },
    /// A macro-F1 outside [0, 1].
    #[error("setting `keep_best_from` is {found}, but must lie between 0 and 1")]
    KeepBestFrom {
        /// Its value.
        found: f64,
    },
}

impl Training {
    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// The first setting at fault.
    pub fn validate(&self) -> Result<(), TrainingError> {
        let counts = [
            ("epochs", self.epochs),
            ("iterations", self.iterations),
            ("checkpoint_every", self.checkpoint_every),
        ];
        if let Some((setting, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(TrainingError::Zero { setting });
        }
        match self.keep_best_from {
            found if (0.0..=1.0).contains(&found) => Ok(()),
            found => Err(TrainingError::KeepBestFrom { found }),
        }
    }

    /// All steps of an experiment.
    pub fn steps(&self) -> u64 {
        u64::from(self.epochs) * u64::from(self.iterations)
    }
}
