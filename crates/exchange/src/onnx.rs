//! A network as an ONNX graph, which onnxruntime and others run.
//!
//! The graph is written from the [`Architecture`] and its weights, layer by layer, in operator set 17.
//! Input `patterns` is (batch, points) in f32; outputs are `logits` and `probabilities`, (batch,
//! classes). It is the network as it answers: running statistics, no dropout. Optionally the
//! preparation of patterns stands before it ([`Preparation`]), so that raw intensities go in.
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
/// `weights` are named as [`convnet`] names them; `metadata` is kept in the file as text.
///
/// # Errors
/// If architecture, points and weights do not fit each other, or the file would exceed 2 GiB.
pub fn write(
    architecture: &Architecture,
    points: usize,
    weights: &Tensors,
    preparation: Option<Preparation>,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>, OnnxError> {
    let bytes = weights.values().map(|tensor| 4 * tensor.data.len()).sum();
    if bytes > 2_000_000_000 {
        return Err(OnnxError::TooLarge { bytes });
    }
    architecture.shapes(points)?;
    let mut graph = Graph::new("patterns");
    if let Some(preparation) = preparation {
        graph.prepare(preparation, points);
    }
    graph.tensor_i64("channel_axis", &[1]);
    graph.node("Unsqueeze", &["channel_axis"], &[]);
    graph.layers("feature", &architecture.features, weights)?;
    graph.node("Flatten", &[], &[Attribute::Int("axis", 1)]);
    graph.layers("classifer", &architecture.classifier, weights)?;
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
    fn weight(&mut self, weights: &Tensors, name: String) -> Result<String, OnnxError> {
        let Some(tensor) = weights.get(&name) else { return Err(OnnxError::Missing { name }) };
        self.tensor(&name, tensor);
        Ok(name)
    }

    fn layers(&mut self, part: &str, layers: &[Layer], weights: &Tensors) -> Result<(), OnnxError> {
        for (position, layer) in layers.iter().enumerate() {
            let weight =
                |graph: &mut Self, name| graph.weight(weights, format!("{part}.{position}.{name}"));
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
