//! The plain network that engines are judged by: double precision, one loop per index, one layer
//! after the other, in PyTorch's layout `(B, C, L)`. Slow and obviously right.

use std::collections::BTreeMap;

use crate::kernels::dropout::Mask;
use crate::{Architecture, ArchitectureError, Layer, Matrix, Shape, Tensors};

/// Arrays by PyTorch's names.
pub type Arrays = BTreeMap<String, Vec<f64>>;

/// A batch of activations, `(B, C, L)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Activations {
    /// Samples.
    pub batch: usize,
    /// Channels, or features.
    pub channels: usize,
    /// Points; 1 after the flattening.
    pub length: usize,
    /// The values.
    pub values: Vec<f64>,
}

impl Activations {
    fn zeros(batch: usize, shape: Shape) -> Self {
        let Shape { channels, length } = shape;
        Self { batch, channels, length, values: vec![0.0; batch * channels * length] }
    }

    fn index(&self, n: usize, c: usize, l: usize) -> usize {
        (n * self.channels + c) * self.length + l
    }

    fn at(&self, n: usize, c: usize, l: usize) -> f64 {
        self.values[self.index(n, c, l)]
    }

    fn add(&mut self, n: usize, c: usize, l: usize, value: f64) {
        let index = self.index(n, c, l);
        self.values[index] += value;
    }
}

/// How batch norm and dropout behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Running statistics, no dropout.
    Running,
    /// The batch's statistics; the engine's own dropout masks for this seed.
    Train {
        /// Seed of the masks.
        dropout_seed: u64,
    },
}

/// A network in double precision.
#[derive(Clone, Debug)]
pub struct Reference {
    layers: Vec<(String, Layer)>,
    shapes: Vec<Shape>,
    /// Weights and running statistics.
    pub arrays: Arrays,
}

/// What a forward pass leaves for the backward pass: the input of every layer, the logits last.
#[derive(Clone, Debug)]
pub struct Trace {
    activations: Vec<Activations>,
    behaviour: Behaviour,
}

impl Trace {
    /// Logits, `(B, K)`.
    #[must_use]
    pub fn logits(&self) -> &[f64] {
        self.activations.last().map_or(&[], |last| &last.values)
    }
}

const MOMENTUM: f64 = 0.1;
const EPSILON: f64 = 1e-5;

