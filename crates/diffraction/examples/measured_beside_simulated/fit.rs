//! The fit: linear in scales and background, a pattern search for the rest.

use diffraction::profile::{Caglioti, MarchDollase, Profile, ProfileError, measured};
use diffraction::simulate::{Recipe, Wavelength};
use diffraction::{Grid, Structure};

/// Background terms: Chebyshev polynomials of degree 0 to 6, and one over the angle (air).
const BACKGROUND: usize = 8;

/// Parameters of the search before those of the phases: zero shift, sample height, width.
const COMMON: usize = 3;

/// Parameters of each phase: ln size, strain, ln of the texture's ratio.
const EACH: usize = 3;

/// What was fitted, and what it makes.
pub(crate) struct Fit {
    parameters: Vec<f64>,
    /// Whether intensities follow an automatic divergence slit.
    pub(crate) variable_slit: bool,
    scales: Vec<f64>,
    /// Background on the grid.
    pub(crate) background: Vec<f64>,
    /// Lines of each phase on the grid, scaled.
    pub(crate) lines: Vec<Vec<f64>>,
    misfit: f64,
}

impl Fit {
    /// All lines on the grid.
    pub(crate) fn peaks(&self) -> Vec<f64> {
        (0..self.background.len()).map(|i| self.lines.iter().map(|l| l[i]).sum()).collect()
    }

    pub(crate) fn cosine(&self, counts: &[f64]) -> f64 {
        let less: Vec<f64> = counts.iter().zip(&self.background).map(|(y, b)| y - b).collect();
        cosine(&less, &self.peaks())
    }

    pub(crate) fn cosine_with_background(&self, counts: &[f64]) -> f64 {
        let all: Vec<f64> = self.peaks().iter().zip(&self.background).map(|(p, b)| p + b).collect();
        cosine(counts, &all)
    }

    /// √(Σ w (y − model)² / Σ w y²) with w = 1/y.
    pub(crate) fn weighted_residual(&self, counts: &[f64]) -> f64 {
        (self.misfit / counts.iter().map(|y| y.max(0.0)).sum::<f64>()).sqrt()
    }

    pub(crate) fn zero_shift(&self) -> f64 {
        self.parameters[0]
    }

    pub(crate) fn sample_height(&self) -> f64 {
        self.parameters[1]
    }

    pub(crate) fn width(&self) -> f64 {
        self.parameters[2].exp()
    }

    pub(crate) fn scale(&self, phase: usize) -> f64 {
        self.scales[phase]
    }

    /// Size, strain, texture.
    pub(crate) fn phase(&self, phase: usize) -> (f64, f64, f64) {
        let at = COMMON + EACH * phase;
        let p = &self.parameters;
        (p[at].exp(), p[at + 1], p[at + 2].exp())
    }
}

/// Fits phases, each with the plane of its texture, to counts on a grid, with the kind of slit that
/// fits better.
pub(crate) fn fit(
    phases: &[(Structure, [i32; 3])],
    grid: &Grid,
    counts: &[f64],
) -> Result<Fit, ProfileError> {
    let (fixed, variable) =
        (with_slit(phases, grid, counts, false)?, with_slit(phases, grid, counts, true)?);
    Ok(if variable.misfit < fixed.misfit { variable } else { fixed })
}

fn with_slit(
    phases: &[(Structure, [i32; 3])],
    grid: &Grid,
    counts: &[f64],
    variable_slit: bool,
) -> Result<Fit, ProfileError> {
    let mut parameters = vec![0.0, 0.0, 0.08_f64.ln()];
    let mut steps = vec![0.03, 2e-4, 0.3];
    for _ in phases {
        parameters.extend([1000_f64.ln(), 5e-4, 0.0]);
        steps.extend([0.7, 3e-4, 0.15]);
    }
    let mut best = evaluate(phases, grid, counts, variable_slit, parameters)?;
    // Each parameter in turn, with steps that shrink when no direction helps.
    for _ in 0..60 {
        let before = best.misfit;
        for (at, step) in steps.iter().enumerate() {
            for direction in [1.0, -1.0] {
                let mut tried = best.parameters.clone();
                tried[at] += direction * step;
                // A setting out of bounds is no improvement.
                let Ok(fit) = evaluate(phases, grid, counts, variable_slit, tried) else {
                    continue;
                };
                if fit.misfit < best.misfit {
                    best = fit;
                    break;
                }
            }
        }
        if before - best.misfit < 1e-5 * before {
            steps.iter_mut().for_each(|step| *step *= 0.5);
        }
    }
    Ok(best)
}

