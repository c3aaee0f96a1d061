//! A linear layer of rounded operands: `y (B × D) = x (B × F) · w (F × D)`.
//!
//! Weights are rounded while they are read, as each is read once a pass. Backward, the weights are
//! the left side of the input's gradient, as in [`dense`](crate::kernels::dense).
#![expect(unsafe_code, reason = "products are addressed by kernels")]

use super::pack::{Pairs, STEPS, Values, Weights};
use super::product::{Left, Out, Right, Shape, Unit};
use crate::kernels::conv::{InputTarget, Needs};
use crate::kernels::isa::Isa;
use crate::kernels::memory::{Parts, halves, spread};
use crate::kernels::product::PANEL;
use crate::kernels::rows::{Gradient, Input, Reading, Strip};
use crate::kernels::stage::{Moments, Stage};

/// Features between two visits of an output.
const STRETCH: usize = 512;
/// Features of a piece of work, backward.
const PIECE: usize = 64;

/// A linear layer of rounded operands.
#[derive(Clone, Debug)]
pub(crate) struct RoundedDense {
    /// `F`, in the order of the activations.
    pub(crate) features: usize,
    /// `D`, whole panels.
    pub(crate) outputs: usize,
}

impl RoundedDense {
    /// Steps of an output's sum.
    fn depth(&self) -> usize {
        self.features.next_multiple_of(STEPS)
    }

    /// Halves of a piece: its columns, and its weights.
    fn piece(&self, columns: usize) -> usize {
        PIECE * columns.max(self.outputs)
    }

    fn pieces(&self) -> usize {
        self.features.div_ceil(PIECE)
    }

    pub(crate) fn needs(&self, batch: usize, learns: bool) -> Needs {
        let records = 1 + 2 * self.outputs;
        let panels = self.outputs / PANEL;
        let mut scratch = (batch * self.depth() + panels * STRETCH * PANEL).div_ceil(2);
        if learns {
            let columns = batch.next_multiple_of(PANEL);
            let halves = 2 * columns * self.outputs + self.pieces() * self.piece(columns);
            let values = columns * self.outputs + self.pieces() * PIECE * columns;
            scratch = scratch.max(halves / 2 + values);
        }
        Needs { scratch, prepared: 0, records }
    }

