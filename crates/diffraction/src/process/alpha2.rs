//! Stripping Kα2.
//!
//! Rachinger, J. Sci. Instrum. 25 (1948) 254. The profile is I(x) = I₁(x) + I₂(x), and I₂ is I₁
//! seen at the longer wavelength: what Kα1 diffracts to x₁, Kα2 diffracts to x with
//! sin(x/2)/λ₂ = sin(x₁/2)/λ₁, and with the area r of Kα2 over Kα1,
//!
//! I₂(x) = r I₁(x₁) dx₁/dx,  dx₁/dx = (λ₁ cos(x/2)) / (λ₂ cos(x₁/2)).
//!
//! Since x₁ < x, the equation is solved from the left, I₁(x₁) being interpolated linearly between
//! points that are solved already. Left of the first point the profile is taken as flat.
//!
//! Leaves out: different shapes of the two lines, and the satellites. Noise is not smoothed, so
//! that behind a strong peak it shows as a ripple.

use super::profile::Profile;
use crate::scan::Wavelengths;

/// The Kα1 part of a scan: angles (degrees, rising, above 0) and intensities of shape `(points,)`
/// give intensities of the same shape. Wavelengths without a doublet change nothing.
///
/// # Panics
/// When angles and intensities have different lengths.
#[must_use]
pub fn strip_alpha2(two_theta: &[f64], intensities: &[f64], lines: &Wavelengths) -> Vec<f64> {
    assert_eq!(two_theta.len(), intensities.len(), "one intensity for each angle");
    let (Some(alpha1), Some(alpha2)) = (lines.alpha1, lines.alpha2) else {
        return intensities.to_vec();
    };
    let share = lines.ratio();
    if share <= 0.0 || two_theta.is_empty() {
        return intensities.to_vec();
    }
    let shrink = alpha1 / alpha2;
    let mut stripped: Vec<f64> = Vec::with_capacity(intensities.len());
    // The point right of x₁; moves forward only.
    let mut right = 0;
    for (index, (&angle, &intensity)) in two_theta.iter().zip(intensities).enumerate() {
        let theta = 0.5 * angle.to_radians();
        let source = (theta.sin() * shrink).asin();
        let density = share * shrink * theta.cos() / source.cos();
        let source = 2.0 * source.to_degrees();
        while right < index && two_theta[right] < source {
            right += 1;
        }
        let value = if right == 0 {
            // Flat to the left: I₁ is the same at x₁ and x.
            intensity / (1.0 + density)
        } else if right < index {
            let (left_angle, right_angle) = (two_theta[right - 1], two_theta[right]);
            let part = (source - left_angle) / (right_angle - left_angle);
            intensity - density * (stripped[right - 1] * (1.0 - part) + stripped[right] * part)
        } else {
            // x₁ lies between the point before and this one, whose I₁ is on both sides.
            let part = (source - two_theta[index - 1]) / (angle - two_theta[index - 1]);
            (intensity - density * (1.0 - part) * stripped[index - 1]) / (1.0 + density * part)
        };
        stripped.push(value);
    }
    stripped
}

impl Profile {
    /// See [`strip_alpha2`].
    pub(super) fn without_alpha2(mut self, lines: &Wavelengths) -> Self {
        self.intensities = strip_alpha2(&self.two_theta, &self.intensities, lines);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPPER: (f64, f64, f64) = (1.540598, 1.544426, 0.5);

    fn copper() -> Wavelengths {
        Wavelengths::doublet(COPPER.0, COPPER.1, Some(COPPER.2))
    }

    /// A line of unit area at an angle, and what it adds at x.
    fn line(x: f64, at: f64, sigma: f64) -> f64 {
        (-0.5 * ((x - at) / sigma).powi(2)).exp() / (sigma * std::f64::consts::TAU.sqrt())
    }

    /// The Kα1 profile of lines at these angles, and the image of it by Kα2.
    fn doublets(two_theta: &[f64], lines: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let alpha1 = |x: f64| lines.iter().map(|&at| 1000.0 * line(x, at, 0.05)).sum::<f64>();
        let alpha2 = |x: f64| {
            let theta = 0.5 * x.to_radians();
            let source = (theta.sin() * COPPER.0 / COPPER.1).asin();
            let density = COPPER.0 / COPPER.1 * theta.cos() / source.cos();
            COPPER.2 * density * alpha1(2.0 * source.to_degrees())
        };
        let pure: Vec<f64> = two_theta.iter().map(|&x| alpha1(x)).collect();
        let both = two_theta.iter().map(|&x| alpha1(x) + alpha2(x)).collect();
        (pure, both)
    }

    #[test]
    fn alpha1_lines_are_recovered_from_doublets() {
        let two_theta: Vec<f64> = (0..12_000).map(|i| 10.0 + 0.01 * f64::from(i)).collect();
        let (pure, both) = doublets(&two_theta, &[15.0, 28.3, 28.6, 60.0, 95.0, 120.0]);
        let stripped = strip_alpha2(&two_theta, &both, &copper());
        let highest = pure.iter().copied().fold(0.0, f64::max);
        for ((x, a), b) in two_theta.iter().zip(&stripped).zip(&pure) {
            assert!((a - b).abs() < 0.01 * highest, "{x}: {a} and {b}");
        }
        let area = |y: &[f64]| y.iter().sum::<f64>() * 0.01;
        assert!((area(&stripped) - area(&pure)).abs() < 1e-3 * area(&pure));
        assert!((area(&both) / area(&stripped) - 1.5).abs() < 2e-3);
    }

    #[test]
    fn a_flat_profile_stays_flat() {
        let two_theta: Vec<f64> = (0..500).map(|i| 20.0 + 0.02 * f64::from(i)).collect();
        let stripped = strip_alpha2(&two_theta, &vec![150.0; 500], &copper());
        assert!(stripped.iter().all(|y| (y - 100.0).abs() < 0.3), "{:?}", &stripped[..5]);
    }

    #[test]
    fn one_wavelength_changes_nothing() {
        let (x, y) = ([1.0, 2.0], [3.0, 4.0]);
        assert_eq!(strip_alpha2(&x, &y, &Wavelengths::single(0.5)), y);
        assert_eq!(strip_alpha2(&x, &y, &Wavelengths::doublet(1.0, 1.1, Some(0.0))), y);
    }
}
