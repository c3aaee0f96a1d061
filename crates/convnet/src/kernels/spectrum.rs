//! From rows to spectra of tiles and back.
//!
//! A tile is `S` consecutive rows; its discrete Fourier transform, per channel, lies in planes: a
//! plane holds one number of every tile and channel, `[tile][channel]`, so that the product of two
//! spectra, summed over channels, is one matrix product per frequency. A complex product
//! `(a + ib)(c + id)` takes three real ones (Gauss):
//!
//! ```text
//! k₁ = a(c + d)   k₂ = c(b − a)   k₃ = d(a + b)      real: k₁ − k₃   imaginary: k₁ + k₂
//! ```
//!
//! The left side keeps `(c, d)`; the right side, whose spectrum is conjugated, as a convolution of
//! networks is a correlation, keeps `(b − a, a + b, a)` where it is read value by value, `(a, b)`
//! where it is read in vectors. The spectrum of real values needs the frequencies 0 to `S/2`, of
//! which the outermost are real. Two tiles are transformed as the real and imaginary part of one;
//! the frequencies between then come out doubled, which the weights take back.
#![expect(unsafe_code, reason = "vector loads and stores at computed places")]

use std::mem::MaybeUninit;
use std::ops::Range;

use super::fourier::{Complex, transform};
use super::isa::Kernel;
use super::memory::Parts;
use super::rows::{Input, Reading, Strip};
use super::simd::Vector;

/// Which factor of a product a spectrum is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// `(c, d)`
    Left,
    /// `(b − a, a + b, a)` of the conjugate.
    Right,
}

impl Side {
    /// Planes of a frequency.
    pub(crate) const fn parts(self) -> usize {
        match self {
            Self::Left => 2,
            Self::Right => 3,
        }
    }

    /// Planes of a tile of `points` rows: one of frequency 0, one of `points/2`, then the parts of
    /// the others.
    pub(crate) const fn planes(self, points: usize) -> usize {
        2 + self.parts() * (points / 2 - 1)
    }

    /// First plane of frequency `f`, neither 0 nor the highest.
    #[inline(always)]
    pub(crate) const fn plane(self, f: usize) -> usize {
        2 + self.parts() * (f - 1)
    }
}

/// Planes in memory: tile `first + t`, channel `c` of plane `p` at `p · plane + t · width + c`.
#[derive(Clone, Copy)]
pub(crate) struct Planes<'a> {
    pub(crate) values: Parts<'a, f32>,
    pub(crate) plane: usize,
    pub(crate) width: usize,
    pub(crate) first: usize,
}

/// How a signal is cut: tile `i` of a sample begins at joined row `i · step + lead`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiling<'a> {
    pub(crate) points: usize,
    pub(crate) per_sample: usize,
    /// Tiles of the batch.
    pub(crate) total: usize,
    pub(crate) step: usize,
    pub(crate) lead: isize,
    pub(crate) rotations: &'a [[f32; 2]],
}

impl Tiling<'_> {
    /// Sample and first joined row of a tile.
    #[inline(always)]
    fn place(&self, tile: usize) -> (usize, isize) {
        let (sample, i) = (tile / self.per_sample, tile % self.per_sample);
        (sample, (i * self.step) as isize + self.lead)
    }
}

/// Reads tiles and writes their spectra. Of a tile's rows the first `count` are read, the others
/// are zero, as is a last tile without partner.
pub(crate) struct Analyse<'a, R> {
    pub(crate) reading: R,
    pub(crate) strip: Strip,
    pub(crate) tiling: Tiling<'a>,
    pub(crate) count: usize,
    pub(crate) side: Side,
    /// Begins at an even tile.
    pub(crate) tiles: Range<usize>,
    pub(crate) to: Planes<'a>,
}

