//! Splits: drawn and from files.

use std::path::Path;

use diffraction::Grid;
use diffraction::table::Row;

use super::*;
use crate::dataset::Labels;

/// `positives` rows of label 0 and `negatives` of label 1, named r0, r1, ….
fn data(positives: usize, negatives: usize) -> Dataset {
    let rows = (0..positives + negatives).map(|i| Row {
        name: format!("r{i}"),
        label: Some(u8::from(i >= positives)),
        indices: vec![i as u16 % 5],
        values: vec![1.0],
        ..Row::default()
    });
    let grid = Grid::new(0.0, 0.02, 8).expect("a grid");
    Dataset::from_rows(Path::new("lbs.csv"), grid, rows, Labels::Required { classes: 2 })
        .expect("rows")
}

fn assert_split(split: &Split, data: &Dataset) {
    let mut all =
        [split.labeled(), split.validation(), split.evaluation(), split.held_out()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..data.len()).collect::<Vec<_>>(), "every row has one role");
}

fn of_class(rows: &[usize], data: &Dataset, class: u8) -> usize {
    rows.iter().filter(|&&row| data.sample(row).label == Some(class)).count()
}

#[test]
fn drawn_splits_are_stratified_and_reproducible() {
    let data = data(23, 89);
    let draw = Draw { validation_per_class: vec![2, 5], held_out: 0.17, ..Draw::default() };
    let mut seen = std::collections::HashSet::new();
    let first = draw.split(&data, 2, Seed(1), 0).expect("a split");
    for experiment in 0..50 {
        let split = draw.split(&data, 2, Seed(1), experiment).expect("a split");
        assert_split(&split, &data);
        for (class, held_out, validation) in [(0, 4, 2), (1, 15, 5)] {
            assert_eq!(of_class(&split.labeled(), &data, class), 10);
            assert_eq!(of_class(&split.validation(), &data, class), validation);
            assert_eq!(of_class(&split.held_out(), &data, class), held_out);
        }
        assert_eq!(split.held_out(), first.held_out(), "held out of all experiments");
        assert_eq!(split, draw.split(&data, 2, Seed(1), experiment).expect("a split"));
        assert!(seen.insert(split.labeled()), "experiments differ");
    }
    assert_ne!(draw.split(&data, 2, Seed(2), 0).expect("a split"), first);
}

#[test]
fn every_row_is_drawn_about_equally_often() {
    let data = data(20, 20);
    let mut counts = [0; 40];
    for experiment in 0..2000 {
        for row in Draw::default().split(&data, 2, Seed(5), experiment).expect("a split").labeled()
        {
            counts[row] += 1;
        }
    }
    // Binomial(2000, ½): within five standard deviations.
    assert!(counts.iter().all(|&count| (i32::from(count as i16) - 1000).abs() < 112), "{counts:?}");
}

#[test]
fn impossible_splits_say_what_is_missing() {
    let of = |draw: Draw, positives, negatives| {
        draw.split(&data(positives, negatives), 2, Seed(0), 0).expect_err("impossible")
    };
    assert!(matches!(of(Draw::default(), 0, 20), SplitError::EmptyClass { class: 0, .. }));
    assert!(matches!(
        of(Draw::default(), 20, 9),
        SplitError::TooFew { class: 1, asked: 10, available: 9, .. }
    ));
    let zero = Draw { labeled_per_class: vec![3, 0], ..Draw::default() };
    assert!(matches!(of(zero, 5, 5), SplitError::NothingToLearn { class: 1 }));
    let three = Draw { labeled_per_class: vec![1, 1, 1], ..Draw::default() };
    assert!(matches!(of(three, 5, 5), SplitError::Counts { found: 3, classes: 2, .. }));
    assert!(matches!(
        of(Draw { held_out: 1.0, ..Draw::default() }, 5, 5),
        SplitError::Fraction { .. }
    ));
    assert!(matches!(of(Draw { pool: 0.0, ..Draw::default() }, 5, 5), SplitError::Fraction { .. }));
    assert!(matches!(Draw::default().pool(1, Seed(0), 0), Err(SplitError::EmptyPool { .. })));
}

#[test]
fn a_pool_is_its_part_of_the_rows_each_once() {
    let pool = Draw::default().pool(1000, Seed(0), 3).expect("a pool");
    assert_eq!(pool.len(), 800);
    assert!(pool.windows(2).all(|pair| pair[0] < pair[1]));
    assert_ne!(pool, Draw::default().pool(1000, Seed(0), 4).expect("a pool"));
}

fn file(text: &str) -> (tempfile::TempDir, Result<SplitFile, SplitFileError>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("splits.json");
    std::fs::write(&path, text).expect("written");
    let file = SplitFile::open(&path);
    (directory, file)
}

