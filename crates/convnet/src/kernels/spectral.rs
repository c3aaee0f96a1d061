//! A convolution through products of spectra of tiles.
//!
//! Forward, tiles overlap by `taps − 1` rows and give `S − taps + 1` rows each (overlap-save).
//! Backward, the gradient of the output is cut into such overlapping tiles and the input into
//! tiles without overlap, filled up with zeros: the product with the weights then gives the rows of
//! the input's gradient that belong to the tile, and the product of both spectra, summed over
//! tiles, the spectrum of the gradient of the weights. So one spectrum of the gradient serves both.
//!
//! Work runs over chunks of tiles. Where the weights' spectrum is small, groups of tiles are
//! independent and their chunks stay in a core's cache; where it is large, all threads share the
//! planes of one chunk, so that each plane of weights is read once a chunk.
#![expect(unsafe_code, reason = "planes are addressed by kernels")]

use super::conv::{Geometry, InputTarget, Needs};
use super::fourier::rotations;
use super::isa::{Isa, Kernel};
use super::memory::{Parts, clear, spread};
use super::product::{Left, Out, PANEL, Right, product};
use super::rows::{Gradient, Input, Reading};
use super::simd::Vector;
use super::spectrum::{
    Analyse, InputGradient, Planes, Side, Synthesise, Tiling, Writing, planes,
};
use super::taps::{Fold, Unfold, tables, transpose};

/// Groups of tiles, each with its own chunk and sums; the sums are joined in the order of groups.
const GROUPS: usize = 8;
/// Tiles of a chunk of a group.
const CHUNK: usize = 48;
/// Values of a weights' spectrum up to which groups are worth their own sums.
const SMALL: usize = 2 << 20;
/// Values of the planes of a shared chunk.
const SHARED: usize = 6 << 20;
/// Between planes, so that they do not meet in the same lines of the cache.
const GAP: usize = 16;

/// A convolution by tiles of `points` rows.
#[derive(Clone, Debug)]
pub(crate) struct Spectral {
    pub(crate) geometry: Geometry,
    /// Rows of a tile.
    pub(crate) points: usize,
    rotations: Vec<[f32; 2]>,
    /// `[plane][tap]`: from taps to planes.
    unfold: Vec<f32>,
    /// `[tap][plane]`: from planes of sums to taps.
    fold: Vec<f32>,
}

/// How the tiles of a batch are worked through.
#[derive(Clone, Copy, Debug)]
struct Schedule {
    tiles: usize,
    groups: usize,
    /// Tiles of a chunk.
    chunk: usize,
    /// Tiles of one piece of work within a chunk.
    block: usize,
}

impl Schedule {
    /// Whether the threads share a chunk.
    fn shared(&self) -> bool {
        self.groups == 1
    }

    /// Chunks of a group.
    fn chunks(&self) -> usize {
        self.tiles.div_ceil(self.chunk).div_ceil(self.groups)
    }

    /// Blocks, each with its own record of statistics.
    fn records(&self) -> usize {
        self.tiles.div_ceil(self.block)
    }
}

impl Spectral {
    pub(crate) fn new(geometry: Geometry, points: usize) -> Self {
        let (unfold, fold) = tables(points, geometry.taps());
        Self { geometry, points, rotations: rotations(points), unfold, fold }
    }

    /// Rows that a tile gives.
    fn step(&self) -> usize {
        self.points + 1 - self.geometry.taps()
    }

    /// Values of the weights' spectrum.
    pub(crate) fn prepared(&self) -> usize {
        planes(self.points) * self.geometry.input.width() * self.geometry.output.channels
    }

