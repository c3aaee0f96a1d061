//! Fourier transforms of 16, 32 or 64 complex points, each point a pair of vectors: as many
//! transforms at once as a vector has lanes.
//!
//! `X[f] = Σ x[n] e^(−2πi fn/S)`. With `n = m·n₁ + n₂` and `f = f₁ + r·f₂` (`S = r·m`) the sum falls
//! into `m` transforms of `r` points, `S` rotations, and `r` transforms of `m` points (Cooley and
//! Tukey, Math. Comput. 19 (1965) 297).
#![expect(unsafe_code, reason = "fixed-size transforms over plain pointers")]

use std::mem::MaybeUninit;

use super::simd::Vector;

/// Real and imaginary part.
pub(crate) type Complex<V> = [V; 2];

/// Largest number of points.
pub(crate) const LARGEST: usize = 64;

/// `e^(−2πi f₁n₂/S)` as `[cos, sin]` pairs, `f₁` fastest, for [`transform`].
pub(crate) fn rotations(points: usize) -> Vec<[f32; 2]> {
    let (radix, rest) = factors(points);
    let angle = |turns: usize| -2.0 * std::f64::consts::PI * turns as f64 / points as f64;
    (0..rest)
        .flat_map(|n| (0..radix).map(move |f| angle(f * n)))
        .map(|angle| [angle.cos() as f32, angle.sin() as f32])
        .collect()
}

const fn factors(points: usize) -> (usize, usize) {
    match points {
        16 => (4, 4),
        32 => (8, 4),
        64 => (8, 8),
        _ => panic!("16, 32 or 64 points"),
    }
}

#[inline(always)]
fn sum<V: Vector>(a: Complex<V>, b: Complex<V>) -> Complex<V> {
    [a[0].plus(b[0]), a[1].plus(b[1])]
}

#[inline(always)]
fn difference<V: Vector>(a: Complex<V>, b: Complex<V>) -> Complex<V> {
    [a[0].minus(b[0]), a[1].minus(b[1])]
}

#[inline(always)]
fn four<V: Vector>(x: [Complex<V>; 4]) -> [Complex<V>; 4] {
    let (a, b) = (sum(x[0], x[2]), difference(x[0], x[2]));
    let (c, d) = (sum(x[1], x[3]), difference(x[1], x[3]));
    [
        sum(a, c),
        [b[0].plus(d[1]), b[1].minus(d[0])],
        difference(a, c),
        [b[0].minus(d[1]), b[1].plus(d[0])],
    ]
}

#[inline(always)]
fn eight<V: Vector>(x: [Complex<V>; 8], half_root: V) -> [Complex<V>; 8] {
    let even = four([x[0], x[2], x[4], x[6]]);
    let odd = four([x[1], x[3], x[5], x[7]]);
    // Rotations by an eighth, a quarter and three eighths of a turn.
    let [r, i] = odd[1];
    let first = [half_root.times(r.plus(i)), half_root.times(i.minus(r))];
    let [r, i] = odd[3];
    let third = [half_root.times(i.minus(r)), half_root.times(r.plus(i))];
    let [r, i] = odd[2];
    [
        sum(even[0], odd[0]),
        sum(even[1], first),
        [even[2][0].plus(i), even[2][1].minus(r)],
        [even[3][0].plus(third[0]), even[3][1].minus(third[1])],
        difference(even[0], odd[0]),
        difference(even[1], first),
        [even[2][0].minus(i), even[2][1].plus(r)],
        [even[3][0].minus(third[0]), even[3][1].plus(third[1])],
    ]
}

