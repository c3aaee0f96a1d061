use std::path::Path;

use diffraction::table::Row;
use diffraction::{Element, Grid};

use super::*;
use crate::augment::Preparation;
use crate::dataset::{Labels, Structures};
use crate::encoder::{Pretraining, Target};

/// Two kinds of compounds whose peaks lie apart, with a formula where `formulas`.
fn data(rows: usize, formulas: bool) -> Dataset {
    let row = |i: usize| Row {
        name: format!("r{i}"),
        formula: formulas.then(|| if i.is_multiple_of(2) { "Li2O" } else { "LiCl" }.to_owned()),
        indices: if i.is_multiple_of(2) { vec![20, 60, 61] } else { vec![110, 150, 190] },
        values: vec![0.5, 0.25 + 0.7 * (i as f32 / rows as f32), 1.0],
        ..Row::default()
    };
    let grid = Grid::new(10.0, 0.1, 201).expect("a grid");
    let labels = Labels::Optional { classes: 2 };
    Dataset::from_rows(Path::new("t"), grid, (0..rows).map(row), labels).expect("rows")
}

fn config() -> Config {
    Config {
        input: crate::input::Input { blur: 0.5, bin: 0.5, ..crate::input::Input::default() },
        augmentation: crate::augment::Augmentation {
            views: crate::augment::ViewFamily::Physical,
            ..crate::augment::Augmentation::default()
        },
        pretrain: Pretraining {
            target: Target::Auto,
            encoders: 2,
            hidden: vec![12, 6],
            dropout: 0.0,
            epochs: 6,
            batch: 8,
            learning_rate: 1e-2,
            ..Pretraining::default()
        },
        ..Config::default()
    }
}

fn trained(config: &Config, data: &Dataset) -> (Encoder, Vec<PretrainEpoch>) {
    let prepared = Prepared::new(data, Preparation::default());
    let targets = Targets::new(config.pretrain.target, data, &prepared).unwrap().unwrap();
    let mut told = Vec::new();
    let observe = &mut |epoch| {
        told.push(epoch);
        true
    };
    let encoder = pretrain(config, data, &prepared, &targets, observe).unwrap().unwrap();
    (encoder, told)
}

#[test]
fn an_encoder_learns_what_it_is_asked_and_tells_of_every_epoch() {
    let (_, told) = trained(&config(), &data(64, true));
    assert_eq!(told.len(), 12);
    assert_eq!((told[11].encoder, told[11].epoch), (1, 6));
    // Two compositions of entropy ln 2 (Cl, Li) and about 0.64 (O, Li), told apart.
    assert!(told[11].loss < 0.5 * told[6].loss, "{told:?}");
}

#[test]
fn the_same_seed_gives_the_same_encoder_on_any_number_of_threads() {
    let data = data(40, true);
    let expected = trained(&config(), &data).0.to_tensors();
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| trained(&config(), &data).0.to_tensors()), expected);
    }
    let other = Config { seed: Seed(1), ..config() };
    assert_ne!(trained(&other, &data).0.to_tensors(), expected);
}

#[test]
fn compositions_are_shares_of_atoms_and_rare_elements_are_the_others() {
    let data = data(64, true);
    let prepared = Prepared::new(&data, Preparation::default());
    let targets = Targets::new(Target::Auto, &data, &prepared).unwrap().unwrap();
    let elements = ["Cl", "Li", "O"].map(str::to_owned).to_vec();
    assert_eq!(targets.kind(), &TargetKind::Composition { elements });
    assert_eq!(targets.of(0), [0.0, 2.0 / 3.0, 1.0 / 3.0, 0.0]);
    assert_eq!(targets.of(1), [0.5, 0.5, 0.0, 0.0]);
    let rare = Targets::new(Target::Composition, &self::data(30, true), &prepared).unwrap();
    assert_eq!(rare.unwrap().of(1), [0.5, 0.5], "15 rows of Cl and of O are rare");
}

