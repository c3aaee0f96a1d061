//! Training: what a run leaves behind, and that it depends on nothing but its settings.

use crate::fixture::{Fixture, stderr, stdout};

#[test]
fn a_run_ends_with_log_events_checkpoint_predictions_and_summary() {
    let fixture = Fixture::new();
    let output = fixture.ok(&fixture.train("r", &["--experiments", "0..2", "--json"]));
    let summary: serde_json::Value =
        serde_json::from_str(&stdout(&output)).expect("JSON on standard output");
    assert_eq!(summary["experiments"].as_array().map(Vec::len), Some(2));
    assert_eq!(summary["best_is_optimistic"], true);
    assert!(stderr(&output).contains("v240"), "the marker is announced: {}", stderr(&output));

    let log = fixture.read("r/exp_001/log.txt");
    assert_eq!(log.matches("Epoch: ").count(), 6);
    for part in [
        "INFO] confusion matrix\n",
        "INFO] [[",
        "INFO] acc: 0.",
        "INFO] precision: ",
        "INFO] recall: ",
        "INFO] f1: ",
    ] {
        assert_eq!(log.matches(part).count(), 6, "{part} in {log}");
    }
    let events = fixture.read("r/exp_001/events.jsonl");
    let events: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    assert_eq!(events.len(), 7);
    assert_eq!(events[0]["event"], "epoch");
    assert_eq!(events[5]["step"], 30);
    assert_eq!(events[6]["event"], "finished");
    assert!(fixture.read("r/exp_000/predictions.csv").lines().count() == 55);

    // Only the last and the best checkpoint are kept, each complete.
    let names: Vec<String> = std::fs::read_dir(fixture.path("r/exp_000/checkpoints"))
        .expect("checkpoints")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.contains(&"000030".to_owned()) && names.len() <= 2, "{names:?}");
    for name in names {
        for file in ["weights", "average", "optimizer", "objective"] {
            assert!(
                fixture.path(&format!("r/exp_000/checkpoints/{name}/{file}.safetensors")).exists()
            );
        }
    }
}

#[test]
fn the_network_learns_what_there_is_to_learn() {
    let fixture = Fixture::new();
    let more = ["--epochs", "40", "--set", "training.evaluate_with=\"average\"", "--json"];
    let output = fixture.ok(&fixture.train("r", &more));
    let summary: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    let auc = summary["auc"]["mean"].as_f64().expect("an AUC");
    assert!(auc > 0.9, "AUC {auc} on patterns that one peak tells apart");
}

#[test]
fn every_algorithm_teacher_and_schedule_trains() {
    let fixture = Fixture::new();
    let mut number = 0;
    for algorithm in ["supervised", "fixmatch", "flexmatch", "class-ratio"] {
        for teacher in ["train", "eval", "average"] {
            for (schedule, labels) in
                [("constant", "hard"), ("cosine-7-16", "soft"), ("cosine", "hard")]
            {
                number += 1;
                let run = format!("r{number}");
                let settings = [
                    format!("objective.labels=\"{labels}\""),
                    format!("training.teacher=\"{teacher}\""),
                    format!("training.schedule=\"{schedule}\""),
                ];
                let [labels, teacher, schedule] = settings.each_ref().map(String::as_str);
                let more = [
                    "--epochs",
                    "1",
                    "--algorithm",
                    algorithm,
                    "--set",
                    labels,
                    "--set",
                    teacher,
                    "--set",
                    schedule,
                ];
                fixture.ok(&fixture.train(&run, &more));
            }
        }
    }
    // Supervised training needs no unlabelled file at all.
    fixture.ok(&[
        "train",
        "--labeled",
        "lbs.csv",
        "--config",
        "small.toml",
        "--run",
        "s",
        "--algorithm",
        "supervised",
        "--epochs",
        "1",
    ]);
}

