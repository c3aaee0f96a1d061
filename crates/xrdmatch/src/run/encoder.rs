//! The encoder of a run: made once, kept with its checksum.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use convnet::Tensors;
use serde::{Deserialize, Serialize};

use super::{Run, RunError, json, tensors};
use crate::claim::{self, Attempt, Claim, Holder, Place, Sightings};
use crate::disk::write_atomically;
use crate::pretrain::{PretrainEpoch, PretrainError, TargetKind, Targets, pretrain};
use crate::train::{Data, TrainError};

/// `encoder.json`: what an encoder was learnt from. Its presence says that the encoder is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderRecord {
    /// What its outputs were.
    pub target: TargetKind,
    /// Patterns it learnt from.
    pub patterns: usize,
    /// Of these, patterns whose structures it learnt from too.
    #[serde(default)]
    pub described: usize,
    /// Seconds of pretraining.
    pub seconds: f64,
    /// Per encoder, the mean loss over its last epoch, less the entropy of the targets.
    pub losses: Vec<f64>,
    /// BLAKE3 of `encoder.safetensors`.
    pub checksum: String,
}

/// What happens while a run's encoder is made.
#[derive(Debug)]
pub enum Pretraining {
    /// An epoch is complete.
    Epoch(PretrainEpoch),
    /// Another process makes it; told every second or so.
    Waits(Holder),
}

/// How often a process looks whether another one has come to an end.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What is claimed, in errors.
fn encoder() -> String {
    "the encoder".to_owned()
}

impl Run {
    /// Makes the run's encoder where its configuration asks for one and there is none yet. Where
    /// another process makes it, waits for that.
    ///
    /// `threads` says how many work on it; `observe` is told what happens and may ask to stop by
    /// `false`; an encoder is then not kept, and pretraining begins anew next time. Gives whether
    /// experiments can be run.
    ///
    /// # Errors
    /// If pretraining fails or the encoder cannot be read or written.
    pub fn prepare_encoder(
        &self,
        data: &Data,
        threads: usize,
        observe: &mut (dyn FnMut(Pretraining) -> bool + Send),
    ) -> Result<bool, RunError> {
        if !self.manifest().config.pretrain.is_on() {
            return Ok(true);
        }
        let (_, record) = self.encoder_files();
        let place = Place::new(self.directory(), super::ENCODER_CLAIM);
        let mut sightings = Sightings::default();
        loop {
            if record.exists() {
                return self.encoder().map(|_| true);
            }
            let attempt = claim::attempt(&place, self.claim_seconds, &mut sightings);
            match attempt.map_err(RunError::claim(encoder))? {
                // Another process may have completed it before this one could claim it.
                Attempt::Held(_) if record.exists() => {}
                Attempt::Held(claim) => return self.make_encoder(data, threads, &claim, observe),
                Attempt::Busy(holder) => {
                    if !observe(Pretraining::Waits(holder)) {
                        return Ok(false);
                    }
                    std::thread::sleep(LOOK_AGAIN);
                }
            }
        }
    }

    /// Makes the encoder, which this process has claimed.
    fn make_encoder(
        &self,
        data: &Data,
        threads: usize,
        claim: &Claim,
        observe: &mut (dyn FnMut(Pretraining) -> bool + Send),
    ) -> Result<bool, RunError> {
        let config = &self.manifest().config;
        let (path, record) = self.encoder_files();
        let failed = |source| RunError::Pretrain(source);
        let (Some(unlabeled), Some(prepared)) = (&data.unlabeled, &data.prepared_unlabeled) else {
            return Err(RunError::Train { experiment: 0, source: TrainError::NoUnlabeled });
        };
        let targets = Targets::new(config.pretrain.target, unlabeled, prepared)
            .map_err(|error| failed(PretrainError::from(error)))?;
        let Some(targets) = targets else { return Ok(true) };
        let (began, mut losses) = (Instant::now(), Vec::new());
        let mut lost = None;
        let observe = &mut |epoch: PretrainEpoch| {
            losses.truncate(epoch.encoder as usize);
            losses.push(epoch.loss);
            lost = claim.confirm().err();
            lost.is_none() && observe(Pretraining::Epoch(epoch))
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| RunError::Threads { reason: error.to_string() })?;
        let made = pool
            .install(|| pretrain(config, unlabeled, prepared, &targets, observe))
            .map_err(failed)?;
        if let Some(error) = lost {
            return Err(RunError::claim(encoder)(error));
        }
        let Some(made) = made else { return Ok(false) };
        let bytes = tensors::bytes(&path, &made.to_tensors())?;
        claim.confirm().map_err(RunError::claim(encoder))?;
        write_atomically(&path, &bytes).map_err(RunError::io("write", &path))?;
        json::write_json(
            &record,
            &EncoderRecord {
                target: targets.kind().clone(),
                patterns: targets.rows().len(),
                described: targets.described(),
                seconds: began.elapsed().as_secs_f64(),
                losses,
                checksum: blake3::hash(&bytes).to_hex().to_string(),
            },
        )?;
        Ok(true)
    }

    /// The run's encoder; `None` where its configuration asks for none.
    ///
    /// # Errors
    /// If it has not been made yet, or is damaged.
    pub fn encoder(&self) -> Result<Option<Tensors>, RunError> {
        if !self.manifest().config.pretrain.is_on() {
            return Ok(None);
        }
        let (path, record) = self.encoder_files();
        let record: EncoderRecord = json::read_json(&record)?;
        let bytes = std::fs::read(&path).map_err(RunError::io("read", &path))?;
        if blake3::hash(&bytes).to_hex().to_string() != record.checksum {
            let reason = "its checksum is another than when it was written".to_owned();
            return Err(RunError::Damaged { path, reason });
        }
        tensors::read_tensors(&path).map(Some)
    }

    /// The checksum of the run's encoder; `None` where there is none (yet).
    pub(super) fn encoder_checksum(&self) -> Result<Option<String>, RunError> {
        let (_, path) = self.encoder_files();
        if !path.exists() {
            return Ok(None);
        }
        self.encoder()?;
        json::read_json::<EncoderRecord>(&path).map(|record| Some(record.checksum))
    }

    pub(super) fn encoder_files(&self) -> (PathBuf, PathBuf) {
        let directory = self.directory();
        (directory.join("encoder.safetensors"), directory.join("encoder.json"))
    }
}
