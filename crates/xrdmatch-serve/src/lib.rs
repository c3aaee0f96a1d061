//! A local page, and an interface for programs, over the same run records as all else.
//!
//! ```text
//! files ─intake─► on disk ─reading─► rows ─ensemble─► what the models say ─► analysis, charts
//! run directory ─► shelf, views, live training          candidates ─► browser
//! ```
//!
//! What is said of a pattern is what `xrdmatch screen` and `xrdmatch explain` say of it: the same
//! library answers. Charts are those of `xrdmatch-report`. Run records are only read. [`Server`] listens
//! to this machine alone unless told otherwise, and answers no other site's page.

mod analysis;
pub mod api;
mod app;
mod assets;
mod candidates;
mod charts;
mod ensemble;
mod error;
mod guard;
mod intake;
mod limits;
mod live;
mod problem;
mod reading;
mod server;
mod shelf;

pub use analysis::{Analysed, Analysis};
pub use candidates::{Candidate, CandidateDetail, CandidatePage};
pub use ensemble::{Models, Outliers};
pub use error::ServeError;
pub use intake::{GivenPattern, GivenPatterns};
pub use limits::Limits;
pub use live::Happening;
pub use problem::{Problem, ProblemBody};
pub use reading::{Kind, Refused};
pub use server::{Server, Settings};
pub use shelf::{Listed, RunDetail};
