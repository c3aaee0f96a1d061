//! Models fitted and judged, split by split.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Entrant, Features};
use crate::baseline::{Baseline, BaselineError};
use crate::dataset::Dataset;
use crate::fingerprint::{FingerprintError, Fingerprints, SparsePattern};
use crate::metrics::{Metric, Outcomes};
use crate::predictions::{Predictions, Sample};
use crate::split::Split;
use crate::statistics::{Bootstrap, Experiments, Interval, StatisticsError, Summary};

/// One split to be judged on.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its number.
    pub experiment: u32,
    /// Labelled rows teach, evaluation rows judge.
    pub split: Split,
    /// Splits of the labelled rows to choose settings by: validation rows judge. May be empty; then
    /// the first choice of every entrant is taken.
    pub inner: Vec<Split>,
}

/// How to measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct YardstickSettings {
    /// Trees of a forest.
    pub trees: usize,
    /// Seed of the forests.
    pub seed: u64,
    /// The intervals.
    pub bootstrap: Bootstrap,
}

impl Default for YardstickSettings {
    fn default() -> Self {
        Self { trees: 500, seed: 0, bootstrap: Bootstrap::default() }
    }
}

/// A metric over experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Which.
    pub metric: Metric,
    /// Its values over the experiments in which it is defined.
    pub over_experiments: Summary,
    /// Its mean, with an interval by resampling compounds; `None` where too many resamples lack a
    /// class.
    pub interval: Option<Interval>,
}

impl Score {
    /// The metrics of a report: macro-F1, AUC, average precision, Brier score and expected
    /// calibration error.
    pub const METRICS: [Metric; 5] = [
        Metric::MacroF1,
        Metric::Auc,
        Metric::AveragePrecision,
        Metric::Brier,
        Metric::CalibrationError,
    ];

    /// A metric of some experiments; `None` where it is undefined in all of them.
    ///
    /// # Errors
    /// Settings of the bootstrap that give no interval.
    pub fn of(
        experiments: &Experiments,
        metric: Metric,
        bootstrap: &Bootstrap,
    ) -> Result<Option<Self>, StatisticsError> {
        let Some(over_experiments) = experiments.summary(metric) else { return Ok(None) };
        let interval = match experiments.interval(metric, bootstrap) {
            Ok(interval) => Some(interval),
            Err(StatisticsError::Undefined { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(Self { metric, over_experiments, interval }))
    }
}

/// What one model reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The model.
    pub model: String,
    /// How it saw the patterns.
    pub features: Features,
    /// The metrics that are defined.
    pub scores: Vec<Score>,
}

impl Standing {
    /// One of the metrics.
    #[must_use]
    pub fn score(&self, metric: Metric) -> Option<&Score> {
        self.scores.iter().find(|score| score.metric == metric)
    }
}

/// What all models reached on the same splits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Yardstick {
    /// Number of splits.
    pub experiments: usize,
    /// Mean number of rows that teach.
    pub labeled: f64,
    /// Mean number of rows that judge.
    pub evaluation: f64,
    /// Trees of a forest.
    pub trees: usize,
    /// Whether each model's settings were chosen by inner splits.
    pub nested: bool,
    /// One for each model and feature set.
    pub standings: Vec<Standing>,
}

impl Yardstick {
    /// The standing with the largest mean of a metric in which larger is better.
    #[must_use]
    pub fn best(&self, metric: Metric) -> Option<&Standing> {
        let mean = |standing: &&Standing| {
            standing.score(metric).map_or(f64::NEG_INFINITY, |score| score.over_experiments.mean)
        };
        self.standings.iter().max_by(|a, b| mean(a).total_cmp(&mean(b)))
    }
}

/// Models that cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum YardstickError {
    /// There is no split.
    #[error("measure models on no split")]
    NoCases,
    /// More than two classes.
    #[error("measure models on {classes} classes; the classical models here know two")]
    Classes {
        /// The number of classes.
        classes: usize,
    },
    /// A split has nothing to judge on.
    #[error("experiment {experiment} has no evaluation rows")]
    NoEvaluation {
        /// Its number.
        experiment: u32,
    },
    /// Patterns that give no features.
    #[error("see the patterns of {data} as {features}", features = .features.name())]
    Features {
        /// The file.
        data: String,
        /// How.
        features: Features,
        /// Why not.
        source: FingerprintError,
    },
    /// A model cannot be fitted.
    #[error("experiment {experiment}: fit {model}")]
    Model {
        /// The split's number.
        experiment: u32,
        /// The model.
        model: String,
        /// Why not.
        source: BaselineError,
    },
    /// The metrics cannot be summed up.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
    /// A stored result cannot be read or written.
    #[error("{action} {path}: {reason}")]
    Stored {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// Why it failed.
        reason: String,
    },
    /// The run cannot be read.
    #[error(transparent)]
    Run(#[from] crate::run::RunError),
}

