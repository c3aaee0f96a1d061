//! The architectures known by name.

use super::{Architecture, Layer};

/// Probability of a zero in every dropout layer of the presets.
const DROPOUT: f32 = 0.5;
/// Features between the linear layers of the head, and the classes at its end.
const HEAD: [usize; 3] = [1024, 256, 2];

impl Architecture {
    /// Names that [`preset`](Self::preset) knows.
    pub const PRESETS: &[&str] =
        &["paper", "vgg11", "vgg13", "vgg16", "vgg19", "compact", "perceptron", "linear"];

    /// An architecture by name: `paper` is the network of Z. Wan et al., *Energy Environ. Sci.*
    /// 2024, 17, 9487; `vgg11` to `vgg19` are the classic layouts in one dimension with batch
    /// norm, `vgg16` that of PaddleScience's example. For signals of some hundred points:
    /// `compact`, three small convolutions whose flattening keeps the place of every peak;
    /// `perceptron`, two hidden layers; `linear`, one layer.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        if let Some(small) = small(name) {
            return Some(small);
        }
        let features = match name {
            "paper" => paper(),
            "vgg11" => vgg(&[1, 1, 2, 2, 2]),
            "vgg13" => vgg(&[2, 2, 2, 2, 2]),
            "vgg16" => vgg(&[2, 2, 3, 3, 3]),
            "vgg19" => vgg(&[2, 2, 4, 4, 4]),
            _ => return None,
        };
        let [wide, narrow, classes] = HEAD;
        let mut classifier = Vec::new();
        for outputs in [wide, narrow] {
            classifier.extend([
                Layer::Linear { outputs },
                Layer::Relu,
                Layer::Dropout { rate: DROPOUT },
            ]);
        }
        classifier.push(Layer::Linear { outputs: classes });
        Some(Self { features, classifier })
    }
}

/// Networks for short signals and few labels.
fn small(name: &str) -> Option<Architecture> {
    let hidden = |outputs, rate| {
        [Layer::Linear { outputs }, Layer::BatchNorm, Layer::Relu, Layer::Dropout { rate }]
    };
    let classes = Layer::Linear { outputs: HEAD[2] };
    Some(match name {
        "compact" => {
            let mut features = Vec::new();
            for (channels, kernel) in [(16, 7), (32, 5), (64, 5)] {
                features.extend([
                    Layer::Conv { channels, kernel, stride: 1, padding: kernel / 2 },
                    Layer::BatchNorm,
                    Layer::Relu,
                    Layer::MaxPool { size: 3 },
                ]);
            }
            features.push(Layer::Dropout { rate: DROPOUT });
            let classifier = hidden(64, DROPOUT).into_iter().chain([classes]).collect();
            Architecture { features, classifier }
        }
        "perceptron" => {
            let hidden = [hidden(256, DROPOUT), hidden(64, DROPOUT)].concat();
            let classifier = hidden.into_iter().chain([classes]).collect();
            Architecture { features: Vec::new(), classifier }
        }
        "linear" => Architecture { features: Vec::new(), classifier: vec![classes] },
        _ => return None,
    })
}

/// Four stages of a convolution with stride 2, one with stride 1, and a pool.
fn paper() -> Vec<Layer> {
    let mut layers = Vec::new();
    for (channels, kernel) in [(64, 16), (128, 12), (256, 8), (512, 4)] {
        for stride in [2, 1] {
            layers.extend([
                Layer::Conv { channels, kernel, stride, padding: 1 },
                Layer::BatchNorm,
                Layer::Relu,
            ]);
        }
        layers.extend([Layer::MaxPool { size: 2 }, Layer::Dropout { rate: DROPOUT }]);
    }
    layers
}

/// Five stages of `depths` convolutions with kernel 3 and a pool each.
fn vgg(depths: &[usize; 5]) -> Vec<Layer> {
    let mut layers = Vec::new();
    for (&depth, channels) in depths.iter().zip([64, 128, 256, 512, 512]) {
        for _ in 0..depth {
            layers.extend([
                Layer::Conv { channels, kernel: 3, stride: 1, padding: 1 },
                Layer::BatchNorm,
                Layer::Relu,
            ]);
        }
        layers.extend([Layer::MaxPool { size: 2 }, Layer::Dropout { rate: DROPOUT }]);
    }
    layers
}
