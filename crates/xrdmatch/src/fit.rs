//! Training in memory: labelled and unlabelled patterns in, a fitted model out.
//!
//! [`fit`] does what a run does without a directory: the encoder, where the settings ask for one, then
//! members that train on *all* labelled rows and differ in seed and pool. There is no evaluation, since
//! no row is left to evaluate on; whoever fits keeps rows back, as cross-validation does.
//!
//! A [`Fitted`] model is also what the finished experiments of a run come to ([`Fitted::of_run`]), and
//! it travels as bytes ([`Fitted::to_bytes`]).

mod bytes;
mod error;

use std::sync::atomic::{AtomicBool, Ordering};

use convnet::{Network, Tensors, Weights};
use diffraction::Grid;

use crate::config::Config;
use crate::dataset::{Dataset, Prepared};
use crate::encoder::Inputs;
use crate::predictions::softmax;
use crate::pretrain::{PretrainEpoch, PretrainError, Targets, pretrain};
use crate::run::{CheckpointChoice, Run};
use crate::split::{Role, Split};
use crate::train::{
    Continue, Data, EpochSummary, Event, TrainError, Trainer, inputs, network_for_inference,
};

pub use error::{FitError, FittedBytesError};

/// Rows that are predicted at once: as many as where a table is predicted.
const CHUNK: usize = 512;

/// Networks whose probabilities are averaged, and what they see patterns through.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    config: Config,
    grid: Grid,
    encoder: Option<Tensors>,
    members: Vec<Tensors>,
}

/// What happens while a model is fitted.
#[derive(Debug)]
pub enum FitEvent<'a> {
    /// An epoch of pretraining is complete.
    Pretrained(PretrainEpoch),
    /// An epoch of a member, counted from 0, is complete.
    Epoch(u32, &'a EpochSummary),
}

