//! Backward passes, block by block from the last, all streams through a block before the next one.

use super::buffers::{Scratch, Tape};
use super::forward::{Behaviour, Context, activation};
use super::plan::Block;
use crate::kernels::conv::InputTarget;
use crate::kernels::memory::{Buffer, in_pool, spread_rows};
use crate::kernels::normalize::Deactivate;
use crate::kernels::rows::{Gradient, Strip};
use crate::kernels::stage::Stage;

/// What a backward pass is for.
pub(super) enum Target<'a> {
    /// Adds ∂loss/∂weights here.
    Weights(&'a mut [f32]),
    /// Leaves ∂loss/∂signals in the workspace.
    Signals,
}

/// Room for the gradients of two neighbours, and what is known of the one at hand.
pub(super) struct Workspace {
    /// ∂loss/∂x of a block's output, or ∂loss/∂u where the block is fused with the next.
    pub(super) gradient: Buffer,
    pub(super) other: Buffer,
    /// `[Σ ∂u | Σ ∂u · (y − mean)]` of a fused block.
    sums: Vec<f64>,
}

impl Workspace {
    pub(super) fn new() -> Self {
        Self { gradient: Buffer::empty(), other: Buffer::empty(), sums: Vec::new() }
    }

    /// Makes room for a batch of samples of at most `size` values.
    pub(super) fn reserve(&mut self, batch: usize, size: usize) {
        self.gradient.reserve(batch * size);
        self.other.reserve(batch * size);
    }
}

/// One backward pass.
pub(super) struct Backpass<'a> {
    /// The signals of the forward pass.
    pub(super) signals: &'a [f32],
    pub(super) behaviour: Behaviour,
    /// The retained tape of the forward pass.
    pub(super) tape: &'a Tape,
    pub(super) batch: usize,
    /// Its gradient holds ∂loss/∂logits, `(B, K)`, at first.
    pub(super) workspace: &'a mut Workspace,
}

