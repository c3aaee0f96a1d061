use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::fingerprint::{Blur, Fingerprints, SparsePattern};

const POINTS: usize = 600;

/// Patterns of eight kinds of structure, whose sticks move a little from one to the next; or of none.
fn patterns(rng: &mut ChaCha8Rng, count: usize, foreign: bool) -> Vec<(Vec<u16>, Vec<f32>)> {
    let place = |kind: u64, stick: u64| (kind * 7919 + stick * 104_729) % 560 + 10;
    (0..count)
        .map(|_| {
            let kind = rng.random_range(0..8);
            let mut sticks: Vec<(u16, f32)> = (0..8)
                .map(|stick| {
                    let shift = rng.random_range(0..6);
                    let at = if foreign { rng.random_range(5..590) } else { place(kind, stick) };
                    ((at + shift) as u16, 0.2 + 0.8 * rng.random::<f32>())
                })
                .collect();
            sticks.sort_by_key(|stick| stick.0);
            sticks.dedup_by_key(|stick| stick.0);
            sticks.into_iter().unzip()
        })
        .collect()
}

/// A network stands in: a fixed projection for its features, sums of them for its logits.
fn evidence(patterns: &[(Vec<u16>, Vec<f32>)]) -> Evidence {
    let sparse = patterns.iter().map(|(indices, values)| SparsePattern { indices, values });
    let blur = Blur { sigma: 8.0, stride: 4, scale: crate::fingerprint::Scale::Root };
    let prints = Fingerprints::of(sparse, POINTS, &blur).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(99);
    let weights: Vec<f32> = (0..16 * prints.width()).map(|_| rng.random::<f32>() - 0.5).collect();
    let mut features = Vec::new();
    for row in prints.rows() {
        let project = |weights: &[f32]| dot(weights, row).max(0.0);
        features.extend(weights.chunks_exact(prints.width()).map(project));
    }
    let logits: Vec<f32> = features
        .chunks_exact(16)
        .flat_map(|row| [row[..8].iter().sum::<f32>(), row[8..].iter().sum()])
        .collect();
    Evidence {
        patterns: Rows::unit(prints.width(), prints.rows().flatten().copied().collect()),
        features: Rows::new(16, features),
        energies: Evidence::energies(&logits, 2),
    }
}

#[test]
fn foreign_patterns_are_flagged_and_ordinary_ones_at_the_stated_rate() {
    let (mut alarms, mut found) = (Vec::new(), Vec::new());
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut of = |count, foreign| evidence(&patterns(&mut rng, count, foreign));
        let (reference, held_out) = (of(300, false), of(398, false));
        let settings = OutlierSettings { rate: Some(0.05), ..OutlierSettings::default() };
        let detector = Detector::fit(reference, &held_out, &settings).unwrap();
        let mut flagged = |foreign| {
            let scores = detector.scores(&of(400, foreign));
            let flags = scores.iter().filter(|score| **score > detector.threshold()).count();
            flags as f64 / scores.len() as f64
        };
        alarms.push(flagged(false));
        found.push(flagged(true));
    }
    let mean = |rates: &[f64]| rates.iter().sum::<f64>() / rates.len() as f64;
    // The bound is exact in expectation: place/(n+1) = 190/200; 20 repetitions scatter by 0.5 %.
    assert!((0.035..=0.065).contains(&mean(&alarms)), "false alarms {alarms:?}");
    assert!(mean(&found) > 0.9, "found {found:?}");
    eprintln!("false alarms {:.4}, foreign patterns found {:.4}", mean(&alarms), mean(&found));
}

#[test]
fn a_rate_takes_enough_held_out_patterns() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut of = |count| evidence(&patterns(&mut rng, count, false));
    let reference = of(20);
    let fit = |held_out: &Evidence, rate| {
        let settings = OutlierSettings { rate, ..OutlierSettings::default() };
        Detector::fit(reference.clone(), held_out, &settings).map(|detector| detector.rate())
    };
    let few = of(20);
    assert_eq!(
        fit(&few, Some(0.05)),
        Err(OutlierError::TooFewHeldOut { rate: 0.05, needed: 38, found: 20 })
    );
    assert_eq!(fit(&few, None), Ok(1.0 / 11.0));
    assert_eq!(fit(&of(38), Some(0.05)), Ok(0.05));
    for rate in [0.0, 1.0, -1.0, f64::NAN] {
        assert!(matches!(fit(&few, Some(rate)), Err(OutlierError::Rate { .. })));
    }
    assert!(matches!(
        Detector::fit(of(4), &few, &OutlierSettings::default()),
        Err(OutlierError::TooFewReferences { neighbour: 5, found: 4 })
    ));
}

#[test]
fn the_distance_is_that_to_the_kth_nearest() {
    let rows = Rows::unit(2, vec![1.0, 0.0, 0.0, 1.0, 3.0, 4.0]);
    let distance = |k| rows.angle(&[1.0, 0.0], k);
    assert!((distance(1) - 0.0).abs() < 1e-6);
    assert!((distance(2) - 0.4).abs() < 1e-6);
    assert!((distance(3) - 1.0).abs() < 1e-6);
    let plain = Rows::new(2, vec![1.0, 0.0, 3.0, 4.0]);
    assert!((plain.distance(&[0.0, 0.0], 1) - 1.0).abs() < 1e-6);
    assert!((plain.distance(&[0.0, 0.0], 2) - 5.0).abs() < 1e-6);
    assert_eq!(plain.distance(&[0.0, 0.0], 3), f64::INFINITY);
    let units = Units::of(&plain);
    assert_eq!(units.apply(&[1.0, 0.0]), [-1.0, -1.0]);
    assert_eq!(Rows::unit(2, vec![0.0, 0.0]).rows().next(), Some(&[0.0f32, 0.0][..]));
}

#[test]
fn energy_is_the_logarithm_of_all_classes_together() {
    let energies = Evidence::energies(&[0.0, 0.0, 1000.0, 0.0], 2);
    assert!((energies[0] + 2f64.ln()).abs() < 1e-12);
    assert_eq!(energies[1], -1000.0);
}
