//! Reflections, spread and summed on a grid.

use super::line::{Caglioti, Line, Shape};
use super::texture::MarchDollase;
use crate::simulate::{Recipe, SimulateError, Wavelength, reflections};
use crate::{Grid, Pattern, Structure};

/// Scherrer's constant for the full width at half maximum of round crystallites.
const SCHERRER: f64 = 0.9;

/// What lies between sticks and a measured pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The form of a line.
    pub shape: Shape,
    /// The instrument's width.
    pub instrument: Caglioti,
    /// A second line of the tube beside the recipe's wavelength.
    pub doublet: Option<Doublet>,
    /// Crystallite size, Å: FWHM = 0.9 λ/(size · cos θ).
    pub size: Option<f64>,
    /// Microstrain Δd/d: FWHM = 4 · strain · tan θ.
    pub strain: f64,
    /// Added to every angle, degrees two-theta.
    pub zero_shift: f64,
    /// Height of the sample above the goniometer's axis in units of its radius; lines move by
    /// −2 · height · cos θ radians.
    pub displacement: f64,
    /// Whether an automatic divergence slit keeps the illuminated area constant: intensities then
    /// grow with sin θ over those of a fixed slit.
    pub variable_slit: bool,
    /// Preferred orientation.
    pub texture: Option<MarchDollase>,
    /// Chebyshev coefficients of the background over the grid, in units of the strongest point's
    /// 100; where their sum is negative there is no background.
    pub background: Vec<f64>,
}

/// The second line of a doublet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Doublet {
    /// Its wavelength.
    pub wavelength: Wavelength,
    /// Its intensity relative to the first: about 0.5 for Kα₂.
    pub ratio: f64,
}

/// Why no profile can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The sticks cannot be made.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// A setting that is no possible one.
    #[error("{name} is {found}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: f64,
        /// What is possible.
        expected: &'static str,
    },
    /// The instrument has no width at an angle of the grid.
    #[error(
        "the instrument's width is not a number above 0 at {two_theta:.2}° two-theta: U, V and W do not fit together"
    )]
    NoWidth {
        /// The angle.
        two_theta: f64,
    },
}

impl Default for Profile {
    /// A laboratory diffractometer with Cu Kα, 0.08° wide, a random powder of large crystallites,
    /// no background.
    fn default() -> Self {
        Self {
            shape: Shape::ThompsonCoxHastings,
            instrument: Caglioti { u: 0.01, v: -0.006, w: 0.006 },
            doublet: Wavelength::new(1.54439)
                .ok()
                .map(|wavelength| Doublet { wavelength, ratio: 0.5 }),
            size: Some(1000.0),
            strain: 0.0005,
            zero_shift: 0.0,
            displacement: 0.0,
            variable_slit: false,
            texture: None,
            background: Vec::new(),
        }
    }
}

impl Profile {
    /// Checks every setting that can be judged without a structure.
    ///
    /// # Errors
    /// The first setting that is impossible.
    pub fn validate(&self) -> Result<(), ProfileError> {
        let setting = |name, found: f64, fits: bool, expected| {
            if fits { Ok(()) } else { Err(ProfileError::Setting { name, found, expected }) }
        };
        if let Shape::PseudoVoigt { mixing } = self.shape {
            let fits = (0.0..=1.0).contains(&mixing);
            setting("the Lorentzian share", mixing, fits, "0 to 1")?;
        }
        if let Some(size) = self.size {
            let fits = (1.0..=1e9).contains(&size);
            setting("the crystallite size", size, fits, "1 to 10⁹ Å")?;
        }
        if let Some(Doublet { ratio, .. }) = self.doublet {
            setting("the doublet's ratio", ratio, (0.0..=10.0).contains(&ratio), "0 to 10")?;
        }
        if let Some(texture) = self.texture {
            let fits = (0.01..=100.0).contains(&texture.ratio);
            setting("the texture's ratio", texture.ratio, fits, "0.01 to 100")?;
            setting("the preferred plane", 0.0, texture.hkl != [0; 3], "indices not all 0")?;
        }
        setting("the strain", self.strain, (0.0..=0.2).contains(&self.strain), "0 to 0.2")?;
        setting("the zero shift", self.zero_shift, self.zero_shift.abs() <= 10.0, "−10 to 10°")?;
        let displacement = self.displacement;
        setting("the displacement", displacement, displacement.abs() <= 0.1, "−0.1 to 0.1 radii")?;
        match self.background.iter().find(|c| !c.is_finite()) {
            Some(&found) => setting("a background coefficient", found, false, "a number"),
            None => Ok(()),
        }
    }

