//! Resampling that keeps integrated intensity.
//!
//! Between its points the scan is taken as linear. A grid point stands for the bin of half a step
//! on either side, and gets the mean of the scan over its bin,
//!
//! y_k = (1/Δ) ∫ I(x) dx from x_k − Δ/2 to x_k + Δ/2,
//!
//! with I = 0 outside the scan. So Δ Σ y_k is the area under the scan within the grid, exactly,
//! for any steps of scan and grid; a bin that the scan covers in part gets its part.

use crate::Grid;

/// Mean of a scan over the bin of each point of a grid. `two_theta` (degrees, rising) and
/// `intensities` have the shape `(points,)`; the result has one value for each grid point.
#[must_use]
pub fn rebin(two_theta: &[f64], intensities: &[f64], grid: &Grid) -> Vec<f64> {
    rebin_even(two_theta, intensities, grid.start(), grid.step(), grid.points())
}

/// As [`rebin`], onto `points` bins around `start + i·step`.
pub(super) fn rebin_even(
    two_theta: &[f64],
    intensities: &[f64],
    start: f64,
    step: f64,
    points: usize,
) -> Vec<f64> {
    let mut bins = vec![0.0; points];
    let edge = |bin: usize| start + step * (bin as f64 - 0.5);
    for (x, y) in two_theta.windows(2).zip(intensities.windows(2)) {
        let (left, right) = (x[0], x[1]);
        let slope = (y[1] - y[0]) / (right - left);
        let first = ((left - start) / step + 0.5).floor().max(0.0);
        if first >= points as f64 {
            break;
        }
        // Rounding may put `first` a bin too high, never lower than one too low.
        let first = (first as usize).saturating_sub(1);
        for (bin, value) in bins.iter_mut().enumerate().skip(first) {
            let from = edge(bin).max(left);
            let to = edge(bin + 1).min(right);
            if from >= right {
                break;
            }
            if to > from {
                let middle = y[0] + slope * (0.5 * (from + to) - left);
                *value += middle * (to - from) / step;
            }
        }
    }
    bins
}

/// Area under the points, taken as linear between them.
pub(super) fn area(two_theta: &[f64], intensities: &[f64]) -> f64 {
    two_theta
        .windows(2)
        .zip(intensities.windows(2))
        .map(|(x, y)| 0.5 * (y[0] + y[1]) * (x[1] - x[0]))
        .sum()
}

/// Area under the points between two angles, taken as linear between them.
pub(super) fn area_between(two_theta: &[f64], intensities: &[f64], from: f64, to: f64) -> f64 {
    if to <= from {
        return 0.0;
    }
    rebin_even(two_theta, intensities, 0.5 * (from + to), to - from, 1)[0] * (to - from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Angles and intensities of a scan with uneven steps.
    fn scans() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
        let points = prop::collection::vec((0.001..0.5_f64, -5.0..1e6_f64), 2..200);
        (0.0..60.0_f64, points).prop_map(|(start, points)| {
            let mut angle = start;
            points
                .into_iter()
                .map(|(step, intensity)| {
                    angle += step;
                    (angle, intensity)
                })
                .unzip()
        })
    }

    proptest! {
        #[test]
        fn the_area_is_kept_on_any_grid_that_covers_the_scan(
            (x, y) in scans(),
            step in 0.003..0.7_f64,
        ) {
            let points = (170.0 / step) as usize;
            prop_assume!(points <= 65_535);
            let grid = Grid::new(0.0, step, points).unwrap();
            let total = rebin(&x, &y, &grid).iter().sum::<f64>() * step;
            let scale: f64 = area(&x, &y.iter().map(|v| v.abs()).collect::<Vec<_>>());
            prop_assert!((total - area(&x, &y)).abs() <= 1e-6 * scale);
        }

        #[test]
        fn a_grid_of_the_same_straight_line_gets_the_line(
            slope in -10.0..10.0_f64, step in 0.01..0.3_f64,
        ) {
            let x: Vec<f64> = (0..500).map(|i| 10.0 + 0.1 * f64::from(i)).collect();
            let y: Vec<f64> = x.iter().map(|x| 1000.0 + slope * x).collect();
            let grid = Grid::new(11.0, step, (45.0 / step) as usize).unwrap();
            for (index, value) in rebin(&x, &y, &grid).into_iter().enumerate() {
                prop_assert!((value - 1000.0 - slope * grid.two_theta(index)).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn bins_outside_the_scan_stay_empty() {
        let grid = Grid::new(0.0, 1.0, 10).unwrap();
        let bins = rebin(&[3.0, 5.0], &[2.0, 2.0], &grid);
        assert_eq!(bins, [0.0, 0.0, 0.0, 1.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn part_of_an_area_is_cut_out_exactly() {
        let (x, y) = ([0.0, 1.0, 2.0], [0.0, 2.0, 0.0]);
        assert!((area_between(&x, &y, 0.5, 1.5) - 1.5).abs() < 1e-12);
        assert!((area_between(&x, &y, -5.0, 5.0) - area(&x, &y)).abs() < 1e-12);
        assert_eq!(area_between(&x, &y, 1.0, 1.0), 0.0);
    }
}
