//! Evaluation and prediction of stored models.

use crate::fixture::{Fixture, stderr, stdout};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn evaluation_replays_the_split_and_repeats_the_final_result() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..2"]));
    let reports = json(&stdout(&fixture.ok(&["evaluate", "r", "--json"])));
    for experiment in 0..2 {
        let result = json(&fixture.read(&format!("r/exp_{experiment:03}/result.json")));
        let report = &reports[experiment];
        assert_eq!(report["evaluation"]["samples"], 34);
        assert_eq!(report["evaluation"], result["evaluation"]);
        assert_eq!(report["includes_training_rows"], false);
        let log = fixture.read(&format!("r/exp_{experiment:03}/eval_log.txt"));
        assert!(log.contains("checkpoint last (step 30), evaluation rows") && log.contains("f1: "));
    }
    fixture.ok(&["evaluate", "r", "--experiment", "1"]);
    assert_eq!(
        fixture.read("r/exp_001/eval_log.txt").matches("confusion matrix").count(),
        2,
        "appended"
    );
}

#[test]
fn training_rows_are_scored_only_when_asked_for_and_then_marked() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    let of = |arguments: &[&str]| {
        json(&stdout(&fixture.ok(&[&["evaluate", "r", "--json"], arguments].concat())))[0].clone()
    };
    // The run's own file passed as data: the 20 training rows are left out.
    let own = of(&["--data", "lbs.csv"]);
    assert_eq!(
        (own["evaluation"]["samples"].as_u64(), own["includes_training_rows"].as_bool()),
        (Some(34), Some(false))
    );
    let all = of(&["--data", "lbs.csv", "--include-training"]);
    assert_eq!(
        (all["evaluation"]["samples"].as_u64(), all["includes_training_rows"].as_bool()),
        (Some(54), Some(true))
    );
    let text = stdout(&fixture.ok(&["evaluate", "r", "--include-training"]));
    assert!(text.contains("WARNING: 20 of these rows were trained on"), "{text}");
}

#[test]
fn the_best_checkpoint_is_marked_optimistic_on_the_rows_it_was_chosen_on() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    let text = stdout(&fixture.ok(&["evaluate", "r", "--checkpoint", "best"]));
    assert!(text.contains("optimistic"), "{text}");
    let with_validation = ["--set", "split.validation_per_class=[4]"];
    fixture.ok(&fixture.train("v", &with_validation));
    let text = stdout(&fixture.ok(&["evaluate", "v", "--checkpoint", "best"]));
    assert!(!text.contains("optimistic"), "{text}");
    let text =
        stdout(&fixture.ok(&["evaluate", "v", "--checkpoint", "best", "--rows", "validation"]));
    assert!(text.contains("optimistic"), "{text}");
}

#[test]
fn predictions_are_the_same_in_every_format_and_those_of_the_run() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    fixture.ok(&["predict", "r", "--data", "lbs.csv", "-o", "p.csv"]);
    fixture.ok(&["predict", "r", "--data", "lbs.csv", "-o", "p.jsonl"]);
    fixture.ok(&["predict", "r", "--data", "lbs.csv", "-o", "p.parquet"]);
    assert_eq!(fixture.read("p.csv"), fixture.read("r/exp_000/predictions.csv"));
    assert_eq!(fixture.read("p.jsonl").lines().count(), 54);
    let first = json(fixture.read("p.jsonl").lines().next().expect("a line"));
    assert_eq!(first["name"], "l0");
    assert!(fixture.read("p.csv").starts_with("name,truth,p0,p1,logit0,logit1\nl0,0,"));
    assert!(std::fs::metadata(fixture.path("p.parquet")).is_ok_and(|file| file.len() > 500));
}

#[test]
fn a_failed_prediction_leaves_no_file() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    fixture.write("bad.csv", &(fixture.read("ulbs.csv") + "Li2S,1,bad,nonsense\n"));
    fixture.fails(3, &["predict", "r", "--data", "bad.csv", "-o", "p.csv"]);
    assert!(!fixture.path("p.csv").exists());
    fixture.fails(3, &["predict", "r", "--data", "lbs.csv", "-o", "absent/p.csv"]);
    fixture.fails(3, &["predict", "r", "--data", "lbs.csv", "-o", "p.xls"]);
    fixture.write("grid.csv", "name,v1,v2,v3\na,0,1,0\n");
    let text = fixture.fails(3, &["predict", "r", "--data", "grid.csv", "-o", "p.csv"]);
    assert!(text.contains("3 grid points") && text.contains("240"), "{text}");
}

#[test]
fn what_is_not_there_is_named() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0,3"]));
    let text = fixture.fails(3, &["evaluate", "r", "--experiment", "1"]);
    assert!(text.contains("no experiment 1") && text.contains("[0, 3]"), "{text}");
    let text = fixture.fails(4, &["evaluate", "r", "--experiment", "0", "--checkpoint", "999"]);
    assert!(text.contains("no checkpoint `999`"), "{text}");
    fixture.fails(3, &["evaluate", "absent"]);
    fixture.fails(3, &["evaluate", "r", "--rows", "held-out"]);
    fixture.fails(2, &["predict", "r", "--data", "lbs.csv", "-o", "p.csv"]);
    std::fs::write(fixture.path("lbs.csv"), fixture.read("lbs.csv").replace("l53", "l99"))
        .expect("written");
    let text = fixture.fails(3, &["evaluate", "r"]);
    assert!(text.contains("contents have changed"), "{text}");
}

#[test]
fn runs_are_listed_with_their_state() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("all/a", &["--experiments", "0..2"]));
    let text = stdout(&fixture.ok(&["runs", "all"]));
    assert!(text.contains("all/a") && text.contains("2 complete"), "{text}");
    let listed = json(&stdout(&fixture.ok(&["runs", "all", "--json"])));
    assert_eq!(listed[0]["summary"]["experiments"].as_array().map(Vec::len), Some(2));
    let text = stdout(&fixture.ok(&["runs", "all/a"]));
    assert!(text.contains("optimistic") && text.contains("macro-F1"), "{text}");
    assert!(stderr(&fixture.ok(&["runs", "all/a/exp_000"])).contains("no runs"));
    fixture.fails(3, &["runs", "nowhere"]);
}
