//! The objectives against a slow, obviously right reference, against finite differences, and
//! against a hand-worked table.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::seed::{Purpose, Seed};

fn rng(item: u64) -> ChaCha8Rng {
    Seed(11).rng(Purpose::Dropout, 0, 0, item)
}

fn random_logits(rows: usize, classes: usize, scale: f32, rng: &mut ChaCha8Rng) -> Matrix {
    let data = (0..rows * classes).map(|_| scale * (rng.random::<f32>() - 0.5)).collect();
    Matrix::from_vec(rows, classes, data)
}

/// FlexMatch read off its definition: the state is the last confident class of every sample, and
/// everything is counted afresh.
struct SlowFlexMatch {
    last: Vec<Option<usize>>,
}

impl SlowFlexMatch {
    fn mask(&mut self, o: &Objective, rows: &[usize], probabilities: &[Vec<f64>]) -> Vec<bool> {
        let classes = probabilities[0].len();
        let count = |c| self.last.iter().filter(|last| **last == Some(c)).count() as f64;
        let unused = self.last.iter().filter(|last| last.is_none()).count() as f64;
        let most = (0..classes).map(count).fold(0.0, f64::max);
        let largest = if o.warmup { most.max(unused) } else { most };
        let threshold: Vec<f64> = (0..classes)
            .map(|c| if largest == 0.0 { 0.0 } else { count(c) / largest })
            .map(|beta| match o.map {
                Map::Convex => beta / (2.0 - beta),
                Map::Linear => beta,
                Map::Concave => (beta + 1.0).log2(),
            })
            .map(|factor| factor * o.cutoff)
            .collect();
        let mut mask = Vec::new();
        let mut updates = Vec::new();
        for (&row, p) in rows.iter().zip(probabilities) {
            let class = (0..classes).rev().max_by(|&a, &b| p[a].total_cmp(&p[b])).expect("classes");
            mask.push(p[class] >= threshold[class]);
            if p[class] >= o.cutoff {
                updates.push((row, class));
            }
        }
        for (row, class) in updates {
            self.last[row] = Some(class);
        }
        mask
    }
}

fn softmax_of(logits: &[f32], temperature: f64) -> Vec<f64> {
    let exp: Vec<f64> = logits.iter().map(|&v| (f64::from(v) / temperature).exp()).collect();
    let sum: f64 = exp.iter().sum();
    exp.iter().map(|v| v / sum).collect()
}

/// mean(mask · w · CE) from its definition.
fn slow_loss(o: &Objective, mask: &[bool], weak: &Matrix, strong: &Matrix) -> f64 {
    let mut sum = 0.0;
    for (row, &masked_in) in mask.iter().enumerate() {
        if !masked_in {
            continue;
        }
        let p = softmax_of(strong.row(row), 1.0);
        let target = match o.labels {
            PseudoLabels::Soft => softmax_of(weak.row(row), o.temperature),
            PseudoLabels::Hard => {
                let w = softmax_of(weak.row(row), 1.0);
                let class =
                    (0..w.len()).rev().max_by(|&a, &b| w[a].total_cmp(&w[b])).expect("classes");
                (0..w.len()).map(|c| f64::from(u8::from(c == class))).collect()
            }
        };
        for class in 0..p.len() {
            let weight = o.class_weights.get(class).copied().unwrap_or(1.0);
            sum -= weight * target[class] * p[class].ln();
        }
    }
    sum / weak.rows() as f64
}

