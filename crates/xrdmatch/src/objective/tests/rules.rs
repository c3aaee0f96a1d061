//! The rules with running means, alignment, squares and smoothing: each against its definition.

use super::*;

fn objective(algorithm: Algorithm) -> Objective {
    Objective { algorithm, momentum: 0.9, cutoff: 0.8, ..Objective::default() }
}

/// Plays random batches through an objective and hands each, with its result, to `check`; the
/// labelled confidence is that of `labeled`.
fn play(
    o: &Objective,
    classes: usize,
    mut check: impl FnMut(&Matrix, &Matrix, &Matrix, &Unsupervised),
) {
    let mut rng = rng(classes as u64);
    let mut state = o.thresholds(classes, 50);
    for step in 0..40 {
        let rows: Vec<usize> = (0..7).collect();
        let labeled = random_logits(5, classes, 6.0, &mut rng);
        let weak = random_logits(7, classes, 9.0, &mut rng);
        let strong = random_logits(7, classes, 6.0, &mut rng);
        state.tell(step, &labeled);
        let result = o.unsupervised(&mut state, &rows, &weak, &strong);
        check(&labeled, &weak, &strong, &result);
    }
}

fn probabilities(logits: &Matrix) -> Vec<Vec<f64>> {
    (0..logits.rows()).map(|row| softmax_of(logits.row(row), 1.0)).collect()
}

fn largest(p: &[f64]) -> (usize, f64) {
    p.iter()
        .copied()
        .enumerate()
        .fold((0, 0.0), |best, (c, q)| if q > best.1 { (c, q) } else { best })
}

fn mean_of(rows: &[Vec<f64>], class: usize) -> f64 {
    rows.iter().map(|row| row[class]).sum::<f64>() / rows.len() as f64
}

/// Σ weight · −log p(strong)_label / rows.
fn weighted(weights: &[(f64, usize)], strong: &Matrix) -> f64 {
    let p = probabilities(strong);
    let term = |(row, &(weight, label)): (usize, &(f64, usize))| -weight * p[row][label].ln();
    weights.iter().enumerate().map(term).sum::<f64>() / weights.len() as f64
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{found} {expected}");
}

#[test]
fn freematch_judges_by_running_means_of_confidence_and_probabilities() {
    for classes in [2, 3] {
        let mut tau = 1.0 / classes as f64;
        let mut shares = vec![tau; classes];
        play(&objective(Algorithm::Freematch), classes, |_, weak, strong, result| {
            let p = probabilities(weak);
            let tops: Vec<_> = p.iter().map(|p| largest(p)).collect();
            tau = 0.9 * tau + 0.1 * tops.iter().map(|(_, q)| q).sum::<f64>() / 7.0;
            for (class, share) in shares.iter_mut().enumerate() {
                *share = 0.9 * *share + 0.1 * mean_of(&p, class);
            }
            let most = shares.iter().copied().fold(0.0, f64::max);
            let mask: Vec<(f64, usize)> = tops
                .iter()
                .map(|&(c, q)| (f64::from(u8::from(q >= tau * shares[c] / most)), c))
                .collect();
            near(result.loss, weighted(&mask, strong));
            near(result.mask_rate, mask.iter().map(|(weight, _)| weight).sum::<f64>() / 7.0);
        });
    }
}

#[test]
fn softmatch_weighs_by_a_gaussian_below_the_mean_confidence() {
    for classes in [2, 4] {
        let (mut mean, mut variance) = (1.0 / classes as f64, 1.0);
        play(&objective(Algorithm::Softmatch), classes, |_, weak, strong, result| {
            let tops: Vec<_> = probabilities(weak).iter().map(|p| largest(p)).collect();
            let now = tops.iter().map(|(_, q)| q).sum::<f64>() / 7.0;
            let spread = tops.iter().map(|(_, q)| (q - now).powi(2)).sum::<f64>() / 6.0;
            mean = 0.9 * mean + 0.1 * now;
            variance = 0.9 * variance + 0.1 * spread;
            let weight = |q: f64| {
                if q >= mean { 1.0 } else { (-(q - mean).powi(2) / (2.0 * variance / 4.0)).exp() }
            };
            let weights: Vec<_> = tops.iter().map(|&(c, q)| (weight(q), c)).collect();
            near(result.loss, weighted(&weights, strong));
        });
    }
}

