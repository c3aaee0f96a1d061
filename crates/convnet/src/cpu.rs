//! The engine for processors.
//!
//! A network is cut into blocks ([`plan`]); a pass runs over them ([`forward`], [`backward`]) with
//! the loops of [`crate::kernels`]. All memory is taken when a batch of a new size first comes.
//! Work runs in the current rayon pool, and gives bitwise the same result in any.

mod backward;
mod buffers;
mod forward;
pub(crate) mod inference;
pub(crate) mod measure;
mod parameters;
mod plan;
pub(crate) mod single;
#[cfg(test)]
mod tests;

use crate::kernels::adamw;
use crate::kernels::conv::Choice;
use crate::kernels::isa::Isa;
use crate::kernels::memory::{Buffer, clear};
use crate::optimizer::decimal;
use crate::{
    AdamW, Architecture, ArchitectureError, Decay, Initialization, LoadError, Matrix, Mode,
    Network, Precision, Stream, Tensors, Weights,
};
use backward::{Backpass, Target, Workspace, backward};
use buffers::{Scratch, Tape, predicted_bytes};
use forward::{Behaviour, Context, Pass, Running, forward};
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
    /// Activations of the streams without one, in their order.
    lean: Vec<Tape>,
    /// Gradients of the streams with one, in their order.
    workspaces: Vec<Workspace>,
    scratch: Scratch,
    prepared: Prepared,
}

/// AdamW's memory.
struct Optimizer {
    gradients: Buffer,
    first: Buffer,
    second: Buffer,
    steps: u64,
}

/// The weights as the maps read them, kept from one inference to the next.
#[derive(Default)]
struct Prepared {
    /// Of which weights they are, and whether for few samples; none when those have changed.
    of: Option<(Weights, bool)>,
    blocks: Vec<Buffer>,
}

impl CpuNetwork {
    /// A network with first weights drawn by `seed`.
    ///
    /// # Errors
    /// When the layers do not fit together or not to the input length, or when the environment
    /// asks for instructions that this machine lacks.
    pub fn new(
        architecture: Architecture,
        input_length: usize,
        initialization: Initialization,
        seed: u64,
    ) -> Result<Self, ArchitectureError> {
        Self::with_precision(architecture, input_length, initialization, seed, Precision::F32)
    }

