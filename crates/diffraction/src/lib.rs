//! Crystals, powder patterns, the map between them, and the files that hold them.
//!
//! ```text
//! CIF ─simulate─► Pattern ─► table
//! scan ─read────►
//! ```
//!
//! Angles are degrees two-theta, lengths ångström, intensities non-negative. Nothing here learns,
//! and nothing draws random numbers: where noise is wanted, the caller hands in the uniform draws.

pub mod batch;
pub mod cif;
mod element;
pub mod environment;
pub mod files;
mod grid;
pub mod import;
pub mod inspect;
pub mod lattice;
mod pattern;
pub mod process;
pub mod profile;
pub mod scan;
pub mod setup;
pub mod simulate;
pub mod structure;
pub mod symmetry;
pub mod table;

pub use element::{Element, UnknownElement};
pub use grid::{Grid, GridError};
pub use lattice::Lattice;
pub use pattern::{Pattern, PatternError};
pub use structure::Structure;
