//! The report over all experiments: intervals, ensembles, calibration, priors, comparisons.

use crate::fixture::{Fixture, shared_data, stdout};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

fn report(fixture: &Fixture, arguments: &[&str]) -> serde_json::Value {
    let all = [arguments, &["--protocol", "--replicates", "80", "--json"]].concat();
    json(&stdout(&fixture.ok(&all)))
}

fn score(report: &serde_json::Value, combination: usize, metric: usize) -> &serde_json::Value {
    &report["ensembles"]["combinations"][combination]["scores"][metric]
}

#[test]
fn a_report_sums_up_what_the_experiments_say() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..4"]));
    let found = report(&fixture, &["evaluate", "r"]);
    assert_eq!(found["experiments"].as_array().map(Vec::len), Some(4));
    assert_eq!((found["labeled"].as_f64(), found["evaluation"].as_f64()), (Some(20.0), Some(34.0)));

    let final_f1: Vec<f64> = (0..4)
        .map(|e| {
            let result = json(&fixture.read(&format!("r/exp_{e:03}/result.json")));
            result["evaluation"]["macro_average"]["f1"].as_f64().expect("an F1")
        })
        .collect();
    let first = &found["metrics"][0];
    assert_eq!(first["metric"], "macro_f1");
    let mean = first["evaluation"]["over_experiments"]["mean"].as_f64().expect("a mean");
    assert!((mean - final_f1.iter().sum::<f64>() / 4.0).abs() < 1e-12);
    assert!(first["evaluation"]["interval"]["lower"].as_f64().expect("an end") <= mean);
    let best = first["best_epoch"]["mean"].as_f64().expect("a mean");
    assert!(best >= mean && found["best_epoch_is_optimistic"] == true, "{best}, {mean}");

    // Out of bag: a row is judged by exactly those members that did not train on it.
    let splits: Vec<String> =
        (0..4).map(|e| fixture.read(&format!("r/exp_{e:03}/split.json"))).collect();
    let labeled: Vec<Vec<String>> = splits
        .iter()
        .map(|text| serde_json::from_value(json(text)["labeled"].clone()).expect("names"))
        .collect();
    let table = fixture.read("r/out_of_bag.csv");
    let mut lines = table.lines();
    assert!(lines.next().is_some_and(|header| header.starts_with("name,truth,judges,votes,mean")));
    let mut rows = 0;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let judges = labeled.iter().filter(|names| !names.contains(&cells[0].to_owned())).count();
        assert_eq!(cells[2], judges.to_string(), "{line}");
        rows += 1;
    }
    let unjudged = found["ensembles"]["unjudged"].as_array().map_or(0, Vec::len);
    assert_eq!(rows + unjudged, 54);
    assert!(score(&found, 0, 0)["interval"]["upper"].is_number());
    assert!(score(&found, 0, 0)["with_training_rows"].is_number());
    assert_eq!(found["ensembles"]["combinations"].as_array().map(Vec::len), Some(3));
    assert_eq!(found["calibration"].as_array().map(Vec::len), Some(4));

    // The classical models beside it are those that training has stored.
    assert_eq!(found["baselines"]["standings"].as_array().map(Vec::len), Some(10));
    let stored = json(&fixture.read("r/baselines.json"));
    assert_eq!(stored["yardstick"], found["baselines"]);

    let text = stdout(&fixture.ok(&["evaluate", "r", "--protocol", "--replicates", "80"]));
    for words in [
        "OPTIMISTIC: best epoch",
        "out of bag",
        "with training rows",
        "stacked",
        "Platt",
        "raw sticks",
        "calibration error",
    ] {
        assert!(text.contains(words), "`{words}` is missing in: {text}");
    }
}

#[test]
fn training_shows_classical_models_on_the_same_splits() {
    let fixture = Fixture::new();
    let text = stdout(&fixture.ok(&fixture.train("r", &["--experiments", "0..2"])));
    assert!(text.contains("classical models on the same splits"), "{text}");
    let output = fixture.ok(&fixture.train("r", &["--experiments", "0..2", "--json"]));
    assert_eq!(json(&stdout(&output))["baselines"]["experiments"], 2);
    let text = stdout(&fixture.ok(&fixture.train("s", &["--no-baselines"])));
    assert!(!text.contains("classical") && !fixture.path("s/baselines.json").exists());
    // Wherever a neural result is told: alone, and compared.
    let text = stdout(&fixture.ok(&["evaluate", "r"]));
    assert!(text.contains("classical models on the same splits"), "{text}");
    let text = stdout(&fixture.ok(&["evaluate", "r", "--no-baselines"]));
    assert!(!text.contains("classical"), "{text}");
    let compare = ["compare", "r", "r", "--replicates", "50"];
    let text = stdout(&fixture.ok(&compare));
    assert!(text.contains("classical models on the same splits"), "{text}");
    let text = stdout(&fixture.ok(&[&compare[..], &["--json"]].concat()));
    assert_eq!(json(&text)["baselines"]["experiments"], 2);
}

