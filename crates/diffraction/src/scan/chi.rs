//! FIT2D and pyFAI `.chi`: four header lines (title, two axis labels, number of points), then
//! rows; or a commented header, then rows.

use super::axis::{AxisKind, axis_kind};
use super::columns;
use super::error::{Place, ScanProblem, excerpt};
use super::format::ScanFormat;
use super::measured::Measured;
use super::metadata::stated;
use super::text::{lines, number};

const FORMAT: ScanFormat = ScanFormat::Chi;

/// Lines before the first row.
const HEADER_LINES: usize = 4;

/// Whether a text has the four header lines and then a row.
pub(super) fn recognises(text: &str) -> bool {
    let head: Vec<&str> = lines(text).take(HEADER_LINES + 1).map(|(_, line)| line.trim()).collect();
    let [title, x_label, y_label, count, row] = head[..] else { return false };
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let is_label = |line: &str| {
        !line.is_empty()
            && !line.starts_with(['#', '!'])
            && words(line).iter().any(|w| number(w).is_none())
    };
    let row = words(row);
    !title.starts_with(['#', '!'])
        && is_label(x_label)
        && is_label(y_label)
        && declared_points(count).is_some()
        && row.len() >= 2
        && row.iter().all(|word| number(word).is_some())
}

pub(super) fn read(text: &str) -> Result<Vec<Measured>, ScanProblem> {
    if !recognises(text) {
        let mut scans = columns::read(text, "chi").map_err(|problem| match problem {
            ScanProblem::NoPoints { .. } => ScanProblem::NoPoints { format: FORMAT },
            other => other,
        })?;
        for scan in &mut scans {
            scan.metadata.format = FORMAT;
        }
        return Ok(scans);
    }
    let header: Vec<(usize, &str)> = lines(text).take(HEADER_LINES).collect();
    let label = header[1].1.trim();
    if axis_kind(label) == AxisKind::Other || is_radians(label) {
        return Err(ScanProblem::NotTwoTheta { format: FORMAT, axis: excerpt(label) });
    }
    let declared = declared_points(header[3].1.trim()).unwrap_or_default();
    // Blank lines in place of the header keep the line numbers of messages true.
    let body: String = lines(text)
        .map(
            |(number, line)| {
                if number <= HEADER_LINES { "\n".to_owned() } else { format!("{line}\n") }
            },
        )
        .collect();
    let mut scans = columns::read(&body, "chi")?;
    for scan in &mut scans {
        scan.metadata.format = FORMAT;
        scan.metadata.sample = stated(header[0].1);
        scan.metadata.axis = stated(label);
    }
    let found = scans.iter().map(|scan| scan.intensities.len()).sum();
    if found != declared {
        return Err(ScanProblem::PointCount {
            format: FORMAT,
            place: Place::Line(HEADER_LINES),
            declared,
            found,
        });
    }
    Ok(scans)
}

fn declared_points(line: &str) -> Option<usize> {
    let mut words = line.split_whitespace();
    let points = words.next()?.parse().ok()?;
    words.all(|word| word.parse::<usize>().is_ok()).then_some(points)
}

fn is_radians(label: &str) -> bool {
    let label = label.to_lowercase();
    label.contains("radian") || label.contains("(rad)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_header_lines_are_read_and_checked() {
        let text =
            "my sample\n2-Theta Angle (Degrees)\nIntensity\n     3\n 1.0 5\n 1.1 6\n 1.2 7\n";
        let scans = read(text).unwrap();
        assert_eq!(scans[0].intensities, [5.0, 6.0, 7.0]);
        assert_eq!(scans[0].metadata.sample.as_deref(), Some("my sample"));
        let short = text.replace("     3", "     4");
        assert!(matches!(read(&short), Err(ScanProblem::PointCount { declared: 4, found: 3, .. })));
        let q = text.replace("2-Theta Angle (Degrees)", "Q (Inverse Nanometres)");
        assert!(matches!(read(&q), Err(ScanProblem::NotTwoTheta { .. })));
    }
}
