//! The audit on the published file, where it has to find what is known to be wrong, and on clean
//! synthetic data, where it has to find nothing.

mod shared_data;

use std::fs::File;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use shared_data::shared_file;
use xrdmatch::audit::{
    Audit, AuditError, AuditSettings, Finding, Part, Row, Severity, Table, audit,
};
use xrdmatch::fingerprint::SparsePattern;

/// A row with its own memory.
#[derive(Clone)]
struct Owned {
    name: String,
    formula: String,
    conductivity: Option<f64>,
    label: Option<u8>,
    indices: Vec<u16>,
    values: Vec<f32>,
}

impl Owned {
    fn row(&self) -> Row<'_> {
        Row {
            name: &self.name,
            formula: Some(&self.formula),
            conductivity: self.conductivity,
            label: self.label,
            pattern: SparsePattern { indices: &self.indices, values: &self.values },
        }
    }
}

fn audited(tables: &[(&str, &[Owned])], points: usize) -> Result<Audit, AuditError> {
    let rows: Vec<Vec<Row<'_>>> =
        tables.iter().map(|(_, rows)| rows.iter().map(Owned::row).collect()).collect();
    let tables: Vec<Table<'_>> = tables
        .iter()
        .zip(&rows)
        .map(|((source, _), rows)| {
            let part = match *source {
                "unlabelled" => Part::Unlabelled,
                "test" => Part::Test,
                _ => Part::Labelled,
            };
            Table { source, part, points, grid: None, rows }
        })
        .collect();
    audit(&tables, &AuditSettings::default())
}

/// The published file with all its 4501 columns.
fn published(path: &Path) -> Vec<Owned> {
    let mut table = csv::Reader::from_reader(File::open(path).unwrap());
    let header = table.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|cell| cell == name).unwrap();
    let (name, formula) = (column("name"), column("formula_id"));
    let (conductivity, label, first) = (column("condutivity"), column("label"), column("v1"));
    let owned = |record: csv::Result<csv::StringRecord>| {
        let record = record.unwrap();
        let value = |i: u16| record[first + usize::from(i)].parse::<f32>().unwrap();
        let all = (0..4501).map(|i| (i, value(i))).filter(|(_, value)| *value > 0.0);
        let (indices, values) = all.unzip();
        Owned {
            name: record[name].to_owned(),
            formula: record[formula].to_owned(),
            conductivity: Some(record[conductivity].parse().unwrap()),
            label: Some(record[label].parse().unwrap()),
            indices,
            values,
        }
    };
    table.records().map(owned).collect()
}

