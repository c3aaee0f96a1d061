//! Temperature scaling (Guo et al., ICML 2017, arXiv:1706.04599).

use serde::{Deserialize, Serialize};

use crate::predictions::softmax;

/// The largest factor, and one over the smallest: where classes are separable, or the scores worse
/// than chance, the best one is infinite or zero.
const LARGEST: f64 = 100.0;

/// Probabilities are the softmax of `inverse · logits`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Temperature {
    /// One over the temperature, from 0.01 to 100; below 1 it takes confidence away.
    pub inverse: f64,
}

impl Temperature {
    /// The factor of least log loss, which is convex in it: Newton's steps on the derivative
    /// `Σ (E[z] − z_truth)`, kept between the ends of a shrinking bracket. `logits` is `n × classes`.
    pub(super) fn fit(logits: &[f64], classes: usize, truth: &[u8]) -> Self {
        let (mut low, mut high) = (1.0 / LARGEST, LARGEST);
        let mut inverse = 1.0;
        // The bracket halves at least every second step; 200 steps are more than a double holds.
        for _ in 0..200 {
            let (slope, curvature) = derivatives(logits, classes, truth, inverse);
            if slope > 0.0 {
                high = inverse;
            } else {
                low = inverse;
            }
            let newton = inverse - slope / curvature;
            let inside = newton > low && newton < high;
            let next = if inside { newton } else { 0.5 * (low + high) };
            let moved = (next - inverse).abs();
            inverse = next;
            if moved <= f64::EPSILON * inverse {
                break;
            }
        }
        Self { inverse }
    }

    /// Turns logits into calibrated probabilities in place.
    pub(super) fn apply(self, logits: &mut [f64]) {
        logits.iter_mut().for_each(|logit| *logit *= self.inverse);
        softmax(logits);
    }
}

/// First and second derivative of the log loss by the inverse temperature.
fn derivatives(logits: &[f64], classes: usize, truth: &[u8], inverse: f64) -> (f64, f64) {
    let (mut slope, mut curvature) = (0.0, 0.0);
    let mut probabilities = vec![0.0; classes];
    for (row, truth) in logits.chunks_exact(classes).zip(truth) {
        for (probability, logit) in probabilities.iter_mut().zip(row) {
            *probability = inverse * logit;
        }
        softmax(&mut probabilities);
        let mean: f64 = probabilities.iter().zip(row).map(|(p, z)| p * z).sum();
        let variance: f64 =
            probabilities.iter().zip(row).map(|(p, z)| p * (z - mean) * (z - mean)).sum();
        slope += mean - row[usize::from(*truth)];
        curvature += variance;
    }
    (slope, curvature)
}
