//! Convolutions and linear layers: their shapes, and the algorithm of each.
//!
//! `B` samples, `L` points, `C` input and `D` output channels, `K` taps; numbers of channels are
//! padded to whole panels, except for a signal's single channel. Weights lie in panels of output
//! channels, `[D/32][K·C][32]`: row `k·C + c` of a panel holds tap `k` of input channel `c`.
//!
//! A convolution with stride `s` is one with stride 1 on rows joined in groups of `s`, with
//! `⌈K/s⌉` taps on `s·C` channels (polyphase); both algorithms use it backward, the spectral one
//! forward too.

use super::dense::Dense;
use super::direct::Direct;
use super::isa::Isa;
use super::product::PANEL;
use super::rounded::conv::RoundedConv;
use super::rounded::dense::RoundedDense;
use super::rows::{Gradient, Input, Strip};
use super::spectral::{Spectral, tiles};

/// The shapes of one convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// `(L, C)` before the convolution, its stride and padding.
    pub(crate) input: Strip,
    /// `(L, D)` after it.
    pub(crate) output: Strip,
    /// Taps, `K`.
    pub(crate) kernel: usize,
}

impl Geometry {
    /// The convolution of rows of `channels.0` values to rows of `channels.1` values.
    pub(crate) fn new(
        length: usize,
        channels: (usize, usize),
        (kernel, stride, padding): (usize, usize, usize),
    ) -> Self {
        Self {
            input: Strip { length, channels: channels.0, stride, padding },
            output: Strip {
                length: (length + 2 * padding - kernel) / stride + 1,
                channels: channels.1,
                stride: 1,
                padding: 0,
            },
            kernel,
        }
    }

    /// Taps on joined rows.
    pub(crate) fn taps(&self) -> usize {
        self.kernel.div_ceil(self.input.stride)
    }

    /// Rows of a panel of weights.
    pub(crate) fn weight_rows(&self) -> usize {
        self.kernel * self.input.channels
    }

    /// Number of weights, padding included.
    pub(crate) fn weights(&self) -> usize {
        self.weight_rows() * self.output.channels
    }

    /// Values of a joined input row, in whole panels.
    pub(crate) fn joined(&self) -> usize {
        self.input.width().next_multiple_of(PANEL)
    }

    /// Number of weights of the convolution that takes output gradients to input gradients.
    pub(crate) fn transposed(&self) -> usize {
        self.taps() * self.output.channels * self.joined()
    }
}

/// Which algorithm to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Choice {
    /// The one that the cost model prefers, per layer.
    #[default]
    Cheapest,
    /// Matrix products on overlapping rows.
    Direct,
    /// Products of spectra of tiles of so many rows, where the kernel fits.
    Spectral(usize),
    /// Matrix products of operands rounded to bfloat16, of linear layers too.
    Rounded,
}

/// What a map is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Purpose {
    /// Large batches, whose samples may share what the algorithm likes.
    #[default]
    Training,
    /// Any number of samples, from one on, none of whose results depends on the others.
    Inference,
}

impl Purpose {
    /// Samples for which an algorithm is chosen. In training more change nothing. The one algorithm of
    /// inference serves one sample, which waits for the weights to be read, and a thousand, which do
    /// not: for a few, neither pays much.
    fn batch(self) -> usize {
        match self {
            Self::Training => 64,
            Self::Inference => 4,
        }
    }
}

/// A map of rows to rows with an algorithm.
#[derive(Clone, Debug)]
pub(crate) enum Conv {
    Direct(Direct),
    Spectral(Spectral),
    Dense(Dense),
    Rounded(RoundedConv),
    RoundedDense(RoundedDense),
}

/// Memory for the passes of a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Values that a pass works in.
    pub(crate) scratch: usize,
    /// Values of the prepared weights.
    pub(crate) prepared: usize,
    /// Numbers in double precision that statistics are gathered in.
    pub(crate) records: usize,
}

impl Needs {
    /// The same where prepared weights are kept elsewhere.
    pub(crate) fn without_prepared(self) -> Self {
        Self { prepared: 0, ..self }
    }

    pub(crate) fn or_larger(self, other: Self) -> Self {
        Self {
            scratch: self.scratch.max(other.scratch),
            prepared: self.prepared.max(other.prepared),
            records: self.records.max(other.records),
        }
    }
}

