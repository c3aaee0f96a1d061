//! Which samples and which views of them make step *n* of an experiment.
//!
//! A pure function of (seed, experiment, step): labelled and pool samples are each visited in an
//! endless sequence of random permutations, of which step *n* takes the *n*-th stretch; the view of
//! the *i*-th place in a batch is drawn from its own generator. So steps can be made in any order
//! and by any number of threads.

use convnet::Matrix;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::augment::{Scratch, Views};
use crate::dataset::Prepared;
use crate::seed::{Purpose, Seed};
use crate::split::shuffle;

/// How many samples make a step, and how they are seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchSizes {
    /// Labelled samples in a step.
    pub labeled: usize,
    /// Unlabelled samples in a step, each seen weakly and strongly.
    pub unlabeled: usize,
    /// How labelled samples are seen.
    pub labeled_view: LabeledView,
    /// How unlabelled samples are seen.
    pub unlabeled_view: UnlabeledView,
}

impl Default for BatchSizes {
    fn default() -> Self {
        Self {
            labeled: 32,
            unlabeled: 96,
            labeled_view: LabeledView::Weak,
            unlabeled_view: UnlabeledView::Augmented,
        }
    }
}

/// How labelled samples are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabeledView {
    /// As prepared.
    Plain,
    /// Weakly augmented, as published.
    Weak,
}

/// How unlabelled samples are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnlabeledView {
    /// As prepared, twice: what tells teacher and student apart is then the network's dropout alone.
    Plain,
    /// Once weakly and once strongly augmented, as published.
    Augmented,
}

/// A sample of the pool: a row of the unlabelled file, or a training row without its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolSample {
    /// A row of the unlabelled file.
    Unlabeled(usize),
    /// A row of the labelled file.
    Labeled(usize),
}

/// The patterns and settings from which an experiment's steps are made.
#[derive(Debug)]
pub struct Batches<'a> {
    labeled: &'a Prepared,
    unlabeled: &'a Prepared,
    rows: Vec<(usize, u8)>,
    pool: Vec<PoolSample>,
    sizes: BatchSizes,
    views: Views,
    seed: Seed,
    experiment: u32,
    labeled_order: Order,
    pool_order: Order,
    scratch: Vec<Scratch>,
}

/// The inputs of one step. Reused from step to step.
#[derive(Debug, Clone)]
pub struct StepBatch {
    /// Views of the labelled samples, (B, points).
    pub labeled: Matrix,
    /// Their labels.
    pub labels: Vec<u8>,
    /// Positions of the unlabelled samples in the pool.
    pub rows: Vec<usize>,
    /// Weak views of the unlabelled samples, (U, points).
    pub weak: Matrix,
    /// Strong views of the same samples, (U, points).
    pub strong: Matrix,
}

/// The experiment whose steps are made.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The run's seed.
    pub seed: Seed,
    /// The experiment's number.
    pub experiment: u32,
}

impl<'a> Batches<'a> {
    /// Steps of an experiment that trains on `rows` (row of the labelled file, label) and draws
    /// its unlabelled samples from `pool`. With an empty pool, steps have no unlabelled part.
    ///
    /// # Panics
    /// If `rows` is empty or the two data sets differ in length: checked before.
    pub fn new(
        labeled: &'a Prepared,
        unlabeled: &'a Prepared,
        rows: Vec<(usize, u8)>,
        pool: Vec<PoolSample>,
        sizes: BatchSizes,
        views: Views,
        Place { seed, experiment }: Place,
    ) -> Self {
        assert!(!rows.is_empty() && labeled.points() == unlabeled.points());
        let most = sizes.labeled.max(sizes.unlabeled);
        Self {
            labeled_order: Order::new(rows.len(), Purpose::LabeledOrder),
            pool_order: Order::new(pool.len(), Purpose::PoolOrder),
            scratch: vec![Scratch::default(); most],
            views,
            labeled,
            unlabeled,
            rows,
            pool,
            sizes,
            seed,
            experiment,
        }
    }

    /// The number of samples in the pool.
    pub fn pool_len(&self) -> usize {
        self.pool.len()
    }

