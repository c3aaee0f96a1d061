//! A dense matrix of `f32` on the host: signals go in, logits come out.

/// Row-major `rows × cols` values; a row is one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    cols: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, values: vec![0.0; rows * cols] }
    }

    /// A matrix over `values`, row after row.
    ///
    /// # Panics
    /// When `values` does not hold `rows · cols` numbers.
    #[must_use]
    pub fn from_vec(rows: usize, cols: usize, values: Vec<f32>) -> Self {
        assert_eq!(values.len(), rows * cols, "a {rows} × {cols} matrix");
        Self { rows, cols, values }
    }

    /// Number of rows (samples).
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns (points or classes).
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Row `i`.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &self.values[i * self.cols..(i + 1) * self.cols]
    }

    /// Row `i`, to be written.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_mut(&mut self, i: usize) -> &mut [f32] {
        assert!(i < self.rows, "row {i} of {}", self.rows);
        &mut self.values[i * self.cols..(i + 1) * self.cols]
    }

    /// All values, row after row.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// All values, row after row, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.values
    }
}