/// Where a gradient of an input goes.
pub(crate) struct InputTarget<'a> {
    /// `(B, L, C)`, written.
    pub(crate) dx: &'a mut [f32],
    /// With the mean of every channel: `dx` becomes the gradient before the ReLU through which
    /// the input was read, and `records` gets `[Σ du | Σ du · (y − mean)]` records.
    pub(crate) below: Option<(&'a [f32], &'a mut [f64])>,
}

impl Conv {
    /// A convolution with the algorithm of choice.
    pub(crate) fn new(geometry: Geometry, choice: Choice, purpose: Purpose) -> Self {
        if choice == Choice::Rounded {
            return Self::Rounded(RoundedConv { geometry });
        }
        match best(&geometry, choice, purpose) {
            Some(points) => Self::Spectral(Spectral::new(geometry, points, purpose)),
            None => Self::Direct(Direct { geometry }),
        }
    }

    /// A linear layer.
    pub(crate) fn linear(features: usize, outputs: usize, choice: Choice) -> Self {
        if choice == Choice::Rounded {
            Self::RoundedDense(RoundedDense { features, outputs })
        } else {
            Self::Dense(Dense { features, outputs })
        }
    }

    /// Whether it is a linear layer, which reads its input as it is.
    pub(crate) fn is_linear(&self) -> bool {
        matches!(self, Self::Dense(_) | Self::RoundedDense(_))
    }

    /// Its shapes, unless it is a linear layer.
    pub(crate) fn geometry(&self) -> Option<Geometry> {
        match self {
            Self::Direct(direct) => Some(direct.geometry),
            Self::Spectral(spectral) => Some(spectral.geometry),
            Self::Rounded(rounded) => Some(rounded.geometry),
            Self::Dense(_) | Self::RoundedDense(_) => None,
        }
    }

    /// Its algorithm.
    pub(crate) fn choice(&self) -> Choice {
        match self {
            Self::Direct(_) | Self::Dense(_) => Choice::Direct,
            Self::Spectral(spectral) => Choice::Spectral(spectral.points),
            Self::Rounded(_) | Self::RoundedDense(_) => Choice::Rounded,
        }
    }

    /// Memory that passes of this batch need.
    pub(crate) fn needs(&self, batch: usize, learns: bool) -> Needs {
        match self {
            Self::Direct(direct) => direct.needs(batch, learns),
            Self::Spectral(spectral) => spectral.needs(batch, learns),
            Self::Dense(dense) => dense.needs(batch, learns),
            Self::Rounded(rounded) => rounded.needs(batch, learns),
            Self::RoundedDense(dense) => dense.needs(batch, learns),
        }
    }

    /// Makes of the weights what [`forward`](Self::forward) reads, if that is something else.
    pub(crate) fn prepare(&self, isa: Isa, weights: &[f32], prepared: &mut [f32]) {
        match self {
            Self::Spectral(spectral) => spectral.prepare(isa, weights, prepared),
            Self::Rounded(rounded) => rounded.prepare(isa, weights, prepared),
            Self::Direct(_) | Self::Dense(_) | Self::RoundedDense(_) => {}
        }
    }

    /// Values that [`prepare`](Self::prepare) writes.
    pub(crate) fn prepared(&self) -> usize {
        match self {
            Self::Spectral(spectral) => spectral.prepared(),
            Self::Rounded(rounded) => rounded.prepared(),
            Self::Direct(_) | Self::Dense(_) | Self::RoundedDense(_) => 0,
        }
    }

    /// Makes of the weights what [`backward`](Self::backward) reads for the input's gradient.
    pub(crate) fn prepare_backward(
        &self,
        isa: Isa,
        weights: &[f32],
        prepared: &mut [f32],
        scratch: &mut [f32],
    ) {
        match self {
            Self::Direct(direct) => direct.prepare_backward(weights, prepared),
            Self::Spectral(spectral) => {
                spectral.prepare_backward(isa, weights, prepared, scratch);
            }
            Self::Rounded(rounded) => rounded.prepare_backward(isa, weights, prepared, scratch),
            Self::Dense(_) | Self::RoundedDense(_) => {}
        }
    }

    /// `y` of the input, without bias; returns the number of records `[count | mean | squared
    /// deviations]` of the output, `1 + 2 D` numbers each, if there are `records`.
    pub(crate) fn forward(
        &self,
        isa: Isa,
        input: Input<'_>,
        weights: (&[f32], &[f32]),
        y: &mut [f32],
        records: Option<&mut [f64]>,
        scratch: &mut [f32],
    ) -> usize {
        match self {
            Self::Direct(direct) => direct.forward(isa, input, weights.0, y, records, scratch),
            Self::Spectral(spectral) => {
                spectral.forward(isa, input, weights.1, y, records, scratch)
            }
            Self::Dense(dense) => dense.forward(isa, input, weights.0, y, records),
            Self::Rounded(rounded) => rounded.forward(isa, input, weights.1, y, records, scratch),
            Self::RoundedDense(dense) => dense.forward(isa, input, weights.0, y, records, scratch),
        }
    }

