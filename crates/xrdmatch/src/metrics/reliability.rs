//! Whether probabilities mean what they say.

use serde::{Deserialize, Serialize};

use super::Outcomes;
use crate::predictions::{POSITIVE_CLASS, most_probable};

/// Brier score: mean of `Σ_c (p_c − y_c)²`, halved for two classes, so that it is then the mean of
/// `(p_0 − y_0)²`. From 0 (certain and right) to 1 (two classes) or 2 (more).
#[must_use]
pub fn brier_score(outcomes: &Outcomes) -> f64 {
    let squared = |row: &[f64], truth: u8| {
        let error = |(class, p): (usize, &f64)| {
            let y = f64::from(u8::from(class == usize::from(truth)));
            (p - y) * (p - y)
        };
        row.iter().enumerate().map(error).sum::<f64>()
    };
    let sum: f64 = outcomes.rows().zip(outcomes.truth()).map(|(row, y)| squared(row, *y)).sum();
    let scale = if outcomes.classes() == 2 { 0.5 } else { 1.0 };
    scale * sum / outcomes.len() as f64
}

/// Mean of `−ln p` of the true class in nats. Probabilities are clipped to `[ε, 1−ε]` with the
/// machine epsilon ε = 2⁻⁵², so one confident mistake costs 36, not infinity.
#[must_use]
pub fn log_loss(outcomes: &Outcomes) -> f64 {
    let loss = |(row, truth): (&[f64], &u8)| {
        -row[usize::from(*truth)].clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    };
    outcomes.rows().zip(outcomes.truth()).map(loss).sum::<f64>() / outcomes.len() as f64
}

/// Confidence against frequency in bins of equal width over `[0, 1]`; the upper edge of a bin
/// belongs to it, and 0 to the first.
///
/// With two classes, of the probability of the positive class and how often it is true; with more,
/// of the largest probability and how often the most probable class is true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    bins: Vec<ReliabilityBin>,
}

/// The rows whose probability falls between two edges.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Number of rows.
    pub count: usize,
    /// Mean probability of the rows; 0 where there are none.
    pub confidence: f64,
    /// Share of the rows for which the event is true; 0 where there are none.
    pub frequency: f64,
}

impl Reliability {
    /// The number of bins of reported expected calibration errors.
    pub const DEFAULT_BINS: usize = 10;

    /// Sorts outcomes into a number of bins.
    ///
    /// # Panics
    /// If `bins` is 0.
    #[must_use]
    pub fn of(outcomes: &Outcomes, bins: usize) -> Self {
        assert!(bins > 0, "probabilities fall into at least one bin");
        let width = 1.0 / bins as f64;
        let upper_edges: Vec<f64> = (1..bins).map(|edge| edge as f64 * width).collect();
        let mut sums = vec![(0usize, 0.0, 0usize); bins];
        for (row, truth) in outcomes.rows().zip(outcomes.truth()) {
            let class = if outcomes.classes() == 2 { POSITIVE_CLASS } else { most_probable(row) };
            let confidence = row[usize::from(class)];
            let bin = upper_edges.partition_point(|edge| *edge < confidence);
            sums[bin].0 += 1;
            sums[bin].1 += confidence;
            sums[bin].2 += usize::from(class == *truth);
        }
        let mean = |(count, confidence, events): (usize, f64, usize)| match count {
            0 => ReliabilityBin::default(),
            _ => ReliabilityBin {
                count,
                confidence: confidence / count as f64,
                frequency: events as f64 / count as f64,
            },
        };
        Self { bins: sums.into_iter().map(mean).collect() }
    }

    /// The bins from 0 to 1.
    #[must_use]
    pub fn bins(&self) -> &[ReliabilityBin] {
        &self.bins
    }

    /// The signed parts whose absolute values add up to the expected calibration error: per bin
    /// confidence less frequency, by its share of the rows.
    #[must_use]
    pub fn gaps(&self) -> Vec<f64> {
        let total: usize = self.bins.iter().map(|bin| bin.count).sum();
        let share = |bin: &ReliabilityBin| bin.count as f64 / total.max(1) as f64;
        self.bins.iter().map(|bin| share(bin) * (bin.confidence - bin.frequency)).collect()
    }

    /// Expected calibration error: mean of `|confidence − frequency|` over the bins, by their
    /// numbers of rows.
    #[must_use]
    pub fn expected_error(&self) -> f64 {
        let total: usize = self.bins.iter().map(|bin| bin.count).sum();
        let gap = |bin: &ReliabilityBin| bin.count as f64 * (bin.confidence - bin.frequency).abs();
        self.bins.iter().map(gap).sum::<f64>() / total.max(1) as f64
    }
}
