//! Calibration, prior correction and stacking against reference implementations;
//! `golden/calibrate/generate.py` says which and how.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use xrdmatch::calibrate::{Calibration, CalibrationMethod};
use xrdmatch::ensemble::{Member, Panel, StackedWeights};
use xrdmatch::metrics::{Outcomes, log_loss};
use xrdmatch::predictions::{Predictions, Sample};
use xrdmatch::prior::{self, Prior};

fn cases<T: DeserializeOwned>(text: &str) -> Vec<T> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Predictions of the positive class, label 0; `positive` holds a 1 for each sample that is.
fn predictions(p: &[f64], positive: &str) -> Predictions {
    let sample = |(row, c)| Sample::new(format!("s{row}"), u8::from(c == '0'));
    let samples = positive.chars().enumerate().map(sample).collect();
    Predictions::new(2, samples, p.iter().flat_map(|p| [*p, 1.0 - p]).collect()).unwrap()
}

#[track_caller]
fn assert_close(found: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(error < tolerance, "{what}: {found}, not {expected}");
}

#[derive(Deserialize)]
struct CalibrationCase {
    p: Vec<f64>,
    positive: String,
    slope: f64,
    intercept: f64,
    loss: f64,
    inverse: f64,
    queries: Vec<f64>,
    isotonic: Vec<f64>,
}

#[test]
fn calibrations_equal_those_of_scikit_learn() {
    let cases: Vec<CalibrationCase> = cases(include_str!("golden/calibrate/calibrate.jsonl"));
    assert_eq!(cases.len(), 60);
    for (number, case) in cases.into_iter().enumerate() {
        let predictions = predictions(&case.p, &case.positive);
        let outcomes = Outcomes::of(&predictions).unwrap();
        let what = |name: &str| format!("case {number}, {name}");

        let fitted = CalibrationMethod::Platt.fit(&outcomes).unwrap();
        let Calibration::Platt(sigmoid) = &fitted else { panic!("{fitted:?}") };
        assert_close(sigmoid.slope, case.slope, 1e-6, &what("slope"));
        assert_close(sigmoid.intercept, case.intercept, 1e-6, &what("intercept"));

        let fitted = CalibrationMethod::Temperature.fit(&outcomes).unwrap();
        let Calibration::Temperature(temperature) = &fitted else { panic!("{fitted:?}") };
        // The loss is flat about its minimum, so the place is known to half its digits; where the
        // classes are separable it falls to nothing, and there is no place.
        if case.loss > 1e-3 {
            assert_close(temperature.inverse, case.inverse, 1e-5, &what("temperature"));
        }
        let calibrated = Outcomes::of(&fitted.apply(&predictions).unwrap()).unwrap();
        let loss = log_loss(&calibrated) * case.p.len() as f64;
        assert!(loss <= case.loss + 1e-7 * case.loss.max(1.0), "{number}: {loss}, {}", case.loss);

        let Calibration::Isotonic(isotonic) = CalibrationMethod::Isotonic.fit(&outcomes).unwrap()
        else {
            panic!("isotonic calibration gave another");
        };
        for (query, expected) in case.queries.iter().zip(&case.isotonic) {
            assert_close(isotonic.apply(*query), *expected, 1e-12, &what("isotonic"));
        }
    }
}

#[derive(Deserialize)]
struct PriorCase {
    p: Vec<f64>,
    trained_on: f64,
    share: f64,
    corrected: Vec<f64>,
}

#[test]
fn estimated_priors_maximise_the_likelihood() {
    let cases: Vec<PriorCase> = cases(include_str!("golden/calibrate/prior.jsonl"));
    assert_eq!(cases.len(), 20);
    for case in cases {
        let pool = predictions(&case.p, &"0".repeat(case.p.len()));
        let trained_on = Prior::of_positive(case.trained_on).unwrap();
        let found = prior::estimate(&pool, &trained_on).unwrap();
        assert!(found.settled, "{} rounds", found.rounds);
        assert_close(found.shares[0], case.share, 1e-6, "share");
        if let Ok(real) = Prior::of_positive(case.share) {
            let corrected = prior::correct(&pool, &trained_on, &real).unwrap();
            for (found, expected) in corrected.scores().zip(case.corrected) {
                assert_close(found, expected, 1e-12, "corrected probability");
            }
        }
    }
}

#[derive(Deserialize)]
struct StackCase {
    p: Vec<Vec<f64>>,
    positive: String,
    trained: Vec<String>,
    shrinkage: f64,
    weights: Vec<f64>,
}

#[test]
fn stacked_weights_equal_those_of_a_general_minimiser() {
    let cases: Vec<StackCase> = cases(include_str!("golden/calibrate/stack.jsonl"));
    assert_eq!(cases.len(), 12);
    for case in cases {
        let member = |(number, (p, trained)): (usize, (&Vec<f64>, &String))| {
            let ones = trained.char_indices().filter(|(_, c)| *c == '1');
            let trained_on: HashSet<String> = ones.map(|(row, _)| format!("s{row}")).collect();
            Member {
                name: format!("m{number}"),
                predictions: predictions(p, &case.positive),
                trained_on,
            }
        };
        let members: Vec<Member> =
            case.p.iter().zip(&case.trained).enumerate().map(member).collect();
        let panel = Panel::of(&members).unwrap();
        let found = StackedWeights::fit(&panel, case.shrinkage).unwrap();
        for (found, expected) in found.weights.iter().zip(&case.weights) {
            assert_close(*found, *expected, 1e-5, "weight");
        }
    }
}
