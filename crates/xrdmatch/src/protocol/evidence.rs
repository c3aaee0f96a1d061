//! What the members of a run said, and what each of them learned from.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::ProtocolError;
use crate::ensemble::{EnsembleError, Member, Panel};
use crate::metrics::Evaluation;
use crate::predictions::Predictions;
use crate::run::{Record, Run, RunError};

/// What the members of a run said about every labelled row.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The members, by experiment.
    pub members: Vec<MemberRecord>,
    /// Experiments that are not complete, and left out.
    pub incomplete: Vec<u32>,
}

/// One member.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberRecord {
    /// The experiment it came from.
    pub experiment: u32,
    /// Its predictions of all rows, training rows included.
    pub predictions: Predictions,
    /// Names of the rows whose labels it learned.
    pub labeled: HashSet<String>,
    /// Names of the rows that choices looked at.
    pub validation: HashSet<String>,
    /// Names of the rows it is reported on.
    pub evaluation: HashSet<String>,
    /// Names of the rows outside all experiments.
    pub held_out: HashSet<String>,
    /// Its best epoch on the evaluation rows.
    pub best: Option<BestEpoch>,
}

/// The evaluation at the epoch that was best.
#[derive(Debug, Clone, PartialEq)]
pub struct BestEpoch {
    /// On the evaluation rows.
    pub evaluation: Evaluation,
    /// Whether it was chosen by looking at them.
    pub optimistic: bool,
}

impl MemberRecord {
    /// Its predictions of some rows.
    pub(super) fn on(&self, names: &HashSet<String>) -> Predictions {
        self.predictions.filter(|row| names.contains(row.name))
    }
}

impl Evidence {
    /// The evidence of a run's complete experiments.
    ///
    /// # Errors
    /// [`ProtocolError`]: records that cannot be read, no complete experiment, or members that saw
    /// different data.
    pub fn of_run(run: &Run) -> Result<Self, ProtocolError> {
        let (mut members, mut incomplete) = (Vec::new(), Vec::new());
        for experiment in run.experiments()? {
            let Some(result) = run.result(experiment)? else {
                incomplete.push(experiment);
                continue;
            };
            let directory = run.experiment_directory(experiment);
            let path = directory.join("predictions.csv");
            let predictions = Predictions::load(&path)
                .map_err(|source| ProtocolError::Predictions { path, source })?;
            let names = run.split_names(experiment)?;
            let best = match result.best {
                Some(best) => evaluation_at(&directory.join("events.jsonl"), best.best.epoch)?
                    .map(|evaluation| BestEpoch { evaluation, optimistic: best.optimistic }),
                None => None,
            };
            let set = |names: Vec<String>| names.into_iter().collect();
            members.push(MemberRecord {
                experiment,
                predictions,
                labeled: set(names.labeled),
                validation: set(names.validation),
                evaluation: set(names.evaluation),
                held_out: set(names.held_out),
                best,
            });
        }
        if members.is_empty() {
            return Err(ProtocolError::NoExperiment { run: run.directory().to_owned() });
        }
        let evidence = Self { members, incomplete };
        evidence.check()?;
        Ok(evidence)
    }

    /// Refuses members that lack a prediction of a row of their own split, rows of one class only,
    /// and members that do not speak about the same rows.
    pub(super) fn check(&self) -> Result<(), ProtocolError> {
        for member in &self.members {
            let known: HashSet<&str> =
                member.predictions.samples().iter().map(|sample| sample.name.as_str()).collect();
            let named = [&member.labeled, &member.validation, &member.evaluation, &member.held_out];
            let mut missing: Vec<&String> =
                named.into_iter().flatten().filter(|name| !known.contains(name.as_str())).collect();
            missing.sort_unstable();
            if let Some(sample) = missing.first() {
                let (experiment, sample) = (member.experiment, (*sample).clone());
                return Err(ProtocolError::OtherData { experiment, sample });
            }
        }
        let panel = self.panel()?;
        let mut truths = panel.samples().iter().filter_map(|sample| sample.truth);
        if let Some(class) = truths.next()
            && truths.all(|truth| truth == class)
        {
            return Err(ProtocolError::OneClass { class });
        }
        Ok(())
    }

    /// The members as an ensemble; none may judge what it learned or was selected by.
    pub(super) fn panel(&self) -> Result<Panel, EnsembleError> {
        self.panel_of(&self.members.iter().collect::<Vec<_>>())
    }

    pub(super) fn panel_of(&self, members: &[&MemberRecord]) -> Result<Panel, EnsembleError> {
        let member = |record: &&MemberRecord| Member {
            name: format!("experiment {}", record.experiment),
            predictions: record.predictions.clone(),
            trained_on: record.labeled.union(&record.validation).cloned().collect(),
        };
        Panel::of(&members.iter().map(member).collect::<Vec<_>>())
    }

    /// The predictions of each member that has evaluation rows, on those; and the members.
    pub(super) fn evaluations(&self) -> (Vec<&MemberRecord>, Vec<Predictions>) {
        let with = |member: &MemberRecord| {
            let own = member.on(&member.evaluation);
            (!own.is_empty()).then_some(own)
        };
        self.members.iter().filter_map(|member| Some((member, with(member)?))).unzip()
    }

    /// The share of positives among the rows that the members learned from.
    pub(super) fn training_share(&self) -> f64 {
        let (mut positives, mut all) = (0usize, 0usize);
        for member in &self.members {
            let learned = member.on(&member.labeled);
            all += learned.len();
            positives += learned.iter().filter(|row| row.truth == Some(0)).count();
        }
        positives as f64 / all.max(1) as f64
    }
}

/// The evaluation after an epoch, from the experiment's events.
fn evaluation_at(path: &Path, epoch: u32) -> Result<Option<Evaluation>, ProtocolError> {
    let failed = |source| RunError::Io { action: "read", path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut found = None;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(failed)?;
        if !line.contains("\"epoch\"") {
            continue;
        }
        let record: Record = serde_json::from_str(&line).map_err(|error| RunError::Damaged {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        if let Record::Epoch { summary, evaluation, .. } = record
            && summary.epoch == epoch
        {
            found = evaluation;
        }
    }
    Ok(found)
}
