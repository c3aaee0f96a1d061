//! The normalised form of a data set, from which views are drawn.

use super::Dataset;
use crate::augment::Preparation;

/// All patterns of a data set, min-max normalised to \[0, 1\] with values below the cut left out.
///
/// Every row keeps at least its largest point, which is 1.
#[derive(Debug, Clone)]
pub struct Prepared {
    points: usize,
    offsets: Vec<usize>,
    indices: Vec<u16>,
    values: Vec<f32>,
}

impl Prepared {
    /// Prepares every pattern of a data set.
    pub fn new(data: &Dataset, preparation: Preparation) -> Self {
        let mut prepared = Self {
            points: data.grid().points(),
            offsets: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        };
        for row in 0..data.len() {
            let (indices, values) = data.pattern(row);
            prepared.push(indices, values, preparation);
        }
        prepared
    }

    /// Prepares one more pattern; zeros are the points not listed.
    ///
    /// # Panics
    /// If the pattern is flat, which [`Dataset`] has ruled out.
    fn push(&mut self, indices: &[u16], values: &[f32], preparation: Preparation) {
        let (mut min, max) = super::extremes(values);
        if values.len() < self.points {
            min = 0.0;
        }
        assert!(max > min, "flat patterns are refused on reading");
        for (&index, &value) in indices.iter().zip(values) {
            let value = (value - min) / (max - min);
            if value > 0.0 && value >= preparation.cut {
                self.indices.push(index);
                self.values.push(value);
            }
        }
        self.offsets.push(self.values.len());
    }

    /// The number of grid points.
    pub fn points(&self) -> usize {
        self.points
    }

    /// The number of patterns.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The non-zero points of pattern `row`: grid indices (ascending) and values in (0, 1].
    ///
    /// # Panics
    /// If there is no such pattern.
    pub fn pattern(&self, row: usize) -> (&[u16], &[f32]) {
        let range = self.offsets[row]..self.offsets[row + 1];
        (&self.indices[range.clone()], &self.values[range])
    }
}
