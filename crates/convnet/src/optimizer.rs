//! AdamW as PyTorch defines it, as data.
//!
//! For a parameter p with gradient g at step t (counted from 1):
//!
//! ```text
//! p ← p · (1 − lr · decay)                       decoupled decay
//! m ← m + (1 − β₁)(g − m)
//! v ← β₂ v + (1 − β₂) g²
//! p ← p − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
//! ```

use serde::{Deserialize, Serialize};

/// Which parameters decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Every parameter.
    #[default]
    All,
    /// Every parameter named `….weight` (those of batch norm included), no bias.
    WeightsOnly,
}

impl Decay {
    /// Whether the parameter of this name decays.
    pub(crate) fn takes(self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::WeightsOnly => name.ends_with(".weight"),
        }
    }
}

/// The settings of one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    /// Step length, lr.
    pub learning_rate: f32,
    /// Memory of the first moment, β₁.
    pub beta1: f32,
    /// Memory of the second moment, β₂.
    pub beta2: f32,
    /// ε, added outside the root.
    pub epsilon: f32,
    /// Decay per step and learning rate.
    pub weight_decay: f32,
    /// Which parameters decay.
    pub decay: Decay,
    /// Memory of the moving average of all weights and running statistics:
    /// average ← d · average + (1 − d) · weights. None is kept without it.
    pub average: Option<f32>,
}

impl Default for AdamW {
    fn default() -> Self {
        Self {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            decay: Decay::All,
            average: None,
        }
    }
}

/// The factors of one step, worked out in double precision as PyTorch does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepFactors {
    /// 1 − β₁
    pub(crate) first_rate: f32,
    /// β₂
    pub(crate) second_memory: f32,
    /// 1 − β₂
    pub(crate) second_rate: f32,
    /// 1 − lr · decay
    pub(crate) shrink: f32,
    /// lr / (1 − β₁ᵗ)
    pub(crate) step_size: f32,
    /// √(1 − β₂ᵗ)
    pub(crate) root_correction: f32,
    /// ε
    pub(crate) epsilon: f32,
}

impl AdamW {
    /// The moving average that a step begins with: kept from before, begun from the current values, or
    /// none where none is wanted.
    pub(crate) fn keep_average<V: Clone>(&self, average: &mut Option<V>, current: &V) {
        match self.average {
            None => *average = None,
            Some(_) => {
                average.get_or_insert_with(|| current.clone());
            }
        }
    }

    /// The factors of step `t`, counted from 1.
    pub(crate) fn factors(&self, t: u64) -> StepFactors {
        let (beta1, beta2) = (decimal(self.beta1), decimal(self.beta2));
        let (rate, decay) = (decimal(self.learning_rate), decimal(self.weight_decay));
        let t = t as f64;
        StepFactors {
            first_rate: (1.0 - beta1) as f32,
            second_memory: beta2 as f32,
            second_rate: (1.0 - beta2) as f32,
            shrink: (1.0 - rate * decay) as f32,
            step_size: (rate / (1.0 - beta1.powf(t))) as f32,
            root_correction: (1.0 - beta2.powf(t)).sqrt() as f32,
            epsilon: self.epsilon,
        }
    }
}

/// The double that reads like this float: 0.999 and not 0.99900001287, which would put
/// 1 − β₂ off by 1.3e-5.
pub(crate) fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_the_decimal_settings() {
        let factors = AdamW::default().factors(3);
        assert_eq!(factors.second_rate, 0.001);
        assert_eq!(factors.first_rate, 0.1);
        assert_eq!(factors.shrink, (1.0f64 - 1e-3 * 0.01) as f32);
        let expected = 1e-3 / (1.0 - 0.9f64.powi(3));
        assert!((f64::from(factors.step_size) - expected).abs() < 1e-9);
    }
}
