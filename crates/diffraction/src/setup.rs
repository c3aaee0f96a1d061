//! A simulation as settings with names: what command lines and bindings ask for.

use crate::Grid;
use crate::profile::{Caglioti, Doublet, MarchDollase, Profile, ProfileError, Shape};
use crate::simulate::{DisplacementFactors, Recipe, Wavelength, WavelengthError};

/// The largest displacement factor B that a solid has, Å², and more.
const MOST_DISPLACEMENT: f64 = 100.0;

/// What is simulated, and as what instrument sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Form factors, displacement and how sticks meet on the grid.
    pub recipe: RecipeName,
    /// A line (`CuKa`, `MoKa1`, …) or a value in Å.
    pub wavelength: String,
    /// Whether f′ and f″ are added where the recipe has them.
    pub anomalous: bool,
    /// Displacement factor B, Å², of atoms for which a file gives none; `None` for the recipe's.
    pub displacement_b: Option<f64>,
    /// Line profiles in place of sticks; a wavelength such as `CuKa` then is a doublet.
    pub profile: Option<ShapeName>,
    /// Lorentzian share of [`ShapeName::PseudoVoigt`].
    pub mixing: f64,
    /// The instrument's width: nothing (the default one), FWHM in degrees, or U, V, W in degrees².
    pub width: Vec<f64>,
    /// Crystallite size, Å; `None` for the profile's default.
    pub size: Option<f64>,
    /// Microstrain Δd/d; `None` for the profile's default.
    pub strain: Option<f64>,
    /// Kα2 over Kα1; 0 leaves Kα2 out.
    pub ka2: f64,
    /// Added to every angle, degrees two-theta.
    pub zero_shift: f64,
    /// Height of the sample over the goniometer's radius.
    pub sample_height: f64,
    /// Whether an automatic divergence slit makes intensities grow with sin θ.
    pub variable_slit: bool,
    /// March–Dollase texture: nothing, or the plane's indices and the ratio.
    pub texture: Vec<f64>,
    /// Chebyshev coefficients of the background, the strongest line being 100.
    pub background: Vec<f64>,
}

/// The recipes by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipeName {
    /// [`Recipe::paper`].
    Paper,
    /// [`Recipe::physical`].
    Physical,
}

/// The forms of a line by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeName {
    /// [`Shape::Gaussian`].
    Gaussian,
    /// [`Shape::Lorentzian`].
    Lorentzian,
    /// [`Shape::PseudoVoigt`].
    PseudoVoigt,
    /// [`Shape::ThompsonCoxHastings`].
    Voigt,
}

/// Settings that are no simulation.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SetupError {
    /// No such wavelength.
    #[error(transparent)]
    Wavelength(#[from] WavelengthError),
    /// A displacement factor that no solid has.
    #[error("the displacement factor B is {0}, expected 0 to {MOST_DISPLACEMENT} Å²")]
    Displacement(f64),
    /// A width of two or of many numbers.
    #[error("the width is {found} numbers, expected one (FWHM) or three (U, V, W)")]
    Width {
        /// How many.
        found: usize,
    },
    /// A texture that is no plane and ratio.
    #[error("the texture is {found:?}, expected three whole indices and a ratio")]
    Texture {
        /// What was given.
        found: Vec<f64>,
    },
    /// A setting of the profile is out of range.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            recipe: RecipeName::Paper,
            wavelength: "CuKa".to_owned(),
            anomalous: true,
            displacement_b: None,
            profile: None,
            mixing: 0.5,
            width: Vec::new(),
            size: None,
            strain: None,
            ka2: 0.5,
            zero_shift: 0.0,
            sample_height: 0.0,
            variable_slit: false,
            texture: Vec::new(),
            background: Vec::new(),
        }
    }
}

