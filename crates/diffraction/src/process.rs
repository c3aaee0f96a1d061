//! From a measured scan to a pattern on a grid.
//!
//! [`Processing::apply`] takes these steps, each of which is also a function of its own:
//!
//! 1. Points at or below 2θ = 0 are left out; a scan of uneven steps is rebinned to even ones.
//! 2. Smoothing, if asked for: [`savitzky_golay`].
//! 3. The background is estimated and subtracted, if asked for: [`snip`].
//! 4. Kα2 is stripped, if asked for: [`strip_alpha2`].
//! 5. Angles are converted to another wavelength through d: [`convert_wavelength`].
//! 6. Either the intensities are rebinned onto the grid, [`rebin`], or peaks are found,
//!    [`find_peaks`], and put on it as sticks.
//!
//! Every step keeps integrated intensity: the sum of a pattern times its step is the area under
//! the scan, or under its peaks, within the grid. What a step leaves out is counted in
//! [`ProcessingReport`].

mod alpha2;
mod background;
mod error;
mod peaks;
mod pipeline;
mod profile;
mod rebin;
mod settings;
mod smoothing;
mod wavelength;

pub use alpha2::strip_alpha2;
pub use background::snip;
pub use error::ProcessError;
pub use peaks::{Peak, find_peaks};
pub use pipeline::{Processed, ProcessingReport};
pub use rebin::rebin;
pub use settings::{BackgroundRemoval, PeakSearch, Processing, Smoothing};
pub use smoothing::savitzky_golay;
pub use wavelength::{Converted, convert_wavelength};