/// Measures models on splits of a data set of two classes; `tell` hears, on whatever thread, how
/// many splits are done.
///
/// # Errors
/// [`YardstickError`].
pub fn measure(
    data: &Dataset,
    cases: &[Case],
    entrants: &[Entrant],
    settings: &YardstickSettings,
    tell: &(dyn Fn(usize) + Sync),
) -> Result<Yardstick, YardstickError> {
    if cases.is_empty() {
        return Err(YardstickError::NoCases);
    }
    let views = [see(data, Features::Blurred)?, see(data, Features::Sticks)?];
    let view = |features| match features {
        Features::Blurred => &views[0],
        Features::Sticks => &views[1],
    };
    let done = AtomicUsize::new(0);
    let judged: Vec<Vec<Predictions>> = cases
        .par_iter()
        .map(|case| {
            if case.split.evaluation().is_empty() {
                return Err(YardstickError::NoEvaluation { experiment: case.experiment });
            }
            let judge = |entrant: &Entrant| {
                judge(data, view(entrant.features), case, entrant).map_err(|source| {
                    let (experiment, model) = (case.experiment, entrant.name.clone());
                    YardstickError::Model { experiment, model, source }
                })
            };
            let judged = entrants.iter().map(judge).collect();
            tell(done.fetch_add(1, Ordering::Relaxed) + 1);
            judged
        })
        .collect::<Result<_, _>>()?;
    let standing = |(number, entrant): (usize, &Entrant)| {
        let own: Vec<Predictions> = judged.iter().map(|case| case[number].clone()).collect();
        let experiments = Experiments::of(&own)?;
        let scores = Score::METRICS.map(|m| Score::of(&experiments, m, &settings.bootstrap));
        let scores = scores.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Standing { model: entrant.name.clone(), features: entrant.features, scores })
    };
    let standings: Result<_, YardstickError> = entrants.iter().enumerate().map(standing).collect();
    let mean = |rows: fn(&Split) -> Vec<usize>| {
        cases.iter().map(|case| rows(&case.split).len()).sum::<usize>() as f64 / cases.len() as f64
    };
    Ok(Yardstick {
        experiments: cases.len(),
        labeled: mean(Split::labeled),
        evaluation: mean(Split::evaluation),
        trees: settings.trees,
        nested: cases.iter().any(|case| !case.inner.is_empty()),
        standings: standings?,
    })
}

/// All patterns but for their last point.
fn see(data: &Dataset, features: Features) -> Result<Fingerprints, YardstickError> {
    let points = data.grid().points() - 1;
    let pattern = |row| {
        let (indices, values) = data.pattern(row);
        let end = indices.partition_point(|index| usize::from(*index) < points);
        SparsePattern { indices: &indices[..end], values: &values[..end] }
    };
    Fingerprints::of((0..data.len()).map(pattern), points, &features.blur()).map_err(|source| {
        YardstickError::Features { data: data.source_name().to_owned(), features, source }
    })
}

fn judge(
    data: &Dataset,
    rows: &Fingerprints,
    case: &Case,
    entrant: &Entrant,
) -> Result<Predictions, BaselineError> {
    let answer = |model: &Baseline, split: &Split, judged: &[usize]| {
        let labeled = split.labeled();
        let labels: Vec<u8> =
            labeled.iter().map(|row| data.sample(*row).label.unwrap_or(u8::MAX)).collect();
        let sample =
            |row: &usize| Sample::new(data.sample(*row).name.clone(), data.sample(*row).label);
        let model = of_experiment(*model, case.experiment);
        let fitted = model.fit(&rows.pick(&labeled), &labels)?;
        fitted.predict(&rows.pick(judged), judged.iter().map(sample).collect())
    };
    let mut best = (f64::NEG_INFINITY, &entrant.choices[0]);
    if entrant.choices.len() > 1 && !case.inner.is_empty() {
        for choice in &entrant.choices {
            let mut values = Vec::new();
            for split in &case.inner {
                let answer = answer(choice, split, &split.validation())?;
                values.extend(Outcomes::of(&answer).ok().and_then(|o| Metric::Auc.measure(&o)));
            }
            let mean = Summary::of(&values).map_or(f64::NEG_INFINITY, |summary| summary.mean);
            if mean > best.0 {
                best = (mean, choice);
            }
        }
    }
    answer(best.1, &case.split, &case.split.evaluation())
}

/// Experiments draw their own forests.
fn of_experiment(model: Baseline, experiment: u32) -> Baseline {
    match model {
        Baseline::Forest(mut settings) => {
            settings.seed = settings.seed.wrapping_add(u64::from(experiment));
            Baseline::Forest(settings)
        }
        other => other,
    }
}
