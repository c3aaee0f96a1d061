//! Patterns unlike all that was seen: "I do not know this".
//!
//! Three measures, each larger the stranger a pattern is:
//! - the distance to its `k`-th nearest neighbour among patterns the models were trained with, one
//!   less the cosine of blurred patterns: strange to the eye;
//! - the same in what enters the network's last layer (Sun et al., ICML 2022, arXiv:2204.06507), with
//!   every feature in units of its standard deviation: strange to the network. The features keep
//!   their length, unlike there: it is what tells a glass from a crystal;
//! - the energy `−ln Σ exp(logit)` (Liu et al., NeurIPS 2020, arXiv:2010.03759): no class claims it.
//!
//! Each is put on one scale by patterns that were held out, `(x − median)/(q₉₀ − median)`, and the
//! largest is the score. The threshold is set on *other* held-out patterns: with `n` of them the
//! `⌈(1−r)(n+1)⌉`-th smallest score. A new pattern of the same kind exceeds it with a probability of
//! at most `r`, whatever the distributions are (a split conformal bound).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fingerprint::dot;

/// The rate of false alarms where none is stated and there are enough held-out patterns.
const DEFAULT_RATE: f64 = 0.01;

/// The least unit of a measure's scale: forgives a measure that is the same for all.
const LEAST_UNIT: f64 = 1e-9;

/// How outliers are told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OutlierSettings {
    /// Which neighbour's distance counts.
    pub neighbour: usize,
    /// The most reference patterns, and the most held-out ones.
    pub most: usize,
    /// The share of ordinary patterns that may be flagged; by default 1 %, or the smallest share
    /// that the held-out patterns allow.
    pub rate: Option<f64>,
}

impl Default for OutlierSettings {
    fn default() -> Self {
        Self { neighbour: 5, most: 2000, rate: None }
    }
}

/// Why outliers cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OutlierError {
    /// The rate is none.
    #[error("flag a share of {rate} of ordinary patterns; it must lie between 0 and 1")]
    Rate {
        /// The rate.
        rate: f64,
    },
    /// Too few held-out patterns for the rate.
    #[error(
        "set a threshold that flags {rate} of ordinary patterns: that takes {needed} held-out \
         patterns, and there are {found}"
    )]
    TooFewHeldOut {
        /// The rate.
        rate: f64,
        /// Patterns needed.
        needed: usize,
        /// Patterns there are.
        found: usize,
    },
    /// Too few patterns to be a neighbourhood.
    #[error("find {neighbour} neighbours among {found} reference patterns")]
    TooFewReferences {
        /// Which neighbour's distance counts.
        neighbour: usize,
        /// Reference patterns there are.
        found: usize,
    },
}

/// What is looked at of some patterns; a row each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evidence {
    /// Blurred patterns, of length one.
    pub patterns: Rows,
    /// What enters the network's last layer, as it is.
    pub features: Rows,
    /// `−ln Σ exp(logit)`.
    pub energies: Vec<f64>,
}

/// Rows of numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    width: usize,
    values: Vec<f32>,
}

impl Rows {
    /// Rows as they are.
    ///
    /// # Panics
    /// If the values do not make rows of this width.
    #[must_use]
    pub fn new(width: usize, values: Vec<f32>) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "rows of {width} numbers");
        Self { width, values }
    }

    /// Rows scaled to length one; a row of zeros stays one.
    ///
    /// # Panics
    /// If the values do not make rows of this width.
    #[must_use]
    pub fn unit(width: usize, mut values: Vec<f32>) -> Self {
        assert!(width > 0 && values.len().is_multiple_of(width), "rows of {width} numbers");
        for row in values.chunks_exact_mut(width) {
            let length = dot(row, row).sqrt();
            if length > 0.0 {
                row.iter_mut().for_each(|value| *value /= length);
            }
        }
        Self { width, values }
    }

    fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// One less the cosine with the `k`-th nearest of these rows, all of length one.
    fn angle(&self, row: &[f32], k: usize) -> f64 {
        f64::from(smallest(k, self.rows().map(|other| 1.0 - dot(other, row)))).max(0.0)
    }

    /// The distance to the `k`-th nearest of these rows.
    fn distance(&self, row: &[f32], k: usize) -> f64 {
        let square =
            |other: &[f32]| other.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        f64::from(smallest(k, self.rows().map(square))).sqrt()
    }
}

/// The `k`-th smallest of some numbers; infinite with fewer.
fn smallest(k: usize, numbers: impl Iterator<Item = f32>) -> f32 {
    let mut least = vec![f32::INFINITY; k];
    for number in numbers {
        if number < least[k - 1] {
            let place = least.partition_point(|known| *known <= number);
            least.insert(place, number);
            least.truncate(k);
        }
    }
    least[k - 1]
}

/// Mean and unit of each feature.
#[derive(Debug, Clone, PartialEq, Default)]
struct Units {
    means: Vec<f32>,
    units: Vec<f32>,
}

impl Units {
    /// Standard deviations; features that hardly vary are taken as a tenth of the others' mean, so
    /// that one which is dead on all of these rows does not outweigh the rest on the next.
    fn of(rows: &Rows) -> Self {
        let count = rows.rows().len().max(1) as f64;
        let mut means = vec![0.0f64; rows.width];
        let mut squares = vec![0.0f64; rows.width];
        for row in rows.rows() {
            means.iter_mut().zip(row).for_each(|(mean, x)| *mean += f64::from(*x) / count);
        }
        for row in rows.rows() {
            for ((square, mean), x) in squares.iter_mut().zip(&means).zip(row) {
                *square += (f64::from(*x) - mean).powi(2) / count;
            }
        }
        let deviations: Vec<f64> = squares.iter().map(|square| square.sqrt()).collect();
        let mean = deviations.iter().sum::<f64>() / deviations.len().max(1) as f64;
        let least = (0.1 * mean).max(LEAST_UNIT);
        #[expect(clippy::cast_possible_truncation, reason = "as precise as the features")]
        Self {
            means: means.iter().map(|mean| *mean as f32).collect(),
            units: deviations.iter().map(|deviation| deviation.max(least) as f32).collect(),
        }
    }

