//! Strains that leave a lattice what it is: a cubic one stays cubic, a tetragonal one changes in c/a.
//!
//! Compounds of one structure type differ so: all lengths change, and the angles and ratios that
//! symmetry does not fix. With the lattice's metric **G** and its symmetry, all integer matrices **N**
//! with N G Nᵀ = G, the strained metric is the mean of N G′ Nᵀ over them, where G′ is the metric under
//! the strain asked for. The mean has the symmetry again, since it runs over a group, and is positive
//! definite, since each of its terms is.

use super::{Lattice, LatticeError, dot};

/// How far two scalar products of the lattice may differ that symmetry makes equal, as a part of them.
const ALIKE: f64 = 1e-4;
/// The largest entry of a symmetry in the cell's own basis. Conventional and reduced cells need 1.
const LARGEST: i32 = 3;

/// Three rows: of a metric, or of a symmetry.
type Matrix = [[f64; 3]; 3];

impl Lattice {
    /// The lattice under a homogeneous strain ε₁₁, ε₂₂, ε₃₃, ε₂₃, ε₁₃, ε₁₂ (in the axes of
    /// [`rows`](Self::rows)), or as much of it as keeps the lattice's symmetry: of a cubic lattice the
    /// mean of the first three. The result stands with **a** along x and **b** in the xy plane.
    ///
    /// # Errors
    /// When the strained vectors are no lattice.
    pub fn strained(&self, strain: [f64; 6]) -> Result<Self, LatticeError> {
        let [xx, yy, zz, yz, xz, xy] = strain;
        let stretch = [[1.0 + xx, xy, xz], [xy, 1.0 + yy, yz], [xz, yz, 1.0 + zz]];
        let metric = Self::from_rows(product(self.rows, stretch))?.metric();
        let symmetries = self.symmetries();
        let mut mean = [[0.0; 3]; 3];
        for symmetry in &symmetries {
            for (sum, term) in
                mean.iter_mut().flatten().zip(under(*symmetry, metric).iter().flatten())
            {
                *sum += term / symmetries.len() as f64;
            }
        }
        // Cholesky's factor of the metric is the lattice in the standard orientation.
        let a = mean[0][0].sqrt();
        let (bx, cx) = (mean[1][0] / a, mean[2][0] / a);
        let by = (mean[1][1] - bx * bx).sqrt();
        let cy = (mean[2][1] - bx * cx) / by;
        let cz = (mean[2][2] - cx * cx - cy * cy).sqrt();
        Self::from_rows([[a, 0.0, 0.0], [bx, by, 0.0], [cx, cy, cz]])
    }

    /// The symmetries of the lattice: row i is the image of basis vector i in the basis.
    fn symmetries(&self) -> Vec<Matrix> {
        let metric = self.metric();
        let length = |i: usize| metric[i][i].sqrt();
        let alike = |found: f64, i: usize, j: usize| {
            (found - metric[i][j]).abs() <= ALIKE * length(i) * length(j)
        };
        let range = -LARGEST..=LARGEST;
        let mut images: [Vec<[f64; 3]>; 3] = Default::default();
        for x in range.clone() {
            for y in range.clone() {
                for z in range.clone() {
                    let vector = [x, y, z].map(f64::from);
                    for (i, images) in images.iter_mut().enumerate() {
                        if alike(scalar(vector, metric, vector), i, i) {
                            images.push(vector);
                        }
                    }
                }
            }
        }
        let mut found = Vec::new();
        for &a in &images[0] {
            for b in images[1].iter().filter(|b| alike(scalar(a, metric, **b), 0, 1)) {
                let fits = |c: &&[f64; 3]| {
                    alike(scalar(a, metric, **c), 0, 2) && alike(scalar(*b, metric, **c), 1, 2)
                };
                found.extend(images[2].iter().filter(fits).map(|c| [a, *b, *c]));
            }
        }
        found
    }
}

/// uᵀ G v.
fn scalar(u: [f64; 3], metric: Matrix, v: [f64; 3]) -> f64 {
    dot(u, metric.map(|row| dot(row, v)))
}

/// N G Nᵀ.
fn under(symmetry: Matrix, metric: Matrix) -> Matrix {
    symmetry.map(|u| symmetry.map(|v| scalar(u, metric, v)))
}

