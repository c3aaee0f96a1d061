//! Layers in tensor operations, forward and backward.
//!
//! Activations are `(B, C, L)`; after the flattening, which only renames, `(B, features, 1)`. What a
//! layer needs for its backward pass it leaves on the tape; automatic differentiation would keep
//! several times as much.

use std::collections::BTreeMap;

use burn_tensor::ops::PadMode;
use burn_tensor::{Device, Int, Tensor};

use super::convolution::{Convolution, product};
use super::dropout;
use crate::architecture::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM};
use crate::{Architecture, Layer};

/// Flattened arrays by PyTorch's names.
pub(super) type Arrays = BTreeMap<String, Tensor<1>>;

/// The values of a network.
#[derive(Clone)]
pub(super) struct Values {
    /// What the optimizer moves.
    pub(super) weights: Arrays,
    /// Batch norm's running means and variances.
    pub(super) statistics: Arrays,
}

/// What batch norm and dropout do in a pass.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Running statistics, no dropout.
    Running,
    /// The batch's statistics, dropout by this seed.
    Train {
        /// Seed of the masks.
        dropout_seed: u64,
    },
}

/// The layers with the names of their arrays.
pub(super) struct Layers {
    layers: Vec<(String, Layer)>,
}

/// What a layer leaves for its backward pass.
enum Saved {
    /// A convolution: its input.
    Input(Tensor<3>),
    /// A linear layer: its flattened input, and its shape before.
    Flat(Tensor<2>, [usize; 3]),
    /// Batch norm: the input with mean 0 and deviation 1, and 1/deviation `(1, C, 1)`.
    Normal(Box<[Tensor<3>; 2]>),
    /// ReLU: its output.
    Output(Tensor<3>),
    /// Max-pool: which of its window was the largest, and points before.
    Largest(Tensor<3, Int>, usize),
    /// Dropout: its mask; none where nothing is dropped.
    Mask(Option<Tensor<3>>),
}

/// What a forward pass leaves, layer after layer.
#[derive(Default)]
pub(super) struct Tape {
    saved: Vec<Saved>,
}

/// Where a forward pass ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Before the last linear layer.
    Embedding,
    /// After it.
    Logits,
}