    /// Adds to `dw` and writes `dx`, where wanted; returns the number of records of the sums,
    /// `2 C` numbers each, where wanted.
    pub(crate) fn backward(
        &self,
        isa: Isa,
        (input, gradient): (Input<'_>, Gradient<'_>),
        weights: (&[f32], &[f32]),
        dw: Option<&mut [f32]>,
        dx: Option<InputTarget<'_>>,
        scratch: &mut [f32],
    ) -> usize {
        match self {
            Self::Direct(direct) => {
                direct.backward(isa, (input, gradient), weights.1, dw, dx, scratch)
            }
            Self::Spectral(spectral) => {
                spectral.backward(isa, (input, gradient), weights.1, dw, dx, scratch)
            }
            Self::Dense(dense) => {
                dense.backward(isa, (input, gradient), weights.0, dw, dx, scratch);
                0
            }
            Self::Rounded(rounded) => {
                rounded.backward(isa, (input, gradient), weights.1, dw, dx, scratch)
            }
            Self::RoundedDense(dense) => {
                dense.backward(isa, (input, gradient), weights.0, dw, dx, scratch);
                0
            }
        }
    }
}

/// What reading or writing one channel of one row of a tile costs, transform included, in
/// multiplications; for tiles of 16, 32 and 64 rows. Measured by `cargo bench --bench layers`.
const TRANSFORM: [(usize, f64); 3] = [(16, 26.0), (32, 28.0), (64, 52.0)];
/// What it costs to read a prepared weight from memory, in multiplications: a core multiplies some
/// 80 times in the nanosecond in which it reads 4 to 7 of them.
const WEIGHT: f64 = 20.0;

/// Cost of a batch's forward pass in multiplications; none where the algorithm does not fit.
pub(crate) fn predicted(
    g: &Geometry,
    choice: Choice,
    purpose: Purpose,
    batch: usize,
) -> Option<f64> {
    let (width, outputs, batch) = (g.input.width(), g.output.channels, batch as f64);
    match choice {
        Choice::Cheapest | Choice::Rounded => None,
        Choice::Direct => {
            let weights = g.weights() as f64;
            Some(weights * (batch * g.output.length as f64 + WEIGHT))
        }
        Choice::Spectral(points) => {
            let (_, transform) = TRANSFORM.into_iter().find(|(size, _)| *size == points)?;
            if !g.input.channels.is_multiple_of(PANEL) || g.taps() > points / 2 {
                return None;
            }
            let tiles = batch * tiles(g.output.length, points + 1 - g.taps(), purpose) as f64;
            let products = ((3 * points / 2 - 1) * width * outputs) as f64;
            let transforms = transform * (points * (width + outputs)) as f64;
            let weights = (points * width * outputs) as f64;
            Some(tiles * (products + transforms) + weights * WEIGHT)
        }
    }
}

/// Multiplications that an algorithm's products really take in a forward pass, transforms left out.
pub(crate) fn products(g: &Geometry, choice: Choice, purpose: Purpose, batch: usize) -> f64 {
    let rows = batch as f64;
    match choice {
        Choice::Spectral(points) => {
            let step = points + 1 - g.taps().min(points);
            let tiles = tiles(g.output.length, step, purpose) as f64;
            rows * tiles * ((3 * points / 2 - 1) * g.input.width() * g.output.channels) as f64
        }
        _ => rows * (g.output.length * g.weights()) as f64,
    }
}

/// Tile length of the algorithm to use, or none for the direct one.
fn best(g: &Geometry, choice: Choice, purpose: Purpose) -> Option<usize> {
    let predicted = |choice| predicted(g, choice, purpose, purpose.batch());
    match choice {
        Choice::Direct | Choice::Rounded => None,
        Choice::Spectral(points) => predicted(choice).map(|_| points),
        Choice::Cheapest => {
            let cost = |points| Some((points, predicted(Choice::Spectral(points))?));
            let costs = TRANSFORM.into_iter().filter_map(|(points, _)| cost(points));
            let cheapest = costs.min_by(|a, b| a.1.total_cmp(&b.1))?;
            (Some(cheapest.1) < predicted(Choice::Direct)).then_some(cheapest.0)
        }
    }
}