    fn schedule(&self, batch: usize, rows: usize) -> Schedule {
        let tiles = batch * rows.div_ceil(self.step());
        if self.prepared() <= SMALL && tiles >= GROUPS * CHUNK {
            return Schedule { tiles, groups: GROUPS, chunk: CHUNK, block: CHUNK };
        }
        let g = &self.geometry;
        let row = planes(self.points) * (g.input.width() + g.output.channels);
        let chunk = (SHARED / row).max(1).next_multiple_of(CHUNK).min(tiles.next_multiple_of(2));
        let block = chunk.div_ceil(32).next_multiple_of(2);
        // Blocks do not straddle chunks.
        Schedule { tiles, groups: 1, chunk: chunk.next_multiple_of(block), block }
    }

    fn forward_schedule(&self, batch: usize) -> Schedule {
        self.schedule(batch, self.geometry.output.length)
    }

    fn backward_schedule(&self, batch: usize) -> Schedule {
        self.schedule(batch, self.geometry.input.rows())
    }

    /// Distance between planes of a chunk, and values of all of them.
    fn chunk(&self, schedule: Schedule, width: usize) -> (usize, usize) {
        let plane = schedule.chunk.next_multiple_of(2) * width + GAP;
        (plane, planes(self.points) * plane)
    }

    pub(crate) fn needs(&self, batch: usize, learns: bool) -> Needs {
        let g = &self.geometry;
        let chunks = |schedule: Schedule| {
            let sides = [g.input.width(), g.output.channels];
            schedule.groups * sides.map(|width| self.chunk(schedule, width).1).iter().sum::<usize>()
        };
        let (forward, backward) = (self.forward_schedule(batch), self.backward_schedule(batch));
        let outputs = forward.records() * (1 + 2 * g.output.channels);
        let mut needs =
            Needs { scratch: chunks(forward), prepared: self.prepared(), records: outputs };
        if learns {
            let sums = backward.groups * self.prepared();
            let scratch = (chunks(backward) + sums).max(g.transposed());
            let records = backward.records() * 2 * g.input.channels;
            needs = needs.or_larger(Needs { scratch, records, ..needs });
        }
        needs
    }

