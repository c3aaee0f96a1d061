//! Repeated and nested cross-validation, with classes spread evenly and families kept together.

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::grouped::Family;
use super::{Role, Split, SplitError, shuffle};
use crate::seed::{Purpose, Seed};

/// Every row evaluates once in each repeat, by what the other folds taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrossValidation {
    /// Folds, at least 2.
    pub folds: usize,
    /// How often the rows are dealt anew.
    pub repeats: usize,
    /// From which the dealing follows.
    pub seed: Seed,
}

/// An outer split, and inner ones of its training rows for choosing settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nested {
    /// Trains on the other folds, evaluates on one.
    pub outer: Split,
    /// Each trains on part of the outer training rows and validates on the rest of them; the outer
    /// evaluation rows are held out.
    pub inner: Vec<Split>,
}

impl CrossValidation {
    /// All splits, repeat by repeat and fold by fold. `labels` has one class per row; rows of one
    /// number in `families` are never parted.
    ///
    /// # Errors
    /// [`SplitError::TooFewForFolds`].
    ///
    /// # Panics
    /// If there is not one family number per row.
    pub fn splits(
        &self,
        labels: &[u8],
        families: Option<&[usize]>,
    ) -> Result<Vec<Split>, SplitError> {
        let mut splits = Vec::new();
        for repeat in 0..self.repeats {
            let folds = self.deal(labels, families, repeat)?;
            for fold in 0..self.folds {
                let role = |of: &usize| if *of == fold { Role::Evaluation } else { Role::Labeled };
                splits.push(Split::new(folds.iter().map(role).collect()));
            }
        }
        Ok(splits)
    }

    /// All splits, each with `inner_folds` inner ones.
    ///
    /// # Errors
    /// [`SplitError::TooFewForFolds`], also for the training rows of a split.
    ///
    /// # Panics
    /// If there is not one family number per row.
    pub fn nested(
        &self,
        inner_folds: usize,
        labels: &[u8],
        families: Option<&[usize]>,
    ) -> Result<Vec<Nested>, SplitError> {
        let outer = self.splits(labels, families)?;
        (0u64..)
            .zip(outer)
            .map(|(number, outer)| {
                let rows = outer.labeled();
                let own: Vec<u8> = rows.iter().map(|row| labels[*row]).collect();
                let own_families: Option<Vec<usize>> =
                    families.map(|families| rows.iter().map(|row| families[*row]).collect());
                let mut rng = self.seed.rng(Purpose::Split, u32::MAX, 3, number);
                let folds = deal(&own, own_families.as_deref(), inner_folds, &mut rng)?;
                let split = |fold| {
                    let mut roles = vec![Role::HeldOut; labels.len()];
                    for (row, of) in rows.iter().zip(&folds) {
                        roles[*row] = if *of == fold { Role::Validation } else { Role::Labeled };
                    }
                    Split::new(roles)
                };
                let inner = (0..inner_folds).map(split).collect();
                Ok(Nested { outer, inner })
            })
            .collect()
    }

    fn deal(
        &self,
        labels: &[u8],
        families: Option<&[usize]>,
        repeat: usize,
    ) -> Result<Vec<usize>, SplitError> {
        let mut rng = self.seed.rng(Purpose::Split, u32::MAX, 2, repeat as u64);
        deal(labels, families, self.folds, &mut rng)
    }
}

