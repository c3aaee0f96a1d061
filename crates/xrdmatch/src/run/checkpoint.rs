//! Checkpoints: a directory per step, complete or absent.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use convnet::Tensors;
use serde::{Deserialize, Serialize};

use super::{RunError, json, tensors};
use crate::disk::{TEMPORARY, sync_directory};
use crate::train::{Progress, TrainerState};

const FILES: [&str; 4] = [
    "weights.safetensors",
    "average.safetensors",
    "optimizer.safetensors",
    "objective.safetensors",
];

/// A stored state, and how long the records beside it were.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Everything the next step depends on.
    pub state: TrainerState,
    /// Lengths of the records at that time.
    pub(super) records: Records,
}

/// How long the records of an experiment were at a checkpoint, and the time spent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Records {
    /// Bytes of `log.txt`.
    pub(super) log: u64,
    /// Bytes of `events.jsonl`.
    pub(super) events: u64,
    /// Seconds of training so far, over all interruptions.
    pub(super) seconds: f64,
}

/// `state.json`.
#[derive(Serialize, Deserialize)]
struct Place {
    progress: Progress,
    records: Records,
}

/// Which checkpoint of an experiment is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointChoice {
    /// The one after the most steps.
    Last,
    /// The one of the best epoch; best on rows that were looked at, hence optimistic on them.
    Best,
    /// The one after this many steps.
    Step(u64),
}

impl FromStr for CheckpointChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "last" => Ok(Self::Last),
            "best" => Ok(Self::Best),
            step => step
                .parse()
                .map(Self::Step)
                .map_err(|_| format!("`{text}` is neither `last`, `best` nor a step")),
        }
    }
}

impl fmt::Display for CheckpointChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Best => f.write_str("best"),
            Self::Step(step) => write!(f, "{step}"),
        }
    }
}

/// The checkpoints of one experiment.
pub(super) struct Checkpoints {
    directory: PathBuf,
    experiment: u32,
}

impl Checkpoints {
    pub(super) fn of(experiment_directory: &Path, experiment: u32) -> Self {
        Self { directory: experiment_directory.join("checkpoints"), experiment }
    }

