//! What a classifier said about named samples, and where known, what is true.
//!
//! [`Predictions`] is the only currency after training: metrics, ensembles, calibration, reports
//! and the web page see nothing of a model but this. Class 0 ([`POSITIVE_CLASS`], superionic) is
//! the positive class everywhere.

mod csv;
mod error;
mod json_lines;
mod table;
mod writer;

pub use error::{PredictionsError, ReadPredictionsError};
pub use table::{POSITIVE_CLASS, Prediction, Predictions, Sample};
pub use writer::{PredictionWriter, WritePredictionsError};

pub(crate) use table::{most_probable, softmax};
