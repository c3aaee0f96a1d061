//! Powder CIF: profiles in loops, placed by a column of angles or by a range of constant step.
//!
//! Measured intensities are preferred to processed ones, and angles of the same kind to the
//! other: `_pd_meas_…` with `_pd_meas_2theta_…`, `_pd_proc_…` with `_pd_proc_2theta_…`. Each data
//! block with a profile is a scan. Points without an intensity (`?`, `.`) are left out.

use std::collections::HashMap;

use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::limits::{MAX_POINTS, check_points, check_scans};
use super::measured::Measured;
use super::metadata::{IntensityUnit, ScanMetadata, Wavelengths, stated};
use super::text::{lines, number};

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

/// Columns of angles and prefixes of ranges, for measured and for processed intensities.
const MEASURED_ANGLES: [&str; 2] = ["_pd_meas_2theta_scan", "_pd_meas_2theta_corrected"];
const PROCESSED_ANGLES: [&str; 1] = ["_pd_proc_2theta_corrected"];
const MEASURED_RANGE: &str = "_pd_meas_2theta_range_";
const PROCESSED_RANGE: &str = "_pd_proc_2theta_range_";

/// Largest relative difference of the stated increment from (max − min)/(points − 1): forgives
/// increments written with three digits.
const INCREMENT_TOLERANCE: f64 = 2e-3;

/// Most values and keywords of a file: twice the points, for angles and intensities.
const MAX_TOKENS: usize = 2 * MAX_POINTS;

/// A value with the line it stands on.
#[derive(Debug, Clone, Copy)]
struct Value<'a> {
    text: &'a str,
    line: usize,
    quoted: bool,
}

#[derive(Default)]
struct Block<'a> {
    name: &'a str,
    line: usize,
    items: HashMap<String, Value<'a>>,
    columns: HashMap<String, Vec<Value<'a>>>,
}

pub(super) fn read(text: &str) -> Result<Vec<Measured>, ScanProblem> {
    let mut scans = Vec::new();
    let mut points = 0;
    for block in blocks(&tokens(text)?)? {
        if let Some(scan) = block.scan()? {
            points += scan.intensities.len();
            check_points(FORMAT, points)?;
            scans.push(scan);
            check_scans(FORMAT, scans.len())?;
        }
    }
    if scans.is_empty() {
        let field = "data block with a column of intensities (`_pd_meas_…`, `_pd_proc_…`)";
        return Err(ScanProblem::MissingField { format: FORMAT, field });
    }
    Ok(scans)
}

