//! Rows on their way into and out of matrix products: read with what belongs to reading, padded,
//! and written with what belongs to writing.
#![expect(unsafe_code, reason = "vector loads and stores at computed places")]

use super::isa::Kernel;
use super::rows::{Input, Reading, Strip};
use super::simd::Vector;
use super::spectrum::{add_lanes, join_lanes};

/// Rows per sum in single precision: longer sums are sums of such stretches.
const STRETCH: usize = 64;

/// Copies one sample's rows, `before` rows of zeros first and zeros up to the end of `to`.
pub(crate) struct Stage<'a, R> {
    pub(crate) reading: R,
    pub(crate) strip: Strip,
    pub(crate) sample: usize,
    pub(crate) before: usize,
    pub(crate) to: &'a mut [f32],
}

impl<R: Reading> Kernel for Stage<'_, R> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { reading, strip, sample, before, to } = self;
        let channels = strip.channels;
        let (size, start) = (strip.size(), before * channels);
        let from = sample * size;
        assert!(channels.is_multiple_of(V::LANES) && from + size <= reading.len());
        let (zeros, rest) = to.split_at_mut(start);
        let kept = size.min(rest.len());
        let (to, after) = rest.split_at_mut(kept);
        zeros.fill(0.0);
        after.fill(0.0);
        for channel in (0..channels).step_by(V::LANES) {
            // SAFETY: the sample lies within the reading, rows of `to` within `to`.
            unsafe {
                let numbers = reading.channel::<V>(channel);
                for at in (channel..kept).step_by(channels) {
                    let value: V = reading.value(numbers, from + at);
                    value.store(to.as_mut_ptr().add(at));
                }
            }
        }
    }
}

/// The same for a signal with a single channel.
pub(crate) fn stage_signal(
    input: Input<'_>,
    sample: usize,
    before: usize,
    to: &mut [f32],
    length: usize,
) {
    to.fill(0.0);
    let kept = length.min(to.len() - before);
    let from = &input.values[sample * length..][..kept];
    for (to, value) in to[before..].iter_mut().zip(from) {
        let value = value * input.scale[0] + input.shift[0];
        *to = if input.floor > value { input.floor } else { value };
    }
}

/// The record `[count | mean | squared deviations]` of rows.
pub(crate) struct Moments<'a> {
    /// `(L, C)`
    pub(crate) rows: &'a [f32],
    pub(crate) record: &'a mut [f64],
}

impl Kernel for Moments<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { rows, record } = self;
        let channels = record.len() / 2;
        assert!(channels.is_multiple_of(V::LANES));
        record.fill(0.0);
        let mut before = 0;
        for stretch in rows.chunks(STRETCH * channels) {
            let count = stretch.len() / channels;
            for channel in (0..channels).step_by(V::LANES) {
                // SAFETY: channels of rows lie within the stretch.
                unsafe {
                    let row = |i: usize| stretch.as_ptr().add(i * channels + channel);
                    let mut sum = V::splat(0.0);
                    for i in 0..count {
                        sum = sum.plus(V::load(row(i)));
                    }
                    // Two passes: a single one over squares would cancel where the mean is large.
                    let mean = sum.times(V::splat(1.0 / count as f32));
                    let mut squares = V::splat(0.0);
                    for i in 0..count {
                        let deviation = V::load(row(i)).minus(mean);
                        squares = deviation.times_plus(deviation, squares);
                    }
                    join_lanes(record, before, count, channel, mean, squares);
                }
            }
            before += count;
        }
        record[0] = before as f64;
    }
}

/// Writes one sample's gradient of the input: row `i` of a joined row lies at `i · row` of `from`.
pub(crate) struct Unstage<'a> {
    pub(crate) from: &'a [f32],
    /// Values from one joined row to the next.
    pub(crate) row: usize,
    pub(crate) strip: Strip,
    /// This sample of the result.
    pub(crate) dx: &'a mut [f32],
    /// This sample of the input, the means, and the sums that are written.
    pub(crate) below: Option<(Input<'a>, &'a [f32], &'a mut [f64])>,
}

impl Kernel for Unstage<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let Self { from, row, strip, .. } = self;
        let channels = strip.channels;
        let place = |point: usize| {
            let point = point + strip.padding;
            point / strip.stride * row + point % strip.stride * channels
        };
        assert!(self.dx.len() == strip.size() && place(strip.length - 1) + channels <= from.len());
        if !channels.is_multiple_of(V::LANES) {
            assert!(self.below.is_none(), "a signal has nothing below");
            for (point, dx) in self.dx.chunks_exact_mut(channels).enumerate() {
                dx.copy_from_slice(&from[place(point)..][..channels]);
            }
            return;
        }
        if let Some((input, mean, sums)) = &mut self.below {
            assert!(input.values.len() == self.dx.len() && mean.len() == channels);
            sums.fill(0.0);
        }
        for first in (0..strip.length).step_by(STRETCH) {
            let points = first..strip.length.min(first + STRETCH);
            for channel in (0..channels).step_by(V::LANES) {
                // SAFETY: the last point lies within `from`, and so do all; `dx` and the input
                // have one shape.
                unsafe {
                    let source = |point: usize| from.as_ptr().add(place(point) + channel);
                    let Some((input, mean, sums)) = &mut self.below else {
                        for point in points.clone() {
                            let to = self.dx.as_mut_ptr().add(point * channels + channel);
                            V::load(source(point)).store(to);
                        }
                        continue;
                    };
                    let [scale, shift, floor] = input.channel::<V>(channel);
                    let mean_here = V::load(mean.as_ptr().add(channel));
                    let (mut plain, mut weighted) = (V::splat(0.0), V::splat(0.0));
                    for point in points.clone() {
                        let at = point * channels + channel;
                        let y = V::load(input.values.as_ptr().add(at));
                        let du = V::load(source(point));
                        let du = du.where_above(y.times_plus(scale, shift), floor);
                        du.store(self.dx.as_mut_ptr().add(at));
                        plain = plain.plus(du);
                        weighted = du.times_plus(y.minus(mean_here), weighted);
                    }
                    let (left, right) = sums.split_at_mut(channels);
                    add_lanes(&mut left[channel..], plain);
                    add_lanes(&mut right[channel..], weighted);
                }
            }
        }
    }
}
