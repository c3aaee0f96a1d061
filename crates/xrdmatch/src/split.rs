//! Which labelled row plays which role in one experiment.
//!
//! A split is one role per row, so no row can play two: the sets are disjoint by construction.
//! Only [`Split::labeled`] rows may be trained on; [`Split::validation`] rows may be selected on;
//! [`Split::evaluation`] rows are what is reported; [`Split::held_out`] rows are for a last look.

mod cross_validation;
mod file;
mod grouped;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::seed::{Purpose, Seed};

pub use cross_validation::{CrossValidation, Nested};
pub use file::{FileNames, SplitFile, SplitFileError};

/// The role of a labelled row in one experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Its label trains the network.
    Labeled,
    /// Choices (stopping, best epoch) may look at it.
    Validation,
    /// Results are reported on it.
    Evaluation,
    /// Outside all experiments of the run.
    HeldOut,
}

/// One role per row of the labelled file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    roles: Vec<Role>,
}

impl Split {
    /// A split from one role per row.
    pub fn new(roles: Vec<Role>) -> Self {
        Self { roles }
    }

    /// The role of a row.
    pub fn role(&self, row: usize) -> Role {
        self.roles[row]
    }

    /// Rows whose label trains the network, ascending.
    pub fn labeled(&self) -> Vec<usize> {
        self.rows(Role::Labeled)
    }

    /// Rows that choices may look at, ascending.
    pub fn validation(&self) -> Vec<usize> {
        self.rows(Role::Validation)
    }

    /// Rows that results are reported on, ascending.
    pub fn evaluation(&self) -> Vec<usize> {
        self.rows(Role::Evaluation)
    }

    /// Rows outside all experiments, ascending.
    pub fn held_out(&self) -> Vec<usize> {
        self.rows(Role::HeldOut)
    }

    fn rows(&self, role: Role) -> Vec<usize> {
        (0..self.roles.len()).filter(|&row| self.roles[row] == role).collect()
    }
}

/// What must not be parted by a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SplitKind {
    /// Nothing: rows are drawn one by one, per class.
    #[default]
    Stratified,
    /// Structure families: rows that are near-twins, or connected through near-twins, play one role.
    Grouped,
}

/// How splits are drawn when no file gives them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Draw {
    /// What must not be parted.
    pub kind: SplitKind,
    /// Cosine of blurred patterns from which rows are of one structure family. In (0, 1).
    pub family_cosine: f32,
    /// Whether rows of one composition are of one family, too.
    pub family_composition: bool,
    /// Training rows per class, drawn anew in every experiment. One number serves all classes.
    pub labeled_per_class: Vec<usize>,
    /// Validation rows per class, drawn anew in every experiment. One number serves all classes.
    pub validation_per_class: Vec<usize>,
    /// The part of every class that no experiment sees, drawn once per run. In \[0, 1).
    pub held_out: f64,
    /// The part of the unlabelled file that makes an experiment's pool. In (0, 1\].
    pub pool: f64,
    /// Whether the training rows are part of the pool, without their labels.
    pub labeled_in_pool: bool,
}

impl Default for Draw {
    fn default() -> Self {
        Self {
            kind: SplitKind::default(),
            family_cosine: 0.93,
            family_composition: false,
            labeled_per_class: vec![10],
            validation_per_class: vec![0],
            held_out: 0.0,
            pool: 0.8,
            labeled_in_pool: true,
        }
    }
}

/// Why no split can be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// A class has no labelled row at all.
    #[error("no row of {source_name} has label {class}")]
    EmptyClass {
        /// The file of the rows.
        source_name: String,
        /// The class without rows.
        class: usize,
    },
    /// More rows are asked of a class than it has.
    #[error(
        "{asked} rows of label {class} are asked for ({labeled} labelled, {validation} validation, {held_out} held out), but {source_name} has {available}"
    )]
    TooFew {
        /// The file of the rows.
        source_name: String,
        /// The class that runs out.
        class: usize,
        /// All rows asked of it.
        asked: usize,
        /// Of them, training rows.
        labeled: usize,
        /// Of them, validation rows.
        validation: usize,
        /// Of them, held-out rows.
        held_out: usize,
        /// The rows there are.
        available: usize,
    },
    /// A list of counts is neither one number nor one per class.
    #[error(
        "setting `{setting}` has {found} values; give one, or one for each of {classes} classes"
    )]
    Counts {
        /// The name of the setting.
        setting: &'static str,
        /// How many were given.
        found: usize,
        /// How many classes there are.
        classes: usize,
    },
    /// No training row of a class is asked for.
    #[error("setting `labeled_per_class` asks for no row of label {class}; at least 1 is needed")]
    NothingToLearn {
        /// The class.
        class: usize,
    },
    /// A fraction is out of range.
    #[error("setting `{setting}` is {found}, but must be {expected}")]
    Fraction {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// Whole families do not add up to the rows that are asked for.
    #[error(
        "whole structure families of {source_name} give {reached} of the {asked} rows of label {class} that are asked for as {role}"
    )]
    Families {
        /// The file of the rows.
        source_name: String,
        /// The class.
        class: usize,
        /// The role, in words.
        role: &'static str,
        /// The rows asked for.
        asked: usize,
        /// The rows that families could give.
        reached: usize,
    },
    /// A class has fewer samples, or families, than there are folds; or there are no two folds.
    #[error(
        "{found} {unit} of label {class} cannot be dealt into {folds} folds; it takes two folds and one for each"
    )]
    TooFewForFolds {
        /// The class.
        class: usize,
        /// How many there are.
        found: usize,
        /// Of what: samples or families.
        unit: &'static str,
        /// The folds asked for.
        folds: usize,
    },
    /// The experiment's pool would be empty.
    #[error("{part} of {rows} unlabelled rows is no row at all")]
    EmptyPool {
        /// The part asked for.
        part: f64,
        /// The rows there are.
        rows: usize,
    },
}

