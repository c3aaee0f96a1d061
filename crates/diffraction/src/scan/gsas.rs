//! GSAS powder data: a title, then `BANK` records of constant step in hundredths of a degree.
//!
//! `STD` holds ten fields `(I2,F6.0)` of detectors and intensity a line, `ESD` five pairs
//! `(F8,F8)` of intensity and uncertainty, `FXY` and `FXYE` rows of angle in hundredths of a
//! degree, intensity and uncertainty. Free-format lines, which many programs write under `STD`
//! and `ESD`, are told apart by whether every field of fixed width is a number.

use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::header::note_header_line;
use super::limits::{check_points, check_scans};
use super::measured::Measured;
use super::metadata::{ScanMetadata, stated};
use super::text::{lines, number};

const FORMAT: ScanFormat = ScanFormat::Gsas;

/// GSAS writes angles in hundredths of a degree.
const DEGREES: f64 = 0.01;

/// Width of a field of the fixed-width records.
const FIELD: usize = 8;

/// Most zeros with which the last record may be filled up.
const MOST_PADDING: usize = 10;

/// How the points of a bank are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Record {
    Std,
    Esd,
    Fxy,
    Fxye,
}

/// What a `BANK` line says.
struct Bank<'a> {
    line: usize,
    record: Record,
    points: usize,
    start: f64,
    step: f64,
    body: Vec<(usize, &'a str)>,
}

pub(super) fn read(text: &str) -> Result<Vec<Measured>, ScanProblem> {
    let mut metadata = ScanMetadata::new(FORMAT);
    let mut banks: Vec<Bank<'_>> = Vec::new();
    let mut records = 0;
    for (line_number, line) in lines(text) {
        let content = line.trim();
        if content.split_whitespace().next() == Some("BANK") {
            banks.push(Bank::of(line_number, content)?);
            check_scans(FORMAT, banks.len())?;
        } else if content.is_empty() {
        } else if content.starts_with(['#', '!']) {
            note_header_line(&mut metadata, content);
        } else if let Some(bank) = banks.last_mut() {
            bank.body.push((line_number, line));
            records += 1;
            check_points(FORMAT, records)?;
        } else if metadata.sample.is_none() && line_number == 1 {
            metadata.sample = stated(content);
        }
    }
    if banks.is_empty() {
        return Err(ScanProblem::MissingField { format: FORMAT, field: "BANK record" });
    }
    check_points(FORMAT, banks.iter().map(|bank| bank.points).fold(0, usize::saturating_add))?;
    banks.into_iter().map(|bank| bank.read(metadata.clone())).collect()
}

impl<'a> Bank<'a> {
    fn of(line: usize, content: &str) -> Result<Self, ScanProblem> {
        let fields: Vec<&str> = content.split_whitespace().collect();
        let bad = |field, found: &str, expected| ScanProblem::BadField {
            format: FORMAT,
            place: Place::Line(line),
            field,
            found: excerpt(found),
            expected,
        };
        let field = |index: usize| fields.get(index).copied().unwrap_or_default();
        let points =
            field(2).parse().map_err(|_| bad("number of channels", field(2), "a whole number"))?;
        let binning = field(4).to_ascii_uppercase();
        if !matches!(binning.as_str(), "CONS" | "CONST") {
            return Err(match binning.as_str() {
                "SLOG" | "RALF" | "TIME_MAP" | "COND" | "CONQ" | "LOG6" | "LPSD" | "EDS" => {
                    ScanProblem::NotTwoTheta { format: FORMAT, axis: binning }
                }
                _ => bad("binning", field(4), "CONST"),
            });
        }
        let angle = |index: usize| {
            number(field(index))
                .map(|value| value * DEGREES)
                .ok_or_else(|| bad("start or step", field(index), "hundredths of a degree"))
        };
        let (start, step) = (angle(5)?, angle(6)?);
        let kind = fields.get(7..).unwrap_or_default().iter().find(|token| number(token).is_none());
        let record = match kind.map(|kind| kind.to_ascii_uppercase()).as_deref() {
            None | Some("STD") => Record::Std,
            Some("ESD") => Record::Esd,
            Some("FXY") => Record::Fxy,
            Some("FXYE") => Record::Fxye,
            Some(other) => {
                return Err(ScanProblem::Unsupported {
                    format: FORMAT,
                    what: format!("a bank of type {}", excerpt(other)),
                    instead: "convert it to STD, ESD or FXYE",
                });
            }
        };
        Ok(Self { line, record, points, start, step, body: Vec::new() })
    }

    fn read(self, metadata: ScanMetadata) -> Result<Measured, ScanProblem> {
        let mut scan = Measured::new(metadata);
        match self.record {
            Record::Fxy | Record::Fxye => self.read_rows(&mut scan)?,
            Record::Std | Record::Esd => self.read_fields(&mut scan)?,
        }
        Ok(scan)
    }

    fn count_mismatch(&self, found: usize) -> ScanProblem {
        let place = Place::Line(self.line);
        ScanProblem::PointCount { format: FORMAT, place, declared: self.points, found }
    }

