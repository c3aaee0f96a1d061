//! What the parity tests share: the numbers both sides compute, and the golden files.

pub(crate) mod formula;
pub(crate) mod golden;
pub(crate) mod instruction_sets;