#[test]
fn what_is_wrong_with_the_published_file_is_found_unaided() {
    let test = "what_is_wrong_with_the_published_file_is_found_unaided";
    let Some(path) = shared_file(test, "lbs.csv") else { return };
    let rows = published(&path);
    let formula_of = |name: &str| rows.iter().find(|row| row.name == name).unwrap().formula.clone();
    let found = audited(&[("lbs.csv", &rows)], 4501).unwrap();
    for reported in &found.findings {
        println!("{:?}: {:?}\n    {}", reported.severity, reported.finding, reported.verdict);
    }

    // The marker leaks the label, and is the only alarm.
    let alarms: Vec<&Finding> = found.alarms().collect();
    match alarms[..] {
        [Finding::MarkerColumn { column: 4500, values, p: Some(p), auc: Some(auc), .. }] => {
            assert_eq!(
                values.iter().map(|(_, counts)| *counts).collect::<Vec<_>>(),
                [[23, 20, 0], [0, 69, 0]]
            );
            assert!(*p <= 0.001 && *auc > 0.88, "{p}, {auc}");
        }
        ref other => panic!("{other:?}"),
    }

    let mut mixed = Vec::new();
    let mut broken = Vec::new();
    let mut twins = Vec::new();
    for reported in &found.findings {
        match &reported.finding {
            Finding::MixedComposition { samples, .. } => mixed.push(samples.len()),
            Finding::UnbalancedFormula { formula, .. } => broken.push(formula.as_str()),
            Finding::NearTwins { samples, cosine } => {
                twins.push((samples.clone().map(|sample| formula_of(&sample.name)), *cosine));
            }
            Finding::Duplicates { .. } => panic!("no two rows are equal"),
            _ => {}
        }
    }
    // b_ and c_Li3PS4; three rows of Li7La3Zr2O12.
    assert_eq!(mixed, [3, 2]);
    for formula in ["Li2.667Mg0.667", "Li15Ge3V2O4", "Li14.8Ge3.4W0.6O4"] {
        assert!(broken.contains(&formula), "{formula} in {broken:?}");
    }
    for (first, second, expected) in [
        ("Li4GeO4", "c_Li4GeO4", 0.998),
        ("Li5La3Ta2O12", "Li6SrLa2Ta2O12", 0.992),
        ("as_Li3YCl6", "ms_Li3YCl6", 0.985),
        ("Li10GeP2S12", "Li9.81Sn0.81P2.19S12", 0.97),
        ("Li5La3Bi2O12", "Li6SrLa2Bi2O12", 0.94),
        ("Li15Ge3V2O4", "Li14Ge2V2O16", 0.94),
    ] {
        let both = |names: &[String; 2]| {
            names.contains(&first.to_owned()) && names.contains(&second.to_owned())
        };
        let cosine = twins.iter().find(|(names, _)| both(names)).map(|(_, cosine)| *cosine);
        let cosine = cosine.unwrap_or_else(|| panic!("{first} and {second} in {twins:?}"));
        assert!((cosine - expected).abs() < 5.1e-3, "{first}, {second}: {cosine}");
    }
    assert!(twins.len() < 15, "{} pairs of 6216 are near-twins", twins.len());

    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Audit>(&json).unwrap(), found);
}

#[test]
fn a_marker_of_the_labelled_table_is_found_beside_a_large_pool_without_one() {
    let mut rows = clean(5, 60, 400);
    for row in rows.iter_mut().filter(|row| row.label.is_some()) {
        row.indices.push(4500);
        row.values.push(if row.label == Some(0) { 1e-5 } else { 2e-5 });
    }
    let (labelled, unlabelled) = rows.split_at(60);
    let found = audited(&[("labelled", labelled), ("unlabelled", unlabelled)], 4501).unwrap();
    let alarms: Vec<&Finding> = found.alarms().collect();
    assert!(
        matches!(
            alarms[..],
            [Finding::MarkerColumn { column: 4500, occupied, auc: Some(auc), .. }]
                if *occupied == 1.0 && *auc > 0.999
        ),
        "{alarms:?}"
    );
}

/// Rows like the real ones, in which the classes differ by where some peaks tend to be, and by
/// nothing else.
fn clean(seed: u64, labelled: usize, unlabelled: usize) -> Vec<Owned> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..labelled + unlabelled)
        .map(|number| {
            let label = (number < labelled).then(|| u8::from(rng.random_bool(0.75)));
            let kind = label.unwrap_or_else(|| u8::from(rng.random_bool(0.75)));
            let mut pattern = vec![0.0f32; 4501];
            for _ in 0..rng.random_range(30..90) {
                pattern[rng.random_range(400..4490)] = rng.random::<f32>().powi(3);
            }
            let centre = if kind == 0 { 1100 } else { 1400 };
            pattern[centre + rng.random_range(0..200)] = 0.5 + 0.5 * rng.random::<f32>();
            let largest = pattern.iter().copied().fold(0.0, f32::max);
            let peaks = (0u16..).zip(pattern).filter(|(_, value)| *value > 0.0);
            let (indices, values) = peaks.map(|(i, value)| (i, value / largest)).unzip();
            let exponent = if kind == 0 {
                -3.5 + rng.random::<f64>()
            } else {
                -9.0 + 3.0 * rng.random::<f64>()
            };
            let (lithium, phosphorus) = (2 * number + 1, 121);
            let oxygen = (lithium + 5 * phosphorus) / 2;
            Owned {
                name: format!("s{seed}_{number}"),
                formula: format!("Li{lithium}P{phosphorus}O{oxygen}"),
                conductivity: label.map(|_| 10f64.powf(exponent)),
                label,
                indices,
                values,
            }
        })
        .collect()
}

