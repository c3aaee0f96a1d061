//! What a trainer sees of an engine: signals in, logits out, one step of learning.
//!
//! The seam between the device and the science is the logits: an objective reads small host
//! matrices and returns ∂loss/∂logits, so there is neither a device nor an automatic
//! differentiation in the science.

use crate::{AdamW, Architecture, LoadError, Matrix, Tensors};

/// How a forward pass of a step treats batch norm and dropout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The batch's own statistics, which also move the running statistics; dropout by this seed.
    Train {
        /// Seed of the dropout masks: the same seed drops the same activations.
        dropout_seed: u64,
    },
    /// Running statistics, no dropout.
    Running,
    /// Averaged weights and averaged running statistics, no dropout.
    Average,
}

/// One forward pass of a step, with its own batch statistics.
#[derive(Clone, Copy, Debug)]
pub struct Stream<'a> {
    /// The batch, `(B, L)`.
    pub signals: &'a Matrix,
    /// How batch norm and dropout behave.
    pub mode: Mode,
    /// Whether the weights learn from this pass; only with [`Mode::Train`].
    pub gradient: bool,
}

/// Which of the two sets of weights a network holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Weights {
    /// What the optimizer moves.
    #[default]
    Current,
    /// Their exponential moving average; the current ones when none is kept.
    Average,
}

/// A classifier of signals that learns.
///
/// `B` is a batch size (any, zero included), `L` the input length, `K` the number of classes.
pub trait Network: Send {
    /// Points of a signal, `L`.
    fn input_length(&self) -> usize;

    /// Number of classes, `K`.
    fn classes(&self) -> usize;

    /// The layers.
    fn architecture(&self) -> &Architecture;

    /// Logits `(B, K)` with running statistics and without dropout. On the processor a row's logits are
    /// bitwise the same whatever rows stand beside it, and however many; so are the answers of
    /// [`embed`](Network::embed) and [`input_gradient`](Network::input_gradient). Elsewhere they are so
    /// to rounding.
    fn infer(&mut self, signals: &Matrix, weights: Weights) -> Matrix;

    /// The activations that enter the last linear layer, `(B, features)`, as in
    /// [`infer`](Network::infer).
    fn embed(&mut self, signals: &Matrix, weights: Weights) -> Matrix;

    /// ∂logit of `class`/∂signals, `(B, L)`, as in [`infer`](Network::infer).
    ///
    /// # Panics
    /// When there is no such class.
    fn input_gradient(&mut self, signals: &Matrix, class: usize, weights: Weights) -> Matrix;

    /// One step: all streams forward in order, `loss_gradient` with the logits of every stream,
    /// backward for the streams whose ∂loss/∂logits it returns, then the optimizer and the moving
    /// average. Without any gradient the weights and the optimizer stay as they are.
    ///
    /// # Panics
    /// When a stream's signals are not of the input length, when a stream wants a gradient outside
    /// [`Mode::Train`], or when `loss_gradient` returns another number or shape of matrices, or a
    /// gradient for a stream that wants none.
    fn learn(
        &mut self,
        streams: &[Stream<'_>],
        optimizer: &AdamW,
        loss_gradient: &mut dyn FnMut(&[Matrix]) -> Vec<Option<Matrix>>,
    );

    /// All weights and running statistics under PyTorch's names and in PyTorch's layouts.
    fn weights(&self, which: Weights) -> Tensors;

    /// The optimizer: `exp_avg.<name>`, `exp_avg_sq.<name>` and the scalar `step`.
    fn optimizer_state(&self) -> Tensors;

    /// Takes weights; the average restarts from them and the optimizer from nothing.
    ///
    /// # Errors
    /// Names every array that does not fit; the network is then unchanged.
    fn load(&mut self, weights: &Tensors) -> Result<(), LoadError>;

    /// Continues, bitwise, from what [`weights`](Network::weights) and
    /// [`optimizer_state`](Network::optimizer_state) gave.
    ///
    /// # Errors
    /// Names every array that does not fit; the network is then unchanged.
    fn restore(
        &mut self,
        weights: &Tensors,
        average: Option<&Tensors>,
        optimizer: &Tensors,
    ) -> Result<(), LoadError>;
}

/// What [`Network::learn`] asks of its streams.
///
/// # Panics
/// When a stream's signals are not of the input length, or it wants a gradient outside [`Mode::Train`].
pub(crate) fn assert_streams(streams: &[Stream<'_>], input_length: usize) {
    for stream in streams {
        assert_eq!(stream.signals.cols(), input_length, "points of the signals");
        let trains = matches!(stream.mode, Mode::Train { .. });
        assert!(trains || !stream.gradient, "a stream learns in training mode only");
    }
}

/// What [`Network::learn`] asks of the gradients that it is given.
///
/// # Panics
/// When they are more or fewer than the streams, have another shape than the logits, or there is one for
/// a stream that wants none.
pub(crate) fn assert_gradients(
    streams: &[Stream<'_>],
    logits: &[Matrix],
    gradients: &[Option<Matrix>],
) {
    assert_eq!(gradients.len(), streams.len(), "one answer per stream");
    for (i, (gradient, stream)) in gradients.iter().zip(streams).enumerate() {
        let Some(gradient) = gradient else { continue };
        let shape = |matrix: &Matrix| (matrix.rows(), matrix.cols());
        assert_eq!(shape(gradient), shape(&logits[i]), "shape of a gradient");
        assert!(stream.gradient, "a gradient for stream {i}, which wants none");
    }
}
