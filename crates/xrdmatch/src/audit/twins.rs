//! Near-twins: every pair of patterns whose blurred cosine reaches a threshold, and none missed.
//!
//! The cosine of two blurred patterns needs no blurred patterns: two Gaussians of deviation σ at
//! distance `d` overlap as `exp(−d²/4σ²)`, so a sum over pairs of near sticks gives it. Most pairs do
//! not get that far. For each pattern the lengths of its blurred parts in 64 bands of the grid are
//! kept; by Cauchy and Schwarz, the product of two such vectors is no smaller than the cosine, and
//! neither is that of the 16 strongest bands plus the product of the lengths of the others. These
//! bounds are computed for all pairs, in blocks, the short one first; only where both reach the
//! threshold is the cosine itself.
//!
//! Time grows with the square of the number of patterns, memory linearly: 260 bytes for each.

use rayon::prelude::*;

use super::patterns::source;
use super::{Finding, Table};
use crate::fingerprint::{Blur, SparsePattern, dot};

/// Cosine of intensities, blurred by 8 points (0.16°), from which two patterns are near-twins.
pub const TWIN_COSINE: f32 = 0.93;

const BANDS: usize = 64;
/// Bands of the short bound.
const STRONGEST: usize = 16;
/// Rows of a block: two blocks of bounds fit the first-level cache.
const BLOCK: usize = 64;
/// Added to the bound: forgives single precision, and the cut-off of the Gaussians.
const SLACK: f32 = 1e-3;
/// The most twins that are kept of one pattern; the rest are counted.
const KEPT: usize = 64;

/// The pairs found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Twins {
    /// Rows `a < b` with their cosine, in order; of each `a` the nearest 64 at most.
    pub pairs: Vec<(usize, usize, f32)>,
    /// All pairs, those not kept included.
    pub total: usize,
}

/// All pairs of patterns whose cosine, blurred by [`Blur::TWINS`], is at least `threshold` (above 0).
/// Patterns without intensity have no twins.
///
/// # Panics
/// If the two halves of a pattern differ in length.
#[must_use]
pub fn twin_pairs(patterns: &[SparsePattern<'_>], threshold: f32) -> Twins {
    let overlap = Overlap::new(Blur::TWINS.sigma);
    let (mut bounds, lengths): (Vec<[f32; BANDS]>, Vec<f64>) = patterns
        .par_iter()
        .map(|pattern| (bands(*pattern, Blur::TWINS.sigma), overlap.of(*pattern, *pattern).sqrt()))
        .unzip();
    strongest_first(&mut bounds);
    let others: Vec<f32> =
        bounds.iter().map(|bands| dot(&bands[STRONGEST..], &bands[STRONGEST..]).sqrt()).collect();
    let cannot_reach = |a: usize, b: usize| {
        let (x, y) = (&bounds[a], &bounds[b]);
        let short = dot(&x[..STRONGEST], &y[..STRONGEST]) + others[a] * others[b];
        short + SLACK < threshold || dot(x, y) + SLACK < threshold
    };
    let blocks = patterns.len().div_ceil(BLOCK);
    let range = |block: usize| block * BLOCK..((block + 1) * BLOCK).min(patterns.len());
    let found: Vec<Vec<(usize, usize, f32)>> = (0..blocks)
        .into_par_iter()
        .map(|first| {
            let mut found: Vec<Vec<(usize, f32)>> = vec![Vec::new(); range(first).len()];
            let mut beyond = Vec::new();
            for second in first..blocks {
                for a in range(first) {
                    for b in range(second).filter(|b| *b > a) {
                        if cannot_reach(a, b) {
                            continue;
                        }
                        let product = overlap.of(patterns[a], patterns[b]);
                        let cosine = (product / (lengths[a] * lengths[b])).min(1.0) as f32;
                        if cosine >= threshold {
                            found[a - range(first).start].push((b, cosine));
                        }
                    }
                }
                // A pattern with a thousand twins must not fill the memory.
                for (a, twins) in found.iter_mut().enumerate().filter(|(_, t)| t.len() > 2 * KEPT) {
                    twins.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.cmp(&y.0)));
                    beyond.push((a, twins.len() - KEPT));
                    twins.truncate(KEPT);
                }
            }
            let mut pairs = Vec::new();
            for (a, mut twins) in found.into_iter().enumerate() {
                twins.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.cmp(&y.0)));
                beyond.push((a, twins.len().saturating_sub(KEPT)));
                twins.truncate(KEPT);
                twins.sort_by_key(|twin| twin.0);
                let row = range(first).start + a;
                pairs.extend(twins.into_iter().map(|(b, cosine)| (row, b, cosine)));
            }
            let left_out: usize = beyond.iter().map(|(_, count)| count).sum();
            // The number left out travels as one more entry.
            pairs.push((left_out, usize::MAX, 0.0));
            pairs
        })
        .collect();
    let mut twins = Twins::default();
    for mut pairs in found {
        let left_out = pairs.pop().map_or(0, |(count, ..)| count);
        twins.total += pairs.len() + left_out;
        twins.pairs.extend(pairs);
    }
    twins
}

