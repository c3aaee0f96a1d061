//! What happens to values on their way between memory and a kernel, so that no pass of its own is
//! needed for it: batch norm and ReLU while a convolution reads its input, batch norm's backward
//! pass while it reads its gradient, statistics and ReLU's backward pass while it writes.
#![expect(unsafe_code, reason = "vector loads at computed places")]

use super::simd::Vector;

/// How a kernel reads: a value from memory and up to three numbers of its channel.
pub(crate) trait Reading: Copy + Sync + Send {
    /// The numbers of the channels from `channel` on.
    ///
    /// # Safety
    /// The machine has the instructions of `V`; a vector's width of channels is there.
    unsafe fn channel<V: Vector>(&self, channel: usize) -> [V; 3];

    /// The value at `at`.
    ///
    /// # Safety
    /// A vector's width of values is there.
    unsafe fn value<V: Vector>(&self, channel: [V; 3], at: usize) -> V;

    /// Asks for what [`value`](Self::value) will read.
    fn prefetch<V: Vector>(&self, at: usize);

    /// Number of values.
    fn len(&self) -> usize;
}

/// An input of a map: `x = max(scale · y + shift, floor)`, the batch norm and ReLU of the block
/// before; scale 1, shift 0 and floor −∞ read what is there.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// `(B, L, C)`
    pub(crate) values: &'a [f32],
    /// Per channel.
    pub(crate) scale: &'a [f32],
    /// Per channel.
    pub(crate) shift: &'a [f32],
    /// 0 with a ReLU, else −∞.
    pub(crate) floor: f32,
}

impl Reading for Input<'_> {
    #[inline(always)]
    unsafe fn channel<V: Vector>(&self, channel: usize) -> [V; 3] {
        debug_assert!(channel + V::LANES <= self.scale.len().min(self.shift.len()));
        // SAFETY: the caller's promise.
        unsafe {
            [
                V::load(self.scale.as_ptr().add(channel)),
                V::load(self.shift.as_ptr().add(channel)),
                V::splat(self.floor),
            ]
        }
    }

    #[inline(always)]
    unsafe fn value<V: Vector>(&self, [scale, shift, floor]: [V; 3], at: usize) -> V {
        debug_assert!(at + V::LANES <= self.values.len());
        // SAFETY: the caller's promise.
        let value = unsafe { V::load(self.values.as_ptr().add(at)) };
        floor.or_larger(value.times_plus(scale, shift))
    }

    #[inline(always)]
    fn prefetch<V: Vector>(&self, at: usize) {
        V::prefetch(self.values.as_ptr().wrapping_add(at));
    }

    fn len(&self) -> usize {
        self.values.len()
    }
}

/// The gradient of a map's output: `dy = slope · du + tilt · y + offset`, batch norm's backward
/// pass once its two sums are known.
#[derive(Clone, Copy)]
pub(crate) struct Gradient<'a> {
    /// ∂loss/∂u, `(B, L, C)`, `u` batch norm's output.
    pub(crate) du: &'a [f32],
    /// Batch norm's input, `(B, L, C)`.
    pub(crate) y: &'a [f32],
    /// Per channel.
    pub(crate) slope: &'a [f32],
    /// Per channel.
    pub(crate) tilt: &'a [f32],
    /// Per channel.
    pub(crate) offset: &'a [f32],
}

impl Reading for Gradient<'_> {
    #[inline(always)]
    unsafe fn channel<V: Vector>(&self, channel: usize) -> [V; 3] {
        debug_assert!(channel + V::LANES <= self.slope.len());
        // SAFETY: the caller's promise; the three have one length.
        unsafe {
            [
                V::load(self.slope.as_ptr().add(channel)),
                V::load(self.tilt.as_ptr().add(channel)),
                V::load(self.offset.as_ptr().add(channel)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn value<V: Vector>(&self, [slope, tilt, offset]: [V; 3], at: usize) -> V {
        debug_assert!(at + V::LANES <= self.du.len().min(self.y.len()));
        // SAFETY: the caller's promise; both arrays have one shape.
        let (du, y) =
            unsafe { (V::load(self.du.as_ptr().add(at)), V::load(self.y.as_ptr().add(at))) };
        du.times_plus(slope, y.times_plus(tilt, offset))
    }

    #[inline(always)]
    fn prefetch<V: Vector>(&self, at: usize) {
        V::prefetch(self.du.as_ptr().wrapping_add(at));
        V::prefetch(self.y.as_ptr().wrapping_add(at));
    }

    fn len(&self) -> usize {
        self.du.len()
    }
}

/// Rows of a sample as a convolution with stride 1 sees them: `stride` rows side by side are one
/// row of `stride · channels` (phases), after `padding` rows of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strip {
    /// Rows of a sample, `L`.
    pub(crate) length: usize,
    /// Values of a row, `C`.
    pub(crate) channels: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
}

impl Strip {
    /// Values of a joined row.
    pub(crate) fn width(&self) -> usize {
        self.stride * self.channels
    }

    /// Joined rows that hold all rows.
    pub(crate) fn rows(&self) -> usize {
        (self.length + self.padding).div_ceil(self.stride)
    }

    /// Values of a sample.
    pub(crate) fn size(&self) -> usize {
        self.length * self.channels
    }

    /// Of the `count` joined rows from `first` on, the range whose phase lies within the signal.
    #[inline(always)]
    pub(crate) fn inside(&self, first: isize, phase: usize, count: usize) -> (usize, usize) {
        let stride = self.stride as isize;
        let before = self.padding as isize - phase as isize - first * stride;
        let clamp = |rows: isize| (rows + stride - 1).div_euclid(stride).clamp(0, count as isize);
        (clamp(before) as usize, clamp(before + self.length as isize) as usize)
    }

    /// Place of channel `channel` of the joined row `row` in sample `sample`; meaningful inside.
    #[inline(always)]
    pub(crate) fn place(&self, sample: usize, row: isize, phase: usize, channel: usize) -> isize {
        let point = row * self.stride as isize + phase as isize - self.padding as isize;
        ((sample * self.length) as isize + point) * self.channels as isize + channel as isize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_rows_know_which_points_exist() {
        for (length, stride, padding) in [(7, 1, 0), (7, 1, 2), (8, 2, 1), (5, 3, 1), (1, 2, 0)] {
            let strip = Strip { length, channels: 1, stride, padding };
            for first in -4isize..9 {
                for phase in 0..stride {
                    let (from, to) = strip.inside(first, phase, 6);
                    for j in 0..6 {
                        let place = strip.place(0, first + j as isize, phase, 0);
                        let exists = (0..length as isize).contains(&place);
                        assert_eq!(
                            (from..to).contains(&j),
                            exists,
                            "{strip:?} {first} {phase} {j}"
                        );
                    }
                }
            }
        }
    }
}
