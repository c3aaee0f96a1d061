//! A convolution through products of spectra of tiles.
//!
//! Forward, tiles overlap by `taps − 1` rows and give `S − taps + 1` rows each (overlap-save).
//! Backward, the gradient of the output is cut into such overlapping tiles and the input into
//! tiles without overlap, filled up with zeros: the product with the weights then gives the rows of
//! the input's gradient that belong to the tile, and the product of both spectra, summed over
//! tiles, the spectrum of the gradient of the weights. So one spectrum of the gradient serves both.
//!
//! Work runs over chunks of tiles ([`schedule`]): rows to planes, products of planes ([`frequency`]),
//! planes to rows.
#![expect(unsafe_code, reason = "groups of tiles share memory")]

mod frequency;
mod schedule;

use super::conv::{Geometry, InputTarget, Needs, Purpose};
use super::fourier::rotations;
use super::isa::Isa;
use super::memory::{Parts, clear, spread};
use super::product::PANEL;
use super::rows::{Gradient, Input, Reading};
use super::spectrum::{Analyse, InputGradient, Planes, Side, Synthesise, Tiling, Writing};
use super::taps::{Fold, Unfold, tables, transpose};
use frequency::{Correlate, Multiply};
use schedule::Schedule;
pub(crate) use schedule::tiles;

/// Between planes, so that they do not meet in the same lines of the cache.
const GAP: usize = 16;

/// A convolution by tiles of `points` rows.
#[derive(Clone, Debug)]
pub(crate) struct Spectral {
    pub(crate) geometry: Geometry,
    /// Rows of a tile.
    pub(crate) points: usize,
    purpose: Purpose,
    rotations: Vec<[f32; 2]>,
    /// `[plane][tap]`: from taps to planes.
    unfold: Vec<f32>,
    /// `[tap][plane]`: from planes of sums to taps.
    fold: Vec<f32>,
}

impl Spectral {
    pub(crate) fn new(geometry: Geometry, points: usize, purpose: Purpose) -> Self {
        let (unfold, fold) = tables(points, geometry.taps());
        Self { geometry, points, purpose, rotations: rotations(points), unfold, fold }
    }

    /// Rows that a tile gives.
    fn step(&self) -> usize {
        self.points + 1 - self.geometry.taps()
    }

    /// Tiles of a sample of so many rows.
    fn tiles(&self, rows: usize) -> usize {
        tiles(rows, self.step(), self.purpose)
    }

    /// Values of the weights' spectrum.
    pub(crate) fn prepared(&self) -> usize {
        self.points * self.geometry.input.width() * self.geometry.output.channels
    }

    fn schedule(&self, batch: usize, rows: usize) -> Schedule {
        let g = &self.geometry;
        let width = self.points * (g.input.width() + g.output.channels);
        Schedule::new(batch * self.tiles(rows), self.prepared(), width)
    }

    fn forward_schedule(&self, batch: usize) -> Schedule {
        self.schedule(batch, self.geometry.output.length)
    }

    fn backward_schedule(&self, batch: usize) -> Schedule {
        self.schedule(batch, self.geometry.input.rows())
    }

    /// Planes for the sums `c + d` of a left side: one for each frequency, or one for all where
    /// one thread takes them in turn.
    fn sum_planes(&self, schedule: Schedule) -> usize {
        if schedule.shared() { self.points / 2 } else { 1 }
    }

    /// Distance between planes of a chunk, and values of all of `count`.
    fn chunk(&self, schedule: Schedule, width: usize, count: usize) -> (usize, usize) {
        let plane = schedule.chunk.next_multiple_of(2) * width + GAP;
        (plane, count * plane)
    }

    /// Left side and output of a forward chunk.
    fn forward_chunk(&self, schedule: Schedule) -> [(usize, usize); 2] {
        let g = &self.geometry;
        let left = self.points + self.sum_planes(schedule);
        [
            self.chunk(schedule, g.input.width(), left),
            self.chunk(schedule, g.output.channels, self.points),
        ]
    }

    /// Both sides of a backward chunk: the output's gradient, and the input, whose place the
    /// input's gradient takes.
    fn backward_chunk(&self, schedule: Schedule) -> [(usize, usize); 2] {
        let g = &self.geometry;
        let left = self.points + self.sum_planes(schedule);
        [
            self.chunk(schedule, g.output.channels, left),
            self.chunk(schedule, g.input.width(), Side::Right.planes(self.points)),
        ]
    }

