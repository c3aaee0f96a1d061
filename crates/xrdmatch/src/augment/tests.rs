//! Properties of the views, and their statistics over many draws.

use rand::Rng;

use super::*;
use crate::seed::{Purpose, Seed};

const POINTS: usize = 4501;
const DRAWS: u64 = 20_000;
const CUT: f32 = 0.1;

/// Five peaks with known gaps: 100, 300, 50, 1000.
const INDICES: [u16; 5] = [1000, 1100, 1400, 1450, 2450];
const VALUES: [f32; 5] = [0.2, 1.0, 0.5, 0.3, 0.8];

fn rng(item: u64) -> ChaCha8Rng {
    Seed(3).rng(Purpose::StrongView, 0, 0, item)
}

fn strong(strength: &Augmentation, item: u64) -> Vec<f32> {
    let mut row = vec![9.0; POINTS];
    Augmenter::default().strong(strength, &INDICES, &VALUES, CUT, &mut rng(item), &mut row);
    row
}

fn weak(strength: &Augmentation, item: u64) -> Vec<f32> {
    let mut row = vec![9.0; POINTS];
    Augmenter::default().weak(strength, &INDICES, &VALUES, &mut rng(item), &mut row);
    row
}

/// All steps off, so that each can be looked at alone.
fn nothing() -> Augmentation {
    Augmentation {
        weak_noise_part: 0.0,
        weak_shift_min: 0,
        weak_shift_max: 0,
        scaling_part: 0.0,
        elimination_part: 0.0,
        gap_shift_max: 0,
        strong_noise_part: 0.0,
        ..Augmentation::default()
    }
}

fn peaks(row: &[f32]) -> Vec<usize> {
    (0..row.len()).filter(|&i| row[i] > 0.0).collect()
}

fn plain() -> Vec<f32> {
    let mut row = vec![0.0; POINTS];
    Augmenter::default().plain(&INDICES, &VALUES, &mut row);
    row
}

/// The part of draws for which `holds`, which must be `expected` within five standard errors.
fn assert_frequency(expected: f64, holds: impl Fn(u64) -> bool) {
    let found = (0..DRAWS).filter(|&item| holds(item)).count() as f64 / DRAWS as f64;
    let error = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
    assert!((found - expected).abs() < 5.0 * error, "found {found}, expected {expected}");
}

#[test]
fn every_view_has_the_grids_length_and_spans_zero_to_one() {
    let presets = [
        Augmentation::default(),
        Augmentation { weak_shift_max: 150, gap_shift_max: 500, ..Augmentation::default() },
    ];
    for strength in presets {
        for item in 0..2000 {
            for row in [weak(&strength, item), strong(&strength, item)] {
                assert_eq!(row.len(), POINTS);
                assert!(row.iter().all(|v| (0.0..=1.0).contains(v)));
                assert!(row.contains(&0.0) && row.contains(&1.0));
            }
        }
    }
}

#[test]
fn the_same_generator_draws_the_same_view_and_another_draws_another() {
    let strength = Augmentation::default();
    let mut differ = 0;
    for item in 0..100 {
        assert_eq!(strong(&strength, item), strong(&strength, item));
        assert_eq!(weak(&strength, item), weak(&strength, item));
        differ += usize::from(strong(&strength, item) != strong(&strength, item + 1));
    }
    assert!(differ > 80);
}

#[test]
fn a_view_does_not_depend_on_what_the_augmenter_drew_before() {
    let strength = Augmentation::default();
    let mut used = Augmenter::default();
    let mut row = vec![0.0; POINTS];
    for item in 0..50 {
        used.strong(&strength, &INDICES, &VALUES, CUT, &mut rng(item), &mut row);
        assert_eq!(row, strong(&strength, item));
    }
}

#[test]
fn weak_shift_happens_half_of_the_time_in_both_directions_by_the_stated_amounts() {
    let strength = Augmentation { weak_shift_min: 50, weak_shift_max: 100, ..nothing() };
    let shift = |item| peaks(&weak(&strength, item))[0] as i64 - i64::from(INDICES[0]);
    assert_frequency(0.5, |item| shift(item) != 0);
    assert_frequency(0.25, |item| shift(item) > 0);
    assert_frequency(0.25, |item| shift(item) < 0);
    assert_frequency(0.5 / 51.0, |item| shift(item).abs() == 50);
    assert_frequency(0.5 / 51.0, |item| shift(item).abs() == 100);
    for item in 0..1000 {
        let row = weak(&strength, item);
        let by = shift(item);
        assert!(by == 0 || (50..=100).contains(&by.abs()));
        let expected: Vec<usize> = INDICES.iter().map(|&i| (i64::from(i) + by) as usize).collect();
        assert_eq!(peaks(&row), expected, "all peaks move together");
    }
}

