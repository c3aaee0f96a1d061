//! The calibrations, one type for all.

use serde::{Deserialize, Serialize};

use super::{CalibrateError, Isotonic, Sigmoid, Temperature};
use crate::metrics::Outcomes;
use crate::predictions::{POSITIVE_CLASS, Predictions};

/// The smallest probability whose logarithm is taken: forgives certainty, which single precision
/// rounds to, and bounds log-odds by ±27.6.
const SMALLEST: f64 = 1e-12;

/// How to calibrate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// One number divides the logits; never changes the order of scores, and hardly over-fits.
    Temperature,
    /// A logistic function of the log-odds (two numbers), by Platt with his smoothed targets.
    Platt,
    /// The monotone step function of least squares; for many rows only. It gives probabilities of
    /// exactly 0 and 1.
    Isotonic,
}

/// A fitted calibration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum Calibration {
    /// By [`CalibrationMethod::Temperature`].
    Temperature(Temperature),
    /// By [`CalibrationMethod::Platt`].
    Platt(Sigmoid),
    /// By [`CalibrationMethod::Isotonic`].
    Isotonic(Isotonic),
}

impl CalibrationMethod {
    /// Fits a calibration to outcomes.
    ///
    /// # Errors
    /// [`CalibrateError::OneClass`], and [`CalibrateError::NotBinary`] where the method is for two
    /// classes and there are more.
    pub fn fit(self, outcomes: &Outcomes) -> Result<Calibration, CalibrateError> {
        if outcomes.truth().iter().all(|class| *class == outcomes.truth()[0]) {
            return Err(CalibrateError::OneClass);
        }
        if self == Self::Temperature {
            let logits = outcomes.rows().flatten().map(|p| log(*p)).collect::<Vec<_>>();
            let fitted = Temperature::fit(&logits, outcomes.classes(), outcomes.truth());
            return Ok(Calibration::Temperature(fitted));
        }
        let classes = outcomes.classes();
        if classes != 2 {
            return Err(CalibrateError::NotBinary { classes });
        }
        let positive = outcomes.is_truth(POSITIVE_CLASS);
        Ok(match self {
            Self::Platt => {
                let odds: Vec<f64> = outcomes.rows().map(log_odds).collect();
                Calibration::Platt(Sigmoid::fit(&odds, &positive))
            }
            _ => {
                let scores = outcomes.scores(POSITIVE_CLASS);
                Calibration::Isotonic(Isotonic::fit(&scores, &positive))
            }
        })
    }
}

impl Calibration {
    /// The predictions with calibrated probabilities; logits stay as they are.
    ///
    /// # Errors
    /// [`CalibrateError::NotBinary`] where the calibration is for two classes and there are more.
    pub fn apply(&self, predictions: &Predictions) -> Result<Predictions, CalibrateError> {
        let classes = predictions.classes();
        if classes != 2 && !matches!(self, Self::Temperature(_)) {
            return Err(CalibrateError::NotBinary { classes });
        }
        let mut probabilities = predictions.probabilities().to_vec();
        for row in probabilities.chunks_exact_mut(classes) {
            self.apply_row(row);
        }
        Ok(predictions.clone().with_probabilities(probabilities)?)
    }

    /// Calibrates one row of as many classes as the calibration is for.
    pub(crate) fn apply_row(&self, row: &mut [f64]) {
        let positive = match self {
            Self::Temperature(temperature) => {
                row.iter_mut().for_each(|p| *p = log(*p));
                return temperature.apply(row);
            }
            Self::Platt(sigmoid) => sigmoid.apply(log_odds(row)),
            Self::Isotonic(isotonic) => isotonic.apply(row[0]),
        };
        row[0] = positive;
        row[1] = 1.0 - positive;
    }
}

fn log(p: f64) -> f64 {
    p.max(SMALLEST).ln()
}

/// Log-odds of the first of two classes.
fn log_odds(row: &[f64]) -> f64 {
    log(row[0]) - log(row[1])
}
