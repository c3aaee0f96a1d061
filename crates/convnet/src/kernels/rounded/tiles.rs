//! Products on AMX tiles: 16 × 16 sums stay in a tile register over all steps, 32 of them a time.
//!
//! The intrinsics are not stable, so the instructions stand here as text; each block names every
//! register it uses. Denormal numbers count as zero, as these instructions have it.
#![expect(unsafe_code, reason = "instructions without a safe or stable form")]

use std::arch::asm;
use std::sync::OnceLock;

use super::product::{Left, Out, Right, Shape};

/// Rows of a tile.
const TILE: usize = 16;

/// Whether the machine has the instructions and the system lets this process use them.
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_instructions() && system_allows())
}

fn has_instructions() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const BF16: u32 = 1 << 22;
    const TILES: u32 = 1 << 24;
    const OSXSAVE: u32 = 1 << 27;
    #[expect(unused_unsafe, reason = "safe or not, by compiler version")]
    // SAFETY: every x86-64 machine has the instruction.
    unsafe {
        __cpuid(0).eax >= 7
            && __cpuid(1).ecx & OSXSAVE != 0
            && __cpuid_count(7, 0).edx & (BF16 | TILES) == BF16 | TILES
    }
}

/// Asks Linux for the tile registers, once and for all threads of the process.
fn system_allows() -> bool {
    const ARCH_PRCTL: usize = 158;
    const REQUEST_PERMISSION: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let answer: isize;
    // SAFETY: the call reads no memory of ours and changes only what the process may use.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL as isize => answer,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

/// Shapes of the tile registers.
#[repr(C, align(64))]
struct Configuration([u8; 64]);

/// Gives tiles of the upper 16 rows and of the others their heights; clears all registers.
///
/// # Safety
/// The machine has the instructions; heights are 1 to 16.
#[inline(always)]
unsafe fn configure(upper: usize, lower: usize) {
    let mut shapes = Configuration([0; 64]);
    shapes.0[0] = 1;
    // Sums 0 and 1 and the left tile 4 are the upper rows, 2, 3 and 5 the lower ones; 6 and 7 the
    // right side.
    let heights = [upper, upper, lower, lower, upper, lower, TILE, TILE];
    for (i, height) in heights.into_iter().enumerate() {
        shapes.0[16 + 2 * i] = 64;
        shapes.0[48 + i] = height as u8;
    }
    // SAFETY: the caller's promise; the instruction reads the 64 bytes.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const shapes, options(nostack, readonly)) }
}

/// As [`Unit::product`](super::product::Unit::product).
///
/// # Safety
/// The tiles are available; every element addressed is in bounds, and nobody else writes `out`.
pub(super) unsafe fn product(shape: Shape, left: Left, right: Right, out: Out, add: bool) {
    let Shape { samples, rows, panels, depth } = shape;
    let whole = rows / (2 * TILE);
    let rest = rows % (2 * TILE);
    // SAFETY: within the caller's bounds; the tiles have the heights of the rows that are there.
    unsafe {
        for (blocks, height) in [(whole, 2 * TILE), (usize::from(rest > 0), rest)] {
            if blocks == 0 {
                continue;
            }
            let upper = height.min(TILE);
            configure(upper, (height - upper).max(1));
            let first = if height == 2 * TILE { 0 } else { whole * 2 * TILE };
            for panel in 0..panels {
                let right = right.start.add(panel * right.panel);
                for sample in 0..samples {
                    for block in 0..blocks {
                        let row = first + block * 2 * TILE;
                        let left_at = left.start.add(sample * left.sample + row * left.row);
                        let at = sample * out.sample + panel * out.panel + row * out.row;
                        let to = out.start.add(at);
                        if height > TILE {
                            two(depth, (left_at, left.row), right, (to, out.row), add);
                        } else {
                            one(depth, (left_at, left.row), right, (to, out.row), add);
                        }
                    }
                }
            }
        }
        asm!("tilerelease", options(nostack, nomem));
    }
}

/// Up to 32 rows by 32 columns.
#[inline(always)]
unsafe fn two(
    depth: usize,
    (left, left_row): (*const u16, usize),
    right: *const u16,
    (out, out_row): (*mut f32, usize),
    add: bool,
) {
    // SAFETY: within the caller's bounds.
    unsafe {
        let (lower, out_lower) = (left.add(TILE * left_row), out.add(TILE * out_row));
        if add {
            asm!(
                "tileloadd tmm0, [{out} + {step}]",
                "tileloadd tmm1, [{out} + {step} + 64]",
                "tileloadd tmm2, [{lower} + {step}]",
                "tileloadd tmm3, [{lower} + {step} + 64]",
                out = in(reg) out, lower = in(reg) out_lower, step = in(reg) out_row * 4,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                options(nostack, readonly),
            );
        } else {
            asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                options(nostack, nomem),
            );
        }
        asm!(
            "2:",
            "tileloadd tmm6, [{b} + {pair}]",
            "tileloadd tmm4, [{a} + {step}]",
            "tileloadd tmm7, [{b} + {pair} + 64]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm5, [{c} + {step}]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "add {a}, 64",
            "add {c}, 64",
            "add {b}, 2048",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "dec {n}",
            "jnz 2b",
            "tilestored [{out} + {to}], tmm0",
            "tilestored [{out} + {to} + 64], tmm1",
            "tilestored [{lower} + {to}], tmm2",
            "tilestored [{lower} + {to} + 64], tmm3",
            a = inout(reg) left => _, c = inout(reg) lower => _, b = inout(reg) right => _,
            n = inout(reg) depth / 32 => _,
            step = in(reg) left_row * 2, pair = in(reg) 128usize,
            out = in(reg) out, lower = in(reg) out_lower, to = in(reg) out_row * 4,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// Up to 16 rows by 32 columns.
#[inline(always)]
unsafe fn one(
    depth: usize,
    (left, left_row): (*const u16, usize),
    right: *const u16,
    (out, out_row): (*mut f32, usize),
    add: bool,
) {
    // SAFETY: within the caller's bounds.
    unsafe {
        if add {
            asm!(
                "tileloadd tmm0, [{out} + {step}]",
                "tileloadd tmm1, [{out} + {step} + 64]",
                out = in(reg) out, step = in(reg) out_row * 4,
                out("tmm0") _, out("tmm1") _,
                options(nostack, readonly),
            );
        } else {
            asm!(
                "tilezero tmm0", "tilezero tmm1",
                out("tmm0") _, out("tmm1") _,
                options(nostack, nomem),
            );
        }
        asm!(
            "2:",
            "tileloadd tmm6, [{b} + {pair}]",
            "tileloadd tmm4, [{a} + {step}]",
            "tileloadd tmm7, [{b} + {pair} + 64]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "add {a}, 64",
            "add {b}, 2048",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "dec {n}",
            "jnz 2b",
            "tilestored [{out} + {to}], tmm0",
            "tilestored [{out} + {to} + 64], tmm1",
            a = inout(reg) left => _, b = inout(reg) right => _,
            n = inout(reg) depth / 32 => _,
            step = in(reg) left_row * 2, pair = in(reg) 128usize,
            out = in(reg) out, to = in(reg) out_row * 4,
            out("tmm0") _, out("tmm1") _, out("tmm4") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
