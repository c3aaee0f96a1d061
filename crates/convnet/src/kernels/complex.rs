//! Products of complex matrices in registers, by three real ones each (Gauss).
#![expect(unsafe_code, reason = "register tiles over plain pointers")]

use super::product::{DIFFERENCE, FIRST, Left, PANEL, Pair, SECOND, SUM, sums};
use super::simd::Vector;

/// Steps of `k` between two visits of a complex result: both parts of 64 rows of a panel fit the
/// first-level cache, and sums so short stay as accurate as PyTorch's.
const DEPTH: usize = 64;

/// Real and imaginary part of the result, laid out as [`product::Out`](super::product::Out).
#[derive(Clone, Copy)]
pub(crate) struct Out {
    pub(crate) real: *mut f32,
    pub(crate) imaginary: *mut f32,
    pub(crate) panel: usize,
    pub(crate) row: usize,
}

/// A complex product as three real ones, `real = k₁ − k₃`, `imaginary = k₁ + k₂` (Gauss).
///
/// With `WEIGHTS` the right pair is `(a, b)` and the left sides `(c + d, c, d)`; else the right
/// pair is `(c, d)` and the left sides `(a, b − a, a + b)`.
///
/// # Safety
/// As [`product`](super::product::product).
#[inline(always)]
pub(crate) unsafe fn product<V: Vector, const WEIGHTS: bool>(
    (m, panels, k): (usize, usize, usize),
    left: [Left; 3],
    right: Pair,
    out: Out,
    add: bool,
) {
    for panel in 0..panels {
        for from in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - from);
            let add = add || from > 0;
            for column in (0..PANEL).step_by(2 * V::LANES) {
                // SAFETY: within the caller's bounds.
                unsafe {
                    let at = panel * right.panel + from * right.step + column;
                    let right =
                        Pair { first: right.first.add(at), second: right.second.add(at), ..right };
                    let at = panel * out.panel + column;
                    let out =
                        Out { real: out.real.add(at), imaginary: out.imaginary.add(at), ..out };
                    let mut left = left;
                    for side in &mut left {
                        side.start = side.start.add(from * side.step);
                    }
                    strip::<V, WEIGHTS>((m, depth), left, right, out, add);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn strip<V: Vector, const WEIGHTS: bool>(
    (m, k): (usize, usize),
    left: [Left; 3],
    right: Pair,
    out: Out,
    add: bool,
) {
    let mut i = 0;
    while i < m {
        let rest = m - i;
        // SAFETY: rows `i..i + R` are within the caller's bounds.
        unsafe {
            let mut left = left;
            for side in &mut left {
                side.start = side.start.add(i * side.row);
            }
            let at = i * out.row;
            let out = Out { real: out.real.add(at), imaginary: out.imaginary.add(at), ..out };
            i += if V::ROWS >= 12 && rest >= 12 {
                tile::<V, 12, WEIGHTS>(k, left, right, out, add)
            } else if V::ROWS >= 8 && rest >= 8 {
                tile::<V, 8, WEIGHTS>(k, left, right, out, add)
            } else if V::ROWS == 6 && rest >= 6 {
                tile::<V, 6, WEIGHTS>(k, left, right, out, add)
            } else if rest >= 4 {
                tile::<V, 4, WEIGHTS>(k, left, right, out, add)
            } else if rest >= 2 {
                tile::<V, 2, WEIGHTS>(k, left, right, out, add)
            } else {
                tile::<V, 1, WEIGHTS>(k, left, right, out, add)
            };
        }
    }
}

#[inline(always)]
unsafe fn tile<V: Vector, const R: usize, const WEIGHTS: bool>(
    k: usize,
    [k1, k2, k3]: [Left; 3],
    right: Pair,
    out: Out,
    add: bool,
) -> usize {
    // SAFETY: within the caller's bounds.
    unsafe {
        let (first, second, third) = if WEIGHTS {
            (sums::<V, R, FIRST, false>(k, k1, right), DIFFERENCE, SUM)
        } else {
            (sums::<V, R, SUM, true>(k, k1, right), FIRST, SECOND)
        };
        for (i, row) in first.iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                let at = i * out.row + j * V::LANES;
                for to in [out.real.add(at), out.imaginary.add(at)] {
                    let sum = if add { V::load(to).plus(sum) } else { sum };
                    sum.store(to);
                }
            }
        }
        let products = if second == DIFFERENCE {
            sums::<V, R, DIFFERENCE, false>(k, k2, right)
        } else {
            sums::<V, R, FIRST, true>(k, k2, right)
        };
        for (i, row) in products.iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                let to = out.imaginary.add(i * out.row + j * V::LANES);
                V::load(to).plus(sum).store(to);
            }
        }
        let products = if third == SUM {
            sums::<V, R, SUM, false>(k, k3, right)
        } else {
            sums::<V, R, SECOND, true>(k, k3, right)
        };
        for (i, row) in products.iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                let to = out.real.add(i * out.row + j * V::LANES);
                V::load(to).minus(sum).store(to);
            }
        }
    }
    R
}
