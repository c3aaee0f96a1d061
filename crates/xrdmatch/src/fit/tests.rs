use std::path::Path;

use diffraction::table::Row;

use super::*;
use crate::config::ArchitectureChoice;
use crate::dataset::Labels;
use crate::encoder::{Pretraining, Target};
use crate::objective::Algorithm;
use crate::predict::Model;
use crate::run::{Manifest, Workers, run_experiments};

const CLASSES: usize = 2;

/// Two kinds of compounds whose peaks lie apart; every third row has no label where `some`.
fn rows(count: usize, some: bool) -> Vec<Row> {
    let row = |i: usize| Row {
        name: format!("r{i}"),
        label: (!some || !i.is_multiple_of(3)).then_some(u8::from(i.is_multiple_of(2))),
        indices: if i.is_multiple_of(2) { vec![20, 60, 61] } else { vec![110, 150, 190] },
        values: vec![0.5, 0.25 + 0.7 * (i as f32 / count as f32), 1.0],
        ..Row::default()
    };
    (0..count).map(row).collect()
}

fn dataset(rows: Vec<Row>) -> Dataset {
    let grid = Grid::new(10.0, 0.1, 201).expect("a grid");
    let labels = Labels::Optional { classes: 2 };
    Dataset::from_rows(Path::new("t"), grid, rows, labels).expect("rows")
}

fn data(config: &Config) -> Data {
    let (labeled, unlabeled): (Vec<Row>, Vec<Row>) =
        rows(90, true).into_iter().partition(|row| row.label.is_some());
    Data::new(dataset(labeled), Some(dataset(unlabeled)), config).expect("data")
}

fn config(encoded: bool) -> Config {
    let input = crate::input::Input { blur: 0.5, bin: 0.5, ..crate::input::Input::default() };
    let mut config = Config { input, ..Config::default() };
    config.augmentation.views = crate::augment::ViewFamily::Physical;
    config.network.architecture = ArchitectureChoice::Preset("linear".to_owned());
    config.batch.labeled = 8;
    config.batch.unlabeled = 8;
    config.training.epochs = 3;
    config.training.iterations = 8;
    config.optimizer.learning_rate = 0.05;
    config.optimizer.average = 0.9;
    config.training.evaluate_with = crate::training::WeightsChoice::Average;
    if encoded {
        config.pretrain = Pretraining {
            target: Target::Profile,
            encoders: 2,
            hidden: vec![12, 6],
            epochs: 4,
            batch: 8,
            learning_rate: 1e-2,
            ..Pretraining::default()
        };
    }
    config
}

/// One setting of each way in which weights come about.
fn configs() -> [Config; 5] {
    let mut averaged = config(false);
    (averaged.optimizer.average, averaged.optimizer.swa_from) = (0.0, 0.5);
    let mut two_heads = config(false);
    two_heads.objective.algorithm = Algorithm::Abc;
    two_heads.objective.cutoff = 0.6;
    let mut fine_tuned = config(true);
    (fine_tuned.pretrain.encoders, fine_tuned.pretrain.fine_tune) = (1, true);
    [config(false), config(true), averaged, two_heads, fine_tuned]
}

fn fitted(config: &Config, members: u32) -> Fitted {
    let stop = AtomicBool::new(false);
    fit(config, &data(config), members, &stop, &mut |_| {}).expect("fitted").expect("to the end")
}

fn answers(fitted: &Fitted, data: &Dataset) -> Vec<f64> {
    fitted.probabilities(data, &AtomicBool::new(false)).expect("answers").expect("to the end")
}

#[test]
fn a_fitted_model_tells_the_classes_apart_and_knows_rows_by_their_pattern_alone() {
    for config in configs() {
        let fitted = fitted(&config, 2);
        let (all, data) = (rows(40, false), dataset(rows(40, false)));
        let found = answers(&fitted, &data);
        for (row, pair) in all.iter().zip(found.chunks_exact(CLASSES)) {
            assert!((pair[0] + pair[1] - 1.0).abs() < 1e-12);
            assert_eq!(Some(u8::from(pair[1] > pair[0])), row.label, "{} {pair:?}", row.name);
        }
        let alone = answers(&fitted, &dataset(all[7..8].to_vec()));
        for (few, many) in alone.iter().zip(&found[14..16]) {
            assert!((few - many).abs() < 1e-6, "{few} {many}");
        }
    }
}