    /// Rows with their own angles. Some exports add an end point to what the bank announces;
    /// their angles place all rows, so all are kept.
    fn read_rows(&self, scan: &mut Measured) -> Result<(), ScanProblem> {
        for &(line, row) in &self.body {
            let bad_row = || ScanProblem::BadRow {
                format: FORMAT,
                place: Place::Line(line),
                expected: "angle, intensity and uncertainty",
                found: excerpt(row),
            };
            let mut values =
                row.split([' ', '\t', ',']).filter(|field| !field.is_empty()).map(number);
            let (Some(Some(angle)), Some(Some(intensity))) = (values.next(), values.next()) else {
                return Err(bad_row());
            };
            scan.two_theta.push(angle * DEGREES);
            scan.intensities.push(intensity);
            if self.record == Record::Fxye {
                scan.uncertainties.push(values.next().flatten().ok_or_else(bad_row)?);
            }
            check_points(FORMAT, scan.intensities.len())?;
        }
        if scan.intensities.len() < self.points {
            return Err(self.count_mismatch(scan.intensities.len()));
        }
        scan.metadata.step = Some(self.step.abs()).filter(|&step| step > 0.0);
        Ok(())
    }

    /// Intensities at a constant step, in fields of fixed width or free format.
    fn read_fields(&self, scan: &mut Measured) -> Result<(), ScanProblem> {
        if self.step == 0.0 {
            return Err(ScanProblem::MissingField {
                format: FORMAT,
                field: "step other than zero",
            });
        }
        let width = if self.record == Record::Esd { 2 } else { 1 };
        let wanted = self.points * width;
        let fits = |values: &[f64]| {
            values.len() >= wanted
                && values.len() - wanted < MOST_PADDING
                && values[wanted..].iter().all(|&padding| padding == 0.0)
        };
        let values = match self.fixed_fields().filter(|values| fits(values)) {
            Some(values) => values,
            None => self.free_fields()?,
        };
        if !fits(&values) {
            return Err(self.count_mismatch(values.len() / width));
        }
        scan.intensities = values[..wanted].iter().step_by(width).copied().collect();
        if self.record == Record::Esd {
            scan.uncertainties = values[1..wanted].iter().step_by(width).copied().collect();
        }
        scan.step_from(self.start, self.step);
        Ok(())
    }

    /// The numbers of fields of fixed width, without the numbers of detectors; `None` if the lines
    /// are not made of such fields.
    fn fixed_fields(&self) -> Option<Vec<f64>> {
        let detectors = if self.record == Record::Std { 2 } else { 0 };
        let mut values = Vec::new();
        // Numbers of detectors stand in all fields or in none: where only some fields reach so far
        // to the left, they are counts of seven digits.
        let mut counted = None;
        for &(_, row) in &self.body {
            let row = row.trim_end();
            if !row.is_ascii() {
                return None;
            }
            for start in (0..row.len()).step_by(FIELD) {
                let field = &row[start..row.len().min(start + FIELD)];
                let (count, value) = field.split_at(detectors.min(field.len()));
                let has_count = !count.trim().is_empty();
                if has_count && count.trim().parse::<u8>().is_err()
                    || *counted.get_or_insert(has_count) != has_count
                {
                    return None;
                }
                values.push(number(value.trim())?);
            }
        }
        Some(values)
    }

    fn free_fields(&self) -> Result<Vec<f64>, ScanProblem> {
        let mut values = Vec::new();
        for &(line, row) in &self.body {
            for token in row.split([' ', '\t', ',']).filter(|token| !token.is_empty()) {
                values.push(number(token).ok_or_else(|| ScanProblem::BadRow {
                    format: FORMAT,
                    place: Place::Line(line),
                    expected: "a number",
                    found: excerpt(token),
                })?);
            }
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intensities(text: &str) -> Vec<f64> {
        read(text).unwrap().remove(0).intensities
    }

    #[test]
    fn numbers_of_detectors_are_not_intensities() {
        let fixed = "title\nBANK 1 3 1 CONST 1000 2 0 0 STD\n 1 11632 2123456 1   900\n";
        assert_eq!(intensities(fixed), [11632.0, 123456.0, 900.0]);
        let wide = "title\nBANK 1 3 1 CONST 1000 2 0 0 STD\n   11632 1000010     900\n";
        assert_eq!(intensities(wide), [11632.0, 1000010.0, 900.0]);
        let free = "title\nBANK 1 3 1 CONST 1000 2 0 0 STD\n11632 100 9\n";
        assert_eq!(intensities(free), [11632.0, 100.0, 9.0]);
    }

    #[test]
    fn touching_fields_of_full_width_are_separated() {
        let text = "t\nBANK 1 2 1 CONS 1000 2 0 0 ESD\n12345678 1234567123456.01234.567\n";
        let scan = read(text).unwrap().remove(0);
        assert_eq!(scan.intensities, [12345678.0, 123456.0]);
        assert_eq!(scan.uncertainties, [1234567.0, 1234.567]);
        assert!((scan.two_theta[1] - 10.02).abs() < 1e-12);
    }

    #[test]
    fn banks_of_other_axes_and_wrong_counts_are_refused() {
        let tof = "t\nBANK 1 3 1 SLOG 1000 2 0 0 FXYE\n";
        assert!(matches!(read(tof), Err(ScanProblem::NotTwoTheta { .. })));
        let short = "t\nBANK 1 3 1 CONST 1000 2 0 0 STD\n1 2\n";
        assert!(matches!(read(short), Err(ScanProblem::PointCount { declared: 3, found: 2, .. })));
        let huge = "t\nBANK 1 99999999999 1 CONST 1000 2 0 0 STD\n1 2\n";
        assert!(matches!(read(huge), Err(ScanProblem::TooManyPoints { .. })));
    }
}