#[test]
fn adamatch_aligns_to_the_prior_and_judges_relative_to_the_labelled_batch() {
    let o = Objective { positive_share: 0.2, ..objective(Algorithm::Adamatch) };
    let prior = [0.2, 0.4, 0.4];
    let mut running = [1.0 / 3.0; 3];
    play(&o, 3, |labeled, weak, strong, result| {
        let p = probabilities(weak);
        for (class, share) in running.iter_mut().enumerate() {
            *share = 0.9 * *share + 0.1 * mean_of(&p, class);
        }
        let confident = probabilities(labeled).iter().map(|p| largest(p).1).sum::<f64>() / 5.0;
        let mask: Vec<_> = p
            .iter()
            .map(|p| {
                let aligned: Vec<f64> = (0..3).map(|c| p[c] * prior[c] / running[c]).collect();
                let sum: f64 = aligned.iter().sum();
                let (class, q) = largest(&aligned);
                (f64::from(u8::from(q / sum >= 0.8 * confident)), class)
            })
            .collect();
        near(result.loss, weighted(&mask, strong));
    });
}

#[test]
fn alignment_moves_the_mean_answer_to_the_prior() {
    let o = Objective {
        alignment: Alignment::Prior,
        positive_share: 0.2,
        momentum: 0.0,
        ..objective(Algorithm::PseudoLabel)
    };
    let mut state = o.thresholds(2, 4);
    let weak =
        Matrix::from_vec(400, 2, (0..800).map(|i| if i % 2 == 0 { 1.0 } else { 0.0 }).collect());
    let aligned = state.align(&weak).expect("it aligns");
    near(mean_of(&probabilities(&aligned), 0), 0.2);
}

#[test]
fn pi_model_and_mean_teacher_compare_probabilities_by_squares() {
    for algorithm in [Algorithm::PiModel, Algorithm::MeanTeacher] {
        play(&objective(algorithm), 3, |_, weak, strong, result| {
            let (p, q) = (probabilities(strong), probabilities(weak));
            let square =
                |row: usize| (0..3).map(|c| (p[row][c] - q[row][c]).powi(2)).sum::<f64>() / 3.0;
            near(result.loss, (0..7).map(square).sum::<f64>() / 7.0);
            near(result.mask_rate, 1.0);
        });
    }
}

#[test]
fn uda_softens_by_its_temperature_above_one_threshold() {
    let o = Objective { temperature: 0.4, ..objective(Algorithm::Uda) };
    play(&o, 3, |_, weak, strong, result| {
        let p = probabilities(strong);
        let term = |row: usize| {
            let soft = softmax_of(weak.row(row), 0.4);
            let confident = largest(&softmax_of(weak.row(row), 1.0)).1 >= 0.8;
            let ce: f64 = (0..3).map(|c| -soft[c] * p[row][c].ln()).sum();
            if confident { ce } else { 0.0 }
        };
        near(result.loss, (0..7).map(term).sum::<f64>() / 7.0);
    });
}

#[test]
fn every_algorithms_gradient_is_that_of_its_loss() {
    for algorithm in Algorithm::ALL.into_iter().filter(|a| *a != Algorithm::Supervised) {
        let o = Objective { unlabeled_weight: 1.7, ramp: 4, ..objective(algorithm) };
        let mut rng = rng(9);
        let labeled = random_logits(4, 3, 2.0, &mut rng);
        let weak = random_logits(6, 3, 12.0, &mut rng);
        let strong = random_logits(6, 3, 4.0, &mut rng);
        let at = |strong: &Matrix| {
            let mut state = o.thresholds(3, 6);
            state.tell(2, &labeled);
            o.unsupervised(&mut state, &[0, 1, 2, 3, 4, 5], &weak, strong)
        };
        let gradient = at(&strong).gradient;
        for element in 0..18 {
            let moved = |by: f32| {
                let mut data = strong.as_slice().to_vec();
                data[element] += by;
                at(&Matrix::from_vec(6, 3, data)).loss
            };
            let slope = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let found = f64::from(gradient.as_slice()[element]);
            // Half of the ramp is behind: λ_u is 1.7 · 2/4.
            assert!((found - 0.85 * slope).abs() < 1e-4, "{algorithm:?} {found} {slope}");
        }
    }
}

#[test]
fn smoothing_shares_a_part_of_the_label_among_all_classes() {
    let o = Objective { smoothing: 0.3, ..Objective::default() };
    let logits = random_logits(4, 3, 5.0, &mut rng(2));
    let labels = [0, 2, 1, 1];
    let expected: f64 = probabilities(&logits)
        .iter()
        .zip(labels)
        .map(|(p, label)| {
            let target = |c: usize| 0.1 + if c == usize::from(label) { 0.7 } else { 0.0 };
            (0..3).map(|c| -target(c) * p[c].ln()).sum::<f64>() / 4.0
        })
        .sum();
    near(o.supervised(&[1; 3]).loss(&logits, &labels).0, expected);
}

