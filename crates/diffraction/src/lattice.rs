//! Lattices: three vectors that repeat a crystal.

mod strain;

/// Three basis vectors of a lattice, right- or left-handed, with a volume above zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lattice {
    rows: [[f64; 3]; 3],
}

/// What makes numbers not a lattice.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum LatticeError {
    /// A length is not a positive number.
    #[error("cell length {name} is {found} Å, which is not from 0.1 to 10000")]
    Length {
        /// `a`, `b` or `c`.
        name: char,
        /// The value.
        found: f64,
    },
    /// An angle is not between 0 and 180°.
    #[error("cell angle {name} is {found}°, which is not between 0 and 180")]
    Angle {
        /// `α`, `β` or `γ`.
        name: char,
        /// The value.
        found: f64,
    },
    /// The vectors lie in a plane, or no three vectors have such angles.
    #[error("the cell vectors span no volume")]
    Flat,
}

/// Cells thinner than this (Å³ of volume per Å³ of the box of its lengths) are called flat.
const FLAT: f64 = 1e-6;

impl Lattice {
    /// A lattice from its lengths (Å) and angles (degrees): **a** along x, **b** in the xy plane.
    ///
    /// # Errors
    /// When a length or an angle is impossible, or the angles together are.
    pub fn from_parameters(lengths: [f64; 3], angles: [f64; 3]) -> Result<Self, LatticeError> {
        for (name, found) in ['a', 'b', 'c'].into_iter().zip(lengths) {
            check_length(name, found)?;
        }
        for (name, found) in ['α', 'β', 'γ'].into_iter().zip(angles) {
            if !(found > 0.0 && found < 180.0) {
                return Err(LatticeError::Angle { name, found });
            }
        }
        let [a, b, c] = lengths;
        let [cos_alpha, cos_beta, cos_gamma] = angles.map(cosine);
        let sin_gamma = (1.0 - cos_gamma * cos_gamma).sqrt();
        let cy = (cos_alpha - cos_beta * cos_gamma) / sin_gamma;
        let cz_squared = 1.0 - cos_beta * cos_beta - cy * cy;
        if !(sin_gamma > 0.0 && cz_squared > 0.0) {
            return Err(LatticeError::Flat);
        }
        Self::from_rows([
            [a, 0.0, 0.0],
            [b * cos_gamma, b * sin_gamma, 0.0],
            [c * cos_beta, c * cy, c * cz_squared.sqrt()],
        ])
    }

    /// A lattice from its vectors **a**, **b**, **c**, Å.
    ///
    /// # Errors
    /// When a vector has no possible length or the three span no volume.
    pub fn from_rows(rows: [[f64; 3]; 3]) -> Result<Self, LatticeError> {
        let mut bulk = 1.0;
        for (name, row) in ['a', 'b', 'c'].into_iter().zip(rows) {
            let length = dot(row, row).sqrt();
            check_length(name, length)?;
            bulk *= length;
        }
        let lattice = Self { rows };
        if lattice.volume() < FLAT * bulk {
            return Err(LatticeError::Flat);
        }
        Ok(lattice)
    }

    /// The basis vectors, Å.
    #[must_use]
    pub fn rows(&self) -> [[f64; 3]; 3] {
        self.rows
    }

    /// Volume of the cell, Å³; positive for either handedness.
    #[must_use]
    pub fn volume(&self) -> f64 {
        let [a, b, c] = self.rows;
        dot(a, cross(b, c)).abs()
    }

    /// Lengths a, b, c (Å) and angles α, β, γ (degrees).
    #[must_use]
    pub fn parameters(&self) -> ([f64; 3], [f64; 3]) {
        let [a, b, c] = self.rows;
        let lengths = [a, b, c].map(|row| dot(row, row).sqrt());
        let angle =
            |u, v, lu: f64, lv: f64| (dot(u, v) / (lu * lv)).clamp(-1.0, 1.0).acos().to_degrees();
        let angles = [
            angle(b, c, lengths[1], lengths[2]),
            angle(a, c, lengths[0], lengths[2]),
            angle(a, b, lengths[0], lengths[1]),
        ];
        (lengths, angles)
    }

