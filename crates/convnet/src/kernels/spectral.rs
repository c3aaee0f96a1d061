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
use super::product::{ComplexOut, Left, Out, PANEL, Pair, Right, complex_product, product};
use super::rows::{Gradient, Input, Reading};
use super::simd::Vector;
use super::spectrum::{Analyse, InputGradient, Planes, Side, Synthesise, Tiling, Writing};
use super::taps::{Fold, Unfold, tables, transpose};

/// Groups of tiles, each with its own chunk and sums; the sums are joined in the order of groups.
const GROUPS: usize = 8;
/// Tiles of a chunk of a group.
const CHUNK: usize = 24;
/// Values of a weights' spectrum up to which groups are worth their own sums.
const SMALL: usize = 1 << 19;
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
        self.points * self.geometry.input.width() * self.geometry.output.channels
    }

    fn schedule(&self, batch: usize, rows: usize) -> Schedule {
        let tiles = batch * rows.div_ceil(self.step());
        if self.prepared() <= SMALL && tiles >= GROUPS * CHUNK {
            return Schedule { tiles, groups: GROUPS, chunk: CHUNK, block: CHUNK };
        }
        let g = &self.geometry;
        let row = 2 * self.points * (g.input.width() + g.output.channels);
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
            self.each_frequency(schedule, |f| {
                let sum = self.sum_plane(schedule, f);
                isa.run(Multiply { left: a, right: spectrum, out: c, f, sum, rows });
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
            self.each_frequency(schedule, |f| {
                if learns {
                    isa.run(Correlate { left: x, right: d, out: sum, f, rows });
                }
            });
            // Only when all of the input's planes have been read, as they lie three by three and
            // the gradient's two by two.
            self.each_frequency(schedule, |f| {
                if target.is_some() {
                    let sum = self.sum_plane(schedule, f);
                    isa.run(Multiply { left: d, right: spectrum, out: x, f, sum, rows });
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

    /// Every frequency but the highest, which goes with the lowest.
    fn each_frequency(&self, schedule: Schedule, work: impl Fn(usize) + Sync + Send) {
        spread(schedule.shared(), self.points / 2, work);
    }

    /// Where the sums `c + d` of a frequency go.
    fn sum_plane(&self, schedule: Schedule, f: usize) -> usize {
        self.points + if schedule.shared() { f } else { 0 }
    }
}

/// One frequency of `left · right`: tiles by input channels, times input by output channels.
/// Frequency 0 does the highest one too, as both are real.
struct Multiply<'a> {
    left: Planes<'a>,
    /// `[plane][panel of outputs][input][32]`
    right: &'a [f32],
    out: Planes<'a>,
    f: usize,
    /// Plane of the left side for `c + d`.
    sum: usize,
    rows: usize,
}

impl Kernel for Multiply<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { left, right, out, f, sum, rows } = self;
        let (depth, panels) = (left.width, out.width / PANEL);
        let size = depth * out.width;
        let first = if f == 0 { 0 } else { Side::Left.plane(f) };
        assert!((first + 2) * size <= right.len() && depth.is_multiple_of(V::LANES));
        for (side, last) in [(left, sum.max(first + 1)), (out, first + 1)] {
            assert!(rows * side.width <= side.plane);
            assert!((last + 1) * side.plane <= side.values.len());
        }
        // SAFETY: in bounds by the assertions; the planes of `out` and of the sums are this
        // kernel's own.
        unsafe {
            let from = |plane: usize| left.values.start().add(plane * left.plane);
            let side = |start: *mut f32| Left { start, row: depth, step: 1 };
            let weights = right.as_ptr().add(first * size);
            let to = out.values.start().add(first * out.plane);
            let shape = (rows, panels, depth);
            if f == 0 {
                for part in 0..2 {
                    let start = weights.add(part * size);
                    let right = Right { start, panel: depth * PANEL, step: PANEL };
                    let start = to.add(part * out.plane);
                    let out = Out { start, panel: PANEL, row: out.width };
                    product::<V>(shape, side(from(part)), right, out, false);
                }
                return;
            }
            let (c, d, s) = (from(first), from(first + 1), from(sum));
            for at in (0..rows * depth).step_by(V::LANES) {
                V::load(c.add(at)).plus(V::load(d.add(at))).store(s.add(at));
            }
            let pair = Pair {
                first: weights,
                second: weights.add(size),
                panel: depth * PANEL,
                step: PANEL,
            };
            let out =
                ComplexOut { real: to, imaginary: to.add(out.plane), panel: PANEL, row: out.width };
            complex_product::<V, true>(shape, [side(s), side(c), side(d)], pair, out, false);
        }
    }
}

/// One frequency of `out += leftᵀ · right`: input channels by tiles, times tiles by output
/// channels.
struct Correlate<'a> {
    left: Planes<'a>,
    right: Planes<'a>,
    /// `[plane][panel of D][s·C][32]`
    out: Parts<'a, f32>,
    f: usize,
    rows: usize,
}

impl Kernel for Correlate<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { left, right, out, f, rows } = self;
        let size = left.width * right.width;
        let (first, of_left) =
            if f == 0 { (0, 0) } else { (Side::Left.plane(f), Side::Right.plane(f)) };
        assert!((first + 2) * size <= out.len());
        for (side, last) in [(left, of_left + if f == 0 { 1 } else { 2 }), (right, first + 1)] {
            assert!(rows * side.width <= side.plane);
            assert!((last + 1) * side.plane <= side.values.len());
        }
        // SAFETY: in bounds by the assertions; the planes of `out` are this kernel's own.
        unsafe {
            let shape = (left.width, right.width / PANEL, rows);
            let from = |plane: usize| Left {
                start: left.values.start().add((of_left + plane) * left.plane),
                row: 1,
                step: left.width,
            };
            let gradient = right.values.start().add(first * right.plane);
            let to = out.start().add(first * size);
            if f == 0 {
                for part in 0..2 {
                    let start = gradient.add(part * right.plane);
                    let right = Right { start, panel: PANEL, step: right.width };
                    let start = to.add(part * size);
                    let out = Out { start, panel: left.width * PANEL, row: PANEL };
                    product::<V>(shape, from(part), right, out, true);
                }
                return;
            }
            let pair = Pair {
                first: gradient,
                second: gradient.add(right.plane),
                panel: PANEL,
                step: right.width,
            };
            let out = ComplexOut {
                real: to,
                imaginary: to.add(size),
                panel: left.width * PANEL,
                row: PANEL,
            };
            let sides = [from(2), from(0), from(1)];
            complex_product::<V, false>(shape, sides, pair, out, true);
        }
    }
}
