//! Memory of the passes: allocated for the largest batch seen, reused after.

use super::backward::Workspace;
use super::plan::{Block, Plan};
use crate::kernels::conv::{Needs, Purpose};
use crate::kernels::memory::Buffer;

/// Activations of one pass through all blocks.
///
/// A retained tape keeps every block's mapped output, and its input where the block before does
/// not leave that to it, for the backward pass. A lean one has two memories for mapped outputs, of
/// blocks at even and at odd places, and one for inputs, as a block needs only its own and the one
/// before.
#[derive(Default)]
pub(super) struct Tape {
    retained: bool,
    capacity: usize,
    inputs: Vec<Buffer>,
    mapped: Vec<Buffer>,
    pub(super) affine: Vec<Affine>,
}

/// Batch norm of one pass as an affine map, per channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Affine {
    /// γ/deviation, or 1.
    pub(super) scale: Vec<f32>,
    /// β − mean · scale, or the map's bias.
    pub(super) shift: Vec<f32>,
    /// Mean that was subtracted.
    pub(super) mean: Vec<f32>,
    /// 1/deviation that was multiplied by.
    pub(super) inverse_deviation: Vec<f32>,
}

impl Tape {
    /// A tape without memory.
    pub(super) fn new(plan: &Plan, retained: bool) -> Self {
        let affine = |block: &Block| {
            let zeros = vec![0.0; block.lanes()];
            Affine {
                scale: zeros.clone(),
                shift: zeros.clone(),
                mean: zeros.clone(),
                inverse_deviation: zeros,
            }
        };
        let sizes = Self::sizes(plan, retained);
        Self {
            retained,
            capacity: 0,
            inputs: sizes.0.iter().map(|_| Buffer::empty()).collect(),
            mapped: sizes.1.iter().map(|_| Buffer::empty()).collect(),
            affine: plan.blocks.iter().map(affine).collect(),
        }
    }

    /// Values of a sample in the memories of inputs and of mapped outputs.
    fn sizes(plan: &Plan, retained: bool) -> (Vec<usize>, Vec<usize>) {
        if !retained {
            return (vec![plan.widest_input()], vec![plan.widest_mapped(0), plan.widest_mapped(1)]);
        }
        let input = |i: usize| match i.checked_sub(1).map(|before| plan.blocks[before].fused) {
            Some(false) => plan.blocks[i].input_size(),
            // The signals themselves, or what the block before has mapped.
            None | Some(true) => 0,
        };
        let inputs = (0..plan.blocks.len()).map(input).collect();
        (inputs, plan.blocks.iter().map(Block::mapped_size).collect())
    }

    /// Values of a sample in all memories.
    pub(super) fn sample(plan: &Plan, retained: bool) -> usize {
        let (inputs, mapped) = Self::sizes(plan, retained);
        inputs.iter().chain(&mapped).sum()
    }

    /// Makes room for a batch.
    pub(super) fn reserve(&mut self, plan: &Plan, batch: usize) {
        if batch <= self.capacity {
            return;
        }
        self.capacity = batch;
        let (inputs, mapped) = Self::sizes(plan, self.retained);
        let memories = self.inputs.iter_mut().chain(&mut self.mapped);
        for (memory, size) in memories.zip(inputs.into_iter().chain(mapped)) {
            memory.reserve(batch * size);
        }
    }

    /// Input of block `i`, where it has a memory.
    pub(super) fn input(&self, i: usize) -> &[f32] {
        &self.inputs[if self.retained { i } else { 0 }]
    }

    /// Mapped output of block `i`.
    pub(super) fn mapped(&self, i: usize) -> &[f32] {
        &self.mapped[if self.retained { i } else { i % 2 }]
    }

    /// Takes the memory of block `i`'s input or mapped output out, to be written while others are
    /// read; [`put_back`](Self::put_back) returns it.
    pub(super) fn take(&mut self, part: Part, i: usize) -> Buffer {
        std::mem::replace(self.memory(part, i), Buffer::empty())
    }

    pub(super) fn put_back(&mut self, part: Part, i: usize, memory: Buffer) {
        *self.memory(part, i) = memory;
    }

    /// Exchanges the memories of mapped outputs of a lean tape with those of gradients.
    pub(super) fn exchange(&mut self, workspace: &mut Workspace) {
        if let ([first, second], false) = (&mut self.mapped[..], self.retained) {
            std::mem::swap(first, &mut workspace.gradient);
            std::mem::swap(second, &mut workspace.other);
        }
        // What there is now may be smaller or larger.
        self.capacity = 0;
    }

    fn memory(&mut self, part: Part, i: usize) -> &mut Buffer {
        match (part, self.retained) {
            (Part::Input, true) => &mut self.inputs[i],
            (Part::Input, false) => &mut self.inputs[0],
            (Part::Mapped, true) => &mut self.mapped[i],
            (Part::Mapped, false) => &mut self.mapped[i % 2],
        }
    }
}

/// Which memory of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Input,
    Mapped,
}

/// Memory that no pass leaves anything in.
pub(super) struct Scratch {
    /// Moments and sums of pieces.
    pub(super) records: Vec<f64>,
    /// Partial results of the maps.
    pub(super) maps: Buffer,
    /// Weights of the map at hand, as its algorithm reads them.
    pub(super) prepared: Buffer,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { records: Vec::new(), maps: Buffer::empty(), prepared: Buffer::empty() }
    }

    /// Makes room.
    pub(super) fn reserve(&mut self, needs: Needs) {
        if self.records.len() < needs.records {
            self.records = vec![0.0; needs.records];
        }
        self.maps.reserve(needs.scratch);
        self.prepared.reserve(needs.prepared);
    }
}

/// Bytes of a network that learns from streams of these sizes, `(rows, gradient)`.
pub(super) fn predicted_bytes(plan: &Plan, streams: &[(usize, bool)]) -> usize {
    let values = |sizes: &[usize]| sizes.iter().fold(0usize, |sum, &size| sum.saturating_add(size));
    // Weights, gradients, two moments, average.
    let weights = plan.parameters.weights().saturating_mul(5);
    let (mut tapes, mut needs) = (0usize, Needs::default());
    let (mut lean, mut gradients) = (Vec::new(), Vec::new());
    for &(batch, gradient) in streams {
        needs = needs.or_larger(plan.needs(batch, Purpose::Training, gradient));
        if gradient {
            tapes = tapes.saturating_add(Tape::sample(plan, true).saturating_mul(batch));
            gradients.push(batch);
        } else {
            lean.push(batch);
        }
    }
    // The gradients of two neighbouring blocks, or the mapped outputs of a pass without gradient.
    let pairs = gradients.len().max(lean.len());
    gradients.reverse();
    for i in 0..pairs {
        let size = |batches: &[usize]| batches.get(i).copied().unwrap_or(0);
        let batch = size(&lean).max(size(&gradients));
        let inputs = plan.widest_input().saturating_mul(size(&lean));
        let pair = (2 * plan.widest_gradient()).saturating_mul(batch);
        tapes = tapes.saturating_add(inputs).saturating_add(pair);
    }
    values(&[weights, tapes, needs.scratch, needs.prepared, needs.records.saturating_mul(2)])
        .saturating_mul(size_of::<f32>())
}
