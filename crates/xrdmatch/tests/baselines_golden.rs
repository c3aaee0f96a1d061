//! Classical models against scikit-learn on the same features: those with one optimum to six
//! digits, forests to the noise of their chance. `golden/baseline/generate.py` says how.

mod shared_data;

use std::collections::HashMap;
use std::fs::{self, File};

use rayon::prelude::*;
use serde::Deserialize;
use shared_data::shared_file;
use xrdmatch::baseline::{
    Baseline, ClassWeight, Fitted, ForestKind, ForestSettings, LogisticSettings, NeighbourSettings,
    SvmSettings, Voice,
};
use xrdmatch::fingerprint::{Blur, Fingerprints, Scale, SparsePattern};
use xrdmatch::metrics::{Metric, Outcomes};
use xrdmatch::predictions::Sample;
use xrdmatch::statistics::{Experiments, Summary};

#[derive(Deserialize)]
struct Case {
    points: usize,
    sigma: f64,
    stride: usize,
    root: bool,
    c: f64,
    balanced: bool,
    labels: String,
    patterns: Vec<Vec<(u16, f32)>>,
    test: Vec<Vec<(u16, f32)>>,
    logistic: Vec<f64>,
    svm: Vec<f64>,
    near: Vec<f64>,
    equal: Vec<f64>,
    forest: Vec<f64>,
    extra: Vec<f64>,
}

fn blur(sigma: f64, stride: usize, root: bool) -> Blur {
    Blur { sigma, stride, scale: if root { Scale::Root } else { Scale::Intensity } }
}

fn fingerprints(patterns: &[Vec<(u16, f32)>], points: usize, blur: &Blur) -> Fingerprints {
    let halves: Vec<(Vec<u16>, Vec<f32>)> =
        patterns.iter().map(|peaks| peaks.iter().copied().unzip()).collect();
    let sparse = halves.iter().map(|(indices, values)| SparsePattern { indices, values });
    Fingerprints::of(sparse, points, blur).unwrap()
}

fn largest_difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn models_with_one_optimum_equal_scikit_learns_to_six_digits() {
    for (number, text) in include_str!("golden/baseline/baselines.jsonl").lines().enumerate() {
        let case: Case = serde_json::from_str(text).unwrap();
        let blur = blur(case.sigma, case.stride, case.root);
        let rows = fingerprints(&case.patterns, case.points, &blur);
        let test = fingerprints(&case.test, case.points, &blur);
        let labels: Vec<u8> = case.labels.bytes().map(|digit| digit - b'0').collect();
        let class_weight = if case.balanced { ClassWeight::Balanced } else { ClassWeight::Equal };
        let fit = |baseline: Baseline| baseline.fit(&rows, &labels).unwrap();

        let settings = LogisticSettings { c: case.c, class_weight };
        let fitted = fit(Baseline::Logistic(settings));
        let log_odds = |p: f64| (p / (1.0 - p)).ln();
        let found: Vec<f64> = fitted.scores(&test).unwrap().into_iter().map(log_odds).collect();
        let error = largest_difference(&found, &case.logistic);
        assert!(error < 1e-6, "case {number}, logistic regression: {error}");

        let settings = SvmSettings { c: case.c, class_weight, ..SvmSettings::default() };
        let Fitted::Svm(svm) = fit(Baseline::Svm(settings)) else { panic!("not a machine") };
        let found: Vec<f64> = test.rows().map(|row| svm.decision(row)).collect();
        let error = largest_difference(&found, &case.svm);
        assert!(error < 1e-6, "case {number}, support vector machine: {error}");
        for (p, decision) in Fitted::Svm(svm).scores(&test).unwrap().iter().zip(&found) {
            assert_eq!(*p > 0.5, *decision > 0.0, "probability and decision agree");
        }

        for (k, voice, expected) in [(5, Voice::Near, &case.near), (3, Voice::Equal, &case.equal)] {
            let fitted = fit(Baseline::Neighbours(NeighbourSettings { k, voice }));
            let error = largest_difference(&fitted.scores(&test).unwrap(), expected);
            assert!(error < 1e-6, "case {number}, {voice:?} neighbours: {error}");
        }

        let kinds =
            [(ForestKind::RandomForest, 1, &case.forest), (ForestKind::ExtraTrees, 2, &case.extra)];
        for (kind, min_leaf, expected) in kinds {
            let settings = ForestSettings {
                kind,
                min_leaf,
                class_weight,
                trees: 4000,
                ..ForestSettings::default()
            };
            let found = fit(Baseline::Forest(settings)).scores(&test).unwrap();
            // The mean of 4,000 trees scatters by up to 0.008, the difference of two by 0.011.
            let error = largest_difference(&found, expected);
            let mean: f64 =
                found.iter().zip(expected).map(|(a, b)| a - b).sum::<f64>() / found.len() as f64;
            assert!(error < 0.04 && mean.abs() < 0.01, "case {number}, {kind:?}: {error}, {mean}");
        }
    }
}

