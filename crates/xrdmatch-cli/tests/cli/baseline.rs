//! Classical models on drawn splits, files of splits and cross-validations.

use crate::fixture::{Fixture, stderr, stdout};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

const QUICK: [&str; 8] =
    ["baseline", "--labeled", "lbs.csv", "--trees", "30", "--replicates", "60", "-q"];

fn of(fixture: &Fixture, more: &[&str]) -> serde_json::Value {
    json(&stdout(&fixture.ok(&[&QUICK[..], more, &["--json"]].concat())))
}

fn macro_f1(standing: &serde_json::Value) -> f64 {
    assert_eq!(standing["scores"][0]["metric"], "macro_f1");
    standing["scores"][0]["over_experiments"]["mean"].as_f64().expect("a mean")
}

#[test]
fn five_models_see_the_patterns_in_two_ways() {
    let fixture = Fixture::new();
    let found = of(&fixture, &["--experiments", "0..3"]);
    let standings = found["standings"].as_array().expect("standings");
    assert_eq!((found["experiments"].as_u64(), standings.len()), (Some(3), 10));
    assert_eq!((found["labeled"].as_f64(), found["evaluation"].as_f64()), (Some(20.0), Some(34.0)));
    let best = standings.iter().map(macro_f1).fold(0.0, f64::max);
    assert!(best > 0.75, "the classes are easily told apart, yet the best model has {best}");
    for standing in standings {
        let scores = standing["scores"].as_array().expect("scores");
        assert_eq!(scores.len(), 5);
        for score in scores {
            let interval = &score["interval"];
            let end = |name: &str| interval[name].as_f64().expect("an end");
            assert!(end("lower") <= end("upper") && end("lower") >= 0.0);
        }
    }
    assert_eq!(found, of(&fixture, &["--experiments", "0..3"]), "the same seed, the same numbers");
    let text = stdout(&fixture.ok(&[&QUICK[..], &["--experiments", "0..2"]].concat()));
    assert!(text.contains("random forest") && text.contains("raw sticks") && text.contains('['));
}

#[test]
fn cross_validation_repeats_and_nests() {
    let fixture = Fixture::new();
    let found = of(&fixture, &["--cv", "3x2"]);
    assert_eq!(
        (found["experiments"].as_u64(), found["evaluation"].as_f64()),
        (Some(6), Some(18.0))
    );
    assert_eq!(found["nested"], false);
    let found = of(&fixture, &["--cv", "3", "--nested", "2", "--split", "grouped"]);
    assert_eq!((found["experiments"].as_u64(), found["nested"].as_bool()), (Some(3), Some(true)));
}

#[test]
fn splits_come_from_a_file() {
    let fixture = Fixture::new();
    let names = |rows: std::ops::Range<u32>| {
        let quoted: Vec<String> = rows.map(|row| format!("\"l{row}\"")).collect();
        quoted.join(",")
    };
    let file = |labeled: &str| {
        format!(
            "{{\"experiments\": [{{\"experiment\": 4, \"labeled\": [{labeled}], \"evaluation\": [{}]}}]}}",
            names(20..30)
        )
    };
    fixture.write("s.json", &file(&format!("{},{}", names(0..5), names(40..45))));
    let found = of(&fixture, &["--splits", "s.json"]);
    assert_eq!((found["labeled"].as_f64(), found["evaluation"].as_f64()), (Some(10.0), Some(10.0)));
    fixture.write("s.json", &file("\"nobody\""));
    let text = fixture.fails(3, &[&QUICK[..], &["--splits", "s.json"]].concat());
    assert!(text.contains("nobody"), "{text}");
    fixture.write("s.json", &file(&names(0..5)));
    let text = fixture.fails(3, &[&QUICK[..], &["--splits", "s.json"]].concat());
    assert!(text.contains("label 1"), "{text}");
    let text =
        fixture.fails(3, &[&QUICK[..], &["--splits", "s.json", "--experiments", "9"]].concat());
    assert!(text.contains("no experiment 9"), "{text}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let fixture = Fixture::new();
    let fails = |code, more: &[&str]| fixture.fails(code, &[&QUICK[..], more].concat());
    let text = fails(3, &["--cv", "25"]);
    assert!(text.contains("24 samples of label 0") && text.contains("25 folds"), "{text}");
    let text = fails(3, &["--cv", "12", "--nested", "24"]);
    assert!(text.contains("24 folds"), "{text}");
    let text = fails(3, &["--labeled-per-class", "40"]);
    assert!(text.contains("24"), "{text}");
    let one_class: String = fixture
        .read("lbs.csv")
        .lines()
        .enumerate()
        .filter(|(line, _)| *line == 0 || *line > 24)
        .map(|(_, text)| format!("{text}\n"))
        .collect();
    fixture.write("one.csv", &one_class);
    for more in [&["--cv", "3"][..], &["--experiments", "0"]] {
        let text =
            fixture.fails(3, &[&["baseline", "--labeled", "one.csv", "-q"][..], more].concat());
        assert!(text.contains("label 0") && text.contains("one.csv"), "{text}");
    }
    fixture.fails(3, &["baseline", "--labeled", "ulbs.csv"]);
    fixture.fails(3, &["baseline", "--labeled", "absent.csv"]);
    for more in [&["--cv", "1"][..], &["--cv", "x"], &["--nested", "2"], &["--trees", "0"]] {
        let output = fixture.run(&[&QUICK[..], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", stderr(&output));
    }
}