#[test]
fn a_shift_that_would_leave_an_empty_row_is_not_made() {
    let strength = Augmentation { weak_shift_min: 50, weak_shift_max: 100, ..nothing() };
    for (index, item) in (0..400).flat_map(|item| [(10u16, item), (4490, item)]) {
        let mut row = vec![0.0; POINTS];
        Augmenter::default().weak(&strength, &[index], &[1.0], &mut rng(item), &mut row);
        assert_eq!(peaks(&row).len(), 1);
    }
}

#[test]
fn weak_noise_touches_only_zero_points_up_to_its_part_and_height() {
    let strength = Augmentation { weak_noise_part: 0.1, weak_noise_height: 0.05, ..nothing() };
    let zeros = POINTS - INDICES.len();
    let noisy = |item| peaks(&weak(&strength, item)).len() - INDICES.len();
    assert_frequency(0.5, |item| noisy(item) > 0);
    // Half of the views have U(0, 0.1) of the zero points: above 5 % in a quarter of all.
    assert_frequency(0.25, |item| noisy(item) as f64 > 0.05 * zeros as f64);
    for item in 0..500 {
        let row = weak(&strength, item);
        assert!(noisy(item) as f64 <= 0.1 * zeros as f64);
        for (i, &found) in row.iter().enumerate() {
            match INDICES.iter().position(|&index| usize::from(index) == i) {
                Some(peak) => assert_eq!(found, VALUES[peak]),
                None => assert!(found < 0.05),
            }
        }
    }
}

#[test]
fn scaling_multiplies_its_part_of_the_peaks_by_one_to_three() {
    // 100 equal peaks, so that the part can be counted and the scale is known.
    let indices: Vec<u16> = (0..100).map(|i| 40 * i + 20).collect();
    let values = vec![0.3; 100];
    let strength = Augmentation { scaling_part: 0.15, ..nothing() };
    let view = |item| {
        let mut row = vec![0.0; POINTS];
        Augmenter::default().strong(&strength, &indices, &values, CUT, &mut rng(item), &mut row);
        row
    };
    // The row is normalised by its largest value, so the unscaled peaks tell the scale.
    let scaled = |item| {
        let row = view(item);
        let smallest = indices.iter().map(|&i| row[usize::from(i)]).fold(1.0, f32::min);
        let ratios: Vec<f32> = indices.iter().map(|&i| row[usize::from(i)] / smallest).collect();
        assert!(ratios.iter().all(|r| (1.0..=3.0001).contains(r)));
        ratios.iter().filter(|&&r| r > 1.0).count()
    };
    // ⌊15·U⌋ peaks in half of the views: none with probability ½ + ½/15.
    assert_frequency(0.5 - 0.5 / 15.0, |item| scaled(item) > 0);
    assert_frequency(0.5 / 15.0, |item| scaled(item) == 14);
    assert!((0..DRAWS).all(|item| scaled(item) <= 14));
}

#[test]
fn elimination_removes_its_part_of_the_peaks() {
    let indices: Vec<u16> = (0..100).map(|i| 40 * i + 20).collect();
    let values: Vec<f32> = (0..100).map(|i| 0.2 + 0.008 * i as f32).collect();
    let strength = Augmentation { elimination_part: 0.15, ..nothing() };
    let removed = |item| {
        let mut row = vec![0.0; POINTS];
        Augmenter::default().strong(&strength, &indices, &values, CUT, &mut rng(item), &mut row);
        100 - peaks(&row).len()
    };
    assert_frequency(0.5 - 0.5 / 15.0, |item| removed(item) > 0);
    assert_frequency(0.5 / 15.0, |item| removed(item) == 10);
    assert!((0..DRAWS).all(|item| removed(item) <= 14));
}

#[test]
fn a_gap_shift_moves_the_peaks_on_one_side_rigidly_into_a_gap_that_is_wide_enough() {
    let strength = Augmentation { gap_shift_min: 1, gap_shift_max: 500, ..nothing() };
    let (mut left, mut right) = (0, 0);
    for item in 0..DRAWS {
        let row = strong(&strength, item);
        let found = peaks(&row);
        assert_eq!(found.len(), INDICES.len(), "no peak is lost");
        let moved: Vec<i64> =
            found.iter().zip(INDICES).map(|(&f, i)| f as i64 - i64::from(i)).collect();
        for (peak, &place) in found.iter().enumerate() {
            assert_eq!(row[place], VALUES[peak], "heights stay");
        }
        let width = moved.iter().map(|by| by.abs()).max().unwrap_or(0);
        if width == 0 {
            continue;
        }
        assert!(width <= 500);
        // One side moves by ±width, the other stays; the border is a gap wider than the shift.
        let border = moved.windows(2).position(|pair| pair[0] != pair[1]).expect("a border");
        assert!(moved[..=border].iter().all(|&by| by == moved[0]));
        assert!(moved[border + 1..].iter().all(|&by| by == moved[4]));
        assert!(i64::from(INDICES[border + 1] - INDICES[border]) > width);
        match (moved[0], moved[4]) {
            (0, by) if by == -width => left += 1,
            (by, 0) if by == width => right += 1,
            other => panic!("moved {other:?}"),
        }
    }
    // The widest gap (1000) takes every width, so every gap shift that is drawn is made.
    let half = DRAWS as f64 / 4.0;
    for count in [left, right] {
        assert!((f64::from(count) - half).abs() < 5.0 * (half * 0.75).sqrt(), "{left} {right}");
    }
}