#[test]
fn robustness_leads_from_the_cross_entropy_to_half_the_absolute_error() {
    let logits = random_logits(5, 3, 6.0, &mut rng(3));
    let labels = [2, 0, 1, 1, 0];
    let p = probabilities(&logits);
    let mean = |term: &dyn Fn(f64) -> f64| {
        p.iter().zip(labels).map(|(p, label)| term(p[usize::from(label)])).sum::<f64>() / 5.0
    };
    let loss = |robustness| {
        Objective { robustness, ..Objective::default() }
            .supervised(&[1; 3])
            .loss(&logits, &labels)
            .0
    };
    near(loss(0.4), mean(&|p| (1.0 - p.powf(0.4)) / 0.4));
    near(loss(1.0), mean(&|p| 0.5 * ((1.0 - p) + (1.0 - p))));
    near(loss(1e-7), loss(0.0));
    near(loss(0.0), mean(&|p| -p.ln()));
}

#[test]
fn a_robustness_that_is_none_or_beside_smoothing_is_refused() {
    for robustness in [-0.1, 1.1, f64::NAN] {
        let o = Objective { robustness, ..Objective::default() };
        let found = o.validate(2);
        assert!(matches!(found, Err(ObjectiveError::Range { setting: "robustness", .. })));
    }
    let o = Objective { robustness: 0.7, smoothing: 0.1, ..Objective::default() };
    assert_eq!(o.validate(2), Err(ObjectiveError::SmoothAndRobust));
}

#[test]
fn labelled_rows_are_reweighted_towards_the_stated_shares() {
    let labels = [0u8, 0, 1, 0, 2, 0];
    let counts = [4, 1, 1];
    let logits = random_logits(6, 3, 8.0, &mut rng(10));
    let expected = |weights: [f64; 3]| {
        let terms = probabilities(&logits).into_iter().zip(labels);
        let terms = terms.map(|(p, y)| -weights[usize::from(y)] * p[usize::from(y)].ln());
        terms.sum::<f64>() / 6.0
    };
    let found = |reweighting, class_weights: &[f64]| {
        let class_weights = class_weights.to_vec();
        let o =
            Objective { reweighting, positive_share: 0.2, class_weights, ..Objective::default() };
        o.supervised(&counts).loss(&logits, &labels).0
    };
    near(found(0.0, &[]), expected([1.0; 3]));
    // Shares of 4/6, 1/6, 1/6 become 0.2, 0.4, 0.4.
    near(found(1.0, &[]), expected([0.3, 2.4, 2.4]));
    near(found(0.5, &[]), expected([0.3f64.sqrt(), 2.4f64.sqrt(), 2.4f64.sqrt()]));
    near(found(1.0, &[2.0, 1.0, 0.5]), expected([0.6, 2.4, 1.2]));
    // Without a stated share every class counts as much.
    let equal = Objective { reweighting: 1.0, ..Objective::default() };
    near(equal.supervised(&counts).loss(&logits, &labels).0, expected([0.5, 2.0, 2.0]));
    // A class without a row asks for nothing, and breaks nothing.
    assert!(equal.supervised(&[4, 2, 0]).loss(&logits, &[0; 6]).0.is_finite());
    for reweighting in [-0.1, 1.1, f64::NAN] {
        let o = Objective { reweighting, ..Objective::default() };
        let found = o.validate(2);
        assert!(matches!(found, Err(ObjectiveError::Range { setting: "reweighting", .. })));
    }
}

