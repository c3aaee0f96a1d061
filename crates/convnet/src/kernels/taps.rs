//! Weights as taps and as spectra, and the way between inputs and outputs.
#![expect(unsafe_code, reason = "vector loads and stores at computed places")]

use super::conv::Geometry;
use super::isa::Kernel;
use super::memory::{Parts, spread};
use super::product::PANEL;
use super::simd::Vector;
use super::spectrum::Side;

/// The linear maps from the taps of a kernel to its spectrum, `[plane][tap]`, and from a sum of
/// products of spectra to the taps, `[tap][plane]`; planes are as those of the left side, real and
/// imaginary part.
///
/// The first takes back the doubling of the left side and the missing factor 1/S of the inverse
/// transform; the second both doublings and that factor. Sums count taps backwards: tap `k` is the
/// correlation at distance `taps − 1 − k`.
pub(super) fn tables(points: usize, taps: usize) -> (Vec<f32>, Vec<f32>) {
    let count = Side::Left.planes(points);
    let (mut unfold, mut fold) = (vec![0.0; count * taps], vec![0.0; count * taps]);
    let share = 1.0 / points as f64;
    let angle = |f: usize, n: usize| {
        let turn = (f * n % points) as f64 / points as f64;
        (2.0 * std::f64::consts::PI * turn).sin_cos()
    };
    for tap in 0..taps {
        let distance = taps - 1 - tap;
        let sign = |n: usize| if n.is_multiple_of(2) { share } else { -share };
        for (plane, values) in [(0, [share; 2]), (1, [sign(tap), sign(distance)])] {
            unfold[plane * taps + tap] = values[0] as f32;
            fold[tap * count + plane] = values[1] as f32;
        }
        for f in 1..points / 2 {
            let first = Side::Left.plane(f);
            // The conjugate spectrum is a + ib; half of it, as the left side is doubled.
            let (sin, cos) = angle(f, tap);
            for (i, value) in [cos, sin].into_iter().enumerate() {
                unfold[(first + i) * taps + tap] = (0.5 * share * value) as f32;
            }
            // 2/S · (real · cos − imaginary · sin), a quarter of it as both sides are doubled.
            let (sin, cos) = angle(f, distance);
            for (i, value) in [cos, -sin].into_iter().enumerate() {
                fold[tap * count + first + i] = (0.5 * share * value) as f32;
            }
        }
    }
    (unfold, fold)
}

/// The reversed weights from outputs to joined inputs, in panels of joined inputs:
/// `[panel of s·C][tap · D + d][32]`; what exceeds the kernel or the channels is zero.
pub(super) fn transpose(g: &Geometry, weights: &[f32], transposed: &mut [f32]) {
    let (width, outputs, taps, rows) =
        (g.input.width(), g.output.channels, g.taps(), g.weight_rows());
    let to = Parts::new(transposed);
    let panel = taps * outputs * PANEL;
    let blocks = outputs / PANEL;
    spread(true, g.joined() / PANEL * taps * blocks, |i| {
        let (column, rest) = (i / (taps * blocks), i % (taps * blocks));
        let (tap, block) = (rest / blocks, rest % blocks);
        let start = column * panel + (tap * outputs + block * PANEL) * PANEL;
        // SAFETY: every task has its own square.
        let square = unsafe { to.part(start..start + PANEL * PANEL) };
        square.fill(0.0);
        for lane in 0..PANEL {
            let input = column * PANEL + lane;
            let row = (taps - 1 - tap) * width + input;
            if input >= width || row >= rows {
                continue;
            }
            let from = &weights[(block * rows + row) * PANEL..][..PANEL];
            for (d, value) in from.iter().enumerate() {
                square[d * PANEL + lane] = *value;
            }
        }
    });
}

/// Taps of one panel, rows `from..from + 32`, to planes.
pub(super) struct Unfold<'a> {
    pub(super) table: &'a [f32],
    pub(super) taps: usize,
    /// The panel, `[tap · inputs + input][32]`; rows beyond its end are zero.
    pub(super) weights: &'a [f32],
    pub(super) inputs: usize,
    pub(super) from: usize,
    pub(super) to: Parts<'a, f32>,
    pub(super) plane: usize,
    /// Where the panel begins in a plane.
    pub(super) start: usize,
}

