//! Semi-supervised learning of material properties from powder diffraction: from samples to run
//! records to candidates.
//!
//! The modules stand in the order in which data flows; each sees only those before it (the table
//! in ARCHITECTURE.md, kept true by `tests/layers.rs`).

pub mod causes;
pub mod device;
pub mod disk;
pub mod fetch;
pub mod seed;

pub mod claim;
pub mod part;

pub mod input;

pub mod augment;
pub mod dataset;

pub mod demo;

pub mod split;

pub mod batch;

pub mod training;

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

pub mod config;

pub mod plan;
pub mod pretrain;

pub mod train;

pub mod run;
pub mod tensorboard;

pub mod predict;

pub mod fit;

pub mod evaluate;
pub mod export;

pub mod yardstick;

pub mod protocol;

pub mod reproduce;

pub mod members;

pub mod judges;

pub mod outlier;

pub mod screen;

pub mod explain;
pub mod suggest;
