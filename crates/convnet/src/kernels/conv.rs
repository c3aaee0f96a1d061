//! Convolutions as matrix products on overlapping rows.
//!
//! A sample is `Lp` rows (padding included) of `C` input channels; output point `l` is the product
//! of the `K·C` consecutive values from row `l·stride` with the `(K·C) × D` weights, `D` output
//! channels. So `y = X · w` where row `l` of `X` begins `stride · C` after row `l − 1`: nothing is
//! copied. A linear layer is the convolution whose kernel is the whole signal: then the batch takes
//! the place of the length.

use rayon::prelude::*;

use super::gemm::{View, multiply};
use super::isa::Isa;
use super::normalize::Moments;

/// Output points per piece of work, and per set of moments.
const PIECE: usize = 256;
/// Sums over samples are taken in at most this many groups, then over the groups in their order.
const GROUPS: usize = 8;
/// Columns per piece of a linear layer's product.
const COLUMNS: usize = 128;
/// Rows per piece of a linear layer's weight gradient.
const ROWS: usize = 256;

/// The shapes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Input channels, `C`.
    pub(crate) inputs: usize,
    /// Rows of the input, padding included, `Lp`.
    pub(crate) padded: usize,
    /// Output channels, `D`.
    pub(crate) outputs: usize,
    /// Output points, `L`.
    pub(crate) length: usize,
    /// Taps, `K`.
    pub(crate) kernel: usize,
    /// Input rows from one output point to the next.
    pub(crate) stride: usize,
}

impl Geometry {
    /// Values of a padded input sample.
    pub(crate) fn input_size(&self) -> usize {
        self.padded * self.inputs
    }

    /// Values of an output sample.
    pub(crate) fn output_size(&self) -> usize {
        self.length * self.outputs
    }

    /// Number of weights.
    pub(crate) fn weights(&self) -> usize {
        self.kernel * self.inputs * self.outputs
    }

    /// Pieces of an output sample, each with its own moments.
    pub(crate) fn pieces(&self) -> usize {
        self.length.div_ceil(PIECE)
    }

    /// Output points of piece `i` of a sample.
    pub(crate) fn piece_length(&self, i: usize) -> usize {
        PIECE.min(self.length - i * PIECE)
    }

    /// Whether one output point covers the whole input: a linear layer.
    fn is_dense(&self) -> bool {
        self.length == 1 && self.kernel == self.padded
    }

    /// Values of scratch memory that the passes of a batch need.
    pub(crate) fn scratch(&self, batch: usize) -> usize {
        if self.is_dense() {
            let padded = |columns: usize| columns.next_multiple_of(COLUMNS) * batch;
            padded(self.outputs).max(padded(self.input_size()))
        } else {
            GROUPS.min(batch) * self.weights()
        }
    }
}

/// `y = x * w`: `x (B, Lp, C)`, `w (K, C, D)`, `y (B, L, D)`. With `moments`
/// (`B · pieces · 2D` values) also mean and squared deviations of every piece of the output.
pub(crate) fn forward(
    isa: Isa,
    g: Geometry,
    (x, w): (&[f32], &[f32]),
    y: &mut [f32],
    moments: Option<&mut [f32]>,
    scratch: &mut [f32],
) {
    let batch = y.len() / g.output_size();
    let inputs = g.kernel * g.inputs;
    let right = View { values: w, rows: g.outputs, cols: 1 };
    if g.is_dense() {
        let left = View { values: x, rows: inputs, cols: 1 };
        by_columns((batch, g.outputs, inputs), y, left, right, scratch);
        if let Some(moments) = moments {
            let rows = y.par_chunks(g.outputs).zip(moments.par_chunks_mut(2 * g.outputs));
            rows.for_each(|(rows, moments)| isa.run(Moments { rows, moments }));
        }
        return;
    }
    let piece = |n: usize, i: usize, y: &mut [f32]| {
        let start = n * g.input_size() + i * PIECE * g.stride * g.inputs;
        let left = View { values: &x[start..], rows: g.stride * g.inputs, cols: 1 };
        let points = y.len() / g.outputs;
        multiply((points, g.outputs, inputs), (y, g.outputs), false, left, right);
    };
    let samples = y.par_chunks_mut(g.output_size()).enumerate();
    match moments {
        None => samples.for_each(|(n, y)| {
            let pieces = y.par_chunks_mut(PIECE * g.outputs).enumerate();
            pieces.for_each(|(i, y)| piece(n, i, y));
        }),
        Some(moments) => {
            let moments = moments.par_chunks_mut(g.pieces() * 2 * g.outputs);
            samples.zip(moments).for_each(|((n, y), moments)| {
                let pieces = y.par_chunks_mut(PIECE * g.outputs).enumerate();
                let moments = moments.par_chunks_mut(2 * g.outputs);
                pieces.zip(moments).for_each(|((i, y), moments)| {
                    piece(n, i, y);
                    isa.run(Moments { rows: y, moments });
                });
            });
        }
    }
}