    /// The line at an angle, or an error where it has no width.
    fn line(&self, theta: f64, wavelength: f64) -> Result<Line, ProfileError> {
        let squared = self.instrument.fwhm_squared(theta.tan());
        if !(squared > 0.0 && squared.is_finite()) {
            return Err(ProfileError::NoWidth { two_theta: 2.0 * theta.to_degrees() });
        }
        let size = self.size.map_or(0.0, |size| SCHERRER * wavelength / (size * theta.cos()));
        let sample = (size + 4.0 * self.strain * theta.tan()).to_degrees();
        Ok(Line::new(self.shape, squared.sqrt(), sample))
    }
}

/// Simulates a pattern as a diffractometer would measure it, without noise (see
/// [`super::count`]); the strongest point of the lines has 100, the background comes on top.
///
/// The recipe's range of angles is the grid's here, widened by what reaches into it.
///
/// # Errors
/// When the structure cannot be simulated or a setting is impossible.
pub fn measured(
    structure: &Structure,
    recipe: &Recipe,
    profile: &Profile,
    grid: &Grid,
) -> Result<Pattern, ProfileError> {
    profile.validate()?;
    let margin = 2.0;
    let range = ((grid.start() - margin).max(0.0), (grid.end() + margin).min(179.0));
    let recipe = Recipe { two_theta: range, ..*recipe };
    let reflections = reflections(structure, &recipe)?;
    let mut sums = vec![0.0_f64; grid.points()];
    let first = (recipe.wavelength.angstrom(), 1.0);
    let second = profile.doublet.map(|d| (d.wavelength.angstrom(), d.ratio));
    for reflection in &reflections {
        let strength = f64::from(reflection.multiplicity) * reflection.f_squared;
        let texture = profile.texture.map_or(1.0, |t| t.weight(structure, reflection.hkl));
        for (wavelength, share) in [Some(first), second].into_iter().flatten() {
            let sine = wavelength / 2.0 * reflection.g_squared.sqrt();
            if sine >= 0.9999 {
                continue;
            }
            let theta = sine.asin();
            let cos_2theta = (2.0 * theta).cos();
            let factor = (1.0 + cos_2theta * cos_2theta) / (sine * sine * theta.cos());
            let shift =
                profile.zero_shift - (2.0 * profile.displacement * theta.cos()).to_degrees();
            let slit = if profile.variable_slit { sine } else { 1.0 };
            let line = profile.line(theta, wavelength)?;
            let centre = 2.0 * theta.to_degrees() + shift;
            let area = strength * texture * share * factor * slit;
            draw(&mut sums, grid, &line, centre, area);
        }
    }
    let strongest = sums.iter().copied().fold(0.0, f64::max);
    if !(strongest > 0.0 && strongest.is_finite()) {
        let (from, to) = (grid.start(), grid.end());
        return Err(SimulateError::NoPeaks { from, to }.into());
    }
    let last = (grid.points().max(2) - 1) as f64;
    let intensities = sums.iter().enumerate().map(|(at, sum)| {
        let x = 2.0 * at as f64 / last - 1.0;
        (100.0 * sum / strongest + chebyshev(&profile.background, x).max(0.0)) as f32
    });
    let intensities = intensities.collect();
    Ok(Pattern { name: structure.name.clone(), grid: *grid, intensities })
}

