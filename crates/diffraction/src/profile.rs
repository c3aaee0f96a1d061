//! What makes sticks look measured: line profiles, doublets, sample and instrument errors, texture,
//! background and counting noise.
//!
//! # Physics, in order
//! Each reflection of each line of the tube (Kα₁; Kα₂ at the same d with its share of the
//! intensity) is
//! 1. weighted by its texture factor (March–Dollase),
//! 2. displaced by the zero error and the height of the sample,
//! 3. spread over a profile of unit area, whose width joins the instrument's (Caglioti) and the
//!    sample's (crystallite size after Scherrer, microstrain).
//!
//! The sum over reflections is scaled, the background added; noise comes last and from the caller's
//! random numbers.
//!
//! # Left out
//! Axial divergence (the asymmetry of lines at low angles), absorption, roughness, anisotropic
//! broadening, the emission lines' own width, Kβ.

mod line;
mod noise;
mod pattern;
mod texture;

pub use line::{Caglioti, Shape};
pub use noise::{count, poisson};
pub use pattern::{Doublet, Profile, ProfileError, measured};
pub use texture::MarchDollase;