impl Kernel for Unfold<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { table, taps, weights, inputs, from, to, plane, start } = self;
        let count = table.len() / taps;
        let end = (from + PANEL) * PANEL;
        assert!((count - 1) * plane + start + end <= to.len());
        let rows = weights.len() / PANEL;
        for input in from..from + PANEL {
            // Taps that this input has a weight for.
            let known = rows.saturating_sub(input).div_ceil(inputs).min(taps);
            for lane in (0..PANEL).step_by(V::LANES) {
                // SAFETY: rows `tap · inputs + input` of known taps are below `rows`, the planes
                // reach far enough by the assertion, and these rows are this kernel's own.
                unsafe {
                    let values = weights.as_ptr().add(input * PANEL + lane);
                    let to = to.start().add(start + input * PANEL + lane);
                    let mut p = 0;
                    while p + 4 <= count {
                        let mut sums = [V::splat(0.0); 4];
                        for tap in 0..known {
                            let value = V::load(values.add(tap * inputs * PANEL));
                            for (i, sum) in sums.iter_mut().enumerate() {
                                let factor = *table.get_unchecked((p + i) * taps + tap);
                                *sum = value.times_plus(V::splat(factor), *sum);
                            }
                        }
                        for (i, sum) in sums.into_iter().enumerate() {
                            sum.store(to.add((p + i) * plane));
                        }
                        p += 4;
                    }
                    while p < count {
                        let mut sum = V::splat(0.0);
                        for tap in 0..known {
                            let value = V::load(values.add(tap * inputs * PANEL));
                            let factor = *table.get_unchecked(p * taps + tap);
                            sum = value.times_plus(V::splat(factor), sum);
                        }
                        sum.store(to.add(p * plane));
                        p += 1;
                    }
                }
            }
        }
    }
}

/// Planes of all groups' sums to taps, added to the gradient of the weights.
pub(super) struct Fold<'a> {
    pub(super) table: &'a [f32],
    pub(super) taps: usize,
    /// `[group][plane]…`
    pub(super) sums: &'a [f32],
    pub(super) plane: usize,
    /// Where the panel begins in a plane.
    pub(super) start: usize,
    pub(super) inputs: usize,
    pub(super) from: usize,
    pub(super) to: Parts<'a, f32>,
    /// Rows of a panel of `to`.
    pub(super) rows: usize,
    /// Where the panel begins in `to`.
    pub(super) panel: usize,
}

impl Kernel for Fold<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { table, taps, sums, plane, start, inputs, from, to, rows, panel } = self;
        let count = table.len() / taps;
        let groups = sums.len() / (count * plane);
        assert!(start + (from + PANEL) * PANEL <= plane && panel + rows * PANEL <= to.len());
        for input in from..from + PANEL {
            let known = rows.saturating_sub(input).div_ceil(inputs).min(taps);
            for lane in (0..PANEL).step_by(V::LANES) {
                // SAFETY: groups and planes lie within `sums`, rows of known taps within the
                // panel, and these rows are this kernel's own.
                unsafe {
                    let mut joined = [V::splat(0.0); Side::Left.planes(super::fourier::LARGEST)];
                    for (p, joined) in joined.iter_mut().take(count).enumerate() {
                        for group in 0..groups {
                            let at = (group * count + p) * plane + start + input * PANEL + lane;
                            *joined = joined.plus(V::load(sums.as_ptr().add(at)));
                        }
                    }
                    for tap in 0..known {
                        let to = to.start().add(panel + (tap * inputs + input) * PANEL + lane);
                        let mut parts = [V::splat(0.0); 2];
                        for (p, value) in joined.iter().take(count).enumerate() {
                            let factor = V::splat(*table.get_unchecked(tap * count + p));
                            parts[p % 2] = value.times_plus(factor, parts[p % 2]);
                        }
                        V::load(to).plus(parts[0].plus(parts[1])).store(to);
                    }
                }
            }
        }
    }
}
