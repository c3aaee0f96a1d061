//! Powder CIF: profiles in loops, placed by a column of angles or by a range of constant step.
//!
//! Measured intensities are preferred to processed ones, and angles of the same kind to the
//! other: `_pd_meas_…` with `_pd_meas_2theta_…`, `_pd_proc_…` with `_pd_proc_2theta_…`. Each data
//! block with a profile is a scan. Points without an intensity (`?`, `.`) are left out.

use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::limits::{MAX_POINTS, check_points, check_scans};
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, stated};
use crate::cif::{Block, Document, Value, parse_number};

const FORMAT: ScanFormat = ScanFormat::PdCif;

/// Intensities, in order of preference, and whether they are counts.
const INTENSITIES: [(&str, IntensityUnit); 6] = [
    ("_pd_meas_counts_total", IntensityUnit::Counts),
    ("_pd_meas_intensity_total", IntensityUnit::Unstated),
    ("_pd_meas_intensity_net", IntensityUnit::Unstated),
    ("_pd_proc_intensity_total", IntensityUnit::Unstated),
    ("_pd_meas_counts_net", IntensityUnit::Counts),
    ("_pd_proc_intensity_net", IntensityUnit::Unstated),
];

/// Columns of angles, and what ranges begin with, of measured and of processed intensities.
const MEASURED: (&[&str], &str) =
    (&["_pd_meas_2theta_scan", "_pd_meas_2theta_corrected"], "_pd_meas_2theta_range_");
const PROCESSED: (&[&str], &str) = (&["_pd_proc_2theta_corrected"], "_pd_proc_2theta_range_");

/// Largest relative difference of the stated increment from (max − min)/(points − 1): forgives
/// increments written with three digits.
const INCREMENT_TOLERANCE: f64 = 2e-3;

/// Most words of a file: twice the points, for angles and intensities.
const MAX_WORDS: usize = 2 * MAX_POINTS;

pub(super) fn read(text: &str) -> Result<Vec<Measured>, ScanProblem> {
    let (mut words, mut blocks) = (0, 0);
    for word in text.split_ascii_whitespace() {
        words += 1;
        blocks += usize::from(word.get(..5).is_some_and(|w| w.eq_ignore_ascii_case("data_")));
    }
    if words > MAX_WORDS {
        return Err(ScanProblem::TooManyPoints { format: FORMAT });
    }
    check_scans(FORMAT, blocks)?;
    let document =
        Document::parse(text).map_err(|error| ScanProblem::Cif { format: FORMAT, error })?;
    let mut scans = Vec::new();
    let mut points = 0;
    for block in &document.blocks {
        let profile = Profile { document: &document, block };
        if let Some(scan) = profile.scan()? {
            points += scan.intensities.len();
            check_points(FORMAT, points)?;
            scans.push(scan);
        }
    }
    if scans.is_empty() {
        let field = "data block with a column of intensities (`_pd_meas_…`, `_pd_proc_…`)";
        return Err(ScanProblem::MissingField { format: FORMAT, field });
    }
    Ok(scans)
}

/// A data block that may hold a profile.
struct Profile<'a> {
    document: &'a Document<'a>,
    block: &'a Block<'a>,
}

impl<'a> Profile<'a> {
    fn scan(&self) -> Result<Option<Measured>, ScanProblem> {
        let Some((tag, column, unit)) = INTENSITIES
            .iter()
            .find_map(|(tag, unit)| self.column(tag).map(|column| (*tag, column, *unit)))
        else {
            return Ok(None);
        };
        let mut scan = Measured::new(self.metadata(unit));
        let angles = self.angles(tag.starts_with("_pd_meas"), &column)?;
        let mut left_out = 0_usize;
        for (index, value) in column.iter().enumerate() {
            let angle = match &angles {
                Angles::Even { start, step } => Some(start + step * index as f64),
                Angles::Column(angles) if angles[index].is_absent() => None,
                Angles::Column(angles) => Some(self.number(angles[index])?),
            };
            let (Some(angle), false) = (angle, value.is_absent()) else {
                left_out += 1;
                continue;
            };
            scan.two_theta.push(angle);
            scan.intensities.push(self.number(value)?);
        }
        if left_out > 0 {
            scan.metadata.notes.push(format!("{left_out} points without an intensity left out"));
        }
        Ok(Some(scan))
    }

    /// The values of a column of some loop.
    fn column(&self, tag: &str) -> Option<Vec<&'a Value<'a>>> {
        let table = self.block.find_loop(&[tag])?;
        let at = table.column(&[tag])?;
        Some(table.rows().map(|row| &row[at]).collect())
    }

    fn number(&self, value: &Value<'_>) -> Result<f64, ScanProblem> {
        parse_number(value.text).ok_or_else(|| ScanProblem::BadRow {
            format: FORMAT,
            place: self.place(value),
            expected: "a number",
            found: excerpt(value.text),
        })
    }

    fn place(&self, value: &Value<'_>) -> Place {
        Place::Line(self.document.position(value).line)
    }

