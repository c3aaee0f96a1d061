//! A convolution as matrix products of rounded operands on overlapping joined rows.
//!
//! Forward as [`direct`](crate::kernels::direct), on joined rows (polyphase): output row `l` is the
//! product of the `taps · width` consecutive values from joined row `l` with the weights. Backward,
//! with `D[j] = dy[j − (taps − 1)]` and zeros around it, joined row `i` of the input's gradient is
//! the product of the `taps · D` values from `D[i]` with the reversed, transposed weights, and tap
//! `k` of the weights' gradient the product of the columns of the input, from row `k` on, with the
//! gradient in pairs.
//!
//! Work is cut into units, some samples or a piece of one, whose arrangements stay in a core's
//! cache; [`GROUPS`] groups of units run side by side, each with its own memory and sums, which are
//! joined in their order.
#![expect(unsafe_code, reason = "products are addressed by kernels")]

use super::cut::{Cut, GROUPS, Share};
use super::pack::{Columns, Pairs, Rows, STEPS, Weights, signal};
use super::product::{Left, Out, Right, Shape, Unit};
use crate::kernels::conv::{Geometry, InputTarget, Needs};
use crate::kernels::isa::Isa;
use crate::kernels::memory::{Parts, clear, halves, read_halves, spread};
use crate::kernels::product::PANEL;
use crate::kernels::rows::{Gradient, Input, Reading, Strip};
use crate::kernels::stage::{Moments, Unstage};
use crate::kernels::taps::transpose;

/// Steps of a weight gradient's sum between two visits of the result.
const DEPTH: usize = 512;

/// A convolution of rounded operands.
#[derive(Clone, Debug)]
pub(crate) struct RoundedConv {
    pub(crate) geometry: Geometry,
}

/// Halves in whole cache lines.
fn lines(halves: usize) -> usize {
    halves.next_multiple_of(2 * PANEL)
}

/// Halves of a group's arrangements of one unit, and the values of its joined rows.
struct Room {
    /// Staged rows of the input or of the gradient.
    rows: usize,
    columns: usize,
    pairs: usize,
    joined: usize,
}

impl Room {
    /// Values of a group.
    fn values(&self) -> usize {
        (2 * self.rows + self.columns + self.pairs) / 2 + self.joined
    }
}

impl RoundedConv {
    /// Steps of an output's sum.
    fn depth(&self) -> usize {
        let g = &self.geometry;
        (g.taps() * g.input.width()).next_multiple_of(STEPS)
    }

    /// Steps of an input gradient's sum.
    fn depth_back(&self) -> usize {
        self.geometry.taps() * self.geometry.output.channels
    }

    /// Rows of a sample that backward units share out: of the gradient and of joined rows.
    fn rows_back(&self) -> usize {
        self.geometry.input.rows().max(self.geometry.output.length)
    }

    /// Halves of a staged row stretch; a product may read a few beyond the last row.
    fn staged(&self, cut: Cut) -> usize {
        let g = &self.geometry;
        let rows = cut.samples * (cut.rows + g.taps() - 1);
        lines(rows * g.input.width().max(g.output.channels) + STEPS)
    }

    /// Rows of a sample's stretch in columns and pairs.
    fn stretch(&self, rows: usize) -> usize {
        (rows + self.geometry.taps() - 1).next_multiple_of(2)
    }

    fn room(&self, cut: Cut) -> Room {
        let g = &self.geometry;
        let steps = (cut.samples * self.stretch(cut.rows)).next_multiple_of(STEPS);
        Room {
            rows: self.staged(cut),
            columns: lines(g.input.width() * self.column(steps)),
            pairs: lines(g.output.channels * steps),
            joined: cut.samples * cut.rows * g.joined(),
        }
    }

    /// Halves from one column to the next.
    fn column(&self, steps: usize) -> usize {
        // Columns are read from every tap on. An odd number of lines, or they would all meet in
        // few sets of the cache.
        let lines = (steps + self.geometry.taps()).div_ceil(STEPS);
        (lines + 1 - lines % 2) * STEPS
    }

    /// Values of the prepared weights, forward.
    pub(crate) fn prepared(&self) -> usize {
        self.depth() * self.geometry.output.channels / 2
    }

    pub(crate) fn needs(&self, batch: usize, learns: bool) -> Needs {
        let g = &self.geometry;
        let cut = Cut::new(batch, g.output.length);
        let outputs = batch * cut.pieces * (1 + 2 * g.output.channels);
        let needs = Needs {
            scratch: GROUPS * self.staged(cut) / 2,
            prepared: self.prepared(),
            records: outputs,
        };
        if !learns {
            return needs;
        }
        let cut = Cut::new(batch, self.rows_back());
        let scratch = GROUPS * (self.room(cut).values() + g.weights());
        needs.or_larger(Needs {
            scratch: scratch.max(g.transposed()),
            prepared: (self.depth_back() * g.joined() / 2).max(self.prepared()),
            records: batch * cut.pieces * 2 * g.input.channels,
        })
    }

