//! Class shares: how probabilities change when they do, and what they are where nothing is
//! labelled.
//!
//! A model trained on as many positives as negatives speaks of a world in which every second
//! compound conducts. In the real pool perhaps one in twenty does. [`correct`] moves calibrated
//! probabilities from one share to another; [`estimate`] finds the share from the unlabelled pool
//! itself (Saerens, Latinne and Decaestecker, Neural Comput. 14, 21, 2002). Both assume that only
//! the shares differ: within a class, patterns are distributed as in training.

use serde::{Deserialize, Serialize};

use crate::predictions::{Predictions, PredictionsError};
use crate::statistics::{Bootstrap, Interval, IntervalMethod, StatisticsError, Strata};

/// Change of every share by which an estimate counts as settled.
const SETTLED: f64 = 1e-12;
/// Rounds after which an estimate is given up; on a pool that says little they come slowly.
const MAX_ROUNDS: usize = 100_000;

/// How far the shares of a prior may sum from 1: forgives rounding in a settings file.
const SUM_TOLERANCE: f64 = 1e-6;

/// The share of each class; all positive, summing to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Prior(Vec<f64>);

/// Shares found in an unlabelled pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriorEstimate {
    /// The share of each class. A share may be 0.
    pub shares: Vec<f64>,
    /// Rounds of expectation and maximisation.
    pub rounds: usize,
    /// Whether the last round changed nothing any more.
    pub settled: bool,
}

/// A prior that cannot be one, or predictions that do not go with it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PriorError {
    /// A share outside 0 to 1 (both excluded), or not a number.
    #[error("accept {share} as the share of class {class}; it must lie between 0 and 1")]
    Share {
        /// The class.
        class: usize,
        /// The share found.
        share: f64,
    },
    /// The shares do not sum to 1.
    #[error("accept class shares that sum to {sum}, not 1")]
    SumNotOne {
        /// The sum.
        sum: f64,
    },
    /// Predictions of another number of classes.
    #[error("correct predictions of {found} classes by a prior of {expected}")]
    Classes {
        /// Classes of the prior.
        expected: usize,
        /// Classes of the predictions.
        found: usize,
    },
    /// No rows to estimate from.
    #[error("estimate class shares from no prediction")]
    Empty,
    /// An interval cannot be had.
    #[error("give the share an interval")]
    Interval(#[from] StatisticsError),
    /// Corrected values that are no probabilities: a row that gives everything to nothing.
    #[error("correct predictions by a prior")]
    Corrected(#[from] PredictionsError),
}

impl Prior {
    /// The shares of the classes, in their order.
    ///
    /// # Errors
    /// [`PriorError::Share`] and [`PriorError::SumNotOne`].
    pub fn new(shares: Vec<f64>) -> Result<Self, PriorError> {
        for (class, share) in shares.iter().enumerate() {
            if !(*share > 0.0 && *share < 1.0) {
                return Err(PriorError::Share { class, share: *share });
            }
        }
        let sum: f64 = shares.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(PriorError::SumNotOne { sum });
        }
        Ok(Self(shares))
    }

    /// Two classes of which the positive one has a share.
    ///
    /// # Errors
    /// [`PriorError::Share`].
    pub fn of_positive(share: f64) -> Result<Self, PriorError> {
        Self::new(vec![share, 1.0 - share])
    }

    /// The share of each class.
    #[must_use]
    pub fn shares(&self) -> &[f64] {
        &self.0
    }

    fn check(&self, predictions: &Predictions) -> Result<(), PriorError> {
        let (expected, found) = (self.0.len(), predictions.classes());
        if expected == found { Ok(()) } else { Err(PriorError::Classes { expected, found }) }
    }
}

impl TryFrom<Vec<f64>> for Prior {
    type Error = PriorError;

    fn try_from(shares: Vec<f64>) -> Result<Self, PriorError> {
        Self::new(shares)
    }
}

impl From<Prior> for Vec<f64> {
    fn from(prior: Prior) -> Self {
        prior.0
    }
}

