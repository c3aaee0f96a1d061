//! Dropout masks on the device: the hash of [`crate::kernels::dropout`], so that both engines drop
//! the same activations.

use burn_tensor::{DType, Device, Int, Tensor, TensorData};

use crate::kernels::dropout::{FIRST_FACTOR, Mask, SECOND_FACTOR};

/// What the activations `(B, C, L)` of the layer at position `layer` are multiplied by.
pub(super) fn mask(
    device: &Device,
    seed: u64,
    layer: usize,
    rate: f32,
    [batch, channels, length]: [usize; 3],
) -> Tensor<3> {
    let masks: Vec<Mask> = (0..batch).map(|sample| Mask::new(seed, layer, sample, rate)).collect();
    let key = |word: usize| {
        words(masks.iter().map(|mask| mask.parts().0[word]).collect(), [batch, 1, 1], device)
    };
    let (low, high) = (key(0), key(1));
    // point · channels + channel
    let points = (0..length).map(|point| (point * channels) as u32).collect();
    let index = words(points, [1, 1, length], device).add(words(
        (0..channels as u32).collect(),
        [1, channels, 1],
        device,
    ));
    let mut x = low.bitwise_xor(index);
    x = x.clone().bitwise_xor(x.bitwise_right_shift_scalar(16u32));
    x = x.mul_scalar(FIRST_FACTOR);
    x = x.bitwise_xor(high);
    x = x.clone().bitwise_xor(x.bitwise_right_shift_scalar(15u32));
    x = x.mul_scalar(SECOND_FACTOR);
    x = x.clone().bitwise_xor(x.bitwise_right_shift_scalar(16u32));
    let (_, threshold, scale) = Mask::new(seed, layer, 0, rate).parts();
    x.greater_equal_scalar(threshold).float().mul_scalar(scale)
}

fn words(values: Vec<u32>, shape: [usize; 3], device: &Device) -> Tensor<3, Int> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::U32))
}
