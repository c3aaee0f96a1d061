//! Semi-supervised learning of material properties from powder diffraction: from samples to run
//! records to candidates.
//!
//! The modules stand in the order in which data flows; each sees only those before it (the table
//! in ARCHITECTURE.md, kept true by `tests/layers.rs`).

pub mod disk;
pub mod seed;

pub mod input;

pub mod augment;
pub mod dataset;

pub mod demo;

pub mod split;

pub mod batch;

pub mod objective;

pub mod predictions;

pub mod metrics;
pub mod statistics;

pub mod fingerprint;

pub mod baseline;
pub mod calibrate;
pub mod prior;

pub mod ensemble;

pub mod audit;

pub mod encoder;

pub mod training;

pub mod config;

pub mod pretrain;

pub mod train;

pub mod run;

pub mod predict;

pub mod evaluate;
