//! The engine on odd shapes and fresh weights: [`exact`] against the plain reference, [`rounded`]
//! against itself, [`bits`] that must not depend on threads, neighbours or interruptions, [`state`]
//! that comes and goes.

mod bits;
mod exact;
mod rounded;
mod state;

use crate::initialize::uniform;
use crate::reference::{self, Arrays, Reference};
use crate::{
    AdamW, Architecture, Choice, Convolution, CpuNetwork, Decay, Initialization, Layer, LoadError,
    Matrix, Mismatch, Mode, Network, Precision, Stream, Tensor, Tensors, Weights,
};

/// What single precision loses on the way through a small network, relative L2.
const LOGITS: f64 = 1e-5;
/// The same for gradients, whose sums are longer.
const GRADIENTS: f64 = 1e-4;
/// A gradient smaller than this share of the network's largest is what remains of larger terms
/// that cancel (a bias before batch norm: all of them), and is judged as if it had this size.
const CANCELLED: f64 = 1e-3;

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Conv { channels, kernel, stride, padding }
}

fn linear(outputs: usize) -> Layer {
    Layer::Linear { outputs }
}

/// Architectures and lengths: kernels that just fit, primes, channels beside the lane widths,
/// strides that leave rows over, layers in unusual order.
fn cases() -> Vec<(Architecture, usize)> {
    let dropout = |rate| Layer::Dropout { rate };
    let head = |hidden| vec![linear(hidden), Layer::Relu, dropout(0.5), linear(2)];
    let stage = |channels, kernel, stride| {
        vec![conv(channels, kernel, stride, 1), Layer::BatchNorm, Layer::Relu]
    };
    let paper = [stage(20, 16, 2), stage(17, 12, 1)].concat();
    let pooled = [paper.clone(), vec![Layer::MaxPool { size: 2 }, dropout(0.5)]].concat();
    let deep = [pooled.clone(), stage(33, 8, 2), stage(35, 4, 1), vec![Layer::MaxPool { size: 3 }]];
    let plain = vec![conv(5, 3, 1, 0), Layer::Relu, conv(7, 3, 2, 2), Layer::MaxPool { size: 2 }];
    let odd = vec![Layer::BatchNorm, Layer::Relu, Layer::BatchNorm, dropout(0.2), conv(3, 2, 3, 0)];
    let build = |features: &[Layer], classifier: Vec<Layer>| Architecture {
        features: features.to_vec(),
        classifier,
    };
    let normal = vec![dropout(0.1), linear(9), Layer::BatchNorm, Layer::Relu, linear(3)];
    vec![
        (build(&paper, head(13)), 36),
        (build(&pooled, head(40)), 101),
        (build(&deep.concat(), normal.clone()), 307),
        (build(&plain, vec![linear(4)]), 11),
        (build(&odd, normal), 23),
        (build(&[conv(6, 7, 1, 0)], vec![linear(2)]), 7),
        (build(&[conv(6, 7, 1, 0)], vec![linear(2)]), 8),
        (build(&[conv(66, 3, 1, 1), Layer::BatchNorm, Layer::Relu], head(5)), 541),
        (build(&[], vec![Layer::Relu, linear(3)]), 1),
    ]
}

fn signals(rows: usize, cols: usize, seed: u64) -> Matrix {
    Matrix::from_vec(rows, cols, uniform(seed, 77, rows * cols, 1.0))
}

/// A network whose batch norms are no identities.
fn network(architecture: &Architecture, length: usize, seed: u64) -> CpuNetwork {
    let mut network =
        CpuNetwork::new(architecture.clone(), length, Initialization::Pytorch, seed).expect("fits");
    let mut weights = network.weights(Weights::Current);
    for (i, (name, tensor)) in weights.iter_mut().enumerate() {
        let draws = uniform(seed, 1000 + i as u64, tensor.data.len(), 0.4);
        match name.rsplit('.').next() {
            Some("running_var") => tensor.data.iter_mut().zip(draws).for_each(|(x, d)| *x += d),
            Some("num_batches_tracked") => {}
            _ if tensor.shape.len() == 1 => {
                tensor.data.iter_mut().zip(draws).for_each(|(x, d)| *x += d);
            }
            _ => {}
        }
    }
    network.load(&weights).expect("its own weights");
    network
}

/// L2 distance.
fn distance(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(f, e)| (f64::from(*f) - e).powi(2)).sum::<f64>().sqrt()
}

/// L2 norm.
fn size(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    distance(found, expected) / size(expected)
}

/// The optimizer whose first moment after one step is the gradient.
fn probe() -> AdamW {
    AdamW { beta1: 0.0, learning_rate: 0.0, ..AdamW::default() }
}

fn gradients(network: &CpuNetwork) -> Tensors {
    let state = network.optimizer_state();
    let own = state.into_iter().filter_map(|(name, tensor)| {
        name.strip_prefix("exp_avg.").map(|name| (name.to_owned(), tensor))
    });
    own.collect()
}

fn assert_gradients(case: &str, found: &Tensors, expected: &Arrays) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.values().map(|values| size(values)).fold(0.0, f64::max);
    for (name, expected) in expected {
        let error = distance(&found[name].data, expected);
        let allowed = GRADIENTS * size(expected).max(CANCELLED * largest);
        assert!(error < allowed, "{case} {name}: {error:.1e}, allowed {allowed:.1e}");
    }
}

/// The same network with operands rounded to bfloat16.
fn rounded(architecture: &Architecture, length: usize, seed: u64) -> CpuNetwork {
    let weights = network(architecture, length, seed).weights(Weights::Current);
    let (architecture, start) = (architecture.clone(), Initialization::Pytorch);
    let mut network =
        CpuNetwork::with_precision(architecture, length, start, seed, Precision::Bf16)
            .expect("fits");
    network.load(&weights).expect("weights of the same architecture");
    network
}

/// Some steps of three streams; everything the network holds afterwards.
fn run(network: &mut CpuNetwork, steps: std::ops::Range<u64>) -> [Tensors; 3] {
    let length = network.input_length();
    let settings = AdamW { average: Some(0.99), ..AdamW::default() };
    for step in steps {
        let batches = [signals(5, length, step), signals(11, length, step + 50)];
        let stream = |i: usize, mode, gradient| Stream { signals: &batches[i], mode, gradient };
        let train = Mode::Train { dropout_seed: step };
        let streams = [
            stream(0, train, true),
            stream(1, Mode::Average, false),
            stream(1, train, false),
            stream(1, train, true),
        ];
        network.learn(&streams, &settings, &mut |logits| {
            let gradient = |m: &Matrix| {
                let values = m.as_slice().iter().map(|x| x.tanh() - 0.3).collect();
                Some(Matrix::from_vec(m.rows(), m.cols(), values))
            };
            vec![gradient(&logits[0]), None, None, gradient(&logits[3])]
        });
    }
    [
        network.weights(Weights::Current),
        network.weights(Weights::Average),
        network.optimizer_state(),
    ]
}
