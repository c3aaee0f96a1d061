//! From scores to probabilities, and how many of the best are true.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::ScreenError;
use crate::calibrate::{Calibration, CalibrationMethod, cross_fit};
use crate::metrics::{Metric, Outcomes};
use crate::predictions::{POSITIVE_CLASS, Predictions, Sample};
use crate::prior::{self, Prior};
use crate::statistics::{Strata, normal_cdf};

/// Refits of the calibration to resamples of the labelled rows.
const REFITS: u64 = 200;
/// Folds of the calibration that is judged.
const FOLDS: usize = 5;
/// Up to so many ranks, counts of positives are exact; beyond, normal.
const EXACT: usize = 300;
/// Ends of the interval of a count.
const TAILS: [f64; 2] = [0.025, 0.975];
/// The least share that a class is believed to have.
const LEAST_SHARE: f64 = 1e-6;

/// Which share of the pool is positive.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriorChoice {
    /// As many as among the labelled rows.
    #[default]
    Labelled,
    /// So many.
    Stated(f64),
    /// As many as make the pool most likely ([`prior::estimate`]).
    Estimated,
}

/// The calibration and what it does to the out-of-bag predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSummary {
    /// How probabilities were calibrated; `None` for not at all.
    pub method: Option<CalibrationMethod>,
    /// Labelled rows with an out-of-bag prediction.
    pub rows: usize,
    /// Of them, positives.
    pub positives: usize,
    /// AUC of the out-of-bag scores.
    pub auc: Option<f64>,
    /// Brier score before calibration.
    pub brier_before: Option<f64>,
    /// Brier score after calibration by the other folds.
    pub brier_after: Option<f64>,
    /// Expected calibration error before.
    pub error_before: Option<f64>,
    /// Expected calibration error after calibration by the other folds.
    pub error_after: Option<f64>,
    /// Whether the fitted map turns the order of scores round: the models then rank no better than
    /// chance.
    pub reverses: bool,
}

/// The share of positives that probabilities hold for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PriorSummary {
    /// Where it comes from.
    pub choice: PriorChoice,
    /// Among the labelled rows.
    pub labelled: f64,
    /// In the pool.
    pub pool: f64,
    /// Interval of an estimated share by the uncertainty of the calibration (95 %).
    pub interval: Option<[f64; 2]>,
}

/// How many of the `n` best are positive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TopN {
    /// How many are taken.
    pub n: u64,
    /// The expected number of positives among them.
    pub expected: f64,
    /// Lower end of the 95 % interval of that number.
    pub lower: u64,
    /// Its upper end.
    pub upper: u64,
}

/// A map from the ensemble's score to a probability.
#[derive(Debug, Clone)]
pub(super) struct Map {
    calibration: Option<Calibration>,
    /// Pool's share over labelled rows' share, of positives and of the others.
    ratios: [f64; 2],
}

impl Map {
    pub(super) fn apply(&self, score: f64) -> f64 {
        let mut row = [score, 1.0 - score];
        if let Some(calibration) = &self.calibration {
            calibration.apply_row(&mut row);
        }
        prior::reweigh(&mut row, &self.ratios);
        row[0]
    }
}

/// The map, and its refits.
pub(super) struct Maps {
    pub(super) best: Map,
    pub(super) refits: Vec<Map>,
    pub(super) calibration: CalibrationSummary,
    pub(super) prior: PriorSummary,
}

impl Maps {
    /// Fits a map to out-of-bag predictions. `pool` are scores of the pool, evenly spread over its
    /// ranking; looked at only to estimate the prior.
    pub(super) fn fit(
        out_of_bag: &Predictions,
        method: Option<CalibrationMethod>,
        choice: PriorChoice,
        pool: &[f64],
        seed: u64,
    ) -> Result<Self, ScreenError> {
        let outcomes = Outcomes::of(out_of_bag)?;
        let failed = |source| ScreenError::Calibrate { rows: outcomes.len(), source };
        let positives = outcomes.is_truth(POSITIVE_CLASS).iter().filter(|truth| **truth).count();
        let labelled =
            (positives as f64 / outcomes.len() as f64).clamp(LEAST_SHARE, 1.0 - LEAST_SHARE);
        let from = Prior::of_positive(labelled)?;
        let stated = match choice {
            PriorChoice::Stated(share) => Some(Prior::of_positive(share)?.shares()[0]),
            PriorChoice::Labelled => Some(labelled),
            PriorChoice::Estimated => None,
        };
        let map = |calibration: Option<Calibration>| -> Result<(Map, f64), ScreenError> {
            let share = match stated {
                Some(share) => share,
                None => estimate(pool, calibration.as_ref(), &from)?,
            };
            let ratios = [share / labelled, (1.0 - share) / (1.0 - labelled)];
            Ok((Map { calibration, ratios }, share))
        };
        let fit = |outcomes: &Outcomes| method.map(|method| method.fit(outcomes)).transpose();
        let fitted = fit(&outcomes).map_err(failed)?;
        let summary = summarise(out_of_bag, &outcomes, method, fitted.as_ref(), positives, seed);
        let (best, pool_share) = map(fitted)?;

        // Where the pool is taken to have the labelled rows' share of positives, that share is an
        // estimate too, and is drawn anew with the rows.
        let strata = if choice == PriorChoice::Labelled { Strata::None } else { Strata::Class };
        let groups = strata.groups(outcomes.truth());
        let mut refits = Vec::new();
        let mut shares = Vec::new();
        let mut resample = outcomes.clone();
        for stream in 0..if method.is_some() { REFITS } else { 0 } {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(stream);
            let mut draw = |group: &Vec<usize>| group[rng.random_range(0..group.len())];
            let rows: Vec<usize> = groups
                .iter()
                .flat_map(|group| group.iter().map(|_| group).collect::<Vec<_>>())
                .map(&mut draw)
                .collect();
            resample.resample(&outcomes, &rows);
            if resample.truth().iter().all(|class| *class == resample.truth()[0]) {
                continue;
            }
            let (refit, share) = map(fit(&resample).map_err(failed)?)?;
            refits.push(refit);
            shares.push(share);
        }
        if refits.is_empty() {
            refits.push(best.clone());
        }
        shares.sort_unstable_by(f64::total_cmp);
        let at = |tail: f64| shares[((shares.len() - 1) as f64 * tail).round() as usize];
        let estimated = choice == PriorChoice::Estimated && !shares.is_empty();
        let prior = PriorSummary {
            choice,
            labelled,
            pool: pool_share,
            interval: estimated.then(|| TAILS.map(at)),
        };
        Ok(Self { best, refits, calibration: summary, prior })
    }
}

