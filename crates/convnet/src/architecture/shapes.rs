//! What a list of layers makes of an input length, and when it makes no sense.

use super::{Architecture, Layer};
use crate::kernels::isa::InstructionsError;

/// The largest number of values in one tensor or one weight that is worth a try; beyond it the
/// configuration is a mistake, and sizes could overflow.
const LARGEST: usize = 1 << 40;

/// Channels and length of one sample after a layer; features after the flattening have length 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels, or features.
    pub channels: usize,
    /// Points.
    pub length: usize,
}

/// Why a list of layers is not a network for this input length. Layers are counted from 0 within
/// `feature` and `classifier` as in the names of the weights.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
pub enum ArchitectureError {
    /// The signal is shorter than a window.
    #[error(
        "fit {layer} to the signal: {available} points remain of an input of {input_length}, \
         but it needs {needed}"
    )]
    TooShort {
        /// Which layer.
        layer: String,
        /// Points it needs, padding included.
        needed: usize,
        /// Points there are, padding included.
        available: usize,
        /// Points of the network's input.
        input_length: usize,
    },
    /// A setting is out of range.
    #[error("build {layer}: {setting} must not be {value}")]
    Setting {
        /// Which layer.
        layer: String,
        /// Which setting.
        setting: &'static str,
        /// Its value.
        value: f64,
    },
    /// A layer cannot stand where it stands.
    #[error("build {layer}: {reason}")]
    Misplaced {
        /// Which layer.
        layer: String,
        /// Why not.
        reason: &'static str,
    },
    /// The classifier does not end with a linear layer.
    #[error("build the classifier: it must end with a linear layer, whose outputs are the classes")]
    NoClasses,
    /// The environment asks for instructions that cannot be used.
    #[error(transparent)]
    Instructions(#[from] InstructionsError),
    /// The network is larger than any memory.
    #[error("build {layer}: it would hold more than 2^40 values")]
    TooLarge {
        /// Which layer.
        layer: String,
    },
}

impl Architecture {
    /// Shape after every layer, features first, then classifier.
    ///
    /// # Errors
    /// The first layer that cannot be built, and why.
    pub fn shapes(&self, input_length: usize) -> Result<Vec<Shape>, ArchitectureError> {
        let mut shapes = Vec::with_capacity(self.features.len() + self.classifier.len());
        let mut shape = Shape { channels: 1, length: input_length };
        if input_length == 0 {
            return Err(ArchitectureError::TooShort {
                layer: "the input".into(),
                needed: 1,
                available: 0,
                input_length,
            });
        }
        for (position, layer) in self.features.iter().enumerate() {
            shape = after(layer, shape, input_length, || name("feature", position, layer))?;
            shapes.push(shape);
        }
        let mut flat = false;
        for (position, layer) in self.classifier.iter().enumerate() {
            let name = || name("classifier", position, layer);
            let misplaced = |reason| Err(ArchitectureError::Misplaced { layer: name(), reason });
            shape = match layer {
                Layer::Linear { outputs } => {
                    positive(*outputs, "outputs", name)?;
                    flat = true;
                    bounded(&[shape.channels, shape.length, *outputs], name)?;
                    Shape { channels: *outputs, length: 1 }
                }
                Layer::Conv { .. } | Layer::MaxPool { .. } => {
                    return misplaced("it needs a length, which the flattening has taken away");
                }
                Layer::BatchNorm if !flat => {
                    return misplaced("in the classifier it must come after a linear layer");
                }
                layer => {
                    after(layer, shape, input_length, name)?;
                    // Before the first linear layer the features still lie as (channels, length).
                    shape
                }
            };
            shapes.push(if flat {
                shape
            } else {
                Shape { channels: shape.channels * shape.length, length: 1 }
            });
        }
        match self.classifier.last() {
            Some(Layer::Linear { .. }) => Ok(shapes),
            _ => Err(ArchitectureError::NoClasses),
        }
    }

    /// Number of trainable parameters: weights, biases, batch norm's scales and offsets.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn parameters(&self, input_length: usize) -> Result<usize, ArchitectureError> {
        let mut inputs = Shape { channels: 1, length: input_length };
        let mut count = 0;
        let layers = self.features.iter().chain(&self.classifier);
        for (layer, outputs) in layers.zip(self.shapes(input_length)?) {
            count += match layer {
                Layer::Conv { channels, kernel, .. } => channels * (inputs.channels * kernel + 1),
                Layer::Linear { outputs } => outputs * (inputs.channels * inputs.length + 1),
                Layer::BatchNorm => 2 * outputs.channels,
                Layer::Relu | Layer::MaxPool { .. } | Layer::Dropout { .. } => 0,
            };
            inputs = outputs;
        }
        Ok(count)
    }

    /// The smallest batch that batch norm can learn from: 2 when a batch norm sees a single point
    /// per sample (PyTorch refuses a batch of 1 there), else 1.
    ///
    /// # Errors
    /// As [`shapes`](Self::shapes).
    pub fn smallest_training_batch(&self, input_length: usize) -> Result<usize, ArchitectureError> {
        let shapes = self.shapes(input_length)?;
        let layers = self.features.iter().chain(&self.classifier);
        let single = layers.zip(shapes).any(|(l, s)| *l == Layer::BatchNorm && s.length == 1);
        Ok(if single { 2 } else { 1 })
    }
}

