//! Explanations: which peaks drove a prediction.

use crate::fixture::{ENCODED, Fixture, stderr, stdout};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn the_planted_peaks_are_named() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--experiments", "0..3", "--epochs", "30"]));
    named_peaks_are_the_planted_ones(&fixture, "integrated-gradients", 0.0);
}

#[test]
fn the_planted_peaks_are_named_through_encoders() {
    let fixture = Fixture::new();
    fixture.write("small.toml", ENCODED);
    fixture.ok(&fixture.train("r", &["--experiments", "0..3", "--set", "pretrain.epochs=30"]));
    named_peaks_are_the_planted_ones(&fixture, "shapley-values", 0.0);
    let text = stdout(&fixture.ok(&["explain", "r", "--sample", "l3", "--peaks", "2"]));
    assert!(text.contains("Shapley values, drawn to a standard error of at most"), "{text}");
}

#[test]
fn the_planted_peaks_are_named_where_bins_lie_on_the_logarithm_of_q() {
    let fixture = Fixture::new();
    fixture.write("small.toml", ENCODED);
    let more = ["--experiments", "0..3", "--set", "pretrain.epochs=30", "--grid", "10:0.02"];
    let axis = ["--set", "input.axis=\"log-q\""];
    fixture.ok(&fixture.train("r", &[&more[..], &axis].concat()));
    named_peaks_are_the_planted_ones(&fixture, "shapley-values", 10.0);
}

/// Patterns that begin at `start` degrees.
fn named_peaks_are_the_planted_ones(fixture: &Fixture, method: &str, start: f64) {
    let (mut right, mut named, mut asked) = (0, 0, 0);
    let (mut loss, mut random) = (0.0, 0.0);
    for number in 0..24 {
        let sample = format!("u{number}");
        let found = ["explain", "r", "--sample", &sample, "--peaks", "1", "--json"];
        let found = json(&stdout(&fixture.ok(&found)));
        assert_eq!(found["method"], method);
        asked += 1;
        let positive = number % 4 == 0;
        let predicted = found["log_odds"].as_f64().expect("a number") > 0.0;
        if predicted != positive {
            continue;
        }
        right += 1;
        // Where the fixture plants what tells the classes apart.
        let planted = if positive { 60..72 } else { 150..162 };
        let two_theta = found["reasons"][0]["two_theta"].as_f64().expect("an angle");
        let point = ((two_theta - start) / 0.02).round() as usize;
        named += u32::from(planted.contains(&point));
        loss += found["check"]["named"].as_f64().expect("a number");
        random += found["check"]["random"].as_f64().expect("a number");
        let miss = found["miss"].as_f64().expect("a number");
        assert!(miss < 0.3, "{sample}: attributions miss their sum by {miss}");
    }
    eprintln!(
        "{right} of {asked} right; of these the planted peak named {named} times; loss {loss:.2} against {random:.2}"
    );
    assert!(right >= 16, "{right} of {asked} predictions are right");
    assert!(named * 10 >= right * 8, "{named} of {right} planted peaks were named");
    assert!(loss > 2.0 * random, "{loss} against {random}");
}

#[test]
fn explanations_are_readable_and_mistakes_are_explained() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    let text = stdout(&fixture.ok(&["explain", "r", "--sample", "l3", "--peaks", "2"]));
    assert!(text.contains("log-odds") && text.contains("drawn at random"), "{text}");
    let text = fixture.fails(3, &["explain", "r", "--sample", "l3x"]);
    assert!(text.contains("no sample `l3x`") && text.contains("did you mean `l3`"), "{text}");
    let text = fixture.fails(3, &["explain", "r", "--sample", "u3", "--data", "lbs.csv"]);
    assert!(text.contains("in lbs.csv"), "{text}");
    fixture.fails(3, &["explain", "absent", "--sample", "l3"]);
    fixture.fails(2, &["explain", "r", "--sample", "l3", "--peaks", "0"]);
    fixture.fails(3, &["explain", "r", "--sample", "l3", "--structure", "lbs.csv"]);
    fixture.write("salt.cif", CIF);
    let output = fixture.ok(&["explain", "r", "--sample", "l3", "--structure", "salt.cif"]);
    // The fixture's grid ends at 4.8°, where no salt diffracts.
    assert!(stderr(&output).contains("no peak of the structure"), "{}", stderr(&output));
    fixture.write("grid.csv", "name,v1,v2,v3\nl3,0,1,0\n");
    fixture.fails(3, &["explain", "r", "--sample", "l3", "--data", "grid.csv"]);
}

