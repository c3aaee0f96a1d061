//! Support vector machine with a Gaussian kernel.
//!
//! Minimises `½·αᵀQα − Σα` under `0 ≤ α_i ≤ C·s_i` and `Σ y_i α_i = 0`, with
//! `Q_ij = y_i y_j exp(−γ·|x_i − x_j|²)`, by sequential minimal optimisation with second-order choice
//! of the pair (Fan, Chen and Lin, J. Mach. Learn. Res. 6, 1889, 2005), as LIBSVM does.
//!
//! The probability is `1/(1 + exp(−slope·decision))`: the slope, of one sign always, is fitted to
//! decisions on rows left out, with Platt's smoothed targets. Without an intercept, the more
//! probable class is always the one that the machine decides for, and the order of scores is its
//! own; Platt's two numbers promise neither on few rows.

use serde::{Deserialize, Serialize};

use super::error::positive as check_positive;
use super::linear_algebra::{Symmetric, squared_distance};
use super::{BaselineError, ClassWeight};
use crate::calibrate::{fit_slope, logistic};
use crate::fingerprint::Fingerprints;
use crate::statistics::stratified_folds;

/// How to fit an [`Svm`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SvmSettings {
    /// Weight `C` of violations against the width of the margin.
    pub c: f64,
    /// Width of the kernel.
    pub gamma: Gamma,
    /// How much a row counts.
    pub class_weight: ClassWeight,
    /// Parts of the rows that are left out in turn to fit the probabilities; fewer where a class
    /// has fewer rows.
    pub folds: usize,
    /// Seed of the parts.
    pub seed: u64,
}

impl Default for SvmSettings {
    fn default() -> Self {
        Self { c: 1.0, gamma: Gamma::Scale, class_weight: ClassWeight::Equal, folds: 5, seed: 0 }
    }
}

/// Width of the kernel `exp(−γ·d²)`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gamma {
    /// `γ = 1 / (features · variance of all values)`.
    #[default]
    Scale,
    /// This γ.
    Value(f64),
}

/// A fitted machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Svm {
    gamma: f64,
    /// `n × width`.
    support: Vec<Vec<f32>>,
    /// `y_i α_i` of each support vector.
    coefficients: Vec<f64>,
    offset: f64,
    slope: f64,
    width: usize,
}

/// Violation of the optimality conditions that is left.
const TOLERANCE: f64 = 1e-10;
const MAX_STEPS: usize = 10_000_000;
/// The curvature of a pair of equal rows: forgives duplicates.
const LEAST_CURVATURE: f64 = 1e-12;

