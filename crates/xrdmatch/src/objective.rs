//! The semi-supervised objectives: logits in, loss and its gradient out.
//!
//! One consistency objective serves all algorithms; they differ in the rule that decides which
//! pseudo-labels count ([`Rule`]). With *B* labelled and *U* unlabelled patterns in a step,
//!
//! 1. supervised loss: 1/B · Σ w(y) · CE(labelled logits, y);
//! 2. confidence of an unlabelled pattern: the largest probability q of its weak view; pseudo-label:
//!    that class (or the whole distribution, softened by T);
//! 3. mask: 1 where the confidence reaches the rule's threshold for the class;
//! 4. unsupervised loss: 1/U · Σ mask · w(pseudo-label) · CE(strong logits, pseudo-label);
//! 5. total = (1) + λ_u · (4). The weak view carries no gradient.
//!
//! Class weights w multiply the loss of a hard label and are *not* divided out of the mean, as in
//! the published code. Losses are summed in f64. Not covered: label smoothing, distribution
//! alignment, a ramp of λ_u.
//!
//! Sources: FlexMatch, Zhang et al., NeurIPS 2021, arXiv:2110.08263; FixMatch, Sohn et al.,
//! NeurIPS 2020, arXiv:2001.07685; class weights from the code of Wan et al. 2024.

mod threshold;

use convnet::Matrix;
use serde::{Deserialize, Serialize};

pub use threshold::{Map, Rule, StateError, Thresholds};

/// Which unlabelled pseudo-labels count, how much, and how classes are weighted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objective {
    /// The rule for the mask, or `supervised` for none of the unlabelled part at all.
    pub algorithm: Algorithm,
    /// λ_u, the weight of the unsupervised loss.
    pub unlabeled_weight: f64,
    /// p_cutoff, the confidence that counts as certain. In (0, 1\].
    pub cutoff: f64,
    /// T, the temperature of soft pseudo-labels and of the class-ratio rule's confidences.
    pub temperature: f64,
    /// Whether a pseudo-label is a class or a softened distribution.
    pub labels: PseudoLabels,
    /// FlexMatch: whether the unused part of the pool damps the thresholds at the start.
    pub warmup: bool,
    /// FlexMatch and class ratio: how learning status becomes a threshold.
    pub map: Map,
    /// Weight of each class in the cross-entropy; empty means 1 for all.
    pub class_weights: Vec<f64>,
}

impl Default for Objective {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Flexmatch,
            unlabeled_weight: 1.0,
            cutoff: 0.95,
            temperature: 0.5,
            labels: PseudoLabels::Hard,
            warmup: true,
            map: Map::Convex,
            class_weights: Vec::new(),
        }
    }
}

/// The algorithms: one consistency objective under different threshold rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Labelled patterns only.
    Supervised,
    /// One fixed threshold (Sohn et al. 2020).
    Fixmatch,
    /// Thresholds from what the whole pool was last predicted to be (Zhang et al. 2021).
    Flexmatch,
    /// Thresholds from running ratios of accepted to predicted, as in PaddleScience.
    ClassRatio,
}

/// The form of a pseudo-label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PseudoLabels {
    /// The most probable class.
    Hard,
    /// softmax(logits / T).
    Soft,
}

/// A setting of the objective that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ObjectiveError {
    /// A number is outside its range.
    #[error("setting `{setting}` is {found}, but must be {expected}")]
    Range {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// The class weights do not fit the classes.
    #[error("setting `class_weights` has {found} values, but there are {classes} classes")]
    ClassWeights {
        /// How many weights were given.
        found: usize,
        /// How many classes there are.
        classes: usize,
    },
}

impl Objective {
    /// Refuses settings that make no sense for `classes` classes.
    ///
    /// # Errors
    /// The first setting that is out of its range.
    pub fn validate(&self, classes: usize) -> Result<(), ObjectiveError> {
        let range = |setting, found, ok: bool, expected| match ok {
            true => Ok(()),
            false => Err(ObjectiveError::Range { setting, found, expected }),
        };
        let (weight, cutoff, temperature) = (self.unlabeled_weight, self.cutoff, self.temperature);
        let finite = "finite and not negative";
        range("unlabeled_weight", weight, weight.is_finite() && weight >= 0.0, finite)?;
        range("cutoff", cutoff, cutoff > 0.0 && cutoff <= 1.0, "above 0 and at most 1")?;
        let warm = temperature.is_finite() && temperature > 0.0;
        range("temperature", temperature, warm, "finite and above 0")?;
        for &weight in &self.class_weights {
            range("class_weights", weight, weight.is_finite() && weight >= 0.0, finite)?;
        }
        if !self.class_weights.is_empty() && self.class_weights.len() != classes {
            let found = self.class_weights.len();
            return Err(ObjectiveError::ClassWeights { found, classes });
        }
        Ok(())
    }

    /// Whether a step needs unlabelled patterns at all.
    pub fn uses_unlabeled(&self) -> bool {
        self.algorithm != Algorithm::Supervised
    }

    /// The threshold rule's state before the first step.
    pub fn thresholds(&self, classes: usize, pool: usize) -> Thresholds {
        let rule = match self.algorithm {
            Algorithm::Supervised | Algorithm::Fixmatch => Rule::Fixed,
            Algorithm::Flexmatch => Rule::Memory { warmup: self.warmup, map: self.map },
            Algorithm::ClassRatio => Rule::Ratio { map: self.map },
        };
        Thresholds::new(rule, self.cutoff, classes, pool)
    }

