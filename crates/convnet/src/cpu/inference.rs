//! Inference: running statistics, no dropout, no memory for gradients, any number of rows in pieces.
//!
//! A map's algorithm is that for inference ([`Purpose::Inference`]) whatever the number of rows, so
//! that what is said of a row does not depend on the others.

use super::CpuNetwork;
use super::backward::{Backpass, Target, Workspace, backward};
use super::buffers::{Scratch, Tape};
use super::forward::{Behaviour, Context, Pass, Running, forward};
use crate::kernels::conv::Purpose;
use crate::kernels::memory::Buffer;
use crate::{Matrix, Network, Weights};

/// Samples of one pass.
const PIECE: usize = 32;

/// The weights as the maps read them, kept from one inference to the next.
#[derive(Default)]
pub(super) struct Prepared {
    /// Of which weights they are; none when those have changed.
    pub(super) of: Option<Weights>,
    pub(super) blocks: Vec<Buffer>,
}

impl CpuNetwork {
    /// Prepares weights for inference, unless they are.
    pub(super) fn prepare(&mut self, which: Weights) {
        if self.prepared.of == Some(which) {
            return;
        }
        let mut blocks = std::mem::take(&mut self.prepared.blocks);
        blocks.resize_with(self.plan.blocks.len(), Buffer::empty);
        let values = self.values(which);
        for (block, prepared) in self.plan.blocks.iter().zip(&mut blocks) {
            if let Some(map) = &block.map {
                let conv = map.conv(Purpose::Inference);
                prepared.reserve(conv.prepared());
                conv.prepare(self.isa, &values.weights[map.weight.clone()], prepared);
            }
        }
        self.prepared = Prepared { of: Some(which), blocks };
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
        self.prepare(weights);
        if self.lean.is_empty() {
            self.lean.push(Tape::new(&self.plan, false));
        }
        let mut tape = self.lean.swap_remove(0);
        let mut scratch = std::mem::replace(&mut self.scratch, Scratch::new());
        let values = self.values(weights);
        let context = Context { plan: &self.plan, isa: self.isa, weights: &values.weights };
        let piece = PIECE.min(signals.rows());
        scratch.reserve(self.plan.needs(piece, Purpose::Inference, false).without_prepared());
        for from in (0..signals.rows()).step_by(PIECE) {
            let batch = PIECE.min(signals.rows() - from);
            let mut logits = Matrix::zeros(batch, self.architecture.classes());
            tape.reserve(&self.plan, batch);
            let length = self.input_length;
            let signals = &signals.as_slice()[from * length..(from + batch) * length];
            let behaviour = Behaviour::Running;
            let pass = Pass { signals, behaviour, tape: &mut tape, logits: &mut logits };
            let running = Running::Read(&values.statistics);
            let prepared = Some(&self.prepared.blocks[..]);
            forward(context, running, &mut [pass], &mut scratch, prepared);
            each(context, from, signals, &logits, &tape);
        }
        self.scratch = scratch;
        self.lean.insert(0, tape);
    }

    /// Logits of any number of signals.
    pub(super) fn logits(&mut self, signals: &Matrix, weights: Weights) -> Matrix {
        let mut all = Matrix::zeros(signals.rows(), self.architecture.classes());
        self.infer_pieces(signals, weights, |_, from, _, logits, _| {
            for row in 0..logits.rows() {
                all.row_mut(from + row).copy_from_slice(logits.row(row));
            }
        });
        all
    }

    /// What enters the last linear layer.
    pub(super) fn activations(&mut self, signals: &Matrix, weights: Weights) -> Matrix {
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

    /// ∂logit of `class`/∂signals.
    pub(super) fn gradient(&mut self, signals: &Matrix, class: usize, weights: Weights) -> Matrix {
        assert_eq!(signals.cols(), self.input_length, "points of the signals");
        assert!(class < self.classes(), "class {class} of {}", self.classes());
        let length = self.input_length;
        let mut all = Matrix::zeros(signals.rows(), length);
        let mut tape = self.tapes.pop().unwrap_or_else(|| Tape::new(&self.plan, true));
        let mut workspace = self.workspaces.pop().unwrap_or_else(Workspace::new);
        let mut scratch = std::mem::replace(&mut self.scratch, Scratch::new());
        let values = self.values(weights);
        let context = Context { plan: &self.plan, isa: self.isa, weights: &values.weights };
        for from in (0..signals.rows()).step_by(PIECE) {
            let batch = PIECE.min(signals.rows() - from);
            let mut logits = Matrix::zeros(batch, self.architecture.classes());
            tape.reserve(&self.plan, batch);
            workspace.reserve(batch, self.plan.widest_gradient());
            scratch.reserve(self.plan.needs(batch, Purpose::Inference, true));
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
}
