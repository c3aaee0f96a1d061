//! Rows of angle and intensity: `.xy`, `.xye`, `.dat`, `.csv`.
//!
//! Rows are separated by white space, commas or semicolons; with semicolons or white space a
//! decimal comma is understood. Lines before the first row are a header; comments may stand
//! anywhere. A line that is no row between rows is an error, not skipped. When a comment stands
//! between two rows and the angle falls, a new scan begins there.

use super::axis::{AxisKind, axis_kind};
use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::header::note_header_line;
use super::limits::{check_points, check_scans};
use super::measured::Measured;
use super::metadata::ScanMetadata;
use super::text::{lines, number};

const FORMAT: ScanFormat = ScanFormat::Columns;

/// How the fields of a row are separated; found on the first row and kept.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Separator {
    /// White space, decimal point.
    Space,
    /// White space, decimal comma.
    SpaceDecimalComma,
    /// Comma and white space, decimal point.
    Comma,
    /// Semicolon, decimal comma or point.
    Semicolon,
}

impl Separator {
    /// The separator that makes this line a row of at least two numbers.
    fn of(line: &str) -> Option<Self> {
        let guess = if line.contains(';') {
            Self::Semicolon
        } else if !line.contains(',') {
            Self::Space
        } else {
            let mut tokens = line.split_whitespace();
            let decimal = !line.contains('.')
                && tokens.clone().count() >= 2
                && tokens.all(|token| {
                    token.split(',').count() <= 2
                        && !token.starts_with(',')
                        && !token.ends_with(',')
                });
            if decimal { Self::SpaceDecimalComma } else { Self::Comma }
        };
        guess.row(line).map(|_| guess)
    }

    /// Angle, intensity and the third number if there is one; `None` if this is no row.
    fn row(self, line: &str) -> Option<(f64, f64, Option<f64>, usize)> {
        let mut fields = line
            .split(|c: char| match self {
                Self::Space | Self::SpaceDecimalComma => c.is_whitespace(),
                Self::Comma => c == ',' || c.is_whitespace(),
                Self::Semicolon => c == ';',
            })
            .map(|field| field.trim().trim_matches('"'))
            .filter(|field| !field.is_empty());
        let comma = matches!(self, Self::SpaceDecimalComma | Self::Semicolon);
        let value = |field: &str| {
            if comma && field.contains(',') {
                number(&field.replacen(',', ".", 1))
            } else {
                number(field)
            }
        };
        let angle = value(fields.next()?)?;
        let intensity = value(fields.next()?)?;
        let third = fields.next().and_then(value);
        let more = fields.count();
        Some((angle, intensity, third, 2 + usize::from(third.is_some()) + more))
    }
}

pub(super) fn read(text: &str, extension: &str) -> Result<Vec<Measured>, ScanProblem> {
    let mut metadata = ScanMetadata::new(FORMAT);
    let mut scans: Vec<Measured> = Vec::new();
    let mut separator = None;
    let mut last_header = "";
    // The first line after a row that is neither row nor comment.
    let mut stray: Option<(usize, &str)> = None;
    let mut commented = false;
    let mut points = 0;
    for (line_number, line) in lines(text) {
        let content = line.trim();
        if content.is_empty() {
            continue;
        }
        let row = match separator {
            Some(separator) => Separator::row(separator, content),
            None => {
                separator = Separator::of(content);
                separator.and_then(|separator| separator.row(content))
            }
        };
        let Some((angle, intensity, third, columns)) = row else {
            if is_comment(content) || scans.is_empty() {
                note_header_line(&mut metadata, content);
                last_header = if scans.is_empty() { content } else { last_header };
                commented = true;
            } else {
                stray.get_or_insert((line_number, content));
            }
            continue;
        };
        if let Some((line, found)) = stray {
            return Err(ScanProblem::BadRow {
                format: FORMAT,
                place: Place::Line(line),
                expected: "an angle and an intensity",
                found: excerpt(found),
            });
        }
        let begins = match scans.last() {
            None => {
                check_header_axis(last_header)?;
                true
            }
            Some(scan) => commented && scan.two_theta.last().is_some_and(|&last| angle < last),
        };
        if begins {
            let mut scan = Measured::new(metadata.clone());
            if columns > 2 + usize::from(extension == "xye") {
                scan.metadata.notes.push(format!("{columns} columns; the first two are kept"));
            }
            scans.push(scan);
            check_scans(FORMAT, scans.len())?;
        }
        commented = false;
        let scan = scans.last_mut().expect("the first row begins a scan");
        scan.two_theta.push(angle);
        scan.intensities.push(intensity);
        if let (Some(uncertainty), "xye") = (third, extension) {
            scan.uncertainties.push(uncertainty);
        }
        points += 1;
        check_points(FORMAT, points)?;
    }
    if scans.is_empty() {
        return Err(ScanProblem::NoPoints { format: FORMAT });
    }
    if let (Some((line, found)), Some(scan)) = (stray, scans.last_mut()) {
        scan.metadata
            .notes
            .push(format!("text after the points (line {line}): {}", excerpt(found)));
    }
    Ok(scans)
}

