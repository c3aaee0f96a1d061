//! Tensors as safetensors, the format without code.

use convnet::{Tensor, Tensors};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

/// What is wrong with a file of safetensors.
#[derive(Debug, thiserror::Error)]
pub enum SafetensorsError {
    /// The header or the extents are damaged.
    #[error("no file of safetensors: {0}")]
    Damaged(#[from] safetensors::SafeTensorError),
    /// A tensor holds something other than numbers that weights are made of.
    #[error("tensor `{name}` is of type {found:?}; weights are f64, f32, f16, bf16 or i64")]
    Type {
        /// The tensor's name.
        name: String,
        /// Its type.
        found: Dtype,
    },
}

/// The bytes of a file that holds `tensors` as f32, in the order of their names.
///
/// # Errors
/// If a tensor's extents do not fit its number of values.
pub fn write(tensors: &Tensors) -> Result<Vec<u8>, SafetensorsError> {
    let mut views = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let bytes = bytemuck::cast_slice(&tensor.data);
        views.push((name, TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?));
    }
    Ok(safetensors::serialize(views, None)?)
}

/// Reads tensors; f64, f16, bf16 and i64 become the nearest f32.
///
/// # Errors
/// If the bytes are no safetensors, or a tensor is of another type.
pub fn read(bytes: &[u8]) -> Result<Tensors, SafetensorsError> {
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors = Tensors::new();
    for (name, view) in file.iter() {
        let bytes = view.data();
        let data = match view.dtype() {
            Dtype::F32 => words(bytes).map(f32::from_le_bytes).collect(),
            Dtype::F16 => words(bytes).map(|word| f16::from_le_bytes(word).to_f32()).collect(),
            Dtype::BF16 => words(bytes).map(|word| bf16::from_le_bytes(word).to_f32()).collect(),
            #[expect(clippy::cast_possible_truncation, reason = "weights are kept in f32")]
            Dtype::F64 => words(bytes).map(|word| f64::from_le_bytes(word) as f32).collect(),
            #[expect(clippy::cast_precision_loss, reason = "counts of batches, far below 2^24")]
            Dtype::I64 => words(bytes).map(|word| i64::from_le_bytes(word) as f32).collect(),
            found => return Err(SafetensorsError::Type { name: name.to_owned(), found }),
        };
        tensors.insert(name.to_owned(), Tensor { shape: view.shape().to_vec(), data });
    }
    Ok(tensors)
}

/// The consecutive words of N bytes.
pub(crate) fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_come_back_bit_by_bit() {
        let mut tensors = Tensors::new();
        let data = vec![0.1, -0.0, f32::MIN_POSITIVE, 1e-42, f32::MAX, 3.0];
        tensors.insert("feature.0.weight".to_owned(), Tensor { shape: vec![2, 3], data });
        tensors.insert("empty".to_owned(), Tensor { shape: vec![0], data: Vec::new() });
        let back = read(&write(&tensors).expect("written")).expect("read");
        let bits = |tensors: &Tensors| -> Vec<(String, Vec<usize>, Vec<u32>)> {
            let one = |(name, tensor): (&String, &Tensor)| {
                let bits = tensor.data.iter().map(|value| value.to_bits()).collect();
                (name.clone(), tensor.shape.clone(), bits)
            };
            tensors.iter().map(one).collect()
        };
        assert_eq!(bits(&back), bits(&tensors));
    }

    #[test]
    fn extents_that_do_not_fit_are_an_error() {
        let tensor = Tensor { shape: vec![3], data: vec![1.0] };
        assert!(write(&Tensors::from([("a".to_owned(), tensor)])).is_err());
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let tensor = Tensor { shape: vec![4], data: vec![1.0; 4] };
        let whole = write(&Tensors::from([("a".to_owned(), tensor)])).expect("written");
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "cut to {length}");
        }
        for bytes in [&b""[..], b"abc", &[0xFF; 64]] {
            assert!(read(bytes).is_err());
        }
    }
}
