//! `xrdmatch simulate`: rows, names, failures, profiles, interruption.

use std::collections::HashMap;
use std::path::Path;

use diffraction::table::{Row, TableReader};
use serde_json::Value;

use crate::fixture::{Fixture, shared_data, stderr, stdout};

/// Caesium chloride, by its published lattice constant.
const SALT: &str = "Cs Cl\n1\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n";

pub(crate) fn rows(path: &Path) -> Vec<Row> {
    let mut reader = TableReader::open(path).expect("a table");
    let (mut rows, mut row) = (Vec::new(), Row::default());
    while reader.read(&mut row).expect("rows") {
        rows.push(row.clone());
    }
    rows
}

fn json(output: &std::process::Output) -> Value {
    serde_json::from_str(&stdout(output)).expect("JSON on standard output")
}

/// A directory of structures, two of them of one name and one faulty.
fn structures() -> Fixture {
    let fixture = Fixture::new();
    std::fs::create_dir_all(fixture.path("s/below")).expect("created");
    fixture.write("s/salt.vasp", SALT);
    fixture.write("s/below/salt.vasp", SALT);
    fixture.write("s/faulty.cif", "data_x\n_cell_length_a 4\n");
    fixture.write("s/notes.txt", "not a structure");
    let line = |i: i32| {
        format!(
            "{{\"id\":\"line{i}\",\"lattice\":[[4.1,0,0],[0,4.1,0],[0,0,4.1]],\"species\":[\"Cs\",\"Cl\"],\"frac\":[[0,0,0],[0.5,0.5,0.5]]}}\n"
        )
    };
    fixture.write("s/many.jsonl", &((0..30).map(line).collect::<String>() + "{\"id\":3}\n"));
    fixture
}

#[test]
fn directories_become_a_table_and_what_fails_is_listed() {
    let fixture = structures();
    let output = fixture.ok(&["simulate", "s", "-o", "p.parquet", "--json"]);
    let summary = json(&output);
    assert_eq!((&summary["rows"], &summary["renamed"]), (&32.into(), &1.into()));
    assert_eq!((&summary["skipped"]["count"], &summary["passed_over"]), (&2.into(), &1.into()));
    let reasons = summary["skipped"]["first"].to_string();
    assert!(reasons.contains("faulty.cif") && reasons.contains("line 31"), "{reasons}");
    let text = stderr(&output);
    assert!(text.contains("skipped 2:") && text.contains("32 patterns"), "{text}");
    let found = rows(&fixture.path("p.parquet"));
    let names: Vec<&str> = found.iter().map(|row| row.name.as_str()).collect();
    assert_eq!((names[0], names[1], names[31]), ("salt", "line0", "salt#2"));
    assert_eq!(found[0].formula.as_deref(), Some("CsCl"));
    assert_eq!((&found[0].indices, &found[0].values), (&found[31].indices, &found[31].values));
    let grid = TableReader::open(&fixture.path("p.parquet")).expect("a table").grid();
    assert_eq!(grid, Some(diffraction::Grid::published()));
    // The same in text, under one thread, quietly.
    let quiet = fixture.ok(&["simulate", "s", "-o", "p.csv.zst", "--threads", "1", "--quiet"]);
    assert_eq!(stderr(&quiet), "");
    assert_eq!(rows(&fixture.path("p.csv.zst")), found);
}