/// From ∂loss/∂logits of all passes, of one behaviour, to the target.
pub(super) fn backward(
    context: Context<'_>,
    passes: &mut [Backpass<'_>],
    scratch: &mut Scratch,
    target: Target<'_>,
) {
    in_pool(|| blocks(context, passes, scratch, target));
}

fn blocks(
    context: Context<'_>,
    passes: &mut [Backpass<'_>],
    scratch: &mut Scratch,
    mut target: Target<'_>,
) {
    let Some(purpose) = passes.first().map(|pass| pass.behaviour.purpose()) else { return };
    passes.iter_mut().for_each(|pass| spread_logits(context, pass));
    for (i, block) in context.plan.blocks.iter().enumerate().rev() {
        let wanted = i > 0 || matches!(target, Target::Signals);
        if let (Some(map), true) = (&block.map, wanted) {
            let weights = &context.weights[map.weight.clone()];
            let Scratch { prepared, maps, .. } = scratch;
            map.conv(purpose).prepare_backward(context.isa, weights, prepared, maps);
        }
        for pass in &mut *passes {
            if !block.fused {
                deactivate(context, i, pass, scratch);
            }
            let numbers = normalize(context, i, pass, &mut target);
            map(context, i, pass, &numbers, scratch, (&mut target, wanted));
        }
    }
}

/// The logits' gradient as a gradient of padded rows.
fn spread_logits(context: Context<'_>, pass: &mut Backpass<'_>) {
    let (classes, lanes) = (context.plan.last().mapped.channels, context.plan.last().lanes());
    let gradient = &mut pass.workspace.gradient;
    for n in (0..pass.batch).rev() {
        gradient.copy_within(n * classes..(n + 1) * classes, n * lanes);
        gradient[n * lanes + classes..(n + 1) * lanes].fill(0.0);
    }
}

/// ∂loss/∂x of the next block to ∂loss/∂u of this one, and its sums.
fn deactivate(context: Context<'_>, i: usize, pass: &mut Backpass<'_>, scratch: &mut Scratch) {
    let block = &context.plan.blocks[i];
    let Backpass { behaviour, tape, batch, ref mut workspace, .. } = *pass;
    let lanes = block.lanes();
    let (size, outer, sums) = (block.mapped_size(), block.output.length * lanes, 2 * lanes);
    let (y, affine) = (tape.mapped(i), &tape.affine[i]);
    let dx = &workspace.gradient[..batch * outer];
    spread_rows(
        batch,
        (&mut workspace.other, size),
        (&mut scratch.records, sums),
        (&mut scratch.maps, sums),
        |n, du, sums, partial| {
            context.isa.run(Deactivate {
                y: &y[n * size..][..size],
                scale: &affine.scale,
                shift: &affine.shift,
                mean: &affine.mean,
                activation: activation(block, behaviour, n),
                dx: &dx[n * outer..][..outer],
                du,
                sums,
                partial,
            });
        },
    );
    join(&scratch.records[..batch * sums], sums, &mut workspace.sums);
    std::mem::swap(&mut workspace.gradient, &mut workspace.other);
}

/// Adds up records in their order.
fn join(records: &[f64], size: usize, sums: &mut Vec<f64>) {
    sums.clear();
    sums.resize(size, 0.0);
    for record in records.chunks_exact(size) {
        for (sum, value) in sums.iter_mut().zip(record) {
            *sum += value;
        }
    }
}

/// `dy = slope · du + tilt · y + offset`, per channel.
struct Numbers {
    slope: Vec<f32>,
    tilt: Vec<f32>,
    offset: Vec<f32>,
}

/// What batch norm's backward pass multiplies by, and the gradients of batch norm or of the bias:
///
/// ```text
/// dy = scale · (du − mean(du) − ŷ · mean(du · ŷ)),   ŷ = (y − mean)/deviation
/// ```
///
/// The gradient of a bias before a batch norm with the batch's statistics is exactly zero, as the
/// mean takes every bias away; it is left at zero here instead of at the rounding noise that a sum
/// would give, which Adam would blow up into steps of full length.
fn normalize(
    context: Context<'_>,
    i: usize,
    pass: &Backpass<'_>,
    target: &mut Target<'_>,
) -> Numbers {
    let block = &context.plan.blocks[i];
    let (lanes, affine, sums) = (block.lanes(), &pass.tape.affine[i], &pass.workspace.sums);
    let (plain, weighted) = sums.split_at(lanes);
    let mut numbers =
        Numbers { slope: affine.scale.clone(), tilt: vec![0.0; lanes], offset: vec![0.0; lanes] };
    let inverse = |c: usize| f64::from(affine.inverse_deviation[c]);
    if let Target::Weights(gradients) = target {
        let bias = block.map.as_ref().map(|map| map.bias.clone());
        match (&block.normalize, bias, pass.behaviour) {
            (Some(normalize), bias, behaviour) => {
                for c in 0..lanes {
                    gradients[normalize.bias.start + c] += plain[c] as f32;
                    gradients[normalize.weight.start + c] += (weighted[c] * inverse(c)) as f32;
                }
                if let (Some(bias), Behaviour::Running) = (bias, behaviour) {
                    for c in 0..lanes {
                        let scale = f64::from(affine.scale[c]);
                        gradients[bias.start + c] += (plain[c] * scale) as f32;
                    }
                }
            }
            (None, Some(bias), _) => {
                for (gradient, sum) in gradients[bias].iter_mut().zip(plain) {
                    *gradient += *sum as f32;
                }
            }
            (None, None, _) => {}
        }
    }
    if let (Some(_), Behaviour::Train { .. }) = (&block.normalize, pass.behaviour) {
        let points = (pass.batch * block.mapped.length) as f64;
        for c in 0..lanes {
            let scale = f64::from(affine.scale[c]);
            let tilt = -scale * inverse(c) * inverse(c) * weighted[c] / points;
            numbers.tilt[c] = tilt as f32;
            let mean = f64::from(affine.mean[c]);
            numbers.offset[c] = (-scale * plain[c] / points - tilt * mean) as f32;
        }
    }
    numbers
}

/// Through the map: the gradient of its weights, and that of its input where wanted.
fn map(
    context: Context<'_>,
    i: usize,
    pass: &mut Backpass<'_>,
    numbers: &Numbers,
    scratch: &mut Scratch,
    (target, wanted): (&mut Target<'_>, bool),
) {
    let Context { plan, isa, weights } = context;
    let block: &Block = &plan.blocks[i];
    let Backpass { signals, tape, batch, ref mut workspace, .. } = *pass;
    let Workspace { gradient: du, other, sums } = &mut **workspace;
    let gradient = Gradient {
        du: &du[..batch * block.mapped_size()],
        y: tape.mapped(i),
        slope: &numbers.slope,
        tilt: &numbers.tilt,
        offset: &numbers.offset,
    };
    let dx = &mut other[..batch * block.input_size()];
    let Some(map) = &block.map else {
        // Block by block; the first one's rows are a signal, which has one channel.
        let strip = Strip {
            length: batch * block.mapped.length,
            channels: block.lanes(),
            stride: 1,
            padding: 0,
        };
        if block.input_lanes == block.lanes() {
            isa.run(Stage { reading: gradient, strip, sample: 0, before: 0, to: dx });
        } else {
            for (row, dx) in dx.chunks_exact_mut(block.input_lanes).enumerate() {
                let at = row * block.lanes();
                for (c, dx) in dx.iter_mut().enumerate() {
                    *dx = numbers.slope[c] * gradient.du[at + c]
                        + numbers.tilt[c] * gradient.y[at + c]
                        + numbers.offset[c];
                }
            }
        }
        std::mem::swap(du, other);
        return;
    };
    let dw = match target {
        Target::Weights(gradients) => Some(&mut gradients[map.weight.clone()]),
        Target::Signals => None,
    };
    let input = context.input(i, signals, tape);
    let fused = i > 0 && plan.blocks[i - 1].fused;
    let below = fused.then(|| (&tape.affine[i - 1].mean[..], &mut scratch.records[..]));
    let dx = wanted.then_some(InputTarget { dx, below });
    let weights = (&weights[map.weight.clone()], &scratch.prepared[..]);
    let conv = map.conv(pass.behaviour.purpose());
    let records = conv.backward(isa, (input, gradient), weights, dw, dx, &mut scratch.maps);
    if fused {
        let size = 2 * block.input_lanes;
        join(&scratch.records[..records * size], size, sums);
    }
    std::mem::swap(du, other);
}
