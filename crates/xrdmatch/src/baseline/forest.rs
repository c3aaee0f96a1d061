//! Random forest (Breiman, Machine Learning 45, 5, 2001) and extremely randomised trees (Geurts,
//! Ernst and Wehenkel, Machine Learning 63, 3, 2006).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::tree::{Ground, Tree};
use super::{BaselineError, ClassWeight};
use crate::fingerprint::Fingerprints;

/// How to fit a [`Forest`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForestSettings {
    /// Where the trees get their variety.
    pub kind: ForestKind,
    /// Number of trees.
    pub trees: usize,
    /// Features tried at a split; `None` for the square root of their number.
    pub features_per_split: Option<usize>,
    /// Fewest rows in a leaf.
    pub min_leaf: usize,
    /// How much a row counts.
    pub class_weight: ClassWeight,
    /// Seed; tree `t` uses stream `t` of it.
    pub seed: u64,
}

/// Where the trees get their variety.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForestKind {
    /// Each tree has its own bootstrap of the rows; the best threshold of each feature is taken.
    RandomForest,
    /// Every tree has all rows; thresholds are drawn at random.
    ExtraTrees,
}

impl ForestKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RandomForest => "random forest",
            Self::ExtraTrees => "extra trees",
        }
    }
}

impl Default for ForestSettings {
    fn default() -> Self {
        Self {
            kind: ForestKind::RandomForest,
            trees: 500,
            features_per_split: None,
            min_leaf: 1,
            class_weight: ClassWeight::Equal,
            seed: 0,
        }
    }
}

/// A fitted forest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    width: usize,
    trees: Vec<Tree>,
}

impl Forest {
    pub(super) fn fit(
        rows: &Fingerprints,
        positive: &[bool],
        settings: &ForestSettings,
    ) -> Result<Self, BaselineError> {
        let counts = [
            ("trees", settings.trees),
            ("min_leaf", settings.min_leaf),
            ("features_per_split", settings.features_per_split.unwrap_or(1)),
        ];
        for (name, value) in counts {
            if value == 0 {
                let range = "it must be at least 1";
                return Err(BaselineError::Setting { name, value: 0.0, range });
            }
        }
        let root = (rows.width() as f64).sqrt() as usize;
        let features_per_split = settings.features_per_split.unwrap_or(root.max(1));
        let class_weights = settings.class_weight.of(positive);
        let grow = |number: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
            rng.set_stream(number as u64);
            let weights = match settings.kind {
                ForestKind::ExtraTrees => &class_weights,
                ForestKind::RandomForest => &bootstrap(&class_weights, &mut rng),
            };
            Tree::grow(&Ground { rows, positive, weights, settings, features_per_split }, &mut rng)
        };
        let trees = (0..settings.trees).into_par_iter().map(grow).collect();
        Ok(Self { width: rows.width(), trees })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// Mean over trees of the share of positives in the leaf.
    pub(super) fn probability(&self, row: &[f32]) -> f64 {
        let sum: f64 = self.trees.iter().map(|tree| tree.share(row)).sum();
        sum / self.trees.len() as f64
    }
}

/// How often each row is drawn, when as many are drawn as there are, each with a probability in
/// proportion to its weight.
fn bootstrap(weights: &[f64], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let cumulated: Vec<f64> = weights
        .iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect();
    let total = cumulated.last().copied().unwrap_or(0.0);
    let mut drawn = vec![0.0; weights.len()];
    for _ in weights {
        let at = rng.random::<f64>() * total;
        let row = cumulated.partition_point(|sum| *sum <= at);
        drawn[row.min(weights.len() - 1)] += 1.0;
    }
    drawn
}
