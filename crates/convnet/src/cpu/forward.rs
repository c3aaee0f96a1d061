//! A forward pass, block by block.

use rayon::prelude::*;

use super::buffers::{Affine, Scratch, Tape};
use super::plan::{Block, Plan};
use crate::Matrix;
use crate::architecture::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM};
use crate::kernels::conv;
use crate::kernels::dropout::Mask;
use crate::kernels::isa::Isa;
use crate::kernels::normalize::{Activate, Activation, Moments};
use crate::optimizer::decimal;

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

/// The running side of batch norm, as a training pass moves it.
pub(super) struct Running<'a> {
    pub(super) statistics: &'a mut [f32],
    pub(super) batches: &'a mut [u64],
}

/// The engine as a pass sees it.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) plan: &'a Plan,
    pub(super) isa: Isa,
    pub(super) weights: &'a [f32],
}

/// Copies rows `from..from + batch` of the signals into the first block's padded input.
pub(super) fn take_signals(
    plan: &Plan,
    signals: &Matrix,
    from: usize,
    batch: usize,
    x: &mut [f32],
) {
    let (size, padding) = (plan.blocks[0].input_size(), plan.blocks[0].padding());
    for (i, x) in x.chunks_exact_mut(size).take(batch).enumerate() {
        x[..padding].fill(0.0);
        x[size - padding..].fill(0.0);
        x[padding..size - padding].copy_from_slice(signals.row(from + i));
    }
}

/// A pass with the batch's own statistics, which also moves the running ones; logits `(B, K)` into
/// `logits`. The signals are already in the tape.
pub(super) fn train(
    context: Context<'_>,
    mut running: Running<'_>,
    dropout_seed: u64,
    tape: &mut Tape,
    scratch: &mut Scratch,
    logits: &mut Matrix,
) {
    let batch = logits.rows();
    for (i, block) in context.plan.blocks.iter().enumerate() {
        map(context, block, i, batch, tape, scratch);
        if block.normalize.is_some() {
            batch_affine(
                context,
                block,
                batch,
                &scratch.moments,
                &mut running,
                &mut tape.affine[i],
            );
        } else {
            plain_affine(block, context.weights, &mut tape.affine[i]);
        }
        activate(context, i, Behaviour::Train { dropout_seed }, tape, logits);
    }
}

/// A pass with running statistics and without dropout; logits into `logits`.
pub(super) fn infer(
    context: Context<'_>,
    statistics: &[f32],
    tape: &mut Tape,
    scratch: &mut Scratch,
    logits: &mut Matrix,
) {
    for (i, block) in context.plan.blocks.iter().enumerate() {
        map(context, block, i, logits.rows(), tape, scratch);
        if block.normalize.is_some() {
            running_affine(block, context.weights, statistics, &mut tape.affine[i]);
        } else {
            plain_affine(block, context.weights, &mut tape.affine[i]);
        }
        activate(context, i, Behaviour::Running, tape, logits);
    }
}

