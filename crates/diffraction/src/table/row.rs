//! One sample of a table.

use super::{Place, TableError};
use crate::grid::MAX_POINTS;

/// One sample: who it is, and its pattern with the zeros left out.
///
/// `indices` ascend strictly and `values` are finite and positive, one per index; the points that
/// are not listed are zero. A row is meant to be reused: reading into it keeps its buffers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The sample's name; never empty.
    pub name: String,
    /// The identifier, when the table has such a column and the cell is not empty.
    pub id: Option<String>,
    /// The chemical formula, likewise.
    pub formula: Option<String>,
    /// The conductivity in S/cm, likewise.
    pub conductivity: Option<f64>,
    /// The class, likewise. The reader takes any number from 0 to 255; which classes exist is for
    /// the data set to say.
    pub label: Option<u8>,
    /// The grid points with an intensity, ascending, counted from 0 (column `v1`).
    pub indices: Vec<u16>,
    /// The intensities at `indices`.
    pub values: Vec<f32>,
    /// The same before their rounding to `f32`, or nothing. The recipe of the published files gives
    /// nine decimals, which a text table then holds as the published files do; a Parquet table
    /// cannot. Readers leave it empty.
    pub exact: Vec<f64>,
}

impl Row {
    /// Writes the pattern with its zeros into `dense`.
    ///
    /// # Panics
    /// When `dense` is shorter than the table's number of points.
    pub fn fill(&self, dense: &mut [f32]) {
        dense.fill(0.0);
        for (&index, &value) in self.indices.iter().zip(&self.values) {
            dense[usize::from(index)] = value;
        }
    }

    /// Takes the non-zero values of a dense pattern; values of at most 0 are left out.
    ///
    /// # Panics
    /// When `dense` has more than 65 535 points.
    pub fn take(&mut self, dense: &[f32]) {
        assert!(dense.len() <= MAX_POINTS, "a pattern has at most 65 535 points");
        self.indices.clear();
        self.values.clear();
        self.exact.clear();
        for (index, &value) in dense.iter().enumerate() {
            if value > 0.0 {
                self.indices.push(index as u16);
                self.values.push(value);
            }
        }
    }

    /// Takes the non-zero values of a dense pattern that nobody has looked at yet, under the checks
    /// that a table's cells meet; `place` says where it stands.
    ///
    /// # Errors
    /// A value that is negative, or not finite in single precision; or too many values.
    pub fn take_checked(
        &mut self,
        place: &Place,
        dense: impl IntoIterator<Item = f64>,
    ) -> Result<(), TableError> {
        self.indices.clear();
        self.values.clear();
        self.exact.clear();
        let at = |point: usize| (place.clone(), self.name.clone(), format!("v{}", point + 1));
        for (point, found) in dense.into_iter().enumerate() {
            let value = found as f32;
            if value == 0.0 {
                continue;
            }
            if !value.is_finite() {
                let ((place, sample, column), found) = (at(point), found.to_string());
                return Err(TableError::NotFinite { place, sample, column, found });
            }
            if value < 0.0 {
                let ((place, sample, column), found) = (at(point), found.to_string());
                return Err(TableError::Negative { place, sample, column, found });
            }
            let Some(index) = u16::try_from(point).ok().filter(|_| point < MAX_POINTS) else {
                let found = point + 1;
                return Err(TableError::Points { path: place.path.clone(), found });
            };
            self.indices.push(index);
            self.values.push(value);
        }
        Ok(())
    }

    /// Empties the row, keeping its buffers.
    pub(crate) fn clear(&mut self) {
        self.name.clear();
        self.conductivity = None;
        self.label = None;
        self.indices.clear();
        self.values.clear();
        self.exact.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_and_sparse_are_the_same_pattern() {
        let dense = [0.0, 0.25, 0.0, 1.0, 0.0];
        let mut row = Row::default();
        row.take(&dense);
        assert_eq!(
            (row.indices.as_slice(), row.values.as_slice()),
            (&[1, 3][..], &[0.25, 1.0][..])
        );
        let mut back = [9.0; 5];
        row.fill(&mut back);
        assert_eq!(back, dense);
    }

    #[test]
    fn unchecked_numbers_are_refused_as_cells_of_a_table_are() {
        let place = Place { path: "X".into(), line: 4, is_row: true };
        let mut row = Row { name: "a".to_owned(), ..Row::default() };
        let mut said = |dense: &[f64]| match row.take_checked(&place, dense.iter().copied()) {
            Ok(()) => format!("{:?} {:?}", row.indices, row.values),
            Err(error) => error.to_string(),
        };
        assert_eq!(said(&[0.0, 0.25, -0.0, 1e-60, 2.0]), "[1, 4] [0.25, 2.0]");
        assert_eq!(said(&[0.0, -0.5]), "X, row 4, sample `a`, column `v2`: -0.5 is negative");
        let infinite = said(&[1e300]);
        assert!(infinite.ends_with("is not finite"), "{infinite}");
        assert!(said(&[f64::NAN]).ends_with("column `v1`: NaN is not finite"));
        let mut long = vec![0.0; 70_000];
        long[69_999] = 1.0;
        assert_eq!(said(&long), "X cannot hold 70000 points: 1 to 65535 are possible");
    }
}