impl Block<'_> {
    fn scan(&self) -> Result<Option<Measured>, ScanProblem> {
        let Some((tag, column, unit)) = INTENSITIES
            .iter()
            .find_map(|(tag, unit)| self.columns.get(*tag).map(|column| (*tag, column, *unit)))
        else {
            return Ok(None);
        };
        let mut scan = Measured::new(self.metadata(unit));
        let angles = self.angles(tag.starts_with("_pd_meas"), column.len())?;
        let mut left_out = 0_usize;
        for (index, value) in column.iter().enumerate() {
            let (true, Some(angle)) = (is_stated(value), angles.at(index)?) else {
                left_out += 1;
                continue;
            };
            scan.two_theta.push(angle);
            scan.intensities.push(value.number()?);
            check_points(FORMAT, scan.intensities.len())?;
        }
        if left_out > 0 {
            scan.metadata.notes.push(format!("{left_out} points without an intensity left out"));
        }
        Ok(Some(scan))
    }

    fn metadata(&self, unit: IntensityUnit) -> ScanMetadata {
        let text = |tag: &str| self.items.get(tag).and_then(|value| stated(value.text));
        let mut metadata = ScanMetadata::new(FORMAT);
        metadata.sample = text("_pd_phase_name")
            .or_else(|| text("_chemical_name_common"))
            .or_else(|| stated(self.name));
        metadata.started = text("_pd_meas_datetime_initiated");
        metadata.instrument = text("_pd_instr_location");
        metadata.anode = text("_diffrn_source_target");
        metadata.intensity_unit = unit;
        let tag = "_diffrn_radiation_wavelength";
        let lines: Vec<f64> = match (self.items.get(tag), self.columns.get(tag)) {
            (Some(value), _) => value.number().into_iter().collect(),
            (None, Some(column)) => column.iter().filter_map(|value| value.number().ok()).collect(),
            (None, None) => Vec::new(),
        };
        let weights: Vec<f64> = self
            .columns
            .get("_diffrn_radiation_wavelength_wt")
            .map(|column| column.iter().filter_map(|value| value.number().ok()).collect())
            .unwrap_or_default();
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

    fn angles(&self, measured: bool, points: usize) -> Result<Angles<'_>, ScanProblem> {
        let own = (&MEASURED_ANGLES[..], MEASURED_RANGE);
        let other = (&PROCESSED_ANGLES[..], PROCESSED_RANGE);
        for (tags, range) in if measured { [own, other] } else { [other, own] } {
            if let Some(column) = tags.iter().find_map(|tag| self.columns.get(*tag)) {
                if column.len() != points {
                    return Err(self.count_mismatch(column.len(), points));
                }
                return Ok(Angles::Column(column));
            }
            if let Some(angles) = self.range(range, points)? {
                return Ok(angles);
            }
        }
        let axis = ["_pd_meas_time_of_flight", "_pd_proc_d_spacing", "_pd_proc_recip_len_q"]
            .into_iter()
            .find(|tag| self.columns.contains_key(*tag));
        Err(match axis {
            Some(axis) => ScanProblem::NotTwoTheta { format: FORMAT, axis: axis.to_owned() },
            None => ScanProblem::MissingField { format: FORMAT, field: "2θ column or range" },
        })
    }

    /// Start and step of `…min`, `…max`, `…inc`, of which any two or all three are given.
    fn range(&self, prefix: &str, points: usize) -> Result<Option<Angles<'_>>, ScanProblem> {
        let value = |end: &str| {
            self.items
                .get(&format!("{prefix}{end}"))
                .filter(|value| is_stated(value))
                .map(Value::number)
                .transpose()
        };
        let (min, max, increment) = (value("min")?, value("max")?, value("inc")?);
        let steps = points.saturating_sub(1) as f64;
        Ok(match (min, max, increment) {
            (Some(min), Some(max), increment) if steps > 0.0 => {
                let step = (max - min) / steps;
                if increment.is_some_and(|stated| {
                    (stated - step).abs() > INCREMENT_TOLERANCE * stated.abs()
                }) {
                    let declared = ((max - min) / increment.unwrap_or(step)).round();
                    let declared = declared.clamp(0.0, 1e15) as usize + 1;
                    return Err(self.count_mismatch(declared, points));
                }
                Some(Angles::Even { start: min, step })
            }
            (Some(min), _, Some(step)) => Some(Angles::Even { start: min, step }),
            _ => None,
        })
    }

    fn count_mismatch(&self, declared: usize, found: usize) -> ScanProblem {
        let place = Place::Line(self.line);
        ScanProblem::PointCount { format: FORMAT, place, declared, found }
    }
}

/// Where the angles of a profile come from.
enum Angles<'a> {
    Column(&'a [Value<'a>]),
    Even { start: f64, step: f64 },
}

impl Angles<'_> {
    fn at(&self, index: usize) -> Result<Option<f64>, ScanProblem> {
        match self {
            Self::Even { start, step } => Ok(Some(start + step * index as f64)),
            Self::Column(column) if is_stated(&column[index]) => column[index].number().map(Some),
            Self::Column(_) => Ok(None),
        }
    }
}

fn is_stated(value: &Value<'_>) -> bool {
    value.quoted || !matches!(value.text, "?" | ".")
}

