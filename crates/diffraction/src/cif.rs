//! CIF 1.1: the text format of crystal structures and of powder data.
//!
//! [`Document`] reads the grammar, blocks, items and loops, knowing nothing of crystals; [`read`]
//! makes structures of it.
//!
//! # What is read for a structure
//! Cell; symmetry, from the operations in the file first, else from the Hall symbol, the
//! Hermann–Mauguin symbol or the number; atom sites with occupancies, mixed sites, oxidation states
//! (`Fe3+`, or by type), isotopes (`D`, `T`), displacement factors (isotropic B or U, the trace of
//! anisotropic ones), coordinates with uncertainties (`0.1234(5)`). Tags may be written with
//! underscores (dictionary 1) or with a dot (DDLm).
//!
//! # What is not
//! Hydrogens that are only counted (`_atom_site_attached_hydrogens`), modulated and magnetic
//! structures beyond their average nuclear structure, `save_` frames.

mod atoms;
mod document;
mod error;
mod species;
mod structure;

pub use document::{Block, Document, Loop, Value, decode, parse_number};
pub use error::{CifError, Position};
pub use structure::read;
