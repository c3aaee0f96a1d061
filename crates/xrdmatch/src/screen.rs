//! A file of patterns, ranked: which are worth a measurement, and how sure that is.
//!
//! 1. [`Screener::score`] streams the file: every pattern is judged by every member, compared with
//!    the labelled ones, and looked at for strangeness. What it finds goes into a [`Shard`], in blocks
//!    that are sorted each for itself.
//! 2. [`rank`] merges the blocks of one shard or of several, calibrates, corrects for the prior, and
//!    writes the ranked table.
//!
//! Memory holds a block of patterns and a small buffer per block already written (16 kB for 4,096
//! patterns), whatever the length of the file. A shard of `n` takes every `n`-th row; since a row's
//! figures depend on nothing but the row, merged shards rank exactly as the whole file does. Shards of
//! several files, all parts of each, make one ranking too.
//!
//! # Probabilities
//! A calibration is fitted on the out-of-bag predictions of the labelled rows, each judged only by
//! members that never trained on it, and holds for their share of positives; [`PriorChoice`] moves it
//! to another. Its own uncertainty, from a hundred rows, is the larger part of what is not known: it
//! is carried by refitting it to resamples of those rows.
//!
//! # Left out
//! Labelled rows are judged by fewer members than new ones, so that their means scatter a little
//! more. The correction for the prior assumes that within a class the pool looks as the labelled
//! rows do.

mod certainty;
mod error;
mod files;
mod judge;
mod merge;
mod rank;
mod ranked;
mod scored;
mod scorer;
mod shard;
mod table;
mod verdict;

pub use certainty::{CalibrationSummary, PriorChoice, PriorSummary, TopN};
pub use error::ScreenError;
pub use judge::Judge;
pub use rank::{RankSettings, Screening, rank};
pub use ranked::{Neighbour, Ranked};
pub use scored::Scored;
pub use scorer::{Ended, ScreenSettings, Screener};
pub use shard::Shard;
