//! What a network sees of a pattern: the grid as it is, or a blurred profile on wider bins.
//!
//! A pattern of sticks differs from itself by a lattice 0.1 % larger as much as from any other. A
//! Gaussian blur lets near peaks count as near, wider bins make the signal short, and the square
//! root keeps the strongest peaks from drowning the others. With sticks of intensity *s* at
//! places *x* on the axis ([`Axis`]; in grid points, not necessarily whole) and bins centred at *c*,
//!
//! 1. profile(c) = Σ s · (1/b) · exp(−(c − x)² / 2(bσ)²), with the broadening *b* of a view
//!    (1 for none); without a blur, the sum of the sticks in the bin;
//! 2. transform: the profile, or its square root;
//! 3. scale: the largest value becomes 1, or the root of the mean square does.
//!
//! Not covered: Cauchy tails, backgrounds.

mod axis;

use convnet::Matrix;
use diffraction::Grid;
use serde::{Deserialize, Serialize};

pub use axis::Axis;
use axis::Ruler;

/// Half the width of the blur in standard deviations; less than 4e-4 of a peak's height lies beyond.
const REACH: f32 = 4.0;
/// The widest bin in standard deviations of the blur: beyond it a peak between two centres is lost.
const WIDEST_BIN: f64 = 2.0;
/// Fewer bins than this are no pattern.
const FEWEST_BINS: usize = 3;

/// How a pattern becomes the network's input. The default is the published input: the grid as it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Input {
    /// What becomes of the intensities.
    pub transform: Transform,
    /// Along what bins are equally wide.
    pub axis: Axis,
    /// Standard deviation of the Gaussian blur in degrees two-theta (on another axis: the same part of
    /// its length); 0 for none.
    pub blur: f64,
    /// Width of a bin in degrees two-theta, likewise; 0 for as many bins as the grid has points.
    pub bin: f64,
    /// What the values of a signal are measured by.
    pub scale: Scale,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            transform: Transform::None,
            axis: Axis::TwoTheta,
            blur: 0.0,
            bin: 0.0,
            scale: Scale::Peak,
        }
    }
}

/// What becomes of the intensities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transform {
    /// They stay.
    None,
    /// The square root of the profile.
    Sqrt,
}

/// What the values of a signal are measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// The largest value is 1.
    Peak,
    /// The mean square is 1: what one dominant peak does not decide.
    Rms,
}

/// An input setting that makes no sense on this grid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InputError {
    /// A width is negative or no number.
    #[error("setting `{setting}` is {found}, but must be finite and not negative")]
    Width {
        /// The name of the setting.
        setting: &'static str,
        /// Its value in degrees.
        found: f64,
    },
    /// Bins so wide that peaks fall between their centres.
    #[error(
        "setting `bin` is {bin}, but must be at most twice the blur of {blur} degrees, or the blur 0"
    )]
    BinBeyondBlur {
        /// Width of a bin in degrees.
        bin: f64,
        /// The blur in degrees.
        blur: f64,
    },
    /// Almost nothing would be left of the grid.
    #[error(
        "setting `bin` is {bin}, which leaves {bins} of {points} points; at least 3 are needed"
    )]
    TooFewBins {
        /// Width of a bin in degrees.
        bin: f64,
        /// Bins that fit.
        bins: usize,
        /// Points of the grid.
        points: usize,
    },
}

/// A peak on its way to a signal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stick {
    /// Position in grid points, not necessarily whole.
    pub position: f32,
    /// Intensity, finite and not negative.
    pub intensity: f32,
}

impl Input {
    /// Whether a signal is the grid as it is.
    pub fn is_published(&self) -> bool {
        *self == Self::default()
    }

    /// The map from sticks to signals on a grid.
    ///
    /// # Errors
    /// If the settings make no sense there.
    pub fn renderer(&self, grid: Grid) -> Result<Renderer, InputError> {
        let Self { transform, axis, blur, bin, scale } = *self;
        for (setting, found) in [("blur", blur), ("bin", bin)] {
            if !(found.is_finite() && found >= 0.0) {
                return Err(InputError::Width { setting, found });
            }
        }
        if blur > 0.0 && bin > WIDEST_BIN * blur {
            return Err(InputError::BinBeyondBlur { bin, blur });
        }
        let points = grid.points();
        let width = (bin / grid.step()).max(1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most the points of a grid; rounding down is meant"
        )]
        let bins = (points as f64 / width) as usize;
        if bins < FEWEST_BINS {
            return Err(InputError::TooFewBins { bin, bins, points });
        }
        #[expect(clippy::cast_possible_truncation, reason = "widths travel as f32")]
        let (width, sigma) = (width as f32, (blur / grid.step()) as f32);
        Ok(Renderer { grid, ruler: Ruler::new(axis, grid), bins, width, sigma, transform, scale })
    }
}

