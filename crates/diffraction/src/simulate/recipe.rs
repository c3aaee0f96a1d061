//! What is simulated: the choices that a pattern depends on besides the structure.

use super::form_factor::FormFactors;
use super::place::Placement;
use super::wavelength::Wavelength;

/// Every choice of a simulation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// The radiation.
    pub wavelength: Wavelength,
    /// First and last angle, degrees two-theta.
    pub two_theta: (f64, f64),
    /// The atomic form factors.
    pub form_factors: FormFactors,
    /// Whether f′ + i f″ are added; tabulated at the lines of [`super::NAMED_WAVELENGTHS`] only.
    pub anomalous: bool,
    /// The displacement factors.
    pub displacement: DisplacementFactors,
    /// Reflections closer than this are one peak, degrees two-theta.
    pub merge_within: f64,
    /// Peaks up to this are dropped, in units of the strongest one's 100.
    pub smallest: f64,
    /// How peaks become a pattern on a grid.
    pub placement: Placement,
}

/// Which displacement (Debye–Waller) factors exp(−B s²) are applied.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DisplacementFactors {
    /// None: atoms at rest.
    Off,
    /// Those of the structure; atoms without one are at rest.
    AsGiven,
    /// Those of the structure, and this B (Å²) for atoms without one.
    OrElse(f64),
}

impl Recipe {
    /// The recipe of the published files, to the byte.
    ///
    /// λ = 1.54184 Å; 0 to 90°; atoms at rest; sticks up to 10⁻³ of 100 dropped; of two sticks in
    /// one bin the one at the larger angle stays.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            wavelength: Wavelength::CU_KA,
            two_theta: (0.0, 90.0),
            form_factors: FormFactors::Published,
            anomalous: false,
            displacement: DisplacementFactors::Off,
            merge_within: 1e-5,
            smallest: 1e-3,
            placement: Placement::Published,
        }
    }

    /// What a diffractometer would see, as far as sticks can say it: Waasmaier–Kirfel form factors,
    /// anomalous scattering, displacement factors (B = 1 Å² where none is given), sticks summed.
    #[must_use]
    pub fn physical() -> Self {
        Self {
            form_factors: FormFactors::WaasmaierKirfel,
            anomalous: true,
            displacement: DisplacementFactors::OrElse(1.0),
            placement: Placement::Summed,
            ..Self::paper()
        }
    }
}
