//! Crystal structures, and the files that hold them.

mod crystal;
mod expand;
mod file;
mod json_lines;
mod poscar;

pub use crystal::{Kind, Occupant, Site, Structure};
pub use expand::{AsymmetricSite, ExpandError};
pub use file::{StructureFileError, StructureReader};
pub use json_lines::{JsonLineError, read_json_line};
pub use poscar::{PoscarError, read_poscar};