/// The fold of each row. Families are dealt in a random order, large ones first, each to the fold
/// that has least of its classes so far.
fn deal(
    labels: &[u8],
    families: Option<&[usize]>,
    folds: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<usize>, SplitError> {
    let singles: Vec<usize> = (0..labels.len()).collect();
    let family_of = families.unwrap_or(&singles);
    assert_eq!(family_of.len(), labels.len(), "every row has a family");
    let unit = if families.is_some() { "structure families" } else { "samples" };
    let classes = labels.iter().max().map_or(0, |last| usize::from(*last) + 1);
    let all = Family::all(family_of, |row| Some(usize::from(labels[row])), classes);
    let totals: Vec<usize> =
        (0..classes).map(|class| all.iter().map(|family| family.counts[class]).sum()).collect();
    for (class, total) in totals.iter().enumerate() {
        let found = all.iter().filter(|family| family.counts[class] > 0).count();
        if folds < 2 || (*total > 0 && found < folds) {
            return Err(SplitError::TooFewForFolds { class, found, unit, folds });
        }
    }
    let mut order: Vec<usize> = (0..all.len()).collect();
    shuffle(&mut order, rng);
    order.sort_by_key(|at| std::cmp::Reverse(all[*at].rows.len()));
    let mut fold_of = vec![0; labels.len()];
    let mut dealt = vec![vec![0usize; classes]; folds];
    for at in order {
        let family = &all[at];
        let crowded = |fold: &usize| {
            let of_class = |class: usize| {
                (family.counts[class] * dealt[*fold][class]) as f64 / totals[class].max(1) as f64
            };
            let same: f64 = (0..classes).map(of_class).sum();
            (same, dealt[*fold].iter().sum::<usize>())
        };
        let fold = (0..folds)
            .min_by(|a, b| {
                let (a, b) = (crowded(a), crowded(b));
                a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
            })
            .unwrap_or(0);
        family.rows.iter().for_each(|row| fold_of[*row] = fold);
        dealt[fold].iter_mut().zip(&family.counts).for_each(|(sum, count)| *sum += count);
    }
    for (class, total) in totals.iter().enumerate() {
        // Families of several classes may have left a fold without one.
        let found = dealt.iter().filter(|fold| fold[class] > 0).count();
        if *total > 0 && found < folds {
            return Err(SplitError::TooFewForFolds { class, found, unit, folds });
        }
    }
    Ok(fold_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn validation(folds: usize, repeats: usize, seed: u64) -> CrossValidation {
        CrossValidation { folds, repeats, seed: Seed(seed) }
    }

    proptest! {
        #[test]
        fn every_row_evaluates_once_a_repeat_and_classes_are_spread_evenly(
            labels in prop::collection::vec(0u8..2, 8..90), folds in 2usize..6,
            repeats in 1usize..4, seed: u64,
        ) {
            let of_class = |rows: &[usize], class| {
                rows.iter().filter(|row| labels[**row] == class).count()
            };
            let all: Vec<usize> = (0..labels.len()).collect();
            match validation(folds, repeats, seed).splits(&labels, None) {
                Ok(splits) => {
                    prop_assert_eq!(splits.len(), folds * repeats);
                    for repeat in splits.chunks(folds) {
                        let mut rows: Vec<usize> =
                            repeat.iter().flat_map(Split::evaluation).collect();
                        rows.sort_unstable();
                        prop_assert_eq!(&rows, &all);
                        for split in repeat {
                            for class in 0..2 {
                                let total = of_class(&all, class);
                                let here = of_class(&split.evaluation(), class);
                                prop_assert!((total / folds..=total.div_ceil(folds)).contains(&here));
                            }
                            prop_assert_eq!(
                                split.labeled().len() + split.evaluation().len(), labels.len()
                            );
                        }
                    }
                }
                Err(SplitError::TooFewForFolds { class, found, .. }) => {
                    prop_assert_eq!(found, of_class(&all, class as u8));
                    prop_assert!(found < folds);
                }
                Err(other) => panic!("{other}"),
            }
        }

        #[test]
        fn families_never_straddle_neither_outer_nor_inner_splits(
            rows in prop::collection::vec((0u8..2, 0usize..40), 20..100),
            folds in 2usize..5, inner in 2usize..4, seed: u64,
        ) {
            let (labels, families): (Vec<u8>, Vec<usize>) = rows.into_iter().unzip();
            let shared = |a: &[usize], b: &[usize]| {
                a.iter().any(|row| b.iter().any(|other| families[*row] == families[*other]))
            };
            // Too few families are refused, which other tests look at.
            if let Ok(nested) = validation(folds, 2, seed).nested(inner, &labels, Some(&families)) {
                prop_assert_eq!(nested.len(), 2 * folds);
                for Nested { outer, inner } in nested {
                    prop_assert!(!shared(&outer.labeled(), &outer.evaluation()));
                    let mut validated: Vec<usize> = Vec::new();
                    for split in inner {
                        prop_assert!(!shared(&split.labeled(), &split.validation()));
                        prop_assert_eq!(split.held_out(), outer.evaluation());
                        validated.extend(split.validation());
                    }
                    validated.sort_unstable();
                    prop_assert_eq!(validated, outer.labeled());
                }
            }
        }
    }

    #[test]
    fn fewer_samples_or_families_than_folds_are_refused() {
        let labels = [0, 0, 0, 1, 1, 1, 1];
        let found = validation(4, 1, 0).splits(&labels, None);
        assert_eq!(
            found,
            Err(SplitError::TooFewForFolds { class: 0, found: 3, unit: "samples", folds: 4 })
        );
        let found = validation(3, 1, 0).splits(&labels, Some(&[0, 0, 1, 2, 3, 4, 5]));
        let unit = "structure families";
        assert_eq!(found, Err(SplitError::TooFewForFolds { class: 0, found: 2, unit, folds: 3 }));
        assert!(validation(1, 1, 0).splits(&labels, None).is_err());
    }

    #[test]
    fn repeats_differ_and_the_same_seed_deals_the_same() {
        let labels: Vec<u8> = (0..40).map(|row| u8::from(row % 4 > 0)).collect();
        let splits = validation(5, 2, 9).splits(&labels, None).expect("splits");
        assert_ne!(splits[..5], splits[5..]);
        assert_eq!(splits, validation(5, 2, 9).splits(&labels, None).expect("splits"));
    }
}
