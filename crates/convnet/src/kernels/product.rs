//! Matrix products in registers: the one loop behind linear layers, short convolutions, and the
//! products of spectra, forward and backward.
//!
//! `out (m × n) [+]= left (m × k) · right (k × n)`. The columns lie in panels of [`PANEL`]; a panel
//! of `right` is `k` rows of 32 consecutive values, a row of 32 of `out` likewise. `left` is read
//! value by value, so its rows may overlap (a convolution), lie apart, or be the columns of what is
//! stored (a weight gradient). A register tile of up to `V::ROWS × 2` vectors stays in registers
//! over [`DEPTH`] steps of `k`; the sums of such stretches are added in their order, which also
//! keeps long sums accurate.
#![expect(unsafe_code, reason = "register tiles over plain pointers")]

use std::hint::black_box;
use std::mem::MaybeUninit;

use super::simd::Vector;

/// Columns of a panel; every number of channels is padded to a multiple of it.
pub(crate) const PANEL: usize = 32;
/// Steps of `k` between two visits of the result: 256 rows of a panel fit the first-level cache.
pub(crate) const DEPTH: usize = 256;

/// Steps of `k` in one round of a tile's loop.
const ROUND: usize = 4;
/// Register tiles of a strip from which on it pays to pack the right side.
const PACKS: usize = 8;

/// The left factor: element `(i, k)` lies at `start + i · row + k · step`; `row` or `step` is 1.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub(crate) start: *const f32,
    pub(crate) row: usize,
    pub(crate) step: usize,
}

/// The right factor: panel `j`, row `k` at `start + j · panel + k · step`.
#[derive(Clone, Copy)]
pub(crate) struct Right {
    pub(crate) start: *const f32,
    pub(crate) panel: usize,
    pub(crate) step: usize,
}

/// A right side of two arrays: a product reads one of them, or their sum or difference on the way.
#[derive(Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) first: *const f32,
    pub(crate) second: *const f32,
    pub(crate) panel: usize,
    pub(crate) step: usize,
}

/// `first`, `second`, `first + second`, `second − first`: how a tile reads a [`Source`].
pub(super) const FIRST: u8 = 0;
pub(super) const SECOND: u8 = 1;
pub(super) const SUM: u8 = 2;
pub(super) const DIFFERENCE: u8 = 3;
/// `first` that was packed a moment ago: nothing needs to be asked for.
pub(super) const PACKED: u8 = 4;

/// Two vectors' width of a right side, as the tiles of a strip read it.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) first: *const f32,
    pub(super) second: *const f32,
    /// What is read soon, and asked for with every step.
    pub(super) soon: *const f32,
    pub(super) step: usize,
}

/// The result: panel `j`, row `i` at `start + j · panel + i · row`.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    pub(crate) start: *mut f32,
    pub(crate) panel: usize,
    pub(crate) row: usize,
}

/// Several left sides, each with its own result, that are multiplied by the same right side.
#[derive(Clone, Copy)]
pub(crate) struct Stack {
    pub(crate) count: usize,
    /// Values from one left side to the next, and from one result to the next.
    pub(crate) left: usize,
    pub(crate) out: usize,
}

impl Stack {
    const ONE: Self = Self { count: 1, left: 0, out: 0 };
}

/// `out [+]= left · right` for `m` rows, `panels` panels and `k` steps; with `k = 0` and not `add`
/// the result is zero.
///
/// # Safety
/// The machine has the instructions of `V`; every element addressed is in bounds, and nobody else
/// writes `out`.
#[inline(always)]
pub(crate) unsafe fn product<V: Vector>(
    (m, panels, k): (usize, usize, usize),
    left: Left,
    right: Right,
    out: Out,
    add: bool,
) {
    // SAFETY: the caller's promise.
    unsafe { product_of::<V>(Stack::ONE, DEPTH, (m, panels, k), left, right, out, add) }
}

/// The same for several left sides, with sums of stretches of `depth` steps: shorter ones are more
/// accurate, and slower.
///
/// # Safety
/// As [`product`].
#[inline(always)]
pub(crate) unsafe fn product_of<V: Vector>(
    stack: Stack,
    depth: usize,
    (m, panels, k): (usize, usize, usize),
    left: Left,
    right: Right,
    out: Out,
    add: bool,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if left.row == 1 {
            blocks::<V, true>(stack, depth, (m, panels, k), left, right, out, add);
        } else {
            debug_assert!(left.step == 1, "one of the strides is 1");
            blocks::<V, false>(stack, depth, (m, panels, k), left, right, out, add);
        }
    }
}

