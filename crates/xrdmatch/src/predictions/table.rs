//! The table itself, and the promises it keeps from construction on.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::{PredictionsError, ReadPredictionsError};

/// The class whose probability is "the score" wherever one number per sample is meant: label 0,
/// superionic.
pub const POSITIVE_CLASS: u8 = 0;

/// How far the probabilities of a sample may sum from 1: forgives tables written by others with
/// three digits, and no mistake that matters.
const SUM_TOLERANCE: f64 = 2e-3;

/// Who a prediction is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sample {
    /// Unique within one [`Predictions`].
    pub name: String,
    /// The true class, where known.
    pub truth: Option<u8>,
}

impl Sample {
    /// A sample with its true class, or `None` where that is unknown.
    pub fn new(name: impl Into<String>, truth: impl Into<Option<u8>>) -> Self {
        Self { name: name.into(), truth: truth.into() }
    }
}

/// Samples, probabilities and truth in one; `n` rows of `C` classes, row by row.
///
/// Kept from construction on: names are unique; every probability lies in 0 to 1 and every row
/// sums to 1 (within 2e-3, for tables written with few digits); truths are below `C`; logits,
/// where present, are finite. A table without rows is allowed: it has no metrics, but can be
/// written and merged.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    classes: usize,
    samples: Vec<Sample>,
    probabilities: Vec<f64>,
    logits: Option<Vec<f32>>,
}

/// One row of [`Predictions`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction<'a> {
    /// The sample's name.
    pub name: &'a str,
    /// Its true class, where known.
    pub truth: Option<u8>,
    /// `C` probabilities, summing to 1.
    pub probabilities: &'a [f64],
    /// `C` logits as the network gave them, before any calibration.
    pub logits: Option<&'a [f32]>,
}

impl Prediction<'_> {
    /// The most probable class; of equals, the lowest.
    #[must_use]
    pub fn class(&self) -> u8 {
        most_probable(self.probabilities)
    }

    /// Probability of [`POSITIVE_CLASS`].
    #[must_use]
    pub fn score(&self) -> f64 {
        self.probabilities[usize::from(POSITIVE_CLASS)]
    }
}

/// Index of the largest value; of equals, the lowest, as `argmax` has it in NumPy and PyTorch.
pub(crate) fn most_probable(probabilities: &[f64]) -> u8 {
    let mut best = 0;
    for (class, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = class;
        }
    }
    u8::try_from(best).expect("predictions hold at most 256 classes")
}

impl Predictions {
    /// Predictions from probabilities, `samples.len() × classes` row by row.
    ///
    /// # Errors
    /// [`PredictionsError`] where a promise of the type would not hold.
    pub fn new(
        classes: usize,
        samples: Vec<Sample>,
        probabilities: Vec<f64>,
    ) -> Result<Self, PredictionsError> {
        let predictions = Self { classes, samples, probabilities, logits: None };
        predictions.check()?;
        Ok(predictions)
    }

    /// Predictions from a network's logits, `samples.len() × classes` row by row; the
    /// probabilities are their softmax, computed in double precision.
    ///
    /// # Errors
    /// [`PredictionsError`] where a promise of the type would not hold.
    pub fn from_logits(
        classes: usize,
        samples: Vec<Sample>,
        logits: Vec<f32>,
    ) -> Result<Self, PredictionsError> {
        let mut probabilities: Vec<f64> = logits.iter().map(|logit| f64::from(*logit)).collect();
        if classes > 0 {
            probabilities.chunks_mut(classes).for_each(softmax);
        }
        let predictions = Self { classes, samples, probabilities, logits: Some(logits) };
        predictions.check()?;
        Ok(predictions)
    }

    /// The same predictions with the logits they stem from. They need not agree with the
    /// probabilities: calibration changes those and leaves the logits as the network gave them.
    ///
    /// # Errors
    /// [`PredictionsError::Length`] or [`PredictionsError::NotFinite`].
    pub fn with_logits(mut self, logits: Vec<f32>) -> Result<Self, PredictionsError> {
        self.logits = Some(logits);
        self.check()?;
        Ok(self)
    }

