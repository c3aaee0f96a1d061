//! `Dataset`: the rows of a table.

use std::path::PathBuf;

use diffraction::Grid;
use diffraction::table::{Columns, Row, TableReader, TableWriter};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};

use crate::arrays::{Patterns, grid as grid_of};
use crate::interrupt::interruptible;
use crate::raised::Raised;

/// First angle and step of a table that does not say its grid, degrees two-theta.
const PUBLISHED: (f64, f64) = (0.0, 0.02);

/// Named patterns on one grid: the rows of a table, in memory without their zeros.
#[pyclass(frozen, module = "xrdmatch", name = "Dataset")]
pub(crate) struct Dataset {
    pub(crate) rows: Vec<Row>,
    pub(crate) grid: Grid,
}

/// A column of texts: one for each row or none.
fn column<T>(name: &str, values: Option<Vec<T>>, rows: usize) -> Result<Option<Vec<T>>, Raised> {
    match values {
        Some(values) if values.len() != rows => {
            Err(Raised::data(format!("there are {} {name}, but {rows} patterns", values.len())))
        }
        values => Ok(values),
    }
}

#[pymethods]
impl Dataset {
    #[new]
    #[pyo3(signature = (patterns, *, names=None, labels=None, formulas=None, ids=None,
        conductivities=None, grid=None))]
    fn new(
        patterns: &Bound<'_, PyAny>,
        names: Option<Vec<String>>,
        labels: Option<Vec<i64>>,
        formulas: Option<Vec<Option<String>>>,
        ids: Option<Vec<Option<String>>>,
        conductivities: Option<Vec<f64>>,
        grid: Option<(f64, f64)>,
    ) -> PyResult<Self> {
        let patterns = Patterns::of(patterns)?;
        let (count, points) = patterns.shape();
        let names = column("names", names, count)?;
        let labels = column("labels", labels, count)?;
        let formulas = column("formulas", formulas, count)?;
        let ids = column("ids", ids, count)?;
        let conductivities = column("conductivities", conductivities, count)?;
        let grid = grid_of(grid.unwrap_or(PUBLISHED), points)?;
        let name = |row: usize| match &names {
            Some(names) => names[row].clone(),
            None => format!("row{}", row + 1),
        };
        let mut rows = patterns.rows(&name)?;
        for (number, row) in rows.iter_mut().enumerate() {
            if let Some(label) = labels.as_ref().map(|labels| labels[number]).filter(|l| *l != -1) {
                let label = u8::try_from(label).map_err(|_| {
                    Raised::data(format!(
                        "label {label} of `{}` is not a class number; −1 is none",
                        row.name
                    ))
                })?;
                row.label = Some(label);
            }
            row.formula = formulas.as_ref().and_then(|formulas| formulas[number].clone());
            row.id = ids.as_ref().and_then(|ids| ids[number].clone());
            row.conductivity =
                conductivities.as_ref().map(|values| values[number]).filter(|c| c.is_finite());
        }
        Ok(Self { rows, grid })
    }

    #[classmethod]
    #[pyo3(signature = (path, *, grid=None))]
    fn read(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        path: PathBuf,
        grid: Option<(f64, f64)>,
    ) -> PyResult<Self> {
        interruptible(py, Some(1), |stop, _| -> Result<Self, Raised> {
            let mut table = TableReader::open(&path)?;
            let points = table.columns().points;
            let grid = match (grid, table.grid()) {
                (Some(stated), _) => grid_of(stated, points)?,
                (None, Some(grid)) => grid,
                (None, None) => grid_of(PUBLISHED, points)?,
            };
            let (mut rows, mut row) = (Vec::new(), Row::default());
            while !stop.load(std::sync::atomic::Ordering::Relaxed) && table.read(&mut row)? {
                rows.push(row.clone());
            }
            Ok(Self { rows, grid })
        })?
        .map_err(Into::into)
    }

    fn write(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        interruptible(py, Some(1), |stop, _| {
            self.write_table(&path, &|| stop.load(std::sync::atomic::Ordering::Relaxed))
        })?
        .map_err(Into::into)
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn __repr__(&self) -> String {
        format!("Dataset of {} patterns, {}", self.rows.len(), self.grid)
    }

    #[getter]
    fn shape(&self) -> (usize, usize) {
        (self.rows.len(), self.grid.points())
    }

    #[getter]
    fn grid(&self) -> (f64, f64) {
        (self.grid.start(), self.grid.step())
    }

    #[getter]
    fn two_theta<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.grid.angles().collect::<Vec<f64>>().into_pyarray(py)
    }

    #[getter]
    fn names(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row.name.as_str()).collect()
    }

    #[getter]
    fn formulas(&self) -> Vec<Option<&str>> {
        self.rows.iter().map(|row| row.formula.as_deref()).collect()
    }

    #[getter]
    fn ids(&self) -> Vec<Option<&str>> {
        self.rows.iter().map(|row| row.id.as_deref()).collect()
    }

    #[getter]
    fn labels<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        let label = |row: &Row| row.label.map_or(-1, i64::from);
        self.rows.iter().map(label).collect::<Vec<i64>>().into_pyarray(py)
    }

    #[getter]
    fn conductivities<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        let value = |row: &Row| row.conductivity.unwrap_or(f64::NAN);
        self.rows.iter().map(value).collect::<Vec<f64>>().into_pyarray(py)
    }

    fn to_numpy<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let points = self.grid.points();
        let array = PyArray2::<f32>::zeros(py, [self.rows.len(), points], false);
        {
            let mut view = array.try_readwrite()?;
            let dense = view.as_slice_mut()?;
            for (dense, row) in dense.chunks_exact_mut(points).zip(&self.rows) {
                row.fill(dense);
            }
        }
        Ok(array)
    }

    fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("xrdmatch._frames")?.call_method1("to_pandas", (slf,))
    }

    #[classmethod]
    #[pyo3(signature = (frame, *, grid=None))]
    fn from_pandas<'py>(
        class: &Bound<'py, PyType>,
        frame: &Bound<'py, PyAny>,
        grid: Option<(f64, f64)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        class.py().import("xrdmatch._frames")?.call_method1("from_pandas", (frame, grid))
    }

    fn take(&self, rows: Vec<isize>) -> PyResult<Self> {
        let count = self.rows.len();
        let mut taken = Vec::with_capacity(rows.len());
        for row in rows {
            let place = if row < 0 { row + count as isize } else { row };
            let found = usize::try_from(place).ok().and_then(|place| self.rows.get(place));
            let found = found.ok_or_else(|| {
                pyo3::exceptions::PyIndexError::new_err(format!("row {row} of {count} patterns"))
            })?;
            taken.push(found.clone());
        }
        Ok(Self { rows: taken, grid: self.grid })
    }

    /// For pickle: the constructor's keywords come back from the table as bytes.
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let directory = tempfile::tempdir().map_err(Raised::from)?;
        let path = directory.path().join("dataset.parquet");
        slf.get().write_table(&path, &|| false)?;
        let bytes = std::fs::read(&path).map_err(Raised::from)?;
        let read = slf.get_type().getattr("_from_parquet")?;
        Ok((read, (PyBytes::new(slf.py(), &bytes),)))
    }

    #[classmethod]
    fn _from_parquet(class: &Bound<'_, PyType>, bytes: &[u8]) -> PyResult<Self> {
        let directory = tempfile::tempdir().map_err(Raised::from)?;
        let path = directory.path().join("dataset.parquet");
        std::fs::write(&path, bytes).map_err(Raised::from)?;
        Self::read(class, class.py(), path, None)
    }
}

impl Dataset {
    /// Writes the table; what no row has gets no column.
    pub(crate) fn write_table(
        &self,
        path: &std::path::Path,
        stopped: &dyn Fn() -> bool,
    ) -> Result<(), Raised> {
        let any = |has: &dyn Fn(&Row) -> bool| self.rows.iter().any(has);
        let columns = Columns {
            points: self.grid.points(),
            has_formula: any(&|row| row.formula.is_some()),
            has_id: any(&|row| row.id.is_some()),
            has_conductivity: any(&|row| row.conductivity.is_some()),
            has_label: any(&|row| row.label.is_some()),
        };
        let mut writer = TableWriter::create(path, columns, Some(self.grid))?;
        for row in &self.rows {
            if stopped() {
                return Ok(());
            }
            writer.write(row)?;
        }
        Ok(writer.finish()?)
    }
}
