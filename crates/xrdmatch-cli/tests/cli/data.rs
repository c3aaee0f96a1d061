//! `xrdmatch data info`, `merge` and `convert`.

use serde_json::Value;

use crate::fixture::{Fixture, POINTS, shared_data, stderr, stdout};
use crate::simulate::rows;

#[test]
fn info_says_what_a_file_holds() {
    let fixture = Fixture::new();
    let text = stdout(&fixture.ok(&["data", "info", "lbs.csv"]));
    for words in ["54 patterns of 240 points", "0: 24   1: 30", "54 of 54 rows have a value"] {
        assert!(text.contains(words), "`{words}` is missing in {text}");
    }
    fixture.write(
        "a.vasp",
        "Cs Cl\n1\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n",
    );
    fixture.write("a.xy", &(0..900).map(|i| format!("{} {}\n", i / 10, i)).collect::<String>());
    fixture.write("b.xy", &(0..90).map(|i| format!("{i} {}\n", i * i % 17)).collect::<String>());
    let output = fixture.run(&["data", "info", "a.vasp", "a.xy", "b.xy", "absent", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let text = stderr(&output);
    assert!(text.contains("absent") && text.contains("a.xy"), "{text}");
    let report: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(report["files"][0]["structures"]["described"][0]["formula"], "CsCl");
    assert_eq!(report["files"][1]["scans"][0]["points"], 90);
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(2), "angles must rise");
}

#[test]
fn merged_and_converted_tables_hold_the_same_rows() {
    let fixture = Fixture::new();
    let text = stderr(&fixture.ok(&["data", "merge", "lbs.csv", "ulbs.csv", "-o", "all.parquet"]));
    assert!(text.contains("254 patterns") && text.contains("no grid is stated"), "{text}");
    fixture.ok(&["data", "convert", "all.parquet", "-o", "all.csv.gz", "--json"]);
    let (first, second) = (rows(&fixture.path("all.parquet")), rows(&fixture.path("all.csv.gz")));
    assert_eq!(first, second);
    assert_eq!((first.len(), first[0].label, first[253].label), (254, Some(0), None));

    let text = fixture.fails(3, &["data", "merge", "lbs.csv", "lbs.csv", "-o", "x.csv"]);
    assert!(text.contains("`l0`") && text.contains("--repeated"), "{text}");
    fixture.ok(&["data", "merge", "lbs.csv", "lbs.csv", "--repeated", "skip", "-o", "x.csv"]);
    assert_eq!(rows(&fixture.path("x.csv")).len(), 54);
    fixture.ok(&["data", "merge", "lbs.csv", "lbs.csv", "--repeated", "number", "-o", "y.csv"]);
    assert_eq!(rows(&fixture.path("y.csv"))[54].name, "l0#2");

    let coarse = ["data", "convert", "lbs.csv", "--grid", "0:0.04:5", "--as", "sticks"];
    fixture.ok(&[&coarse[..], &["-o", "coarse.csv"]].concat());
    let found = rows(&fixture.path("coarse.csv"));
    let last = ((POINTS - 1) as f64 * 0.02 / 0.04) as u16;
    assert!(found.iter().all(|row| !row.indices.contains(&last)), "the mark is left out");
    let text = fixture.fails(3, &["data", "merge", "lbs.csv", "coarse.csv", "-o", "z.csv"]);
    assert!(text.contains("points") && text.contains("--stated"), "{text}");
    fixture.fails(2, &["data", "convert", "lbs.csv", "--grid", "0:0.04:5", "-o", "z.csv"]);
    fixture.fails(2, &["data", "convert", "lbs.csv", "-o", "z.xlsx"]);
    fixture.fails(3, &["data", "convert", "absent.csv", "-o", "z.csv"]);
}

#[test]
fn the_published_marker_is_noticed() {
    let Some(data) = shared_data("the_published_marker_is_noticed") else { return };
    let fixture = Fixture::new();
    let path = data.join("lbs.csv");
    let text = stdout(&fixture.ok(&["data", "info", path.to_str().expect("a path in UTF-8")]));
    assert!(text.contains("112 patterns of 4501 points"), "{text}");
    assert!(text.contains("112 of 112 rows have a value"), "{text}");
    assert!(text.contains("gives label 0 away"), "{text}");
}