#[derive(Deserialize)]
struct Seeds {
    sigma: f64,
    stride: usize,
    root: bool,
    model: String,
    trees: usize,
    every: usize,
    macro_f1: Vec<f64>,
    auc: Vec<f64>,
}

/// On raw sticks a random forest of 50 trees scatters by 0.015 in AUC from seed to seed (the mean of
/// 20 splits), so only means over many seeds can be compared. `golden/baseline/forest_seeds.py`
/// fits scikit-learn's with 40 seeds; here are 60 of ours on the same splits, and 20 on the blurred
/// patterns, which scatter less. The difference of such means has a standard error of 0.003.
///
/// On raw sticks the 40 seeds of scikit-learn happen to lie high, by up to 2.5 standard errors. That is
/// chance: its next 120 seeds (100 to 219) have an AUC of 0.5659 ± 0.0013 and a macro-F1 of
/// 0.1493 ± 0.0007, 160 of ours 0.5654 ± 0.0011 and 0.1491 ± 0.0007 (28 November 2026).
#[test]
fn forests_are_within_001_of_scikit_learns_in_the_mean_over_seeds() {
    let test = "forests_are_within_001_of_scikit_learns_in_the_mean_over_seeds";
    let (Some(rows), Some(splits)) =
        (shared_file(test, "lbs.csv"), shared_file(test, "paper_splits.json"))
    else {
        return;
    };
    let (samples, patterns) = published_rows(&rows);
    let row_of: HashMap<&str, usize> =
        (0..).zip(&samples).map(|(row, sample)| (sample.name.as_str(), row)).collect();
    let splits: Splits = serde_json::from_str(&fs::read_to_string(splits).unwrap()).unwrap();
    let expected: Vec<Seeds> =
        serde_json::from_str(include_str!("golden/baseline/forest_seeds.json")).unwrap();
    assert_eq!(expected.len(), 4);
    for Seeds { sigma, stride, root, model, trees, every, macro_f1, auc } in expected {
        let all = fingerprints(&patterns, 4500, &blur(sigma, stride, root));
        let kind = if model == "extra" { ForestKind::ExtraTrees } else { ForestKind::RandomForest };
        let of_seed = |seed: u64| {
            let values: Vec<[f64; 2]> = splits
                .experiments
                .iter()
                .step_by(every)
                .map(|split| {
                    let pick = |names: &[String]| -> Vec<usize> {
                        names.iter().map(|name| row_of[name.as_str()]).collect()
                    };
                    let (training, judged) = (pick(&split.labeled), pick(&split.evaluation));
                    let labels: Vec<u8> =
                        training.iter().map(|row| samples[*row].truth.unwrap()).collect();
                    let seed = 1000 * seed + split.experiment;
                    let forest = ForestSettings { kind, seed, trees, ..ForestSettings::default() };
                    let fitted =
                        Baseline::Forest(forest).fit(&all.pick(&training), &labels).unwrap();
                    let judged_samples = judged.iter().map(|row| samples[*row].clone()).collect();
                    let answer = fitted.predict(&all.pick(&judged), judged_samples).unwrap();
                    let outcomes = Outcomes::of(&answer).unwrap();
                    [Metric::MacroF1, Metric::Auc].map(|m| m.measure(&outcomes).unwrap())
                })
                .collect();
            [0, 1].map(|of| values.iter().map(|v| v[of]).sum::<f64>() / values.len() as f64)
        };
        let seeds: u64 = if sigma == 0.0 { 60 } else { 20 };
        let ours: Vec<[f64; 2]> = (0..seeds).into_par_iter().map(of_seed).collect();
        for (of, name, theirs) in [(0, "macro-F1", macro_f1), (1, "AUC", auc)] {
            let found =
                Summary::of(&ours.iter().map(|values| values[of]).collect::<Vec<_>>()).unwrap();
            let expected = Summary::of(&theirs).unwrap();
            assert!(expected.count >= 20);
            let error = |summary: &Summary| summary.sd / (summary.count as f64).sqrt();
            let difference = found.mean - expected.mean;
            println!(
                "{model} σ={sigma} {name}: {:.4} ± {:.4} ours, {:.4} ± {:.4} theirs, {:+.1} standard errors",
                found.mean,
                error(&found),
                expected.mean,
                error(&expected),
                difference / error(&found).hypot(error(&expected))
            );
            assert!(difference.abs() < 0.01, "{model} σ={sigma} {name}: {difference}");
        }
    }
}

