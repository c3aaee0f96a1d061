//! Everything between two convolutions, in one pass each way: batch norm as an affine map,
//! ReLU, max-pool and dropout.
//!
//! Forward, per channel: `u = scale · y + shift`, `r = max(u, 0)`, `p` = the largest of each window,
//! `x = mask · p`. Backward gives `∂loss/∂u` and the two sums over it that batch norm needs;
//! [`Unnormalize`] turns it into `∂loss/∂y`. What forward knew (masks, which of a window was the
//! largest) is computed again from `y`.

use super::dropout::Mask;
use super::isa::Pass;

/// What follows the affine map in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Activation {
    /// Whether negative values become zero.
    pub(crate) rectify: bool,
    /// Window and step of the max-pool; 1 is none.
    pub(crate) pool: usize,
    /// The dropout mask of this sample.
    pub(crate) mask: Option<Mask>,
}

impl Activation {
    #[inline(always)]
    fn floor(self) -> f32 {
        if self.rectify { 0.0 } else { f32::NEG_INFINITY }
    }
}

/// The larger of two, `a` when equal; a NaN in `b` stays.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a >= b { a } else { b }
}

/// Mean and sum of squared deviations per channel of `rows (L, C)`; `moments` is `[mean | squares]`.
///
/// Two passes: a single one over squares would cancel where the mean is large.
pub(crate) struct Moments<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) moments: &'a mut [f32],
}

impl Pass for Moments<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let channels = self.moments.len() / 2;
        let (mean, squares) = self.moments.split_at_mut(channels);
        mean.fill(0.0);
        squares.fill(0.0);
        for row in self.rows.chunks_exact(channels) {
            for (mean, y) in mean.iter_mut().zip(row) {
                *mean += y;
            }
        }
        let share = 1.0 / (self.rows.len() / channels) as f32;
        for mean in mean.iter_mut() {
            *mean *= share;
        }
        for row in self.rows.chunks_exact(channels) {
            for ((squares, mean), y) in squares.iter_mut().zip(&*mean).zip(row) {
                let deviation = y - mean;
                *squares += deviation * deviation;
            }
        }
    }
}

/// The forward pass of one sample.
pub(crate) struct Activate<'a> {
    /// The convolution's output, `(L, C)`.
    pub(crate) y: &'a [f32],
    /// Per channel.
    pub(crate) scale: &'a [f32],
    /// Per channel.
    pub(crate) shift: &'a [f32],
    pub(crate) activation: Activation,
    /// The next convolution's input, `(padding + L/pool + padding, C)`.
    pub(crate) x: &'a mut [f32],
    /// Rows of zeros before and after.
    pub(crate) padding: usize,
}

impl Pass for Activate<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { y, scale, shift, activation, x, padding } = self;
        let channels = scale.len();
        let floor = activation.floor();
        let (before, rest) = x.split_at_mut(padding * channels);
        let (x, after) = rest.split_at_mut(rest.len() - padding * channels);
        before.fill(0.0);
        after.fill(0.0);
        let windows = y.chunks_exact(channels * activation.pool);
        for (position, (window, x)) in windows.zip(x.chunks_exact_mut(channels)).enumerate() {
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
            if let Some(mask) = activation.mask {
                let start = (position * channels) as u32;
                for (x, channel) in x.iter_mut().zip(0u32..) {
                    *x *= mask.factor(start.wrapping_add(channel));
                }
            }
        }
    }
}

/// The backward pass of one sample through [`Activate`].
pub(crate) struct Deactivate<'a> {
    /// The convolution's output, `(L, C)`.
    pub(crate) y: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) shift: &'a [f32],
    /// Batch norm's mean and 1/deviation, for the second sum.
    pub(crate) mean: &'a [f32],
    pub(crate) inverse_deviation: &'a [f32],
    pub(crate) activation: Activation,
    /// ∂loss/∂x, `(L/pool, C)`: without the padding.
    pub(crate) dx: &'a [f32],
    /// ∂loss/∂u, `(L, C)`, written.
    pub(crate) du: &'a mut [f32],
    /// `[Σ ∂u | Σ ∂u · ŷ]` per channel over this sample, ŷ the normalised y; written.
    pub(crate) sums: &'a mut [f32],
}

