//! Preferred orientation.

use crate::Structure;
use crate::lattice::dot;

/// March–Dollase texture: W. A. Dollase, J. Appl. Cryst. 19 (1986) 267.
///
/// A reflection whose plane normal makes the angle α with the preferred direction has the weight
/// (r² cos²α + sin²α/r)^(−3/2); 1 in the mean over all directions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarchDollase {
    /// The preferred plane's indices.
    pub hkl: [i32; 3],
    /// r: below 1 for plates lying flat, above 1 for needles; 1 is a random powder.
    pub ratio: f64,
}

impl MarchDollase {
    /// The mean weight of the family of a reflection.
    pub(super) fn weight(&self, structure: &Structure, hkl: [i32; 3]) -> f64 {
        let metric = structure.lattice.reciprocal_metric();
        let product = |a: [f64; 3], b: [f64; 3]| dot(a, metric.map(|row| dot(row, b)));
        let preferred = self.hkl.map(f64::from);
        let members = structure.symmetry().family(hkl);
        let sum: f64 = members
            .iter()
            .map(|member| member.map(f64::from))
            .map(|g| {
                let cosine =
                    product(g, preferred).powi(2) / (product(g, g) * product(preferred, preferred));
                let r = self.ratio;
                (r * r * cosine + (1.0 - cosine).max(0.0) / r).powf(-1.5)
            })
            .sum();
        sum / members.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Element, Lattice};

    fn cubic() -> Structure {
        let lattice = Lattice::from_parameters([4.0; 3], [90.0; 3]).expect("a lattice");
        let lithium = Element::from_number(3).expect("lithium");
        Structure::from_atoms("s".into(), lattice, &[(lithium, [0.0; 3])])
    }

    #[test]
    fn a_random_powder_has_no_preference() {
        let texture = MarchDollase { hkl: [0, 0, 1], ratio: 1.0 };
        for hkl in [[1, 0, 0], [0, 0, 2], [1, 2, 3]] {
            assert!((texture.weight(&cubic(), hkl) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn plates_favour_their_own_plane() {
        let texture = MarchDollase { hkl: [0, 0, 1], ratio: 0.5 };
        assert!((texture.weight(&cubic(), [0, 0, 2]) - 8.0).abs() < 1e-9);
        assert!((texture.weight(&cubic(), [1, 0, 0]) - 2_f64.powf(-1.5)).abs() < 1e-9);
    }

    #[test]
    fn weights_are_one_in_the_mean_over_all_directions() {
        // Midpoint rule in cos α from 0 to 1.
        let (r, n) = (0.7_f64, 100_000);
        let mean: f64 = (0..n)
            .map(|i| (f64::from(i) + 0.5) / f64::from(n))
            .map(|c| (r * r * c * c + (1.0 - c * c) / r).powf(-1.5))
            .sum::<f64>()
            / f64::from(n);
        assert!((mean - 1.0).abs() < 1e-6);
    }
}
