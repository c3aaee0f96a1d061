//! Why a baseline cannot be fitted or asked.

use crate::fingerprint::FingerprintError;
use crate::predictions::PredictionsError;

/// A baseline that cannot be fitted or asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BaselineError {
    /// Not one label per row.
    #[error("fit {rows} rows with {labels} labels")]
    Labels {
        /// Rows of features.
        rows: usize,
        /// Labels given.
        labels: usize,
    },
    /// A label other than 0 and 1.
    #[error("fit row {row} of class {class}; baselines know the classes 0 and 1")]
    NotBinary {
        /// The row, from 0.
        row: usize,
        /// Its class.
        class: u8,
    },
    /// A class has fewer rows than the model needs.
    #[error("fit {found} rows of class {class}; it takes {needed}")]
    TooFewRows {
        /// The class.
        class: u8,
        /// Its rows.
        found: usize,
        /// The least number.
        needed: usize,
    },
    /// A setting outside its range.
    #[error("fit a model with {name} = {value}: {range}")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it has to be.
        range: &'static str,
    },
    /// Features of another width than the model was fitted on.
    #[error("ask a model of {expected} features about rows of {found}")]
    Width {
        /// Features of the model.
        expected: usize,
        /// Features of the rows.
        found: usize,
    },
    /// The patterns give no features.
    #[error("turn patterns into features")]
    Features(#[from] FingerprintError),
    /// The answers do not go with the samples they are for.
    #[error("name the predictions of a baseline")]
    Predictions(#[from] PredictionsError),
}

/// A setting that has to be positive and finite.
pub(super) fn positive(name: &'static str, value: f64) -> Result<(), BaselineError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(BaselineError::Setting { name, value, range: "it must be positive and finite" })
    }
}