    /// The weights in pairs.
    pub(crate) fn prepare(&self, isa: Isa, weights: &[f32], prepared: &mut [f32]) {
        let g = &self.geometry;
        let size = self.depth() * PANEL;
        arrange(isa, weights, g.weight_rows() * PANEL, &mut halves(prepared)[..], size);
    }

    /// The reversed weights from outputs to joined inputs, in pairs.
    pub(crate) fn prepare_backward(
        &self,
        isa: Isa,
        weights: &[f32],
        prepared: &mut [f32],
        scratch: &mut [f32],
    ) {
        let g = &self.geometry;
        let transposed = &mut scratch[..g.transposed()];
        transpose(g, weights, transposed);
        let size = self.depth_back() * PANEL;
        arrange(isa, transposed, size, &mut halves(prepared)[..], size);
    }

    pub(crate) fn forward(
        &self,
        isa: Isa,
        input: Input<'_>,
        prepared: &[f32],
        y: &mut [f32],
        records: Option<&mut [f64]>,
        scratch: &mut [f32],
    ) -> usize {
        let g = &self.geometry;
        let batch = y.len() / g.output.size();
        let cut = Cut::new(batch, g.output.length);
        let (size, width, channels) = (self.staged(cut), g.input.width(), g.output.channels);
        let (depth, taps) = (self.depth(), g.taps());
        let weights = &read_halves(prepared)[..depth * channels];
        let unit = Unit::detect(isa);
        let scratch = Parts::new(&mut halves(scratch)[..GROUPS * size]);
        let record = 1 + 2 * channels;
        let records = records.map(Parts::new);
        let y = Parts::new(y);
        spread(true, GROUPS, |group| {
            // SAFETY: every group has its own stretch.
            let rows = unsafe { scratch.part(group * size..(group + 1) * size) };
            for share in cut.group(group, g.output.length) {
                let each = (share.rows + taps - 1) * width;
                self.stage(isa, input, share, share.from as isize, &mut rows[..], each);
                let sample = g.output.size();
                let place = |n: usize| (share.first + n) * sample + share.from * channels;
                for n in 0..share.samples {
                    assert!(place(n) + share.rows * channels <= y.len());
                }
                let shape = Shape {
                    samples: share.samples,
                    rows: share.rows,
                    panels: channels / PANEL,
                    depth,
                };
                // SAFETY: the staged rows hold `depth` values from every output row on, as zeros
                // follow the last; the rows of `y` are this unit's own.
                unsafe {
                    let left = Left { start: rows.as_ptr(), row: width, sample: each };
                    let right = Right { start: weights.as_ptr(), panel: depth * PANEL };
                    let start = y.start().add(place(0));
                    let out = Out { start, row: channels, panel: PANEL, sample };
                    unit.product(isa, shape, left, right, out, false);
                }
                let Some(records) = records else { continue };
                for n in 0..share.samples {
                    let at = (share.first + n) * cut.pieces + share.piece;
                    // SAFETY: rows and records of this unit.
                    let (rows, record) = unsafe {
                        let rows = y.part(place(n)..place(n) + share.rows * channels);
                        (&*rows, records.part(at * record..(at + 1) * record))
                    };
                    isa.run(Moments { rows, record });
                }
            }
        });
        batch * cut.pieces
    }

    /// Joined input rows of a unit from row `first` on, `each` values a sample, zeros after them.
    fn stage(
        &self,
        isa: Isa,
        input: Input<'_>,
        share: Share,
        first: isize,
        rows: &mut [u16],
        each: usize,
    ) {
        let strip = self.geometry.input;
        for n in 0..share.samples {
            let to = &mut rows[n * each..(n + 1) * each];
            let sample = share.first + n;
            if strip.channels == 1 {
                signal(input, strip, sample, first, to);
            } else {
                isa.run(Rows { reading: input, strip, sample, first, to });
            }
        }
        rows[share.samples * each..][..STEPS].fill(0);
    }

