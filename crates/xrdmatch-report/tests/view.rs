//! The view of whole runs, and what is drawn from it.

#[path = "../examples/synthetic_run.rs"]
#[expect(dead_code, reason = "the example's own beginning is not needed here")]
mod synthetic_run;

use std::path::Path;

use xrdmatch::run::Run;
use xrdmatch_report::candidates::Candidates;
use xrdmatch_report::{Labeled, Records, ReportError, View, ViewSettings, figures, page};

fn invented(experiments: usize) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    synthetic_run::invent(directory.path(), experiments, 4, 60).expect("invented");
    directory
}

fn read(directory: &Path) -> Records {
    Records::read(&Run::open(&directory.join("run")).expect("a run")).expect("records")
}

fn settings() -> ViewSettings {
    ViewSettings { replicates: 60, made: "now".into(), ..ViewSettings::default() }
}

#[test]
fn no_compound_is_judged_by_a_model_that_trained_on_it() {
    let directory = invented(5);
    let records = read(directory.path());
    let view = View::of(std::slice::from_ref(&records), &settings()).expect("a view");
    let ranking = view.runs[0].ranking.as_ref().expect("complete experiments");
    assert!(ranking.scored.len() > 80);
    for scored in &ranking.scored {
        let judges: Vec<f64> = records
            .experiments
            .iter()
            .filter(|e| !e.split.labeled.contains(&scored.name))
            .map(|e| {
                let predictions = e.predictions.as_ref().expect("complete");
                let row = predictions.iter().find(|row| row.name == scored.name);
                row.expect("predicted").probabilities[0]
            })
            .collect();
        assert_eq!(scored.judges, judges.len(), "{}", scored.name);
        let mean = judges.iter().sum::<f64>() / judges.len() as f64;
        assert!((scored.probability - mean).abs() < 1e-4, "{}", scored.name);
    }
}

#[test]
fn the_page_holds_every_section_and_asks_nothing_of_other_hosts() {
    let directory = invented(3);
    let records = read(directory.path());
    let candidates = Candidates::read(&directory.path().join("candidates.csv"), 20).expect("read");
    let view = View::of(std::slice::from_ref(&records), &settings())
        .expect("a view")
        .with_candidates(candidates, None, records.dataset())
        .expect("candidates");
    let html = page::write(&view);
    for id in [
        "summary",
        "data",
        "ranking",
        "compounds",
        "baselines",
        "training",
        "settings",
        "candidates",
    ] {
        assert!(html.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
    assert!(html.contains("optimistic"), "a best epoch is called what it is");
    for pattern in [" src=\"", "href=\"http", "url(http", "@import"] {
        assert!(!html.contains(pattern), "{pattern}");
    }
    assert!(html.contains("default-src 'none'"));
    let count = view.charts().count();
    assert!(count >= 10, "{count} charts");
    assert_eq!(html.matches("data-chart=").count(), count);
    let mut ids: Vec<&str> = view.charts().map(|chart| chart.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "every chart has a name of its own");
    let json = serde_json::to_string(&view).expect("a view is JSON");
    assert!(!json.contains("NaN"));
    assert_eq!(serde_json::from_str::<View>(&json).expect("read").runs[0].name, "run");
}

#[test]
fn two_runs_share_a_page_without_sharing_names() {
    let (first, second) = (invented(2), invented(3));
    let records = [read(first.path()), read(second.path())];
    let settings = ViewSettings { baselines: false, ..settings() };
    let view = View::of(&records, &settings).expect("a view");
    let html = page::write(&view);
    assert!(html.contains("id=\"summary\"") && html.contains("id=\"run2-summary\""));
    let mut ids: Vec<&str> = view.charts().map(|chart| chart.id.as_str()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn every_figure_is_written_as_svg_and_png() {
    let directory = invented(2);
    let view = View::of(&[read(directory.path())], &settings()).expect("a view");
    let figures = directory.path().join("figures");
    let written = match figures::write(&view, &figures) {
        Err(ReportError::NoFonts) => {
            eprintln!("NOT RUN: every_figure_is_written_as_svg_and_png: this machine has no fonts");
            return;
        }
        other => other.expect("written"),
    };
    assert_eq!(written.len(), 2 * (view.charts().count() + view.matrices().count()));
    for path in written {
        let bytes = std::fs::read(&path).expect("a file");
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("png") => {
                assert!(bytes.starts_with(b"\x89PNG\r\n") && bytes.len() > 5000, "{path:?}");
            }
            _ => assert!(bytes.starts_with(b"<svg ") && bytes.ends_with(b"</svg>"), "{path:?}"),
        }
    }
}

#[test]
fn what_is_incomplete_or_gone_is_said_and_no_error() {
    let directory = invented(3);
    std::fs::remove_file(directory.path().join("run/exp_001/result.json")).expect("removed");
    std::fs::remove_file(directory.path().join("labeled.csv")).expect("removed");
    let records = read(directory.path());
    assert!(matches!(&records.labeled, Labeled::Absent(why) if why.contains("no longer there")));
    let view = View::of(&[records], &settings()).expect("a view");
    let run = &view.runs[0];
    assert!(
        run.warnings.iter().any(|warning| warning.starts_with("1 of 3 experiments")),
        "{:?}",
        run.warnings
    );
    assert!(run.baselines.is_none() && run.data.note.contains("no longer there"));
    let compounds = run.compounds.as_ref().expect("still judged");
    assert!(compounds.chart.is_none() && compounds.note.is_some());
    assert_eq!(run.experiments[1].state, "epoch 4 of 4");
    assert!(page::write(&view).contains("</html>"));
}

#[test]
fn a_run_without_a_complete_experiment_shows_its_training() {
    let directory = invented(1);
    for name in ["result.json", "predictions.csv"] {
        std::fs::remove_file(directory.path().join("run/exp_000").join(name)).expect("removed");
    }
    let view = View::of(&[read(directory.path())], &settings()).expect("a view");
    assert!(view.runs[0].ranking.is_none() && view.runs[0].headlines.is_empty());
    assert!(view.runs[0].training.len() >= 5);
    assert!(page::write(&view).contains("</html>"));
    std::fs::remove_dir_all(directory.path().join("run/exp_000")).expect("removed");
    let run = Run::open(&directory.path().join("run")).expect("a run");
    assert!(matches!(Records::read(&run), Err(ReportError::NoExperiments { .. })));
}