/// The block's map without its bias, and the moments of what comes out where batch norm follows.
fn map(
    Context { isa, weights, .. }: Context<'_>,
    block: &Block,
    i: usize,
    batch: usize,
    tape: &mut Tape,
    scratch: &mut Scratch,
) {
    let (x, y) = tape.mapping(i);
    let y = &mut y[..batch * block.mapped_size()];
    let channels = 2 * block.mapped.channels;
    match &block.map {
        Some(map) => {
            let moments = block
                .normalize
                .is_some()
                .then(|| &mut scratch.moments[..batch * map.geometry.pieces() * channels]);
            let w = &weights[map.weight.clone()];
            conv::forward(isa, map.geometry, (x, w), y, moments, &mut scratch.maps);
        }
        None => {
            y.copy_from_slice(&x[..y.len()]);
            if block.normalize.is_some() {
                let samples = y.par_chunks(block.mapped_size());
                let moments = scratch.moments[..batch * channels].par_chunks_mut(channels);
                samples.zip(moments).for_each(|(rows, moments)| isa.run(Moments { rows, moments }));
            }
        }
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

/// Batch norm with the batch's statistics: joins the moments of all pieces in their order, in
/// double precision (Chan, Golub and LeVeque's update), and moves the running statistics by
/// `running ← 0.9 running + 0.1 batch`, the variance unbiased there as in PyTorch.
///
/// A batch norm over a single point, which PyTorch refuses, gives β here and a variance of 0.
fn batch_affine(
    context: Context<'_>,
    block: &Block,
    batch: usize,
    moments: &[f32],
    running: &mut Running<'_>,
    affine: &mut Affine,
) {
    let Some(normalize) = &block.normalize else { return };
    let channels = block.mapped.channels;
    let gamma = &context.weights[normalize.weight.clone()];
    let beta = &context.weights[normalize.bias.clone()];
    let bias = block.map.as_ref().map(|map| &context.weights[map.bias.clone()]);
    let (pieces, geometry) = match &block.map {
        Some(map) => (map.geometry.pieces(), Some(map.geometry)),
        None => (1, None),
    };
    let momentum = decimal(BATCH_NORM_MOMENTUM);
    let blend = |old: f32, new: f64| ((1.0 - momentum) * f64::from(old) + momentum * new) as f32;
    for c in 0..channels {
        let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
        for (i, piece) in moments.chunks_exact(2 * channels).take(batch * pieces).enumerate() {
            let points = match geometry {
                Some(geometry) => geometry.piece_length(i % pieces),
                None => block.mapped.length,
            } as f64;
            let total = count + points;
            let distance = f64::from(piece[c]) - mean;
            mean += distance * (points / total);
            squares +=
                f64::from(piece[channels + c]) + distance * distance * (count * points / total);
            count = total;
        }
        let variance = squares / f64::max(count, 1.0);
        let inverse = 1.0 / (variance + decimal(BATCH_NORM_EPSILON)).sqrt();
        set(affine, c, f64::from(gamma[c]), f64::from(beta[c]), mean, inverse);
        let unbiased = squares / f64::max(count - 1.0, 1.0);
        let shifted = mean + bias.map_or(0.0, |bias| f64::from(bias[c]));
        let old = &mut running.statistics[normalize.running_mean.start + c];
        *old = blend(*old, shifted);
        let old = &mut running.statistics[normalize.running_variance.start + c];
        *old = blend(*old, unbiased);
    }
    running.batches[normalize.counter] += 1;
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
    Activation { rectify: block.rectify, pool: block.pool, mask }
}

/// The rest of the block, into the next block's padded input or into the logits.
fn activate(
    Context { plan, isa, .. }: Context<'_>,
    i: usize,
    behaviour: Behaviour,
    tape: &mut Tape,
    logits: &mut Matrix,
) {
    let block = &plan.blocks[i];
    let pass = |n: usize, y: &[f32], affine: &Affine, x: &mut [f32], padding: usize| {
        let activation = activation(block, behaviour, n);
        let (scale, shift) = (&affine.scale[..], &affine.shift[..]);
        isa.run(Activate { y, scale, shift, activation, x, padding });
    };
    let batch = logits.rows();
    if let Some(next) = plan.blocks.get(i + 1) {
        let (y, x, affine) = tape.activating(i);
        let x = x[..batch * next.input_size()].par_chunks_mut(next.input_size());
        let samples = y.par_chunks(block.mapped_size()).zip(x).enumerate();
        samples.for_each(|(n, (y, x))| pass(n, y, affine, x, next.padding()));
    } else {
        let (_, y) = tape.block(i);
        let affine = &tape.affine[i];
        let size = block.mapped_size();
        for n in 0..batch {
            pass(n, &y[n * size..][..size], affine, logits.row_mut(n), 0);
        }
    }
}
