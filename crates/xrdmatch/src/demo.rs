//! The data set inside the program: enough to see everything work on a machine with nothing.
//!
//! # Labelled
//! Compounds whose structure and room-temperature conductivity are in the literature
//! (`demo/compounds.toml`, each with its references). Label 0, superionic, from
//! [`SUPERIONIC_CONDUCTIVITY`] on.
//!
//! # Unlabelled
//! Hypothetical and real Li compounds made from known structures by substitution
//! (`demo/prototypes.toml`): every charge-balanced choice of ions whose sizes fit the sites, in a
//! cell scaled by ionic radii (`demo/radii.csv`).
//!
//! Both are simulated with the recipe of the published files. What this data set is not is written
//! in `docs/demo.md`: it is small, its unlabelled half is a toy, and no figure obtained on it says
//! anything about real materials.

mod compound;
mod ion;
mod prototype;
mod rows;
mod substitution;
mod unit;

pub use compound::{Compound, Coordinates, SUPERIONIC_CONDUCTIVITY, Value, labeled};
pub use rows::{labeled_rows, unlabeled_rows};
pub use substitution::{Substituted, unlabeled};
