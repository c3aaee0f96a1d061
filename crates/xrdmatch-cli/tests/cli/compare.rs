//! Settings compared on the same splits.

use crate::fixture::{Fixture, stdout};

#[test]
fn contestants_are_trained_where_they_are_none_yet_and_differences_are_told() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..3", "--no-baselines"]));
    let other = fixture.read("small.toml").replace("\"flexmatch\"", "\"supervised\"");
    fixture.write("alone.toml", &other);
    let words = [
        "compare",
        "r",
        "alone.toml",
        "r",
        "--labeled",
        "lbs.csv",
        "--unlabeled",
        "ulbs.csv",
        "--experiments",
        "0..3",
        "--into",
        "runs",
        "--replicates",
        "50",
        "--json",
        "--quiet",
    ];
    let found: serde_json::Value =
        serde_json::from_str(&stdout(&fixture.ok(&words))).expect("JSON alone on standard output");
    assert_eq!(found["first"], "r");
    assert_eq!(found["others"][0]["experiments"], serde_json::json!([0, 1, 2]));
    assert!(fixture.path("runs/alone/exp_002/result.json").exists());
    for comparison in found["others"][1]["comparisons"].as_array().expect("metrics") {
        assert_eq!(comparison["differences"]["mean"], 0.0, "a run is what it is: {comparison}");
    }
    let text = stdout(&fixture.ok(&["compare", "r", "runs/alone", "--replicates", "50"]));
    assert!(text.contains("macro-F1") && text.contains("95 %"), "{text}");
}

#[test]
fn a_contestant_that_is_nothing_is_named() {
    let fixture = Fixture::new();
    let text = fixture.fails(2, &["compare", "nowhere", "r"]);
    assert!(text.contains("`nowhere` is no run") && text.contains("--labeled"), "{text}");
}