/// Shape after a layer that works on channels and a length.
fn after(
    layer: &Layer,
    shape: Shape,
    input_length: usize,
    name: impl Fn() -> String,
) -> Result<Shape, ArchitectureError> {
    let fit = |needed: usize, available: usize| {
        if available >= needed {
            return Ok(());
        }
        Err(ArchitectureError::TooShort { layer: name(), needed, available, input_length })
    };
    Ok(match *layer {
        Layer::Conv { channels, kernel, stride, padding } => {
            positive(channels, "channels", &name)?;
            positive(kernel, "kernel", &name)?;
            positive(stride, "stride", &name)?;
            bounded(&[shape.channels, channels, kernel], &name)?;
            bounded(&[padding, 2], &name)?;
            let padded = shape.length + 2 * padding;
            fit(kernel, padded)?;
            let length = (padded - kernel) / stride + 1;
            bounded(&[channels, length], &name)?;
            bounded(&[shape.channels, padded], &name)?;
            Shape { channels, length }
        }
        Layer::MaxPool { size } => {
            positive(size, "size", &name)?;
            fit(size, shape.length)?;
            Shape { length: shape.length / size, ..shape }
        }
        Layer::Dropout { rate } => {
            if !(0.0..1.0).contains(&rate) {
                return Err(ArchitectureError::Setting {
                    layer: name(),
                    setting: "rate",
                    value: f64::from(rate),
                });
            }
            shape
        }
        Layer::BatchNorm | Layer::Relu => shape,
        Layer::Linear { .. } => {
            return Err(ArchitectureError::Misplaced {
                layer: name(),
                reason: "a linear layer belongs into the classifier, after the flattening",
            });
        }
    })
}

fn positive(
    value: usize,
    setting: &'static str,
    name: impl Fn() -> String,
) -> Result<(), ArchitectureError> {
    if value > 0 {
        return Ok(());
    }
    Err(ArchitectureError::Setting { layer: name(), setting, value: 0.0 })
}

fn bounded(extents: &[usize], name: impl Fn() -> String) -> Result<(), ArchitectureError> {
    let product = extents.iter().try_fold(1usize, |product, &x| product.checked_mul(x));
    if product.is_some_and(|values| values <= LARGEST) {
        return Ok(());
    }
    Err(ArchitectureError::TooLarge { layer: name() })
}

fn name(part: &str, position: usize, layer: &Layer) -> String {
    let kind = match layer {
        Layer::Conv { kernel, .. } => format!("convolution of kernel {kernel}"),
        Layer::BatchNorm => "batch norm".into(),
        Layer::Relu => "relu".into(),
        Layer::MaxPool { size } => format!("max-pool of {size}"),
        Layer::Dropout { .. } => "dropout".into(),
        Layer::Linear { .. } => "linear layer".into(),
    };
    format!("{part} layer {position} ({kind})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_their_published_sizes() {
        let flat = |name: &str| {
            let preset = Architecture::preset(name).expect("known");
            let shape = preset.shapes(4501).expect("fits")[preset.features.len() - 1];
            (shape.channels * shape.length, preset.parameters(4501).expect("fits"))
        };
        assert_eq!(flat("paper").0, 7680);
        assert_eq!(flat("vgg16").0, 71_680);
        assert!((10_800_000..10_900_000).contains(&flat("paper").1), "{}", flat("paper").1);
        assert!((78_500_000..78_700_000).contains(&flat("vgg16").1), "{}", flat("vgg16").1);
        for name in Architecture::PRESETS {
            assert!(Architecture::preset(name).is_some(), "{name}");
        }
        assert_eq!(Architecture::preset("vgg12"), None);
    }

    #[test]
    fn an_input_one_point_too_short_names_the_layer() {
        let paper = Architecture::preset("paper").expect("known");
        let shortest = (1..4501).find(|&l| paper.shapes(l).is_ok()).expect("some length fits");
        let error = paper.shapes(shortest - 1).expect_err("one point less does not");
        assert!(matches!(error, ArchitectureError::TooShort { .. }), "{error}");
        assert!(error.to_string().contains("feature layer"), "{error}");
    }

    #[test]
    fn impossible_layers_are_named() {
        let head = vec![Layer::Linear { outputs: 2 }];
        let with = |layer: Layer| Architecture { features: vec![layer], classifier: head.clone() };
        let conv = |channels, kernel, stride, padding| {
            with(Layer::Conv { channels, kernel, stride, padding }).shapes(10)
        };
        assert!(matches!(conv(0, 3, 1, 1), Err(ArchitectureError::Setting { .. })));
        assert!(matches!(conv(4, 3, 0, 1), Err(ArchitectureError::Setting { .. })));
        assert!(matches!(conv(4, 13, 1, 1), Err(ArchitectureError::TooShort { needed: 13, .. })));
        assert!(matches!(conv(4, 3, 1, usize::MAX), Err(ArchitectureError::TooLarge { .. })));
        let rate = with(Layer::Dropout { rate: f32::NAN }).shapes(10);
        assert!(matches!(rate, Err(ArchitectureError::Setting { setting: "rate", .. })));
        let linear = with(Layer::Linear { outputs: 3 }).shapes(10);
        assert!(matches!(linear, Err(ArchitectureError::Misplaced { .. })));
        let open = Architecture { features: vec![], classifier: vec![Layer::Relu] }.shapes(10);
        assert_eq!(open, Err(ArchitectureError::NoClasses));
    }

    #[test]
    fn architectures_survive_serialisation() {
        let paper = Architecture::preset("paper").expect("known");
        let text = serde_json::to_string(&paper).expect("serialises");
        assert!(text.contains(r#"{"type":"max-pool","size":2}"#), "{text}");
        assert_eq!(serde_json::from_str::<Architecture>(&text).expect("reads"), paper);
    }
}
