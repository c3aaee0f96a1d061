//! Trained weights as files of other programs, and back.

use std::path::{Path, PathBuf};

use convnet::{Tensor, Tensors};
use exchange::onnx;

use crate::disk::write_atomically;
use crate::encoder::Encoder;
use crate::input::{Input, Renderer, Scale, Transform};
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

/// What the names of encoders' tensors begin with in a file of weights.
const ENCODER: &str = "encoder.";

/// Writes an experiment's model, the weights that its training evaluates with, to `output`. A graph
/// holds what the network sees patterns through, a file of weights its encoders too, as `encoder.…`.
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
    let step = checkpoint.state.progress.step;
    let weights = checkpoint.state.into_trained(config);
    // One that was fine-tuned is in the weights.
    let encoder = run.encoder()?.filter(|_| config.pretrain.is_frozen());
    let bytes = match format {
        Format::Safetensors => {
            let encoder = encoder.into_iter().flatten();
            let encoder = encoder.map(|(name, tensor)| (format!("{ENCODER}{name}"), tensor));
            exchange::safetensors::write(&weights.into_iter().chain(encoder).collect())?
        }
        Format::Onnx { preparation } => {
            let grid = manifest.labeled.grid;
            let named = [
                ("two_theta_start_degrees", grid.start().to_string()),
                ("two_theta_step_degrees", grid.step().to_string()),
                ("class_0", "superionic".to_owned()),
                ("experiment", experiment.to_string()),
                ("step", step.to_string()),
            ];
            let renderer = config.input.renderer(grid).map_err(TrainError::from)?;
            let encoders = match encoder {
                Some(tensors) => {
                    let encoder =
                        Encoder::from_tensors(&config.pretrain, renderer.bins(), &tensors);
                    encoder.map_err(TrainError::from)?.to_onnx(&config.pretrain)
                }
                None => Vec::new(),
            };
            let bins = (!config.input.is_published()).then(|| bins(&config.input, &renderer));
            let metadata = named.each_ref().map(|(key, value)| (*key, value.as_str()));
            onnx::write(&onnx::Model {
                points: grid.points(),
                preparation: preparation
                    .then_some(onnx::Preparation { cut: config.preparation.cut }),
                bins: bins.as_ref(),
                encoders: &encoders,
                architecture: &config.architecture().map_err(TrainError::from)?,
                weights: &weights,
                metadata: &metadata,
            })?
        }
    };
    write_atomically(output, &bytes).map_err(|source| ExportError::Io {
        action: "write",
        path: output.to_owned(),
        source,
    })
}

/// The input of a network as operations of a graph.
fn bins(input: &Input, renderer: &Renderer) -> onnx::Bins {
    let profile = renderer.matrix().map(|matrix| Tensor {
        shape: vec![matrix.rows(), matrix.cols()],
        data: matrix.as_slice().to_vec(),
    });
    let square_root = match input.transform {
        Transform::None => false,
        Transform::Sqrt => true,
    };
    let unit = match input.scale {
        Scale::Peak => onnx::Unit::Largest,
        Scale::Rms => onnx::Unit::RootMeanSquare,
    };
    onnx::Bins { profile, square_root, unit }
}

/// Parts what a file of weights holds into the classifier's weights and those of its encoders, if
/// there are any.
#[must_use]
pub fn part(tensors: Tensors) -> (Tensors, Option<Tensors>) {
    let (encoder, weights): (Tensors, Tensors) =
        tensors.into_iter().partition(|(name, _)| name.starts_with(ENCODER));
    let bare = |(name, tensor): (String, Tensor)| (name[ENCODER.len()..].to_owned(), tensor);
    let encoder: Tensors = encoder.into_iter().map(bare).collect();
    (weights, (!encoder.is_empty()).then_some(encoder))
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
