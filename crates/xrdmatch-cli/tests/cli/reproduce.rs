//! Runs done again.

use crate::fixture::{Fixture, stdout};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_run_is_reproduced_bit_by_bit_on_any_number_of_threads() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0,2", "--no-baselines", "--threads", "1"]));
    let before = fixture.files("r");
    let text = stdout(&fixture.ok(&["reproduce", "r", "--threads", "2"]));
    assert!(text.contains("experiment 0: bitwise the same"), "{text}");
    assert!(text.contains("experiment 2: bitwise the same"), "{text}");
    assert!(text.contains("the run is reproduced, bit by bit"), "{text}");
    assert_eq!(fixture.files("r"), before, "the run itself is left alone");
    let kept = ["reproduce", "r", "--experiments", "2", "--keep", "again", "--json", "-q"];
    let found = json(&stdout(&fixture.ok(&kept)));
    assert_eq!(
        (&found["same"], found["experiments"].as_array().map(Vec::len)),
        (&true.into(), Some(1))
    );
    assert_eq!(fixture.final_weights("again", 2), fixture.final_weights("r", 2));
    fixture.fails(3, &kept);
}

#[test]
fn the_first_experiment_that_differs_is_named_and_the_exit_code_is_1() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..2", "--no-baselines"]));
    let path = "r/exp_001/predictions.csv";
    let table = fixture.read(path);
    let changed: String = table
        .lines()
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            match cells[0] {
                "l7" => format!("l7,{},0.25,0.75,{},{}\n", cells[1], cells[4], cells[5]),
                _ => format!("{line}\n"),
            }
        })
        .collect();
    fixture.write(path, &changed);
    let output = fixture.run(&["reproduce", "r", "-q"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("experiment 0: bitwise the same"), "{text}");
    assert!(text.contains("experiment 1: DIFFERS") && text.contains("`l7`"), "{text}");
    let output = fixture.run(&["reproduce", "r", "-q", "--json"]);
    let found = json(&stdout(&output));
    assert_eq!((&found["same"], &found["first_difference"]), (&false.into(), &1.into()));
    assert_eq!(found["experiments"][1]["differences"][0]["what"], "predictions");

    // Another split on record than the one that the manifest draws.
    let text = fixture.read("r/exp_000/split.json");
    let mut split = json(&text);
    let (labeled, evaluation) = (split["labeled"][0].clone(), split["evaluation"][0].clone());
    split["labeled"][0] = evaluation;
    split["evaluation"][0] = labeled;
    fixture.write("r/exp_000/split.json", &split.to_string());
    let output = fixture.run(&["reproduce", "r", "--experiments", "0", "-q"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("other rows are drawn"), "{}", stdout(&output));
}

#[test]
fn splits_by_family_keep_twins_together_and_are_reproduced() {
    let fixture = Fixture::new();
    // Every row twice, under two names.
    let text = fixture.read("lbs.csv");
    let mut twins = String::new();
    for (number, line) in text.lines().enumerate() {
        twins.push_str(&format!("{line}\n"));
        if number > 0 {
            twins.push_str(&format!("{}\n", line.replacen(",l", ",twin_l", 1)));
        }
    }
    fixture.write("twins.csv", &twins);
    let train = [
        "train",
        "--labeled",
        "twins.csv",
        "--config",
        "small.toml",
        "--algorithm",
        "supervised",
        "--split",
        "grouped",
        "--experiments",
        "0..2",
        "--run",
        "g",
    ];
    fixture.ok(&train);
    for experiment in 0..2 {
        let split = json(&fixture.read(&format!("g/exp_{experiment:03}/split.json")));
        let names = |role: &str| -> Vec<String> {
            serde_json::from_value(split[role].clone()).expect("names")
        };
        let labeled = names("labeled");
        assert_eq!(labeled.len(), 20);
        for name in &labeled {
            let bare = name.trim_start_matches("twin_");
            assert!(
                labeled.contains(&bare.to_owned()) && labeled.contains(&format!("twin_{bare}"))
            );
        }
    }
    fixture.ok(&["reproduce", "g", "-q"]);
    let odd = [&train[..11], &["--labeled-per-class", "9", "--run", "odd"]].concat();
    let text = fixture.fails(3, &odd);
    assert!(text.contains("structure families") && text.contains("hint:"), "{text}");
    assert!(!fixture.path("odd").exists());
}

#[test]
fn what_cannot_be_done_again_is_named() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--no-baselines"]));
    fixture.fails(3, &["reproduce", "absent"]);
    let text = fixture.fails(3, &["reproduce", "r", "--experiments", "5"]);
    assert!(text.contains("no experiment 5"), "{text}");
    std::fs::rename(fixture.path("lbs.csv"), fixture.path("moved.csv")).expect("renamed");
    let text = fixture.fails(3, &["reproduce", "r"]);
    assert!(text.contains("lbs.csv") && text.contains("--labeled"), "{text}");
    fixture.ok(&["reproduce", "r", "--labeled", "moved.csv", "-q"]);
    let changed = fixture.read("moved.csv").replace(",l53,", ",l99,");
    fixture.write("lbs.csv", &changed);
    let text = fixture.fails(3, &["reproduce", "r"]);
    assert!(text.contains("contents have changed"), "{text}");
    std::fs::remove_file(fixture.path("r/exp_000/result.json")).expect("removed");
    let text = fixture.fails(3, &["reproduce", "r", "--labeled", "moved.csv"]);
    assert!(text.contains("no complete experiment"), "{text}");
}
