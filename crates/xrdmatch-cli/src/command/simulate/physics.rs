//! The options of a simulation that say what is simulated.

use clap::{Args, ValueEnum};
use diffraction::Grid;
use diffraction::profile::{Caglioti, Doublet, MarchDollase, Profile, Shape, count};
use diffraction::simulate::{DisplacementFactors, Recipe, Wavelength};
use xrdmatch::seed::Seed;

use crate::failure::Failure;

/// What is simulated.
#[derive(Args)]
pub(super) struct Physics {
    /// Form factors, displacement and how sticks meet on the grid
    #[arg(long, default_value = "paper", help_heading = PHYSICS)]
    recipe: RecipeName,

    /// A line (CuKa, CuKa1, MoKa, …) or a value in Å
    #[arg(long, default_value = "CuKa", value_name = "NAME|Å", help_heading = PHYSICS)]
    wavelength: String,

    /// Leave out f′ and f″, which the recipe `physical` has for named lines only
    #[arg(long, help_heading = PHYSICS)]
    no_anomalous: bool,

    /// Displacement factor B of atoms for which a file gives none, Å² [recipe `physical`: 1]
    #[arg(long, value_name = "B", help_heading = PHYSICS)]
    displacement_b: Option<f64>,

    /// Line profiles in place of sticks; a wavelength such as CuKa then is a Kα1/Kα2 doublet
    #[arg(long, value_name = "SHAPE", help_heading = MEASURED)]
    profile: Option<ShapeName>,

    /// Lorentzian share of --profile pseudo-voigt
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, help_heading = MEASURED)]
    mixing: f64,

    /// Instrument's width: FWHM in degrees, or Caglioti's U,V,W in degrees² [default: 0.01,-0.006,0.006]
    #[arg(long, value_name = "FWHM|U,V,W", requires = "profile", value_delimiter = ',',
        allow_hyphen_values = true, help_heading = MEASURED)]
    width: Vec<f64>,

    /// Crystallite size, Å
    #[arg(long, value_name = "Å", requires = "profile", help_heading = MEASURED)]
    size: Option<f64>,

    /// Microstrain Δd/d
    #[arg(long, value_name = "STRAIN", requires = "profile", help_heading = MEASURED)]
    strain: Option<f64>,

    /// Kα2 over Kα1; 0 leaves Kα2 out
    #[arg(long, value_name = "RATIO", default_value_t = 0.5, help_heading = MEASURED)]
    ka2: f64,

    /// Added to every angle, degrees two-theta
    #[arg(long, value_name = "DEGREES", requires = "profile", allow_hyphen_values = true,
        help_heading = MEASURED)]
    zero_shift: Option<f64>,

    /// Height of the sample over the goniometer's radius
    #[arg(long, value_name = "RATIO", requires = "profile", allow_hyphen_values = true,
        help_heading = MEASURED)]
    sample_height: Option<f64>,

    /// An automatic divergence slit: intensities grow with sin θ
    #[arg(long, requires = "profile", help_heading = MEASURED)]
    variable_slit: bool,

    /// March–Dollase texture: the plane's indices and the ratio
    #[arg(long, value_name = "H,K,L,RATIO", requires = "profile", value_delimiter = ',',
        allow_hyphen_values = true, help_heading = MEASURED)]
    texture: Vec<f64>,

    /// Chebyshev coefficients of the background, the strongest line being 100
    #[arg(long, value_name = "C0,C1,…", requires = "profile", value_delimiter = ',',
        allow_hyphen_values = true, help_heading = MEASURED)]
    background: Vec<f64>,

    /// Poisson noise, the strongest point having N counts in the mean
    #[arg(long, value_name = "N", requires = "profile", help_heading = MEASURED)]
    counts: Option<f64>,

    /// The number from which the noise follows
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = MEASURED)]
    seed: u64,
}

const PHYSICS: &str = "Physics";
const MEASURED: &str = "As measured";

/// The recipes by name.
#[derive(Clone, Copy, ValueEnum)]
enum RecipeName {
    /// That of the published files, to the byte
    Paper,
    /// Waasmaier–Kirfel form factors, anomalous scattering, displacement; sticks add up
    Physical,
}