    fn tiling(&self, schedule: Schedule, rows: usize, lead: isize) -> Tiling<'_> {
        Tiling {
            points: self.points,
            per_sample: rows.div_ceil(self.step()),
            total: schedule.tiles,
            step: self.step(),
            lead,
            rotations: &self.rotations,
        }
    }

    /// The weights' spectrum: `[plane][panel of D][s·C][32]`.
    pub(crate) fn prepare(&self, isa: Isa, weights: &[f32], prepared: &mut [f32]) {
        let g = &self.geometry;
        self.spectrum(isa, weights, (g.input.width(), g.output.channels), g.weight_rows(), prepared);
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
        let prepared = Parts::new(&mut prepared[..planes(self.points) * inputs * outputs]);
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
        let [left, out] = [inputs, outputs].map(|width| self.chunk(schedule, width));
        let scratch = Parts::new(scratch);
        let y = Parts::new(y);
        let size = 1 + 2 * outputs;
        let records = records.map(|records| {
            records[..schedule.records() * size].fill(0.0);
            Parts::new(records)
        });
        self.each_chunk(schedule, |group, chunk| {
            let start = group * (left.1 + out.1);
            // SAFETY: each group has its own stretch of the scratch memory.
            let (a, c) = unsafe {
                let a = scratch.part(start..start + left.1);
                (a, scratch.part(start + left.1..start + left.1 + out.1))
            };
            let first = chunk.start;
            let a = Planes { values: Parts::new(a), plane: left.0, width: inputs, first };
            let c = Planes { values: Parts::new(c), plane: out.0, width: outputs, first };
            self.each_block(schedule, chunk.clone(), |tiles| {
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
            self.each_plane(schedule, |plane| {
                let right = (&spectrum[plane * inputs * outputs..][..inputs * outputs], inputs);
                isa.run(Multiply { left: a, right, out: c, plane, rows });
            });
            self.each_block(schedule, chunk, |tiles| {
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
        let [right, left] = [inputs, outputs].map(|width| self.chunk(schedule, width));
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
        self.each_chunk(schedule, |group, chunk| {
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
            self.each_block(schedule, chunk.clone(), |tiles| {
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
            self.each_plane(schedule, |plane| {
                if learns {
                    isa.run(Correlate { left: x, right: d, sum, plane, rows });
                }
                if target.is_some() {
                    let right = (&spectrum[plane * inputs * outputs..][..inputs * outputs], outputs);
                    isa.run(Multiply { left: d, right, out: x, plane, rows });
                }
            });
            if let Some(to) = target {
                self.each_block(schedule, chunk, |tiles| {
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

    /// Every chunk of every group: groups side by side, the chunks of a group in order.
    fn each_chunk(
        &self,
        schedule: Schedule,
        work: impl Fn(usize, std::ops::Range<usize>) + Sync + Send,
    ) {
        spread(!schedule.shared(), schedule.groups, |group| {
            for chunk in 0..schedule.chunks() {
                let from = (group * schedule.chunks() + chunk) * schedule.chunk;
                if from < schedule.tiles {
                    work(group, from..schedule.tiles.min(from + schedule.chunk));
                }
            }
        });
    }

    /// Every block of a chunk.
    fn each_block(
        &self,
        schedule: Schedule,
        chunk: std::ops::Range<usize>,
        work: impl Fn(std::ops::Range<usize>) + Sync + Send,
    ) {
        spread(schedule.shared(), chunk.len().div_ceil(schedule.block), |i| {
            let from = chunk.start + i * schedule.block;
            work(from..chunk.end.min(from + schedule.block));
        });
    }

    /// Every plane.
    fn each_plane(&self, schedule: Schedule, work: impl Fn(usize) + Sync + Send) {
        spread(schedule.shared(), planes(self.points), work);
    }
}

/// One plane of `left · right`: tiles by input channels, times input by output channels.
struct Multiply<'a> {
    left: Planes<'a>,
    /// Panels of weights, and their rows.
    right: (&'a [f32], usize),
    out: Planes<'a>,
    plane: usize,
    rows: usize,
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { left, right: (right, depth), out, plane, rows } = self;
        assert!(left.width == depth && right.len() == depth * out.width);
        for side in [left, out] {
            assert!(rows * side.width <= side.plane);
            assert!((plane + 1) * side.plane <= side.values.len());
        }
        // SAFETY: in bounds by the assertions; the plane of `out` is this kernel's own.
        unsafe {
            let start = left.values.start().add(plane * left.plane);
            let left = Left { start, row: left.width, step: 1 };
            let right = Right { start: right.as_ptr(), panel: depth * PANEL, step: PANEL };
            let start = out.values.start().add(plane * out.plane);
            let shape = (rows, out.width / PANEL, depth);
            product::<V>(shape, left, right, Out { start, panel: PANEL, row: out.width }, false);
        }
    }
}

/// One plane of `sum += leftᵀ · right`: input channels by tiles, times tiles by output channels.
struct Correlate<'a> {
    left: Planes<'a>,
    right: Planes<'a>,
    /// `[plane][panel of D][s·C][32]`
    sum: Parts<'a, f32>,
    plane: usize,
    rows: usize,
}

impl Kernel for Correlate<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { left, right, sum, plane, rows } = self;
        let size = left.width * right.width;
        assert!((plane + 1) * size <= sum.len());
        for side in [left, right] {
            assert!(rows * side.width <= side.plane);
            assert!((plane + 1) * side.plane <= side.values.len());
        }
        // SAFETY: in bounds by the assertions; the plane of `sum` is this kernel's own.
        unsafe {
            let shape = (left.width, right.width / PANEL, rows);
            let start = sum.start().add(plane * size);
            let out = Out { start, panel: left.width * PANEL, row: PANEL };
            let start = left.values.start().add(plane * left.plane);
            let step = left.width;
            let left = Left { start, row: 1, step };
            let start = right.values.start().add(plane * right.plane);
            let right = Right { start, panel: PANEL, step: right.width };
            product::<V>(shape, left, right, out, true);
        }
    }
}