    fn apply(&self, row: &[f32]) -> Vec<f32> {
        let scaled = row.iter().zip(&self.means).zip(&self.units);
        scaled.map(|((x, mean), unit)| (x - mean) / unit).collect()
    }
}

impl Evidence {
    /// The energies of logits, `classes` to a row.
    #[must_use]
    pub fn energies(logits: &[f32], classes: usize) -> Vec<f64> {
        let energy = |row: &[f32]| {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = row.iter().map(|logit| f64::from(logit - largest).exp()).sum();
            -(f64::from(largest) + sum.ln())
        };
        logits.chunks_exact(classes).map(energy).collect()
    }

    /// Number of patterns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.energies.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.energies.is_empty()
    }
}

/// Tells outliers.
#[derive(Debug, Clone)]
pub struct Detector {
    reference: Evidence,
    units: Units,
    neighbour: usize,
    scales: [Scale; 3],
    threshold: f64,
    rate: f64,
    held_out: usize,
}

/// Where a measure ordinarily lies.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    median: f64,
    unit: f64,
}

impl Scale {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        let median = at(0.5);
        Self { median, unit: (at(0.9) - median).max(LEAST_UNIT) }
    }
}

impl Detector {
    /// Learns what is ordinary from patterns the models were trained with (`reference`) and from
    /// patterns of the same kind that they were not (`held_out`, in random order).
    ///
    /// # Errors
    /// [`OutlierError`].
    pub fn fit(
        mut reference: Evidence,
        held_out: &Evidence,
        settings: &OutlierSettings,
    ) -> Result<Self, OutlierError> {
        let neighbour = settings.neighbour.max(1);
        let found = reference.len();
        if found < neighbour {
            return Err(OutlierError::TooFewReferences { neighbour, found });
        }
        let (for_scale, for_threshold): (Vec<usize>, Vec<usize>) =
            (0..held_out.len()).partition(|row| row.is_multiple_of(2));
        let n = for_threshold.len();
        let smallest = 1.0 / (n + 1) as f64;
        let rate = settings.rate.unwrap_or(DEFAULT_RATE.max(smallest));
        if !(rate > 0.0 && rate < 1.0) {
            return Err(OutlierError::Rate { rate });
        }
        // Products like 0.95·20 must not be rounded up to the next place.
        let place = ((1.0 - rate) * (n + 1) as f64 - 1e-9).ceil() as usize;
        if n == 0 || place > n {
            let needed = 2 * ((1.0 / rate - 1e-9).ceil() as usize - 1).max(1);
            return Err(OutlierError::TooFewHeldOut { rate, needed, found: held_out.len() });
        }
        let units = Units::of(&reference.features);
        let scaled = reference.features.rows().flat_map(|row| units.apply(row)).collect();
        reference.features = Rows::new(reference.features.width.max(1), scaled);
        let mut detector = Self {
            reference,
            units,
            neighbour,
            scales: [Scale { median: 0.0, unit: 1.0 }; 3],
            threshold: f64::INFINITY,
            rate,
            held_out: held_out.len(),
        };
        let measured: Vec<[f64; 3]> =
            for_scale.par_iter().map(|row| detector.measures(held_out, *row)).collect();
        detector.scales =
            [0, 1, 2].map(|measure| Scale::of(measured.iter().map(|m| m[measure]).collect()));
        let mut scores: Vec<f64> =
            for_threshold.par_iter().map(|row| detector.score(held_out, *row)).collect();
        scores.sort_unstable_by(f64::total_cmp);
        detector.threshold = scores[place.max(1) - 1];
        Ok(detector)
    }

    fn measures(&self, evidence: &Evidence, row: usize) -> [f64; 3] {
        let k = self.neighbour;
        [
            self.reference.patterns.angle(evidence.patterns.row(row), k),
            self.reference.features.distance(&self.units.apply(evidence.features.row(row)), k),
            evidence.energies[row],
        ]
    }

    /// How strange one of some patterns is: about 0 for an ordinary one, above 1 for one in ten,
    /// and above [`threshold`](Self::threshold) for an outlier.
    ///
    /// # Panics
    /// If there is no such row, or the rows are of another width than the reference's.
    #[must_use]
    pub fn score(&self, evidence: &Evidence, row: usize) -> f64 {
        let scaled = self.measures(evidence, row).into_iter().zip(self.scales);
        scaled.map(|(x, scale)| (x - scale.median) / scale.unit).fold(f64::NEG_INFINITY, f64::max)
    }

    /// The scores of all rows.
    #[must_use]
    pub fn scores(&self, evidence: &Evidence) -> Vec<f64> {
        (0..evidence.len()).into_par_iter().map(|row| self.score(evidence, row)).collect()
    }

    /// The score above which a pattern is an outlier.
    #[must_use]
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// The share of ordinary patterns that may be flagged.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// How many held-out patterns stand behind scale and threshold.
    #[must_use]
    pub fn held_out(&self) -> usize {
        self.held_out
    }
}

#[cfg(test)]
mod tests;
