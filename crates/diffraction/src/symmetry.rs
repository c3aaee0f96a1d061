//! Space-group operations: read from text, found by symbol, and what they imply.

mod group;
mod operation;
mod space_group;

pub use group::Symmetry;
pub(crate) use operation::wrap;
pub use operation::{Operation, OperationError};
pub use space_group::{SpaceGroupHint, space_group_operations, space_group_settings};
