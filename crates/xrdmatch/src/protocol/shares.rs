//! From the shares of the training draw to those of the world: stated, or estimated from the pool.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Evidence, ProtocolError, ProtocolSettings};
use crate::calibrate::{CalibrationMethod, cross_fit};
use crate::dataset::{Dataset, Labels};
use crate::ensemble::{Combination, Member, Panel};
use crate::metrics::Outcomes;
use crate::predict::Model;
use crate::predictions::Predictions;
use crate::prior::{self, Prior};
use crate::run::{CheckpointChoice, Run};
use crate::seed::{Purpose, Seed};
use crate::statistics::{Bootstrap, Interval};

/// Rows predicted at once.
const CHUNK: usize = 256;
/// Resamples of the pool behind the interval of an estimated share.
const POOL_REPLICATES: usize = 400;

/// The share of positives in an unlabelled pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolShare {
    /// The pool.
    pub pool: PathBuf,
    /// Rows of it that were predicted.
    pub rows: usize,
    /// The share. Its interval answers for the choice of the pool's rows, not for the calibration.
    pub share: Interval,
}

/// What the correction to another share of positives does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriorReport {
    /// The share of positives that the probabilities are corrected to.
    pub share: f64,
    /// How it was estimated, where it was.
    pub estimated: Option<PoolShare>,
    /// Per kind of probabilities.
    pub effects: Vec<PriorEffect>,
}

/// The effect on one kind of out-of-bag probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriorEffect {
    /// What was corrected.
    pub of: String,
    /// The share of positives for which the probabilities held.
    pub from: f64,
    /// Mean probability of the positive class, before and after.
    pub mean_probability: [f64; 2],
    /// Rows called positive, before and after.
    pub called_positive: [usize; 2],
    /// Brier score in a world with the new share: each class's mean, weighted by its share. Before
    /// and after.
    pub brier_at_share: [f64; 2],
}

/// Corrects the out-of-bag mean to a share of positives, as it is (it holds for the training draw)
/// and calibrated by cross-fitting (it then holds for the share of the labelled file).
///
/// # Errors
/// [`ProtocolError::Prior`] for a share that is none.
pub fn correct_to(
    share: f64,
    estimated: Option<PoolShare>,
    evidence: &Evidence,
    out_of_bag: &Predictions,
    settings: &ProtocolSettings,
) -> Result<PriorReport, ProtocolError> {
    let to = Prior::of_positive(share)?;
    let mut effects = vec![effect("out-of-bag mean", out_of_bag, evidence.training_share(), &to)?];
    if let Ok(fitted) =
        cross_fit(out_of_bag, CalibrationMethod::Platt, settings.folds(), settings.seed)
    {
        effects.push(effect("calibrated (Platt)", &fitted, positive_share(out_of_bag), &to)?);
    }
    Ok(PriorReport { share, estimated, effects })
}

fn positive_share(predictions: &Predictions) -> f64 {
    let positives = predictions.iter().filter(|row| row.truth == Some(0)).count();
    positives as f64 / predictions.len().max(1) as f64
}

fn effect(
    of: &str,
    before: &Predictions,
    from: f64,
    to: &Prior,
) -> Result<PriorEffect, ProtocolError> {
    let after = prior::correct(before, &Prior::of_positive(from)?, to)?;
    let mean = |p: &Predictions| p.scores().sum::<f64>() / p.len().max(1) as f64;
    let called = |p: &Predictions| p.iter().filter(|row| row.class() == 0).count();
    let brier = |p: &Predictions| {
        let of_class = |class: u8| {
            let rows: Vec<f64> = p
                .iter()
                .filter(|row| row.truth == Some(class))
                .map(|row| (1.0 - row.probabilities[usize::from(class)]).powi(2))
                .collect();
            rows.iter().sum::<f64>() / rows.len().max(1) as f64
        };
        (0u8..).zip(to.shares()).map(|(class, share)| share * of_class(class)).sum()
    };
    Ok(PriorEffect {
        of: of.to_owned(),
        from,
        mean_probability: [mean(before), mean(&after)],
        called_positive: [called(before), called(&after)],
        brier_at_share: [brier(before), brier(&after)],
    })
}

/// Estimates the share of positives in a pool by the ensemble mean of a run's final models,
/// calibrated (Platt) on all out-of-bag rows (Saerens et al. 2002). Of the pool at most `rows` rows,
/// drawn at random, are predicted; `tell` hears how many members are done.
///
/// # Errors
/// [`ProtocolError`].
pub fn share_of_pool(
    run: &Run,
    evidence: &Evidence,
    pool: Option<&Path>,
    rows: usize,
    settings: &ProtocolSettings,
    tell: &mut dyn FnMut(usize),
) -> Result<PoolShare, ProtocolError> {
    let own = run.manifest().unlabeled.as_ref();
    let path = match (pool, own) {
        (Some(path), _) => path.to_owned(),
        (None, Some(source)) => source.path.clone(),
        (None, None) => return Err(ProtocolError::NoPool { run: run.directory().to_owned() }),
    };
    let labels = Labels::Optional { classes: run.manifest().config.classes };
    let data = Dataset::read(&path, labels, Some(run.manifest().labeled.grid))?;
    let mut chosen: Vec<usize> = (0..data.len()).collect();
    let mut rng = Seed(settings.seed).rng(Purpose::Pool, u32::MAX, 1, 0);
    crate::split::shuffle(&mut chosen, &mut rng);
    chosen.truncate(rows);
    chosen.sort_unstable();
    let mut members = Vec::new();
    for (number, record) in evidence.members.iter().enumerate() {
        let mut model = Model::load(run, record.experiment, CheckpointChoice::Last)?;
        let (mut samples, mut probabilities) = (Vec::new(), Vec::new());
        for rows in chosen.chunks(CHUNK) {
            let predictions = model.predict(&data, rows)?;
            samples.extend(predictions.samples().to_vec());
            probabilities.extend_from_slice(predictions.probabilities());
        }
        let predictions = Predictions::new(model.classes(), samples, probabilities)?;
        let name = format!("experiment {}", record.experiment);
        members.push(Member { name, predictions, trained_on: Default::default() });
        tell(number + 1);
    }
    let mean = Panel::of(&members)?.combine(&Combination::MeanProbability)?.predictions;
    let known = evidence.panel()?.out_of_bag().combine(&Combination::MeanProbability)?.predictions;
    let calibration = CalibrationMethod::Platt.fit(&Outcomes::of(&known)?)?;
    let bootstrap = Bootstrap { replicates: POOL_REPLICATES, ..settings.bootstrap };
    let held_for = Prior::of_positive(positive_share(&known))?;
    let share = prior::estimate_share(&calibration.apply(&mean)?, &held_for, 0, &bootstrap)?;
    Ok(PoolShare { pool: path, rows: chosen.len(), share })
}