/// Puts the bands in which the patterns are strong before the others; the same for all patterns.
fn strongest_first(bounds: &mut [[f32; BANDS]]) {
    let mut order: [usize; BANDS] = std::array::from_fn(|band| band);
    let strength: [f64; BANDS] =
        std::array::from_fn(|band| bounds.iter().map(|bands| f64::from(bands[band]).powi(2)).sum());
    order.sort_by(|a, b| strength[*b].total_cmp(&strength[*a]));
    for bands in bounds {
        *bands = order.map(|band| bands[band]);
    }
}

/// Structure families: for each of `rows` rows the smallest row that it is connected with through
/// pairs. Rows of one family must not be parted by a split.
///
/// # Panics
/// If a pair names a row that there is not.
#[must_use]
pub fn families(rows: usize, pairs: &[(usize, usize, f32)]) -> Vec<usize> {
    let mut parent: Vec<usize> = (0..rows).collect();
    fn root(parent: &mut [usize], mut row: usize) -> usize {
        while parent[row] != row {
            parent[row] = parent[parent[row]];
            row = parent[row];
        }
        row
    }
    for (a, b, _) in pairs {
        let (a, b) = (root(&mut parent, *a), root(&mut parent, *b));
        parent[a.max(b)] = a.min(b);
    }
    (0..rows).map(|row| root(&mut parent, row)).collect()
}

/// Products of blurred patterns, up to a common factor.
struct Overlap {
    /// `exp(−d²/4σ²)` for `d = 0, 1, …`
    kernel: Vec<f64>,
}

impl Overlap {
    fn new(sigma: f64) -> Self {
        let reach = (8.0 * sigma).ceil() as i32;
        Self {
            kernel: (0..=reach).map(|d| (-(f64::from(d) / (2.0 * sigma)).powi(2)).exp()).collect(),
        }
    }

    fn of(&self, a: SparsePattern<'_>, b: SparsePattern<'_>) -> f64 {
        let mut sum = 0.0;
        let mut start = 0;
        for (i, x) in a.indices.iter().zip(a.values) {
            while b
                .indices
                .get(start)
                .is_some_and(|j| usize::from(*j) + self.kernel.len() <= usize::from(*i))
            {
                start += 1;
            }
            let mut near = 0.0;
            for (j, y) in b.indices[start..].iter().zip(&b.values[start..]) {
                let Some(overlap) = self.kernel.get(usize::from(i.abs_diff(*j))) else { break };
                near += f64::from(*y) * overlap;
            }
            sum += f64::from(*x) * near;
        }
        sum
    }
}

/// Lengths of the parts of a blurred pattern in the bands of all possible grid points, divided by
/// that of the whole. Bands are 72 points wide; what lies beyond the last joins it.
fn bands(pattern: SparsePattern<'_>, sigma: f64) -> [f32; BANDS] {
    const WIDTH: usize = 72;
    let reach = (5.0 * sigma).ceil() as usize;
    let last = pattern.indices.last().map_or(0, |last| usize::from(*last));
    let mut blurred = vec![0.0f32; last + 2 * reach + 1];
    let gauss = |d: usize| (-0.5 * (d as f64 / sigma).powi(2)).exp() as f32;
    let kernel: Vec<f32> = (0..=2 * reach).map(|at| gauss(at.abs_diff(reach))).collect();
    for (index, value) in pattern.indices.iter().zip(pattern.values) {
        let start = usize::from(*index);
        for (sum, weight) in blurred[start..].iter_mut().zip(&kernel) {
            *sum += value * weight;
        }
    }
    let mut squares = [0.0f64; BANDS];
    for (at, value) in blurred.iter().enumerate() {
        squares[(at / WIDTH).min(BANDS - 1)] += f64::from(*value).powi(2);
    }
    let total: f64 = squares.iter().sum();
    squares.map(|square| if total > 0.0 { (square / total).sqrt() as f32 } else { 0.0 })
}

