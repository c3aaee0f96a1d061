//! The out-of-bag ensemble: every labelled compound judged by the mean of those models that never
//! trained on it.

use serde::{Deserialize, Serialize};
use xrdmatch::ensemble::{Combination, Member, Panel};
use xrdmatch::metrics::{Confusion, Metric, Outcomes};
use xrdmatch::predictions::{POSITIVE_CLASS, Predictions};
use xrdmatch::statistics::{Bootstrap, Interval};

use super::bands::Scores;
use super::{LEVEL, ViewSettings, counted, two};
use crate::chart::{Axis, Chart, Matrix, Series, Shape, brief};
use crate::{Records, ReportError};

/// Standard deviation of the weights of the calibration curve.
const CALIBRATION_WIDTH: f64 = 0.08;

/// What the members say about a compound that they did not train on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The compound.
    pub name: String,
    /// Its class.
    pub truth: u8,
    /// Mean probability of the positive class.
    pub probability: f64,
    /// Standard deviation between members.
    pub sd: f64,
    /// How many members judged it.
    pub judges: usize,
}

/// The out-of-bag ensemble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankingView {
    /// The compounds that any member may judge.
    pub scored: Vec<Scored>,
    /// Compounds that every member trained on.
    pub unjudged: usize,
    /// Its members.
    pub members: usize,
    /// The metrics that are defined, by [`Metric::name`], with their intervals.
    pub metrics: Vec<(Metric, Interval)>,
    /// Confusion: of the ensemble, and summed over experiments.
    pub matrices: Vec<Matrix>,
    /// ROC, precision-recall, calibration.
    pub charts: Vec<Chart>,
}

/// The out-of-bag predictions of some members.
pub(super) struct OutOfBag {
    pub(super) predictions: Predictions,
    pub(super) scored: Vec<Scored>,
    pub(super) unjudged: usize,
    pub(super) members: usize,
}

impl OutOfBag {
    /// Combines members; `None` where none may judge anything.
    pub(super) fn of(members: &[Member]) -> Result<Option<Self>, ReportError> {
        if members.is_empty() {
            return Ok(None);
        }
        let panel = Panel::of(members)?.out_of_bag();
        let combined = panel.combine(&Combination::MeanProbability)?;
        let unjudged = combined.unjudged.len();
        let predictions = combined.predictions.filter(|row| row.truth.is_some());
        if predictions.is_empty() {
            return Ok(None);
        }
        let mut scored = Vec::with_capacity(predictions.len());
        for (sample, opinions) in panel.samples().iter().zip(panel.opinions()) {
            if let (Some(truth), Some(opinions)) = (sample.truth, opinions) {
                scored.push(Scored {
                    name: sample.name.clone(),
                    truth,
                    probability: brief(opinions.probability.mean),
                    sd: brief(opinions.probability.sd),
                    judges: opinions.probability.count,
                });
            }
        }
        Ok(Some(Self { predictions, scored, unjudged, members: members.len() }))
    }

    /// Scores and truths for curves.
    pub(super) fn scores(&self) -> Scores {
        Scores {
            score: self.predictions.scores().collect(),
            positive: self
                .predictions
                .iter()
                .map(|row| row.truth == Some(POSITIVE_CLASS))
                .collect(),
        }
    }

    /// The metrics that are defined, with intervals.
    pub(super) fn metrics(
        &self,
        wanted: &[Metric],
        settings: &ViewSettings,
    ) -> Vec<(Metric, Interval)> {
        let Ok(outcomes) = Outcomes::of(&self.predictions) else { return Vec::new() };
        let bootstrap = bootstrap(settings);
        let of = |metric: &Metric| Some((*metric, bootstrap.interval(&outcomes, *metric).ok()?));
        wanted.iter().filter_map(of).collect()
    }
}

/// The bootstrap of the settings.
pub(super) fn bootstrap(settings: &ViewSettings) -> Bootstrap {
    Bootstrap {
        replicates: settings.replicates,
        level: LEVEL,
        seed: settings.seed,
        ..Bootstrap::default()
    }
}

/// The complete experiments as members of an ensemble.
pub(super) fn members(records: &Records) -> Vec<Member> {
    let member = |experiment: &crate::ExperimentRecords| {
        let predictions = experiment.predictions.clone()?;
        let split = &experiment.split;
        let trained_on = split.labeled.iter().chain(&split.validation).cloned().collect();
        Some(Member { name: format!("exp_{:03}", experiment.number), predictions, trained_on })
    };
    records.complete().filter_map(member).collect()
}

