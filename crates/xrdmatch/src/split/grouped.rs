//! Splits that keep structure families together.

use rand_chacha::ChaCha8Rng;

use super::{Draw, Role, Split, SplitError, count, shuffle};
use crate::dataset::Dataset;
use crate::seed::{Purpose, Seed};

/// Rows of one family, and how many of each class are among them.
#[derive(Debug, Clone)]
pub(super) struct Family {
    pub(super) rows: Vec<usize>,
    pub(super) counts: Vec<usize>,
}

impl Family {
    /// The families of rows: `family_of` has one number per row, `class_of` its class.
    pub(super) fn all(
        family_of: &[usize],
        class_of: impl Fn(usize) -> Option<usize>,
        classes: usize,
    ) -> Vec<Self> {
        let mut place = vec![None; family_of.iter().max().map_or(0, |last| last + 1)];
        let mut families: Vec<Self> = Vec::new();
        for (row, family) in family_of.iter().enumerate() {
            let at = *place[*family].get_or_insert_with(|| {
                families.push(Self { rows: Vec::new(), counts: vec![0; classes] });
                families.len() - 1
            });
            families[at].rows.push(row);
            if let Some(class) = class_of(row) {
                families[at].counts[class] += 1;
            }
        }
        families
    }
}

/// Orders of families that are tried until whole families add up to what is asked.
const ATTEMPTS: usize = 100;

/// Families that are not taken yet, in a random order while they fit; and what of the quota is left.
fn fill(
    families: &[Family],
    taken: &[bool],
    quota: &[usize],
    rng: &mut ChaCha8Rng,
) -> (Vec<usize>, Vec<usize>) {
    let mut left = quota.to_vec();
    let mut order: Vec<usize> = (0..families.len()).collect();
    shuffle(&mut order, rng);
    order.retain(|at| {
        let counts = &families[*at].counts;
        let fits = counts.iter().zip(&left).all(|(count, left)| count <= left);
        let takes = !taken[*at] && fits && counts.iter().any(|count| *count > 0);
        if takes {
            left.iter_mut().zip(counts).for_each(|(left, count)| *left -= count);
        }
        takes
    });
    (order, left)
}

impl Draw {
    /// Draws an experiment's split family by family; `families` has one number per row, equal for
    /// rows that must not be parted. Families are taken in a random order while they fit, in another
    /// order where they do not add up: training and validation rows come out as many as asked,
    /// held-out rows at most as many. A family larger
    /// than what is asked of its class evaluates, always.
    ///
    /// # Errors
    /// If a class has too few rows, or whole families do not add up to what is asked.
    ///
    /// # Panics
    /// If there is not one family number per row.
    pub fn split_by_family(
        &self,
        data: &Dataset,
        classes: usize,
        seed: Seed,
        experiment: u32,
        families: &[usize],
    ) -> Result<Split, SplitError> {
        assert_eq!(families.len(), data.len(), "every row has a family");
        // The same refusals as row by row.
        self.split(data, classes, seed, experiment)?;
        let class_of = |row: usize| data.sample(row).label.map(usize::from);
        let families = Family::all(families, class_of, classes);
        let each = |setting, counts: &[usize]| -> Result<Vec<usize>, SplitError> {
            (0..classes).map(|class| count(setting, counts, class, classes)).collect()
        };
        let labeled = each("labeled_per_class", &self.labeled_per_class)?;
        let validation = each("validation_per_class", &self.validation_per_class)?;
        let held_out: Vec<usize> = (0..classes)
            .map(|class| {
                let rows: usize = families.iter().map(|family| family.counts[class]).sum();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a part of a count, rounded to the nearest"
                )]
                let part = (self.held_out * rows as f64).round() as usize;
                part
            })
            .collect();

        let mut roles = vec![Role::Evaluation; data.len()];
        let mut taken = vec![false; families.len()];
        let mut take = |role, quota: &[usize], rng: &mut ChaCha8Rng| {
            let mut best: Option<(Vec<usize>, Vec<usize>)> = None;
            for _ in 0..ATTEMPTS {
                let found = fill(&families, &taken, quota, rng);
                let missing = |left: &[usize]| left.iter().sum::<usize>();
                if best.as_ref().is_none_or(|best| missing(&found.1) < missing(&best.1)) {
                    best = Some(found);
                }
                if best.as_ref().is_some_and(|best| missing(&best.1) == 0) {
                    break;
                }
            }
            let (chosen, left) = best.unwrap_or_default();
            for at in chosen {
                taken[at] = true;
                families[at].rows.iter().for_each(|row| roles[*row] = role);
            }
            left
        };
        // The held-out rows are the same in all experiments, so they have an address of their own;
        // step 1 parts it from that of single rows.
        take(Role::HeldOut, &held_out, &mut seed.rng(Purpose::Split, u32::MAX, 1, 0));
        let exact = [
            (Role::Labeled, "training rows", &labeled, 0),
            (Role::Validation, "validation rows", &validation, 1),
        ];
        for (role, name, quota, item) in exact {
            let left = take(role, quota, &mut seed.rng(Purpose::Split, experiment, 1, item));
            if let Some(class) = left.iter().position(|left| *left > 0) {
                let (asked, reached) = (quota[class], quota[class] - left[class]);
                let source_name = data.source_name().to_owned();
                return Err(SplitError::Families {
                    source_name,
                    class,
                    role: name,
                    asked,
                    reached,
                });
            }
        }
        Ok(Split::new(roles))
    }
}
