//! The evenly spaced angles on which patterns are compared.

use serde::{Deserialize, Serialize};

/// The most points a grid can have: a point's index fits a `u16`.
pub(crate) const MAX_POINTS: usize = 65_535;

/// How far, in steps, an angle may lie from a grid point and still be that point.
///
/// Forgives the rounding of `start + step · i` in `f64` and of angles printed with six decimals.
const SAME_POINT: f64 = 1e-3;

/// Evenly spaced scattering angles: point `i` lies at `start + step · i` degrees two-theta.
///
/// Always finite, with `step > 0`, `1 ≤ points ≤ 65 535`, `start ≥ 0` and the last point at most
/// 180°.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Grid {
    start: f64,
    step: f64,
    points: usize,
}

/// What makes three numbers not a grid.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GridError {
    /// The first angle is negative, infinite or not a number.
    #[error("the grid starts at {0}° two-theta, which is not an angle from 0 to 180")]
    Start(f64),
    /// The distance between points is not positive.
    #[error("the grid step is {0}°, which is not a positive angle")]
    Step(f64),
    /// No points, or more than an index can hold.
    #[error("the grid has {0} points, but 1 to {MAX_POINTS} are possible")]
    Points(usize),
    /// The last angle lies beyond backscattering.
    #[error("the grid ends at {0}° two-theta, beyond 180")]
    End(f64),
    /// The last angle that was asked for is not above the first.
    #[error("the grid ends at {0}°, which is not above its start")]
    Stop(f64),
}

/// How far, in steps, the last angle asked for may miss a grid point: forgives decimals that are no
/// binary fractions.
const LAST_POINT: f64 = 1e-6;

impl Grid {
    /// A grid of `points` angles from `start`, `step` apart (degrees two-theta).
    ///
    /// # Errors
    /// When the numbers do not describe angles from 0 to 180°; see [`GridError`].
    pub fn new(start: f64, step: f64, points: usize) -> Result<Self, GridError> {
        if !(0.0..=180.0).contains(&start) {
            return Err(GridError::Start(start));
        }
        if !(step.is_finite() && step > 0.0) {
            return Err(GridError::Step(step));
        }
        if !(1..=MAX_POINTS).contains(&points) {
            return Err(GridError::Points(points));
        }
        let end = start + step * (points - 1) as f64;
        if end > 180.0 + SAME_POINT * step {
            return Err(GridError::End(end));
        }
        Ok(Self { start, step, points })
    }

    /// The grid from `start` in steps of `step` that goes no further than `stop` (degrees two-theta).
    ///
    /// # Errors
    /// When the numbers do not describe angles from 0 to 180°; see [`GridError`].
    pub fn spanning(start: f64, step: f64, stop: f64) -> Result<Self, GridError> {
        if stop.is_nan() || stop <= start {
            return Err(GridError::Stop(stop));
        }
        let steps = (stop - start) / step + LAST_POINT;
        let points = if (0.0..1e9).contains(&steps) { steps as usize + 1 } else { 0 };
        Self::new(start, step, points)
    }

    /// The grid of the published files: 4501 points from 0 to 90° in steps of 0.02°.
    #[must_use]
    pub const fn published() -> Self {
        Self { start: 0.0, step: 0.02, points: 4501 }
    }

    /// The first angle, degrees two-theta.
    #[must_use]
    pub fn start(&self) -> f64 {
        self.start
    }

    /// The distance between neighbouring points, degrees two-theta.
    #[must_use]
    pub fn step(&self) -> f64 {
        self.step
    }

    /// The number of points.
    #[must_use]
    pub fn points(&self) -> usize {
        self.points
    }

