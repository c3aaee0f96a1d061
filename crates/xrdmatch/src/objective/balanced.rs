//! ABC: a second head that frequent classes do not drown rare ones for.
//!
//! Lee, Shin and Kim, NeurIPS 2021, arXiv:2110.10368. The network has twice as many outputs as there
//! are classes: the *base* head's, which learns by FixMatch, and the *balanced* head's, another linear
//! layer on the same features. With n(c) labelled training rows of class c and the weight
//! M(c) = min n / n(c), the balanced head adds
//!
//! 1. the supervised loss with M for weights of the classes, beside those that are set: 1/B · Σ M(y) ·
//!    CE(labelled logits, y), smoothed or robust where the base head's is;
//! 2. λ_u/U · Σ M(c) · \[q(c) ≥ cutoff\] · CE(strong logits, q), with q the softmax of the weak view's
//!    logits, c its largest, without gradient.
//!
//! Both heads' gradients reach the shared features. What is evaluated, kept and used of a trained
//! network is the balanced head alone. The paper draws M from a Bernoulli distribution of this mean and
//! sees each pattern in two strong views; weights and one view have the same mean gradient and less
//! noise.

use convnet::Matrix;

use super::logits::{cross_entropy, most_probable, softmax};
use super::{Objective, Supervised};

/// The weights M and the settings of the balanced head.
#[derive(Debug, Clone, PartialEq)]
pub struct Balanced {
    weights: Vec<f64>,
    cutoff: f64,
    supervised: Supervised,
}

impl Balanced {
    /// For labelled rows with `counts` of each class; a class without any has the weight of the rarest.
    pub(super) fn new(objective: &Objective, counts: &[u32]) -> Self {
        let fewest = counts.iter().copied().filter(|&count| count > 0).min().unwrap_or(1);
        let weights: Vec<f64> =
            counts.iter().map(|&n| f64::from(fewest) / f64::from(n.max(fewest))).collect();
        let supervised = Supervised::weighted(objective, weights.iter().copied());
        Self { weights, cutoff: objective.cutoff, supervised }
    }

    /// The logits of the base head and of the balanced one.
    ///
    /// # Panics
    /// If there are not two for each class: our own bug.
    pub fn heads(&self, logits: &Matrix) -> [Matrix; 2] {
        let classes = self.weights.len();
        assert_eq!(logits.cols(), 2 * classes);
        [0, classes].map(|first| {
            let rows = (0..logits.rows()).flat_map(|row| &logits.row(row)[first..first + classes]);
            Matrix::from_vec(logits.rows(), classes, rows.copied().collect())
        })
    }

    /// The gradient of all outputs from those of the heads.
    pub fn beside(&self, [base, balanced]: [&Matrix; 2]) -> Matrix {
        let rows = (0..base.rows()).flat_map(|row| base.row(row).iter().chain(balanced.row(row)));
        Matrix::from_vec(base.rows(), 2 * self.weights.len(), rows.copied().collect())
    }

    /// 1., and its gradient with respect to the balanced head's logits, (B, classes).
    pub fn supervised(&self, logits: &Matrix, labels: &[u8]) -> (f64, Matrix) {
        self.supervised.loss(logits, labels)
    }

    /// 2. without λ_u, and λ_u times its gradient with respect to the strong logits, (U, classes).
    pub fn consistency(
        &self,
        weak: &Matrix,
        strong: &Matrix,
        unlabeled_weight: f64,
    ) -> (f64, Matrix) {
        let mut gradient = Matrix::zeros(strong.rows(), strong.cols());
        let mut target = vec![0.0; strong.cols()];
        let (share, mut loss) = (1.0 / strong.rows() as f64, 0.0);
        for row in 0..weak.rows() {
            let (class, confidence) = most_probable(weak.row(row), 1.0);
            if confidence < self.cutoff {
                continue;
            }
            softmax(weak.row(row), 1.0, &mut target);
            let weight = share * self.weights[class];
            let into = gradient.row_mut(row);
            loss +=
                weight * cross_entropy(strong.row(row), &target, into, weight * unlabeled_weight);
        }
        (loss, gradient)
    }
}