impl Draw {
    /// Refuses settings that can never give a split.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self, classes: usize) -> Result<(), SplitError> {
        let expected = "at least 0 and below 1";
        if !(0.0..1.0).contains(&self.held_out) {
            return Err(SplitError::Fraction {
                setting: "held_out",
                found: self.held_out,
                expected,
            });
        }
        if !(self.family_cosine > 0.0 && self.family_cosine < 1.0) {
            return Err(SplitError::Fraction {
                setting: "family_cosine",
                found: f64::from(self.family_cosine),
                expected: "above 0 and below 1",
            });
        }
        let expected = "above 0 and at most 1";
        if !(self.pool > 0.0 && self.pool <= 1.0) {
            return Err(SplitError::Fraction { setting: "pool", found: self.pool, expected });
        }
        for class in 0..classes {
            if count("labeled_per_class", &self.labeled_per_class, class, classes)? == 0 {
                return Err(SplitError::NothingToLearn { class });
            }
            count("validation_per_class", &self.validation_per_class, class, classes)?;
        }
        Ok(())
    }

    /// Draws an experiment's split row by row, whatever the [`kind`](Self::kind): per class, first the rows held out in all experiments of the
    /// run, then this experiment's training and validation rows; the others evaluate.
    ///
    /// # Errors
    /// If a class has too few rows.
    pub fn split(
        &self,
        data: &Dataset,
        classes: usize,
        seed: Seed,
        experiment: u32,
    ) -> Result<Split, SplitError> {
        self.validate(classes)?;
        let mut roles = vec![Role::Evaluation; data.len()];
        for class in 0..classes {
            let mut rows: Vec<usize> = (0..data.len())
                .filter(|&row| data.sample(row).label.map(usize::from) == Some(class))
                .collect();
            let available = rows.len();
            if available == 0 {
                return Err(SplitError::EmptyClass {
                    source_name: data.source_name().to_owned(),
                    class,
                });
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a part of a count, rounded to the nearest"
            )]
            let held_out = (self.held_out * available as f64).round() as usize;
            let labeled = count("labeled_per_class", &self.labeled_per_class, class, classes)?;
            let validation =
                count("validation_per_class", &self.validation_per_class, class, classes)?;
            let asked = held_out + labeled + validation;
            if asked > available {
                let source_name = data.source_name().to_owned();
                return Err(SplitError::TooFew {
                    source_name,
                    class,
                    asked,
                    labeled,
                    validation,
                    held_out,
                    available,
                });
            }
            // The held-out rows are the same in all experiments, so they have an address of their own.
            shuffle(&mut rows, &mut seed.rng(Purpose::Split, u32::MAX, 0, class as u64));
            let (outside, inside) = rows.split_at_mut(held_out);
            shuffle(inside, &mut seed.rng(Purpose::Split, experiment, 0, class as u64));
            for &row in outside.iter() {
                roles[row] = Role::HeldOut;
            }
            for &row in &inside[..labeled] {
                roles[row] = Role::Labeled;
            }
            for &row in &inside[labeled..labeled + validation] {
                roles[row] = Role::Validation;
            }
        }
        Ok(Split::new(roles))
    }

    /// Draws the rows of the unlabelled file that make an experiment's pool, ascending.
    ///
    /// # Errors
    /// If no row would be left.
    pub fn pool(&self, rows: usize, seed: Seed, experiment: u32) -> Result<Vec<usize>, SplitError> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a count, rounded down"
        )]
        let wanted = (self.pool * rows as f64) as usize;
        if wanted == 0 {
            return Err(SplitError::EmptyPool { part: self.pool, rows });
        }
        let mut all: Vec<usize> = (0..rows).collect();
        shuffle(&mut all, &mut seed.rng(Purpose::Pool, experiment, 0, 0));
        all.truncate(wanted);
        all.sort_unstable();
        Ok(all)
    }
}

fn count(
    setting: &'static str,
    counts: &[usize],
    class: usize,
    classes: usize,
) -> Result<usize, SplitError> {
    match counts {
        [all] => Ok(*all),
        each if each.len() == classes => Ok(each[class]),
        _ => Err(SplitError::Counts { setting, found: counts.len(), classes }),
    }
}

/// Shuffles in place (Fisher and Yates).
pub(crate) fn shuffle(rows: &mut [usize], rng: &mut ChaCha8Rng) {
    for last in (1..rows.len()).rev() {
        rows.swap(last, rng.random_range(0..=last));
    }
}

#[cfg(test)]
mod tests;