/// The predictions of each complete experiment on its own evaluation rows.
pub(super) fn on_evaluation_rows(records: &Records) -> Vec<Predictions> {
    let of = |experiment: &crate::ExperimentRecords| {
        let names: std::collections::HashSet<&str> =
            experiment.split.evaluation.iter().map(String::as_str).collect();
        let own = experiment
            .predictions
            .as_ref()?
            .filter(|row| row.truth.is_some() && names.contains(row.name));
        (!own.is_empty()).then_some(own)
    };
    records.complete().filter_map(of).collect()
}

impl RankingView {
    pub(super) fn of(
        id: &str,
        records: &Records,
        settings: &ViewSettings,
    ) -> Result<Option<Self>, ReportError> {
        let Some(bag) = OutOfBag::of(&members(records))? else { return Ok(None) };
        let metrics = bag.metrics(&Metric::ALL, settings);
        let scores = bag.scores();
        let find =
            |wanted| metrics.iter().find(|(metric, _)| *metric == wanted).map(|found| found.1);
        let mut charts = Vec::new();
        charts.extend(roc(id, &scores, find(Metric::Auc), settings));
        charts.extend(precision_recall(id, &scores, find(Metric::AveragePrecision), settings));
        charts.push(calibration(id, &scores, find(Metric::CalibrationError), settings));
        let matrices = matrices(id, records, &bag);
        let OutOfBag { scored, unjudged, members, .. } = bag;
        Ok(Some(Self { scored, unjudged, members, metrics, matrices, charts }))
    }

    /// A metric with its interval, where it is defined.
    #[must_use]
    pub fn metric(&self, wanted: Metric) -> Option<Interval> {
        self.metrics.iter().find(|(metric, _)| *metric == wanted).map(|found| found.1)
    }
}

/// "0.84 (0.75 to 0.91)"
pub(crate) fn with_ends(interval: &Interval) -> String {
    format!("{} ({} to {})", two(interval.estimate), two(interval.lower), two(interval.upper))
}

/// Points of a share from 0 to 1, `n` steps.
fn shares(steps: u32) -> Vec<f64> {
    (0..=steps).map(|step| f64::from(step) / f64::from(steps)).collect()
}

const BAND: &str = "95 % band (bootstrap of compounds)";

fn roc(id: &str, scores: &Scores, auc: Option<Interval>, settings: &ViewSettings) -> Option<Chart> {
    let auc = auc?;
    let at = shares(100);
    let band = scores.band(settings.replicates, settings.seed, true, |scores| scores.roc_at(&at));
    let curve = scores.roc().into_iter().map(|(x, y)| (x, Some(y)));
    Some(Chart {
        id: format!("{id}roc"),
        title: "Receiver operating characteristic".to_owned(),
        caption: format!(
            "Area under the curve {} with a 95 % interval; 0.5 is chance. {} superionic and {} other \
             compounds, each judged only by models that never trained on it.",
            with_ends(&auc),
            scores.positive.iter().filter(|p| **p).count(),
            scores.positive.iter().filter(|p| !**p).count(),
        ),
        x: Axis::share("false positive rate"),
        y: Axis::share("true positive rate"),
        series: vec![
            Series::line("chance", 6, [(0.0, Some(0.0)), (1.0, Some(1.0))]),
            Series::band(BAND, 0, at.iter().copied().zip(band)),
            Series::line("out-of-bag ensemble", 0, curve),
        ],
    })
}

fn precision_recall(
    id: &str,
    scores: &Scores,
    average: Option<Interval>,
    settings: &ViewSettings,
) -> Option<Chart> {
    let average = average?;
    let at: Vec<f64> = shares(100).into_iter().skip(1).collect();
    let band =
        scores.band(settings.replicates, settings.seed, true, |scores| scores.precision_at(&at));
    let positives = scores.positive.iter().filter(|p| **p).count() as f64;
    let share = positives / scores.positive.len() as f64;
    let curve = scores.precision_recall().into_iter().map(|(x, y)| (x, Some(y)));
    Some(Chart {
        id: format!("{id}precision-recall"),
        title: "Precision and recall".to_owned(),
        caption: format!(
            "Recall is the share of the superionic compounds that is found, precision the share of the \
             found that is superionic. Average precision {} with a 95 % interval; {} is chance, the \
             share of superionic compounds among those labelled.",
            with_ends(&average),
            two(share)
        ),
        x: Axis::share("recall"),
        y: Axis::share("precision"),
        series: vec![
            Series::line("chance", 6, [(0.0, Some(share)), (1.0, Some(share))]),
            Series::band(BAND, 0, at.iter().copied().zip(band)),
            Series::line("out-of-bag ensemble", 0, curve),
        ],
    })
}