fn evaluate(
    phases: &[(Structure, [i32; 3])],
    grid: &Grid,
    counts: &[f64],
    variable_slit: bool,
    parameters: Vec<f64>,
) -> Result<Fit, ProfileError> {
    let mut columns = Vec::with_capacity(phases.len() + BACKGROUND);
    for (index, (structure, hkl)) in phases.iter().enumerate() {
        let at = COMMON + EACH * index;
        let profile = Profile {
            zero_shift: parameters[0],
            displacement: parameters[1],
            variable_slit,
            instrument: Caglioti::constant(parameters[2].exp()),
            size: Some(parameters[at].exp()),
            strain: parameters[at + 1],
            texture: Some(MarchDollase { hkl: *hkl, ratio: parameters[at + 2].exp() }),
            ..Profile::default()
        };
        columns.push(lines(structure, grid, &profile)?);
    }
    columns.extend(background_terms(grid));
    let weights: Vec<f64> = counts.iter().map(|y| 1.0 / y.max(1.0)).collect();
    let factors = least_squares(&columns, counts, &weights);
    let scaled = |range: std::ops::Range<usize>| {
        range
            .map(|at| columns[at].iter().map(|v| v * factors[at]).collect::<Vec<f64>>())
            .collect::<Vec<_>>()
    };
    let lines = scaled(0..phases.len());
    let terms = scaled(phases.len()..columns.len());
    let background: Vec<f64> =
        (0..counts.len()).map(|i| terms.iter().map(|term| term[i]).sum()).collect();
    let negative = factors[..phases.len()].iter().any(|&factor| factor < 0.0);
    let misfit = if negative {
        f64::INFINITY
    } else {
        (0..counts.len())
            .map(|i| {
                let model: f64 = background[i] + lines.iter().map(|l| l[i]).sum::<f64>();
                weights[i] * (counts[i] - model).powi(2)
            })
            .sum()
    };
    let scales = factors[..phases.len()].to_vec();
    Ok(Fit { parameters, variable_slit, scales, background, lines, misfit })
}

/// The lines of a structure on a grid, the highest point at 100.
pub(crate) fn lines(
    structure: &Structure,
    grid: &Grid,
    profile: &Profile,
) -> Result<Vec<f64>, ProfileError> {
    let recipe = Recipe { wavelength: Wavelength::CU_KA1, ..Recipe::physical() };
    let pattern = measured(structure, &recipe, profile, grid)?;
    Ok(pattern.intensities.iter().map(|&value| f64::from(value)).collect())
}

/// The default profile.
pub(crate) fn blind_profile() -> Profile {
    Profile::default()
}

fn background_terms(grid: &Grid) -> Vec<Vec<f64>> {
    let last = (grid.points() - 1) as f64;
    let x = |i: usize| 2.0 * i as f64 / last - 1.0;
    let mut terms: Vec<Vec<f64>> = (0..BACKGROUND - 1)
        .map(|n| {
            (0..grid.points()).map(|i| (n as f64 * x(i).clamp(-1.0, 1.0).acos()).cos()).collect()
        })
        .collect();
    terms.push(grid.angles().map(|angle| 10.0 / angle).collect());
    terms
}

/// The factors of columns that come nearest to the data, by the normal equations.
fn least_squares(columns: &[Vec<f64>], data: &[f64], weights: &[f64]) -> Vec<f64> {
    let n = columns.len();
    let dot = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).zip(weights).map(|((a, b), w)| w * a * b).sum()
    };
    let mut matrix: Vec<Vec<f64>> = (0..n)
        .map(|i| {
            let mut row: Vec<f64> = (0..n).map(|j| dot(&columns[i], &columns[j])).collect();
            row[i] *= 1.0 + 1e-12;
            row.push(dot(&columns[i], data));
            row
        })
        .collect();
    for pivot in 0..n {
        let largest = (pivot..n)
            .max_by(|&a, &b| matrix[a][pivot].abs().total_cmp(&matrix[b][pivot].abs()))
            .unwrap_or(pivot);
        matrix.swap(pivot, largest);
        let row = matrix[pivot].clone();
        for (at, other) in matrix.iter_mut().enumerate() {
            if at != pivot && row[pivot] != 0.0 {
                let factor = other[pivot] / row[pivot];
                other.iter_mut().zip(&row).for_each(|(value, p)| *value -= factor * p);
            }
        }
    }
    (0..n).map(|i| matrix[i][n] / matrix[i][i]).collect()
}

/// ⟨a, b⟩ / (|a| |b|).
pub(crate) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}
