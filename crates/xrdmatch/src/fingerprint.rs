//! Patterns blurred to where they can be compared.
//!
//! Sticks of two patterns coincide or do not; a difference of a tenth of a degree, from a lattice
//! that is a little larger, makes them as different as any. A Gaussian blur lets near peaks count as
//! near. The square root, where wanted, keeps the strongest peaks from drowning the others.

use serde::{Deserialize, Serialize};

/// One pattern, stored sparse: intensities at ascending points of a grid, all others 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SparsePattern<'a> {
    /// Grid points, ascending.
    pub indices: &'a [u16],
    /// Intensities there, finite and not negative.
    pub values: &'a [f32],
}

/// How patterns become rows of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Blur {
    /// Standard deviation of the Gaussian in grid points; 0 for none.
    pub sigma: f64,
    /// Every how many points the blurred pattern is taken.
    pub stride: usize,
    /// Whether the blur is of the square root of the intensities.
    pub scale: Scale,
}

/// What is blurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The intensities.
    Intensity,
    /// Their square roots.
    Root,
}

impl Default for Blur {
    /// One degree of a grid of 0.02°, square roots: what lets classical models learn.
    fn default() -> Self {
        Self { sigma: 50.0, stride: 12, scale: Scale::Root }
    }
}

impl Blur {
    /// What near-twins are judged by: 0.16° of a grid of 0.02°, plain intensities.
    pub const TWINS: Self = Self { sigma: 8.0, stride: 4, scale: Scale::Intensity };
    /// The patterns as they are.
    pub const NONE: Self = Self { sigma: 0.0, stride: 1, scale: Scale::Intensity };
}

/// Number of standard deviations at which the Gaussian is cut off; less than 4e-6 lies beyond.
const CUT_OFF: f64 = 5.0;

/// Blurred patterns, each of length 1 (so that a product of two is their cosine), `n × width`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fingerprints {
    width: usize,
    values: Vec<f32>,
}

/// Patterns that cannot be blurred.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FingerprintError {
    /// The blur is none.
    #[error(
        "blur patterns by {sigma} points at every {stride}; it takes a width that is finite and not negative, and a step of at least 1"
    )]
    Blur {
        /// Standard deviation in points.
        sigma: f64,
        /// Step in points.
        stride: usize,
    },
    /// A pattern without any intensity has no direction.
    #[error("blur pattern {row}: it has no intensity anywhere")]
    Flat {
        /// Row, from 0.
        row: usize,
    },
    /// A pattern that does not fit the grid, or whose two halves do not fit each other.
    #[error(
        "blur pattern {row}: {indices} points, up to {last}, with {values} intensities, on a grid of {points}"
    )]
    OffGrid {
        /// Row, from 0.
        row: usize,
        /// Number of indices.
        indices: usize,
        /// Largest index.
        last: u16,
        /// Number of intensities.
        values: usize,
        /// Points of the grid.
        points: usize,
    },
    /// An intensity that is negative, infinite or not a number.
    #[error("blur pattern {row}: its intensity at point {index} is {value}")]
    Intensity {
        /// Row, from 0.
        row: usize,
        /// Grid point.
        index: u16,
        /// The value.
        value: f32,
    },
}

impl Fingerprints {
    /// Blurs patterns on a grid of `points` points: at every `stride`-th point `x` the sum
    /// `Σ s_i·exp(−(x−i)²/2σ²)` over the points `i` with intensity, `s` being that or its root; then
    /// divides by the length of the row.
    ///
    /// # Errors
    /// [`FingerprintError`].
    pub fn of<'a>(
        patterns: impl IntoIterator<Item = SparsePattern<'a>>,
        points: usize,
        blur: &Blur,
    ) -> Result<Self, FingerprintError> {
        let Blur { sigma, stride, scale } = *blur;
        if !(sigma.is_finite() && sigma >= 0.0) || stride == 0 {
            return Err(FingerprintError::Blur { sigma, stride });
        }
        let reach = ((CUT_OFF * sigma).floor() as usize).min(points);
        let gauss = |d: usize| (-0.5 * (d as f64 / sigma).powi(2)).exp() as f32;
        let kernel: Vec<f32> = std::iter::once(1.0).chain((1..=reach).map(gauss)).collect();
        let width = points.div_ceil(stride);
        let mut values = Vec::new();
        for (row, pattern) in patterns.into_iter().enumerate() {
            check(row, pattern, points)?;
            let start = values.len();
            values.resize(start + width, 0.0f32);
            let blurred = &mut values[start..];
            for (index, value) in pattern.indices.iter().zip(pattern.values) {
                let strength = if scale == Scale::Root { value.sqrt() } else { *value };
                let index = usize::from(*index);
                let first = index.saturating_sub(reach).div_ceil(stride);
                let last = ((index + reach) / stride).min(width - 1);
                // Empty where no taken point lies within reach of the peak.
                let reached = blurred.get_mut(first..=last).unwrap_or_default();
                for (column, value) in (first..).zip(reached) {
                    let distance = (column * stride).abs_diff(index);
                    *value += strength * kernel.get(distance).copied().unwrap_or(0.0);
                }
            }
            let square: f64 = blurred.iter().map(|value| f64::from(*value).powi(2)).sum();
            if square <= 0.0 || !square.is_finite() {
                return Err(FingerprintError::Flat { row });
            }
            let scale = 1.0 / square.sqrt();
            blurred.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        }
        Ok(Self { width, values })
    }

    /// Number of patterns.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.width.max(1)
    }

    /// Whether there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Length of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// One row.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.width..(row + 1) * self.width]
    }

    /// Some rows, in the order asked for.
    ///
    /// # Panics
    /// If one is not below [`len`](Self::len).
    #[must_use]
    pub fn pick(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        Self { width: self.width, values }
    }

    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width.max(1))
    }

    /// Some of the rows, in the order given.
    ///
    /// # Panics
    /// If a row is not below [`len`](Self::len).
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|row| self.row(*row)).copied().collect();
        Self { width: self.width, values }
    }

    /// Cosine of two rows, 0 to 1.
    ///
    /// # Panics
    /// If a row is not below [`len`](Self::len).
    #[must_use]
    pub fn cosine(&self, a: usize, b: usize) -> f32 {
        dot(self.row(a), self.row(b)).min(1.0)
    }
}