impl<R: Reading> Kernel for Analyse<'_, R> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match (self.tiling.points, self.side) {
                (16, Side::Left) => self.tiles::<V, 16, true>(),
                (16, Side::Right) => self.tiles::<V, 16, false>(),
                (32, Side::Left) => self.tiles::<V, 32, true>(),
                (32, Side::Right) => self.tiles::<V, 32, false>(),
                (64, Side::Left) => self.tiles::<V, 64, true>(),
                (_, Side::Left) => panic!("tiles of 16, 32 or 64 rows"),
                (_, Side::Right) => self.tiles::<V, 64, false>(),
            }
        }
    }
}

impl<R: Reading> Analyse<'_, R> {
    #[inline(always)]
    unsafe fn tiles<V: Vector, const S: usize, const LEFT: bool>(self) {
        let width = self.strip.width();
        let Planes { values, plane, first, .. } = self.to;
        assert!(self.tiling.rotations.len() == S && width.is_multiple_of(V::LANES));
        assert!(self.to.width == width && self.tiles.start >= first);
        let last = (self.tiles.end.next_multiple_of(2) - first) * width;
        let planes = if LEFT { Side::Left.planes(S) } else { Side::Right.planes(S) };
        assert!((planes - 1) * plane + last <= values.len() && last <= plane);
        let rotations = self.tiling.rotations.as_ptr();
        let mut input = MaybeUninit::<[Complex<V>; S]>::uninit();
        let mut output = MaybeUninit::<[Complex<V>; S]>::uninit();
        let input = input.as_mut_ptr().cast::<Complex<V>>();
        let output = output.as_mut_ptr().cast::<Complex<V>>();
        for tile in self.tiles.clone().step_by(2) {
            for channel in (0..width).step_by(V::LANES) {
                // SAFETY: `load` fills all points; the planes reach far enough by the assertions,
                // and the tiles are this kernel's own.
                unsafe {
                    self.load::<V, S>(tile, channel, input.cast());
                    self.load::<V, S>(tile + 1, channel, input.cast::<V>().add(1));
                    // The rows of the next pair come while this one is transformed.
                    self.prefetch::<V>(tile + 2, channel);
                    self.prefetch::<V>(tile + 3, channel);
                    transform::<V, S>(input, output, rotations);
                    let to = values.start().add((tile - first) * width + channel);
                    store::<V, S, LEFT>(output, to, plane, width);
                }
            }
        }
    }

    /// Asks for the rows of a tile.
    #[inline(always)]
    fn prefetch<V: Vector>(&self, tile: usize, channel: usize) {
        if tile < self.tiling.total {
            let (sample, row) = self.tiling.place(tile);
            let (phase, channel) = (channel / self.strip.channels, channel % self.strip.channels);
            let (from, until) = self.strip.inside(row, phase, self.count);
            let first = self.strip.place(sample, row, phase, channel);
            for j in from..until {
                let at = first + (j * self.strip.width()) as isize;
                self.reading.prefetch::<V>(at as usize);
            }
        }
    }

    /// One tile into every second vector from `to` on.
    #[inline(always)]
    unsafe fn load<V: Vector, const S: usize>(&self, tile: usize, channel: usize, to: *mut V) {
        // SAFETY: rows inside the strip exist for every sample of the reading.
        unsafe {
            let zero = V::splat(0.0);
            let (mut from, mut until) = (0, 0);
            if tile < self.tiling.total {
                let (sample, row) = self.tiling.place(tile);
                let (phase, channel) =
                    (channel / self.strip.channels, channel % self.strip.channels);
                (from, until) = self.strip.inside(row, phase, self.count);
                let coefficients = self.reading.channel::<V>(channel);
                let step = self.strip.width();
                let first = self.strip.place(sample, row, phase, channel);
                for j in from..until {
                    let at = (first + (j * step) as isize) as usize;
                    *to.add(2 * j) = self.reading.value(coefficients, at);
                }
            }
            for j in 0..from {
                *to.add(2 * j) = zero;
            }
            for j in until.max(from)..S {
                *to.add(2 * j) = zero;
            }
        }
    }
}

