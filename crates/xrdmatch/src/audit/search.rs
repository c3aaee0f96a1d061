//! Near-twins: every pair of patterns whose blurred cosine reaches a threshold, and none missed.
//!
//! The cosine of two blurred patterns needs no blurred patterns: two Gaussians of deviation σ at
//! distance `d` overlap as `exp(−d²/4σ²)`, so a sum over pairs of near sticks gives it. Most pairs do
//! not get that far.
//!
//! 1. **An index by the strongest band.** Of each blurred pattern the lengths `u_b` of its parts in
//!    narrow bands of the grid are taken. By Cauchy and Schwarz `Σ u_b v_b` is no smaller than the
//!    cosine, and with the strongest band `h` of the first pattern it is at most `cos(α − β)`, where
//!    `cos α = u_h` and `cos β = v_h`. So a twin has `v_h ≥ cos(α + θ)`, `cos θ` being the threshold:
//!    only patterns that are strong where this one is strongest need a look. Each pair is sought from
//!    the pattern with the stronger band. Patterns that are strong nowhere are looked at among
//!    themselves. On simulated Li compounds 8 % of the pairs are left.
//! 2. **Two bounds.** The same inequality over 64 wide bands, and before it over the 16 strongest of
//!    them with the rest in one, for a tile of candidates at a time: nearly all pairs end here.
//! 3. **The cosine itself.**
//!
//! Memory grows linearly with the number of patterns (about 500 bytes for each); time grows with its
//! square, but slowly.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::families::Families;
use super::overlap::{Overlap, bands, blur};
use crate::fingerprint::{Blur, SparsePattern, dot};

/// Bands of the bounds, each 72 points wide.
const BANDS: usize = 64;
const BAND_WIDTH: usize = 72;
/// Bands of the short bound.
const STRONGEST: usize = 16;
/// Bands of the index, each 24 points wide (0.48° of a grid of 0.02°).
const NARROW: usize = 192;
const NARROW_WIDTH: usize = 24;
/// Patterns are listed under a narrow band from this strength on.
const LISTED: f32 = 0.1;
/// Patterns that seek side by side.
const BLOCK: usize = 32;
/// Candidates that are looked at together: the sums of their short bounds fit the registers.
const TILE: usize = 32;
/// Added to every bound: forgives single precision, and the cut-off of the Gaussians.
const SLACK: f32 = 1e-3;
/// The most twins that are kept of one pattern; the rest are counted.
const KEPT: usize = 64;

/// The pairs found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Twins {
    /// Rows `a < b` with their cosine, in order. Of a pattern with a great many twins only the
    /// nearest 64 that follow it in the order of the search.
    pub pairs: Vec<(usize, usize, f32)>,
    /// All pairs, those not kept included.
    pub total: usize,
    /// Structure families: for each row the smallest row that it is connected with through pairs,
    /// those not kept included.
    pub families: Vec<usize>,
}

