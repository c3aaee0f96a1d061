//! The loss of labelled rows.
//!
//! 1/B · Σ v(y) · CE(labelled logits, y), smoothed, or robust in its place, with v(c) = w(c) · (π(c) /
//! s(c))^ρ: w are the set class weights, s(c) the share of class c among the labelled training rows, π the
//! stated shares and ρ how far rows are reweighted. At ρ = 1 every class counts as much as it does where
//! the network is used (Shimodaira, J. Stat. Plan. Inference 90 (2000) 227, for a shift of the classes'
//! shares alone); at 0 as it was sampled. With ten labels of each class the rare one's labels are worth
//! more than their share, so neither is best.

use convnet::Matrix;

use super::Objective;
use super::logits::{cross_entropy, robust_cross_entropy};

/// The loss of labelled rows, for the labels that an experiment has.
#[derive(Debug, Clone, PartialEq)]
pub struct Supervised {
    /// v of each class.
    weights: Vec<f64>,
    smoothing: f64,
    robustness: f64,
}

impl Supervised {
    /// For labelled training rows with `counts` of each class.
    pub(super) fn new(objective: &Objective, counts: &[u32]) -> Self {
        let rows: u32 = counts.iter().sum();
        let stated = objective.prior(counts.len());
        let toward = |(class, &count): (usize, &u32)| {
            let share = f64::from(count.max(1)) / f64::from(rows.max(1));
            (stated[class] / share).powf(objective.reweighting)
        };
        Self::weighted(objective, counts.iter().enumerate().map(toward))
    }

    /// With the weights given for (π/s)^ρ, one of each class.
    pub(super) fn weighted(objective: &Objective, weights: impl Iterator<Item = f64>) -> Self {
        let set = |(class, weight): (usize, f64)| objective.class_weight(class) * weight;
        Self {
            weights: weights.enumerate().map(set).collect(),
            smoothing: objective.smoothing,
            robustness: objective.robustness,
        }
    }

    /// The loss and its gradient with respect to the logits.
    ///
    /// `logits` is (B, classes), `labels` has B classes.
    ///
    /// # Panics
    /// If the shapes do not fit or a label is not a class: our own bug, checked by `Dataset`.
    pub fn loss(&self, logits: &Matrix, labels: &[u8]) -> (f64, Matrix) {
        assert_eq!(logits.rows(), labels.len());
        let mut gradient = Matrix::zeros(logits.rows(), logits.cols());
        let mut target = vec![0.0; logits.cols()];
        let (share, mut loss) = (1.0 / logits.rows() as f64, 0.0);
        for (row, &label) in labels.iter().enumerate() {
            let label = usize::from(label);
            let weight = self.weights[label];
            let (logits, gradient) = (logits.row(row), gradient.row_mut(row));
            loss += if self.robustness > 0.0 {
                let r = self.robustness;
                share * weight * robust_cross_entropy(logits, label, r, gradient, share * weight)
            } else {
                target.fill(weight * self.smoothing / logits.len() as f64);
                target[label] += weight * (1.0 - self.smoothing);
                share * cross_entropy(logits, &target, gradient, share)
            };
        }
        (loss, gradient)
    }
}
