//! Steps as a pure function of their number.

use std::collections::HashMap;
use std::path::Path;

use diffraction::Grid;
use diffraction::table::Row;

use super::*;
use crate::augment::{Augmentation, Preparation};
use crate::dataset::{Dataset, Labels};
use crate::input::Input;

fn prepared(rows: usize) -> Prepared {
    let rows = (0..rows).map(|i| Row {
        name: format!("r{i}"),
        indices: vec![i as u16 % 150, 150 + i as u16 % 7, 190],
        values: vec![0.5, 0.25, 1.0],
        ..Row::default()
    });
    let grid = Grid::new(0.0, 0.02, 201).expect("a grid");
    let data = Dataset::from_rows(Path::new("t"), grid, rows, Labels::Optional { classes: 2 })
        .expect("rows");
    Prepared::new(&data, Preparation::default())
}

fn batches<'a>(labeled: &'a Prepared, unlabeled: &'a Prepared, experiment: u32) -> Batches<'a> {
    batches_seen(labeled, unlabeled, experiment, UnlabeledView::Augmented)
}

fn batches_seen<'a>(
    labeled: &'a Prepared,
    unlabeled: &'a Prepared,
    experiment: u32,
    unlabeled_view: UnlabeledView,
) -> Batches<'a> {
    let rows = vec![(0, 0), (2, 1), (3, 1)];
    let mut pool: Vec<PoolSample> = (0..17).map(PoolSample::Unlabeled).collect();
    pool.extend([0, 2, 3].map(PoolSample::Labeled));
    let labeled_view = LabeledView::Weak;
    let sizes = BatchSizes { labeled: 5, unlabeled: 8, labeled_view, unlabeled_view };
    let augmentation =
        Augmentation { weak_shift_min: 1, weak_shift_max: 9, ..Augmentation::default() };
    let grid = Grid::new(0.0, 0.02, labeled.points()).expect("a grid");
    let views = Views::new(Preparation::default(), augmentation, Input::default(), grid);
    Batches::new(
        labeled,
        unlabeled,
        rows,
        pool,
        sizes,
        views.expect("views"),
        Place { seed: Seed(1), experiment },
    )
}

fn step(batches: &mut Batches<'_>, step: u64) -> (Vec<u8>, Vec<usize>, [Vec<f32>; 3]) {
    let mut batch = batches.empty();
    batches.fill(step, &mut batch);
    let views = [batch.labeled, batch.weak, batch.strong].map(|view| view.as_slice().to_vec());
    (batch.labels, batch.rows, views)
}

#[test]
fn a_step_does_not_depend_on_the_steps_before_it_or_on_threads() {
    let (labeled, unlabeled) = (prepared(4), prepared(17));
    let mut in_order = batches(&labeled, &unlabeled, 3);
    let expected: Vec<_> = (0..12).map(|n| step(&mut in_order, n)).collect();
    let mut backwards = batches(&labeled, &unlabeled, 3);
    for n in (0..12).rev() {
        assert_eq!(step(&mut backwards, n), expected[n as usize]);
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let found = pool.install(|| step(&mut batches(&labeled, &unlabeled, 3), 7));
        assert_eq!(found, expected[7]);
    }
    assert_ne!(step(&mut batches(&labeled, &unlabeled, 4), 7), expected[7], "experiments differ");
    assert_ne!(expected[6], expected[7], "steps differ");
}

#[test]
fn every_sample_is_visited_equally_often() {
    let (labeled, unlabeled) = (prepared(4), prepared(17));
    let mut batches = batches(&labeled, &unlabeled, 0);
    let (mut labels, mut rows) = (HashMap::new(), HashMap::new());
    // 15 steps: 25 rounds of 3 labelled samples, 6 rounds of 20 pool samples.
    for n in 0..15 {
        let (step_labels, step_rows, _) = step(&mut batches, n);
        step_labels.into_iter().for_each(|label| *labels.entry(label).or_insert(0) += 1);
        step_rows.into_iter().for_each(|row| *rows.entry(row).or_insert(0) += 1);
    }
    assert_eq!((labels[&0], labels[&1]), (25, 50));
    assert_eq!(rows.len(), 20);
    assert!(rows.values().all(|&count| count == 6), "{rows:?}");
}

#[test]
fn plain_unlabeled_views_are_the_patterns_and_change_nothing_else() {
    let (labeled, unlabeled) = (prepared(4), prepared(17));
    let (_, rows, [labeled_views, weak, strong]) =
        step(&mut batches_seen(&labeled, &unlabeled, 2, UnlabeledView::Plain), 5);
    let augmented = step(&mut batches(&labeled, &unlabeled, 2), 5);
    assert_eq!((&rows, &labeled_views), (&augmented.1, &augmented.2[0]));
    assert_eq!(weak, strong);
    assert_ne!(weak, augmented.2[1]);
    for (view, &row) in weak.chunks_exact(201).zip(&rows) {
        // Rows 17 to 19 of the pool are the training rows 0, 2 and 3.
        let number = if row < 17 { row } else { [0, 2, 3][row - 17] };
        let mut expected = vec![0.0; 201];
        expected[number % 150] = 0.5;
        expected[150 + number % 7] = 0.25;
        expected[190] = 1.0;
        assert_eq!(view.len(), expected.len());
        // The plain view scales to [0, 1], which these patterns fill already.
        assert_eq!(view, expected);
    }
}
