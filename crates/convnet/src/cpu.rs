//! The engine for processors.
//!
//! A network is cut into blocks ([`plan`]); a pass runs over them ([`forward`], [`backward`]) with
//! the loops of [`crate::kernels`]. All memory is taken when a batch of a new size first comes.
//! Work runs in the current rayon pool, and gives bitwise the same result in any.

mod backward;
mod buffers;
mod forward;
mod parameters;
mod plan;
#[cfg(test)]
mod tests;

use crate::kernels::adamw;
use crate::kernels::isa::Isa;
use crate::optimizer::decimal;
use crate::{
    AdamW, Architecture, ArchitectureError, Decay, Initialization, LoadError, Matrix, Mode,
    Network, Stream, Tensors, Weights,
};
use backward::{Target, backward};
use buffers::{Scratch, Tape, predicted_bytes};
use forward::{Behaviour, Context, Running, infer, take_signals, train};
use parameters::Values;
use plan::Plan;

/// Samples of one inference pass.
const INFERENCE_BATCH: usize = 32;

/// A network on the processor.
pub struct CpuNetwork {
    architecture: Architecture,
    input_length: usize,
    plan: Plan,
    isa: Isa,
    current: Values,
    /// The moving average; none until a step keeps one.
    average: Option<Values>,
    /// Batches that each batch norm has learnt from.
    batches: Vec<u64>,
    optimizer: Optimizer,
    /// Activations of the streams with a gradient, in their order.
    tapes: Vec<Tape>,
    /// Activations of passes without one; gradients of the backward pass.
    workspace: Tape,
    scratch: Scratch,
}

/// AdamW's memory.
struct Optimizer {
    gradients: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    steps: u64,
}

impl CpuNetwork {
    /// A network with first weights drawn by `seed`.
    ///
    /// # Errors
    /// When the layers do not fit together or not to the input length.
    pub fn new(
        architecture: Architecture,
        input_length: usize,
        initialization: Initialization,
        seed: u64,
    ) -> Result<Self, ArchitectureError> {
        let plan = Plan::new(&architecture, input_length)?;
        let current = plan.parameters.start(initialization, seed);
        Ok(Self {
            architecture,
            input_length,
            isa: Isa::detect(),
            average: None,
            batches: vec![0; plan.parameters.counters.len()],
            optimizer: Optimizer {
                gradients: Vec::new(),
                first: vec![0.0; current.weights.len()],
                second: vec![0.0; current.weights.len()],
                steps: 0,
            },
            tapes: Vec::new(),
            workspace: Tape::new(&plan, false),
            scratch: Scratch::default(),
            current,
            plan,
        })
    }

