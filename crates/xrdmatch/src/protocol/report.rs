//! The report itself.

use std::error::Error;

use serde::{Deserialize, Serialize};

use super::calibrated::calibrated;
use super::ensembles::ensembles;
use super::{Calibrated, Ensembles, Evidence, OutOfBag, ProtocolError};
use crate::metrics::Metric;
use crate::predictions::Predictions;
use crate::statistics::{Bootstrap, Experiments, Summary};
use crate::yardstick::Score;

/// How to report.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProtocolSettings {
    /// The intervals.
    pub bootstrap: Bootstrap,
    /// Folds of all cross-fitting. `None` for [`DEFAULT_FOLDS`](Self::DEFAULT_FOLDS), where too few
    /// samples leave out what needs them instead of being an error.
    pub folds: Option<usize>,
    /// Seed of the folds.
    pub seed: u64,
    /// Members in the optimistic column of selected members.
    pub selected: usize,
}

impl ProtocolSettings {
    /// Folds where nothing else is asked for.
    pub const DEFAULT_FOLDS: usize = 5;

    pub(super) fn folds(&self) -> usize {
        self.folds.unwrap_or(Self::DEFAULT_FOLDS)
    }
}

impl Default for ProtocolSettings {
    fn default() -> Self {
        Self { bootstrap: Bootstrap::default(), folds: None, seed: 0, selected: 10 }
    }
}

/// A metric of single models.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricReport {
    /// Which.
    pub metric: Metric,
    /// Final models on their evaluation rows.
    pub evaluation: Option<Score>,
    /// Final models on the held-out rows.
    pub held_out: Option<Summary>,
    /// Models of the best epoch on the evaluation rows.
    pub best_epoch: Option<Summary>,
}

/// All experiments of a run in one report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// The experiments.
    pub experiments: Vec<u32>,
    /// Experiments that are not complete, and left out.
    pub incomplete: Vec<u32>,
    /// Samples that occur among evaluation rows.
    pub compounds: usize,
    /// Mean number of rows that a model learned from.
    pub labeled: f64,
    /// Mean number of rows that it is judged on.
    pub evaluation: f64,
    /// Per metric.
    pub metrics: Vec<MetricReport>,
    /// Whether a best epoch was chosen by looking at the evaluation rows.
    pub best_epoch_is_optimistic: bool,
    /// The members together.
    pub ensembles: Ensembles,
    /// The out-of-bag mean, as it is and calibrated.
    pub calibration: Vec<Calibrated>,
    /// Why nothing was calibrated, where nothing was.
    pub not_calibrated: Option<String>,
}

/// Reports on evidence; beside the report come the opinions on every sample.
///
/// # Errors
/// [`ProtocolError`].
pub fn report(
    evidence: &Evidence,
    settings: &ProtocolSettings,
) -> Result<(Protocol, OutOfBag), ProtocolError> {
    let (judged, evaluations) = evidence.evaluations();
    if evaluations.is_empty() {
        return Err(ProtocolError::NoEvaluation);
    }
    let experiments = Experiments::of(&evaluations)?;
    let held_out: Vec<Predictions> = evidence
        .members
        .iter()
        .map(|member| member.on(&member.held_out))
        .filter(|rows| !rows.is_empty())
        .collect();
    let held_out = if held_out.is_empty() { None } else { Some(Experiments::of(&held_out)?) };
    let metric = |metric: Metric| {
        let best: Vec<f64> = evidence
            .members
            .iter()
            .filter_map(|member| member.best.as_ref()?.evaluation.get(metric))
            .collect();
        Ok(MetricReport {
            metric,
            evaluation: Score::of(&experiments, metric, &settings.bootstrap)?,
            held_out: held_out.as_ref().and_then(|held_out| held_out.summary(metric)),
            best_epoch: Summary::of(&best),
        })
    };
    let metrics: Result<Vec<_>, ProtocolError> = Score::METRICS.into_iter().map(metric).collect();
    let (ensembles, out_of_bag, stacked) = ensembles(evidence, settings)?;
    let (calibration, not_calibrated) = calibrated(&out_of_bag.predictions, settings)?;
    let mean = |count: fn(&super::MemberRecord) -> usize| {
        judged.iter().map(|member| count(member)).sum::<usize>() as f64 / judged.len() as f64
    };
    let protocol = Protocol {
        experiments: evidence.members.iter().map(|member| member.experiment).collect(),
        incomplete: evidence.incomplete.clone(),
        compounds: experiments.compounds().len(),
        labeled: mean(|member| member.labeled.len()),
        evaluation: mean(|member| member.evaluation.len()),
        metrics: metrics?,
        best_epoch_is_optimistic: evidence
            .members
            .iter()
            .any(|member| member.best.as_ref().is_some_and(|best| best.optimistic)),
        ensembles,
        calibration,
        not_calibrated,
    };
    let samples = OutOfBag::of(evidence, &out_of_bag, stacked, settings)?;
    Ok((protocol, samples))
}

/// An error with its causes.
pub(super) fn in_words(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
