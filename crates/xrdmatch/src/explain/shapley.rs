//! Shapley values of peaks, for models that see a pattern through blurred bins or encoders.
//!
//! Where bins are scaled by what is in them, a pattern and its half look the same, so a straight way
//! from the empty pattern to the whole one says nothing of its peaks. What can be asked of any model is
//! its answer to some of the peaks alone. The Shapley value of a peak is the change that it brings
//! when it joins the peaks before it, averaged over all orders of peaks; over all peaks these sum to
//! `f(all) − f(none)`. Orders are drawn at random, each with its reverse, which cancels most of what
//! depends on the place in the order (Štrumbelj and Kononenko, *Knowl. Inf. Syst.* 2014, 41, 647;
//! Mitchell et al., *J. Mach. Learn. Res.* 2022, 23, 43).

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Subsets that are asked about, at most; with very many peaks there are fewer orders.
const MOST_SUBSETS: usize = 16_384;

/// Orders in which peaks join, each followed by its reverse.
pub(super) struct Orders {
    orders: Vec<Vec<usize>>,
    peaks: usize,
}

/// What one model says of each peak.
pub(super) struct Values {
    /// Per pair of an order and its reverse, and in it per peak.
    by_pair: Vec<Vec<f64>>,
}

impl Orders {
    /// Draws `pairs` orders of so many peaks, at least one, and their reverses.
    pub(super) fn draw(peaks: usize, pairs: usize, seed: u64) -> Self {
        let affordable = MOST_SUBSETS / (2 * peaks.max(1));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut order: Vec<usize> = (0..peaks).collect();
        let mut orders = Vec::new();
        for _ in 0..pairs.min(affordable).max(1) {
            order.shuffle(&mut rng);
            orders.push(order.clone());
            orders.push(order.iter().rev().copied().collect());
        }
        Self { orders, peaks }
    }

    /// The subsets of peaks to ask about: of every order its beginnings, without none and all.
    pub(super) fn subsets(&self) -> Vec<&[usize]> {
        let beginnings = |order: &'_ Vec<usize>| 1..order.len().max(1);
        self.orders
            .iter()
            .flat_map(|order| beginnings(order).map(move |count| &order[..count]))
            .collect()
    }

    /// The values by a model's answers to [`subsets`](Self::subsets), to no peak and to all.
    pub(super) fn values(&self, answers: &[f64], none: f64, all: f64) -> Values {
        let own = self.peaks.saturating_sub(1);
        let mut by_pair = Vec::with_capacity(self.orders.len() / 2);
        for (pair, two) in self.orders.chunks_exact(2).enumerate() {
            let mut values = vec![0.0; self.peaks];
            for (which, order) in two.iter().enumerate() {
                let answers = &answers[(2 * pair + which) * own..][..own];
                let after = answers.iter().copied().chain([all]);
                let mut before = none;
                for (peak, after) in order.iter().zip(after) {
                    values[*peak] += (after - before) / 2.0;
                    before = after;
                }
            }
            by_pair.push(values);
        }
        Values { by_pair }
    }
}

impl Values {
    /// The values of several models, averaged.
    pub(super) fn mean_of(all: &[Self]) -> Self {
        let mut mean = all[0].by_pair.clone();
        for other in &all[1..] {
            for (sums, values) in mean.iter_mut().zip(&other.by_pair) {
                sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            }
        }
        mean.iter_mut().flatten().for_each(|value| *value /= all.len() as f64);
        Self { by_pair: mean }
    }

    /// Each peak's value.
    pub(super) fn mean(&self) -> Vec<f64> {
        let pairs = self.by_pair.len() as f64;
        let peaks = self.by_pair[0].len();
        let sum = |peak: usize| self.by_pair.iter().map(|pair| pair[peak]).sum::<f64>();
        (0..peaks).map(|peak| sum(peak) / pairs).collect()
    }

