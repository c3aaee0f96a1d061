//! Tensors as safetensors files on disk.

use std::path::Path;

use convnet::Tensors;

use super::RunError;
use crate::disk::write_atomically;

/// Writes tensors (f32) to a safetensors file: temporary name, sync, rename.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn write_tensors(path: &Path, tensors: &Tensors) -> Result<(), RunError> {
    write_atomically(path, &bytes(path, tensors)?).map_err(RunError::io("write", path))
}

/// The bytes of a safetensors file that is to be `path`.
///
/// # Errors
/// If the tensors make no such file.
pub(super) fn bytes(path: &Path, tensors: &Tensors) -> Result<Vec<u8>, RunError> {
    exchange::safetensors::write(tensors)
        .map_err(|error| RunError::Damaged { path: path.to_owned(), reason: error.to_string() })
}

/// Reads a safetensors file.
///
/// # Errors
/// If the file cannot be read or is damaged.
pub(super) fn read_tensors(path: &Path) -> Result<Tensors, RunError> {
    let bytes = std::fs::read(path).map_err(RunError::io("read", path))?;
    exchange::safetensors::read(&bytes)
        .map_err(|error| RunError::Damaged { path: path.to_owned(), reason: error.to_string() })
}
