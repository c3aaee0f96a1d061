//! Why a calibration cannot be fitted or applied.

use crate::metrics::MetricsError;
use crate::predictions::PredictionsError;
use crate::statistics::StatisticsError;

/// A calibration that cannot be fitted or applied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CalibrateError {
    /// The rows to fit on cannot be judged.
    #[error("fit a calibration")]
    Outcomes(#[from] MetricsError),
    /// The rows to fit on are all positive, or all not.
    #[error("fit a calibration on rows of one class only")]
    OneClass,
    /// The method is for two classes.
    #[error(
        "calibrate {classes} classes by a method for two; temperature scaling takes any number"
    )]
    NotBinary {
        /// The number of classes.
        classes: usize,
    },
    /// The rows cannot be dealt into folds.
    #[error("calibrate by cross-fitting")]
    Folds(#[from] StatisticsError),
    /// The calibrated values are no probabilities; only a map that was not fitted here gives such.
    #[error("apply the calibration")]
    Applied(#[from] PredictionsError),
    /// The knots of a stored isotonic map form no non-decreasing function into 0 to 1.
    #[error(
        "read an isotonic map from {scores} scores and {values} values: they form no ascending function into 0 to 1"
    )]
    Knots {
        /// Number of scores.
        scores: usize,
        /// Number of values.
        values: usize,
    },
}
