//! The options of a simulation that say what is simulated.

use clap::{Args, ValueEnum};
use diffraction::Grid;
use diffraction::profile::{Profile, count};
use diffraction::setup::{self, Setup};
use diffraction::simulate::Recipe;
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

    /// Beside the row of each structure so many more, with the lattice strained at random as far as its
    /// symmetry allows: for pools, whose compounds then also stand for relatives of theirs
    #[arg(long, value_name = "N", default_value_t = 0,
        value_parser = clap::value_parser!(u32).range(..=1000), help_heading = PHYSICS)]
    strained: u32,

    /// The largest stretch of such a lattice along any axis
    #[arg(long, value_name = "PART", default_value_t = 0.02, help_heading = PHYSICS)]
    lattice_strain: f64,

    /// The number from which noise and strains follow
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
    strained: u32,
    lattice_strain: f64,
    seed: Seed,
}

/// A strain by a structure's name and a number.
type Strain = Box<dyn Fn(&str, u32) -> [f64; 6] + Sync>;

/// Changes a pattern by its name.
type Noise = Box<dyn Fn(&str, &mut [f32]) + Sync>;

impl Made {
    /// How many strained rows a structure has, and how they are strained.
    pub(super) fn strain(&self) -> (u32, Strain) {
        let (seed, largest) = (self.seed, self.lattice_strain);
        (self.strained, Box::new(move |name, number| seed.lattice_strain(name, number, largest)))
    }

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
        let setup = Setup {
            recipe: match self.recipe {
                RecipeName::Paper => setup::RecipeName::Paper,
                RecipeName::Physical => setup::RecipeName::Physical,
            },
            wavelength: self.wavelength.clone(),
            anomalous: !self.no_anomalous,
            displacement_b: self.displacement_b,
            profile: self.profile.map(|shape| match shape {
                ShapeName::Gaussian => setup::ShapeName::Gaussian,
                ShapeName::Lorentzian => setup::ShapeName::Lorentzian,
                ShapeName::PseudoVoigt => setup::ShapeName::PseudoVoigt,
                ShapeName::Voigt => setup::ShapeName::Voigt,
            }),
            mixing: self.mixing,
            width: self.width.clone(),
            size: self.size,
            strain: self.strain,
            ka2: self.ka2,
            zero_shift: self.zero_shift.unwrap_or(0.0),
            sample_height: self.sample_height.unwrap_or(0.0),
            variable_slit: self.variable_slit,
            texture: self.texture.clone(),
            background: self.background.clone(),
        };
        let (recipe, profile) =
            setup.build(grid).map_err(|error| Failure::usage(error.to_string()))?;
        if self.counts.is_some_and(|counts| !(1.0..=1e12).contains(&counts)) {
            return Err(Failure::usage("--counts must be from 1 to 10¹²"));
        }
        if !(0.0..=0.2).contains(&self.lattice_strain) {
            return Err(Failure::usage("--lattice-strain must be from 0 to 0.2"));
        }
        let described = serde_json::json!({
            "recipe": match self.recipe { RecipeName::Paper => "paper", RecipeName::Physical => "physical" },
            "wavelength": recipe.wavelength.angstrom(),
            "anomalous": recipe.anomalous,
            "profile": profile.as_ref().map(|profile| format!("{profile:?}")),
            "counts": self.counts,
            "strained": self.strained,
            "lattice_strain": self.lattice_strain,
            "seed": self.seed,
        });
        let seed = Seed(self.seed);
        let counts = self.counts.map(|counts| (counts, seed));
        let (strained, lattice_strain) = (self.strained, self.lattice_strain);
        Ok(Made { recipe, profile, described, counts, strained, lattice_strain, seed })
    }
}
