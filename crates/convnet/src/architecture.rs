//! A network as data: a list of layers that each engine interprets.

use serde::{Deserialize, Serialize};

mod presets;
mod shapes;

pub use shapes::{ArchitectureError, Shape};

/// Weight of the newest batch in batch norm's running statistics.
pub(crate) const BATCH_NORM_MOMENTUM: f32 = 0.1;
/// Added to the variance before batch norm divides by its root.
pub(crate) const BATCH_NORM_EPSILON: f32 = 1e-5;

/// One layer. Tensors are `(batch, channels, length)`, after the flattening `(batch, features)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Layer {
    /// Convolution with a bias: length ← ⌊(length + 2·padding − kernel)/stride⌋ + 1.
    Conv {
        /// Output channels.
        channels: usize,
        /// Taps.
        kernel: usize,
        /// Input points from one output point to the next.
        stride: usize,
        /// Zeros before and after the signal.
        padding: usize,
    },
    /// Batch norm over batch and length, per channel; momentum 0.1, ε 1e-5, affine.
    BatchNorm,
    /// max(x, 0).
    Relu,
    /// The largest of each `size` neighbours, the first of equals; a shorter rest is dropped.
    MaxPool {
        /// Window and step.
        size: usize,
    },
    /// In training, zero with this probability and scale the rest by 1/(1 − rate).
    Dropout {
        /// Probability of a zero, in `0..1`.
        rate: f32,
    },
    /// A linear layer with a bias; only in the classifier.
    Linear {
        /// Output features.
        outputs: usize,
    },
}

/// Convolutional features, a flattening (channel-major, as in PyTorch), and a classifier on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Layers on `(channels, length)`, beginning with one channel.
    pub features: Vec<Layer>,
    /// Layers on the flattened features; the last one is linear, its outputs are the classes.
    pub classifier: Vec<Layer>,
}

impl Architecture {
    /// The same network with every dropout rate zero. The layers stay, so that the names of the
    /// weights, which count layers, stay too.
    #[must_use]
    pub fn without_dropout(mut self) -> Self {
        for layer in self.features.iter_mut().chain(&mut self.classifier) {
            if let Layer::Dropout { rate } = layer {
                *rate = 0.0;
            }
        }
        self
    }

    /// The same network for another number of classes: the outputs of the last linear layer.
    #[must_use]
    pub fn with_classes(mut self, classes: usize) -> Self {
        if let Some(Layer::Linear { outputs }) = self.classifier.last_mut() {
            *outputs = classes;
        }
        self
    }

    /// What the names of the last layer's weights begin with, `classifer` being the published code's
    /// spelling.
    #[must_use]
    pub fn last_layer(&self) -> String {
        format!("classifer.{}", self.classifier.len().saturating_sub(1))
    }

    /// Number of classes: the outputs of the last linear layer; zero when the classifier does not
    /// end with one, which [`shapes`](Self::shapes) refuses.
    #[must_use]
    pub fn classes(&self) -> usize {
        match self.classifier.last() {
            Some(Layer::Linear { outputs }) => *outputs,
            _ => 0,
        }
    }
}