    /// Memory in bytes of a network that learns from streams of these sizes: an upper bound that
    /// takes every stream as one with a gradient.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn predicted_bytes(
        architecture: &Architecture,
        input_length: usize,
        stream_sizes: &[usize],
    ) -> Result<usize, ArchitectureError> {
        Ok(predicted_bytes(&Plan::new(architecture, input_length)?, stream_sizes))
    }

    /// Calls `each` with the first row and the logits of every piece of `signals`; the activations
    /// of the piece are then in the workspace.
    fn infer_pieces(
        &mut self,
        signals: &Matrix,
        weights: Weights,
        mut each: impl FnMut(&Plan, usize, &Matrix, &Tape),
    ) {
        assert_eq!(signals.cols(), self.input_length, "points of the signals");
        let values = match (weights, &self.average) {
            (Weights::Average, Some(average)) => average,
            _ => &self.current,
        };
        let context = Context { plan: &self.plan, isa: self.isa, weights: &values.weights };
        for from in (0..signals.rows()).step_by(INFERENCE_BATCH) {
            let batch = INFERENCE_BATCH.min(signals.rows() - from);
            let mut logits = Matrix::zeros(batch, self.architecture.classes());
            self.workspace.reserve(&self.plan, batch);
            self.scratch.reserve(&self.plan, batch);
            take_signals(&self.plan, signals, from, batch, self.workspace.input_mut(0));
            let statistics = &values.statistics;
            infer(context, statistics, &mut self.workspace, &mut self.scratch, &mut logits);
            each(&self.plan, from, &logits, &self.workspace);
        }
    }

    /// The forward pass of one stream; `tape` is its place among the streams with a gradient.
    fn forward(&mut self, stream: &Stream<'_>, tape: Option<usize>) -> Matrix {
        assert_eq!(stream.signals.cols(), self.input_length, "points of the signals");
        let weights = match stream.mode {
            Mode::Running => Weights::Current,
            Mode::Average => Weights::Average,
            Mode::Train { dropout_seed } => return self.forward_train(stream, tape, dropout_seed),
        };
        assert!(!stream.gradient, "a stream learns in training mode only");
        self.infer(stream.signals, weights)
    }

    fn forward_train(
        &mut self,
        stream: &Stream<'_>,
        tape: Option<usize>,
        dropout_seed: u64,
    ) -> Matrix {
        let batch = stream.signals.rows();
        let mut logits = Matrix::zeros(batch, self.architecture.classes());
        if batch == 0 {
            return logits;
        }
        self.workspace.reserve(&self.plan, batch);
        self.scratch.reserve(&self.plan, batch);
        let tape = match tape {
            None => &mut self.workspace,
            Some(i) => {
                if self.tapes.len() <= i {
                    self.tapes.resize_with(i + 1, || Tape::new(&self.plan, true));
                }
                self.tapes[i].reserve(&self.plan, batch);
                &mut self.tapes[i]
            }
        };
        take_signals(&self.plan, stream.signals, 0, batch, tape.input_mut(0));
        let context = Context { plan: &self.plan, isa: self.isa, weights: &self.current.weights };
        let running =
            Running { statistics: &mut self.current.statistics, batches: &mut self.batches };
        train(context, running, dropout_seed, tape, &mut self.scratch, &mut logits);
        logits
    }

    /// AdamW with the gradients at hand.
    fn step(&mut self, settings: &AdamW) {
        let Optimizer { gradients, first, second, steps } = &mut self.optimizer;
        *steps += 1;
        let factors = settings.factors(*steps);
        for slot in &self.plan.parameters.trainable {
            let range = slot.range.clone();
            let decays = match settings.decay {
                Decay::All => true,
                Decay::WeightsOnly => slot.is_weight(),
            };
            adamw::step(
                self.isa,
                factors,
                decays,
                &mut self.current.weights[range.clone()],
                (&mut first[range.clone()], &mut second[range.clone()]),
                &gradients[range],
            );
        }
    }

    /// Moves the average towards the weights.
    fn move_average(&mut self, memory: f32) {
        let average = self.average.get_or_insert_with(|| self.current.clone());
        let memory = decimal(memory);
        adamw::average(self.isa, memory, &mut average.weights, &self.current.weights);
        adamw::average(self.isa, memory, &mut average.statistics, &self.current.statistics);
    }
}

