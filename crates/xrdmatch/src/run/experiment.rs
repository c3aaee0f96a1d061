//! One experiment from disk to disk: takes up the last checkpoint, trains, keeps records.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::checkpoint::{Checkpoint, Checkpoints, Records};
use super::log::log_entry;
use super::record::{ExperimentResult, OptimisticResult, Record};
use super::{Run, RunError, json};
use crate::claim::{self, Attempt, Claim, Holder, Place, Sightings};
use crate::device;
use crate::disk::{temporary_beside, write_atomically};
use crate::metrics::Evaluation;
use crate::split::Split;
use crate::train::{Continue, Data, EpochSummary, Event, TrainError, Trainer};

/// How an experiment ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is complete.
    Finished(ExperimentResult),
    /// It was complete before.
    AlreadyDone(ExperimentResult),
    /// It was asked to stop, and wrote a checkpoint.
    Stopped {
        /// Steps taken.
        step: u64,
    },
}

/// What an observer is told about an experiment under way.
pub(super) enum Told<'a> {
    /// It begins, or goes on after `step` steps; damaged checkpoints were passed over.
    Begins { step: u64, passed_over: Vec<RunError> },
    /// Something happened.
    Event(&'a Event),
    /// An epoch was evaluated.
    Evaluated(&'a Option<Evaluation>),
}

/// What came of turning to an experiment.
pub(super) enum Turned {
    /// It ended, one way or another.
    Ended(Box<Outcome>),
    /// Another process is making it.
    Busy(Holder),
}

/// Trains one experiment to its end, or until `stop`, if no other process is at it.
pub(super) fn run_observed(
    run: &Run,
    data: &Data,
    split: &Split,
    experiment: u32,
    stop: &AtomicBool,
    sightings: &Mutex<Sightings>,
    observe: &mut dyn FnMut(Told<'_>),
) -> Result<Turned, RunError> {
    if let Some(result) = run.result(experiment)? {
        return Ok(Turned::Ended(Box::new(Outcome::AlreadyDone(result))));
    }
    let directory = run.experiment_directory(experiment);
    std::fs::create_dir_all(&directory).map_err(RunError::io("create", &directory))?;
    let attempt = {
        let mut sightings = sightings.lock().unwrap_or_else(PoisonError::into_inner);
        claim::attempt(
            &Place::new(&directory, super::EXPERIMENT_CLAIM),
            run.claim_seconds,
            &mut sightings,
        )
    };
    let claim = match attempt.map_err(RunError::claim(|| format!("experiment {experiment}")))? {
        Attempt::Held(claim) => claim,
        Attempt::Busy(holder) => return Ok(Turned::Busy(holder)),
    };
    // Another process may have completed it before this one could claim it.
    if let Some(result) = run.result(experiment)? {
        return Ok(Turned::Ended(Box::new(Outcome::AlreadyDone(result))));
    }
    make(run, data, split, experiment, stop, &claim, observe)
        .map(|outcome| Turned::Ended(Box::new(outcome)))
}

/// Trains an experiment that this process has claimed.
fn make(
    run: &Run,
    data: &Data,
    split: &Split,
    experiment: u32,
    stop: &AtomicBool,
    claim: &Claim,
    observe: &mut dyn FnMut(Told<'_>),
) -> Result<Outcome, RunError> {
    run.keep_split(experiment, split, data)?;
    let failed = |source: TrainError| RunError::Train { experiment, source };
    let config = &run.manifest.config;
    let encoder = run.encoder()?;
    let mut trainer =
        Trainer::new(config, data, split, experiment, encoder.as_ref()).map_err(failed)?;

    let directory = run.experiment_directory(experiment);
    let checkpoints = Checkpoints::of(&directory, experiment);
    let (found, passed_over) = checkpoints.latest()?;
    let (records, resumed) = match &found {
        Some(checkpoint) => {
            trainer.restore(&checkpoint.state).map_err(failed)?;
            (checkpoint.records, true)
        }
        None => (Records::default(), false),
    };
    let mut keeper = Keeper {
        log: Records::reopen(&directory.join("log.txt"), records.log)?,
        events: Records::reopen(&directory.join("events.jsonl"), records.events)?,
        seconds_before: records.seconds,
        began: Instant::now(),
        checkpoints,
        saved: found.as_ref().map(|checkpoint| checkpoint.state.progress.step),
        split,
        experiment,
        claim,
    };
    drop(found);
    let step = trainer.progress().step;
    if resumed {
        keeper.events.record(&Record::Resumed { time: now(), step, device: device() })?;
    }
    observe(Told::Begins { step, passed_over });

    let training = &config.training;
    let ended = trainer.run::<RunErrorOr>(&mut |event, trainer| {
        observe(Told::Event(&event));
        if let Event::Epoch(summary) = event {
            let last = summary.step == training.steps();
            let due = (summary.epoch + 1).is_multiple_of(training.checkpoint_every);
            let (evaluation, kept) = keeper.epoch(summary, trainer)?;
            observe(Told::Evaluated(&evaluation));
            if last || due || kept {
                keeper.save(trainer)?;
            }
        }
        Ok(if stop.load(Ordering::Relaxed) { Continue::Stop } else { Continue::Yes })
    });
    let ended = ended.map_err(|error| error.of(experiment))?;

    let step = trainer.progress().step;
    if ended == Continue::Stop && step < training.steps() {
        if keeper.saved != Some(step) {
            keeper.save(&trainer)?;
        }
        return Ok(Outcome::Stopped { step });
    }
    let result = keeper.result(&mut trainer).map_err(|error| error.of(experiment))?;
    let all: Vec<usize> = (0..data.labeled.len()).collect();
    let predictions = trainer.predict(&all).map_err(failed)?;
    let mut text = Vec::new();
    let path = directory.join("predictions.csv");
    predictions.write_csv(&mut text).map_err(RunError::io("write", &path))?;
    keeper.confirm()?;
    write_atomically(&path, &text).map_err(RunError::io("write", &path))?;
    keeper.events.record(&Record::Finished { time: now(), step, device: device() })?;
    json::write_json(&directory.join("result.json"), &result)?;
    Ok(Outcome::Finished(result))
}

/// Keeps the records of an experiment under way.
struct Keeper<'a> {
    log: Appending,
    events: Appending,
    seconds_before: f64,
    began: Instant,
    checkpoints: Checkpoints,
    saved: Option<u64>,
    split: &'a Split,
    experiment: u32,
    claim: &'a Claim,
}

impl Keeper<'_> {
    /// Makes sure that the experiment is still this process's to write to.
    fn confirm(&self) -> Result<(), RunError> {
        self.claim.confirm().map_err(RunError::claim(|| format!("experiment {}", self.experiment)))
    }

    /// Evaluates an epoch and writes it down; says whether it is the best and worth keeping.
    fn epoch(
        &mut self,
        summary: EpochSummary,
        trainer: &mut Trainer<'_>,
    ) -> Result<(Option<Evaluation>, bool), RunErrorOr> {
        let evaluation = evaluate(trainer, &self.split.evaluation())?;
        let validation = evaluate(trainer, &self.split.validation())?;
        let epoch = summary.epoch;
        let mut text = format!("Epoch: {epoch}\n");
        if let Some(evaluation) = &evaluation {
            text.push_str(&log_entry(evaluation));
        }
        let mut kept = false;
        if let Some(looked_at) = validation.as_ref().or(evaluation.as_ref()) {
            let least = trainer.keep_best_from();
            let f1 = looked_at.macro_average.f1;
            kept = trainer.note_score(epoch, looked_at);
            if kept {
                text.push_str(&format!("Best model saved at epoch {epoch}, score: {f1:.4}\n"));
            } else if f1 < least {
                text.push_str(&format!(
                    "F1 score {f1:.4} < {least}, model not saved at epoch {epoch}\n"
                ));
            }
        }
        self.confirm()?;
        self.log.append(text.as_bytes())?;
        self.events.record(&Record::Epoch {
            time: now(),
            summary,
            evaluation: evaluation.clone(),
            validation,
            kept,
        })?;
        Ok((evaluation, kept))
    }

    /// Writes a checkpoint and removes those no longer needed.
    fn save(&mut self, trainer: &Trainer<'_>) -> Result<(), RunError> {
        let state = trainer.state();
        let (step, best) = (state.progress.step, state.progress.best);
        let records =
            Records { log: self.log.sync()?, events: self.events.sync()?, seconds: self.seconds() };
        self.confirm()?;
        self.checkpoints.write(&Checkpoint { state, records })?;
        self.saved = Some(step);
        self.checkpoints.retain(step, best.map(|best| best.step))
    }

    fn result(&self, trainer: &mut Trainer<'_>) -> Result<ExperimentResult, RunErrorOr> {
        let on_evaluation = self.split.validation().is_empty();
        Ok(ExperimentResult {
            experiment: self.experiment,
            steps: trainer.progress().step,
            seconds: self.seconds(),
            evaluation: evaluate(trainer, &self.split.evaluation())?,
            held_out: evaluate(trainer, &self.split.held_out())?,
            best: trainer
                .progress()
                .best
                .map(|best| OptimisticResult { best, optimistic: on_evaluation }),
        })
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.began.elapsed().as_secs_f64()
    }
}

/// Metrics of the model as it is on some labelled rows; `None` without any.
fn evaluate(trainer: &mut Trainer<'_>, rows: &[usize]) -> Result<Option<Evaluation>, RunErrorOr> {
    if rows.is_empty() {
        return Ok(None);
    }
    let predictions = trainer.predict(rows)?;
    Ok(Some(Evaluation::of(&predictions).map_err(RunError::from)?))
}

fn device() -> String {
    device::chosen().to_string()
}

fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// A record that grows; every entry is one write.
struct Appending {
    file: File,
    path: PathBuf,
}

impl Records {
    /// Opens a record to append, cut back to a known length: what came later will come again.
    ///
    /// The record becomes a new file under the old name. A process that was thought dead and wakes
    /// up appends to the old one, which nobody sees.
    fn reopen(path: &Path, length: u64) -> Result<Appending, RunError> {
        let mut kept = temporary_beside(path).map_err(RunError::io("write", path))?;
        match File::open(path) {
            Ok(file) => {
                std::io::copy(&mut file.take(length), &mut kept)
                    .map_err(RunError::io("cut back", path))?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(RunError::io("open", path)(error)),
        }
        kept.as_file().sync_all().map_err(RunError::io("sync", path))?;
        let file = kept.persist(path).map_err(|refused| refused.error);
        let file = file.map_err(RunError::io("write", path))?;
        Ok(Appending { file, path: path.to_owned() })
    }
}

impl Appending {
    fn append(&mut self, bytes: &[u8]) -> Result<(), RunError> {
        self.file.write_all(bytes).map_err(RunError::io("append to", &self.path))
    }

    fn record(&mut self, record: &Record) -> Result<(), RunError> {
        let mut line = serde_json::to_vec(record).map_err(|error| RunError::Damaged {
            path: self.path.clone(),
            reason: error.to_string(),
        })?;
        line.push(b'\n');
        self.append(&line)
    }

    /// Syncs the record and says how long it is.
    fn sync(&mut self) -> Result<u64, RunError> {
        self.file.sync_all().map_err(RunError::io("sync", &self.path))?;
        self.file
            .metadata()
            .map(|metadata| metadata.len())
            .map_err(RunError::io("look at", &self.path))
    }
}

/// A failure of training or of its records, before the experiment's number is added.
enum RunErrorOr {
    Train(TrainError),
    Run(RunError),
}

impl From<TrainError> for RunErrorOr {
    fn from(error: TrainError) -> Self {
        Self::Train(error)
    }
}

impl From<RunError> for RunErrorOr {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl RunErrorOr {
    fn of(self, experiment: u32) -> RunError {
        match self {
            Self::Train(source) => RunError::Train { experiment, source },
            Self::Run(error) => error,
        }
    }
}