/// All pairs of patterns whose cosine, blurred by [`Blur::TWINS`], is at least `threshold` (above 0).
/// Patterns without intensity have no twins.
///
/// # Panics
/// If the two halves of a pattern differ in length.
#[must_use]
pub fn twin_pairs(patterns: &[SparsePattern<'_>], threshold: f32) -> Twins {
    twin_pairs_observed(patterns, threshold, &|_, _| {})
}

/// As [`twin_pairs`]; `tell` hears, on whatever thread, how many patterns have sought their twins,
/// and how many there are.
///
/// # Panics
/// As [`twin_pairs`].
#[must_use]
pub fn twin_pairs_observed(
    patterns: &[SparsePattern<'_>],
    threshold: f32,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Twins {
    let search = Search::of(patterns, threshold);
    let done = AtomicUsize::new(0);
    let families = Mutex::new(Families::of(patterns.len()));
    let found: Vec<Found> = search
        .tasks()
        .into_par_iter()
        .flat_map_iter(|task| {
            let candidates = search.candidates(&task);
            let seek = |seekers: &[usize]| {
                let mut found = search.seek(seekers, &candidates);
                let mut joined = families.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut found.links).iter().for_each(|(a, b)| joined.join(*a, *b));
                drop(joined);
                let before = done.fetch_add(seekers.len(), Ordering::Relaxed);
                tell(before + seekers.len(), patterns.len());
                found
            };
            task.seekers.par_chunks(BLOCK).map(seek).collect::<Vec<_>>()
        })
        .collect();
    let total = found.iter().map(|found| found.total).sum();
    let mut pairs: Vec<_> = found.into_iter().flat_map(|found| found.pairs).collect();
    pairs.sort_unstable_by_key(|(a, b, _)| (*a, *b));
    let families = families.into_inner().unwrap_or_else(PoisonError::into_inner);
    Twins { pairs, total, families: families.smallest() }
}

struct Search<'a> {
    patterns: &'a [SparsePattern<'a>],
    threshold: f32,
    overlap: Overlap,
    /// Lengths of the whole blurred patterns.
    lengths: Vec<f64>,
    bounds: Vec<[f32; BANDS]>,
    /// The strongest narrow band of each pattern.
    heads: Vec<Head>,
    /// Per narrow band the patterns with at least [`LISTED`] in it, the strongest first.
    lists: Vec<Vec<(f32, u32)>>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    band: usize,
    strength: f32,
    /// The least strength of a twin in this band.
    least: f32,
}

/// Patterns that seek their twins among the same candidates.
struct Task {
    /// The narrow band; `None` for patterns that are strong nowhere.
    band: Option<usize>,
    seekers: Vec<usize>,
}

/// Candidates, those strongest in the band first.
struct Candidates {
    rows: Vec<u32>,
    strengths: Vec<f32>,
    tiles: Vec<Tile>,
}

/// What the short bound needs of [`TILE`] candidates, band after band: those that are missing in the
/// last tile are strong nowhere.
type Tile = [[f32; TILE]; SHORT];

/// Parts of the short bound: the strongest bands, and the length of all others.
const SHORT: usize = STRONGEST + 1;

#[derive(Default)]
struct Found {
    pairs: Vec<(usize, usize, f32)>,
    links: Vec<(usize, usize)>,
    total: usize,
}

