//! The records of experiments: splits by name, epochs, results, and their spread over a run.

use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::device;
use crate::metrics::Evaluation;
use crate::split::{Role, Split};
use crate::train::{Best, EpochSummary};

/// The names of the rows in each role of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitNames {
    /// Trained on.
    pub labeled: Vec<String>,
    /// Looked at by choices.
    pub validation: Vec<String>,
    /// Reported on.
    pub evaluation: Vec<String>,
    /// Outside all experiments.
    pub held_out: Vec<String>,
}

impl SplitNames {
    /// The names of a split's rows.
    pub fn of(split: &Split, data: &Dataset) -> Self {
        let names =
            |rows: Vec<usize>| rows.into_iter().map(|row| data.sample(row).name.clone()).collect();
        Self {
            labeled: names(split.labeled()),
            validation: names(split.validation()),
            evaluation: names(split.evaluation()),
            held_out: names(split.held_out()),
        }
    }

    /// Each role with its names.
    pub fn roles(&self) -> [(Role, &[String]); 4] {
        [
            (Role::Labeled, &self.labeled),
            (Role::Validation, &self.validation),
            (Role::Evaluation, &self.evaluation),
            (Role::HeldOut, &self.held_out),
        ]
    }
}

/// A line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "written line by line, never kept in numbers")]
pub enum Record {
    /// Training was taken up again at a checkpoint.
    Resumed {
        /// When.
        time: String,
        /// Steps taken before.
        step: u64,
        /// The device it goes on with.
        #[serde(default = "device::processor")]
        device: String,
    },
    /// An epoch is complete.
    Epoch {
        /// When.
        time: String,
        /// The epoch in numbers.
        #[serde(flatten)]
        summary: EpochSummary,
        /// Metrics on the evaluation rows; absent without such rows.
        evaluation: Option<Evaluation>,
        /// Metrics on the validation rows; absent without such rows.
        validation: Option<Evaluation>,
        /// Whether this is the best epoch so far and its weights are kept.
        kept: bool,
    },
    /// The experiment is complete.
    Finished {
        /// When.
        time: String,
        /// Steps taken.
        step: u64,
        /// The device of the last steps.
        #[serde(default = "device::processor")]
        device: String,
    },
}

/// The result of a complete experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentResult {
    /// Its number.
    pub experiment: u32,
    /// Steps taken.
    pub steps: u64,
    /// Seconds of training, over all interruptions.
    pub seconds: f64,
    /// Metrics of the final model on the evaluation rows.
    pub evaluation: Option<Evaluation>,
    /// Metrics of the final model on the held-out rows.
    pub held_out: Option<Evaluation>,
    /// The best epoch.
    pub best: Option<OptimisticResult>,
}

/// A number that was chosen by looking at rows. Optimistic when these are the rows it is told of.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OptimisticResult {
    /// The epoch and its score.
    #[serde(flatten)]
    pub best: Best,
    /// Whether it was chosen on the evaluation rows themselves.
    pub optimistic: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// A process is writing to it.
    Running,
    /// Every experiment that was begun is complete.
    Complete,
    /// An experiment is not complete, and no process is at it: the same command would go on.
    Interrupted,
    /// No experiment was begun.
    Empty,
}

impl RunState {
    /// The state in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Interrupted => "interrupted",
            Self::Empty => "empty",
        }
    }
}

/// The results of a run's complete experiments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Per experiment.
    pub experiments: Vec<ExperimentResult>,
    /// Experiments that were begun but are not complete.
    pub incomplete: Vec<u32>,
    /// Macro-F1 of the final models on their evaluation rows.
    pub macro_f1: Option<Spread>,
    /// Accuracy of the final models on their evaluation rows.
    pub accuracy: Option<Spread>,
    /// AUC of the final models on their evaluation rows.
    pub auc: Option<Spread>,
    /// Macro-F1 of the best epochs. Optimistic where chosen on the evaluation rows.
    pub best_macro_f1: Option<Spread>,
    /// Whether any best epoch was chosen on the evaluation rows.
    pub best_is_optimistic: bool,
}

/// Mean and spread over experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many experiments.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation (n − 1); 0 for one.
    pub sd: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of some values; `None` of none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(Self { count, mean, sd, min, max })
    }
}

impl RunSummary {
    /// Sums up complete experiments.
    pub fn of(experiments: Vec<ExperimentResult>, incomplete: Vec<u32>) -> Self {
        let final_spread = |metric: fn(&Evaluation) -> Option<f64>| {
            Spread::of(experiments.iter().filter_map(|result| metric(result.evaluation.as_ref()?)))
        };
        Self {
            macro_f1: final_spread(|evaluation| Some(evaluation.macro_average.f1)),
            accuracy: final_spread(|evaluation| Some(evaluation.accuracy)),
            auc: final_spread(|evaluation| evaluation.auc),
            best_macro_f1: Spread::of(
                experiments.iter().filter_map(|result| Some(result.best?.best.macro_f1)),
            ),
            best_is_optimistic: experiments
                .iter()
                .any(|result| result.best.is_some_and(|best| best.optimistic)),
            incomplete,
            experiments,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_of_known_values() {
        let spread = Spread::of([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("values");
        assert_eq!((spread.count, spread.mean, spread.min, spread.max), (8, 5.0, 2.0, 9.0));
        assert!((spread.sd - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of([3.0]).map(|spread| spread.sd), Some(0.0));
        assert_eq!(Spread::of([]), None);
    }
}