    fn metadata(&self, unit: IntensityUnit) -> ScanMetadata {
        let text = |tag: &str| self.block.item(&[tag]).and_then(|value| stated(value.text));
        let numbers = |tag: &str| -> Vec<f64> {
            let column = self.column(tag).unwrap_or_default();
            let item = self.block.item(&[tag]).filter(|_| column.is_empty());
            column.into_iter().chain(item).filter_map(|value| parse_number(value.text)).collect()
        };
        let mut metadata = ScanMetadata::new(FORMAT);
        metadata.sample = text("_pd_phase_name")
            .or_else(|| text("_chemical_name_common"))
            .or_else(|| stated(self.block.name));
        metadata.started = text("_pd_meas_datetime_initiated");
        metadata.instrument = text("_pd_instr_location");
        metadata.anode = text("_diffrn_source_target");
        metadata.intensity_unit = unit;
        let lines = numbers("_diffrn_radiation_wavelength");
        let weights = numbers("_diffrn_radiation_wavelength_wt");
        metadata.wavelengths = match (lines.as_slice(), weights.as_slice()) {
            ([alpha1, alpha2], [first, second]) if *first > 0.0 => {
                Wavelengths::doublet(*alpha1, *alpha2, Some(second / first))
            }
            ([alpha1, alpha2], _) => Wavelengths::doublet(*alpha1, *alpha2, None),
            ([only, ..], _) => Wavelengths::single(*only),
            ([], _) => Wavelengths::default(),
        };
        metadata
    }

    fn angles(
        &self,
        measured: bool,
        intensities: &[&'a Value<'a>],
    ) -> Result<Angles<'a>, ScanProblem> {
        let kinds = if measured { [MEASURED, PROCESSED] } else { [PROCESSED, MEASURED] };
        for (tags, range) in kinds {
            if let Some(column) = tags.iter().find_map(|tag| self.column(tag)) {
                if column.len() != intensities.len() {
                    return Err(self.count_mismatch(column.len(), intensities));
                }
                return Ok(Angles::Column(column));
            }
            if let Some(angles) = self.range(range, intensities)? {
                return Ok(angles);
            }
        }
        let axis = ["_pd_meas_time_of_flight", "_pd_proc_d_spacing", "_pd_proc_recip_len_q"]
            .into_iter()
            .find(|tag| self.block.find_loop(&[tag]).is_some());
        Err(match axis {
            Some(axis) => ScanProblem::NotTwoTheta { format: FORMAT, axis: axis.to_owned() },
            None => ScanProblem::MissingField { format: FORMAT, field: "2θ column or range" },
        })
    }

    /// Start and step of `…min`, `…max`, `…inc`, of which the first and another are given.
    fn range(
        &self,
        prefix: &str,
        intensities: &[&'a Value<'a>],
    ) -> Result<Option<Angles<'a>>, ScanProblem> {
        let value = |end: &str| {
            let item = self.block.item(&[&format!("{prefix}{end}")]);
            item.filter(|value| !value.is_absent()).map(|value| self.number(value)).transpose()
        };
        let (min, max, increment) = (value("min")?, value("max")?, value("inc")?);
        let steps = intensities.len().saturating_sub(1) as f64;
        Ok(match (min, max, increment) {
            (Some(min), Some(max), increment) if steps > 0.0 => {
                let step = (max - min) / steps;
                let stated = increment.unwrap_or(step);
                if (stated - step).abs() > INCREMENT_TOLERANCE * stated.abs() {
                    let declared = ((max - min) / stated).round().clamp(0.0, 1e15) as usize + 1;
                    return Err(self.count_mismatch(declared, intensities));
                }
                Some(Angles::Even { start: min, step })
            }
            (Some(min), _, Some(step)) => Some(Angles::Even { start: min, step }),
            _ => None,
        })
    }

    fn count_mismatch(&self, declared: usize, intensities: &[&Value<'_>]) -> ScanProblem {
        let place = intensities.first().map_or(Place::Byte(0), |first| self.place(first));
        ScanProblem::PointCount { format: FORMAT, place, declared, found: intensities.len() }
    }
}

/// Where the angles of a profile come from.
enum Angles<'a> {
    Column(Vec<&'a Value<'a>>),
    Even { start: f64, step: f64 },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_with_its_own_angles_is_read() {
        let text = "data_a\n_x ;\nloop_\n_pd_meas_2theta_scan _pd_meas_counts_total\n\
                    10.0(1) 5 # remark\n10.5 '6'\n11.0 ?\n";
        let scans = read(text).unwrap();
        assert_eq!(scans[0].two_theta, [10.0, 10.5]);
        assert_eq!(scans[0].intensities, [5.0, 6.0]);
        assert_eq!(scans[0].metadata.notes.len(), 1);
    }

    #[test]
    fn text_fields_cannot_pose_as_loops() {
        let text = "data_a\n_remark\n;\nloop_\n_pd_meas_counts_total\n1 2\n;\n\
                    _pd_meas_2theta_range_min 10\n_pd_meas_2theta_range_inc 0.5\n\
                    loop_\n_pd_meas_counts_total\n7 8 9\n";
        let scans = read(text).unwrap();
        assert_eq!(scans.len(), 1);
        assert_eq!(scans[0].two_theta, [10.0, 10.5, 11.0]);
    }

    #[test]
    fn a_range_that_disagrees_with_the_points_is_refused_with_its_line() {
        let text = "data_a\n_pd_meas_2theta_range_min 10\n_pd_meas_2theta_range_max 20\n\
                    _pd_meas_2theta_range_inc 0.5\nloop_\n_pd_meas_counts_total\n7 8 9\n";
        assert!(matches!(
            read(text),
            Err(ScanProblem::PointCount { declared: 21, found: 3, place: Place::Line(7), .. })
        ));
    }

    #[test]
    fn a_doublet_in_a_loop_keeps_its_weights() {
        let text = "data_a\nloop_\n_diffrn_radiation_wavelength\n_diffrn_radiation_wavelength_wt\n\
                    1.5406 1.0\n1.5444 0.48\n_pd_meas_2theta_range_min 10\n\
                    _pd_meas_2theta_range_inc 0.5\nloop_\n_pd_meas_counts_total\n7 8 9\n";
        let lines = read(text).unwrap().remove(0).metadata.wavelengths;
        assert_eq!(lines, Wavelengths::doublet(1.5406, 1.5444, Some(0.48)));
    }
}
