//! Why predictions cannot be judged.

/// Predictions that cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetricsError {
    /// There is nothing to judge.
    #[error("judge predictions of no sample")]
    Empty,
    /// The true class of a sample is not known.
    #[error("judge the prediction of sample `{sample}` (row {row}): its true class is unknown")]
    MissingTruth {
        /// Row of the sample, from 0.
        row: usize,
        /// Name of the sample.
        sample: String,
    },
}
