//! What the server says is what the commands say.

use std::collections::HashMap;

use diffraction::batch::{Simulation, simulate_files};
use diffraction::simulate::{Recipe, Wavelength};
use diffraction::table::{Columns, TableWriter};
use serde_json::{Value, json};
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::explain::{ExplainSettings, explain, planes_of};
use xrdmatch::members::{Members, Selection};
use xrdmatch::run::Run;

use crate::client::{analyse, get, post};
use crate::fixture::{CIF, FIXTURE, Running, scan, screened};

/// A value as it arrives: single precision becomes decimals first.
fn told(value: &impl serde::Serialize) -> Value {
    let text = serde_json::to_string(value).expect("JSON");
    serde_json::from_str(&text).expect("JSON")
}

/// A judgement without what depends on other patterns.
fn own(mut judged: Value) -> Value {
    let map = judged.as_object_mut().expect("an object");
    for name in ["rank", "row", "expected", "file", "kind", "notes"] {
        map.remove(name);
    }
    judged
}

#[test]
fn a_table_is_judged_as_a_screening_judges_it() {
    let server = Running::new();
    let path = FIXTURE.path("ulbs.csv");
    let table = std::fs::read(&path).expect("the table");
    let found = analyse(server.at, &[("ulbs.csv", &table)]).is(201);
    let expected: HashMap<String, Value> = screened(&FIXTURE.path("runs/small"), &path)
        .into_iter()
        .map(|row| (row.name.clone(), own(told(&row))))
        .collect();
    let patterns = found["patterns"].as_array().expect("patterns");
    assert_eq!((patterns.len(), expected.len()), (90, 90));
    for pattern in patterns {
        let name = pattern["name"].as_str().expect("a name");
        assert_eq!(own(pattern.clone()), expected[name], "{name}");
    }
    // Judged alone, a pattern gets the same answer.
    let mut lines = std::str::from_utf8(&table).expect("text").lines();
    let one = format!("{}\n{}\n", lines.next().expect("a header"), lines.nth(40).expect("a row"));
    let alone = analyse(server.at, &[("one.csv", one.as_bytes())]).is(201);
    let alone = own(alone["patterns"][0].clone());
    assert_eq!(&alone, &expected[alone["name"].as_str().expect("a name")]);
}

#[test]
fn a_structure_is_judged_and_explained_as_the_commands_do_it() {
    let server = Running::new();
    let found = analyse(server.at, &[("salt.cif", CIF.as_bytes())]).is(201);
    let directory = tempfile::tempdir().expect("a directory");
    let (cif, table) = (directory.path().join("salt.cif"), directory.path().join("salt.csv"));
    std::fs::write(&cif, CIF).expect("written");
    let run = FIXTURE.path("runs/small");
    let grid = Run::open(&run).expect("the run").manifest().labeled.grid;
    let mut recipe = Recipe::paper();
    recipe.two_theta = (grid.start(), grid.end());
    let mut writer = TableWriter::create(&table, Columns::unlabeled(grid.points()), Some(grid))
        .expect("a table");
    simulate_files(
        std::slice::from_ref(&cif),
        &Simulation::sticks(&recipe, &grid),
        &mut |outcome| {
            writer.write(&outcome.row.expect("a row")).expect("written");
            std::ops::ControlFlow::Continue(())
        },
    );
    writer.finish().expect("written");
    let expected = own(told(&screened(&run, &table)[0]));
    assert_eq!(own(found["patterns"][0].clone()), expected);

    let id = found["id"].as_str().expect("an id");
    let path = format!("/api/v1/analyses/{id}/patterns/0/explanation");
    let explained = get(server.at, &path).is(200);
    let mut members = Members::open(&[run], &Selection::default(), None).expect("members");
    let data = Dataset::read(&table, Labels::Optional { classes: 2 }, Some(grid)).expect("a table");
    let planes = planes_of(&cif, Wavelength::CU_KA).expect("planes");
    let expected =
        explain(&mut members, &data, 0, &ExplainSettings::default(), &planes).expect("explained");
    assert_eq!(explained["explanation"], told(&expected));
    assert_eq!(
        explained["explanation"]["reasons"][0]["planes"][0]["hkl"].as_array().map(Vec::len),
        Some(3)
    );
    assert!(explained["charts"][0]["series"].as_array().is_some_and(|series| series.len() >= 2));
}

