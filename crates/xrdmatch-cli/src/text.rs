//! Values as text for people.

pub(crate) mod audit;
pub(crate) mod protocol;
pub(crate) mod yardstick;

use xrdmatch::metrics::{Evaluation, Metric};
use xrdmatch::run::{RunSummary, Spread};

/// "1 h 02 min", "3 min 20 s", "12 s", "0.4 s".
pub(crate) fn duration(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded for people"
    )]
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..=9 => format!("{seconds:.1} s"),
        10..=59 => format!("{whole} s"),
        60..=3599 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// "512 MB", "1.2 GB".
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// A metric's name for people.
pub(crate) fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::MacroF1 => "macro-F1",
        Metric::Auc => "AUC",
        Metric::AveragePrecision => "average precision",
        Metric::Brier => "Brier score",
        Metric::CalibrationError => "calibration error",
        other => other.name(),
    }
}

/// "0.7421", or a dash.
pub(crate) fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}

fn spread(name: &str, spread: Option<Spread>) -> String {
    match spread {
        Some(Spread { count, mean, sd, min, max }) if count > 1 => {
            format!("  {name:<34} {mean:.4} ± {sd:.4}   ({min:.4} to {max:.4}, n = {count})\n")
        }
        Some(Spread { mean, .. }) => format!("  {name:<34} {mean:.4}\n"),
        None => format!("  {name:<34} –\n"),
    }
}

/// The table at the end of a run.
pub(crate) fn summary(summary: &RunSummary) -> String {
    let mut text = String::new();
    let best = if summary.best_is_optimistic { "best F1 (optimistic)" } else { "best F1" };
    text.push_str(&format!(
        "{:>10}  {:>8}  {:>8}  {:>8}  {:>20}  {:>10}  {:>12}\n",
        "experiment", "macro-F1", "accuracy", "AUC", best, "at epoch", "time"
    ));
    for result in &summary.experiments {
        let evaluation = result.evaluation.as_ref();
        let best = result.best.map(|best| best.best);
        text.push_str(&format!(
            "{:>10}  {:>8}  {:>8}  {:>8}  {:>20}  {:>10}  {:>12}\n",
            result.experiment,
            number(evaluation.map(|evaluation| evaluation.macro_average.f1)),
            number(evaluation.map(|evaluation| evaluation.accuracy)),
            number(evaluation.and_then(|evaluation| evaluation.auc)),
            number(best.map(|best| best.macro_f1)),
            best.map_or_else(|| "–".to_owned(), |best| best.epoch.to_string()),
            duration(result.seconds),
        ));
    }
    text.push_str("\nfinal models on their evaluation rows (mean ± sd over experiments)\n");
    text.push_str(&spread("macro-F1", summary.macro_f1));
    text.push_str(&spread("accuracy", summary.accuracy));
    text.push_str(&spread("AUC", summary.auc));
    if summary.best_is_optimistic {
        text.push_str(&spread("best epoch's macro-F1, optimistic", summary.best_macro_f1));
        text.push_str(
            "optimistic: the best epoch was chosen by looking at the rows it is scored on\n",
        );
    } else {
        text.push_str(&spread("best epoch's macro-F1 on validation", summary.best_macro_f1));
    }
    if !summary.incomplete.is_empty() {
        let numbers: Vec<String> = summary.incomplete.iter().map(u32::to_string).collect();
        text.push_str(&format!("not complete: experiment {}\n", numbers.join(", ")));
    }
    text
}

/// An evaluation in full.
pub(crate) fn evaluation(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    let (all, weighted) = (evaluation.macro_average, evaluation.weighted_average);
    text.push_str(&format!(
        "samples {}  (per class: {})\n",
        evaluation.samples,
        counts(&evaluation.support)
    ));
    text.push_str(&format!("{:<18} {:.4}\n", "accuracy", evaluation.accuracy));
    text.push_str(&format!("{:<18} {:>9}  {:>6}  {:>6}\n", "", "precision", "recall", "F1"));
    for (name, scores) in [("macro", all), ("weighted", weighted)] {
        text.push_str(&format!(
            "{name:<18} {:>9.4}  {:>6.4}  {:>6.4}\n",
            scores.precision, scores.recall, scores.f1
        ));
    }
    for (class, scores) in evaluation.per_class.iter().enumerate() {
        let name = format!("class {class}");
        text.push_str(&format!(
            "{name:<18} {:>9.4}  {:>6.4}  {:>6.4}\n",
            scores.precision, scores.recall, scores.f1
        ));
    }
    text.push_str(&format!("{:<18} {}\n", "AUC", number(evaluation.auc)));
    text.push_str(&format!(
        "{:<18} {}\n",
        "average precision",
        number(evaluation.average_precision)
    ));
    text.push_str(&format!("{:<18} {:.4}\n", "Brier score", evaluation.brier));
    text.push_str("confusion matrix (rows: true class, columns: predicted)\n");
    for (class, row) in evaluation.confusion.counts().iter().enumerate() {
        text.push_str(&format!("  {class}: {}\n", counts(row)));
    }
    text
}

fn counts(counts: &[u64]) -> String {
    counts.iter().map(|count| format!("{count:>4}")).collect::<Vec<_>>().join(" ")
}