    /// An empty batch of the right size.
    pub fn empty(&self) -> StepBatch {
        let points = self.views.bins();
        let unlabeled = if self.pool.is_empty() { 0 } else { self.sizes.unlabeled };
        StepBatch {
            labeled: Matrix::zeros(self.sizes.labeled, points),
            labels: vec![0; self.sizes.labeled],
            rows: vec![0; unlabeled],
            weak: Matrix::zeros(unlabeled, points),
            strong: Matrix::zeros(unlabeled, points),
        }
    }

    /// Makes step `step` (counted from 0).
    pub fn fill(&mut self, step: u64, batch: &mut StepBatch) {
        let (seed, experiment, points) = (self.seed, self.experiment, self.views.bins());
        let views = &self.views;

        let first = step * self.sizes.labeled as u64;
        let rows: Vec<usize> = (0..batch.labels.len() as u64)
            .map(|place| self.labeled_order.at(first + place, seed, experiment))
            .map(|position| self.rows[position])
            .enumerate()
            .map(|(place, (row, label))| {
                batch.labels[place] = label;
                row
            })
            .collect();
        let (labeled, view) = (self.labeled, self.sizes.labeled_view);
        let outputs = batch.labeled.as_mut_slice().par_chunks_mut(points);
        outputs.zip(&mut self.scratch).zip(rows).enumerate().for_each(
            |(place, ((out, scratch), row))| {
                let (indices, values) = labeled.pattern(row);
                match view {
                    LabeledView::Plain => views.plain(indices, values, scratch, out),
                    LabeledView::Weak => {
                        let mut rng =
                            seed.rng(Purpose::LabeledView, experiment, step, place as u64);
                        views.weak(indices, values, scratch, &mut rng, out);
                    }
                }
            },
        );

        let first = step * self.sizes.unlabeled as u64;
        for (place, row) in batch.rows.iter_mut().enumerate() {
            *row = self.pool_order.at(first + place as u64, seed, experiment);
        }
        let (unlabeled, pool, view) = (self.unlabeled, &self.pool, self.sizes.unlabeled_view);
        let weak = batch.weak.as_mut_slice().par_chunks_mut(points);
        let strong = batch.strong.as_mut_slice().par_chunks_mut(points);
        let places = weak.zip(strong).zip(&mut self.scratch).zip(&batch.rows).enumerate();
        places.for_each(|(place, (((weak, strong), scratch), &row))| {
            let (indices, values) = match pool[row] {
                PoolSample::Unlabeled(row) => unlabeled.pattern(row),
                PoolSample::Labeled(row) => labeled.pattern(row),
            };
            if view == UnlabeledView::Plain {
                views.plain(indices, values, scratch, weak);
                strong.copy_from_slice(weak);
                return;
            }
            let mut rng = seed.rng(Purpose::WeakView, experiment, step, place as u64);
            views.weak(indices, values, scratch, &mut rng, weak);
            let mut rng = seed.rng(Purpose::StrongView, experiment, step, place as u64);
            views.strong(indices, values, scratch, &mut rng, strong);
        });
    }
}

/// An endless sequence of random permutations of `len` positions.
#[derive(Debug)]
struct Order {
    len: usize,
    purpose: Purpose,
    /// The permutation in use and its number.
    current: Option<(u64, Vec<usize>)>,
}

impl Order {
    fn new(len: usize, purpose: Purpose) -> Self {
        Self { len, purpose, current: None }
    }

    /// The `place`-th position of the sequence.
    fn at(&mut self, place: u64, seed: Seed, experiment: u32) -> usize {
        let round = place / self.len as u64;
        #[expect(clippy::cast_possible_truncation, reason = "below a length in memory")]
        let offset = (place % self.len as u64) as usize;
        if self.current.as_ref().is_none_or(|(current, _)| *current != round) {
            let mut permutation: Vec<usize> = (0..self.len).collect();
            shuffle(&mut permutation, &mut seed.rng(self.purpose, experiment, round, 0));
            self.current = Some((round, permutation));
        }
        self.current.as_ref().map_or(0, |(_, permutation)| permutation[offset])
    }
}

#[cfg(test)]
mod tests;
