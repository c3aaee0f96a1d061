//! Classical models on the same splits, judged in the same way.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use xrdmatch::baseline::Baseline;
use xrdmatch::dataset::Dataset;
use xrdmatch::ensemble::Member;
use xrdmatch::fingerprint::{Blur, Fingerprints, SparsePattern};
use xrdmatch::metrics::Metric;
use xrdmatch::predictions::Sample;
use xrdmatch::run::SplitNames;
use xrdmatch::statistics::{Experiments, Interval, Summary};

use super::ranking::{OutOfBag, RankingView, on_evaluation_rows};
use super::{ViewSettings, counted, two};
use crate::chart::{Axis, Chart, Series};
use crate::{ExperimentRecords, Records, ReportError};

/// The most experiments that baselines are fitted on.
const MOST_EXPERIMENTS: usize = 100;

/// A model in the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineRow {
    /// What it is.
    pub name: String,
    /// Whether it is the run itself.
    pub is_run: bool,
    /// AUC of its out-of-bag ensemble.
    pub auc: Option<Interval>,
    /// Macro-F1 of its out-of-bag ensemble.
    pub macro_f1: Option<Interval>,
    /// AUC of its single models on their evaluation rows.
    pub single_auc: Option<Summary>,
    /// Macro-F1 of its single models on their evaluation rows.
    pub single_macro_f1: Option<Summary>,
}

/// The comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselinesView {
    /// The run first, then the baselines.
    pub rows: Vec<BaselineRow>,
    /// Their receiver operating characteristics.
    pub chart: Chart,
    /// How they were fitted, and what could not be.
    pub note: String,
}

impl BaselinesView {
    pub(super) fn of(
        id: &str,
        records: &Records,
        settings: &ViewSettings,
        ranking: Option<&RankingView>,
    ) -> Result<Option<Self>, ReportError> {
        let (Some(data), Some(ranking)) = (records.dataset(), ranking) else { return Ok(None) };
        if records.manifest.config.classes != 2 {
            return Ok(None);
        }
        let experiments: Vec<&ExperimentRecords> =
            records.complete().take(MOST_EXPERIMENTS).collect();
        let mut rows = vec![BaselineRow {
            name: "this run".to_owned(),
            is_run: true,
            auc: ranking.metric(Metric::Auc),
            macro_f1: ranking.metric(Metric::MacroF1),
            single_auc: single(&on_evaluation_rows(records), Metric::Auc),
            single_macro_f1: single(&on_evaluation_rows(records), Metric::MacroF1),
        }];
        let mut curves = vec![Series::line("chance", 6, [(0.0, Some(0.0)), (1.0, Some(1.0))])];
        let mut failed = Vec::new();
        let mut drawn = Vec::new();
        let all = blurred(data, (0..data.len()).collect::<Vec<_>>().as_slice())?;
        for (style, baseline) in (1u8..).zip(Baseline::all()) {
            match members(&baseline, data, &all, &experiments) {
                Ok(members) => {
                    let Some(bag) = OutOfBag::of(&members)? else { continue };
                    let metrics = bag.metrics(&[Metric::Auc, Metric::MacroF1], settings);
                    let find = |m| metrics.iter().find(|found| found.0 == m).map(|found| found.1);
                    let own = evaluation_rows(&members, &experiments);
                    rows.push(BaselineRow {
                        name: baseline.name().to_owned(),
                        is_run: false,
                        auc: find(Metric::Auc),
                        macro_f1: find(Metric::MacroF1),
                        single_auc: single(&own, Metric::Auc),
                        single_macro_f1: single(&own, Metric::MacroF1),
                    });
                    let roc = bag.scores().roc().into_iter().map(|(x, y)| (x, Some(y)));
                    drawn.push(Series::line(baseline.name(), style, roc));
                }
                Err(ReportError::Baseline(error)) => {
                    failed.push(format!("{}: {error}", baseline.name()));
                }
                Err(error) => return Err(error),
            }
        }
        let own = OutOfBag::of(&super::ranking::members(records))?;
        let roc = own.map(|bag| bag.scores().roc()).unwrap_or_default();
        curves.extend(drawn);
        curves.push(Series::line("this run", 0, roc.into_iter().map(|(x, y)| (x, Some(y)))));
        let said: Vec<String> = rows
            .iter()
            .filter_map(|row| Some(format!("{} {}", row.name, two(row.auc?.estimate))))
            .collect();
        let chart = Chart {
            id: format!("{id}roc-baselines"),
            title: "Receiver operating characteristics, out of bag".to_owned(),
            caption: format!("Areas under the out-of-bag curves: {}.", said.join(", ")),
            x: Axis::share("false positive rate"),
            y: Axis::share("true positive rate"),
            series: curves,
        };
        let mut note = format!(
            "Each was fitted on the labelled rows of {}, as patterns blurred by 1° with \
             square-root intensities and default settings, and judged on the rows it was not fitted on.",
            counted(experiments.len(), "experiment")
        );
        if !failed.is_empty() {
            note.push_str(&format!(" Not fitted: {}.", failed.join("; ")));
        }
        Ok(Some(Self { rows, chart, note }))
    }
}

/// Some rows of the labelled file as features.
fn blurred(data: &Dataset, rows: &[usize]) -> Result<Fingerprints, ReportError> {
    let pattern = |row: &usize| {
        let (indices, values) = data.pattern(*row);
        SparsePattern { indices, values }
    };
    let points = data.grid().points();
    Ok(Fingerprints::of(rows.iter().map(pattern), points, &Blur::default())?)
}

/// A baseline fitted on the split of each experiment.
fn members(
    baseline: &Baseline,
    data: &Dataset,
    all: &Fingerprints,
    experiments: &[&ExperimentRecords],
) -> Result<Vec<Member>, ReportError> {
    let rows: std::collections::HashMap<&str, usize> =
        (0..).zip(data.samples()).map(|(row, sample)| (sample.name.as_str(), row)).collect();
    let samples = || data.samples().iter().map(|s| Sample::new(s.name.clone(), s.label)).collect();
    let fit = |experiment: &&ExperimentRecords| {
        let SplitNames { labeled, validation, .. } = &experiment.split;
        let training: Vec<usize> =
            labeled.iter().filter_map(|name| rows.get(name.as_str()).copied()).collect();
        let labels: Vec<u8> = training.iter().filter_map(|row| data.sample(*row).label).collect();
        let fitted = baseline.fit(&blurred(data, &training)?, &labels)?;
        let predictions = fitted.predict(all, samples())?;
        let trained_on = labeled.iter().chain(validation).cloned().collect();
        Ok(Member { name: format!("exp_{:03}", experiment.number), predictions, trained_on })
    };
    experiments.par_iter().map(fit).collect()
}

/// The predictions of each member on the evaluation rows of its experiment.
fn evaluation_rows(
    members: &[Member],
    experiments: &[&ExperimentRecords],
) -> Vec<xrdmatch::predictions::Predictions> {
    let own = |(member, experiment): (&Member, &&ExperimentRecords)| {
        let names: std::collections::HashSet<&str> =
            experiment.split.evaluation.iter().map(String::as_str).collect();
        member.predictions.filter(|row| names.contains(row.name))
    };
    let all = members.iter().zip(experiments).map(own);
    all.filter(|predictions| !predictions.is_empty()).collect()
}

/// A metric over single models.
pub(super) fn single(
    predictions: &[xrdmatch::predictions::Predictions],
    metric: Metric,
) -> Option<Summary> {
    Experiments::of(predictions).ok()?.summary(metric)
}
