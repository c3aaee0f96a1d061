//! Vectors of `f32`, so that each kernel is written once and compiled per instruction set.
//!
//! A value of a vector type is the proof that the machine has the instructions: only
//! [`Vector::splat`] and [`Vector::load`] make one out of nothing, and they are unsafe. What
//! combines vectors is therefore safe.
#![expect(unsafe_code, reason = "vector instructions and memory behind plain pointers")]

use super::rounded::pack::round;

/// A vector of `LANES` values.
pub(crate) trait Vector: Copy {
    /// Values in a vector; a divisor of 16.
    const LANES: usize;
    /// Rows of a register tile that is two vectors wide: as many as the registers hold.
    const ROWS: usize;

    /// The same value in every lane.
    ///
    /// # Safety
    /// The machine has the instruction set.
    unsafe fn splat(value: f32) -> Self;

    /// Reads `LANES` values.
    ///
    /// # Safety
    /// As [`splat`](Self::splat), and the values are there to read.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes `LANES` values.
    ///
    /// # Safety
    /// The values are there to write.
    unsafe fn store(self, to: *mut f32);

    /// Reads `LANES` pairs of bfloat16 as two vectors: the first and the second of each.
    ///
    /// # Safety
    /// As [`load`](Self::load), for twice as many halves.
    unsafe fn load_pairs(from: *const u16) -> (Self, Self);

    /// Writes `LANES` values rounded to the nearest bfloat16, ties to even.
    ///
    /// # Safety
    /// As [`store`](Self::store), for halves.
    unsafe fn store_rounded(self, to: *mut u16);

    /// Asks for a cache line that will be read or written soon.
    #[inline(always)]
    fn prefetch(_at: *const f32) {}

    /// `self + other`
    fn plus(self, other: Self) -> Self;
    /// `self − other`
    fn minus(self, other: Self) -> Self;
    /// `self · other`
    fn times(self, other: Self) -> Self;
    /// `self · factor + term`, rounded once where the machine can.
    fn times_plus(self, factor: Self, term: Self) -> Self;
    /// `self · factor − term`, rounded once where the machine can.
    fn times_minus(self, factor: Self, term: Self) -> Self;
    /// The larger; `other` where either is NaN.
    fn or_larger(self, other: Self) -> Self;
    /// `self` where `left > right`, else 0.
    fn where_above(self, left: Self, right: Self) -> Self;
}

/// Multiplications and additions from registers to registers: what the machine can do at most.
pub(crate) struct Ceiling(pub(crate) usize);

impl super::isa::Kernel for Ceiling {
    /// Multiplications done, and a value that depends on all of them.
    type Output = (f64, f32);
    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> (f64, f32) {
        const CHAINS: usize = 12;
        // SAFETY: the caller's promise; no vector has more than 16 lanes.
        unsafe {
            let factor = V::splat(std::hint::black_box(0.999));
            let mut sums = [V::splat(1.0); CHAINS];
            for _ in 0..self.0 {
                for sum in &mut sums {
                    *sum = sum.times_plus(factor, factor);
                }
            }
            let mut lanes = [0.0; 16];
            sums.into_iter().fold(V::splat(0.0), V::plus).store(lanes.as_mut_ptr());
            ((self.0 * CHAINS * V::LANES) as f64, lanes.iter().sum())
        }
    }
}

/// Eight values without any instruction set in mind.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Portable([f32; 8]);

impl Portable {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self;
        for (out, other) in out.0.iter_mut().zip(other.0) {
            *out = f(*out, other);
        }
        out
    }
}

impl Vector for Portable {
    const LANES: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn load_pairs(from: *const u16) -> (Self, Self) {
        // SAFETY: the caller's promise.
        let pairs = unsafe { from.cast::<[[u16; 2]; 8]>().read_unaligned() };
        let widen = |part: usize| pairs.map(|pair| f32::from_bits(u32::from(pair[part]) << 16));
        (Self(widen(0)), Self(widen(1)))
    }

