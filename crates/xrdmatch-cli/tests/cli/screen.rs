//! Screening: every pattern judged, ranked, in parts or whole.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::fixture::{Fixture, POINTS, stderr, stdout, table};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

/// Four experiments in `r`.
fn trained() -> Fixture {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..4", "--epochs", "20"]));
    fixture
}

/// The rows of a CSV file under its header, cell by cell, and the place of a column.
fn rows(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    (lines.next().expect("a header"), lines.collect())
}

fn column(header: &[String], name: &str) -> usize {
    header.iter().position(|column| column == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn every_pattern_is_ranked_once_the_last_one_too() {
    let fixture = trained();
    let output = fixture.ok(&["screen", "r", "--data", "ulbs.csv", "-o", "ranked.csv", "--json"]);
    let summary = json(&stdout(&output));
    let (header, rows) = rows(&fixture.read("ranked.csv"));
    let of = |name: &str| column(&header, name);
    let number = |row: &Vec<String>, name: &str| row[of(name)].parse::<f64>().expect("a number");
    assert_eq!(rows.len(), 200);
    let names: BTreeSet<&str> = rows.iter().map(|row| row[of("name")].as_str()).collect();
    assert!(names.len() == 200 && names.contains("u199"));
    let (mut before, mut sum) = (1.0, 0.0);
    for (place, row) in rows.iter().enumerate() {
        assert_eq!(number(row, "rank") as usize, place + 1);
        let (p, score) = (number(row, "probability"), number(row, "score"));
        assert!(score <= before && (0.0..=1.0).contains(&p), "{row:?}");
        assert!(number(row, "lower") <= p + 1e-12 && p <= number(row, "upper") + 1e-12, "{row:?}");
        let votes = number(row, "votes");
        assert_eq!(row[of("candidate")], (votes >= 2.0).to_string(), "half of four members");
        sum += p;
        before = score;
        assert!((number(row, "expected_positives") - sum).abs() < 1e-9);
        assert!(row[of("nearest_1")].starts_with('l') && number(row, "cosine_1") <= 1.0);
        assert!(number(row, "cosine_1") >= number(row, "cosine_2"));
        assert_eq!(
            number(row, "conductivity_1"),
            if row[of("nearest_label_1")] == "0" { 1e-3 } else { 1e-7 }
        );
    }
    // In the fixture every fourth row is positive; the models were trained to see that.
    let hits = rows[..50].iter().filter(|row| {
        row[of("name")][1..].parse::<u32>().is_ok_and(|number| number.is_multiple_of(4))
    });
    assert!(hits.count() >= 25, "a random ranking has 12 of 50");
    let last = summary["top"].as_array().and_then(|top| top.last()).expect("a line for all");
    assert_eq!(last["n"], 200);
    assert!((last["expected"].as_f64().expect("a number") - sum).abs() < 1e-9);
    assert!(last["lower"].as_f64() <= last["upper"].as_f64());
    assert_eq!((&summary["patterns"], &summary["members"]), (&200.into(), &4.into()));

    let text = stdout(&fixture.ok(&["screen", "r", "--data", "ulbs.csv", "--top", "3"]));
    assert!(text.contains("expected superionic compounds among the best"), "{text}");
    fixture.ok(&["screen", "r", "--data", "ulbs.csv", "-o", "ranked.jsonl", "--quiet"]);
    let first = json(fixture.read("ranked.jsonl").lines().next().expect("a line"));
    assert_eq!(first["name"].as_str(), Some(rows[0][of("name")].as_str()));
    fixture.ok(&["screen", "r", "--data", "ulbs.csv", "-o", "ranked.parquet"]);
}

#[test]
fn merged_shards_are_exactly_the_whole_screening() {
    let fixture = trained();
    let whole = ["screen", "r", "--data", "ulbs.csv", "--prior", "estimate"];
    fixture.ok(&[&whole[..], &["-o", "whole.csv"]].concat());
    let parts = ["1/7", "2/7", "3/7", "4/7", "5/7", "6/7", "7/7"];
    let mut merge = vec!["screen", "r", "--prior", "estimate", "-o", "merged.csv", "--merge"];
    let names: Vec<String> = (1..=7).map(|part| format!("{part}.shard")).collect();
    for (part, name) in parts.iter().zip(&names) {
        fixture.ok(&["screen", "r", "--data", "ulbs.csv", "--shard", part, "-o", name]);
    }
    merge.extend(names.iter().rev().map(String::as_str));
    fixture.ok(&merge);
    assert_eq!(fixture.read("merged.csv"), fixture.read("whole.csv"));
    // More parts than rows: some are empty, and nothing is lost.
    fixture.write(
        "three.csv",
        &fixture.read("ulbs.csv").lines().take(4).map(|l| format!("{l}\n")).collect::<String>(),
    );
    fixture.ok(&["screen", "r", "--data", "three.csv", "-o", "whole3.csv"]);
    for part in 1..=5 {
        let (part, name) = (format!("{part}/5"), format!("{part}.shard"));
        fixture.ok(&["screen", "r", "--data", "three.csv", "--shard", &part, "-o", &name]);
    }
    let five = ["1.shard", "2.shard", "3.shard", "4.shard", "5.shard"];
    fixture.ok(&[&["screen", "r", "-o", "merged3.csv", "--merge"], &five[..]].concat());
    assert_eq!(fixture.read("merged3.csv"), fixture.read("whole3.csv"));

    let text = fixture.fails(3, &["screen", "r", "--merge", "1.shard", "3.shard"]);
    assert!(text.contains("merge 2 of 5 parts of three.csv: 2, 4, 5 are missing"), "{text}");
    let text = fixture.fails(3, &["screen", "r", "--merge", "1.shard", "1.shard"]);
    assert!(text.contains("the same part, 1 of 5"), "{text}");
    let text = fixture
        .fails(3, &["screen", "r", "--experiments", "0..2", "--merge", "1.shard", "2.shard"]);
    assert!(text.contains("other models") && text.contains("hint"), "{text}");
    let bytes = std::fs::read(fixture.path("2.shard")).expect("the shard");
    for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(fixture.path("cut.shard"), &bytes[..length]).expect("written");
        let text = fixture.fails(3, &["screen", "r", "--merge", "cut.shard"]);
        assert!(text.contains("cut.shard is no shard of a screening"), "{text}");
    }
    fixture.fails(3, &["screen", "r", "--merge", "absent.shard"]);
    for bad in ["8/7", "0/7", "7", "x/2", "1/0"] {
        let text =
            fixture.fails(2, &["screen", "r", "--data", "ulbs.csv", "--shard", bad, "-o", "x"]);
        assert!(text.contains("part"), "{text}");
    }
}

/// The rows of a table without some columns.
fn without(text: &str, left_out: &[&str]) -> Vec<Vec<String>> {
    let (header, rows) = rows(text);
    let kept = |row: Vec<String>| {
        let cells = header.iter().zip(row).filter(|(name, _)| !left_out.contains(&name.as_str()));
        cells.map(|(_, cell)| cell).collect()
    };
    rows.into_iter().map(kept).collect()
}

#[test]
fn several_files_make_one_ranking_whole_or_in_parts() {
    let fixture = trained();
    let text = fixture.read("ulbs.csv");
    let (header, body) = text.split_once('\n').expect("a header");
    let lines: Vec<&str> = body.lines().collect();
    for (name, lines) in [("a.csv", &lines[..90]), ("b.csv", &lines[90..])] {
        fixture.write(name, &format!("{header}\n{}\n", lines.join("\n")));
    }
    let screen = ["screen", "r", "--prior", "estimate", "--abstain", "-o"];
    fixture.ok(&[&screen[..], &["whole.csv", "--data", "ulbs.csv"]].concat());
    let files = ["--data", "b.csv", "--data", "a.csv", "--json"];
    let summary = json(&stdout(&fixture.ok(&[&screen[..], &["both.csv"], &files].concat())));
    assert_eq!((&summary["data"], &summary["patterns"]), (&"a.csv, b.csv".into(), &200.into()));
    // All that is said of a pattern is as if the files were one; each row says of which it is.
    let whole = fixture.read("whole.csv");
    assert_eq!(without(&fixture.read("both.csv"), &["row", "file"]), without(&whole, &["row"]));
    let (header, both) = rows(&fixture.read("both.csv"));
    let (file, row, name) =
        (column(&header, "file"), column(&header, "row"), column(&header, "name"));
    for cells in &both {
        let number: usize = cells[row].parse().expect("a row");
        let place = number - 1 + if cells[file] == "a.csv" { 0 } else { 90 };
        assert!(lines[place].contains(&cells[name]), "{cells:?}");
    }
    // In parts, of each file a different number of them.
    for (data, part, shard) in
        [("a.csv", "1/1", "a.shard"), ("b.csv", "1/2", "b1.shard"), ("b.csv", "2/2", "b2.shard")]
    {
        fixture.ok(&["screen", "r", "--data", data, "--shard", part, "-o", shard]);
    }
    let merge = ["--merge", "b2.shard", "a.shard", "b1.shard"];
    fixture.ok(&[&screen[..], &["merged.csv"], &merge].concat());
    assert_eq!(fixture.read("merged.csv"), fixture.read("both.csv"));

    let text = fixture.fails(3, &["screen", "r", "--merge", "a.shard", "b2.shard"]);
    assert!(text.contains("merge 1 of 2 parts of b.csv: 1 is missing"), "{text}");
    let both = ["screen", "r", "--data", "a.csv", "--data", "b.csv", "--shard", "1/2"];
    let text = fixture.fails(2, &[&both[..], &["-o", "x.shard"]].concat());
    assert!(text.contains("a shard is a part of one file") && text.contains("hint"), "{text}");
}

#[test]
fn patterns_unlike_all_that_was_seen_are_flagged_and_may_be_left_out() {
    let fixture = trained();
    let mut all: Vec<(String, Option<u8>, Vec<f32>)> = Vec::new();
    for foreign in 0..10 {
        let hump = |point: usize| {
            let x = (point as f32 - 100.0 - 5.0 * foreign as f32) / 60.0;
            0.05 + (-x * x).exp()
        };
        all.push((format!("glass{foreign}"), None, (0..POINTS).map(hump).collect()));
    }
    let text = fixture.read("ulbs.csv") + table(&all).split_once('\n').expect("a header").1;
    fixture.write("mixed.csv", &text);
    fixture.ok(&["screen", "r", "--data", "mixed.csv", "--abstain", "-o", "ranked.csv"]);
    let (header, rows) = rows(&fixture.read("ranked.csv"));
    let (name, outlier, rank) =
        (column(&header, "name"), column(&header, "outlier"), column(&header, "rank"));
    let probability = column(&header, "probability");
    assert_eq!(rows.len(), 210);
    let flagged = |glass: bool| {
        rows.iter()
            .filter(|row| row[name].starts_with("glass") == glass && row[outlier] == "true")
            .count()
    };
    assert!(flagged(true) == 10, "{} of 10 glasses", flagged(true));
    // Most of these rows the models were trained with; a fifth were held out.
    assert!(flagged(false) <= 30, "{} of 200 ordinary rows", flagged(false));
    let abstained = rows.iter().filter(|row| row[rank].is_empty() && row[probability].is_empty());
    assert_eq!(abstained.count(), flagged(true) + flagged(false));
    assert!(rows[rows.len() - 1][rank].is_empty() && rows[0][rank] == "1");

    let text = fixture.fails(3, &["screen", "r", "--data", "mixed.csv", "--ood-rate", "0.001"]);
    assert!(text.contains("held-out patterns") && text.contains("hint"), "{text}");
    fixture.fails(2, &["screen", "r", "--data", "mixed.csv", "--no-outliers", "--abstain"]);
    let text = stdout(&fixture.ok(&["screen", "r", "--data", "mixed.csv", "--no-outliers"]));
    assert!(text.contains("outliers not told"), "{text}");
}

#[test]
fn the_prior_moves_probabilities_and_not_the_order() {
    let fixture = trained();
    let screened = |name: &str, more: &[&str]| {
        let output = ["screen", "r", "--data", "ulbs.csv", "--no-outliers", "-o", name, "--json"];
        let summary = json(&stdout(&fixture.ok(&[&output, more].concat())));
        let (header, rows) = rows(&fixture.read(name));
        let at = column(&header, "name");
        let names: Vec<String> = rows.into_iter().map(|row| row[at].clone()).collect();
        let expected =
            summary["top"].as_array().and_then(|top| top.last()).map(|top| top["expected"].clone());
        (names, expected.and_then(|value| value.as_f64()).expect("a number"))
    };
    let few = screened("few.csv", &["--prior", "0.02"]);
    let many = screened("many.csv", &["--prior", "0.6"]);
    let none = screened("none.csv", &["--calibration", "none"]);
    assert!(few.0 == many.0 && few.0 == none.0);
    assert!(few.1 < 0.5 * many.1, "{} and {}", few.1, many.1);
    fixture.fails(2, &["screen", "r", "--data", "ulbs.csv", "--prior", "1.5"]);
    fixture.fails(2, &["screen", "r", "--data", "ulbs.csv", "--rule", "votes:11"]);
    fixture.fails(2, &["screen", "r", "--data", "ulbs.csv", "--rule", "five"]);
}

#[test]
fn runs_that_do_not_go_together_or_are_not_finished_are_refused() {
    let fixture = trained();
    let screen = |more: &[&'static str]| [&["screen"], more, &["--data", "ulbs.csv"]].concat();
    fixture.write("grid.csv", "name,v1,v2,v3\na,0,1,0\n");
    let text = fixture.fails(3, &["screen", "r", "--data", "grid.csv"]);
    assert!(text.contains("3 points") && text.contains("240 points"), "{text}");
    fixture.write("empty.csv", fixture.read("ulbs.csv").lines().next().expect("a header"));
    fixture.fails(3, &["screen", "r", "--data", "empty.csv", "-o", "e.csv"]);
    fixture.fails(3, &["screen", "r", "--data", "ulbs.csv", "-o", "e.xls"]);
    fixture.fails(3, &screen(&["absent"]));
    let text = fixture.fails(3, &screen(&["r", "--experiments", "0,9"]));
    assert!(text.contains("no experiment 9"), "{text}");
    let text = fixture.fails(3, &screen(&["r", "--min-f1", "0.5"]));
    assert!(text.contains("no validation rows") && text.contains("hint"), "{text}");

    std::fs::remove_file(fixture.path("r/exp_003/result.json")).expect("removed");
    let output = fixture.ok(&screen(&["r", "--no-outliers"]));
    assert!(stderr(&output).contains("1 experiments are not finished"), "{}", stderr(&output));
    let text = fixture.fails(3, &screen(&["r", "--experiments", "3"]));
    assert!(text.contains("experiment 3 of r is not finished"), "{text}");
    for experiment in 0..3 {
        let path = fixture.path(&format!("r/exp_{experiment:03}/result.json"));
        std::fs::rename(&path, path.with_extension("was")).expect("renamed");
    }
    let text = fixture.fails(3, &screen(&["r"]));
    assert!(text.contains("no experiment of r is finished (4 were begun)"), "{text}");
    for experiment in 0..3 {
        let path = fixture.path(&format!("r/exp_{experiment:03}/result.was"));
        std::fs::rename(&path, path.with_extension("json")).expect("renamed");
    }

    // A second run on other data, and a third with another network.
    let labeled = fixture.read("lbs.csv");
    fixture.write("other.csv", &labeled.replace("l53", "l99"));
    let other =
        ["train", "--labeled", "other.csv", "--unlabeled", "ulbs.csv", "--config", "small.toml"];
    fixture.ok(&[&other[..], &["--run", "o"]].concat());
    let text = fixture.fails(3, &screen(&["r", "o"]));
    assert!(text.contains("r and o saw different data: their labelled file"), "{text}");
    fixture.ok(&fixture.train("v", &["--set", "split.validation_per_class=[4]"]));
    fixture.ok(&screen(&["r", "v", "--no-outliers"]));
    fixture.ok(&screen(&["v", "--min-f1", "0"]));
    let text = fixture.fails(3, &screen(&["v", "--min-f1", "1.1"]));
    assert!(text.contains("no member reaches"), "{text}");
    fixture
        .write("small.toml", &fixture.read("small.toml").replace("outputs = 16", "outputs = 12"));
    fixture.ok(&fixture.train("w", &[]));
    let text = fixture.fails(3, &screen(&["r", "w"]));
    assert!(text.contains("setting `network.architecture`"), "{text}");

    fixture.write("lbs.csv", &labeled.replace("l53", "l99"));
    let text = fixture.fails(3, &screen(&["r"]));
    assert!(text.contains("contents have changed") && text.contains("--labeled"), "{text}");
    fixture.write("moved.csv", &labeled);
    fixture.ok(&screen(&["r", "--labeled", "moved.csv"]));
    let is_tensors =
        |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "safetensors");
    for path in fixture.files("r/exp_001").iter().filter(is_tensors) {
        std::fs::write(path, "damaged").expect("written");
    }
    fixture.fails(4, &screen(&["r", "--labeled", "moved.csv"]));
}

#[cfg(unix)]
#[test]
fn a_screening_that_is_interrupted_leaves_no_file() {
    let fixture = trained();
    let text = fixture.read("ulbs.csv");
    let (header, rows) = text.split_once('\n').expect("a header");
    fixture.write("long.csv", &format!("{header}\n{}", rows.repeat(300)));
    let mut child = fixture
        .command(&["screen", "r", "--data", "long.csv", "-o", "ranked.csv"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let temporary = || {
        std::fs::read_dir(fixture.directory.path())
            .expect("listed")
            .filter_map(|entry| entry.expect("an entry").file_name().into_string().ok())
            .any(|name| name.starts_with(".tmp-"))
    };
    while !temporary() {
        assert!(child.try_wait().expect("asked").is_none(), "it ended before it was interrupted");
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.expect("kill").success());
    assert_eq!(child.wait().expect("waited").code(), Some(130));
    assert!(!temporary() && !fixture.path("ranked.csv").exists());
}
