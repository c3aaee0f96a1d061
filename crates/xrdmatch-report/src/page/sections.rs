//! The page's sections, from the summary to the settings.

use super::html::Html;
use crate::View;
use crate::chart::svg::escape;
use crate::chart::{Chart, Matrix, svg};
use crate::view::{
    BaselinesView, CompoundsView, DataView, ExperimentRow, Fact, FindingView, Headline,
    RankingView, RunView, counted,
};
use xrdmatch::audit::Severity;
use xrdmatch::metrics::Metric;
use xrdmatch::statistics::Interval;

pub(super) fn body(page: &mut Html, view: &View) {
    page.raw(
        "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<header class=\"top\"><div>",
    );
    page.raw("<p class=\"brand\"><svg viewBox=\"0 0 24 24\" width=\"22\" height=\"22\" aria-hidden=\"true\"><path d=\"M2 21h20M5 21v-6M9 21V9M12 21V3M16 21v-9M19 21v-4\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"2\" stroke-linecap=\"round\"/></svg>XRDMatch report</p>");
    page.element("h1", &view.title);
    page.element("p class=\"made\"", &format!("made {} by version {}", view.made, view.program));
    page.raw("</div><div class=\"tools\"><button type=\"button\" id=\"theme\" hidden>Theme: automatic</button></div></header>\n");
    navigation(page, view);
    page.raw("<main id=\"main\">\n");
    for run in &view.runs {
        if view.runs.len() > 1 {
            page.raw(&format!("<h2 class=\"run\" id=\"{}run\">", run.id))
                .text(&run.name)
                .raw("</h2>\n");
        }
        self::run(page, run);
    }
    if view.candidates.is_some() {
        candidates(page);
    }
    page.raw("</main>\n<footer><p>Intervals and bands are at 95 %, by resampling compounds. Class 0, superionic, is the positive class.</p></footer>\n");
}

/// Title and place of the sections of a run.
fn parts(run: &RunView) -> Vec<(&'static str, &'static str)> {
    let mut parts = vec![("summary", "Summary"), ("data", "Data")];
    if run.ranking.is_some() {
        parts.push(("ranking", "How well it ranks"));
    }
    if run.compounds.is_some() {
        parts.push(("compounds", "Compounds"));
    }
    if run.baselines.is_some() {
        parts.push(("baselines", "Baselines"));
    }
    parts.extend([("training", "Training"), ("settings", "Settings")]);
    parts
}

fn navigation(page: &mut Html, view: &View) {
    page.raw("<nav aria-label=\"Sections\"><ul>");
    for run in &view.runs {
        if view.runs.len() > 1 {
            page.raw("<li class=\"run\">").text(&run.name).raw("</li>");
        }
        for (id, title) in parts(run) {
            page.raw(&format!("<li><a href=\"#{}{id}\">", run.id)).text(title).raw("</a></li>");
        }
    }
    if view.candidates.is_some() {
        page.raw("<li><a href=\"#candidates\">Candidates</a></li>");
    }
    page.raw("</ul></nav>\n");
}

fn run(page: &mut Html, run: &RunView) {
    let id = &run.id;
    let open = |page: &mut Html, name: &str, title: &str| {
        page.raw(&format!(
            "<section id=\"{id}{name}\" aria-labelledby=\"{id}{name}-h\"><h2 id=\"{id}{name}-h\">"
        ));
        page.text(title).raw("</h2>\n");
    };
    open(page, "summary", "Summary");
    summary(page, run);
    page.raw("</section>\n");
    open(page, "data", "Data");
    data(page, &run.data);
    page.raw("</section>\n");
    if let Some(found) = &run.ranking {
        open(page, "ranking", "How well it ranks compounds it has not seen");
        ranking(page, found);
        page.raw("</section>\n");
    }
    if let Some(found) = &run.compounds {
        open(page, "compounds", "Every labelled compound");
        compounds(page, found);
        page.raw("</section>\n");
    }
    if let Some(found) = &run.baselines {
        open(page, "baselines", "Beside classical models");
        baselines(page, found);
        page.raw("</section>\n");
    }
    open(page, "training", "Training");
    training(page, run);
    page.raw("</section>\n");
    open(page, "settings", "Settings, seeds and fingerprints");
    settings(page, &run.settings);
    page.raw("</section>\n");
}

fn summary(page: &mut Html, run: &RunView) {
    page.raw("<div class=\"headlines\">");
    for headline in &run.headlines {
        card(page, headline);
    }
    page.raw("</div>\n");
    if !run.warnings.is_empty() {
        page.raw(
            "<aside class=\"warnings\" aria-label=\"Cautions\"><h3>Before you believe it</h3><ul>",
        );
        run.warnings.iter().for_each(|warning| {
            page.element("li", warning);
        });
        page.raw("</ul></aside>\n");
    }
    page.raw("<div class=\"prose\">");
    for sentence in &run.sentences {
        page.element("p", sentence);
    }
    page.raw("</div>\n");
}

