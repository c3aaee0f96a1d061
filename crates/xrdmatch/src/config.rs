//! Everything that can be set, and where each value came from.
//!
//! Each module owns its settings; [`Config`] only names them. A configuration is built in layers,
//! each overriding the one before: defaults, preset, file, command line ([`Layers`]).

mod layers;

use convnet::{AdamW, Architecture, Decay, Initialization, Precision};
use serde::{Deserialize, Serialize};

use crate::augment::{Augmentation, AugmentationError, Preparation};
use crate::batch::BatchSizes;
use crate::encoder::{EncoderError, Pretraining};
use crate::input::Input;
use crate::objective::{Objective, ObjectiveError};
use crate::seed::Seed;
use crate::split::{Draw, SplitError};
use crate::training::{Teacher, Training, TrainingError, WeightsChoice};

pub use layers::{LayerError, Layers};

/// All settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// From which all randomness follows. At most 2^63 − 1.
    pub seed: Seed,
    /// The number of classes.
    pub classes: u8,
    /// How patterns are prepared.
    pub preparation: Preparation,
    /// What the network sees of a pattern.
    pub input: Input,
    /// How strongly views differ from the pattern.
    pub augmentation: Augmentation,
    /// How splits are drawn.
    pub split: Draw,
    /// What is learnt before any label is looked at.
    pub pretrain: Pretraining,
    /// The network.
    pub network: NetworkSettings,
    /// How many samples make a step.
    pub batch: BatchSizes,
    /// What is minimised.
    pub objective: Objective,
    /// How it is minimised.
    pub optimizer: OptimizerSettings,
    /// For how long, and what is kept.
    pub training: Training,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: Seed(0),
            classes: 2,
            preparation: Preparation::default(),
            input: Input::default(),
            augmentation: Augmentation::default(),
            split: Draw::default(),
            pretrain: Pretraining::default(),
            network: NetworkSettings::default(),
            batch: BatchSizes::default(),
            objective: Objective::default(),
            optimizer: OptimizerSettings::default(),
            training: Training::default(),
        }
    }
}

/// Which network, and how its weights begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// The name of a preset (`paper`, `vgg16`, …), or layers.
    pub architecture: ArchitectureChoice,
    /// How weights are drawn before the first step.
    pub initialization: Initialization,
    /// What convolutions and linear layers multiply: `f32`, or `bf16`, which is coarser.
    pub precision: Precision,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            architecture: ArchitectureChoice::Preset("paper".to_owned()),
            initialization: Initialization::Xavier,
            precision: Precision::F32,
        }
    }
}

/// An architecture by name or in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ArchitectureChoice {
    /// One of [`Architecture::PRESETS`].
    Preset(String),
    /// Layers.
    Layers(Architecture),
}

/// AdamW and the running average of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerSettings {
    /// The learning rate before the schedule.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta1: f32,
    /// Decay of the second moment.
    pub beta2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Which parameters decay.
    pub decay: Decay,
    /// Decay of the running average of the weights (EMA); 0 keeps none.
    pub average: f32,
}

impl Default for OptimizerSettings {
    fn default() -> Self {
        Self {
            learning_rate: 3e-4,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            decay: Decay::All,
            average: 0.0,
        }
    }
}

impl OptimizerSettings {
    /// The optimiser at a point of the schedule, where the learning rate is multiplied by `factor`.
    pub fn at(&self, factor: f64) -> AdamW {
        #[expect(clippy::cast_possible_truncation, reason = "a learning rate travels as f32")]
        AdamW {
            learning_rate: (f64::from(self.learning_rate) * factor) as f32,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decay: self.decay,
            average: (self.average > 0.0).then_some(self.average),
        }
    }
}