    pub(crate) fn backward(
        &self,
        isa: Isa,
        (input, gradient): (Input<'_>, Gradient<'_>),
        prepared: &[f32],
        dw: Option<&mut [f32]>,
        dx: Option<InputTarget<'_>>,
        scratch: &mut [f32],
    ) -> usize {
        let g = &self.geometry;
        let batch = gradient.len() / g.output.size();
        let cut = Cut::new(batch, self.rows_back());
        let room = self.room(cut);
        let (chunks, sums) = scratch.split_at_mut(GROUPS * room.values());
        let learns = dw.is_some();
        let sums = &mut sums[..if learns { GROUPS * g.weights() } else { 0 }];
        clear(sums);
        let (chunks, sum_parts) = (Parts::new(chunks), Parts::new(sums));
        let (target, below) = match dx {
            Some(InputTarget { dx, below }) => (Some(Parts::new(dx)), below),
            None => (None, None),
        };
        let below = below.map(|(mean, records)| (mean, Parts::new(records)));
        let size = if learns { g.weights() } else { 0 };
        let unit = Unit::detect(isa);
        spread(true, GROUPS, |group| {
            // SAFETY: every group has its own stretches.
            let (chunk, sums) = unsafe {
                let chunk = chunks.part(group * room.values()..(group + 1) * room.values());
                (chunk, sum_parts.part(group * size..(group + 1) * size))
            };
            let (joined, rest) = chunk.split_at_mut(room.joined);
            let (dy, rest) = halves(rest).split_at_mut(room.rows);
            let (x, rest) = rest.split_at_mut(room.rows);
            let (columns, pairs) = rest.split_at_mut(room.columns);
            for share in cut.group(group, self.rows_back()) {
                self.stage_gradient(isa, gradient, share, dy);
                if learns {
                    let each = (share.rows + g.taps() - 1) * g.input.width();
                    self.stage(isa, input, share, share.from as isize, x, each);
                    self.correlate(isa, unit, share, (x, dy), (columns, pairs), sums);
                }
                if let Some(target) = target {
                    self.transposed(isa, unit, share, dy, prepared, joined);
                    self.unstage(isa, cut, share, joined, input, target, below);
                }
            }
        });
        if let Some(dw) = dw {
            join(sums, dw);
        }
        if below.is_some() { batch * cut.pieces } else { 0 }
    }

    /// Rows `D[from]…` of a unit, which begin `taps − 1` rows before those of the gradient.
    fn stage_gradient(&self, isa: Isa, reading: Gradient<'_>, share: Share, dy: &mut [u16]) {
        let g = &self.geometry;
        let (strip, before) = (g.output, g.taps() - 1);
        let each = (share.rows + before) * strip.channels;
        let first = share.from as isize - before as isize;
        for n in 0..share.samples {
            let to = &mut dy[n * each..(n + 1) * each];
            isa.run(Rows { reading, strip, sample: share.first + n, first, to });
        }
    }

    /// Adds the products of a unit's input with its gradient to `sums`.
    fn correlate(
        &self,
        isa: Isa,
        unit: Unit,
        share: Share,
        (x, dy): (&[u16], &[u16]),
        (columns, pairs): (&mut [u16], &mut [u16]),
        sums: &mut [f32],
    ) {
        let g = &self.geometry;
        let (width, channels, taps) = (g.input.width(), g.output.channels, g.taps());
        let (staged, stretch) = (share.rows + taps - 1, self.stretch(share.rows));
        let steps = (share.samples * stretch).next_multiple_of(STEPS);
        let (column, panel) = (self.column(steps), steps * PANEL);
        let pairs = &mut pairs[..channels * steps];
        for n in 0..share.samples {
            let rows = &x[n * staged * width..(n + 1) * staged * width];
            let to = &mut columns[n * stretch..];
            isa.run(Columns { rows, width, to, step: column });
            if stretch > staged {
                for c in 0..width {
                    columns[c * column + n * stretch + staged] = 0;
                }
            }
            // The gradient's own rows; the last of an odd number has a partner of zeros.
            let rows = &dy[(n * staged + taps - 1) * channels..][..share.rows * channels];
            let even = share.rows / 2 * 2 * channels;
            let to = &mut pairs[n * stretch * PANEL..];
            isa.run(Pairs { rows: &rows[..even], width: channels, to, panel });
            for p in 0..channels / PANEL {
                let end = (n + 1) * stretch * PANEL;
                let end = if n + 1 == share.samples { panel } else { end };
                let from = n * stretch * PANEL + share.rows / 2 * 2 * PANEL;
                let to = &mut pairs[p * panel + from..p * panel + end];
                to.fill(0);
                if share.rows % 2 == 1 {
                    let last = &rows[even + p * PANEL..][..PANEL];
                    for (to, value) in to.chunks_exact_mut(2).zip(last) {
                        to[0] = *value;
                    }
                }
            }
        }
        for c in 0..width {
            columns[c * column + share.samples * stretch..(c + 1) * column].fill(0);
        }
        assert!(steps + taps - 1 <= column && width * column <= columns.len());
        for from in (0..steps).step_by(DEPTH) {
            let depth = DEPTH.min(steps - from);
            for tap in 0..taps {
                let rows = width.min(g.weight_rows() - tap * width);
                let shape = Shape { samples: 1, rows, panels: channels / PANEL, depth };
                // SAFETY: a column holds `steps` values from every tap on by the assertion, the
                // pairs as many; rows of known taps lie within a panel of the sums.
                unsafe {
                    let start = columns.as_ptr().add(from + tap);
                    let left = Left { start, row: column, sample: 0 };
                    let right = Right { start: pairs.as_ptr().add(from * PANEL), panel };
                    let start = sums.as_mut_ptr().add(tap * width * PANEL);
                    let panel = g.weight_rows() * PANEL;
                    let out = Out { start, row: PANEL, panel, sample: 0 };
                    unit.product(isa, shape, left, right, out, true);
                }
            }
        }
    }

