//! Start, step and end on one line, then nothing but intensities: FullProf `Ins = 0`, DBWS.

use super::error::ScanProblem;
use super::format::ScanFormat;
use super::limits::check_points;
use super::measured::Measured;
use super::metadata::{ScanMetadata, stated};
use super::text::{lines, number};

const FORMAT: ScanFormat = ScanFormat::StepList;

/// Fewest points of a list; shorter ones cannot be told from rows of columns.
const FEWEST_POINTS: f64 = 10.0;

/// Forgives the rounding of a step written with few digits: steps of the whole range.
const COUNT_TOLERANCE: f64 = 0.25;

/// The scan, if the text is such a list: the number of intensities must be exactly what start,
/// step and end make it. At most one title line may stand before, comments anywhere before.
pub(super) fn read(text: &str) -> Result<Option<Measured>, ScanProblem> {
    let mut rows = lines(text).filter(|(_, line)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['!', '#'])
    });
    let Some((_, first)) = rows.next() else { return Ok(None) };
    let (head, title) = match Head::of(first) {
        Some(head) => (head, None),
        None => match rows.next().and_then(|(_, line)| Head::of(line)) {
            Some(head) => (head, stated(first)),
            None => return Ok(None),
        },
    };
    check_points(FORMAT, head.points)?;
    let mut scan = Measured::new(ScanMetadata::new(FORMAT));
    for (_, line) in rows {
        for token in line.split_whitespace() {
            let Some(intensity) = number(token) else { return Ok(None) };
            if scan.intensities.len() == head.points {
                return Ok(None);
            }
            scan.intensities.push(intensity);
        }
    }
    if scan.intensities.len() != head.points {
        return Ok(None);
    }
    scan.metadata.sample = head.title.or(title);
    scan.step_from(head.start, head.step);
    Ok(Some(scan))
}

/// The line of start, step and end, with the title that may follow.
struct Head {
    start: f64,
    step: f64,
    points: usize,
    title: Option<String>,
}

impl Head {
    fn of(line: &str) -> Option<Self> {
        let mut tokens = line.split_whitespace();
        let mut value = || tokens.next().and_then(number);
        let (start, step, end) = (value()?, value()?, value()?);
        let steps = (end - start) / step;
        // Numbers beyond a `u32` are no steps; those beyond the limit of points are refused later.
        let sensible = step > 0.0 && (FEWEST_POINTS - 1.0..f64::from(u32::MAX)).contains(&steps);
        if !sensible || (steps - steps.round()).abs() > COUNT_TOLERANCE {
            return None;
        }
        let title = tokens.collect::<Vec<_>>().join(" ");
        Some(Self { start, step, points: steps.round() as usize + 1, title: stated(&title) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_placed_from_start_and_step() {
        let scan = read("10.0 0.1 11.0 quartz\n1 2 3 4 5 6\n7 8 9 10 11\n").unwrap().unwrap();
        assert_eq!(scan.intensities.len(), 11);
        assert!((scan.two_theta[10] - 11.0).abs() < 1e-12);
        assert_eq!(scan.metadata.sample.as_deref(), Some("quartz"));
        let titled = read("quartz\n10.0 0.1 11.0\n1 2 3 4 5 6 7 8 9 10 11\n").unwrap();
        assert!(titled.is_some());
    }

    #[test]
    fn columns_are_not_taken_for_a_list() {
        assert!(read("10.0 0.1 11.0\n10.1 5 2\n10.2 6 2\n10.3 7 2\n").unwrap().is_none());
        assert!(read("10.0 5\n10.1 6\n").unwrap().is_none());
        assert!(read("10.0 0.1 11.0\n1 2 3 4 5 6 7 8 9 10\n").unwrap().is_none());
    }
}
