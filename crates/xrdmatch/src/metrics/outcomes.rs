//! Predictions beside the truth, without names: what every metric looks at.

use super::MetricsError;
use crate::predictions::{POSITIVE_CLASS, Predictions, most_probable};

/// At least one prediction, each with its true class.
///
/// Unlike [`Predictions`], the same sample may occur several times, as a bootstrap needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcomes {
    classes: usize,
    truth: Vec<u8>,
    probabilities: Vec<f64>,
}

impl Outcomes {
    /// The outcomes of predictions whose truth is known.
    ///
    /// # Errors
    /// [`MetricsError`] where there is no row, or a row without truth.
    pub fn of(predictions: &Predictions) -> Result<Self, MetricsError> {
        if predictions.is_empty() {
            return Err(MetricsError::Empty);
        }
        let known = |(row, sample): (usize, &crate::predictions::Sample)| {
            let sample_name = || sample.name.clone();
            sample.truth.ok_or_else(|| MetricsError::MissingTruth { row, sample: sample_name() })
        };
        Ok(Self {
            classes: predictions.classes(),
            truth: predictions.samples().iter().enumerate().map(known).collect::<Result<_, _>>()?,
            probabilities: predictions.probabilities().to_vec(),
        })
    }

    /// Takes the rows of `source` that `rows` names, in that order, into this value's memory.
    ///
    /// # Panics
    /// If `rows` is empty or names a row that `source` does not have.
    pub fn resample(&mut self, source: &Self, rows: &[usize]) {
        assert!(!rows.is_empty(), "outcomes hold at least one row");
        self.classes = source.classes;
        self.truth.clear();
        self.probabilities.clear();
        for row in rows {
            self.truth.push(source.truth[*row]);
            self.probabilities.extend_from_slice(source.row(*row));
        }
    }

    /// Number of rows, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "outcomes are never empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.truth.len()
    }

    /// Number of classes, at least 2.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// True class per row.
    #[must_use]
    pub fn truth(&self) -> &[u8] {
        &self.truth
    }

    /// Probabilities of one row.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.probabilities[row * self.classes..(row + 1) * self.classes]
    }

    /// The rows' probabilities in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.probabilities.chunks_exact(self.classes)
    }

    /// Most probable class per row.
    #[must_use]
    pub fn predicted(&self) -> Vec<u8> {
        self.rows().map(most_probable).collect()
    }

    /// Probability of one class per row.
    #[must_use]
    pub fn scores(&self, class: u8) -> Vec<f64> {
        self.rows().map(|row| row[usize::from(class)]).collect()
    }

    /// Whether a class is the true one, per row.
    #[must_use]
    pub fn is_truth(&self, class: u8) -> Vec<bool> {
        self.truth.iter().map(|truth| *truth == class).collect()
    }

    /// The classes that a one-against-the-rest metric goes over: the positive one of two, all of
    /// more.
    pub(super) fn one_vs_rest(&self) -> impl Iterator<Item = u8> + use<> {
        let (first, last) = match self.classes {
            2 => (POSITIVE_CLASS, POSITIVE_CLASS),
            classes => (0, u8::try_from(classes - 1).expect("at most 256 classes")),
        };
        first..=last
    }
}
