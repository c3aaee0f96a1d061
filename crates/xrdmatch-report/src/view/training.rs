//! How training went, epoch by epoch, with the spread over experiments.

use serde::{Deserialize, Serialize};

use super::bands::quantile;
use super::two;
use crate::chart::{Axis, Chart, Series, Shape, brief};
use crate::{Epoch, ExperimentRecords, Records};

/// The most experiments of which single lines are drawn; of more, only the spread.
const MOST_STRANDS: usize = 120;

/// An experiment in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExperimentRow {
    /// Its number.
    pub experiment: u32,
    /// "complete", or the epoch it is at.
    pub state: String,
    /// Macro-F1 of the final model on the evaluation rows.
    pub macro_f1: Option<f64>,
    /// AUC of the final model on the evaluation rows.
    pub auc: Option<f64>,
    /// Accuracy of the final model on the evaluation rows.
    pub accuracy: Option<f64>,
    /// Macro-F1 of the final model on the held-out rows.
    pub held_out_macro_f1: Option<f64>,
    /// Macro-F1 of the best epoch.
    pub best_macro_f1: Option<f64>,
    /// That epoch.
    pub best_epoch: Option<u32>,
    /// Seconds of training.
    pub seconds: Option<f64>,
}

/// How the training of a run goes; all that changes while it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingView {
    /// The training curves.
    pub charts: Vec<Chart>,
    /// Each experiment in a row.
    pub experiments: Vec<ExperimentRow>,
}

impl TrainingView {
    /// The view of a run's records, be they in the making.
    #[must_use]
    pub fn of(records: &Records) -> Self {
        Self { charts: charts("", records), experiments: rows(records) }
    }
}

/// The experiments one by one.
pub(super) fn rows(records: &Records) -> Vec<ExperimentRow> {
    let epochs = records.manifest.config.training.epochs;
    let row = |experiment: &ExperimentRecords| {
        let result = experiment.result.as_ref();
        let evaluation = result.and_then(|result| result.evaluation.as_ref());
        let held_out = result.and_then(|result| result.held_out.as_ref());
        let best = result.and_then(|result| result.best);
        ExperimentRow {
            experiment: experiment.number,
            state: match result {
                Some(_) => "complete".to_owned(),
                None => format!("epoch {} of {epochs}", experiment.epochs.len()),
            },
            macro_f1: evaluation.map(|evaluation| evaluation.macro_average.f1),
            auc: evaluation.and_then(|evaluation| evaluation.auc),
            accuracy: evaluation.map(|evaluation| evaluation.accuracy),
            held_out_macro_f1: held_out.map(|held_out| held_out.macro_average.f1),
            best_macro_f1: best.map(|best| best.best.macro_f1),
            best_epoch: best.map(|best| best.best.epoch),
            seconds: result.map(|result| result.seconds),
        }
    };
    records.experiments.iter().map(row).collect()
}

/// What is followed over the epochs.
struct Followed<'a> {
    name: &'a str,
    style: u8,
    value: &'a dyn Fn(&Epoch) -> Option<f64>,
}

