//! Peaks: what reflections of one angle add up to.

use super::recipe::Recipe;
use super::reflections::{SimulateError, reflections};
use crate::Structure;

/// A peak of a powder pattern, without width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// The scattering angle, degrees.
    pub two_theta: f64,
    /// The integrated intensity; the strongest peak of a pattern has 100.
    pub intensity: f64,
    /// The spacing of the lattice planes, Å.
    pub d: f64,
    /// Indices of the largest of the reflections, first by h, then by k, then by l.
    pub hkl: [i32; 3],
    /// How many reflections add up.
    pub multiplicity: u32,
}

/// The peaks of a structure, by ascending angle.
///
/// # Errors
/// When the structure cannot be simulated (see [`SimulateError`]) or has no peak in range.
pub fn simulate(structure: &Structure, recipe: &Recipe) -> Result<Vec<Peak>, SimulateError> {
    let half_wave = recipe.wavelength.angstrom() / 2.0;
    let mut peaks: Vec<Peak> = Vec::new();
    for reflection in reflections(structure, recipe)? {
        let g = reflection.g_squared.sqrt();
        let sine = (half_wave * g).min(1.0);
        let two_theta = (2.0 * sine.asin()).to_degrees();
        let intensity = f64::from(reflection.multiplicity)
            * reflection.f_squared
            * lorentz_polarisation(sine * sine);
        match peaks.last_mut() {
            Some(peak) if two_theta - peak.two_theta < recipe.merge_within => {
                peak.intensity += intensity;
                peak.multiplicity += reflection.multiplicity;
                peak.hkl = peak.hkl.max(reflection.hkl);
            }
            _ => peaks.push(Peak {
                two_theta,
                intensity,
                d: 1.0 / g,
                hkl: reflection.hkl,
                multiplicity: reflection.multiplicity,
            }),
        }
    }
    let strongest = peaks.iter().map(|peak| peak.intensity).fold(0.0, f64::max);
    let (from, to) = recipe.two_theta;
    if !(strongest > 0.0 && strongest.is_finite()) {
        return Err(SimulateError::NoPeaks { from, to });
    }
    peaks.retain_mut(|peak| {
        peak.intensity = peak.intensity / strongest * 100.0;
        peak.intensity > recipe.smallest
    });
    Ok(peaks)
}

/// (1 + cos²2θ)/(sin²θ cos θ) from sin²θ; the factor of an unpolarised beam without monochromator.
fn lorentz_polarisation(sine_squared: f64) -> f64 {
    let cos_2theta = 1.0 - 2.0 * sine_squared;
    // At backscattering the factor diverges; a hair before it does not.
    let cosine = (1.0 - sine_squared).max(1e-12).sqrt();
    (1.0 + cos_2theta * cos_2theta) / (sine_squared * cosine)
}
