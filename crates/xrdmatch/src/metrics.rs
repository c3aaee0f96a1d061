//! How good predictions are, by the conventions of scikit-learn.
//!
//! Scores and rankings are those of the positive class, label 0
//! ([`POSITIVE_CLASS`](crate::predictions::POSITIVE_CLASS)). What is undefined (a ranking with one
//! class only) is `None`, never a number and never NaN.

mod confusion;
mod error;
mod evaluation;
mod metric;
mod outcomes;
mod ranking;
mod reliability;

pub use confusion::{Confusion, Scores};
pub use error::MetricsError;
pub use evaluation::Evaluation;
pub use metric::Metric;
pub use outcomes::Outcomes;
pub use ranking::{average_precision, roc_auc};
pub use reliability::{Reliability, ReliabilityBin, brier_score, log_loss};