#[test]
fn what_is_fitted_in_memory_is_what_a_run_trains() {
    for config in configs() {
        let data = data(&config);
        let directory = tempfile::tempdir().expect("a directory");
        let manifest = Manifest::new(config.clone(), &data.labeled, data.unlabeled.as_ref(), None);
        let run = Run::create(directory.path(), manifest).expect("a run");
        assert!(run.prepare_encoder(&data, 1, &mut |_| true).expect("an encoder"));
        let split = Split::new(vec![Role::Labeled; data.labeled.len()]);
        let experiments = [(0, split.clone()), (1, split)];
        let (workers, stop) = (Workers { jobs: 2, threads: 1 }, AtomicBool::new(false));
        let done = run_experiments(&run, &data, &experiments, workers, &stop, &|_, _| {});
        assert!(done.expect("threads").iter().all(|(_, outcome)| outcome.is_ok()));

        let last = CheckpointChoice::Last;
        let of_run = Fitted::of_run(&run, None, last).expect("the run's models");
        assert_eq!(of_run, fitted(&config, 2));
        let one = Fitted::of_run(&run, Some(&[1]), last).expect("one model");
        let mut model = Model::load(&run, 1, last).expect("the same model");
        let rows: Vec<usize> = (0..data.labeled.len()).collect();
        let said = model.predict(&data.labeled, &rows).expect("predictions");
        let said: Vec<f64> = said.iter().flat_map(|row| row.probabilities.to_vec()).collect();
        assert_eq!(answers(&one, &data.labeled), said);
        let absent = Fitted::of_run(&run, Some(&[7]), last);
        assert!(matches!(absent, Err(FitError::Run(_))), "{absent:?}");
    }
}

#[test]
fn training_evaluates_the_network_that_predicts() {
    for config in configs() {
        let data = data(&config);
        let fitted = fitted(&config, 1);
        let split = Split::new(vec![Role::Labeled; data.labeled.len()]);
        let mut trainer =
            Trainer::new(&config, &data, &split, 0, fitted.encoder.as_ref()).expect("a trainer");
        let end = trainer.run::<TrainError>(&mut |_, _| Ok(Continue::Yes));
        assert_eq!(end.expect("steps"), Continue::Yes);
        let rows: Vec<usize> = (0..data.labeled.len()).collect();
        let said = trainer.predict(&rows).expect("predictions");
        let said: Vec<f64> = said.iter().flat_map(|row| row.probabilities.to_vec()).collect();
        for (said, found) in said.iter().zip(answers(&fitted, &data.labeled)) {
            assert!((said - found).abs() < 1e-6, "{said} {found}");
        }
    }
}

#[test]
fn a_fine_tuned_network_begins_as_the_encoder_and_leaves_it() {
    let [.., mut config] = configs();
    config.optimizer.learning_rate = 1e-3;
    let fitted = fitted(&config, 1);
    let encoder = fitted.encoder.as_ref().expect("an encoder");
    let (weights, name) = (fitted.weights(0), "classifer.0.weight");
    let (before, after) = (&encoder[&format!("0.{name}")], &weights[name]);
    assert_eq!(before.shape, after.shape);
    let square = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>();
    let moved = square(&mut before.data.iter().zip(&after.data).map(|(a, b)| a - b));
    let length = square(&mut before.data.iter().copied());
    assert!(moved > 0.0 && moved < 0.5 * length, "{moved} of {length}");
    assert_eq!(weights["classifer.8.weight"].shape, [2, 6]);
}

#[test]
fn a_fitted_model_survives_bytes_and_damaged_bytes_are_refused() {
    let fitted = fitted(&config(true), 2);
    let bytes = fitted.to_bytes().expect("bytes");
    assert_eq!(Fitted::from_bytes(&bytes).expect("the model"), fitted);
    assert_eq!(fitted.to_bytes().expect("bytes"), bytes);
    for length in (0..bytes.len()).step_by(bytes.len() / 97) {
        assert!(Fitted::from_bytes(&bytes[..length]).is_err(), "cut to {length}");
    }
    for at in [0, 9, 14, 40, bytes.len() / 2, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Fitted::from_bytes(&changed).is_err(), "changed at {at}");
    }
    let mut newer = bytes;
    newer[8] = 9;
    let error = Fitted::from_bytes(&newer).expect_err("refused");
    assert!(matches!(error, FittedBytesError::Newer { found: 9, .. }), "{error}");
}

#[test]
fn stopping_leaves_no_model() {
    for encoded in [false, true] {
        let config = config(encoded);
        let stop = AtomicBool::new(true);
        let ended = fit(&config, &data(&config), 1, &stop, &mut |_| {}).expect("no error");
        assert_eq!(ended, None);
    }
}

#[test]
fn what_cannot_be_fitted_or_answered_is_an_error() {
    let config = config(true);
    let stop = AtomicBool::new(false);
    let none = fit(&config, &data(&config), 0, &stop, &mut |_| {});
    assert!(matches!(none, Err(FitError::NoMembers)));
    let labeled = dataset(rows(20, false));
    let alone = Data::new(labeled, None, &config).expect("data");
    let alone = fit(&config, &alone, 1, &stop, &mut |_| {});
    assert!(matches!(alone, Err(FitError::Train(TrainError::NoUnlabeled))));
    let fitted = fitted(&config, 1);
    let grid = Grid::new(10.0, 0.1, 220).expect("a grid");
    let labels = Labels::Optional { classes: 2 };
    let other = Dataset::from_rows(Path::new("t"), grid, rows(2, false), labels).expect("rows");
    let found = fitted.probabilities(&other, &stop);
    assert!(matches!(found, Err(FitError::Grid { .. })));
}
