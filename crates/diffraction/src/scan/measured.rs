//! A measured scan and what makes one valid.

use super::error::ScanProblem;
use super::limits::{MAX_ANGLE, MAX_INTENSITY};
use super::metadata::ScanMetadata;

/// A measured powder scan: at least two points, angles that rise, numbers that are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    two_theta: Vec<f64>,
    intensities: Vec<f64>,
    uncertainties: Option<Vec<f64>>,
    metadata: ScanMetadata,
}

impl Scan {
    /// A scan from its points: `two_theta` in degrees and `intensities`, both of shape `(points,)`.
    ///
    /// A scan measured downwards is turned round, which its notes then say.
    ///
    /// # Errors
    /// Fewer than two points, different lengths, angles that do not rise, and numbers that are
    /// not finite or beyond [`MAX_ANGLE`] and [`MAX_INTENSITY`].
    pub fn new(
        mut two_theta: Vec<f64>,
        mut intensities: Vec<f64>,
        mut metadata: ScanMetadata,
    ) -> Result<Self, ScanProblem> {
        let format = metadata.format;
        if two_theta.len() != intensities.len() {
            return Err(ScanProblem::PointCount {
                format,
                place: super::Place::Byte(0),
                declared: two_theta.len(),
                found: intensities.len(),
            });
        }
        match two_theta.len() {
            0 => return Err(ScanProblem::NoPoints { format }),
            1 => return Err(ScanProblem::SinglePoint { format }),
            _ => {}
        }
        for (index, (&angle, &intensity)) in two_theta.iter().zip(&intensities).enumerate() {
            if !(-MAX_ANGLE..=MAX_ANGLE).contains(&angle) {
                return Err(ScanProblem::BadAngle { point: index + 1, angle });
            }
            if !(-MAX_INTENSITY..=MAX_INTENSITY).contains(&intensity) {
                return Err(ScanProblem::BadIntensity { point: index + 1, intensity });
            }
        }
        if two_theta.windows(2).all(|pair| pair[1] < pair[0]) {
            two_theta.reverse();
            intensities.reverse();
            metadata.notes.push("measured downwards; turned round".to_owned());
        }
        if let Some(index) = two_theta.windows(2).position(|pair| pair[1] <= pair[0]) {
            return Err(ScanProblem::AnglesNotIncreasing {
                point: index + 2,
                previous: two_theta[index],
                angle: two_theta[index + 1],
            });
        }
        Ok(Self { two_theta, intensities, uncertainties: None, metadata })
    }

    /// 2θ of each point in degrees, rising.
    #[must_use]
    pub fn two_theta(&self) -> &[f64] {
        &self.two_theta
    }

    /// Intensity of each point, in the unit of the metadata.
    #[must_use]
    pub fn intensities(&self) -> &[f64] {
        &self.intensities
    }

    /// Standard uncertainty of each intensity, when the file has a column of them.
    #[must_use]
    pub fn uncertainties(&self) -> Option<&[f64]> {
        self.uncertainties.as_deref()
    }

    /// What the file says besides the points.
    #[must_use]
    pub fn metadata(&self) -> &ScanMetadata {
        &self.metadata
    }

    /// What the file says besides the points, to correct it (a wavelength that the file omits).
    pub fn metadata_mut(&mut self) -> &mut ScanMetadata {
        &mut self.metadata
    }

    /// Number of points, at least 2.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a scan is never empty")]
    pub fn len(&self) -> usize {
        self.two_theta.len()
    }

    /// First and last 2θ, degrees.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.two_theta[0], self.two_theta[self.two_theta.len() - 1])
    }

    /// Mean step between points, degrees.
    #[must_use]
    pub fn mean_step(&self) -> f64 {
        let (first, last) = self.range();
        (last - first) / (self.len() - 1) as f64
    }
}

/// Points and metadata as a reader found them, before they are checked.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) two_theta: Vec<f64>,
    pub(super) intensities: Vec<f64>,
    /// Empty when the file has none.
    pub(super) uncertainties: Vec<f64>,
    pub(super) metadata: ScanMetadata,
}

impl Measured {
    pub(super) fn new(metadata: ScanMetadata) -> Self {
        Self { two_theta: Vec::new(), intensities: Vec::new(), uncertainties: Vec::new(), metadata }
    }

    /// Sets the angles to `start + i·step`, one for each intensity.
    pub(super) fn step_from(&mut self, start: f64, step: f64) {
        self.two_theta = (0..self.intensities.len()).map(|i| start + step * i as f64).collect();
        self.metadata.step.get_or_insert(step.abs());
    }

    /// Checks the points.
    pub(super) fn finish(self) -> Result<Scan, ScanProblem> {
        let points = self.two_theta.len();
        let descending = points > 1 && self.two_theta[0] > self.two_theta[points - 1];
        let mut scan = Scan::new(self.two_theta, self.intensities, self.metadata)?;
        let mut uncertainties = self.uncertainties;
        if uncertainties.len() == points
            && uncertainties.iter().all(|u| (0.0..=MAX_INTENSITY).contains(u))
        {
            if descending {
                uncertainties.reverse();
            }
            scan.uncertainties = Some(uncertainties);
        }
        Ok(scan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::ScanFormat;

    fn scan(angles: &[f64], intensities: &[f64]) -> Result<Scan, ScanProblem> {
        Scan::new(angles.to_vec(), intensities.to_vec(), ScanMetadata::new(ScanFormat::Columns))
    }

    #[test]
    fn a_descending_scan_is_turned_round_and_says_so() {
        let turned = scan(&[12.0, 11.0, 10.0], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(turned.two_theta(), [10.0, 11.0, 12.0]);
        assert_eq!(turned.intensities(), [3.0, 2.0, 1.0]);
        assert_eq!(turned.metadata().notes.len(), 1);
    }

    #[test]
    fn what_is_not_a_scan_is_refused_with_the_point() {
        assert!(matches!(scan(&[], &[]), Err(ScanProblem::NoPoints { .. })));
        assert!(matches!(scan(&[1.0], &[1.0]), Err(ScanProblem::SinglePoint { .. })));
        assert!(matches!(
            scan(&[1.0, 2.0, 2.0], &[0.0; 3]),
            Err(ScanProblem::AnglesNotIncreasing { point: 3, .. })
        ));
        assert!(matches!(
            scan(&[1.0, f64::NAN], &[0.0; 2]),
            Err(ScanProblem::BadAngle { point: 2, .. })
        ));
        assert!(matches!(
            scan(&[1.0, 181.0], &[0.0; 2]),
            Err(ScanProblem::BadAngle { point: 2, .. })
        ));
        assert!(matches!(
            scan(&[1.0, 2.0], &[f64::INFINITY, 0.0]),
            Err(ScanProblem::BadIntensity { point: 1, .. })
        ));
        assert!(matches!(scan(&[1.0, 2.0], &[0.0]), Err(ScanProblem::PointCount { .. })));
    }
}
