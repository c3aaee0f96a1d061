//! A run done again from its manifest, and compared bit by bit.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, DatasetError, Labels, Structures, StructuresError};
use crate::plan::{self, PlanError};
use crate::predictions::Predictions;
use crate::run::{
    CheckpointChoice, Happening, Manifest, Outcome, Record, Run, RunError, Source, Workers,
    run_experiments,
};
use crate::split::Split;
use crate::train::{Data, EpochSummary};

/// What came of doing a run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reproduction {
    /// Whether every experiment is bitwise the same.
    pub same: bool,
    /// The first experiment that differs.
    pub first_difference: Option<u32>,
    /// Per experiment.
    pub experiments: Vec<Compared>,
    /// Experiments that are not complete and were not done again.
    pub incomplete: Vec<u32>,
    /// Version of the program that made the run.
    pub program_then: String,
    /// Version of this program.
    pub program_now: String,
}

/// One experiment beside its repetition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Its number.
    pub experiment: u32,
    /// Whether split, weights and predictions are bitwise the same.
    pub same: bool,
    /// What differs, in the order in which things follow from each other.
    pub differences: Vec<Difference>,
}

/// Something that is not the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Difference {
    /// Other rows were drawn.
    Split,
    /// The first epoch whose losses differ, from 0.
    Epoch {
        /// Its number.
        epoch: u32,
    },
    /// Weights, their average or the state of training after the last step.
    State {
        /// The file.
        file: String,
    },
    /// Predictions of the labelled file.
    Predictions {
        /// The sample that differs most; `None` where only the text of the file does.
        sample: Option<String>,
        /// By how much its probability of the positive class differs.
        largest: f64,
    },
    /// The repetition was stopped before its end.
    Stopped,
    /// The repetition failed.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A run that cannot be done again.
#[derive(Debug, thiserror::Error)]
pub enum ReproduceError {
    /// A run is at fault.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A data file is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The structures are at fault.
    #[error(transparent)]
    Structures(#[from] StructuresError),
    /// A data file is not the one of the run.
    #[error("{path} is not the file that the run was trained with: its contents have changed")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The run has no complete experiment, or none of those asked for.
    #[error("{run} has no complete experiment to do again")]
    Nothing {
        /// The run.
        run: PathBuf,
    },
    /// A split cannot be drawn again.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A record cannot be compared.
    #[error("compare {path}: {reason}")]
    Record {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}

/// Where the data files are, if not where the manifest says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// The labelled file.
    pub labeled: Option<PathBuf>,
    /// The unlabelled file.
    pub unlabeled: Option<PathBuf>,
    /// The structures; empty where they are.
    pub structures: Vec<PathBuf>,
}

/// A run about to be done again: its data is read and checked, its splits are drawn.
#[derive(Debug)]
pub struct Rerun<'a> {
    run: &'a Run,
    data: Data,
    /// Per complete experiment: the recorded split and the one drawn again.
    splits: Vec<(u32, Split, Split)>,
    incomplete: Vec<u32>,
}

