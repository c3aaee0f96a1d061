//! The engine for graphics processors.
//!
//! It interprets the same [`Architecture`] as the engine for processors, in burn's tensor operations:
//! [`layers`] forward and backward, [`convolution`] as matrix products, [`dropout`] with the same
//! masks, [`optimizer`]. Fusion and autotuning stay off, so that a step is the same operations each
//! time. [`device`] finds and opens what there is.
//!
//! Host and device meet at three places of a step: signals in, logits out, ∂loss/∂logits in.
//!
//! Nothing here is bitwise reproducible across devices; `docs/gpu.md` states the tolerances.

mod convolution;
pub(crate) mod device;
mod dropout;
mod layers;
mod optimizer;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use burn_tensor::{Device, Tensor, TensorData};

use crate::network::{assert_gradients, assert_streams};
use crate::{
    AdamW, Architecture, ArchitectureError, CpuNetwork, Initialization, LoadError, Matrix, Mode,
    Network, Stream, Tensors, Weights,
};
use layers::{Arrays, Behaviour, Layers, Tape, Until, Values};
use optimizer::Moments;

/// Samples of one inference pass.
const INFERENCE_BATCH: usize = 64;
/// Names of the optimizer's arrays, as the engine for processors has them.
const FIRST: &str = "exp_avg.";
const SECOND: &str = "exp_avg_sq.";
const STEP: &str = "step";

/// A network on a graphics processor.
pub(crate) struct GpuNetwork {
    architecture: Architecture,
    input_length: usize,
    device: Device,
    layers: Layers,
    shapes: BTreeMap<String, Vec<usize>>,
    current: Values,
    /// The moving average; none until a step keeps one.
    average: Option<Values>,
    /// Batches that each batch norm has learnt from, by name.
    batches: BTreeMap<String, u64>,
    moments: Moments,
}

/// What the forward pass of a stream leaves.
struct Forward {
    logits: Tensor<2>,
    tape: Option<Tape>,
}

impl GpuNetwork {
    /// A network with first weights drawn by `seed`: those of [`CpuNetwork`].
    ///
    /// # Errors
    /// When the layers do not fit together or not to the input length.
    pub(crate) fn new(
        device: Device,
        architecture: Architecture,
        input_length: usize,
        initialization: Initialization,
        seed: u64,
    ) -> Result<Self, ArchitectureError> {
        let template = CpuNetwork::new(architecture.clone(), input_length, initialization, seed)?;
        let start = template.weights(Weights::Current);
        let (current, batches) = upload(&start, &device);
        let layers = Layers::new(&architecture);
        let shapes = start.into_iter().map(|(name, tensor)| (name, tensor.shape)).collect();
        let moments = Moments {
            first: zeros_like(&current.weights),
            second: zeros_like(&current.weights),
            steps: 0,
        };
        Ok(Self {
            architecture,
            input_length,
            device,
            layers,
            shapes,
            current,
            average: None,
            batches,
            moments,
        })
    }

    /// A network on the processor that takes what fits this one and names what does not, so that both
    /// engines refuse alike.
    fn judge(&self) -> CpuNetwork {
        let start = Initialization::Zero;
        match CpuNetwork::new(self.architecture.clone(), self.input_length, start, 0) {
            Ok(network) => network,
            Err(error) => unreachable!("the architecture was accepted before: {error}"),
        }
    }

    fn values(&self, which: Weights) -> &Values {
        match which {
            Weights::Average => self.average.as_ref().unwrap_or(&self.current),
            Weights::Current => &self.current,
        }
    }

    /// Rows of signals on the device, `(B, 1, L)`.
    fn signals(&self, rows: &[f32]) -> Tensor<3> {
        let batch = rows.len() / self.input_length;
        let data = TensorData::new(rows.to_vec(), [batch, 1, self.input_length]);
        Tensor::from_data(data, &self.device)
    }

    /// A pass with running statistics over pieces of the signals, its results one after the other.
    fn infer_until(&self, signals: &Matrix, weights: Weights, until: Until) -> Vec<f32> {
        assert_eq!(signals.cols(), self.input_length, "points of the signals");
        let values = self.values(weights);
        let mut all = Vec::new();
        for rows in signals.as_slice().chunks(INFERENCE_BATCH * self.input_length) {
            let (x, mut moved) = (self.signals(rows), Arrays::new());
            let behaviour = Behaviour::Running;
            let y = self.layers.forward(x, values, behaviour, until, None, &mut moved);
            all.extend(read(y));
        }
        all
    }

