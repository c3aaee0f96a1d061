//! Platt's logistic function (in: Advances in Large Margin Classifiers, 1999), fitted by Newton's
//! method with step halving (Lin, Lin and Weng, Machine Learning 68, 267, 2007).

use serde::{Deserialize, Serialize};

/// The positive class has probability `1/(1 + exp(−slope·score − intercept))`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sigmoid {
    /// Factor of the score.
    pub slope: f64,
    /// Log-odds at score 0.
    pub intercept: f64,
}

impl Sigmoid {
    /// Fits scores (log-odds, or any decision values) with their truth. The targets are smoothed,
    /// `(N₊+1)/(N₊+2)` for a positive and `1/(N₋+2)` for a negative, so that the fit is finite also
    /// where the classes are separable.
    ///
    /// # Panics
    /// If the slices differ in length.
    #[must_use]
    pub fn fit(scores: &[f64], positive: &[bool]) -> Self {
        assert_eq!(scores.len(), positive.len(), "one truth per score");
        let positives = positive.iter().filter(|positive| **positive).count() as f64;
        let negatives = positive.len() as f64 - positives;
        let target = |positive: &bool| {
            if *positive { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) }
        };
        // Newton's method is indifferent to the unit of the scores; the ridge below is not.
        let unit = scores.iter().fold(0.0f64, |unit, score| unit.max(score.abs())).max(1e-300);
        let data: Vec<(f64, f64)> =
            scores.iter().zip(positive).map(|(s, y)| (s / unit, target(y))).collect();
        let mut fit = Self { slope: 0.0, intercept: ((positives + 1.0) / (negatives + 1.0)).ln() };
        for _ in 0..MAX_STEPS {
            let (gradient, hessian) = fit.derivatives(&data);
            let step = solve(hessian, gradient);
            let decrease = gradient[0] * step[0] + gradient[1] * step[1];
            if decrease <= TINY {
                break;
            }
            let (loss, mut share) = (fit.loss(&data), 1.0);
            let next = loop {
                let next = Self {
                    slope: fit.slope - share * step[0],
                    intercept: fit.intercept - share * step[1],
                };
                if share < 1e-10 || next.loss(&data) <= loss - 1e-4 * share * decrease {
                    break next;
                }
                share *= 0.5;
            };
            if next == fit || share < 1e-10 {
                break;
            }
            fit = next;
        }
        Self { slope: fit.slope / unit, ..fit }
    }

    /// Probability of the positive class.
    #[must_use]
    pub fn apply(self, score: f64) -> f64 {
        logistic(self.slope * score + self.intercept)
    }

    /// Cross-entropy with the targets, `Σ ln(1 + e^f) − t·f`.
    fn loss(self, data: &[(f64, f64)]) -> f64 {
        let loss = |(score, target): &(f64, f64)| {
            let f = self.slope * score + self.intercept;
            f.max(0.0) + (-f.abs()).exp().ln_1p() - target * f
        };
        data.iter().map(loss).sum()
    }

    /// Gradient, and Hessian as `[∂²slope, ∂slope∂intercept, ∂²intercept]`.
    fn derivatives(self, data: &[(f64, f64)]) -> ([f64; 2], [f64; 3]) {
        let mut gradient = [0.0; 2];
        let mut hessian = [RIDGE, 0.0, RIDGE];
        for (score, target) in data {
            let p = self.apply(*score);
            gradient[0] += (p - target) * score;
            gradient[1] += p - target;
            let weight = p * (1.0 - p);
            hessian[0] += weight * score * score;
            hessian[1] += weight * score;
            hessian[2] += weight;
        }
        (gradient, hessian)
    }
}

/// The slope of a sigmoid without intercept, fitted with the same targets; always positive, so that
/// it keeps the order of the scores even where on few rows they are worse than chance.
pub(crate) fn fit_slope(scores: &[f64], positive: &[bool]) -> f64 {
    let positives = positive.iter().filter(|positive| **positive).count() as f64;
    let negatives = positive.len() as f64 - positives;
    let target = |positive: &bool| {
        if *positive { (positives + 1.0) / (positives + 2.0) } else { 1.0 / (negatives + 2.0) }
    };
    // The derivative of the loss rises with the slope: bisection, on a logarithmic scale.
    let derivative = |slope: f64| -> f64 {
        let rows = scores.iter().zip(positive);
        rows.map(|(score, y)| (logistic(slope * score) - target(y)) * score).sum()
    };
    let (mut low, mut high) = (LEAST_SLOPE.ln(), -LEAST_SLOPE.ln());
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if derivative(middle.exp()) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high.exp()
}

/// The smallest slope, and one over the largest, of a sigmoid without intercept.
const LEAST_SLOPE: f64 = 1e-3;
const MAX_STEPS: usize = 200;
/// Decrease of the loss at which it counts as least.
const TINY: f64 = 1e-28;
/// Added to the Hessian: forgives scores that are all equal.
const RIDGE: f64 = 1e-12;

fn solve([a, b, c]: [f64; 3], [x, y]: [f64; 2]) -> [f64; 2] {
    let determinant = a * c - b * b;
    [(c * x - b * y) / determinant, (a * y - b * x) / determinant]
}

/// `1/(1 + e^{−x})` without overflow.
pub(crate) fn logistic(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}
