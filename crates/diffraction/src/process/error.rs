//! What can keep a scan from becoming a pattern.

use crate::PatternError;

/// Why a scan could not be processed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// A setting is out of range.
    #[error("processing setting `{setting}` is {found}, expected {expected}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A conversion of the wavelength needs the wavelength of the scan.
    #[error("scan `{name}` states no wavelength; give the one it was measured at")]
    NoWavelength {
        /// The scan.
        name: String,
    },
    /// Stripping Kα2 needs both wavelengths.
    #[error("scan `{name}` does not state Kα1 and Kα2; Kα2 cannot be stripped")]
    NoDoublet {
        /// The scan.
        name: String,
    },
    /// No point is left on the grid.
    #[error(
        "no point of scan `{name}` lies on the grid: the scan reaches from {first:.4}° to {last:.4}°, \
         the grid from {grid_first:.4}° to {grid_last:.4}°"
    )]
    OutsideGrid {
        /// The scan.
        name: String,
        /// First 2θ at the wavelength of the grid, degrees.
        first: f64,
        /// Last 2θ at the wavelength of the grid, degrees.
        last: f64,
        /// First point of the grid, degrees.
        grid_first: f64,
        /// Last point of the grid, degrees.
        grid_last: f64,
    },
    /// Fewer than two points can be seen at the wavelength asked for, or lie above 2θ = 0.
    #[error("fewer than two points of scan `{name}` are left at {wavelength} Å")]
    NothingLeft {
        /// The scan.
        name: String,
        /// Wavelength asked for, ångström.
        wavelength: f64,
    },
    /// Sticks were asked for, but no peak stands out.
    #[error("no peak of scan `{name}` stands out of its noise")]
    NoPeaks {
        /// The scan.
        name: String,
    },
    /// The result is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}