fn card(page: &mut Html, headline: &Headline) {
    let class = if headline.optimistic { "card optimistic" } else { "card" };
    page.raw(&format!("<div class=\"{class}\">"));
    page.element("h3", &headline.name);
    page.element("p class=\"value\"", &number(Some(headline.value)));
    if headline.optimistic {
        page.raw("<p class=\"tag\">optimistic</p>");
    }
    if let Some([low, high]) = headline.interval {
        page.element(
            "p class=\"ends\"",
            &format!("95 % interval {} to {}", number(Some(low)), number(Some(high))),
        );
        bar(page, headline.value, low, high, headline.reference);
    }
    if let Some(reference) = headline.reference {
        page.element(
            "p class=\"reference\"",
            &format!("{}: {}", headline.reference_name, number(Some(reference))),
        );
    }
    page.element("p class=\"note\"", &headline.note);
    page.raw("</div>");
}

/// An interval drawn on the way from 0 to 1, with what no skill would give.
fn bar(page: &mut Html, value: f64, low: f64, high: f64, reference: Option<f64>) {
    let x = |value: f64| 2.0 + 196.0 * value.clamp(0.0, 1.0);
    let mark = reference
        .map_or_else(String::new, |at| format!("<path class=\"none\" d=\"M{:.1} 2v16\"/>", x(at)));
    page.raw(&format!(
        "<svg class=\"bar\" viewBox=\"0 0 200 20\" aria-hidden=\"true\"><path class=\"way\" d=\"M2 10h196\"/>\
         <path class=\"interval\" d=\"M{:.1} 10H{:.1}\"/>{mark}<circle cx=\"{:.1}\" cy=\"10\" r=\"5\"/></svg>",
        x(low),
        x(high),
        x(value)
    ));
}

fn data(page: &mut Html, data: &DataView) {
    facts(page, &data.facts);
    if !data.findings.is_empty() {
        let count = |severity| data.findings.iter().filter(|f| f.severity == severity).count();
        page.element(
            "p",
            &format!(
                "The audit of the labelled file has {} alarms, {} warnings and {} notes.",
                count(Severity::Alarm),
                count(Severity::Warning),
                count(Severity::Note)
            ),
        );
        grouped(page, &data.findings);
    }
    page.element("p class=\"note\"", &data.note);
}

/// The findings, those of one kind together; of a kind with many, the first two are open.
fn grouped(page: &mut Html, findings: &[FindingView]) {
    const OPEN: usize = 2;
    let mut kinds: Vec<&str> = Vec::new();
    for finding in findings {
        if !kinds.contains(&finding.kind.as_str()) {
            kinds.push(&finding.kind);
        }
    }
    for kind in kinds {
        let own: Vec<&FindingView> = findings.iter().filter(|f| f.kind == kind).collect();
        let (open, folded) = own.split_at(if own.len() > OPEN + 1 { OPEN } else { own.len() });
        page.raw("<ul class=\"findings\">");
        open.iter().for_each(|finding| self::finding(page, finding));
        page.raw("</ul>");
        if !folded.is_empty() {
            page.raw("<details class=\"more\"><summary>");
            page.text(&format!("{} more: {}", folded.len(), kind.replace('_', " ")));
            page.raw("</summary><ul class=\"findings\">");
            folded.iter().for_each(|finding| self::finding(page, finding));
            page.raw("</ul></details>");
        }
    }
}

fn finding(page: &mut Html, finding: &FindingView) {
    let severity = match finding.severity {
        Severity::Alarm => "alarm",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    page.raw(&format!("<li class=\"{severity}\">"));
    page.element("strong", severity).raw(" ");
    page.element("span class=\"kind\"", &finding.kind.replace('_', " ")).raw(" ");
    if !finding.samples.is_empty() {
        let shown =
            finding.samples.iter().take(6).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = finding.samples.len().saturating_sub(6);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        page.element("code", &format!("{shown}{more}")).raw(": ");
    }
    page.text(&finding.verdict).raw("</li>");
}

fn ranking(page: &mut Html, ranking: &RankingView) {
    page.element(
        "p class=\"lead\"",
        &format!(
            "Out of bag: each of {} is judged by the mean of those of {} that never trained on it.",
            counted(ranking.scored.len(), "compound"),
            counted(ranking.members, "model")
        ),
    );
    page.raw("<div class=\"figures\">");
    ranking.charts.iter().for_each(|chart| figure(page, chart));
    ranking.matrices.iter().for_each(|matrix| self::matrix(page, matrix));
    page.raw("<div><h4>All metrics of the out-of-bag ensemble</h4>");
    page.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Metrics\"><table><thead><tr><th scope=\"col\">metric</th><th scope=\"col\" class=\"num\">value</th><th scope=\"col\">95 % interval</th><th scope=\"col\">better</th></tr></thead><tbody>");
    for (metric, interval) in &ranking.metrics {
        page.raw("<tr>").element("th scope=\"row\"", metric_name(*metric));
        page.element("td class=\"num\"", &number(Some(interval.estimate)));
        page.element("td", &ends(interval));
        page.element("td", if metric.larger_is_better() { "larger" } else { "smaller" });
        page.raw("</tr>");
    }
    page.raw("</tbody></table></div></div></div>\n");
}

