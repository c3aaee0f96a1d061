//! A pretrained network as the eye of others: signals in, features out.
//!
//! Encoders are trained once for a run, on patterns without labels (by `pretrain`), and frozen.
//! What a classifier then sees of a pattern is the activations before each encoder's last layer, side
//! by side, shifted and scaled so that over the pool every feature has mean 0 and the features of a
//! pattern have a mean square length of 1.

mod inputs;

use convnet::{
    Architecture, CpuNetwork, Initialization, Layer, Matrix, Network, Tensor, Tensors, Weights,
};
use diffraction::Element;
use serde::{Deserialize, Serialize};

pub(crate) use inputs::plain_signals;
pub use inputs::{Inputs, Sticks};

/// How encoders are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pretraining {
    /// What encoders learn to tell from a pattern.
    pub target: Target,
    /// The element whose ions move, and whose surroundings encoders learn too where the structures of
    /// the unlabelled patterns are given.
    pub ion: Element,
    /// How many encoders, which differ in their randomness only.
    pub encoders: u32,
    /// Widths of the hidden layers; the last one's activations are the features.
    pub hidden: Vec<usize>,
    /// Dropout after every hidden layer. In \[0, 1).
    pub dropout: f32,
    /// Passes over the pool.
    pub epochs: u32,
    /// Patterns in a step; all, where there are fewer.
    pub batch: usize,
    /// The largest learning rate; it rises over the first 30 % of the steps and falls to 0.
    pub learning_rate: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Whether every experiment trains a copy of the encoder, with a linear layer on it, in place of
    /// the network of `[network]` on the frozen encoder's features. One encoder only.
    pub fine_tune: bool,
}

impl Default for Pretraining {
    fn default() -> Self {
        Self {
            target: Target::None,
            ion: Element::LITHIUM,
            encoders: 1,
            hidden: vec![512, 256],
            dropout: 0.3,
            epochs: 20,
            batch: 128,
            learning_rate: 1e-3,
            weight_decay: 0.02,
            fine_tune: false,
        }
    }
}

/// What encoders learn to tell from a pattern of the unlabelled file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// No pretraining: the classifier sees the signal itself.
    None,
    /// The composition where most rows have a readable formula and these differ, the profile
    /// otherwise.
    Auto,
    /// Each element's share of the atoms, from the formula.
    Composition,
    /// The undistorted pattern's intensity in coarse bins, from a distorted view (denoising).
    Profile,
}

