//! Rigaku RAS text: `*RAS_HEADER_START` … `*KEY "value"` … `*RAS_INT_START`, rows of angle,
//! intensity and attenuation, `*RAS_INT_END`.
//!
//! The third column is the factor of the automatic attenuator; stored intensities are those
//! behind it, so they are multiplied by it, as the NIMS converter does.

use std::collections::HashMap;

use super::axis::{AxisKind, axis_kind};
use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::limits::{check_points, check_scans};
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, plausible, positive, stated};
use super::text::{lines, number};

const FORMAT: ScanFormat = ScanFormat::Ras;

pub(super) fn read(text: &str) -> Result<Vec<Measured>, ScanProblem> {
    let mut header: HashMap<&str, &str> = HashMap::new();
    let mut scans = Vec::new();
    let mut open: Option<(usize, Measured)> = None;
    let mut points = 0;
    for (line_number, line) in lines(text) {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if let Some((_, scan)) = &mut open
            && !line.starts_with('*')
        {
            push_row(scan, line, || Place::Line(line_number))?;
            points += 1;
            check_points(FORMAT, points)?;
            continue;
        }
        match line {
            "*RAS_HEADER_START" => header.clear(),
            "*RAS_INT_START" => {
                if open.is_some() {
                    return Err(misplaced(line_number, line));
                }
                open = Some((line_number, Measured::new(metadata(&header)?)));
            }
            "*RAS_INT_END" => {
                let (start, scan) = open.take().ok_or_else(|| misplaced(line_number, line))?;
                check_count(&header, start, &scan)?;
                scans.push(scan);
                check_scans(FORMAT, scans.len())?;
            }
            _ => {
                if let Some((key, value)) = line.split_once(char::is_whitespace) {
                    header.insert(key, value.trim().trim_matches('"'));
                }
            }
        }
    }
    if let Some((start, scan)) = open {
        return Err(ScanProblem::BadRow {
            format: FORMAT,
            place: Place::Line(start + 1 + scan.intensities.len()),
            expected: "*RAS_INT_END",
            found: "the end of the file".to_owned(),
        });
    }
    Ok(scans)
}

/// Adds a row of angle, intensity and, possibly, attenuation factor.
pub(super) fn push_row(
    scan: &mut Measured,
    line: &str,
    place: impl FnOnce() -> Place,
) -> Result<(), ScanProblem> {
    let mut fields = line.split([' ', '\t', ',']).filter(|field| !field.is_empty());
    let mut value = || fields.next().map(number);
    let row = match (value(), value(), value()) {
        (Some(Some(angle)), Some(Some(intensity)), None) => Some((angle, intensity, 1.0)),
        (Some(Some(angle)), Some(Some(intensity)), Some(Some(factor))) if factor > 0.0 => {
            Some((angle, intensity, factor))
        }
        _ => None,
    };
    let (angle, intensity, factor) = row.ok_or_else(|| ScanProblem::BadRow {
        format: scan.metadata.format,
        place: place(),
        expected: "angle, intensity and attenuation",
        found: excerpt(line),
    })?;
    const NOTE: &str = "intensities multiplied by the attenuation column";
    if factor != 1.0 && scan.metadata.notes.is_empty() {
        scan.metadata.notes.push(NOTE.to_owned());
    }
    scan.two_theta.push(angle);
    scan.intensities.push(intensity * factor);
    Ok(())
}

fn metadata(header: &HashMap<&str, &str>) -> Result<ScanMetadata, ScanProblem> {
    let mut metadata = ScanMetadata::new(FORMAT);
    note_header(&mut metadata, |key| header.get(key).copied());
    check_axis(&metadata)?;
    Ok(metadata)
}

/// Takes what the keys of a RAS header say; RASX repeats them.
pub(super) fn note_header<'a>(
    metadata: &mut ScanMetadata,
    value: impl Fn(&str) -> Option<&'a str>,
) {
    let text = |key: &str| value(key).and_then(stated);
    let real = |key: &str| value(key).and_then(|text| number(text.trim()));
    metadata.sample = text("*FILE_SAMPLE");
    metadata.comment = text("*FILE_COMMENT");
    metadata.instrument = text("*FILE_SYSTEM_NAME");
    metadata.started = text("*MEAS_SCAN_START_TIME");
    metadata.anode = text("*HW_XG_TARGET_NAME");
    metadata.axis = text("*MEAS_SCAN_AXIS_X");
    metadata.step = real("*MEAS_SCAN_STEP").and_then(positive);
    metadata.wavelengths = Wavelengths::doublet(
        real("*HW_XG_WAVE_LENGTH_ALPHA1").unwrap_or_default(),
        real("*HW_XG_WAVE_LENGTH_ALPHA2").unwrap_or_default(),
        None,
    );
    metadata.wavelengths.beta = real("*HW_XG_WAVE_LENGTH_BETA").and_then(plausible);
    let speed_unit = text("*MEAS_SCAN_SPEED_UNIT").unwrap_or_default();
    metadata.counting_time = counting_time(metadata.step, real("*MEAS_SCAN_SPEED"), &speed_unit);
    metadata.intensity_unit = intensity_unit(&text("*MEAS_SCAN_UNIT_Y").unwrap_or_default());
}

/// Seconds per point from the scan speed: degrees per minute, or seconds per step.
pub(super) fn counting_time(step: Option<f64>, speed: Option<f64>, unit: &str) -> Option<f64> {
    let speed = speed.and_then(positive)?;
    match unit.trim() {
        "deg/min" => positive(step? / speed * 60.0),
        "sec" | "sec/step" | "sec./step" => Some(speed),
        _ => None,
    }
}

pub(super) fn intensity_unit(unit: &str) -> IntensityUnit {
    match unit.trim().to_lowercase().as_str() {
        "counts" | "count" => IntensityUnit::Counts,
        "cps" => IntensityUnit::CountsPerSecond,
        _ => IntensityUnit::Unstated,
    }
}

pub(super) fn check_axis(metadata: &ScanMetadata) -> Result<(), ScanProblem> {
    match &metadata.axis {
        Some(axis) if axis_kind(axis) == AxisKind::Other => {
            Err(ScanProblem::NotTwoTheta { format: metadata.format, axis: excerpt(axis) })
        }
        _ => Ok(()),
    }
}

fn check_count(
    header: &HashMap<&str, &str>,
    start: usize,
    scan: &Measured,
) -> Result<(), ScanProblem> {
    let Some(text) = header.get("*MEAS_DATA_COUNT") else { return Ok(()) };
    let Ok(declared) = text.parse::<usize>() else { return Ok(()) };
    let found = scan.intensities.len();
    if declared != found {
        let place = Place::Line(start);
        return Err(ScanProblem::PointCount { format: FORMAT, place, declared, found });
    }
    Ok(())
}

fn misplaced(line: usize, found: &str) -> ScanProblem {
    ScanProblem::BadRow {
        format: FORMAT,
        place: Place::Line(line),
        expected: "blocks of intensities that begin and end in turn",
        found: excerpt(found),
    }
}