    /// The largest standard error of a peak's value, from the draw of orders; `None` with one pair.
    pub(super) fn largest_standard_error(&self) -> Option<f64> {
        let pairs = self.by_pair.len() as f64;
        let means = self.mean();
        let error = |(peak, mean): (usize, &f64)| {
            let off = |pair: &Vec<f64>| (pair[peak] - mean).powi(2);
            let square: f64 = self.by_pair.iter().map(off).sum();
            (square / (pairs - 1.0) / pairs).sqrt()
        };
        (pairs > 1.0).then(|| means.iter().enumerate().map(error).fold(0.0, f64::max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Answers of a game with values for peaks and for pairs of neighbours.
    fn game(own: &[f64], together: f64, set: &[usize]) -> f64 {
        let alone: f64 = set.iter().map(|peak| own[*peak]).sum();
        let pairs = set.iter().filter(|peak| set.contains(&(*peak + 1))).count();
        0.7 + alone + together * pairs as f64
    }

    fn found(own: &[f64], together: f64, pairs: usize) -> Values {
        let orders = Orders::draw(own.len(), pairs, 3);
        let answers: Vec<f64> =
            orders.subsets().iter().map(|set| game(own, together, set)).collect();
        let all: Vec<usize> = (0..own.len()).collect();
        orders.values(&answers, game(own, together, &[]), game(own, together, &all))
    }

    #[test]
    fn what_peaks_do_together_is_shared_between_them() {
        let own = [0.5, -1.0, 2.0, 0.0, 0.25];
        let values = found(&own, 0.8, 1);
        // An order and its reverse share the worth of a pair exactly.
        let shares = [0.4, 0.8, 0.8, 0.8, 0.4];
        for ((value, own), share) in values.mean().iter().zip(own).zip(shares) {
            assert!((value - own - share).abs() < 1e-12, "{value} {own} {share}");
        }
    }

    #[test]
    fn the_values_approach_the_mean_over_all_orders() {
        // Three peaks that are worth something only together: each a third.
        let worth = |set: &[usize]| if set.len() == 3 { 1.0 } else { 0.0 };
        let orders = Orders::draw(3, 2000, 1);
        let answers: Vec<f64> = orders.subsets().iter().map(|set| worth(set)).collect();
        let values = orders.values(&answers, 0.0, 1.0);
        let error = values.largest_standard_error().unwrap();
        assert!(error < 0.01);
        for value in values.mean() {
            assert!((value - 1.0 / 3.0).abs() < 4.0 * error, "{value} ± {error}");
        }
    }

    #[test]
    fn a_single_peak_and_none_have_their_values() {
        assert!((found(&[1.5], 0.0, 4).mean()[0] - 1.5).abs() < 1e-12);
        assert!(found(&[], 0.0, 4).mean().is_empty());
        let mean = Values::mean_of(&[found(&[1.0, 2.0], 0.0, 2), found(&[3.0, 6.0], 0.0, 2)]);
        assert!(mean.mean().iter().zip([2.0, 4.0]).all(|(a, b)| (a - b).abs() < 1e-12));
    }

    proptest! {
        #[test]
        fn the_values_sum_to_the_whole(
            own in prop::collection::vec(-3.0f64..3.0, 1..40), together in -1.0f64..1.0, pairs in 1usize..6,
        ) {
            let all: Vec<usize> = (0..own.len()).collect();
            let whole = game(&own, together, &all) - game(&own, together, &[]);
            let sum: f64 = found(&own, together, pairs).mean().iter().sum();
            prop_assert!((sum - whole).abs() < 1e-9);
        }

        #[test]
        fn very_many_peaks_do_not_ask_without_end(peaks in 1usize..5000, pairs in 1usize..1000) {
            let orders = Orders::draw(peaks, pairs, 0);
            prop_assert!(orders.subsets().len() <= MOST_SUBSETS.max(2 * peaks));
        }
    }
}
