//! Encoders of a run: made once, kept, checked, and all that a prediction needs.

use crate::fixture::{ENCODED, Fixture, stderr, stdout};

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("small.toml", ENCODED);
    fixture
}

#[test]
fn a_run_keeps_its_encoder_and_predicts_from_what_it_kept() {
    let fixture = fixture();
    let output = fixture.ok(&fixture.train("r", &["--experiments", "0..2", "--no-baselines"]));
    let told = stderr(&output);
    assert!(told.contains("pretraining encoder 2 of 2: epoch 3 of 3, loss "), "{told}");
    let record: serde_json::Value =
        serde_json::from_str(&fixture.read("r/encoder.json")).expect("JSON");
    assert_eq!(record["patterns"], 200);
    assert_eq!(record["target"]["profile"]["bins"], 64);

    // The unlabelled file is not needed any more, and a row's answer is that of its training run.
    std::fs::remove_file(fixture.path("ulbs.csv")).expect("removed");
    fixture.ok(&["predict", "r", "--experiment", "1", "--data", "lbs.csv", "-o", "p.csv"]);
    let names = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    assert_eq!(names(&fixture.read("p.csv")), names(&fixture.read("r/exp_001/predictions.csv")));
}

#[test]
fn the_same_settings_give_the_same_encoder_and_experiments_share_it() {
    let fixture = fixture();
    fixture.ok(&fixture.train("a", &["--experiments", "1", "--no-baselines", "--threads", "1"]));
    fixture.ok(&fixture.train("b", &["--experiments", "0..2", "--no-baselines", "--jobs", "2"]));
    let bytes = |path: &str| std::fs::read(fixture.path(path)).expect("a file");
    assert_eq!(bytes("a/encoder.safetensors"), bytes("b/encoder.safetensors"));
    assert_eq!(fixture.final_weights("a", 1), fixture.final_weights("b", 1));
    // Taken up again, the run makes no second encoder.
    let again = fixture.ok(&fixture.train("a", &["--experiments", "0..2", "--no-baselines"]));
    assert!(!stderr(&again).contains("pretraining"), "{}", stderr(&again));
    assert_eq!(fixture.final_weights("a", 0), fixture.final_weights("b", 0));
}

#[test]
fn a_damaged_encoder_is_refused() {
    let fixture = fixture();
    fixture.ok(&fixture.train("r", &["--no-baselines"]));
    let path = fixture.path("r/encoder.safetensors");
    let mut bytes = std::fs::read(&path).expect("an encoder");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let predict = ["predict", "r", "--data", "lbs.csv", "-o", "p.csv"];
    let text = fixture.fails(4, &predict);
    assert!(text.contains("encoder.safetensors") && text.contains("checksum"), "{text}");
    assert!(!fixture.path("p.csv").exists());
}

/// The mean of the weights of the second half of the steps.
const MEAN: [&str; 6] = [
    "--set",
    "optimizer.average=0",
    "--set",
    "optimizer.swa_from=0.5",
    "--set",
    "training.evaluate_with=\"average\"",
];

/// Every other way in which weights come about: the same again bit by bit, from files alone.
#[test]
fn two_heads_means_of_weights_and_fine_tuned_encoders_are_reproduced_and_predict() {
    let fixture = fixture();
    let ways: [(&str, &[&str]); 5] = [
        ("heads", &["--algorithm", "abc", "--set", "objective.cutoff=0.6"]),
        ("mean", &MEAN),
        ("tuned", &["--set", "pretrain.fine_tune=true", "--set", "pretrain.encoders=1"]),
        ("robust", &["--set", "objective.robustness=0.4"]),
        ("axis", &["--set", "input.axis=\"log-q\""]),
    ];
    for (name, settings) in ways {
        fixture.ok(&fixture.train(name, &[&["--no-baselines"], settings].concat()));
        let told = stdout(&fixture.ok(&["reproduce", name, "--threads", "1"]));
        assert!(told.contains("bit by bit"), "{told}");
        let predictions = format!("{name}.csv");
        fixture.ok(&["predict", name, "--data", "lbs.csv", "-o", &predictions]);
        let evaluated = format!("{name}/exp_000/predictions.csv");
        assert_eq!(fixture.read(&predictions), fixture.read(&evaluated), "{name}");
        let exported = format!("{name}.safetensors");
        fixture.ok(&["export", name, "-o", &exported]);
        let exported = std::fs::read(fixture.path(&exported)).expect("weights");
        let encoders = exported.windows(8).any(|word| word == b"encoder.");
        assert_eq!(encoders, name != "tuned", "{name}: a tuned encoder is in the network itself");
        fixture.ok(&["explain", name, "--sample", "l3", "--peaks", "2"]);
    }
    let refused = |settings: &[&str]| {
        fixture.fails(2, &fixture.train("refused", &[&["--no-baselines"], settings].concat()))
    };
    let text = refused(&["--set", "optimizer.average=0.9", "--set", "optimizer.swa_from=0.5"]);
    assert!(text.contains("choose one"), "{text}");
    let text = refused(&["--set", "pretrain.fine_tune=true"]);
    assert!(text.contains("`encoders` is 2") && text.contains("`fine_tune` is on"), "{text}");
    let text = refused(&["--set", "objective.robustness=1.5"]);
    assert!(text.contains("`robustness` is 1.5"), "{text}");
}

