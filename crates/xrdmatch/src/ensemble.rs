//! Many models, one answer.
//!
//! A [`Panel`] holds what each member says about each sample. Its honest half is
//! [`Panel::out_of_bag`]: the opinion of a member on a sample it was trained on is struck out.
//! Whatever is fitted here (the weights of a stack) is fitted on such opinions only.

mod error;
mod panel;
mod stack;

pub use error::EnsembleError;
pub use panel::{Combination, Combined, Member, Opinions, Panel, VoteRule};
pub use stack::{StackedWeights, cross_fit_stack};
