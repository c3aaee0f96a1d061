//! Rigaku text with `*KEY = value` lines: `*BEGIN` … `*START`, `*STEP`, `*COUNT`, intensities
//! separated by commas, `*END`, for each group.

use super::axis::{AxisKind, axis_kind};
use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::limits::{check_points, check_scans};
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, positive, stated};
use super::text::{lines, number};

const FORMAT: ScanFormat = ScanFormat::RigakuDat;

/// A group between `*BEGIN` and `*END`.
struct Group {
    line: usize,
    start: Option<f64>,
    step: Option<f64>,
    count: Option<usize>,
    scan: Measured,
}

pub(super) fn read(text: &str) -> Result<Vec<Measured>, ScanProblem> {
    let mut file = ScanMetadata::new(FORMAT);
    let mut scans = Vec::new();
    let mut group: Option<Group> = None;
    let mut points = 0;
    for (line_number, line) in lines(text) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some(entry) = line.strip_prefix('*') else {
            let group = group.as_mut().ok_or_else(|| bad_row(line_number, line, "*BEGIN"))?;
            for token in line.split([',', ' ', '\t']).filter(|token| !token.is_empty()) {
                let value = number(token).ok_or_else(|| bad_row(line_number, token, "a number"))?;
                group.scan.intensities.push(value);
                points += 1;
                check_points(FORMAT, points)?;
            }
            continue;
        };
        let (key, value) = entry.split_once('=').unwrap_or((entry, ""));
        let (key, value) = (key.trim(), value.trim());
        match key {
            "BEGIN" => {
                let scan = Measured::new(file.clone());
                group =
                    Some(Group { line: line_number, start: None, step: None, count: None, scan });
            }
            "END" => {
                let group = group.take().ok_or_else(|| bad_row(line_number, line, "*BEGIN"))?;
                scans.push(group.finish()?);
                check_scans(FORMAT, scans.len())?;
            }
            "EOF" => break,
            "START" | "STEP" => {
                let value = number(value)
                    .ok_or_else(|| bad_row(line_number, value, "an angle in degrees"))?;
                if let Some(group) = &mut group {
                    if key == "START" {
                        group.start = Some(value);
                    } else {
                        group.step = Some(value);
                    }
                }
            }
            "COUNT" => {
                if let Some(group) = &mut group {
                    let count = value
                        .parse()
                        .map_err(|_| bad_row(line_number, value, "a number of points"))?;
                    group.count = Some(count);
                }
            }
            _ => {
                let metadata = group.as_mut().map_or(&mut file, |group| &mut group.scan.metadata);
                note(metadata, key, value);
            }
        }
    }
    match group {
        Some(group) => Err(bad_row(group.line, "*BEGIN", "*END after it")),
        None => Ok(scans),
    }
}

impl Group {
    fn finish(mut self) -> Result<Measured, ScanProblem> {
        if let Some(axis) = &self.scan.metadata.axis
            && axis_kind(axis) == AxisKind::Other
        {
            return Err(ScanProblem::NotTwoTheta { format: FORMAT, axis: excerpt(axis) });
        }
        let missing = |field| ScanProblem::MissingField { format: FORMAT, field };
        let start = self.start.ok_or_else(|| missing("*START"))?;
        let step = self.step.filter(|&step| step != 0.0).ok_or_else(|| missing("*STEP"))?;
        let found = self.scan.intensities.len();
        let declared = self.count.unwrap_or(found);
        if declared != found {
            let place = Place::Line(self.line);
            return Err(ScanProblem::PointCount { format: FORMAT, place, declared, found });
        }
        self.scan.step_from(start, step);
        Ok(self.scan)
    }
}

fn note(metadata: &mut ScanMetadata, key: &str, value: &str) {
    match key {
        "SAMPLE" => metadata.sample = stated(value),
        "COMMENT" => metadata.comment = stated(value),
        "DATE" => metadata.started = stated(value),
        "TARGET" => metadata.anode = stated(value).filter(|anode| number(anode).is_none()),
        "SCAN_AXIS" => metadata.axis = stated(value),
        "WAVE_LENGTH1" | "WAVE_LENGTH" => {
            metadata.wavelengths.alpha1 = Wavelengths::single(number(value).unwrap_or(0.0)).alpha1;
        }
        "WAVE_LENGTH2" => {
            metadata.wavelengths.alpha2 = Wavelengths::single(number(value).unwrap_or(0.0)).alpha1;
        }
        "YUNIT" | "Y_UNIT" => {
            metadata.intensity_unit = match value.to_lowercase().as_str() {
                "counts" => IntensityUnit::Counts,
                "cps" => IntensityUnit::CountsPerSecond,
                _ => IntensityUnit::Unstated,
            }
        }
        "SEC_COUNT" => metadata.counting_time = number(value).and_then(positive),
        _ => {}
    }
}

fn bad_row(line: usize, found: &str, expected: &'static str) -> ScanProblem {
    ScanProblem::BadRow {
        format: FORMAT,
        place: Place::Line(line),
        expected,
        found: excerpt(found),
    }
}
