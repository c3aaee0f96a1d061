//! The objectives against PyTorch on whole traces of steps; `golden/objective/generate.py` made them.

use convnet::Matrix;
use serde::Deserialize;
use xrdmatch::objective::Objective;

#[derive(Deserialize)]
struct Trace {
    settings: Objective,
    classes: usize,
    pool: usize,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    labels: Vec<u8>,
    rows: Vec<usize>,
    labeled: Vec<f32>,
    weak: Vec<f32>,
    strong: Vec<f32>,
    supervised: f64,
    unsupervised: f64,
    mask_rate: f64,
    labeled_gradient: Vec<f64>,
    strong_gradient: Vec<f64>,
}

/// Losses are summed in f64 and come out as such; gradients leave as f32.
const LOSS_TOLERANCE: f64 = 1e-12;
const GRADIENT_TOLERANCE: f64 = 2e-7;

#[test]
fn losses_masks_and_gradients_equal_pytorch_along_whole_traces() {
    let golden = include_str!("golden/objective/torch.jsonl");
    let mut accepted = 0.0;
    // The first line names the versions.
    for (number, line) in golden.lines().skip(1).enumerate() {
        let trace: Trace = serde_json::from_str(line).unwrap();
        let objective = &trace.settings;
        let mut thresholds = objective.thresholds(trace.classes, trace.pool);
        let supervised = objective.supervised(&vec![1; trace.classes]);
        for (step, golden) in trace.steps.iter().enumerate() {
            let at = format!("trace {number}, step {step}");
            let logits = |data: &[f32]| {
                Matrix::from_vec(data.len() / trace.classes, trace.classes, data.to_vec())
            };
            let (loss, gradient) = supervised.loss(&logits(&golden.labeled), &golden.labels);
            let close = |a: f64, b: f64| (a - b).abs() <= LOSS_TOLERANCE * b.abs().max(1.0);
            assert!(close(loss, golden.supervised), "{at}: {loss} {}", golden.supervised);
            same(&gradient, &golden.labeled_gradient, &at);

            let (weak, strong) = (logits(&golden.weak), logits(&golden.strong));
            let found = objective.unsupervised(&mut thresholds, &golden.rows, &weak, &strong);
            assert!(close(found.mask_rate, golden.mask_rate), "{at}: {}", found.mask_rate);
            assert!(close(found.loss, golden.unsupervised), "{at}: {}", found.loss);
            same(&found.gradient, &golden.strong_gradient, &at);
            accepted += found.mask_rate;
        }
    }
    let steps = 8.0 * (golden.lines().count() - 1) as f64;
    assert!(0.1 * steps < accepted && accepted < 0.9 * steps, "the masks must differ: {accepted}");
}

fn same(found: &Matrix, expected: &[f64], at: &str) {
    assert_eq!(found.as_slice().len(), expected.len(), "{at}");
    for (&found, &expected) in found.as_slice().iter().zip(expected) {
        let difference = (f64::from(found) - expected).abs();
        assert!(
            difference <= GRADIENT_TOLERANCE * expected.abs().max(1.0),
            "{at}: {found} {expected}"
        );
    }
}
