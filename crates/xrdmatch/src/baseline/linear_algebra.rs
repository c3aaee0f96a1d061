//! The little linear algebra that the models need, in double precision.

use rayon::prelude::*;

use crate::fingerprint::Fingerprints;

/// A symmetric matrix, `n × n`, row by row.
pub(super) struct Symmetric {
    pub(super) n: usize,
    pub(super) values: Vec<f64>,
}

impl Symmetric {
    /// The matrix of `f(row i, row j)` for a symmetric `f`.
    pub(super) fn of(rows: &Fingerprints, f: impl Fn(&[f32], &[f32]) -> f64 + Sync) -> Self {
        let n = rows.len();
        let mut values = vec![0.0; n * n];
        values.par_chunks_exact_mut(n.max(1)).enumerate().for_each(|(i, line)| {
            for (j, value) in line.iter_mut().enumerate().take(i + 1) {
                *value = f(rows.row(i), rows.row(j));
            }
        });
        for i in 0..n {
            for j in i + 1..n {
                values[i * n + j] = values[j * n + i];
            }
        }
        Self { n, values }
    }

    pub(super) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.n..(i + 1) * self.n]
    }

    /// The product with a vector.
    pub(super) fn times(&self, x: &[f64]) -> Vec<f64> {
        let product = |row: &[f64]| row.iter().zip(x).map(|(a, b)| a * b).sum();
        self.values.chunks_exact(self.n).map(product).collect()
    }

    /// Turns a positive definite matrix into its lower Cholesky factor, in place; the part above
    /// the diagonal is left as it was.
    pub(super) fn factorise(mut self) -> Cholesky {
        let n = self.n;
        for i in 0..n {
            let (above, below) = self.values.split_at_mut(i * n);
            let line = &mut below[..n];
            for j in 0..i {
                let other = &above[j * n..(j + 1) * n];
                let sum: f64 = line[..j].iter().zip(&other[..j]).map(|(a, b)| a * b).sum();
                line[j] = (line[j] - sum) / other[j];
            }
            let sum: f64 = line[..i].iter().map(|a| a * a).sum();
            line[i] = (line[i] - sum).max(f64::MIN_POSITIVE).sqrt();
        }
        Cholesky(self)
    }
}

/// A factor `L` with `L·Lᵀ` the matrix.
pub(super) struct Cholesky(Symmetric);

impl Cholesky {
    /// Solves `L·Lᵀ·x = b`.
    pub(super) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.0.n;
        let mut x = b.to_vec();
        for i in 0..n {
            let row = self.0.row(i);
            let sum: f64 = row[..i].iter().zip(&x[..i]).map(|(l, x)| l * x).sum();
            x[i] = (x[i] - sum) / row[i];
        }
        for i in (0..n).rev() {
            x[i] /= self.0.row(i)[i];
            let known = x[i];
            for (x, l) in x[..i].iter_mut().zip(self.0.row(i)) {
                *x -= l * known;
            }
        }
        x
    }
}

/// Inner product of two rows in double precision.
pub(super) fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// Squared distance of two rows in double precision.
pub(super) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_solution_solves(values in prop::collection::vec(-1f64..1.0, 36), b in prop::collection::vec(-9f64..9.0, 6)) {
            // A·Aᵀ + 1 is positive definite.
            let entry = |i: usize, j: usize| {
                let sum: f64 = (0..6).map(|k| values[6 * i + k] * values[6 * j + k]).sum();
                sum + f64::from(u8::from(i == j))
            };
            let values = (0..36).map(|at| entry(at / 6, at % 6)).collect::<Vec<_>>();
            let x = Symmetric { n: 6, values: values.clone() }.factorise().solve(&b);
            let back = Symmetric { n: 6, values }.times(&x);
            for (found, expected) in back.iter().zip(&b) {
                prop_assert!((found - expected).abs() < 1e-10);
            }
        }
    }
}
