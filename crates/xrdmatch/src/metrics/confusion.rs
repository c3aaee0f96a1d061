//! What was predicted for what is true, counted, and the scores that follow from the counts.

use serde::{Deserialize, Serialize};

/// Counts `n[truth][predicted]`, `C × C`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    counts: Vec<Vec<u64>>,
}

/// Precision, recall and their harmonic mean, of one class or averaged over classes.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Scores {
    /// Share of the predictions of the class that are true; 0 where there are none.
    pub precision: f64,
    /// Share of the class that is predicted; 0 where the class does not occur.
    pub recall: f64,
    /// Harmonic mean of both; 0 where both are.
    pub f1: f64,
}

impl Confusion {
    /// Counts pairs of true and predicted class.
    ///
    /// # Panics
    /// If the slices differ in length, or a class is not below `classes`.
    #[must_use]
    pub fn of(classes: usize, truth: &[u8], predicted: &[u8]) -> Self {
        assert_eq!(truth.len(), predicted.len(), "one prediction per true class");
        let mut counts = vec![vec![0; classes]; classes];
        for (truth, predicted) in truth.iter().zip(predicted) {
            counts[usize::from(*truth)][usize::from(*predicted)] += 1;
        }
        Self { counts }
    }

    /// `n[truth][predicted]`.
    #[must_use]
    pub fn counts(&self) -> &[Vec<u64>] {
        &self.counts
    }

    /// Number of samples of each true class.
    #[must_use]
    pub fn support(&self) -> Vec<u64> {
        self.counts.iter().map(|row| row.iter().sum()).collect()
    }

    /// Number of samples for which each class was predicted.
    #[must_use]
    pub fn predicted(&self) -> Vec<u64> {
        let column = |class| self.counts.iter().map(|row| row[class]).sum();
        (0..self.counts.len()).map(column).collect()
    }

    /// Share of correct predictions; 0 where there are none at all.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let correct = self.counts.iter().enumerate().map(|(class, row)| row[class]).sum();
        ratio(correct, self.support().iter().sum())
    }

    /// Scores of each class.
    #[must_use]
    pub fn per_class(&self) -> Vec<Scores> {
        let (support, predicted) = (self.support(), self.predicted());
        let scores = |class: usize| {
            let correct = self.counts[class][class];
            Scores {
                precision: ratio(correct, predicted[class]),
                recall: ratio(correct, support[class]),
                f1: ratio(2 * correct, predicted[class] + support[class]),
            }
        };
        (0..self.counts.len()).map(scores).collect()
    }

    /// Mean over the classes that are true of, or predicted for, any sample: scikit-learn's
    /// default, by which a class that occurs nowhere does not count.
    #[must_use]
    pub fn macro_average(&self) -> Scores {
        let occurs = self.support().into_iter().zip(self.predicted()).map(|(a, b)| a + b > 0);
        self.average(occurs.map(f64::from).collect())
    }

    /// Mean over classes by their number of true samples.
    #[must_use]
    pub fn weighted_average(&self) -> Scores {
        self.average(self.support().into_iter().map(|count| count as f64).collect())
    }

    fn average(&self, weights: Vec<f64>) -> Scores {
        let mut sum = Scores::default();
        let total: f64 = weights.iter().sum();
        if total > 0.0 {
            for (scores, weight) in self.per_class().into_iter().zip(weights) {
                sum.precision += scores.precision * weight / total;
                sum.recall += scores.recall * weight / total;
                sum.f1 += scores.f1 * weight / total;
            }
        }
        sum
    }

    /// Each row divided by its sum: of the samples of a class, which share was predicted as what.
    /// The row of a class that does not occur is zero.
    #[must_use]
    pub fn row_normalised(&self) -> Vec<Vec<f64>> {
        let share = |row: &Vec<u64>| {
            let sum = row.iter().sum();
            row.iter().map(|count| ratio(*count, sum)).collect()
        };
        self.counts.iter().map(share).collect()
    }
}

/// Zero divided by zero is zero here, as with scikit-learn's `zero_division=0`.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn always_negative_has_macro_f1_of_044_on_the_published_proportions() {
        let truth = [vec![0; 23], vec![1; 89]].concat();
        let confusion = Confusion::of(2, &truth, &[1; 112]);
        assert!((confusion.macro_average().f1 - 0.5 * (178.0 / 201.0)).abs() < 1e-15);
        assert_eq!(confusion.per_class()[0], Scores::default());
        assert_eq!(confusion.row_normalised(), [[0.0, 1.0], [0.0, 1.0]]);
    }

    #[test]
    fn a_class_that_occurs_nowhere_does_not_count() {
        let confusion = Confusion::of(3, &[1, 1], &[1, 1]);
        assert_eq!(confusion.macro_average().f1, 1.0);
        assert_eq!(confusion.row_normalised()[0], [0.0; 3]);
    }
}