    /// The same with products of this precision.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_precision(
        architecture: Architecture,
        input_length: usize,
        initialization: Initialization,
        seed: u64,
        precision: Precision,
    ) -> Result<Self, ArchitectureError> {
        Self::with_choice(architecture, input_length, initialization, seed, precision.choice())
    }

    /// The same with one algorithm for all convolutions that it fits, for tests and benchmarks.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_choice(
        architecture: Architecture,
        input_length: usize,
        initialization: Initialization,
        seed: u64,
        choice: Choice,
    ) -> Result<Self, ArchitectureError> {
        let plan = Plan::new(&architecture, input_length, choice)?;
        let current = plan.parameters.start(initialization, seed);
        Ok(Self {
            architecture,
            input_length,
            isa: Isa::detect()?,
            average: None,
            batches: vec![0; plan.parameters.counters.len()],
            optimizer: Optimizer {
                gradients: Buffer::empty(),
                first: Buffer::zeros(current.weights.len()),
                second: Buffer::zeros(current.weights.len()),
                steps: 0,
            },
            tapes: Vec::new(),
            lean: Vec::new(),
            workspaces: Vec::new(),
            scratch: Scratch::new(),
            prepared: Prepared::default(),
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
        precision: Precision,
    ) -> Result<usize, ArchitectureError> {
        let streams: Vec<(usize, bool)> = stream_sizes.iter().map(|&size| (size, true)).collect();
        Self::predicted_step_bytes(architecture, input_length, &streams, precision)
    }

    /// Memory in bytes of a network that learns from streams of so many rows, with a gradient or
    /// without one.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn predicted_step_bytes(
        architecture: &Architecture,
        input_length: usize,
        streams: &[(usize, bool)],
        precision: Precision,
    ) -> Result<usize, ArchitectureError> {
        let plan = Plan::new(architecture, input_length, precision.choice())?;
        Ok(predicted_bytes(&plan, streams))
    }

    fn values(&self, which: Weights) -> &Values {
        match (which, &self.average) {
            (Weights::Average, Some(average)) => average,
            _ => &self.current,
        }
    }

    /// Prepares weights for inference of batches of this size, unless they are.
    fn prepare(&mut self, which: Weights, batch: usize) {
        let of = Some((which, Plan::is_few(batch)));
        if self.prepared.of == of {
            return;
        }
        let mut blocks = std::mem::take(&mut self.prepared.blocks);
        blocks.resize_with(self.plan.blocks.len(), Buffer::empty);
        let values = self.values(which);
        for (block, prepared) in self.plan.blocks.iter().zip(&mut blocks) {
            if let Some(map) = &block.map {
                let conv = map.inference(batch);
                prepared.reserve(conv.prepared());
                conv.prepare(self.isa, &values.weights[map.weight.clone()], prepared);
            }
        }
        self.prepared = Prepared { of, blocks };
    }

    /// Calls `each` with the first row and the logits of every piece of `signals`, and the
    /// activations of the piece.
    fn infer_pieces(
        &mut self,
        signals: &Matrix,
        weights: Weights,
        mut each: impl FnMut(Context<'_>, usize, &[f32], &Matrix, &Tape),
    ) {
        assert_eq!(signals.cols(), self.input_length, "points of the signals");
        if signals.rows() == 0 {
            return;
        }
        // All pieces by the same algorithms, a short last one too.
        let piece = INFERENCE_BATCH.min(signals.rows());
        self.prepare(weights, piece);
        if self.lean.is_empty() {
            self.lean.push(Tape::new(&self.plan, false));
        }
        let mut tape = self.lean.swap_remove(0);
        let mut scratch = std::mem::replace(&mut self.scratch, Scratch::new());
        let values = self.values(weights);
        let context = Context { plan: &self.plan, isa: self.isa, weights: &values.weights };
        scratch.reserve(self.plan.needs(piece, false).without_prepared());
        let few = Plan::is_few(piece);
        for from in (0..signals.rows()).step_by(INFERENCE_BATCH) {
            let batch = INFERENCE_BATCH.min(signals.rows() - from);
            let mut logits = Matrix::zeros(batch, self.architecture.classes());
            tape.reserve(&self.plan, batch);
            let length = self.input_length;
            let signals = &signals.as_slice()[from * length..(from + batch) * length];
            let behaviour = Behaviour::Running;
            let pass = Pass { signals, behaviour, tape: &mut tape, logits: &mut logits };
            let running = Running::Read(&values.statistics);
            let prepared = Some((&self.prepared.blocks[..], few));
            forward(context, running, &mut [pass], &mut scratch, prepared);
            each(context, from, signals, &logits, &tape);
        }
        self.scratch = scratch;
        self.lean.insert(0, tape);
    }

    /// The logits of all streams. Streams in training mode go through the blocks together, except
    /// around one that reads the running statistics, which must find those of its place.
    fn forward_streams(&mut self, streams: &[Stream<'_>]) -> Vec<Matrix> {
        let reads_current = |stream: &Stream<'_>| match stream.mode {
            Mode::Train { .. } => false,
            Mode::Running => true,
            Mode::Average => self.average.is_none(),
        };
        let mut groups: Vec<&[Stream<'_>]> = Vec::new();
        let mut from = 0;
        for (i, stream) in streams.iter().enumerate() {
            if reads_current(stream) {
                groups.extend([&streams[from..i], &streams[i..=i]]);
                from = i + 1;
            }
        }
        groups.push(&streams[from..]);
        let (mut all, mut tapes) = (Vec::new(), 0);
        for group in groups {
            let trained = self.forward_train(group, &mut tapes);
            for (stream, trained) in group.iter().zip(trained) {
                all.push(match (trained, stream.mode) {
                    (Some(trained), _) => trained,
                    (None, Mode::Average) => self.infer(stream.signals, Weights::Average),
                    (None, _) => self.infer(stream.signals, Weights::Current),
                });
            }
        }
        all
    }

    /// The forward passes of the streams in training mode, with their logits; `tapes` counts the
    /// streams with a gradient.
    fn forward_train(&mut self, streams: &[Stream<'_>], tapes: &mut usize) -> Vec<Option<Matrix>> {
        let classes = self.architecture.classes();
        let (first, mut lean) = (*tapes, 0);
        let mut logits = Vec::new();
        self.exchange_memory();
        for stream in streams {
            let Mode::Train { .. } = stream.mode else {
                logits.push(None);
                continue;
            };
            let batch = stream.signals.rows();
            logits.push(Some(Matrix::zeros(batch, classes)));
            self.scratch.reserve(self.plan.needs(batch, stream.gradient));
            let (tapes, used) = if stream.gradient {
                (&mut self.tapes, &mut *tapes)
            } else {
                (&mut self.lean, &mut lean)
            };
            if tapes.len() == *used {
                tapes.push(Tape::new(&self.plan, stream.gradient));
            }
            tapes[*used].reserve(&self.plan, batch);
            *used += 1;
        }
        let (mut tapes, mut lean) = (self.tapes.iter_mut().skip(first), self.lean.iter_mut());
        let mut passes = Vec::new();
        for (stream, logits) in streams.iter().zip(&mut logits) {
            let (Mode::Train { dropout_seed }, Some(logits)) = (stream.mode, logits) else {
                continue;
            };
            let tape = if stream.gradient { tapes.next() } else { lean.next() };
            let signals = stream.signals.as_slice();
            let behaviour = Behaviour::Train { dropout_seed };
            passes.extend(tape.map(|tape| Pass { signals, behaviour, tape, logits }));
        }
        let context = Context { plan: &self.plan, isa: self.isa, weights: &self.current.weights };
        let running =
            Running::Move { statistics: &mut self.current.statistics, batches: &mut self.batches };
        forward(context, running, &mut passes, &mut self.scratch, None);
        self.exchange_memory();
        logits
    }

    /// Lends the memory of gradients, which nobody needs during forward passes, to the passes that
    /// keep nothing, and takes it back; the last stream's first, as it is the largest in a step of
    /// semi-supervised learning.
    fn exchange_memory(&mut self) {
        for (lean, workspace) in self.lean.iter_mut().zip(self.workspaces.iter_mut().rev()) {
            lean.exchange(workspace);
        }
    }

    /// The backward passes of all streams with a gradient; whether there are any.
    fn backward(&mut self, streams: &[Stream<'_>], gradients: &[Option<Matrix>]) -> bool {
        let widest = self.plan.widest_gradient();
        let places = streams.iter().zip(gradients).filter(|(stream, _)| stream.gradient);
        let mut learns = false;
        let mut sizes = Vec::new();
        for (place, (stream, gradient)) in places.clone().enumerate() {
            let batch = gradient.as_ref().map_or(0, Matrix::rows);
            learns |= gradient.is_some();
            sizes.push((batch, stream));
            if let (Some(gradient), true) = (gradient, batch > 0) {
                let workspace = &mut self.workspaces[place];
                workspace.reserve(batch, widest);
                let values = gradient.as_slice();
                workspace.gradient[..values.len()].copy_from_slice(values);
            }
        }
        self.optimizer.gradients.reserve(self.current.weights.len());
        clear(&mut self.optimizer.gradients);
        let memories = self.tapes.iter().zip(&mut self.workspaces);
        let mut passes = Vec::new();
        for ((batch, stream), (tape, workspace)) in sizes.into_iter().zip(memories) {
            let (Mode::Train { dropout_seed }, true) = (stream.mode, batch > 0) else { continue };
            let signals = stream.signals.as_slice();
            let behaviour = Behaviour::Train { dropout_seed };
            passes.push(Backpass { signals, behaviour, tape, batch, workspace });
        }
        if !passes.is_empty() {
            let context =
                Context { plan: &self.plan, isa: self.isa, weights: &self.current.weights };
            let target = Target::Weights(&mut self.optimizer.gradients);
            backward(context, &mut passes, &mut self.scratch, target);
        }
        learns
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
        self.infer_pieces(signals, weights, |_, from, _, logits, _| {
            for row in 0..logits.rows() {
                all.row_mut(from + row).copy_from_slice(logits.row(row));
            }
        });
        all
    }

    fn embed(&mut self, signals: &Matrix, weights: Weights) -> Matrix {
        let shape = self.plan.last().input;
        let mut all = Matrix::zeros(signals.rows(), shape.channels * shape.length);
        self.infer_pieces(signals, weights, |context, from, signals, logits, tape| {
            let last = context.plan.blocks.len() - 1;
            let lanes = context.plan.last().input_lanes;
            let input = context.input(last, signals, tape).values;
            let activations = input.chunks_exact(lanes * shape.length);
            for (row, activations) in activations.take(logits.rows()).enumerate() {
                // Channel-major, as PyTorch flattens.
                for (i, value) in all.row_mut(from + row).iter_mut().enumerate() {
                    let (channel, point) = (i / shape.length, i % shape.length);
                    *value = activations[point * lanes + channel];
                }
            }
        });
        all
    }

    fn input_gradient(&mut self, signals: &Matrix, class: usize, weights: Weights) -> Matrix {
        assert_eq!(signals.cols(), self.input_length, "points of the signals");
        assert!(class < self.classes(), "class {class} of {}", self.classes());
        let length = self.input_length;
        let mut all = Matrix::zeros(signals.rows(), length);
        let mut tape = self.tapes.pop().unwrap_or_else(|| Tape::new(&self.plan, true));
        let mut workspace = self.workspaces.pop().unwrap_or_else(Workspace::new);
        let mut scratch = std::mem::replace(&mut self.scratch, Scratch::new());
        let values = self.values(weights);
        let context = Context { plan: &self.plan, isa: self.isa, weights: &values.weights };
        for from in (0..signals.rows()).step_by(INFERENCE_BATCH) {
            let batch = INFERENCE_BATCH.min(signals.rows() - from);
            let mut logits = Matrix::zeros(batch, self.architecture.classes());
            tape.reserve(&self.plan, batch);
            workspace.reserve(batch, self.plan.widest_gradient());
            scratch.reserve(self.plan.needs(batch, true));
            let points = from * length..(from + batch) * length;
            let signals = &signals.as_slice()[points.clone()];
            let behaviour = Behaviour::Running;
            let pass = Pass { signals, behaviour, tape: &mut tape, logits: &mut logits };
            let running = Running::Read(&values.statistics);
            forward(context, running, &mut [pass], &mut scratch, None);
            let classes = logits.cols();
            let gradient = &mut workspace.gradient[..batch * classes];
            gradient.fill(0.0);
            gradient.iter_mut().skip(class).step_by(classes).for_each(|g| *g = 1.0);
            let (tape, workspace) = (&tape, &mut workspace);
            let pass = Backpass { signals, behaviour, tape, batch, workspace: &mut *workspace };
            backward(context, &mut [pass], &mut scratch, Target::Signals);
            all.as_mut_slice()[points].copy_from_slice(&workspace.gradient[..batch * length]);
        }
        self.tapes.push(tape);
        self.workspaces.push(workspace);
        self.scratch = scratch;
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
        for stream in streams {
            assert_eq!(stream.signals.cols(), self.input_length, "points of the signals");
            let trains = matches!(stream.mode, Mode::Train { .. });
            assert!(trains || !stream.gradient, "a stream learns in training mode only");
        }
        let learning = streams.iter().filter(|stream| stream.gradient).count();
        if self.workspaces.len() < learning {
            self.workspaces.resize_with(learning, Workspace::new);
        }
        let logits = self.forward_streams(streams);
        let gradients = loss_gradient(&logits);
        assert_eq!(gradients.len(), streams.len(), "one answer per stream");
        for (i, (gradient, stream)) in gradients.iter().zip(streams).enumerate() {
            let Some(gradient) = gradient else { continue };
            let shape = |matrix: &Matrix| (matrix.rows(), matrix.cols());
            assert_eq!(shape(gradient), shape(&logits[i]), "shape of a gradient");
            assert!(stream.gradient, "a gradient for stream {i}, which wants none");
        }
        if self.backward(streams, &gradients) {
            self.step(optimizer);
            self.prepared.of = None;
        }
        if let Some(memory) = optimizer.average {
            self.move_average(memory);
            self.prepared.of = None;
        }
    }

    fn weights(&self, which: Weights) -> Tensors {
        self.plan.parameters.export(self.values(which), &self.batches)
    }

    fn optimizer_state(&self) -> Tensors {
        let Optimizer { first, second, steps, .. } = &self.optimizer;
        self.plan.parameters.export_optimizer((first, second), *steps)
    }

    fn load(&mut self, weights: &Tensors) -> Result<(), LoadError> {
        (self.current, self.batches) = self.plan.parameters.import(weights)?;
        self.average = None;
        self.prepared.of = None;
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
        self.prepared.of = None;
        self.optimizer.first = first;
        self.optimizer.second = second;
        self.optimizer.steps = steps;
        Ok(())
    }
}
