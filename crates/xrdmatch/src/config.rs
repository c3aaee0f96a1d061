//! Everything that can be set, and where each value came from.
//!
//! Each module owns its settings; [`Config`] only names them. A configuration is built in layers,
//! each overriding the one before: defaults, preset, file, command line ([`Layers`]).

mod layers;

use convnet::{AdamW, Architecture, Decay, Initialization, Precision, Tensors};
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
    /// Stochastic weight averaging: after this part of the steps the running average is the plain
    /// mean of all weights since, running statistics with them (Izmailov et al., UAI 2018,
    /// arXiv:1803.05407); 0 for none. In \[0, 1), and not together with `average`.
    pub swa_from: f32,
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
            swa_from: 0.0,
        }
    }
}

impl OptimizerSettings {
    /// Whether an average of the weights is kept.
    pub fn averages(&self) -> bool {
        self.average > 0.0 || self.swa_from > 0.0
    }

    /// The optimiser at `step` of `steps`, where the schedule multiplies the learning rate by `factor`.
    pub fn at(&self, factor: f64, step: u64, steps: u64) -> AdamW {
        #[expect(clippy::cast_possible_truncation, reason = "a learning rate travels as f32")]
        AdamW {
            learning_rate: (f64::from(self.learning_rate) * factor) as f32,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            decay: self.decay,
            average: self.averages().then(|| self.memory(step, steps)),
        }
    }

    /// How much of the average is kept at a step. Of n weights before it, the mean keeps n / (n + 1).
    fn memory(&self, step: u64, steps: u64) -> f32 {
        if self.swa_from == 0.0 {
            return self.average;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of the steps"
        )]
        let first = (f64::from(self.swa_from) * steps as f64) as u64;
        let before = step.saturating_sub(first) as f64;
        #[expect(clippy::cast_possible_truncation, reason = "a memory travels as f32")]
        let memory = (before / (before + 1.0)) as f32;
        memory
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
    #[error(
        "setting `{setting}` needs an average of the weights, but `optimizer.average` and `optimizer.swa_from` are 0"
    )]
    NoAverage {
        /// The setting that needs it.
        setting: &'static str,
    },
    /// One average is kept, not two.
    #[error(
        "setting `optimizer.average` and setting `optimizer.swa_from` are both above 0: choose one"
    )]
    TwoAverages,
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
        if !self.optimizer.averages() {
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
            learning_rate,
            beta1,
            beta2,
            epsilon,
            weight_decay,
            average,
            swa_from,
            ..
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
            ("swa_from", swa_from, unit(swa_from), "at least 0 and below 1"),
        ];
        if average > 0.0 && swa_from > 0.0 {
            return Err(ConfigError::TwoAverages);
        }
        match checks.into_iter().find(|(_, _, ok, _)| !ok) {
            Some((setting, found, _, expected)) => {
                Err(ConfigError::Optimizer { setting, found, expected })
            }
            None => Ok(()),
        }
    }

    /// The layers of the network that is trained: those of [`architecture`](Self::architecture), with
    /// as many outputs as the objective has heads for each class.
    ///
    /// # Errors
    /// If the preset's name is unknown.
    pub fn trained_architecture(&self) -> Result<Architecture, ConfigError> {
        let outputs = usize::from(self.classes) * self.objective.heads();
        Ok(self.architecture()?.with_classes(outputs))
    }

    /// What of trained weights is the network of [`architecture`](Self::architecture): all, or the last
    /// head where there are several.
    pub(crate) fn deployed(&self, mut weights: Tensors) -> Tensors {
        let heads = self.objective.heads();
        if heads == 1 {
            return weights;
        }
        let Ok(architecture) = self.architecture() else { return weights };
        for part in ["weight", "bias"] {
            let Some(tensor) = weights.get_mut(&format!("{}.{part}", architecture.last_layer()))
            else {
                continue;
            };
            if let Some(outputs) = tensor.shape.first_mut() {
                *outputs /= heads;
            }
            let before = tensor.data.len() / heads * (heads - 1);
            tensor.data.drain(..before);
        }
        weights
    }

    /// The network's layers, with one output per class.
    ///
    /// # Errors
    /// If the preset's name is unknown.
    pub fn architecture(&self) -> Result<Architecture, ConfigError> {
        if self.pretrain.is_fine_tuned() {
            return Ok(self.pretrain.architecture(self.classes.into()));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stochastic_averaging_keeps_the_plain_mean_of_the_last_steps() {
        let settings = OptimizerSettings { swa_from: 0.6, ..OptimizerSettings::default() };
        assert!(settings.averages() && !OptimizerSettings::default().averages());
        let weight = |step: u64| (step * step) as f64;
        let mut average = 7.0;
        for step in 0..20 {
            let memory = f64::from(settings.at(1.0, step, 20).average.expect("an average"));
            average = memory * average + (1.0 - memory) * weight(step);
        }
        let expected = (12..20).map(weight).sum::<f64>() / 8.0;
        assert!((average - expected).abs() < 1e-4 * expected, "{average} {expected}");
        let moving = OptimizerSettings { average: 0.9, ..OptimizerSettings::default() };
        assert_eq!(moving.at(1.0, 3, 20).average, Some(0.9));
    }

    #[test]
    fn two_averages_and_fine_tuning_several_encoders_are_refused() {
        let mut config = Config::default();
        (config.optimizer.average, config.optimizer.swa_from) = (0.9, 0.5);
        assert!(matches!(config.validate(4501), Err(ConfigError::TwoAverages)));
        let mut config = Config::default();
        (config.pretrain.fine_tune, config.pretrain.encoders) = (true, 2);
        let found = config.validate(4501);
        let encoders = EncoderError::Setting {
            setting: "encoders",
            found: 2.0,
            expected: "1 where `fine_tune` is on",
        };
        assert!(matches!(found, Err(ConfigError::Pretrain(error)) if error == encoders));
    }

    #[test]
    fn of_two_heads_the_last_is_deployed() {
        let mut config = Config::default();
        config.network.architecture = ArchitectureChoice::Preset("linear".to_owned());
        let tensor = |shape: &[usize]| convnet::Tensor {
            shape: shape.to_vec(),
            data: (0..shape.iter().product::<usize>()).map(|value| value as f32).collect(),
        };
        let name =
            |part: &str| format!("{}.{part}", config.architecture().expect("layers").last_layer());
        let weights = |rows| {
            Tensors::from([(name("weight"), tensor(&[rows, 3])), (name("bias"), tensor(&[rows]))])
        };
        assert_eq!(config.deployed(weights(2)), weights(2));
        let (weight, bias) = (name("weight"), name("bias"));
        let before = weights(4);
        config.objective.algorithm = crate::objective::Algorithm::Abc;
        assert_eq!(config.trained_architecture().expect("layers").classes(), 4);
        let after = config.deployed(before);
        assert_eq!((&after[&weight].shape[..], &after[&bias].shape[..]), (&[2, 3][..], &[2][..]));
        assert_eq!(after[&weight].data, [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        assert_eq!(after[&bias].data, [2.0, 3.0]);
    }
}
