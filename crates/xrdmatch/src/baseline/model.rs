//! One type for all models: what to fit, and what came of it.

use serde::{Deserialize, Serialize};

use super::{
    BaselineError, Forest, ForestSettings, Logistic, LogisticSettings, NeighbourSettings,
    Neighbours, Svm, SvmSettings,
};
use crate::fingerprint::Fingerprints;
use crate::predictions::{POSITIVE_CLASS, Predictions, Sample};

/// A model to fit, with its settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Baseline {
    /// Logistic regression with an L2 penalty.
    Logistic(LogisticSettings),
    /// Support vector machine with a Gaussian kernel.
    Svm(SvmSettings),
    /// Random forest or extremely randomised trees.
    Forest(ForestSettings),
    /// The nearest labelled patterns.
    Neighbours(NeighbourSettings),
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum Fitted {
    /// From [`Baseline::Logistic`].
    Logistic(Logistic),
    /// From [`Baseline::Svm`].
    Svm(Svm),
    /// From [`Baseline::Forest`].
    Forest(Forest),
    /// From [`Baseline::Neighbours`].
    Neighbours(Neighbours),
}

/// How much a row counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// Every row the same.
    #[default]
    Equal,
    /// Rows of a class by `n / (2·n_class)`, so that both classes count the same together.
    Balanced,
}

impl ClassWeight {
    /// Weight of each row; `positive` holds both kinds.
    pub(super) fn of(self, positive: &[bool]) -> Vec<f64> {
        let rows = positive.len() as f64;
        let positives = positive.iter().filter(|positive| **positive).count() as f64;
        let weight = |positive: &bool| match (self, positive) {
            (Self::Equal, _) => 1.0,
            (Self::Balanced, true) => rows / (2.0 * positives),
            (Self::Balanced, false) => rows / (2.0 * (rows - positives)),
        };
        positive.iter().map(weight).collect()
    }
}

impl Baseline {
    /// All four with their default settings.
    #[must_use]
    pub fn all() -> [Self; 4] {
        [
            Self::Logistic(LogisticSettings::default()),
            Self::Svm(SvmSettings::default()),
            Self::Forest(ForestSettings::default()),
            Self::Neighbours(NeighbourSettings::default()),
        ]
    }

    /// A short name, for tables.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logistic(_) => "logistic regression",
            Self::Svm(_) => "support vector machine",
            Self::Forest(settings) => settings.kind.name(),
            Self::Neighbours(_) => "nearest neighbours",
        }
    }

    /// Fits the model to rows with their class, 0 or 1 each.
    ///
    /// # Errors
    /// [`BaselineError`]: labels that do not fit, a class with too few rows, or a setting outside
    /// its range.
    pub fn fit(&self, rows: &Fingerprints, labels: &[u8]) -> Result<Fitted, BaselineError> {
        if labels.len() != rows.len() {
            return Err(BaselineError::Labels { rows: rows.len(), labels: labels.len() });
        }
        if let Some(row) = labels.iter().position(|class| *class > 1) {
            return Err(BaselineError::NotBinary { row, class: labels[row] });
        }
        for class in [0, 1] {
            if !labels.contains(&class) {
                return Err(BaselineError::TooFewRows { class, found: 0, needed: 1 });
            }
        }
        let positive: Vec<bool> = labels.iter().map(|class| *class == POSITIVE_CLASS).collect();
        Ok(match self {
            Self::Logistic(settings) => Fitted::Logistic(Logistic::fit(rows, &positive, settings)?),
            Self::Svm(settings) => Fitted::Svm(Svm::fit(rows, &positive, settings)?),
            Self::Forest(settings) => Fitted::Forest(Forest::fit(rows, &positive, settings)?),
            Self::Neighbours(settings) => {
                Fitted::Neighbours(Neighbours::fit(rows, &positive, settings)?)
            }
        })
    }
}

impl Fitted {
    /// Number of features the model was fitted on.
    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::Logistic(model) => model.weights.len(),
            Self::Svm(model) => model.width(),
            Self::Forest(model) => model.width(),
            Self::Neighbours(model) => model.width(),
        }
    }

    /// Probability of the positive class for each row.
    ///
    /// # Errors
    /// [`BaselineError::Width`].
    pub fn scores(&self, rows: &Fingerprints) -> Result<Vec<f64>, BaselineError> {
        let (expected, found) = (self.width(), rows.width());
        if expected != found {
            return Err(BaselineError::Width { expected, found });
        }
        Ok(match self {
            Self::Logistic(model) => rows.rows().map(|row| model.probability(row)).collect(),
            Self::Svm(model) => rows.rows().map(|row| model.probability(row)).collect(),
            Self::Forest(model) => rows.rows().map(|row| model.probability(row)).collect(),
            Self::Neighbours(model) => rows.rows().map(|row| model.probability(row)).collect(),
        })
    }

    /// The predictions for named rows.
    ///
    /// # Errors
    /// [`BaselineError::Width`], and [`BaselineError::Predictions`] where there is not one sample
    /// per row or names repeat.
    pub fn predict(
        &self,
        rows: &Fingerprints,
        samples: Vec<Sample>,
    ) -> Result<Predictions, BaselineError> {
        let probabilities = self.scores(rows)?.into_iter().flat_map(|p| [p, 1.0 - p]).collect();
        Ok(Predictions::new(2, samples, probabilities)?)
    }
}
