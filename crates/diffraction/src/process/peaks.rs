//! Peaks by their curvature.
//!
//! The top of a peak, resolved or a shoulder, is a minimum of the second derivative (Mariscotti,
//! Nucl. Instrum. Methods 50 (1967) 309). With the noise σ of the data, estimated from their own
//! second differences as 1.4826 · median|y(i−1) − 2y(i) + y(i+1)|/√6 and scaled with the square
//! root of the intensity as counts do, and a Savitzky–Golay filter of weights w about as wide as a
//! peak:
//!
//! - A peak is a minimum of the filtered second derivative below −s·σ·√Σw², whose filtered height
//!   also stands out: above 3σ of its noise and above a part of the highest.
//! - Its position is the vertex of the parabola through the nearby maximum of the filtered data and
//!   its two neighbours; of a shoulder, which has none, through the minimum of the derivative.
//! - It reaches to the valley between it and the next peak (without one, to the maximum of the
//!   second derivative between them), or to where a running mean of the data meets its noise; its
//!   intensity is the area there.
//!
//! Leaves out: shapes of peaks; the area of overlapping peaks is divided, not fitted.

use super::rebin::area_between;
use super::settings::PeakSearch;
use super::smoothing::Filter;

/// A peak of a scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Position, degrees 2θ.
    pub two_theta: f64,
    /// Height of the smoothed data at the peak, in the unit of the intensities.
    pub height: f64,
    /// Area, in the unit of the intensities times degrees.
    pub area: f64,
}

/// The median of |x| for normal noise is σ over this.
const MEDIAN_TO_SIGMA: f64 = 1.4826;

/// Noise of y(i−1) − 2y(i) + y(i+1) for noise 1 of y.
const SECOND_DIFFERENCE_NOISE: f64 = 2.449_489_742_783_178;

/// Least height of a peak, in standard deviations of the smoothed data.
const HEIGHT_SIGMAS: f64 = 3.0;

/// Where the running mean falls below this part of a peak's height, the peak ends.
const FOOT: f64 = 1e-3;

/// Peaks nearer to each other than this part of their width are one.
const SAME_PEAK: f64 = 0.5;

/// Peaks of evenly spaced data without background, by rising angle.
///
/// `measured` are the data before the background was taken away, by which the noise is judged;
/// all three slices have the shape `(points,)`.
#[must_use]
pub fn find_peaks(
    two_theta: &[f64],
    intensities: &[f64],
    measured: &[f64],
    search: &PeakSearch,
) -> Vec<Peak> {
    let points = two_theta.len();
    if points < 5 {
        return Vec::new();
    }
    let step = (two_theta[points - 1] - two_theta[0]) / (points - 1) as f64;
    let half_width = (0.5 * search.width / step).round().clamp(1.0, 1000.0) as usize;
    let height_filter = Filter::new(points, half_width, 2);
    let curvature_filter = Filter::new(points, half_width.max(2), 3);
    let smooth = height_filter.apply(intensities, 0);
    let curvature = curvature_filter.apply(intensities, 2);
    let noise = noise(measured);
    let highest = smooth.iter().copied().fold(0.0, f64::max);
    let stands_out = |i: usize| {
        smooth[i] > search.relative_height * highest
            && smooth[i] > HEIGHT_SIGMAS * height_filter.noise(0) * noise[i]
            && -curvature[i] > search.significance * curvature_filter.noise(2) * noise[i]
            // Rounding alone curves noiseless data.
            && -curvature[i] > 1e-9 * highest
    };
    let mut tops: Vec<usize> = (1..points - 1)
        .filter(|&i| curvature[i] < curvature[i - 1] && curvature[i] <= curvature[i + 1])
        .filter(|&i| stands_out(i))
        .collect();
    let apart = (SAME_PEAK * search.width / step).ceil() as usize;
    tops.dedup_by(|later, earlier| {
        let same = *later - *earlier < apart;
        if same && curvature[*later] < curvature[*earlier] {
            *earlier = *later;
        }
        same
    });
    // A running mean, which unlike higher polynomials does not dip below zero beside a peak.
    let foot_filter = Filter::new(points, half_width, 0);
    let mean = foot_filter.apply(intensities, 0);
    let floor =
        |i: usize, top: usize| mean[i] <= (FOOT * smooth[top]).max(foot_filter.noise(0) * noise[i]);
    let border = |left: usize, right: usize| {
        let valley = (left..=right).min_by(|&a, &b| mean[a].total_cmp(&mean[b])).unwrap_or(left);
        let inner_curvature =
            || (left..=right).max_by(|&a, &b| curvature[a].total_cmp(&curvature[b]));
        // A shoulder has no valley: the lowest point is the top of one of the two.
        if valley == left || valley == right { inner_curvature().unwrap_or(left) } else { valley }
    };
    let borders: Vec<usize> = tops.windows(2).map(|pair| border(pair[0], pair[1])).collect();
    let mut peaks = Vec::with_capacity(tops.len());
    for (index, &top) in tops.iter().enumerate() {
        let before = if index == 0 { 0 } else { borders[index - 1] };
        let behind = borders.get(index).copied().unwrap_or(points - 1);
        let left = (before..top).rev().find(|&i| floor(i, top)).unwrap_or(before);
        let right = (top..=behind).find(|&i| floor(i, top)).unwrap_or(behind);
        let area = area_between(
            &two_theta[left..=right],
            &intensities[left..=right],
            two_theta[left],
            two_theta[right],
        );
        if area > 0.0 {
            let position = position(&smooth, &curvature, top, half_width);
            let two_theta = angle_at(two_theta, position);
            peaks.push(Peak { two_theta, height: smooth[top], area });
        }
    }
    peaks
}