/// The training curves.
pub(super) fn charts(id: &str, records: &Records) -> Vec<Chart> {
    let experiments: Vec<&ExperimentRecords> =
        records.experiments.iter().filter(|experiment| !experiment.epochs.is_empty()).collect();
    let Some(last) = experiments.iter().filter_map(|e| e.epochs.last()).map(|e| e.epoch).max()
    else {
        return Vec::new();
    };
    let followed = |name, style, value| Followed { name, style, value };
    let x = || Axis::new("epoch", [0.0, f64::from(last.max(1))]);
    let mut charts = Vec::new();
    let mut add = |name: &str, title: &str, y: Option<Axis>, label: &str, what: &[Followed<'_>]| {
        let mut series = Vec::new();
        let mut said = Vec::new();
        for one in what {
            let lines = lines(&experiments, last, one.value);
            spread(&mut series, one, &lines);
            said.extend(in_words(one.name, &lines));
        }
        if said.is_empty() {
            return;
        }
        let y = y.unwrap_or_else(|| Axis::new(label, [0.0, 1.05 * highest(&series).max(0.1)]));
        let caption = format!("{} {}.", spread_in_words(experiments.len()), said.join("; "));
        let (id, title) = (format!("{id}{name}"), title.to_owned());
        charts.push(Chart { id, title, caption, x: x(), y, series });
    };
    add(
        "loss",
        "Losses",
        None,
        "cross-entropy",
        &[
            followed("labelled", 0, &|epoch| Some(epoch.supervised_loss)),
            followed("unlabelled", 1, &|epoch| Some(epoch.unsupervised_loss)),
        ],
    );
    add(
        "mask-rate",
        "Share of unlabelled patterns learned from",
        Some(Axis::share("mask rate")),
        "",
        &[followed("mask rate", 0, &|epoch| Some(epoch.mask_rate))],
    );
    let classes = usize::from(records.manifest.config.classes);
    let names = crate::chart::class_names(classes);
    let threshold = |class: usize| move |epoch: &Epoch| epoch.thresholds.get(class).copied();
    let thresholds: Vec<_> = (0..classes.min(6)).map(threshold).collect();
    let per_class: Vec<Followed<'_>> = (0u8..)
        .zip(&thresholds)
        .zip(&names)
        .map(|((style, value), name)| Followed { name, style, value })
        .collect();
    add(
        "thresholds",
        "Confidence needed for a pseudo-label",
        Some(Axis::share("threshold")),
        "",
        &per_class,
    );
    add(
        "macro-f1",
        "Macro-F1 on evaluation rows",
        Some(Axis::share("macro-F1")),
        "",
        &[followed("macro-F1", 0, &|epoch| epoch.macro_f1)],
    );
    add(
        "auc",
        "AUC on evaluation rows",
        Some(Axis::share("AUC")),
        "",
        &[followed("AUC", 0, &|epoch| epoch.auc)],
    );
    charts.extend(final_against_best(id, records));
    charts
}

/// The final score of each experiment beside that of its best epoch.
fn final_against_best(id: &str, records: &Records) -> Option<Chart> {
    let mut ends: Vec<(u32, f64, f64, bool)> = records
        .complete()
        .filter_map(|experiment| {
            let result = experiment.result.as_ref()?;
            let best = result.best?;
            let last = result.evaluation.as_ref()?.macro_average.f1;
            // The best of the evaluation rows, whatever it was chosen on.
            let best_on_rows = experiment.epochs.iter().filter_map(|epoch| epoch.macro_f1);
            let best_on_rows = best_on_rows.fold(last, f64::max);
            let shown = if best.optimistic { best.best.macro_f1 } else { best_on_rows };
            Some((experiment.number, last, shown, best.optimistic))
        })
        .collect();
    // One experiment is told by its curve.
    if ends.len() < 2 {
        return None;
    }
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    let count = ends.len() as f64;
    let mean =
        |value: fn(&(u32, f64, f64, bool)) -> f64| ends.iter().map(value).sum::<f64>() / count;
    let (last, best) = (mean(|end| end.1), mean(|end| end.2));
    let caption = format!(
        "Final models have a macro-F1 of {} on average. The best epoch of each experiment, chosen by \
         looking at the same rows, has {}: that figure is optimistic.",
        two(last),
        two(best)
    );
    let points = |name: &str, style, value: fn(&(u32, f64, f64, bool)) -> f64| {
        let of = |(rank, end): (usize, &(u32, f64, f64, bool))| {
            ((rank + 1) as f64, value(end), format!("experiment {}", end.0))
        };
        Series::points(name, style, ends.iter().enumerate().map(of))
    };
    Some(Chart {
        id: format!("{id}final-and-best"),
        title: "Final models, and best epochs".to_owned(),
        caption,
        x: Axis::new("experiments by final score", [0.0, count + 1.0]),
        y: Axis::share("macro-F1"),
        series: vec![
            points("best epoch (optimistic)", 1, |end| end.2),
            points("final model", 0, |end| end.1),
        ],
    })
}

