//! The yardstick of a run, computed once and kept in its directory as `baselines.json`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Case, Yardstick, YardstickError, YardstickSettings, entrants, measure};
use crate::dataset::Dataset;
use crate::disk::write_atomically;
use crate::run::{Run, SplitNames};

/// Format of `baselines.json`; a stored result of another is computed anew.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    /// BLAKE3 of the data's fingerprint, the splits and the settings.
    of: String,
    yardstick: Yardstick,
}

/// The stored yardstick of a run's complete experiments; `None` where there is none, or it is of
/// other experiments or settings.
///
/// # Errors
/// If the run cannot be read.
pub fn stored(
    run: &Run,
    settings: &YardstickSettings,
) -> Result<Option<Yardstick>, YardstickError> {
    let (key, _) = key(run, settings)?;
    let Ok(text) = std::fs::read(path(run)) else { return Ok(None) };
    // A damaged file is as good as none: it is computed anew.
    let stored = serde_json::from_slice::<Stored>(&text).ok();
    Ok(stored.filter(|s| s.format == FORMAT && s.of == key).map(|stored| stored.yardstick))
}

/// The yardstick on the splits of a run's complete experiments, from its directory if it is there,
/// else computed and kept. `None` for a run of more than two classes, or without a complete
/// experiment that evaluates.
///
/// # Errors
/// [`YardstickError`].
pub fn of_run(
    run: &Run,
    data: &Dataset,
    settings: &YardstickSettings,
    tell: &(dyn Fn(usize) + Sync),
) -> Result<Option<Yardstick>, YardstickError> {
    if run.manifest().config.classes != 2 {
        return Ok(None);
    }
    if let Some(yardstick) = stored(run, settings)? {
        return Ok(Some(yardstick));
    }
    let (of, experiments) = key(run, settings)?;
    let mut cases = Vec::new();
    for experiment in experiments {
        let split = run.split(experiment, data)?;
        if !split.evaluation().is_empty() {
            cases.push(Case { experiment, split, inner: Vec::new() });
        }
    }
    if cases.is_empty() {
        return Ok(None);
    }
    let models = entrants(settings.trees, settings.seed);
    let yardstick = measure(data, &cases, &models, settings, tell)?;
    let stored = Stored { format: FORMAT, of, yardstick };
    let failed =
        |reason: String| YardstickError::Stored { action: "write", path: path(run), reason };
    let text = serde_json::to_vec_pretty(&stored).map_err(|error| failed(error.to_string()))?;
    write_atomically(&path(run), &text).map_err(|error| failed(error.to_string()))?;
    Ok(Some(stored.yardstick))
}

fn path(run: &Run) -> PathBuf {
    run.directory().join("baselines.json")
}

fn key(run: &Run, settings: &YardstickSettings) -> Result<(String, Vec<u32>), YardstickError> {
    let mut hasher = blake3::Hasher::new();
    let failed = |error: serde_json::Error| YardstickError::Stored {
        action: "name the contents of",
        path: path(run),
        reason: error.to_string(),
    };
    hasher.update(run.manifest().labeled.fingerprint.as_bytes());
    hasher.update(&serde_json::to_vec(settings).map_err(failed)?);
    let mut complete = Vec::new();
    for experiment in run.experiments()? {
        if run.result(experiment)?.is_some() {
            let names: SplitNames = run.split_names(experiment)?;
            hasher.update(&experiment.to_le_bytes());
            hasher.update(&serde_json::to_vec(&names).map_err(failed)?);
            complete.push(experiment);
        }
    }
    Ok((hasher.finalize().to_hex().to_string(), complete))
}
