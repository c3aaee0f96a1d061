//! Rounding, and every unit against plain sums in double precision.
#![expect(unsafe_code, reason = "products are addressed by kernels")]

use super::pack::round;
use super::product::{Left, Out, Right, Shape, Unit};
use crate::initialize::uniform;
use crate::kernels::isa::{Isa, Kernel};
use crate::kernels::product::PANEL;
use crate::kernels::simd::Vector;

/// What sums in single precision may lose, relative to the largest sum of absolute products.
const SUM: f64 = 2e-6;

fn widen(half: u16) -> f32 {
    f32::from_bits(u32::from(half) << 16)
}

struct Store<'a>(&'a [f32], &'a mut [u16]);

impl Kernel for Store<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        assert!(self.0.len() <= self.1.len() && self.0.len().is_multiple_of(V::LANES));
        for at in (0..self.0.len()).step_by(V::LANES) {
            // SAFETY: within both slices.
            unsafe { V::load(self.0.as_ptr().add(at)).store_rounded(self.1.as_mut_ptr().add(at)) }
        }
    }
}

#[test]
fn every_instruction_set_rounds_to_the_nearest_and_ties_to_even() {
    let mut values = vec![
        0.0,
        -0.0,
        1.0,
        1.0 + 1.0 / 256.0,
        1.0 + 3.0 / 256.0,
        -1.0 - 1.0 / 256.0,
        f32::from_bits(0x3F80_8001),
        f32::from_bits(0x3F80_7FFF),
        f32::MAX,
        f32::INFINITY,
        f32::NEG_INFINITY,
        1e-40,
        1.5e38,
        -7.25,
        65_280.0,
        1e-30,
    ];
    values.extend(uniform(7, 1, 4096, 3.0));
    for (&value, nearest) in values.iter().zip(values.iter().map(|&value| round(value))) {
        if value.is_infinite() || value == f32::MAX {
            assert_eq!(widen(nearest), if value > 0.0 { f32::INFINITY } else { f32::NEG_INFINITY });
            continue;
        }
        let below = (value.to_bits() >> 16) as u16;
        let off = |half: u16| (f64::from(widen(half)) - f64::from(value)).abs();
        let (low, high) = (off(below), off(below + 1));
        let even = below + below % 2;
        let expected = if low < high {
            below
        } else if high < low {
            below + 1
        } else {
            even
        };
        assert_eq!(nearest, expected, "{value:e}");
    }
    for isa in Isa::available() {
        let mut found = vec![0; values.len()];
        isa.run(Store(&values, &mut found));
        let expected: Vec<u16> = values.iter().map(|&value| round(value)).collect();
        assert_eq!(found, expected, "{isa:?}");
    }
}

#[test]
fn every_unit_equals_the_plain_sums() {
    let cases = [(1, 1, 1, 32), (3, 5, 2, 32), (2, 31, 1, 96), (1, 33, 2, 64), (1, 80, 1, 544)];
    let cases = if cfg!(miri) { &cases[..2] } else { &cases[..] };
    for (case, &(samples, rows, panels, depth)) in cases.iter().enumerate() {
        let draw = |stream, count| -> Vec<u16> {
            uniform(case as u64 + 9, stream, count, 1.0).into_iter().map(round).collect()
        };
        // Overlapping rows, a gap between samples.
        let (row, gap) = (depth / 2 + 1, 7);
        let sample = (rows - 1) * row + depth + gap;
        let left = draw(1, samples * sample);
        let right = draw(2, panels * depth * PANEL);
        let width = panels * PANEL;
        for isa in Isa::available() {
            for unit in Unit::available(isa) {
                for add in [false, true] {
                    let mut found = vec![0.5; samples * rows * width];
                    let shape = Shape { samples, rows, panels, depth };
                    // SAFETY: the memories above hold these shapes.
                    unsafe {
                        let left = Left { start: left.as_ptr(), row, sample };
                        let right = Right { start: right.as_ptr(), panel: depth * PANEL };
                        let start = found.as_mut_ptr();
                        let out = Out { start, row: width, panel: PANEL, sample: rows * width };
                        unit.product(isa, shape, left, right, out, add);
                    }
                    for (at, found) in found.into_iter().enumerate() {
                        let (n, i, j) = (at / (rows * width), at / width % rows, at % width);
                        let a = |k: usize| f64::from(widen(left[n * sample + i * row + k]));
                        let b = |k: usize| {
                            let pair = (j / PANEL * depth + k / 2 * 2) * PANEL;
                            f64::from(widen(right[pair + j % PANEL * 2 + k % 2]))
                        };
                        let sum: f64 = (0..depth).map(|k| a(k) * b(k)).sum();
                        let size: f64 = (0..depth).map(|k| (a(k) * b(k)).abs()).sum();
                        let expected = sum + if add { 0.5 } else { 0.0 };
                        let error = (f64::from(found) - expected).abs();
                        let name = format!("{unit:?} with {isa:?}, {shape:?}, {at}");
                        assert!(error <= SUM * (size + 0.5), "{name}: {found} for {expected}");
                    }
                }
            }
        }
    }
}
