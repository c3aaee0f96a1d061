//! Products of blurred patterns without blurring, and what bounds them.

use crate::fingerprint::SparsePattern;

/// Products of blurred patterns, up to a common factor.
pub(super) struct Overlap {
    /// `exp(−d²/4σ²)` for `d = 0, 1, …`
    kernel: Vec<f64>,
}

impl Overlap {
    pub(super) fn new(sigma: f64) -> Self {
        let reach = (8.0 * sigma).ceil() as i32;
        Self {
            kernel: (0..=reach).map(|d| (-(f64::from(d) / (2.0 * sigma)).powi(2)).exp()).collect(),
        }
    }

    pub(super) fn of(&self, a: SparsePattern<'_>, b: SparsePattern<'_>) -> f64 {
        let mut sum = 0.0;
        let mut start = 0;
        for (i, x) in a.indices.iter().zip(a.values) {
            while b
                .indices
                .get(start)
                .is_some_and(|j| usize::from(*j) + self.kernel.len() <= usize::from(*i))
            {
                start += 1;
            }
            let mut near = 0.0;
            for (j, y) in b.indices[start..].iter().zip(&b.values[start..]) {
                let Some(overlap) = self.kernel.get(usize::from(i.abs_diff(*j))) else { break };
                near += f64::from(*y) * overlap;
            }
            sum += f64::from(*x) * near;
        }
        sum
    }
}

/// Lengths of the parts of a blurred pattern in `N` bands of `width` points each, divided by that of
/// the whole; what lies beyond the last band joins it. All 0 for a pattern without intensity.
pub(super) fn bands<const N: usize>(blurred: &[f32], width: usize) -> [f32; N] {
    let mut squares = [0.0f64; N];
    for (at, part) in blurred.chunks(width).enumerate() {
        let part: f64 = part.iter().map(|value| f64::from(*value).powi(2)).sum();
        squares[at.min(N - 1)] += part;
    }
    let total: f64 = squares.iter().sum();
    squares.map(|square| if total > 0.0 { (square / total).sqrt() as f32 } else { 0.0 })
}

/// A pattern blurred by a Gaussian of deviation `sigma` points, cut off at five deviations; the
/// result begins that far before the first point of the grid.
pub(super) fn blur(pattern: SparsePattern<'_>, sigma: f64) -> Vec<f32> {
    let reach = (5.0 * sigma).ceil() as usize;
    let last = pattern.indices.last().map_or(0, |last| usize::from(*last));
    let mut blurred = vec![0.0f32; last + 2 * reach + 1];
    let gauss = |d: usize| (-0.5 * (d as f64 / sigma).powi(2)).exp() as f32;
    let kernel: Vec<f32> = (0..=2 * reach).map(|at| gauss(at.abs_diff(reach))).collect();
    for (index, value) in pattern.indices.iter().zip(pattern.values) {
        let start = usize::from(*index);
        for (sum, weight) in blurred[start..].iter_mut().zip(&kernel) {
            *sum += value * weight;
        }
    }
    blurred
}
