//! `xrdmatch import`: formats, options, metadata, failures.

use serde_json::Value;

use crate::fixture::{Fixture, shared_data, stderr, stdout};
use crate::simulate::rows;

/// Two columns: a background of 100 and Gaussian peaks of 2000 counts.
fn scan(peaks: &[f64]) -> String {
    let point = |i: i32| {
        let x = 10.0 + 0.02 * f64::from(i);
        let peaks = peaks.iter().map(|at| 2000.0 * (-((x - at) / 0.09_f64).powi(2)).exp());
        format!("{x:.3} {:.3}\n", 100.0 + peaks.sum::<f64>())
    };
    (0..3500).map(point).collect()
}

#[test]
fn scans_come_onto_the_grid_and_their_metadata_beside_it() {
    let fixture = Fixture::new();
    std::fs::create_dir(fixture.path("scans")).expect("created");
    fixture.write("scans/a.xy", &scan(&[20.0, 40.0]));
    let uxd =
        "_SAMPLE='tablet'\n_WL1=1.540598\n_WL2=1.544426\n_START=10.0\n_STEPSIZE=0.02\n_COUNTS\n";
    let counts: String = scan(&[30.0])
        .lines()
        .map(|line| format!("{}\n", line.split(' ').nth(1).expect("a count")))
        .collect();
    fixture.write("scans/b.uxd", &(uxd.to_owned() + &counts));
    fixture.write("scans/faulty.xrdml", "<?xml version=\"1.0\"?><xrdMeasurements>");
    fixture.write("scans/readme.md", "words");
    let output = fixture.ok(&["import", "scans", "-o", "m.csv", "--json"]);
    let summary: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!((&summary["rows"], &summary["skipped"]["count"]), (&2.into(), &1.into()));
    assert_eq!(summary["passed_over"], 1);
    let text = stderr(&output);
    assert!(text.contains("faulty.xrdml") && text.contains("no wavelength stated"), "{text}");
    let found = rows(&fixture.path("m.csv"));
    assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("a", "b"));
    assert_eq!(found[1].id.as_deref(), Some("tablet"));
    let top = |row: &diffraction::table::Row| {
        let at = row.values.iter().position(|&v| v == 1.0).expect("scaled to 1");
        f64::from(row.indices[at]) * 0.02
    };
    assert!((top(&found[1]) - 30.0).abs() < 0.021, "the doublet's mean is nearly the target's");
    let side: Vec<Value> = fixture
        .read("m.csv.metadata.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!((side.len(), &side[1]["name"]), (2, &"b".into()));
    assert_eq!(side[1]["metadata"]["format"], "uxd");
    assert_eq!(side[1]["metadata"]["sample"], "tablet");
    assert_eq!(side[0]["processing"]["wavelength_assumed"], true);
    fixture.fails(3, &["import", "scans", "-o", "n.csv", "--strict"]);
    assert!(!fixture.path("n.csv").exists() && !fixture.path("n.csv.metadata.jsonl").exists());
}

#[test]
fn every_option_changes_what_it_says() {
    let fixture = Fixture::new();
    fixture.write("a.xy", &scan(&[20.0, 40.0]));
    let import = |options: &[&str]| {
        fixture.ok(&[&["import", "a.xy", "-o", "o.csv"], options].concat());
        rows(&fixture.path("o.csv")).remove(0)
    };
    let plain = import(&[]);
    let angle = |row: &diffraction::table::Row| {
        let top = row.values.iter().copied().fold(0.0, f32::max);
        let at = row.values.iter().position(|&v| v == top).expect("a largest value");
        f64::from(row.indices[at]) * 0.02
    };
    assert!((angle(&plain) - 20.0).abs() < 0.03);
    // Molybdenum's 20° is copper's 44.27°: sin θ scales with the wavelength.
    let moved = import(&["--wavelength", "MoKa"]);
    let expected = 2.0 * (10_f64.to_radians().sin() * 1.54184 / 0.71073).asin().to_degrees();
    assert!((angle(&moved) - expected).abs() < 0.05, "{} {expected}", angle(&moved));
    let kept = import(&["--to-wavelength", "keep", "--wavelength", "none"]);
    assert!((angle(&kept) - 20.0).abs() < 0.03);
    let counts = import(&["--keep-scale", "--background", "keep"]);
    let most = counts.values.iter().copied().fold(0.0, f32::max);
    assert!((2000.0..2200.0).contains(&most), "{most}");
    let sticks = import(&["--sticks"]);
    assert_eq!(sticks.indices.len(), 2, "one stick a peak");
    let rough = import(&["--smooth", "20:2"]);
    assert_ne!(rough.values, plain.values);
    let short = import(&["--grid", "15:0.05:25"]);
    assert!(short.indices.iter().all(|&index| index <= 200));
    for options in [&["--strip-ka2"][..], &["--wavelength", "none"], &["--grid", "100:0.1:120"]] {
        fixture.fails(3, &[&["import", "a.xy", "-o", "x.csv"], options].concat());
    }
    for options in [
        &["--background", "none"][..],
        &["--smooth", "a"],
        &["--smooth", "0:0"],
        &["--peak-width", "0.2"],
        &["--sticks", "--peak-width", "-1"],
        &["--to-wavelength", "nothing"],
    ] {
        fixture.fails(2, &[&["import", "a.xy", "-o", "x.csv"], options].concat());
    }
}

#[test]
fn all_shared_scans_are_imported_or_explained() {
    let Some(data) = shared_data("all_shared_scans_are_imported_or_explained") else { return };
    let fixture = Fixture::new();
    let scans = data.join("scans");
    let scans = scans.to_str().expect("a path in UTF-8");
    let output = fixture.ok(&["import", scans, "-o", "m.parquet", "--json"]);
    let summary: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    // 19 scan files; the list of sources is a .csv that is none and is said to be so.
    let skipped = summary["skipped"]["first"].to_string();
    assert!(skipped.contains("SOURCES.csv"), "{skipped}");
    let files: std::collections::BTreeSet<String> = fixture
        .read("m.parquet.metadata.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["file"].to_string())
        .collect();
    assert_eq!(files.len() as u64 + summary["skipped"]["count"].as_u64().expect("a number"), 20);
    assert_eq!(files.len(), 19, "{skipped}");
}
