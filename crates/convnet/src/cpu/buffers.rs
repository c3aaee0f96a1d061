//! Memory of the passes: allocated for the largest batch seen, reused after.

use super::plan::{Block, Plan};

/// Activations of one pass through all blocks.
///
/// A retained tape keeps every block's input and mapped output for the backward pass. A lean one
/// has one memory for all inputs and one for all outputs, as a block needs only its own; the
/// backward pass uses such a pair for its gradients.
pub(super) struct Tape {
    retained: bool,
    capacity: usize,
    inputs: Vec<Vec<f32>>,
    mapped: Vec<Vec<f32>>,
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
        let slots = if retained { plan.blocks.len() } else { 1 };
        let affine = |block: &Block| {
            let zeros = vec![0.0; block.mapped.channels];
            Affine {
                scale: zeros.clone(),
                shift: zeros.clone(),
                mean: zeros.clone(),
                inverse_deviation: zeros,
            }
        };
        Self {
            retained,
            capacity: 0,
            inputs: vec![Vec::new(); slots],
            mapped: vec![Vec::new(); slots],
            affine: plan.blocks.iter().map(affine).collect(),
        }
    }

    /// Makes room for a batch.
    pub(super) fn reserve(&mut self, plan: &Plan, batch: usize) {
        if batch <= self.capacity {
            return;
        }
        self.capacity = batch;
        let sizes: Vec<(usize, usize)> = if self.retained {
            plan.blocks.iter().map(|block| (block.input_size(), block.mapped_size())).collect()
        } else {
            vec![(plan.widest_input(), plan.widest_mapped())]
        };
        for ((input, mapped), sizes) in self.inputs.iter_mut().zip(&mut self.mapped).zip(sizes) {
            // Dropped before the larger one is taken.
            (*input, *mapped) = (Vec::new(), Vec::new());
            (*input, *mapped) = (vec![0.0; batch * sizes.0], vec![0.0; batch * sizes.1]);
        }
    }

    fn slot(&self, block: usize) -> usize {
        if self.retained { block } else { 0 }
    }

    /// Input and mapped output of block `i`, whole memories.
    pub(super) fn block(&self, i: usize) -> (&[f32], &[f32]) {
        let slot = self.slot(i);
        (&self.inputs[slot], &self.mapped[slot])
    }

    /// Input (read) and mapped output (written) of block `i`.
    pub(super) fn mapping(&mut self, i: usize) -> (&[f32], &mut [f32]) {
        let slot = self.slot(i);
        (&self.inputs[slot], &mut self.mapped[slot])
    }

    /// Mapped output of block `i` (read) and input of the next (written).
    pub(super) fn activating(&mut self, i: usize) -> (&[f32], &mut [f32], &Affine) {
        let (from, to) = (self.slot(i), self.slot(i + 1));
        (&self.mapped[from], &mut self.inputs[to], &self.affine[i])
    }

    /// Input memory of block `i`, to be written.
    pub(super) fn input_mut(&mut self, i: usize) -> &mut [f32] {
        let slot = self.slot(i);
        &mut self.inputs[slot]
    }

    /// Both memories of a lean tape: room for an input's and a mapped output's gradient.
    pub(super) fn pair(&mut self) -> (&mut [f32], &mut [f32]) {
        (&mut self.inputs[0], &mut self.mapped[0])
    }
}

/// Memory that no pass leaves anything in.
#[derive(Default)]
pub(super) struct Scratch {
    /// Moments and sums of pieces.
    pub(super) moments: Vec<f32>,
    /// Partial results of the maps.
    pub(super) maps: Vec<f32>,
}

impl Scratch {
    /// Makes room for a batch.
    pub(super) fn reserve(&mut self, plan: &Plan, batch: usize) {
        grow(&mut self.moments, plan.moments(batch));
        grow(&mut self.maps, plan.scratch(batch));
    }
}

fn grow(values: &mut Vec<f32>, length: usize) {
    if values.len() < length {
        *values = Vec::new();
        *values = vec![0.0; length];
    }
}

/// Bytes of a network that learns from streams of these sizes, all with a gradient: an upper bound.
pub(super) fn predicted_bytes(plan: &Plan, streams: &[usize]) -> usize {
    let per_sample: usize =
        plan.blocks.iter().map(|block| block.input_size() + block.mapped_size()).sum();
    let largest = streams.iter().copied().max().unwrap_or(0);
    // Weights, gradients, two moments, average.
    let weights = plan.parameters.weights().saturating_mul(5);
    let tapes = streams
        .iter()
        .fold(0usize, |sum, &batch| sum.saturating_add(per_sample.saturating_mul(batch)));
    let pair = (plan.widest_input() + plan.widest_mapped()).saturating_mul(largest);
    let scratch = plan.moments(largest).saturating_add(plan.scratch(largest));
    [weights, tapes, pair, scratch]
        .into_iter()
        .fold(0usize, usize::saturating_add)
        .saturating_mul(size_of::<f32>())
}
