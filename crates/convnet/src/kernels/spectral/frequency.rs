//! The products of spectra, one frequency at a time.
#![expect(unsafe_code, reason = "planes are addressed by kernels")]

use crate::kernels::complex;
use crate::kernels::isa::Kernel;
use crate::kernels::memory::Parts;
use crate::kernels::product::{Left, Out, PANEL, Pair, Right, product};
use crate::kernels::simd::Vector;
use crate::kernels::spectrum::{Planes, Side};

/// One frequency of `left · right`: tiles by input channels, times input by output channels.
/// Frequency 0 does the highest one too, as both are real.
pub(super) struct Multiply<'a> {
    pub(super) left: Planes<'a>,
    /// `[plane][panel of outputs][input][32]`
    pub(super) right: &'a [f32],
    pub(super) out: Planes<'a>,
    pub(super) f: usize,
    /// Plane of the left side for `c + d`.
    pub(super) sum: usize,
    pub(super) rows: usize,
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
            let out = complex::Out {
                real: to,
                imaginary: to.add(out.plane),
                panel: PANEL,
                row: out.width,
            };
            complex::product::<V, true>(shape, [side(s), side(c), side(d)], pair, out, false);
        }
    }
}

/// One frequency of `out += leftᵀ · right`: input channels by tiles, times tiles by output
/// channels.
pub(super) struct Correlate<'a> {
    pub(super) left: Planes<'a>,
    pub(super) right: Planes<'a>,
    /// `[plane][panel of D][s·C][32]`
    pub(super) out: Parts<'a, f32>,
    pub(super) f: usize,
    pub(super) rows: usize,
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
            let out = complex::Out {
                real: to,
                imaginary: to.add(size),
                panel: left.width * PANEL,
                row: PANEL,
            };
            let sides = [from(2), from(0), from(1)];
            complex::product::<V, false>(shape, sides, pair, out, true);
        }
    }
}
