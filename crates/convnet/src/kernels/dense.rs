//! A linear layer on whole samples: `y (B × D) = x (B × F) · w (F × D)`, the weights in panels.
#![expect(unsafe_code, reason = "products are addressed by kernels")]

use super::conv::{InputTarget, Needs};
use super::isa::{Isa, Kernel};
use super::memory::{Parts, spread};
use super::product::{Left, Out, PANEL, Right, product};
use super::rows::{Gradient, Input, Reading, Strip};
use super::simd::Vector;
use super::single::{Present, streams};
use super::stage::{Moments, Stage};

/// Features of a piece of work.
const PIECE: usize = 192;
/// Streams of weights that a core reads side by side.
const STREAMS: usize = 4;

/// A linear layer.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    /// `F`, in the order of the activations.
    pub(crate) features: usize,
    /// `D`, whole panels.
    pub(crate) outputs: usize,
}

impl Dense {
    pub(crate) fn needs(&self, batch: usize, learns: bool) -> Needs {
        let columns = batch.next_multiple_of(PANEL);
        let records = 1 + 2 * self.outputs;
        let scratch = if learns {
            self.outputs * (batch + columns)
                + self.features.next_multiple_of(PIECE) * columns.max(batch)
        } else {
            0
        };
        Needs { scratch, prepared: 0, records }
    }

    /// The input must be one that is read as it is.
    pub(crate) fn forward(
        &self,
        isa: Isa,
        input: Input<'_>,
        weights: &[f32],
        y: &mut [f32],
        records: Option<&mut [f64]>,
    ) -> usize {
        let batch = y.len() / self.outputs;
        let out = Parts::new(y);
        let panels = self.outputs / PANEL;
        if batch == 1 {
            let (x, present) = (input.values, &Present::of(&input.values[..self.features]));
            spread(true, panels.div_ceil(STREAMS), |i| {
                let panels = i * STREAMS..panels.min((i + 1) * STREAMS);
                isa.run(Single { dense: self, x, present, weights, out, panels });
            });
        } else {
            spread(true, panels, |panel| {
                isa.run(Multiply { dense: self, x: input.values, weights, out, batch, panel });
            });
        }
        if let Some(records) = records {
            isa.run(Moments { rows: y, record: &mut records[..=2 * self.outputs] });
        }
        1
    }

    pub(crate) fn backward(
        &self,
        isa: Isa,
        (input, gradient): (Input<'_>, Gradient<'_>),
        weights: &[f32],
        dw: Option<&mut [f32]>,
        dx: Option<InputTarget<'_>>,
        scratch: &mut [f32],
    ) {
        let (features, outputs) = (self.features, self.outputs);
        let batch = gradient.len() / outputs;
        let columns = batch.next_multiple_of(PANEL);
        let (dy, rest) = scratch.split_at_mut(batch * outputs);
        let (turned, pieces) = rest.split_at_mut(columns * outputs);
        let strip = Strip { length: batch, channels: outputs, stride: 1, padding: 0 };
        isa.run(Stage { reading: gradient, strip, sample: 0, before: 0, to: dy });
        let dy = &*dy;
        let count = features.div_ceil(PIECE);
        if let Some(dw) = dw {
            // `[panel of D][sample][32]`
            for (panel, to) in turned[..batch * outputs].chunks_exact_mut(batch * PANEL).enumerate()
            {
                for (row, to) in to.chunks_exact_mut(PANEL).enumerate() {
                    to.copy_from_slice(&dy[row * outputs + panel * PANEL..][..PANEL]);
                }
            }
            let (dw, turned) = (Parts::new(dw), &*turned);
            let packs = Parts::new(&mut *pieces);
            spread(true, count, |piece| {
                let rows = PIECE.min(features - piece * PIECE);
                // SAFETY: every piece has its own pack.
                let pack =
                    unsafe { packs.part(piece * PIECE * batch..(piece + 1) * PIECE * batch) };
                for (row, to) in pack.chunks_exact_mut(PIECE).enumerate() {
                    let from = &input.values[row * features + piece * PIECE..][..rows];
                    to[..rows].copy_from_slice(from);
                }
                isa.run(Correlate { dense: self, pack, dy: turned, dw, batch, piece, rows });
            });
        }
        if let Some(InputTarget { dx, below }) = dx {
            assert!(below.is_none(), "the input of a linear layer is read as it is");
            // `[panel of B][output][32]`
            for (panel, to) in turned.chunks_exact_mut(outputs * PANEL).enumerate() {
                for (output, to) in to.chunks_exact_mut(PANEL).enumerate() {
                    for (lane, to) in to.iter_mut().enumerate() {
                        let row = panel * PANEL + lane;
                        *to = if row < batch { dy[row * outputs + output] } else { 0.0 };
                    }
                }
            }
            let (dx, turned) = (Parts::new(dx), &*turned);
            let packs = Parts::new(pieces);
            spread(true, count, |piece| {
                let rows = PIECE.min(features - piece * PIECE);
                let size = PIECE * columns;
                // SAFETY: every piece has its own pack.
                let pack = unsafe { packs.part(piece * size..(piece + 1) * size) };
                isa.run(Transposed {
                    dense: self,
                    weights,
                    dy: turned,
                    pack: &mut *pack,
                    columns,
                    piece,
                    rows,
                });
                for row in 0..batch {
                    let at = row * features + piece * PIECE;
                    // SAFETY: every piece has its own features of each row.
                    let dx = unsafe { dx.part(at..at + rows) };
                    for (dx, from) in dx.iter_mut().zip(pack.chunks_exact(columns)) {
                        *dx = from[row];
                    }
                }
            });
        }
    }
}