/// A configuration that cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An augmentation setting.
    #[error("in [augmentation]: {0}")]
    Augmentation(#[from] AugmentationError),
    /// An objective setting.
    #[error("in [objective]: {0}")]
    Objective(#[from] ObjectiveError),
    /// A split setting.
    #[error("in [split]: {0}")]
    Split(#[from] SplitError),
    /// A pretraining setting.
    #[error("in [pretrain]: {0}")]
    Pretrain(#[from] EncoderError),
    /// A training setting.
    #[error("in [training]: {0}")]
    Training(#[from] TrainingError),
    /// Fewer than two classes are nothing to tell apart.
    #[error("setting `classes` is {0}, but must be at least 2")]
    Classes(u8),
    /// The network's name is unknown.
    #[error("there is no network `{found}`; there are {known}")]
    UnknownNetwork {
        /// The name.
        found: String,
        /// The names there are.
        known: String,
    },
    /// The network does not end in one output per class.
    #[error("the network has {outputs} outputs, but there are {classes} classes")]
    Outputs {
        /// Outputs of the last layer.
        outputs: usize,
        /// Classes.
        classes: u8,
    },
    /// An optimiser setting is out of range.
    #[error("setting `optimizer.{setting}` is {found}, but must be {expected}")]
    Optimizer {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: f32,
        /// What it may be.
        expected: &'static str,
    },
    /// A batch without samples.
    #[error("setting `batch.{setting}` is {found}, but must be at least {least}")]
    Batch {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: usize,
        /// The smallest value allowed.
        least: usize,
    },
    /// The teacher or the evaluation needs an average that is not kept.
    #[error("setting `{setting}` needs an average of the weights, but `optimizer.average` is 0")]
    NoAverage {
        /// The setting that needs it.
        setting: &'static str,
    },
}

impl Config {
    /// Refuses what cannot work, before any expensive step.
    ///
    /// # Errors
    /// The first setting at fault.
    pub fn validate(&self, points: usize) -> Result<(), ConfigError> {
        if self.classes < 2 {
            return Err(ConfigError::Classes(self.classes));
        }
        let classes = usize::from(self.classes);
        self.augmentation.validate(self.preparation, points)?;
        self.objective.validate(classes)?;
        self.split.validate(classes)?;
        self.pretrain.validate()?;
        self.training.validate()?;
        self.validate_optimizer()?;
        for (setting, found) in
            [("labeled", self.batch.labeled), ("unlabeled", self.batch.unlabeled)]
        {
            if found < 2 {
                // Batch statistics of one sample are no statistics.
                return Err(ConfigError::Batch { setting, found, least: 2 });
            }
        }
        if self.optimizer.average == 0.0 {
            let teacher = self.objective.algorithm.teacher().unwrap_or(self.training.teacher);
            if self.objective.uses_unlabeled() && teacher == Teacher::Average {
                return Err(ConfigError::NoAverage { setting: "training.teacher" });
            }
            if self.training.evaluate_with == WeightsChoice::Average {
                return Err(ConfigError::NoAverage { setting: "training.evaluate_with" });
            }
        }
        let outputs = self.architecture()?.classes();
        if outputs != classes {
            return Err(ConfigError::Outputs { outputs, classes: self.classes });
        }
        Ok(())
    }

    fn validate_optimizer(&self) -> Result<(), ConfigError> {
        let OptimizerSettings {
            learning_rate, beta1, beta2, epsilon, weight_decay, average, ..
        } = self.optimizer;
        let unit = |value: f32| (0.0..1.0).contains(&value);
        let checks = [
            (
                "learning_rate",
                learning_rate,
                learning_rate > 0.0 && learning_rate.is_finite(),
                "above 0",
            ),
            ("beta1", beta1, unit(beta1), "at least 0 and below 1"),
            ("beta2", beta2, unit(beta2), "at least 0 and below 1"),
            ("epsilon", epsilon, epsilon > 0.0 && epsilon.is_finite(), "above 0"),
            (
                "weight_decay",
                weight_decay,
                weight_decay >= 0.0 && weight_decay.is_finite(),
                "at least 0",
            ),
            ("average", average, unit(average), "at least 0 and below 1"),
        ];
        match checks.into_iter().find(|(_, _, ok, _)| !ok) {
            Some((setting, found, _, expected)) => {
                Err(ConfigError::Optimizer { setting, found, expected })
            }
            None => Ok(()),
        }
    }

    /// The network's layers, with one output per class.
    ///
    /// # Errors
    /// If the preset's name is unknown.
    pub fn architecture(&self) -> Result<Architecture, ConfigError> {
        match &self.network.architecture {
            ArchitectureChoice::Layers(architecture) => Ok(architecture.clone()),
            ArchitectureChoice::Preset(name) => Architecture::preset(name)
                .map(|preset| preset.with_classes(usize::from(self.classes)))
                .ok_or_else(|| ConfigError::UnknownNetwork {
                    found: name.clone(),
                    known: Architecture::PRESETS.join(", "),
                }),
        }
    }
}
