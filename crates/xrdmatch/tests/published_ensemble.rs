//! The published ensemble, recomputed from its published predictions: 0.918 counts its own training
//! rows; out of bag it is 0.798.

mod shared_data;

use std::collections::HashMap;
use std::fs;

use serde::Deserialize;
use shared_data::shared_file;
use xrdmatch::ensemble::{Combination, Combined, Member, Panel, VoteRule, cross_fit_stack};
use xrdmatch::metrics::{Confusion, Evaluation, Metric, Outcomes};
use xrdmatch::predictions::{Predictions, Sample};
use xrdmatch::statistics::Bootstrap;

#[derive(Deserialize)]
struct Splits {
    experiments: Vec<Experiment>,
}

#[derive(Deserialize)]
struct Experiment {
    experiment: u32,
    labeled: Vec<String>,
}

/// The ten members: each one's hard predictions of the 112 rows, and the rows it learned from.
fn published_members(test: &str) -> Option<Vec<Member>> {
    let predictions = shared_file(test, "paper_predictions.csv")?;
    let splits = shared_file(test, "paper_splits.json")?;
    let splits: Splits = serde_json::from_str(&fs::read_to_string(splits).unwrap()).unwrap();
    let labeled: HashMap<String, Vec<String>> = splits
        .experiments
        .into_iter()
        .map(|split| (format!("experiment_{}", split.experiment), split.labeled))
        .collect();
    let mut table = csv::Reader::from_path(predictions).unwrap();
    let names: Vec<String> = table.headers().unwrap().iter().skip(2).map(str::to_owned).collect();
    let rows: Vec<Vec<String>> =
        table.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    let samples: Vec<Sample> =
        rows.iter().map(|row| Sample::new(&*row[0], row[1].parse::<u8>().unwrap())).collect();
    let member = |(number, name): (usize, &String)| {
        let class = |row: &Vec<String>| row[number + 2].parse::<f64>().unwrap();
        let probabilities = rows.iter().flat_map(|row| [1.0 - class(row), class(row)]).collect();
        Member {
            name: name.clone(),
            predictions: Predictions::new(2, samples.clone(), probabilities).unwrap(),
            trained_on: labeled[name].iter().cloned().collect(),
        }
    };
    Some(names.iter().enumerate().map(member).collect())
}

fn evaluate(combined: &Combined) -> Evaluation {
    Evaluation::of(&combined.predictions).unwrap()
}

#[test]
fn the_published_ensemble_has_0918_with_its_training_rows_and_0798_out_of_bag() {
    let test = "the_published_ensemble_has_0918_with_its_training_rows_and_0798_out_of_bag";
    let Some(members) = published_members(test) else { return };
    assert_eq!(members.len(), 10);
    let panel = Panel::of(&members).unwrap();

    let all = panel.combine(&Combination::VoteShare).unwrap();
    assert_eq!((all.predictions.len(), all.unjudged.len()), (112, 0));
    let optimistic = evaluate(&all);
    assert!((optimistic.macro_average.f1 - 0.918).abs() < 5e-4, "{}", optimistic.macro_average.f1);

    let honest = panel.out_of_bag().combine(&Combination::VoteShare).unwrap();
    assert_eq!((honest.predictions.len(), honest.unjudged.len()), (112, 0));
    let evaluation = evaluate(&honest);
    let auc = evaluation.auc.unwrap();
    assert!((evaluation.macro_average.f1 - 0.798).abs() < 5e-4, "{}", evaluation.macro_average.f1);
    assert!((auc - 0.843).abs() < 5e-4, "{auc}");

    // Members predict 0 or 1, so mean probability and vote are the same thing; and five of ten
    // votes are half of those who may judge.
    let mean = panel.out_of_bag().combine(&Combination::MeanProbability).unwrap();
    assert_eq!(mean.predictions, honest.predictions);
    let voted: Vec<u8> = panel
        .out_of_bag()
        .opinions()
        .iter()
        .map(|opinions| u8::from(!VoteRule::PUBLISHED.accepts(&opinions.unwrap())))
        .collect();
    let truth: Vec<u8> = panel.samples().iter().map(|sample| sample.truth.unwrap()).collect();
    let confusion = Confusion::of(2, &truth, &voted);
    assert_eq!(confusion, evaluation.confusion);

    let outcomes = Outcomes::of(&honest.predictions).unwrap();
    let stacked = cross_fit_stack(&panel, 10.0, 5, 1).unwrap();
    for metric in [Metric::MacroF1, Metric::Auc, Metric::AveragePrecision, Metric::Brier] {
        let interval = Bootstrap::default().interval(&outcomes, metric).unwrap();
        println!(
            "{}: all rows {:.3}, out of bag {:.3} [{:.3}, {:.3}], stacked out of bag {:.3}",
            metric.name(),
            optimistic.get(metric).unwrap(),
            interval.estimate,
            interval.lower,
            interval.upper,
            evaluate(&stacked).get(metric).unwrap(),
        );
        assert!(interval.contains(interval.estimate));
    }
}