    /// The supervised loss and its gradient with respect to the logits.
    ///
    /// `logits` is (B, classes), `labels` has B classes.
    ///
    /// # Panics
    /// If the shapes do not fit or a label is not a class: our own bug, checked by `Dataset`.
    pub fn supervised(&self, logits: &Matrix, labels: &[u8]) -> (f64, Matrix) {
        assert_eq!(logits.rows(), labels.len());
        let mut gradient = Matrix::zeros(logits.rows(), logits.cols());
        let mut target = vec![0.0; logits.cols()];
        let (share, mut loss) = (1.0 / logits.rows() as f64, 0.0);
        for (row, &label) in labels.iter().enumerate() {
            target.fill(0.0);
            target[usize::from(label)] = self.class_weight(usize::from(label));
            loss += share * cross_entropy(logits.row(row), &target, gradient.row_mut(row), share);
        }
        (loss, gradient)
    }

    /// The unsupervised loss (times λ_u in the gradient, not in the reported loss), and the state's
    /// update from this batch.
    ///
    /// `weak` and `strong` are (U, classes), `rows` says which U samples of the pool they are.
    ///
    /// # Panics
    /// If the shapes do not fit: our own bug.
    pub fn unsupervised(
        &self,
        thresholds: &mut Thresholds,
        rows: &[usize],
        weak: &Matrix,
        strong: &Matrix,
    ) -> Unsupervised {
        assert_eq!((weak.rows(), weak.cols()), (strong.rows(), strong.cols()));
        assert_eq!(weak.rows(), rows.len());
        let classes = weak.cols();
        let temperature = self.temperature;
        let sharpened = self.algorithm == Algorithm::ClassRatio;
        let confidence_at = if sharpened { temperature } else { 1.0 };
        let decisions: Vec<(usize, f64)> =
            (0..rows.len()).map(|row| most_probable(weak.row(row), confidence_at)).collect();
        let accepted = thresholds.decide(rows, &decisions);

        let mut gradient = Matrix::zeros(strong.rows(), classes);
        let mut target = vec![0.0; classes];
        let share = 1.0 / rows.len() as f64;
        let mut result = Unsupervised {
            loss: 0.0,
            mask_rate: 0.0,
            class_shares: vec![0.0; classes],
            gradient: Matrix::zeros(0, classes),
        };
        for (row, &(class, _)) in decisions.iter().enumerate() {
            result.class_shares[class] += share;
            if !accepted[row] {
                continue;
            }
            result.mask_rate += share;
            match self.labels {
                PseudoLabels::Hard => {
                    target.fill(0.0);
                    target[class] = self.class_weight(class);
                }
                PseudoLabels::Soft => {
                    softmax(weak.row(row), temperature, &mut target);
                    for (class, part) in target.iter_mut().enumerate() {
                        *part *= self.class_weight(class);
                    }
                }
            }
            let weight = share * self.unlabeled_weight;
            let loss = cross_entropy(strong.row(row), &target, gradient.row_mut(row), weight);
            result.loss += share * loss;
        }
        result.gradient = gradient;
        result
    }

    fn class_weight(&self, class: usize) -> f64 {
        self.class_weights.get(class).copied().unwrap_or(1.0)
    }
}

/// What the unlabelled part of a step gave.
#[derive(Debug, Clone)]
pub struct Unsupervised {
    /// The unsupervised loss, before λ_u.
    pub loss: f64,
    /// The part of the batch whose pseudo-labels counted.
    pub mask_rate: f64,
    /// The part of the batch predicted as each class by the weak view.
    pub class_shares: Vec<f64>,
    /// λ_u · ∂loss/∂strong logits, (U, classes).
    pub gradient: Matrix,
}

/// softmax(logits / temperature), written to `out`.
fn softmax(logits: &[f32], temperature: f64, out: &mut [f64]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (out, &logit) in out.iter_mut().zip(logits) {
        *out = ((f64::from(logit) - f64::from(max)) / temperature).exp();
        sum += *out;
    }
    for out in out {
        *out /= sum;
    }
}

/// The most probable class (the first of equals) and its probability at a temperature.
fn most_probable(logits: &[f32], temperature: f64) -> (usize, f64) {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = class;
        }
    }
    let top = f64::from(logits[best]);
    let sum: f64 = logits.iter().map(|&logit| ((f64::from(logit) - top) / temperature).exp()).sum();
    (best, 1.0 / sum)
}

/// Σ_c t_c · −log softmax(logits)_c; `weight` times its gradient, p · Σt − t, goes to `gradient`.
pub(crate) fn cross_entropy(
    logits: &[f32],
    target: &[f64],
    gradient: &mut [f32],
    weight: f64,
) -> f64 {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let log_sum = logits.iter().map(|&logit| (f64::from(logit) - max).exp()).sum::<f64>().ln();
    let total: f64 = target.iter().sum();
    let mut loss = 0.0;
    for ((&logit, &part), gradient) in logits.iter().zip(target).zip(gradient) {
        let log_probability = f64::from(logit) - max - log_sum;
        if part != 0.0 {
            loss -= part * log_probability;
        }
        #[expect(clippy::cast_possible_truncation, reason = "gradients travel as f32")]
        {
            *gradient = (weight * (log_probability.exp() * total - part)) as f32;
        }
    }
    loss
}

#[cfg(test)]
mod tests;
