//! Which pseudo-labels count: the threshold per class, and the state it is derived from.

use convnet::{Matrix, Tensor, Tensors};
use serde::{Deserialize, Serialize};

use super::logits::{most_probable, softmax};

/// SoftMatch: how many standard deviations below the mean confidence make one unit of its Gaussian.
const SOFTMATCH_WIDTH: f64 = 2.0;

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
    /// Every pseudo-label counts, whatever its confidence.
    All,
    /// FreeMatch: τ · p̃(c) / max p̃ with running means τ of the confidence and p̃ of the
    /// probabilities, which start at 1/C and take in the batch before it is judged.
    SelfAdaptive {
        /// How much of a running mean is kept.
        momentum: f64,
    },
    /// SoftMatch: a weight exp(−min(confidence − μ, 0)² · 2² / 2σ²) instead of a threshold, with
    /// running mean μ (from 1/C) and variance σ² (from 1) of the confidence, which take in the
    /// batch before it is judged.
    Gaussian {
        /// How much of a running mean is kept.
        momentum: f64,
    },
    /// AdaMatch: the cutoff times the mean confidence on the labelled batch.
    Relative,
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
    /// [`Rule::SelfAdaptive`]: τ, then p̃. [`Rule::Gaussian`]: μ, σ². Kept in f32, so that a
    /// checkpoint holds them exactly.
    running: Vec<f32>,
    /// The prior that answers are aligned to, and how much of the running mean is kept.
    alignment: Option<(Vec<f64>, f64)>,
    /// The running mean of the pool's probabilities before alignment; empty without one.
    shares: Vec<f32>,
    /// The step under way and the mean confidence on its labelled batch.
    told: (u64, f64),
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
    pub(super) fn new(
        rule: Rule,
        alignment: Option<(Vec<f64>, f64)>,
        cutoff: f64,
        classes: usize,
        pool: usize,
    ) -> Self {
        let memory = if matches!(rule, Rule::Memory { .. }) { vec![-1; pool] } else { Vec::new() };
        #[expect(clippy::cast_precision_loss, reason = "at most 256 classes")]
        let equal = 1.0 / classes as f32;
        let running = match rule {
            Rule::SelfAdaptive { .. } => vec![equal; 1 + classes],
            Rule::Gaussian { .. } => vec![equal, 1.0],
            _ => Vec::new(),
        };
        let shares = if alignment.is_some() { vec![equal; classes] } else { Vec::new() };
        Self {
            rule,
            cutoff,
            memory,
            counts: vec![0; classes],
            predicted: vec![0; classes],
            running,
            alignment,
            shares,
            told: (0, 1.0),
        }
    }

    /// Tells the step (counted from 0) and the logits of its labelled batch.
    pub fn tell(&mut self, step: u64, labeled: &Matrix) {
        let sum: f64 = (0..labeled.rows()).map(|row| most_probable(labeled.row(row), 1.0).1).sum();
        self.told = (step, sum / labeled.rows().max(1) as f64);
    }

    /// The step that was last told.
    pub(super) fn step(&self) -> u64 {
        self.told.0
    }

    /// Where answers are aligned: takes the batch's mean probabilities into the running mean, and
    /// gives the logits plus ln(prior / running mean).
    pub(super) fn align(&mut self, logits: &Matrix) -> Option<Matrix> {
        let (prior, momentum) = self.alignment.as_ref()?;
        let mean = mean_probabilities(logits);
        self.shares.iter_mut().zip(mean).for_each(|(kept, new)| keep(kept, *momentum, new));
        let mut aligned = logits.clone();
        for row in 0..aligned.rows() {
            let offsets = prior.iter().zip(&self.shares);
            for (logit, (prior, share)) in aligned.row_mut(row).iter_mut().zip(offsets) {
                #[expect(clippy::cast_possible_truncation, reason = "logits travel as f32")]
                {
                    *logit += (prior / f64::from(*share).max(f64::MIN_POSITIVE)).ln() as f32;
                }
            }
        }
        Some(aligned)
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
            Rule::All => vec![0.0; classes],
            Rule::SelfAdaptive { .. } => {
                let shares = self.running[1..].iter().copied().map(f64::from);
                let most = shares.clone().fold(f64::MIN_POSITIVE, f64::max);
                shares.map(|share| f64::from(self.running[0]) * share / most).collect()
            }
            Rule::Gaussian { .. } => vec![f64::from(self.running[0]); classes],
            Rule::Relative => vec![self.cutoff * self.told.1; classes],
        }
    }

    /// Running means take in a batch before it is judged.
    fn take_in(&mut self, decisions: &[(usize, f64)], logits: &Matrix) {
        let count = decisions.len() as f64;
        let mean = decisions.iter().map(|(_, confidence)| confidence).sum::<f64>() / count;
        match self.rule {
            Rule::SelfAdaptive { momentum } => {
                keep(&mut self.running[0], momentum, mean);
                let shares = mean_probabilities(logits);
                let running = self.running[1..].iter_mut();
                running.zip(shares).for_each(|(kept, new)| keep(kept, momentum, new));
            }
            Rule::Gaussian { momentum } => {
                let off = decisions.iter().map(|(_, confidence)| (confidence - mean).powi(2));
                let variance = off.sum::<f64>() / (count - 1.0).max(1.0);
                keep(&mut self.running[0], momentum, mean);
                keep(&mut self.running[1], momentum, variance);
            }
            _ => {}
        }
    }

    /// Judges a batch of (pseudo-class, confidence) of the pool samples `rows`, whose logits are
    /// `logits`, and updates the state from it. Gives the weight of each pseudo-label, in \[0, 1\].
    pub(super) fn decide(
        &mut self,
        rows: &[usize],
        decisions: &[(usize, f64)],
        logits: &Matrix,
    ) -> Vec<f64> {
        self.take_in(decisions, logits);
        if let Rule::Gaussian { .. } = self.rule {
            let (mean, variance) = (f64::from(self.running[0]), f64::from(self.running[1]));
            let scale = SOFTMATCH_WIDTH * SOFTMATCH_WIDTH / (2.0 * variance.max(f64::MIN_POSITIVE));
            let weight = |(_, confidence): &(usize, f64)| {
                (-scale * (confidence - mean).min(0.0).powi(2)).exp()
            };
            return decisions.iter().map(weight).collect();
        }
        let thresholds = self.per_class();
        let accepted: Vec<bool> =
            decisions.iter().map(|&(class, confidence)| confidence >= thresholds[class]).collect();
        match self.rule {
            Rule::Fixed
            | Rule::All
            | Rule::SelfAdaptive { .. }
            | Rule::Gaussian { .. }
            | Rule::Relative => {}
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
        accepted.into_iter().map(|accepted| f64::from(u8::from(accepted))).collect()
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
            put("running", self.running.clone());
            put("shares", self.shares.clone());
        }
        tensors
    }

    /// Restores the state that [`Self::to_tensors`] gave.
    ///
    /// # Errors
    /// What does not fit this rule, these classes or this pool.
    pub fn restore(&mut self, tensors: &Tensors) -> Result<(), StateError> {
        let get = |name: &'static str, expected: usize| {
            let data: &[f32] = match tensors.get(name) {
                Some(tensor) => &tensor.data,
                // Written before there were running means.
                None if expected == 0 => &[],
                None => return Err(StateError::Missing { name }),
            };
            match data.len() {
                found if found == expected => Ok(data),
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
        let means = |name, expected| {
            let stored = get(name, expected)?;
            match stored.iter().find(|value| !(0.0..=1.0).contains(*value)) {
                Some(&found) => Err(StateError::Value { name, found }),
                None => Ok(stored.to_vec()),
            }
        };
        let running = means("running", self.running.len())?;
        let shares = means("shares", self.shares.len())?;
        (self.running, self.shares) = (running, shares);
        (self.memory, self.counts, self.predicted) = (memory, stored, predicted);
        Ok(())
    }
}

/// One step of a running mean.
fn keep(kept: &mut f32, momentum: f64, new: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "running means are kept in f32")]
    {
        *kept = (momentum * f64::from(*kept) + (1.0 - momentum) * new) as f32;
    }
}

/// The mean of the rows' probabilities.
fn mean_probabilities(logits: &Matrix) -> Vec<f64> {
    let mut mean = vec![0.0; logits.cols()];
    let mut probabilities = vec![0.0; logits.cols()];
    for row in 0..logits.rows() {
        softmax(logits.row(row), 1.0, &mut probabilities);
        mean.iter_mut().zip(&probabilities).for_each(|(sum, p)| *sum += p / logits.rows() as f64);
    }
    mean
}