/// Parts the transforms of two tiles and writes their planes.
#[inline(always)]
unsafe fn store<V: Vector, const S: usize, const LEFT: bool>(
    z: *const Complex<V>,
    to: *mut f32,
    plane: usize,
    second: usize,
) {
    // SAFETY: the caller's planes; indices below `S`.
    unsafe {
        let [a, b] = *z;
        a.store(to);
        b.store(to.add(second));
        let [a, b] = *z.add(S / 2);
        a.store(to.add(plane));
        b.store(to.add(plane + second));
        for f in 1..S / 2 {
            let (u, v) = (*z.add(f), *z.add(S - f));
            let side = if LEFT { Side::Left } else { Side::Right };
            let to = to.add(side.plane(f) * plane);
            let (real, imaginary) = (u[0].plus(v[0]), u[1].minus(v[1]));
            factors::<V, LEFT>(real, imaginary, to, plane);
            let (real, imaginary) = (u[1].plus(v[1]), v[0].minus(u[0]));
            factors::<V, LEFT>(real, imaginary, to.add(second), plane);
        }
    }
}

#[inline(always)]
unsafe fn factors<V: Vector, const LEFT: bool>(real: V, imaginary: V, to: *mut f32, plane: usize) {
    // SAFETY: the caller's planes.
    unsafe {
        if LEFT {
            real.store(to);
            imaginary.store(to.add(plane));
        } else {
            // Of the conjugate: b = −imaginary.
            V::splat(0.0).minus(real).minus(imaginary).store(to);
            real.minus(imaginary).store(to.add(plane));
            real.store(to.add(2 * plane));
        }
    }
}

/// Joins the products of two tiles and transforms them back; row `j` of the first tile is then the
/// second part of point `j`, of the second tile the first part.
#[inline(always)]
unsafe fn invert<V: Vector, const S: usize>(
    from: *const f32,
    plane: usize,
    second: usize,
    z: *mut Complex<V>,
    rows: *mut Complex<V>,
    rotations: *const [f32; 2],
) {
    // SAFETY: the caller's planes; indices below `S`.
    unsafe {
        // The inverse transform is the transform with both parts exchanged.
        *z = [V::load(from.add(second)), V::load(from)];
        *z.add(S / 2) = [V::load(from.add(plane + second)), V::load(from.add(plane))];
        for f in 1..S / 2 {
            let from = from.add(Side::Left.plane(f) * plane);
            let (ar, ai) = (V::load(from), V::load(from.add(plane)));
            let (br, bi) = (V::load(from.add(second)), V::load(from.add(plane + second)));
            *z.add(f) = [ai.plus(br), ar.minus(bi)];
            *z.add(S - f) = [br.minus(ai), ar.plus(bi)];
        }
        transform::<V, S>(z, rows, rotations);
    }
}

/// What is written of the rows that come back.
pub(crate) enum Writing<'a> {
    /// The rows; with `moments` also `[count | mean | squared deviations]` of all of them.
    Outputs { moments: Option<&'a mut [f64]> },
    /// Gradients of an input.
    Inputs(InputGradient<'a>),
}

/// How the gradient of a map's input is written: as it is, or already through the ReLU of the
/// block before, with the two sums that its batch norm needs.
pub(crate) struct InputGradient<'a> {
    /// The input as the map read it, where a ReLU or nothing lies between; its mean per channel;
    /// `[Σ du | Σ du · (y − mean)]`, added to.
    pub(crate) below: Option<(Input<'a>, &'a [f32], &'a mut [f64])>,
}

/// Reads planes of products and writes the rows `0..step` of every tile that exist.
pub(crate) struct Synthesise<'a> {
    pub(crate) from: Planes<'a>,
    pub(crate) strip: Strip,
    pub(crate) tiling: Tiling<'a>,
    /// Begins at an even tile.
    pub(crate) tiles: Range<usize>,
    /// `(B, L, C)` of the strip.
    pub(crate) to: Parts<'a, f32>,
    pub(crate) writing: Writing<'a>,
}

