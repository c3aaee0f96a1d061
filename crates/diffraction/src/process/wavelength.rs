//! From one wavelength to another, through d.
//!
//! Bragg's law λ = 2 d sin θ at both wavelengths gives sin θ′ = sin θ · λ′/λ. The intensities are
//! densities over 2θ, so each is divided by the stretch of its neighbourhood,
//!
//! I′ = I · dθ/dθ′ = I · (λ cos θ′)/(λ′ cos θ),
//!
//! which keeps the area under every peak. The Lorentz-polarisation factor, if it is converted,
//! is that of an unpolarised beam, (1 + cos² 2θ)/(sin² θ cos θ).
//!
//! Leaves out: absorption, anomalous scattering and fluorescence, which depend on the wavelength;
//! widths of peaks, which are stretched with the angles.

/// A scan at another wavelength.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// Angles, degrees 2θ, rising.
    pub two_theta: Vec<f64>,
    /// Intensities, one for each angle.
    pub intensities: Vec<f64>,
    /// Points whose d cannot be seen at the new wavelength, which are left out.
    pub beyond_reach: usize,
}

/// Smallest cos θ: closer to backscattering the stretch of angles has no bound.
const SMALLEST_COSINE: f64 = 1e-3;

/// Converts angles (degrees 2θ, rising, from 0 to 180) and intensities, both of shape
/// `(points,)`, from one wavelength to another, both in ångström.
#[must_use]
pub fn convert_wavelength(
    two_theta: &[f64],
    intensities: &[f64],
    from: f64,
    to: f64,
    lorentz_polarisation: bool,
) -> Converted {
    let mut converted =
        Converted { two_theta: Vec::new(), intensities: Vec::new(), beyond_reach: 0 };
    for (&angle, &intensity) in two_theta.iter().zip(intensities) {
        let theta = 0.5 * angle.to_radians();
        let sine = theta.sin() * (to / from);
        // Also false for a sine above 1.
        let visible = 1.0 - sine * sine >= SMALLEST_COSINE * SMALLEST_COSINE;
        if !visible || theta.cos() < SMALLEST_COSINE {
            converted.beyond_reach += 1;
            continue;
        }
        let theta_to = sine.asin();
        let mut value = intensity * (from * theta_to.cos()) / (to * theta.cos());
        if lorentz_polarisation {
            value *= lorentz_polarisation_factor(theta_to) / lorentz_polarisation_factor(theta);
        }
        converted.two_theta.push(2.0 * theta_to.to_degrees());
        converted.intensities.push(value);
    }
    converted
}

/// (1 + cos² 2θ)/(sin² θ cos θ) at θ in radians.
fn lorentz_polarisation_factor(theta: f64) -> f64 {
    (1.0 + (2.0 * theta).cos().powi(2)) / (theta.sin().powi(2) * theta.cos())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::rebin::area;
    use proptest::prelude::*;

    #[test]
    fn a_reflection_moves_to_where_braggs_law_puts_it() {
        // Silicon 111, d = 3.1355 Å: 28.443° at Cu Kα1.
        let d: f64 = 3.1355;
        let angle = |wavelength: f64| 2.0 * (wavelength / (2.0 * d)).asin().to_degrees();
        let (copper, molybdenum) = (1.540598, 0.709319);
        let moved = convert_wavelength(&[angle(molybdenum)], &[1.0], molybdenum, copper, false);
        assert!((moved.two_theta[0] - angle(copper)).abs() < 1e-10);
        assert!((angle(copper) - 28.443).abs() < 1e-3);
    }

    #[test]
    fn what_the_longer_wavelength_cannot_see_is_counted() {
        let angles: Vec<f64> = (1..=140).map(f64::from).collect();
        let moved = convert_wavelength(&angles, &[1.0; 140], 0.709319, 1.540598, false);
        // sin(2θ/2) ≤ 0.709319/1.540598 up to 54.84°.
        assert_eq!(moved.two_theta.len(), 54);
        assert_eq!(moved.beyond_reach, 86);
    }

    proptest! {
        #[test]
        fn areas_of_peaks_are_kept_there_and_back(
            at in 10.0..100.0_f64, from in 0.6..1.6_f64, to in 0.6..1.6_f64,
        ) {
            let x: Vec<f64> = (0..4000).map(|i| at - 2.0 + 0.001 * f64::from(i)).collect();
            let y: Vec<f64> = x.iter().map(|x| (-0.5 * ((x - at) / 0.1).powi(2)).exp()).collect();
            let there = convert_wavelength(&x, &y, from, to, true);
            prop_assume!(there.beyond_reach == 0 && there.two_theta[3999] < 150.0);
            let back = convert_wavelength(&there.two_theta, &there.intensities, to, from, true);
            for (a, b) in back.two_theta.iter().zip(&x) {
                prop_assert!((a - b).abs() < 1e-9);
            }
            for (a, b) in back.intensities.iter().zip(&y) {
                prop_assert!((a - b).abs() < 1e-9);
            }
            let plain = convert_wavelength(&x, &y, from, to, false);
            let (before, after) = (area(&x, &y), area(&plain.two_theta, &plain.intensities));
            prop_assert!((after - before).abs() < 1e-6 * before);
        }
    }
}