#[test]
fn strict_stops_at_the_first_failure_and_writes_nothing() {
    let fixture = structures();
    let text = fixture.fails(3, &["simulate", "s", "-o", "p.csv", "--strict"]);
    assert!(text.contains("faulty.cif") && text.contains("--strict"), "{text}");
    let text = fixture.fails(3, &["simulate", "s/faulty.cif", "absent.cif", "-o", "p.csv"]);
    assert!(text.contains("faulty.cif") && text.contains("absent.cif"), "{text}");
    let left: Vec<_> = std::fs::read_dir(fixture.directory.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("p.csv"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn impossible_requests_are_refused_before_anything_is_read() {
    let fixture = structures();
    for arguments in [
        &["--wavelength", "Kryptonite"][..],
        &["--grid", "0:0:90"],
        &["--grid", "0:0.02:200"],
        &["--size", "400"],
        &["--profile", "voigt", "--size", "-3"],
        &["--profile", "voigt", "--texture", "0,0,1"],
        &["--profile", "voigt", "--width", "0.1,0.2"],
        &["--profile", "voigt", "--counts", "0"],
        &["--displacement-b", "-1"],
        &["--strained", "1001"],
        &["--strained", "2", "--lattice-strain", "0.3"],
        &["--threads", "0"],
    ] {
        let mut all = vec!["simulate", "s", "-o", "p.csv"];
        all.extend(arguments);
        fixture.fails(2, &all);
    }
    fixture.fails(2, &["simulate", "s", "-o", "p.txt"]);
    std::fs::create_dir(fixture.path("empty")).expect("created");
    fixture.fails(3, &["simulate", "empty", "-o", "p.csv"]);
    fixture.fails(3, &["simulate", "s", "-o", "no/such/directory/p.csv"]);
    let text = fixture.fails(
        3,
        &["simulate", "s/salt.vasp", "--recipe", "physical", "--wavelength", "1.3", "-o", "p.csv"],
    );
    assert!(text.contains("anomalous"), "{text}");
    let any = ["--recipe", "physical", "--wavelength", "1.3", "--no-anomalous"];
    fixture.ok(&[&["simulate", "s/salt.vasp", "-o", "p.csv"], &any[..]].concat());
}

#[test]
fn strained_rows_stand_behind_their_structures_and_depend_on_the_seed_and_the_name_alone() {
    let fixture = structures();
    let make = |out: &str, seed: &str, inputs: &[&str], threads: &str| {
        let options = ["--strained", "2", "--threads", threads, "--seed", seed, "-o", out];
        fixture.ok(&[&["simulate"], inputs, &options[..]].concat());
        rows(&fixture.path(out))
    };
    let first = make("a.csv", "1", &["s/salt.vasp", "s/many.jsonl"], "2");
    assert_eq!(first.len(), 3 * 31);
    let names: Vec<&str> = first[..4].iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["salt", "salt~1", "salt~2", "line0"]);
    let again = make("b.csv", "1", &["s/many.jsonl", "s/salt.vasp"], "1");
    let by_name: HashMap<&str, &Row> = again.iter().map(|row| (row.name.as_str(), row)).collect();
    assert!(first.iter().all(|row| by_name[row.name.as_str()] == row));
    let other = make("c.csv", "2", &["s/salt.vasp"], "1");
    assert_eq!(other[0], first[0]);
    assert_ne!(other[1].indices, first[1].indices);
    // A cubic lattice stays cubic, so no peak splits; one that grows may bring a peak into the grid.
    for three in first.chunks(3) {
        let peaks = |row: &Row| row.indices.len() as i32;
        assert!(three.iter().all(|row| (peaks(row) - peaks(&three[0])).abs() <= 2));
        assert_ne!(three[1].indices, three[2].indices);
    }
}

#[test]
fn profiles_with_counting_noise_depend_on_the_seed_and_the_name_alone() {
    let fixture = structures();
    let make = |out: &str, seed: &str, inputs: &[&str], threads: &str| {
        let options = [
            "--recipe",
            "physical",
            "--profile",
            "voigt",
            "--background",
            "4,-1",
            "--counts",
            "500",
            "--grid",
            "10:0.02:60",
            "--threads",
            threads,
            "--seed",
            seed,
            "-o",
            out,
        ];
        fixture.ok(&[&["simulate"], inputs, &options[..]].concat());
        rows(&fixture.path(out))
    };
    let first = make("a.csv", "1", &["s/salt.vasp", "s/many.jsonl"], "2");
    let again = make("b.csv", "1", &["s/many.jsonl", "s/salt.vasp"], "1");
    let by_name: HashMap<&str, &Row> = again.iter().map(|row| (row.name.as_str(), row)).collect();
    assert!(first.iter().all(|row| by_name[row.name.as_str()] == row));
    let other = make("c.csv", "2", &["s/salt.vasp"], "1");
    assert_ne!(other[0].values, first[0].values);
    assert!(first[0].values.iter().all(|count| count.fract() == 0.0), "counts are whole");
    assert_ne!(first[1].values, first[2].values, "equal structures get noise of their own");
    let largest = first[0].values.iter().copied().fold(0.0, f32::max);
    assert!((400.0..600.0).contains(&largest), "{largest}");
}

#[test]
fn the_rows_of_the_published_files_come_out_byte_for_byte() {
    let Some(data) = shared_data("the_rows_of_the_published_files_come_out_byte_for_byte") else {
        return;
    };
    let fixture = Fixture::new();
    let text = std::fs::read_to_string(data.join("exact_rows.json")).expect("exact_rows.json");
    let exact: Value = serde_json::from_str(&text).expect("JSON");
    std::fs::create_dir(fixture.path("exact")).expect("created");
    let mut names = Vec::new();
    for row in exact["rows"].as_array().expect("rows") {
        let name = row["lbs_name"].as_str().expect("a name").to_owned();
        fixture.write(&format!("exact/{name}.cif"), &cif(row));
        names.push(name);
    }
    fixture.ok(&["simulate", "exact", "-o", "exact.csv"]);
    // The published columns end in v1 … v4501, of which the last is the marker.
    let values = |text: &str, name: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.split(',').nth(2) == Some(name)).expect("the row");
        let fields: Vec<&str> = line.split(',').collect();
        fields[fields.len() - 4501..fields.len() - 1].iter().map(|&f| f.to_owned()).collect()
    };
    let made = fixture.read("exact.csv");
    let published = std::fs::read_to_string(data.join("lbs.csv")).expect("lbs.csv");
    assert_eq!(names.len(), 3);
    for name in names {
        assert_eq!(values(&made, &name), values(&published, &name), "{name}");
    }
}