    /// The steps of all checkpoints that were completed, ascending.
    pub(super) fn steps(&self) -> Result<Vec<u64>, RunError> {
        if !self.directory.exists() {
            return Ok(Vec::new());
        }
        let failed = || RunError::io("list", &self.directory);
        let mut steps = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let step: Option<u64> = entry.file_name().to_str().and_then(|name| name.parse().ok());
            steps.extend(step.filter(|_| entry.path().join("DONE").exists()));
        }
        steps.sort_unstable();
        Ok(steps)
    }

    /// Writes a checkpoint: into a temporary directory, synced, renamed.
    pub(super) fn write(&self, checkpoint: &Checkpoint) -> Result<(), RunError> {
        let state = &checkpoint.state;
        let path = self.path(state.progress.step);
        let temporary = self.directory.join(format!("{}{}", TEMPORARY, state.progress.step));
        remove_directory(&temporary)?;
        std::fs::create_dir_all(&temporary).map_err(RunError::io("create", &temporary))?;
        let written = self.fill(&temporary, checkpoint).and_then(|()| {
            remove_directory(&path)?;
            std::fs::rename(&temporary, &path).map_err(RunError::io("rename", &temporary))?;
            sync_directory(&self.directory).map_err(RunError::io("sync", &self.directory))
        });
        if written.is_err() {
            // What was written of it is of no use; the error that matters is the first one.
            drop(remove_directory(&temporary));
        }
        written
    }

    fn fill(&self, directory: &Path, checkpoint: &Checkpoint) -> Result<(), RunError> {
        let state = &checkpoint.state;
        let contents = [
            Some(&state.weights),
            state.average.as_ref(),
            Some(&state.optimizer),
            Some(&state.objective),
        ];
        for (name, tensors) in FILES.into_iter().zip(contents) {
            if let Some(tensors) = tensors {
                tensors::write_tensors(&directory.join(name), tensors)?;
            }
        }
        let place = Place { progress: state.progress.clone(), records: checkpoint.records };
        json::write_json(&directory.join("state.json"), &place)?;
        json::write_json(&directory.join("DONE"), &digests(directory)?)
    }

    /// Reads the latest checkpoint that is undamaged; damaged ones are named and passed over.
    pub(super) fn latest(&self) -> Result<(Option<Checkpoint>, Vec<RunError>), RunError> {
        let mut damaged = Vec::new();
        for step in self.steps()?.into_iter().rev() {
            match self.read(step) {
                Ok(checkpoint) => return Ok((Some(checkpoint), damaged)),
                Err(error) => damaged.push(error),
            }
        }
        Ok((None, damaged))
    }

    /// Checks a checkpoint against its checksums.
    pub(super) fn verify(&self, step: u64) -> Result<(), RunError> {
        let directory = self.path(step);
        let stored: BTreeMap<String, String> = json::read_json(&directory.join("DONE"))?;
        for (name, found) in digests(&directory)? {
            if stored.get(&name) != Some(&found) {
                let reason = "its checksum is another than when it was written".to_owned();
                return Err(RunError::Damaged { path: directory.join(name), reason });
            }
        }
        if let Some(name) = stored.keys().find(|name| !directory.join(name).exists()) {
            let reason = "it is missing".to_owned();
            return Err(RunError::Damaged { path: directory.join(name), reason });
        }
        Ok(())
    }

    /// Reads one checkpoint after checking it against its checksums.
    pub(super) fn read(&self, step: u64) -> Result<Checkpoint, RunError> {
        self.verify(step)?;
        let directory = self.path(step);
        let Place { progress, records } = json::read_json(&directory.join("state.json"))?;
        let read = |name: &str| tensors::read_tensors(&directory.join(name));
        let average = directory.join(FILES[1]);
        let state = TrainerState {
            progress,
            weights: read(FILES[0])?,
            average: if average.exists() { Some(read(FILES[1])?) } else { None },
            optimizer: read(FILES[2])?,
            objective: read(FILES[3])?,
        };
        Ok(Checkpoint { state, records })
    }

    /// Reads nothing of a checkpoint but weights: the average where it is wanted and there is one.
    /// Says what their checksum is, too.
    pub(super) fn weights(&self, step: u64, average: bool) -> Result<(Tensors, String), RunError> {
        let directory = self.path(step);
        let stored: BTreeMap<String, String> = json::read_json(&directory.join("DONE"))?;
        let name = if average && stored.contains_key(FILES[1]) { FILES[1] } else { FILES[0] };
        let path = directory.join(name);
        let found = digest(&path)?;
        if stored.get(name) != Some(&found) {
            let reason = "its checksum is another than when it was written".to_owned();
            return Err(RunError::Damaged { path, reason });
        }
        Ok((tensors::read_tensors(&path)?, found))
    }

    /// Finds the checkpoint that is meant, and reads it.
    pub(super) fn choose(&self, choice: CheckpointChoice) -> Result<Checkpoint, RunError> {
        self.read(self.find(choice)?)
    }

    /// The step of the checkpoint that is meant.
    pub(super) fn find(&self, choice: CheckpointChoice) -> Result<u64, RunError> {
        let steps = self.steps()?;
        let missing = || RunError::NoCheckpoint {
            experiment: self.experiment,
            asked: choice.to_string(),
            found: match steps.as_slice() {
                [] => "none".to_owned(),
                steps => steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
            },
        };
        let last = *steps.last().ok_or_else(missing)?;
        let step = match choice {
            CheckpointChoice::Last => last,
            CheckpointChoice::Step(step) => step,
            CheckpointChoice::Best => {
                let place: Place = json::read_json(&self.path(last).join("state.json"))?;
                place.progress.best.ok_or_else(missing)?.step
            }
        };
        if steps.contains(&step) { Ok(step) } else { Err(missing()) }
    }

    /// Removes all checkpoints but the last and the best, and what interruptions left behind.
    pub(super) fn retain(&self, last: u64, best: Option<u64>) -> Result<(), RunError> {
        let failed = || RunError::io("list", &self.directory);
        for entry in std::fs::read_dir(&self.directory).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name();
            let step: Option<u64> = name.to_str().and_then(|name| name.parse().ok());
            let leftover = name.to_string_lossy().starts_with(TEMPORARY);
            if leftover || step.is_some_and(|step| step != last && Some(step) != best) {
                remove_directory(&entry.path())?;
            }
        }
        Ok(())
    }

    fn path(&self, step: u64) -> PathBuf {
        self.directory.join(format!("{step:06}"))
    }
}

/// BLAKE3 of every file in a checkpoint but `DONE`.
fn digests(directory: &Path) -> Result<BTreeMap<String, String>, RunError> {
    let mut digests = BTreeMap::new();
    for name in FILES.into_iter().chain(["state.json"]) {
        let path = directory.join(name);
        if !path.exists() {
            continue;
        }
        digests.insert(name.to_owned(), digest(&path)?);
    }
    Ok(digests)
}

/// BLAKE3 of a file.
fn digest(path: &Path) -> Result<String, RunError> {
    let mut hasher = blake3::Hasher::new();
    let file = std::fs::File::open(path).map_err(RunError::io("open", path))?;
    hasher.update_reader(file).map_err(RunError::io("read", path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn remove_directory(path: &Path) -> Result<(), RunError> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RunError::Io { action: "remove", path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}
