//! A convolution as matrix products on overlapping rows: output row `l` is the product of the
//! `K·C` consecutive values from input row `l·s` with the weights, so nothing is unfolded.
//!
//! Backward, the gradient of the input is the same with reversed, transposed weights on joined
//! rows; that of the weights is the product of the same overlapping rows, taken as columns.
#![expect(unsafe_code, reason = "products are addressed by kernels")]

use super::conv::{Geometry, InputTarget, Needs};
use super::isa::{Isa, Kernel};
use super::memory::{Parts, spread};
use super::product::{DEPTH, Left, Out, PANEL, Right, Stack, product, product_of};
use super::rows::{Gradient, Input, Reading, Strip};
use super::simd::Vector;
use super::stage::{Moments, Stage, Unstage, stage_signal};
use super::taps::transpose;

/// Values of staged rows: a chunk of samples.
const STAGED: usize = 3 << 20;
/// Output rows of a piece of work.
const PIECE: usize = 240;
/// Rows of weights of a piece of work.
const WEIGHT_ROWS: usize = 96;
/// Steps of the sums of a signal's gradient, which nobody waits for and people look at.
const SIGNAL_STRETCH: usize = 32;
/// Pieces of work that are enough for any number of threads.
const ENOUGH: usize = 16;

/// A convolution without any transform.
#[derive(Clone, Debug)]
pub(crate) struct Direct {
    pub(crate) geometry: Geometry,
}

/// `B` samples of `rows` overlapping rows of `depth` values, `step` apart, `sample` per sample.
#[derive(Clone, Copy)]
struct Overlapping<'a> {
    values: &'a [f32],
    sample: usize,
    step: usize,
    depth: usize,
}

impl Direct {
    /// Values of a staged input sample.
    fn staged(&self) -> usize {
        let g = &self.geometry;
        ((g.output.length - 1) * g.input.stride + g.kernel) * g.input.channels
    }

    /// Values of a staged gradient sample: zeros around it, so that every joined input row finds
    /// all its taps.
    fn staged_gradient(&self) -> usize {
        let g = &self.geometry;
        (g.input.rows() + g.taps() - 1).max(g.output.length + g.taps() - 1) * g.output.channels
    }

    fn chunk(&self, batch: usize) -> usize {
        let g = &self.geometry;
        let sample = self.staged().max(self.staged_gradient()).max(g.input.rows() * g.joined());
        (STAGED / sample).clamp(1, batch.max(1))
    }

    /// Pieces of an output sample.
    fn pieces(&self) -> usize {
        self.geometry.output.length.div_ceil(PIECE)
    }

    pub(crate) fn needs(&self, batch: usize, learns: bool) -> Needs {
        let g = &self.geometry;
        let chunk = self.chunk(batch);
        let records = batch * self.pieces() * (1 + 2 * g.output.channels);
        if !learns {
            return Needs { scratch: chunk * self.staged(), prepared: 0, records };
        }
        let sample = self.staged() + self.staged_gradient() + g.input.rows() * g.joined();
        let records = records.max(batch * 2 * g.input.channels);
        Needs { scratch: chunk * sample + 2 * PANEL, prepared: g.transposed(), records }
    }

    pub(crate) fn prepare_backward(&self, weights: &[f32], prepared: &mut [f32]) {
        let g = &self.geometry;
        transpose(g, weights, &mut prepared[..g.transposed()]);
    }

    fn stage(&self, isa: Isa, input: Input<'_>, from: usize, staged: &mut [f32]) {
        let (size, strip) = (self.staged(), self.geometry.input);
        let (count, staged) = (staged.len() / size, Parts::new(staged));
        spread(true, count, |i| {
            // SAFETY: every sample has its own stretch.
            let to = unsafe { staged.part(i * size..(i + 1) * size) };
            let (sample, before) = (from + i, strip.padding);
            if strip.channels == 1 {
                stage_signal(input, sample, before, to, strip.length);
            } else {
                isa.run(Stage { reading: input, strip, sample, before, to });
            }
        });
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
        let g = &self.geometry;
        let (batch, chunk) = (y.len() / g.output.size(), self.chunk(y.len() / g.output.size()));
        let (pieces, size) = (self.pieces(), 1 + 2 * g.output.channels);
        let mut records = records.map(|records| &mut records[..batch * pieces * size]);
        for from in (0..batch).step_by(chunk) {
            let samples = chunk.min(batch - from);
            let staged = &mut scratch[..samples * self.staged()];
            self.stage(isa, input, from, staged);
            let rows = Overlapping {
                values: staged,
                sample: self.staged(),
                step: g.input.width(),
                depth: g.weight_rows(),
            };
            let y = &mut y[from * g.output.size()..][..samples * g.output.size()];
            multiply(isa, rows, weights, (y, g.output.length, g.output.channels), DEPTH);
            if let Some(records) = &mut records {
                let records = &mut records[from * pieces * size..][..samples * pieces * size];
                let (records, y) = (Parts::new(records), &*y);
                spread(true, samples * pieces, |i| {
                    let (sample, piece) = (i / pieces, i % pieces);
                    let points = piece * PIECE..g.output.length.min((piece + 1) * PIECE);
                    let y = &y[sample * g.output.size()..][..g.output.size()];
                    let channels = g.output.channels;
                    let rows = &y[points.start * channels..points.end * channels];
                    // SAFETY: every piece has its own record.
                    let record = unsafe { records.part(i * size..(i + 1) * size) };
                    isa.run(Moments { rows, record });
                });
            }
        }
        batch * pieces
    }

