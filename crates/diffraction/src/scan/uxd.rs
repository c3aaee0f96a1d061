//! Bruker UXD: `_KEY=value` lines, then `_COUNTS` or `_CPS` with intensities placed by `_START`
//! and `_STEPSIZE`, or `_2THETACOUNTS` or `_2THETACPS` with rows. Values of the header hold for
//! all ranges until they are set again.

use std::collections::HashMap;

use super::axis::{AxisKind, axis_kind};
use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::limits::{check_points, check_scans};
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, plausible, positive, stated};
use super::text::{lines, number};

const FORMAT: ScanFormat = ScanFormat::Uxd;

/// How the points of a block are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Block {
    /// Intensities only.
    Intensities,
    /// Rows of angle, intensity and possibly more.
    Rows,
}

/// A range whose points are being read; the axis of a block of intensities is its start and step.
struct Range {
    scan: Measured,
    axis: Option<(f64, f64)>,
}

pub(super) fn read(text: &str) -> Result<Vec<Measured>, ScanProblem> {
    let mut header: HashMap<String, &str> = HashMap::new();
    let mut scans = Vec::new();
    let mut open: Option<Range> = None;
    let mut points = 0;
    for (line_number, line) in lines(text) {
        let line = line.trim();
        if line.is_empty() || line.starts_with(';') {
            continue;
        }
        if let Some(entry) = line.strip_prefix('_') {
            if let Some((key, value)) = entry.split_once('=') {
                let value = value.trim().trim_matches(['\'', '"']);
                header.insert(key.trim().to_ascii_uppercase(), value);
                continue;
            }
            let (kind, unit) = block_kind(entry).ok_or_else(|| ScanProblem::Unsupported {
                format: FORMAT,
                what: format!("a block `{}`", excerpt(line)),
                instead: "export counts or counts per second over 2θ",
            })?;
            if let Some(range) = open.replace(begin(&header, kind, unit)?) {
                scans.push(range.finish()?);
                check_scans(FORMAT, scans.len())?;
            }
            continue;
        }
        let bad_row = |expected, found| ScanProblem::BadRow {
            format: FORMAT,
            place: Place::Line(line_number),
            expected,
            found: excerpt(found),
        };
        let Some(Range { scan, axis }) = &mut open else {
            return Err(bad_row("_KEY=value or the start of a block", line));
        };
        let mut values = line
            .split([' ', '\t', ','])
            .filter(|token| !token.is_empty())
            .map(|token| number(token).ok_or_else(|| bad_row("a number", token)));
        if axis.is_some() {
            for value in values {
                scan.intensities.push(value?);
                points += 1;
            }
        } else {
            let (Some(angle), Some(intensity)) = (values.next(), values.next()) else {
                return Err(bad_row("an angle and an intensity", line));
            };
            scan.two_theta.push(angle?);
            scan.intensities.push(intensity?);
            points += 1;
        }
        check_points(FORMAT, points)?;
    }
    if let Some(range) = open {
        scans.push(range.finish()?);
        check_scans(FORMAT, scans.len())?;
    }
    Ok(scans)
}

impl Range {
    /// Gives intensities without angles their angles.
    fn finish(mut self) -> Result<Measured, ScanProblem> {
        if self.scan.intensities.is_empty() {
            return Err(ScanProblem::NoPoints { format: FORMAT });
        }
        if let Some((start, step)) = self.axis {
            self.scan.step_from(start, step);
        }
        Ok(self.scan)
    }
}

fn block_kind(mark: &str) -> Option<(Block, IntensityUnit)> {
    match mark.trim().to_ascii_uppercase().as_str() {
        "COUNTS" => Some((Block::Intensities, IntensityUnit::Counts)),
        "CPS" => Some((Block::Intensities, IntensityUnit::CountsPerSecond)),
        "2THETACOUNTS" | "2THETACOUNTSTIME" => Some((Block::Rows, IntensityUnit::Counts)),
        "2THETACPS" => Some((Block::Rows, IntensityUnit::CountsPerSecond)),
        _ => None,
    }
}

/// A range with the header as it is now.
fn begin(
    header: &HashMap<String, &str>,
    block: Block,
    unit: IntensityUnit,
) -> Result<Range, ScanProblem> {
    let text = |key: &str| header.get(key).copied().and_then(stated);
    let real = |key: &str| header.get(key).and_then(|value| number(value.trim()));
    let mut metadata = ScanMetadata::new(FORMAT);
    metadata.sample = text("SAMPLE");
    metadata.comment = text("COMMENT");
    metadata.started = text("DATEMEASURED");
    metadata.anode = text("ANODE");
    metadata.axis = text("DRIVE");
    metadata.step = real("STEPSIZE").map(f64::abs).and_then(positive);
    metadata.counting_time = real("STEPTIME").and_then(positive);
    metadata.intensity_unit = unit;
    metadata.wavelengths = Wavelengths::doublet(
        real("WL1").unwrap_or_default(),
        real("WL2").unwrap_or_default(),
        real("WLRATIO"),
    );
    metadata.wavelengths.beta = real("WL3").and_then(plausible);
    if let Some(axis) = &metadata.axis
        && axis_kind(axis) == AxisKind::Other
    {
        return Err(ScanProblem::NotTwoTheta { format: FORMAT, axis: excerpt(axis) });
    }
    let axis = match block {
        Block::Rows => None,
        Block::Intensities => {
            let missing = |field| ScanProblem::MissingField { format: FORMAT, field };
            let start = real("START").or(real("2THETA")).ok_or_else(|| missing("_START"))?;
            let step = real("STEPSIZE").filter(|&step| step != 0.0);
            Some((start, step.ok_or_else(|| missing("_STEPSIZE"))?))
        }
    };
    Ok(Range { scan: Measured::new(metadata), axis })
}