#[test]
fn a_split_file_gives_its_roles_and_holds_out_the_rest() {
    let text = r#"{"note": "x", "held_out": ["r0"], "experiments": [
        {"experiment": 4, "labeled": ["r1", "r3"], "validation": ["r4"], "evaluation": ["r2"]}]}"#;
    let (_directory, file) = file(text);
    let data = data(3, 3);
    let split = file.expect("a split file").split(&data, 2, 4).expect("a split");
    assert_split(&split, &data);
    assert_eq!(split.labeled(), [1, 3]);
    assert_eq!(split.validation(), [4]);
    assert_eq!(split.evaluation(), [2]);
    assert_eq!(split.held_out(), [0, 5]);
}

#[test]
fn each_defect_of_a_split_file_has_its_error() {
    use SplitFileError as E;
    let data = data(3, 3);
    let of = |experiments: &str| {
        let (_directory, file) = file(&format!(r#"{{"experiments": [{experiments}]}}"#));
        file.and_then(|file| file.split(&data, 2, 0)).expect_err("defective")
    };
    let entry = |labeled: &str, evaluation: &str| {
        format!(r#"{{"experiment": 0, "labeled": [{labeled}], "evaluation": [{evaluation}]}}"#)
    };
    assert!(
        matches!(of(&entry(r#""r0", "r3""#, r#""r9""#)), E::UnknownName { name, .. } if name == "r9")
    );
    assert!(
        matches!(of(&entry(r#""r0", "r3""#, r#""r3""#)), E::TwoRoles { name, .. } if name == "r3")
    );
    assert!(matches!(of(&entry(r#""r0", "r0""#, "")), E::TwoRoles { .. }));
    assert!(matches!(of(&entry(r#""r0""#, r#""r3""#)), E::EmptyClass { class: 1, .. }));
    assert!(matches!(of(""), E::NoSuchExperiment { experiment: 0, .. }));
    let twice = entry(r#""r0", "r3""#, "");
    assert!(matches!(of(&format!("{twice},{twice}")), E::Twice { experiment: 0, .. }));
    for text in ["", "[", "{}", r#"{"experiments": 3}"#, "\u{0}\u{1}"] {
        assert!(matches!(file(text).1, Err(E::Form { .. })), "{text}");
    }
    assert!(matches!(SplitFile::open(Path::new("absent.json")), Err(E::Read { .. })));
}

/// Families of one to three rows in turn.
fn in_families(rows: usize) -> Vec<usize> {
    let mut families = Vec::new();
    for family in 0.. {
        families.extend(vec![family; 1 + family % 3]);
        if families.len() >= rows {
            break;
        }
    }
    families.truncate(rows);
    families
}

#[test]
fn families_are_never_parted_and_counts_are_exact() {
    let data = data(40, 89);
    let families = in_families(data.len());
    let draw = Draw {
        kind: SplitKind::Grouped,
        validation_per_class: vec![2, 5],
        held_out: 0.17,
        ..Draw::default()
    };
    let first = draw.split_by_family(&data, 2, Seed(3), 0, &families).expect("a split");
    let mut seen = std::collections::HashSet::new();
    for experiment in 0..50 {
        let split =
            draw.split_by_family(&data, 2, Seed(3), experiment, &families).expect("a split");
        assert_split(&split, &data);
        for (row, family) in families.iter().enumerate() {
            let together = families.iter().position(|other| other == family).expect("itself");
            assert_eq!(split.role(row), split.role(together), "experiment {experiment}");
        }
        for (class, validation, most_held_out) in [(0, 2, 7), (1, 5, 15)] {
            assert_eq!(of_class(&split.labeled(), &data, class), 10);
            assert_eq!(of_class(&split.validation(), &data, class), validation);
            let held_out = of_class(&split.held_out(), &data, class);
            assert!((1..=most_held_out).contains(&held_out), "{held_out}");
        }
        assert_eq!(split.held_out(), first.held_out(), "held out of all experiments");
        assert!(seen.insert(split.labeled()), "experiments differ");
    }
}

#[test]
fn families_that_do_not_add_up_are_refused() {
    let data = data(23, 89);
    let draw = Draw { kind: SplitKind::Grouped, ..Draw::default() };
    // All positives are one family of 23: ten of them cannot be had.
    let families: Vec<usize> = (0..data.len()).map(|row| row.max(23)).collect();
    assert!(matches!(
        draw.split_by_family(&data, 2, Seed(3), 0, &families),
        Err(SplitError::Families { class: 0, asked: 10, reached: 0, .. })
    ));
    let draw = Draw { family_cosine: 1.0, ..draw };
    assert!(matches!(draw.validate(2), Err(SplitError::Fraction { setting: "family_cosine", .. })));
}