impl Reference {
    /// A network with these weights.
    ///
    /// # Errors
    /// When the layers do not fit together.
    pub fn new(
        architecture: &Architecture,
        input_length: usize,
        weights: &Tensors,
    ) -> Result<Self, ArchitectureError> {
        let named = |part: &'static str, layers: &[Layer]| -> Vec<(String, Layer)> {
            let layers = layers.iter().enumerate();
            layers.map(|(n, layer)| (format!("{part}.{n}"), layer.clone())).collect()
        };
        let mut layers = named("feature", &architecture.features);
        layers.extend(named("classifer", &architecture.classifier));
        let wide = |data: &[f32]| data.iter().map(|&x| f64::from(x)).collect();
        let arrays = weights.iter().map(|(name, t)| (name.clone(), wide(&t.data))).collect();
        Ok(Self { layers, shapes: architecture.shapes(input_length)?, arrays })
    }

    fn array(&self, layer: usize, name: &str) -> &[f64] {
        &self.arrays[&format!("{}.{name}", self.layers[layer].0)]
    }

    /// A forward pass; training moves the running statistics.
    #[must_use]
    pub fn forward(&mut self, signals: &Matrix, behaviour: Behaviour) -> Trace {
        let values = signals.as_slice().iter().map(|&x| f64::from(x)).collect();
        self.forward_wide(signals.rows(), values, behaviour)
    }

    /// [`forward`](Self::forward) on signals in double precision, `(B, L)`.
    #[must_use]
    pub fn forward_wide(&mut self, batch: usize, signals: Vec<f64>, behaviour: Behaviour) -> Trace {
        let length = signals.len() / batch;
        let mut activations = vec![Activations { batch, channels: 1, length, values: signals }];
        for i in 0..self.layers.len() {
            let x = &activations[i];
            let mut y = Activations::zeros(batch, self.shapes[i]);
            match self.layers[i].1 {
                Layer::Conv { kernel, stride, padding, .. } => {
                    let (w, b) = (self.array(i, "weight"), self.array(i, "bias"));
                    for (n, d, l) in indices(&y) {
                        let mut sum = b[d];
                        for c in 0..x.channels {
                            for k in 0..kernel {
                                let point = l * stride + k;
                                if (padding..padding + x.length).contains(&point) {
                                    sum += w[(d * x.channels + c) * kernel + k]
                                        * x.at(n, c, point - padding);
                                }
                            }
                        }
                        y.add(n, d, l, sum);
                    }
                }
                Layer::Linear { outputs } => {
                    let (w, b) = (self.array(i, "weight"), self.array(i, "bias"));
                    let inputs = x.channels * x.length;
                    for n in 0..batch {
                        for d in 0..outputs {
                            let products =
                                (0..inputs).map(|j| w[d * inputs + j] * x.values[n * inputs + j]);
                            y.add(n, d, 0, b[d] + products.sum::<f64>());
                        }
                    }
                }
                Layer::BatchNorm => {
                    let (mean, variance) = self.statistics(i, x, behaviour);
                    let (gamma, beta) = (self.array(i, "weight"), self.array(i, "bias"));
                    for (n, c, l) in indices(&y) {
                        let normal = (x.at(n, c, l) - mean[c]) / (variance[c] + EPSILON).sqrt();
                        y.add(n, c, l, gamma[c] * normal + beta[c]);
                    }
                    if matches!(behaviour, Behaviour::Train { .. }) {
                        self.move_statistics(i, (x.batch * x.length) as f64, &mean, &variance);
                    }
                }
                Layer::Relu => y.values = x.values.iter().map(|&x| f64::max(x, 0.0)).collect(),
                Layer::MaxPool { size } => {
                    for (n, c, l) in indices(&y) {
                        y.add(n, c, l, x.at(n, c, largest(x, n, c, l, size)));
                    }
                }
                Layer::Dropout { rate } => {
                    y.values.clone_from(&x.values);
                    self.mask(i, rate, behaviour, &mut y);
                }
            }
            activations.push(y);
        }
        Trace { activations, behaviour }
    }

    /// Gradients of every trainable array and of the signals `(B, L)` from ∂loss/∂logits `(B, K)`.
    #[must_use]
    pub fn backward(&self, trace: &Trace, logits_gradient: &[f64]) -> (Arrays, Vec<f64>) {
        let mut gradients = Arrays::new();
        let mut dy = trace.activations[self.layers.len()].clone();
        dy.values.copy_from_slice(logits_gradient);
        for i in (0..self.layers.len()).rev() {
            let x = &trace.activations[i];
            // The flattening only renames: the same values with another shape.
            let Shape { channels, length } = self.shapes[i];
            dy = Activations { channels, length, ..dy };
            let mut dx = Activations { values: vec![0.0; x.values.len()], ..x.clone() };
            let mut keep = |name: &str, values: Vec<f64>| {
                gradients.insert(format!("{}.{name}", self.layers[i].0), values);
            };
            match self.layers[i].1 {
                Layer::Conv { channels, kernel, stride, padding } => {
                    let w = self.array(i, "weight");
                    let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; channels]);
                    for (n, d, l) in indices(&dy) {
                        let g = dy.at(n, d, l);
                        db[d] += g;
                        for c in 0..x.channels {
                            for k in 0..kernel {
                                let point = l * stride + k;
                                if (padding..padding + x.length).contains(&point) {
                                    let at = (d * x.channels + c) * kernel + k;
                                    dw[at] += g * x.at(n, c, point - padding);
                                    dx.add(n, c, point - padding, g * w[at]);
                                }
                            }
                        }
                    }
                    keep("weight", dw);
                    keep("bias", db);
                }
                Layer::Linear { outputs } => {
                    let w = self.array(i, "weight");
                    let inputs = x.channels * x.length;
                    let (mut dw, mut db) = (vec![0.0; w.len()], vec![0.0; outputs]);
                    for n in 0..x.batch {
                        for d in 0..outputs {
                            let g = dy.at(n, d, 0);
                            db[d] += g;
                            for j in 0..inputs {
                                dw[d * inputs + j] += g * x.values[n * inputs + j];
                                dx.values[n * inputs + j] += g * w[d * inputs + j];
                            }
                        }
                    }
                    keep("weight", dw);
                    keep("bias", db);
                }
                Layer::BatchNorm => {
                    let (mean, variance) = self.statistics(i, x, trace.behaviour);
                    let gamma = self.array(i, "weight");
                    let (mut dgamma, mut dbeta) = (vec![0.0; channels], vec![0.0; channels]);
                    let inverse = |c: usize| 1.0 / (variance[c] + EPSILON).sqrt();
                    let (x, points) = (x.clone(), (dy.batch * dy.length) as f64);
                    let x = Activations { channels, length, ..x };
                    for (n, c, l) in indices(&dy) {
                        dbeta[c] += dy.at(n, c, l);
                        dgamma[c] += dy.at(n, c, l) * (x.at(n, c, l) - mean[c]) * inverse(c);
                    }
                    for (n, c, l) in indices(&dy) {
                        let normal = (x.at(n, c, l) - mean[c]) * inverse(c);
                        let through = match trace.behaviour {
                            Behaviour::Running => 0.0,
                            Behaviour::Train { .. } => (dbeta[c] + normal * dgamma[c]) / points,
                        };
                        let value = gamma[c] * inverse(c) * (dy.at(n, c, l) - through);
                        dx.values[dy.index(n, c, l)] += value;
                    }
                    keep("weight", dgamma);
                    keep("bias", dbeta);
                }
                Layer::Relu => {
                    for ((dx, dy), x) in dx.values.iter_mut().zip(&dy.values).zip(&x.values) {
                        *dx = if *x > 0.0 { *dy } else { 0.0 };
                    }
                }
                Layer::MaxPool { size } => {
                    for (n, c, l) in indices(&dy) {
                        dx.add(n, c, largest(x, n, c, l, size), dy.at(n, c, l));
                    }
                }
                Layer::Dropout { rate } => {
                    dx.values.clone_from(&dy.values);
                    self.mask(i, rate, trace.behaviour, &mut dx);
                }
            }
            dy = dx;
        }
        (gradients, dy.values)
    }

    /// Mean and biased variance per channel: the batch's or the running ones.
    fn statistics(&self, i: usize, x: &Activations, behaviour: Behaviour) -> (Vec<f64>, Vec<f64>) {
        if behaviour == Behaviour::Running {
            let running = |name| self.array(i, name).to_vec();
            return (running("running_mean"), running("running_var"));
        }
        let points = (x.batch * x.length) as f64;
        let (mut mean, mut variance) = (vec![0.0; x.channels], vec![0.0; x.channels]);
        for (n, c, l) in indices(x) {
            mean[c] += x.at(n, c, l) / points;
        }
        for (n, c, l) in indices(x) {
            variance[c] += (x.at(n, c, l) - mean[c]).powi(2) / points;
        }
        (mean, variance)
    }

    fn move_statistics(&mut self, i: usize, points: f64, mean: &[f64], variance: &[f64]) {
        let prefix = self.layers[i].0.clone();
        let mut blend = |name: &str, new: &[f64], factor: f64| {
            if let Some(old) = self.arrays.get_mut(&format!("{prefix}.{name}")) {
                for (old, new) in old.iter_mut().zip(new) {
                    *old = (1.0 - MOMENTUM) * *old + MOMENTUM * factor * new;
                }
            }
        };
        blend("running_mean", mean, 1.0);
        blend("running_var", variance, points / f64::max(points - 1.0, 1.0));
        blend("num_batches_tracked", &[0.0], 1.0);
    }

    fn mask(&self, i: usize, rate: f32, behaviour: Behaviour, values: &mut Activations) {
        let Behaviour::Train { dropout_seed } = behaviour else { return };
        // Before the first linear layer the engine has not flattened; its elements count
        // (point, channel).
        let shape = (0..=i).rev().find_map(|j| match self.layers[j].1 {
            Layer::Linear { .. } => Some(self.shapes[j]),
            _ if self.layers[j].0.starts_with("feature") => Some(self.shapes[j]),
            _ => None,
        });
        let Some(Shape { channels, length }) = shape else { return };
        let view = Activations { channels, length, ..values.clone() };
        for n in 0..view.batch {
            let mask = Mask::new(dropout_seed, i, n, rate);
            for c in 0..channels {
                for l in 0..length {
                    let factor = f64::from(mask.factor((l * channels + c) as u32));
                    values.values[view.index(n, c, l)] *= factor;
                }
            }
        }
    }
}

