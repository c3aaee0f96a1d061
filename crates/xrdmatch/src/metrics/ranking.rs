//! How well a score ranks positives before negatives, whatever the threshold.

/// Area under the receiver operating characteristic: the probability that a positive scores above
/// a negative, ties counting half. Computed from mid-ranks (Mann–Whitney), so that the order of
/// tied rows does not matter. `None` where there are no positives or no negatives.
///
/// # Panics
/// If the slices differ in length.
#[must_use]
pub fn roc_auc(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut below = 0; // negatives with a smaller score than the present group of ties
    let mut positives = 0;
    let mut doubled_wins = 0; // per pair: 2 for a win of the positive, 1 for a tie
    for Tied { positive, negative } in ascending_ties(scores, positive) {
        doubled_wins += positive * (2 * below + negative);
        positives += positive;
        below += negative;
    }
    let pairs = positives * below;
    (pairs > 0).then(|| doubled_wins as f64 / (2 * pairs) as f64)
}

/// Average precision `Σ (R_k − R_{k−1})·P_k` over the thresholds at distinct scores, from high to
/// low, without interpolation. `None` where there are no positives.
///
/// # Panics
/// If the slices differ in length.
#[must_use]
pub fn average_precision(scores: &[f64], positive: &[bool]) -> Option<f64> {
    let mut ties = ascending_ties(scores, positive);
    ties.reverse();
    let (mut found, mut taken, mut sum) = (0, 0, 0.0);
    for Tied { positive, negative } in ties {
        found += positive;
        taken += positive + negative;
        sum += positive as f64 * (found as f64 / taken as f64);
    }
    (found > 0).then(|| sum / found as f64)
}

/// A group of rows with equal scores.
struct Tied {
    positive: u64,
    negative: u64,
}

fn ascending_ties(scores: &[f64], positive: &[bool]) -> Vec<Tied> {
    assert_eq!(scores.len(), positive.len(), "one score per row");
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let same_score = |a: &usize, b: &usize| scores[*a] == scores[*b];
    order
        .chunk_by(same_score)
        .map(|group| {
            let positives = group.iter().filter(|row| positive[**row]).count() as u64;
            Tied { positive: positives, negative: group.len() as u64 - positives }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rankings_with_one_class_only_are_undefined() {
        assert_eq!(roc_auc(&[0.1, 0.9], &[true, true]), None);
        assert_eq!(roc_auc(&[0.1, 0.9], &[false, false]), None);
        assert_eq!(average_precision(&[0.1, 0.9], &[false, false]), None);
        assert_eq!(average_precision(&[0.1, 0.9], &[true, true]), Some(1.0));
    }

    #[test]
    fn zero_and_minus_zero_are_tied() {
        assert_eq!(roc_auc(&[0.0, -0.0], &[true, false]), Some(0.5));
    }

    proptest! {
        #[test]
        fn auc_is_the_share_of_pairs_in_order(
            rows in prop::collection::vec((0u8..6, any::<bool>()), 1..40),
        ) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score)).collect();
            let positive: Vec<bool> = rows.iter().map(|(_, positive)| *positive).collect();
            let (mut wins, mut pairs) = (0.0, 0.0);
            for (a, _) in rows.iter().filter(|(_, positive)| *positive) {
                for (b, _) in rows.iter().filter(|(_, positive)| !positive) {
                    wins += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                    pairs += 1.0;
                }
            }
            let expected = (pairs > 0.0).then_some(wins / pairs);
            prop_assert_eq!(roc_auc(&scores, &positive), expected);
        }
    }
}