fn is_comment(line: &str) -> bool {
    line.starts_with(['#', '!', '\'', '/', ';', '*', '%', '@', '"'])
}

/// Refuses a table whose column headings say that it is not along 2θ.
fn check_header_axis(line: &str) -> Result<(), ScanProblem> {
    let heading = line.trim_start_matches(['#', '!', ';', '\'', '%', ' ', '\t']);
    let mut words = heading.split([',', ';', '\t', ' ']).filter(|word| !word.is_empty());
    let Some(first) = words.next() else { return Ok(()) };
    let heads_a_table = words.any(|word| {
        let word = word.to_lowercase();
        ["i", "y", "int", "cps"].contains(&word.as_str())
            || word.starts_with("intens")
            || word.starts_with("count")
    });
    if heads_a_table && axis_kind(first) == AxisKind::Other {
        return Err(ScanProblem::NotTwoTheta { format: FORMAT, axis: excerpt(first) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> (Vec<f64>, Vec<f64>) {
        let mut scans = read(text, "xy").unwrap();
        assert_eq!(scans.len(), 1);
        let scan = scans.remove(0);
        (scan.two_theta, scan.intensities)
    }

    #[test]
    fn separators_and_decimal_commas_are_told_apart() {
        let expected = (vec![10.0, 10.5], vec![7.0, 8.25]);
        for text in [
            "10.0 7\n10.5 8.25\n",
            "10.0\t7\r\n10.5\t8.25\r\n",
            "10.0,7\n10.5,8.25",
            "10.0, 7\n10.5, 8.25",
            "10,0;7\n10,5;8,25",
            "10.0;7\n10.5;8.25",
            "10,0\t7,0\n10,5\t8,25",
            "Angle,Intensity\n\"10.0\",\"7\"\n\"10.5\",\"8.25\"",
            "# a comment\n! another\n10.0 7 1\n# between\n10.5 8.25 1\nend of file\n",
        ] {
            assert_eq!(points(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_row_is_an_error_with_its_number() {
        for bad in ["10.2 nan", "10.2", "10.2 1e999", "10.2 x", "10.2 --"] {
            let text = format!("10.0 1\n10.1 2\n{bad}\n10.3 4\n");
            match read(&text, "xy") {
                Err(ScanProblem::BadRow { place, .. }) => assert_eq!(place, Place::Line(3)),
                other => panic!("{bad}: {other:?}"),
            }
        }
    }

    #[test]
    fn blocks_behind_comments_are_scans_of_their_own() {
        let scans = read("#1\n10 1\n11 2\n#2\n10 3\n11 4\n", "xy").unwrap();
        assert_eq!(scans.len(), 2);
        assert_eq!(scans[1].intensities, [3.0, 4.0]);
    }

    #[test]
    fn tables_along_another_axis_are_refused() {
        for heading in ["# q_nm^-1 I", "#  2th_rad   I", "q,intensity", "# d counts"] {
            let text = format!("{heading}\n1.0 2\n1.1 3\n");
            assert!(matches!(read(&text, "xy"), Err(ScanProblem::NotTwoTheta { .. })), "{heading}");
        }
        assert!(read("# 2th_deg I\n1.0 2\n1.1 3\n", "chi").is_ok());
    }
}
