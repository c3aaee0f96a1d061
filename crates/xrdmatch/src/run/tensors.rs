//! Tensors as safetensors files.

use std::path::Path;

use convnet::{Tensor, Tensors};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::RunError;
use crate::disk::write_atomically;

/// Writes tensors (f32) to a safetensors file: temporary name, sync, rename.
///
/// # Errors
/// If the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &Tensors) -> Result<(), RunError> {
    let damaged = |reason: String| RunError::Damaged { path: path.to_owned(), reason };
    let mut views = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let bytes = bytemuck::cast_slice(&tensor.data);
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)
            .map_err(|error| damaged(format!("tensor `{name}`: {error}")))?;
        views.push((name.as_str(), view));
    }
    let bytes = safetensors::serialize(views, None).map_err(|error| damaged(error.to_string()))?;
    write_atomically(path, &bytes).map_err(RunError::io("write", path))
}

/// Reads a safetensors file of f32 tensors; f64, i64 and bf16/f16 are converted where exact enough
/// to be what a trained network means.
///
/// # Errors
/// If the file cannot be read, is no safetensors file, or holds tensors of another kind.
pub fn read_tensors(path: &Path) -> Result<Tensors, RunError> {
    let damaged = |reason: String| RunError::Damaged { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(RunError::io("read", path))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
    let mut tensors = Tensors::new();
    for (name, view) in file.iter() {
        let bytes = view.data();
        let data: Vec<f32> = match view.dtype() {
            Dtype::F32 => words(bytes).map(f32::from_le_bytes).collect(),
            #[expect(clippy::cast_possible_truncation, reason = "weights are kept in f32")]
            Dtype::F64 => words(bytes).map(|word| f64::from_le_bytes(word) as f32).collect(),
            #[expect(clippy::cast_precision_loss, reason = "counts of batches, far below 2^24")]
            Dtype::I64 => words(bytes).map(|word| i64::from_le_bytes(word) as f32).collect(),
            Dtype::BF16 => words(bytes)
                .map(|word: [u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(word)) << 16))
                .collect(),
            other => return Err(damaged(format!("tensor `{name}` is of type {other:?}"))),
        };
        tensors.insert(name.to_owned(), Tensor { shape: view.shape().to_vec(), data });
    }
    Ok(tensors)
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_come_back_bit_by_bit() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("t.safetensors");
        let mut tensors = Tensors::new();
        let data = vec![0.1, -0.0, f32::MIN_POSITIVE, 1e-42, f32::MAX, 3.0];
        tensors.insert("feature.0.weight".to_owned(), Tensor { shape: vec![2, 3], data });
        tensors.insert("empty".to_owned(), Tensor { shape: vec![0], data: Vec::new() });
        write_tensors(&path, &tensors).expect("written");
        let back = read_tensors(&path).expect("read");
        let bits = |tensors: &Tensors| -> Vec<(String, Vec<usize>, Vec<u32>)> {
            let one = |(name, tensor): (&String, &Tensor)| {
                (
                    name.clone(),
                    tensor.shape.clone(),
                    tensor.data.iter().map(|v| v.to_bits()).collect(),
                )
            };
            tensors.iter().map(one).collect()
        };
        assert_eq!(bits(&back), bits(&tensors));
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("t.safetensors");
        for bytes in [&b""[..], b"abc", &[0xFF; 64]] {
            std::fs::write(&path, bytes).expect("written");
            assert!(matches!(read_tensors(&path), Err(RunError::Damaged { .. })));
        }
        assert!(matches!(read_tensors(&directory.path().join("absent")), Err(RunError::Io { .. })));
    }
}
