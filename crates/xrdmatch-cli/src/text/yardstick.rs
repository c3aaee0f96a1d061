//! Classical models as a table.

use xrdmatch::metrics::Metric;
use xrdmatch::yardstick::{Score, Standing, Yardstick};

use super::metric_name;

/// All models with all metrics.
pub(crate) fn yardstick(yardstick: &Yardstick) -> String {
    let mut text = format!(
        "classical models on {} split{}, trained on {:.0} rows and judged on {:.0} each{}\n",
        yardstick.experiments,
        if yardstick.experiments == 1 { "" } else { "s" },
        yardstick.labeled,
        yardstick.evaluation,
        if yardstick.nested { "; settings chosen by inner splits" } else { "" },
    );
    for features in xrdmatch::yardstick::Features::ALL {
        text.push_str(&format!("\n{}\n{:<24}", features.name(), ""));
        for metric in Score::METRICS {
            text.push_str(&format!("  {:>21}", metric_name(metric)));
        }
        text.push('\n');
        for standing in yardstick.standings.iter().filter(|s| s.features == features) {
            text.push_str(&format!("{:<24}", standing.model));
            for metric in Score::METRICS {
                text.push_str(&format!("  {:>21}", cell(standing.score(metric))));
            }
            text.push('\n');
        }
    }
    text.push_str("\nmeans over splits with 95 % intervals by resampling compounds\n");
    text
}

/// The best few beside a run's own result.
pub(crate) fn brief(yardstick: &Yardstick) -> String {
    const SHOWN: usize = 3;
    let mean = |standing: &Standing| {
        let score = standing.score(Metric::MacroF1);
        score.map_or(f64::NEG_INFINITY, |score| score.over_experiments.mean)
    };
    let mut ranked: Vec<&Standing> = yardstick.standings.iter().collect();
    ranked.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    let mut text = format!(
        "\nclassical models on the same splits (the best {} of {}, chosen on these very rows)\n",
        SHOWN.min(ranked.len()),
        ranked.len()
    );
    text.push_str(&format!("  {:<44} {:>21}  {:>21}\n", "", "macro-F1", "AUC"));
    for standing in ranked.into_iter().take(SHOWN) {
        let name = format!("{}, {}", standing.model, standing.features.name());
        text.push_str(&format!(
            "  {name:<44} {:>21}  {:>21}\n",
            cell(standing.score(Metric::MacroF1)),
            cell(standing.score(Metric::Auc))
        ));
    }
    text
}

fn cell(score: Option<&Score>) -> String {
    match score {
        None => "–".to_owned(),
        Some(Score { over_experiments, interval: None, .. }) => {
            format!("{:.3}", over_experiments.mean)
        }
        Some(Score { over_experiments, interval: Some(interval), .. }) => {
            format!("{:.3} [{:.3}, {:.3}]", over_experiments.mean, interval.lower, interval.upper)
        }
    }
}