#[test]
fn a_pattern_without_a_wide_gap_is_not_shifted() {
    let indices: Vec<u16> = (0..40).map(|i| 1000 + i).collect();
    let values = vec![1.0; 40];
    let strength = Augmentation { gap_shift_min: 5, gap_shift_max: 10, ..nothing() };
    for item in 0..200 {
        let mut row = vec![0.0; POINTS];
        Augmenter::default().strong(&strength, &indices, &values, CUT, &mut rng(item), &mut row);
        assert_eq!(peaks(&row), (1000..1040).collect::<Vec<_>>());
    }
}

#[test]
fn strong_noise_touches_up_to_a_fifth_of_the_zero_points() {
    let strength = Augmentation { strong_noise_part: 0.2, strong_noise_height: 0.1, ..nothing() };
    let zeros = (POINTS - INDICES.len()) as f64;
    let noisy = |item| (peaks(&strong(&strength, item)).len() - INDICES.len()) as f64;
    assert_frequency(0.5, |item| noisy(item) > 0.0);
    assert_frequency(0.25, |item| noisy(item) > 0.1 * zeros);
    for item in 0..200 {
        let row = strong(&strength, item);
        assert!(noisy(item) <= 0.2 * zeros);
        let plain = plain();
        assert!((0..POINTS).all(|i| row[i] == plain[i] || (plain[i] == 0.0 && row[i] < 0.1)));
    }
}

#[test]
fn patterns_of_any_shape_give_views_within_bounds() {
    let strength = Augmentation { weak_shift_min: 0, weak_shift_max: 3, ..Augmentation::default() };
    for item in 0..3000 {
        let mut random = rng(item);
        let points = 5 + (random.next_u32() % 40) as usize;
        let count = 1 + random.next_u32() as usize % points;
        let mut chosen: Vec<u16> = (0..points as u16).collect();
        for i in 0..count {
            let other = i + random.next_u32() as usize % (points - i);
            chosen.swap(i, other);
        }
        chosen.truncate(count);
        chosen.sort_unstable();
        let mut values: Vec<f32> = (0..count).map(|_| random.random_range(0.1..=1.0)).collect();
        values[count / 2] = 1.0;
        let mut row = vec![0.0; points];
        let mut augmenter = Augmenter::default();
        augmenter.weak(&strength, &chosen, &values, &mut random, &mut row);
        assert!(row.iter().all(|v| (0.0..=1.0).contains(v)));
        augmenter.strong(&strength, &chosen, &values, CUT, &mut random, &mut row);
        assert!(row.iter().all(|v| (0.0..=1.0).contains(v)));
    }
}

#[test]
fn strengths_out_of_range_are_named() {
    use AugmentationError as E;
    let preparation = Preparation::default();
    let of = |augmentation: Augmentation| augmentation.validate(preparation, 4501);
    let default = Augmentation::default;
    assert_eq!(of(default()), Ok(()));
    let found = of(Augmentation { scaling_part: 1.5, ..default() });
    assert_eq!(found, Err(E::Part { setting: "scaling_part", found: 1.5 }));
    assert!(matches!(
        of(Augmentation { weak_noise_part: f32::NAN, ..default() }),
        Err(E::Part { .. })
    ));
    assert!(matches!(of(Augmentation { scaling_gain: -1.0, ..default() }), Err(E::Gain { .. })));
    assert!(matches!(of(Augmentation { weak_shift_min: 200, ..default() }), Err(E::Range { .. })));
    assert!(matches!(
        of(Augmentation { gap_shift_min: 0, ..default() }),
        Err(E::GapShiftOfNothing)
    ));
    assert!(matches!(default().validate(preparation, 100), Err(E::ShiftBeyondGrid { .. })));
    assert!(matches!(default().validate(Preparation { cut: 1.0 }, 4501), Err(E::Part { .. })));
}