impl<'a> Search<'a> {
    fn of(patterns: &'a [SparsePattern<'a>], threshold: f32) -> Self {
        let overlap = Overlap::new(Blur::TWINS.sigma);
        let angle = (threshold - SLACK).clamp(0.0, 1.0).acos();
        let row = |pattern: &SparsePattern<'_>| {
            let blurred = blur(*pattern, Blur::TWINS.sigma);
            let narrow: [f32; NARROW] = bands(&blurred, NARROW_WIDTH);
            let mut band = 0;
            for (other, strength) in narrow.iter().enumerate() {
                if *strength > narrow[band] {
                    band = other;
                }
            }
            let strength = narrow[band];
            let least = (strength.clamp(0.0, 1.0).acos() + angle).cos() - SLACK;
            let listed: Vec<(u8, f32)> =
                (0u8..).zip(narrow).filter(|(_, strength)| *strength >= LISTED).collect();
            let length = overlap.of(*pattern, *pattern).sqrt();
            (bands(&blurred, BAND_WIDTH), length, Head { band, strength, least }, listed)
        };
        let mut lists: Vec<Vec<(f32, u32)>> = vec![Vec::new(); NARROW];
        let (mut bounds, mut lengths, mut heads) =
            (Vec::with_capacity(patterns.len()), Vec::new(), Vec::new());
        // In parts, so that the lists of bands do not lie in memory twice.
        for (part, chunk) in patterns.chunks(16_384).enumerate() {
            let rows: Vec<_> = chunk.par_iter().map(row).collect();
            for (row, (bound, length, head, listed)) in (part * 16_384..).zip(rows) {
                bounds.push(bound);
                lengths.push(length);
                heads.push(head);
                for (band, strength) in listed {
                    lists[usize::from(band)].push((strength, number(row)));
                }
            }
        }
        lists.par_iter_mut().for_each(|list| {
            list.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        });
        strongest_first(&mut bounds);
        Self { patterns, threshold, overlap, lengths, bounds, heads, lists }
    }

    fn tasks(&self) -> Vec<Task> {
        let mut of_band: Vec<Vec<usize>> = vec![Vec::new(); NARROW];
        let mut strong_nowhere = Vec::new();
        for (row, head) in self.heads.iter().enumerate() {
            if self.lengths[row] <= 0.0 {
                continue;
            }
            if head.least < LISTED { &mut strong_nowhere } else { &mut of_band[head.band] }
                .push(row);
        }
        let mut tasks: Vec<Task> = (0..)
            .zip(of_band)
            .map(|(band, seekers)| Task { band: Some(band), seekers })
            .chain([Task { band: None, seekers: strong_nowhere }])
            .filter(|task| !task.seekers.is_empty())
            .collect();
        for task in &mut tasks {
            task.seekers
                .sort_by(|a, b| self.heads[*b].strength.total_cmp(&self.heads[*a].strength));
        }
        tasks
    }

    /// Whoever may be a twin of any of a task's seekers.
    fn candidates(&self, task: &Task) -> Candidates {
        let (rows, strengths): (Vec<u32>, Vec<f32>) = match task.band {
            Some(band) => {
                let least = task.seekers.iter().map(|row| self.heads[*row].least);
                let least = least.fold(f32::INFINITY, f32::min);
                let list = &self.lists[band];
                let end = list.partition_point(|(strength, _)| *strength >= least);
                list[..end].iter().map(|(strength, row)| (*row, *strength)).unzip()
            }
            None => task.seekers.iter().map(|row| (number(*row), f32::INFINITY)).unzip(),
        };
        let tile = |rows: &[u32]| {
            let mut tile: Tile = [[0.0; TILE]; SHORT];
            for (place, row) in rows.iter().enumerate() {
                let short = short(&self.bounds[*row as usize]);
                tile.iter_mut().zip(short).for_each(|(band, strength)| band[place] = strength);
            }
            tile
        };
        let tiles = rows.par_chunks(TILE).map(tile).collect();
        Candidates { rows, strengths, tiles }
    }

    /// Whether a pair is sought from `a`: the order of strength, then of rows.
    fn seeks(&self, a: usize, b: usize) -> bool {
        let (x, y) = (self.heads[a].strength, self.heads[b].strength);
        x > y || (x == y && a < b)
    }

    fn seek(&self, seekers: &[usize], candidates: &Candidates) -> Found {
        let mut twins: Vec<Vec<(usize, f32)>> = vec![Vec::new(); seekers.len()];
        let mut found = Found::default();
        let ends: Vec<usize> = seekers
            .iter()
            .map(|a| candidates.strengths.partition_point(|s| *s >= self.heads[*a].least))
            .collect();
        let own: Vec<[f32; SHORT]> = seekers.iter().map(|a| short(&self.bounds[*a])).collect();
        let last = ends.iter().copied().max().unwrap_or(0);
        for (tile, first) in candidates.tiles.iter().zip((0..last).step_by(TILE)) {
            for (seeker, (a, end)) in seekers.iter().zip(&ends).enumerate() {
                if first >= *end {
                    continue;
                }
                let bounds = products(&own[seeker], tile);
                if bounds.iter().all(|bound| bound + SLACK < self.threshold) {
                    continue;
                }
                for (bound, at) in bounds.into_iter().zip(first..*end) {
                    if bound + SLACK < self.threshold {
                        continue;
                    }
                    let b = candidates.rows[at] as usize;
                    let long = || dot(&self.bounds[*a], &self.bounds[b]);
                    if !self.seeks(*a, b) || long() + SLACK < self.threshold {
                        continue;
                    }
                    let product = self.overlap.of(self.patterns[*a], self.patterns[b]);
                    let cosine = (product / (self.lengths[*a] * self.lengths[b])).min(1.0) as f32;
                    if cosine >= self.threshold {
                        twins[seeker].push((b, cosine));
                        found.total += 1;
                        // A pattern with a thousand twins must not fill the memory.
                        if twins[seeker].len() > 2 * KEPT {
                            keep_nearest(*a, &mut twins[seeker], &mut found.links);
                        }
                    }
                }
            }
        }
        for (a, mut twins) in seekers.iter().zip(twins) {
            keep_nearest(*a, &mut twins, &mut found.links);
            found.links.extend(twins.iter().map(|(b, _)| (*a, *b)));
            found
                .pairs
                .extend(twins.into_iter().map(|(b, cosine)| ((*a).min(b), (*a).max(b), cosine)));
        }
        found
    }
}

