//! Peaks onto a grid.

use super::peaks::Peak;
use crate::Grid;
use crate::table::Row;

/// How peaks become values on a grid; the strongest peak is 1 either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The rule of the published files.
    ///
    /// A peak goes to the first point at or above its angle. Of several peaks at a point the one
    /// with the largest angle stays, so a pattern may lack its strongest peak. Values are rounded to
    /// nine decimals, below 10⁻⁴ to three digits. The last point of the grid stays empty: in the published files it is no
    /// intensity but a marker.
    Published,
    /// A peak goes to the nearest point; peaks at one point are added, then the largest sum is 1.
    Summed,
}

impl Placement {
    /// Puts peaks (by ascending angle) on a grid, into the pattern of a row.
    pub fn place(self, peaks: &[Peak], grid: &Grid, row: &mut Row) {
        row.indices.clear();
        row.values.clear();
        row.exact.clear();
        match self {
            Self::Published => {
                for peak in peaks {
                    let at = grid.at_or_above(peak.two_theta);
                    let Some(at) = at.filter(|&at| at + 1 < grid.points()) else { continue };
                    let value = published_value(peak.intensity);
                    if row.indices.last() == Some(&(at as u16)) {
                        row.values.pop();
                        row.exact.pop();
                        row.indices.pop();
                    }
                    row.indices.push(at as u16);
                    row.values.push(read_back(value));
                    row.exact.push(value);
                }
            }
            Self::Summed => {
                let mut sums: Vec<(u16, f64)> = Vec::with_capacity(peaks.len());
                for peak in peaks {
                    let Some(at) = grid.nearest(peak.two_theta) else { continue };
                    match sums.last_mut() {
                        Some((last, sum)) if usize::from(*last) == at => *sum += peak.intensity,
                        _ => sums.push((at as u16, peak.intensity)),
                    }
                }
                let largest = sums.iter().map(|&(_, sum)| sum).fold(f64::MIN_POSITIVE, f64::max);
                row.indices.extend(sums.iter().map(|&(at, _)| at));
                row.values.extend(sums.iter().map(|&(_, sum)| (sum / largest) as f32));
            }
        }
    }
}

/// Values below this have three digits in the published files.
const FEW_DIGITS_BELOW: f64 = 1e-4;

/// A published value: a hundredth of the intensity, to nine decimals.
fn published_value(intensity: f64) -> f64 {
    (intensity / 100.0 * 1e9).round() / 1e9
}

/// What a published value reads back as: below 10⁻⁴ its text has three digits.
fn read_back(value: f64) -> f32 {
    if value > 0.0 && value < FEW_DIGITS_BELOW {
        // The text of a number is one.
        return format!("{value:.2e}").parse().unwrap_or(value as f32);
    }
    value as f32
}

/// The text of an intensity (the strongest being 100) in the published files: a hundredth to nine
/// decimals without trailing zeros; below 10⁻⁴ three digits with an exponent, such as `3.68E-05`.
#[must_use]
pub fn published_text(intensity: f64) -> String {
    value_text(published_value(intensity))
}

/// The text of a published value.
pub(crate) fn value_text(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if value < FEW_DIGITS_BELOW {
        let text = format!("{value:.2e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        return format!("{mantissa}E-{:02}", -exponent);
    }
    let text = format!("{value:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(two_theta: f64, intensity: f64) -> Peak {
        Peak { two_theta, intensity, d: 1.0, hkl: [1, 0, 0], multiplicity: 2 }
    }

    #[test]
    fn the_later_of_two_published_sticks_stays() {
        let mut row = Row::default();
        let peaks = [peak(10.001, 100.0), peak(10.019, 5.0), peak(10.021, 7.0), peak(90.0, 3.0)];
        Placement::Published.place(&peaks, &Grid::published(), &mut row);
        assert_eq!((row.indices, row.values), (vec![501, 502], vec![0.05, 0.07]));
    }

    #[test]
    fn summed_sticks_keep_the_intensity_of_a_point() {
        let mut row = Row::default();
        let peaks = [peak(9.995, 50.0), peak(10.005, 100.0), peak(20.0, 75.0), peak(95.0, 9.0)];
        Placement::Summed.place(&peaks, &Grid::published(), &mut row);
        assert_eq!((row.indices, row.values), (vec![500, 1000], vec![1.0, 0.5]));
    }

    #[test]
    fn published_texts_read_as_in_the_files() {
        for (intensity, text) in [
            (100.0, "1"),
            (23.4982388, "0.234982388"),
            (4.561728, "0.04561728"),
            (0.0154359, "0.000154359"),
            (0.00368, "3.68E-05"),
            (0.001, "1.00E-05"),
            (0.0099996, "1.00E-04"),
            (0.01, "0.0001"),
        ] {
            assert_eq!(published_text(intensity), text);
            let read: f32 = text.parse().expect("a number");
            assert_eq!(read_back(published_value(intensity)), read);
        }
    }
}
