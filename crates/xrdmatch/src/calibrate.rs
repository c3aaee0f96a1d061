//! Probabilities made to mean what they say.
//!
//! A calibration is a map of probabilities, fitted on rows whose truth is known and applied to
//! others. Where only one set of rows is at hand, [`cross_fit`] fits it on some folds and applies it
//! to the rest, so that no row is calibrated by itself.

mod cross_fit;
mod error;
mod isotonic;
mod map;
mod sigmoid;
mod temperature;

pub use cross_fit::cross_fit;
pub use error::CalibrateError;
pub use isotonic::Isotonic;
pub use map::{Calibration, CalibrationMethod};
pub use sigmoid::Sigmoid;
pub(crate) use sigmoid::{fit_slope, logistic};
pub use temperature::Temperature;