/// The transform of `S` points; both buffers in natural order.
///
/// # Safety
/// The machine has the instructions of `V`; `S` points are there to read and to write, and
/// `rotations` are those of `S`.
#[inline(always)]
pub(crate) unsafe fn transform<V: Vector, const S: usize>(
    input: *const Complex<V>,
    output: *mut Complex<V>,
    rotations: *const [f32; 2],
) {
    // SAFETY: all indices are below `S`, and below that of the rotations.
    unsafe {
        let (radix, rest) = factors(S);
        let half_root = V::splat(std::f32::consts::FRAC_1_SQRT_2);
        let mut middle = MaybeUninit::<[Complex<V>; S]>::uninit();
        let middle = middle.as_mut_ptr().cast::<Complex<V>>();
        for n in 0..rest {
            if radix == 8 {
                let mut x = [[half_root; 2]; 8];
                for (j, x) in x.iter_mut().enumerate() {
                    *x = *input.add(j * rest + n);
                }
                let y = eight(x, half_root);
                rotate(&y, n, rest, middle, rotations);
            } else {
                let mut x = [[half_root; 2]; 4];
                for (j, x) in x.iter_mut().enumerate() {
                    *x = *input.add(j * rest + n);
                }
                let y = four(x);
                rotate(&y, n, rest, middle, rotations);
            }
        }
        for f in 0..radix {
            let from = middle.add(f * rest);
            if rest == 8 {
                let mut x = [[half_root; 2]; 8];
                for (j, x) in x.iter_mut().enumerate() {
                    *x = *from.add(j);
                }
                for (j, y) in eight(x, half_root).into_iter().enumerate() {
                    *output.add(f + radix * j) = y;
                }
            } else {
                let mut x = [[half_root; 2]; 4];
                for (j, x) in x.iter_mut().enumerate() {
                    *x = *from.add(j);
                }
                for (j, y) in four(x).into_iter().enumerate() {
                    *output.add(f + radix * j) = y;
                }
            }
        }
    }
}

/// Rotates column `n` into the middle buffer.
#[inline(always)]
unsafe fn rotate<V: Vector, const R: usize>(
    y: &[Complex<V>; R],
    n: usize,
    rest: usize,
    middle: *mut Complex<V>,
    rotations: *const [f32; 2],
) {
    // SAFETY: as in `transform`.
    unsafe {
        *middle.add(n) = y[0];
        for (f, [r, i]) in y.iter().copied().enumerate().skip(1) {
            let [cos, sin] = *rotations.add(n * R + f);
            let (cos, sin) = (V::splat(cos), V::splat(sin));
            *middle.add(f * rest + n) =
                [r.times_minus(cos, i.times(sin)), r.times_plus(sin, i.times(cos))];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::isa::{Isa, Kernel};
    use super::*;
    use crate::initialize::uniform;

    /// Transforms `points · 2 · 16` values, `[point][part][lane]`.
    struct Whole<'a>(usize, &'a mut [f32]);

    impl Kernel for Whole<'_> {
        type Output = ();
        #[inline(always)]
        unsafe fn run<V: Vector>(self) {
            let Self(points, values) = self;
            let rotations = rotations(points);
            // SAFETY: indices below the length of `values`.
            unsafe {
                let zero = [V::splat(0.0); 2];
                for lane in (0..16).step_by(V::LANES) {
                    let (mut input, mut output) = ([zero; 64], [zero; 64]);
                    let at = |n: usize, part: usize| (2 * n + part) * 16 + lane;
                    for (n, x) in input.iter_mut().take(points).enumerate() {
                        *x = [0, 1].map(|part| V::load(values.as_ptr().add(at(n, part))));
                    }
                    let (from, to) = (input.as_ptr(), output.as_mut_ptr());
                    match points {
                        16 => transform::<V, 16>(from, to, rotations.as_ptr()),
                        32 => transform::<V, 32>(from, to, rotations.as_ptr()),
                        _ => transform::<V, 64>(from, to, rotations.as_ptr()),
                    }
                    for (n, y) in output.iter().take(points).enumerate() {
                        y[0].store(values.as_mut_ptr().add(at(n, 0)));
                        y[1].store(values.as_mut_ptr().add(at(n, 1)));
                    }
                }
            }
        }
    }

    #[test]
    fn transforms_equal_the_plain_sum_for_every_instruction_set() {
        for isa in Isa::available() {
            for points in [16, 32, 64] {
                let values = uniform(points as u64, 3, points * 32, 1.0);
                let mut found = values.clone();
                isa.run(Whole(points, &mut found));
                for lane in 0..16 {
                    for f in 0..points {
                        let (mut real, mut imaginary) = (0.0, 0.0);
                        for n in 0..points {
                            let turn = (f * n % points) as f64 / points as f64;
                            let (sin, cos) = (2.0 * std::f64::consts::PI * turn).sin_cos();
                            let x = |part: usize| f64::from(values[(2 * n + part) * 16 + lane]);
                            real += x(0) * cos + x(1) * sin;
                            imaginary += x(1) * cos - x(0) * sin;
                        }
                        for (part, expected) in [real, imaginary].into_iter().enumerate() {
                            let found = f64::from(found[(2 * f + part) * 16 + lane]);
                            assert!((found - expected).abs() < 1e-5, "{isa:?} {points} {f}");
                        }
                    }
                }
            }
        }
    }
}