    pub(crate) fn backward(
        &self,
        isa: Isa,
        (input, gradient): (Input<'_>, Gradient<'_>),
        transposed: &[f32],
        mut dw: Option<&mut [f32]>,
        mut dx: Option<InputTarget<'_>>,
        scratch: &mut [f32],
    ) -> usize {
        let g = &self.geometry;
        let (batch, chunk) =
            (gradient.len() / g.output.size(), self.chunk(gradient.len() / g.output.size()));
        let before = g.taps() - 1;
        for from in (0..batch).step_by(chunk) {
            let samples = chunk.min(batch - from);
            let size = self.staged_gradient();
            let (dy, rest) = scratch.split_at_mut(samples * size);
            let parts = Parts::new(dy);
            spread(true, samples, |i| {
                // SAFETY: every sample has its own stretch.
                let to = unsafe { parts.part(i * size..(i + 1) * size) };
                isa.run(Stage { reading: gradient, strip: g.output, sample: from + i, before, to });
            });
            if let Some(dw) = &mut dw {
                let staged = &mut rest[..samples * self.staged()];
                self.stage(isa, input, from, staged);
                self.correlate(isa, staged, dy, dw);
            }
            if let Some(InputTarget { dx, below }) = &mut dx {
                let rows = Overlapping {
                    values: dy,
                    sample: size,
                    step: g.output.channels,
                    depth: g.taps() * g.output.channels,
                };
                let (length, width) = (g.input.rows(), g.joined());
                let joined = &mut rest[..samples * length * width];
                let stretch = if g.input.channels == 1 { SIGNAL_STRETCH } else { DEPTH };
                multiply(isa, rows, transposed, (joined, length, width), stretch);
                let below = below.as_mut().map(|(mean, records)| (&**mean, &mut **records));
                self.unstage(isa, joined, input, InputTarget { dx, below }, from);
            }
        }
        if dx.is_some_and(|dx| dx.below.is_some()) { batch } else { 0 }
    }

    /// Joined rows of samples `from…` into their places.
    fn unstage(
        &self,
        isa: Isa,
        joined: &[f32],
        input: Input<'_>,
        InputTarget { dx, below }: InputTarget<'_>,
        from: usize,
    ) {
        let g = &self.geometry;
        let size = g.input.rows() * g.joined();
        let dx = Parts::new(dx);
        let below = below.map(|(mean, records)| (mean, Parts::new(records)));
        spread(true, joined.len() / size, |i| {
            let sample = from + i;
            let place = sample * g.input.size()..(sample + 1) * g.input.size();
            let record = sample * 2 * g.input.channels..(sample + 1) * 2 * g.input.channels;
            // SAFETY: every sample has its own part of both.
            let (dx, below) = unsafe {
                let below = below.map(|(mean, records)| {
                    let values = &input.values[place.clone()];
                    (Input { values, ..input }, mean, records.part(record))
                });
                (dx.part(place.clone()), below)
            };
            let from = &joined[i * size..(i + 1) * size];
            isa.run(Unstage { from, row: g.joined(), strip: g.input, dx, below });
        });
    }

    /// `dw += rowsᵀ · dy` over the staged samples.
    fn correlate(&self, isa: Isa, staged: &[f32], dy: &[f32], dw: &mut [f32]) {
        let g = &self.geometry;
        let (blocks, panels) = (g.weight_rows().div_ceil(WEIGHT_ROWS), g.output.channels / PANEL);
        let dw = Parts::new(dw);
        spread(true, panels * blocks, |i| {
            isa.run(Correlate {
                direct: self,
                staged,
                dy,
                dw,
                panel: i / blocks,
                from: i % blocks * WEIGHT_ROWS,
            });
        });
    }
}