#[test]
fn two_runs_are_compared_on_the_same_splits() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("a", &["--experiments", "0..3", "--no-baselines"]));
    let other = ["--experiments", "1..4", "--no-baselines", "--algorithm", "supervised"];
    fixture.ok(&fixture.train("b", &other));
    let found = report(&fixture, &["evaluate", "a", "--against", "b", "--no-baselines"]);
    let against = &found["against"];
    assert_eq!(against["experiments"], serde_json::json!([1, 2]));
    assert_eq!(against["left_out"], 2);
    assert_eq!(against["comparisons"].as_array().map(Vec::len), Some(5));
    let itself = report(&fixture, &["evaluate", "a", "--against", "a", "--no-baselines"]);
    for comparison in itself["against"]["comparisons"].as_array().expect("comparisons") {
        assert_eq!(comparison["differences"]["mean"], 0.0);
        assert_eq!(
            (&comparison["interval"]["lower"], &comparison["ties"]),
            (&0.0.into(), &3.into())
        );
    }
    let text = stdout(&fixture.ok(&["evaluate", "a", "--protocol", "--against", "b"]));
    assert!(text.contains("this run less b") && text.contains("better/same/worse"), "{text}");

    fixture.ok(&fixture.train("c", &["--experiments", "0..3", "--seed", "9", "--no-baselines"]));
    let text = fixture.fails(3, &["evaluate", "a", "--protocol", "--against", "c"]);
    assert!(text.contains("evaluated on one side only") && text.contains("hint:"), "{text}");
    fixture.ok(&fixture.train("d", &["--experiments", "7", "--no-baselines"]));
    let text = fixture.fails(3, &["evaluate", "a", "--protocol", "--against", "d"]);
    assert!(text.contains("no experiment in common"), "{text}");
}

#[test]
fn runs_on_other_grids_or_data_are_not_compared() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("a", &["--no-baselines"]));
    let changed = fixture.read("lbs.csv").replace(",l53,", ",l99,");
    std::fs::write(fixture.path("other.csv"), changed).expect("written");
    let train = |labeled, run, more: &[&str]| {
        let arguments = [
            "train",
            "--labeled",
            labeled,
            "--config",
            "small.toml",
            "--algorithm",
            "supervised",
            "--no-baselines",
            "--run",
            run,
        ];
        fixture.ok(&[&arguments[..], more].concat());
    };
    train("other.csv", "b", &[]);
    let text = fixture.fails(3, &["evaluate", "a", "--protocol", "--against", "b"]);
    assert!(text.contains("other.csv") && text.contains("contents differ"), "{text}");
    train("lbs.csv", "c", &["--grid", "10:0.05"]);
    let text = fixture.fails(3, &["evaluate", "a", "--protocol", "--against", "c"]);
    assert!(text.contains("from 10° in steps of 0.05°"), "{text}");
}

#[test]
fn class_shares_are_stated_or_estimated_from_the_pool() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..3", "--no-baselines"]));
    let found = report(&fixture, &["evaluate", "r", "--prior", "0.05"]);
    let prior = &found["prior"];
    assert_eq!(
        (prior["share"].as_f64(), &prior["estimated"]),
        (Some(0.05), &serde_json::Value::Null)
    );
    let effect = &prior["effects"][0];
    assert_eq!(effect["from"], 0.5, "ten rows of each class were drawn");
    let pair = |name: &str, at: usize| effect[name][at].as_f64().expect("a number");
    assert!(pair("mean_probability", 1) < pair("mean_probability", 0));
    let estimated =
        report(&fixture, &["evaluate", "r", "--prior", "estimate", "--pool-rows", "150"]);
    let pool = &estimated["prior"]["estimated"];
    assert_eq!(pool["rows"], 150);
    // A quarter of the pool is positive.
    let share = pool["share"]["estimate"].as_f64().expect("a share");
    assert!((0.05..0.6).contains(&share), "{share}");
    let text = stdout(&fixture.ok(&["evaluate", "r", "--protocol", "--prior", "0.05"]));
    assert!(text.contains("corrected to a share of 0.0500"), "{text}");
    fixture.ok(&fixture.train("s", &["--no-baselines", "--algorithm", "supervised"]));
    for bad in ["0", "1", "1.5", "few"] {
        let arguments = ["evaluate", "r", "--protocol", "--prior", bad];
        assert_eq!(fixture.run(&arguments).status.code(), Some(2), "{bad}");
    }
    let absent = ["evaluate", "r", "--protocol", "--prior", "estimate", "--pool", "absent.csv"];
    fixture.fails(3, &absent);
}

