//! Products of complex matrices in registers, by three real ones each (Gauss).
#![expect(unsafe_code, reason = "register tiles over plain pointers")]

use super::product::{
    Ahead, DIFFERENCE, FIRST, Left, PACKED, PANEL, Packed, Pair, SECOND, SUM, Source, narrow, next,
    sums,
};
use super::simd::Vector;

/// Steps of `k` between two visits of a complex result: both parts of 64 rows of a panel fit the
/// first-level cache, and sums so short stay as accurate as PyTorch's.
const DEPTH: usize = 64;

/// Register tiles of a strip from which on it pays to pack what the three products read.
const PACKS: usize = 4;

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
    let mut packed = [const { Packed::<V, DEPTH>::uninit() }; 3];
    let packs = narrow::<V>() && m >= PACKS * V::ROWS;
    for panel in 0..panels {
        for from in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - from);
            let add = add || from > 0;
            for column in (0..PANEL).step_by(2 * V::LANES) {
                // SAFETY: within the caller's bounds; no stretch is longer than what is packed.
                unsafe {
                    let at = panel * right.panel + from * right.step + column;
                    let sides = [right.first.add(at), right.second.add(at)];
                    let at = panel * out.panel + column;
                    let out =
                        Out { real: out.real.add(at), imaginary: out.imaginary.add(at), ..out };
                    let mut left = left;
                    for side in &mut left {
                        side.start = side.start.add(from * side.step);
                    }
                    let next = next::<V>(column, depth * right.step);
                    let next = [sides[0].wrapping_add(next), sides[1].wrapping_add(next)];
                    let shape = (m, depth);
                    if packs {
                        let to = packed.each_mut().map(|room| room.as_mut_ptr().cast());
                        let rights = pack::<V, WEIGHTS>(depth, sides, right.step, to);
                        let ahead = Some(&mut Ahead::of(next, right.step, depth, m));
                        if WEIGHTS {
                            strip::<V, false, PACKED, PACKED, PACKED>(
                                shape, left, rights, out, add, ahead,
                            );
                        } else {
                            strip::<V, true, PACKED, PACKED, PACKED>(
                                shape, left, rights, out, add, ahead,
                            );
                        }
                        continue;
                    }
                    // The second side is read after the first one, and then the next of both.
                    let [first, second] = sides;
                    let source = Source { first, second, soon: second, step: right.step };
                    let rights = [source, source, Source { soon: next[0], ..source }];
                    if WEIGHTS {
                        strip::<V, false, FIRST, DIFFERENCE, SUM>(
                            shape, left, rights, out, add, None,
                        );
                    } else {
                        strip::<V, true, SUM, FIRST, SECOND>(shape, left, rights, out, add, None);
                    }
                }
            }
        }
    }
}

/// Writes down what the three products read: `(a, b − a, a + b)` of weights, else `(c + d, c, d)`.
///
/// # Safety
/// The steps are there to read; each of `to` holds `k` pairs of vectors.
#[inline(always)]
unsafe fn pack<V: Vector, const WEIGHTS: bool>(
    k: usize,
    [first, second]: [*const f32; 2],
    apart: usize,
    to: [*mut f32; 3],
) -> [Source; 3] {
    let width = 2 * V::LANES;
    for step in 0..k {
        for lane in (0..width).step_by(V::LANES) {
            // SAFETY: the caller's promise.
            unsafe {
                let from = step * apart + lane;
                let (x, y) = (V::load(first.add(from)), V::load(second.add(from)));
                let values = if WEIGHTS { [x, y.minus(x), x.plus(y)] } else { [x.plus(y), x, y] };
                for (value, to) in values.into_iter().zip(to) {
                    value.store(to.add(step * width + lane));
                }
            }
        }
    }
    to.map(|to| Source { first: to, second: to, soon: to, step: width })
}

/// All rows of two vectors' width; `ALONG` as in [`product`](super::product), `K1` to `K3`: how the
/// three products read their right sides.
#[inline(always)]
unsafe fn strip<V: Vector, const ALONG: bool, const K1: u8, const K2: u8, const K3: u8>(
    (m, k): (usize, usize),
    left: [Left; 3],
    right: [Source; 3],
    out: Out,
    add: bool,
    mut ahead: Option<&mut Ahead<2>>,
) {
    let mut i = 0;
    while i < m {
        let rest = m - i;
        // Of about the same height, and an even one: rows are tiles, which come in pairs, or channels.
        let even = rest.div_ceil(rest.div_ceil(V::ROWS)).next_multiple_of(2);
        let rows = if even > rest { 1 } else { even };
        // SAFETY: rows `i..i + R` are within the caller's bounds.
        unsafe {
            let mut left = left;
            for side in &mut left {
                side.start = side.start.add(i * side.row);
            }
            let at = i * out.row;
            let out = Out { real: out.real.add(at), imaginary: out.imaginary.add(at), ..out };
            if let Some(ahead) = &mut ahead {
                ahead.ask::<V>(rows);
            }
            i += match rows {
                1 => tile::<V, 1, ALONG, K1, K2, K3>(k, left, right, out, add),
                2 => tile::<V, 2, ALONG, K1, K2, K3>(k, left, right, out, add),
                4 => tile::<V, 4, ALONG, K1, K2, K3>(k, left, right, out, add),
                6 if V::ROWS > 4 => tile::<V, 6, ALONG, K1, K2, K3>(k, left, right, out, add),
                8 if V::ROWS > 6 => tile::<V, 8, ALONG, K1, K2, K3>(k, left, right, out, add),
                10 if V::ROWS > 6 => tile::<V, 10, ALONG, K1, K2, K3>(k, left, right, out, add),
                _ if V::ROWS > 6 => tile::<V, 12, ALONG, K1, K2, K3>(k, left, right, out, add),
                _ => unreachable!("no more rows than a register tile has"),
            };
        }
    }
}

/// One register tile; returns its rows.
#[inline(always)]
unsafe fn tile<
    V: Vector,
    const R: usize,
    const ALONG: bool,
    const K1: u8,
    const K2: u8,
    const K3: u8,
>(
    k: usize,
    left: [Left; 3],
    right: [Source; 3],
    out: Out,
    add: bool,
) -> usize {
    // SAFETY: within the caller's bounds.
    unsafe {
        for (i, row) in sums::<V, R, K1, ALONG>(k, left[0], right[0]).iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                let at = i * out.row + j * V::LANES;
                for to in [out.real.add(at), out.imaginary.add(at)] {
                    let sum = if add { V::load(to).plus(sum) } else { sum };
                    sum.store(to);
                }
            }
        }
        for (i, row) in sums::<V, R, K2, ALONG>(k, left[1], right[1]).iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                let to = out.imaginary.add(i * out.row + j * V::LANES);
                V::load(to).plus(sum).store(to);
            }
        }
        for (i, row) in sums::<V, R, K3, ALONG>(k, left[2], right[2]).iter().enumerate() {
            for (j, &sum) in row.iter().enumerate() {
                let to = out.real.add(i * out.row + j * V::LANES);
                V::load(to).minus(sum).store(to);
            }
        }
    }
    R
}
