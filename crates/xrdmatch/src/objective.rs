//! The semi-supervised objectives: logits in, loss and its gradient out.
//!
//! One consistency objective serves all algorithms; they differ in the rule that decides which
//! pseudo-labels count ([`Rule`]). With *B* labelled and *U* unlabelled patterns in a step,
//!
//! 1. supervised loss: 1/B · Σ v(y) · CE(labelled logits, y), v being w or w moved towards the stated
//!    shares of the classes ([`Supervised`]), or with a robustness r above 0 the generalised
//!    cross-entropy (1 − p(y)^r) / r in its place, which is CE at r → 0 and at r = 1 half the absolute
//!    error, and gives rows that the network holds for mislabelled less of a say;
//! 2. alignment, where it is on: the weak view's probabilities times prior / running mean of the
//!    pool's predictions, normalised (which adds ln(prior / mean) to the logits);
//! 3. confidence of an unlabelled pattern: the largest probability q of its weak view; pseudo-label:
//!    that class (or the whole distribution, softened by T);
//! 4. mask: 1 where the confidence reaches the rule's threshold for the class, or a weight in \[0, 1\];
//! 5. unsupervised loss: 1/U · Σ mask · w(pseudo-label) · CE(strong logits, pseudo-label), or the
//!    squared difference of probabilities (Π-model, Mean Teacher);
//! 6. total = (1) + λ_u · min(1, step / ramp) · (5). The weak view carries no gradient.
//!
//! Class weights w multiply the loss of a hard label and are *not* divided out of the mean, as in
//! the published code. Label smoothing ε (Szegedy et al. 2016, arXiv:1512.00567) gives the label
//! 1 − ε + ε/C and every other class ε/C. Losses are summed in f64. Not covered: FreeMatch's fairness
//! loss, UDA's annealing of the supervised signal. A second head beside all this: [`Balanced`].
//!
//! Sources: FlexMatch, Zhang et al., NeurIPS 2021, arXiv:2110.08263; FixMatch, Sohn et al.,
//! NeurIPS 2020, arXiv:2001.07685; the others in [`Algorithm::description`]; alignment from ReMixMatch,
//! Berthelot et al., ICLR 2020, arXiv:1911.09785, towards a stated prior; class weights from the code of Wan et al. 2024;
//! generalised cross-entropy, Zhang and Sabuncu, NeurIPS 2018, arXiv:1805.07836.

mod algorithm;
mod balanced;
mod logits;
mod supervised;
mod threshold;

use convnet::Matrix;
use serde::{Deserialize, Serialize};

pub use algorithm::{Algorithm, Description};
pub use balanced::Balanced;
pub(crate) use logits::cross_entropy;
use logits::{most_probable, softmax, squares};
pub use supervised::Supervised;
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
    /// Whether the teacher's answers are aligned to the prior.
    pub alignment: Alignment,
    /// The stated share of class 0, which alignment and reweighting aim at, the other classes sharing
    /// the rest equally; 0 means equal shares for all. In \[0, 1).
    pub positive_share: f64,
    /// ρ, how far labelled rows are weighted from their own shares of the classes towards the stated
    /// ones: not at 0, whole at 1. In \[0, 1\].
    pub reweighting: f64,
    /// How much of a running mean is kept at a step. In \[0, 1).
    pub momentum: f64,
    /// Steps over which λ_u rises from 0; 0 for none.
    pub ramp: u32,
    /// ε of label smoothing. In \[0, 1).
    pub smoothing: f64,
    /// r of the labelled rows' generalised cross-entropy; 0 means the cross-entropy. In \[0, 1\];
    /// not together with smoothing.
    pub robustness: f64,
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
            alignment: Alignment::None,
            positive_share: 0.0,
            reweighting: 0.0,
            momentum: 0.99,
            ramp: 0,
            smoothing: 0.0,
            robustness: 0.0,
            class_weights: Vec::new(),
        }
    }
}