/// The forms of a line by name.
#[derive(Clone, Copy, ValueEnum)]
enum ShapeName {
    /// Gaussian
    Gaussian,
    /// Lorentzian
    Lorentzian,
    /// A sum of both, of one width
    PseudoVoigt,
    /// Gaussian instrument and Lorentzian sample (Thompson, Cox and Hastings)
    Voigt,
}

/// What the options come to.
pub(super) struct Made {
    pub(super) recipe: Recipe,
    pub(super) profile: Option<Profile>,
    pub(super) described: serde_json::Value,
    counts: Option<(f64, Seed)>,
}

/// Changes a pattern by its name.
type Noise = Box<dyn Fn(&str, &mut [f32]) + Sync>;

impl Made {
    /// Counting noise, if it was asked for.
    pub(super) fn noise(&self) -> Option<Noise> {
        let (counts, seed) = self.counts?;
        Some(Box::new(move |name, pattern| {
            count(pattern, counts, &mut seed.counting_noise(name));
        }))
    }
}

impl Physics {
    pub(super) fn build(&self, grid: &Grid) -> Result<Made, Failure> {
        let usage = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
        let mut recipe = match self.recipe {
            RecipeName::Paper => Recipe::paper(),
            RecipeName::Physical => Recipe::physical(),
        };
        recipe.wavelength = self.wavelength.parse().map_err(|error| usage(&error))?;
        recipe.two_theta = (grid.start(), grid.end());
        recipe.anomalous &= !self.no_anomalous;
        if let Some(b) = self.displacement_b {
            if !(0.0..=100.0).contains(&b) {
                return Err(Failure::usage(format!(
                    "--displacement-b is {b}, expected 0 to 100 Å²"
                )));
            }
            recipe.displacement = DisplacementFactors::OrElse(b);
        }
        let mut doublet = None;
        if let (Some(_), Some((first, second))) =
            (self.profile, Wavelength::doublet(&self.wavelength))
        {
            recipe.wavelength = first;
            doublet =
                Some(Doublet { wavelength: second, ratio: self.ka2 }).filter(|d| d.ratio != 0.0);
        }
        let profile = self.profile.map(|shape| self.profile(shape, doublet)).transpose()?;
        if self.counts.is_some_and(|counts| !(1.0..=1e12).contains(&counts)) {
            return Err(Failure::usage("--counts must be from 1 to 10¹²"));
        }
        let described = serde_json::json!({
            "recipe": match self.recipe { RecipeName::Paper => "paper", RecipeName::Physical => "physical" },
            "wavelength": recipe.wavelength.angstrom(),
            "anomalous": recipe.anomalous,
            "profile": profile.as_ref().map(|profile| format!("{profile:?}")),
            "counts": self.counts,
            "seed": self.seed,
        });
        let counts = self.counts.map(|counts| (counts, Seed(self.seed)));
        Ok(Made { recipe, profile, described, counts })
    }

    fn profile(&self, shape: ShapeName, doublet: Option<Doublet>) -> Result<Profile, Failure> {
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
            _ => return Err(Failure::usage("--width takes one number (FWHM) or three (U,V,W)")),
        };
        profile.texture = match self.texture[..] {
            [] => None,
            [h, k, l, ratio] if [h, k, l].iter().all(|i| i.fract() == 0.0 && i.abs() < 1000.0) => {
                #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
                let hkl = [h as i32, k as i32, l as i32];
                Some(MarchDollase { hkl, ratio })
            }
            _ => return Err(Failure::usage("--texture takes three whole indices and a ratio")),
        };
        profile.size = self.size.or(profile.size);
        profile.strain = self.strain.unwrap_or(profile.strain);
        profile.zero_shift = self.zero_shift.unwrap_or(0.0);
        profile.variable_slit = self.variable_slit;
        profile.displacement = self.sample_height.unwrap_or(0.0);
        profile.background.clone_from(&self.background);
        profile.validate().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(profile)
    }
}