/// Why there is no encoder.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EncoderError {
    /// A setting is out of range.
    #[error("setting `{setting}` is {found}, but must be {expected}")]
    Setting {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// A stored tensor is missing.
    #[error("the encoder has no `{name}`")]
    Missing {
        /// The tensor's name.
        name: String,
    },
    /// A stored tensor has another length than the settings ask for.
    #[error("`{name}` of the encoder has {found} values instead of {expected}")]
    Length {
        /// The tensor's name.
        name: &'static str,
        /// Its length.
        found: usize,
        /// The length it should have.
        expected: usize,
    },
    /// The network cannot be built for this input.
    #[error(transparent)]
    Architecture(#[from] convnet::ArchitectureError),
    /// Stored weights do not fit the network.
    #[error(transparent)]
    Load(#[from] convnet::LoadError),
}

impl Pretraining {
    /// Whether there is any.
    pub fn is_on(&self) -> bool {
        self.target != Target::None
    }

    /// Whether there is an encoder that stays as it is, through which patterns are seen.
    pub fn is_frozen(&self) -> bool {
        self.is_on() && !self.fine_tune
    }

    /// Whether there is an encoder that every experiment trains a copy of.
    pub fn is_fine_tuned(&self) -> bool {
        self.is_on() && self.fine_tune
    }

    /// Refuses settings that make no sense.
    ///
    /// # Errors
    /// The first setting at fault.
    pub fn validate(&self) -> Result<(), EncoderError> {
        let check = |setting, found: f64, ok: bool, expected| {
            if ok { Ok(()) } else { Err(EncoderError::Setting { setting, found, expected }) }
        };
        check("encoders", self.encoders.into(), self.encoders > 0, "at least 1")?;
        let one = !self.fine_tune || self.encoders == 1;
        check("encoders", self.encoders.into(), one, "1 where `fine_tune` is on")?;
        check("epochs", self.epochs.into(), self.epochs > 0, "at least 1")?;
        check("batch", self.batch as f64, self.batch > 1, "at least 2")?;
        check("hidden", 0.0, !self.hidden.is_empty(), "a list of at least one width")?;
        for &width in &self.hidden {
            check("hidden", width as f64, width > 0, "widths of at least 1")?;
        }
        let (dropout, rate) = (f64::from(self.dropout), f64::from(self.learning_rate));
        check("dropout", dropout, (0.0..1.0).contains(&dropout), "at least 0 and below 1")?;
        check("learning_rate", rate, rate.is_finite() && rate > 0.0, "above 0")?;
        let decay = f64::from(self.weight_decay);
        check("weight_decay", decay, decay.is_finite() && decay >= 0.0, "at least 0")
    }

    /// Features of a pattern.
    pub fn features(&self) -> usize {
        self.encoders as usize * self.hidden.last().copied().unwrap_or(0)
    }

    /// The layers of an encoder with its last, which is needed for training only.
    pub fn architecture(&self, outputs: usize) -> Architecture {
        let hidden = self.hidden.iter().flat_map(|&outputs| {
            let dropout = Layer::Dropout { rate: self.dropout };
            [Layer::Linear { outputs }, Layer::BatchNorm, Layer::Relu, dropout]
        });
        let classifier = hidden.chain([Layer::Linear { outputs }]).collect();
        Architecture { features: Vec::new(), classifier }
    }
}

/// Trained encoders.
pub struct Encoder {
    networks: Vec<CpuNetwork>,
    mean: Vec<f32>,
    /// Per encoder.
    scale: Vec<f32>,
}

impl Encoder {
    /// Encoders of trained networks, not yet standardised.
    pub(crate) fn of(networks: Vec<CpuNetwork>, settings: &Pretraining) -> Self {
        let scale = vec![1.0; networks.len()];
        Self { networks, mean: vec![0.0; settings.features()], scale }
    }

    /// Shifts and scales features as over some patterns of which these are the features, a chunk at
    /// a time.
    pub(crate) fn standardize(&mut self, chunks: &[Matrix]) {
        let rows: usize = chunks.iter().map(Matrix::rows).sum();
        let width = self.mean.len();
        let mut sums = vec![0.0f64; width];
        let each = || chunks.iter().flat_map(|chunk| chunk.as_slice().chunks_exact(width));
        for row in each() {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        sums.iter_mut().for_each(|sum| *sum /= rows as f64);
        let own = width / self.networks.len();
        #[expect(clippy::cast_possible_truncation, reason = "features travel as f32")]
        for (encoder, scale) in self.scale.iter_mut().enumerate() {
            let part = encoder * own..(encoder + 1) * own;
            let square: f64 = each()
                .map(|row| {
                    let off = row[part.clone()].iter().zip(&sums[part.clone()]);
                    off.map(|(value, mean)| (f64::from(*value) - mean).powi(2)).sum::<f64>()
                })
                .sum();
            let length = (square / rows as f64 * self.networks.len() as f64).sqrt();
            // Features that never change stay 0.
            *scale = if length > 0.0 { (1.0 / length) as f32 } else { 0.0 };
        }
        #[expect(clippy::cast_possible_truncation, reason = "features travel as f32")]
        self.mean.iter_mut().zip(sums).for_each(|(mean, sum)| *mean = sum as f32);
    }

    /// Encoders as they were stored, for signals of `bins` points.
    ///
    /// # Errors
    /// If a tensor is missing or does not fit the settings.
    pub fn from_tensors(
        settings: &Pretraining,
        bins: usize,
        tensors: &Tensors,
    ) -> Result<Self, EncoderError> {
        let get = |name: &'static str, expected: Option<usize>| {
            let missing = || EncoderError::Missing { name: name.to_owned() };
            let data = &tensors.get(name).ok_or_else(missing)?.data;
            match (data.len(), expected) {
                (found, Some(expected)) if found != expected => {
                    Err(EncoderError::Length { name, found, expected })
                }
                _ => Ok(data.clone()),
            }
        };
        let outputs = get("outputs", Some(1))?[0];
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count below 2^24; nonsense does not fit the weights"
        )]
        let architecture = settings.architecture(outputs as usize);
        let mut networks = Vec::new();
        for encoder in 0..settings.encoders {
            let prefix = format!("{encoder}.");
            let own = tensors.iter().filter_map(|(name, tensor)| {
                Some((name.strip_prefix(&prefix)?.to_owned(), tensor.clone()))
            });
            let mut network =
                CpuNetwork::new(architecture.clone(), bins, Initialization::Xavier, 0)?;
            network.load(&own.collect())?;
            networks.push(network);
        }
        let mean = get("mean", Some(settings.features()))?;
        let scale = get("scale", Some(networks.len()))?;
        Ok(Self { networks, mean, scale })
    }

    /// `start`, the weights of a network of [`Pretraining::architecture`], with those of a stored
    /// encoder in place of its hidden layers'.
    ///
    /// # Errors
    /// If a tensor is missing.
    pub(crate) fn begin(
        settings: &Pretraining,
        encoder: &Tensors,
        mut start: Tensors,
    ) -> Result<Tensors, EncoderError> {
        let last = settings.architecture(1).last_layer();
        for (name, tensor) in &mut start {
            if name.strip_prefix(&last).is_none_or(|rest| !rest.starts_with('.')) {
                let stored = encoder.get(&format!("0.{name}"));
                let missing = || EncoderError::Missing { name: name.clone() };
                *tensor = stored.ok_or_else(missing)?.clone();
            }
        }
        Ok(start)
    }

    /// Everything, as tensors.
    pub fn to_tensors(&self) -> Tensors {
        let vector = |data: Vec<f32>| Tensor { shape: vec![data.len()], data };
        let mut tensors = Tensors::new();
        tensors.insert("mean".to_owned(), vector(self.mean.clone()));
        tensors.insert("scale".to_owned(), vector(self.scale.clone()));
        for (number, network) in self.networks.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a number of outputs, below 2^24")]
            tensors.insert("outputs".to_owned(), vector(vec![network.classes() as f32]));
            for (name, tensor) in network.weights(Weights::Current) {
                tensors.insert(format!("{number}.{name}"), tensor);
            }
        }
        tensors
    }

    /// The encoders one by one, for a graph of ONNX.
    pub(crate) fn to_onnx(&self, settings: &Pretraining) -> Vec<exchange::onnx::Encoder> {
        let own = self.mean.len() / self.networks.len();
        let each = self.networks.iter().zip(self.mean.chunks(own)).zip(&self.scale);
        each.map(|((network, mean), &scale)| exchange::onnx::Encoder {
            architecture: settings.architecture(network.classes()),
            weights: network.weights(Weights::Current),
            mean: Tensor { shape: vec![own], data: mean.to_vec() },
            scale,
        })
        .collect()
    }

    /// Features of a pattern.
    pub fn features(&self) -> usize {
        self.mean.len()
    }

    /// The features of some signals: (B, bins) to (B, features).
    pub fn encode(&mut self, signals: &Matrix) -> Matrix {
        let width = self.mean.len();
        let mut features = Matrix::zeros(signals.rows(), width);
        let mut first = 0;
        for (network, &scale) in self.networks.iter_mut().zip(&self.scale) {
            let embedded = network.embed(signals, Weights::Current);
            let part = first..first + embedded.cols();
            for row in 0..signals.rows() {
                let own = features.row_mut(row)[part.clone()].iter_mut();
                let centered = embedded.row(row).iter().zip(&self.mean[part.clone()]);
                own.zip(centered).for_each(|(out, (value, mean))| *out = (value - mean) * scale);
            }
            first = part.end;
        }
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Pretraining {
        Pretraining { encoders: 2, hidden: vec![7, 5], ..Pretraining::default() }
    }

    fn encoder() -> Encoder {
        let settings = settings();
        let network = |seed| {
            CpuNetwork::new(settings.architecture(4), 9, Initialization::Xavier, seed).unwrap()
        };
        Encoder::of(vec![network(1), network(2)], &settings)
    }

    fn signals(rows: usize) -> Matrix {
        let value = |i: usize| ((i * 37 % 101) as f32 / 50.0) - 1.0;
        Matrix::from_vec(rows, 9, (0..rows * 9).map(value).collect())
    }

    #[test]
    fn standard_features_have_mean_zero_and_a_mean_square_length_of_one() {
        let mut encoder = encoder();
        let chunks = [encoder.encode(&signals(30)), encoder.encode(&signals(11))];
        encoder.standardize(&chunks);
        let (a, b) = (encoder.encode(&signals(30)), encoder.encode(&signals(11)));
        let rows = || a.as_slice().chunks_exact(10).chain(b.as_slice().chunks_exact(10));
        for feature in 0..10 {
            let sum: f32 = rows().map(|row| row[feature]).sum();
            assert!((sum / 41.0).abs() < 1e-5, "{feature} {sum}");
        }
        for part in [0..5, 5..10] {
            let square: f32 =
                rows().flat_map(|row| &row[part.clone()]).map(|value| value * value).sum();
            assert!((square / 41.0 - 0.5).abs() < 1e-4, "{square}");
        }
    }

    #[test]
    fn an_encoder_comes_back_from_its_tensors_bit_by_bit() {
        let mut encoder = encoder();
        let chunk = encoder.encode(&signals(30));
        encoder.standardize(&[chunk]);
        let mut back = Encoder::from_tensors(&settings(), 9, &encoder.to_tensors()).unwrap();
        assert_eq!(back.encode(&signals(8)).as_slice(), encoder.encode(&signals(8)).as_slice());
        assert_eq!(back.features(), 10);
    }

    #[test]
    fn tensors_of_another_encoder_are_refused() {
        let tensors = encoder().to_tensors();
        let with = |settings: Pretraining, bins| {
            Encoder::from_tensors(&settings, bins, &tensors).map(|_| ()).unwrap_err()
        };
        let wider = Pretraining { hidden: vec![7, 6], ..settings() };
        assert!(matches!(with(wider, 9), EncoderError::Load(_)));
        assert!(matches!(with(settings(), 10), EncoderError::Load(_)));
        let mut partial = tensors.clone();
        partial.remove("mean");
        let found = Encoder::from_tensors(&settings(), 9, &partial).map(|_| ()).unwrap_err();
        assert_eq!(found, EncoderError::Missing { name: "mean".to_owned() });
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for bad in [
            Pretraining { encoders: 0, ..settings() },
            Pretraining { hidden: vec![], ..settings() },
            Pretraining { hidden: vec![4, 0], ..settings() },
            Pretraining { dropout: 1.0, ..settings() },
            Pretraining { batch: 1, ..settings() },
            Pretraining { learning_rate: f32::NAN, ..settings() },
        ] {
            assert!(matches!(bad.validate(), Err(EncoderError::Setting { .. })), "{bad:?}");
        }
        assert_eq!(settings().validate(), Ok(()));
    }
}