    #[inline(always)]
    unsafe fn store_rounded(self, to: *mut u16) {
        // SAFETY: the caller's promise.
        unsafe { to.cast::<[u16; 8]>().write_unaligned(self.0.map(round)) }
    }

    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn times_plus(self, factor: Self, term: Self) -> Self {
        self.times(factor).plus(term)
    }

    #[inline(always)]
    fn times_minus(self, factor: Self, term: Self) -> Self {
        self.times(factor).minus(term)
    }

    #[inline(always)]
    fn or_larger(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn where_above(self, left: Self, right: Self) -> Self {
        let mut out = self;
        for (out, (left, right)) in out.0.iter_mut().zip(left.0.into_iter().zip(right.0)) {
            *out = if left > right { *out } else { 0.0 };
        }
        out
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64 as arch;

    use super::Vector;

    /// A vector type over intrinsics; `$keep` is `where_above`.
    macro_rules! vector {
        ($(#[$doc:meta])* $name:ident, $inner:ident, $lanes:literal, $rows:literal,
         $set1:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident $fma:ident
         $fms:ident $max:ident, $keep:expr, $pairs:expr, $round:expr) => {
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub(crate) struct $name(arch::$inner);

            impl Vector for $name {
                const LANES: usize = $lanes;
                const ROWS: usize = $rows;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    // SAFETY: the caller's promise.
                    Self(unsafe { arch::$set1(value) })
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the caller's promise.
                    Self(unsafe { arch::$load(from) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: the caller's promise.
                    unsafe { arch::$store(to, self.0) }
                }

                #[inline(always)]
                unsafe fn load_pairs(from: *const u16) -> (Self, Self) {
                    // SAFETY: the caller's promise.
                    let (first, second) = unsafe { $pairs(from) };
                    (Self(first), Self(second))
                }

                #[inline(always)]
                unsafe fn store_rounded(self, to: *mut u16) {
                    // SAFETY: the caller's promise.
                    unsafe { $round(self.0, to) }
                }

                #[inline(always)]
                fn prefetch(at: *const f32) {
                    // SAFETY: every x86-64 machine has the instruction, which reads nothing.
                    unsafe { arch::_mm_prefetch::<{ arch::_MM_HINT_T0 }>(at.cast()) }
                }

                #[inline(always)]
                fn plus(self, other: Self) -> Self {
                    // SAFETY: a vector exists, so the machine has the instructions.
                    Self(unsafe { arch::$add(self.0, other.0) })
                }

                #[inline(always)]
                fn minus(self, other: Self) -> Self {
                    // SAFETY: a vector exists, so the machine has the instructions.
                    Self(unsafe { arch::$sub(self.0, other.0) })
                }

                #[inline(always)]
                fn times(self, other: Self) -> Self {
                    // SAFETY: a vector exists, so the machine has the instructions.
                    Self(unsafe { arch::$mul(self.0, other.0) })
                }

                #[inline(always)]
                fn times_plus(self, factor: Self, term: Self) -> Self {
                    // SAFETY: a vector exists, so the machine has the instructions.
                    Self(unsafe { arch::$fma(self.0, factor.0, term.0) })
                }

                #[inline(always)]
                fn times_minus(self, factor: Self, term: Self) -> Self {
                    // SAFETY: a vector exists, so the machine has the instructions.
                    Self(unsafe { arch::$fms(self.0, factor.0, term.0) })
                }

                #[inline(always)]
                fn or_larger(self, other: Self) -> Self {
                    // SAFETY: a vector exists, so the machine has the instructions.
                    Self(unsafe { arch::$max(self.0, other.0) })
                }

                #[inline(always)]
                fn where_above(self, left: Self, right: Self) -> Self {
                    // SAFETY: a vector exists, so the machine has the instructions.
                    Self(unsafe { $keep(self.0, left.0, right.0) })
                }
            }
        };
    }

    vector!(
        /// Sixteen values (AVX-512F).
        Avx512, __m512, 16, 12,
        _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps
        _mm512_fmadd_ps _mm512_fmsub_ps _mm512_max_ps, keep512, pairs512, round512
    );
    vector!(
        /// Eight values (AVX2 and FMA).
        Avx2, __m256, 8, 6,
        _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps
        _mm256_fmadd_ps _mm256_fmsub_ps _mm256_max_ps, keep256, pairs256, round256
    );

    #[inline(always)]
    unsafe fn pairs512(from: *const u16) -> (arch::__m512, arch::__m512) {
        // SAFETY: the caller's promise.
        unsafe {
            let pairs = arch::_mm512_loadu_si512(from.cast());
            let high = arch::_mm512_set1_epi32(0xFFFF_0000u32.cast_signed());
            let second = arch::_mm512_and_si512(pairs, high);
            let first = arch::_mm512_slli_epi32::<16>(pairs);
            (arch::_mm512_castsi512_ps(first), arch::_mm512_castsi512_ps(second))
        }
    }

    #[inline(always)]
    unsafe fn pairs256(from: *const u16) -> (arch::__m256, arch::__m256) {
        // SAFETY: the caller's promise.
        unsafe {
            let pairs = arch::_mm256_loadu_si256(from.cast());
            let high = arch::_mm256_set1_epi32(0xFFFF_0000u32.cast_signed());
            let second = arch::_mm256_and_si256(pairs, high);
            let first = arch::_mm256_slli_epi32::<16>(pairs);
            (arch::_mm256_castsi256_ps(first), arch::_mm256_castsi256_ps(second))
        }
    }

    #[inline(always)]
    unsafe fn round512(value: arch::__m512, to: *mut u16) {
        // SAFETY: the caller's promise.
        unsafe {
            let bits = arch::_mm512_castps_si512(value);
            let odd = arch::_mm512_and_si512(
                arch::_mm512_srli_epi32::<16>(bits),
                arch::_mm512_set1_epi32(1),
            );
            let half = arch::_mm512_add_epi32(odd, arch::_mm512_set1_epi32(0x7FFF));
            let high = arch::_mm512_srli_epi32::<16>(arch::_mm512_add_epi32(bits, half));
            arch::_mm256_storeu_si256(to.cast(), arch::_mm512_cvtepi32_epi16(high));
        }
    }

    #[inline(always)]
    unsafe fn round256(value: arch::__m256, to: *mut u16) {
        // SAFETY: the caller's promise.
        unsafe {
            let bits = arch::_mm256_castps_si256(value);
            let odd = arch::_mm256_and_si256(
                arch::_mm256_srli_epi32::<16>(bits),
                arch::_mm256_set1_epi32(1),
            );
            let half = arch::_mm256_add_epi32(odd, arch::_mm256_set1_epi32(0x7FFF));
            let high = arch::_mm256_srli_epi32::<16>(arch::_mm256_add_epi32(bits, half));
            // Packing works within halves of the vector; their first quarters come together.
            let packed = arch::_mm256_packus_epi32(high, high);
            let joined = arch::_mm256_permute4x64_epi64::<0b00_00_10_00>(packed);
            arch::_mm_storeu_si128(to.cast(), arch::_mm256_castsi256_si128(joined));
        }
    }

    #[inline(always)]
    unsafe fn keep512(
        value: arch::__m512,
        left: arch::__m512,
        right: arch::__m512,
    ) -> arch::__m512 {
        // SAFETY: the caller has the vectors.
        unsafe {
            let above = arch::_mm512_cmp_ps_mask::<{ arch::_CMP_GT_OQ }>(left, right);
            arch::_mm512_maskz_mov_ps(above, value)
        }
    }

    #[inline(always)]
    unsafe fn keep256(
        value: arch::__m256,
        left: arch::__m256,
        right: arch::__m256,
    ) -> arch::__m256 {
        // SAFETY: the caller has the vectors.
        unsafe {
            let above = arch::_mm256_cmp_ps::<{ arch::_CMP_GT_OQ }>(left, right);
            arch::_mm256_and_ps(above, value)
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};
