//! Encoders learnt from the unlabelled file, before any label is looked at.
//!
//! An encoder sees strong views and learns a distribution over outputs t for each pattern
//! ([`Targets`]) by the cross-entropy −Σ t · log softmax(logits): the elements' shares of the atoms
//! where the file has formulas, else the shares of the undistorted pattern's intensity in coarse
//! bins. Where the file's structures are known, further outputs learn numbers that say how the mobile
//! ion sits in them (`numbers`), by half the squared error. Neither labels nor formulas nor structures of the labelled file
//! are used. Encoders do not depend on experiments, so one pretraining serves all experiments of a run.
//!
//! AdamW; the learning rate rises linearly over the first 30 % of the steps and falls to 0 along a
//! cosine (Smith and Topin, arXiv:1708.07120, without the cycle of momenta).

mod numbers;
mod targets;

use convnet::{AdamW, CpuNetwork, Decay, Initialization, Matrix, Mode, Network, Stream};
use rayon::prelude::*;

use crate::augment::{Scratch, Views};
use crate::config::Config;
use crate::dataset::{Dataset, Prepared};
use crate::encoder::{Encoder, EncoderError, plain_signals};
use crate::input::InputError;
use crate::seed::{Purpose, Seed};
use crate::split::shuffle;

pub use targets::{TargetKind, Targets, TargetsError};

/// The part of the steps over which the learning rate rises.
const RISE: f64 = 0.3;
/// Patterns encoded at once when features are standardised.
const CHUNK: usize = 512;

/// Why no encoder could be made.
#[derive(Debug, thiserror::Error)]
pub enum PretrainError {
    /// The input makes no sense on this grid.
    #[error("in [input]: {0}")]
    Input(#[from] InputError),
    /// There is nothing to learn.
    #[error(transparent)]
    Targets(#[from] TargetsError),
    /// The network cannot be built.
    #[error("in [pretrain]: {0}")]
    Encoder(#[from] EncoderError),
    /// Fewer than two patterns.
    #[error("of the unlabelled patterns {patterns} can be pretrained on, but it takes two or more")]
    TooFew {
        /// Patterns with a target.
        patterns: usize,
    },
    /// The loss is no longer finite.
    #[error("pretraining diverged in epoch {epoch}: a logit is not finite")]
    Diverged {
        /// The epoch, counted from 1.
        epoch: u32,
    },
}

/// How far pretraining is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PretrainEpoch {
    /// The encoder, counted from 0.
    pub encoder: u32,
    /// The epoch that is complete, counted from 1.
    pub epoch: u32,
    /// Mean loss over the epoch, less the entropy of the targets: 0 is perfect.
    pub loss: f64,
}

/// Trains the encoders of a configuration. `observe` is told of every epoch and may ask to stop by
/// `false`; then there is no encoder.
///
/// # Errors
/// See [`PretrainError`].
pub fn pretrain(
    config: &Config,
    data: &Dataset,
    prepared: &Prepared,
    targets: &Targets,
    observe: &mut (dyn FnMut(PretrainEpoch) -> bool + Send),
) -> Result<Option<Encoder>, PretrainError> {
    let settings = &config.pretrain;
    let views = Views::new(config.preparation, config.augmentation, config.input, data.grid())?;
    let patterns = targets.rows().len();
    if patterns < 2 {
        return Err(PretrainError::TooFew { patterns });
    }
    let batch = settings.batch.min(patterns);
    let mut networks = Vec::new();
    for number in 0..settings.encoders {
        let school = School { config, views: &views, prepared, targets, batch, number };
        match school.train(observe)? {
            Some(network) => networks.push(network),
            None => return Ok(None),
        }
    }
    let mut encoder = Encoder::of(networks, settings);
    let all: Vec<usize> = (0..prepared.len()).collect();
    let chunks: Vec<Matrix> = all
        .chunks(CHUNK)
        .map(|rows| encoder.encode(&plain_signals(&views, rows, |&row| prepared.pattern(row))))
        .collect();
    encoder.standardize(&chunks);
    Ok(Some(encoder))
}

/// Where one encoder learns.
struct School<'a> {
    config: &'a Config,
    views: &'a Views,
    prepared: &'a Prepared,
    targets: &'a Targets,
    /// Patterns in a step: all, where there are fewer than the settings want.
    batch: usize,
    number: u32,
}

impl School<'_> {
    fn train(
        &self,
        observe: &mut (dyn FnMut(PretrainEpoch) -> bool + Send),
    ) -> Result<Option<CpuNetwork>, PretrainError> {
        let (settings, seed) = (&self.config.pretrain, self.config.seed);
        let mut network = CpuNetwork::new(
            settings.architecture(self.targets.outputs()),
            self.views.bins(),
            Initialization::Xavier,
            seed.number(Purpose::PretrainInitialization, self.number, 0, 0),
        )
        .map_err(EncoderError::from)?;
        let mut signals = Matrix::zeros(self.batch, self.views.bins());
        let mut stretches = vec![1.0; self.batch];
        let mut scratch = vec![Scratch::default(); self.batch];
        // The rest of a permutation that fills no batch is left out.
        let per_epoch = self.targets.rows().len() / self.batch;
        let total = per_epoch as u64 * u64::from(settings.epochs);
        for epoch in 0..settings.epochs {
            let mut order: Vec<usize> = (0..self.targets.rows().len()).collect();
            let mut rng = seed.rng(Purpose::PretrainOrder, self.number, u64::from(epoch), 0);
            shuffle(&mut order, &mut rng);
            let mut sum = 0.0;
            for (place, chosen) in order.chunks_exact(self.batch).enumerate() {
                let step = u64::from(epoch) * per_epoch as u64 + place as u64;
                self.draw(seed, step, chosen, (&mut signals, &mut stretches), &mut scratch);
                let loss = self.learn(&mut network, step, total, chosen, (&signals, &stretches));
                if !loss.is_finite() {
                    return Err(PretrainError::Diverged { epoch: epoch + 1 });
                }
                sum += loss;
            }
            let loss = sum / per_epoch as f64 - self.targets.entropy();
            if !observe(PretrainEpoch { encoder: self.number, epoch: epoch + 1, loss }) {
                return Ok(None);
            }
        }
        Ok(Some(network))
    }