/// Position of a peak in steps from the first point: the vertex at the maximum of the smoothed
/// data, or, where they have none, at the minimum of their second derivative.
fn position(smooth: &[f64], curvature: &[f64], top: usize, half_width: usize) -> f64 {
    let reach = half_width.div_ceil(2);
    let near = top.saturating_sub(reach).max(1)..=(top + reach).min(smooth.len() - 2);
    let highest = near.max_by(|&a, &b| smooth[a].total_cmp(&smooth[b])).unwrap_or(top);
    let is_maximum =
        smooth[highest] >= smooth[highest - 1] && smooth[highest] >= smooth[highest + 1];
    let (at, y) = if is_maximum { (highest, smooth) } else { (top, curvature) };
    at as f64 + vertex(y[at - 1], y[at], y[at + 1])
}

/// The angle at a position between points, in steps from the first.
fn angle_at(two_theta: &[f64], position: f64) -> f64 {
    let left = (position as usize).min(two_theta.len() - 2);
    two_theta[left] + (position - left as f64) * (two_theta[left + 1] - two_theta[left])
}

/// Vertex, in steps from the middle, of the parabola through three values one step apart.
fn vertex(left: f64, middle: f64, right: f64) -> f64 {
    let bend = left - 2.0 * middle + right;
    if bend == 0.0 { 0.0 } else { (0.5 * (left - right) / bend).clamp(-0.5, 0.5) }
}