    /// One stream of a step.
    fn forward(&mut self, stream: &Stream<'_>) -> Option<Forward> {
        if stream.signals.rows() == 0 {
            return None;
        }
        let x = self.signals(stream.signals.as_slice());
        let (values, behaviour) = match stream.mode {
            Mode::Train { dropout_seed } => (&self.current, Behaviour::Train { dropout_seed }),
            Mode::Running => (&self.current, Behaviour::Running),
            Mode::Average => (self.values(Weights::Average), Behaviour::Running),
        };
        let mut tape = stream.gradient.then(Tape::default);
        let (until, mut moved) = (Until::Logits, Arrays::new());
        let logits = self.layers.forward(x, values, behaviour, until, tape.as_mut(), &mut moved);
        if let Mode::Train { .. } = stream.mode {
            self.current.statistics.extend(moved);
            self.batches.values_mut().for_each(|count| *count += 1);
        }
        Some(Forward { logits, tape })
    }
}

impl Network for GpuNetwork {
    fn input_length(&self) -> usize {
        self.input_length
    }

    fn classes(&self) -> usize {
        self.architecture.classes()
    }

    fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    fn infer(&mut self, signals: &Matrix, weights: Weights) -> Matrix {
        let logits = self.infer_until(signals, weights, Until::Logits);
        Matrix::from_vec(signals.rows(), self.classes(), logits)
    }

    fn embed(&mut self, signals: &Matrix, weights: Weights) -> Matrix {
        let last = format!("{}.weight", self.architecture.last_layer());
        let features = self.shapes[&last][1];
        let embedded = self.infer_until(signals, weights, Until::Embedding);
        Matrix::from_vec(signals.rows(), features, embedded)
    }

    fn input_gradient(&mut self, signals: &Matrix, class: usize, weights: Weights) -> Matrix {
        assert_eq!(signals.cols(), self.input_length, "points of the signals");
        assert!(class < self.classes(), "class {class} of {}", self.classes());
        let (values, behaviour) = (self.values(weights), Behaviour::Running);
        let mut all = Vec::with_capacity(signals.as_slice().len());
        for rows in signals.as_slice().chunks(INFERENCE_BATCH * self.input_length) {
            let (x, until) = (self.signals(rows), Until::Logits);
            let (mut tape, mut moved) = (Tape::default(), Arrays::new());
            let logits =
                self.layers.forward(x, values, behaviour, until, Some(&mut tape), &mut moved);
            let [batch, classes] = logits.dims();
            let mut direction = vec![0.0; batch * classes];
            direction.iter_mut().skip(class).step_by(classes).for_each(|one: &mut f32| *one = 1.0);
            let direction =
                Tensor::from_data(TensorData::new(direction, [batch, classes]), &self.device);
            let dx = self.layers.backward(tape, direction, values, behaviour, None);
            all.extend(read(dx));
        }
        Matrix::from_vec(signals.rows(), self.input_length, all)
    }