/// A cubic or hexagonal structure of `exact_rows.json` as a CIF that names its space group.
fn cif(row: &Value) -> String {
    let (group, a) = (row["spacegroup"].as_str().expect("a group"), &row["a"]);
    let c = row.get("c").unwrap_or(a);
    let gamma = if row.get("c").is_some() { 120 } else { 90 };
    let mut text = format!("data_x\n_symmetry_space_group_name_H-M '{group}'\n");
    for (axis, length) in [("a", a), ("b", a), ("c", c)] {
        text.push_str(&format!("_cell_length_{axis} {length}\n"));
    }
    for (angle, degrees) in [("alpha", 90), ("beta", 90), ("gamma", gamma)] {
        text.push_str(&format!("_cell_angle_{angle} {degrees}\n"));
    }
    text.push_str(
        "loop_\n_atom_site_label\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n",
    );
    for site in row["sites"].as_array().expect("sites") {
        let element = site[0].as_str().expect("an element");
        text.push_str(&format!("{element} {} {} {}\n", site[1][0], site[1][1], site[1][2]));
    }
    text
}

#[cfg(unix)]
#[test]
fn an_interrupted_simulation_leaves_nothing_behind() {
    let fixture = Fixture::new();
    // Enough structures that the signal comes in between: low symmetry, many atoms.
    let frac: Vec<String> = (0..40)
        .map(|i| format!("[0.{:03},0.{:03},0.{:03}]", i * 23 % 997, i * 71 % 991, i * 37 % 983))
        .collect();
    let species = vec!["\"O\""; 40].join(",");
    let line = |i: i32| {
        format!(
            "{{\"id\":\"{i}\",\"lattice\":[[14.1,0,0],[0,15.1,0],[1,2,16.1]],\"species\":[{species}],\"frac\":[{}]}}\n",
            frac.join(",")
        )
    };
    fixture.write("many.jsonl", &(0..20_000).map(line).collect::<String>());
    let mut child = fixture
        .command(&["simulate", "many.jsonl", "-o", "p.csv"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // Wait until it has begun to write, so that there is something to leave behind.
    let begun = || {
        std::fs::read_dir(fixture.directory.path()).expect("listed").any(|entry| {
            entry.expect("an entry").file_name().to_string_lossy().starts_with(".p.csv")
        })
    };
    for _ in 0..600 {
        if begun() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(begun(), "the temporary file was created");
    std::thread::sleep(std::time::Duration::from_millis(200));
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(kill.success());
    let status = child.wait().expect("waited for");
    assert_eq!(status.code(), Some(130));
    assert!(!begun() && !fixture.path("p.csv").exists(), "nothing is left behind");
}