/// The blocks of a product; `ALONG`: the rows of `left` are neighbours in memory, else its steps.
#[inline(always)]
unsafe fn blocks<V: Vector, const ALONG: bool>(
    stack: Stack,
    most: usize,
    (m, panels, k): (usize, usize, usize),
    left: Left,
    right: Right,
    out: Out,
    add: bool,
) {
    let width = 2 * V::LANES;
    let mut packed = Packed::<V, DEPTH>::uninit();
    let packs = narrow::<V>() && stack.count * m >= PACKS * V::ROWS && most <= DEPTH;
    for panel in 0..panels {
        let mut from = 0;
        loop {
            let depth = most.min(k - from);
            let add = add || from > 0;
            for column in (0..PANEL).step_by(width) {
                // SAFETY: within the caller's bounds; no stretch is longer than what is packed.
                unsafe {
                    let at = panel * right.panel + from * right.step + column;
                    // Of no steps there is no right side, and nothing of it is read.
                    let first = right.start.wrapping_add(at);
                    let next = first.wrapping_add(next::<V>(column, depth * right.step));
                    let source = Source { first, second: first, soon: next, step: right.step };
                    // No closure: it would keep the instructions of every machine.
                    let mut side_by_side = None;
                    if packs {
                        let to = packed.as_mut_ptr().cast();
                        pack::<V>(depth, source, to);
                        let source = Source { first: to, second: to, soon: to, step: width };
                        let ahead = Ahead::of([next], right.step, depth, stack.count * m);
                        side_by_side = Some((source, ahead));
                    }
                    for one in 0..stack.count {
                        let start = left.start.add(one * stack.left + from * left.step);
                        let left = Left { start, ..left };
                        let start = out.start.add(one * stack.out + panel * out.panel + column);
                        let (shape, out) = ((m, depth), Out { start, ..out });
                        if let Some((source, ahead)) = &mut side_by_side {
                            strip::<V, PACKED, ALONG>(shape, left, *source, out, add, Some(ahead));
                        } else {
                            strip::<V, FIRST, ALONG>(shape, left, source, out, add, None);
                        }
                    }
                }
            }
            from += depth;
            if from == k {
                break;
            }
        }
    }
}

/// Room for `STEPS` steps of a right side of two vectors' width.
pub(super) type Packed<V, const STEPS: usize> = MaybeUninit<[[V; 2]; STEPS]>;

/// Whether a tile is narrower than a panel: what it reads then lies apart, and many tiles that read the
/// same had better find it packed.
pub(super) const fn narrow<V: Vector>() -> bool {
    2 * V::LANES < PANEL
}

/// Values from two columns to those that are read after them: the next columns of the same steps, or the
/// first ones of the steps after these `steps` values.
#[inline(always)]
pub(super) const fn next<V: Vector>(column: usize, steps: usize) -> usize {
    let width = 2 * V::LANES;
    if column + width < PANEL { width } else { steps.wrapping_sub(column) }
}

/// Copies `k` steps, so that they lie side by side.
///
/// # Safety
/// The steps are there to read; `to` holds `k` pairs of vectors.
#[inline(always)]
unsafe fn pack<V: Vector>(k: usize, from: Source, to: *mut f32) {
    let width = 2 * V::LANES;
    for step in 0..k {
        for lane in (0..width).step_by(V::LANES) {
            // SAFETY: the caller's promise.
            unsafe {
                let value = V::load(from.first.add(step * from.step + lane));
                value.store(to.add(step * width + lane));
            }
        }
    }
}

/// What a strip asks for while it multiplies, some of it with every tile: what is packed next.
pub(super) struct Ahead<const SIDES: usize> {
    sides: [*const f32; SIDES],
    step: usize,
    /// Steps left to ask for.
    steps: usize,
    /// Steps to ask for with every row.
    share: usize,
}

impl<const SIDES: usize> Ahead<SIDES> {
    /// So many steps of right sides, while so many rows are multiplied.
    #[inline(always)]
    pub(super) fn of(sides: [*const f32; SIDES], step: usize, steps: usize, rows: usize) -> Self {
        Self { sides, step, steps, share: steps.div_ceil(rows) }
    }

    /// Asks for the share of some rows.
    #[inline(always)]
    pub(super) fn ask<V: Vector>(&mut self, rows: usize) {
        let steps = self.steps.min(rows * self.share);
        for _ in 0..steps {
            for side in &mut self.sides {
                V::prefetch(*side);
                *side = side.wrapping_add(self.step);
            }
        }
        self.steps -= steps;
    }
}