    fn learn(
        &mut self,
        streams: &[Stream<'_>],
        optimizer: &AdamW,
        loss_gradient: &mut dyn FnMut(&[Matrix]) -> Vec<Option<Matrix>>,
    ) {
        optimizer.keep_average(&mut self.average, &self.current);
        assert_streams(streams, self.input_length);
        let passes: Vec<_> = streams.iter().map(|stream| self.forward(stream)).collect();
        let logits = read_all(streams, &passes, self.classes());
        let gradients = loss_gradient(&logits);
        assert_gradients(streams, &logits, &gradients);
        let learns = gradients.iter().any(Option::is_some);
        let mut sums = Arrays::new();
        for ((pass, gradient), stream) in passes.into_iter().zip(gradients).zip(streams) {
            let (Some(Forward { tape: Some(tape), .. }), Some(gradient)) = (pass, gradient) else {
                continue;
            };
            let Mode::Train { dropout_seed } = stream.mode else { continue };
            let shape = [gradient.rows(), gradient.cols()];
            let data = TensorData::new(gradient.as_slice().to_vec(), shape);
            let dy = Tensor::from_data(data, &self.device);
            let behaviour = Behaviour::Train { dropout_seed };
            self.layers.backward(tape, dy, &self.current, behaviour, Some(&mut sums));
        }
        if learns {
            optimizer::step(optimizer, &mut self.current.weights, &mut self.moments, sums);
        }
        if let (Some(memory), Some(average)) = (optimizer.average, &mut self.average) {
            optimizer::average(memory, &mut average.weights, &self.current.weights);
            optimizer::average(memory, &mut average.statistics, &self.current.statistics);
        }
    }

    fn weights(&self, which: Weights) -> Tensors {
        let Values { weights, statistics } = self.values(which);
        let mut tensors = Tensors::new();
        for (name, array) in weights.iter().chain(statistics) {
            tensors.insert(name.clone(), self.download(name, array));
        }
        for (name, &count) in &self.batches {
            let counter = format!("{name}.{COUNTER}");
            tensors.insert(counter, crate::Tensor::scalar(count as f32));
        }
        tensors
    }

    fn optimizer_state(&self) -> Tensors {
        let mut tensors = Tensors::new();
        for (prefix, arrays) in [(FIRST, &self.moments.first), (SECOND, &self.moments.second)] {
            for (name, array) in arrays {
                tensors.insert(format!("{prefix}{name}"), self.download(name, array));
            }
        }
        tensors.insert(STEP.into(), crate::Tensor::scalar(self.moments.steps as f32));
        tensors
    }

    fn load(&mut self, weights: &Tensors) -> Result<(), LoadError> {
        let mut judge = self.judge();
        judge.load(weights)?;
        (self.current, self.batches) = upload(&judge.weights(Weights::Current), &self.device);
        self.average = None;
        self.moments = Moments {
            first: zeros_like(&self.current.weights),
            second: zeros_like(&self.current.weights),
            steps: 0,
        };
        Ok(())
    }

    fn restore(
        &mut self,
        weights: &Tensors,
        average: Option<&Tensors>,
        optimizer: &Tensors,
    ) -> Result<(), LoadError> {
        let mut judge = self.judge();
        judge.restore(weights, average, optimizer)?;
        (self.current, self.batches) = upload(&judge.weights(Weights::Current), &self.device);
        self.average = average.map(|_| upload(&judge.weights(Weights::Average), &self.device).0);
        let state = judge.optimizer_state();
        let moments = |prefix: &str| -> Arrays {
            let own = state.iter().filter_map(|(name, tensor)| {
                let name = name.strip_prefix(prefix)?;
                Some((name.to_owned(), array(tensor, &self.device)))
            });
            own.collect()
        };
        let steps = state[STEP].data[0] as u64;
        self.moments = Moments { first: moments(FIRST), second: moments(SECOND), steps };
        Ok(())
    }
}

impl GpuNetwork {
    fn download(&self, name: &str, array: &Tensor<1>) -> crate::Tensor {
        crate::Tensor { shape: self.shapes[name].clone(), data: read(array.clone()) }
    }
}

/// Name of a batch norm's counter.
const COUNTER: &str = "num_batches_tracked";

/// Tensors of a network onto the device, and the counters of its batch norms.
fn upload(tensors: &Tensors, device: &Device) -> (Values, BTreeMap<String, u64>) {
    let (mut values, mut batches) =
        (Values { weights: Arrays::new(), statistics: Arrays::new() }, BTreeMap::new());
    for (name, tensor) in tensors {
        let (layer, role) = name.rsplit_once('.').unwrap_or(("", name));
        match role {
            COUNTER => {
                batches.insert(layer.to_owned(), tensor.data[0] as u64);
            }
            "running_mean" | "running_var" => {
                values.statistics.insert(name.clone(), array(tensor, device));
            }
            _ => {
                values.weights.insert(name.clone(), array(tensor, device));
            }
        }
    }
    (values, batches)
}

fn array(tensor: &crate::Tensor, device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(tensor.data.clone(), [tensor.data.len()]), device)
}

fn zeros_like(arrays: &Arrays) -> Arrays {
    arrays.iter().map(|(name, array)| (name.clone(), array.zeros_like())).collect()
}

/// The logits of all streams in one transfer.
fn read_all(streams: &[Stream<'_>], passes: &[Option<Forward>], classes: usize) -> Vec<Matrix> {
    let logits: Vec<_> = passes.iter().flatten().map(|pass| pass.logits.clone()).collect();
    let values = if logits.is_empty() { Vec::new() } else { read(Tensor::cat(logits, 0)) };
    let mut from = 0;
    let matrix = |stream: &Stream<'_>| {
        let rows = stream.signals.rows();
        let values = values[from..from + rows * classes].to_vec();
        from += rows * classes;
        Matrix::from_vec(rows, classes, values)
    };
    streams.iter().map(matrix).collect()
}

/// The values of a tensor, on the host.
///
/// # Panics
/// When the device fails: it is out of memory, or lost.
fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    match tensor.try_into_vec_as::<f32>() {
        Ok(values) => values,
        Err(error) => panic!(
            "the graphics processor failed: it may be out of memory (smaller batches or fewer \
             `--jobs` need less) or lost: {error:?}"
        ),
    }
}