/// A few panels of outputs of a single sample, where all there is to do is to read the weights.
struct Single<'a> {
    dense: &'a Dense,
    x: &'a [f32],
    present: &'a Present,
    weights: &'a [f32],
    out: Parts<'a, f32>,
    panels: std::ops::Range<usize>,
}

impl Kernel for Single<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { dense: &Dense { features, outputs }, x, present, weights, out, panels } = self;
        let size = features * PANEL;
        assert!(
            present.len() == features && features <= x.len() && panels.end * size <= weights.len()
        );
        assert!(panels.end * PANEL <= outputs && outputs <= out.len());
        // Columns of two vectors' width.
        let width = 2 * V::LANES;
        let columns = PANEL / width;
        let mut column = panels.start * columns;
        while column < panels.end * columns {
            // SAFETY: in bounds by the assertions; the columns are this kernel's own.
            unsafe {
                let right = |i: usize| {
                    let at = column + i;
                    weights.as_ptr().add(at / columns * size + at % columns * width)
                };
                let to = |i: usize| out.start().add((column + i) * width);
                if panels.end * columns - column >= STREAMS {
                    let (right, to) = ([0, 1, 2, 3].map(right), [0, 1, 2, 3].map(to));
                    streams::<V, STREAMS>(present, x.as_ptr(), right, PANEL, to);
                    column += STREAMS;
                } else {
                    streams::<V, 1>(present, x.as_ptr(), [right(0)], PANEL, [to(0)]);
                    column += 1;
                }
            }
        }
    }
}

/// One panel of outputs for the whole batch.
struct Multiply<'a> {
    dense: &'a Dense,
    x: &'a [f32],
    weights: &'a [f32],
    out: Parts<'a, f32>,
    batch: usize,
    panel: usize,
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { dense: &Dense { features, outputs }, x, weights, out, batch, panel } = self;
        let size = features * PANEL;
        assert!(batch * features <= x.len() && (panel + 1) * size <= weights.len());
        assert!((panel + 1) * PANEL <= outputs && batch * outputs <= out.len());
        // SAFETY: in bounds by the assertions; the panel is this kernel's own.
        unsafe {
            let left = Left { start: x.as_ptr(), row: features, step: 1 };
            let right = Right { start: weights.as_ptr().add(panel * size), panel: 0, step: PANEL };
            let out = Out { start: out.start().add(panel * PANEL), panel: 0, row: outputs };
            product::<V>((batch, 1, features), left, right, out, false);
        }
    }
}

/// Some features of the weights' gradient.
struct Correlate<'a> {
    dense: &'a Dense,
    /// `[sample][feature of the piece]`
    pack: &'a [f32],
    dy: &'a [f32],
    dw: Parts<'a, f32>,
    batch: usize,
    piece: usize,
    rows: usize,
}

impl Kernel for Correlate<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { dense: &Dense { features, outputs }, pack, dy, dw, batch, piece, rows } = self;
        assert!(batch * PIECE <= pack.len() && batch * outputs <= dy.len());
        assert!(piece * PIECE + rows <= features && features * outputs <= dw.len());
        // SAFETY: in bounds by the assertions; the features are this kernel's own.
        unsafe {
            let left = Left { start: pack.as_ptr(), row: 1, step: PIECE };
            let right = Right { start: dy.as_ptr(), panel: batch * PANEL, step: PANEL };
            let start = dw.start().add(piece * PIECE * PANEL);
            let out = Out { start, panel: features * PANEL, row: PANEL };
            product::<V>((rows, outputs / PANEL, batch), left, right, out, true);
        }
    }
}

/// Some features of the input's gradient, `[feature][sample]`: here the weights are the left side,
/// so that they are read as they lie.
struct Transposed<'a> {
    dense: &'a Dense,
    weights: &'a [f32],
    dy: &'a [f32],
    pack: &'a mut [f32],
    columns: usize,
    piece: usize,
    rows: usize,
}

impl Kernel for Transposed<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { dense: &Dense { features, outputs }, weights, dy, pack, columns, piece, rows } =
            self;
        assert!(rows * columns <= pack.len() && columns * outputs <= dy.len());
        assert!(piece * PIECE + rows <= features && features * outputs <= weights.len());
        for panel in 0..outputs / PANEL {
            // SAFETY: in bounds by the assertions.
            unsafe {
                let start = weights.as_ptr().add((panel * features + piece * PIECE) * PANEL);
                let left = Left { start, row: PANEL, step: 1 };
                let start = dy.as_ptr().add(panel * PANEL * PANEL);
                let right = Right { start, panel: outputs * PANEL, step: PANEL };
                let out = Out { start: pack.as_mut_ptr(), panel: PANEL, row: columns };
                product::<V>((rows, columns / PANEL, PANEL), left, right, out, panel > 0);
            }
        }
    }
}