#[test]
fn every_algorithm_trains() {
    let fixture = Fixture::new();
    let listed = String::from_utf8(fixture.ok(&["algorithms", "--json"]).stdout).expect("UTF-8");
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 12);
    for one in listed {
        let name = one["name"].as_str().expect("a name");
        let more = ["--algorithm", name, "--epochs", "1", "--no-baselines"];
        fixture.ok(&fixture.train(name, &more));
        assert!(fixture.path(name).join("exp_000/result.json").exists(), "{name}");
    }
}

/// Lithium fluoride in cubes of different sizes, one for every second unlabelled row, and one row's
/// structure that nobody can read.
fn structures() -> String {
    let line = |row: usize| {
        let a = 3.0 + 0.01 * row as f64;
        format!(
            "{{\"id\":\"u{row}\",\"lattice\":[[{a},0,0],[0,{a},0],[0,0,{a}]],\
             \"species\":[\"Li\",\"F\"],\"frac\":[[0,0,0],[0.5,0.5,0.5]]}}\n"
        )
    };
    (0..200).step_by(2).map(line).chain(["{\"id\":\"u1\"}\n".to_owned()]).collect()
}

#[test]
fn encoders_learn_from_structures_where_they_are_given() {
    let fixture = fixture();
    fixture.write("u.jsonl", &structures());
    let with = ["--structures", "u.jsonl", "--no-baselines"];
    let told = stderr(&fixture.ok(&fixture.train("r", &with)));
    assert!(told.contains("ulbs.csv: 100 of 200 patterns have a structure"), "{told}");
    assert!(told.contains("warning: a structure cannot be read: ") && told.contains("line 101"));
    let record: serde_json::Value =
        serde_json::from_str(&fixture.read("r/encoder.json")).expect("JSON");
    assert_eq!((&record["patterns"], &record["described"]), (&200.into(), &100.into()));
    fixture.ok(&fixture.train("none", &["--no-baselines"]));
    assert_ne!(fixture.final_weights("r", 0), fixture.final_weights("none", 0));
    fixture.ok(&["predict", "r", "--data", "lbs.csv", "-o", "p.csv"]);
    assert_eq!(fixture.read("p.csv"), fixture.read("r/exp_000/predictions.csv"));

    // It is the same run with the same structures only, and it is done again with them.
    let text = fixture.fails(3, &fixture.train("r", &["--no-baselines"]));
    assert!(text.contains("the set of structures is another"), "{text}");
    std::fs::rename(fixture.path("u.jsonl"), fixture.path("moved.jsonl")).expect("renamed");
    let text = fixture.fails(3, &["reproduce", "r"]);
    assert!(text.contains("u.jsonl") && text.contains("--structures"), "{text}");
    let again = ["reproduce", "r", "--structures", "moved.jsonl", "--threads", "1"];
    assert!(stdout(&fixture.ok(&again)).contains("bit by bit"));
    fixture.write("u.jsonl", &structures().replace("3.02", "3.03"));
    let text = fixture.fails(3, &["reproduce", "r"]);
    assert!(text.contains("u.jsonl") && text.contains("contents have changed"), "{text}");
    // A directory of files stands for its structures.
    std::fs::create_dir(fixture.path("cells")).expect("created");
    std::fs::rename(fixture.path("moved.jsonl"), fixture.path("cells/u.jsonl")).expect("renamed");
    let told = fixture.ok(&fixture.train("r", &["--structures", "cells", "--no-baselines"]));
    assert!(!stderr(&told).contains("pretraining"), "{}", stderr(&told));
}

#[test]
fn structures_that_belong_to_no_pattern_are_refused() {
    let fixture = fixture();
    fixture.write("u.jsonl", &structures().replace("\"u", "\"x"));
    let train = |structures: &str| {
        fixture.fails(3, &fixture.train("r", &["--structures", structures, "--no-baselines"]))
    };
    let text = train("u.jsonl");
    assert!(text.contains("none of 100 structures has the name of a pattern"), "{text}");
    assert!(text.contains("hint: ") || text.contains("the `id` of a line of JSON"), "{text}");
    assert!(train("absent.jsonl").contains("absent.jsonl"));
    assert!(!fixture.path("r").exists());
    // Without an encoder there is nobody to learn from them, which is said.
    fixture.write("u.jsonl", &structures());
    let none = ["--structures", "u.jsonl", "--no-baselines", "--set", "pretrain.target=\"none\""];
    let told = stderr(&fixture.ok(&fixture.train("r", &none)));
    assert!(told.contains("nothing is learnt from structures"), "{told}");
    let text = fixture.fails(2, &fixture.train("s", &["--set", "pretrain.ion=\"Xx\""]));
    assert!(text.contains("`Xx` is not the symbol of an element"), "{text}");
}
