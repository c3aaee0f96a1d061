//! Forward passes, block by block: all streams of a step go through a block before the next one,
//! so that its weights are prepared once.

use rayon::prelude::*;

use super::buffers::{Affine, Part, Scratch, Tape};
use super::plan::{Block, Plan};
use crate::Matrix;
use crate::architecture::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM};
use crate::kernels::conv::Purpose;
use crate::kernels::dropout::Mask;
use crate::kernels::isa::Isa;
use crate::kernels::memory::{Buffer, awake, in_pool, spread_pieces};
use crate::kernels::normalize::{Activate, Activation};
use crate::kernels::rows::Input;
use crate::kernels::stage::Moments;
use crate::optimizer::decimal;

/// Positions of a piece of what follows a map.
const POSITIONS: usize = 128;

/// What batch norm and dropout do in a pass.
#[derive(Clone, Copy, Debug)]
pub(super) enum Behaviour {
    /// Running statistics, no dropout.
    Running,
    /// The batch's statistics, dropout by this seed.
    Train {
        /// Seed of the masks.
        dropout_seed: u64,
    },
}

impl Behaviour {
    /// What maps are for in such a pass.
    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::Running => Purpose::Inference,
            Self::Train { .. } => Purpose::Training,
        }
    }
}

/// The running side of batch norm.
pub(super) enum Running<'a> {
    /// As passes with running statistics read it.
    Read(&'a [f32]),
    /// As training passes move it.
    Move {
        /// Mean and variance of every batch norm.
        statistics: &'a mut [f32],
        /// Batches that each has learnt from.
        batches: &'a mut [u64],
    },
}

/// The engine as a pass sees it.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) plan: &'a Plan,
    pub(super) isa: Isa,
    pub(super) weights: &'a [f32],
}

/// One pass through all blocks.
pub(super) struct Pass<'a> {
    /// `(B, L)`, row after row.
    pub(super) signals: &'a [f32],
    pub(super) behaviour: Behaviour,
    pub(super) tape: &'a mut Tape,
    /// `(B, K)`, written.
    pub(super) logits: &'a mut Matrix,
}

impl Context<'_> {
    /// What the map of block `i` reads.
    pub(super) fn input<'b>(self, i: usize, signals: &'b [f32], tape: &'b Tape) -> Input<'b>
    where
        Self: 'b,
    {
        let lanes = self.plan.blocks[i].input_lanes;
        let (scale, shift) = (&self.plan.identity.0[..lanes], &self.plan.identity.1[..lanes]);
        let as_it_is = |values| Input { values, scale, shift, floor: f32::NEG_INFINITY };
        let Some(before) = i.checked_sub(1) else { return as_it_is(signals) };
        let block = &self.plan.blocks[before];
        if !block.fused {
            return as_it_is(tape.input(i));
        }
        let Affine { scale, shift, .. } = &tape.affine[before];
        let floor = if block.rectify { 0.0 } else { f32::NEG_INFINITY };
        Input { values: tape.mapped(before), scale, shift, floor }
    }
}

