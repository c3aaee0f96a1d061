//! What a run has written, read back.

use std::path::PathBuf;

use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::predictions::Predictions;
use xrdmatch::run::{ExperimentResult, Manifest, Record, Run, SplitNames};

use crate::ReportError;

/// The records of a run.
#[derive(Debug)]
pub struct Records {
    /// The name of its directory.
    pub name: String,
    /// What it was begun with.
    pub manifest: Manifest,
    /// Its experiments, ascending.
    pub experiments: Vec<ExperimentRecords>,
    /// The labelled file.
    pub labeled: Labeled,
}

/// The labelled file, or why it cannot be shown.
#[derive(Debug)]
pub enum Labeled {
    /// As it was when the run was begun.
    Same(Box<Dataset>),
    /// Not there, not readable, or another than the run was begun with; in words.
    Absent(String),
}

/// The records of an experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentRecords {
    /// Its number.
    pub number: u32,
    /// The names in each role.
    pub split: SplitNames,
    /// The epochs, ascending.
    pub epochs: Vec<Epoch>,
    /// How often it was taken up again.
    pub resumed: usize,
    /// Its result, once it is complete.
    pub result: Option<ExperimentResult>,
    /// Its predictions for all labelled rows, once it is complete.
    pub predictions: Option<Predictions>,
}

/// An epoch in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Epoch {
    /// Counted from 0.
    pub epoch: u32,
    /// Loss of the labelled batch.
    pub supervised_loss: f64,
    /// Loss of the unlabelled batch, without its weight.
    pub unsupervised_loss: f64,
    /// Share of the unlabelled batch that was learned from.
    pub mask_rate: f64,
    /// Threshold of each class.
    pub thresholds: Vec<f64>,
    /// Macro-F1 on the evaluation rows.
    pub macro_f1: Option<f64>,
    /// AUC on the evaluation rows.
    pub auc: Option<f64>,
}

impl Records {
    /// Reads the records of a run; another process may be writing them.
    ///
    /// # Errors
    /// [`ReportError`] where a record is damaged. A labelled file that is gone is no error.
    pub fn read(run: &Run) -> Result<Self, ReportError> {
        let labeled = labeled(run.manifest());
        Self::read_with(run, labeled, true)
    }

    /// Reads only what tells how training goes: neither the labelled file nor predictions.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_training(run: &Run) -> Result<Self, ReportError> {
        Self::read_with(run, Labeled::Absent("it was not looked at".to_owned()), false)
    }

    fn read_with(run: &Run, labeled: Labeled, predictions: bool) -> Result<Self, ReportError> {
        let manifest = run.manifest().clone();
        let mut experiments = Vec::new();
        for number in run.experiments()? {
            // An experiment that is just being begun has no split yet.
            if run.experiment_directory(number).join("split.json").exists() {
                experiments.push(experiment(run, number, predictions)?);
            }
        }
        if experiments.is_empty() {
            return Err(ReportError::NoExperiments { directory: run.directory().to_owned() });
        }
        let directory = std::path::absolute(run.directory()).unwrap_or_default();
        let name = directory.file_name().map_or("run".into(), |name| name.to_string_lossy());
        Ok(Self { name: name.into_owned(), manifest, experiments, labeled })
    }

    /// The experiments that are complete.
    pub fn complete(&self) -> impl Iterator<Item = &ExperimentRecords> {
        self.experiments.iter().filter(|experiment| experiment.result.is_some())
    }

    /// The labelled file, if it is there and the same.
    #[must_use]
    pub fn dataset(&self) -> Option<&Dataset> {
        match &self.labeled {
            Labeled::Same(data) => Some(data),
            Labeled::Absent(_) => None,
        }
    }
}

fn labeled(manifest: &Manifest) -> Labeled {
    let path = &manifest.labeled.path;
    if !path.exists() {
        return Labeled::Absent(format!("{} is no longer there", path.display()));
    }
    let labels = Labels::Required { classes: manifest.config.classes };
    match Dataset::read(path, labels, Some(manifest.labeled.grid)) {
        Ok(data) if data.fingerprint() == manifest.labeled.fingerprint => {
            Labeled::Same(Box::new(data))
        }
        Ok(_) => Labeled::Absent(format!("{} has changed since the run was begun", path.display())),
        Err(error) => Labeled::Absent(error.to_string()),
    }
}

fn experiment(run: &Run, number: u32, predictions: bool) -> Result<ExperimentRecords, ReportError> {
    let directory = run.experiment_directory(number);
    let (epochs, resumed) = epochs(directory.join("events.jsonl"))?;
    let result = run.result(number)?;
    let path = directory.join("predictions.csv");
    let predictions = if predictions && result.is_some() && path.exists() {
        let failed = |error: &dyn std::fmt::Display| ReportError::Predictions {
            experiment: number,
            path: path.clone(),
            reason: error.to_string(),
        };
        Some(Predictions::load(&path).map_err(|error| failed(&error))?)
    } else {
        None
    };
    let split = run.split_names(number)?;
    Ok(ExperimentRecords { number, split, epochs, resumed, result, predictions })
}

/// The epochs of an experiment. The last line may be in the making, and is then passed over.
fn epochs(path: PathBuf) -> Result<(Vec<Epoch>, usize), ReportError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(source) => return Err(ReportError::Io { action: "read", path, source }),
    };
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let (mut epochs, mut resumed): (Vec<Epoch>, usize) = (Vec::new(), 0);
    for (number, line) in text[..whole].lines().enumerate() {
        let record: Record = serde_json::from_str(line).map_err(|error| ReportError::Line {
            path: path.clone(),
            line: number + 1,
            reason: error.to_string(),
        })?;
        match record {
            Record::Epoch { summary, evaluation, .. } => epochs.push(Epoch {
                epoch: summary.epoch,
                supervised_loss: summary.means.supervised_loss,
                unsupervised_loss: summary.means.unsupervised_loss,
                mask_rate: summary.means.mask_rate,
                thresholds: summary.thresholds,
                macro_f1: evaluation.as_ref().map(|evaluation| evaluation.macro_average.f1),
                auc: evaluation.and_then(|evaluation| evaluation.auc),
            }),
            Record::Resumed { .. } => resumed += 1,
            _ => {}
        }
    }
    Ok((epochs, resumed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: &str = r#"{"event":"epoch","time":"t","epoch":0,"step":10,"learning_rate":0.001,"means":{"supervised_loss":0.5,"unsupervised_loss":0.25,"mask_rate":0.75,"class_shares":[0.5,0.5]},"thresholds":[0.5,0.9],"evaluation":null,"validation":null,"kept":false}"#;

    fn read(text: &str) -> Result<(Vec<Epoch>, usize), ReportError> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("events.jsonl");
        std::fs::write(&path, text).expect("written");
        epochs(path)
    }

    #[test]
    fn a_line_in_the_making_is_passed_over_and_a_damaged_one_is_named() {
        let (epochs, resumed) = read(&format!("{EPOCH}\n{}", &EPOCH[..40])).expect("read");
        assert_eq!((epochs.len(), resumed), (1, 0));
        assert_eq!((epochs[0].mask_rate, epochs[0].auc), (0.75, None));
        let damaged = read(&format!("{EPOCH}\n{}\n{EPOCH}\n", &EPOCH[..40]));
        assert!(matches!(damaged, Err(ReportError::Line { line: 2, .. })), "{damaged:?}");
    }

    #[test]
    fn an_experiment_without_events_has_no_epochs() {
        assert_eq!(epochs(PathBuf::from("no/such/file")).expect("none"), (Vec::new(), 0));
    }
}