    /// The same samples with other probabilities, as a calibration gives them.
    ///
    /// # Errors
    /// [`PredictionsError`] where a promise of the type would not hold.
    pub fn with_probabilities(mut self, probabilities: Vec<f64>) -> Result<Self, PredictionsError> {
        self.probabilities = probabilities;
        self.check()?;
        Ok(self)
    }

    /// Reads a file that [`write_csv`](Self::write_csv) or
    /// [`write_json_lines`](Self::write_json_lines) wrote; which, the ending of its name says.
    ///
    /// # Errors
    /// [`ReadPredictionsError`].
    pub fn load(path: &Path) -> Result<Self, ReadPredictionsError> {
        let open = || {
            File::open(path)
                .map(BufReader::new)
                .map_err(|source| ReadPredictionsError::Open { path: path.to_owned(), source })
        };
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Self::read_csv(open()?),
            Some("jsonl" | "ndjson") => Self::read_json_lines(open()?),
            _ => Err(ReadPredictionsError::UnknownFormat { path: path.to_owned() }),
        }
    }

    fn check(&self) -> Result<(), PredictionsError> {
        let Self { classes, samples, probabilities, logits } = self;
        let classes = *classes;
        if !(2..=256).contains(&classes) {
            return Err(PredictionsError::Classes { classes });
        }
        self.check_length("probabilities", probabilities.len())?;
        if let Some(logits) = logits {
            self.check_length("logits", logits.len())?;
            for (index, value) in logits.iter().enumerate() {
                if !value.is_finite() {
                    let (row, class) = (index / classes, index % classes);
                    let sample = samples[row].name.clone();
                    return Err(PredictionsError::NotFinite { row, sample, class, value: *value });
                }
            }
        }
        let mut rows = HashMap::with_capacity(samples.len());
        for (row, (sample, probabilities)) in
            samples.iter().zip(probabilities.chunks_exact(classes)).enumerate()
        {
            let name = || sample.name.clone();
            if let Some(first) = rows.insert(sample.name.as_str(), row) {
                return Err(PredictionsError::DuplicateName { sample: name(), first, second: row });
            }
            if let Some(truth) = sample.truth.filter(|truth| usize::from(*truth) >= classes) {
                return Err(PredictionsError::UnknownClass { row, sample: name(), truth, classes });
            }
            for (class, value) in probabilities.iter().enumerate() {
                if !(0.0..=1.0).contains(value) {
                    let value = *value;
                    return Err(PredictionsError::NotAProbability {
                        row,
                        sample: name(),
                        class,
                        value,
                    });
                }
            }
            let sum: f64 = probabilities.iter().sum();
            if (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(PredictionsError::SumNotOne { row, sample: name(), sum });
            }
        }
        Ok(())
    }

    fn check_length(&self, what: &'static str, found: usize) -> Result<(), PredictionsError> {
        let (samples, classes) = (self.samples.len(), self.classes);
        let expected = samples * classes;
        if found == expected {
            Ok(())
        } else {
            Err(PredictionsError::Length { what, samples, classes, expected, found })
        }
    }

    /// Number of samples.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Number of classes, at least 2.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Who the rows are about.
    #[must_use]
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// All probabilities, `n × C` row by row.
    #[must_use]
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// All logits, `n × C` row by row, where the classifier has them.
    #[must_use]
    pub fn logits(&self) -> Option<&[f32]> {
        self.logits.as_deref()
    }

    /// Probability of [`POSITIVE_CLASS`] per sample.
    pub fn scores(&self) -> impl Iterator<Item = f64> + '_ {
        self.probabilities.chunks_exact(self.classes).map(|row| row[usize::from(POSITIVE_CLASS)])
    }

    /// One row.
    ///
    /// # Panics
    /// If `row` is not below [`len`](Self::len).
    #[must_use]
    pub fn row(&self, row: usize) -> Prediction<'_> {
        let range = row * self.classes..(row + 1) * self.classes;
        let Sample { name, truth } = &self.samples[row];
        Prediction {
            name,
            truth: *truth,
            probabilities: &self.probabilities[range.clone()],
            logits: self.logits.as_ref().map(|logits| &logits[range]),
        }
    }

    /// The rows in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Prediction<'_>> {
        (0..self.len()).map(|row| self.row(row))
    }

    /// Only those rows for which `keep` says yes, in order.
    #[must_use]
    pub fn filter(&self, mut keep: impl FnMut(&Prediction<'_>) -> bool) -> Self {
        let mut kept = Self {
            classes: self.classes,
            samples: Vec::new(),
            probabilities: Vec::new(),
            logits: self.logits.as_ref().map(|_| Vec::new()),
        };
        for (row, prediction) in self.iter().enumerate() {
            if keep(&prediction) {
                kept.samples.push(self.samples[row].clone());
                kept.probabilities.extend_from_slice(prediction.probabilities);
                if let (Some(all), Some(one)) = (&mut kept.logits, prediction.logits) {
                    all.extend_from_slice(one);
                }
            }
        }
        kept
    }
}