#[test]
fn flexmatch_equals_a_slow_reference_on_random_traces() {
    for trace in 0..60 {
        let mut rng = rng(trace);
        let classes = 2 + (trace % 3) as usize;
        let pool = 5 + rng.next_u32() as usize % 60;
        let objective = Objective {
            warmup: trace % 2 == 0,
            map: [Map::Convex, Map::Linear, Map::Concave][(trace % 3) as usize],
            labels: [PseudoLabels::Hard, PseudoLabels::Soft][(trace / 2 % 2) as usize],
            cutoff: 0.5 + 0.5 * rng.random::<f64>(),
            class_weights: if trace % 4 == 0 { vec![0.46; classes] } else { Vec::new() },
            ..Objective::default()
        };
        let mut thresholds = objective.thresholds(classes, pool);
        let mut slow = SlowFlexMatch { last: vec![None; pool] };
        for _ in 0..80 {
            let batch = 1 + rng.next_u32() as usize % 12;
            let rows: Vec<usize> = (0..batch).map(|_| rng.next_u32() as usize % pool).collect();
            let weak = random_logits(batch, classes, 12.0, &mut rng);
            let strong = random_logits(batch, classes, 6.0, &mut rng);
            let probabilities: Vec<Vec<f64>> =
                (0..batch).map(|row| softmax_of(weak.row(row), 1.0)).collect();
            let mask = slow.mask(&objective, &rows, &probabilities);
            let result = objective.unsupervised(&mut thresholds, &rows, &weak, &strong);
            let expected = slow_loss(&objective, &mask, &weak, &strong);
            assert!(
                (result.loss - expected).abs() <= 1e-12 * expected.max(1.0),
                "{} {expected}",
                result.loss
            );
            let rate = mask.iter().filter(|&&m| m).count() as f64 / batch as f64;
            assert!((result.mask_rate - rate).abs() < 1e-12);
        }
    }
}

#[test]
fn flexmatch_follows_a_hand_worked_table() {
    // Four samples, two classes, cutoff 0.9, convex map, warm-up.
    let objective = Objective { cutoff: 0.9, ..Objective::default() };
    let mut thresholds = objective.thresholds(2, 4);
    let logit = |p: f64| (p / (1.0 - p)).ln() as f32;
    let step = |thresholds: &mut Thresholds, rows: &[usize], p0: &[f64]| {
        let data = p0.iter().flat_map(|&p| [logit(p), 0.0]).collect();
        let weak = Matrix::from_vec(rows.len(), 2, data);
        objective.unsupervised(thresholds, rows, &weak, &weak).mask_rate
    };
    let near = |found: Vec<f64>, expected: [f64; 2]| {
        assert!(
            found.iter().zip(expected).all(|(f, e)| (f - e).abs() < 1e-12),
            "{found:?} {expected:?}"
        );
    };
    // Nothing remembered: σ = (0, 0), unused 4, β = 0, thresholds 0: all pass.
    near(thresholds.per_class(), [0.0, 0.0]);
    assert_eq!(step(&mut thresholds, &[0, 1], &[0.95, 0.6]), 1.0);
    // Sample 0 remembered as 0: σ = (1, 0), unused 3, β = (1/3, 0), 0.9 · (1/3)/(5/3) = 0.18.
    near(thresholds.per_class(), [0.18, 0.0]);
    assert_eq!(step(&mut thresholds, &[1, 2], &[0.92, 0.05]), 1.0);
    // σ = (2, 1), unused 1, largest 2: β = (1, 1/2): 0.9 and 0.9 · (1/2)/(3/2) = 0.3.
    near(thresholds.per_class(), [0.9, 0.3]);
    // 0.85 for class 0 fails, 0.7 for class 1 passes; nothing reaches the cutoff.
    assert_eq!(step(&mut thresholds, &[0, 3], &[0.85, 0.3]), 0.5);
    near(thresholds.per_class(), [0.9, 0.3]);
    // Sample 0 changes its mind: σ = (1, 2).
    assert_eq!(step(&mut thresholds, &[0], &[0.02]), 1.0);
    near(thresholds.per_class(), [0.3, 0.9]);
}

