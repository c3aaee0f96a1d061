//! What can be wrong with a scan file.

use std::fmt;
use std::io;

use super::format::ScanFormat;
use super::limits::{
    MAX_ANGLE, MAX_FILE_BYTES, MAX_INTENSITY, MAX_POINTS, MAX_SCANS, MAX_UNPACKED_BYTES,
};
use crate::cif::CifError;

/// A scan that could not be read: which file, and why.
#[derive(Debug, thiserror::Error)]
#[error("read the scan `{file}`: {problem}")]
pub struct ScanError {
    /// Path or name of the file.
    pub file: String,
    /// What is wrong with it.
    pub problem: Box<ScanProblem>,
}

/// Where in a file something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Offset in bytes from the start of the file.
    Byte(u64),
    /// Line, counted from 1.
    Line(usize),
    /// Line of a member of an archive, counted from 1.
    MemberLine {
        /// Name of the member.
        member: String,
        /// Line, counted from 1.
        line: usize,
    },
    /// Value of a list inside an XML element, counted from 1.
    Value {
        /// Name of the element.
        element: String,
        /// Index of the value, counted from 1.
        index: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(offset) => write!(out, "byte {offset}"),
            Self::Line(line) => write!(out, "line {line}"),
            Self::MemberLine { member, line } => write!(out, "line {line} of `{member}`"),
            Self::Value { element, index } => write!(out, "value {index} of <{element}>"),
        }
    }
}

/// Why a scan could not be read; one variant for each different remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanProblem {
    /// The file cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is larger than [`MAX_FILE_BYTES`].
    #[error("the file has {bytes} bytes; at most {MAX_FILE_BYTES} are read")]
    TooLarge {
        /// Size of the file.
        bytes: u64,
    },
    /// There is nothing in the file, or only white space.
    #[error("the file is empty")]
    Empty,
    /// Neither content nor extension is known.
    #[error(
        "unknown format: the file holds {seen}{}; formats read are {}",
        extension_clause(extension),
        ScanFormat::list()
    )]
    UnknownFormat {
        /// What the first bytes look like.
        seen: String,
        /// Extension of the name, lower case, possibly empty.
        extension: String,
    },
    /// The file ends before what it announces.
    #[error("{format}: truncated: {needed} bytes are needed at byte {offset}, {available} remain")]
    Truncated {
        /// Format being read.
        format: ScanFormat,
        /// Where the record starts.
        offset: u64,
        /// Bytes that the record needs.
        needed: u64,
        /// Bytes from there to the end of the file.
        available: u64,
    },
    /// A field holds something that it cannot mean.
    #[error("{format}: {place}: {field} is {found}, expected {expected}")]
    BadField {
        /// Format being read.
        format: ScanFormat,
        /// Where the field stands.
        place: Place,
        /// Name of the field.
        field: &'static str,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// A number was expected.
    #[error("{format}: {place}: expected {expected}, found `{found}`")]
    BadRow {
        /// Format being read.
        format: ScanFormat,
        /// Where the text stands.
        place: Place,
        /// What was expected.
        expected: &'static str,
        /// The text, shortened.
        found: String,
    },
    /// A field without which the scan has no meaning is absent.
    #[error("{format}: no {field}")]
    MissingField {
        /// Format being read.
        format: ScanFormat,
        /// What is absent.
        field: &'static str,
    },
    /// The scan runs along something else than 2θ in degrees.
    #[error("{format}: the scan axis is `{axis}`, not 2θ in degrees")]
    NotTwoTheta {
        /// Format being read.
        format: ScanFormat,
        /// Name of the axis in the file.
        axis: String,
    },
    /// A variant of the format that is not read.
    #[error("{format}: {what} is not read; {instead}")]
    Unsupported {
        /// Format being read.
        format: ScanFormat,
        /// The variant.
        what: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// No measured points.
    #[error("{format}: no measured points")]
    NoPoints {
        /// Format being read.
        format: ScanFormat,
    },
    /// A scan with a single point has no step.
    #[error("{format}: the scan has a single point")]
    SinglePoint {
        /// Format being read.
        format: ScanFormat,
    },
    /// Announced and present numbers of points differ.
    #[error("{format}: {place}: {declared} points are announced, {found} are there")]
    PointCount {
        /// Format being read.
        format: ScanFormat,
        /// Where the scan starts.
        place: Place,
        /// Number of points that the file announces.
        declared: usize,
        /// Number of points found.
        found: usize,
    },
    /// More than [`MAX_POINTS`] points.
    #[error("{format}: more than {MAX_POINTS} points")]
    TooManyPoints {
        /// Format being read.
        format: ScanFormat,
    },
    /// More than [`MAX_SCANS`] scans.
    #[error("{format}: more than {MAX_SCANS} scans")]
    TooManyScans {
        /// Format being read.
        format: ScanFormat,
    },
    /// Angles neither rise throughout nor fall throughout.
    #[error("angles do not rise: point {point} is at {angle}° after {previous}°")]
    AnglesNotIncreasing {
        /// Index of the point, counted from 1.
        point: usize,
        /// 2θ of the point before, degrees.
        previous: f64,
        /// 2θ of the point, degrees.
        angle: f64,
    },
    /// An angle that no diffractometer reaches.
    #[error("point {point} has the angle {angle}°; 2θ lies within ±{MAX_ANGLE}°")]
    BadAngle {
        /// Index of the point, counted from 1.
        point: usize,
        /// The angle, degrees, possibly not finite.
        angle: f64,
    },
    /// An intensity that is not finite or beyond [`MAX_INTENSITY`].
    #[error(
        "point {point} has the intensity {intensity}; it must be finite and within ±{MAX_INTENSITY:e}"
    )]
    BadIntensity {
        /// Index of the point, counted from 1.
        point: usize,
        /// The intensity.
        intensity: f64,
    },
    /// XML that is not well formed, or beyond the limits.
    #[error("{format}: XML, {place}: {reason}")]
    Xml {
        /// Format being read.
        format: ScanFormat,
        /// Where the parser stopped.
        place: Place,
        /// What it found.
        reason: String,
    },
    /// Text that is no CIF.
    #[error("{format}: {error}")]
    Cif {
        /// Format being read.
        format: ScanFormat,
        /// What the CIF parser found.
        error: CifError,
    },
    /// An archive that cannot be unpacked.
    #[error("{format}: zip archive: {reason}")]
    Archive {
        /// Format being read.
        format: ScanFormat,
        /// What the unpacker found.
        reason: String,
    },
    /// An archive without the member that holds the scan.
    #[error("{format}: the archive has no member `{member}`")]
    MissingMember {
        /// Format being read.
        format: ScanFormat,
        /// Name of the member.
        member: String,
    },
    /// An archive that unpacks beyond [`MAX_UNPACKED_BYTES`].
    #[error("{format}: `{member}` takes the unpacked archive beyond {MAX_UNPACKED_BYTES} bytes")]
    UnpacksTooLarge {
        /// Format being read.
        format: ScanFormat,
        /// Member at which the limit was passed.
        member: String,
    },
}

fn extension_clause(extension: &str) -> String {
    if extension.is_empty() {
        " and its name has no extension".to_owned()
    } else {
        format!(" and its extension is `.{extension}`")
    }
}

/// Text of a file as it may stand in a message: at most 40 characters, none of them a control.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text
        .trim()
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.trim().chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
