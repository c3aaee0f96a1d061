//! One step of learning: all streams forward, the loss's gradients, backward, AdamW, the average.

use super::CpuNetwork;
use super::backward::{Backpass, Target, Workspace, backward};
use super::buffers::Tape;
use super::forward::{Behaviour, Context, Pass, Running, forward};
use crate::kernels::adamw;
use crate::kernels::conv::Purpose;
use crate::kernels::memory::{Buffer, clear};
use crate::network::{assert_gradients, assert_streams};
use crate::optimizer::decimal;
use crate::{AdamW, Matrix, Mode, Network, Stream, Weights};

/// AdamW's memory.
pub(super) struct Optimizer {
    pub(super) gradients: Buffer,
    pub(super) first: Buffer,
    pub(super) second: Buffer,
    pub(super) steps: u64,
}

impl CpuNetwork {
    /// One step of all streams.
    pub(super) fn one_step(
        &mut self,
        streams: &[Stream<'_>],
        optimizer: &AdamW,
        loss_gradient: &mut dyn FnMut(&[Matrix]) -> Vec<Option<Matrix>>,
    ) {
        optimizer.keep_average(&mut self.average, &self.current);
        assert_streams(streams, self.input_length);
        let learning = streams.iter().filter(|stream| stream.gradient).count();
        if self.workspaces.len() < learning {
            self.workspaces.resize_with(learning, Workspace::new);
        }
        let logits = self.forward_streams(streams);
        let gradients = loss_gradient(&logits);
        assert_gradients(streams, &logits, &gradients);
        if self.backward(streams, &gradients) {
            self.step(optimizer);
            self.prepared.of = None;
        }
        if let Some(memory) = optimizer.average {
            self.move_average(memory);
            self.prepared.of = None;
        }
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
            self.scratch.reserve(self.plan.needs(batch, Purpose::Training, stream.gradient));
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
            adamw::step(
                self.isa,
                factors,
                settings.decay.takes(&slot.name),
                &mut self.current.weights[range.clone()],
                (&mut first[range.clone()], &mut second[range.clone()]),
                &gradients[range],
            );
        }
    }

    /// Moves the average towards the weights.
    fn move_average(&mut self, memory: f32) {
        let Some(average) = &mut self.average else { return };
        let memory = decimal(memory);
        adamw::average(self.isa, memory, &mut average.weights, &self.current.weights);
        adamw::average(self.isa, memory, &mut average.statistics, &self.current.statistics);
    }
}
