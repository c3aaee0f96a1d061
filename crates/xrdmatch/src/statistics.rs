//! How sure the numbers are: intervals by bootstrap, and comparisons on the same splits.
//!
//! With a hundred compounds, the sampling of the compounds is the largest uncertainty of all, and
//! repeating experiments on the same compounds does not lessen it. Intervals here resample
//! *compounds*; every function with chance in it takes its seed and gives the same answer on any
//! number of threads.

mod bootstrap;
mod distribution;
mod error;
mod experiments;
mod folds;
mod interval;
mod norm;
mod paired;

pub(crate) use distribution::normal_cdf;

pub use bootstrap::{Bootstrap, IntervalMethod, Strata};
pub use error::StatisticsError;
pub use experiments::Experiments;
pub use folds::stratified_folds;
pub use interval::{Interval, Summary};
pub use paired::{Comparison, compare};
