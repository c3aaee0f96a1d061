//! A file of patterns, ranked.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use pyo3::prelude::*;
use xrdmatch::calibrate::CalibrationMethod;
use xrdmatch::members::{Members, Selection};
use xrdmatch::outlier::OutlierSettings;
use xrdmatch::part::Part;
use xrdmatch::screen::{
    Ended, PriorChoice, RankSettings, ScreenError, ScreenSettings, Screener, rank,
};

use crate::arrays::from_json;
use crate::interrupt::interruptible;
use crate::raised::Raised;

/// How a file is screened, as the caller says it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Options {
    experiments: Option<Vec<u32>>,
    min_f1: Option<f64>,
    calibration: Option<String>,
    prior: Prior,
    neighbours: usize,
    ood_rate: Option<f64>,
    outliers: bool,
    abstain: bool,
    top: Option<usize>,
    labeled: Option<PathBuf>,
    unlabeled: Option<PathBuf>,
}

/// A share of positives, or the name of how to come by one.
#[derive(FromPyObject)]
enum Prior {
    Stated(f64),
    Named(String),
}

impl Options {
    fn ranking(&self, seed: u64) -> Result<RankSettings, Raised> {
        let calibration = match self.calibration.as_deref() {
            None => None,
            Some("platt") => Some(CalibrationMethod::Platt),
            Some("temperature") => Some(CalibrationMethod::Temperature),
            Some("isotonic") => Some(CalibrationMethod::Isotonic),
            Some(other) => {
                return Err(Raised::setting(format!(
                    "there is no calibration `{other}`; there are platt, temperature, isotonic"
                )));
            }
        };
        let prior = match &self.prior {
            Prior::Stated(share) if *share > 0.0 && *share < 1.0 => PriorChoice::Stated(*share),
            Prior::Stated(share) => {
                return Err(Raised::setting(format!(
                    "a share lies between 0 and 1, and {share} does not"
                )));
            }
            Prior::Named(name) if name == "labelled" || name == "labeled" => PriorChoice::Labelled,
            Prior::Named(name) if name == "estimate" => PriorChoice::Estimated,
            Prior::Named(name) => {
                return Err(Raised::setting(format!(
                    "`{name}` is no share, nor `estimate` nor `labelled`"
                )));
            }
        };
        let (abstain, best) = (self.abstain, self.top.unwrap_or(usize::MAX));
        Ok(RankSettings { calibration, prior, abstain, best, seed, ..RankSettings::default() })
    }
}

/// Ranks the patterns of a table by the finished experiments of runs; the summary, with the best, and
/// what a person should know.
#[pyfunction]
pub(crate) fn screen<'py>(
    py: Python<'py>,
    runs: Vec<PathBuf>,
    data: PathBuf,
    output: Option<PathBuf>,
    options: Options,
) -> PyResult<(Bound<'py, PyAny>, Vec<String>)> {
    let stopped = || Raised::data("interrupted; nothing was written");
    let (screening, notices) = interruptible(py, None, |stop, _| -> Result<_, Raised> {
        let selection =
            Selection { experiments: options.experiments.clone(), min_f1: options.min_f1 };
        let open = || Members::open(&runs, &selection, options.labeled.as_deref());
        let mut notices = Vec::new();
        let members = open()?;
        let ranking = options.ranking(members.config().seed.0)?;
        let outliers = OutlierSettings { rate: options.ood_rate, ..OutlierSettings::default() };
        let settings = ScreenSettings {
            neighbours: options.neighbours,
            outliers: options.outliers.then_some(outliers),
        };
        let asked_for = options.ood_rate.is_some() || options.abstain;
        let mut screener = match Screener::new(members, &settings, options.unlabeled.as_deref()) {
            Err(error @ (ScreenError::NoUnlabeled | ScreenError::Outlier(_))) if !asked_for => {
                let why = xrdmatch::causes::chain(&error);
                notices.push(format!("outliers are not told: {why}"));
                Screener::new(open()?, &ScreenSettings { outliers: None, ..settings }, None)?
            }
            other => other?,
        };
        let mut going = |_| !stop.load(Ordering::Relaxed);
        // Without a table to write, what lies between goes where temporary files go.
        let beside = std::env::temp_dir().join("screening");
        let between = output.as_deref().unwrap_or(&beside);
        let ended = screener.score(&data, Part::WHOLE, between, false, &mut going)?;
        let Ended::Finished(Some(shard)) = ended else { return Err(stopped()) };
        let members = screener.into_members();
        let ended = rank(&members, &[shard], &ranking, output.as_deref(), &mut going)?;
        let Ended::Finished(screening) = ended else { return Err(stopped()) };
        Ok((screening, notices))
    })??;
    Ok((from_json(py, &screening)?, notices))
}
