//! Background by statistics-sensitive non-linear iterative peak clipping (SNIP).
//!
//! Ryan et al., Nucl. Instrum. Methods B 34 (1988) 396; with the decreasing window of Morháč et
//! al., Nucl. Instrum. Methods A 401 (1997) 113. Intensities y are compressed,
//!
//! v = ln(ln(√(y + 1) + 1) + 1),
//!
//! so that strong and weak peaks are clipped alike; then, for p = m, m − 1, …, 1, every v(i) is
//! replaced by the smaller of itself and (v(i − p) + v(i + p))/2; then the result is expanded. A
//! peak wider than 2m points counts as background.

use super::smoothing::savitzky_golay;

/// Part of the clipping window over which the data are smoothed first, so that clipping does not
/// follow the noise downwards.
const SMOOTHED_PART: usize = 8;

/// The background under evenly spaced intensities, of the same shape, never above the smoothed
/// data; `half_width` is m, in points.
#[must_use]
pub fn snip(intensities: &[f64], half_width: usize) -> Vec<f64> {
    let points = intensities.len();
    // Compression needs y ≥ 0, and leaves differences from the lowest point only.
    let lowest = intensities.iter().copied().fold(f64::INFINITY, f64::min);
    let smooth = savitzky_golay(intensities, (half_width / SMOOTHED_PART).max(1), 1);
    let offset = lowest.min(0.0);
    let mut clipped: Vec<f64> = smooth.iter().map(|y| compress((y - offset).max(0.0))).collect();
    let mut next = clipped.clone();
    for p in (1..=half_width.min(points.saturating_sub(1) / 2)).rev() {
        for i in p..points - p {
            next[i] = clipped[i].min(0.5 * (clipped[i - p] + clipped[i + p]));
        }
        clipped.copy_from_slice(&next);
    }
    clipped.iter().map(|&v| expand(v) + offset).collect()
}

fn compress(y: f64) -> f64 {
    (((y + 1.0).sqrt() + 1.0).ln() + 1.0).ln()
}

fn expand(v: f64) -> f64 {
    ((v.exp() - 1.0).exp() - 1.0).powi(2) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_undone() {
        for y in [0.0, 1e-3, 1.0, 250.0, 1e7, 1e12] {
            assert!((expand(compress(y)) - y).abs() < 1e-9 * (1.0 + y));
        }
    }

    #[test]
    fn a_flat_background_is_found_exactly() {
        for level in [0.0, 3.5, 1e5, -2.0] {
            for value in snip(&vec![level; 300], 40) {
                assert!((value - level).abs() < 1e-6 * level.abs().max(1.0), "{level}: {value}");
            }
        }
    }

    #[test]
    fn peaks_on_a_curved_background_are_left_out_of_it() {
        let background = |i: usize| 200.0 + 800.0 * (-(i as f64) / 700.0).exp();
        let peak = |i: usize, at: f64, height: f64| {
            height * (-0.5 * ((i as f64 - at) / 6.0).powi(2)).exp()
        };
        let data: Vec<f64> = (0..2000)
            .map(|i| background(i) + peak(i, 400.0, 5000.0) + peak(i, 900.0, 150.0))
            .collect();
        let found = snip(&data, 60);
        for (i, value) in found.iter().enumerate().skip(60).take(1880) {
            let expected = background(i);
            assert!((value - expected).abs() < 0.05 * expected, "{i}: {value} and {expected}");
        }
    }

    #[test]
    fn a_feature_wider_than_the_window_is_background() {
        let hump = |i: usize| 100.0 + 50.0 * (-0.5 * ((i as f64 - 500.0) / 200.0).powi(2)).exp();
        let data: Vec<f64> = (0..1000).map(hump).collect();
        let found = snip(&data, 20);
        assert!(found.iter().zip(&data).all(|(b, y)| (b - y).abs() < 2.5));
    }

    #[test]
    fn short_data_are_no_trouble() {
        for points in 0..6 {
            assert_eq!(snip(&vec![5.0; points], 100).len(), points);
        }
    }
}
