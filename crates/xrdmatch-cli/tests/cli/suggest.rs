//! Suggestions: what to measure next.

use std::collections::BTreeSet;

use crate::fixture::{Fixture, shared_data, stdout};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn suggestions_are_unlike_what_is_labelled_and_unlike_each_other() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..3"]));
    let found =
        json(&stdout(&fixture.ok(&["suggest", "r", "--data", "ulbs.csv", "-n", "7", "--json"])));
    let found = found.as_array().expect("a list");
    assert_eq!(found.len(), 7);
    let names: BTreeSet<&str> = found.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names.len(), 7);
    for one in found {
        let of = |name: &str| one[name].as_f64().expect("a number");
        assert!((0.0..=1.0).contains(&of("gain")) && (0.0..=1.0).contains(&of("novelty")));
        assert!(of("novelty") <= 1.0 - of("cosine") + 1e-6);
        assert_eq!(one["name"], format!("u{}", of("row") - 1.0));
    }
    // What is labelled already teaches nothing: its novelty is none.
    let known =
        json(&stdout(&fixture.ok(&["suggest", "r", "--data", "lbs.csv", "-n", "1", "--json"])));
    assert!(known[0]["novelty"].as_f64().is_some_and(|novelty| novelty < 1e-5), "{known}");
    let text = stdout(&fixture.ok(&["suggest", "r", "--data", "ulbs.csv"]));
    assert!(text.contains("gain (bit)"), "{text}");
    let text = fixture.fails(3, &["suggest", "r", "--experiments", "0", "--data", "ulbs.csv"]);
    assert!(text.contains("it takes two") && text.contains("hint"), "{text}");
    fixture.write("grid.csv", "name,v1,v2,v3\na,0,1,0\n");
    fixture.fails(3, &["suggest", "r", "--data", "grid.csv"]);
    fixture.fails(2, &["suggest", "r"]);
}

#[test]
fn a_simulation_needs_no_run() {
    let fixture = Fixture::new();
    let simulate = ["suggest", "--simulate", "--labeled", "lbs.csv", "--repetitions", "4"];
    let text = stdout(&fixture.ok(&simulate));
    assert!(text.contains("suggested less random"), "{text}");
    let found = json(&stdout(&fixture.ok(&[&simulate[..], &["--json"]].concat())));
    assert_eq!(found["labeled"][0], 6);
    fixture.fails(2, &["suggest", "--simulate"]);
    fixture.write(
        "few.csv",
        &fixture.read("lbs.csv").lines().take(6).map(|l| format!("{l}\n")).collect::<String>(),
    );
    let text = fixture.fails(3, &["suggest", "--simulate", "--labeled", "few.csv"]);
    assert!(text.contains("rows of class"), "{text}");
}

#[test]
fn the_published_rows_can_be_played_through() {
    let Some(data) = shared_data("the_published_rows_can_be_played_through") else { return };
    let fixture = Fixture::new();
    let labeled = data.join("lbs.csv").display().to_string();
    let simulate = ["suggest", "--simulate", "--labeled", &labeled, "--repetitions", "8", "--json"];
    let found = json(&stdout(&fixture.ok(&simulate)));
    assert_eq!((&found["rows"], found["labeled"].as_array().map(Vec::len)), (&112.into(), Some(7)));
    // What it says is in docs/results.md; here only that both learners learn something.
    for curve in ["suggested", "random"] {
        let last = found[curve][6].as_f64().expect("a number");
        assert!((0.4..0.95).contains(&last), "{curve}: {last}");
    }
}