/// All rows of two vectors' width, in register tiles of about the same height: a rest of one or
/// two rows would wait for its own additions.
#[inline(always)]
unsafe fn strip<V: Vector, const READ: u8, const ALONG: bool>(
    (m, k): (usize, usize),
    left: Left,
    right: Source,
    out: Out,
    add: bool,
    mut ahead: Option<&mut Ahead<1>>,
) {
    let mut i = 0;
    while i < m {
        let rest = m - i;
        let rows = rest.div_ceil(rest.div_ceil(V::ROWS));
        if let Some(ahead) = &mut ahead {
            ahead.ask::<V>(rows);
        }
        // SAFETY: rows `i..i + R` are within the caller's bounds.
        unsafe {
            let left = Left { start: left.start.add(i * left.row), ..left };
            let out = Out { start: out.start.add(i * out.row), ..out };
            i += match rows {
                1 => tile::<V, 1, READ, ALONG>(k, left, right, out, add),
                2 => tile::<V, 2, READ, ALONG>(k, left, right, out, add),
                3 => tile::<V, 3, READ, ALONG>(k, left, right, out, add),
                4 => tile::<V, 4, READ, ALONG>(k, left, right, out, add),
                5 if V::ROWS > 4 => tile::<V, 5, READ, ALONG>(k, left, right, out, add),
                6 if V::ROWS > 4 => tile::<V, 6, READ, ALONG>(k, left, right, out, add),
                7 if V::ROWS > 6 => tile::<V, 7, READ, ALONG>(k, left, right, out, add),
                8 if V::ROWS > 6 => tile::<V, 8, READ, ALONG>(k, left, right, out, add),
                9 if V::ROWS > 6 => tile::<V, 9, READ, ALONG>(k, left, right, out, add),
                10 if V::ROWS > 6 => tile::<V, 10, READ, ALONG>(k, left, right, out, add),
                11 if V::ROWS > 6 => tile::<V, 11, READ, ALONG>(k, left, right, out, add),
                _ if V::ROWS > 6 => tile::<V, 12, READ, ALONG>(k, left, right, out, add),
                _ => unreachable!("no more rows than a register tile has"),
            };
        }
    }
}

/// One register tile; returns its rows.
#[inline(always)]
unsafe fn tile<V: Vector, const R: usize, const READ: u8, const ALONG: bool>(
    k: usize,
    left: Left,
    right: Source,
    out: Out,
    add: bool,
) -> usize {
    // SAFETY: within the caller's bounds.
    unsafe {
        for (i, sums) in sums::<V, R, READ, ALONG>(k, left, right).into_iter().enumerate() {
            let to = out.start.add(i * out.row);
            for (j, sum) in sums.into_iter().enumerate() {
                let to = to.add(j * V::LANES);
                let sum = if add { sum.plus(V::load(to)) } else { sum };
                sum.store(to);
            }
        }
    }
    R
}

/// The sums of one register tile; `READ` is how the right side is read, `ALONG` as in [`blocks`].
///
/// # Safety
/// As [`product`].
#[inline(always)]
pub(super) unsafe fn sums<V: Vector, const R: usize, const READ: u8, const ALONG: bool>(
    k: usize,
    left: Left,
    right: Source,
) -> [[V; 2]; R] {
    // SAFETY: within the caller's bounds.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; R];
        let mut place = Place::new::<R, ALONG>(left, right);
        // Reading two right sides takes the registers that more steps in a round would need; a wide tile has
        // work enough in one.
        let round = if !narrow::<V>() || READ == SUM || READ == DIFFERENCE { 1 } else { ROUND };
        for _ in 0..k / round {
            for step in 0..round {
                add_step::<V, R, READ, ALONG>(&mut sums, place.further(step));
            }
            place = place.further(round);
        }
        for _ in 0..k % round {
            add_step::<V, R, READ, ALONG>(&mut sums, place);
            place = place.further(1);
        }
        sums
    }
}

/// Where a tile reads its next step; after the last one it lies beyond the end, and is not read.
#[derive(Clone, Copy)]
struct Place {
    /// Every third row of the left side, so that few address registers serve all rows.
    rows: [*const f32; 4],
    row: usize,
    along: usize,
    right: Source,
}

impl Place {
    #[inline(always)]
    unsafe fn new<const R: usize, const ALONG: bool>(left: Left, right: Source) -> Self {
        let (row, along) = if ALONG { (1, left.step) } else { (left.row, 1) };
        let mut rows = [left.start; 4];
        for (third, start) in rows.iter_mut().enumerate().skip(1) {
            if !ALONG && 3 * third < R {
                // A compiler that knew how the pointers hang together would compute one from another
                // in every step.
                // SAFETY: the tile has this row.
                *start = black_box(unsafe { left.start.add(3 * third * row) });
            }
        }
        Self { rows, row, along, right }
    }