/// `out = rows · weights` for samples of `length` rows of `width` values.
fn multiply(
    isa: Isa,
    rows: Overlapping<'_>,
    weights: &[f32],
    (out, length, width): (&mut [f32], usize, usize),
    stretch: usize,
) {
    let samples = out.len() / (length * width);
    let (panels, pieces) = (width / PANEL, length.div_ceil(PIECE));
    // Whole pieces of rows, several short samples together; the panels apart where there are few.
    let together = (PIECE / length).clamp(1, samples.max(1));
    let works = samples.div_ceil(together) * pieces;
    let split = ENOUGH.div_ceil(works).min(panels);
    let share = panels.div_ceil(split);
    let out = Parts::new(out);
    spread(true, works * split, |i| {
        let (work, part) = (i / split, i % split);
        let (sample, piece) = (work / pieces * together, work % pieces);
        let panels = part * share..panels.min((part + 1) * share);
        isa.run(Multiply {
            rows,
            weights,
            out,
            length,
            width,
            samples: sample..samples.min(sample + together),
            points: piece * PIECE..length.min((piece + 1) * PIECE),
            panels: panels.start.min(panels.end)..panels.end,
            stretch,
        });
    });
}

struct Multiply<'a> {
    rows: Overlapping<'a>,
    weights: &'a [f32],
    out: Parts<'a, f32>,
    length: usize,
    width: usize,
    samples: std::ops::Range<usize>,
    points: std::ops::Range<usize>,
    panels: std::ops::Range<usize>,
    /// Steps of a sum between two visits of the result.
    stretch: usize,
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { rows, weights, out, length, width, samples, points, panels, stretch } = self;
        let Overlapping { values, sample: size, step, depth } = rows;
        assert!((samples.end - 1) * size + (points.end - 1) * step + depth <= values.len());
        assert!(panels.end * depth * PANEL <= weights.len() && panels.end * PANEL <= width);
        assert!(samples.end * length * width <= out.len() && points.end <= length);
        let stack = Stack { count: samples.len(), left: size, out: length * width };
        // SAFETY: in bounds by the assertions; rows and panels are this kernel's own.
        unsafe {
            let start = values.as_ptr().add(samples.start * size + points.start * step);
            let left = Left { start, row: step, step: 1 };
            let start = weights.as_ptr().add(panels.start * depth * PANEL);
            let right = Right { start, panel: depth * PANEL, step: PANEL };
            let row = samples.start * length + points.start;
            let start = out.start().add(row * width + panels.start * PANEL);
            let out = Out { start, panel: PANEL, row: width };
            let shape = (points.len(), panels.len(), depth);
            product_of::<V>(stack, stretch, shape, left, right, out, false);
        }
    }
}

/// Some rows of one panel of the weights' gradient, over all staged samples in their order.
struct Correlate<'a> {
    direct: &'a Direct,
    staged: &'a [f32],
    dy: &'a [f32],
    dw: Parts<'a, f32>,
    panel: usize,
    from: usize,
}

impl Kernel for Correlate<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { direct, staged, dy, dw, panel, from } = self;
        let g = &direct.geometry;
        let (size, gradient) = (direct.staged(), direct.staged_gradient());
        let (channels, strip): (usize, Strip) = (g.output.channels, g.input);
        let samples = staged.len() / size;
        let rows = WEIGHT_ROWS.min(g.weight_rows() - from);
        assert!(samples * gradient <= dy.len() && (panel + 1) * PANEL <= channels);
        assert!((panel + 1) * g.weight_rows() * PANEL <= dw.len());
        for sample in 0..samples {
            // SAFETY: a staged sample holds `weight_rows` values from every output row on, a
            // staged gradient `length` rows after the first; the rows of `dw` are this kernel's.
            unsafe {
                let start = staged.as_ptr().add(sample * size + from);
                let left = Left { start, row: 1, step: strip.width() };
                let start = sample * gradient + (g.taps() - 1) * channels + panel * PANEL;
                let right = Right { start: dy.as_ptr().add(start), panel: 0, step: channels };
                let start = dw.start().add((panel * g.weight_rows() + from) * PANEL);
                let out = Out { start, panel: 0, row: PANEL };
                product::<V>((rows, 1, g.output.length), left, right, out, true);
            }
        }
    }
}