#[derive(Deserialize)]
struct Published {
    sigma: f64,
    stride: usize,
    root: bool,
    model: String,
    macro_f1: f64,
    auc: f64,
}

#[derive(Deserialize)]
struct Splits {
    experiments: Vec<Split>,
}

#[derive(Deserialize)]
struct Split {
    experiment: u64,
    labeled: Vec<String>,
    evaluation: Vec<String>,
}

/// Names, labels and sparse patterns of the published file without its marker column.
fn published_rows(path: &std::path::Path) -> (Vec<Sample>, Vec<Vec<(u16, f32)>>) {
    let mut table = csv::Reader::from_reader(File::open(path).unwrap());
    let header = table.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|cell| cell == name).unwrap();
    let (name, label, first) = (column("name"), column("label"), column("v1"));
    let row = |record: csv::Result<csv::StringRecord>| {
        let record = record.unwrap();
        let values = (0u16..4500).map(|i| (i, record[first + usize::from(i)].parse().unwrap()));
        let sample = Sample::new(&record[name], record[label].parse::<u8>().unwrap());
        (sample, values.filter(|(_, value)| *value != 0.0).collect())
    };
    table.records().map(row).unzip()
}

#[test]
fn baselines_on_the_published_splits_are_within_001_of_scikit_learn() {
    let test = "baselines_on_the_published_splits_are_within_001_of_scikit_learn";
    let (Some(rows), Some(splits)) =
        (shared_file(test, "lbs.csv"), shared_file(test, "paper_splits.json"))
    else {
        return;
    };
    let (samples, patterns) = published_rows(&rows);
    let row_of: HashMap<&str, usize> =
        (0..).zip(&samples).map(|(row, sample)| (sample.name.as_str(), row)).collect();
    let splits: Splits = serde_json::from_str(&fs::read_to_string(splits).unwrap()).unwrap();
    let expected: Vec<Published> =
        serde_json::from_str(include_str!("golden/baseline/published.json")).unwrap();
    // Of forests this would be one seed of ours beside one of scikit-learn's: chance has too large a
    // part in it. They are judged over many seeds, above.
    let expected = expected.into_iter().filter(|p| !["forest", "extra"].contains(&&*p.model));
    for Published { sigma, stride, root, model, macro_f1, auc } in expected {
        let blur = blur(sigma, stride, root);
        let predictions: Vec<_> = splits
            .experiments
            .iter()
            .map(|split| {
                let pick = |names: &[String]| {
                    let rows = || names.iter().map(|name| row_of[name.as_str()]);
                    let chosen: Vec<_> = rows().map(|row| patterns[row].clone()).collect();
                    let samples: Vec<_> = rows().map(|row| samples[row].clone()).collect();
                    (fingerprints(&chosen, 4500, &blur), samples)
                };
                let (training, labelled) = pick(&split.labeled);
                let (evaluation, judged) = pick(&split.evaluation);
                let labels: Vec<u8> = labelled.iter().map(|s| s.truth.unwrap()).collect();
                let baseline = match model.as_str() {
                    "logistic" => Baseline::Logistic(LogisticSettings::default()),
                    "svm" => Baseline::Svm(SvmSettings::default()),
                    _ => Baseline::Neighbours(NeighbourSettings::default()),
                };
                let fitted = baseline.fit(&training, &labels).unwrap();
                let judged: Vec<Sample> = judged;
                let predictions = fitted.predict(&evaluation, judged).unwrap();
                assert!(Outcomes::of(&predictions).is_ok());
                predictions
            })
            .collect();
        let experiments = Experiments::of(&predictions).unwrap();
        let mean = |metric| experiments.summary(metric).unwrap().mean;
        let (found_f1, found_auc) = (mean(Metric::MacroF1), mean(Metric::Auc));
        println!(
            "{model} σ={sigma}: F1 {found_f1:.4} ({macro_f1:.4}), AUC {found_auc:.4} ({auc:.4})"
        );
        // What has one optimum agrees but for rows on the very border of a decision.
        let tolerance = if matches!(model.as_str(), "logistic" | "svm") { 1e-3 } else { 0.01 };
        assert!((found_f1 - macro_f1).abs() < tolerance, "{model}: F1 {found_f1}, not {macro_f1}");
        assert!((found_auc - auc).abs() < tolerance, "{model}: AUC {found_auc}, not {auc}");
    }
}
