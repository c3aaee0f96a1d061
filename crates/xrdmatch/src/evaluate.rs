//! Independent evaluation of a stored model, on rows it was not trained on.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use diffraction::Grid;

use crate::dataset::{Dataset, DatasetError, Labels};
use crate::metrics::{Evaluation, MetricsError};
use crate::predict::{Model, PredictError};
use crate::run::{CheckpointChoice, Run, RunError, log_entry};
use crate::split::Role;

/// Which rows are scored.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// The experiment's evaluation rows of the file it was trained with.
    Evaluation,
    /// Its validation rows.
    Validation,
    /// Its held-out rows.
    HeldOut,
    /// The labelled rows of another file; those with a training row's name are left out.
    Of {
        /// The file.
        path: PathBuf,
        /// Its grid, where it does not say.
        stated: Option<Grid>,
    },
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evaluation => f.write_str("evaluation rows"),
            Self::Validation => f.write_str("validation rows"),
            Self::HeldOut => f.write_str("held-out rows"),
            Self::Of { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

/// What an evaluation gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// Steps of the model's training.
    pub step: u64,
    /// The metrics.
    pub evaluation: Evaluation,
    /// How many of the scored rows were trained on.
    pub training_rows: usize,
    /// How many rows were left out because they were trained on.
    pub left_out: usize,
    /// Whether the checkpoint was chosen by looking at these rows.
    pub optimistic: bool,
}

/// Why nothing could be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The run is at fault.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The data is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The model could not be applied.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The metrics could not be formed.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// The file the run was trained with has changed.
    #[error("{path} is not the file that the run was trained with: its contents have changed")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// There is no row to score.
    #[error("experiment {experiment} has no {rows} to score")]
    NoRows {
        /// The experiment.
        experiment: u32,
        /// Which rows, in words.
        rows: String,
    },
}

/// Scores a stored model and appends the result to the experiment's `eval_log.txt`.
///
/// Training rows are scored only with `include_training`.
///
/// # Errors
/// If the model or the rows cannot be had.
pub fn evaluate(
    run: &Run,
    experiment: u32,
    choice: CheckpointChoice,
    rows: &Rows,
    include_training: bool,
) -> Result<Evaluated, EvaluateError> {
    let manifest = run.manifest();
    let labels = Labels::Required { classes: manifest.config.classes };
    let names = run.split_names(experiment)?;
    let data = match rows {
        Rows::Of { path, stated } => Dataset::read(path, labels, *stated)?,
        _ => {
            let path = &manifest.labeled.path;
            let data = Dataset::read(path, labels, Some(manifest.labeled.grid))?;
            if data.fingerprint() != manifest.labeled.fingerprint {
                return Err(EvaluateError::Changed { path: path.clone() });
            }
            data
        }
    };
    let wanted = match rows {
        Rows::Evaluation => Some(Role::Evaluation),
        Rows::Validation => Some(Role::Validation),
        Rows::HeldOut => Some(Role::HeldOut),
        Rows::Of { .. } => None,
    };
    let trained = |name: &str| names.labeled.iter().any(|labeled| labeled == name);
    let in_role = |name: &String| {
        wanted.is_none_or(|wanted| {
            names.roles().iter().any(|(role, names)| *role == wanted && names.contains(name))
        })
    };
    let mut scored = Vec::new();
    let (mut training_rows, mut left_out) = (0, 0);
    for row in 0..data.len() {
        let name = &data.sample(row).name;
        if trained(name) {
            if include_training {
                training_rows += 1;
                scored.push(row);
            } else if wanted.is_none() {
                left_out += 1;
            }
        } else if in_role(name) {
            scored.push(row);
        }
    }
    if scored.is_empty() {
        return Err(EvaluateError::NoRows { experiment, rows: rows.to_string() });
    }
    let mut model = Model::load(run, experiment, choice)?;
    let evaluation = Evaluation::of(&model.predict(&data, &scored)?)?;
    let chosen_on = if names.validation.is_empty() { Role::Evaluation } else { Role::Validation };
    let optimistic = choice == CheckpointChoice::Best && wanted == Some(chosen_on);
    let result = Evaluated { step: model.step(), evaluation, training_rows, left_out, optimistic };
    append(run, experiment, choice, rows, &result)?;
    Ok(result)
}

fn append(
    run: &Run,
    experiment: u32,
    choice: CheckpointChoice,
    rows: &Rows,
    result: &Evaluated,
) -> Result<(), RunError> {
    let path = run.experiment_directory(experiment).join("eval_log.txt");
    let mut text = format!("checkpoint {choice} (step {}), {rows}", result.step);
    if result.training_rows > 0 {
        text.push_str(&format!(", INCLUDING {} training rows", result.training_rows));
    }
    if result.optimistic {
        text.push_str(", optimistic");
    }
    text.push('\n');
    text.push_str(&log_entry(&result.evaluation));
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .map_err(RunError::io("open", &path))?;
    file.write_all(text.as_bytes()).map_err(RunError::io("append to", &path))
}
