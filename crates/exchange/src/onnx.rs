//! A network as an ONNX graph, which onnxruntime and others run.
//!
//! The graph is written from the [`Architecture`] and its weights, layer by layer, in operator set 17.
//! Input `patterns` is (batch, points) in f32; outputs are `logits` and `probabilities`, (batch,
//! classes). It is the network as it answers: running statistics, no dropout. Before it stands what it
//! sees patterns through ([`Bins`], [`Encoder`]), and optionally the preparation of patterns
//! ([`Preparation`]), so that raw intensities go in.
//!
//! Format: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>, encoded by `message`.

mod message;

use convnet::{Architecture, ArchitectureError, Layer, Tensor, Tensors};
use message::Message;

/// Added to the variance before batch norm divides by its root, as PyTorch does.
const BATCH_NORM_EPSILON: f32 = 1e-5;

/// What is done to raw intensities before they enter the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preparation {
    /// After scaling to \[0, 1\], values below this become 0.
    pub cut: f32,
}

/// Points of a pattern gathered into bins, before the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    /// What each point adds to each bin, (points, bins); without it every point is a bin.
    pub profile: Option<Tensor>,
    /// Whether the root is taken of every bin.
    pub square_root: bool,
    /// What the bins of a pattern are divided by.
    pub unit: Unit,
}

/// What a pattern's bins are divided by, unless it is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The largest of them.
    Largest,
    /// The root of their mean square.
    RootMeanSquare,
}

/// A network whose last layer is left out; what enters it, less `mean` and times `scale`, is its share
/// of what the classifier sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoder {
    /// All layers, the last one too.
    pub architecture: Architecture,
    /// The weights, without those of the last layer or with them.
    pub weights: Tensors,
    /// A number per feature.
    pub mean: Tensor,
    /// One for all.
    pub scale: f32,
}

/// All that a graph is written from.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// Points of a pattern.
    pub points: usize,
    /// What is done to raw intensities, where the graph takes such.
    pub preparation: Option<Preparation>,
    /// What the pattern is turned into, if anything.
    pub bins: Option<&'a Bins>,
    /// What the classifier sees that through, side by side; none for itself.
    pub encoders: &'a [Encoder],
    /// The classifier.
    pub architecture: &'a Architecture,
    /// Its weights, named as [`convnet`] names them.
    pub weights: &'a Tensors,
    /// Kept in the file as text.
    pub metadata: &'a [(&'a str, &'a str)],
}

/// Why a network cannot be written as a graph.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// The layers do not fit the number of points.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The weights are not those of the architecture.
    #[error("the weights have no `{name}`")]
    Missing {
        /// The tensor that a layer needs.
        name: String,
    },
    /// Files of this format end at 2 GiB.
    #[error("the network takes {bytes} bytes, but a file of ONNX can hold at most 2147483647")]
    TooLarge {
        /// Bytes of all weights.
        bytes: usize,
    },
}

/// The bytes of an ONNX file.
///
/// # Errors
/// If architecture, points and weights do not fit each other, or the file would exceed 2 GiB.
pub fn write(model: &Model<'_>) -> Result<Vec<u8>, OnnxError> {
    let &Model { points, preparation, bins, encoders, architecture, weights, metadata } = model;
    let size =
        |tensors: &Tensors| -> usize { tensors.values().map(|tensor| 4 * tensor.data.len()).sum() };
    let profile = bins.and_then(|bins| bins.profile.as_ref());
    let bytes = size(weights)
        + encoders.iter().map(|encoder| size(&encoder.weights)).sum::<usize>()
        + profile.map_or(0, |profile| 4 * profile.data.len());
    if bytes > 2_000_000_000 {
        return Err(OnnxError::TooLarge { bytes });
    }
    let mut width = profile.map_or(points, |profile| profile.shape[1]);
    for encoder in encoders {
        encoder.architecture.shapes(width)?;
    }
    if !encoders.is_empty() {
        width = encoders.iter().map(|encoder| encoder.mean.data.len()).sum();
    }
    architecture.shapes(width)?;
    let mut graph = Graph::new("patterns");
    if let Some(preparation) = preparation {
        graph.prepare(preparation, points);
    }
    if let Some(bins) = bins {
        graph.bins(bins);
    }
    graph.tensor_i64("channel_axis", &[1]);
    graph.encoders(encoders)?;
    graph.network("", architecture, weights)?;
    Ok(graph.finish(points, architecture.classes(), metadata))
}

