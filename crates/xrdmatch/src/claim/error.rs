//! What can go wrong with a claim.

use std::path::{Path, PathBuf};

use super::Holder;

/// What can go wrong with a claim.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The system refused an operation on a file.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has taken over.
    #[error(
        "the claim {path} was lost to {}",
        .by.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string)
    )]
    Lost {
        /// The claim.
        path: PathBuf,
        /// Who has it now.
        by: Option<Box<Holder>>,
    },
    /// No sign of life could be given for so long that others may take over.
    #[error("the claim {path} could not be renewed within half of its {seconds} s: {source}")]
    Silent {
        /// The claim.
        path: PathBuf,
        /// How long it holds.
        seconds: u32,
        /// What the system said.
        source: std::io::Error,
    },
}

impl ClaimError {
    /// For `map_err`: the action and the file of a failed operation.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
