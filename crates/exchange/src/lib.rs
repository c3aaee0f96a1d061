//! Trained weights in the files of other programs.
//!
//! Everything here maps bytes to [`Tensors`] or back, and touches no disk:
//! [`safetensors`] in both directions, checkpoints of PyTorch in ([`pytorch`]), ONNX out ([`onnx`]).
//! [`read`] tells the formats apart by their content.
//!
//! Nothing that is read is executed: a checkpoint of PyTorch is a pickled program, of which only the
//! few instructions that build dictionaries of tensors are understood.

pub mod onnx;
pub mod pytorch;
pub mod safetensors;

use convnet::Tensors;

/// Why a file of weights could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file of safetensors is at fault.
    #[error(transparent)]
    Safetensors(#[from] safetensors::SafetensorsError),
    /// A checkpoint of PyTorch is at fault.
    #[error(transparent)]
    PyTorch(#[from] pytorch::PyTorchError),
    /// A pickled program without an archive around it.
    #[error(
        "this is a bare pickle, as PyTorch wrote before version 1.6; nothing was executed. Load it with \
         PyTorch, if you trust it, and save it again"
    )]
    BarePickle,
    /// A graph, whole or not: they are written here, never read.
    #[error("this is an ONNX graph; weights are read from .safetensors and .pth")]
    Graph,
}

impl ReadError {
    /// Whether the file is fine and only leaves open which of its weights are meant.
    pub fn is_choice(&self) -> bool {
        matches!(self, Self::PyTorch(pytorch::PyTorchError::Choose { .. }))
    }
}

/// Reads a file of safetensors or a checkpoint of PyTorch, whichever the content is.
///
/// `key` says which of several state dicts in a checkpoint is meant (`model`, `ema_model`, …); a file
/// of safetensors has only one.
///
/// # Errors
/// If the content is neither, is damaged, or leaves open which state dict is meant.
pub fn read(bytes: &[u8], key: Option<&str>) -> Result<Tensors, ReadError> {
    if pytorch::is_checkpoint(bytes) {
        return Ok(pytorch::Checkpoint::read(bytes)?.state_dict(key)?);
    }
    // The header of safetensors begins after its length, in eight bytes, and is JSON.
    let is_safetensors = bytes.get(8) == Some(&b'{');
    match bytes.first() {
        Some(&PICKLE_PROTOCOL) if !is_safetensors => Err(ReadError::BarePickle),
        Some(&ONNX_VERSION) if !is_safetensors => Err(ReadError::Graph),
        _ => Ok(safetensors::read(bytes)?),
    }
}

/// What a pickle begins with.
const PICKLE_PROTOCOL: u8 = 0x80;
/// What an ONNX graph begins with: its first field, the version of the format, a number.
const ONNX_VERSION: u8 = 0x08;
