//! Why a prediction cannot be explained.

use std::path::PathBuf;

use diffraction::simulate::SimulateError;
use diffraction::structure::StructureFileError;

use crate::dataset::DatasetError;
use crate::members::MembersError;

/// A prediction that cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The models are at fault.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// The data is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// No row has this name.
    #[error("there is no sample `{sample}` in {}{}", data.join(" or "), suggestion(near))]
    UnknownSample {
        /// The name.
        sample: String,
        /// Where it was looked for.
        data: Vec<String>,
        /// Names like it, the most alike first.
        near: Vec<String>,
    },
    /// The structure cannot be read.
    #[error(transparent)]
    Structure(#[from] StructureFileError),
    /// The file holds no structure.
    #[error("{} holds no structure", path.display())]
    NoStructure {
        /// The file.
        path: PathBuf,
    },
    /// The structure cannot be simulated.
    #[error("simulate {}", path.display())]
    Simulate {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: SimulateError,
    },
}

fn suggestion(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let names: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}
