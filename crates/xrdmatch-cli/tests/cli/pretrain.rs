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