/// Cuts the twins of `a` down to the nearest; the others leave their link.
fn keep_nearest(a: usize, twins: &mut Vec<(usize, f32)>, links: &mut Vec<(usize, usize)>) {
    if twins.len() > KEPT {
        twins.sort_by(|x, y| y.1.total_cmp(&x.1).then(x.0.cmp(&y.0)));
        links.extend(twins.drain(KEPT..).map(|(b, _)| (a, b)));
    }
}

/// The strongest bands, and the length of all others.
fn short(bands: &[f32; BANDS]) -> [f32; SHORT] {
    let mut short = [0.0; SHORT];
    let (strongest, others) = bands.split_at(STRONGEST);
    short[..STRONGEST].copy_from_slice(strongest);
    short[STRONGEST] = dot(others, others).sqrt();
    short
}

/// The short bounds of a pattern with every candidate of a tile.
fn products(x: &[f32; SHORT], tile: &Tile) -> [f32; TILE] {
    let mut sums = [0.0; TILE];
    for (x, y) in x.iter().zip(tile) {
        sums.iter_mut().zip(y).for_each(|(sum, y)| *sum += x * y);
    }
    sums
}

/// A row as the lists count them.
fn number(row: usize) -> u32 {
    u32::try_from(row).expect("patterns are counted in 32 bits")
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};
    use std::ops::Range;

    use super::*;
    use crate::fingerprint::{Fingerprints, Scale};
    use proptest::prelude::*;

    /// What single precision may change in a cosine, the comparison's and the search's together.
    const ROUNDING: f32 = 1e-4;

    type Owned = (Vec<u16>, Vec<f32>);

    /// The search against all pairs of blurred patterns, up to [`KEPT`] for each pattern.
    fn assert_search(owned: &[Owned], threshold: f32) {
        let patterns: Vec<SparsePattern<'_>> =
            owned.iter().map(|(indices, values)| SparsePattern { indices, values }).collect();
        let found = twin_pairs(&patterns, threshold);
        let blur = Blur { sigma: Blur::TWINS.sigma, stride: 1, scale: Scale::Intensity };
        let rows = Fingerprints::of(patterns.iter().copied(), 1000, &blur).unwrap();
        let all = (0..patterns.len()).flat_map(|a| (a + 1..patterns.len()).map(move |b| (a, b)));
        let pairs: Vec<(usize, usize, f32)> = all.map(|(a, b)| (a, b, rows.cosine(a, b))).collect();
        let reaching = |limit| pairs.iter().filter(|(.., cosine)| *cosine >= limit).count();
        let (least, most) = (reaching(threshold + ROUNDING), reaching(threshold - ROUNDING));
        assert!((least..=most).contains(&found.total), "{} of {least} to {most}", found.total);
        let listed: HashMap<(usize, usize), f32> =
            found.pairs.iter().map(|(a, b, cosine)| ((*a, *b), *cosine)).collect();
        assert_eq!(listed.len(), found.pairs.len(), "no pair is listed twice");
        let nearer = |row: usize, cosine: f32| {
            let of_row = listed.iter().filter(|((a, b), _)| *a == row || *b == row);
            of_row.filter(|(_, listed)| **listed >= cosine - ROUNDING).count()
        };
        for (a, b, cosine) in &pairs {
            match listed.get(&(*a, *b)) {
                Some(listed) => {
                    assert!((listed - cosine).abs() < ROUNDING, "{a}, {b}: {listed}, not {cosine}");
                    assert!(*cosine > threshold - ROUNDING, "{a}, {b}: {cosine} is no twin");
                }
                None if *cosine < threshold + ROUNDING => {}
                None => {
                    let most = nearer(*a, *cosine).max(nearer(*b, *cosine));
                    assert!(most >= KEPT, "{a}, {b}: {cosine} is missed, with {most} nearer");
                }
            }
            if *cosine >= threshold + ROUNDING {
                assert_eq!(found.families[*a], found.families[*b], "{a}, {b}: one family");
            }
        }
        let mut joined = Families::of(patterns.len());
        let near = pairs.iter().filter(|(.., cosine)| *cosine > threshold - ROUNDING);
        near.for_each(|(a, b, _)| joined.join(*a, *b));
        let largest = joined.smallest();
        for (row, family) in found.families.iter().enumerate() {
            assert_eq!(largest[row], largest[*family], "{row}: a family is joined by twins");
        }
    }

    prop_compose! {
        /// Patterns with up to `peaks` peaks within `points`, each with a shifted, changed copy.
        fn patterns(points: Range<u16>, peaks: usize, most: usize)(seeds in prop::collection::vec(
            (prop::collection::btree_map(points, 0.05f32..1.0, 1..=peaks), -6i16..6, 0f32..0.3),
            2..=most,
        )) -> Vec<Owned> {
            let pair = |(peaks, shift, change): (BTreeMap<u16, f32>, i16, f32)| {
                let (indices, values): Owned = peaks.into_iter().unzip();
                let moved = indices.iter().map(|i| i.wrapping_add_signed(shift)).collect();
                let raised = |(at, v): (usize, &f32)| if at % 2 == 0 { v + change } else { *v };
                let changed = values.iter().enumerate().map(raised).collect();
                [(indices, values), (moved, changed)]
            };
            seeds.into_iter().flat_map(pair).collect()
        }
    }

    proptest! {
        #[test]
        fn no_pair_is_missed_and_none_invented(
            owned in patterns(50..900, 11, 39), threshold in 0.3f32..0.99,
        ) {
            assert_search(&owned, threshold);
        }

        /// Few peaks at few places: equal strengths, and more twins than are kept.
        #[test]
        fn in_a_crowd_no_pair_is_missed_and_none_invented(
            owned in patterns(100..160, 3, 60), threshold in 0.3f32..0.999,
        ) {
            assert_search(&owned, threshold);
        }
    }

    #[test]
    fn of_a_crowd_the_nearest_twins_are_kept() {
        let member = |number: u16| (vec![100, 300], vec![1.0, 0.004 * f32::from(number)]);
        let crowd: Vec<Owned> = (1..=100).map(member).collect();
        assert_search(&crowd, 0.93);
        assert_search(&crowd, 0.99);
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
        assert!(found.families[..1000].iter().all(|family| *family == 0));
        assert_eq!(found.families[1000], 1000);
    }

    #[test]
    fn twins_that_are_not_kept_still_belong_to_the_family() {
        // A strong common peak makes a hub the twin of many that are no twins of each other.
        let spoke = |number: u16| ([100u16, 400 + 25 * number], [1.0f32, 0.36]);
        let spokes: Vec<([u16; 2], [f32; 2])> = (0..150).map(spoke).collect();
        let mut patterns = vec![SparsePattern { indices: &[100], values: &[1.0] }];
        patterns.extend(spokes.iter().map(|(indices, values)| SparsePattern { indices, values }));
        let found = twin_pairs(&patterns, 0.93);
        assert_eq!(found.total, 150);
        assert_eq!(found.pairs.len(), 64);
        assert!(found.families.iter().all(|family| *family == 0));
    }

    #[test]
    fn patterns_of_many_weak_bands_find_their_twins_too() {
        let indices: Vec<u16> = (0..100).map(|peak| 40 * peak).collect();
        let values = vec![1.0f32; 100];
        let flat = SparsePattern { indices: &indices, values: &values };
        let found = twin_pairs(&[flat, flat], 0.9);
        assert_eq!(found.pairs.len(), 1);
    }
}
