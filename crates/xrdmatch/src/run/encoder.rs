//! The encoder of a run: made once, kept with its checksum.

use std::path::PathBuf;
use std::time::Instant;

use convnet::Tensors;
use serde::{Deserialize, Serialize};

use super::{Run, RunError, json, tensors};
use crate::pretrain::{PretrainEpoch, PretrainError, TargetKind, Targets, pretrain};
use crate::train::{Data, TrainError};

/// `encoder.json`: what an encoder was learnt from. Its presence says that the encoder is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderRecord {
    /// What its outputs were.
    pub target: TargetKind,
    /// Patterns it learnt from.
    pub patterns: usize,
    /// Seconds of pretraining.
    pub seconds: f64,
    /// Per encoder, the mean loss over its last epoch, less the entropy of the targets.
    pub losses: Vec<f64>,
    /// BLAKE3 of `encoder.safetensors`.
    pub checksum: String,
}

impl Run {
    /// Makes the run's encoder where its configuration asks for one and there is none yet.
    ///
    /// `threads` says how many work on it; `observe` is told of every epoch and may ask to stop by `false`; an encoder is then not
    /// kept, and pretraining begins anew next time. Gives whether experiments can be run.
    ///
    /// # Errors
    /// If pretraining fails or the encoder cannot be read or written.
    pub fn prepare_encoder(
        &self,
        data: &Data,
        threads: usize,
        observe: &mut (dyn FnMut(PretrainEpoch) -> bool + Send),
    ) -> Result<bool, RunError> {
        let config = &self.manifest().config;
        if !config.pretrain.is_on() {
            return Ok(true);
        }
        let (path, record) = self.encoder_files();
        if record.exists() {
            return self.encoder().map(|_| true);
        }
        let failed = |source| RunError::Pretrain(source);
        let (Some(unlabeled), Some(prepared)) = (&data.unlabeled, &data.prepared_unlabeled) else {
            return Err(RunError::Train { experiment: 0, source: TrainError::NoUnlabeled });
        };
        let targets = Targets::new(config.pretrain.target, unlabeled, prepared)
            .map_err(|error| failed(PretrainError::from(error)))?;
        let Some(targets) = targets else { return Ok(true) };
        let (began, mut losses) = (Instant::now(), Vec::new());
        let observe = &mut |epoch: PretrainEpoch| {
            losses.truncate(epoch.encoder as usize);
            losses.push(epoch.loss);
            observe(epoch)
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let pool = pool.map_err(|error| RunError::Threads { reason: error.to_string() })?;
        let encoder = pool
            .install(|| pretrain(config, unlabeled, prepared, &targets, observe))
            .map_err(failed)?;
        let Some(encoder) = encoder else { return Ok(false) };
        let encoder = encoder.to_tensors();
        tensors::write_tensors(&path, &encoder)?;
        let bytes = std::fs::read(&path).map_err(RunError::io("read", &path))?;
        json::write_json(
            &record,
            &EncoderRecord {
                target: targets.kind().clone(),
                patterns: targets.rows().len(),
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

    fn encoder_files(&self) -> (PathBuf, PathBuf) {
        let directory = self.directory();
        (directory.join("encoder.safetensors"), directory.join("encoder.json"))
    }
}
