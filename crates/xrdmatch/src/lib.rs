//! Semi-supervised learning of material properties from powder diffraction.

pub mod audit;
pub mod baseline;
pub mod calibrate;
pub mod ensemble;
pub mod fingerprint;
pub mod metrics;
pub mod predictions;
pub mod prior;
pub mod statistics;
