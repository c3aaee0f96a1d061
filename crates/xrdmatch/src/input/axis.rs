//! Along what the bins of a signal are equally wide.
//!
//! A place on an axis is counted like a position on the grid, in grid points from 0 to the last: the
//! axis is stretched to the grid's length, so that widths in degrees mean the same part of any axis.
//! Q = 4π sin θ / λ is proportional to sin θ, so no wavelength is needed. On the logarithmic axis a
//! lattice that grows as a whole moves all peaks by the same number of bins, which a convolution does
//! not mind and a position on the other axes does.

use diffraction::Grid;
use serde::{Deserialize, Serialize};

/// Octaves of Q on the logarithmic axis below the grid's largest angle, where the grid has as many.
const OCTAVES: i32 = 5;

/// Along what the bins of a signal are equally wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// The angle, as measured.
    TwoTheta,
    /// The length of the scattering vector, so that lattices of one kind differ by a stretch.
    Q,
    /// Its logarithm, so that they differ by a shift. Five octaves up to the largest angle (from 2.5°
    /// on a grid to 90°); what lies lower is not seen.
    LogQ,
}

/// Positions on a grid to places on an axis, and back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ruler {
    axis: Axis,
    grid: Grid,
    /// The first place in units of the axis (sin θ or its logarithm), and units per grid point.
    first: f64,
    unit: f64,
}

impl Ruler {
    pub(super) fn new(axis: Axis, grid: Grid) -> Self {
        let last = grid.points().saturating_sub(1) as f64;
        let [low, high] = [0.0, last].map(|position| sine(grid, position));
        let (first, end) = match axis {
            Axis::TwoTheta => (0.0, last),
            Axis::Q => (low, high),
            Axis::LogQ => (low.max(high / 2f64.powi(OCTAVES)).ln(), high.ln()),
        };
        Self { axis, grid, first, unit: (end - first) / last.max(1.0) }
    }

    /// Whether every position is its own place.
    pub(super) fn is_the_grid(&self) -> bool {
        self.axis == Axis::TwoTheta
    }

    /// The place of a position, both in grid points; below the axis −∞ or negative.
    pub(super) fn place(&self, position: f32) -> f32 {
        let on_axis = match self.axis {
            Axis::TwoTheta => return position,
            Axis::Q => sine(self.grid, position.into()),
            Axis::LogQ => sine(self.grid, position.into()).max(0.0).ln(),
        };
        #[expect(clippy::cast_possible_truncation, reason = "places travel as f32")]
        let place = ((on_axis - self.first) / self.unit) as f32;
        place
    }

    /// The position of a place, both in grid points.
    pub(super) fn position(&self, place: f64) -> f64 {
        let sine = match self.axis {
            Axis::TwoTheta => return place,
            Axis::Q => self.first + self.unit * place,
            Axis::LogQ => (self.first + self.unit * place).exp(),
        };
        let two_theta = 2.0 * sine.clamp(-1.0, 1.0).asin().to_degrees();
        (two_theta - self.grid.start()) / self.grid.step()
    }
}

/// sin θ at a position of the grid.
fn sine(grid: Grid, position: f64) -> f64 {
    (0.5 * (grid.start() + grid.step() * position)).to_radians().sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_back_to_positions_and_end_where_the_grid_ends() {
        let molybdenum = Grid::new(3.0, 0.01, 5000).unwrap();
        for grid in [Grid::published(), molybdenum] {
            let last = (grid.points() - 1) as f32;
            for axis in [Axis::TwoTheta, Axis::Q, Axis::LogQ] {
                let ruler = Ruler::new(axis, grid);
                assert!((ruler.place(last) - last).abs() < 2e-3, "{axis:?}");
                for position in [400.0, 1234.5, 2500.0, 4321.0] {
                    let back = ruler.position(ruler.place(position).into());
                    assert!((back - f64::from(position)).abs() < 5e-3, "{axis:?} {back}");
                }
            }
        }
    }

    #[test]
    fn a_larger_lattice_is_a_stretch_in_q_and_a_shift_in_its_logarithm() {
        let grid = Grid::published();
        let position = |d: f64, growth: f64| {
            let two_theta = 2.0 * (1.54184 / (2.0 * d * growth)).asin().to_degrees();
            ((two_theta - grid.start()) / grid.step()) as f32
        };
        let spacings = [9.0, 4.1, 2.2, 1.3];
        let q = Ruler::new(Axis::Q, grid);
        let log = Ruler::new(Axis::LogQ, grid);
        for d in spacings {
            let [before, after] = [1.0, 1.03].map(|growth| position(d, growth));
            assert!((q.place(before) / q.place(after) - 1.03).abs() < 1e-4);
            let moved = log.place(before) - log.place(after);
            // 1.03 of five octaves over 4500 points.
            let expected = 1.03f32.ln() / 32f32.ln() * 4500.0;
            assert!((moved - expected).abs() < 0.01, "{moved} {expected}");
        }
    }

    #[test]
    fn what_lies_below_the_logarithmic_axis_has_no_place_on_it() {
        let ruler = Ruler::new(Axis::LogQ, Grid::published());
        assert!(ruler.place(0.0) < 0.0 && ruler.place(-20.0) < 0.0 && ruler.place(120.0) < 0.0);
        assert!(ruler.place(130.0) > 0.0);
    }
}
