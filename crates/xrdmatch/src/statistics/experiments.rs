//! Several experiments on splits of the same compounds, judged together.

use std::collections::HashMap;

use super::{Bootstrap, Interval, StatisticsError, Summary};
use crate::metrics::{Metric, Outcomes, Reliability};
use crate::predictions::{Predictions, Sample};

/// The evaluation rows of several experiments, aligned by compound.
#[derive(Debug, Clone)]
pub struct Experiments {
    /// All compounds that occur, in order of first occurrence; their truth is known.
    compounds: Vec<Sample>,
    truth: Vec<u8>,
    experiments: Vec<Experiment>,
}

#[derive(Debug, Clone)]
struct Experiment {
    outcomes: Outcomes,
    /// The compound of each row.
    compounds: Vec<usize>,
    /// The row of each compound, where it has one.
    row_of: Vec<Option<usize>>,
}

impl Experiments {
    /// Aligns the predictions of experiments, each on its own evaluation rows.
    ///
    /// # Errors
    /// [`StatisticsError`]: no experiment, one without rows or truth, or experiments that
    /// contradict each other.
    pub fn of(predictions: &[Predictions]) -> Result<Self, StatisticsError> {
        let Some(first) = predictions.first() else {
            return Err(StatisticsError::TooFewExperiments { found: 0, needed: 1 });
        };
        let first = first.classes();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut compounds: Vec<Sample> = Vec::new();
        let mut truth: Vec<u8> = Vec::new();
        let mut experiments = Vec::new();
        for (experiment, predictions) in predictions.iter().enumerate() {
            let second = predictions.classes();
            if second != first {
                return Err(StatisticsError::ClassesDiffer { experiment, first, second });
            }
            let outcomes = Outcomes::of(predictions)
                .map_err(|source| StatisticsError::Experiment { experiment, source })?;
            let mut rows = Vec::with_capacity(predictions.len());
            for (sample, class) in predictions.samples().iter().zip(outcomes.truth()) {
                let number = *numbers.entry(&sample.name).or_insert_with(|| {
                    compounds.push(sample.clone());
                    truth.push(*class);
                    truth.len() - 1
                });
                if truth[number] != *class {
                    let (first, second) = (truth[number], *class);
                    let sample = sample.name.clone();
                    return Err(StatisticsError::TruthDiffers {
                        sample,
                        experiment,
                        first,
                        second,
                    });
                }
                rows.push(number);
            }
            experiments.push(Experiment { outcomes, compounds: rows, row_of: Vec::new() });
        }
        for experiment in &mut experiments {
            experiment.row_of = vec![None; compounds.len()];
            for (row, compound) in experiment.compounds.iter().enumerate() {
                experiment.row_of[*compound] = Some(row);
            }
        }
        Ok(Self { compounds, truth, experiments })
    }

