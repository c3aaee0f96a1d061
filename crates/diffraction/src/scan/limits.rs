//! What a scan file may ask of the machine.

use super::error::ScanProblem;
use super::format::ScanFormat;

/// Largest file read, in bytes. The largest scans known to us (101 ranges of a mesh, 130,000
/// points of a synchrotron) are below 6 MB.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Largest total size, in bytes, to which the members read from one archive may unpack.
pub const MAX_UNPACKED_BYTES: u64 = 128 << 20;

/// Most points in all scans of one file together.
pub const MAX_POINTS: usize = 4_000_000;

/// Most scans in one file.
pub const MAX_SCANS: usize = 4096;

/// Most elements and attributes in one XML document.
pub const MAX_XML_NODES: usize = 1_000_000;

/// Deepest nesting of XML elements.
pub const MAX_XML_DEPTH: usize = 64;

/// Largest |2θ| in degrees: a circle has no more; beyond it the axis is something else.
pub const MAX_ANGLE: f64 = 180.0;

/// Largest |intensity|: far above any detector, and small enough that sums and products of
/// intensities stay finite.
pub const MAX_INTENSITY: f64 = 1e18;

/// Longest text kept in the metadata, in characters.
pub(super) const MAX_TEXT: usize = 1024;

/// Refuses more points than [`MAX_POINTS`].
pub(super) fn check_points(format: ScanFormat, points: usize) -> Result<(), ScanProblem> {
    if points > MAX_POINTS { Err(ScanProblem::TooManyPoints { format }) } else { Ok(()) }
}

/// Refuses more scans than [`MAX_SCANS`].
pub(super) fn check_scans(format: ScanFormat, scans: usize) -> Result<(), ScanProblem> {
    if scans > MAX_SCANS { Err(ScanProblem::TooManyScans { format }) } else { Ok(()) }
}
