//! The loops that take the time, and the only place with `unsafe`.
//!
//! Letters: `B` samples of a batch, `L` points, `C` channels, `K` taps of a kernel. Activations lie
//! as `(B, L, C)` — channels innermost — so that a convolution is a matrix product on overlapping
//! rows and every elementwise loop runs over channels.
//!
//! # Determinism
//! Work is cut into pieces by shapes alone, never by the number of threads; each piece writes its
//! own memory; sums over pieces are taken in their order. So results are bitwise the same for any
//! number of threads.

pub(crate) mod adamw;
pub(crate) mod conv;
pub(crate) mod dropout;
pub(crate) mod gemm;
pub(crate) mod isa;
pub(crate) mod normalize;