#[test]
fn predictions_of_samples_are_written_in_the_form_asked_for() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..2", "--no-baselines"]));
    let evaluate = |output| ["evaluate", "r", "--protocol", "--replicates", "40", "-o", output];
    for output in ["o.csv", "o.jsonl", "o.parquet"] {
        fixture.ok(&evaluate(output));
        assert!(fixture.path(output).exists() && !fixture.path("r/out_of_bag.csv").exists());
    }
    fixture.fails(3, &evaluate("o.xls"));
    fixture.fails(3, &evaluate("absent/o.csv"));
}

#[test]
fn records_that_cannot_be_judged_are_refused() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..2", "--no-baselines"]));
    let evaluate = ["evaluate", "r", "--protocol"];
    let text = fixture.fails(3, &["evaluate", "r", "--protocol", "--folds", "30"]);
    assert!(
        text.contains("24 rows of class 0 into 30 folds") && text.contains("--folds"),
        "{text}"
    );

    let path = "r/exp_001/predictions.csv";
    let whole = fixture.read(path);
    let without = |name: &str| -> String {
        let lines = whole.lines().filter(|line| !line.starts_with(&format!("{name},")));
        lines.map(|line| format!("{line}\n")).collect()
    };
    fixture.write(path, &without("l3"));
    let text = fixture.fails(3, &evaluate);
    assert!(text.contains("l3") && text.contains("different data"), "{text}");
    // A member that speaks about a row of which the others know nothing.
    fixture.write(path, &(whole.clone() + "stranger,0,0.5,0.5,0.0,0.0\n"));
    let text = fixture.fails(3, &evaluate);
    assert!(text.contains("stranger") && text.contains("other data"), "{text}");
    fixture.write(path, &whole.replacen("\nl2,0,", "\nl2,1,", 1));
    let text = fixture.fails(3, &evaluate);
    assert!(text.contains("l2"), "{text}");
    fixture.write(path, &whole[..whole.len() / 2]);
    let text = fixture.fails(3, &evaluate);
    assert!(text.contains("predictions.csv"), "{text}");

    // One class only.
    for experiment in 0..2 {
        let path = format!("r/exp_{experiment:03}/predictions.csv");
        let text = if experiment == 0 { fixture.read(&path) } else { whole.clone() };
        let one_class: String = text
            .lines()
            .map(|line| {
                let mut cells: Vec<&str> = line.split(',').collect();
                if cells[0] != "name" {
                    cells[1] = "1";
                }
                cells.join(",") + "\n"
            })
            .collect();
        fixture.write(&path, &one_class);
    }
    let text = fixture.fails(3, &evaluate);
    assert!(text.contains("every row is of class 1"), "{text}");

    fixture.fails(3, &["evaluate", "absent", "--protocol"]);
    std::fs::remove_file(fixture.path("r/exp_000/result.json")).expect("removed");
    std::fs::remove_file(fixture.path("r/exp_001/result.json")).expect("removed");
    let text = fixture.fails(3, &evaluate);
    assert!(text.contains("no complete experiment"), "{text}");
    for arguments in [
        &["evaluate", "r", "--against", "r"][..],
        &["evaluate", "r", "--protocol", "--experiment", "0"],
        &["evaluate"],
        &["evaluate", "--predictions", "p.csv"],
    ] {
        assert_eq!(fixture.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

/// Four samples, two members; each member trained on two of them.
fn published(fixture: &Fixture) {
    fixture.write(
        "p.csv",
        "name,label,experiment_0,experiment_1\nl0,0,0,1\nl1,0,0,0\nl30,1,1,0\nl31,1,1,1\n",
    );
    fixture.write(
        "s.json",
        r#"{"experiments": [
            {"experiment": 0, "labeled": ["l0", "l30"], "evaluation": ["l1", "l31"]},
            {"experiment": 1, "labeled": ["l1", "l31"], "evaluation": ["l0", "l30"]}]}"#,
    );
}

