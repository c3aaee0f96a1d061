//! Every convolution of every preset, each in a small network of its own, against PyTorch's double
//! precision: no further from it than PyTorch's single precision. Golden file and the networks:
//! `golden/make_layers.py`.

use convnet::{
    AdamW, Architecture, Layer, Matrix, Mode, Network, Stream, Tensor, Tensors, Weights,
};

use crate::formula;
use crate::golden::Golden;
use crate::{device, instruction_sets};

/// What the estimate of an error from a count sketch may be off.
const ESTIMATE: f64 = 1.2;
/// What a graphics processor, which adds in the order of its tiles, may be off in times of PyTorch's
/// error on a processor (3.1 times at most, measured on lavapipe).
const OTHER_ORDER: f64 = 4.0;
/// Samples.
const BATCH: usize = 2;

#[test]
fn every_convolution_is_as_near_double_precision_as_pytorch_on_every_instruction_set() {
    instruction_sets::run_on_each("layers::is_as_near_double_precision_as_pytorch", "layers");
}

#[test]
#[cfg(any(feature = "cuda", feature = "wgpu"))]
fn every_convolution_is_as_near_double_precision_as_pytorch_on_a_graphics_processor() {
    device::run_elsewhere("layers::is_as_near_double_precision_as_pytorch", "layers");
}

#[test]
#[ignore = "all layers on one instruction set; run by the test above in a process of its own"]
fn is_as_near_double_precision_as_pytorch() {
    let Some(file) = instruction_sets::case_of_this_process() else { return };
    let golden = Golden::read(&file);
    let layers = golden.groups();
    // Eight in `paper`, nine more shapes in the others together.
    assert_eq!(layers.len(), 17, "{layers:?}");
    let allowed = if device::is_processor() { ESTIMATE } else { OTHER_ORDER };
    let mut misses = 0;
    for layer in layers {
        for (product, values) in Convolution::parse(layer).products() {
            let record = format!("{layer}/{product}");
            let exact = golden.get(&record);
            let distance =
                formula::kept_distance(values.len(), &formula::kept(&record, &values), exact);
            let error = distance / formula::kept_norm(values.len(), exact);
            let peers = golden.get(&format!("float32 error/{record}"));
            let limit = allowed * peers[0].max(peers[1]);
            // Written so that an error of NaN is a miss.
            let holds = error <= limit;
            misses += usize::from(!holds);
            let verdict = if holds { "" } else { "  MISSED" };
            println!(
                "{record}: {error:.1e}, PyTorch {:.1e}, channels-last {:.1e}{verdict}",
                peers[0], peers[1]
            );
        }
    }
    assert_eq!(misses, 0, "products further from double precision than PyTorch's");
}

/// A convolution with padding 1, by its name `C-D-kK-sS-L`.
struct Convolution<'a> {
    name: &'a str,
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    length: usize,
}

impl<'a> Convolution<'a> {
    fn parse(name: &'a str) -> Self {
        let numbers: Vec<usize> = name
            .split('-')
            .map(|part| part.trim_start_matches(['k', 's']).parse().expect("a number"))
            .collect();
        let [inputs, outputs, kernel, stride, length] = numbers[..] else {
            panic!("`{name}` is not a layer");
        };
        Self { name, inputs, outputs, kernel, stride, length }
    }

    /// Whether another convolution comes before it.
    fn is_lifted(&self) -> bool {
        self.inputs > 1
    }

    /// Place of this convolution among the features.
    fn place(&self) -> usize {
        if self.is_lifted() { 2 } else { 0 }
    }

    fn network(&self) -> Box<dyn Network> {
        let &Self { inputs, outputs, kernel, stride, .. } = self;
        let conv =
            |channels, kernel, stride, padding| Layer::Conv { channels, kernel, stride, padding };
        let mut features = Vec::new();
        if self.is_lifted() {
            features.extend([conv(inputs, 1, 1, 0), Layer::Relu]);
        }
        features.push(conv(outputs, kernel, stride, 1));
        let architecture =
            Architecture { features, classifier: vec![Layer::Linear { outputs: 2 }] };
        let mut network = device::network(architecture, self.length);
        let weights = self.weights(&network.weights(Weights::Current));
        network.load(&weights).expect("weights of this network");
        network
    }

    fn weights(&self, template: &Tensors) -> Tensors {
        let own = format!("feature.{}.", self.place());
        let value = |name: &str, shape: &[usize]| {
            let count: usize = shape.iter().product();
            let label = |role: &str| format!("{}/{role}", self.name);
            let parameter = |role: &str| formula::parameter(&label(role), shape, false);
            match name.strip_prefix(&own) {
                Some("weight") => parameter("conv.weight"),
                Some(_) => parameter("conv.bias"),
                None if name == "feature.0.weight" => {
                    formula::eighths(&label("lift.weight"), count, 16)
                }
                None if name == "feature.0.bias" => {
                    formula::eighths(&label("lift.bias"), count, 64)
                }
                None if name == "classifer.0.weight" => parameter("linear.weight"),
                None => vec![0.0; count],
            }
        };
        let tensor = |(name, Tensor { shape, .. }): (&String, &Tensor)| {
            (name.clone(), Tensor { shape: shape.clone(), data: value(name, shape) })
        };
        template.iter().map(tensor).collect()
    }

    fn signals(&self) -> Matrix {
        let label = format!("{}/signals", self.name);
        if self.is_lifted() {
            let values = formula::eighths(&label, BATCH * self.length, 64);
            Matrix::from_vec(BATCH, self.length, values)
        } else {
            formula::sticks(&label, BATCH, self.length)
        }
    }

    /// What the engine computes, in PyTorch's layouts.
    fn products(&self) -> [(&'static str, Vec<f64>); 3] {
        let widen = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let (mut network, signals) = (self.network(), self.signals());
        let forward = widen(network.embed(&signals, Weights::Current).as_slice());
        let gradient = network.input_gradient(&signals, 0, Weights::Current);
        let input_gradient = widen(gradient.as_slice());

        let stream =
            Stream { signals: &signals, mode: Mode::Train { dropout_seed: 0 }, gradient: true };
        let optimizer = AdamW { beta1: 0.5, ..AdamW::default() };
        network.learn(&[stream], &optimizer, &mut |_| {
            vec![Some(Matrix::from_vec(BATCH, 2, vec![1.0, 0.0, 0.0, 1.0]))]
        });
        let state = network.optimizer_state();
        let first_moment = &state[&format!("exp_avg.feature.{}.weight", self.place())];
        // After the first step the first moment is half of the gradient, exactly.
        let weight_gradient = first_moment.data.iter().map(|&x| 2.0 * f64::from(x)).collect();
        [
            ("forward", forward),
            ("input gradient", input_gradient),
            ("weight gradient", weight_gradient),
        ]
    }
}
