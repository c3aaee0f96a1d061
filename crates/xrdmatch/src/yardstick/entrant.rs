//! Who is measured: a model, how it sees the patterns, and which settings it may choose from.

use serde::{Deserialize, Serialize};

use crate::baseline::{
    Baseline, ForestKind, ForestSettings, LogisticSettings, NeighbourSettings, SvmSettings,
};
use crate::fingerprint::Blur;

/// How a model sees the patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Features {
    /// Square roots of the intensities, blurred by one degree.
    Blurred,
    /// The intensities as they are.
    Sticks,
}

impl Features {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Blurred, Self::Sticks];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blurred => "blurred √intensity",
            Self::Sticks => "raw sticks",
        }
    }

    /// The blur that gives them.
    #[must_use]
    pub fn blur(self) -> Blur {
        match self {
            Self::Blurred => Blur::default(),
            Self::Sticks => Blur::NONE,
        }
    }
}

/// A model to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Entrant {
    /// The model's name.
    pub name: String,
    /// How it sees the patterns.
    pub features: Features,
    /// Its settings; of several, inner splits choose by AUC.
    pub choices: Vec<Baseline>,
}

/// Logistic regression, support vector machine, random forest, extra trees and nearest neighbours
/// with the default settings, on both feature sets.
#[must_use]
pub fn entrants(trees: usize, seed: u64) -> Vec<Entrant> {
    enter(&models(trees, seed).map(|model| vec![model]))
}

/// The same models, each with a few settings to choose from.
#[must_use]
pub fn entrants_with_choices(trees: usize, seed: u64) -> Vec<Entrant> {
    let c = [0.1, 1.0, 10.0];
    let choices = models(trees, seed).map(|model| match model {
        Baseline::Logistic(settings) => {
            c.map(|c| Baseline::Logistic(LogisticSettings { c, ..settings })).to_vec()
        }
        Baseline::Svm(settings) => c.map(|c| Baseline::Svm(SvmSettings { c, ..settings })).to_vec(),
        Baseline::Forest(settings) => [1, 3]
            .map(|min_leaf| Baseline::Forest(ForestSettings { min_leaf, ..settings }))
            .to_vec(),
        Baseline::Neighbours(settings) => {
            [3, 5, 9].map(|k| Baseline::Neighbours(NeighbourSettings { k, ..settings })).to_vec()
        }
    });
    enter(&choices)
}

fn models(trees: usize, seed: u64) -> [Baseline; 5] {
    let forest =
        |kind| Baseline::Forest(ForestSettings { kind, trees, seed, ..Default::default() });
    [
        Baseline::Logistic(LogisticSettings::default()),
        Baseline::Svm(SvmSettings::default()),
        forest(ForestKind::RandomForest),
        forest(ForestKind::ExtraTrees),
        Baseline::Neighbours(NeighbourSettings::default()),
    ]
}

fn enter(models: &[Vec<Baseline>]) -> Vec<Entrant> {
    let enter = |features| {
        models.iter().map(move |choices| Entrant {
            name: choices[0].name().to_owned(),
            features,
            choices: choices.clone(),
        })
    };
    Features::ALL.into_iter().flat_map(enter).collect()
}
