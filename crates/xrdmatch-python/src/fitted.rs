//! Models: fitted in memory, or loaded from runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use diffraction::Grid;
use diffraction::table::Row;
use numpy::{IntoPyArray, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyType};
use xrdmatch::config::{Config, Layers};
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::fit::{self as library, FitEvent};
use xrdmatch::judges::FittedJudges;
use xrdmatch::run::{CheckpointChoice, Run};
use xrdmatch::train::Data;

use crate::arrays::{Patterns, SOURCE, from_json, grid as grid_of};
use crate::explain::{Asked, answer};
use crate::interrupt::{Lines, interruptible};
use crate::raised::Raised;

/// Time between two lines of progress.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Networks whose probabilities are averaged.
#[pyclass(frozen, module = "xrdmatch._native", name = "Fitted")]
pub(crate) struct Fitted {
    fitted: library::Fitted,
}

/// The settings of a preset with changes, each a dotted name and a TOML value.
fn layered(preset: &str, changes: &[(String, String)]) -> Result<Layers, Raised> {
    let mut layers = Layers::defaults();
    layers.preset(preset)?;
    for (key, value) in changes {
        layers.set(key, value, "settings")?;
    }
    Ok(layers)
}

/// The presets and what each is for.
#[pyfunction]
pub(crate) fn presets() -> Vec<(&'static str, &'static str)> {
    Layers::PRESETS.to_vec()
}

/// Every setting of a preset with changes, as `xrdmatch config show --json` prints them.
#[pyfunction]
pub(crate) fn config<'py>(
    py: Python<'py>,
    preset: &str,
    changes: Vec<(String, String)>,
) -> PyResult<Bound<'py, PyAny>> {
    let config = layered(preset, &changes).and_then(|layers| Ok(layers.finish()?))?;
    from_json(py, &config)
}

/// Trains on the rows of `patterns` with a label; the others, or all where every row has one, are the
/// unlabelled ones. Labels are class numbers, −1 for none.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "called by the package alone, in one place")]
pub(crate) fn fit(
    py: Python<'_>,
    patterns: &Bound<'_, PyAny>,
    labels: Vec<i64>,
    formulas: Option<Vec<Option<String>>>,
    classes: u8,
    grid: (f64, f64),
    preset: &str,
    changes: Vec<(String, String)>,
    members: u32,
    seed: u64,
    threads: Option<usize>,
    verbose: bool,
) -> PyResult<Fitted> {
    let mut layers = layered(preset, &changes)?;
    layers.set("seed", &seed.to_string(), "random_state").map_err(Raised::from)?;
    layers.set("classes", &classes.to_string(), "y").map_err(Raised::from)?;
    let config = layers.finish().map_err(Raised::from)?;
    let patterns = Patterns::of(patterns)?;
    let grid = grid_of(grid, patterns.shape().1)?;
    let mut rows = patterns.rows(&|row| format!("row{}", row + 1))?;
    for (number, row) in rows.iter_mut().enumerate() {
        row.label = u8::try_from(labels[number]).ok();
        row.formula = formulas.as_ref().and_then(|formulas| formulas[number].clone());
    }
    let fitted = interruptible(py, threads, |stop, lines| {
        let data = data(rows, grid, &config)?;
        let mut told = Told { last: Instant::now(), lines: verbose.then_some(lines) };
        let fitted =
            library::fit(&config, &data, members, stop, &mut |event| told.hear(&event, members))?;
        fitted.ok_or_else(|| Raised::data("interrupted"))
    })??;
    Ok(Fitted { fitted })
}

fn data(rows: Vec<Row>, grid: Grid, config: &Config) -> Result<Data, Raised> {
    let classes = config.classes;
    let source = Path::new(SOURCE);
    let unlabeled: Vec<Row> = if rows.iter().all(|row| row.label.is_some()) {
        rows.iter().map(|row| Row { label: None, ..row.clone() }).collect()
    } else {
        rows.iter().filter(|row| row.label.is_none()).cloned().collect()
    };
    let labeled = rows.into_iter().filter(|row| row.label.is_some());
    let labeled = Dataset::from_rows(source, grid, labeled, Labels::Required { classes })?;
    let unlabeled = Dataset::from_rows(source, grid, unlabeled, Labels::Optional { classes })?;
    Ok(Data::new(labeled, Some(unlabeled), config)?)
}

/// Tells of progress, now and then.
struct Told<'a> {
    last: Instant,
    lines: Option<&'a Lines>,
}