#[test]
fn without_formulas_the_profile_is_learnt() {
    let data = data(16, false);
    let prepared = Prepared::new(&data, Preparation::default());
    let targets = Targets::new(Target::Auto, &data, &prepared).unwrap().unwrap();
    assert_eq!(targets.kind(), &TargetKind::Profile { bins: 64 });
    assert!((targets.of(3).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    assert!(matches!(
        Targets::new(Target::Composition, &data, &prepared),
        Err(TargetsError::NoFormulas { .. })
    ));
    assert!(Targets::new(Target::None, &data, &prepared).unwrap().is_none());
}

/// The same with a structure for every third row, whose volumes go with a peak's height.
fn with_structures(data: Dataset) -> Dataset {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("lines.jsonl");
    let line = |row: usize| {
        let a = 3.0 + row as f64 / 50.0;
        format!(
            "{{\"id\":\"r{row}\",\"lattice\":[[{a},0,0],[0,{a},0],[0,0,{a}]],\
             \"species\":[\"Li\",\"F\"],\"frac\":[[0,0,0],[0.5,0.5,0.5]]}}\n"
        )
    };
    let lines: String = (0..data.len()).step_by(3).map(line).collect();
    std::fs::write(&path, lines).unwrap();
    let structures = Structures::read(&[path], &data, Element::LITHIUM).unwrap();
    data.with_structures(structures)
}

#[test]
fn numbers_of_structures_are_learnt_beside_the_composition() {
    let data = with_structures(data(64, true));
    let prepared = Prepared::new(&data, Preparation::default());
    let targets = Targets::new(Target::Auto, &data, &prepared).unwrap().unwrap();
    // Cl, Li, O, others, then six numbers, of which the coordination is 8 for all.
    assert_eq!((targets.outputs(), targets.described()), (10, 22));
    assert_eq!(targets.of(1), [0.5, 0.5, 0.0, 0.0]);
    let logits = Matrix::zeros(2, 10);
    let (loss, gradient) = targets.loss(&logits, &[1, 2], &[1.0; 2]);
    assert!(gradient.as_slice().chunks(10).all(|row| row[4..].iter().all(|slope| *slope == 0.0)));
    assert!((loss - 4f64.ln()).abs() < 1e-9, "neither has a structure");
    let (_, gradient) = targets.loss(&logits, &[0, 63], &[1.0; 2]);
    let pushed = |row: usize| gradient.row(row)[4..].to_vec();
    let signs = |row: usize| pushed(row).iter().map(|slope| slope.signum()).collect::<Vec<_>>();
    assert_eq!((pushed(0)[5], pushed(1)[5]), (0.0, 0.0));
    assert_eq!(signs(0)[..5], [1.0; 5], "the smallest asks for less");
    assert_eq!(signs(1)[..5], [-1.0; 5]);

    let (_, told) = trained(&config(), &data);
    let ends: Vec<f64> = [0, 5].map(|epoch| told[epoch].loss).to_vec();
    assert!(ends[1] < 0.7 * ends[0], "{told:?}");
    let expected = trained(&config(), &data).0.to_tensors();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| trained(&config(), &data).0.to_tensors()), expected);
}

#[test]
fn pretraining_stops_when_asked() {
    let (config, data) = (config(), data(40, true));
    let prepared = Prepared::new(&data, Preparation::default());
    let targets = Targets::new(Target::Auto, &data, &prepared).unwrap().unwrap();
    let stopped = pretrain(&config, &data, &prepared, &targets, &mut |_| false).unwrap();
    assert!(stopped.is_none());
}

#[test]
fn fewer_patterns_than_a_batch_are_one_batch_and_one_pattern_is_refused() {
    let few = data(7, false);
    let (_, told) = trained(&config(), &few);
    let all = Config { pretrain: Pretraining { batch: 7, ..config().pretrain }, ..config() };
    assert_eq!(told, trained(&all, &few).1);
    let one = data(1, false);
    let prepared = Prepared::new(&one, Preparation::default());
    let targets = Targets::new(Target::Profile, &one, &prepared).unwrap().unwrap();
    assert!(matches!(
        pretrain(&config(), &one, &prepared, &targets, &mut |_| true),
        Err(PretrainError::TooFew { patterns: 1 })
    ));
}

#[test]
fn the_learning_rate_rises_and_falls_to_nothing() {
    let factors: Vec<f64> = (0..100).map(|t| factor(t, 100)).collect();
    assert!(factors.iter().all(|factor| (0.0..=1.0).contains(factor)));
    assert!((factors[29] - 1.0).abs() < 1e-12 && factors[99] < 1e-12);
    assert!(factors[..30].is_sorted() && factors[29..].is_sorted_by(|a, b| a >= b));
}
