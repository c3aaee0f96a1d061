//! What a pattern should tell: a distribution over some outputs for each, and numbers of the structure
//! where there is one.

use std::collections::BTreeMap;

use convnet::Matrix;
use serde::{Deserialize, Serialize};

use super::numbers::Numbers;
use crate::audit::Composition;
use crate::dataset::{Dataset, Prepared, Structures};
use crate::encoder::Target;
use crate::objective::cross_entropy;

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

/// Distributions over outputs for the patterns that have one, and the numbers of their structures.
#[derive(Debug, Clone)]
pub struct Targets {
    kind: TargetKind,
    rows: Vec<usize>,
    /// Outputs that the distributions are over.
    shares: usize,
    /// (patterns, shares); every row sums to 1.
    values: Vec<f64>,
    numbers: Option<Numbers>,
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
        let targets = match target {
            Target::None => return Ok(None),
            Target::Profile => Self::profile(prepared),
            Target::Composition => match compositions() {
                none if none.is_empty() => {
                    let source_name = data.source_name().to_owned();
                    return Err(TargetsError::NoFormulas { source_name });
                }
                found => Self::composition(&found),
            },
            Target::Auto => match compositions() {
                found if 2 * found.len() < data.len() || all_equal(&found) => {
                    Self::profile(prepared)
                }
                found => Self::composition(&found),
            },
        };
        Ok(Some(match data.structures() {
            Some(structures) => targets.and_numbers(structures),
            None => targets,
        }))
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
        Self {
            kind: TargetKind::Composition { elements },
            rows,
            shares: outputs,
            values,
            numbers: None,
        }
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
        Self { kind: TargetKind::Profile { bins }, rows, shares: bins, values, numbers: None }
    }

    fn and_numbers(self, structures: &Structures) -> Self {
        let environments: Vec<_> = self.rows.iter().map(|&row| structures.of(row)).collect();
        Self { numbers: Some(Numbers::new(&environments)), ..self }
    }

    /// What the outputs that distributions are over are.
    pub fn kind(&self) -> &TargetKind {
        &self.kind
    }

    /// The rows of the data set that have a target.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// How many outputs: those that distributions are over, then one for each number.
    pub fn outputs(&self) -> usize {
        self.shares + if self.numbers.is_some() { Numbers::COUNT } else { 0 }
    }

    /// Patterns with a structure.
    pub fn described(&self) -> usize {
        self.numbers.as_ref().map_or(0, Numbers::described)
    }

    /// The distribution of the `position`-th of [`rows`](Self::rows).
    pub(super) fn of(&self, position: usize) -> &[f64] {
        &self.values[position * self.shares..(position + 1) * self.shares]
    }

    /// The loss of the patterns at some positions whose lattices have grown by these factors, and its
    /// gradient with respect to their logits, (B, outputs).
    pub(super) fn loss(
        &self,
        logits: &Matrix,
        positions: &[usize],
        stretches: &[f32],
    ) -> (f64, Matrix) {
        let mut gradient = Matrix::zeros(logits.rows(), logits.cols());
        let (share, mut loss) = (1.0 / positions.len() as f64, 0.0);
        for (row, &position) in positions.iter().enumerate() {
            let (logits, _) = logits.row(row).split_at(self.shares);
            let (gradient, _) = gradient.row_mut(row).split_at_mut(self.shares);
            loss += share * cross_entropy(logits, self.of(position), gradient, share);
        }
        if let Some(numbers) = &self.numbers {
            loss += numbers.loss(logits, (positions, stretches), self.shares, &mut gradient);
        }
        (loss, gradient)
    }

    /// Mean entropy of the distributions: the smallest loss there can be.
    pub fn entropy(&self) -> f64 {
        let terms = self.values.iter().filter(|part| **part > 0.0).map(|part| -part * part.ln());
        terms.sum::<f64>() / self.rows.len().max(1) as f64
    }
}
