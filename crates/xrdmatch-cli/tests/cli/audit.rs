//! What the audit finds, and what it leaves alone.

use crate::fixture::{Fixture, POINTS, shared_data, stdout};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

/// The labelled file without its marker.
fn without_marker(fixture: &Fixture) -> String {
    let strip = |line: &str| match line.strip_suffix(",0.00001") {
        Some(rest) => format!("{rest},0"),
        None => line.to_owned(),
    };
    fixture.read("lbs.csv").lines().map(|line| strip(line) + "\n").collect()
}

fn kinds(audit: &serde_json::Value, severity: &str) -> Vec<String> {
    let findings = audit["findings"].as_array().expect("findings").iter();
    findings
        .filter(|finding| finding["severity"] == severity)
        .map(|finding| finding["kind"].as_str().expect("a kind").to_owned())
        .collect()
}

#[test]
fn planted_defects_are_alarms_and_strict_exits_1() {
    let fixture = Fixture::new();
    let output = fixture.run(&["audit", "lbs.csv", "ulbs.csv", "--strict"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("ALARM    marker column"), "{text}");
    assert!(text.contains(&format!("- v{POINTS}")) && text.contains("drop it"), "{text}");
    assert!(text.contains("254 rows: 1 alarms"), "{text}");
    // The marker is the labelled file's alone, however large the pool.
    let pool: String = fixture.read("ulbs.csv").replace(",0.00001\n", ",0\n");
    fixture.write("pool.csv", &pool);
    let text = stdout(&fixture.ok(&["audit", "lbs.csv", "pool.csv"]));
    assert!(text.contains("marker column") && text.contains("254 rows: 1 alarms"), "{text}");
    fixture.ok(&["audit", "lbs.csv", "ulbs.csv"]);
}

#[test]
fn clean_files_raise_no_alarm() {
    let fixture = Fixture::new();
    fixture.write("clean.csv", &without_marker(&fixture));
    let audit = json(&stdout(&fixture.ok(&["audit", "clean.csv", "--strict", "--json", "-q"])));
    assert_eq!((audit["rows"].as_u64(), kinds(&audit, "alarm").len()), (Some(54), 0));
    assert!(kinds(&audit, "note").contains(&"class_balance".to_owned()));
}

#[test]
fn a_test_row_that_was_trained_on_is_an_alarm() {
    let fixture = Fixture::new();
    let clean = without_marker(&fixture);
    fixture.write("clean.csv", &clean);
    let lines: Vec<&str> = clean.lines().collect();
    let copy = lines[6].replacen(",l5,", ",renamed,", 1);
    fixture.write("last.csv", &format!("{}\n{copy}\n", lines[0]));
    let audit = json(&stdout(&fixture.ok(&["audit", "clean.csv", "--test", "last.csv", "--json"])));
    assert_eq!(kinds(&audit, "alarm"), ["duplicates"]);
    let samples = &audit["findings"][0]["samples"];
    assert_eq!((&samples[0]["name"], &samples[1]["name"]), (&"l5".into(), &"renamed".into()));
    assert_eq!((&samples[0]["part"], &samples[1]["part"]), (&"labelled".into(), &"test".into()));
    let text = stdout(&fixture.ok(&["audit", "clean.csv", "--test", "last.csv"]));
    assert!(text.contains("take it out of the test") && text.contains("renamed [0] in last.csv"));
}

#[test]
fn what_training_refuses_the_audit_names() {
    let fixture = Fixture::new();
    let clean = without_marker(&fixture);
    let flat = format!("Li2S,60,flat,1e-3,0{}\n", ",0".repeat(POINTS));
    let again = clean.lines().nth(3).expect("a line");
    fixture.write("bad.csv", &format!("{clean}{flat}{again}\n"));
    let audit = json(&stdout(&fixture.ok(&["audit", "bad.csv", "--json", "-q"])));
    let alarms = kinds(&audit, "alarm");
    for kind in ["flat_pattern", "repeated_name"] {
        assert!(alarms.contains(&kind.to_owned()), "{alarms:?}");
    }
}

#[test]
fn grids_that_differ_are_an_alarm() {
    let fixture = Fixture::new();
    fixture.write("short.csv", "name,v1,v2,v3,v4\na,0,1,0.5,0.2\n");
    let text = stdout(&fixture.ok(&["audit", "lbs.csv", "short.csv"]));
    assert!(text.contains("ALARM    grids differ") && text.contains("short.csv 4"), "{text}");
}

#[test]
fn files_that_are_no_tables_are_refused() {
    let fixture = Fixture::new();
    fixture.fails(3, &["audit", "absent.csv"]);
    fixture.fails(3, &["audit", "."]);
    fixture.write("empty.csv", "");
    fixture.fails(3, &["audit", "empty.csv"]);
    fixture.write("text.csv", "dear reader,\nthis is no table\n");
    fixture.fails(3, &["audit", "text.csv"]);
    fixture.write("nan.csv", "name,v1,v2,v3\na,0,1,0\nb,0,NaN,1\n");
    let text = fixture.fails(3, &["audit", "nan.csv"]);
    assert!(text.contains("nan.csv") && text.contains("v2") && text.contains('b'), "{text}");
    fixture.fails(2, &["audit", "lbs.csv", "--twin-cosine", "1.5"]);
    let output = fixture.run(&["audit"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_published_file_gives_itself_away() {
    let Some(data) = shared_data("the_published_file_gives_itself_away") else { return };
    let fixture = Fixture::new();
    let path = data.join("lbs.csv");
    let path = path.to_str().expect("a path in UTF-8");
    let audit = json(&stdout(&fixture.ok(&["audit", path, "--json", "-q"])));
    assert_eq!(kinds(&audit, "alarm"), ["marker_column"]);
    let findings = audit["findings"].as_array().expect("findings");
    assert_eq!(findings[0]["column"], 4500);
    assert!(
        findings[0]["verdict"].as_str().is_some_and(|verdict| verdict.contains("leaks the label"))
    );
    let of = |kind: &str| findings.iter().filter(|finding| finding["kind"] == kind).count();
    assert_eq!(of("mixed_composition"), 2);
    assert!((6..15).contains(&of("near_twins")), "{}", of("near_twins"));
    let text = stdout(&fixture.ok(&["audit", path]));
    for words in ["v4501", "near twins", "mixed composition", "Li15Ge3V2O4"] {
        assert!(text.contains(words), "`{words}` is missing in: {text}");
    }
}