impl Kernel for Synthesise<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.tiling.points {
                16 => self.tiles::<V, 16>(),
                32 => self.tiles::<V, 32>(),
                64 => self.tiles::<V, 64>(),
                _ => panic!("tiles of 16, 32 or 64 rows"),
            }
        }
    }
}

impl Synthesise<'_> {
    #[inline(always)]
    unsafe fn tiles<V: Vector, const S: usize>(mut self) {
        let width = self.strip.width();
        let Planes { values, plane, first, .. } = self.from;
        assert!(self.tiling.rotations.len() == S && width.is_multiple_of(V::LANES));
        assert!(self.from.width == width && self.tiles.start >= first);
        let last = (self.tiles.end.next_multiple_of(2) - first) * width;
        assert!((Side::Left.planes(S) - 1) * plane + last <= values.len() && last <= plane);
        let samples = self.tiles.end.min(self.tiling.total).div_ceil(self.tiling.per_sample);
        assert!(samples * self.strip.size() <= self.to.len());
        let rotations = self.tiling.rotations.as_ptr();
        let mut z = MaybeUninit::<[Complex<V>; S]>::uninit();
        let mut rows = MaybeUninit::<[Complex<V>; S]>::uninit();
        let z = z.as_mut_ptr().cast::<Complex<V>>();
        let rows = rows.as_mut_ptr().cast::<Complex<V>>();
        let mut before = 0;
        for tile in self.tiles.clone().step_by(2) {
            let mut written = 0;
            for channel in (0..width).step_by(V::LANES) {
                // SAFETY: the planes reach far enough and the samples exist by the assertions;
                // `invert` fills all rows; rows of different tiles do not overlap.
                unsafe {
                    let from = values.start().cast_const().add((tile - first) * width + channel);
                    // The places of the rows come while they are transformed.
                    self.prefetch::<V>(tile, channel);
                    self.prefetch::<V>(tile + 1, channel);
                    invert::<V, S>(from, plane, width, z, rows, rotations);
                    written = self.write::<V>(tile, channel, rows, before);
                }
            }
            before += written;
        }
        if let Writing::Outputs { moments: Some(moments) } = &mut self.writing {
            moments[0] = before as f64;
        }
    }

    /// Asks for the places of the rows of a tile, and for what is read beside them.
    #[inline(always)]
    fn prefetch<V: Vector>(&self, tile: usize, channel: usize) {
        if tile < self.tiling.total {
            let (phase, lane) = (channel / self.strip.channels, channel % self.strip.channels);
            let (sample, row) = self.tiling.place(tile);
            let (from, until) = self.strip.inside(row, phase, self.tiling.step);
            let first = self.strip.place(sample, row, phase, lane);
            for j in from..until {
                let at = (first + (j * self.strip.width()) as isize) as usize;
                V::prefetch(self.to.start().cast_const().wrapping_add(at));
                if let Writing::Inputs(InputGradient { below: Some((input, ..)) }) = &self.writing {
                    input.prefetch::<V>(at);
                }
            }
        }
    }

    /// Writes one vector of channels of a pair of tiles; returns the number of rows.
    #[inline(always)]
    unsafe fn write<V: Vector>(
        &mut self,
        tile: usize,
        channel: usize,
        rows: *const Complex<V>,
        before: usize,
    ) -> usize {
        let (phase, lane) = (channel / self.strip.channels, channel % self.strip.channels);
        let step = self.strip.width();
        // SAFETY: rows inside the strip exist in `to`, and in what lies below as it has one shape.
        unsafe {
            let zero = V::splat(0.0);
            let (mut plain, mut weighted) = (zero, zero);
            let mut ranges = [(0, 0, 0); 2];
            for (part, range) in ranges.iter_mut().enumerate() {
                if tile + part >= self.tiling.total {
                    continue;
                }
                let (sample, row) = self.tiling.place(tile + part);
                let (from, until) = self.strip.inside(row, phase, self.tiling.step);
                let first = self.strip.place(sample, row, phase, lane);
                *range = (from, until.max(from), first);
                let rows = rows.cast::<V>().add(1 - part);
                let to = self.to.start();
                let at = |j: usize| (first + (j * step) as isize) as usize;
                match &self.writing {
                    Writing::Outputs { .. } => {
                        for j in from..until {
                            let value = *rows.add(2 * j);
                            value.store(to.add(at(j)));
                            plain = plain.plus(value);
                        }
                    }
                    Writing::Inputs(InputGradient { below: None }) => {
                        for j in from..until {
                            (*rows.add(2 * j)).store(to.add(at(j)));
                        }
                    }
                    Writing::Inputs(InputGradient { below: Some((input, mean, _)) }) => {
                        let [scale, shift, floor] = input.channel::<V>(lane);
                        let mean = V::load(mean.as_ptr().add(lane));
                        for j in from..until {
                            let at = at(j);
                            let y = V::load(input.values.as_ptr().add(at));
                            let du = *rows.add(2 * j);
                            let du = du.where_above(y.times_plus(scale, shift), floor);
                            du.store(to.add(at));
                            plain = plain.plus(du);
                            weighted = du.times_plus(y.minus(mean), weighted);
                        }
                    }
                }
            }
            let count: usize = ranges.iter().map(|(from, until, _)| until - from).sum();
            match &mut self.writing {
                Writing::Outputs { moments: Some(moments) } if count > 0 => {
                    let mean = plain.times(V::splat(1.0 / count as f32));
                    let mut squares = zero;
                    for (part, (from, until, _)) in ranges.into_iter().enumerate() {
                        for j in from..until {
                            let deviation = (*rows.cast::<V>().add(2 * j + 1 - part)).minus(mean);
                            squares = deviation.times_plus(deviation, squares);
                        }
                    }
                    join_lanes(moments, before, count, channel, mean, squares);
                }
                Writing::Inputs(InputGradient { below: Some((_, mean, sums)) }) => {
                    let (left, right) = sums.split_at_mut(mean.len());
                    add_lanes(&mut left[lane..], plain);
                    add_lanes(&mut right[lane..], weighted);
                }
                _ => {}
            }
            count
        }
    }
}

