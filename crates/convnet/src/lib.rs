//! A one-dimensional convolutional classifier that learns.
//!
//! Reading order: an [`Architecture`] is a list of layers as data; a [`Network`] is what a trainer
//! sees of an engine; [`CpuNetwork`] is the engine for processors, and [`open`] opens a network on a
//! [`Device`], which may be another where the features `wgpu` or `cuda` are on. Weights travel as [`Tensors`]
//! under PyTorch's names and in PyTorch's layouts, whatever an engine does inside.
//!
//! The crate knows nothing of what the signals mean.

mod architecture;
#[cfg(test)]
mod behaviour;
mod cpu;
mod device;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
mod gpu;
mod initialize;
mod kernels;
mod matrix;
mod network;
mod optimizer;
mod precision;
#[cfg(any(test, feature = "reference"))]
pub mod reference;
mod tensors;

pub use architecture::{Architecture, ArchitectureError, Layer, Shape};
pub use cpu::CpuNetwork;
pub use cpu::blocks::{BlockTime, inference_times};
pub use cpu::measure::{
    Ceiling, LayerTime, MeasureError, ceiling, layer_bytes, layer_times, on_threads,
};
pub use cpu::single::{Convolution, ConvolutionPasses};
pub use device::{Device, DeviceChoice, DeviceError, Found, OpenError, open};
pub use initialize::Initialization;
pub use kernels::conv::{Choice, Purpose};
pub use kernels::isa::InstructionsError;
pub use matrix::Matrix;
pub use network::{Mode, Network, Stream, Weights};
pub use optimizer::{AdamW, Decay};
pub use precision::Precision;
pub use tensors::{LoadError, Mismatch, Tensor, Tensors};
