//! Isotonic regression by pooling adjacent violators.

use serde::{Deserialize, Serialize};

use super::CalibrateError;

/// A non-decreasing function: linear between its knots, constant beyond them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Knots")]
pub struct Isotonic {
    /// Ascending scores.
    scores: Vec<f64>,
    /// The function there, not descending.
    values: Vec<f64>,
}

/// An [`Isotonic`] as it is read, before it is believed.
#[derive(Deserialize)]
struct Knots {
    scores: Vec<f64>,
    values: Vec<f64>,
}

impl TryFrom<Knots> for Isotonic {
    type Error = CalibrateError;

    fn try_from(Knots { scores, values }: Knots) -> Result<Self, CalibrateError> {
        let ascend = scores.is_sorted_by(|a, b| a < b) && values.is_sorted_by(|a, b| a <= b);
        let probabilities = values.iter().all(|value| (0.0..=1.0).contains(value));
        if scores.is_empty() || scores.len() != values.len() || !ascend || !probabilities {
            return Err(CalibrateError::Knots { scores: scores.len(), values: values.len() });
        }
        Ok(Self { scores, values })
    }
}

/// Rows with scores from `first` to `last` that share one value.
struct Block {
    first: f64,
    last: f64,
    rows: f64,
    positives: f64,
}

impl Block {
    fn value(&self) -> f64 {
        self.positives / self.rows
    }
}

impl Isotonic {
    /// The non-decreasing function of the scores with the least squared error to the truth (1 for
    /// a positive, 0 otherwise). Equal scores count as one observation of their mean.
    ///
    /// # Panics
    /// If the slices differ in length or are empty.
    #[must_use]
    pub fn fit(scores: &[f64], positive: &[bool]) -> Self {
        assert_eq!(scores.len(), positive.len(), "one truth per score");
        assert!(!scores.is_empty(), "a function is fitted to at least one row");
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let mut blocks: Vec<Block> = Vec::new();
        for tied in order.chunk_by(|a, b| scores[*a] == scores[*b]) {
            let positives = tied.iter().filter(|row| positive[**row]).count();
            let score = scores[tied[0]];
            let mut block = Block {
                first: score,
                last: score,
                rows: tied.len() as f64,
                positives: positives as f64,
            };
            while let Some(before) = blocks.pop_if(|before| before.value() >= block.value()) {
                block = Block {
                    first: before.first,
                    last: block.last,
                    rows: before.rows + block.rows,
                    positives: before.positives + block.positives,
                };
            }
            blocks.push(block);
        }
        let mut fit = Self { scores: Vec::new(), values: Vec::new() };
        for block in blocks {
            let ends = [block.first, block.last];
            for score in &ends[..if block.first == block.last { 1 } else { 2 }] {
                fit.scores.push(*score);
                fit.values.push(block.value());
            }
        }
        fit
    }

    /// The function at a score.
    #[must_use]
    pub fn apply(&self, score: f64) -> f64 {
        let above = self.scores.partition_point(|knot| *knot < score);
        if above == 0 {
            return self.values[0];
        }
        if above == self.scores.len() {
            return self.values[above - 1];
        }
        let (left, right) = (self.scores[above - 1], self.scores[above]);
        let (low, high) = (self.values[above - 1], self.values[above]);
        low + (high - low) * ((score - left) / (right - left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn knots_that_are_no_function_are_refused() {
        let read = |text: &str| serde_json::from_str::<Isotonic>(text);
        assert!(read(r#"{"scores":[0.1,0.5],"values":[0.0,1.0]}"#).is_ok());
        for bad in [
            r#"{"scores":[],"values":[]}"#,
            r#"{"scores":[0.1],"values":[0.0,1.0]}"#,
            r#"{"scores":[0.5,0.1],"values":[0.0,1.0]}"#,
            r#"{"scores":[0.1,0.5],"values":[1.0,0.0]}"#,
            r#"{"scores":[0.1,0.5],"values":[0.0,2.0]}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// The value at a row is `max over i ≤ row of min over j ≥ row of mean(i..=j)`.
        #[test]
        fn pooling_equals_the_max_min_formula(rows in prop::collection::vec((0u8..9, any::<bool>()), 1..30)) {
            let scores: Vec<f64> = rows.iter().map(|(score, _)| f64::from(*score)).collect();
            let positive: Vec<bool> = rows.iter().map(|(_, positive)| *positive).collect();
            let fit = Isotonic::fit(&scores, &positive);
            let mean = |low: f64, high: f64| {
                let within = |score: &f64| (low..=high).contains(score);
                let taken: Vec<f64> = scores.iter().zip(&positive)
                    .filter(|(score, _)| within(score))
                    .map(|(_, positive)| f64::from(u8::from(*positive))).collect();
                taken.iter().sum::<f64>() / taken.len() as f64
            };
            for score in &scores {
                let expected = scores.iter().filter(|low| *low <= score)
                    .map(|low| scores.iter().filter(|high| *high >= score)
                        .map(|high| mean(*low, *high)).fold(f64::INFINITY, f64::min))
                    .fold(f64::NEG_INFINITY, f64::max);
                prop_assert!((fit.apply(*score) - expected).abs() < 1e-12);
            }
        }
    }
}