/// Probabilities that held where the classes had the shares `from`, for where they have the shares
/// `to`: `p'(c) ∝ p(c)·to(c)/from(c)`. Logits stay as they are.
///
/// # Errors
/// [`PriorError::Classes`].
pub fn correct(
    predictions: &Predictions,
    from: &Prior,
    to: &Prior,
) -> Result<Predictions, PriorError> {
    from.check(predictions)?;
    to.check(predictions)?;
    let ratios: Vec<f64> = to.0.iter().zip(&from.0).map(|(to, from)| to / from).collect();
    let mut probabilities = predictions.probabilities().to_vec();
    for row in probabilities.chunks_exact_mut(ratios.len()) {
        reweigh(row, &ratios);
    }
    Ok(predictions.clone().with_probabilities(probabilities)?)
}

/// Multiplies the probabilities of one row by the ratio of their class, and divides by the sum.
pub(crate) fn reweigh(row: &mut [f64], ratios: &[f64]) {
    let mut sum = 0.0;
    for (value, ratio) in row.iter_mut().zip(ratios) {
        *value *= ratio;
        sum += *value;
    }
    row.iter_mut().for_each(|value| *value /= sum);
}

/// The class shares of an unlabelled pool, from calibrated probabilities that hold for the shares
/// `trained_on`: the shares of largest likelihood, by expectation and maximisation.
///
/// # Errors
/// [`PriorError::Classes`] and [`PriorError::Empty`].
pub fn estimate(
    predictions: &Predictions,
    trained_on: &Prior,
) -> Result<PriorEstimate, PriorError> {
    trained_on.check(predictions)?;
    if predictions.is_empty() {
        return Err(PriorError::Empty);
    }
    let rows: Vec<usize> = (0..predictions.len()).collect();
    Ok(maximise(predictions, trained_on, &rows))
}

/// The share of one class in an unlabelled pool, with an interval by resampling the pool. It is
/// the uncertainty of the pool alone: that of the calibration is not in it.
///
/// # Errors
/// As [`estimate`], and errors of the bootstrap's settings.
///
/// # Panics
/// If there is no such class.
pub fn estimate_share(
    predictions: &Predictions,
    trained_on: &Prior,
    class: u8,
    bootstrap: &Bootstrap,
) -> Result<Interval, PriorError> {
    trained_on.check(predictions)?;
    if predictions.is_empty() {
        return Err(PriorError::Empty);
    }
    // Truth, where known, plays no part; and BCa would take one more estimate per row.
    let bootstrap =
        Bootstrap { strata: Strata::None, method: IntervalMethod::Percentile, ..*bootstrap };
    let rows = vec![(0..predictions.len()).collect()];
    let share =
        |rows: &[usize]| Some(maximise(predictions, trained_on, rows).shares[usize::from(class)]);
    let interval = bootstrap.interval_of(&rows, share)?;
    Ok(interval.expect("the share is defined on every resample"))
}

/// The shares of largest likelihood on some rows. A round takes the probabilities under the present
/// shares and their means as the next ones; since rounds come slowly where classes overlap, each
/// two are followed by a leap along them (SQUAREM: Varadhan and Roland, Scand. J. Stat. 35, 335,
/// 2008), undone where it leaves the possible or makes the likelihood smaller.
fn maximise(predictions: &Predictions, trained_on: &Prior, rows: &[usize]) -> PriorEstimate {
    let shares = &trained_on.0;
    let pool = Pool {
        classes: shares.len(),
        ratios: rows
            .iter()
            .flat_map(|row| predictions.row(*row).probabilities.iter().zip(shares))
            .map(|(p, share)| p / share)
            .collect(),
    };
    let mut shares = shares.clone();
    let mut rounds = 0;
    while rounds < MAX_ROUNDS {
        let once = pool.round(&shares);
        let twice = pool.round(&once);
        rounds += 2;
        let change = twice.iter().zip(&once).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        if change < SETTLED {
            return PriorEstimate { shares: twice, rounds, settled: true };
        }
        shares = match leap(&shares, &once, &twice) {
            Some(far) if pool.log_likelihood(&far) >= pool.log_likelihood(&twice) => far,
            _ => twice,
        };
    }
    PriorEstimate { shares, rounds, settled: false }
}