/// Adds a vector to sums in double precision.
#[inline(always)]
pub(crate) fn add_lanes<V: Vector>(sums: &mut [f64], vector: V) {
    let mut lanes = [0.0f32; 16];
    // SAFETY: no vector has more than 16 lanes.
    unsafe { vector.store(lanes.as_mut_ptr()) }
    for (sum, lane) in sums.iter_mut().zip(&lanes[..V::LANES]) {
        *sum += f64::from(*lane);
    }
}

/// Joins mean and squared deviations of `count` rows to the record of `before` rows (Chan, Golub
/// and LeVeque's update), for the channels of a vector.
#[inline(always)]
pub(crate) fn join_lanes<V: Vector>(
    record: &mut [f64],
    before: usize,
    count: usize,
    channel: usize,
    mean: V,
    squares: V,
) {
    let (mut means, mut deviations) = ([0.0f32; 16], [0.0f32; 16]);
    // SAFETY: no vector has more than 16 lanes.
    unsafe {
        mean.store(means.as_mut_ptr());
        squares.store(deviations.as_mut_ptr());
    }
    let channels = record.len() / 2;
    let (left, right) = record[1..].split_at_mut(channels);
    let share = count as f64 / (before + count) as f64;
    let weight = before as f64 * share;
    let records = left[channel..].iter_mut().zip(&mut right[channel..]);
    let vectors = means.iter().zip(&deviations).take(V::LANES);
    for ((mean, squares), (new, deviations)) in records.zip(vectors) {
        let distance = f64::from(*new) - *mean;
        *mean += distance * share;
        *squares += f64::from(*deviations) + distance * distance * weight;
    }
}
