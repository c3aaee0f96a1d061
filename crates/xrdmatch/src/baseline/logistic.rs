//! Logistic regression with an L2 penalty.
//!
//! Minimises `C·Σ s_i·ln(1 + exp(−y_i·f_i)) + ½·|w|²` with `f_i = w·x_i + b`, `y_i = ±1` and the row
//! weights `s_i`; the intercept is not penalised. There are many more features than rows, and the
//! optimal `w` is a combination `Σ a_i x_i` of the rows; so Newton's method runs on the `n + 1`
//! numbers `(a, b)` and needs only the products of rows. With `W` the diagonal of the second
//! derivatives and `z = f + W⁻¹·(first derivatives)`, a step solves
//! `(G + W⁻¹)·a + b = z` under `Σ a = 0`, here multiplied by `W^½` from both sides, which keeps it
//! well-conditioned where `W` vanishes.

use serde::{Deserialize, Serialize};

use super::error::positive as check_positive;
use super::linear_algebra::{Symmetric, product};
use super::{BaselineError, ClassWeight};
use crate::calibrate::logistic;
use crate::fingerprint::Fingerprints;

/// How to fit a [`Logistic`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogisticSettings {
    /// Weight `C` of the data against the penalty.
    pub c: f64,
    /// How much a row counts.
    pub class_weight: ClassWeight,
}

impl Default for LogisticSettings {
    fn default() -> Self {
        Self { c: 1.0, class_weight: ClassWeight::Equal }
    }
}

/// A fitted logistic regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    /// One weight per feature.
    pub weights: Vec<f64>,
    /// Log-odds of the positive class where all features are 0.
    pub intercept: f64,
}

const MAX_STEPS: usize = 200;
/// Derivative of the objective, as a share of `C`, at which it counts as least.
const TOLERANCE: f64 = 1e-11;
/// The least curvature of a row, as a share of `C`: forgives saturated rows, and changes only the
/// path to the optimum.
const LEAST_CURVATURE: f64 = 1e-10;

impl Logistic {
    pub(super) fn fit(
        rows: &Fingerprints,
        positive: &[bool],
        settings: &LogisticSettings,
    ) -> Result<Self, BaselineError> {
        check_positive("c", settings.c)?;
        let cost: Vec<f64> =
            settings.class_weight.of(positive).iter().map(|weight| settings.c * weight).collect();
        let gram = Symmetric::of(rows, product);
        let n = rows.len();
        let problem = Problem { gram, cost, positive };
        let mut state = State { a: vec![0.0; n], b: 0.0, f: vec![0.0; n] };
        for _ in 0..MAX_STEPS {
            let pull = problem.pull(&state);
            let gap = pull.iter().zip(&state.a).map(|(pull, a)| (pull - a).abs());
            let gap = gap.fold(pull.iter().sum::<f64>().abs(), f64::max);
            if gap <= TOLERANCE * settings.c {
                break;
            }
            let Some(next) = problem.descend(&state, &pull) else { break };
            state = next;
        }
        let mut weights = vec![0.0; rows.width()];
        for (row, a) in rows.rows().zip(&state.a) {
            for (weight, value) in weights.iter_mut().zip(row) {
                *weight += a * f64::from(*value);
            }
        }
        Ok(Self { weights, intercept: state.b })
    }

    /// Log-odds of the positive class for one row.
    pub(super) fn log_odds(&self, row: &[f32]) -> f64 {
        let products = self.weights.iter().zip(row).map(|(w, x)| w * f64::from(*x));
        products.sum::<f64>() + self.intercept
    }

    pub(super) fn probability(&self, row: &[f32]) -> f64 {
        logistic(self.log_odds(row))
    }
}

struct Problem<'a> {
    /// Products of rows.
    gram: Symmetric,
    /// `C·s_i`.
    cost: Vec<f64>,
    positive: &'a [bool],
}

struct State {
    a: Vec<f64>,
    b: f64,
    /// `G·a + b`.
    f: Vec<f64>,
}

impl Problem<'_> {
    /// Minus the derivative of the data's term by each `f_i`; at the optimum equal to `a`.
    fn pull(&self, state: &State) -> Vec<f64> {
        let pull = |((f, cost), positive): ((&f64, &f64), &bool)| {
            if *positive { cost * logistic(-f) } else { -cost * logistic(*f) }
        };
        state.f.iter().zip(&self.cost).zip(self.positive).map(pull).collect()
    }

    fn objective(&self, state: &State) -> f64 {
        let loss = |((f, cost), positive): ((&f64, &f64), &bool)| {
            let margin = if *positive { *f } else { -f };
            cost * ((-margin).max(0.0) + (-margin.abs()).exp().ln_1p())
        };
        let loss: f64 = state.f.iter().zip(&self.cost).zip(self.positive).map(loss).sum();
        let penalty: f64 = state.a.iter().zip(&state.f).map(|(a, f)| a * (f - state.b)).sum();
        loss + 0.5 * penalty
    }

    /// A Newton step, shortened until the objective falls; `None` where it does not any more.
    fn descend(&self, state: &State, pull: &[f64]) -> Option<State> {
        let n = self.gram.n;
        let root: Vec<f64> = state
            .f
            .iter()
            .zip(&self.cost)
            .map(|(f, cost)| (cost * (logistic(*f) * logistic(-f)).max(LEAST_CURVATURE)).sqrt())
            .collect();
        let mut values = self.gram.values.clone();
        for i in 0..n {
            for j in 0..n {
                values[i * n + j] *= root[i] * root[j];
            }
            values[i * n + i] += 1.0;
        }
        let factor = Symmetric { n, values }.factorise();
        let target: Vec<f64> = (0..n).map(|i| root[i] * state.f[i] + pull[i] / root[i]).collect();
        let (x, y) = (factor.solve(&target), factor.solve(&root));
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let b = product(&root, &x) / product(&root, &y);
        let a: Vec<f64> = (0..n).map(|i| root[i] * (x[i] - b * y[i])).collect();

        let before = self.objective(state);
        let mut share = 1.0;
        while share > 1e-12 {
            let mix = |(old, new): (&f64, &f64)| old + share * (new - old);
            let a: Vec<f64> = state.a.iter().zip(&a).map(mix).collect();
            let b = mix((&state.b, &b));
            let f = self.gram.times(&a).into_iter().map(|f| f + b).collect();
            let next = State { a, b, f };
            // Equality is progress too: near the optimum the objective has no more digits, while
            // its derivative still has.
            if self.objective(&next) <= before + 1e-14 * before.abs() {
                return Some(next);
            }
            share *= 0.5;
        }
        None
    }
}
