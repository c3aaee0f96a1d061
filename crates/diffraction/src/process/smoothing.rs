//! Savitzky–Golay filters: the least-squares polynomial of a sliding window, or its derivative.
//!
//! Savitzky & Golay, Anal. Chem. 36 (1964) 1627. With t = j/m for the offsets j = −m…m of a window
//! and A the matrix of powers t^p, the value of the fitted polynomial is a weighted sum of the
//! window; the weights solve the normal equations AᵀA c = a(t₀) for the place t₀ where it is
//! wanted. Where the window would leave the data, the outermost whole window is fitted and its
//! polynomial evaluated away from the middle.

/// The data smoothed by polynomials of `degree` over `2·half_width + 1` points; same shape.
///
/// The window shrinks to what the data have, and the degree to what the window can determine;
/// degrees above 5 are taken as 5.
#[must_use]
pub fn savitzky_golay(intensities: &[f64], half_width: usize, degree: usize) -> Vec<f64> {
    Filter::new(intensities.len(), half_width, degree).apply(intensities, 0)
}

/// A filter that fits the data it is applied to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter {
    half_width: usize,
    degree: usize,
}

impl Filter {
    /// A filter for `points` data.
    pub(super) fn new(points: usize, half_width: usize, degree: usize) -> Self {
        const MAX_DEGREE: usize = 5;
        let half_width = half_width.min(points.saturating_sub(1) / 2);
        Self { half_width, degree: degree.min(2 * half_width).min(MAX_DEGREE) }
    }

    /// Derivative of this order (0 smooths), per step of the index; same shape as the data.
    pub(super) fn apply(self, data: &[f64], order: usize) -> Vec<f64> {
        let (m, points) = (self.half_width, data.len());
        if m == 0 {
            return if order == 0 { data.to_vec() } else { vec![0.0; points] };
        }
        let central = self.weights(0, order);
        let sum = |window: &[f64], weights: &[f64]| -> f64 {
            window.iter().zip(weights).map(|(value, weight)| value * weight).sum()
        };
        let mut filtered = Vec::with_capacity(points);
        for index in 0..points {
            let first = index.saturating_sub(m).min(points - (2 * m + 1));
            let offset = index as isize - (first + m) as isize;
            let window = &data[first..=first + 2 * m];
            filtered.push(match offset {
                0 => sum(window, &central),
                offset => sum(window, &self.weights(offset, order)),
            });
        }
        filtered
    }

    /// Standard deviation of a filtered value, for data whose noise has a standard deviation of 1.
    pub(super) fn noise(self, order: usize) -> f64 {
        if self.half_width == 0 {
            return if order == 0 { 1.0 } else { 0.0 };
        }
        self.weights(0, order).iter().map(|weight| weight * weight).sum::<f64>().sqrt()
    }

    /// Weights of the window for the derivative at `offset` from its middle.
    fn weights(self, offset: isize, order: usize) -> Vec<f64> {
        let m = self.half_width as isize;
        let scale = m as f64;
        let terms = self.degree + 1;
        let powers = |j: isize| -> Vec<f64> {
            let t = j as f64 / scale;
            std::iter::successors(Some(1.0), |power| Some(power * t)).take(terms).collect()
        };
        let mut normal = vec![vec![0.0; terms + 1]; terms];
        for j in -m..=m {
            let row = powers(j);
            for p in 0..terms {
                for q in 0..terms {
                    normal[p][q] += row[p] * row[q];
                }
            }
        }
        let t = offset as f64 / scale;
        for (p, equation) in normal.iter_mut().enumerate() {
            // The derivative of t^p, in steps of the index.
            let factor: f64 = (0..order).map(|k| p as f64 - k as f64).product();
            let power = if p >= order { t.powi((p - order) as i32) } else { 0.0 };
            equation[terms] = factor * power / scale.powi(order as i32);
        }
        let solution = solve(normal);
        (-m..=m)
            .map(|j| powers(j).iter().zip(&solution).map(|(power, c)| power * c).sum())
            .collect()
    }
}

/// Solves a small positive definite system, given as rows with the right side last.
fn solve(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let n = rows.len();
    for pivot in 0..n {
        let (above, below) = rows.split_at_mut(pivot + 1);
        for row in below {
            let factor = row[pivot] / above[pivot][pivot];
            for column in pivot..=n {
                row[column] -= factor * above[pivot][column];
            }
        }
    }
    let mut solution = vec![0.0; n];
    for index in (0..n).rev() {
        let known: f64 = (index + 1..n).map(|k| rows[index][k] * solution[k]).sum();
        solution[index] = (rows[index][n] - known) / rows[index][index];
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_classic_weights_are_found() {
        // Table I of Savitzky & Golay: quadratic over five points, (−3 12 17 12 −3)/35.
        let weights = Filter::new(100, 2, 2).weights(0, 0);
        for (found, expected) in weights.iter().zip([-3.0, 12.0, 17.0, 12.0, -3.0]) {
            assert!((found - expected / 35.0).abs() < 1e-12);
        }
        // Table V: its second derivative, (2 −1 −2 −1 2)/7.
        let weights = Filter::new(100, 2, 2).weights(0, 2);
        for (found, expected) in weights.iter().zip([2.0, -1.0, -2.0, -1.0, 2.0]) {
            assert!((found - expected / 7.0).abs() < 1e-12);
        }
    }

    #[test]
    fn polynomials_pass_unchanged_up_to_the_edges() {
        for degree in 0..=5 {
            for half_width in [3, 4, 10, 25] {
                let polynomial = |i: usize| {
                    let x = i as f64 / 30.0 - 1.0;
                    (0..=degree).map(|p| (p as f64 + 1.0) * x.powi(p as i32)).sum::<f64>()
                };
                let data: Vec<f64> = (0..60).map(polynomial).collect();
                let smooth = savitzky_golay(&data, half_width, degree);
                for (a, b) in smooth.iter().zip(&data) {
                    assert!((a - b).abs() < 1e-8, "degree {degree}, half width {half_width}");
                }
            }
        }
    }

    #[test]
    fn windows_wider_than_the_data_shrink() {
        for points in 0..8 {
            let data: Vec<f64> = (0..points).map(|i| i as f64).collect();
            let smooth = savitzky_golay(&data, 100, 9);
            assert_eq!(smooth.len(), points);
            assert!(smooth.iter().zip(&data).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }

    #[test]
    fn a_second_derivative_is_that_of_a_parabola() {
        let data: Vec<f64> = (0..40).map(|i| 3.0 * f64::from(i * i)).collect();
        for value in Filter::new(40, 5, 2).apply(&data, 2) {
            assert!((value - 6.0).abs() < 1e-9);
        }
    }
}
