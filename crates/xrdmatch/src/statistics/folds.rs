//! Rows dealt into folds, for fitting on some and applying to others.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::StatisticsError;

/// The fold, below `folds`, of each row: the rows of each class are shuffled and dealt in turn, so
/// that every fold has its share of every class.
///
/// # Errors
/// [`StatisticsError::TooFewForFolds`] where a class that occurs has fewer rows than folds, or
/// there are fewer than two folds.
pub fn stratified_folds(
    truth: &[u8],
    folds: usize,
    seed: u64,
) -> Result<Vec<usize>, StatisticsError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut fold_of = vec![0; truth.len()];
    let mut next = 0;
    for class in 0..=u8::MAX {
        let mut rows: Vec<usize> = (0..truth.len()).filter(|row| truth[*row] == class).collect();
        let found = rows.len();
        if folds < 2 || (found > 0 && found < folds) {
            return Err(StatisticsError::TooFewForFolds { class, found, folds });
        }
        // The Fisher–Yates shuffle.
        for last in (1..found).rev() {
            rows.swap(last, rng.random_range(0..=last));
        }
        for row in rows {
            fold_of[row] = next % folds;
            next += 1;
        }
    }
    Ok(fold_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_fold_has_its_share_of_every_class(
            truth in prop::collection::vec(0u8..3, 0..80), folds in 2usize..6, seed: u64,
        ) {
            let count = |class| truth.iter().filter(|truth| **truth == class).count();
            match stratified_folds(&truth, folds, seed) {
                Ok(fold_of) => for class in 0..3 {
                    for fold in 0..folds {
                        let rows = (0..truth.len())
                            .filter(|row| truth[*row] == class && fold_of[*row] == fold).count();
                        prop_assert!((count(class) / folds..=count(class).div_ceil(folds)).contains(&rows));
                    }
                },
                Err(StatisticsError::TooFewForFolds { class, found, .. }) => {
                    prop_assert_eq!(found, count(class));
                    prop_assert!(found < folds);
                }
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn one_fold_is_none() {
        assert!(stratified_folds(&[0, 1], 1, 0).is_err());
        assert!(stratified_folds(&[], 0, 0).is_err());
    }
}
