//! Many members, one answer: out of bag, and what it looks like when that is not minded.

use serde::{Deserialize, Serialize};

use super::{Evidence, MemberRecord, ProtocolError, ProtocolSettings};
use crate::ensemble::{Combination, Combined, StackedWeights, cross_fit_stack};
use crate::metrics::{Evaluation, Metric, Outcomes};
use crate::predictions::Predictions;
use crate::statistics::{Interval, StatisticsError};
use crate::yardstick::Score;

/// A metric of an ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnsembleScore {
    /// Which.
    pub metric: Metric,
    /// Every row judged by members that never trained on it, with its interval.
    pub out_of_bag: Option<f64>,
    /// The interval of `out_of_bag` by resampling compounds.
    pub interval: Option<Interval>,
    /// Optimistic: all members on all rows, those they learned included.
    pub with_training_rows: Option<f64>,
    /// Optimistic: the members that are best on the evaluation rows, out of bag; absent where there
    /// are no more members than are selected.
    pub selected_members: Option<f64>,
}

/// One way of combining the members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    /// `mean probability`, `vote` or `stacked`.
    pub combination: String,
    /// The metrics.
    pub scores: Vec<EnsembleScore>,
}

/// All ways of combining the members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ensembles {
    /// Number of members.
    pub members: usize,
    /// Rows judged out of bag.
    pub samples: usize,
    /// Rows that every member trained on; nobody judges them.
    pub unjudged: Vec<String>,
    /// The fewest members behind a row.
    pub fewest_judges: usize,
    /// The members behind a row, in the mean.
    pub mean_judges: f64,
    /// How many members were selected for the optimistic column, if any.
    pub selected: Option<usize>,
    /// Per way of combining.
    pub combinations: Vec<Ensemble>,
    /// Why there is no stacked ensemble, where there is none.
    pub not_stacked: Option<String>,
    /// Weight of each member in the stack fitted on all out-of-bag opinions.
    pub stacked_weights: Option<Vec<f64>>,
}

/// The ensembles, and the out-of-bag mean that calibration and priors go on with.
pub(super) fn ensembles(
    evidence: &Evidence,
    settings: &ProtocolSettings,
) -> Result<(Ensembles, Combined, Option<Combined>), ProtocolError> {
    let panel = evidence.panel()?;
    let honest = panel.out_of_bag();
    let selected = best_members(evidence, settings.selected)?;
    let selected_panel = selected.as_ref().map(|best| evidence.panel_of(best)).transpose()?;
    let selected_panel = selected_panel.map(|panel| panel.out_of_bag());

    let mean = honest.combine(&Combination::MeanProbability)?;
    let mut combinations = Vec::new();
    let simple =
        [("mean probability", Combination::MeanProbability), ("vote", Combination::VoteShare)];
    for (name, combination) in simple {
        let out_of_bag = honest.combine(&combination)?;
        let all = panel.combine(&combination)?;
        let best = selected_panel.as_ref().map(|panel| panel.combine(&combination)).transpose()?;
        combinations.push(Ensemble {
            combination: name.to_owned(),
            scores: scores(&out_of_bag, &all, best.as_ref(), settings)?,
        });
    }
    let shrinkage = evidence.members.len() as f64;
    let stacked = match cross_fit_stack(&panel, shrinkage, settings.folds(), settings.seed) {
        Ok(stacked) => Ok(stacked),
        Err(error) if settings.folds.is_none() => Err(crate::protocol::report::in_words(&error)),
        Err(error) => return Err(error.into()),
    };
    let mut weights = None;
    if let Ok(out_of_bag) = &stacked {
        let fitted = StackedWeights::fit(&panel, shrinkage)?;
        let all = panel.combine(&Combination::Weighted(fitted.weights.clone()))?;
        combinations.push(Ensemble {
            combination: "stacked".to_owned(),
            scores: scores(out_of_bag, &all, None, settings)?,
        });
        weights = Some(fitted.weights);
    }
    let judges: usize = mean.judges.iter().sum();
    let ensembles = Ensembles {
        members: evidence.members.len(),
        samples: mean.predictions.len(),
        unjudged: mean.unjudged.clone(),
        fewest_judges: mean.judges.iter().copied().min().unwrap_or(0),
        mean_judges: judges as f64 / mean.judges.len().max(1) as f64,
        selected: selected.map(|best| best.len()),
        combinations,
        not_stacked: stacked.as_ref().err().cloned(),
        stacked_weights: weights,
    };
    Ok((ensembles, mean, stacked.ok()))
}

/// The members with the largest macro-F1 on their evaluation rows: a choice that looks at them.
fn best_members(
    evidence: &Evidence,
    count: usize,
) -> Result<Option<Vec<&MemberRecord>>, ProtocolError> {
    let (members, evaluations) = evidence.evaluations();
    if count == 0 || members.len() <= count {
        return Ok(None);
    }
    let mut ranked = Vec::new();
    for (member, evaluation) in members.into_iter().zip(&evaluations) {
        ranked.push((Evaluation::of(evaluation)?.macro_average.f1, member));
    }
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.experiment.cmp(&b.1.experiment)));
    Ok(Some(ranked.into_iter().take(count).map(|(_, member)| member).collect()))
}

fn scores(
    out_of_bag: &Combined,
    all: &Combined,
    selected: Option<&Combined>,
    settings: &ProtocolSettings,
) -> Result<Vec<EnsembleScore>, ProtocolError> {
    let measured = |predictions: &Predictions| {
        (!predictions.is_empty()).then(|| Outcomes::of(predictions)).transpose()
    };
    let honest = measured(&out_of_bag.predictions)?;
    let optimistic = measured(&all.predictions)?;
    let selected = selected.map(|best| measured(&best.predictions)).transpose()?.flatten();
    let value = |outcomes: &Option<Outcomes>, metric: Metric| {
        outcomes.as_ref().and_then(|outcomes| metric.measure(outcomes))
    };
    let score = |metric: Metric| {
        let interval = match &honest {
            Some(outcomes) => match settings.bootstrap.interval(outcomes, metric) {
                Ok(interval) => Some(interval),
                Err(StatisticsError::Undefined { .. }) => None,
                Err(error) => return Err(error.into()),
            },
            None => None,
        };
        Ok(EnsembleScore {
            metric,
            out_of_bag: value(&honest, metric),
            interval,
            with_training_rows: value(&optimistic, metric),
            selected_members: value(&selected, metric),
        })
    };
    Score::METRICS.into_iter().map(score).collect()
}
