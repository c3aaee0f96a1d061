//! The out-of-bag mean, calibrated by cross-fitting.

use serde::{Deserialize, Serialize};

use super::{ProtocolError, ProtocolSettings};
use crate::calibrate::{CalibrationMethod, cross_fit};
use crate::metrics::{Metric, Outcomes};
use crate::predictions::Predictions;

/// What a calibration does to the out-of-bag mean; each row is calibrated by other rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibrated {
    /// `none`, or the method.
    pub method: Option<CalibrationMethod>,
    /// Brier score.
    pub brier: f64,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Log loss.
    pub log_loss: f64,
    /// Macro-F1: a calibration moves what is called positive.
    pub macro_f1: f64,
    /// Rows called positive.
    pub called_positive: usize,
}

/// Uncalibrated, then by each method; and why there are none of the latter, where that is so.
pub(super) fn calibrated(
    out_of_bag: &Predictions,
    settings: &ProtocolSettings,
) -> Result<(Vec<Calibrated>, Option<String>), ProtocolError> {
    let mut all = vec![of(None, out_of_bag)?];
    let methods: &[CalibrationMethod] = if out_of_bag.classes() == 2 {
        &[CalibrationMethod::Temperature, CalibrationMethod::Platt, CalibrationMethod::Isotonic]
    } else {
        &[CalibrationMethod::Temperature]
    };
    for method in methods {
        match cross_fit(out_of_bag, *method, settings.folds(), settings.seed) {
            Ok(fitted) => all.push(of(Some(*method), &fitted)?),
            Err(error) if settings.folds.is_none() => {
                return Ok((all, Some(super::report::in_words(&error))));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((all, None))
}

fn of(
    method: Option<CalibrationMethod>,
    predictions: &Predictions,
) -> Result<Calibrated, ProtocolError> {
    let outcomes = Outcomes::of(predictions)?;
    let value = |metric: Metric| metric.measure(&outcomes).unwrap_or(f64::INFINITY);
    Ok(Calibrated {
        method,
        brier: value(Metric::Brier),
        calibration_error: value(Metric::CalibrationError),
        log_loss: value(Metric::LogLoss),
        macro_f1: value(Metric::MacroF1),
        called_positive: outcomes.predicted().iter().filter(|class| **class == 0).count(),
    })
}