#[test]
fn class_ratio_follows_a_hand_worked_table() {
    let objective = Objective {
        algorithm: Algorithm::ClassRatio,
        cutoff: 0.9,
        temperature: 1.0,
        ..Objective::default()
    };
    let mut thresholds = objective.thresholds(2, 4);
    let logit = |p: f64| (p / (1.0 - p)).ln() as f32;
    let mut step = |p0: &[f64]| {
        let weak =
            Matrix::from_vec(p0.len(), 2, p0.iter().flat_map(|&p| [logit(p), 0.0]).collect());
        let rate =
            objective.unsupervised(&mut thresholds, &vec![0; p0.len()], &weak, &weak).mask_rate;
        (rate, thresholds.per_class())
    };
    // Before any count the plain cutoff holds: one of two as class 0 passes, none as class 1.
    let (rate, next) = step(&[0.95, 0.6, 0.3]);
    assert!((rate - 1.0 / 3.0).abs() < 1e-12);
    // Class 0: 1 of 2 accepted, 0.9 · (1/2)/(3/2) = 0.3; class 1: 0 of 1, threshold 0.
    assert!((next[0] - 0.3).abs() < 1e-12 && next[1] == 0.0);
    let (rate, next) = step(&[0.6, 0.4]);
    assert_eq!(rate, 1.0);
    // Class 0: 2 of 3: 0.9 · (2/3)/(4/3) = 0.45; class 1: 1 of 2: 0.3.
    assert!((next[0] - 0.45).abs() < 1e-12 && (next[1] - 0.3).abs() < 1e-12);
}

#[test]
fn class_ratio_sharpens_confidences_by_its_temperature() {
    let weak = Matrix::from_vec(1, 2, vec![1.2, 0.0]);
    let rate = |temperature| {
        let objective = Objective {
            algorithm: Algorithm::ClassRatio,
            cutoff: 0.9,
            temperature,
            ..Objective::default()
        };
        objective.unsupervised(&mut objective.thresholds(2, 1), &[0], &weak, &weak).mask_rate
    };
    // softmax(1.2) = 0.77, softmax(2.4) = 0.92.
    assert_eq!((rate(1.0), rate(0.5)), (0.0, 1.0));
}

