//! Crystals, powder patterns, the map between them, and the files that hold them.
//!
//! ```text
//! CIF ─simulate─► Pattern ─► table
//! scan ─read────►
//! ```
//!
//! Angles are degrees two-theta, lengths ångström, intensities non-negative. Nothing here learns,
//! and nothing draws random numbers: where noise is wanted, the caller hands in the uniform draws.

mod grid;
mod pattern;
pub mod table;

pub use grid::{Grid, GridError};
pub use pattern::{Pattern, PatternError};
