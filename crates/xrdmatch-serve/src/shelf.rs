//! The runs that may be looked at: one, or those of a directory. Nothing is ever written to them.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use xrdmatch::causes::chain;
use xrdmatch::run::{Manifest, Run, RunState, Spread};

use crate::error::ServeError;
use crate::problem::Problem;

/// Where runs lie.
#[derive(Debug, Clone)]
pub(crate) enum Shelf {
    /// One run.
    One(PathBuf),
    /// All runs of a directory, as they are when it is looked at.
    All(PathBuf),
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// By what it is asked for: the name of its directory.
    pub id: String,
    /// How far it is; absent where its records cannot be read.
    pub state: Option<RunState>,
    /// When it was begun.
    pub created: Option<String>,
    /// Version of the program that began it.
    pub program: Option<String>,
    /// The algorithm.
    pub algorithm: Option<String>,
    /// Epochs of each experiment.
    pub epochs: Option<u32>,
    /// Experiments that are complete.
    pub complete: usize,
    /// Experiments that were begun and are not complete.
    pub incomplete: usize,
    /// Macro-F1 of the final models on their evaluation rows.
    pub macro_f1: Option<Spread>,
    /// AUC of the final models on their evaluation rows.
    pub auc: Option<Spread>,
    /// Why its records cannot be read.
    pub problem: Option<String>,
}

/// A run as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDetail {
    /// The run in brief.
    #[serde(flatten)]
    pub listed: Listed,
    /// What it was begun with, as its manifest says.
    pub manifest: Manifest,
}

impl Shelf {
    /// The run, or the directory of runs, at a place.
    pub(crate) fn at(path: &Path) -> Result<Self, ServeError> {
        if path.join("manifest.json").is_file() {
            return Ok(Self::One(path.to_owned()));
        }
        if path.is_dir() {
            return Ok(Self::All(path.to_owned()));
        }
        Err(ServeError::NoRuns { path: path.to_owned() })
    }

    /// The run, where there is to be only one.
    pub(crate) fn only(&self) -> Option<String> {
        match self {
            Self::One(path) => Some(name_of(path)),
            Self::All(_) => None,
        }
    }

    /// The runs by name.
    fn runs(&self) -> Result<Vec<(String, PathBuf)>, Problem> {
        let found = match self {
            Self::One(path) => vec![path.clone()],
            Self::All(path) => {
                let failed = |error| Problem::failed(format!("list {}: {error}", path.display()));
                let entries = std::fs::read_dir(path).map_err(failed)?;
                let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
                paths.filter(|path| path.join("manifest.json").is_file()).collect()
            }
        };
        let mut runs: Vec<(String, PathBuf)> =
            found.into_iter().map(|path| (name_of(&path), path)).collect();
        runs.sort_unstable();
        Ok(runs)
    }

    /// All runs, the newest first.
    pub(crate) fn list(&self) -> Result<Vec<Listed>, Problem> {
        let mut listed: Vec<Listed> =
            self.runs()?.into_iter().map(|(id, path)| in_brief(id, &path)).collect();
        listed.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
        Ok(listed)
    }

    /// Where a run lies. The name is looked up, never made into a path.
    pub(crate) fn find(&self, id: &str) -> Result<PathBuf, Problem> {
        let found = self.runs()?.into_iter().find(|(name, _)| name == id);
        found.map(|(_, path)| path).ok_or_else(|| {
            let id: String = id.chars().take(80).collect();
            Problem::not_found(format!("there is no run `{id}`"))
        })
    }

    pub(crate) fn open(&self, id: &str) -> Result<Run, Problem> {
        Run::open(&self.find(id)?).map_err(|error| Problem::unfit(chain(&error)))
    }

    pub(crate) fn detail(&self, id: &str) -> Result<RunDetail, Problem> {
        let run = self.open(id)?;
        let listed = in_brief(id.to_owned(), run.directory());
        Ok(RunDetail { listed, manifest: run.manifest().clone() })
    }
}

fn name_of(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn in_brief(id: String, path: &Path) -> Listed {
    let mut listed = Listed {
        id,
        state: None,
        created: None,
        program: None,
        algorithm: None,
        epochs: None,
        complete: 0,
        incomplete: 0,
        macro_f1: None,
        auc: None,
        problem: None,
    };
    let read = Run::open(path).and_then(|run| Ok((run.state()?, run.summary()?, run)));
    match read {
        Ok((state, summary, run)) => {
            let manifest = run.manifest();
            listed.state = Some(state);
            listed.created = Some(manifest.created.clone());
            listed.program = Some(manifest.program.clone());
            let algorithm = serde_json::to_value(manifest.config.objective.algorithm).ok();
            listed.algorithm = algorithm.and_then(|name| Some(name.as_str()?.to_owned()));
            listed.epochs = Some(manifest.config.training.epochs);
            listed.complete = summary.experiments.len();
            listed.incomplete = summary.incomplete.len();
            (listed.macro_f1, listed.auc) = (summary.macro_f1, summary.auc);
        }
        Err(error) => listed.problem = Some(chain(&error)),
    }
    listed
}

/// What changes whenever the records of a run do: lengths and times of what grows in it.
pub(crate) fn mark(run: &Run) -> Vec<(u32, u64, Option<SystemTime>, bool)> {
    let of = |number: u32| {
        let directory = run.experiment_directory(number);
        let events = std::fs::metadata(directory.join("events.jsonl")).ok();
        let length = events.as_ref().map_or(0, std::fs::Metadata::len);
        let time = events.and_then(|events| events.modified().ok());
        (number, length, time, directory.join("result.json").exists())
    };
    run.experiments().unwrap_or_default().into_iter().map(of).collect()
}
