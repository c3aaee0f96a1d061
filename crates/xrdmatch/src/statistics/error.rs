//! Why an interval or a comparison cannot be had.

use crate::metrics::{Metric, MetricsError};

/// An interval or comparison that cannot be had.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// The level is not a share of possibilities.
    #[error("give an interval of level {level}; it must lie between 0 and 1")]
    Level {
        /// The level asked for.
        level: f64,
    },
    /// Too few replicates to read the quantiles of the level from.
    #[error("read an interval of level {level} from {replicates} replicates; it takes {needed}")]
    TooFewReplicates {
        /// The level asked for.
        level: f64,
        /// The replicates asked for.
        replicates: usize,
        /// The least number with a replicate beyond either end.
        needed: usize,
    },
    /// The metric has no value on these predictions, or on too many of their resamples.
    #[error("measure {} of these predictions: it is undefined where a class is missing", metric.name())]
    Undefined {
        /// The metric.
        metric: Metric,
    },
    /// Fewer experiments than the statistic takes.
    #[error("compare or average {found} experiments; it takes {needed}")]
    TooFewExperiments {
        /// The number given.
        found: usize,
        /// The number needed.
        needed: usize,
    },
    /// An experiment cannot be judged.
    #[error("judge experiment {experiment}")]
    Experiment {
        /// Its position, from 0.
        experiment: usize,
        /// Why not.
        source: MetricsError,
    },
    /// Two experiments do not agree on the true class of a sample.
    #[error(
        "accept class {second} as the truth of `{sample}` in experiment {experiment}: an earlier one has class {first}"
    )]
    TruthDiffers {
        /// The sample's name.
        sample: String,
        /// The later experiment, from 0.
        experiment: usize,
        /// The class in the earlier experiment.
        first: u8,
        /// The class in the later one.
        second: u8,
    },
    /// Experiments distinguish different numbers of classes.
    #[error("combine experiment {experiment} of {second} classes with one of {first}")]
    ClassesDiffer {
        /// The later experiment, from 0.
        experiment: usize,
        /// Classes of the first experiment.
        first: usize,
        /// Classes of the later one.
        second: usize,
    },
    /// The two sides of a comparison do not judge the same samples.
    #[error("compare experiment {experiment}: `{sample}` is evaluated on one side only")]
    SplitsDiffer {
        /// The experiment, from 0.
        experiment: usize,
        /// A sample that only one side has.
        sample: String,
    },
    /// A class has fewer rows than there are folds, or there are no two folds.
    #[error(
        "deal {found} rows of class {class} into {folds} folds; it takes two folds and a row for each"
    )]
    TooFewForFolds {
        /// The class.
        class: u8,
        /// Its number of rows.
        found: usize,
        /// The folds asked for.
        folds: usize,
    },
}
