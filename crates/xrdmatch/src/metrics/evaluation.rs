//! All metrics of one set of predictions.

use serde::{Deserialize, Serialize};

use super::{Confusion, Metric, MetricsError, Outcomes, Reliability, Scores};
use crate::predictions::Predictions;

/// The judgement on one set of predictions, as it is written to JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Number of samples judged.
    pub samples: usize,
    /// Number of samples of each true class.
    pub support: Vec<u64>,
    /// Counts by true and predicted class.
    pub confusion: Confusion,
    /// The same, each row divided by its sum.
    pub confusion_row_normalised: Vec<Vec<f64>>,
    /// Share of correct predictions.
    pub accuracy: f64,
    /// Scores of each class.
    pub per_class: Vec<Scores>,
    /// Their mean over classes.
    pub macro_average: Scores,
    /// Their mean over classes by number of samples.
    pub weighted_average: Scores,
    /// [`Metric::Auc`]; `None` (in JSON `null`) where undefined: one class only.
    pub auc: Option<f64>,
    /// [`Metric::AveragePrecision`]; `None` where undefined: no sample of the positive class.
    pub average_precision: Option<f64>,
    /// [`Metric::Brier`].
    pub brier: f64,
    /// [`Metric::LogLoss`].
    pub log_loss: f64,
    /// Expected calibration error over the bins of `reliability`.
    pub calibration_error: f64,
    /// Confidence against frequency, in ten bins.
    pub reliability: Reliability,
}

impl Evaluation {
    /// Judges predictions whose truth is known for every row.
    ///
    /// # Errors
    /// [`MetricsError`] where there is no row, or a row without truth.
    pub fn of(predictions: &Predictions) -> Result<Self, MetricsError> {
        Outcomes::of(predictions).map(|outcomes| Self::of_outcomes(&outcomes))
    }

    /// Judges outcomes.
    #[must_use]
    pub fn of_outcomes(outcomes: &Outcomes) -> Self {
        let confusion = Confusion::of(outcomes.classes(), outcomes.truth(), &outcomes.predicted());
        let reliability = Reliability::of(outcomes, Reliability::DEFAULT_BINS);
        Self {
            samples: outcomes.len(),
            support: confusion.support(),
            confusion_row_normalised: confusion.row_normalised(),
            accuracy: confusion.accuracy(),
            per_class: confusion.per_class(),
            macro_average: confusion.macro_average(),
            weighted_average: confusion.weighted_average(),
            auc: Metric::Auc.measure(outcomes),
            average_precision: Metric::AveragePrecision.measure(outcomes),
            brier: super::brier_score(outcomes),
            log_loss: super::log_loss(outcomes),
            calibration_error: reliability.expected_error(),
            confusion,
            reliability,
        }
    }

    /// One of the numbers by its name; `None` where it is undefined.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Accuracy => Some(self.accuracy),
            Metric::MacroPrecision => Some(self.macro_average.precision),
            Metric::MacroRecall => Some(self.macro_average.recall),
            Metric::MacroF1 => Some(self.macro_average.f1),
            Metric::WeightedF1 => Some(self.weighted_average.f1),
            Metric::Auc => self.auc,
            Metric::AveragePrecision => self.average_precision,
            Metric::Brier => Some(self.brier),
            Metric::LogLoss => Some(self.log_loss),
            Metric::CalibrationError => Some(self.calibration_error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Sample;

    #[test]
    fn one_class_only_leaves_the_auc_undefined_and_nothing_nan() {
        for truth in [0, 1] {
            let samples = vec![Sample::new("a", truth), Sample::new("b", truth)];
            let predictions = Predictions::new(2, samples, vec![0.2, 0.8, 1.0, 0.0]).unwrap();
            let evaluation = Evaluation::of(&predictions).unwrap();
            assert_eq!(evaluation.auc, None);
            assert_eq!(evaluation.average_precision, (truth == 0).then_some(1.0));
            let json = serde_json::to_string(&evaluation).unwrap();
            assert!(json.contains(r#""auc":null"#), "{json}");
            assert_eq!(serde_json::from_str::<Evaluation>(&json).unwrap(), evaluation);
            let outcomes = Outcomes::of(&predictions).unwrap();
            for metric in Metric::ALL {
                assert_eq!(evaluation.get(metric), metric.measure(&outcomes), "{metric:?}");
                assert!(evaluation.get(metric).is_none_or(f64::is_finite), "{metric:?}");
            }
        }
    }

    #[test]
    fn predictions_without_truth_or_rows_cannot_be_judged() {
        let samples = vec![Sample::new("a", 0), Sample::new("b", None)];
        let predictions = Predictions::new(2, samples, vec![0.5; 4]).unwrap();
        let expected = MetricsError::MissingTruth { row: 1, sample: "b".into() };
        assert_eq!(Evaluation::of(&predictions), Err(expected));
        let empty = Predictions::new(2, Vec::new(), Vec::new()).unwrap();
        assert_eq!(Evaluation::of(&empty), Err(MetricsError::Empty));
    }

    #[test]
    fn class_0_is_the_positive_one() {
        let samples = vec![Sample::new("ionic", 0), Sample::new("other", 1)];
        let predictions = Predictions::new(2, samples, vec![0.9, 0.1, 0.1, 0.9]).unwrap();
        assert_eq!(Evaluation::of(&predictions).unwrap().auc, Some(1.0));
    }
}
