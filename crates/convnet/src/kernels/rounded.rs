//! Maps whose operands are rounded to bfloat16: products of two such numbers are exact in single
//! precision, sums are taken in single precision.
//!
//! What a map computes is defined by that: inputs (after batch norm and ReLU), weights and output
//! gradients are rounded to the nearest (even) number of 8 significant bits; everything else is as
//! in single precision. The units of [`product`] differ only in the order of their sums: [`tiles`]
//! (AMX), dot products of pairs (AVX512-BF16), and plain multiplications of widened numbers, which
//! every machine has.
//!
//! Reading order: [`pack`] rounds and arranges, [`product`] multiplies, [`conv`] (with [`cut`]) and
//! [`dense`] are the maps.

pub(crate) mod conv;
mod cut;
pub(crate) mod dense;
pub(crate) mod pack;
pub(crate) mod product;
#[cfg(test)]
mod tests;
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod tiles;
