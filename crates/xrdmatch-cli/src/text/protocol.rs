//! The report over all experiments as text.

use xrdmatch::calibrate::CalibrationMethod;
use xrdmatch::protocol::{Against, Ensembles, PriorReport, Protocol};
use xrdmatch::statistics::{Interval, Summary};

use super::{metric_name, number};

/// The report.
pub(crate) fn protocol(protocol: &Protocol) -> String {
    let mut text = format!(
        "{} experiment{}, each trained on {:.0} rows and judged on {:.0} ({} compounds in all)\n",
        protocol.experiments.len(),
        if protocol.experiments.len() == 1 { "" } else { "s" },
        protocol.labeled,
        protocol.evaluation,
        protocol.compounds,
    );
    if !protocol.incomplete.is_empty() {
        text.push_str(&format!("left out, not complete: {:?}\n", protocol.incomplete));
    }
    let best = match (protocol.metrics.iter().any(|m| m.best_epoch.is_some()), protocol) {
        (false, _) => "",
        (true, protocol) if protocol.best_epoch_is_optimistic => "OPTIMISTIC: best epoch",
        (true, _) => "best epoch on validation",
    };
    text.push_str(&format!(
        "\nsingle models\n{:<20} {:>17}  {:>16}  {:>17}  {best:>24}\n",
        "", "evaluation rows", "95 % interval", "held-out rows"
    ));
    for report in &protocol.metrics {
        let score = report.evaluation;
        text.push_str(&format!(
            "{:<20} {:>17}  {:>16}  {:>17}  {:>24}\n",
            metric_name(report.metric),
            spread(score.map(|score| score.over_experiments)),
            interval(score.and_then(|score| score.interval)),
            spread(report.held_out),
            if best.is_empty() { String::new() } else { spread(report.best_epoch) },
        ));
    }
    if protocol.best_epoch_is_optimistic {
        text.push_str(
            "the best epoch was chosen by looking at the evaluation rows: no result, only a bound\n",
        );
    }
    text.push_str(&ensembles(&protocol.ensembles));
    text.push_str(&calibration(protocol));
    text
}

fn ensembles(ensembles: &Ensembles) -> String {
    let mut text = format!(
        "\nensembles of {} members; out of bag, each of {} rows is judged by the members that never\n\
         trained on it ({:.1} in the mean, {} at least{})\n",
        ensembles.members,
        ensembles.samples,
        ensembles.mean_judges,
        ensembles.fewest_judges,
        match ensembles.unjudged.len() {
            0 => String::new(),
            rows => format!("; {rows} more rows all members trained on"),
        }
    );
    let selected = match ensembles.selected {
        Some(count) => format!("{count} best members"),
        None => String::new(),
    };
    text.push_str(&format!("{:<20} {:>10}  {:>16}  | OPTIMISTIC:\n", "", "", ""));
    text.push_str(&format!(
        "{:<20} {:>10}  {:>16}  | {:>18}  {selected:>15}\n",
        "", "out of bag", "95 % interval", "with training rows"
    ));
    for ensemble in &ensembles.combinations {
        text.push_str(&format!("{}\n", ensemble.combination));
        for score in &ensemble.scores {
            let best =
                score.selected_members.map(|value| format!("{value:.3}")).unwrap_or_default();
            text.push_str(&format!(
                "  {:<18} {:>10}  {:>16}  | {:>18}  {best:>15}\n",
                metric_name(score.metric),
                three(score.out_of_bag),
                interval(score.interval),
                three(score.with_training_rows),
            ));
        }
    }
    if let Some(reason) = &ensembles.not_stacked {
        text.push_str(&format!("not stacked: {reason}\n"));
    }
    text
}

fn calibration(protocol: &Protocol) -> String {
    let mut text = format!(
        "\ncalibration of the out-of-bag mean, by cross-fitting\n{:<20} {:>10}  {:>17}  {:>10}  {:>10}  {:>15}\n",
        "", "Brier", "calibration error", "log loss", "macro-F1", "called positive"
    );
    for row in &protocol.calibration {
        let name = match row.method {
            None => "as it is",
            Some(CalibrationMethod::Temperature) => "temperature",
            Some(CalibrationMethod::Platt) => "Platt",
            Some(CalibrationMethod::Isotonic) => "isotonic",
        };
        text.push_str(&format!(
            "{name:<20} {:>10.4}  {:>17.4}  {:>10.4}  {:>10.4}  {:>15}\n",
            row.brier, row.calibration_error, row.log_loss, row.macro_f1, row.called_positive
        ));
    }
    if let Some(reason) = &protocol.not_calibrated {
        text.push_str(&format!("not calibrated: {reason}\n"));
    }
    text
}

/// The effect of another share of positives.
pub(crate) fn prior(report: &PriorReport) -> String {
    let mut text = format!("\ncorrected to a share of {:.4} positives", report.share);
    if let Some(pool) = &report.estimated {
        text.push_str(&format!(
            ", estimated from {} rows of {}\n(95 % interval [{:.4}, {:.4}]: of the rows alone; the calibration's own error is not in it)",
            pool.rows,
            pool.pool.display(),
            pool.share.lower,
            pool.share.upper
        ));
    }
    text.push_str(&format!(
        "\n{:<20} {:>10}  {:>18}  {:>16}  {:>18}\n",
        "", "held for", "mean probability", "called positive", "Brier at the share"
    ));
    for effect in &report.effects {
        let [p, q] = effect.mean_probability;
        let [called, calls] = effect.called_positive;
        let [before, after] = effect.brier_at_share;
        text.push_str(&format!(
            "{:<20} {:>10.4}  {:>18}  {:>16}  {:>18}\n",
            effect.of,
            effect.from,
            format!("{p:.4} → {q:.4}"),
            format!("{called} → {calls}"),
            format!("{before:.4} → {after:.4}")
        ));
    }
    text
}

/// Two runs on the same splits.
pub(crate) fn against(against: &Against, other: &str) -> String {
    let mut text = format!(
        "\nthis run less {other}, on {} experiment{} of the same splits\n{:<20} {:>19}  {:>18}  {:>20}  {:>17}\n",
        against.experiments.len(),
        if against.experiments.len() == 1 { "" } else { "s" },
        "",
        "difference",
        "95 %, compounds",
        "95 %, training sets",
        "better/same/worse"
    );
    for row in &against.comparisons {
        let signed =
            |interval: Interval| format!("[{:+.3}, {:+.3}]", interval.lower, interval.upper);
        text.push_str(&format!(
            "{:<20} {:>19}  {:>18}  {:>20}  {:>17}\n",
            metric_name(row.metric),
            format!("{:+.4} ± {:.4}", row.differences.mean, row.differences.sd),
            signed(row.interval),
            row.over_splits.map_or_else(|| "–".to_owned(), signed),
            format!("{}/{}/{}", row.wins, row.ties, row.losses)
        ));
    }
    if against.left_out > 0 {
        text.push_str(&format!(
            "{} experiments that only one run has are left out\n",
            against.left_out
        ));
    }
    text
}

fn spread(summary: Option<Summary>) -> String {
    match summary {
        Some(Summary { count: 1, mean, .. }) => format!("{mean:.4}"),
        Some(Summary { mean, sd, .. }) => format!("{mean:.4} ± {sd:.4}"),
        None => number(None),
    }
}

fn three(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn interval(interval: Option<Interval>) -> String {
    interval.map_or_else(
        || "–".to_owned(),
        |interval| format!("[{:.3}, {:.3}]", interval.lower, interval.upper),
    )
}