impl Value<'_> {
    /// The number without its uncertainty: `1.234(5)` is 1.234.
    fn number(&self) -> Result<f64, ScanProblem> {
        let text = self.text.trim();
        let plain = match text.split_once('(') {
            Some((plain, tail)) if tail.strip_suffix(')').is_some_and(is_digits) => plain,
            Some(_) => "",
            None => text,
        };
        number(plain).ok_or_else(|| ScanProblem::BadRow {
            format: FORMAT,
            place: Place::Line(self.line),
            expected: "a number",
            found: excerpt(self.text),
        })
    }

    fn is_keyword(&self) -> bool {
        let starts = |word: &str| {
            self.text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        };
        !self.quoted && (starts("_") || starts("data_") || starts("loop_") || starts("save_"))
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn blocks<'a>(tokens: &[Value<'a>]) -> Result<Vec<Block<'a>>, ScanProblem> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    let mut rest = tokens;
    while let [token, tail @ ..] = rest {
        rest = tail;
        let lower = token.text.to_ascii_lowercase();
        let misplaced = |expected| ScanProblem::BadRow {
            format: FORMAT,
            place: Place::Line(token.line),
            expected,
            found: excerpt(token.text),
        };
        if !token.is_keyword() {
            return Err(misplaced("a tag, loop_ or data_"));
        }
        if let Some(name) = lower.strip_prefix("data_") {
            let name = &token.text[token.text.len() - name.len()..];
            blocks.push(Block { name, line: token.line, ..Block::default() });
            check_scans(FORMAT, blocks.len())?;
            continue;
        }
        if lower.starts_with("save_") {
            continue;
        }
        let block = blocks.last_mut().ok_or_else(|| misplaced("data_ before it"))?;
        if lower == "loop_" {
            let tags =
                rest.iter().take_while(|t| t.is_keyword() && t.text.starts_with('_')).count();
            let values = rest[tags..].iter().take_while(|t| !t.is_keyword()).count();
            if tags == 0 || values % tags != 0 {
                return Err(misplaced("a loop of tags and whole rows"));
            }
            for (offset, tag) in rest[..tags].iter().enumerate() {
                let column = rest[tags..tags + values].iter().skip(offset).step_by(tags).copied();
                let tag = tag.text.to_ascii_lowercase();
                if tag.starts_with("_pd_") || tag.starts_with("_diffrn_") {
                    block.columns.insert(tag, column.collect());
                }
            }
            rest = &rest[tags + values..];
        } else {
            let [value, tail @ ..] = rest else { return Err(misplaced("a value after the tag")) };
            if value.is_keyword() {
                return Err(misplaced("a value after the tag"));
            }
            block.items.insert(lower, *value);
            rest = tail;
        }
    }
    Ok(blocks)
}

/// Values and keywords of a CIF 1.1 text, without comments.
fn tokens(text: &str) -> Result<Vec<Value<'_>>, ScanProblem> {
    let mut tokens = Vec::new();
    // Start and line of a text field that is open.
    let mut field: Option<(usize, usize)> = None;
    for (line_number, line) in lines(text) {
        let begin = line.as_ptr() as usize - text.as_ptr() as usize;
        let mut rest = line;
        if let Some(content) = line.strip_prefix(';') {
            if let Some((start, first)) = field.take() {
                let inner = text[start..begin].trim_end_matches(['\r', '\n']);
                tokens.push(Value { text: inner, line: first, quoted: true });
                rest = content;
            } else {
                field = Some((begin + 1, line_number));
            }
        }
        if field.is_some() {
            continue;
        }
        loop {
            rest = rest.trim_start();
            let Some(first) = rest.chars().next() else { break };
            if first == '#' {
                break;
            }
            let (token, quoted, tail) = if matches!(first, '\'' | '"') {
                let end = closing_quote(rest, first).ok_or_else(|| ScanProblem::BadRow {
                    format: FORMAT,
                    place: Place::Line(line_number),
                    expected: "a closing quote",
                    found: excerpt(rest),
                })?;
                (&rest[1..end], true, &rest[end + 1..])
            } else {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (&rest[..end], false, &rest[end..])
            };
            tokens.push(Value { text: token, line: line_number, quoted });
            rest = tail;
        }
        if tokens.len() > MAX_TOKENS {
            return Err(ScanProblem::TooManyPoints { format: FORMAT });
        }
    }
    match field {
        Some((_, line)) => Err(ScanProblem::BadRow {
            format: FORMAT,
            place: Place::Line(line),
            expected: "a closing semicolon",
            found: "the end of the file".to_owned(),
        }),
        None => Ok(tokens),
    }
}

/// Offset of the quote that closes one at the start: the first before white space or the end.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    text.char_indices().skip(1).find_map(|(offset, c)| {
        let ends = text[offset + c.len_utf8()..].chars().next().is_none_or(char::is_whitespace);
        (c == quote && ends).then_some(offset)
    })
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
    fn a_range_that_disagrees_with_the_points_is_refused() {
        let text = "data_a\n_pd_meas_2theta_range_min 10\n_pd_meas_2theta_range_max 20\n\
                    _pd_meas_2theta_range_inc 0.5\nloop_\n_pd_meas_counts_total\n7 8 9\n";
        assert!(matches!(read(text), Err(ScanProblem::PointCount { declared: 21, found: 3, .. })));
    }
}