    pub(crate) fn needs(&self, batch: usize, learns: bool) -> Needs {
        let g = &self.geometry;
        let values = |schedule: Schedule, chunk: [(usize, usize); 2]| {
            schedule.groups * (chunk[0].1 + chunk[1].1)
        };
        let (forward, backward) = (self.forward_schedule(batch), self.backward_schedule(batch));
        let outputs = forward.records() * (1 + 2 * g.output.channels);
        let mut needs = Needs {
            scratch: values(forward, self.forward_chunk(forward)),
            prepared: self.prepared(),
            records: outputs,
        };
        if learns {
            let sums = backward.groups * self.prepared();
            let chunks = values(backward, self.backward_chunk(backward));
            let scratch = (chunks + sums).max(g.transposed());
            let records = backward.records() * 2 * g.input.channels;
            needs = needs.or_larger(Needs { scratch, records, ..needs });
        }
        needs
    }

    fn tiling(&self, schedule: Schedule, rows: usize, lead: isize) -> Tiling<'_> {
        Tiling {
            points: self.points,
            per_sample: self.tiles(rows),
            total: schedule.tiles,
            step: self.step(),
            lead,
            rotations: &self.rotations,
        }
    }

    /// The weights' spectrum: `[plane][panel of D][s·C][32]`.
    pub(crate) fn prepare(&self, isa: Isa, weights: &[f32], prepared: &mut [f32]) {
        let g = &self.geometry;
        self.spectrum(
            isa,
            weights,
            (g.input.width(), g.output.channels),
            g.weight_rows(),
            prepared,
        );
    }

    /// The spectrum of the reversed weights from outputs to inputs: `[plane][panel of s·C][D][32]`.
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
        let rows = g.taps() * g.output.channels;
        self.spectrum(isa, transposed, (g.output.channels, g.input.width()), rows, prepared);
    }

    fn spectrum(
        &self,
        isa: Isa,
        weights: &[f32],
        (inputs, outputs): (usize, usize),
        rows: usize,
        prepared: &mut [f32],
    ) {
        let prepared = Parts::new(&mut prepared[..self.points * inputs * outputs]);
        spread(true, outputs / PANEL * inputs / PANEL, |i| {
            // Panel, and a stretch of its rows.
            let (panel, from) = (i / (inputs / PANEL), i % (inputs / PANEL) * PANEL);
            isa.run(Unfold {
                table: &self.unfold,
                taps: self.geometry.taps(),
                weights: &weights[panel * rows * PANEL..][..rows * PANEL],
                inputs,
                from,
                to: prepared,
                plane: inputs * outputs,
                start: panel * inputs * PANEL,
            });
        });
    }

    pub(crate) fn forward(
        &self,
        isa: Isa,
        input: Input<'_>,
        spectrum: &[f32],
        y: &mut [f32],
        records: Option<&mut [f64]>,
        scratch: &mut [f32],
    ) -> usize {
        let g = &self.geometry;
        let batch = y.len() / g.output.size();
        assert!(input.len() >= batch * g.input.size(), "samples of the input");
        let schedule = self.forward_schedule(batch);
        let (inputs, outputs) = (g.input.width(), g.output.channels);
        let tiling = self.tiling(schedule, g.output.length, 0);
        let [left, out] = self.forward_chunk(schedule);
        let scratch = Parts::new(scratch);
        let y = Parts::new(y);
        let size = 1 + 2 * outputs;
        let records = records.map(|records| {
            records[..schedule.records() * size].fill(0.0);
            Parts::new(records)
        });
        schedule.each_chunk(|group, chunk| {
            let start = group * (left.1 + out.1);
            // SAFETY: each group has its own stretch of the scratch memory.
            let (a, c) = unsafe {
                let a = scratch.part(start..start + left.1);
                (a, scratch.part(start + left.1..start + left.1 + out.1))
            };
            let first = chunk.start;
            let a = Planes { values: Parts::new(a), plane: left.0, width: inputs, first };
            let c = Planes { values: Parts::new(c), plane: out.0, width: outputs, first };
            schedule.each_block(chunk.clone(), |tiles| {
                isa.run(Analyse {
                    reading: input,
                    strip: g.input,
                    tiling,
                    count: self.points,
                    side: Side::Left,
                    tiles,
                    to: a,
                });
            });
            let rows = chunk.len().next_multiple_of(2);
            schedule.each_frequency(self.points, |f| {
                let sum = self.sum_plane(schedule, f);
                isa.run(Multiply { left: a, right: spectrum, out: c, f, sum, rows });
            });
            schedule.each_block(chunk, |tiles| {
                let record = tiles.start / schedule.block * size;
                // SAFETY: every block has its own record.
                let moments = records.map(|all| unsafe { all.part(record..record + size) });
                let writing = Writing::Outputs { moments };
                isa.run(Synthesise { from: c, strip: g.output, tiling, tiles, to: y, writing });
            });
        });
        schedule.records()
    }

    pub(crate) fn backward(
        &self,
        isa: Isa,
        (input, gradient): (Input<'_>, Gradient<'_>),
        spectrum: &[f32],
        dw: Option<&mut [f32]>,
        dx: Option<InputTarget<'_>>,
        scratch: &mut [f32],
    ) -> usize {
        let g = &self.geometry;
        let batch = gradient.len() / g.output.size();
        assert!(input.len() >= batch * g.input.size(), "samples of the input");
        let schedule = self.backward_schedule(batch);
        let (inputs, outputs) = (g.input.width(), g.output.channels);
        let [left, right] = self.backward_chunk(schedule);
        let before = g.taps() as isize - 1;
        let gradient_tiling = self.tiling(schedule, g.input.rows(), -before);
        let input_tiling = self.tiling(schedule, g.input.rows(), 0);
        let (chunks, sums) = scratch.split_at_mut(schedule.groups * (left.1 + right.1));
        let sums = &mut sums[..if dw.is_some() { schedule.groups * self.prepared() } else { 0 }];
        clear(sums);
        let (chunks, sum_parts) = (Parts::new(chunks), Parts::new(sums));
        let size = 2 * g.input.channels;
        let (target, below) = match dx {
            Some(InputTarget { dx, below }) => (Some(Parts::new(dx)), below),
            None => (None, None),
        };
        let below = below.map(|(mean, records)| {
            records[..schedule.records() * size].fill(0.0);
            (mean, Parts::new(records))
        });
        let learns = dw.is_some();
        schedule.each_chunk(|group, chunk| {
            let start = group * (left.1 + right.1);
            // SAFETY: each group has its own stretches of the scratch memory.
            let (d, x, sum) = unsafe {
                let d = chunks.part(start..start + left.1);
                let x = chunks.part(start + left.1..start + left.1 + right.1);
                let size = if learns { self.prepared() } else { 0 };
                (d, x, sum_parts.part(group * size..(group + 1) * size))
            };
            let first = chunk.start;
            let d = Planes { values: Parts::new(d), plane: left.0, width: outputs, first };
            let x = Planes { values: Parts::new(x), plane: right.0, width: inputs, first };
            let sum = Parts::new(sum);
            schedule.each_block(chunk.clone(), |tiles| {
                isa.run(Analyse {
                    reading: gradient,
                    strip: g.output,
                    tiling: gradient_tiling,
                    count: self.points,
                    side: Side::Left,
                    tiles: tiles.clone(),
                    to: d,
                });
                if learns {
                    isa.run(Analyse {
                        reading: input,
                        strip: g.input,
                        tiling: input_tiling,
                        count: self.step(),
                        side: Side::Right,
                        tiles,
                        to: x,
                    });
                }
            });
            let rows = chunk.len().next_multiple_of(2);
            schedule.each_frequency(self.points, |f| {
                if learns {
                    isa.run(Correlate { left: x, right: d, out: sum, f, rows });
                }
            });
            // Only when all of the input's planes have been read, as they lie three by three and
            // the gradient's two by two.
            schedule.each_frequency(self.points, |f| {
                if target.is_some() {
                    let sum = self.sum_plane(schedule, f);
                    isa.run(Multiply { left: d, right: spectrum, out: x, f, sum, rows });
                }
            });
            if let Some(to) = target {
                schedule.each_block(chunk, |tiles| {
                    let record = tiles.start / schedule.block * size;
                    // SAFETY: every block has its own record.
                    let below = below.map(|(mean, all)| unsafe {
                        (input, mean, all.part(record..record + size))
                    });
                    isa.run(Synthesise {
                        from: x,
                        strip: g.input,
                        tiling: input_tiling,
                        tiles,
                        to,
                        writing: Writing::Inputs(InputGradient { below }),
                    });
                });
            }
        });
        if let Some(dw) = dw {
            self.gather(isa, sums, dw);
        }
        if below.is_some() { schedule.records() } else { 0 }
    }

    /// Adds the taps of the groups' sums of spectra to `dw`.
    fn gather(&self, isa: Isa, sums: &[f32], dw: &mut [f32]) {
        let g = &self.geometry;
        let (inputs, rows) = (g.input.width(), g.weight_rows());
        let dw = Parts::new(dw);
        let blocks = inputs / PANEL;
        spread(true, g.output.channels / PANEL * blocks, |i| {
            isa.run(Fold {
                table: &self.fold,
                taps: g.taps(),
                sums,
                plane: inputs * g.output.channels,
                start: i / blocks * inputs * PANEL,
                inputs,
                from: i % blocks * PANEL,
                to: dw,
                rows,
                panel: i / blocks * rows * PANEL,
            });
        });
    }

    /// Where the sums `c + d` of a frequency go.
    fn sum_plane(&self, schedule: Schedule, f: usize) -> usize {
        self.points + if schedule.shared() { f } else { 0 }
    }
}
