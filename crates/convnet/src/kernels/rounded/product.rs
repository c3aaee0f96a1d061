//! Matrix products of rounded operands with sums in single precision.
//!
//! `out (m × n) [+]= left (m × k) · right (k × n)`, where `k` is a whole multiple of
//! [`STEPS`](super::pack::STEPS), `left` has neighbouring steps beside each other and `right` lies
//! in pairs, see [`pack`](super::pack).
#![expect(unsafe_code, reason = "register tiles over plain pointers")]

use super::pack::STEPS;
use crate::kernels::isa::{Isa, Kernel};
use crate::kernels::product::PANEL;
use crate::kernels::simd::Vector;

/// What multiplies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// AMX.
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    Tiles,
    /// Dot products of pairs (AVX512-BF16).
    #[cfg(target_arch = "x86_64")]
    Pairs,
    /// Single precision on widened numbers.
    Plain,
}

/// Sizes of a product: `samples` times `rows` rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) samples: usize,
    pub(crate) rows: usize,
    pub(crate) panels: usize,
    pub(crate) depth: usize,
}

/// The left factor: step `k` of row `i` of a sample at `start + sample · … + i · row + k`.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub(crate) start: *const u16,
    pub(crate) row: usize,
    pub(crate) sample: usize,
}

/// The right factor: pairs, panel `j` at `start + j · panel`.
#[derive(Clone, Copy)]
pub(crate) struct Right {
    pub(crate) start: *const u16,
    pub(crate) panel: usize,
}

/// The result: panel `j` of row `i` of a sample at `start + sample · … + j · panel + i · row`.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    pub(crate) start: *mut f32,
    pub(crate) row: usize,
    pub(crate) panel: usize,
    pub(crate) sample: usize,
}

impl Unit {
    /// The fastest unit of this machine that goes with an instruction set.
    pub(crate) fn detect(isa: Isa) -> Self {
        let all = Self::available(isa);
        all.first().copied().unwrap_or(Self::Plain)
    }

    /// All units that go with an instruction set, the fastest first.
    pub(crate) fn available(isa: Isa) -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        if isa == Isa::Avx512 {
            #[cfg(all(target_os = "linux", not(miri)))]
            if super::tiles::available() {
                all.push(Self::Tiles);
            }
            if is_x86_feature_detected!("avx512bf16") {
                all.push(Self::Pairs);
            }
        }
        let _ = isa;
        all.push(Self::Plain);
        all
    }

    /// `out [+]= left · right`.
    ///
    /// # Safety
    /// Every element addressed is in bounds, `depth` values of each row of `left` among them, and
    /// nobody else writes `out`.
    pub(crate) unsafe fn product(
        self,
        isa: Isa,
        shape: Shape,
        left: Left,
        right: Right,
        out: Out,
        add: bool,
    ) {
        debug_assert!(shape.depth.is_multiple_of(STEPS) && shape.depth > 0);
        // SAFETY: the caller's promise; a unit is only made where the machine has it.
        unsafe {
            match self {
                #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
                Self::Tiles => super::tiles::product(shape, left, right, out, add),
                #[cfg(target_arch = "x86_64")]
                Self::Pairs => pairs::product(shape, left, right, out, add),
                Self::Plain => isa.run(Plain { shape, left, right, out, add }),
            }
        }
    }
}

/// Single precision on widened numbers.
struct Plain {
    shape: Shape,
    left: Left,
    right: Right,
    out: Out,
    add: bool,
}

impl Kernel for Plain {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { shape, left, right, out, add } = self;
        // SAFETY: within the caller's bounds.
        unsafe {
            if V::LANES == 16 {
                each_tile::<8>(shape, left, right, out, |depth, left, right, out| {
                    for column in (0..PANEL).step_by(2 * V::LANES) {
                        let to = Out { start: out.start.add(column), ..out };
                        plain::<V, 8>(depth, left, right.add(2 * column), to, add);
                    }
                });
            } else {
                each_tile::<4>(shape, left, right, out, |depth, left, right, out| {
                    for column in (0..PANEL).step_by(2 * V::LANES) {
                        let to = Out { start: out.start.add(column), ..out };
                        plain::<V, 4>(depth, left, right.add(2 * column), to, add);
                    }
                });
            }
        }
    }
}

