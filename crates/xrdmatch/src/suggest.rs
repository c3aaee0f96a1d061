//! Label next: the compounds whose measurement would teach the ensemble most.
//!
//! Two things make a measurement worth its weeks. The members must disagree about it: the *expected
//! gain* is the mutual information between its label and the choice of the member,
//! `H(mean p) − mean H(p)` in bits (BALD: Houlsby et al. 2011, arXiv:1112.5745). And it must be
//! unlike what is known and what is measured beside it: its *novelty* is one less the largest cosine
//! with a labelled or already suggested pattern, as k-center does it (Sener and Savarese, ICLR 2018,
//! arXiv:1708.00489). Suggestions are taken one after another, each time the one of largest
//! `(gain + 0.1 bit) · novelty`; where members agree on everything, that is k-center alone.
//!
//! [`simulate`] plays it through on labelled rows, beside drawing at random.

mod choose;
mod pool;
mod simulation;

pub use choose::{Chosen, choose, expected_gain};
pub use pool::{SuggestError, Suggestion, suggest};
pub use simulation::{Simulation, SimulationSettings, simulate};