impl<'a> Rerun<'a> {
    /// Reads what the run was trained with, and draws its splits again. Splits that came from a file
    /// are taken from the run's own record.
    ///
    /// # Errors
    /// [`ReproduceError`]: missing or changed files, nothing complete.
    pub fn prepare(
        run: &'a Run,
        experiments: Option<&[u32]>,
        moved: &Moved,
    ) -> Result<Self, ReproduceError> {
        let manifest = run.manifest();
        let config = &manifest.config;
        let asked = match experiments {
            Some(experiments) => experiments.to_vec(),
            None => run.experiments()?,
        };
        let (mut complete, mut incomplete) = (Vec::new(), Vec::new());
        for experiment in asked {
            // Also refuses an experiment that the run does not have.
            run.split_names(experiment)?;
            let done = run.result(experiment)?.is_some();
            if done { &mut complete } else { &mut incomplete }.push(experiment);
        }
        if complete.is_empty() {
            return Err(ReproduceError::Nothing { run: run.directory().to_owned() });
        }
        let labels = Labels::Required { classes: config.classes };
        let labeled = read(&manifest.labeled, moved.labeled.as_deref(), labels)?;
        let labels = Labels::Optional { classes: config.classes };
        let unlabeled = manifest.unlabeled.as_ref();
        let unlabeled = unlabeled.map(|source| -> Result<Dataset, ReproduceError> {
            let data = read(source, moved.unlabeled.as_deref(), labels)?;
            let Some(structures) = &source.structures else { return Ok(data) };
            let moved = Some(&moved.structures).filter(|paths| !paths.is_empty());
            let paths = moved.unwrap_or(&structures.paths);
            let found = Structures::read(paths, &data, config.pretrain.ion)?;
            match paths.first() {
                Some(path) if found.fingerprint() != structures.fingerprint => {
                    Err(ReproduceError::Changed { path: path.clone() })
                }
                _ => Ok(data.with_structures(found)),
            }
        });
        let unlabeled = unlabeled.transpose()?;
        let data = Data::new(labeled, unlabeled, config)?;
        let drawn = match &manifest.splits {
            None => Some(plan::splits(config, &data.labeled, None, &complete)?),
            Some(_) => None,
        };
        let mut splits = Vec::new();
        for (place, experiment) in complete.into_iter().enumerate() {
            let recorded = run.split(experiment, &data.labeled)?;
            let again = drawn.as_ref().map_or_else(|| recorded.clone(), |all| all[place].1.clone());
            splits.push((experiment, recorded, again));
        }
        Ok(Self { run, data, splits, incomplete })
    }

    /// The experiments that will be done again.
    #[must_use]
    pub fn experiments(&self) -> Vec<u32> {
        self.splits.iter().map(|(experiment, ..)| *experiment).collect()
    }

    /// The grid of all patterns.
    #[must_use]
    pub fn grid(&self) -> diffraction::Grid {
        self.data.labeled.grid()
    }

