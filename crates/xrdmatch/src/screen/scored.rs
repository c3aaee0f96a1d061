//! What was found of one pattern, before any calibration.

use serde::{Deserialize, Serialize};

/// What was found of one pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// Its row in the file, from 0.
    #[serde(rename = "r")]
    pub row: u64,
    /// Its name; not unique, unless the file says so.
    #[serde(rename = "n")]
    pub name: String,
    /// The file's own number.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Chemical formula.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// The label that the file gives.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub label: Option<u8>,
    /// Each member's probability of the positive class.
    #[serde(rename = "p")]
    pub probabilities: Vec<f32>,
    /// Members that hold the positive class most probable.
    #[serde(rename = "v")]
    pub votes: usize,
    /// How strange it is; `None` where outliers are not told.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub strangeness: Option<f64>,
    /// The nearest labelled rows with their cosine, nearest first.
    #[serde(rename = "k")]
    pub nearest: Vec<(u32, f32)>,
}

impl Scored {
    /// The ensemble's score: the mean of the members' probabilities.
    #[must_use]
    pub fn score(&self) -> f64 {
        let sum: f64 = self.probabilities.iter().map(|p| f64::from(*p)).sum();
        sum / self.probabilities.len().max(1) as f64
    }
}
