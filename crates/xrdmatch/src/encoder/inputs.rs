//! From prepared patterns to what a classifier sees of them.

use convnet::Matrix;
use rayon::prelude::*;

use super::Encoder;
use crate::augment::{Scratch, Views};
use crate::dataset::Prepared;

/// A prepared pattern by its non-zero points: grid indices, ascending, and their values in (0, 1\].
pub type Sticks = (Vec<u16>, Vec<f32>);

/// Plain views, encoded where there is an encoder.
pub struct Inputs {
    views: Views,
    encoder: Option<Encoder>,
}

impl Inputs {
    /// What a classifier sees through `views` and `encoder`.
    pub fn new(views: Views, encoder: Option<Encoder>) -> Self {
        Self { views, encoder }
    }

    /// Numbers that a classifier sees of one pattern.
    pub fn width(&self) -> usize {
        self.encoder.as_ref().map_or(self.views.bins(), Encoder::features)
    }

    /// The plain views of some patterns before any encoder, (rows, points), and the angle of each
    /// point in degrees two-theta.
    pub fn seen(&self, data: &Prepared, rows: &[usize]) -> (Vec<f64>, Matrix) {
        let angles = (0..self.views.bins()).map(|point| self.views.two_theta(point)).collect();
        (angles, plain_signals(&self.views, rows, |row| data.pattern(*row)))
    }

    /// Some patterns as they are, (rows, [`width`](Self::width)).
    pub fn plain(&mut self, data: &Prepared, rows: &[usize]) -> Matrix {
        self.encoded(plain_signals(&self.views, rows, |&row| data.pattern(row)))
    }

    /// The same of patterns that are given by their sticks.
    pub fn of_sticks(&mut self, patterns: &[Sticks]) -> Matrix {
        self.encoded(plain_signals(&self.views, patterns, |(indices, values)| (indices, values)))
    }

    /// Signals as the classifier sees them.
    pub fn encoded(&mut self, signals: Matrix) -> Matrix {
        match &mut self.encoder {
            Some(encoder) => encoder.encode(&signals),
            None => signals,
        }
    }

    /// Whether signals are encoded at all.
    pub fn encoder(&mut self) -> Option<&mut Encoder> {
        self.encoder.as_mut()
    }
}

/// The plain views of some patterns, (patterns, bins).
pub(crate) fn plain_signals<'a, T: Sync>(
    views: &Views,
    patterns: &'a [T],
    sticks: impl Fn(&'a T) -> (&'a [u16], &'a [f32]) + Sync,
) -> Matrix {
    let mut signals = Matrix::zeros(patterns.len(), views.bins());
    let outputs = signals.as_mut_slice().par_chunks_mut(views.bins());
    outputs.zip(patterns).for_each_init(Scratch::default, |scratch, (out, pattern)| {
        let (indices, values) = sticks(pattern);
        views.plain(indices, values, scratch, out);
    });
    signals
}