#[test]
fn clean_data_raises_no_alarm() {
    let mut false_alarms = Vec::new();
    for seed in 0..50 {
        let rows = clean(seed, 110, 40);
        let (labelled, unlabelled) = rows.split_at(110);
        let found = audited(&[("labelled", labelled), ("unlabelled", unlabelled)], 4501).unwrap();
        let notes = |finding: &Finding| matches!(finding, Finding::ClassBalance { .. });
        let others = found.findings.into_iter().filter(|reported| !notes(&reported.finding));
        false_alarms.extend(others.map(|reported| (seed, reported.finding)));
    }
    println!("false alarms in 50 clean data sets: {}", false_alarms.len());
    assert!(false_alarms.len() <= 1, "{false_alarms:#?}");
}

#[test]
fn each_planted_defect_is_found() {
    let mut rows = clean(99, 110, 40);
    rows[3].values.fill(0.0);
    rows[5].name = rows[4].name.clone();
    rows[9].conductivity = Some(f64::NAN);
    rows[11].formula = "unknown phase".into();
    rows[13].label = Some(7);
    rows[15].values.iter_mut().for_each(|value| *value *= 0.25);
    // Whoever measured class 0 left out what is weak.
    for row in rows.iter_mut().filter(|row| row.label == Some(0)) {
        row.values.iter_mut().filter(|value| **value < 0.2).for_each(|value| *value = 0.0);
    }
    rows[7] = Owned {
        name: "copy".into(),
        label: rows[6].label.map(|label| 1 - label),
        ..rows[6].clone()
    };
    let (labelled, unlabelled) = rows.split_at(110);
    let found = audited(&[("labelled", labelled), ("unlabelled", unlabelled)], 4501).unwrap();
    let kinds: Vec<(&str, Severity)> = found
        .findings
        .iter()
        .map(|reported| (reported.finding.kind(), reported.severity))
        .collect();
    for expected in [
        ("flat_pattern", Severity::Alarm),
        ("repeated_name", Severity::Alarm),
        ("duplicates", Severity::Alarm),
        ("bad_conductivity", Severity::Alarm),
        ("label_against_conductivity", Severity::Alarm),
        ("unknown_label", Severity::Alarm),
        ("leaking_statistic", Severity::Alarm),
        ("mixed_composition", Severity::Warning),
        ("unreadable_formula", Severity::Warning),
        ("unnormalised", Severity::Note),
        ("class_balance", Severity::Note),
    ] {
        assert!(kinds.contains(&expected), "{expected:?} in {kinds:?}");
    }
    assert!(kinds.is_sorted_by_key(|(_, severity)| *severity));
}

#[test]
fn a_test_row_with_its_like_among_the_training_rows_is_an_alarm() {
    let rows = clean(7, 110, 40);
    let mut test: Vec<Owned> = clean(8, 20, 0);
    test[3] = Owned { name: "copy".into(), ..rows[5].clone() };
    let found = audited(&[("labelled", &rows[..110]), ("test", &test)], 4501).unwrap();
    let alarms: Vec<&Finding> = found.alarms().collect();
    assert!(
        matches!(
            alarms[..],
            [Finding::Duplicates { samples: [a, b] }] if a.part == Part::Labelled && b.part == Part::Test
        ),
        "{alarms:?}"
    );
}

#[test]
fn data_that_cannot_be_audited_is_refused_by_name() {
    assert_eq!(audited(&[("empty", &[])], 10), Err(AuditError::Empty));
    let mut rows = clean(1, 20, 0);
    assert!(matches!(
        audited(&[("t", &rows)], 1000),
        Err(AuditError::OffGrid { points: 1000, sample, .. }) if sample == "s1_0"
    ));
    rows[2].values[0] = f32::NAN;
    assert!(matches!(
        audited(&[("t", &rows)], 4501),
        Err(AuditError::Intensity { sample, .. }) if sample == "s1_2"
    ));
}