#[test]
fn the_balanced_head_weighs_classes_by_how_rare_their_labels_are() {
    let o = Objective { algorithm: Algorithm::Abc, cutoff: 0.6, ..Objective::default() };
    assert!(Objective::default().balanced(&[1, 1, 1]).is_none());
    // Six rows of class 0, three of class 1, none of class 2.
    let labels = [0u8, 0, 1, 0, 1, 0, 0, 1, 0];
    let balanced = o.balanced(&[6, 3, 0]).expect("two heads");
    let weights = [0.5, 1.0, 1.0];
    let mut rng = rng(9);
    let all: Vec<Matrix> = (0..3).map(|_| random_logits(9, 6, 8.0, &mut rng)).collect();
    let [labeled, weak, strong] =
        [&all[0], &all[1], &all[2]].map(|logits| balanced.heads(logits)[1].clone());
    for row in 0..9 {
        assert_eq!(labeled.row(row), &all[0].row(row)[3..]);
    }
    let halves = balanced.heads(&all[0]);
    assert_eq!(balanced.beside([&halves[0], &halves[1]]).as_slice(), all[0].as_slice());

    let p = probabilities(&labeled);
    let terms =
        p.iter().zip(labels).map(|(p, y)| -weights[usize::from(y)] * p[usize::from(y)].ln());
    near(balanced.supervised(&labeled, &labels).0, terms.sum::<f64>() / 9.0);
    // What is set for labelled rows holds for this head too.
    let class_weights = vec![3.0, 1.0, 1.0];
    // The shares that the rows are reweighted to do not: its own weights stand in their place.
    let robust = Objective {
        robustness: 0.5,
        class_weights: class_weights.clone(),
        reweighting: 1.0,
        ..o.clone()
    };
    let terms = p.iter().zip(labels).map(|(p, y)| {
        let class = usize::from(y);
        class_weights[class] * weights[class] * (1.0 - p[class].sqrt()) / 0.5
    });
    let found = robust.balanced(&[6, 3, 0]).expect("two heads");
    near(found.supervised(&labeled, &labels).0, terms.sum::<f64>() / 9.0);

    let (q, p) = (probabilities(&weak), probabilities(&strong));
    let mut counted = 0;
    let expected: f64 = q
        .iter()
        .zip(&p)
        .filter(|(q, _)| largest(q).1 >= 0.6)
        .map(|(q, p)| {
            counted += 1;
            let entropy: f64 = q.iter().zip(p).map(|(q, p)| -q * p.ln()).sum();
            weights[largest(q).0] * entropy / 9.0
        })
        .sum();
    assert!((2..9).contains(&counted), "{counted} of 9 count");
    near(balanced.consistency(&weak, &strong, 2.0).0, expected);

    // Gradients against differences.
    let (h, lambda) = (2.0f32.powi(-9), 2.0);
    let loss = |strong: &Matrix| balanced.consistency(&weak, strong, lambda).0 * lambda;
    let gradient = balanced.consistency(&weak, &strong, lambda).1;
    let supervised = balanced.supervised(&labeled, &labels).1;
    for place in 0..27 {
        let moved = |of: &Matrix, by: f32| {
            let mut moved = of.clone();
            moved.as_mut_slice()[place] += by;
            moved
        };
        let slope = (loss(&moved(&strong, h)) - loss(&moved(&strong, -h))) / (2.0 * f64::from(h));
        assert!((slope - f64::from(gradient.as_slice()[place])).abs() < 1e-4, "{slope}");
        let at = |by| balanced.supervised(&moved(&labeled, by), &labels).0;
        let slope = (at(h) - at(-h)) / (2.0 * f64::from(h));
        assert!((slope - f64::from(supervised.as_slice()[place])).abs() < 1e-4, "{slope}");
    }
}

#[test]
fn running_means_come_back_from_a_checkpoint_exactly() {
    for algorithm in [Algorithm::Freematch, Algorithm::Softmatch, Algorithm::Adamatch] {
        let o = objective(algorithm);
        let mut rng = rng(4);
        let mut state = o.thresholds(2, 9);
        for _ in 0..5 {
            let weak = random_logits(9, 2, 7.0, &mut rng);
            o.unsupervised(&mut state, &[0, 1, 2, 3, 4, 5, 6, 7, 8], &weak, &weak);
        }
        let mut back = o.thresholds(2, 9);
        back.restore(&state.to_tensors()).expect("its own state");
        assert_eq!(back.per_class(), state.per_class());
        assert_eq!(back.to_tensors(), state.to_tensors());
        let mut damaged = state.to_tensors();
        for name in ["running", "shares"] {
            if let Some(first) = damaged.get_mut(name).and_then(|tensor| tensor.data.first_mut()) {
                *first = f32::NAN;
            }
        }
        assert!(matches!(back.restore(&damaged), Err(StateError::Value { .. })));
    }
}

#[test]
fn shares_that_are_none_are_refused_and_none_stated_means_equal_ones() {
    for share in [-0.1, 1.0, f64::NAN] {
        let o = Objective { positive_share: share, ..Objective::default() };
        let found = o.validate(2);
        assert!(matches!(found, Err(ObjectiveError::Range { setting: "positive_share", .. })));
    }
    assert_eq!(Objective::default().prior(4), [0.25; 4]);
    let o = Objective { positive_share: 0.4, ..Objective::default() };
    assert_eq!((o.validate(2), o.prior(3)), (Ok(()), vec![0.4, 0.3, 0.3]));
}
