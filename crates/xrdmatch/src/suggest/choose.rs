//! What is worth most, given what is known.

use serde::{Deserialize, Serialize};

use crate::fingerprint::dot;

/// Bits added to every gain, so that diversity counts where members agree.
pub(super) const FLOOR: f64 = 0.1;

/// A suggestion by its place among the candidates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Which candidate.
    pub candidate: usize,
    /// Expected gain in bits.
    pub gain: f64,
    /// One less the largest cosine with a labelled or earlier suggested pattern, 0 to 1.
    pub novelty: f64,
}

/// Mutual information, in bits, between a label and the choice of the member, from the members'
/// probabilities of the positive class; 0 where all agree, 1 where half are sure of either.
#[must_use]
pub fn expected_gain(probabilities: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = probabilities.len().max(1) as f64;
    let (mut mean, mut entropies) = (0.0, 0.0);
    for p in probabilities {
        mean += p / count;
        entropies += entropy(p) / count;
    }
    (entropy(mean) - entropies).max(0.0)
}

fn entropy(p: f64) -> f64 {
    let term = |p: f64| if p > 0.0 { -p * p.log2() } else { 0.0 };
    term(p.clamp(0.0, 1.0)) + term((1.0 - p).clamp(0.0, 1.0))
}

/// The largest cosine of a pattern of length one with some others, 0 of none.
pub(super) fn nearest<'a>(pattern: &[f32], others: impl Iterator<Item = &'a [f32]>) -> f64 {
    others.map(|other| f64::from(dot(pattern, other))).fold(0.0, f64::max).min(1.0)
}

/// Up to `wanted` of some candidates, the best first; of equals, the earlier. `gains` are in bits,
/// `features` rows of length one, and so are those of what is `labeled`.
///
/// # Panics
/// If there is not one gain per row of features.
#[must_use]
pub fn choose(
    wanted: usize,
    gains: &[f64],
    features: &[&[f32]],
    labeled: &[&[f32]],
) -> Vec<Chosen> {
    assert_eq!(gains.len(), features.len(), "one gain per candidate");
    let mut novelty: Vec<f64> =
        features.iter().map(|row| 1.0 - nearest(row, labeled.iter().copied())).collect();
    let mut open = vec![true; gains.len()];
    let mut chosen = Vec::new();
    while chosen.len() < wanted {
        let worth = |candidate: usize| (gains[candidate] + FLOOR) * novelty[candidate];
        let best = (0..gains.len())
            .filter(|candidate| open[*candidate])
            .reduce(|a, b| if worth(b) > worth(a) { b } else { a });
        let Some(best) = best else { break };
        open[best] = false;
        chosen.push(Chosen { candidate: best, gain: gains[best], novelty: novelty[best] });
        for (novelty, row) in novelty.iter_mut().zip(features) {
            *novelty = novelty.min((1.0 - f64::from(dot(row, features[best]))).max(0.0));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gain_is_one_bit_where_half_are_sure_of_either_and_none_where_all_agree() {
        let gain = |p: &[f64]| expected_gain(p.iter().copied());
        assert!((gain(&[1.0, 0.0]) - 1.0).abs() < 1e-12);
        assert_eq!(gain(&[0.5, 0.5, 0.5]), 0.0);
        assert_eq!(gain(&[0.9]), 0.0);
        let expected = 1.0 - (-0.9f64 * 0.9f64.log2() - 0.1 * 0.1f64.log2());
        assert!((gain(&[0.9, 0.1]) - expected).abs() < 1e-12);
    }

    #[test]
    fn what_is_known_or_just_chosen_is_not_chosen_again() {
        let half = 0.5f32.sqrt();
        let rows: [&[f32]; 4] =
            [&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, half, half]];
        let gains = [1.0, 0.5, 0.4, 0.1];
        let labeled: [&[f32]; 1] = [&[1.0, 0.0, 0.0]];
        let chosen = choose(4, &gains, &rows, &labeled);
        let order: Vec<usize> = chosen.iter().map(|chosen| chosen.candidate).collect();
        assert_eq!(order, [1, 3, 0, 2]);
        assert_eq!((chosen[0].novelty, chosen[2].novelty), (1.0, 0.0));
        assert_eq!(choose(9, &gains, &rows, &[]).len(), 4);
        assert_eq!(choose(1, &gains, &rows, &[])[0].candidate, 0);
    }
}