impl Layers {
    pub(super) fn new(architecture: &Architecture) -> Self {
        let named = |part: &'static str, layers: &[Layer]| -> Vec<(String, Layer)> {
            let layers = layers.iter().enumerate();
            layers.map(|(n, layer)| (format!("{part}.{n}"), layer.clone())).collect()
        };
        let mut layers = named("feature", &architecture.features);
        layers.extend(named("classifer", &architecture.classifier));
        Self { layers }
    }

    /// A forward pass. Training leaves the running statistics that follow in `moved`; a tape is filled
    /// where there is one.
    pub(super) fn forward(
        &self,
        signals: Tensor<3>,
        values: &Values,
        behaviour: Behaviour,
        until: Until,
        mut tape: Option<&mut Tape>,
        moved: &mut Arrays,
    ) -> Tensor<2> {
        let mut x = signals;
        let last = self.layers.len() - usize::from(until == Until::Embedding);
        for (position, (name, layer)) in self.layers[..last].iter().enumerate() {
            let (y, saved) = forward((position, name, layer), x, values, behaviour, moved);
            if let Some(tape) = &mut tape {
                tape.saved.push(saved);
            }
            x = y;
        }
        let [batch, channels, length] = x.dims();
        x.reshape([batch, channels * length])
    }

    /// The backward pass of a tape from ∂loss/∂logits `(B, K)`: adds to `gradients` where they are
    /// asked for, else goes on to the gradient by the signals, `(B, 1, L)`.
    pub(super) fn backward(
        &self,
        tape: Tape,
        logits_gradient: Tensor<2>,
        values: &Values,
        behaviour: Behaviour,
        mut gradients: Option<&mut Arrays>,
    ) -> Tensor<3> {
        let [batch, classes] = logits_gradient.dims();
        let mut dy = logits_gradient.reshape([batch, classes, 1]);
        let layers = self.layers.iter().zip(tape.saved).enumerate().rev();
        for (position, ((name, layer), saved)) in layers {
            // Nobody asks how the loss depends on the signals.
            let ends = position == 0 && gradients.is_some();
            let mut keep = |role: &str, gradient: &dyn Fn() -> Tensor<1>| {
                let Some(gradients) = gradients.as_deref_mut() else { return };
                let name = format!("{name}.{role}");
                let sum = match gradients.remove(&name) {
                    Some(before) => before + gradient(),
                    None => gradient(),
                };
                gradients.insert(name, sum);
            };
            let weight = || values.weights[&format!("{name}.weight")].clone();
            dy = match (saved, layer) {
                (Saved::Input(x), &Layer::Conv { channels, kernel, stride, padding }) => {
                    let convolution = Convolution { kernel, stride, padding };
                    let [_, inputs, length] = x.dims();
                    keep("bias", &|| per_channel(dy.clone()));
                    keep("weight", &|| flat(convolution.weight_gradient(&x, &dy)));
                    if ends {
                        break;
                    }
                    let weight = weight().reshape([channels, inputs * kernel]);
                    convolution.input_gradient(dy, weight, length)
                }
                (Saved::Flat(x, shape), &Layer::Linear { outputs }) => {
                    let dy = dy.reshape([shape[0], outputs]);
                    let weight = weight().reshape([outputs, shape[1] * shape[2]]);
                    keep("bias", &|| dy.clone().sum_dim(0).squeeze_dim(0));
                    keep("weight", &|| flat(dy.clone().transpose().matmul(x.clone())));
                    product(&dy, &weight).reshape(shape)
                }
                (Saved::Normal(saved), _) => {
                    let [normal, inverse] = *saved;
                    let [batch, channels, length] = normal.dims();
                    let (dbeta, dgamma) = (sums(dy.clone()), sums(dy.clone() * normal.clone()));
                    keep("bias", &|| dbeta.clone().reshape([channels]));
                    keep("weight", &|| dgamma.clone().reshape([channels]));
                    let scale = weight().reshape([1, channels, 1]) * inverse;
                    let direct = match behaviour {
                        Behaviour::Running => dy,
                        Behaviour::Train { .. } => {
                            let points = (batch * length) as f32;
                            dy - (normal * dgamma + dbeta).div_scalar(points)
                        }
                    };
                    direct * scale
                }
                (Saved::Output(y), _) => dy.mask_fill(y.lower_equal_scalar(0.0), 0.0),
                (Saved::Largest(which, length), &Layer::MaxPool { size }) => {
                    unpool(&dy, &which, size, length)
                }
                (Saved::Mask(mask), _) => match mask {
                    Some(mask) => dy * mask,
                    None => dy,
                },
                _ => unreachable!("a tape of other layers"),
            };
        }
        dy
    }
}

