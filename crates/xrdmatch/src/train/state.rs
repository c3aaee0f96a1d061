//! What the next step of an experiment depends on.

use convnet::Tensors;
use serde::{Deserialize, Serialize};

use super::StepReport;
use crate::config::Config;
use crate::training::WeightsChoice;

/// Everything that the next step depends on, besides configuration and data.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainerState {
    /// The place in the sequence of steps.
    pub progress: Progress,
    /// Weights and running statistics, under PyTorch names.
    pub weights: Tensors,
    /// Their running average, if one is kept.
    pub average: Option<Tensors>,
    /// Moments and step count of AdamW.
    pub optimizer: Tensors,
    /// The threshold rule's state.
    pub objective: Tensors,
}

impl TrainerState {
    /// The weights that training evaluates with, of the network that predicts.
    #[must_use]
    pub fn into_trained(self, config: &Config) -> Tensors {
        config.deployed(match (config.training.evaluate_with, self.average) {
            (WeightsChoice::Average, Some(average)) => average,
            _ => self.weights,
        })
    }
}

/// The place in the sequence of steps, and what was noted on the way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Sums over the steps of the epoch under way.
    pub epoch: EpochSums,
    /// The best epoch so far.
    pub best: Option<Best>,
}

/// The best epoch so far, by macro-F1 on the rows that selection looks at.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its number, counted from 0.
    pub epoch: u32,
    /// Steps taken at its end.
    pub step: u64,
    /// Its macro-F1.
    pub macro_f1: f64,
    /// Its accuracy.
    pub accuracy: f64,
    /// Its AUC, where it is defined.
    pub auc: Option<f64>,
}

/// Sums over the steps of an epoch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochSums {
    steps: u32,
    sums: StepReport,
}

impl EpochSums {
    /// Adds a step.
    pub fn add(&mut self, report: &StepReport) {
        self.steps += 1;
        self.sums.supervised_loss += report.supervised_loss;
        self.sums.unsupervised_loss += report.unsupervised_loss;
        self.sums.mask_rate += report.mask_rate;
        self.sums.class_shares.resize(report.class_shares.len(), 0.0);
        for (sum, share) in self.sums.class_shares.iter_mut().zip(&report.class_shares) {
            *sum += share;
        }
    }

    /// Means over the steps; zeros before the first.
    pub fn means(&self) -> StepReport {
        let steps = f64::from(self.steps.max(1));
        StepReport {
            supervised_loss: self.sums.supervised_loss / steps,
            unsupervised_loss: self.sums.unsupervised_loss / steps,
            mask_rate: self.sums.mask_rate / steps,
            class_shares: self.sums.class_shares.iter().map(|sum| sum / steps).collect(),
        }
    }
}