impl Setup {
    /// The recipe for a grid, and the profile if lines have one.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn build(&self, grid: &Grid) -> Result<(Recipe, Option<Profile>), SetupError> {
        let mut recipe = match self.recipe {
            RecipeName::Paper => Recipe::paper(),
            RecipeName::Physical => Recipe::physical(),
        };
        recipe.wavelength = self.wavelength.parse()?;
        recipe.two_theta = (grid.start(), grid.end());
        recipe.anomalous &= self.anomalous;
        if let Some(b) = self.displacement_b {
            if !(0.0..=MOST_DISPLACEMENT).contains(&b) {
                return Err(SetupError::Displacement(b));
            }
            recipe.displacement = DisplacementFactors::OrElse(b);
        }
        let Some(shape) = self.profile else { return Ok((recipe, None)) };
        let mut doublet = None;
        if let Some((first, second)) = Wavelength::doublet(&self.wavelength) {
            recipe.wavelength = first;
            doublet =
                Some(Doublet { wavelength: second, ratio: self.ka2 }).filter(|d| d.ratio != 0.0);
        }
        Ok((recipe, Some(self.lines(shape, doublet)?)))
    }

    fn lines(&self, shape: ShapeName, doublet: Option<Doublet>) -> Result<Profile, SetupError> {
        let mut profile = Profile { doublet, ..Profile::default() };
        profile.shape = match shape {
            ShapeName::Gaussian => Shape::Gaussian,
            ShapeName::Lorentzian => Shape::Lorentzian,
            ShapeName::PseudoVoigt => Shape::PseudoVoigt { mixing: self.mixing },
            ShapeName::Voigt => Shape::ThompsonCoxHastings,
        };
        profile.instrument = match self.width[..] {
            [] => profile.instrument,
            [fwhm] => Caglioti::constant(fwhm),
            [u, v, w] => Caglioti { u, v, w },
            _ => return Err(SetupError::Width { found: self.width.len() }),
        };
        profile.texture = match self.texture[..] {
            [] => None,
            [h, k, l, ratio] if [h, k, l].iter().all(|i| i.fract() == 0.0 && i.abs() < 1000.0) => {
                Some(MarchDollase { hkl: [h as i32, k as i32, l as i32], ratio })
            }
            _ => return Err(SetupError::Texture { found: self.texture.clone() }),
        };
        profile.size = self.size.or(profile.size);
        profile.strain = self.strain.unwrap_or(profile.strain);
        profile.zero_shift = self.zero_shift;
        profile.variable_slit = self.variable_slit;
        profile.displacement = self.sample_height;
        profile.background.clone_from(&self.background);
        profile.validate()?;
        Ok(profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_setup_is_the_published_recipe() {
        let built = Setup::default().build(&Grid::published()).expect("a recipe");
        let (recipe, profile) = built;
        let published = Recipe { two_theta: (0.0, Grid::published().end()), ..Recipe::paper() };
        assert_eq!((recipe, profile), (published, None));
    }

    #[test]
    fn a_profile_takes_the_doublet_apart() {
        let setup = Setup { profile: Some(ShapeName::Voigt), ..Setup::default() };
        let (recipe, profile) = setup.build(&Grid::published()).expect("a profile");
        assert_eq!(recipe.wavelength, Wavelength::CU_KA1);
        assert_eq!(profile.and_then(|p| p.doublet).map(|d| d.ratio), Some(0.5));
        let (_, single) = Setup { ka2: 0.0, ..setup }.build(&Grid::published()).expect("one line");
        assert_eq!(single.expect("a profile").doublet, None);
    }

    #[test]
    fn settings_that_are_no_simulation_are_told_apart() {
        let profile = Some(ShapeName::Gaussian);
        let of = |setup: Setup| setup.build(&Grid::published()).expect_err("refused");
        let base = Setup::default;
        let b = Some(-1.0);
        assert_eq!(of(Setup { displacement_b: b, ..base() }), SetupError::Displacement(-1.0));
        let width = vec![1.0, 2.0];
        assert_eq!(of(Setup { profile, width, ..base() }), SetupError::Width { found: 2 });
        let texture = vec![0.5, 0.0, 1.0, 0.7];
        let refused = of(Setup { profile, texture: texture.clone(), ..base() });
        assert_eq!(refused, SetupError::Texture { found: texture });
        let wavelength = "Kr".to_owned();
        assert!(matches!(of(Setup { wavelength, ..base() }), SetupError::Wavelength(_)));
        assert!(matches!(
            of(Setup { profile, size: Some(-1.0), ..base() }),
            SetupError::Profile(_)
        ));
    }
}