/// Whether the teacher's answers are aligned to the prior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// As the algorithm says: AdaMatch aligns, the others do not.
    None,
    /// Always.
    Prior,
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
    /// Two ways of not trusting labels at once.
    #[error("setting `smoothing` and setting `robustness` are both above 0: choose one")]
    SmoothAndRobust,
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
        let part = |value: f64| (0.0..1.0).contains(&value);
        range("momentum", self.momentum, part(self.momentum), "at least 0 and below 1")?;
        range("smoothing", self.smoothing, part(self.smoothing), "at least 0 and below 1")?;
        let whole = |value: f64| (0.0..=1.0).contains(&value);
        range("robustness", self.robustness, whole(self.robustness), "at least 0 and at most 1")?;
        range(
            "reweighting",
            self.reweighting,
            whole(self.reweighting),
            "at least 0 and at most 1",
        )?;
        if self.smoothing > 0.0 && self.robustness > 0.0 {
            return Err(ObjectiveError::SmoothAndRobust);
        }
        let share = self.positive_share;
        range("positive_share", share, part(share), "at least 0 and below 1")?;
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
            Algorithm::Supervised | Algorithm::Fixmatch | Algorithm::Uda | Algorithm::Abc => {
                Rule::Fixed
            }
            Algorithm::PseudoLabel | Algorithm::PiModel | Algorithm::MeanTeacher => Rule::All,
            Algorithm::Freematch => Rule::SelfAdaptive { momentum: self.momentum },
            Algorithm::Softmatch => Rule::Gaussian { momentum: self.momentum },
            Algorithm::Adamatch => Rule::Relative,
            Algorithm::Flexmatch => Rule::Memory { warmup: self.warmup, map: self.map },
            Algorithm::ClassRatio => Rule::Ratio { map: self.map },
        };
        let prior = self.aligns().then(|| self.prior(classes));
        let alignment = prior.map(|prior| (prior, self.momentum));
        Thresholds::new(rule, alignment, self.cutoff, classes, pool)
    }

    /// The loss of labelled rows, for labelled training rows with `counts` of each class.
    pub fn supervised(&self, counts: &[u32]) -> Supervised {
        Supervised::new(self, counts)
    }

    /// The balanced head, where the algorithm has one, for labelled training rows with `counts` of
    /// each class.
    pub fn balanced(&self, counts: &[u32]) -> Option<Balanced> {
        (self.heads() > 1).then(|| Balanced::new(self, counts))
    }

    /// How many outputs the network has for a class while it is trained.
    pub fn heads(&self) -> usize {
        if self.algorithm == Algorithm::Abc { 2 } else { 1 }
    }

    /// The stated share of each class.
    fn prior(&self, classes: usize) -> Vec<f64> {
        match self.positive_share {
            0.0 => vec![1.0 / classes as f64; classes],
            share => {
                let mut prior = vec![(1.0 - share) / (classes - 1) as f64; classes];
                prior[0] = share;
                prior
            }
        }
    }

    fn aligns(&self) -> bool {
        self.alignment == Alignment::Prior || self.algorithm == Algorithm::Adamatch
    }

    /// λ_u at a step, counted from 0.
    pub fn unlabeled_weight_at(&self, step: u64) -> f64 {
        let ramp = u64::from(self.ramp);
        let factor = if step < ramp { step as f64 / ramp as f64 } else { 1.0 };
        self.unlabeled_weight * factor
    }

    /// The unsupervised loss (times λ_u in the gradient, not in the reported loss), and the state's
    /// update from this batch. What the state must know of the step and of the labelled batch it has
    /// been told by [`Thresholds::tell`].
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
        let aligned = thresholds.align(weak);
        let weak = aligned.as_ref().unwrap_or(weak);
        let (temperature, labels) = match self.algorithm {
            Algorithm::PiModel | Algorithm::MeanTeacher => (1.0, PseudoLabels::Soft),
            Algorithm::Uda => (self.temperature, PseudoLabels::Soft),
            _ => (self.temperature, self.labels),
        };
        let sharpened = self.algorithm == Algorithm::ClassRatio;
        let confidence_at = if sharpened { temperature } else { 1.0 };
        let decisions: Vec<(usize, f64)> =
            (0..rows.len()).map(|row| most_probable(weak.row(row), confidence_at)).collect();
        let weights = thresholds.decide(rows, &decisions, weak);
        let unlabeled_weight = self.unlabeled_weight_at(thresholds.step());

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
            if weights[row] == 0.0 {
                continue;
            }
            result.mask_rate += share * weights[row];
            match labels {
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
            let weight = share * weights[row] * unlabeled_weight;
            let compare = if self.algorithm.squares() { squares } else { cross_entropy };
            let loss = compare(strong.row(row), &target, gradient.row_mut(row), weight);
            result.loss += share * weights[row] * loss;
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

#[cfg(test)]
mod tests;
