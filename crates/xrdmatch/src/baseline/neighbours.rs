//! The nearest labelled patterns.

use serde::{Deserialize, Serialize};

use super::BaselineError;
use super::linear_algebra::squared_distance;
use crate::fingerprint::Fingerprints;

/// How to ask the neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NeighbourSettings {
    /// How many are asked.
    pub k: usize,
    /// How much each one's word counts.
    pub voice: Voice,
}

impl Default for NeighbourSettings {
    fn default() -> Self {
        Self { k: 5, voice: Voice::Equal }
    }
}

/// How much a neighbour's word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// All the same.
    Equal,
    /// By one over its distance; those at distance 0 alone, where there are any.
    Near,
}

/// The labelled rows themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbours {
    settings: NeighbourSettings,
    width: usize,
    rows: Vec<Vec<f32>>,
    positive: Vec<bool>,
}

impl Neighbours {
    pub(super) fn fit(
        rows: &Fingerprints,
        positive: &[bool],
        settings: &NeighbourSettings,
    ) -> Result<Self, BaselineError> {
        let k = settings.k;
        if k == 0 || k > rows.len() {
            let (name, value) = ("k", k as f64);
            let range = "it must be at least 1 and at most the number of rows";
            return Err(BaselineError::Setting { name, value, range });
        }
        Ok(Self {
            settings: *settings,
            width: rows.width(),
            rows: rows.rows().map(<[f32]>::to_vec).collect(),
            positive: positive.to_vec(),
        })
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn probability(&self, row: &[f32]) -> f64 {
        let found = nearest(self.rows.iter().map(Vec::as_slice), row, self.settings.k);
        let at_zero = found.iter().any(|(_, distance)| *distance == 0.0);
        let voice = |distance: f64| match self.settings.voice {
            Voice::Equal => 1.0,
            Voice::Near if at_zero => f64::from(u8::from(distance == 0.0)),
            Voice::Near => 1.0 / distance,
        };
        let (mut yes, mut all) = (0.0, 0.0);
        for (row, distance) in found {
            all += voice(distance);
            yes += if self.positive[row] { voice(distance) } else { 0.0 };
        }
        (yes / all).min(1.0)
    }
}

/// The `k` rows nearest to another, with their Euclidean distances, nearest first; of equally near
/// ones, the earlier first. Fewer where there are fewer.
#[must_use]
pub fn nearest<'a>(
    rows: impl Iterator<Item = &'a [f32]>,
    to: &[f32],
    k: usize,
) -> Vec<(usize, f64)> {
    let mut distances: Vec<(usize, f64)> =
        rows.enumerate().map(|(number, row)| (number, squared_distance(row, to))).collect();
    distances.sort_by(|a, b| a.1.total_cmp(&b.1));
    distances.truncate(k);
    distances.iter_mut().for_each(|(_, distance)| *distance = distance.sqrt());
    distances
}