impl Pass for Deactivate<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { y, scale, shift, mean, inverse_deviation, activation, dx, du, sums } = self;
        let channels = scale.len();
        let window = channels * activation.pool;
        let positions = dx.len() / channels;
        let floor = activation.floor();
        for (position, dx) in dx.chunks_exact(channels).enumerate() {
            let y = &y[position * window..][..window];
            let du = &mut du[position * window..][..window];
            // The gradient that reaches the pool's output waits in the window's first row.
            let first = &mut du[..channels];
            first.copy_from_slice(dx);
            if let Some(mask) = activation.mask {
                let start = (position * channels) as u32;
                for (d, channel) in first.iter_mut().zip(0u32..) {
                    *d *= mask.factor(start.wrapping_add(channel));
                }
            }
            match activation.pool {
                1 => {
                    for (((d, y), scale), shift) in du.iter_mut().zip(y).zip(scale).zip(shift) {
                        *d = if scale * y + shift > floor { *d } else { 0.0 };
                    }
                }
                2 => {
                    let (d0, d1) = du.split_at_mut(channels);
                    let (y0, y1) = y.split_at(channels);
                    for c in 0..channels {
                        let u0 = scale[c] * y0[c] + shift[c];
                        let u1 = scale[c] * y1[c] + shift[c];
                        let d = d0[c];
                        d0[c] = if u0 >= u1 && u0 > floor { d } else { 0.0 };
                        d1[c] = if u0 < u1 && u1 > floor { d } else { 0.0 };
                    }
                }
                pool => {
                    for c in 0..channels {
                        let u = |row: usize| scale[c] * y[row * channels + c] + shift[c];
                        let winner =
                            (1..pool).fold(0, |best, r| if u(r) > u(best) { r } else { best });
                        let d = if u(winner) > floor { du[c] } else { 0.0 };
                        for row in 0..pool {
                            du[row * channels + c] = if row == winner { d } else { 0.0 };
                        }
                    }
                }
            }
        }
        du[positions * window..].fill(0.0);
        sums.fill(0.0);
        let (plain, weighted) = sums.split_at_mut(channels);
        let rows = positions * activation.pool;
        let y = y[..rows * channels].chunks_exact(channels);
        for (du, y) in du.chunks_exact(channels).zip(y) {
            for c in 0..channels {
                plain[c] += du[c];
                weighted[c] += du[c] * ((y[c] - mean[c]) * inverse_deviation[c]);
            }
        }
    }
}

/// ∂loss/∂u to ∂loss/∂y through batch norm with the batch's own statistics, in place:
/// `∂y = scale · (∂u − mean(∂u) − ŷ · mean(∂u · ŷ))`.
pub(crate) struct Unnormalize<'a> {
    pub(crate) y: &'a [f32],
    pub(crate) scale: &'a [f32],
    pub(crate) mean: &'a [f32],
    /// mean(∂u) per channel.
    pub(crate) offset: &'a [f32],
    /// mean(∂u · ŷ)/deviation per channel.
    pub(crate) slope: &'a [f32],
    pub(crate) du: &'a mut [f32],
}

impl Pass for Unnormalize<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        let Self { y, scale, mean, offset, slope, du } = self;
        let channels = scale.len();
        for (du, y) in du.chunks_exact_mut(channels).zip(y.chunks_exact(channels)) {
            for c in 0..channels {
                du[c] = scale[c] * (du[c] - offset[c] - (y[c] - mean[c]) * slope[c]);
            }
        }
    }
}

/// `values ← scale · values` per channel, in place.
pub(crate) struct Scale<'a> {
    pub(crate) scale: &'a [f32],
    pub(crate) values: &'a mut [f32],
}

impl Pass for Scale<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for row in self.values.chunks_exact_mut(self.scale.len()) {
            for (value, scale) in row.iter_mut().zip(self.scale) {
                *value *= scale;
            }
        }
    }
}