    #[inline(always)]
    fn further(mut self, steps: usize) -> Self {
        for row in &mut self.rows {
            *row = row.wrapping_add(steps * self.along);
        }
        let Source { first, second, soon, step } = &mut self.right;
        for side in [first, second, soon] {
            *side = side.wrapping_add(steps * *step);
        }
        self
    }

    /// The value of a row.
    #[inline(always)]
    unsafe fn left<const ALONG: bool>(&self, i: usize) -> f32 {
        // SAFETY: the tile has this row and step.
        unsafe {
            if ALONG { *self.rows[0].add(i) } else { *self.rows[i / 3].add(i % 3 * self.row) }
        }
    }
}

/// Adds one step to the sums of a tile.
#[inline(always)]
unsafe fn add_step<V: Vector, const R: usize, const READ: u8, const ALONG: bool>(
    sums: &mut [[V; 2]; R],
    place: Place,
) {
    // SAFETY: within the caller's bounds.
    unsafe {
        let mut b = [V::splat(0.0); 2];
        for (j, b) in b.iter_mut().enumerate() {
            let x = place.right.first.wrapping_add(j * V::LANES);
            let y = place.right.second.wrapping_add(j * V::LANES);
            *b = match READ {
                SECOND => V::load(y),
                SUM => V::load(x).plus(V::load(y)),
                DIFFERENCE => V::load(y).minus(V::load(x)),
                _ => V::load(x),
            };
        }
        if READ == FIRST || READ == SUM {
            V::prefetch(place.right.soon);
            if !narrow::<V>() {
                V::prefetch(place.right.soon.wrapping_add(V::LANES));
            }
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            let a = V::splat(place.left::<ALONG>(i));
            sums[0] = a.times_plus(b[0], sums[0]);
            sums[1] = a.times_plus(b[1], sums[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::{Isa, Kernel};
    use super::*;
    use crate::initialize::uniform;

    struct Whole<'a> {
        shape: (usize, usize, usize),
        left: (&'a [f32], usize, usize),
        right: &'a [f32],
        out: &'a mut [f32],
        add: bool,
    }

    impl Kernel for Whole<'_> {
        type Output = ();
        #[inline(always)]
        unsafe fn run<V: Vector>(self) {
            let (m, panels, k) = self.shape;
            let (left, row, step) = self.left;
            let left = Left { start: left.as_ptr(), row, step };
            let right = Right { start: self.right.as_ptr(), panel: k * PANEL, step: PANEL };
            let row = panels * PANEL;
            let out = Out { start: self.out.as_mut_ptr(), panel: PANEL, row };
            // SAFETY: the buffers below hold the shapes.
            unsafe { product::<V>((m, panels, k), left, right, out, self.add) }
        }
    }

    #[test]
    fn products_equal_plain_sums_for_every_instruction_set() {
        // The fifth and the last are packed where tiles are narrow.
        let few = [(1, 1, 1), (2, 2, 3), (12, 2, 0), (13, 1, 7), (PACKS * 6 + 1, 2, 9)];
        let all = [&few[..], &[(23, 3, 300), (PACKS * 6, 2, 513)]].concat();
        let shapes = if cfg!(miri) { &few[..] } else { &all[..] };
        for isa in Isa::available() {
            for (case, &(m, panels, k)) in shapes.iter().enumerate() {
                // Overlapping rows, and rows that are neighbours.
                for (row, step) in [(3, 1), (1, m + 2)] {
                    let a = uniform(case as u64, 1, (m * row + k * step + 1).max(1), 1.0);
                    let b = uniform(case as u64, 2, panels * k * PANEL, 1.0);
                    for add in [false, true] {
                        let mut out = vec![0.5; m * panels * PANEL];
                        let left = (&a[..], row, step);
                        isa.run(Whole {
                            shape: (m, panels, k),
                            left,
                            right: &b,
                            out: &mut out,
                            add,
                        });
                        for i in 0..m {
                            for j in 0..panels * PANEL {
                                let b = |q: usize| b[(j / PANEL * k + q) * PANEL + j % PANEL];
                                let sum: f64 = (0..k)
                                    .map(|q| f64::from(a[i * row + q * step]) * f64::from(b(q)))
                                    .sum();
                                let expected = sum + if add { 0.5 } else { 0.0 };
                                let found = f64::from(out[i * panels * PANEL + j]);
                                assert!((found - expected).abs() < 2e-5, "{isa:?} {m} {k} {i} {j}");
                            }
                        }
                    }
                }
            }
        }
    }
}
