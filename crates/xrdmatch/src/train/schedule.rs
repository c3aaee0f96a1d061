//! How the learning rate changes over the steps of an experiment.

use serde::{Deserialize, Serialize};

/// A factor of the learning rate as a function of step t of T.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// 1.
    Constant,
    /// cos(7πt / 16T), as in the paper's code; ends at 0.195.
    #[serde(rename = "cosine-7-16")]
    Cosine716,
    /// ½ (1 + cos(πt / T)); ends at 0.
    Cosine,
}

impl Schedule {
    /// The factor at step `t` (counted from 0) of `total`.
    pub fn factor(self, t: u64, total: u64) -> f64 {
        let part = t as f64 / total as f64;
        match self {
            Self::Constant => 1.0,
            Self::Cosine716 => (7.0 / 16.0 * std::f64::consts::PI * part).cos(),
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * part).cos()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_starts_at_one_and_never_rises() {
        for schedule in [Schedule::Constant, Schedule::Cosine716, Schedule::Cosine] {
            assert_eq!(schedule.factor(0, 1000), 1.0);
            for t in 1..1000 {
                assert!(schedule.factor(t, 1000) <= schedule.factor(t - 1, 1000));
                assert!(schedule.factor(t, 1000) > 0.0);
            }
        }
        assert!((Schedule::Cosine716.factor(1000, 1000) - 0.195_090_322).abs() < 1e-9);
        assert!((Schedule::Cosine.factor(500, 1000) - 0.5).abs() < 1e-12);
    }
}
