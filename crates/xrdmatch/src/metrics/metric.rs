//! The metrics by name, so that statistics can be computed over any of them.

use serde::{Deserialize, Serialize};

use super::{Confusion, Outcomes, Reliability, average_precision, brier_score, log_loss, roc_auc};

/// A number that judges outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Share of correct predictions.
    Accuracy,
    /// Mean precision over classes.
    MacroPrecision,
    /// Mean recall over classes, also called balanced accuracy.
    MacroRecall,
    /// Mean F1 over classes: the headline number.
    MacroF1,
    /// Mean F1 over classes by their number of samples.
    WeightedF1,
    /// Area under the receiver operating characteristic of the positive class; with more than two
    /// classes the mean over classes, each against the rest.
    Auc,
    /// Average precision of the positive class; with more than two classes the mean over classes.
    AveragePrecision,
    /// [`brier_score`].
    Brier,
    /// [`log_loss`].
    LogLoss,
    /// Expected calibration error in [`Reliability::DEFAULT_BINS`] bins. On few rows it is too
    /// large even for perfect probabilities, as every bin has its share of chance.
    CalibrationError,
}

impl Metric {
    /// All metrics, in the order in which they are reported.
    pub const ALL: [Self; 10] = [
        Self::Accuracy,
        Self::MacroPrecision,
        Self::MacroRecall,
        Self::MacroF1,
        Self::WeightedF1,
        Self::Auc,
        Self::AveragePrecision,
        Self::Brier,
        Self::LogLoss,
        Self::CalibrationError,
    ];

    /// The name as it stands in JSON and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::MacroPrecision => "macro_precision",
            Self::MacroRecall => "macro_recall",
            Self::MacroF1 => "macro_f1",
            Self::WeightedF1 => "weighted_f1",
            Self::Auc => "auc",
            Self::AveragePrecision => "average_precision",
            Self::Brier => "brier",
            Self::LogLoss => "log_loss",
            Self::CalibrationError => "calibration_error",
        }
    }

    /// Whether a larger value is a better one.
    #[must_use]
    pub fn larger_is_better(self) -> bool {
        !matches!(self, Self::Brier | Self::LogLoss | Self::CalibrationError)
    }

    /// The value on given outcomes; `None` where it is undefined, which is never so for a metric
    /// other than [`Auc`](Self::Auc) and [`AveragePrecision`](Self::AveragePrecision).
    #[must_use]
    pub fn measure(self, outcomes: &Outcomes) -> Option<f64> {
        let confusion =
            || Confusion::of(outcomes.classes(), outcomes.truth(), &outcomes.predicted());
        Some(match self {
            Self::Accuracy => confusion().accuracy(),
            Self::MacroPrecision => confusion().macro_average().precision,
            Self::MacroRecall => confusion().macro_average().recall,
            Self::MacroF1 => confusion().macro_average().f1,
            Self::WeightedF1 => confusion().weighted_average().f1,
            Self::Auc => return one_vs_rest(outcomes, roc_auc),
            Self::AveragePrecision => return one_vs_rest(outcomes, average_precision),
            Self::Brier => brier_score(outcomes),
            Self::LogLoss => log_loss(outcomes),
            Self::CalibrationError => {
                Reliability::of(outcomes, Reliability::DEFAULT_BINS).expected_error()
            }
        })
    }
}

/// Mean of a ranking's quality over the classes, each against the rest (of two classes, the
/// positive one alone); undefined as soon as it is for one class.
fn one_vs_rest(outcomes: &Outcomes, quality: fn(&[f64], &[bool]) -> Option<f64>) -> Option<f64> {
    let values: Option<Vec<f64>> = outcomes
        .one_vs_rest()
        .map(|class| quality(&outcomes.scores(class), &outcomes.is_truth(class)))
        .collect();
    values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_called_the_same_everywhere() {
        for metric in Metric::ALL {
            let json = serde_json::to_string(&metric).unwrap();
            assert_eq!(json, format!("\"{}\"", metric.name()));
        }
    }
}