pub(super) fn findings(tables: &[Table<'_>], threshold: f32) -> Vec<Finding> {
    let places: Vec<(&Table<'_>, usize)> = tables
        .iter()
        .flat_map(|table| (0..table.rows.len()).map(move |row| (table, row)))
        .collect();
    let patterns: Vec<SparsePattern<'_>> =
        places.iter().map(|(table, row)| table.rows[*row].pattern).collect();
    twin_pairs(&patterns, threshold)
        .pairs
        .into_iter()
        .map(|(a, b, cosine)| {
            let samples = [a, b].map(|at| source(places[at].0, places[at].1));
            if patterns[a] == patterns[b] {
                Finding::Duplicates { samples }
            } else {
                Finding::NearTwins { samples, cosine }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::{Fingerprints, Scale};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_pair_is_missed_and_none_invented(
            seeds in prop::collection::vec(
                (prop::collection::btree_map(50u16..900, 0.05f32..1.0, 1..12), -6i32..6, 0f32..0.3), 2..40),
            threshold in 0.3f32..0.99,
        ) {
            // Each seed gives a pattern and a shifted, changed copy of it.
            let mut owned: Vec<(Vec<u16>, Vec<f32>)> = Vec::new();
            for (peaks, shift, change) in seeds {
                let (indices, values): (Vec<u16>, Vec<f32>) = peaks.into_iter().unzip();
                let moved = indices.iter().map(|i| i.wrapping_add_signed(shift as i16)).collect();
                let changed = values.iter().enumerate()
                    .map(|(at, v)| if at % 2 == 0 { v + change } else { *v }).collect();
                owned.push((indices, values));
                owned.push((moved, changed));
            }
            let patterns: Vec<SparsePattern<'_>> =
                owned.iter().map(|(indices, values)| SparsePattern { indices, values }).collect();
            let found = twin_pairs(&patterns, threshold);
            prop_assert_eq!(found.total, found.pairs.len());
            let blur = Blur { sigma: Blur::TWINS.sigma, stride: 1, scale: Scale::Intensity };
            let rows = Fingerprints::of(patterns.iter().copied(), 1000, &blur).unwrap();
            for a in 0..patterns.len() {
                for b in a + 1..patterns.len() {
                    let cosine = rows.cosine(a, b);
                    let listed = found.pairs.iter().find(|pair| (pair.0, pair.1) == (a, b));
                    match listed {
                        Some((.., listed)) => prop_assert!((listed - cosine).abs() < 1e-4),
                        None => prop_assert!(cosine < threshold + 1e-4),
                    }
                    prop_assert!(listed.is_none() || cosine > threshold - 1e-4);
                }
            }
        }
    }

    #[test]
    fn a_thousand_copies_are_counted_and_not_all_kept() {
        let (indices, values) = ([100u16, 300], [1.0f32, 0.5]);
        let pattern = SparsePattern { indices: &indices, values: &values };
        let empty = SparsePattern { indices: &[], values: &[] };
        let mut patterns = vec![pattern; 1000];
        patterns.push(empty);
        let found = twin_pairs(&patterns, 0.9);
        assert_eq!(found.total, 1000 * 999 / 2);
        assert!(found.pairs.len() <= 64 * 1000);
        assert!(found.pairs.iter().all(|(a, b, cosine)| a < b && *b < 1000 && *cosine > 0.999));
        assert!(families(1001, &found.pairs)[..1000].iter().all(|family| *family == 0));
    }

    #[test]
    fn families_are_connected_through_pairs() {
        let found = families(6, &[(4, 5, 1.0), (1, 2, 1.0), (2, 4, 1.0)]);
        assert_eq!(found, [0, 1, 1, 3, 1, 1]);
    }
}