/// Standard deviation of each point: that of the data as a whole, scaled like that of counts.
fn noise(measured: &[f64]) -> Vec<f64> {
    let differences = measured.windows(3).map(|y| (y[0] - 2.0 * y[1] + y[2]).abs()).collect();
    let sigma = MEDIAN_TO_SIGMA * median(differences) / SECOND_DIFFERENCE_NOISE;
    let usual = median(measured.to_vec());
    measured
        .iter()
        .map(|&y| if usual > 0.0 { sigma * (y / usual).max(1.0).sqrt() } else { sigma })
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gaussian peaks of an area at an angle, on points of 0.02°.
    fn peaks_at(peaks: &[(f64, f64)], sigma: f64) -> (Vec<f64>, Vec<f64>) {
        let x: Vec<f64> = (0..4000).map(|i| 10.0 + 0.02 * f64::from(i)).collect();
        let height = 1.0 / (sigma * std::f64::consts::TAU.sqrt());
        let y = x
            .iter()
            .map(|x| {
                let each = peaks.iter();
                each.map(|(at, area)| area * height * (-0.5 * ((x - at) / sigma).powi(2)).exp())
                    .sum()
            })
            .collect();
        (x, y)
    }

    /// Normal deviates from a linear congruence and the central limit of twelve draws.
    fn deviates(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..count).map(|_| (0..12).map(|_| draw()).sum::<f64>() - 6.0).collect()
    }

    const KNOWN: [(f64, f64); 6] = [
        (18.234, 100.0),
        (25.5, 1000.0),
        (31.117, 40.0),
        (44.4, 300.0),
        (44.9, 150.0),
        (70.0, 25.0),
    ];

    #[test]
    fn noiseless_peaks_are_found_where_they_are() {
        let (x, y) = peaks_at(&KNOWN, 0.06);
        let found = find_peaks(&x, &y, &y, &PeakSearch::default());
        assert_eq!(found.len(), KNOWN.len(), "{found:?}");
        for (peak, (at, area)) in found.iter().zip(KNOWN) {
            assert!((peak.two_theta - at).abs() < 1e-3, "{peak:?}");
            assert!((peak.area - area).abs() < 0.005 * area, "{peak:?} {area}");
        }
    }

    #[test]
    fn peaks_in_counting_noise_are_recovered_and_none_is_invented() {
        let search = PeakSearch::default();
        for seed in 0..20 {
            let (x, pure) = peaks_at(&KNOWN, 0.06);
            let level = 100.0;
            let measured: Vec<f64> = pure
                .iter()
                .zip(deviates(x.len(), seed))
                .map(|(y, deviate)| y + level + (y + level).sqrt() * deviate)
                .collect();
            let net: Vec<f64> = measured.iter().map(|y| y - level).collect();
            let found = find_peaks(&x, &net, &measured, &search);
            for (at, area) in KNOWN {
                let peak = found.iter().find(|peak| (peak.two_theta - at).abs() < 0.02);
                let peak = peak.unwrap_or_else(|| panic!("seed {seed}: no peak at {at}"));
                assert!((peak.area - area).abs() < 0.05 * area + 6.0, "seed {seed}: {peak:?}");
            }
            let invented = found.len() - KNOWN.len();
            assert!(invented <= 1, "seed {seed}: {found:?}");
        }
    }

    #[test]
    fn a_shoulder_is_a_peak_of_its_own() {
        // 0.15° apart with σ = 0.06°: no valley between them.
        let (x, y) = peaks_at(&[(40.0, 100.0), (40.15, 60.0)], 0.06);
        let search = PeakSearch { width: 0.1, ..PeakSearch::default() };
        let found = find_peaks(&x, &y, &y, &search);
        assert_eq!(found.len(), 2, "{found:?}");
        let total: f64 = found.iter().map(|peak| peak.area).sum();
        assert!((total - 160.0).abs() < 1.0);
    }

    #[test]
    fn noise_and_flat_data_have_no_peaks() {
        let x: Vec<f64> = (0..4000).map(|i| 10.0 + 0.02 * f64::from(i)).collect();
        assert!(find_peaks(&x, &[0.0; 4000], &[7.0; 4000], &PeakSearch::default()).is_empty());
        let mut found = 0;
        for seed in 0..10 {
            let measured: Vec<f64> =
                deviates(4000, seed).iter().map(|d| 400.0 + 20.0 * d).collect();
            let net: Vec<f64> = measured.iter().map(|y| y - 400.0).collect();
            found += find_peaks(&x, &net, &measured, &PeakSearch::default()).len();
        }
        assert!(found <= 3, "{found} peaks in ten scans of noise");
    }

    #[test]
    fn few_points_are_no_trouble() {
        for points in 0..8_u8 {
            let x: Vec<f64> = (0..points).map(f64::from).collect();
            let _ = find_peaks(&x, &x, &x, &PeakSearch::default());
        }
    }
}