enum Attribute<'a> {
    Float(&'a str, f32),
    Int(&'a str, i64),
    Ints(&'a str, &'a [usize]),
}

/// A graph in the making: a chain of operations, the newest of which gave `current`.
struct Graph {
    message: Message,
    current: String,
    nodes: usize,
}

impl Graph {
    fn new(input: &str) -> Self {
        Self { message: Message::default(), current: input.to_owned(), nodes: 0 }
    }

    /// An operation on `current` and further inputs; its output becomes `current`.
    fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) {
        let first = self.current.clone();
        let inputs: Vec<&str> =
            std::iter::once(first.as_str()).chain(inputs.iter().copied()).collect();
        self.current = self.operation(operator, &inputs, attributes);
    }

    /// An operation on any inputs; gives the name of its output.
    fn operation(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> String {
        let output = format!("{}_{}", operator.to_lowercase(), self.nodes);
        self.nodes += 1;
        let mut node = Message::default();
        for input in inputs {
            node.text(1, input);
        }
        node.text(2, &output).text(3, &output).text(4, operator);
        for attribute in attributes {
            let mut message = Message::default();
            match *attribute {
                Attribute::Float(name, value) => {
                    message.text(1, name).float(2, value).integer(20, 1);
                }
                Attribute::Int(name, value) => {
                    message.text(1, name).integer(3, value).integer(20, 2);
                }
                Attribute::Ints(name, values) => {
                    message.text(1, name);
                    for &value in values {
                        message.integer(8, signed(value));
                    }
                    message.integer(20, 7);
                }
            }
            node.message(5, &message);
        }
        self.message.message(1, &node);
        output
    }

    /// Stores a constant.
    fn tensor(&mut self, name: &str, tensor: &Tensor) {
        self.initializer(name, &tensor.shape, 1, bytemuck::cast_slice(&tensor.data));
    }

    fn tensor_i64(&mut self, name: &str, values: &[i64]) {
        self.initializer(name, &[values.len()], 7, bytemuck::cast_slice(values));
    }

    fn initializer(&mut self, name: &str, shape: &[usize], data_type: i64, bytes: &[u8]) {
        let mut message = Message::default();
        for &extent in shape {
            message.integer(1, signed(extent));
        }
        message.integer(2, data_type).text(8, name).bytes(9, bytes);
        self.message.message(5, &message);
    }

    /// Stores a constant of the weights and says its name.
    fn weight(&mut self, weights: &Tensors, prefix: &str, name: &str) -> Result<String, OnnxError> {
        let stored = format!("{prefix}{name}");
        let Some(tensor) = weights.get(name) else {
            return Err(OnnxError::Missing { name: stored });
        };
        self.tensor(&stored, tensor);
        Ok(stored)
    }

    /// All layers on `current`; the names of constants begin with `prefix`.
    fn network(
        &mut self,
        prefix: &str,
        architecture: &Architecture,
        weights: &Tensors,
    ) -> Result<(), OnnxError> {
        self.node("Unsqueeze", &["channel_axis"], &[]);
        self.layers(prefix, "feature", &architecture.features, weights)?;
        self.node("Flatten", &[], &[Attribute::Int("axis", 1)]);
        self.layers(prefix, "classifer", &architecture.classifier, weights)
    }

    fn layers(
        &mut self,
        prefix: &str,
        part: &str,
        layers: &[Layer],
        weights: &Tensors,
    ) -> Result<(), OnnxError> {
        for (position, layer) in layers.iter().enumerate() {
            let weight = |graph: &mut Self, name| {
                graph.weight(weights, prefix, &format!("{part}.{position}.{name}"))
            };
            match *layer {
                Layer::Conv { kernel, stride, padding, .. } => {
                    let (w, b) = (weight(self, "weight")?, weight(self, "bias")?);
                    let attributes = [
                        Attribute::Ints("kernel_shape", &[kernel]),
                        Attribute::Ints("strides", &[stride]),
                        Attribute::Ints("pads", &[padding, padding]),
                    ];
                    self.node("Conv", &[&w, &b], &attributes);
                }
                Layer::BatchNorm => {
                    let scale = weight(self, "weight")?;
                    let offset = weight(self, "bias")?;
                    let mean = weight(self, "running_mean")?;
                    let variance = weight(self, "running_var")?;
                    let epsilon = [Attribute::Float("epsilon", BATCH_NORM_EPSILON)];
                    self.node("BatchNormalization", &[&scale, &offset, &mean, &variance], &epsilon);
                }
                Layer::Relu => self.node("Relu", &[], &[]),
                Layer::MaxPool { size } => {
                    let attributes = [
                        Attribute::Ints("kernel_shape", &[size]),
                        Attribute::Ints("strides", &[size]),
                    ];
                    self.node("MaxPool", &[], &attributes);
                }
                Layer::Dropout { .. } => {}
                Layer::Linear { .. } => {
                    let (w, b) = (weight(self, "weight")?, weight(self, "bias")?);
                    self.node("Gemm", &[&w, &b], &[Attribute::Int("transB", 1)]);
                }
            }
        }
        Ok(())
    }

    /// Scales every pattern to \[0, 1\] without its last point, cuts what is low, and puts a zero in
    /// the last point's place.
    fn prepare(&mut self, preparation: Preparation, points: usize) {
        self.tensor_i64("first", &[0]);
        self.tensor_i64("last", &[signed(points) - 1]);
        self.tensor_i64("point_axis", &[1]);
        self.node("Slice", &["first", "last", "point_axis"], &[]);
        let raw = self.current.clone();
        let axes = [Attribute::Ints("axes", &[1]), Attribute::Int("keepdims", 1)];
        let low = self.operation("ReduceMin", &[&raw], &axes);
        let high = self.operation("ReduceMax", &[&raw], &axes);
        let range = self.operation("Sub", &[&high, &low], &[]);
        self.node("Sub", &[&low], &[]);
        self.node("Div", &[&range], &[]);
        let scaled = self.current.clone();
        self.tensor("cut", &Tensor::scalar(preparation.cut));
        self.tensor("zero", &Tensor::scalar(0.0));
        let below = self.operation("Less", &[&scaled, "cut"], &[]);
        self.current = self.operation("Where", &[&below, "zero", &scaled], &[]);
        self.tensor_i64("last_point", &[0, 0, 0, 1]);
        self.node("Pad", &["last_point"], &[]);
    }

    /// Gathers points into bins and measures these by their unit.
    fn bins(&mut self, bins: &Bins) {
        if let Some(profile) = &bins.profile {
            self.tensor("profile", profile);
            self.node("MatMul", &["profile"], &[]);
        }
        if bins.square_root {
            self.node("Sqrt", &[], &[]);
        }
        let values = self.current.clone();
        let keep = Attribute::Int("keepdims", 1);
        let unit = match bins.unit {
            Unit::Largest => {
                let axes = [Attribute::Ints("axes", &[1]), keep];
                self.operation("ReduceMax", &[&values], &axes)
            }
            Unit::RootMeanSquare => {
                let squares = self.operation("Mul", &[&values, &values], &[]);
                let axes = [Attribute::Ints("axes", &[1]), keep];
                let mean = self.operation("ReduceMean", &[&squares], &axes);
                self.operation("Sqrt", &[&mean], &[])
            }
        };
        // An empty pattern stays empty.
        self.tensor("least_unit", &Tensor::scalar(f32::MIN_POSITIVE));
        let unit = self.operation("Max", &[&unit, "least_unit"], &[]);
        self.current = self.operation("Div", &[&values, &unit], &[]);
    }

    /// What encoders make of `current`, side by side; with none it stays.
    fn encoders(&mut self, encoders: &[Encoder]) -> Result<(), OnnxError> {
        let seen = self.current.clone();
        let mut features = Vec::new();
        for (number, encoder) in encoders.iter().enumerate() {
            self.current.clone_from(&seen);
            let mut architecture = encoder.architecture.clone();
            architecture.classifier.pop();
            let prefix = format!("encoder.{number}.");
            self.network(&prefix, &architecture, &encoder.weights)?;
            let (mean, scale) = (format!("{prefix}mean"), format!("{prefix}scale"));
            self.tensor(&mean, &encoder.mean);
            self.tensor(&scale, &Tensor::scalar(encoder.scale));
            self.node("Sub", &[&mean], &[]);
            self.node("Mul", &[&scale], &[]);
            features.push(self.current.clone());
        }
        if !features.is_empty() {
            let features: Vec<&str> = features.iter().map(String::as_str).collect();
            self.current = self.operation("Concat", &features, &[Attribute::Int("axis", 1)]);
        }
        Ok(())
    }

    fn finish(mut self, points: usize, classes: usize, metadata: &[(&str, &str)]) -> Vec<u8> {
        let last = self.current.clone();
        for (operator, output) in [("Identity", "logits"), ("Softmax", "probabilities")] {
            let mut node = Message::default();
            node.text(1, &last).text(2, output).text(3, output).text(4, operator);
            if operator == "Softmax" {
                let mut axis = Message::default();
                axis.text(1, "axis").integer(3, 1).integer(20, 2);
                node.message(5, &axis);
            }
            self.message.message(1, &node);
        }
        self.message.text(2, "xrdmatch");
        self.message.message(11, &value_info("patterns", points));
        self.message.message(12, &value_info("logits", classes));
        self.message.message(12, &value_info("probabilities", classes));

        let mut model = Message::default();
        let mut operators = Message::default();
        operators.text(1, "").integer(2, 17);
        model.integer(1, 8).text(2, "xrdmatch").text(3, env!("CARGO_PKG_VERSION"));
        model.message(7, &self.message).message(8, &operators);
        for (key, value) in metadata {
            let mut entry = Message::default();
            entry.text(1, key).text(2, value);
            model.message(14, &entry);
        }
        model.into_bytes()
    }
}

/// A matrix of f32 with any number of rows.
fn value_info(name: &str, columns: usize) -> Message {
    let [mut rows, mut width, mut shape, mut tensor, mut kind, mut info]: [Message; 6] =
        Default::default();
    rows.text(2, "batch");
    width.integer(1, signed(columns));
    shape.message(1, &rows).message(1, &width);
    tensor.integer(1, 1).message(2, &shape);
    kind.message(1, &tensor);
    info.text(1, name).message(2, &kind);
    info
}

fn signed(extent: usize) -> i64 {
    i64::try_from(extent).expect("extents are bounded by the architecture")
}
