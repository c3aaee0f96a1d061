//! What a pattern should tell: a distribution over some outputs for each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::audit::Composition;
use crate::dataset::{Dataset, Prepared};
use crate::encoder::Target;

/// An element in fewer rows than this counts as one of "the others".
const RARE: usize = 20;
/// Bins of the profile.
const COARSE: usize = 64;

/// What the outputs are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// Shares of these elements; the last output stands for all others.
    Composition {
        /// Symbols.
        elements: Vec<String>,
    },
    /// Shares of the intensity in so many equal parts of the grid.
    Profile {
        /// How many.
        bins: usize,
    },
}

/// Distributions over outputs for the patterns that have one.
#[derive(Debug, Clone)]
pub struct Targets {
    kind: TargetKind,
    rows: Vec<usize>,
    outputs: usize,
    /// (patterns, outputs); every row sums to 1.
    values: Vec<f64>,
}

/// There is nothing to learn from.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TargetsError {
    /// No formula can be read.
    #[error(
        "{source_name} has no readable formulas to pretrain on; use `pretrain.target = \"profile\"`"
    )]
    NoFormulas {
        /// The file.
        source_name: String,
    },
}

/// Whether the compositions tell nothing apart.
fn all_equal(compositions: &[(usize, Composition)]) -> bool {
    compositions.windows(2).all(|pair| pair[0].1 == pair[1].1)
}

impl Targets {
    /// The targets of a data set; `None` for [`Target::None`].
    ///
    /// # Errors
    /// [`TargetsError::NoFormulas`].
    pub fn new(
        target: Target,
        data: &Dataset,
        prepared: &Prepared,
    ) -> Result<Option<Self>, TargetsError> {
        let compositions = || -> Vec<(usize, Composition)> {
            let formula = |row: usize| data.sample(row).formula.as_deref();
            let read = |row| Some((row, Composition::parse(formula(row)?)?));
            (0..data.len()).filter_map(read).collect()
        };
        match target {
            Target::None => Ok(None),
            Target::Profile => Ok(Some(Self::profile(prepared))),
            Target::Composition => match compositions() {
                none if none.is_empty() => {
                    Err(TargetsError::NoFormulas { source_name: data.source_name().to_owned() })
                }
                found => Ok(Some(Self::composition(&found))),
            },
            Target::Auto => match compositions() {
                found if 2 * found.len() < data.len() || all_equal(&found) => {
                    Ok(Some(Self::profile(prepared)))
                }
                found => Ok(Some(Self::composition(&found))),
            },
        }
    }

    fn composition(compositions: &[(usize, Composition)]) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, composition) in compositions {
            composition.shares().for_each(|(symbol, _)| *counts.entry(symbol).or_default() += 1);
        }
        counts.retain(|_, rows| *rows >= RARE);
        let places: BTreeMap<&str, usize> =
            counts.keys().enumerate().map(|(place, symbol)| (*symbol, place)).collect();
        let others = places.len();
        let outputs = others + 1;
        let mut values = vec![0.0; compositions.len() * outputs];
        for ((_, composition), target) in compositions.iter().zip(values.chunks_exact_mut(outputs))
        {
            for (symbol, share) in composition.shares() {
                target[places.get(symbol).copied().unwrap_or(others)] += share;
            }
        }
        let elements = counts.into_keys().map(str::to_owned).collect();
        let rows = compositions.iter().map(|(row, _)| *row).collect();
        Self { kind: TargetKind::Composition { elements }, rows, outputs, values }
    }

    fn profile(prepared: &Prepared) -> Self {
        let bins = COARSE.min(prepared.points());
        let mut values = vec![0.0; prepared.len() * bins];
        for (row, target) in values.chunks_exact_mut(bins).enumerate() {
            let (indices, intensities) = prepared.pattern(row);
            for (&index, &intensity) in indices.iter().zip(intensities) {
                target[usize::from(index) * bins / prepared.points()] += f64::from(intensity);
            }
            let sum: f64 = target.iter().sum();
            target.iter_mut().for_each(|value| *value /= sum);
        }
        let rows = (0..prepared.len()).collect();
        Self { kind: TargetKind::Profile { bins }, rows, outputs: bins, values }
    }

    /// What the outputs are.
    pub fn kind(&self) -> &TargetKind {
        &self.kind
    }

    /// The rows of the data set that have a target.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// How many outputs.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The distribution of the `position`-th of [`rows`](Self::rows).
    pub(super) fn of(&self, position: usize) -> &[f64] {
        &self.values[position * self.outputs..(position + 1) * self.outputs]
    }

    /// Mean entropy of the distributions: the smallest loss there can be.
    pub fn entropy(&self) -> f64 {
        let terms = self.values.iter().filter(|part| **part > 0.0).map(|part| -part * part.ln());
        terms.sum::<f64>() / self.rows.len().max(1) as f64
    }
}
