//! `xrdmatch report`

use crate::fixture::{Fixture, stderr, stdout};

#[test]
fn a_run_is_reported_on_in_words_as_a_page_and_as_json() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..2"]));
    let output = fixture.ok(&["report", "r", "--replicates", "60", "--figures", "figures"]);
    assert!(stdout(&output).contains("2 experiments, all complete"), "{}", stdout(&output));
    assert!(stderr(&output).contains("report.html"));
    let html = fixture.read("report.html");
    assert!(html.starts_with("<!doctype html>") && html.contains("Out-of-bag AUC"));
    assert!(fixture.path("figures/roc.svg").exists());
    let output = fixture.ok(&["report", "r", "--replicates", "60", "--no-baselines", "--json"]);
    let view: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(view["runs"][0]["name"], "r");
}

#[test]
fn candidates_are_shown_with_their_patterns() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    fixture.write("c.csv", "name,probability\nu3,0.9\nu4,0.2\n");
    fixture.write(
        "e.json",
        r#"{"sample":"u3","reasons":[{"two_theta":1.5,"attribution":0.4,"named":true}]}"#,
    );
    let arguments =
        ["report", "r", "--no-baselines", "--replicates", "60", "--candidates", "c.csv"];
    let output = fixture.ok(&[&arguments[..], &["--explanations", "e.json"]].concat());
    assert!(stderr(&output).contains("1 candidates explained"), "{}", stderr(&output));
    let html = fixture.read("report.html");
    assert!(html.contains("\"peaks\":[[1.5,0.4]]"));
}

#[test]
fn what_cannot_be_reported_is_said_with_what_to_do() {
    let fixture = Fixture::new();
    assert!(fixture.fails(3, &["report", "nowhere"]).contains("nowhere"));
    fixture.ok(&fixture.train("r", &["--epochs", "1"]));
    fixture.write("c.csv", "name,probability\na,2\n");
    let said = fixture.fails(3, &["report", "r", "--candidates", "c.csv"]);
    assert!(said.contains("line 2") && said.contains("`probability`"), "{said}");
    fixture.write("c.parquet", "");
    assert!(fixture.fails(3, &["report", "r", "--candidates", "c.parquet"]).contains("hint:"));
    assert!(
        fixture
            .fails(3, &["report", "r", "--no-baselines", "-o", "no/such/place.html"])
            .contains("place.html")
    );
    std::fs::write(fixture.path("r/exp_000/events.jsonl"), "{}\n").expect("written");
    assert!(fixture.fails(3, &["report", "r"]).contains("line 1"));
}