    /// The metric tensor: scalar products of the basis vectors, Å².
    #[must_use]
    pub fn metric(&self) -> [[f64; 3]; 3] {
        self.rows.map(|u| self.rows.map(|v| dot(u, v)))
    }

    /// The metric tensor of the reciprocal lattice (without 2π), Å⁻²: |g|² = **h**ᵀ G* **h**.
    #[must_use]
    pub fn reciprocal_metric(&self) -> [[f64; 3]; 3] {
        let [a, b, c] = self.rows;
        let volume = dot(a, cross(b, c));
        let reciprocal = [cross(b, c), cross(c, a), cross(a, b)].map(|v| v.map(|x| x / volume));
        reciprocal.map(|u| reciprocal.map(|v| dot(u, v)))
    }

    /// Cartesian components of fractional ones, Å.
    #[must_use]
    pub fn to_cartesian(&self, fractional: [f64; 3]) -> [f64; 3] {
        let [a, b, c] = self.rows;
        std::array::from_fn(|i| fractional[0] * a[i] + fractional[1] * b[i] + fractional[2] * c[i])
    }
}

fn check_length(name: char, found: f64) -> Result<(), LatticeError> {
    if (0.1..=1e4).contains(&found) { Ok(()) } else { Err(LatticeError::Length { name, found }) }
}

/// The cosine of an angle in degrees, exact where crystals need it to be.
fn cosine(degrees: f64) -> f64 {
    match degrees {
        90.0 => 0.0,
        60.0 => 0.5,
        120.0 => -0.5,
        _ => degrees.to_radians().cos(),
    }
}

pub(crate) fn dot(u: [f64; 3], v: [f64; 3]) -> f64 {
    u[0] * v[0] + u[1] * v[1] + u[2] * v[2]
}

fn cross(u: [f64; 3], v: [f64; 3]) -> [f64; 3] {
    [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parameters_survive_the_way_through_vectors(
            lengths in prop::array::uniform3(1.0_f64..50.0),
            angles in prop::array::uniform3(60.0_f64..118.0),
        ) {
            let lattice = Lattice::from_parameters(lengths, angles).expect("a lattice");
            let (back_lengths, back_angles) = lattice.parameters();
            for (length, back) in lengths.iter().zip(back_lengths) {
                prop_assert!((length - back).abs() < 1e-9);
            }
            for (angle, back) in angles.iter().zip(back_angles) {
                prop_assert!((angle - back).abs() < 1e-7);
            }
            // G · G* = 1.
            let (g, r) = (lattice.metric(), lattice.reciprocal_metric());
            for (i, row) in g.iter().enumerate() {
                for j in 0..3 {
                    let product: f64 = row.iter().zip(r).map(|(g, r)| g * r[j]).sum();
                    prop_assert!((product - f64::from(u8::from(i == j))).abs() < 1e-8);
                }
            }
        }
    }

    #[test]
    fn impossible_cells_are_refused() {
        let cell = |l, a| Lattice::from_parameters(l, a).expect_err("impossible");
        let right = [90.0; 3];
        assert!(matches!(cell([0.0, 1.0, 1.0], right), LatticeError::Length { name: 'a', .. }));
        assert!(matches!(
            cell([1.0, f64::NAN, 1.0], right),
            LatticeError::Length { name: 'b', .. }
        ));
        assert!(matches!(
            cell([1.0; 3], [90.0, 180.0, 90.0]),
            LatticeError::Angle { name: 'β', .. }
        ));
        assert_eq!(cell([1.0; 3], [10.0, 10.0, 170.0]), LatticeError::Flat);
        assert_eq!(Lattice::from_rows([[1.0, 0.0, 0.0]; 3]), Err(LatticeError::Flat));
    }
}