/// One layer.
fn forward(
    (position, name, layer): (usize, &str, &Layer),
    x: Tensor<3>,
    values: &Values,
    behaviour: Behaviour,
    moved: &mut Arrays,
) -> (Tensor<3>, Saved) {
    let [batch, channels, length] = x.dims();
    let weight = |role: &str| values.weights[&format!("{name}.{role}")].clone();
    match *layer {
        Layer::Conv { channels: outputs, kernel, stride, padding } => {
            let taps = weight("weight").reshape([outputs, channels * kernel]);
            let y = Convolution { kernel, stride, padding }.forward(&x, &taps);
            (y + weight("bias").reshape([1, outputs, 1]), Saved::Input(x))
        }
        Layer::Linear { outputs } => {
            let flat = x.reshape([batch, channels * length]);
            let weights = weight("weight").reshape([outputs, channels * length]);
            let y = product(&flat, &weights.transpose()) + weight("bias").unsqueeze::<2>();
            (y.reshape([batch, outputs, 1]), Saved::Flat(flat, [batch, channels, length]))
        }
        Layer::BatchNorm => {
            let vector = |array: Tensor<1>| array.reshape([1, channels, 1]);
            let (gamma, beta) = (vector(weight("weight")), vector(weight("bias")));
            let names = [format!("{name}.running_mean"), format!("{name}.running_var")];
            let old = names.each_ref().map(|name| values.statistics[name].clone());
            let (centred, variance) = match behaviour {
                Behaviour::Running => {
                    let [mean, variance] = old.map(vector);
                    (x - mean, variance)
                }
                Behaviour::Train { .. } => {
                    let points = (batch * length) as f32;
                    let mean = sums(x.clone()).div_scalar(points);
                    let centred = x - mean.clone();
                    let squares = sums(centred.clone() * centred.clone());
                    // As PyTorch: the variance is unbiased in the running statistics only.
                    let unbiased = squares.clone().div_scalar((points - 1.0).max(1.0));
                    for ((name, old), new) in names.into_iter().zip(old).zip([mean, unbiased]) {
                        let new = new.reshape([channels]).mul_scalar(BATCH_NORM_MOMENTUM);
                        moved.insert(name, old.mul_scalar(1.0 - BATCH_NORM_MOMENTUM) + new);
                    }
                    (centred, squares.div_scalar(points))
                }
            };
            let inverse = variance.add_scalar(BATCH_NORM_EPSILON).sqrt().recip();
            let normal = centred * inverse.clone();
            (normal.clone() * gamma + beta, Saved::Normal(Box::new([normal, inverse])))
        }
        Layer::Relu => {
            let y = x.clamp_min(0.0);
            (y.clone(), Saved::Output(y))
        }
        Layer::MaxPool { size } => {
            let (y, which) = pool(x, size);
            (y, Saved::Largest(which, length))
        }
        Layer::Dropout { rate } => match behaviour {
            Behaviour::Train { dropout_seed } if rate > 0.0 => {
                let device: Device = x.device();
                let mask = dropout::mask(&device, dropout_seed, position, rate, x.dims());
                (x * mask.clone(), Saved::Mask(Some(mask)))
            }
            _ => (x, Saved::Mask(None)),
        },
    }
}

/// Sums over samples and points, `(1, C, 1)`.
///
/// A device adds a row's points one after the other, so rows are cut into about √length pieces that
/// are added first: the error grows with √length steps, not length.
fn sums(x: Tensor<3>) -> Tensor<3> {
    let [batch, channels, length] = x.dims();
    let piece = length.isqrt().max(1);
    let pieces = length.div_ceil(piece);
    let x = match pieces * piece - length {
        0 => x,
        rest => x.pad([(0, rest)], PadMode::Constant(0.0)),
    };
    let rows = x.reshape([batch, channels, pieces, piece]).sum_dim(3);
    rows.sum_dim(2).reshape([batch, channels, 1]).sum_dim(0)
}

/// Sums over samples and points, `(C)`.
fn per_channel(x: Tensor<3>) -> Tensor<1> {
    let channels = x.dims()[1];
    sums(x).reshape([channels])
}

fn flat(x: Tensor<2>) -> Tensor<1> {
    let [rows, columns] = x.dims();
    x.reshape([rows * columns])
}

/// The largest of each window, and which it was: the first of equals.
fn pool(x: Tensor<3>, size: usize) -> (Tensor<3>, Tensor<3, Int>) {
    let [batch, channels, length] = x.dims();
    let windows = length / size;
    let x = x.narrow(2, 0, windows * size).reshape([batch, channels, windows, size]);
    let candidate = |place| x.clone().narrow(3, place, 1).squeeze_dim::<3>(3);
    let mut largest = candidate(0);
    let mut which = Tensor::<3, Int>::zeros([batch, channels, windows], &x.device());
    for place in 1..size {
        let candidate = candidate(place);
        let better = candidate.clone().greater(largest.clone());
        largest = largest.mask_where(better.clone(), candidate);
        which = which.mask_fill(better, place as u32);
    }
    (largest, which)
}

/// The gradient before a max-pool: that of its output, at the largest of each window.
fn unpool(dy: &Tensor<3>, which: &Tensor<3, Int>, size: usize, length: usize) -> Tensor<3> {
    let [batch, channels, windows] = dy.dims();
    let at = |place: usize| {
        let other = which.clone().not_equal_scalar(place as u32);
        dy.clone().mask_fill(other, 0.0)
    };
    let spread = Tensor::stack::<4>((0..size).map(at).collect(), 3);
    let spread = spread.reshape([batch, channels, windows * size]);
    match length - windows * size {
        0 => spread,
        rest => spread.pad([(0, rest)], PadMode::Constant(0.0)),
    }
}