fn calibration(
    id: &str,
    scores: &Scores,
    error: Option<Interval>,
    settings: &ViewSettings,
) -> Chart {
    let at = shares(50);
    let curve = scores.frequency(&at, CALIBRATION_WIDTH);
    let band = scores.band(settings.replicates, settings.seed, false, |scores| {
        scores.frequency(&at, CALIBRATION_WIDTH)
    });
    // No band where there is no curve.
    let band = band.into_iter().zip(&curve).map(|(ends, value)| value.and(ends));
    let rows = |positive: bool, height: f64| {
        let of = move |(score, is): (&f64, &bool)| {
            (*is == positive).then(|| (*score, height, String::new()))
        };
        scores.score.iter().zip(&scores.positive).filter_map(of).collect::<Vec<_>>()
    };
    let said = error.map_or_else(String::new, |error| {
        format!(" Expected calibration error {} with a 95 % interval.", with_ends(&error))
    });
    let mut yes = Series::points("superionic compound", 0, rows(true, 1.0));
    let mut no = Series::points("not superionic", 1, rows(false, 0.0));
    for series in [&mut yes, &mut no] {
        if let Shape::Points { labels, .. } = &mut series.shape {
            labels.clear();
        }
    }
    Chart {
        id: format!("{id}calibration"),
        title: "Do probabilities mean what they say?".to_owned(),
        caption: format!(
            "How often a compound is superionic, against the probability that the out-of-bag ensemble \
             gives it, smoothed over ±{CALIBRATION_WIDTH}. On the diagonal, probabilities mean what \
             they say.{said}"
        ),
        x: Axis::share("probability of being superionic"),
        y: Axis::new("observed frequency", [-0.04, 1.04]),
        series: vec![
            Series::line("perfect", 6, [(0.0, Some(0.0)), (1.0, Some(1.0))]),
            Series::band(BAND, 0, at.iter().copied().zip(band)),
            Series::line("out-of-bag ensemble", 0, at.iter().copied().zip(curve)),
            no,
            yes,
        ],
    }
}

fn matrices(id: &str, records: &Records, bag: &OutOfBag) -> Vec<Matrix> {
    let mut matrices = Vec::new();
    let classes = bag.predictions.classes();
    let confusion = |all: &[Predictions]| {
        let rows = || all.iter().flat_map(Predictions::iter);
        let truth: Vec<u8> = rows().filter_map(|row| row.truth).collect();
        let predicted: Vec<u8> = rows().map(|row| row.class()).collect();
        Confusion::of(classes, &truth, &predicted)
    };
    let found = |confusion: &Confusion| {
        let counts = confusion.counts();
        format!(
            "Of {} superionic compounds {} are called so, and of {} others {}.",
            counts[0].iter().sum::<u64>(),
            counts[0][0],
            counts[1..].iter().flatten().sum::<u64>(),
            counts[1..].iter().map(|row| row[0]).sum::<u64>(),
        )
    };
    let ensemble = confusion(std::slice::from_ref(&bag.predictions));
    let caption = format!(
        "{} Each compound judged only by models that never trained on it.",
        found(&ensemble)
    );
    matrices.push(Matrix::of(
        &format!("{id}confusion-ensemble"),
        "Confusion of the out-of-bag ensemble",
        caption,
        &ensemble,
    ));
    let single = on_evaluation_rows(records);
    if !single.is_empty() {
        let all = confusion(&single);
        let caption = format!(
            "{} Summed over the evaluation rows of {}, so that a compound counts once for each \
             experiment that did not train on it.",
            found(&all),
            counted(single.len(), "experiment")
        );
        matrices.push(Matrix::of(
            &format!("{id}confusion-single"),
            "Confusion of single models",
            caption,
            &all,
        ));
    }
    matrices
}
