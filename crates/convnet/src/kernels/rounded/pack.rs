//! Rounding to bfloat16 and the arrangements that products read.
//!
//! *Rows* are as activations lie. *Pairs* hold two neighbouring steps `k`, `k + 1` of a sum beside
//! each other, `[panel][k/2][32][2]`. *Columns* are rows transposed, `[channel][row]`.
#![expect(unsafe_code, reason = "vector loads and stores at computed places")]

use crate::kernels::isa::Kernel;
use crate::kernels::product::PANEL;
use crate::kernels::rows::{Input, Reading, Strip};
use crate::kernels::simd::Vector;

/// Steps of a sum that a product takes at once: depths are whole multiples of it.
pub(crate) const STEPS: usize = 32;

/// The nearest bfloat16, ties to even; a NaN whose lower half is not full stays a NaN.
#[inline(always)]
pub(crate) fn round(value: f32) -> u16 {
    let bits = value.to_bits();
    (bits.wrapping_add(0x7FFF + (bits >> 16 & 1)) >> 16) as u16
}

/// Joined rows `first .. first + to.len()/width` of a sample, rounded; zeros where there are none.
pub(crate) struct Rows<'a, R> {
    pub(crate) reading: R,
    pub(crate) strip: Strip,
    pub(crate) sample: usize,
    pub(crate) first: isize,
    /// Whole joined rows.
    pub(crate) to: &'a mut [u16],
}

impl<R: Reading> Kernel for Rows<'_, R> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { reading, strip, sample, first, to } = self;
        let width = strip.width();
        let count = to.len() / width;
        assert!(strip.channels.is_multiple_of(V::LANES));
        assert!((sample + 1) * strip.size() <= reading.len());
        for phase in 0..strip.stride {
            let (from, until) = strip.inside(first, phase, count);
            for channel in (0..strip.channels).step_by(V::LANES) {
                // SAFETY: rows inside the strip exist; `j` is a row of `to`.
                unsafe {
                    let numbers = reading.channel::<V>(channel);
                    let start = strip.place(sample, first, phase, channel);
                    let lane = phase * strip.channels + channel;
                    for j in from..until {
                        let at = (start + (j * width) as isize) as usize;
                        let value: V = reading.value(numbers, at);
                        value.store_rounded(to.as_mut_ptr().add(j * width + lane));
                    }
                }
            }
            let lanes = phase * strip.channels..(phase + 1) * strip.channels;
            for j in (0..from).chain(until.max(from)..count) {
                to[j * width..][lanes.clone()].fill(0);
            }
        }
    }
}

/// The same for a signal with a single channel.
pub(crate) fn signal(input: Input<'_>, strip: Strip, sample: usize, first: isize, to: &mut [u16]) {
    let (length, stride) = (strip.length as isize, strip.stride as isize);
    let start = first * stride - strip.padding as isize;
    let values = &input.values[sample * strip.length..(sample + 1) * strip.length];
    for (to, point) in to.iter_mut().zip(start..) {
        *to = if (0..length).contains(&point) {
            let value = values[point as usize] * input.scale[0] + input.shift[0];
            round(if input.floor > value { input.floor } else { value })
        } else {
            0
        };
    }
}

/// Rows to pairs: rows `2i` and `2i + 1` of `width` values, some of whole panels, become pair `i`.
/// `panel` is the distance of panels in `to`.
pub(crate) struct Pairs<'a> {
    /// An even number of rows.
    pub(crate) rows: &'a [u16],
    pub(crate) width: usize,
    pub(crate) to: &'a mut [u16],
    pub(crate) panel: usize,
}

impl Kernel for Pairs<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { rows, width, to, panel } = self;
        for (i, pair) in rows.chunks_exact(2 * width).enumerate() {
            let (even, odd) = pair.split_at(width);
            let panels = even.chunks_exact(PANEL).zip(odd.chunks_exact(PANEL));
            for (p, (even, odd)) in panels.enumerate() {
                let to = &mut to[p * panel + i * 2 * PANEL..][..2 * PANEL];
                for ((to, even), odd) in to.chunks_exact_mut(2).zip(even).zip(odd) {
                    to[0] = *even;
                    to[1] = *odd;
                }
            }
        }
    }
}

/// Rows to columns: value `c` of row `r` goes to `to[c · step + r]`.
pub(crate) struct Columns<'a> {
    pub(crate) rows: &'a [u16],
    pub(crate) width: usize,
    pub(crate) to: &'a mut [u16],
    pub(crate) step: usize,
}

impl Kernel for Columns<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        /// Rows and columns of a block that stays in the first-level cache.
        const BLOCK: usize = 32;
        let Self { rows, width, to, step } = self;
        let count = rows.len() / width;
        assert!(width == 0 || (width - 1) * step + count <= to.len());
        for row in (0..count).step_by(BLOCK) {
            let height = BLOCK.min(count - row);
            for column in (0..width).step_by(BLOCK) {
                let mut block = [[0u16; BLOCK]; BLOCK];
                let breadth = BLOCK.min(width - column);
                for i in 0..height {
                    let from = &rows[(row + i) * width + column..][..breadth];
                    for (block, value) in block.iter_mut().zip(from) {
                        block[i] = *value;
                    }
                }
                for (c, block) in block.iter().take(breadth).enumerate() {
                    to[(column + c) * step + row..][..height].copy_from_slice(&block[..height]);
                }
            }
        }
    }
}

/// Weights `[k][32]` of one panel to pairs `[k/2][32][2]`, rounded; zeros beyond the last `k`.
pub(crate) struct Weights<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) to: &'a mut [u16],
}

impl Kernel for Weights<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { rows, to } = self;
        for (i, to) in to.chunks_exact_mut(2 * PANEL).enumerate() {
            let row = |k: usize| rows.get(k * PANEL..(k + 1) * PANEL);
            match (row(2 * i), row(2 * i + 1)) {
                (Some(even), Some(odd)) => {
                    for ((to, even), odd) in to.chunks_exact_mut(2).zip(even).zip(odd) {
                        to[0] = round(*even);
                        to[1] = round(*odd);
                    }
                }
                (Some(even), None) => {
                    for (to, even) in to.chunks_exact_mut(2).zip(even) {
                        to[0] = round(*even);
                        to[1] = 0;
                    }
                }
                _ => to.fill(0),
            }
        }
    }
}

/// Consecutive values, rounded.
pub(crate) struct Values<'a> {
    pub(crate) from: &'a [f32],
    pub(crate) to: &'a mut [u16],
}

impl Kernel for Values<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to = round(*from);
        }
    }
}
