//! Classical models: what any network has to beat on the same splits.
//!
//! They learn from blurred patterns ([`Fingerprints`](crate::fingerprint::Fingerprints)); on raw
//! sticks they are at chance, and a straw man. All are for two classes and reproducible from their
//! settings and seed; logistic regression and the support vector machine reach the one optimum of
//! their objective.
//!
//! They are written here because the crates at hand fall short of what a baseline must be: the
//! random forest of `linfa` draws its features once per tree instead of at every split and votes
//! without probabilities, that of `smartcore` has no probabilities either; and neither solves the
//! linear and kernel problems to where they equal scikit-learn's to six digits.

mod error;
mod forest;
mod linear_algebra;
mod logistic;
mod model;
mod neighbours;
mod svm;
mod tree;

pub use error::BaselineError;
pub use forest::{Forest, ForestKind, ForestSettings};
pub use logistic::{Logistic, LogisticSettings};
pub use model::{Baseline, ClassWeight, Fitted};
pub use neighbours::{NeighbourSettings, Neighbours, Voice, nearest};
pub use svm::{Gamma, Svm, SvmSettings};