    /// The last angle, degrees two-theta.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.two_theta(self.points - 1)
    }

    /// The angle of point `index`, degrees two-theta; extrapolates beyond the last point.
    #[must_use]
    pub fn two_theta(&self, index: usize) -> f64 {
        self.start + self.step * index as f64
    }

    /// The point nearest to an angle, or `None` more than half a step outside the grid.
    #[must_use]
    pub fn nearest(&self, two_theta: f64) -> Option<usize> {
        self.index((self.position(two_theta)).round())
    }

    /// The first point at or above an angle, or `None` when there is none.
    ///
    /// The ceiling is taken of `(two_theta − start) / step` as computed in `f64`, without
    /// forgiveness: the published recipe depends on it.
    #[must_use]
    pub fn at_or_above(&self, two_theta: f64) -> Option<usize> {
        self.index(self.position(two_theta).ceil())
    }

    /// Where an angle lies, in steps from the first point (may be negative or beyond the end).
    #[must_use]
    pub fn position(&self, two_theta: f64) -> f64 {
        (two_theta - self.start) / self.step
    }

    /// Whether two grids have the same points, to a thousandth of a step.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let forgiven = SAME_POINT * self.step;
        self.points == other.points
            && (self.start - other.start).abs() <= forgiven
            && (self.end() - other.end()).abs() <= forgiven
    }

    /// The angles in order, degrees two-theta.
    pub fn angles(&self) -> impl ExactSizeIterator<Item = f64> + use<> {
        let grid = *self;
        (0..self.points).map(move |index| grid.two_theta(index))
    }

    fn index(&self, rounded: f64) -> Option<usize> {
        // A NaN fails both comparisons.
        (rounded >= 0.0 && rounded < self.points as f64).then_some(rounded as usize)
    }
}

impl std::fmt::Display for Grid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} points, {}–{:.6}° in steps of {}°",
            self.points,
            self.start,
            self.end(),
            self.step
        )
    }
}

/// A grid as it is written down, before its numbers were looked at.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    start: f64,
    step: f64,
    points: usize,
}

impl TryFrom<Unchecked> for Grid {
    type Error = GridError;

    fn try_from(raw: Unchecked) -> Result<Self, GridError> {
        Self::new(raw.start, raw.step, raw.points)
    }
}

impl From<Grid> for Unchecked {
    fn from(grid: Grid) -> Self {
        Self { start: grid.start, step: grid.step, points: grid.points }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_grid_is_a_valid_grid() {
        let grid = Grid::published();
        assert_eq!(Grid::new(grid.start(), grid.step(), grid.points()), Ok(grid));
        assert!((grid.end() - 90.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_that_are_no_grid_are_refused_with_the_number() {
        assert_eq!(Grid::new(-1.0, 0.02, 10), Err(GridError::Start(-1.0)));
        assert!(matches!(Grid::new(f64::NAN, 0.02, 10), Err(GridError::Start(_))));
        assert_eq!(Grid::new(0.0, 0.0, 10), Err(GridError::Step(0.0)));
        assert!(matches!(Grid::new(0.0, f64::INFINITY, 10), Err(GridError::Step(_))));
        assert_eq!(Grid::new(0.0, 0.02, 0), Err(GridError::Points(0)));
        assert_eq!(Grid::new(0.0, 0.001, 65_536), Err(GridError::Points(65_536)));
        assert!(matches!(Grid::new(0.0, 1.0, 182), Err(GridError::End(_))));
    }

    #[test]
    fn every_point_is_nearest_to_its_own_angle() {
        let grid = Grid::new(5.0, 0.013, 5000).expect("a grid");
        for (index, angle) in grid.angles().enumerate() {
            assert_eq!(grid.nearest(angle), Some(index));
            assert_eq!(grid.at_or_above(angle + 0.006), Some(index + 1).filter(|&i| i < 5000));
        }
        assert_eq!(grid.nearest(4.9), None);
        assert_eq!(grid.nearest(f64::NAN), None);
        assert_eq!(grid.at_or_above(180.0), None);
    }

    #[test]
    fn a_grid_survives_json_and_a_bad_one_does_not_enter() {
        let text = serde_json::to_string(&Grid::published()).expect("json");
        assert_eq!(serde_json::from_str::<Grid>(&text).expect("a grid"), Grid::published());
        assert!(serde_json::from_str::<Grid>(r#"{"start":0,"step":-1,"points":5}"#).is_err());
    }
}