    /// Draws views, and by what factor the lattice of each has grown.
    fn draw(
        &self,
        seed: Seed,
        step: u64,
        chosen: &[usize],
        (signals, stretches): (&mut Matrix, &mut [f32]),
        scratch: &mut [Scratch],
    ) {
        let rows = self.targets.rows();
        let outputs = signals.as_mut_slice().par_chunks_mut(self.views.bins()).zip(stretches);
        let places = outputs.zip(scratch).zip(chosen).enumerate();
        places.for_each(|(place, (((out, stretch), scratch), &position))| {
            let mut rng = seed.rng(Purpose::PretrainView, self.number, step, place as u64);
            let (indices, values) = self.prepared.pattern(rows[position]);
            *stretch = self.views.strong(indices, values, scratch, &mut rng, out);
        });
    }

    /// One step; gives the batch's mean loss, which is not finite where a logit is not.
    fn learn(
        &self,
        network: &mut CpuNetwork,
        step: u64,
        total: u64,
        chosen: &[usize],
        (signals, stretches): (&Matrix, &[f32]),
    ) -> f64 {
        let settings = &self.config.pretrain;
        #[expect(clippy::cast_possible_truncation, reason = "a learning rate travels as f32")]
        let optimizer = AdamW {
            learning_rate: (f64::from(settings.learning_rate) * factor(step, total)) as f32,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: settings.weight_decay,
            decay: Decay::All,
            average: None,
        };
        let dropout_seed = self.config.seed.number(Purpose::PretrainDropout, self.number, step, 0);
        let mode = Mode::Train { dropout_seed };
        let mut loss = 0.0;
        network.learn(&[Stream { signals, mode, gradient: true }], &optimizer, &mut |logits| {
            let logits = &logits[0];
            if !logits.as_slice().iter().all(|value| value.is_finite()) {
                loss = f64::NAN;
                return vec![None];
            }
            let (found, gradient) = self.targets.loss(logits, chosen, stretches);
            loss = found;
            vec![Some(gradient)]
        });
        loss
    }
}

/// The learning rate at step `t` of `total`, beside its largest.
fn factor(t: u64, total: u64) -> f64 {
    let part = (t as f64 + 1.0) / total as f64;
    if part < RISE {
        part / RISE
    } else {
        0.5 * (1.0 + (std::f64::consts::PI * (part - RISE) / (1.0 - RISE)).cos())
    }
}

#[cfg(test)]
mod tests;