    /// Number of experiments, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always an experiment")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.experiments.len()
    }

    /// The compounds that occur in any experiment.
    #[must_use]
    pub fn compounds(&self) -> &[Sample] {
        &self.compounds
    }

    /// The metric of each experiment; `None` where it is undefined.
    #[must_use]
    pub fn values(&self, metric: Metric) -> Vec<Option<f64>> {
        self.experiments.iter().map(|experiment| metric.measure(&experiment.outcomes)).collect()
    }

    /// The metric over the experiments in which it is defined; `None` where there is none.
    #[must_use]
    pub fn summary(&self, metric: Metric) -> Option<Summary> {
        Summary::of(&self.values(metric).into_iter().flatten().collect::<Vec<_>>())
    }

    /// The mean of the metric over experiments, with an interval by resampling compounds: every
    /// experiment sees the same resample, as far as it evaluates it. It answers "had we other
    /// compounds of the same kind"; the models stay those that were trained.
    ///
    /// # Errors
    /// [`StatisticsError::Undefined`] where the metric is, and errors of the settings.
    pub fn interval(
        &self,
        metric: Metric,
        bootstrap: &Bootstrap,
    ) -> Result<Interval, StatisticsError> {
        let groups = bootstrap.strata.groups(&self.truth);
        if bootstrap.inverts(metric) {
            return bootstrap.norm_interval(metric, &groups, |compounds| self.gaps(compounds));
        }
        bootstrap.metric_interval(metric, &groups, |compounds| {
            let values = self.resampled(metric, compounds);
            Summary::of(&values.into_iter().flatten().collect::<Vec<_>>()).map(|all| all.mean)
        })
    }

    /// The signed parts of the mean calibration error over experiments, on a resample of compounds.
    fn gaps(&self, compounds: &[usize]) -> Option<Vec<f64>> {
        let bins = Reliability::DEFAULT_BINS;
        let each =
            self.each_resampled(compounds, |outcomes| Reliability::of(outcomes, bins).gaps());
        let defined = each.iter().flatten().count();
        let part = |gap: f64| gap / defined as f64;
        let none = || vec![0.0; bins];
        let parts = each.into_iter().flat_map(|gaps| gaps.unwrap_or_else(none)).map(part);
        (defined > 0).then(|| parts.collect())
    }

    /// The metric of each experiment on the rows of a resample of compounds.
    pub(super) fn resampled(&self, metric: Metric, compounds: &[usize]) -> Vec<Option<f64>> {
        let found = self.each_resampled(compounds, |outcomes| metric.measure(outcomes));
        found.into_iter().map(Option::flatten).collect()
    }

    /// Of each experiment, what is found on the rows of a resample of compounds; `None` where it
    /// judged none of them.
    fn each_resampled<T>(
        &self,
        compounds: &[usize],
        find: impl Fn(&Outcomes) -> T,
    ) -> Vec<Option<T>> {
        let of = |experiment: &Experiment| {
            let rows: Vec<usize> =
                compounds.iter().filter_map(|compound| experiment.row_of[*compound]).collect();
            if rows.is_empty() {
                return None;
            }
            let mut outcomes = experiment.outcomes.clone();
            outcomes.resample(&experiment.outcomes, &rows);
            Some(find(&outcomes))
        };
        self.experiments.iter().map(of).collect()
    }

    /// True class of each compound.
    pub(super) fn truth(&self) -> &[u8] {
        &self.truth
    }

    /// The other experiments with their compounds numbered as here.
    ///
    /// # Errors
    /// Where the two do not judge the same compounds, experiment by experiment.
    pub(super) fn align(&self, other: &Self) -> Result<Self, StatisticsError> {
        let numbers: HashMap<&str, usize> = (0..)
            .zip(&self.compounds)
            .map(|(number, sample)| (sample.name.as_str(), number))
            .collect();
        let mut aligned = other.clone();
        for (experiment, (here, there)) in
            self.experiments.iter().zip(&mut aligned.experiments).enumerate()
        {
            let differs = |sample: &Sample| {
                let sample = sample.name.clone();
                StatisticsError::SplitsDiffer { experiment, sample }
            };
            let mut row_of = vec![None; self.compounds.len()];
            for (row, compound) in there.compounds.iter_mut().enumerate() {
                let sample = &other.compounds[*compound];
                let number = *numbers.get(sample.name.as_str()).ok_or_else(|| differs(sample))?;
                if here.row_of[number].is_none() {
                    return Err(differs(sample));
                }
                let (first, second) = (self.truth[number], other.truth[*compound]);
                if first != second {
                    let sample = sample.name.clone();
                    return Err(StatisticsError::TruthDiffers {
                        sample,
                        experiment,
                        first,
                        second,
                    });
                }
                *compound = number;
                row_of[number] = Some(row);
            }
            if let Some(missing) = here.compounds.iter().find(|number| row_of[**number].is_none()) {
                return Err(differs(&self.compounds[*missing]));
            }
            there.row_of = row_of;
        }
        aligned.compounds.clone_from(&self.compounds);
        aligned.truth.clone_from(&self.truth);
        Ok(aligned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::MetricsError;

    fn predictions(rows: &[(&str, u8, f64)]) -> Predictions {
        let samples = rows.iter().map(|(name, truth, _)| Sample::new(*name, *truth)).collect();
        let probabilities = rows.iter().flat_map(|(.., p)| [*p, 1.0 - p]).collect();
        Predictions::new(2, samples, probabilities).unwrap()
    }

    #[test]
    fn experiments_are_summarised_over_their_own_rows() {
        let experiments = Experiments::of(&[
            predictions(&[("a", 0, 0.9), ("b", 1, 0.2)]),
            predictions(&[("b", 1, 0.7), ("c", 0, 0.6)]),
            predictions(&[("b", 1, 0.7)]),
        ])
        .unwrap();
        assert_eq!(experiments.values(Metric::Auc), [Some(1.0), Some(0.0), None]);
        assert_eq!(experiments.summary(Metric::Auc).unwrap().mean, 0.5);
        assert_eq!(experiments.compounds().len(), 3);
        let accuracy = experiments.interval(Metric::Accuracy, &Bootstrap::default()).unwrap();
        assert_eq!(accuracy.estimate, 0.5);
    }

    #[test]
    fn experiments_that_contradict_each_other_are_refused() {
        let one = predictions(&[("a", 0, 0.9)]);
        assert!(matches!(
            Experiments::of(&[one.clone(), predictions(&[("a", 1, 0.9)])]),
            Err(StatisticsError::TruthDiffers { experiment: 1, first: 0, second: 1, .. })
        ));
        assert!(matches!(
            Experiments::of(&[]),
            Err(StatisticsError::TooFewExperiments { found: 0, needed: 1 })
        ));
        let blind = Predictions::new(2, vec![Sample::new("a", None)], vec![0.5, 0.5]).unwrap();
        assert!(matches!(
            Experiments::of(&[one.clone(), blind]),
            Err(StatisticsError::Experiment {
                experiment: 1,
                source: MetricsError::MissingTruth { .. }
            })
        ));
        let three = Predictions::new(3, vec![Sample::new("a", 0)], vec![0.5, 0.5, 0.0]).unwrap();
        assert!(matches!(
            Experiments::of(&[one, three]),
            Err(StatisticsError::ClassesDiffer { experiment: 1, first: 2, second: 3 })
        ));
    }
}
