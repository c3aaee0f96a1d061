//! Splits from a file: the published draws, or anybody's.
//!
//! ```json
//! {"held_out": ["name", …],
//!  "experiments": [{"experiment": 0, "labeled": ["name", …], "evaluation": ["name", …]}, …]}
//! ```
//! `validation` may stand beside `labeled`; other keys are ignored. Rows of the labelled file that
//! an experiment does not name are held out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Role, Split};
use crate::dataset::Dataset;

/// The splits of a file, by experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitFile {
    path: PathBuf,
    fingerprint: String,
    contents: Contents,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Contents {
    #[serde(default)]
    held_out: Vec<String>,
    experiments: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Entry {
    experiment: u32,
    labeled: Vec<String>,
    #[serde(default)]
    validation: Vec<String>,
    evaluation: Vec<String>,
}

/// The names of the rows in each role of an experiment of a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FileNames<'a> {
    /// Trained on.
    pub labeled: &'a [String],
    /// Looked at by choices.
    pub validation: &'a [String],
    /// Reported on.
    pub evaluation: &'a [String],
    /// Outside all experiments.
    pub held_out: &'a [String],
}

/// Why a file gives no split.
#[derive(Debug, thiserror::Error)]
pub enum SplitFileError {
    /// It cannot be read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is not JSON of the expected form.
    #[error("{path} is not a split file: {reason}")]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why, in the words of the JSON reader.
        reason: String,
    },
    /// Two entries have the same number.
    #[error("{path} has two entries for experiment {experiment}")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The number.
        experiment: u32,
    },
    /// The experiment asked for is not there.
    #[error("{path} has no experiment {experiment}; it has {found}")]
    NoSuchExperiment {
        /// The file.
        path: PathBuf,
        /// The number asked for.
        experiment: u32,
        /// The numbers there are, in words.
        found: String,
    },
    /// A name is not in the labelled file.
    #[error("experiment {experiment} of {path} names `{name}`, which is no row of {data}")]
    UnknownName {
        /// The file.
        path: PathBuf,
        /// The experiment.
        experiment: u32,
        /// The name.
        name: String,
        /// The labelled file.
        data: String,
    },
    /// A name plays two roles.
    #[error("experiment {experiment} of {path} gives `{name}` two roles")]
    TwoRoles {
        /// The file.
        path: PathBuf,
        /// The experiment.
        experiment: u32,
        /// The name.
        name: String,
    },
    /// No training row of a class.
    #[error("experiment {experiment} of {path} has no labelled row of label {class}")]
    EmptyClass {
        /// The file.
        path: PathBuf,
        /// The experiment.
        experiment: u32,
        /// The class.
        class: usize,
    },
}

impl SplitFile {
    /// Reads a split file.
    ///
    /// # Errors
    /// If it cannot be read or has another form.
    pub fn open(path: &Path) -> Result<Self, SplitFileError> {
        let owned = path.to_owned();
        let text = std::fs::read(path)
            .map_err(|source| SplitFileError::Read { path: owned.clone(), source })?;
        let contents: Contents = serde_json::from_slice(&text).map_err(|error| {
            SplitFileError::Form { path: owned.clone(), reason: error.to_string() }
        })?;
        let mut numbers: Vec<u32> =
            contents.experiments.iter().map(|entry| entry.experiment).collect();
        numbers.sort_unstable();
        if let Some(pair) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SplitFileError::Twice { path: owned, experiment: pair[0] });
        }
        Ok(Self { path: owned, fingerprint: blake3::hash(&text).to_hex().to_string(), contents })
    }

    /// The file's fingerprint (BLAKE3 of its bytes).
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The numbers of the experiments in the file, ascending.
    pub fn experiments(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> =
            self.contents.experiments.iter().map(|entry| entry.experiment).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The names of one experiment, whatever data they belong to.
    ///
    /// # Errors
    /// [`SplitFileError::NoSuchExperiment`].
    pub fn names(&self, experiment: u32) -> Result<FileNames<'_>, SplitFileError> {
        let entry = self.entry(experiment)?;
        Ok(FileNames {
            labeled: &entry.labeled,
            validation: &entry.validation,
            evaluation: &entry.evaluation,
            held_out: &self.contents.held_out,
        })
    }

    fn entry(&self, experiment: u32) -> Result<&Entry, SplitFileError> {
        let mut entries = self.contents.experiments.iter();
        entries.find(|entry| entry.experiment == experiment).ok_or_else(|| {
            let (path, found) = (self.path.clone(), in_words(&self.experiments()));
            SplitFileError::NoSuchExperiment { path, experiment, found }
        })
    }

    /// The split of one experiment.
    ///
    /// # Errors
    /// If the experiment is missing, or its names do not fit the labelled file.
    pub fn split(
        &self,
        data: &Dataset,
        classes: usize,
        experiment: u32,
    ) -> Result<Split, SplitFileError> {
        let path = self.path.clone();
        let entry = self.entry(experiment)?;
        let rows: HashMap<&str, usize> =
            (0..data.len()).map(|row| (data.sample(row).name.as_str(), row)).collect();
        let mut roles: Vec<Option<Role>> = vec![None; data.len()];
        let named = [
            (Role::HeldOut, &self.contents.held_out),
            (Role::Labeled, &entry.labeled),
            (Role::Validation, &entry.validation),
            (Role::Evaluation, &entry.evaluation),
        ];
        for (role, names) in named {
            for name in names {
                let Some(&row) = rows.get(name.as_str()) else {
                    let (name, data) = (name.clone(), data.source_name().to_owned());
                    return Err(SplitFileError::UnknownName { path, experiment, name, data });
                };
                if roles[row].replace(role).is_some() {
                    return Err(SplitFileError::TwoRoles { path, experiment, name: name.clone() });
                }
            }
        }
        for class in 0..classes {
            let trains = |row: usize| {
                roles[row] == Some(Role::Labeled)
                    && data.sample(row).label.map(usize::from) == Some(class)
            };
            if !(0..data.len()).any(trains) {
                return Err(SplitFileError::EmptyClass { path, experiment, class });
            }
        }
        Ok(Split::new(roles.into_iter().map(|role| role.unwrap_or(Role::HeldOut)).collect()))
    }
}

/// "0 to 99", or a list, or "none".
fn in_words(numbers: &[u32]) -> String {
    match numbers {
        [] => "none".to_owned(),
        [first, .., last] if (last - first) as usize + 1 == numbers.len() => {
            format!("{first} to {last}")
        }
        _ => numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
    }
}
