//! What lies between two maps where it cannot be done on the way: batch norm as an affine map,
//! ReLU, max-pool and dropout in one pass each way.
//!
//! Forward, per channel: `u = scale · y + shift`, `r = max(u, 0)`, `p` = the largest of each
//! window, `x = mask · p`. Backward gives `∂loss/∂u` and the two sums over it that batch norm
//! needs. What forward knew (masks, which of a window was the largest) is computed again from `y`.
#![expect(unsafe_code, reason = "kernels are unsafe to run; these loops are plain")]

use super::dropout::Mask;
use super::isa::Kernel;
use super::simd::Vector;

/// Positions per sum in single precision.
const STRETCH: usize = 32;

/// What follows the affine map in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Activation {
    /// Whether negative values become zero.
    pub(crate) rectify: bool,
    /// Window and step of the max-pool; 1 is none.
    pub(crate) pool: usize,
    /// The dropout mask of this sample.
    pub(crate) mask: Option<Mask>,
    /// Channels without padding, by which the mask counts.
    pub(crate) channels: usize,
}

impl Activation {
    #[inline(always)]
    fn floor(self) -> f32 {
        if self.rectify { 0.0 } else { f32::NEG_INFINITY }
    }

    /// Multiplies one position's values by their factors.
    #[inline(always)]
    fn drop(self, position: usize, values: &mut [f32]) {
        if let Some(mask) = self.mask {
            let start = (position * self.channels) as u32;
            for (value, channel) in values.iter_mut().zip(0u32..) {
                *value *= mask.factor(start.wrapping_add(channel));
            }
        }
    }
}

/// The larger of two, `a` when equal; a NaN in `b` stays.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a >= b { a } else { b }
}

/// The forward pass of some positions of one sample.
pub(crate) struct Activate<'a> {
    /// The map's output, `(L, C)`.
    pub(crate) y: &'a [f32],
    /// The first position of `x`.
    pub(crate) first: usize,
    /// Per channel.
    pub(crate) scale: &'a [f32],
    /// Per channel.
    pub(crate) shift: &'a [f32],
    pub(crate) activation: Activation,
    /// These positions of the next map's input, `(L/pool, C)`.
    pub(crate) x: &'a mut [f32],
}

impl Kernel for Activate<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { y, first, scale, shift, activation, x } = self;
        let channels = scale.len();
        let floor = activation.floor();
        let windows = y.chunks_exact(channels * activation.pool).skip(first);
        let outputs = windows.zip(x.chunks_exact_mut(channels)).zip(first..);
        for ((window, x), position) in outputs {
            let mut rows = window.chunks_exact(channels);
            let first = rows.next().unwrap_or_default();
            for (((x, y), scale), shift) in x.iter_mut().zip(first).zip(scale).zip(shift) {
                *x = larger(floor, scale * y + shift);
            }
            for row in rows {
                for (((x, y), scale), shift) in x.iter_mut().zip(row).zip(scale).zip(shift) {
                    *x = larger(*x, scale * y + shift);
                }
            }
            activation.drop(position, x);
        }
    }
}

/// The backward pass of one sample through [`Activate`].
pub(crate) struct Deactivate<'a> {
    /// The map's output, `(L, C)`.
    pub(crate) y: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    /// Batch norm's mean, for the second sum.
    pub(crate) mean: &'a [f32],
    pub(crate) activation: Activation,
    /// ∂loss/∂x, `(L/pool, C)`.
    pub(crate) dx: &'a [f32],
    /// ∂loss/∂u, `(L, C)`, written.
    pub(crate) du: &'a mut [f32],
    /// `[Σ ∂u | Σ ∂u · (y − mean)]` per channel over this sample; written.
    pub(crate) sums: &'a mut [f64],
    /// Room for as many sums of a stretch.
    pub(crate) partial: &'a mut [f32],
}

impl Kernel for Deactivate<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { y, scale, shift, mean, activation, dx, du, sums, partial } = self;
        let channels = scale.len();
        let window = channels * activation.pool;
        let floor = activation.floor();
        sums.fill(0.0);
        let mut done = 0;
        for (stretch, dx) in dx.chunks(STRETCH * channels).enumerate() {
            partial.fill(0.0);
            let (plain, weighted) = partial.split_at_mut(channels);
            for (position, dx) in dx.chunks_exact(channels).enumerate() {
                let position = stretch * STRETCH + position;
                let y = &y[position * window..][..window];
                let du = &mut du[position * window..][..window];
                done = (position + 1) * window;
                // The gradient that reaches the pool's output waits in the window's first row.
                let first = &mut du[..channels];
                first.copy_from_slice(dx);
                activation.drop(position, first);
                route(activation.pool, floor, (y, scale, shift), du);
                for (du, y) in du.chunks_exact(channels).zip(y.chunks_exact(channels)) {
                    let sums = plain.iter_mut().zip(weighted.iter_mut());
                    for ((((plain, weighted), du), y), mean) in sums.zip(du).zip(y).zip(mean) {
                        *plain += du;
                        *weighted += du * (y - mean);
                    }
                }
            }
            for (sum, partial) in sums.iter_mut().zip(&*partial) {
                *sum += f64::from(*partial);
            }
        }
        du[done..].fill(0.0);
    }
}

/// The gradient in the first row of a window to the row that was the largest, through the ReLU.
#[inline(always)]
fn route(pool: usize, floor: f32, (y, scale, shift): (&[f32], &[f32], &[f32]), du: &mut [f32]) {
    let channels = scale.len();
    match pool {
        1 => {
            for (((d, y), scale), shift) in du.iter_mut().zip(y).zip(scale).zip(shift) {
                *d = if scale * y + shift > floor { *d } else { 0.0 };
            }
        }
        2 => {
            let (d0, d1) = du.split_at_mut(channels);
            let (y0, y1) = y.split_at(channels);
            let rows = d0.iter_mut().zip(d1).zip(y0).zip(y1).zip(scale).zip(shift);
            for (((((d0, d1), y0), y1), scale), shift) in rows {
                let (u0, u1, d) = (scale * y0 + shift, scale * y1 + shift, *d0);
                *d0 = if u0 >= u1 && u0 > floor { d } else { 0.0 };
                *d1 = if u0 < u1 && u1 > floor { d } else { 0.0 };
            }
        }
        pool => {
            for c in 0..channels {
                let u = |row: usize| scale[c] * y[row * channels + c] + shift[c];
                let winner = (1..pool).fold(0, |best, r| if u(r) > u(best) { r } else { best });
                let d = if u(winner) > floor { du[c] } else { 0.0 };
                for row in 0..pool {
                    du[row * channels + c] = if row == winner { d } else { 0.0 };
                }
            }
        }
    }
}