    /// Does the experiments again in an empty or new `directory` and compares.
    ///
    /// # Errors
    /// [`ReproduceError`]; an experiment that fails is a difference and no error.
    pub fn go(
        &self,
        directory: &Path,
        workers: Workers,
        stop: &AtomicBool,
        observe: &(dyn Fn(u32, Happening<'_>) + Sync),
    ) -> Result<Reproduction, ReproduceError> {
        let then = self.run.manifest();
        let (labeled, unlabeled) = (&self.data.labeled, self.data.unlabeled.as_ref());
        let mut manifest = Manifest::new(then.config.clone(), labeled, unlabeled, None);
        manifest.splits.clone_from(&then.splits);
        let program_now = manifest.program.clone();
        let again = Run::create(directory, manifest)?;
        let experiments: Vec<(u32, Split)> =
            self.splits.iter().map(|(experiment, _, again)| (*experiment, again.clone())).collect();
        let threads = workers.jobs * workers.threads;
        let going =
            again.prepare_encoder(&self.data, threads, &mut |_| !stop.load(Ordering::Relaxed))?;
        // Experiments that were not begun count as stopped.
        let experiments = if going { experiments } else { Vec::new() };
        let outcomes = run_experiments(&again, &self.data, &experiments, workers, stop, observe)?;
        let mut compared = Vec::new();
        for (experiment, recorded, drawn) in &self.splits {
            let mut differences = Vec::new();
            if recorded != drawn {
                differences.push(Difference::Split);
            }
            match outcomes.iter().find(|(number, _)| number == experiment).map(|(_, o)| o) {
                Some(Ok(Outcome::Finished(_) | Outcome::AlreadyDone(_))) => {
                    differences.extend(compare(self.run, &again, *experiment)?);
                }
                Some(Ok(Outcome::Stopped { .. })) | None => differences.push(Difference::Stopped),
                Some(Err(error)) => {
                    differences.push(Difference::Failed { reason: error.to_string() });
                }
            }
            let (experiment, same) = (*experiment, differences.is_empty());
            compared.push(Compared { experiment, same, differences });
        }
        let first_difference =
            compared.iter().find(|one| !one.same).map(|compared| compared.experiment);
        Ok(Reproduction {
            same: first_difference.is_none(),
            first_difference,
            experiments: compared,
            incomplete: self.incomplete.clone(),
            program_then: then.program.clone(),
            program_now,
        })
    }
}

fn read(source: &Source, moved: Option<&Path>, labels: Labels) -> Result<Dataset, ReproduceError> {
    let path = moved.unwrap_or(&source.path);
    let data = Dataset::read(path, labels, Some(source.grid))?;
    if data.fingerprint() != source.fingerprint {
        return Err(ReproduceError::Changed { path: path.to_owned() });
    }
    Ok(data)
}

/// What differs between an experiment and its repetition.
fn compare(then: &Run, now: &Run, experiment: u32) -> Result<Vec<Difference>, ReproduceError> {
    let mut differences = Vec::new();
    let directories = [then, now].map(|run| run.experiment_directory(experiment));
    let epochs = [epochs(&directories[0])?, epochs(&directories[1])?];
    if epochs[0] != epochs[1] {
        let equal = epochs[0].iter().zip(&epochs[1]).take_while(|(a, b)| a == b).count();
        let epoch = u32::try_from(equal).unwrap_or(u32::MAX);
        differences.push(Difference::Epoch { epoch });
    }
    // Reading checks the checksums, so a damaged checkpoint is not taken for another result.
    let steps = [then, now].map(|run| run.checkpoint(experiment, CheckpointChoice::Last));
    let [first, second] = steps;
    let steps = [first?.state.progress.step, second?.state.progress.step];
    for file in ["weights.safetensors", "average.safetensors"] {
        let bytes = |side: usize| -> Result<Option<Vec<u8>>, ReproduceError> {
            let path = directories[side].join(format!("checkpoints/{:06}", steps[side])).join(file);
            if path.exists() { bytes_of(&path).map(Some) } else { Ok(None) }
        };
        if bytes(0)? != bytes(1)? {
            differences.push(Difference::State { file: file.to_owned() });
        }
    }
    let files = directories.map(|directory| directory.join("predictions.csv"));
    if bytes_of(&files[0])? != bytes_of(&files[1])? {
        let load = |path: &Path| {
            Predictions::load(path).map_err(|error| ReproduceError::Record {
                path: path.to_owned(),
                reason: error.to_string(),
            })
        };
        let (first, second) = (load(&files[0])?, load(&files[1])?);
        let mut most: (Option<String>, f64) = (None, 0.0);
        for (a, b) in first.iter().zip(second.iter()) {
            let difference = (a.score() - b.score()).abs();
            if difference > most.1 || a.name != b.name {
                most = (Some(a.name.to_owned()), difference);
            }
        }
        differences.push(Difference::Predictions { sample: most.0, largest: most.1 });
    }
    Ok(differences)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, ReproduceError> {
    std::fs::read(path).map_err(|error| ReproduceError::Record {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// The epochs of an experiment in numbers, without times.
fn epochs(directory: &Path) -> Result<Vec<EpochSummary>, ReproduceError> {
    let path = directory.join("events.jsonl");
    let failed = |reason: String| ReproduceError::Record { path: path.clone(), reason };
    let file = std::fs::File::open(&path).map_err(|error| failed(error.to_string()))?;
    let mut epochs = Vec::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| failed(error.to_string()))?;
        let record = serde_json::from_str(&line).map_err(|error| failed(error.to_string()))?;
        if let Record::Epoch { summary, .. } = record {
            epochs.push(summary);
        }
    }
    Ok(epochs)
}