/// The matrix product.
fn product(a: Matrix, b: Matrix) -> Matrix {
    a.map(|row| std::array::from_fn(|j| row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STRAIN: [f64; 6] = [0.03, -0.01, 0.02, 0.01, -0.015, 0.02];

    fn lattice(lengths: [f64; 3], angles: [f64; 3]) -> Lattice {
        Lattice::from_parameters(lengths, angles).expect("a lattice")
    }

    fn close(found: [f64; 3], expected: [f64; 3], tolerance: f64) -> bool {
        found.iter().zip(expected).all(|(f, e)| (f - e).abs() < tolerance)
    }

    #[test]
    fn lattices_have_as_many_symmetries_as_their_systems() {
        let right = [90.0; 3];
        for (lengths, angles, count) in [
            ([5.0, 6.0, 7.0], [80.0, 95.0, 100.0], 2),
            ([5.0, 6.0, 7.0], [90.0, 95.0, 90.0], 4),
            ([5.0, 6.0, 7.0], right, 8),
            ([5.0, 5.0, 7.0], right, 16),
            ([5.0; 3], [80.0; 3], 12),
            ([5.0, 5.0, 7.0], [90.0, 90.0, 120.0], 24),
            ([5.0; 3], right, 48),
            // The primitive cells of the centred cubic lattices.
            ([5.0; 3], [60.0; 3], 48),
            ([5.0; 3], [(-1.0_f64 / 3.0).acos().to_degrees(); 3], 48),
        ] {
            assert_eq!(
                lattice(lengths, angles).symmetries().len(),
                count,
                "{lengths:?} {angles:?}"
            );
        }
    }

    #[test]
    fn a_strained_lattice_stays_in_its_system() {
        let (lengths, angles) =
            lattice([5.0; 3], [90.0; 3]).strained(STRAIN).expect("a lattice").parameters();
        assert!(close(angles, [90.0; 3], 1e-9) && close(lengths, [lengths[0]; 3], 1e-12));
        // To first order the mean of the three stretches.
        assert!((lengths[0] / 5.0 - (1.0 + 0.04 / 3.0)).abs() < 1e-3, "{lengths:?}");

        let (lengths, angles) =
            lattice([5.0, 5.0, 7.0], [90.0; 3]).strained(STRAIN).expect("a lattice").parameters();
        assert!(close(angles, [90.0; 3], 1e-9) && (lengths[0] - lengths[1]).abs() < 1e-12);
        assert!((lengths[0] / 5.0 - 1.01).abs() < 1e-3 && (lengths[2] / 7.0 - 1.02).abs() < 1e-3);

        let (lengths, angles) = lattice([5.0, 5.0, 7.0], [90.0, 90.0, 120.0])
            .strained(STRAIN)
            .expect("a lattice")
            .parameters();
        assert!(
            close(angles, [90.0, 90.0, 120.0], 1e-9) && (lengths[0] - lengths[1]).abs() < 1e-12
        );
    }

    proptest! {
        #[test]
        fn a_triclinic_lattice_takes_the_whole_strain(
            strain in prop::array::uniform6(-0.05_f64..0.05),
        ) {
            let plain = lattice([5.0, 6.1, 7.3], [81.0, 97.0, 103.0]);
            let [xx, yy, zz, yz, xz, xy] = strain;
            let stretch = [[1.0 + xx, xy, xz], [xy, 1.0 + yy, yz], [xz, yz, 1.0 + zz]];
            let expected = Lattice::from_rows(product(plain.rows(), stretch)).expect("a lattice");
            let found = plain.strained(strain).expect("a lattice").metric();
            for (found, expected) in found.iter().zip(expected.metric()) {
                prop_assert!(close(*found, expected, 1e-9));
            }
        }

        #[test]
        fn no_strain_changes_nothing(
            lengths in prop::array::uniform3(2.0_f64..20.0),
            angles in prop::array::uniform3(65.0_f64..115.0),
        ) {
            let plain = lattice(lengths, angles);
            let (found, at) = plain.strained([0.0; 6]).expect("a lattice").parameters();
            // Lattices within the tolerance of a symmetry are made to have it.
            prop_assert!(close(found, lengths, 20.0 * ALIKE) && close(at, angles, 100.0 * ALIKE));
        }
    }

    #[test]
    fn a_strain_that_leaves_no_volume_is_an_error() {
        let plain = lattice([5.0, 6.0, 7.0], [90.0; 3]);
        assert!(plain.strained([-1.0, 0.0, 0.0, 0.0, 0.0, 0.0]).is_err());
        assert!(plain.strained([f64::NAN; 6]).is_err());
    }
}
