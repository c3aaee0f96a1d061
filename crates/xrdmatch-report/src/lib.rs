//! Run records as charts and as one self-contained page.
//!
//! ```text
//! run directory ─► Records ─┐
//! candidates, patterns ─────┴─► View ─► page (HTML), figures (SVG, PNG)
//! ```
//!
//! [`Records`] is what was read, [`View`] what there is to see: plain data, with every interval
//! computed and every sentence written. Drawing it needs no file, no run and no network; the report
//! and the local page draw the same value.
//!
//! A [`Chart`] is data too. It is drawn twice: by [`chart::svg`] for papers, print and pages without
//! scripts, and by the script in the page, with zoom and hover, from the same numbers.

pub mod candidates;
pub mod chart;
mod error;
pub mod figures;
pub mod page;
mod records;
pub mod view;

pub use chart::Chart;
pub use error::ReportError;
pub use records::{Epoch, ExperimentRecords, Labeled, Records};
pub use view::{View, ViewSettings};
