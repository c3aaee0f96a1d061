//! Which peaks drove a prediction.

use std::path::PathBuf;

use pyo3::prelude::*;
use xrdmatch::dataset::Dataset;
use xrdmatch::explain::{ExplainSettings, Explanation, find, planes_of};
use xrdmatch::judges::Judges;
use xrdmatch::members::{Members, Selection};

use crate::arrays::from_json;
use crate::interrupt::interruptible;
use crate::raised::Raised;

/// How a prediction is explained, as the caller says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Asked {
    peaks: usize,
    wavelength: String,
    structure: Option<PathBuf>,
}

/// Explains a row of a data set.
pub(crate) fn answer(
    judges: &mut dyn Judges,
    data: &Dataset,
    row: usize,
    asked: &Asked,
) -> Result<Explanation, Raised> {
    if !(1..=1000).contains(&asked.peaks) {
        return Err(Raised::setting(format!("peaks is {}, expected 1 to 1000", asked.peaks)));
    }
    let wavelength = asked.wavelength.parse()?;
    let planes = match &asked.structure {
        Some(path) => planes_of(path, wavelength)?,
        None => Vec::new(),
    };
    let settings = ExplainSettings { named: asked.peaks, wavelength, ..ExplainSettings::default() };
    Ok(xrdmatch::explain::explain(judges, data, row, &settings, &planes)?)
}

/// Explains a named pattern by the finished experiments of runs.
#[pyfunction]
pub(crate) fn explain<'py>(
    py: Python<'py>,
    runs: Vec<PathBuf>,
    sample: &str,
    data: Option<PathBuf>,
    experiments: Option<Vec<u32>>,
    labeled: Option<PathBuf>,
    asked: Asked,
) -> PyResult<Bound<'py, PyAny>> {
    let found = interruptible(py, None, |_, _| -> Result<_, Raised> {
        let selection = Selection { experiments, min_f1: None };
        let mut members = Members::open(&runs, &selection, labeled.as_deref())?;
        let (data, row) = find(&members, data.as_deref(), sample)?;
        answer(&mut members, &data, row, &asked)
    })??;
    from_json(py, &found)
}