/// `dw += ∂loss/∂w`: the sum over samples and output points of `x ⊗ dy`.
pub(crate) fn backward_weights(
    g: Geometry,
    (x, dy): (&[f32], &[f32]),
    dw: &mut [f32],
    scratch: &mut [f32],
) {
    let batch = dy.len() / g.output_size();
    let inputs = g.kernel * g.inputs;
    if g.is_dense() {
        let right = View { values: dy, rows: g.outputs, cols: 1 };
        dw.par_chunks_mut(ROWS * g.outputs).enumerate().for_each(|(i, dw)| {
            let left = View { values: &x[i * ROWS..], rows: 1, cols: inputs };
            let rows = dw.len() / g.outputs;
            multiply((rows, g.outputs, batch), (dw, g.outputs), true, left, right);
        });
        return;
    }
    let samples = batch.div_ceil(GROUPS);
    let groups = batch.div_ceil(samples);
    let sums = &mut scratch[..groups * g.weights()];
    sums.par_chunks_mut(g.weights()).enumerate().for_each(|(group, sum)| {
        for n in group * samples..batch.min((group + 1) * samples) {
            let (x, dy) = (&x[n * g.input_size()..], &dy[n * g.output_size()..]);
            let left = View { values: x, rows: 1, cols: g.stride * g.inputs };
            let right = View { values: dy, rows: g.outputs, cols: 1 };
            let add = n > group * samples;
            multiply((inputs, g.outputs, g.length), (sum, g.outputs), add, left, right);
        }
    });
    let sums = &*sums;
    dw.par_chunks_mut(1 << 12).enumerate().for_each(|(i, dw)| {
        for sum in sums.chunks_exact(g.weights()) {
            for (dw, sum) in dw.iter_mut().zip(&sum[i << 12..]) {
                *dw += sum;
            }
        }
    });
}

/// `dx = ∂loss/∂x`, `(B, Lp, C)`, padding included.
///
/// For every `stride` consecutive taps the rows `l·stride…` of `dx` that they touch are the
/// rows of one matrix without overlap, so each such group of taps is one product added to it.
pub(crate) fn backward_input(
    g: Geometry,
    (dy, w): (&[f32], &[f32]),
    dx: &mut [f32],
    scratch: &mut [f32],
) {
    let batch = dy.len() / g.output_size();
    if g.is_dense() {
        let left = View { values: dy, rows: g.outputs, cols: 1 };
        let right = View { values: w, rows: 1, cols: g.outputs };
        by_columns((batch, g.input_size(), g.outputs), dx, left, right, scratch);
        return;
    }
    dx.par_chunks_mut(g.input_size()).zip(dy.par_chunks(g.output_size())).for_each(|(dx, dy)| {
        dx.fill(0.0);
        let left = View { values: dy, rows: g.outputs, cols: 1 };
        for tap in (0..g.kernel).step_by(g.stride) {
            let columns = g.stride.min(g.kernel - tap) * g.inputs;
            let w = &w[tap * g.inputs * g.outputs..];
            let right = View { values: w, rows: 1, cols: g.outputs };
            let out = (&mut dx[tap * g.inputs..], g.stride * g.inputs);
            multiply((g.length, columns, g.outputs), out, true, left, right);
        }
    });
}

/// `out (m × n) = left · right` by pieces of columns, gathered in `scratch`.
fn by_columns(
    (m, n, k): (usize, usize, usize),
    out: &mut [f32],
    left: View<'_>,
    right: View<'_>,
    scratch: &mut [f32],
) {
    let pieces = n.div_ceil(COLUMNS);
    let scratch = &mut scratch[..pieces * m * COLUMNS];
    scratch.par_chunks_mut(m * COLUMNS).enumerate().for_each(|(i, piece)| {
        let columns = COLUMNS.min(n - i * COLUMNS);
        let right = View { values: &right.values[i * COLUMNS * right.cols..], ..right };
        multiply((m, columns, k), (piece, COLUMNS), false, left, right);
    });
    let scratch = &*scratch;
    out.par_chunks_mut(n).enumerate().for_each(|(row, out)| {
        for (i, out) in out.chunks_mut(COLUMNS).enumerate() {
            out.copy_from_slice(&scratch[(i * m + row) * COLUMNS..][..out.len()]);
        }
    });
}
