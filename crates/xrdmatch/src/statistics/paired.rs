//! Two runs compared on the same splits.

use serde::{Deserialize, Serialize};

use super::{Bootstrap, Experiments, Interval, StatisticsError, Summary};
use crate::metrics::Metric;

/// By how much the first of two runs differs from the second, on the same splits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What was compared.
    pub metric: Metric,
    /// The differences "first − second" over experiments in which both are defined.
    pub differences: Summary,
    /// The mean difference with an interval by resampling compounds, the same for both.
    pub interval: Interval,
    /// The mean difference with Student's interval over splits, corrected for their overlap; wide,
    /// because it also answers for other training sets. `None` with a single experiment.
    pub over_splits: Option<Interval>,
    /// Experiments in which the first is better.
    pub wins: usize,
    /// Experiments in which both are equal.
    pub ties: usize,
    /// Experiments in which the second is better.
    pub losses: usize,
}

/// Compares two runs that judge the same compounds, experiment by experiment.
/// `evaluation_to_training` is the number of evaluation rows for each labelled training row of a
/// split, such as 73/20.
///
/// # Errors
/// [`StatisticsError::SplitsDiffer`] where the runs judge different compounds,
/// [`StatisticsError::Undefined`] where the metric is in every experiment, and errors of the
/// settings.
pub fn compare(
    first: &Experiments,
    second: &Experiments,
    metric: Metric,
    bootstrap: &Bootstrap,
    evaluation_to_training: f64,
) -> Result<Comparison, StatisticsError> {
    if first.len() != second.len() {
        let (found, needed) = (first.len().min(second.len()), first.len().max(second.len()));
        return Err(StatisticsError::TooFewExperiments { found, needed });
    }
    let second = first.align(second)?;
    let differences = |a: Vec<Option<f64>>, b: Vec<Option<f64>>| {
        let both = a.into_iter().zip(b).filter_map(|(a, b)| Some(a? - b?));
        both.collect::<Vec<f64>>()
    };
    let all = differences(first.values(metric), second.values(metric));
    let summary = Summary::of(&all).ok_or(StatisticsError::Undefined { metric })?;
    let interval = bootstrap
        .interval_of(&bootstrap.strata.groups(first.truth()), |compounds| {
            let a = first.resampled(metric, compounds);
            let b = second.resampled(metric, compounds);
            Summary::of(&differences(a, b)).map(|summary| summary.mean)
        })?
        .ok_or(StatisticsError::Undefined { metric })?;
    let sign = if metric.larger_is_better() { 1.0 } else { -1.0 };
    let count = |outcome: fn(f64) -> bool| all.iter().filter(|d| outcome(sign * **d)).count();
    Ok(Comparison {
        metric,
        differences: summary,
        interval,
        over_splits: summary.corrected_t(bootstrap.level, evaluation_to_training),
        wins: count(|difference| difference > 0.0),
        ties: count(|difference| difference == 0.0),
        losses: count(|difference| difference < 0.0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::{Predictions, Sample};

    fn experiments(scores: &[&[(&str, f64)]]) -> Experiments {
        let predictions = |rows: &&[(&str, f64)]| {
            let truth = |name: &str| u8::from(name.starts_with('n'));
            let samples = rows.iter().map(|(name, _)| Sample::new(*name, truth(name))).collect();
            let probabilities = rows.iter().flat_map(|(_, p)| [*p, 1.0 - p]).collect();
            Predictions::new(2, samples, probabilities).unwrap()
        };
        Experiments::of(&scores.iter().map(predictions).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let a = experiments(&[
            &[("p1", 0.9), ("n1", 0.3), ("n2", 0.2), ("p2", 0.1)],
            &[("n3", 0.6), ("p1", 0.5)],
        ]);
        let b = experiments(&[
            &[("n2", 0.9), ("p2", 0.5), ("p1", 0.4), ("n1", 0.1)],
            &[("p1", 0.8), ("n3", 0.5)],
        ]);
        let found = compare(&a, &b, Metric::Auc, &Bootstrap::default(), 3.65).unwrap();
        assert_eq!((found.wins, found.ties, found.losses), (0, 1, 1));
        assert_eq!(found.differences.mean, -0.5);
        assert_eq!(found.interval.estimate, -0.5);
        assert!(found.over_splits.unwrap().width() > found.differences.sd);
    }

    #[test]
    fn a_run_compared_with_itself_does_not_differ() {
        let a = experiments(&[&[("p1", 0.9), ("n1", 0.3), ("n2", 0.95)]]);
        let found = compare(&a, &a, Metric::Brier, &Bootstrap::default(), 1.0).unwrap();
        assert_eq!((found.interval.lower, found.interval.upper), (0.0, 0.0));
        assert_eq!((found.ties, found.over_splits), (1, None));
    }

    #[test]
    fn runs_on_different_splits_are_refused_by_name() {
        let a = experiments(&[&[("p1", 0.9), ("n1", 0.3)]]);
        let compare = |b| compare(&a, &experiments(b), Metric::Auc, &Bootstrap::default(), 1.0);
        let differs =
            |name: &str| StatisticsError::SplitsDiffer { experiment: 0, sample: name.into() };
        assert_eq!(compare(&[&[("p1", 0.9), ("n2", 0.3)]]), Err(differs("n2")));
        assert_eq!(compare(&[&[("p1", 0.9)]]), Err(differs("n1")));
        assert_eq!(
            compare(&[&[("p1", 0.9), ("n1", 0.3)], &[("p1", 0.9)]]),
            Err(StatisticsError::TooFewExperiments { found: 1, needed: 2 })
        );
    }
}
