//! The loops that take the time, and the only place with `unsafe`.
//!
//! Reading order: [`simd`] are vectors, [`isa`] chooses their width when the program runs,
//! [`product`] and [`complex`] multiply matrices in registers, [`fourier`] transforms vectors, [`rows`] is what
//! happens to values on their way in and out. On these stand the maps of [`conv`]: [`spectral`]
//! (with [`spectrum`] and [`taps`]), [`direct`] and [`dense`] (with [`stage`] and [`single`]); [`rounded`] are the
//! same maps with operands of half the width.
//!
//! Letters: `B` samples of a batch, `L` points, `C` input and `D` output channels, `K` taps of a
//! kernel. Activations lie as `(B, L, C)` — channels innermost, padded to whole panels of 32 — so
//! that a convolution is a matrix product on overlapping rows and every loop runs over channels
//! without a rest.
//!
//! # Determinism
//! Work is cut into pieces by shapes alone, never by the number of threads; each piece writes its
//! own memory; sums over pieces are taken in their order. So results are bitwise the same for any
//! number of threads.

pub(crate) mod adamw;
pub(crate) mod complex;
pub(crate) mod conv;
pub(crate) mod dense;
pub(crate) mod direct;
pub(crate) mod dropout;
pub(crate) mod fourier;
pub(crate) mod isa;
pub(crate) mod memory;
pub(crate) mod normalize;
pub(crate) mod product;
pub(crate) mod rounded;
pub(crate) mod rows;
pub(crate) mod simd;
pub(crate) mod single;
pub(crate) mod spectral;
pub(crate) mod spectrum;
pub(crate) mod stage;
pub(crate) mod taps;
#[cfg(test)]
mod tests;