/// The share of positives in the pool, kept off 0 and 1.
fn estimate(
    pool: &[f64],
    calibration: Option<&Calibration>,
    from: &Prior,
) -> Result<f64, ScreenError> {
    let unmoved = Map { calibration: calibration.cloned(), ratios: [1.0; 2] };
    let samples = (0..pool.len()).map(|row| Sample::new(row.to_string(), None)).collect();
    let probabilities = pool.iter().map(|score| unmoved.apply(*score)).flat_map(|p| [p, 1.0 - p]);
    let pool = Predictions::new(2, samples, probabilities.collect())?;
    Ok(prior::estimate(&pool, from)?.shares[0].clamp(LEAST_SHARE, 1.0 - LEAST_SHARE))
}

fn summarise(
    out_of_bag: &Predictions,
    outcomes: &Outcomes,
    method: Option<CalibrationMethod>,
    fitted: Option<&Calibration>,
    positives: usize,
    seed: u64,
) -> CalibrationSummary {
    // With fewer positives than folds there is no honest figure of the calibration; the map stands.
    let after = method.and_then(|method| cross_fit(out_of_bag, method, FOLDS, seed).ok());
    let after = after.and_then(|predictions| Outcomes::of(&predictions).ok());
    let measure = |metric: Metric| after.as_ref().and_then(|after| metric.measure(after));
    let ends = fitted.map(|fitted| {
        let map = Map { calibration: Some(fitted.clone()), ratios: [1.0; 2] };
        [map.apply(0.01), map.apply(0.99)]
    });
    CalibrationSummary {
        method,
        rows: outcomes.len(),
        positives,
        auc: Metric::Auc.measure(outcomes),
        brier_before: Metric::Brier.measure(outcomes),
        brier_after: measure(Metric::Brier),
        error_before: Metric::CalibrationError.measure(outcomes),
        error_after: measure(Metric::CalibrationError),
        reverses: ends.is_some_and(|[low, high]| low > high),
    }
}

/// Counts the positives among the first ranks: under every refit of the calibration a sum of
/// independent draws, and their mixture over all refits.
pub(super) struct Tally<'a> {
    maps: &'a Maps,
    ranks: u64,
    expected: f64,
    /// Of each refit: mean, variance, and up to [`EXACT`] ranks the probability of each count.
    counts: Vec<Count>,
}

#[derive(Clone)]
struct Count {
    mean: f64,
    variance: f64,
    exact: Vec<f64>,
}

impl Count {
    fn add(&mut self, p: f64, exact: bool) {
        self.mean += p;
        self.variance += p * (1.0 - p);
        if exact {
            self.exact.push(0.0);
            for k in (1..self.exact.len()).rev() {
                self.exact[k] = self.exact[k] * (1.0 - p) + self.exact[k - 1] * p;
            }
            self.exact[0] *= 1.0 - p;
        } else {
            self.exact = Vec::new();
        }
    }

    /// Probability of at most `k`.
    fn at_most(&self, k: u64) -> f64 {
        if !self.exact.is_empty() {
            return self.exact.iter().take(k as usize + 1).sum();
        }
        let sd = self.variance.sqrt().max(1e-9);
        normal_cdf((k as f64 + 0.5 - self.mean) / sd)
    }
}

impl<'a> Tally<'a> {
    pub(super) fn new(maps: &'a Maps) -> Self {
        let none = Count { mean: 0.0, variance: 0.0, exact: vec![1.0] };
        Self { maps, ranks: 0, expected: 0.0, counts: vec![none; maps.refits.len()] }
    }

    /// Takes in the next rank; says how many positives are expected up to it.
    pub(super) fn add(&mut self, score: f64, probability: f64) -> f64 {
        self.ranks += 1;
        self.expected += probability;
        let exact = self.ranks as usize <= EXACT;
        for (count, map) in self.counts.iter_mut().zip(&self.maps.refits) {
            count.add(map.apply(score), exact);
        }
        self.expected
    }

    /// Whether the ranks so far are a number worth a line.
    pub(super) fn is_round(&self) -> bool {
        let mut power = 10;
        while power * 10 <= self.ranks {
            power *= 10;
        }
        [1, 2, 5].iter().any(|digit| digit * power == self.ranks)
    }

    pub(super) fn top(&self) -> TopN {
        let at_most = |k: u64| {
            let sum: f64 = self.counts.iter().map(|count| count.at_most(k)).sum();
            sum / self.counts.len() as f64
        };
        let [lower, upper] = TAILS.map(|tail| {
            let (mut below, mut reached) = (0, self.ranks);
            while below < reached {
                let middle = below + (reached - below) / 2;
                if at_most(middle) >= tail { reached = middle } else { below = middle + 1 }
            }
            reached
        });
        TopN { n: self.ranks, expected: self.expected, lower, upper }
    }
}

#[cfg(test)]
mod tests;