/// Position of the largest value of a window, the first of equals.
fn largest(x: &Activations, n: usize, c: usize, l: usize, size: usize) -> usize {
    let mut best = l * size;
    for candidate in l * size + 1..(l + 1) * size {
        if x.at(n, c, candidate) > x.at(n, c, best) {
            best = candidate;
        }
    }
    best
}

/// All (sample, channel, point).
fn indices(x: &Activations) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
    let (channels, length) = (x.channels, x.length);
    let count = x.batch * channels * length;
    (0..count).map(move |i| (i / (channels * length), i / length % channels, i % length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initialize::uniform;
    use crate::{CpuNetwork, Initialization, Network, Weights};

    /// Each layer type, odd sizes, one at a time between a convolution and the head.
    fn architectures() -> Vec<Architecture> {
        let conv =
            |channels, kernel, stride, padding| Layer::Conv { channels, kernel, stride, padding };
        let features = [
            vec![conv(3, 4, 2, 1)],
            vec![conv(3, 3, 1, 0), Layer::BatchNorm],
            vec![conv(3, 2, 3, 2), Layer::Relu],
            vec![conv(2, 3, 1, 1), Layer::MaxPool { size: 2 }, Layer::MaxPool { size: 3 }],
            vec![conv(2, 3, 1, 1), Layer::Dropout { rate: 0.4 }],
            vec![Layer::BatchNorm, conv(2, 5, 2, 0), Layer::BatchNorm, Layer::Relu],
        ];
        let head = [
            vec![Layer::Linear { outputs: 3 }],
            vec![
                Layer::Dropout { rate: 0.3 },
                Layer::Linear { outputs: 4 },
                Layer::BatchNorm,
                Layer::Relu,
                Layer::Dropout { rate: 0.5 },
                Layer::Linear { outputs: 2 },
            ],
        ];
        let pairs = features.iter().flat_map(|f| head.iter().map(move |h| (f, h)));
        pairs.map(|(f, h)| Architecture { features: f.clone(), classifier: h.clone() }).collect()
    }

    #[test]
    fn gradients_equal_finite_differences() {
        const STEP: f64 = 1e-6;
        // Central differences of a piecewise smooth function in double precision.
        const TOLERANCE: f64 = 1e-7;
        for (case, architecture) in architectures().into_iter().enumerate() {
            let (batch, length) = (3, 13);
            let network =
                CpuNetwork::new(architecture.clone(), length, Initialization::Pytorch, case as u64)
                    .expect("fits");
            let tensors = network.weights(Weights::Current);
            let reference = Reference::new(&architecture, length, &tensors).expect("fits");
            let wide = |seed, count| -> Vec<f64> {
                uniform(seed, 99, count, 1.0).into_iter().map(f64::from).collect()
            };
            let signals = wide(case as u64, batch * length);
            let direction = wide(1000 + case as u64, batch * network.classes());
            for behaviour in [Behaviour::Running, Behaviour::Train { dropout_seed: 5 }] {
                let loss = |reference: &Reference, signals: &[f64]| -> f64 {
                    let trace = reference.clone().forward_wide(batch, signals.to_vec(), behaviour);
                    trace.logits().iter().zip(&direction).map(|(x, d)| x * d).sum()
                };
                let trace = reference.clone().forward_wide(batch, signals.clone(), behaviour);
                let (gradients, dx) = reference.backward(&trace, &direction);
                let check = |name: &str, analytic: f64, plus: f64, minus: f64| {
                    let numeric = (plus - minus) / (2.0 * STEP);
                    assert!(
                        (analytic - numeric).abs() < TOLERANCE * (1.0 + analytic.abs()),
                        "case {case} {behaviour:?} {name}: {analytic} against {numeric}"
                    );
                };
                for i in 0..signals.len() {
                    let moved = |by: f64| {
                        let mut signals = signals.clone();
                        signals[i] += by;
                        loss(&reference, &signals)
                    };
                    check("signals", dx[i], moved(STEP), moved(-STEP));
                }
                for (name, gradient) in &gradients {
                    for (i, &analytic) in gradient.iter().enumerate() {
                        let moved = |by: f64| {
                            let mut reference = reference.clone();
                            reference.arrays.get_mut(name).expect("known")[i] += by;
                            loss(&reference, &signals)
                        };
                        check(name, analytic, moved(STEP), moved(-STEP));
                    }
                }
            }
        }
    }
}
