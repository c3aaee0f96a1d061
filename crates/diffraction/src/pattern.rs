//! One powder pattern on a grid.

use crate::Grid;

/// Intensities on a grid, under a name.
///
/// `intensities` has one finite, non-negative value per grid point.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    /// What the pattern is called wherever it appears.
    pub name: String,
    /// The angles of the intensities.
    pub grid: Grid,
    /// One value per grid point, in the unit of its source.
    pub intensities: Vec<f32>,
}

/// What makes numbers not a pattern.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// As many intensities as points are needed.
    #[error("pattern `{name}` has {found} intensities but its grid has {expected} points")]
    Length {
        /// The pattern.
        name: String,
        /// Intensities given.
        found: usize,
        /// Points of the grid.
        expected: usize,
    },
    /// An intensity is negative, infinite or not a number.
    #[error(
        "pattern `{name}` has intensity {found} at {two_theta:.4}°, which is not a finite number of at least 0"
    )]
    Intensity {
        /// The pattern.
        name: String,
        /// Where, degrees two-theta.
        two_theta: f64,
        /// The value there.
        found: f32,
    },
}

impl Pattern {
    /// A pattern whose intensities fit its grid and are finite and non-negative.
    ///
    /// # Errors
    /// When there are too few or too many, or when one is not an intensity.
    pub fn new(name: String, grid: Grid, intensities: Vec<f32>) -> Result<Self, PatternError> {
        if intensities.len() != grid.points() {
            let (found, expected) = (intensities.len(), grid.points());
            return Err(PatternError::Length { name, found, expected });
        }
        if let Some(index) = intensities.iter().position(|&v| !(v.is_finite() && v >= 0.0)) {
            let (two_theta, found) = (grid.two_theta(index), intensities[index]);
            return Err(PatternError::Intensity { name, two_theta, found });
        }
        Ok(Self { name, grid, intensities })
    }

    /// Whether every point has the same intensity: such a pattern says nothing.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        self.intensities.iter().all(|&v| v == self.intensities[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_needs_one_intensity_per_point() {
        let grid = Grid::new(10.0, 0.5, 3).expect("a grid");
        let error = Pattern::new("short".into(), grid, vec![1.0, 2.0]).expect_err("too short");
        assert_eq!(error, PatternError::Length { name: "short".into(), found: 2, expected: 3 });
    }

    #[test]
    fn a_bad_intensity_is_named_with_its_angle() {
        let grid = Grid::new(10.0, 0.5, 3).expect("a grid");
        for bad in [f32::NAN, f32::INFINITY, -0.5] {
            let error = Pattern::new("p".into(), grid, vec![0.0, 0.0, bad]).expect_err("bad");
            assert!(matches!(error, PatternError::Intensity { two_theta: 11.0, .. }));
        }
    }

    #[test]
    fn flat_means_the_same_value_everywhere() {
        let grid = Grid::new(0.0, 1.0, 3).expect("a grid");
        let pattern = |v: [f32; 3]| Pattern::new("p".into(), grid, v.to_vec()).expect("a pattern");
        assert!(pattern([2.0, 2.0, 2.0]).is_flat());
        assert!(!pattern([2.0, 2.0, 2.5]).is_flat());
    }
}
