//! One row times a matrix: nothing to do but to read the matrix from memory, and only those of its rows
//! whose factor is not zero. After a ReLU and a max-pool that is a part of them.
#![expect(unsafe_code, reason = "vector loads at computed places")]

use super::product::DEPTH;
use super::simd::Vector;

/// How many rows ahead are asked for.
const AHEAD: usize = 12;

/// The places of a row's values that are not zero.
pub(crate) struct Present {
    /// Ascending; beyond the last end they mean nothing.
    places: Vec<u32>,
    /// Where each stretch of [`DEPTH`] values ends among the places.
    ends: Vec<usize>,
    /// Values of the row.
    len: usize,
}

impl Present {
    /// Of a row.
    pub(crate) fn of(row: &[f32]) -> Self {
        let (mut places, mut count) = (vec![0; row.len()], 0);
        let mut ends = Vec::with_capacity(row.len().div_ceil(DEPTH));
        for (i, value) in row.iter().enumerate() {
            if i % DEPTH == 0 && i > 0 {
                ends.push(count);
            }
            // Without a branch, which would be guessed wrong every third time.
            places[count] = i as u32;
            count += usize::from(*value != 0.0);
        }
        ends.push(count);
        Self { places, ends, len: row.len() }
    }

    /// Values of the row.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// `U` columns of two vectors' width, side by side: a core reads several streams of memory faster than
/// one. The sums are those of [`product`](super::product::product), bitwise, as a zero times a finite number
/// changes none; of weights that are not finite some are not seen.
///
/// # Safety
/// The machine has the instructions of `V`; `left` is the row of `present`; each of `right` has as many
/// rows, `step` apart; nobody else writes `out`.
#[inline(always)]
pub(crate) unsafe fn streams<V: Vector, const U: usize>(
    present: &Present,
    left: *const f32,
    right: [*const f32; U],
    step: usize,
    out: [*mut f32; U],
) {
    // SAFETY: within the caller's bounds; places are below the row's length.
    unsafe {
        let zero = [[V::splat(0.0); 2]; U];
        let (mut totals, mut n) = (zero, 0);
        let last = present.places.len() - 1;
        for &end in &present.ends {
            let mut sums = zero;
            while n < end {
                let place = *present.places.get_unchecked(n) as usize;
                let soon = *present.places.get_unchecked(last.min(n + AHEAD)) as usize;
                let a = V::splat(*left.add(place));
                for (sums, right) in sums.iter_mut().zip(right) {
                    V::prefetch(right.wrapping_add(soon * step));
                    if V::LANES == 16 {
                        V::prefetch(right.wrapping_add(soon * step + V::LANES));
                    }
                    let b = right.add(place * step);
                    sums[0] = a.times_plus(V::load(b), sums[0]);
                    sums[1] = a.times_plus(V::load(b.add(V::LANES)), sums[1]);
                }
                n += 1;
            }
            for (totals, sums) in totals.iter_mut().zip(sums) {
                *totals = [sums[0].plus(totals[0]), sums[1].plus(totals[1])];
            }
        }
        for (totals, to) in totals.into_iter().zip(out) {
            totals[0].store(to);
            totals[1].store(to.add(V::LANES));
        }
    }
}