    /// Joined rows of the input's gradient.
    fn transposed(
        &self,
        isa: Isa,
        unit: Unit,
        share: Share,
        dy: &[u16],
        prepared: &[f32],
        joined: &mut [f32],
    ) {
        let g = &self.geometry;
        let (channels, width, depth) = (g.output.channels, g.joined(), self.depth_back());
        let each = (share.rows + g.taps() - 1) * channels;
        assert!(share.samples * each <= dy.len());
        assert!(share.samples * share.rows * width <= joined.len());
        let weights = &read_halves(prepared)[..depth * width];
        let shape =
            Shape { samples: share.samples, rows: share.rows, panels: width / PANEL, depth };
        // SAFETY: a sample's staged rows hold `depth` values from every joined row on.
        unsafe {
            let left = Left { start: dy.as_ptr(), row: channels, sample: each };
            let right = Right { start: weights.as_ptr(), panel: depth * PANEL };
            let start = joined.as_mut_ptr();
            let out = Out { start, row: width, panel: PANEL, sample: share.rows * width };
            unit.product(isa, shape, left, right, out, false);
        }
    }

    /// Joined rows of a unit into their places.
    #[expect(clippy::too_many_arguments, reason = "what belongs to writing comes in parts")]
    fn unstage(
        &self,
        isa: Isa,
        cut: Cut,
        share: Share,
        joined: &[f32],
        input: Input<'_>,
        dx: Parts<'_, f32>,
        below: Option<(&[f32], Parts<'_, f64>)>,
    ) {
        let g = &self.geometry;
        let Strip { length, channels, stride, padding } = g.input;
        // Points of the joined rows `from .. from + rows`.
        let point = |row: usize| (row * stride).saturating_sub(padding).min(length);
        let points = point(share.from)..point(share.from + share.rows);
        let before = points.start + padding - (share.from * stride).min(points.start + padding);
        let strip = Strip { length: points.len(), channels, stride, padding: before };
        for n in 0..share.samples {
            let sample = share.first + n;
            let at = sample * g.input.size();
            let place = at + points.start * channels..at + points.end * channels;
            let record = (sample * cut.pieces + share.piece) * 2 * channels;
            // SAFETY: every unit has its own points and records.
            let (dx, below) = unsafe {
                let below = below.map(|(mean, records)| {
                    let input = Input { values: &input.values[place.clone()], ..input };
                    (input, mean, records.part(record..record + 2 * channels))
                });
                (dx.part(place), below)
            };
            let size = share.rows * g.joined();
            let from = &joined[n * size..(n + 1) * size];
            if points.is_empty() {
                if let Some((.., record)) = below {
                    record.fill(0.0);
                }
                continue;
            }
            isa.run(Unstage { from, row: g.joined(), strip, dx, below });
        }
    }
}

/// Panels of weights, `from` values each, to pairs, `to` halves each.
fn arrange(isa: Isa, weights: &[f32], from: usize, prepared: &mut [u16], to: usize) {
    let panels = weights.len() / from;
    let prepared = Parts::new(&mut prepared[..panels * to]);
    // Stretches of a panel, as there are few panels.
    let stretch = 16 * STEPS * PANEL;
    let stretches = to.div_ceil(stretch);
    spread(true, panels * stretches, |i| {
        let (panel, at) = (i / stretches, i % stretches * stretch);
        let end = to.min(at + stretch);
        // SAFETY: every task has its own stretch.
        let to = unsafe { prepared.part(panel * to + at..panel * to + end) };
        let rows = &weights[panel * from..(panel + 1) * from];
        isa.run(Weights { rows: &rows[at.min(from)..end.min(from)], to });
    });
}

/// Adds the groups' sums to `dw`, in their order.
fn join(sums: &[f32], dw: &mut [f32]) {
    const STRETCH: usize = 1 << 14;
    let size = dw.len();
    let dw = Parts::new(dw);
    spread(true, size.div_ceil(STRETCH), |i| {
        let range = i * STRETCH..size.min((i + 1) * STRETCH);
        // SAFETY: every task has its own stretch.
        let dw = unsafe { dw.part(range.clone()) };
        for group in sums.chunks_exact(size) {
            for (dw, sum) in dw.iter_mut().zip(&group[range.clone()]) {
                *dw += sum;
            }
        }
    });
}
