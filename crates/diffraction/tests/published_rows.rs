//! The recipe of the published files, against the published files.

mod shared;

use diffraction::simulate::{Placement, Recipe, published_text, simulate};
use diffraction::structure::StructureReader;
use diffraction::symmetry::{SpaceGroupHint, space_group_operations};
use diffraction::table::{Row, TableReader};
use diffraction::{Grid, Lattice, Structure};
use serde_json::Value;

/// The structure that a row of `exact_rows.json` describes.
fn described(row: &Value) -> Structure {
    let number = |key: &str| row[key].as_f64();
    let a = number("a").expect("a");
    let (lengths, angles) = match number("c") {
        Some(c) => ([a, a, c], [90.0, 90.0, 120.0]),
        None => ([a; 3], [90.0; 3]),
    };
    let lattice = Lattice::from_parameters(lengths, angles).expect("a lattice");
    let group = row["spacegroup"].as_str();
    let hint = SpaceGroupHint { hermann_mauguin: group, ..SpaceGroupHint::default() };
    let operations = space_group_operations(hint, &lattice).expect("a group");
    let unit: Vec<_> = row["sites"]
        .as_array()
        .expect("sites")
        .iter()
        .map(|site| diffraction::structure::AsymmetricSite {
            label: site[0].as_str().expect("a symbol").into(),
            occupant: diffraction::structure::Occupant::of(
                site[0].as_str().expect("a symbol").parse().expect("an element"),
            ),
            position: std::array::from_fn(|i| site[1][i].as_f64().expect("a coordinate")),
            tolerance: 1e-4,
            displacement_b: None,
        })
        .collect();
    Structure::from_asymmetric_unit("row".into(), lattice, &unit, &operations).expect("a structure")
}

#[test]
fn three_published_rows_are_reproduced_to_the_byte() {
    let Some(data) = shared::data("three_published_rows_are_reproduced_to_the_byte") else {
        return;
    };
    let rows = std::fs::read_to_string(data.join("exact_rows.json")).expect("there");
    let rows: Value = serde_json::from_str(&rows).expect("json");
    let table = std::fs::read_to_string(data.join("lbs.csv")).expect("there");
    let grid = Grid::published();
    for row in rows["rows"].as_array().expect("rows") {
        let name = row["lbs_name"].as_str().expect("a name");
        let published = table
            .lines()
            .map(|line| line.split(',').collect::<Vec<_>>())
            .find(|fields| fields[2] == name)
            .expect("the row");
        let mut texts = vec!["0".to_owned(); 4500];
        for peak in simulate(&described(row), &Recipe::paper()).expect("peaks") {
            let at = grid.at_or_above(peak.two_theta).filter(|&at| at < 4500);
            if let Some(at) = at {
                texts[at] = published_text(peak.intensity);
            }
        }
        assert_eq!(texts, published[5..4505], "{name}");
    }
}

#[test]
fn nine_thousand_rows_are_reproduced() {
    let Some(data) = shared::data("nine_thousand_rows_are_reproduced") else { return };
    let structures =
        StructureReader::open(&data.join("ulbs_structures.jsonl.gz")).expect("readable");
    let mut table = TableReader::open(&data.join("ulbs.csv.gz")).expect("readable");
    let (mut published, mut simulated) = (Row::default(), Row::default());
    let mut cosines = Vec::new();
    let mut equal_places = 0;
    for structure in structures {
        let structure = structure.expect("a structure");
        assert!(table.read(&mut published).expect("readable"));
        assert_eq!(structure.name, published.name);
        let recipe = Recipe::paper();
        let peaks = simulate(&structure, &recipe).expect("peaks");
        Placement::Published.place(&peaks, &Grid::published(), &mut simulated);
        // The last point is a marker.
        while published.indices.last() == Some(&4500) {
            published.indices.pop();
            published.values.pop();
        }
        equal_places += usize::from(published.indices == simulated.indices);
        cosines.push((cosine(&published, &simulated), structure.name));
    }
    cosines.sort_by(|a, b| a.0.total_cmp(&b.0));
    let share =
        |limit: f64| cosines.iter().filter(|c| c.0 >= limit).count() as f64 / cosines.len() as f64;
    println!(
        "{} rows: median cosine {:.9}, worst {:?}; ≥ 0.99: {:.4}, ≥ 0.9999: {:.4}; same points: {equal_places}",
        cosines.len(),
        cosines[cosines.len() / 2].0,
        &cosines[..3],
        share(0.99),
        share(0.9999),
    );
    assert!(cosines[cosines.len() / 2].0 >= 0.9999);
    assert!(share(0.99) >= 0.99);
}

fn cosine(a: &Row, b: &Row) -> f64 {
    let (mut left, mut right) = (vec![0.0; 4501], vec![0.0; 4501]);
    a.fill(&mut left);
    b.fill(&mut right);
    let dot = |u: &[f32], v: &[f32]| -> f64 {
        u.iter().zip(v).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    };
    dot(&left, &right) / (dot(&left, &left) * dot(&right, &right)).sqrt()
}