#[test]
fn the_first_candidates_are_explained_for_the_report() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--no-baselines"]));
    fixture.ok(&["screen", "r", "--data", "ulbs.csv", "--no-outliers", "-o", "ranked.csv"]);
    let explain = ["explain", "r", "--candidates", "ranked.csv", "--top", "4"];
    let output = fixture.ok(&[&explain[..], &["-o", "explained.jsonl"]].concat());
    assert!(stderr(&output).contains("4 patterns explained"), "{}", stderr(&output));
    let ranked = fixture.read("ranked.csv");
    let names: Vec<&str> = ranked.lines().skip(1).filter_map(|row| row.split(',').nth(2)).collect();
    let text = fixture.read("explained.jsonl");
    let found: Vec<serde_json::Value> = text.lines().map(json).collect();
    assert_eq!(found.len(), 4);
    for (found, name) in found.iter().zip(&names) {
        assert_eq!(found["sample"], *name, "in the order of the ranking");
        let alone = fixture.ok(&["explain", "r", "--sample", name, "--json"]);
        assert_eq!(json(&stdout(&alone)), *found, "as if asked for alone");
    }
    let printed = stdout(&fixture.ok(&[&explain[..], &["--json"]].concat()));
    assert_eq!(printed, text, "with --json the same lines");
    fixture.fails(2, &["explain", "r", "--candidates", "ranked.csv", "--top", "0"]);
    let report = ["report", "r", "--no-baselines", "--replicates", "60", "--candidates"];
    let more = ["ranked.csv", "--explanations", "explained.jsonl", "--json"];
    let view = json(&stdout(&fixture.ok(&[&report[..], &more].concat())));
    let rows = view["candidates"]["rows"].as_array().expect("candidates");
    let marked =
        rows.iter().take_while(|row| row["peaks"].as_array().is_some_and(|p| !p.is_empty()));
    assert_eq!(marked.count(), 4);

    let two = stdout(&fixture.ok(&["explain", "r", "--sample", "l3", "--sample", "l4"]));
    assert_eq!(two.matches("log-odds of superionic").count(), 2, "{two}");
    let text = fixture.fails(3, &["explain", "r", "--sample", "l3", "--sample", "l3x"]);
    assert!(text.contains("no sample `l3x`"), "{text}");
    fixture.write("salt.cif", CIF);
    let both = ["explain", "r", "--sample", "l3", "--sample", "l4", "--structure", "salt.cif"];
    assert!(fixture.fails(2, &both).contains("hint"));
    fixture.fails(2, &["explain", "r"]);
}

#[test]
fn lattice_planes_are_named_at_the_peaks_of_a_simulated_pattern() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &[]));
    fixture.write("salt.cif", CIF);
    // Hard radiation brings the first peaks into the fixture's narrow range.
    let hard = ["--wavelength", "0.1"];
    let grid = ["--grid", "0:0.02:4.78", "-o", "salt.csv"];
    fixture.ok(&[&["simulate", "salt.cif"], &hard[..], &grid].concat());
    let explain = ["explain", "r", "--sample", "salt", "--data", "salt.csv", "--structure"];
    let found = fixture.ok(&[&explain[..], &["salt.cif", "--json"], &hard].concat());
    let found = json(&stdout(&found));
    let reasons = found["reasons"].as_array().expect("peaks");
    assert!(reasons.len() >= 3, "{found}");
    let mut seen = std::collections::BTreeSet::new();
    for reason in reasons {
        let planes = &reason["planes"][0];
        let hkl: Vec<i64> =
            planes["hkl"].as_array().expect("planes").iter().map(|i| i.as_i64().unwrap()).collect();
        // Bragg's law for the cubic cell, to the width of a grid point.
        let d = 4.12 / (hkl.iter().map(|i| i * i).sum::<i64>() as f64).sqrt();
        let two_theta = 2.0 * (0.1 / (2.0 * d)).asin().to_degrees();
        let found = reason["two_theta"].as_f64().expect("an angle");
        assert!((found - two_theta).abs() <= 0.03, "{hkl:?} lies at {two_theta}, not at {found}");
        seen.insert(hkl.iter().map(|i| i * i).sum::<i64>());
    }
    assert_eq!(seen.len(), reasons.len(), "every peak is of other planes: {seen:?}");
}

const CIF: &str = "data_CsCl
_cell_length_a 4.12
_cell_length_b 4.12
_cell_length_c 4.12
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Cs1 Cs 0 0 0
Cl1 Cl 0.5 0.5 0.5
";