#[test]
fn an_experiment_does_not_depend_on_the_others_or_on_jobs_or_threads() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("alone", &["--experiments", "7"]));
    let alone = fixture.final_weights("alone", 7);
    for (run, jobs, threads) in [("one", "1", "1"), ("three", "3", "2"), ("eight", "8", "1")] {
        fixture
            .ok(&fixture
                .train(run, &["--experiments", "0..10", "--jobs", jobs, "--threads", threads]));
        assert_eq!(fixture.final_weights(run, 7), alone, "{jobs} jobs");
        assert_ne!(fixture.final_weights(run, 6), alone, "experiments differ");
    }
}

#[test]
fn a_run_can_be_extended_by_experiments() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0"]));
    let before = fixture.final_weights("r", 0);
    let output = fixture.ok(&fixture.train("r", &["--experiments", "0..2"]));
    assert!(stderr(&output).contains("experiment 0 was complete before"));
    assert_eq!(fixture.final_weights("r", 0), before);
    assert!(fixture.path("r/exp_001/result.json").exists());
}

#[test]
fn a_second_start_reads_the_cache_and_trains_the_same() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("a", &[]));
    assert_eq!(fixture.files(".cache").len(), 2);
    fixture.ok(&fixture.train("b", &[]));
    assert_eq!(fixture.final_weights("a", 0), fixture.final_weights("b", 0));
    // A damaged cache is read as absent.
    for path in fixture.files(".cache") {
        std::fs::write(path, b"XRDMATCHnonsense").expect("written");
    }
    fixture.ok(&fixture.train("c", &[]));
    assert_eq!(fixture.final_weights("a", 0), fixture.final_weights("c", 0));
}

#[test]
fn formats_of_the_same_table_train_the_same() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("csv", &["--epochs", "2"]));
    let expected = fixture.final_weights("csv", 0);
    for format in ["csv.gz", "csv.zst", "parquet"] {
        for name in ["lbs", "ulbs"] {
            convert(&fixture, &format!("{name}.csv"), &format!("{name}.{format}"));
        }
        let (labeled, unlabeled) = (format!("lbs.{format}"), format!("ulbs.{format}"));
        fixture.ok(&[
            "train",
            "--labeled",
            &labeled,
            "--unlabeled",
            &unlabeled,
            "--config",
            "small.toml",
            "--run",
            format,
            "--epochs",
            "2",
        ]);
        assert_eq!(fixture.final_weights(format, 0), expected, "{format}");
    }
}

fn convert(fixture: &Fixture, from: &str, to: &str) {
    use diffraction::table::{Row, TableReader, TableWriter};
    let mut reader = TableReader::open(&fixture.path(from)).expect("a table");
    let mut writer =
        TableWriter::create(&fixture.path(to), reader.columns(), reader.grid()).expect("a writer");
    let mut row = Row::default();
    while reader.read(&mut row).expect("a row") {
        writer.write(&row).expect("written");
    }
    writer.finish().expect("finished");
}

#[test]
fn splits_come_from_a_file_when_one_is_given() {
    let fixture = Fixture::new();
    fixture.write(
        "splits.json",
        r#"{"held_out": ["l5"], "experiments": [{"experiment": 3,
            "labeled": ["l0", "l1", "l30", "l31"], "evaluation": ["l2", "l3", "l40", "l41"]}]}"#,
    );
    fixture.ok(&fixture.train("r", &["--splits", "splits.json", "--experiments", "3"]));
    let split: serde_json::Value =
        serde_json::from_str(&fixture.read("r/exp_003/split.json")).expect("JSON");
    assert_eq!(split["labeled"], serde_json::json!(["l0", "l1", "l30", "l31"]));
    assert_eq!(split["evaluation"], serde_json::json!(["l2", "l3", "l40", "l41"]));
    let result: serde_json::Value =
        serde_json::from_str(&fixture.read("r/exp_003/result.json")).expect("JSON");
    assert_eq!(result["evaluation"]["samples"], 4);
}
