//! The points of a scan on their way through the steps.

use super::rebin::rebin_even;
use crate::scan::MAX_POINTS;

/// Angles that rise, with their intensities.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Profile {
    pub(super) two_theta: Vec<f64>,
    pub(super) intensities: Vec<f64>,
}

/// Largest ratio of two steps that counts as even: forgives angles rounded to few digits.
const EVEN_STEPS: f64 = 1.5;

impl Profile {
    /// The points above 2θ = 0 and how many are not.
    pub(super) fn above_zero(two_theta: &[f64], intensities: &[f64]) -> (Self, usize) {
        let below = two_theta.partition_point(|&angle| angle <= 0.0);
        let profile = Self {
            two_theta: two_theta[below..].to_vec(),
            intensities: intensities[below..].to_vec(),
        };
        (profile, below)
    }

    /// Mean step, degrees.
    pub(super) fn step(&self) -> f64 {
        let last = self.two_theta.len() - 1;
        (self.two_theta[last] - self.two_theta[0]) / last as f64
    }

    /// The same profile in even steps, so that a step of an index is a step of an angle
    /// everywhere. Uneven scans are rebinned to their smallest step; needs two points.
    pub(super) fn evenly_spaced(self) -> Self {
        let steps = self.two_theta.windows(2).map(|pair| pair[1] - pair[0]);
        let smallest = steps.clone().fold(f64::INFINITY, f64::min);
        let largest = steps.fold(0.0, f64::max);
        if largest <= EVEN_STEPS * smallest {
            return self;
        }
        let (first, last) = (self.two_theta[0], self.two_theta[self.two_theta.len() - 1]);
        let steps = ((last - first) / smallest).ceil().clamp(1.0, (MAX_POINTS - 1) as f64);
        let step = (last - first) / steps;
        let points = steps as usize + 1;
        let mut intensities = rebin_even(&self.two_theta, &self.intensities, first, step, points);
        // The bins of the end points lie half outside; their inner halves count whole, so that
        // the area under the new points is that under the old ones.
        intensities[0] *= 2.0;
        intensities[points - 1] *= 2.0;
        let two_theta = (0..points).map(|i| first + step * i as f64).collect();
        Self { two_theta, intensities }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::rebin::area;

    #[test]
    fn uneven_steps_become_even_and_keep_the_area() {
        let two_theta = vec![10.0, 10.1, 10.2, 11.0, 12.0, 12.05];
        let intensities = vec![1.0, 5.0, 2.0, 3.0, 8.0, 1.0];
        let before = area(&two_theta, &intensities);
        let even = Profile { two_theta, intensities }.evenly_spaced();
        let after = area(&even.two_theta, &even.intensities);
        assert!((after - before).abs() < 1e-9 * before, "{after} {before}");
        let steps = even.two_theta.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(steps.clone().fold(0.0, f64::max) < 1.001 * steps.fold(1.0, f64::min));
    }
}