/// Calls `tile` for up to `R` rows of every panel; the rest of the rows one by one, as tiles whose
/// rows are all the same.
#[inline(always)]
unsafe fn each_tile<const R: usize>(
    Shape { samples, rows, panels, depth }: Shape,
    left: Left,
    right: Right,
    out: Out,
    tile: impl Fn(usize, [*const u16; R], *const u16, Out),
) {
    for panel in 0..panels {
        for sample in 0..samples {
            for row in (0..rows).step_by(R) {
                // SAFETY: rows of the caller; a tile that would reach beyond them begins earlier
                // or repeats its last row.
                unsafe {
                    let last = rows - 1 - row;
                    let lefts = std::array::from_fn(|i| {
                        left.start.add(sample * left.sample + (row + i.min(last)) * left.row)
                    });
                    let at = sample * out.sample + panel * out.panel + row * out.row;
                    // The number of rows that are there stands in for the sample's distance.
                    let to = Out { start: out.start.add(at), sample: R.min(last + 1), ..out };
                    tile(depth, lefts, right.start.add(panel * right.panel), to);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn plain<V: Vector, const R: usize>(
    depth: usize,
    left: [*const u16; R],
    right: *const u16,
    out: Out,
    add: bool,
) {
    // SAFETY: within the caller's bounds.
    unsafe {
        let mut sums = [[V::splat(0.0); 2]; R];
        for k in (0..depth).step_by(2) {
            let b = right.add(k * PANEL);
            let (b0, c0) = V::load_pairs(b);
            let (b1, c1) = V::load_pairs(b.add(2 * V::LANES));
            for (sums, left) in sums.iter_mut().zip(left) {
                let wide = |at: *const u16| V::splat(f32::from_bits(u32::from(*at) << 16));
                let (even, odd) = (wide(left.add(k)), wide(left.add(k + 1)));
                sums[0] = odd.times_plus(c0, even.times_plus(b0, sums[0]));
                sums[1] = odd.times_plus(c1, even.times_plus(b1, sums[1]));
            }
        }
        for (i, sums) in sums.into_iter().enumerate().take(out.sample) {
            for (j, sum) in sums.into_iter().enumerate() {
                let to = out.start.add(i * out.row + j * V::LANES);
                let sum = if add { sum.plus(V::load(to)) } else { sum };
                sum.store(to);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod pairs {
    use std::arch::x86_64 as arch;

    use super::{Left, Out, PANEL, Right, Shape, each_tile};

    /// # Safety
    /// The machine has the instructions; as [`Unit::product`](super::Unit::product).
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
    pub(super) unsafe fn product(shape: Shape, left: Left, right: Right, out: Out, add: bool) {
        const ROWS: usize = 12;
        // SAFETY: within the caller's bounds.
        unsafe {
            each_tile::<ROWS>(shape, left, right, out, |depth, left, right, out| {
                let mut sums = [[arch::_mm512_setzero_ps(); 2]; ROWS];
                for k in (0..depth).step_by(2) {
                    let load = |at: *const u16| -> arch::__m512bh {
                        std::mem::transmute(arch::_mm512_loadu_si512(at.cast()))
                    };
                    let b = right.add(k * PANEL);
                    let (b0, b1) = (load(b), load(b.add(PANEL)));
                    for (sums, left) in sums.iter_mut().zip(left) {
                        let pair = left.add(k).cast::<i32>().read_unaligned();
                        let a: arch::__m512bh = std::mem::transmute(arch::_mm512_set1_epi32(pair));
                        sums[0] = arch::_mm512_dpbf16_ps(sums[0], a, b0);
                        sums[1] = arch::_mm512_dpbf16_ps(sums[1], a, b1);
                    }
                }
                for (i, sums) in sums.into_iter().enumerate().take(out.sample) {
                    for (j, mut sum) in sums.into_iter().enumerate() {
                        let to = out.start.add(i * out.row + j * 16);
                        if add {
                            sum = arch::_mm512_add_ps(sum, arch::_mm512_loadu_ps(to));
                        }
                        arch::_mm512_storeu_ps(to, sum);
                    }
                }
            });
        }
    }
}
