//! Measured scans, and their way onto a grid.

use std::path::{Path, PathBuf};

use diffraction::Grid;
use diffraction::files::{Names, Wanted, find};
use diffraction::import::{Import, import_files};
use diffraction::process::{BackgroundRemoval, PeakSearch, Processing, Smoothing};
use diffraction::scan::Scan as Measured;
use diffraction::simulate::Wavelength;
use numpy::{IntoPyArray, PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use crate::arrays::{Skipped, from_json};
use crate::dataset::Dataset;
use crate::interrupt::interruptible;
use crate::raised::Raised;
use xrdmatch::causes::chain;

/// One measured scan. The arrays are read-only and made once.
#[pyclass(frozen, module = "xrdmatch", name = "Scan")]
pub(crate) struct Scan {
    scan: Measured,
    path: PathBuf,
    two_theta: Py<PyArray1<f64>>,
    intensities: Py<PyArray1<f64>>,
    uncertainties: Option<Py<PyArray1<f64>>>,
}

impl Scan {
    fn new(py: Python<'_>, path: &Path, scan: Measured) -> PyResult<Self> {
        let array = |values: &[f64]| -> PyResult<Py<PyArray1<f64>>> {
            let array = values.to_vec().into_pyarray(py);
            let _ = array.try_readwrite()?.make_nonwriteable();
            Ok(array.unbind())
        };
        Ok(Self {
            two_theta: array(scan.two_theta())?,
            intensities: array(scan.intensities())?,
            uncertainties: scan.uncertainties().map(array).transpose()?,
            path: path.to_owned(),
            scan,
        })
    }
}

/// How a scan is brought onto a grid, as its caller says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    grid: (f64, f64, f64),
    to_wavelength: Option<String>,
    wavelength: Option<String>,
    background: Option<f64>,
    strip_ka2: bool,
    lorentz_polarisation: bool,
    smooth: Option<(usize, usize)>,
    sticks: bool,
    keep_scale: bool,
}

impl Options {
    fn processing(&self) -> Result<(Processing, Grid), Raised> {
        let angstrom = |name: &Option<String>| -> Result<Option<f64>, Raised> {
            name.as_ref().map(|name| Ok(name.parse::<Wavelength>()?.angstrom())).transpose()
        };
        let processing = Processing {
            unstated_wavelength: angstrom(&self.wavelength)?,
            wavelength_to: angstrom(&self.to_wavelength)?,
            lorentz_polarisation: self.lorentz_polarisation,
            smooth: self.smooth.map(|(half_width, degree)| Smoothing { half_width, degree }),
            background: self.background.map(|half_width| BackgroundRemoval { half_width }),
            strip_ka2: self.strip_ka2,
            sticks: self.sticks.then(PeakSearch::default),
        };
        processing.validate()?;
        let (start, step, stop) = self.grid;
        Ok((processing, Grid::spanning(start, step, stop)?))
    }
}

#[pymethods]
impl Scan {
    #[getter]
    fn two_theta<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.two_theta.bind(py).clone()
    }

    #[getter]
    fn intensities<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        self.intensities.bind(py).clone()
    }

    #[getter]
    fn uncertainties<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyArray1<f64>>> {
        self.uncertainties.as_ref().map(|array| array.bind(py).clone())
    }

    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_json(py, self.scan.metadata())
    }

    #[getter]
    fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn __len__(&self) -> usize {
        self.scan.len()
    }

    fn __repr__(&self) -> String {
        let (first, last) = self.scan.range();
        format!("Scan of {} points, {first}–{last}°, of {}", self.scan.len(), self.path.display())
    }

    fn _on_grid<'py>(
        &self,
        py: Python<'py>,
        options: Options,
    ) -> PyResult<(Bound<'py, PyArray1<f32>>, Bound<'py, PyAny>)> {
        let (processing, grid) = options.processing()?;
        let made = interruptible(py, Some(1), |_, _| {
            let scaled = !options.keep_scale;
            let import = Import { processing: &processing, grid: &grid, all_scans: true, scaled };
            let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
            import.scan(&self.path, &self.scan, &name).map_err(Raised::from)
        })??;
        let mut dense = vec![0.0; grid.points()];
        made.row.fill(&mut dense);
        Ok((dense.into_pyarray(py), from_json(py, &made.report)?))
    }
}

/// The first scan of a file.
#[pyfunction]
pub(crate) fn read_scan(py: Python<'_>, path: PathBuf) -> PyResult<Scan> {
    let read = interruptible(py, Some(1), |_, _| Measured::read(&path).map_err(Raised::from))??;
    Scan::new(py, &path, read)
}

/// All scans of a file.
#[pyfunction]
pub(crate) fn read_scans(py: Python<'_>, path: PathBuf) -> PyResult<Vec<Scan>> {
    let read = interruptible(py, Some(1), |_, _| Measured::read_all(&path).map_err(Raised::from))??;
    read.into_iter().map(|scan| Scan::new(py, &path, scan)).collect()
}

/// Scan files and directories as rows on a grid; with what was left out, and what became of each row.
#[pyfunction]
pub(crate) fn import_scans<'py>(
    py: Python<'py>,
    paths: Vec<PathBuf>,
    options: Options,
    strict: bool,
) -> PyResult<(Dataset, Skipped, Bound<'py, PyAny>)> {
    let (processing, grid) = options.processing()?;
    let files = find(&paths, Wanted::Scans).map_err(Raised::from)?.files;
    if files.is_empty() {
        return Err(Raised::data("no scan files were found").into());
    }
    let scaled = !options.keep_scale;
    let import = Import { processing: &processing, grid: &grid, all_scans: true, scaled };
    let (rows, skipped, made) = interruptible(py, None, |stop, _| {
        let (mut names, mut rows, mut skipped) = (Names::default(), Vec::new(), Vec::new());
        let (mut fatal, mut made) = (None, Vec::new());
        import_files(&files, &import, &mut |outcome| {
            if stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            match outcome.scan {
                Ok(mut scan) => {
                    scan.row.name = names.take(std::mem::take(&mut scan.row.name));
                    made.push(serde_json::json!({
                        "name": scan.row.name,
                        "file": outcome.path.display().to_string(),
                        "points": scan.points,
                        "peaks": scan.peaks,
                        "metadata": scan.metadata,
                        "processing": scan.report,
                    }));
                    rows.push(scan.row);
                }
                Err(error) if strict => {
                    fatal = Some(Raised::from(error));
                    return ControlFlow::Break(());
                }
                Err(error) => skipped.push((outcome.path.display().to_string(), chain(&error))),
            }
            ControlFlow::Continue(())
        });
        match fatal {
            Some(raised) => Err(raised),
            None => Ok((rows, skipped, made)),
        }
    })??;
    Ok((Dataset { rows, grid }, skipped, from_json(py, &made)?))
}