impl Svm {
    pub(super) fn fit(
        rows: &Fingerprints,
        positive: &[bool],
        settings: &SvmSettings,
    ) -> Result<Self, BaselineError> {
        check_positive("c", settings.c)?;
        let gamma = match settings.gamma {
            Gamma::Value(gamma) => gamma,
            Gamma::Scale => scale_gamma(rows),
        };
        check_positive("gamma", gamma)?;
        let positives = positive.iter().filter(|positive| **positive).count();
        let least = positives.min(positive.len() - positives);
        let folds = settings.folds.min(least);
        if folds < 2 {
            if settings.folds < 2 {
                let (name, value) = ("folds", settings.folds as f64);
                return Err(BaselineError::Setting { name, value, range: "it must be at least 2" });
            }
            let class = u8::from(positives != least);
            return Err(BaselineError::TooFewRows { class, found: least, needed: 2 });
        }
        let kernel = Symmetric::of(rows, |a, b| (-gamma * squared_distance(a, b)).exp());
        let cost: Vec<f64> =
            settings.class_weight.of(positive).iter().map(|weight| settings.c * weight).collect();
        let all: Vec<usize> = (0..rows.len()).collect();
        let truth: Vec<u8> = positive.iter().map(|positive| u8::from(!positive)).collect();
        let fold_of = stratified_folds(&truth, folds, settings.seed)
            .expect("every class has a row for each fold");
        let mut left_out = vec![0.0; rows.len()];
        for fold in 0..folds {
            let others: Vec<usize> = all.iter().copied().filter(|i| fold_of[*i] != fold).collect();
            let dual = Dual::solve(&kernel, &others, positive, &cost);
            for row in all.iter().filter(|row| fold_of[**row] == fold) {
                left_out[*row] = dual.decision(&kernel, *row);
            }
        }
        let dual = Dual::solve(&kernel, &all, positive, &cost);
        let kept: Vec<usize> =
            all.into_iter().filter(|row| dual.coefficients[*row] != 0.0).collect();
        Ok(Self {
            gamma,
            support: kept.iter().map(|row| rows.row(*row).to_vec()).collect(),
            coefficients: kept.iter().map(|row| dual.coefficients[*row]).collect(),
            offset: dual.offset,
            slope: fit_slope(&left_out, positive),
            width: rows.width(),
        })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Signed distance from the margin's middle; positive for the positive class.
    #[must_use]
    pub fn decision(&self, row: &[f32]) -> f64 {
        let term = |(support, coefficient): (&Vec<f32>, &f64)| {
            coefficient * (-self.gamma * squared_distance(support, row)).exp()
        };
        self.support.iter().zip(&self.coefficients).map(term).sum::<f64>() + self.offset
    }

    pub(super) fn probability(&self, row: &[f32]) -> f64 {
        logistic(self.slope * self.decision(row))
    }
}

fn scale_gamma(rows: &Fingerprints) -> f64 {
    let count = (rows.len() * rows.width()) as f64;
    let all = || rows.rows().flatten().map(|value| f64::from(*value));
    let mean = all().sum::<f64>() / count;
    let variance = all().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    1.0 / (rows.width() as f64 * variance)
}

/// The solution on some rows: `y_i α_i` by row of the kernel, 0 for rows that took no part.
struct Dual {
    coefficients: Vec<f64>,
    offset: f64,
}

impl Dual {
    fn solve(kernel: &Symmetric, rows: &[usize], positive: &[bool], cost: &[f64]) -> Self {
        let sign: Vec<f64> =
            rows.iter().map(|row| if positive[*row] { 1.0 } else { -1.0 }).collect();
        let limit: Vec<f64> = rows.iter().map(|row| cost[*row]).collect();
        let k = |i: usize, j: usize| kernel.values[rows[i] * kernel.n + rows[j]];
        let n = rows.len();
        let mut alpha = vec![0.0f64; n];
        // `y_i` times minus the gradient: what a pair can gain is the difference of two of these.
        let mut gain: Vec<f64> = sign.clone();
        let may_rise = |i: usize, alpha: &[f64]| {
            if sign[i] > 0.0 { alpha[i] < limit[i] } else { alpha[i] > 0.0 }
        };
        let may_fall = |i: usize, alpha: &[f64]| {
            if sign[i] > 0.0 { alpha[i] > 0.0 } else { alpha[i] < limit[i] }
        };
        let mut ends = (f64::NEG_INFINITY, f64::INFINITY);
        for _ in 0..MAX_STEPS {
            let up = (0..n)
                .filter(|i| may_rise(*i, &alpha))
                .max_by(|a, b| gain[*a].total_cmp(&gain[*b]))
                .expect("some coefficient may rise while both classes are present");
            let mut down = None;
            let mut least = f64::INFINITY;
            let mut best = 0.0;
            for j in (0..n).filter(|j| may_fall(*j, &alpha)) {
                least = least.min(gain[j]);
                let difference = gain[up] - gain[j];
                if difference > 0.0 {
                    let curvature = (k(up, up) + k(j, j) - 2.0 * k(up, j)).max(LEAST_CURVATURE);
                    let decrease = difference * difference / curvature;
                    if decrease > best {
                        (best, down) = (decrease, Some((j, difference / curvature)));
                    }
                }
            }
            ends = (gain[up], least);
            let Some((down, step)) = down.filter(|_| gain[up] - least > TOLERANCE) else { break };
            // Along the pair, y_up·α_up rises and y_down·α_down falls by the same amount.
            let room = |i: usize, rises: bool| {
                if rises == (sign[i] > 0.0) { limit[i] - alpha[i] } else { alpha[i] }
            };
            let (up_room, down_room) = (room(up, true), room(down, false));
            let step = step.min(up_room).min(down_room);
            for (i, direction, room) in [(up, 1.0, up_room), (down, -1.0, down_room)] {
                let moved = alpha[i] + direction * sign[i] * step;
                // At the end of its room a coefficient lies on its bound exactly.
                let bound = if direction * sign[i] > 0.0 { limit[i] } else { 0.0 };
                alpha[i] = if step >= room { bound } else { moved.clamp(0.0, limit[i]) };
            }
            for (i, gain) in gain.iter_mut().enumerate() {
                *gain -= step * (k(i, up) - k(i, down));
            }
        }
        // The offset is the gain of the rows on the margin; without any, the middle of its range.
        let free: Vec<f64> =
            (0..n).filter(|i| alpha[*i] > 0.0 && alpha[*i] < limit[*i]).map(|i| gain[i]).collect();
        let offset = match free.len() {
            0 => 0.5 * (ends.0 + ends.1),
            count => free.iter().sum::<f64>() / count as f64,
        };
        let mut coefficients = vec![0.0; kernel.n];
        for (i, row) in rows.iter().enumerate() {
            coefficients[*row] = sign[i] * alpha[i];
        }
        Self { coefficients, offset }
    }

    fn decision(&self, kernel: &Symmetric, row: usize) -> f64 {
        let terms = self.coefficients.iter().zip(kernel.row(row)).map(|(c, k)| c * k);
        terms.sum::<f64>() + self.offset
    }
}
