//! A run on disk: one directory, its own fault domain.
//!
//! | path | what it is |
//! | --- | --- |
//! | `manifest.json` | configuration, fingerprints of data and splits, program version; written once |
//! | `encoder.safetensors`, `encoder.json` | the run's encoder, and what it was learnt from; where the settings ask for one |
//! | `encoder-claim-NNNN` | who makes the encoder |
//! | `exp_NNN/claim-NNNN` | who makes the experiment, or made it |
//! | `exp_NNN/split.json` | the names of the rows in each role |
//! | `exp_NNN/log.txt` | per epoch, in the form of the published logs |
//! | `exp_NNN/events.jsonl` | per epoch, complete |
//! | `exp_NNN/checkpoints/STEP/` | everything the next step depends on, with checksums in `DONE` |
//! | `exp_NNN/predictions.csv` | the final model's answer for every row of the labelled file |
//! | `exp_NNN/result.json` | the final metrics; its presence says that the experiment is complete |
//! | `exp_NNN/eval_log.txt` | later evaluations |
//!
//! Files are written under a temporary name, synced and renamed, so a process killed at any instant
//! leaves the run as it was at its last checkpoint. Running again continues from there; log and
//! events are first cut back to the length they had at that checkpoint.
//!
//! Any number of processes, on machines that share the directory, may write to one run: each
//! experiment, and the encoder, is made by who holds its [claim]. A process that is
//! asked for an experiment which another one makes waits for it, and takes it over if the other dies.

mod checkpoint;
mod encoder;
mod error;
mod experiment;
mod json;
mod log;
mod manifest;
mod merge;
mod record;
mod schedule;
mod tensors;

use std::path::{Path, PathBuf};

use convnet::Tensors;

use crate::claim::{self, Place};
use crate::disk::TEMPORARY;
use crate::split::{Role, Split};
use crate::train::Data;
use crate::training::WeightsChoice;
use checkpoint::Checkpoints;

pub use checkpoint::{Checkpoint, CheckpointChoice};

pub use encoder::{EncoderRecord, Pretraining};
pub use error::RunError;
pub use experiment::Outcome;
pub use log::log_entry;
pub use manifest::{Manifest, Source};
pub use merge::{Merged, merge_runs};
pub use record::{
    ExperimentResult, OptimisticResult, Record, RunState, RunSummary, SplitNames, Spread,
};
pub use schedule::{Happening, Outcomes, Workers, run_experiments};

/// What claims on an experiment are called in its directory, and those on the encoders in the run's.
const EXPERIMENT_CLAIM: &str = "claim";
const ENCODER_CLAIM: &str = "encoder-claim";

/// A run directory.
#[derive(Debug)]
pub struct Run {
    directory: PathBuf,
    manifest: Manifest,
    /// After how many seconds without a sign of life others may take over what this process makes.
    claim_seconds: u32,
}

impl Run {
    /// Begins a run in `directory`, or takes up one of the same manifest that lies there.
    ///
    /// # Errors
    /// If the directory holds another run or something else.
    pub fn create(directory: &Path, manifest: Manifest) -> Result<Self, RunError> {
        let existed = directory.exists();
        std::fs::create_dir_all(directory).map_err(RunError::io("create", directory))?;
        let path = directory.join("manifest.json");
        if existed && !path.exists() && !is_fresh(directory)? && !path.exists() {
            return Err(RunError::NotARun { directory: directory.to_owned() });
        }
        // Of several processes that begin the run at once, the first one's manifest stands.
        if !path.exists() && manifest.write_if_absent(&path)? {
            return Ok(Self::of(directory, manifest));
        }
        let stored = Manifest::read(&path)?;
        stored.check_same(&manifest, directory)?;
        Ok(Self::of(directory, stored))
    }

    fn of(directory: &Path, manifest: Manifest) -> Self {
        Self { directory: directory.to_owned(), manifest, claim_seconds: claim::SECONDS }
    }

    /// The same run, whose work others may take over after `seconds` without a sign of life from
    /// this process (at least 1).
    #[must_use]
    pub fn claimed_for(mut self, seconds: u32) -> Self {
        self.claim_seconds = seconds.max(1);
        self
    }

    /// Opens a run to read it; another process may be writing.
    ///
    /// # Errors
    /// If there is no run in `directory`, or it is of a newer format.
    pub fn open(directory: &Path) -> Result<Self, RunError> {
        let path = directory.join("manifest.json");
        if !path.exists() {
            return Err(RunError::NoRun { directory: directory.to_owned() });
        }
        Ok(Self::of(directory, Manifest::read(&path)?))
    }

    /// The run's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What the run was begun with.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The directory of one experiment.
    pub fn experiment_directory(&self, experiment: u32) -> PathBuf {
        self.directory.join(format!("exp_{experiment:03}"))
    }