#[test]
fn a_table_of_predicted_classes_is_judged_out_of_bag() {
    let fixture = Fixture::new();
    published(&fixture);
    let base = ["evaluate", "--predictions", "p.csv", "--splits", "s.json", "--labeled", "lbs.csv"];
    let found = json(&stdout(&fixture.ok(&[&base[..], &["--json", "-o", "o.csv"]].concat())));
    // Experiment 0 is right on both of its evaluation rows, experiment 1 wrong on both.
    let vote = &found["ensembles"]["combinations"][1]["scores"][0];
    assert_eq!(vote["out_of_bag"], 0.5);
    assert_eq!(found["metrics"][0]["evaluation"]["over_experiments"]["mean"], 0.5);
    assert_eq!(fixture.read("o.csv").lines().count(), 5);
    let text = stdout(&fixture.ok(&base));
    assert!(text.contains("vote") && text.contains("not stacked"), "{text}");

    let refused = |table: &str, words: &[&str]| {
        fixture.write("p.csv", table);
        let text = fixture.fails(3, &base);
        for word in words {
            assert!(text.contains(word), "`{word}` is missing in: {text}");
        }
    };
    refused("name,label,experiment_0\nl0,0,0.7\n", &["line 2", "experiment_0", "0.7"]);
    refused("name,label,experiment_0\nl0,1,0\n", &["line 2", "l0", "another label"]);
    refused("name,label,experiment_0\nnobody,1,0\n", &["nobody", "no row"]);
    refused("name,label,experiment_9\nl0,0,0\nl30,1,1\n", &["no experiment 9"]);
    refused("name,label,model\nl0,0,0\n", &["line 1", "model"]);
    refused("name,label\nl0,0\n", &["experiment_N"]);
    refused("name,experiment_0\nl0,0\n", &["label"]);
    refused("name,label,experiment_0\n", &["no rows"]);
    refused("name,label,experiment_0\nl0,0\n", &["p.csv"]);
    refused("name,label,experiment_0\nl0,0,0\nl30,1,1\n", &["l1", "different data"]);
    published(&fixture);
    let missing = ["evaluate", "--predictions", "absent.csv", "--splits", "s.json"];
    fixture.fails(3, &missing);
    let estimate = [&base[..], &["--prior", "estimate"]].concat();
    fixture.fails(2, &estimate);
}

#[test]
fn the_published_ensemble_is_recomputed_by_a_command() {
    let Some(data) = shared_data("the_published_ensemble_is_recomputed_by_a_command") else {
        return;
    };
    let fixture = Fixture::new();
    let path = |name: &str| data.join(name).to_str().expect("a path in UTF-8").to_owned();
    let (table, splits, labeled) =
        (path("paper_predictions.csv"), path("paper_splits.json"), path("lbs.csv"));
    let base =
        ["evaluate", "--predictions", &table, "--splits", &splits, "--labeled", &labeled, "--json"];
    let found = json(&stdout(&fixture.ok(&base)));
    let number = |value: &serde_json::Value| value.as_f64().expect("a number");
    let vote = &found["ensembles"]["combinations"][1];
    assert_eq!(
        (&vote["combination"], &vote["scores"][0]["metric"]),
        (&"vote".into(), &"macro_f1".into())
    );
    assert!((number(&vote["scores"][0]["with_training_rows"]) - 0.918).abs() < 5e-4);
    assert!((number(&vote["scores"][0]["out_of_bag"]) - 0.798).abs() < 5e-4);
    assert_eq!(vote["scores"][1]["metric"], "auc");
    assert!((number(&vote["scores"][1]["out_of_bag"]) - 0.843).abs() < 5e-4);
    let single = &found["metrics"][0];
    let mean = number(&single["evaluation"]["over_experiments"]["mean"]);
    assert!((mean - 0.753).abs() < 5e-4, "{mean}");
    let held_out = number(&single["held_out"]["mean"]);
    assert!((held_out - 0.745).abs() < 5e-3, "{held_out}");
}