impl Told<'_> {
    fn hear(&mut self, event: &FitEvent<'_>, members: u32) {
        let Some(lines) = self.lines else { return };
        if self.last.elapsed() < TOLD_EVERY {
            return;
        }
        self.last = Instant::now();
        lines.say(match event {
            FitEvent::Pretrained(epoch) => format!(
                "pretraining encoder {}: epoch {}, loss {:.3}",
                epoch.encoder + 1,
                epoch.epoch,
                epoch.loss
            ),
            FitEvent::Epoch(member, summary) => format!(
                "member {} of {members}: epoch {}, loss {:.4}",
                member + 1,
                summary.epoch + 1,
                summary.means.supervised_loss
            ),
        });
    }
}

#[pymethods]
impl Fitted {
    #[classmethod]
    #[pyo3(signature = (run, experiments=None, checkpoint="last"))]
    fn of_run(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        run: PathBuf,
        experiments: Option<Vec<u32>>,
        checkpoint: &str,
    ) -> PyResult<Self> {
        let choice: CheckpointChoice =
            checkpoint.parse().map_err(|error: String| Raised::setting(error))?;
        let fitted = interruptible(py, Some(1), |_, _| -> Result<_, Raised> {
            let run = Run::open(&run)?;
            Ok(library::Fitted::of_run(&run, experiments.as_deref(), choice)?)
        })??;
        Ok(Self { fitted })
    }

    #[getter]
    fn classes(&self) -> usize {
        self.fitted.classes()
    }

    #[getter]
    fn members(&self) -> usize {
        self.fitted.len()
    }

    #[getter]
    fn points(&self) -> usize {
        self.fitted.grid().points()
    }

    #[getter]
    fn grid(&self) -> (f64, f64) {
        (self.fitted.grid().start(), self.fitted.grid().step())
    }

    #[getter]
    fn config<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        from_json(py, self.fitted.config())
    }

    fn probabilities<'py>(
        &self,
        py: Python<'py>,
        patterns: &Bound<'py, PyAny>,
        threads: Option<usize>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let rows = self.rows(patterns)?;
        let count = rows.len();
        let found = interruptible(py, threads, |stop, _| -> Result<_, Raised> {
            let data = self.dataset(rows)?;
            let found = self.fitted.probabilities(&data, stop)?;
            found.ok_or_else(|| Raised::data("interrupted"))
        })??;
        found.into_pyarray(py).reshape([count, self.fitted.classes()])
    }

    /// Why a pattern, the only row of `pattern`, is judged as it is.
    fn explain<'py>(
        &self,
        py: Python<'py>,
        pattern: &Bound<'py, PyAny>,
        asked: Asked,
    ) -> PyResult<Bound<'py, PyAny>> {
        let rows = self.rows(pattern)?;
        let found = interruptible(py, None, |_, _| -> Result<_, Raised> {
            let data = self.dataset(rows)?;
            let mut judges = FittedJudges::new(&self.fitted)?;
            answer(&mut judges, &data, 0, &asked)
        })??;
        from_json(py, &found)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.fitted.to_bytes().map_err(Raised::from)?))
    }

    #[classmethod]
    fn from_bytes(_class: &Bound<'_, PyType>, bytes: &[u8]) -> PyResult<Self> {
        Ok(Self { fitted: library::Fitted::from_bytes(bytes).map_err(Raised::from)? })
    }

    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> PyResult<(Bound<'py, PyAny>, (Bound<'py, PyBytes>,))> {
        let bytes = slf.get().to_bytes(slf.py())?;
        Ok((slf.get_type().getattr("from_bytes")?, (bytes,)))
    }
}

impl Fitted {
    fn rows(&self, patterns: &Bound<'_, PyAny>) -> PyResult<Vec<Row>> {
        let patterns = Patterns::of(patterns)?;
        let (points, expected) = (patterns.shape().1, self.fitted.grid().points());
        if points != expected {
            let message = format!(
                "{SOURCE} has {points} grid points, but the model was trained on {expected}"
            );
            return Err(Raised::data(message).into());
        }
        Ok(patterns.rows(&|row| format!("row{}", row + 1))?)
    }

    fn dataset(&self, rows: Vec<Row>) -> Result<Dataset, Raised> {
        let labels = Labels::Optional { classes: self.fitted.config().classes };
        Ok(Dataset::from_rows(Path::new(SOURCE), self.fitted.grid(), rows, labels)?)
    }
}