/// Trains `members` networks on all labelled rows, with the threads of the current rayon pool; `None`
/// where `stop` was set before the end.
///
/// # Errors
/// [`FitError`].
pub fn fit(
    config: &Config,
    data: &Data,
    members: u32,
    stop: &AtomicBool,
    observe: &mut (dyn FnMut(FitEvent<'_>) + Send),
) -> Result<Option<Fitted>, FitError> {
    if members == 0 {
        return Err(FitError::NoMembers);
    }
    let grid = data.labeled.grid();
    config.validate(grid.points()).map_err(TrainError::from)?;
    let mut encoder = None;
    if config.pretrain.is_on() {
        encoder = learn_encoder(config, data, stop, observe)?;
        if encoder.is_none() {
            return Ok(None);
        }
    }
    let split = Split::new(vec![Role::Labeled; data.labeled.len()]);
    let mut trained = Vec::with_capacity(members as usize);
    for member in 0..members {
        let mut trainer = Trainer::new(config, data, &split, member, encoder.as_ref())?;
        let ended = trainer.run::<TrainError>(&mut |event, _| {
            if let Event::Epoch(summary) = &event {
                observe(FitEvent::Epoch(member, summary));
            }
            let stopped = stop.load(Ordering::Relaxed);
            Ok(if stopped { Continue::Stop } else { Continue::Yes })
        })?;
        if ended == Continue::Stop {
            return Ok(None);
        }
        trained.push(trainer.state().into_trained(config));
    }
    Ok(Some(Fitted { config: config.clone(), grid, encoder, members: trained }))
}

/// The encoder, learnt from the unlabelled patterns; `None` where `stop` was set before the end.
fn learn_encoder(
    config: &Config,
    data: &Data,
    stop: &AtomicBool,
    observe: &mut (dyn FnMut(FitEvent<'_>) + Send),
) -> Result<Option<Tensors>, FitError> {
    let (Some(unlabeled), Some(prepared)) = (&data.unlabeled, &data.prepared_unlabeled) else {
        return Err(TrainError::NoUnlabeled.into());
    };
    let targets = Targets::new(config.pretrain.target, unlabeled, prepared);
    let Some(targets) = targets.map_err(PretrainError::from)? else { return Ok(None) };
    let encoder = pretrain(config, unlabeled, prepared, &targets, &mut |epoch| {
        observe(FitEvent::Pretrained(epoch));
        !stop.load(Ordering::Relaxed)
    })?;
    Ok(encoder.map(|encoder| encoder.to_tensors()))
}

impl Fitted {
    /// The models of a run: the weights that its training evaluates with. `experiments` says which;
    /// all that are finished have a say otherwise.
    ///
    /// # Errors
    /// If there is no such checkpoint, it is damaged, or no experiment is finished.
    pub fn of_run(
        run: &Run,
        experiments: Option<&[u32]>,
        choice: CheckpointChoice,
    ) -> Result<Self, FitError> {
        let chosen = match experiments {
            Some(experiments) => experiments.to_vec(),
            None => {
                let mut finished = run.experiments()?;
                let begun = finished.len();
                let mut failed = None;
                finished.retain(|experiment| match run.result(*experiment) {
                    Ok(result) => result.is_some(),
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                });
                if let Some(error) = failed {
                    return Err(error.into());
                }
                if finished.is_empty() {
                    let directory = run.directory().to_owned();
                    return Err(FitError::NoneFinished { directory, begun });
                }
                finished
            }
        };
        if chosen.is_empty() {
            return Err(FitError::NoMembers);
        }
        let mut members = Vec::with_capacity(chosen.len());
        for experiment in chosen {
            let step = run.step(experiment, choice)?;
            members.push(run.weights(experiment, step)?.0);
        }
        let manifest = run.manifest();
        let fitted = Self {
            config: manifest.config.clone(),
            grid: manifest.labeled.grid,
            encoder: run.encoder()?,
            members,
        };
        fitted.check()?;
        Ok(fitted)
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The grid of all patterns.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        usize::from(self.config.classes)
    }

    /// The number of networks, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a member")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Probabilities of all rows, `(rows, classes)` row by row: the mean of the members'. A network of
    /// one member says bit by bit what [`Model`](crate::predict::Model) says of the same rows. `None`
    /// where `stop` was set before the end.
    ///
    /// # Errors
    /// If the data lies on another grid, or a logit is not finite.
    pub fn probabilities(
        &self,
        data: &Dataset,
        stop: &AtomicBool,
    ) -> Result<Option<Vec<f64>>, FitError> {
        if data.grid() != self.grid {
            let (found, expected) = (data.grid(), self.grid);
            return Err(FitError::Grid { found, expected });
        }
        let (mut inputs, mut network) = self.network(0)?;
        let prepared = Prepared::new(data, self.config.preparation);
        let (classes, members) = (self.classes(), self.members.len());
        let mut probabilities = Vec::with_capacity(data.len() * classes);
        let all: Vec<usize> = (0..data.len()).collect();
        for rows in all.chunks(CHUNK) {
            let signals = inputs.plain(&prepared, rows);
            let mut sums = vec![0.0f64; rows.len() * classes];
            for weights in &self.members {
                if stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                if members > 1 {
                    network.load(weights).map_err(TrainError::from)?;
                }
                let logits = network.infer(&signals, Weights::Current);
                let mut row = vec![0.0; classes];
                let pairs = sums.chunks_exact_mut(classes).zip(logits.as_slice().chunks(classes));
                for (place, (sum, logits)) in pairs.enumerate() {
                    if !logits.iter().all(|logit| logit.is_finite()) {
                        return Err(FitError::NotFinite { row: rows[place] });
                    }
                    row.iter_mut().zip(logits).for_each(|(p, l)| *p = f64::from(*l));
                    softmax(&mut row);
                    sum.iter_mut().zip(&row).for_each(|(sum, p)| *sum += p);
                }
            }
            probabilities.extend(sums.into_iter().map(|sum| sum / members as f64));
        }
        Ok(Some(probabilities))
    }

    /// The weights of a member.
    ///
    /// # Panics
    /// If there is no such member.
    pub(crate) fn weights(&self, member: usize) -> &Tensors {
        &self.members[member]
    }

    /// What a member sees patterns through, and its network.
    pub(crate) fn network(&self, member: usize) -> Result<(Inputs, Box<dyn Network>), TrainError> {
        let weights = self.weights(member);
        let inputs = inputs(&self.config, self.grid, self.encoder.as_ref())?;
        let network = network_for_inference(&self.config, inputs.width(), weights)?;
        Ok((inputs, network))
    }

    /// Refuses weights that do not fit the settings.
    fn check(&self) -> Result<(), FitError> {
        let (_, mut network) = self.network(0)?;
        for weights in &self.members[1..] {
            network.load(weights).map_err(TrainError::from)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
