//! What classical models reach on the same splits: the yardstick beside every neural result.
//!
//! Each model learns from the labelled rows of a split and is judged on its evaluation rows, by the
//! same metrics and the same bootstrap as a run. It sees the patterns in two ways: blurred square
//! roots, which let classical models learn, and the raw sticks of the publication, on which they are
//! near chance. The last grid point, a marker in the published files, is seen by none.

mod entrant;
mod measure;
mod stored;

pub use entrant::{Entrant, Features, entrants, entrants_with_choices};
pub use measure::{Case, Score, Standing, Yardstick, YardstickError, YardstickSettings, measure};
pub use stored::{of_run, stored};