#[test]
fn fixmatch_keeps_what_reaches_the_cutoff_and_has_no_memory() {
    let objective =
        Objective { algorithm: Algorithm::Fixmatch, cutoff: 0.9, ..Objective::default() };
    let mut thresholds = objective.thresholds(2, 3);
    let weak = Matrix::from_vec(3, 2, vec![3.0, 0.0, 2.0, 0.0, 0.0, 2.5]);
    for _ in 0..3 {
        let result = objective.unsupervised(&mut thresholds, &[0, 1, 2], &weak, &weak);
        assert!((result.mask_rate - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(thresholds.per_class(), vec![0.9; 2]);
    }
}

#[test]
fn gradients_agree_with_finite_differences() {
    for case in 0..40 {
        let mut rng = rng(1000 + case);
        let classes = 2 + (case % 3) as usize;
        let rows = 1 + rng.next_u32() as usize % 6;
        let objective = Objective {
            algorithm: [Algorithm::Flexmatch, Algorithm::Fixmatch, Algorithm::ClassRatio]
                [(case % 3) as usize],
            labels: [PseudoLabels::Hard, PseudoLabels::Soft][(case % 2) as usize],
            cutoff: 0.6,
            unlabeled_weight: 1.7,
            class_weights: (0..classes).map(|_| rng.random_range(0.2..2.0)).collect(),
            robustness: [0.0, 0.3, 0.7, 1.0][case as usize % 4],
            reweighting: [0.0, 0.5, 1.0][case as usize % 3],
            positive_share: 0.2,
            ..Objective::default()
        };
        let weak = random_logits(rows, classes, 8.0, &mut rng);
        let logits = random_logits(rows, classes, 4.0, &mut rng);
        let labels: Vec<u8> =
            (0..rows).map(|_| (rng.next_u32() as usize % classes) as u8).collect();
        let pool: Vec<usize> = (0..rows).collect();
        let thresholds = objective.thresholds(classes, rows);
        let labeled = objective.supervised(&[7, 2, 4, 1][..classes]);
        let supervised = |logits: &Matrix| labeled.loss(logits, &labels).0;
        let unsupervised = |logits: &Matrix| {
            1.7f32 as f64
                * objective.unsupervised(&mut thresholds.clone(), &pool, &weak, logits).loss
        };
        let analytic = [
            labeled.loss(&logits, &labels).1,
            objective.unsupervised(&mut thresholds.clone(), &pool, &weak, &logits).gradient,
        ];
        let losses: [&dyn Fn(&Matrix) -> f64; 2] = [&supervised, &unsupervised];
        for (loss, analytic) in losses.iter().zip(&analytic) {
            for place in 0..rows * classes {
                // Powers of two keep the perturbed f32 logits exact; the loss is summed in f64.
                let h = 2.0f32.powi(-9);
                let at = |by: f32| {
                    let mut moved = logits.clone();
                    moved.as_mut_slice()[place] += by;
                    (loss(&moved), f64::from(moved.as_slice()[place]))
                };
                let ((up, x1), (down, x0)) = (at(h), at(-h));
                let numeric = (up - down) / (x1 - x0);
                let found = f64::from(analytic.as_slice()[place]);
                assert!((numeric - found).abs() < 2e-6, "case {case}: {numeric} {found}");
            }
        }
    }
}

#[test]
fn extreme_logits_give_finite_losses_and_gradients() {
    let objective = Objective { algorithm: Algorithm::Fixmatch, ..Objective::default() };
    let extreme = Matrix::from_vec(2, 2, vec![3e38, -3e38, -3e38, 3e38]);
    for robustness in [0.0, 0.5, 1.0] {
        let objective = Objective { robustness, ..objective.clone() };
        let (loss, gradient) = objective.supervised(&[1, 1]).loss(&extreme, &[0, 0]);
        assert!(loss.is_finite() && gradient.as_slice().iter().all(|v| v.is_finite()));
    }
    let result =
        objective.unsupervised(&mut objective.thresholds(2, 2), &[0, 1], &extreme, &extreme);
    assert!(result.loss.is_finite() && result.gradient.as_slice().iter().all(|v| v.is_finite()));
}

#[test]
fn the_state_survives_a_checkpoint_and_a_foreign_one_is_refused() {
    for algorithm in [Algorithm::Flexmatch, Algorithm::ClassRatio, Algorithm::Fixmatch] {
        let objective = Objective { algorithm, cutoff: 0.7, ..Objective::default() };
        let mut thresholds = objective.thresholds(3, 50);
        let mut rng = rng(7);
        for _ in 0..20 {
            let rows: Vec<usize> = (0..8).map(|_| rng.next_u32() as usize % 50).collect();
            let weak = random_logits(8, 3, 10.0, &mut rng);
            objective.unsupervised(&mut thresholds, &rows, &weak, &weak);
        }
        let mut restored = objective.thresholds(3, 50);
        restored.restore(&thresholds.to_tensors()).expect("its own state");
        assert_eq!(restored, thresholds);
    }
    let flex = Objective::default();
    let state = flex.thresholds(2, 10).to_tensors();
    let refused = |state: &Tensors| flex.thresholds(2, 10).restore(state).expect_err("foreign");
    assert!(matches!(flex.thresholds(2, 11).restore(&state), Err(StateError::Length { .. })));
    let mut changed = state.clone();
    changed.remove("counts");
    assert!(matches!(refused(&changed), StateError::Missing { name: "counts" }));
    let mut changed = state;
    changed.get_mut("memory").expect("the memory").data[3] = 7.5;
    assert!(matches!(refused(&changed), StateError::Value { .. }));
}

use convnet::Tensors;

#[test]
fn settings_out_of_range_are_named() {
    let of = |objective: Objective| objective.validate(2);
    assert_eq!(of(Objective::default()), Ok(()));
    assert!(matches!(
        of(Objective { cutoff: 1.5, ..Objective::default() }),
        Err(ObjectiveError::Range { setting: "cutoff", .. })
    ));
    assert!(matches!(
        of(Objective { cutoff: f64::NAN, ..Objective::default() }),
        Err(ObjectiveError::Range { .. })
    ));
    assert!(matches!(
        of(Objective { temperature: 0.0, ..Objective::default() }),
        Err(ObjectiveError::Range { .. })
    ));
    assert!(matches!(
        of(Objective { unlabeled_weight: -1.0, ..Objective::default() }),
        Err(ObjectiveError::Range { .. })
    ));
    let weights = Objective { class_weights: vec![1.0; 3], ..Objective::default() };
    assert!(matches!(of(weights), Err(ObjectiveError::ClassWeights { found: 3, classes: 2 })));
}

mod rules;