impl Network for CpuNetwork {
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
        let mut all = Matrix::zeros(signals.rows(), self.architecture.classes());
        self.infer_pieces(signals, weights, |_, from, logits, _| {
            for row in 0..logits.rows() {
                all.row_mut(from + row).copy_from_slice(logits.row(row));
            }
        });
        all
    }

    fn embed(&mut self, signals: &Matrix, weights: Weights) -> Matrix {
        let shape = self.plan.last().input;
        let mut all = Matrix::zeros(signals.rows(), shape.channels * shape.length);
        self.infer_pieces(signals, weights, |plan, from, logits, tape| {
            let last = plan.blocks.len() - 1;
            let activations = tape.block(last).0.chunks_exact(shape.channels * shape.length);
            for (row, activations) in activations.take(logits.rows()).enumerate() {
                // Channel-major, as PyTorch flattens.
                for (i, value) in all.row_mut(from + row).iter_mut().enumerate() {
                    let (channel, point) = (i / shape.length, i % shape.length);
                    *value = activations[point * shape.channels + channel];
                }
            }
        });
        all
    }

    fn input_gradient(&mut self, signals: &Matrix, class: usize, weights: Weights) -> Matrix {
        assert_eq!(signals.cols(), self.input_length, "points of the signals");
        assert!(class < self.classes(), "class {class} of {}", self.classes());
        let mut all = Matrix::zeros(signals.rows(), self.input_length);
        let values = match (weights, &self.average) {
            (Weights::Average, Some(average)) => average,
            _ => &self.current,
        };
        let context = Context { plan: &self.plan, isa: self.isa, weights: &values.weights };
        if self.tapes.is_empty() {
            self.tapes.push(Tape::new(&self.plan, true));
        }
        let tape = &mut self.tapes[0];
        for from in (0..signals.rows()).step_by(INFERENCE_BATCH) {
            let batch = INFERENCE_BATCH.min(signals.rows() - from);
            let mut logits = Matrix::zeros(batch, self.architecture.classes());
            tape.reserve(&self.plan, batch);
            self.workspace.reserve(&self.plan, batch);
            self.scratch.reserve(&self.plan, batch);
            take_signals(&self.plan, signals, from, batch, tape.input_mut(0));
            infer(context, &values.statistics, tape, &mut self.scratch, &mut logits);
            let mut gradient = Matrix::zeros(batch, self.architecture.classes());
            for row in 0..batch {
                gradient.row_mut(row)[class] = 1.0;
            }
            backward(
                context,
                Behaviour::Running,
                tape,
                &mut self.workspace,
                &mut self.scratch,
                &gradient,
                Target::Signals,
            );
            let (size, padding) = (self.plan.blocks[0].input_size(), self.plan.blocks[0].padding());
            let dx = self.workspace.block(0).0.chunks_exact(size);
            for (row, dx) in dx.take(batch).enumerate() {
                all.row_mut(from + row).copy_from_slice(&dx[padding..size - padding]);
            }
        }
        all
    }

    fn learn(
        &mut self,
        streams: &[Stream<'_>],
        optimizer: &AdamW,
        loss_gradient: &mut dyn FnMut(&[Matrix]) -> Vec<Option<Matrix>>,
    ) {
        if optimizer.average.is_none() {
            self.average = None;
        } else if self.average.is_none() {
            self.average = Some(self.current.clone());
        }
        let mut tapes = 0;
        let places: Vec<Option<usize>> = streams
            .iter()
            .map(|stream| {
                stream.gradient.then(|| {
                    tapes += 1;
                    tapes - 1
                })
            })
            .collect();
        let logits: Vec<Matrix> = streams
            .iter()
            .zip(&places)
            .map(|(stream, &place)| self.forward(stream, place))
            .collect();
        let gradients = loss_gradient(&logits);
        assert_eq!(gradients.len(), streams.len(), "one answer per stream");
        self.optimizer.gradients.resize(self.current.weights.len(), 0.0);
        self.optimizer.gradients.fill(0.0);
        let mut learns = false;
        for (i, gradient) in gradients.iter().enumerate() {
            let Some(gradient) = gradient else { continue };
            let shape = |matrix: &Matrix| (matrix.rows(), matrix.cols());
            assert_eq!(shape(gradient), shape(&logits[i]), "shape of a gradient");
            let (Some(place), Mode::Train { dropout_seed }) = (places[i], streams[i].mode) else {
                panic!("a gradient for stream {i}, which wants none");
            };
            learns = true;
            if gradient.rows() == 0 {
                continue;
            }
            let context =
                Context { plan: &self.plan, isa: self.isa, weights: &self.current.weights };
            backward(
                context,
                Behaviour::Train { dropout_seed },
                &self.tapes[place],
                &mut self.workspace,
                &mut self.scratch,
                gradient,
                Target::Weights(&mut self.optimizer.gradients),
            );
        }
        if learns {
            self.step(optimizer);
        }
        if let Some(memory) = optimizer.average {
            self.move_average(memory);
        }
    }

    fn weights(&self, which: Weights) -> Tensors {
        let values = match (which, &self.average) {
            (Weights::Average, Some(average)) => average,
            _ => &self.current,
        };
        self.plan.parameters.export(values, &self.batches)
    }

    fn optimizer_state(&self) -> Tensors {
        let Optimizer { first, second, steps, .. } = &self.optimizer;
        self.plan.parameters.export_optimizer((first, second), *steps)
    }

    fn load(&mut self, weights: &Tensors) -> Result<(), LoadError> {
        (self.current, self.batches) = self.plan.parameters.import(weights)?;
        self.average = None;
        self.optimizer.first.fill(0.0);
        self.optimizer.second.fill(0.0);
        self.optimizer.steps = 0;
        Ok(())
    }

    fn restore(
        &mut self,
        weights: &Tensors,
        average: Option<&Tensors>,
        optimizer: &Tensors,
    ) -> Result<(), LoadError> {
        let (current, batches) = self.plan.parameters.import(weights)?;
        let average = average.map(|average| self.plan.parameters.import(average)).transpose()?;
        let (first, second, steps) = self.plan.parameters.import_optimizer(optimizer)?;
        (self.current, self.batches) = (current, batches);
        self.average = average.map(|(values, _)| values);
        self.optimizer.first = first;
        self.optimizer.second = second;
        self.optimizer.steps = steps;
        Ok(())
    }
}
