//! A backward pass, block by block from the last.

use rayon::prelude::*;

use super::buffers::{Scratch, Tape};
use super::forward::{Behaviour, Context, activation};
use super::plan::Block;
use crate::Matrix;
use crate::kernels::conv;
use crate::kernels::normalize::{Deactivate, Scale, Unnormalize};

/// What a backward pass is for.
pub(super) enum Target<'a> {
    /// Adds ∂loss/∂weights here.
    Weights(&'a mut [f32]),
    /// Leaves ∂loss/∂signals in the workspace's input, padding included.
    Signals,
}

/// From ∂loss/∂logits through the retained `tape` of the pass that gave the logits.
///
/// `workspace` is a lean tape: its input memory holds ∂loss/∂x of the block at hand, its mapped
/// memory ∂loss/∂y.
pub(super) fn backward(
    context: Context<'_>,
    behaviour: Behaviour,
    tape: &Tape,
    workspace: &mut Tape,
    scratch: &mut Scratch,
    logits_gradient: &Matrix,
    mut target: Target<'_>,
) {
    let batch = logits_gradient.rows();
    if batch == 0 {
        return;
    }
    let (dx, dy) = workspace.pair();
    dx[..logits_gradient.as_slice().len()].copy_from_slice(logits_gradient.as_slice());
    // Padding of the block that ∂loss/∂x belongs to.
    let mut padding = 0;
    for (i, block) in context.plan.blocks.iter().enumerate().rev() {
        let dy = &mut dy[..batch * block.mapped_size()];
        deactivate(context, behaviour, tape, (i, block), (dx, padding), dy, scratch);
        unnormalize(context, behaviour, tape, (i, block), dy, scratch, &mut target);
        let x = tape.block(i).0;
        let wanted = i > 0 || matches!(target, Target::Signals);
        match &block.map {
            Some(map) => {
                if let Target::Weights(gradients) = &mut target {
                    let dw = &mut gradients[map.weight.clone()];
                    conv::backward_weights(map.geometry, (x, dy), dw, &mut scratch.maps);
                }
                if wanted {
                    let w = &context.weights[map.weight.clone()];
                    let dx = &mut dx[..batch * block.input_size()];
                    conv::backward_input(map.geometry, (dy, w), dx, &mut scratch.maps);
                }
            }
            None => dx[..dy.len()].copy_from_slice(dy),
        }
        padding = block.padding();
    }
}

/// ∂loss/∂x of the next block to ∂loss/∂u of this one, and both sums of every sample.
fn deactivate(
    Context { isa, .. }: Context<'_>,
    behaviour: Behaviour,
    tape: &Tape,
    (i, block): (usize, &Block),
    (dx, padding): (&[f32], usize),
    du: &mut [f32],
    scratch: &mut Scratch,
) {
    let channels = block.mapped.channels;
    let (_, y) = tape.block(i);
    let affine = &tape.affine[i];
    let inner = block.output.length * channels;
    let outer = inner + 2 * padding * channels;
    du.par_chunks_mut(block.mapped_size())
        .zip(y.par_chunks(block.mapped_size()))
        .zip(dx.par_chunks(outer))
        .zip(scratch.moments.par_chunks_mut(2 * channels))
        .enumerate()
        .for_each(|(n, (((du, y), dx), sums))| {
            isa.run(Deactivate {
                y,
                scale: &affine.scale,
                shift: &affine.shift,
                mean: &affine.mean,
                inverse_deviation: &affine.inverse_deviation,
                activation: activation(block, behaviour, n),
                dx: &dx[padding * channels..][..inner],
                du,
                sums,
            });
        });
}

/// ∂loss/∂u to ∂loss/∂y in place, and the gradients of batch norm or of the bias.
///
/// The gradient of a bias before a batch norm with the batch's statistics is exactly zero, as the
/// mean takes every bias away; it is left at zero here instead of at the rounding noise that a sum
/// would give, which Adam would blow up into steps of full length.
fn unnormalize(
    Context { isa, weights, .. }: Context<'_>,
    behaviour: Behaviour,
    tape: &Tape,
    (i, block): (usize, &Block),
    dy: &mut [f32],
    scratch: &Scratch,
    target: &mut Target<'_>,
) {
    let channels = block.mapped.channels;
    let size = block.mapped_size();
    let batch = dy.len() / size;
    let affine = &tape.affine[i];
    let total = |c: usize| {
        let sums = scratch.moments.chunks_exact(2 * channels).take(batch);
        sums.map(|sums| f64::from(sums[c])).sum::<f64>()
    };
    let Some(normalize) = &block.normalize else {
        if let (Some(map), Target::Weights(gradients)) = (&block.map, target) {
            for (c, gradient) in gradients[map.bias.clone()].iter_mut().enumerate() {
                *gradient += total(c) as f32;
            }
        }
        return;
    };
    if let Target::Weights(gradients) = target {
        for c in 0..channels {
            gradients[normalize.bias.start + c] += total(c) as f32;
            gradients[normalize.weight.start + c] += total(channels + c) as f32;
        }
    }
    match behaviour {
        Behaviour::Train { .. } => {
            let points = (batch * block.mapped.length) as f64;
            let offset: Vec<f32> = (0..channels).map(|c| (total(c) / points) as f32).collect();
            let slope: Vec<f32> = (0..channels)
                .map(|c| {
                    let inverse = f64::from(affine.inverse_deviation[c]);
                    (total(channels + c) / points * inverse) as f32
                })
                .collect();
            let (_, y) = tape.block(i);
            dy.par_chunks_mut(size).zip(y.par_chunks(size)).for_each(|(du, y)| {
                isa.run(Unnormalize {
                    y,
                    scale: &affine.scale,
                    mean: &affine.mean,
                    offset: &offset,
                    slope: &slope,
                    du,
                });
            });
        }
        Behaviour::Running => {
            if let (Some(map), Target::Weights(gradients)) = (&block.map, target) {
                let gamma = &weights[normalize.weight.clone()];
                for (c, gradient) in gradients[map.bias.clone()].iter_mut().enumerate() {
                    let scale = gamma[c] * affine.inverse_deviation[c];
                    *gradient += (total(c) * f64::from(scale)) as f32;
                }
            }
            dy.par_chunks_mut(size)
                .for_each(|values| isa.run(Scale { scale: &affine.scale, values }));
        }
    }
}