fn check(row: usize, pattern: SparsePattern<'_>, points: usize) -> Result<(), FingerprintError> {
    let SparsePattern { indices, values } = pattern;
    let last = indices.iter().copied().max().unwrap_or(0);
    if indices.len() != values.len() || (usize::from(last) >= points && !indices.is_empty()) {
        let (indices, values) = (indices.len(), values.len());
        return Err(FingerprintError::OffGrid { row, indices, last, values, points });
    }
    for (index, value) in indices.iter().zip(values) {
        if !(value.is_finite() && *value >= 0.0) {
            return Err(FingerprintError::Intensity { row, index: *index, value: *value });
        }
    }
    if values.iter().all(|value| *value == 0.0) {
        return Err(FingerprintError::Flat { row });
    }
    Ok(())
}

/// Inner product in sixteen partial sums, which the compiler turns into vectors.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (a_chunks, b_chunks) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..16 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern<'a>(indices: &'a [u16], values: &'a [f32]) -> SparsePattern<'a> {
        SparsePattern { indices, values }
    }

    proptest! {
        #[test]
        fn a_blur_is_the_sum_of_gaussians(
            peaks in prop::collection::btree_map(0u16..97, 0.01f32..1.0, 1..9),
            sigma in prop_oneof![Just(0.0), 0.3f64..9.0],
            stride in 1usize..7,
            root: bool,
        ) {
            let scale = if root { Scale::Root } else { Scale::Intensity };
            let (indices, values): (Vec<u16>, Vec<f32>) = peaks.into_iter().unzip();
            let found = Fingerprints::of([pattern(&indices, &values)], 97, &Blur { sigma, stride, scale });
            let mut expected: Vec<f64> = (0..97).step_by(stride).map(|x| {
                indices.iter().zip(&values).map(|(i, v)| {
                    let distance = f64::from(x) - f64::from(*i);
                    let strength = f64::from(if root { v.sqrt() } else { *v });
                    if distance == 0.0 { strength }
                    else if distance.abs() > 5.0 * sigma { 0.0 }
                    else { strength * (-0.5 * (distance / sigma).powi(2)).exp() }
                }).sum()
            }).collect();
            let length = expected.iter().map(|v| v * v).sum::<f64>().sqrt();
            match found {
                Ok(found) => {
                    expected.iter_mut().for_each(|v| *v /= length);
                    prop_assert_eq!(found.width(), expected.len());
                    for (found, expected) in found.row(0).iter().zip(&expected) {
                        prop_assert!((f64::from(*found) - expected).abs() < 1e-5);
                    }
                    prop_assert!((found.cosine(0, 0) - 1.0).abs() < 1e-5);
                }
                // With a stride beyond the reach of the blur, no taken point may see a peak.
                Err(error) => {
                    prop_assert_eq!(error, FingerprintError::Flat { row: 0 });
                    prop_assert!(length < 1e-15);
                }
            }
        }

        #[test]
        fn the_product_in_parts_is_the_product(
            rows in prop::collection::vec((-1f32..1.0, -1f32..1.0), 0..70),
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = rows.iter().copied().unzip();
            let expected: f64 = rows.iter().map(|(x, y)| f64::from(*x) * f64::from(*y)).sum();
            prop_assert!((f64::from(dot(&a, &b)) - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn a_peak_beyond_the_last_point_taken_is_seen_by_none() {
        let blur = Blur { sigma: 0.3, stride: 10, scale: Scale::Intensity };
        let found = Fingerprints::of([pattern(&[0, 96], &[1.0, 1.0])], 97, &blur).unwrap();
        assert_eq!(found.row(0), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        let alone = Fingerprints::of([pattern(&[96], &[1.0])], 97, &blur);
        assert_eq!(alone, Err(FingerprintError::Flat { row: 0 }));
    }

    #[test]
    fn patterns_that_cannot_be_blurred_are_refused_by_row() {
        let of = |indices: &[u16], values: &[f32]| {
            let good = pattern(&[1], &[1.0]);
            Fingerprints::of([good, pattern(indices, values)], 10, &Blur::default())
        };
        assert_eq!(of(&[], &[]), Err(FingerprintError::Flat { row: 1 }));
        assert_eq!(of(&[3], &[0.0]), Err(FingerprintError::Flat { row: 1 }));
        assert!(matches!(of(&[10], &[1.0]), Err(FingerprintError::OffGrid { last: 10, .. })));
        assert!(matches!(of(&[1, 2], &[1.0]), Err(FingerprintError::OffGrid { values: 1, .. })));
        for bad in [f32::NAN, f32::INFINITY, -1.0] {
            assert!(matches!(of(&[2], &[bad]), Err(FingerprintError::Intensity { index: 2, .. })));
        }
        for (sigma, stride) in [(f64::NAN, 1), (-1.0, 1), (1.0, 0)] {
            let blur = Blur { sigma, stride, scale: Scale::Root };
            assert!(matches!(Fingerprints::of([], 10, &blur), Err(FingerprintError::Blur { .. })));
        }
        assert!(Fingerprints::of([], 0, &Blur::default()).unwrap().is_empty());
    }
}
