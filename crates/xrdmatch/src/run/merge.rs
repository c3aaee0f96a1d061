//! Runs of one manifest, made in directories of their own, become one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::checkpoint::Checkpoints;
use super::{CheckpointChoice, Run, RunError};
use crate::claim::{self, Attempt, Place, Sightings};
use crate::disk::{TEMPORARY, sync_directory, write_atomically};

/// What came of merging runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// The run that holds all.
    pub run: PathBuf,
    /// Experiments that were copied into it, ascending.
    pub copied: Vec<u32>,
    /// Experiments that were there before, or are complete in several of the runs, with one result.
    pub agreeing: Vec<u32>,
    /// Experiments that none of the runs has completed. They are left out.
    pub incomplete: Vec<u32>,
}

/// Files that make an experiment what it is; equal ones are one experiment done twice.
const COMPARED: [&str; 2] = ["split.json", "predictions.csv"];

/// Copies every complete experiment of some runs into the run at `into`, which is begun if there is
/// none. Checkpoints are checked against their checksums. Done again after an interruption, it goes on.
///
/// # Errors
/// If a manifest, an encoder or an experiment that several runs have differs, a checkpoint is damaged,
/// or `into` has begun an experiment that it has not completed.
pub fn merge_runs(runs: &[Run], into: &Path) -> Result<Merged, RunError> {
    let Some(first) = runs.first() else {
        return Err(RunError::NoRun { directory: into.to_owned() });
    };
    for run in &runs[1..] {
        run.manifest.check_same(&first.manifest, &run.directory)?;
    }
    let mut complete = std::collections::BTreeMap::<u32, Vec<&Run>>::new();
    let mut begun = std::collections::BTreeSet::new();
    for run in runs {
        for experiment in run.experiments()? {
            if run.result(experiment)?.is_some() {
                complete.entry(experiment).or_default().push(run);
            } else {
                begun.insert(experiment);
            }
        }
    }
    // Everything that can be wrong is looked for before anything is written.
    let encoder = one_encoder(runs.iter())?;
    for (experiment, holders) in &complete {
        for other in &holders[1..] {
            same_experiment(*experiment, holders[0], other)?;
        }
    }
    let target = Run::create(into, first.manifest.clone())?;
    one_encoder(encoder.into_iter().chain([&target]))?;
    let (mut copied, mut agreeing) = (Vec::new(), Vec::new());
    for (experiment, holders) in &complete {
        let source = holders[0];
        if target.result(*experiment)?.is_some() {
            same_experiment(*experiment, &target, source)?;
            agreeing.push(*experiment);
            continue;
        }
        let directory = target.experiment_directory(*experiment);
        if directory.exists() {
            return Err(RunError::BegunHere {
                directory: into.to_owned(),
                experiment: *experiment,
            });
        }
        source.verify(*experiment)?;
        copy_experiment(&source.experiment_directory(*experiment), &directory)?;
        copied.push(*experiment);
        if holders.len() > 1 {
            agreeing.push(*experiment);
        }
    }
    if let Some(source) = encoder {
        target.copy_encoder(source)?;
    }
    let incomplete = begun.into_iter().filter(|number| !complete.contains_key(number)).collect();
    Ok(Merged { run: into.to_owned(), copied, agreeing, incomplete })
}

/// The first of some runs that has an encoder, after making sure that all that have one have the same.
fn one_encoder<'a>(runs: impl Iterator<Item = &'a Run>) -> Result<Option<&'a Run>, RunError> {
    let mut found: Option<(&Run, String)> = None;
    for run in runs {
        let Some(checksum) = run.encoder_checksum()? else { continue };
        match &found {
            None => found = Some((run, checksum)),
            Some((_, known)) if *known == checksum => {}
            Some((other, _)) => {
                return Err(RunError::OtherEncoder {
                    first: other.directory.clone(),
                    second: run.directory.clone(),
                });
            }
        }
    }
    Ok(found.map(|(run, _)| run))
}

/// Makes sure that two runs have the same result of an experiment: splits, predictions, and weights
/// after the last step, bit by bit.
fn same_experiment(experiment: u32, a: &Run, b: &Run) -> Result<(), RunError> {
    let differs = |what: &str| RunError::OtherResult {
        experiment,
        first: a.directory.clone(),
        second: b.directory.clone(),
        what: what.to_owned(),
    };
    for name in COMPARED {
        let read = |run: &Run| {
            let path = run.experiment_directory(experiment).join(name);
            std::fs::read(&path).map_err(RunError::io("read", &path))
        };
        if read(a)? != read(b)? {
            return Err(differs(name));
        }
    }
    let weights = |run: &Run| -> Result<String, RunError> {
        let step = run.step(experiment, CheckpointChoice::Last)?;
        Ok(run.weights(experiment, step)?.1)
    };
    if weights(a)? == weights(b)? { Ok(()) } else { Err(differs("the final weights")) }
}

impl Run {
    /// Makes sure that every checkpoint of an experiment is as it was written.
    fn verify(&self, experiment: u32) -> Result<(), RunError> {
        let checkpoints = Checkpoints::of(&self.experiment_directory(experiment), experiment);
        checkpoints.steps()?.into_iter().try_for_each(|step| checkpoints.verify(step))
    }

    /// Copies the encoder of another run, if there is none yet.
    fn copy_encoder(&self, source: &Self) -> Result<(), RunError> {
        let what = || "the encoder".to_owned();
        let place = Place::new(&self.directory, super::ENCODER_CLAIM);
        let attempt = claim::attempt(&place, self.claim_seconds, &mut Sightings::default());
        let Attempt::Held(claim) = attempt.map_err(RunError::claim(what))? else {
            return Err(RunError::Busy { directory: self.directory.clone() });
        };
        let (weights, record) = self.encoder_files();
        if record.exists() {
            return Ok(());
        }
        let (from_weights, from_record) = source.encoder_files();
        // The record last: its presence says that the encoder is complete.
        for (from, to) in [(from_weights, weights), (from_record, record)] {
            let bytes = std::fs::read(&from).map_err(RunError::io("read", &from))?;
            claim.confirm().map_err(RunError::claim(what))?;
            write_atomically(&to, &bytes).map_err(RunError::io("write", &to))?;
        }
        Ok(())
    }
}

/// Copies a directory under a temporary name, syncs it and renames it into place.
fn copy_experiment(from: &Path, to: &Path) -> Result<(), RunError> {
    let parent = to.parent().unwrap_or(Path::new("."));
    let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(parent);
    let temporary = temporary.map_err(RunError::io("create a directory in", parent))?;
    let inside = temporary.path().join("experiment");
    copy_tree(from, &inside)?;
    std::fs::rename(&inside, to).map_err(RunError::io("rename", to))?;
    sync_directory(parent).map_err(RunError::io("sync", parent))
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), RunError> {
    std::fs::create_dir(to).map_err(RunError::io("create", to))?;
    for entry in std::fs::read_dir(from).map_err(RunError::io("list", from))? {
        let path = entry.map_err(RunError::io("list", from))?.path();
        let Some(name) = path.file_name() else { continue };
        // What interruptions left behind stays behind.
        if name.to_string_lossy().starts_with(TEMPORARY) {
            continue;
        }
        let target = to.join(name);
        if path.is_dir() {
            copy_tree(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).map_err(RunError::io("copy", &path))?;
            let file = std::fs::File::options().append(true).open(&target);
            let synced = file.and_then(|file| file.sync_all());
            synced.map_err(RunError::io("sync", &target))?;
        }
    }
    sync_directory(to).map_err(RunError::io("sync", to))
}