    pub(crate) fn forward(
        &self,
        isa: Isa,
        input: Input<'_>,
        weights: &[f32],
        y: &mut [f32],
        records: Option<&mut [f64]>,
        scratch: &mut [f32],
    ) -> usize {
        let (features, outputs, depth) = (self.features, self.outputs, self.depth());
        let batch = y.len() / outputs;
        let (x, rest) = halves(scratch).split_at_mut(batch * depth);
        let parts = Parts::new(x);
        spread(true, batch, |n| {
            // SAFETY: every sample has its own row.
            let to = unsafe { parts.part(n * depth..(n + 1) * depth) };
            let from = &input.values[n * features..(n + 1) * features];
            isa.run(Values { from, to: &mut to[..features] });
            to[features..].fill(0);
        });
        let x = &*x;
        let unit = Unit::detect(isa);
        let (out, size) = (Parts::new(y), STRETCH * PANEL);
        let rooms = Parts::new(rest);
        spread(true, outputs / PANEL, |panel| {
            // SAFETY: every panel has its own room.
            let room = unsafe { rooms.part(panel * size..(panel + 1) * size) };
            let rows = &weights[panel * features * PANEL..(panel + 1) * features * PANEL];
            for from in (0..depth).step_by(STRETCH) {
                let steps = STRETCH.min(depth - from);
                let end = features.min(from + steps);
                let to = &mut room[..steps * PANEL];
                isa.run(Weights { rows: &rows[from * PANEL..end * PANEL], to });
                let shape = Shape { samples: 1, rows: batch, panels: 1, depth: steps };
                // SAFETY: rows of `x` hold `depth` values; the panel of `y` is this task's own.
                unsafe {
                    let left = Left { start: x.as_ptr().add(from), row: depth, sample: 0 };
                    let right = Right { start: room.as_ptr(), panel: 0 };
                    let start = out.start().add(panel * PANEL);
                    let out = Out { start, row: outputs, panel: 0, sample: 0 };
                    unit.product(isa, shape, left, right, out, from > 0);
                }
            }
        });
        if let Some(records) = records {
            isa.run(Moments { rows: y, record: &mut records[..=2 * outputs] });
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
        let (dy, rest) = scratch.split_at_mut(columns * outputs);
        let strip = Strip { length: batch, channels: outputs, stride: 1, padding: 0 };
        isa.run(Stage { reading: gradient, strip, sample: 0, before: 0, to: &mut *dy });
        let (sums, rest) = rest.split_at_mut(self.pieces() * PIECE * columns);
        let (rows, rest) = halves(rest).split_at_mut(columns * outputs);
        isa.run(Values { from: dy, to: &mut *rows });
        let (turned, rooms) = rest.split_at_mut(columns * outputs);
        let (size, unit) = (self.piece(columns), Unit::detect(isa));
        let rooms = Parts::new(&mut rooms[..self.pieces() * size]);
        if let Some(dw) = dw {
            // `[panel of D][sample/2][32][2]`
            let panel = columns * PANEL;
            isa.run(Pairs { rows, width: outputs, to: &mut *turned, panel });
            let (dw, dy) = (Parts::new(dw), &*turned);
            spread(true, self.pieces(), |piece| {
                let (first, count) = (piece * PIECE, PIECE.min(features - piece * PIECE));
                // SAFETY: every piece has its own room.
                let room = unsafe { rooms.part(piece * size..(piece + 1) * size) };
                let room = &mut room[..PIECE * columns];
                room.fill(0);
                for n in 0..batch {
                    let from = &input.values[n * features + first..][..count];
                    for (i, value) in from.iter().enumerate() {
                        room[i * columns + n] = super::pack::round(*value);
                    }
                }
                let shape =
                    Shape { samples: 1, rows: count, panels: outputs / PANEL, depth: columns };
                assert!((outputs / PANEL - 1) * features + first + count <= dw.len() / PANEL);
                // SAFETY: columns and pairs hold `columns` values; the features are this task's.
                unsafe {
                    let left = Left { start: room.as_ptr(), row: columns, sample: 0 };
                    let right = Right { start: dy.as_ptr(), panel };
                    let start = dw.start().add(first * PANEL);
                    let out = Out { start, row: PANEL, panel: features * PANEL, sample: 0 };
                    unit.product(isa, shape, left, right, out, true);
                }
            });
        }
        if let Some(InputTarget { dx, below }) = dx {
            assert!(below.is_none(), "the input of a linear layer is read as it is");
            // `[panel of B][D/2][32][2]`
            let panel = outputs * PANEL;
            for (n, row) in rows.chunks_exact(outputs).enumerate() {
                let (to, lane) = (&mut turned[n / PANEL * panel..][..panel], 2 * (n % PANEL));
                for (to, pair) in to.chunks_exact_mut(2 * PANEL).zip(row.chunks_exact(2)) {
                    to[lane..lane + 2].copy_from_slice(pair);
                }
            }
            let (dx, dy, sums) = (Parts::new(dx), &*turned, Parts::new(sums));
            spread(true, self.pieces(), |piece| {
                let (first, count) = (piece * PIECE, PIECE.min(features - piece * PIECE));
                // SAFETY: every piece has its own room and sums.
                let (room, sums) = unsafe {
                    let range = piece * PIECE * columns..(piece + 1) * PIECE * columns;
                    (rooms.part(piece * size..(piece + 1) * size), sums.part(range))
                };
                for (p, rows) in weights.chunks_exact(features * PANEL).enumerate() {
                    for i in 0..count {
                        let from = &rows[(first + i) * PANEL..][..PANEL];
                        let to = &mut room[i * outputs + p * PANEL..][..PANEL];
                        isa.run(Values { from, to });
                    }
                }
                let shape =
                    Shape { samples: 1, rows: count, panels: columns / PANEL, depth: outputs };
                // SAFETY: rows of weights and pairs hold `outputs` values.
                unsafe {
                    let left = Left { start: room.as_ptr(), row: outputs, sample: 0 };
                    let right = Right { start: dy.as_ptr(), panel };
                    let start = sums.as_mut_ptr();
                    let out = Out { start, row: columns, panel: PANEL, sample: 0 };
                    unit.product(isa, shape, left, right, out, false);
                }
                for n in 0..batch {
                    let at = n * features + first;
                    // SAFETY: every piece has its own features of each row.
                    let dx = unsafe { dx.part(at..at + count) };
                    for (dx, from) in dx.iter_mut().zip(sums.chunks_exact(columns)) {
                        *dx = from[n];
                    }
                }
            });
        }
    }
}