/// A value of each experiment at each epoch from 0 to `last`.
fn lines(
    experiments: &[&ExperimentRecords],
    last: u32,
    value: &dyn Fn(&Epoch) -> Option<f64>,
) -> Vec<Vec<Option<f64>>> {
    let line = |experiment: &&ExperimentRecords| {
        let mut line = vec![None; last as usize + 1];
        for epoch in &experiment.epochs {
            line[epoch.epoch as usize] = value(epoch).filter(|value| value.is_finite()).map(brief);
        }
        line
    };
    experiments.iter().map(line).collect()
}

/// Single lines, the middle half, and the median.
fn spread(series: &mut Vec<Series>, what: &Followed<'_>, lines: &[Vec<Option<f64>>]) {
    let epochs = lines.first().map_or(0, Vec::len);
    let x: Vec<f64> = (0..epochs).map(|epoch| epoch as f64).collect();
    let at = |epoch: usize| {
        let mut values: Vec<f64> = lines.iter().filter_map(|line| line[epoch]).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let style = what.style;
    if lines.len() > 1 {
        if lines.len() <= MOST_STRANDS {
            let shape = Shape::Strands { x: x.clone(), lines: lines.to_vec() };
            series.push(Series { name: String::new(), style, shape });
        }
        let middle = (0..epochs).map(|epoch| {
            let values = at(epoch);
            let ends =
                (values.len() > 1).then(|| (quantile(&values, 0.25), quantile(&values, 0.75)));
            (epoch as f64, ends)
        });
        series.push(Series::band("", style, middle));
    }
    let median = (0..epochs).map(|epoch| {
        let values = at(epoch);
        (epoch as f64, (!values.is_empty()).then(|| quantile(&values, 0.5)))
    });
    series.push(Series::line(what.name, style, median));
}

/// "labelled from 0.79 to 0.05"; `None` without a value.
fn in_words(name: &str, lines: &[Vec<Option<f64>>]) -> Option<String> {
    let median = |epoch: usize| {
        let mut values: Vec<f64> = lines.iter().filter_map(|line| line[epoch]).collect();
        values.sort_unstable_by(f64::total_cmp);
        (!values.is_empty()).then(|| quantile(&values, 0.5))
    };
    let known: Vec<f64> = (0..lines.first()?.len()).filter_map(median).collect();
    Some(format!("{name} from {} to {}", two(*known.first()?), two(*known.last()?)))
}

fn spread_in_words(experiments: usize) -> String {
    match experiments {
        1 => "One experiment:".to_owned(),
        n => format!("Median of {n} experiments, with the middle half shaded:"),
    }
}

/// The largest value that is drawn as a line or band.
fn highest(series: &[Series]) -> f64 {
    let of = |series: &Series| match &series.shape {
        Shape::Line { y, .. } => y.iter().flatten().copied().fold(0.0, f64::max),
        Shape::Band { high, .. } => high.iter().flatten().copied().fold(0.0, f64::max),
        Shape::Strands { lines, .. } => {
            // The highest tenth of single values is cut off rather than all else pressed flat.
            let mut all: Vec<f64> = lines.iter().flatten().flatten().copied().collect();
            all.sort_unstable_by(f64::total_cmp);
            if all.is_empty() { 0.0 } else { quantile(&all, 0.99) }
        }
        _ => 0.0,
    };
    series.iter().map(of).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_experiments_at_different_epochs_have_gaps() {
        let lines = vec![vec![Some(1.0), Some(2.0), Some(3.0)], vec![Some(3.0), None, None]];
        let mut series = Vec::new();
        let value = |_: &Epoch| None;
        spread(&mut series, &Followed { name: "a", style: 0, value: &value }, &lines);
        let Shape::Band { high, .. } = &series[1].shape else { panic!("a band") };
        assert_eq!(high, &[Some(2.5), None, None]);
        let Shape::Line { y, .. } = &series[2].shape else { panic!("a line") };
        assert_eq!(y, &[Some(2.0), Some(2.0), Some(3.0)]);
        assert_eq!(in_words("a", &lines).as_deref(), Some("a from 2.00 to 3.00"));
    }

    #[test]
    fn a_value_that_never_occurs_is_not_spoken_of() {
        assert_eq!(in_words("auc", &[vec![None, None]]), None);
        assert_eq!(in_words("auc", &[]), None);
    }
}