    /// How far the run is.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn state(&self) -> Result<RunState, RunError> {
        let begun = self.experiments()?;
        let complete =
            |number: &&u32| self.experiment_directory(**number).join("result.json").exists();
        let complete = begun.iter().filter(complete).count();
        Ok(if self.is_being_written() {
            RunState::Running
        } else if begun.is_empty() {
            RunState::Empty
        } else if complete == begun.len() {
            RunState::Complete
        } else {
            RunState::Interrupted
        })
    }

    /// Whether a process seems to be writing to the run. Nothing is written to find out.
    #[must_use]
    pub fn is_being_written(&self) -> bool {
        let experiments = self.experiments().unwrap_or_default();
        let directories = experiments.iter().map(|number| self.experiment_directory(*number));
        let mut places = directories.map(|directory| Place::new(&directory, EXPERIMENT_CLAIM));
        claim::seems_held(&Place::new(&self.directory, ENCODER_CLAIM))
            || places.any(|place| claim::seems_held(&place))
    }

    /// The experiments that have been begun, ascending.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn experiments(&self) -> Result<Vec<u32>, RunError> {
        let failed = || RunError::io("list", &self.directory);
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix("exp_"));
            numbers.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The split that an experiment was trained on.
    ///
    /// # Errors
    /// If it is missing, damaged, or names rows that the data does not have.
    pub fn split(
        &self,
        experiment: u32,
        data: &crate::dataset::Dataset,
    ) -> Result<Split, RunError> {
        let names = self.split_names(experiment)?;
        let mut roles = vec![Role::HeldOut; data.len()];
        let rows: std::collections::HashMap<&str, usize> =
            (0..data.len()).map(|row| (data.sample(row).name.as_str(), row)).collect();
        for (role, names) in names.roles() {
            for name in names {
                let Some(&row) = rows.get(name.as_str()) else {
                    let (name, data) = (name.clone(), data.source_name().to_owned());
                    return Err(RunError::UnknownName { experiment, name, data });
                };
                roles[row] = role;
            }
        }
        Ok(Split::new(roles))
    }

    /// The names in each role of an experiment.
    ///
    /// # Errors
    /// If the experiment is not there, or its record is damaged.
    pub fn split_names(&self, experiment: u32) -> Result<SplitNames, RunError> {
        let directory = self.experiment_directory(experiment);
        if !directory.exists() {
            let found = self.experiments()?;
            return Err(RunError::NoExperiment {
                directory: self.directory.clone(),
                experiment,
                found,
            });
        }
        json::read_json(&directory.join("split.json"))
    }

    /// A checkpoint of an experiment.
    ///
    /// # Errors
    /// If there is no such checkpoint, or it is damaged.
    pub fn checkpoint(
        &self,
        experiment: u32,
        choice: CheckpointChoice,
    ) -> Result<Checkpoint, RunError> {
        self.split_names(experiment)?;
        Checkpoints::of(&self.experiment_directory(experiment), experiment).choose(choice)
    }

    /// The step of an experiment's checkpoint.
    ///
    /// # Errors
    /// If there is no such checkpoint.
    pub fn step(&self, experiment: u32, choice: CheckpointChoice) -> Result<u64, RunError> {
        self.split_names(experiment)?;
        Checkpoints::of(&self.experiment_directory(experiment), experiment).find(choice)
    }

    /// The weights that an experiment's training evaluates with, as they were after `step` steps,
    /// and the BLAKE3 of their file; nothing else of the checkpoint is read.
    ///
    /// # Errors
    /// If there is no such checkpoint, or the weights are damaged.
    pub fn weights(&self, experiment: u32, step: u64) -> Result<(Tensors, String), RunError> {
        let config = &self.manifest.config;
        let average = config.training.evaluate_with == WeightsChoice::Average;
        let checkpoints = Checkpoints::of(&self.experiment_directory(experiment), experiment);
        let (weights, digest) = checkpoints.weights(step, average)?;
        Ok((config.deployed(weights), digest))
    }

    /// The final result of an experiment, if it is complete.
    ///
    /// # Errors
    /// If the record is damaged.
    pub fn result(&self, experiment: u32) -> Result<Option<ExperimentResult>, RunError> {
        let path = self.experiment_directory(experiment).join("result.json");
        if path.exists() { json::read_json(&path).map(Some) } else { Ok(None) }
    }

    /// The results of all complete experiments, and their spread.
    ///
    /// # Errors
    /// If a record is damaged.
    pub fn summary(&self) -> Result<RunSummary, RunError> {
        let mut results = Vec::new();
        let mut incomplete = Vec::new();
        for experiment in self.experiments()? {
            match self.result(experiment)? {
                Some(result) => results.push(result),
                None => incomplete.push(experiment),
            }
        }
        Ok(RunSummary::of(results, incomplete))
    }

    /// Writes the names of a split beside an experiment, or checks that the same lie there already.
    fn keep_split(&self, experiment: u32, split: &Split, data: &Data) -> Result<(), RunError> {
        let directory = self.experiment_directory(experiment);
        std::fs::create_dir_all(directory.join("checkpoints"))
            .map_err(RunError::io("create", &directory))?;
        let path = directory.join("split.json");
        let names = SplitNames::of(split, &data.labeled);
        if path.exists() {
            let stored: SplitNames = json::read_json(&path)?;
            return if stored == names { Ok(()) } else { Err(RunError::OtherSplit { path }) };
        }
        json::write_json(&path, &names)
    }
}

/// Whether a directory holds nothing but what an interrupted beginning leaves behind.
fn is_fresh(directory: &Path) -> Result<bool, RunError> {
    for entry in std::fs::read_dir(directory).map_err(RunError::io("list", directory))? {
        let name = entry.map_err(RunError::io("list", directory))?.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with(TEMPORARY) {
            return Ok(false);
        }
    }
    Ok(true)
}