/// Adds a line of an area to the points it reaches.
fn draw(sums: &mut [f64], grid: &Grid, line: &Line, centre: f64, area: f64) {
    let reach = line.reach();
    let from = grid.position(centre - reach).ceil().max(0.0) as usize;
    let to = grid.position(centre + reach).floor();
    if to < 0.0 {
        return;
    }
    for at in from..=(to as usize).min(sums.len() - 1) {
        sums[at] += area * line.at(grid.two_theta(at) - centre);
    }
}

/// Σ cₙ Tₙ(x) by Clenshaw's recurrence.
fn chebyshev(coefficients: &[f64], x: f64) -> f64 {
    let (mut b1, mut b2) = (0.0, 0.0);
    for &c in coefficients.iter().skip(1).rev() {
        (b1, b2) = (c + 2.0 * x * b1 - b2, b1);
    }
    coefficients.first().map_or(0.0, |c0| c0 + x * b1 - b2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::simulate;
    use crate::{Element, Lattice};

    fn salt() -> Structure {
        let lattice = Lattice::from_parameters([4.12; 3], [90.0; 3]).expect("a lattice");
        let element = |z| Element::from_number(z).expect("an element");
        let atoms = [(element(55), [0.0; 3]), (element(17), [0.5; 3])];
        Structure::from_atoms("CsCl".into(), lattice, &atoms)
    }

    fn recipe() -> Recipe {
        Recipe { wavelength: Wavelength::CU_KA1, ..Recipe::paper() }
    }

    #[test]
    fn a_variable_slit_multiplies_lines_by_the_sine_of_theta() {
        let grid = Grid::new(15.0, 0.01, 8001).expect("a grid");
        let area = |slit: bool, from: f64| {
            let profile = Profile { variable_slit: slit, ..bare() };
            let pattern = measured(&salt(), &recipe(), &profile, &grid).expect("a pattern");
            let at = grid.nearest(from).expect("on the grid");
            pattern.intensities[at..at + 100].iter().map(|&v| f64::from(v)).sum::<f64>()
        };
        // 100 at 21.55° and 110 at 30.66° are alone within half a degree.
        let (low, high) = (21.55_f64, 30.66_f64);
        let ratio = |slit| area(slit, high - 0.5) / area(slit, low - 0.5);
        let sines = (high / 2.0).to_radians().sin() / (low / 2.0).to_radians().sin();
        assert!((ratio(true) / ratio(false) / sines - 1.0).abs() < 1e-3);
    }

    fn bare() -> Profile {
        Profile {
            shape: Shape::Gaussian,
            instrument: Caglioti::constant(0.1),
            doublet: None,
            size: None,
            strain: 0.0,
            ..Profile::default()
        }
    }

    fn grid() -> Grid {
        Grid::new(10.0, 0.01, 8001).expect("a grid")
    }

    /// Intensity between two angles.
    fn area(pattern: &Pattern, from: f64, to: f64) -> f64 {
        let points = pattern.grid.angles().zip(&pattern.intensities);
        points.filter(|(x, _)| (from..to).contains(x)).map(|(_, &y)| f64::from(y)).sum()
    }

    fn summit(pattern: &Pattern, near: f64) -> f64 {
        let points = pattern.grid.angles().zip(&pattern.intensities);
        let points = points.filter(|(x, _)| (x - near).abs() < 0.5);
        points.max_by(|a, b| a.1.total_cmp(b.1)).map(|(x, _)| x).expect("points")
    }

    #[test]
    fn areas_are_those_of_the_sticks() {
        let peaks = simulate(&salt(), &recipe()).expect("peaks");
        let pattern = measured(&salt(), &recipe(), &bare(), &grid()).expect("a pattern");
        let areas: Vec<f64> = peaks
            .iter()
            .take(5)
            .map(|p| area(&pattern, p.two_theta - 1.0, p.two_theta + 1.0) / p.intensity)
            .collect();
        for ratio in &areas {
            assert!((ratio / areas[0] - 1.0).abs() < 1e-3, "{areas:?}");
        }
    }

    #[test]
    fn lines_lie_where_the_errors_put_them() {
        let angle = simulate(&salt(), &recipe()).expect("peaks")[1].two_theta;
        let moved = |profile: Profile| {
            summit(&measured(&salt(), &recipe(), &profile, &grid()).expect("a pattern"), angle)
        };
        assert!((moved(bare()) - angle).abs() <= 0.006);
        assert!((moved(Profile { zero_shift: 0.2, ..bare() }) - angle - 0.2).abs() <= 0.011);
        let height = 0.002;
        let expected = -(2.0 * height * (angle / 2.0).to_radians().cos()).to_degrees();
        let raised = moved(Profile { displacement: height, ..bare() });
        assert!((raised - angle - expected).abs() <= 0.011);
    }

    #[test]
    fn the_second_line_of_a_doublet_has_its_share_at_its_angle() {
        let wavelength = Wavelength::new(1.54439).expect("a wavelength");
        let profile = Profile {
            doublet: Some(Doublet { wavelength, ratio: 0.5 }),
            instrument: Caglioti::constant(0.02),
            ..bare()
        };
        let pattern = measured(&salt(), &recipe(), &profile, &grid()).expect("a pattern");
        let peak = simulate(&salt(), &recipe())
            .expect("peaks")
            .into_iter()
            .rfind(|p| p.two_theta < 85.0 && p.intensity > 5.0)
            .expect("a peak");
        let second = 2.0 * (1.54439 / 2.0 / peak.d).asin().to_degrees();
        let between = f64::midpoint(peak.two_theta, second);
        let ratio =
            area(&pattern, between, second + 0.3) / area(&pattern, peak.two_theta - 0.3, between);
        assert!((ratio - 0.5).abs() < 0.01, "{ratio}");
    }

    #[test]
    fn small_crystallites_have_scherrer_width() {
        let profile = Profile {
            shape: Shape::Lorentzian,
            instrument: Caglioti::constant(1e-4),
            size: Some(100.0),
            ..bare()
        };
        let pattern = measured(&salt(), &recipe(), &profile, &grid()).expect("a pattern");
        let angle = simulate(&salt(), &recipe()).expect("peaks")[1].two_theta;
        let theta = (angle / 2.0).to_radians();
        let expected = (0.9 * 1.54056 / (100.0 * theta.cos())).to_degrees();
        let top = f64::from(pattern.intensities[pattern.grid.nearest(angle).expect("on the grid")]);
        let points = pattern.grid.angles().zip(&pattern.intensities);
        let above =
            points.filter(|(x, y)| (x - angle).abs() < 2.0 && f64::from(**y) > top / 2.0).count();
        assert!((above as f64 * 0.01 - expected).abs() < 0.03 * expected + 0.02);
    }

    #[test]
    fn the_background_is_its_polynomial() {
        let profile = Profile { background: vec![5.0, -2.0, 1.0], ..bare() };
        let with = measured(&salt(), &recipe(), &profile, &grid()).expect("a pattern");
        let without = measured(&salt(), &recipe(), &bare(), &grid()).expect("a pattern");
        for (at, expected) in [(0, 8.0), (4000, 4.0), (8000, 4.0)] {
            assert!((with.intensities[at] - without.intensities[at] - expected).abs() < 1e-4);
        }
    }

    #[test]
    fn impossible_settings_are_refused() {
        let refused = |profile: Profile| {
            measured(&salt(), &recipe(), &profile, &grid()).expect_err("impossible")
        };
        assert!(matches!(
            refused(Profile { instrument: Caglioti { u: 0.0, v: -1.0, w: 0.001 }, ..bare() }),
            ProfileError::NoWidth { .. }
        ));
        for profile in [
            Profile { size: Some(0.0), ..bare() },
            Profile { strain: f64::NAN, ..bare() },
            Profile { shape: Shape::PseudoVoigt { mixing: 2.0 }, ..bare() },
            Profile { texture: Some(MarchDollase { hkl: [0; 3], ratio: 0.5 }), ..bare() },
            Profile { background: vec![f64::INFINITY], ..bare() },
            Profile { zero_shift: 1e9, ..bare() },
        ] {
            assert!(matches!(refused(profile), ProfileError::Setting { .. }));
        }
    }
}