#[test]
fn a_scan_is_drawn_as_measured_as_seen_and_beside_its_neighbours() {
    let server = Running::new();
    let found = analyse(server.at, &[("run 1.xy", scan().as_bytes())]).is(201);
    let pattern = &found["patterns"][0];
    assert_eq!((&pattern["kind"], &pattern["name"]), (&json!("scan"), &json!("run 1")));
    let probability = pattern["probability"].as_f64().expect("a probability");
    assert!(
        pattern["lower"].as_f64() <= Some(probability)
            && Some(probability) <= pattern["upper"].as_f64()
    );
    assert!(pattern["nearest"][0]["conductivity"].is_number());
    let id = found["id"].as_str().expect("an id");
    let detail = get(server.at, &format!("/api/v1/analyses/{id}/patterns/0")).is(200);
    let charts = detail["charts"].as_array().expect("charts");
    let ids: Vec<&str> = charts.iter().filter_map(|chart| chart["id"].as_str()).collect();
    assert_eq!(ids, ["measured", "seen", "neighbour-0", "neighbour-1", "neighbour-2"]);
    assert_eq!(charts[0]["series"][0]["x"].as_array().map(Vec::len), Some(3500));
    assert_eq!(charts[0]["x"]["unit"], "°");
    let seen = charts[1]["series"][0]["x"].as_array().expect("sticks");
    for angle in [24.5, 31.2, 48.7, 56.1] {
        assert!(
            seen.iter().any(|x| (x.as_f64().expect("a number") - angle).abs() < 0.05),
            "{seen:?}"
        );
    }
    // Another wavelength moves the peaks, as `import --wavelength` does.
    let body = crate::client::form(&[("mo.xy", scan().as_bytes())]);
    let moved =
        post(server.at, "/api/v1/analyses?wavelength=MoKa", crate::client::FORM, &body).is(201);
    let notes = moved["patterns"][0]["notes"].to_string();
    assert!(notes.contains("0.71"), "{notes}");
    let wrong = post(server.at, "/api/v1/analyses?wavelength=Xx", crate::client::FORM, &body);
    assert_eq!(wrong.status, 400);
}

#[test]
fn numbers_are_judged_as_the_same_numbers_in_a_file() {
    let server = Running::new();
    let (mut angles, mut values) = (Vec::new(), Vec::new());
    for line in scan().lines() {
        let (x, y) = line.split_once(' ').expect("two columns");
        angles.push(x.parse::<f64>().expect("a number"));
        values.push(y.parse::<f64>().expect("a number"));
    }
    let body = json!({"patterns": [{"name": "s", "two_theta": angles, "intensities": values}]});
    let given =
        post(server.at, "/api/v1/analyses", "application/json", body.to_string().as_bytes())
            .is(201);
    let file = analyse(server.at, &[("s.xy", scan().as_bytes())]).is(201);
    assert_eq!(given["patterns"], file["patterns"]);
}

#[test]
fn analyses_are_saved_as_tables_that_the_program_writes() {
    let server = Running::new();
    let found =
        analyse(server.at, &[("a.cif", CIF.as_bytes()), ("b.xy", scan().as_bytes())]).is(201);
    let base = format!("/api/v1/analyses/{}/table", found["id"].as_str().expect("an id"));
    let csv = get(server.at, &base);
    assert!(csv.head.contains("attachment; filename=\"analysis.csv\""), "{}", csv.head);
    let text = csv.text();
    assert!(text.starts_with("rank,row,name,id,formula,label,probability,"), "{text}");
    assert_eq!(text.lines().count(), 3);
    let lines = get(server.at, &format!("{base}?format=jsonl")).text();
    let first: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["probability"], found["patterns"][0]["probability"]);
    assert!(get(server.at, &format!("{base}?format=parquet")).body.starts_with(b"PAR1"));
    assert_eq!(get(server.at, &format!("{base}?format=xls")).status, 400);
}

#[test]
fn candidates_are_ordered_filtered_paged_and_shown() {
    let server = Running::new();
    let page = get(server.at, "/api/v1/candidates?limit=10").is(200);
    assert_eq!((&page["total"], page["rows"].as_array().map(Vec::len)), (&json!(90), Some(10)));
    let rising = get(server.at, "/api/v1/candidates?sort=probability&limit=500").is(200);
    let probabilities: Vec<f64> = rising["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["probability"].as_f64())
        .collect();
    assert!(probabilities.len() == 90 && probabilities.is_sorted());
    let some = get(server.at, "/api/v1/candidates?search=u1").is(200);
    assert_eq!(some["matched"], 11);
    let detail = get(server.at, "/api/v1/candidates/0").is(200);
    assert_eq!(detail["charts"].as_array().map(Vec::len), Some(3), "{detail}");
    let table = get(server.at, "/api/v1/candidates/table?search=u1").text();
    assert_eq!(table.lines().count(), 12);
    for (path, status) in [
        ("candidates/90", 404),
        ("candidates/x", 404),
        ("candidates?limit=501", 400),
        ("candidates?sort=luck", 400),
        ("candidates?colour=red", 400),
        ("candidates?offset=-1", 400),
    ] {
        assert_eq!(get(server.at, &format!("/api/v1/{path}")).status, status, "{path}");
    }
}
