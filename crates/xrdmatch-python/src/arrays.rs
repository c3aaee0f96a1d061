//! NumPy arrays of patterns as rows.
//!
//! An array is read where it lies, whatever its strides, one row at a time and with the interpreter's
//! lock held, since Python may write to it otherwise. What is kept are the non-zero points.

use std::path::PathBuf;

use diffraction::Grid;
use diffraction::table::{Place, Row};
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

use crate::raised::Raised;

/// What errors call the rows of an array.
pub(crate) const SOURCE: &str = "X";

/// What was left out of a batch: the file and why.
pub(crate) type Skipped = Vec<(String, String)>;

/// A matrix of single or double precision; anything else becomes double.
pub(crate) enum Patterns<'py> {
    Single(PyReadonlyArray2<'py, f32>),
    Double(PyReadonlyArray2<'py, f64>),
}

impl<'py> Patterns<'py> {
    pub(crate) fn of(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(single) = array.extract() {
            return Ok(Self::Single(single));
        }
        if let Ok(double) = array.extract() {
            return Ok(Self::Double(double));
        }
        let numpy = array.py().import("numpy")?;
        let double = numpy.call_method1("asarray", (array, "float64"))?;
        let dimensions: usize = double.getattr("ndim")?.extract()?;
        if dimensions != 2 {
            let message = format!("patterns are a 2-D array (rows, points), not {dimensions}-D");
            return Err(Raised::data(message).into());
        }
        Ok(Self::Double(double.extract()?))
    }

    /// Rows and points.
    pub(crate) fn shape(&self) -> (usize, usize) {
        let shape = match self {
            Self::Single(array) => array.shape(),
            Self::Double(array) => array.shape(),
        };
        (shape[0], shape[1])
    }

    /// The rows, each named by `name`.
    pub(crate) fn rows(&self, name: &dyn Fn(usize) -> String) -> Result<Vec<Row>, Raised> {
        let (count, _) = self.shape();
        let mut rows = Vec::with_capacity(count);
        for number in 0..count {
            let mut row = Row { name: name(number), ..Row::default() };
            let path = PathBuf::from(SOURCE);
            let place = Place { path, line: number as u64 + 1, is_row: true };
            match self {
                Self::Single(array) => {
                    let values = array.as_array();
                    row.take_checked(&place, values.row(number).iter().map(|v| f64::from(*v)))?;
                }
                Self::Double(array) => {
                    let values = array.as_array();
                    row.take_checked(&place, values.row(number).iter().copied())?;
                }
            }
            row.indices.shrink_to_fit();
            row.values.shrink_to_fit();
            rows.push(row);
        }
        Ok(rows)
    }
}

/// The grid of first angle and step for so many points.
pub(crate) fn grid((start, step): (f64, f64), points: usize) -> Result<Grid, Raised> {
    Ok(Grid::new(start, step, points)?)
}

/// A value as Python sees its JSON.
pub(crate) fn from_json<'py>(
    py: Python<'py>,
    value: &impl serde::Serialize,
) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(Raised::data)?;
    py.import("json")?.call_method1("loads", (text,))
}
