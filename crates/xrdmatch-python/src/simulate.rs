//! Structures as patterns.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use diffraction::batch::{Simulation, simulate_files};
use diffraction::files::{Names, Wanted, find};
use diffraction::profile::count;
use diffraction::setup::{RecipeName, Setup, ShapeName};
use diffraction::structure::StructureFileError;
use diffraction::{Grid, cif};
use pyo3::prelude::*;
use xrdmatch::causes::chain;
use xrdmatch::seed::Seed;

use crate::arrays::Skipped;
use crate::dataset::Dataset;
use crate::interrupt::interruptible;
use crate::raised::Raised;

/// What is simulated, as its caller says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    recipe: String,
    wavelength: String,
    grid: (f64, f64, f64),
    anomalous: bool,
    displacement_b: Option<f64>,
    profile: Option<String>,
    mixing: f64,
    width: Vec<f64>,
    size: Option<f64>,
    strain: Option<f64>,
    ka2: f64,
    zero_shift: f64,
    sample_height: f64,
    variable_slit: bool,
    texture: Vec<f64>,
    background: Vec<f64>,
    counts: Option<f64>,
    seed: u64,
}

impl Options {
    fn setup(&self) -> Result<Setup, Raised> {
        let unknown = |what: &str, found: &str, known: &str| {
            Raised::setting(format!("there is no {what} `{found}`; there are {known}"))
        };
        let recipe = match self.recipe.as_str() {
            "paper" => RecipeName::Paper,
            "physical" => RecipeName::Physical,
            other => return Err(unknown("recipe", other, "paper, physical")),
        };
        let shape = |name: &String| match name.as_str() {
            "gaussian" => Ok(ShapeName::Gaussian),
            "lorentzian" => Ok(ShapeName::Lorentzian),
            "pseudo-voigt" => Ok(ShapeName::PseudoVoigt),
            "voigt" => Ok(ShapeName::Voigt),
            other => Err(unknown("profile", other, "gaussian, lorentzian, pseudo-voigt, voigt")),
        };
        if self.counts.is_some_and(|counts| !(1.0..=1e12).contains(&counts)) {
            return Err(Raised::setting("counts must be from 1 to 10¹²"));
        }
        Ok(Setup {
            recipe,
            wavelength: self.wavelength.clone(),
            anomalous: self.anomalous,
            displacement_b: self.displacement_b,
            profile: self.profile.as_ref().map(shape).transpose()?,
            mixing: self.mixing,
            width: self.width.clone(),
            size: self.size,
            strain: self.strain,
            ka2: self.ka2,
            zero_shift: self.zero_shift,
            sample_height: self.sample_height,
            variable_slit: self.variable_slit,
            texture: self.texture.clone(),
            background: self.background.clone(),
        })
    }
}

/// Patterns of structure files, directories and CIF texts, and what was left out with its reason.
/// `texts` come after the files.
#[pyfunction]
pub(crate) fn simulate(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    texts: Vec<String>,
    options: Options,
    strict: bool,
) -> PyResult<(Dataset, Skipped)> {
    let (start, step, stop_at) = options.grid;
    let grid = Grid::spanning(start, step, stop_at).map_err(Raised::from)?;
    let (recipe, profile) = options.setup()?.build(&grid).map_err(Raised::from)?;
    let files = find(&paths, Wanted::Structures).map_err(Raised::from)?.files;
    if files.is_empty() && texts.is_empty() {
        return Err(Raised::data("no structure files were found").into());
    }
    let (seed, counts) = (Seed(options.seed), options.counts);
    let noise = |name: &str, pattern: &mut [f32]| {
        if let Some(counts) = counts {
            count(pattern, counts, &mut seed.counting_noise(name));
        }
    };
    let (recipe, profile) = (&recipe, profile.as_ref());
    let simulation =
        Simulation { recipe, profile, grid: &grid, strained: None, finish: Some(&noise) };
    let (rows, skipped) = interruptible(py, None, |stop, _| {
        let (mut names, mut rows, mut skipped) = (Names::default(), Vec::new(), Vec::new());
        let mut fatal = None;
        let mut accept = |path: &Path, row: Result<_, diffraction::batch::BatchError>| {
            if stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            match row {
                Ok(mut row) => {
                    let row: &mut diffraction::table::Row = &mut row;
                    row.name = names.take(std::mem::take(&mut row.name));
                    rows.push(std::mem::take(row));
                }
                Err(error) if strict => {
                    fatal = Some(Raised::from(error));
                    return ControlFlow::Break(());
                }
                Err(error) => skipped.push((path.display().to_string(), chain(&error))),
            }
            ControlFlow::Continue(())
        };
        simulate_files(&files, &simulation, &mut |outcome| accept(outcome.path, outcome.row));
        'texts: for (number, text) in texts.iter().enumerate() {
            let path = PathBuf::from(format!("CIF text {}", number + 1));
            let structures = match cif::read(text.as_bytes()) {
                Ok(structures) => structures,
                Err(source) => {
                    let error = StructureFileError::Cif { path: path.clone(), source };
                    if accept(&path, Err(error.into())).is_break() {
                        break;
                    }
                    continue;
                }
            };
            for structure in structures {
                let row = simulation.row(&path, &structure, structure.name.clone());
                if accept(&path, row).is_break() {
                    break 'texts;
                }
            }
        }
        match fatal {
            Some(raised) => Err(raised),
            None => Ok((rows, skipped)),
        }
    })??;
    Ok((Dataset { rows, grid }, skipped))
}