fn matrix(page: &mut Html, matrix: &Matrix) {
    page.raw("<figure class=\"matrix\">");
    page.element("h4", &matrix.title);
    page.raw("<table class=\"confusion\"><thead><tr><td></td><th scope=\"colgroup\" colspan=\"");
    page.raw(&matrix.classes.len().to_string())
        .raw("\">predicted</th></tr><tr><th scope=\"col\">true</th>");
    matrix.classes.iter().for_each(|class| {
        page.element("th scope=\"col\"", class);
    });
    page.raw("</tr></thead><tbody>");
    for ((class, counts), shares) in matrix.classes.iter().zip(&matrix.counts).zip(&matrix.shares) {
        page.raw("<tr>").element("th scope=\"row\"", class);
        for (count, share) in counts.iter().zip(shares) {
            let ink = if *share > 0.5 { " class=\"deep\"" } else { "" };
            page.raw(&format!(
                "<td style=\"--share:{share:.3}\"{ink}><b>{:.0} %</b> <span>{count}</span></td>",
                100.0 * share
            ));
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table>").element("figcaption", &matrix.caption).raw("</figure>\n");
}

/// A chart: drawn here for print and for pages without scripts.
fn figure(page: &mut Html, chart: &Chart) {
    page.raw(&format!("<figure class=\"chart\" data-chart=\"{}\">", escape(&chart.id)));
    page.element("h4", &chart.title);
    page.raw("<div class=\"static\">").raw(&svg::draw(chart)).raw("</div>");
    page.element("figcaption", &chart.caption).raw("</figure>\n");
}

fn compounds(page: &mut Html, compounds: &CompoundsView) {
    page.raw("<div class=\"figures wide\">");
    compounds.chart.iter().for_each(|chart| figure(page, chart));
    page.raw("</div>");
    compounds.note.iter().for_each(|note| {
        page.element("p class=\"note\"", note);
    });
    page.raw("<details><summary>")
        .text(&format!("Table of the {} compounds", compounds.rows.len()));
    page.raw("</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Compounds\"><table class=\"sortable\"><thead><tr>");
    head(
        page,
        &[
            ("name", false),
            ("formula", false),
            ("conductivity / S/cm", true),
            ("label", false),
            ("probability", true),
            ("between models ±", true),
            ("judges", true),
        ],
    );
    page.raw("</tr></thead><tbody>");
    for row in &compounds.rows {
        let scored = &row.scored;
        let wrong = (scored.probability > 0.5) != (scored.truth == 0);
        page.raw(if wrong { "<tr class=\"wrong\">" } else { "<tr>" });
        page.element("th scope=\"row\"", &scored.name);
        page.element("td", row.formula.as_deref().unwrap_or("–"));
        let sigma = row.conductivity.map_or_else(|| "–".to_owned(), |sigma| format!("{sigma:.1e}"));
        page.element("td class=\"num\"", &sigma);
        let label = if scored.truth == 0 { "superionic" } else { "not" };
        page.element("td", &if wrong { format!("{label}, missed") } else { label.to_owned() });
        page.element("td class=\"num\"", &number(Some(scored.probability)));
        page.element("td class=\"num\"", &number(Some(scored.sd)));
        page.element("td class=\"num\"", &scored.judges.to_string());
        page.raw("</tr>");
    }
    page.raw("</tbody></table></div></details>\n");
}

fn head(page: &mut Html, columns: &[(&str, bool)]) {
    for (name, numeric) in columns {
        page.element(
            if *numeric { "th scope=\"col\" class=\"num\"" } else { "th scope=\"col\"" },
            name,
        );
    }
}

fn baselines(page: &mut Html, baselines: &BaselinesView) {
    page.raw("<div class=\"figures wide\">");
    figure(page, &baselines.chart);
    page.raw("</div><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Baselines\"><table><thead><tr>");
    head(
        page,
        &[
            ("model", false),
            ("out-of-bag AUC", true),
            ("95 % interval", false),
            ("out-of-bag macro-F1", true),
            ("95 % interval", false),
            ("single AUC", true),
            ("single macro-F1", true),
        ],
    );
    page.raw("</tr></thead><tbody>");
    for row in &baselines.rows {
        page.raw(if row.is_run { "<tr class=\"own\">" } else { "<tr>" });
        page.element("th scope=\"row\"", &row.name);
        for interval in [row.auc, row.macro_f1] {
            page.element("td class=\"num\"", &number(interval.map(|interval| interval.estimate)));
            page.element("td", &interval.as_ref().map_or_else(|| "–".to_owned(), ends));
        }
        for spread in [row.single_auc, row.single_macro_f1] {
            let text = spread.map_or_else(
                || "–".to_owned(),
                |spread| match spread.count {
                    1 => format!("{:.2}", spread.mean),
                    _ => format!("{:.2} ± {:.2}", spread.mean, spread.sd),
                },
            );
            page.element("td class=\"num\"", &text);
        }
        page.raw("</tr>");
    }
    page.raw("</tbody></table></div>").element("p class=\"note\"", &baselines.note).raw("\n");
}

fn training(page: &mut Html, run: &RunView) {
    page.raw("<div class=\"figures\">");
    run.training.iter().for_each(|chart| figure(page, chart));
    page.raw("</div><details><summary>").text(&match run.experiments.len() {
        1 => "Table of the one experiment".to_owned(),
        n => format!("Table of the {n} experiments"),
    });
    page.raw("</summary><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Experiments\"><table class=\"sortable\"><thead><tr>");
    head(
        page,
        &[
            ("experiment", true),
            ("state", false),
            ("macro-F1", true),
            ("AUC", true),
            ("accuracy", true),
            ("held out, macro-F1", true),
            ("best epoch, macro-F1 (optimistic)", true),
            ("at epoch", true),
            ("time / s", true),
        ],
    );
    page.raw("</tr></thead><tbody>");
    for row in &run.experiments {
        let ExperimentRow { experiment, state, best_epoch, seconds, .. } = row;
        page.raw("<tr>").element("th scope=\"row\" class=\"num\"", &experiment.to_string());
        page.element("td", state);
        for value in [row.macro_f1, row.auc, row.accuracy, row.held_out_macro_f1, row.best_macro_f1]
        {
            page.element("td class=\"num\"", &number(value));
        }
        let dash = || "–".to_owned();
        page.element("td class=\"num\"", &best_epoch.map_or_else(dash, |epoch| epoch.to_string()));
        page.element(
            "td class=\"num\"",
            &seconds.map_or_else(dash, |seconds| format!("{seconds:.0}")),
        );
        page.raw("</tr>");
    }
    page.raw("</tbody></table></div></details>\n");
}

fn settings(page: &mut Html, settings: &[Fact]) {
    // What identifies the run is open; the long list is folded.
    let place =
        settings.iter().position(|fact| fact.name.contains("seed") || fact.name.contains('.'));
    let (first, rest) = settings.split_at(place.unwrap_or(settings.len()));
    facts(page, first);
    let (changed, usual): (Vec<_>, Vec<_>) =
        rest.iter().cloned().partition(|f| f.default.is_some() || f.name == "seed");
    page.raw("<h3>Seed, and settings that are not the program's defaults</h3>");
    facts(page, &changed);
    if !usual.is_empty() {
        page.raw("<details><summary>").text(&format!("{} settings at their defaults", usual.len()));
        page.raw("</summary>");
        facts(page, &usual);
        page.raw("</details>");
    }
}

fn facts(page: &mut Html, facts: &[Fact]) {
    page.raw("<dl>");
    for fact in facts {
        page.raw("<div>").element("dt", &fact.name).raw("<dd>").text(&fact.value);
        if let Some(default) = &fact.default {
            page.raw(" ").element("span class=\"note\"", &format!("(default {default})"));
        }
        page.raw("</dd></div>");
    }
    page.raw("</dl>\n");
}

fn candidates(page: &mut Html) {
    page.raw("<section id=\"candidates\" aria-labelledby=\"candidates-h\"><h2 id=\"candidates-h\">Candidates</h2>\n<div id=\"candidates-body\"><p class=\"note\">The table of candidates needs scripts.</p></div></section>\n");
}

/// A metric as people write it.
fn metric_name(metric: Metric) -> &'static str {
    match metric {
        Metric::Accuracy => "accuracy",
        Metric::MacroPrecision => "macro precision",
        Metric::MacroRecall => "macro recall",
        Metric::MacroF1 => "macro-F1",
        Metric::WeightedF1 => "weighted F1",
        Metric::Auc => "AUC",
        Metric::AveragePrecision => "average precision",
        Metric::Brier => "Brier score",
        Metric::LogLoss => "log loss",
        Metric::CalibrationError => "calibration error",
    }
}

/// "0.84", or a dash.
fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), crate::view::two)
}

fn ends(interval: &Interval) -> String {
    format!("{} to {}", crate::view::two(interval.lower), crate::view::two(interval.upper))
}
