//! Which pseudo-labels count: the threshold per class, and the state it is derived from.

use convnet::{Tensor, Tensors};
use serde::{Deserialize, Serialize};

/// How a class's learning status β in \[0, 1\] becomes a factor of the cutoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Map {
    /// β / (2 − β), the published default.
    Convex,
    /// β.
    Linear,
    /// ln(β + 1) / ln 2.
    Concave,
}

impl Map {
    /// The factor for learning status `beta`.
    pub fn apply(self, beta: f64) -> f64 {
        match self {
            Self::Convex => beta / (2.0 - beta),
            Self::Linear => beta,
            Self::Concave => (beta + 1.0).ln() / std::f64::consts::LN_2,
        }
    }
}

/// The rule by which a confidence is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// The cutoff for all classes (FixMatch).
    Fixed,
    /// FlexMatch: for every pool sample the last class predicted with at least the cutoff is
    /// remembered; σ(c) counts them; β(c) = σ(c) / max(max σ, number without memory), or / max σ
    /// without warm-up; threshold = cutoff · map(β). Judged before the memory is updated.
    Memory {
        /// Whether samples without memory damp the thresholds.
        warmup: bool,
        /// From β to the threshold.
        map: Map,
    },
    /// PaddleScience: β(c) = accepted as c / predicted as c over the whole training so far;
    /// the plain cutoff until anything was predicted. Judged before the counts are updated.
    Ratio {
        /// From β to the threshold.
        map: Map,
    },
}

/// A threshold rule with what it has seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    rule: Rule,
    cutoff: f64,
    /// [`Rule::Memory`]: per pool sample the remembered class, −1 for none.
    memory: Vec<i32>,
    /// [`Rule::Memory`]: σ(c). [`Rule::Ratio`]: accepted as c.
    counts: Vec<u64>,
    /// [`Rule::Ratio`]: predicted as c.
    predicted: Vec<u64>,
}

/// A stored state that does not belong to this objective.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StateError {
    /// A tensor is missing.
    #[error("the objective's state has no `{name}`")]
    Missing {
        /// The tensor's name.
        name: &'static str,
    },
    /// A tensor has another length than the pool or the classes ask for.
    #[error("`{name}` of the objective's state has {found} values instead of {expected}")]
    Length {
        /// The tensor's name.
        name: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
    /// A value that no training can have written.
    #[error("`{name}` of the objective's state holds {found}, which is no class and no count")]
    Value {
        /// The tensor's name.
        name: &'static str,
        /// The value.
        found: f32,
    },
}

impl Thresholds {
    pub(super) fn new(rule: Rule, cutoff: f64, classes: usize, pool: usize) -> Self {
        let memory = if matches!(rule, Rule::Memory { .. }) { vec![-1; pool] } else { Vec::new() };
        Self { rule, cutoff, memory, counts: vec![0; classes], predicted: vec![0; classes] }
    }

    /// The threshold each class must reach now.
    pub fn per_class(&self) -> Vec<f64> {
        let classes = self.counts.len();
        match self.rule {
            Rule::Fixed => vec![self.cutoff; classes],
            Rule::Memory { warmup, map } => {
                let remembered: u64 = self.counts.iter().sum();
                let most = self.counts.iter().copied().max().unwrap_or(0);
                let unused = self.memory.len() as u64 - remembered;
                let denominator = if warmup { most.max(unused) } else { most }.max(1) as f64;
                let threshold = |&count: &u64| self.cutoff * map.apply(count as f64 / denominator);
                self.counts.iter().map(threshold).collect()
            }
            Rule::Ratio { map } => {
                if self.predicted.iter().all(|&count| count == 0) {
                    return vec![self.cutoff; classes];
                }
                let threshold = |(&accepted, &predicted): (&u64, &u64)| {
                    self.cutoff * map.apply(accepted as f64 / predicted.max(1) as f64)
                };
                self.counts.iter().zip(&self.predicted).map(threshold).collect()
            }
        }
    }

    /// Judges a batch of (pseudo-class, confidence) of the pool samples `rows`, then updates the
    /// state from it.
    pub(super) fn decide(&mut self, rows: &[usize], decisions: &[(usize, f64)]) -> Vec<bool> {
        let thresholds = self.per_class();
        let accepted: Vec<bool> =
            decisions.iter().map(|&(class, confidence)| confidence >= thresholds[class]).collect();
        match self.rule {
            Rule::Fixed => {}
            Rule::Memory { .. } => {
                for (&row, &(class, confidence)) in rows.iter().zip(decisions) {
                    if confidence >= self.cutoff {
                        let last = &mut self.memory[row];
                        if let Ok(last) = usize::try_from(*last) {
                            self.counts[last] -= 1;
                        }
                        self.counts[class] += 1;
                        *last = i32::try_from(class).unwrap_or(i32::MAX);
                    }
                }
            }
            Rule::Ratio { .. } => {
                for (&(class, _), &accepted) in decisions.iter().zip(&accepted) {
                    self.predicted[class] += 1;
                    self.counts[class] += u64::from(accepted);
                }
            }
        }
        accepted
    }

    /// The state as tensors, for a checkpoint. Counts are stored exactly below 2^24 and as pairs
    /// (multiples of 2^24, rest) above.
    pub fn to_tensors(&self) -> Tensors {
        let mut tensors = Tensors::new();
        let mut put = |name: &str, data: Vec<f32>| {
            tensors.insert(name.to_owned(), Tensor { shape: vec![data.len()], data });
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "classes and halves of counts are below 2^24"
        )]
        {
            put("memory", self.memory.iter().map(|&class| class as f32).collect());
            let halves = |counts: &[u64]| {
                counts.iter().flat_map(|&n| [(n >> 24) as f32, (n & 0xFF_FFFF) as f32]).collect()
            };
            put("counts", halves(&self.counts));
            put("predicted", halves(&self.predicted));
        }
        tensors
    }

    /// Restores the state that [`Self::to_tensors`] gave.
    ///
    /// # Errors
    /// What does not fit this rule, these classes or this pool.
    pub fn restore(&mut self, tensors: &Tensors) -> Result<(), StateError> {
        let get = |name: &'static str, expected: usize| {
            let tensor = tensors.get(name).ok_or(StateError::Missing { name })?;
            match tensor.data.len() {
                found if found == expected => Ok(&tensor.data),
                found => Err(StateError::Length { name, found, expected }),
            }
        };
        let whole = |name, value: f32, limit: f32| match value {
            v if v >= 0.0 && v < limit && v.fract() == 0.0 => Ok(v),
            found => Err(StateError::Value { name, found }),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be whole numbers in range"
        )]
        let counts = |name| -> Result<Vec<u64>, StateError> {
            let halves = get(name, 2 * self.counts.len())?.chunks_exact(2);
            halves
                .map(|half| {
                    let high = whole(name, half[0], 16_777_216.0)? as u64;
                    Ok(high << 24 | whole(name, half[1], 16_777_216.0)? as u64)
                })
                .collect()
        };
        let (stored, predicted) = (counts("counts")?, counts("predicted")?);
        let classes = self.counts.len() as f32;
        let mut memory = Vec::with_capacity(self.memory.len());
        for &value in get("memory", self.memory.len())? {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be a class or −1")]
            memory.push(if value == -1.0 { -1 } else { whole("memory", value, classes)? as i32 });
        }
        (self.memory, self.counts, self.predicted) = (memory, stored, predicted);
        Ok(())
    }
}