/// Where two rounds point to, if it is possible: `x − 2αr + α²v` with the first step `r`, the change
/// of step `v` and `α = −|r|/|v|`.
fn leap(start: &[f64], once: &[f64], twice: &[f64]) -> Option<Vec<f64>> {
    let (mut first, mut bend) = (0.0, 0.0);
    for ((x, y), z) in start.iter().zip(once).zip(twice) {
        first += (y - x).powi(2);
        bend += (z - 2.0 * y + x).powi(2);
    }
    let alpha = -(first / bend).sqrt();
    let point = |((x, y), z): ((&f64, &f64), &f64)| {
        x - 2.0 * alpha * (y - x) + alpha * alpha * (z - 2.0 * y + x)
    };
    let far: Vec<f64> = start.iter().zip(once).zip(twice).map(point).collect();
    far.iter().all(|share| *share > 0.0 && *share < 1.0).then_some(far)
}

/// Rows of `p(c)/trained_on(c)`: up to a factor per row, the likelihoods of the classes.
struct Pool {
    classes: usize,
    ratios: Vec<f64>,
}

impl Pool {
    fn round(&self, shares: &[f64]) -> Vec<f64> {
        let mut next = vec![0.0; self.classes];
        for row in self.ratios.chunks_exact(self.classes) {
            let total: f64 = row.iter().zip(shares).map(|(ratio, share)| ratio * share).sum();
            for ((sum, ratio), share) in next.iter_mut().zip(row).zip(shares) {
                *sum += ratio * share / total;
            }
        }
        let rows: f64 = next.iter().sum();
        next.iter_mut().for_each(|sum| *sum /= rows);
        next
    }

    fn log_likelihood(&self, shares: &[f64]) -> f64 {
        let likelihood =
            |row: &[f64]| row.iter().zip(shares).map(|(ratio, share)| ratio * share).sum::<f64>();
        self.ratios.chunks_exact(self.classes).map(|row| likelihood(row).ln()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::Sample;

    fn pool(scores: &[f64]) -> Predictions {
        let samples = (0..scores.len()).map(|row| Sample::new(format!("s{row}"), None)).collect();
        Predictions::new(2, samples, scores.iter().flat_map(|p| [*p, 1.0 - p]).collect()).unwrap()
    }

    #[test]
    fn correction_is_bayes_theorem() {
        let even = Prior::of_positive(0.5).unwrap();
        let rare = Prior::of_positive(0.1).unwrap();
        let corrected = correct(&pool(&[0.9, 0.5, 0.0]), &even, &rare).unwrap();
        let scores: Vec<f64> = corrected.scores().collect();
        for (found, expected) in scores.iter().zip([0.5, 0.1, 0.0]) {
            assert!((found - expected).abs() < 1e-15, "{found}");
        }
        let back: Vec<f64> = correct(&corrected, &rare, &even).unwrap().scores().collect();
        assert!((back[0] - 0.9).abs() < 1e-15);
    }

    #[test]
    fn certain_predictions_estimate_their_own_shares() {
        let even = Prior::of_positive(0.5).unwrap();
        let found = estimate(&pool(&[1.0, 0.0, 0.0, 0.0]), &even).unwrap();
        assert!(found.settled);
        assert!((found.shares[0] - 0.25).abs() < 1e-12);
        let found = estimate(&pool(&[0.5; 7]), &even).unwrap();
        assert_eq!(found.shares, [0.5, 0.5]);
    }

    #[test]
    fn a_pool_without_positives_has_none() {
        let even = Prior::of_positive(0.5).unwrap();
        let found = estimate(&pool(&[0.0; 5]), &even).unwrap();
        assert_eq!(found.shares, [0.0, 1.0]);
        assert!(correct(&pool(&[0.0; 5]), &even, &even).is_ok());
    }

    #[test]
    fn shares_that_are_none_are_refused() {
        for bad in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(matches!(Prior::of_positive(bad), Err(PriorError::Share { .. })));
        }
        assert_eq!(Prior::new(vec![0.5, 0.4]), Err(PriorError::SumNotOne { sum: 0.9 }));
        assert!(serde_json::from_str::<Prior>("[0.5,0.6]").is_err());
        let three = Prior::new(vec![0.5, 0.25, 0.25]).unwrap();
        let expected = PriorError::Classes { expected: 3, found: 2 };
        assert_eq!(estimate(&pool(&[0.5]), &three), Err(expected.clone()));
        assert_eq!(correct(&pool(&[0.5]), &three, &three), Err(expected));
        assert_eq!(estimate(&pool(&[]), &Prior::of_positive(0.5).unwrap()), Err(PriorError::Empty));
    }
}
