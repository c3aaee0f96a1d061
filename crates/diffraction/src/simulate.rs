//! From a structure to its powder pattern.
//!
//! # Physics, in order
//! 1. The reciprocal-lattice points **g** = *h* **a**\* + *k* **b**\* + *l* **c**\* in the range, |g| = 1/d;
//!    Bragg: λ = 2 d sin θ.
//! 2. Atomic form factors *f*(s), s = sin θ/λ = |g|/2; with displacement factors exp(−B s²) where the
//!    recipe wants them, plus f′ + i f″ where it wants anomalous scattering.
//! 3. Structure factors *F*(hkl) = Σ occupancy · *f* · exp 2πi(hx + ky + lz) over the atoms of the cell.
//! 4. Intensity = Σ |F|² · LP over the reflections of one angle, LP = (1 + cos²2θ)/(sin²θ cos θ).
//! 5. Reflections closer than the recipe's width are one peak; the strongest peak is scaled to 100.
//!
//! # Left out
//! Absorption, extinction, thermal diffuse scattering, the monochromator's polarisation, anisotropic
//! displacement, preferred orientation of the sticks.
//!
//! ```
//! use diffraction::simulate::{Recipe, simulate};
//! use diffraction::{Element, Lattice, Structure};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let caesium: Element = "Cs".parse()?;
//! let chlorine: Element = "Cl".parse()?;
//! let lattice = Lattice::from_parameters([4.12; 3], [90.0; 3])?;
//! let atoms = [(caesium, [0.0; 3]), (chlorine, [0.5; 3])];
//! let salt = Structure::from_atoms("CsCl".into(), lattice, &atoms);
//! let peaks = simulate(&salt, &Recipe::paper())?;
//! let strongest = peaks.iter().find(|peak| peak.intensity == 100.0).expect("one is the strongest");
//! assert_eq!((strongest.hkl, strongest.multiplicity), ([1, 1, 0], 12));
//! # Ok(())
//! # }
//! ```

mod anomalous_table;
mod form_factor;
mod peaks;
mod phases;
mod place;
mod published_table;
mod recipe;
mod reflections;
mod waasmaier_kirfel_table;
mod wavelength;

pub use form_factor::FormFactors;
pub use peaks::{Peak, simulate};
pub(crate) use place::value_text;
pub use place::{Placement, published_text};
pub use recipe::{DisplacementFactors, Recipe};
pub use reflections::{Reflection, SimulateError, reflections};
pub use wavelength::{NAMED_WAVELENGTHS, Wavelength, WavelengthError};