/// Turns logits into probabilities in place; the largest is subtracted first, so that nothing
/// overflows.
pub(crate) fn softmax(row: &mut [f64]) {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value = (*value - largest).exp();
        sum += *value;
    }
    for value in row {
        *value /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(truths: &[u8]) -> Vec<Sample> {
        let name = |(row, truth): (usize, &u8)| Sample::new(format!("s{row}"), *truth);
        truths.iter().enumerate().map(name).collect()
    }

    #[test]
    fn a_table_of_another_shape_is_refused() {
        let found = Predictions::new(2, samples(&[0, 1]), vec![0.5, 0.5, 1.0]);
        let what = "probabilities";
        let expected =
            PredictionsError::Length { what, samples: 2, classes: 2, expected: 4, found: 3 };
        assert_eq!(found, Err(expected));
        assert_eq!(
            Predictions::new(1, samples(&[0]), vec![1.0]),
            Err(PredictionsError::Classes { classes: 1 })
        );
    }

    #[test]
    fn a_value_that_is_no_probability_is_refused_by_name() {
        for bad in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            match Predictions::new(2, samples(&[0, 1]), vec![0.5, 0.5, bad, 0.5]) {
                Err(PredictionsError::NotAProbability { row: 1, sample, class: 0, .. }) => {
                    assert_eq!(sample, "s1");
                }
                other => panic!("{bad} gave {other:?}"),
            }
        }
        assert!(matches!(
            Predictions::new(2, samples(&[0]), vec![0.5, 0.6]),
            Err(PredictionsError::SumNotOne { row: 0, .. })
        ));
    }

    #[test]
    fn an_unknown_class_and_a_name_given_twice_are_refused() {
        assert!(matches!(
            Predictions::new(2, samples(&[2]), vec![0.5, 0.5]),
            Err(PredictionsError::UnknownClass { truth: 2, classes: 2, .. })
        ));
        let twice = vec![Sample::new("a", 0), Sample::new("a", None)];
        assert_eq!(
            Predictions::new(2, twice, vec![0.5; 4]),
            Err(PredictionsError::DuplicateName { sample: "a".into(), first: 0, second: 1 })
        );
    }

    #[test]
    fn probabilities_of_logits_are_their_softmax_however_large() {
        let predictions =
            Predictions::from_logits(2, samples(&[0, 1]), vec![3000.0, 3000.0, -1.0, 1.0]).unwrap();
        assert_eq!(predictions.row(0).probabilities, [0.5, 0.5]);
        let expected = 1.0 / (1.0 + 2f64.exp());
        assert!((predictions.row(1).score() - expected).abs() < 1e-15);
        assert_eq!(predictions.row(1).logits, Some(&[-1.0, 1.0][..]));
        assert!(matches!(
            Predictions::from_logits(2, samples(&[0]), vec![f32::NAN, 0.0]),
            Err(PredictionsError::NotFinite { row: 0, class: 0, .. })
        ));
    }

    #[test]
    fn of_equally_probable_classes_the_lowest_is_predicted() {
        assert_eq!(most_probable(&[0.5, 0.5]), 0);
        assert_eq!(most_probable(&[0.2, 0.4, 0.4]), 1);
    }

    #[test]
    fn filtering_keeps_rows_whole() {
        let all = Predictions::from_logits(
            2,
            vec![Sample::new("a", 0), Sample::new("b", None), Sample::new("c", 1)],
            vec![1.0, 0.0, 2.0, 0.0, 3.0, 0.0],
        )
        .unwrap();
        let labelled = all.filter(|row| row.truth.is_some());
        assert_eq!(labelled.len(), 2);
        assert_eq!(labelled.row(1), all.row(2));
    }
}