/// All passes, of one behaviour, through all blocks. `prepared` are the weights as the maps read them,
/// where the caller keeps them.
pub(super) fn forward(
    context: Context<'_>,
    running: Running<'_>,
    passes: &mut [Pass<'_>],
    scratch: &mut Scratch,
    prepared: Option<&[Buffer]>,
) {
    match running {
        Running::Read(_) => awake(|| blocks(context, running, passes, scratch, prepared)),
        Running::Move { .. } => in_pool(|| blocks(context, running, passes, scratch, prepared)),
    }
}

fn blocks(
    context: Context<'_>,
    mut running: Running<'_>,
    passes: &mut [Pass<'_>],
    scratch: &mut Scratch,
    prepared: Option<&[Buffer]>,
) {
    for i in 0..context.plan.blocks.len() {
        block(context, i, &mut running, passes, scratch, prepared);
    }
}

/// All passes through one block.
pub(super) fn block(
    context: Context<'_>,
    i: usize,
    running: &mut Running<'_>,
    passes: &mut [Pass<'_>],
    scratch: &mut Scratch,
    prepared: Option<&[Buffer]>,
) {
    let Context { plan, isa, weights } = context;
    let block = &plan.blocks[i];
    let Some(purpose) = passes.first().map(|pass| pass.behaviour.purpose()) else { return };
    if let (Some(map), None) = (&block.map, prepared) {
        map.conv(purpose).prepare(isa, &weights[map.weight.clone()], &mut scratch.prepared);
    }
    for pass in &mut *passes {
        if pass.logits.rows() == 0 {
            continue;
        }
        let records = map(context, i, pass, scratch, prepared);
        let affine = &mut pass.tape.affine[i];
        match (&mut *running, &block.normalize) {
            (_, None) => plain_affine(block, weights, affine),
            (Running::Read(statistics), Some(_)) => {
                running_affine(block, weights, statistics, affine);
            }
            (Running::Move { statistics, batches }, Some(_)) => {
                let records = &scratch.records[..records * (1 + 2 * block.lanes())];
                batch_affine(context, block, records, (statistics, batches), affine);
            }
        }
        activate(context, i, pass);
    }
}

/// The block's map without its bias, and the number of records of what comes out.
fn map(
    context: Context<'_>,
    i: usize,
    pass: &mut Pass<'_>,
    scratch: &mut Scratch,
    prepared: Option<&[Buffer]>,
) -> usize {
    let Context { plan, isa, weights } = context;
    let block = &plan.blocks[i];
    let batch = pass.logits.rows();
    let mut memory = pass.tape.take(Part::Mapped, i);
    let y = &mut memory[..batch * block.mapped_size()];
    let input = context.input(i, pass.signals, pass.tape);
    let learns = block.normalize.is_some() && matches!(pass.behaviour, Behaviour::Train { .. });
    let records = match &block.map {
        Some(map) => {
            let plain = &weights[map.weight.clone()];
            let prepared = prepared.map_or(&scratch.prepared[..], |all| &all[i][..]);
            let records = learns.then_some(&mut scratch.records[..]);
            let conv = map.conv(pass.behaviour.purpose());
            conv.forward(isa, input, (plain, prepared), y, records, &mut scratch.maps)
        }
        None => {
            widen(input.values, block.input_lanes, y, block.lanes());
            if learns {
                let (size, record) = (block.mapped_size(), 1 + 2 * block.lanes());
                let records = scratch.records[..batch * record].par_chunks_mut(record);
                y.par_chunks(size)
                    .zip(records)
                    .for_each(|(rows, record)| isa.run(Moments { rows, record }));
            }
            batch
        }
    };
    pass.tape.put_back(Part::Mapped, i, memory);
    records
}

/// Copies rows into wider rows, filled up with zeros.
fn widen(from: &[f32], lanes: usize, to: &mut [f32], wide: usize) {
    for (from, to) in from.chunks_exact(lanes).zip(to.chunks_exact_mut(wide)) {
        to[..lanes].copy_from_slice(from);
        to[lanes..].fill(0.0);
    }
}

/// No batch norm: the map's bias is the shift.
fn plain_affine(block: &Block, weights: &[f32], affine: &mut Affine) {
    affine.scale.fill(1.0);
    match &block.map {
        Some(map) => affine.shift.copy_from_slice(&weights[map.bias.clone()]),
        None => affine.shift.fill(0.0),
    }
}

/// Batch norm with running statistics, the map's bias folded in.
fn running_affine(block: &Block, weights: &[f32], statistics: &[f32], affine: &mut Affine) {
    let Some(normalize) = &block.normalize else { return };
    let gamma = &weights[normalize.weight.clone()];
    let beta = &weights[normalize.bias.clone()];
    let mean = &statistics[normalize.running_mean.clone()];
    let variance = &statistics[normalize.running_variance.clone()];
    let bias = block.map.as_ref().map(|map| &weights[map.bias.clone()]);
    for c in 0..gamma.len() {
        let inverse = 1.0 / (f64::from(variance[c]) + f64::from(BATCH_NORM_EPSILON)).sqrt();
        let mean = f64::from(mean[c]) - bias.map_or(0.0, |bias| f64::from(bias[c]));
        set(affine, c, f64::from(gamma[c]), f64::from(beta[c]), mean, inverse);
    }
}

/// Batch norm with the batch's statistics: joins the records `[count | mean | squared deviations]`
/// of all pieces in their order (Chan, Golub and LeVeque's update), and moves the running
/// statistics by `running ← 0.9 running + 0.1 batch`, the variance unbiased there as in PyTorch.
///
/// A batch norm over a single point, which PyTorch refuses, gives β here and a variance of 0.
fn batch_affine(
    context: Context<'_>,
    block: &Block,
    records: &[f64],
    (statistics, batches): (&mut [f32], &mut [u64]),
    affine: &mut Affine,
) {
    let Some(normalize) = &block.normalize else { return };
    let channels = block.lanes();
    let gamma = &context.weights[normalize.weight.clone()];
    let beta = &context.weights[normalize.bias.clone()];
    let bias = block.map.as_ref().map(|map| &context.weights[map.bias.clone()]);
    let (mut count, mut means, mut squares) = (0.0, vec![0.0; channels], vec![0.0; channels]);
    for record in records.chunks_exact(1 + 2 * channels) {
        let (points, new) = (record[0], &record[1..]);
        if points == 0.0 {
            continue;
        }
        let share = points / (count + points);
        let weight = count * share;
        let channels = means.iter_mut().zip(&mut squares).zip(new).zip(&new[channels..]);
        for (((mean, squares), new), deviations) in channels {
            let distance = new - *mean;
            *mean += distance * share;
            *squares += deviations + distance * distance * weight;
        }
        count += points;
    }
    let momentum = decimal(BATCH_NORM_MOMENTUM);
    let blend = |old: f32, new: f64| ((1.0 - momentum) * f64::from(old) + momentum * new) as f32;
    for c in 0..channels {
        let (mean, squares) = (means[c], squares[c]);
        let variance = squares / f64::max(count, 1.0);
        let inverse = 1.0 / (variance + decimal(BATCH_NORM_EPSILON)).sqrt();
        set(affine, c, f64::from(gamma[c]), f64::from(beta[c]), mean, inverse);
        let unbiased = squares / f64::max(count - 1.0, 1.0);
        let shifted = mean + bias.map_or(0.0, |bias| f64::from(bias[c]));
        let old = &mut statistics[normalize.running_mean.start + c];
        *old = blend(*old, shifted);
        let old = &mut statistics[normalize.running_variance.start + c];
        *old = blend(*old, unbiased);
    }
    batches[normalize.counter] += 1;
}

fn set(affine: &mut Affine, c: usize, gamma: f64, beta: f64, mean: f64, inverse: f64) {
    affine.scale[c] = (gamma * inverse) as f32;
    affine.shift[c] = (beta - mean * gamma * inverse) as f32;
    affine.mean[c] = mean as f32;
    affine.inverse_deviation[c] = inverse as f32;
}

/// What follows the affine map of a block for one sample.
pub(super) fn activation(block: &Block, behaviour: Behaviour, sample: usize) -> Activation {
    let mask = match (behaviour, block.dropout) {
        (Behaviour::Train { dropout_seed }, Some(dropout)) if dropout.rate > 0.0 => {
            Some(Mask::new(dropout_seed, dropout.layer, sample, dropout.rate))
        }
        _ => None,
    };
    let channels = block.mapped.channels;
    Activation { rectify: block.rectify, pool: block.pool, mask, channels }
}

/// The rest of the block, into the next block's input or into the logits.
fn activate(Context { plan, isa, .. }: Context<'_>, i: usize, pass: &mut Pass<'_>) {
    let block = &plan.blocks[i];
    if block.fused {
        return;
    }
    let (size, lanes) = (block.mapped_size(), block.lanes());
    let one = |n: usize, first: usize, y: &[f32], affine: &Affine, behaviour, x: &mut [f32]| {
        let activation = activation(block, behaviour, n);
        let (scale, shift) = (&affine.scale[..], &affine.shift[..]);
        let y = &y[n * size..][..size];
        isa.run(Activate { y, first, scale, shift, activation, x });
    };
    let (batch, behaviour) = (pass.logits.rows(), pass.behaviour);
    if let Some(next) = plan.blocks.get(i + 1) {
        let mut memory = pass.tape.take(Part::Input, i + 1);
        let size = next.input_size();
        let (y, affine) = (pass.tape.mapped(i), &pass.tape.affine[i]);
        spread_pieces(&mut memory[..batch * size], size, POSITIONS * lanes, |n, piece, x| {
            one(n, piece * POSITIONS, y, affine, behaviour, x);
        });
        pass.tape.put_back(Part::Input, i + 1, memory);
    } else {
        let mut row = vec![0.0; block.output.length * lanes];
        for n in 0..batch {
            one(n, 0, pass.tape.mapped(i), &pass.tape.affine[i], behaviour, &mut row);
            let logits = pass.logits.row_mut(n);
            logits.copy_from_slice(&row[..logits.len()]);
        }
    }
}
