//! Trained weights as files of other programs, and back.

use std::path::{Path, PathBuf};

use convnet::Tensors;
use exchange::onnx;

use crate::disk::write_atomically;
use crate::predict::trained_weights;
use crate::run::{CheckpointChoice, Run, RunError};
use crate::train::TrainError;

/// The form in which a model leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The weights alone, under the published PyTorch names.
    Safetensors,
    /// The network as a graph that runs on its own.
    Onnx {
        /// Whether the graph also prepares raw intensities.
        preparation: bool,
    },
}

/// Why a model was not written, or weights not read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The run or its checkpoint is at fault.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The configuration makes no network.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The network does not fit the format.
    #[error(transparent)]
    Onnx(#[from] onnx::OnnxError),
    /// The network does not see the pattern itself.
    #[error(
        "experiment {experiment} sees patterns through `[input]` or `[pretrain]`, which {format} files do not hold yet; use `xrdmatch predict`"
    )]
    Inputs {
        /// The experiment.
        experiment: u32,
        /// The format.
        format: &'static str,
    },
    /// The weights do not fit the format.
    #[error(transparent)]
    Safetensors(#[from] exchange::safetensors::SafetensorsError),
    /// A file of weights is at fault.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: exchange::ReadError,
    },
    /// The system refused.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Writes an experiment's model, the weights that its training evaluates with, to `output`.
///
/// # Errors
/// If there is no such checkpoint, the format cannot hold the model, or the file cannot be written;
/// nothing is left behind then.
pub fn export(
    run: &Run,
    experiment: u32,
    choice: CheckpointChoice,
    format: Format,
    output: &Path,
) -> Result<(), ExportError> {
    let checkpoint = run.checkpoint(experiment, choice)?;
    let manifest = run.manifest();
    let config = &manifest.config;
    if config.pretrain.is_on() || !config.input.is_published() {
        let format = match format {
            Format::Safetensors => "safetensors",
            Format::Onnx { .. } => "ONNX",
        };
        return Err(ExportError::Inputs { experiment, format });
    }
    let step = checkpoint.state.progress.step.to_string();
    let weights = trained_weights(config, checkpoint);
    let bytes = match format {
        Format::Safetensors => exchange::safetensors::write(&weights)?,
        Format::Onnx { preparation } => {
            let grid = manifest.labeled.grid;
            let architecture = config.architecture().map_err(TrainError::from)?;
            let preparation =
                preparation.then_some(onnx::Preparation { cut: config.preparation.cut });
            let (start, width) = (grid.start().to_string(), grid.step().to_string());
            let experiment = experiment.to_string();
            let metadata = [
                ("two_theta_start_degrees", start.as_str()),
                ("two_theta_step_degrees", &width),
                ("class_0", "superionic"),
                ("experiment", &experiment),
                ("step", &step),
            ];
            onnx::write(&architecture, grid.points(), &weights, preparation, &metadata)?
        }
    };
    write_atomically(output, &bytes).map_err(|source| ExportError::Io {
        action: "write",
        path: output.to_owned(),
        source,
    })
}

/// Reads weights from a safetensors file or a checkpoint of PyTorch; `key` says which of several sets
/// in a checkpoint. Nothing in the file is executed.
///
/// # Errors
/// If the file cannot be read, is neither, is damaged, or leaves open which weights are meant.
pub fn read_weights(path: &Path, key: Option<&str>) -> Result<Tensors, ExportError> {
    let io = |source| ExportError::Io { action: "read", path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(io)?;
    exchange::read(&bytes, key)
        .map_err(|source| ExportError::Read { path: path.to_owned(), source })
}
