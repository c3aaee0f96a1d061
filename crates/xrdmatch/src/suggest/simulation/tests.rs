use std::path::Path;

use diffraction::Grid;
use diffraction::table::Row;

use super::*;
use crate::dataset::Labels;

/// Compounds of structure families, some common and most rare, each family of one class: what a
/// chemist's shelf looks like. Random draws meet the common families again and again.
fn families(seed: u64) -> Dataset {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = Vec::new();
    for family in 0..24u64 {
        let sticks: Vec<(u16, f32)> = (0..7)
            .map(|_| (rng.random_range(100..4400), 0.3 + 0.7 * rng.random::<f32>()))
            .collect();
        let count = match family {
            0 => 40,
            1 => 30,
            _ => 4,
        };
        for number in 0..count {
            let mut dense = vec![0.0f32; 4501];
            for (place, height) in &sticks {
                let moved = place + rng.random_range(0..20);
                dense[usize::from(moved)] = height * (0.7 + 0.3 * rng.random::<f32>());
            }
            let mut row = Row { name: format!("f{family}n{number}"), ..Row::default() };
            row.label = Some((family % 2) as u8);
            row.take(&dense);
            rows.push(row);
        }
    }
    let labels = Labels::Required { classes: 2 };
    Dataset::from_rows(Path::new("families"), Grid::published(), rows, labels).unwrap()
}

#[test]
fn suggestions_beat_random_draws_where_families_are_rare() {
    let settings = SimulationSettings { repetitions: 16, ..SimulationSettings::default() };
    let found = simulate(&families(1), &settings).unwrap();
    eprintln!("{:?} {:?} {:?}", found.suggested, found.random, found.difference);
    assert!(found.beats_random(), "{:?}", found.difference);
    assert_eq!(found.labeled, [6, 11, 16, 21, 26, 31, 36]);
    assert!((found.suggested[0] - found.random[0]).abs() < 1e-12, "both begin alike");
}

#[test]
fn a_simulation_is_the_same_on_any_number_of_threads() {
    let data = families(2);
    let settings =
        SimulationSettings { repetitions: 4, rounds: 2, ..SimulationSettings::default() };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| simulate(&data, &settings).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn too_few_rows_of_a_class_are_refused_by_number() {
    let settings = SimulationSettings { start: 100, ..SimulationSettings::default() };
    assert!(matches!(
        simulate(&families(3), &settings),
        Err(SuggestError::TooFewRows { class: 0, needed: 126, .. })
    ));
}
