//! Records as JSON files.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RunError;
use crate::disk::write_atomically;

pub(super) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), RunError> {
    write_atomically(path, &text(path, value)?).map_err(RunError::io("write", path))
}

/// What is written to `path`.
pub(super) fn text<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, RunError> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| RunError::Damaged { path: path.to_owned(), reason: error.to_string() })?;
    text.push(b'\n');
    Ok(text)
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, RunError> {
    let text = std::fs::read(path).map_err(RunError::io("read", path))?;
    serde_json::from_slice(&text)
        .map_err(|error| RunError::Damaged { path: path.to_owned(), reason: error.to_string() })
}
