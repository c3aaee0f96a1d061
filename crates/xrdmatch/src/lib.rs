//! Semi-supervised learning of material properties from powder diffraction.

pub mod metrics;
pub mod predictions;
