//! All experiments of a run in one honest report.
//!
//! [`Evidence`] is what the members of a run said about every labelled row, and which rows each of
//! them learned from or was selected by. From it alone follow the report ([`report`]), the paired
//! comparison with another run ([`against`]) and the opinion on every sample by those members that
//! never trained on it ([`OutOfBag`]). What was chosen by looking at the rows it is told of, or counts
//! training rows, stands in a column of its own and is called optimistic.

mod against;
mod calibrated;
mod ensembles;
mod error;
mod evidence;
mod published;
mod report;
mod samples;
mod shares;

pub use against::{Against, against, check_comparable};
pub use calibrated::Calibrated;
pub use ensembles::{EnsembleScore, Ensembles};
pub use error::ProtocolError;
pub use evidence::{Evidence, MemberRecord};
pub use published::published_evidence;
pub use report::{MetricReport, Protocol, ProtocolSettings, report};
pub use samples::{OutOfBag, SampleOpinion};
pub use shares::{PoolShare, PriorEffect, PriorReport, correct_to, share_of_pool};