/// The map from sticks to signals: [`Input`] on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Renderer {
    grid: Grid,
    ruler: Ruler,
    bins: usize,
    /// Grid points per bin.
    width: f32,
    /// Standard deviation of the blur in grid points.
    sigma: f32,
    transform: Transform,
    scale: Scale,
}

impl Renderer {
    /// The grid of the sticks.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// Points of a signal.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// The angle of a bin's centre, degrees two-theta.
    pub fn two_theta(&self, bin: usize) -> f64 {
        let place = (bin as f64 + 0.5) * f64::from(self.width) - 0.5;
        self.grid.start() + self.grid.step() * self.ruler.position(place)
    }

    /// The first step as a matrix, (points, bins): what a stick of intensity 1 at each grid point adds
    /// to each bin. `None` where every point is a bin.
    pub fn matrix(&self) -> Option<Matrix> {
        #[expect(clippy::float_cmp, reason = "exactly 1 when no bin was asked for")]
        if self.sigma == 0.0 && self.width == 1.0 && self.ruler.is_the_grid() {
            return None;
        }
        let mut matrix = Matrix::zeros(self.grid.points(), self.bins);
        #[expect(clippy::cast_precision_loss, reason = "points are below 65,536")]
        for point in 0..self.grid.points() {
            let stick = Stick { position: point as f32, intensity: 1.0 };
            self.profile(&[stick], 1.0, matrix.row_mut(point));
        }
        Some(matrix)
    }

    /// Writes the profile of some sticks to `signal`: step 1. `broadening` (at least 1) widens the
    /// blur and lowers the peaks.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "places and bins are below 65,536, exact in f32; negative ones are passed over"
    )]
    pub fn profile(&self, sticks: &[Stick], broadening: f32, signal: &mut [f32]) {
        signal.fill(0.0);
        let last = self.bins - 1;
        if self.sigma == 0.0 {
            for stick in sticks {
                let bin = (self.ruler.place(stick.position) + 0.5) / self.width;
                if bin >= 0.0 && bin as usize <= last {
                    signal[bin as usize] += stick.intensity;
                }
            }
            return;
        }
        let sigma = self.sigma * broadening;
        let (height, falloff) = (1.0 / broadening, -0.5 / (sigma * sigma));
        let center = |bin: usize| (bin as f32 + 0.5) * self.width - 0.5;
        for &Stick { position, intensity } in sticks {
            let place = self.ruler.place(position);
            let bin = |x: f32| (x + 0.5) / self.width - 0.5;
            let from = bin(place - REACH * sigma).ceil().max(0.0);
            let to = bin(place + REACH * sigma).floor().min(last as f32);
            if from > to {
                continue;
            }
            let (from, to) = (from as usize, to as usize);
            for (offset, value) in signal[from..=to].iter_mut().enumerate() {
                let distance = center(from + offset) - place;
                *value += intensity * height * (falloff * distance * distance).exp();
            }
        }
    }

    /// Turns a profile into a signal in place: steps 2 and 3. A profile without any intensity stays
    /// as it is.
    pub fn finish(&self, signal: &mut [f32]) {
        if self.transform == Transform::Sqrt {
            for value in signal.iter_mut() {
                *value = value.max(0.0).sqrt();
            }
        }
        let unit = match self.scale {
            Scale::Peak => signal.iter().copied().fold(0.0, f32::max),
            Scale::Rms => {
                let square: f32 = signal.iter().map(|value| value * value).sum();
                #[expect(clippy::cast_precision_loss, reason = "a number of points")]
                let mean = square / signal.len() as f32;
                mean.sqrt()
            }
        };
        if unit > 0.0 {
            for value in signal {
                *value /= unit;
            }
        }
    }
}

#[cfg(test)]
mod tests;
