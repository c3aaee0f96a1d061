//! Metrics against scikit-learn on 1,000 random cases; `golden/metrics/generate.py` made them.

use serde::Deserialize;
use xrdmatch::metrics::{Evaluation, Scores};
use xrdmatch::predictions::{Predictions, Sample};

/// The golden file holds twelve significant digits.
const TOLERANCE: f64 = 1e-10;

#[derive(Deserialize)]
struct Case {
    classes: usize,
    truth: String,
    denominator: f64,
    weights: Vec<f64>,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    accuracy: f64,
    r#macro: [f64; 3],
    weighted: [f64; 3],
    per_class: Vec<[f64; 3]>,
    confusion: Vec<Vec<u64>>,
    row_normalised: Vec<Vec<f64>>,
    auc: Option<f64>,
    ap: Option<f64>,
    brier: f64,
    log_loss: f64,
    ece: f64,
}

fn predictions(case: &Case) -> Predictions {
    let digit = |c: char| u8::try_from(c.to_digit(10).unwrap()).unwrap();
    let name = |(row, c)| Sample::new(format!("s{row}"), digit(c));
    let samples = case.truth.chars().enumerate().map(name).collect();
    let d = case.denominator;
    let probabilities = match case.classes {
        2 => case.weights.iter().flat_map(|w| [w / d, (d - w) / d]).collect(),
        _ => case.weights.iter().map(|w| w / d).collect(),
    };
    Predictions::new(case.classes, samples, probabilities).unwrap()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, what: &str, line: usize) {
    assert!((found - expected).abs() < TOLERANCE, "case {line}, {what}: {found}, not {expected}");
}

#[test]
fn metrics_equal_those_of_scikit_learn() {
    let text = include_str!("golden/metrics/scikit_learn.jsonl");
    let mut undefined = 0;
    for (line, text) in text.lines().enumerate() {
        let case: Case = serde_json::from_str(text).unwrap();
        let found = Evaluation::of(&predictions(&case)).unwrap();
        let expected = case.expected;
        let scores = |found: Scores, expected: [f64; 3], what| {
            assert_close(found.precision, expected[0], what, line);
            assert_close(found.recall, expected[1], what, line);
            assert_close(found.f1, expected[2], what, line);
        };
        assert_close(found.accuracy, expected.accuracy, "accuracy", line);
        scores(found.macro_average, expected.r#macro, "macro");
        scores(found.weighted_average, expected.weighted, "weighted");
        for (found, expected) in found.per_class.iter().zip(expected.per_class) {
            scores(*found, expected, "per class");
        }
        assert_eq!(found.confusion.counts(), expected.confusion, "case {line}");
        for (found, expected) in found.confusion_row_normalised.iter().zip(expected.row_normalised)
        {
            for (found, expected) in found.iter().zip(expected) {
                assert_close(*found, expected, "row-normalised confusion", line);
            }
        }
        let optional =
            [("AUC", found.auc, expected.auc), ("AP", found.average_precision, expected.ap)];
        for (what, found, expected) in optional {
            match (found, expected) {
                (Some(found), Some(expected)) => assert_close(found, expected, what, line),
                (None, None) => undefined += 1,
                other => panic!("case {line}, {what}: {other:?}"),
            }
        }
        assert_close(found.brier, expected.brier, "Brier", line);
        assert_close(found.log_loss, expected.log_loss, "log loss", line);
        assert_close(found.calibration_error, expected.ece, "calibration error", line);
    }
    assert_eq!(text.lines().count(), 1000);
    assert!(undefined > 100, "the cases include some with one class only");
}
