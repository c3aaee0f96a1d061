//! Rigaku binary RAW, as far as it is known.
//!
//! No description is published. Known from comparison of files: the file begins with `FI`; the
//! wavelengths Kα1 and Kα2 stand as `f64` at 1212 (fifth byte 0xD8) or at 984; each scan has a
//! section `PI` with start, stop and step of 2θ as `f32` 826, 830 and 834 bytes behind its mark,
//! and a section `DA` behind that with the number of points `u32` at 16 and intensities `f32` from
//! 20. A reading is accepted only when it agrees with itself: as many points as start, stop and
//! step make, all inside the file. Anything else is refused rather than guessed at.

use std::ops::Range;

use super::bytes::{Fields, leading_f32};
use super::error::ScanProblem;
use super::format::ScanFormat;
use super::limits::{MAX_ANGLE, MAX_SCANS};
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths};

const FORMAT: ScanFormat = ScanFormat::RigakuRaw;

/// Marks of the sections; each is filled to four bytes with NUL.
const PARAMETERS: &[u8] = b"PI\0\0";
const DATA: &[u8] = b"DA\0\0";

/// Where start, stop and step stand behind the mark of the parameters.
const START: usize = 826;

/// Where the number of points and the intensities stand behind the mark of the data.
const POINTS: usize = 16;
const INTENSITIES: usize = 20;

/// Furthest from the parameters that the data are looked for.
const LONGEST_HEADER: usize = 64 << 10;

/// Forgives the rounding of start, stop and step to `f32`: points of the whole range.
const COUNT_TOLERANCE: f64 = 1.0;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Measured>, ScanProblem> {
    let file = Fields::new(FORMAT, bytes);
    let mut metadata = ScanMetadata::new(FORMAT);
    metadata.intensity_unit = IntensityUnit::Counts;
    metadata.wavelengths = wavelengths(file);
    let mut scans = Vec::new();
    let mut from = 0;
    for _ in 0..MAX_SCANS {
        let Some(parameters) = find(bytes, PARAMETERS, from..bytes.len()) else { break };
        from = parameters + PARAMETERS.len();
        if let Some((scan, end)) = scan_at(file, bytes, parameters, &metadata) {
            scans.push(scan);
            from = end;
        }
    }
    if scans.is_empty() {
        return Err(ScanProblem::Unsupported {
            format: FORMAT,
            what: "a layout in which start, stop, step and number of points do not agree"
                .to_owned(),
            instead: "export the scan as .ras, .rasx or text",
        });
    }
    Ok(scans)
}

/// The scan whose parameters begin at an offset, if it agrees with itself, and where it ends.
fn scan_at(
    file: Fields<'_>,
    bytes: &[u8],
    parameters: usize,
    metadata: &ScanMetadata,
) -> Option<(Measured, usize)> {
    let start = file.f32(parameters + START).ok()?;
    let stop = file.f32(parameters + START + 4).ok()?;
    let step = file.f32(parameters + START + 8).ok()?;
    let sensible = start.abs() <= MAX_ANGLE
        && stop.abs() <= MAX_ANGLE
        && stop > start
        && step > 0.0
        && step.is_finite();
    let from = parameters + START + 12;
    let data = sensible.then(|| find(bytes, DATA, from..from + LONGEST_HEADER))??;
    let points = file.size(data + POINTS).ok()?;
    let expected = (stop - start) / step + 1.0;
    if points < 2 || (points as f64 - expected).abs() > COUNT_TOLERANCE {
        return None;
    }
    let records = file.records(data + INTENSITIES, points, 4).ok()?;
    let mut scan = Measured::new(metadata.clone());
    scan.intensities = records.map(leading_f32).collect();
    scan.step_from(start, step);
    Some((scan, data + INTENSITIES + points * 4))
}

fn wavelengths(file: Fields<'_>) -> Wavelengths {
    let copper_like = 0.2..=3.0;
    for offset in [1212, 984] {
        if let (Ok(alpha1), Ok(alpha2)) = (file.f64(offset), file.f64(offset + 8))
            && copper_like.contains(&alpha1)
            && (alpha1..alpha1 * 1.05).contains(&alpha2)
        {
            return Wavelengths::doublet(alpha1, alpha2, None);
        }
    }
    Wavelengths::default()
}

/// Offset of the first mark that lies in a range of the file.
fn find(bytes: &[u8], mark: &[u8], range: Range<usize>) -> Option<usize> {
    let within = bytes.get(range.start..range.end.min(bytes.len()))?;
    memchr::memmem::find(within, mark).map(|at| range.start + at)
}
