//! The behavioural suite: what every engine does, held against the plain reference on odd shapes and
//! fresh weights.

use crate::initialize::uniform;
use crate::reference::{self, Arrays, Reference};
use crate::{
    AdamW, Architecture, Decay, Initialization, Layer, LoadError, Matrix, Mismatch, Mode, Network,
    Stream, Tensor, Tensors, Weights,
};

/// An engine, and how near it comes to the reference.
pub(crate) struct Engine {
    /// Opens a network.
    pub(crate) open: fn(&Architecture, usize, Initialization, u64) -> Box<dyn Network>,
    /// Relative L2 error of logits.
    pub(crate) logits: f64,
    /// The same for gradients, whose sums are longer.
    pub(crate) gradients: f64,
    /// A gradient smaller than this share of the network's largest is what remains of larger terms
    /// that cancel (a bias before batch norm: all of them), and is judged as if it had this size.
    pub(crate) cancelled: f64,
}

/// The suite as tests of one engine, an `Option<&Engine>`; none where there is no device.
macro_rules! behavioural_suite {
    ($engine:expr; $($test:ident)*) => {
        $(
            #[test]
            fn $test() {
                if let Some(engine) = $engine {
                    crate::behaviour::$test(engine);
                }
            }
        )*
    };
    ($engine:expr) => {
        crate::behaviour::behavioural_suite! { $engine;
            inference_equals_the_reference
            training_gradients_equal_the_reference
            gradients_of_two_streams_add_and_a_silent_stream_moves_statistics
            input_gradients_equal_the_reference
            embeddings_enter_the_last_linear_layer
            ten_steps_equal_adamw_by_the_book
            a_restored_network_continues_bitwise
            weights_have_pytorchs_names_and_shapes
            a_vanishing_step_without_gradients_leaves_the_weights
            a_batch_norm_of_a_single_point_stays_finite_and_is_announced
            weights_that_do_not_fit_are_all_named_and_change_nothing
        }
    };
}
pub(crate) use behavioural_suite;

impl Engine {
    /// A network.
    pub(crate) fn open(
        &self,
        architecture: &Architecture,
        length: usize,
        initialization: Initialization,
        seed: u64,
    ) -> Box<dyn Network> {
        (self.open)(architecture, length, initialization, seed)
    }

    /// A network whose batch norms are no identities.
    pub(crate) fn network(
        &self,
        architecture: &Architecture,
        length: usize,
        seed: u64,
    ) -> Box<dyn Network> {
        let mut network = self.open(architecture, length, Initialization::Pytorch, seed);
        let mut weights = network.weights(Weights::Current);
        for (i, (name, tensor)) in weights.iter_mut().enumerate() {
            let draws = uniform(seed, 1000 + i as u64, tensor.data.len(), 0.4);
            match name.rsplit('.').next() {
                Some("running_var") => tensor.data.iter_mut().zip(draws).for_each(|(x, d)| *x += d),
                Some("num_batches_tracked") => {}
                _ if tensor.shape.len() == 1 => {
                    tensor.data.iter_mut().zip(draws).for_each(|(x, d)| *x += d);
                }
                _ => {}
            }
        }
        network.load(&weights).expect("its own weights");
        network
    }

    fn assert_gradients(&self, case: &str, found: &Tensors, expected: &Arrays) {
        assert_eq!(found.len(), expected.len());
        let largest = expected.values().map(|values| size(values)).fold(0.0, f64::max);
        for (name, expected) in expected {
            let error = distance(&found[name].data, expected);
            let allowed = self.gradients * size(expected).max(self.cancelled * largest);
            assert!(error < allowed, "{case} {name}: {error:.1e}, allowed {allowed:.1e}");
        }
    }
}

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Conv { channels, kernel, stride, padding }
}

fn linear(outputs: usize) -> Layer {
    Layer::Linear { outputs }
}

/// Architectures and lengths: kernels that just fit, primes, channels beside the lane widths,
/// strides that leave rows over, layers in unusual order.
pub(crate) fn cases() -> Vec<(Architecture, usize)> {
    let dropout = |rate| Layer::Dropout { rate };
    let head = |hidden| vec![linear(hidden), Layer::Relu, dropout(0.5), linear(2)];
    let stage = |channels, kernel, stride| {
        vec![conv(channels, kernel, stride, 1), Layer::BatchNorm, Layer::Relu]
    };
    let paper = [stage(20, 16, 2), stage(17, 12, 1)].concat();
    let pooled = [paper.clone(), vec![Layer::MaxPool { size: 2 }, dropout(0.5)]].concat();
    let deep = [pooled.clone(), stage(33, 8, 2), stage(35, 4, 1), vec![Layer::MaxPool { size: 3 }]];
    let plain = vec![conv(5, 3, 1, 0), Layer::Relu, conv(7, 3, 2, 2), Layer::MaxPool { size: 2 }];
    let odd = vec![Layer::BatchNorm, Layer::Relu, Layer::BatchNorm, dropout(0.2), conv(3, 2, 3, 0)];
    let build = |features: &[Layer], classifier: Vec<Layer>| Architecture {
        features: features.to_vec(),
        classifier,
    };
    let normal = vec![dropout(0.1), linear(9), Layer::BatchNorm, Layer::Relu, linear(3)];
    vec![
        (build(&paper, head(13)), 36),
        (build(&pooled, head(40)), 101),
        (build(&deep.concat(), normal.clone()), 307),
        (build(&plain, vec![linear(4)]), 11),
        (build(&odd, normal), 23),
        (build(&[conv(6, 7, 1, 0)], vec![linear(2)]), 7),
        (build(&[conv(6, 7, 1, 0)], vec![linear(2)]), 8),
        (build(&[conv(66, 3, 1, 1), Layer::BatchNorm, Layer::Relu], head(5)), 541),
        (build(&[], vec![Layer::Relu, linear(3)]), 1),
    ]
}

pub(crate) fn signals(rows: usize, cols: usize, seed: u64) -> Matrix {
    Matrix::from_vec(rows, cols, uniform(seed, 77, rows * cols, 1.0))
}

/// L2 distance.
pub(crate) fn distance(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(f, e)| (f64::from(*f) - e).powi(2)).sum::<f64>().sqrt()
}

/// L2 norm.
pub(crate) fn size(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

pub(crate) fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    distance(found, expected) / size(expected)
}

/// The optimizer whose first moment after one step is the gradient.
pub(crate) fn probe() -> AdamW {
    AdamW { beta1: 0.0, learning_rate: 0.0, ..AdamW::default() }
}

pub(crate) fn gradients(network: &dyn Network) -> Tensors {
    let state = network.optimizer_state();
    let own = state.into_iter().filter_map(|(name, tensor)| {
        name.strip_prefix("exp_avg.").map(|name| (name.to_owned(), tensor))
    });
    own.collect()
}

pub(crate) fn inference_equals_the_reference(engine: &Engine) {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = engine.network(&architecture, length, case as u64);
        let weights = network.weights(Weights::Current);
        let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
        for batch in [1, 3, 35] {
            let signals = signals(batch, length, case as u64);
            let expected = reference.forward(&signals, reference::Behaviour::Running);
            let found = network.infer(&signals, Weights::Current);
            let error = relative_error(found.as_slice(), expected.logits());
            assert!(error < engine.logits, "case {case}, batch {batch}: {error:.1e}");
        }
        assert_eq!(network.infer(&Matrix::zeros(0, length), Weights::Current).rows(), 0);
    }
}

pub(crate) fn training_gradients_equal_the_reference(engine: &Engine) {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        for batch in [1, 3, 10] {
            if batch < architecture.smallest_training_batch(length).expect("fits") {
                continue;
            }
            let mut network = engine.network(&architecture, length, case as u64);
            let weights = network.weights(Weights::Current);
            let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
            let signals = signals(batch, length, 7 * case as u64);
            let direction = uniform(3, 4, batch * network.classes(), 1.0);
            let dropout_seed = 11 + case as u64;
            let trace = reference.forward(&signals, reference::Behaviour::Train { dropout_seed });
            let wide: Vec<f64> = direction.iter().map(|&d| f64::from(d)).collect();
            let (expected, _) = reference.backward(&trace, &wide);
            let name = format!("case {case}, batch {batch}");
            let stream =
                Stream { signals: &signals, mode: Mode::Train { dropout_seed }, gradient: true };
            network.learn(&[stream], &probe(), &mut |logits| {
                let error = relative_error(logits[0].as_slice(), trace.logits());
                assert!(error < engine.logits, "{name}: {error:.1e}");
                let classes = logits[0].cols();
                vec![Some(Matrix::from_vec(batch, classes, direction.clone()))]
            });
            engine.assert_gradients(&name, &gradients(network.as_ref()), &expected);
            for (name, tensor) in network.weights(Weights::Current) {
                if name.contains("running") {
                    let error = relative_error(&tensor.data, &reference.arrays[&name]);
                    assert!(error < engine.logits, "case {case} {name}: {error:.1e}");
                }
            }
        }
    }
}

pub(crate) fn gradients_of_two_streams_add_and_a_silent_stream_moves_statistics(engine: &Engine) {
    let (architecture, length) = cases().swap_remove(1);
    let mut network = engine.network(&architecture, length, 5);
    let weights = network.weights(Weights::Current);
    let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
    let batches = [signals(4, length, 1), signals(9, length, 2), signals(6, length, 3)];
    let wants = [true, false, true];
    let mut expected = Arrays::new();
    for (seed, (batch, wants)) in batches.iter().zip(wants).enumerate() {
        let behaviour = reference::Behaviour::Train { dropout_seed: seed as u64 };
        let trace = reference.forward(batch, behaviour);
        if wants {
            let (gradients, _) = reference.backward(&trace, &vec![1.0; 2 * batch.rows()][..]);
            for (name, gradient) in gradients {
                let sum = expected.entry(name).or_insert_with(|| vec![0.0; gradient.len()]);
                sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
            }
        }
    }
    let streams: Vec<Stream<'_>> = (batches.iter().zip(wants).enumerate())
        .map(|(seed, (signals, gradient))| Stream {
            signals,
            mode: Mode::Train { dropout_seed: seed as u64 },
            gradient,
        })
        .collect();
    network.learn(&streams, &probe(), &mut |logits| {
        let ones = |m: &Matrix| Matrix::from_vec(m.rows(), 2, vec![1.0; 2 * m.rows()]);
        vec![Some(ones(&logits[0])), None, Some(ones(&logits[2]))]
    });
    engine.assert_gradients("three streams", &gradients(network.as_ref()), &expected);
    let weights = network.weights(Weights::Current);
    for (name, tensor) in &weights {
        if name.contains("running") {
            let error = relative_error(&tensor.data, &reference.arrays[name]);
            assert!(error < engine.logits, "{name}: {error:.1e}");
        }
        if name.ends_with("tracked") {
            assert_eq!(tensor.data, [3.0], "{name}");
        }
    }
}

pub(crate) fn input_gradients_equal_the_reference(engine: &Engine) {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = engine.network(&architecture, length, case as u64);
        let weights = network.weights(Weights::Current);
        let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
        let (signals, classes) = (signals(3, length, 9), network.classes());
        let trace = reference.forward(&signals, reference::Behaviour::Running);
        for class in 0..classes {
            let mut direction = vec![0.0; 3 * classes];
            direction.iter_mut().skip(class).step_by(classes).for_each(|d| *d = 1.0);
            let (_, expected) = reference.backward(&trace, &direction);
            let found = network.input_gradient(&signals, class, Weights::Current);
            let error = relative_error(found.as_slice(), &expected);
            assert!(error < engine.gradients, "case {case}: {error:.1e}");
        }
    }
}

pub(crate) fn embeddings_enter_the_last_linear_layer(engine: &Engine) {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = engine.network(&architecture, length, case as u64);
        let signals = signals(33, length, 4);
        let logits = network.infer(&signals, Weights::Current);
        let embedded = network.embed(&signals, Weights::Current);
        let weights = network.weights(Weights::Current);
        let prefix = architecture.last_layer();
        let (w, b) = (&weights[&format!("{prefix}.weight")], &weights[&format!("{prefix}.bias")]);
        for row in 0..33 {
            let x = embedded.row(row);
            for (class, logit) in logits.row(row).iter().enumerate() {
                let w = &w.data[class * x.len()..][..x.len()];
                let sum: f32 = w.iter().zip(x).map(|(w, x)| w * x).sum();
                assert!((sum + b.data[class] - logit).abs() < 1e-4, "case {case}");
            }
        }
    }
}

/// PyTorch's AdamW, one parameter at a time, in double precision.
pub(crate) fn ten_steps_equal_adamw_by_the_book(engine: &Engine) {
    let architecture = Architecture { features: vec![], classifier: vec![linear(2)] };
    for decay in [Decay::All, Decay::WeightsOnly] {
        let mut network = engine.network(&architecture, 3, 8);
        let settings = AdamW {
            learning_rate: 0.01,
            weight_decay: 0.1,
            decay,
            average: Some(0.9),
            ..AdamW::default()
        };
        let wide = |t: &Tensors| -> Vec<f64> {
            t.values().flat_map(|t| &t.data).map(|&x| f64::from(x)).collect()
        };
        // In the order of the names: two biases, six weights.
        let mut p = wide(&network.weights(Weights::Current));
        let mut average = p.clone();
        let (mut m, mut v) = ([0.0; 8], [0.0; 8]);
        for t in 1..=10 {
            let x = signals(1, 3, t);
            let d = uniform(t, 5, 2, 1.0);
            let stream =
                Stream { signals: &x, mode: Mode::Train { dropout_seed: 0 }, gradient: true };
            network.learn(&[stream], &settings, &mut |_| {
                vec![Some(Matrix::from_vec(1, 2, d.clone()))]
            });
            for i in 0..8 {
                let g =
                    f64::from(if i < 2 { d[i] } else { d[(i - 2) / 3] * x.row(0)[(i - 2) % 3] });
                if i >= 2 || decay == Decay::All {
                    p[i] *= 1.0 - 0.01 * 0.1;
                }
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (m, v) =
                    (m[i] / (1.0 - 0.9f64.powi(t as i32)), v[i] / (1.0 - 0.999f64.powi(t as i32)));
                p[i] -= 0.01 * m / (v.sqrt() + 1e-8);
                average[i] = 0.9 * average[i] + 0.1 * p[i];
            }
        }
        for (which, expected) in [(Weights::Current, &p), (Weights::Average, &average)] {
            for (found, expected) in wide(&network.weights(which)).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{which:?}: {found} against {expected}");
            }
        }
    }
}

/// Some steps of three streams; everything the network holds afterwards.
pub(crate) fn run(network: &mut dyn Network, steps: std::ops::Range<u64>) -> [Tensors; 3] {
    let length = network.input_length();
    let settings = AdamW { average: Some(0.99), ..AdamW::default() };
    for step in steps {
        let batches = [signals(5, length, step), signals(11, length, step + 50)];
        let stream = |i: usize, mode, gradient| Stream { signals: &batches[i], mode, gradient };
        let train = Mode::Train { dropout_seed: step };
        let streams = [
            stream(0, train, true),
            stream(1, Mode::Average, false),
            stream(1, train, false),
            stream(1, train, true),
        ];
        network.learn(&streams, &settings, &mut |logits| {
            let gradient = |m: &Matrix| {
                let values = m.as_slice().iter().map(|x| x.tanh() - 0.3).collect();
                Some(Matrix::from_vec(m.rows(), m.cols(), values))
            };
            vec![gradient(&logits[0]), None, None, gradient(&logits[3])]
        });
    }
    [
        network.weights(Weights::Current),
        network.weights(Weights::Average),
        network.optimizer_state(),
    ]
}

pub(crate) fn a_restored_network_continues_bitwise(engine: &Engine) {
    for (architecture, length) in cases() {
        let mut whole = engine.network(&architecture, length, 6);
        let expected = run(whole.as_mut(), 0..5);
        let mut first = engine.network(&architecture, length, 6);
        let [weights, average, optimizer] = run(first.as_mut(), 0..2);
        let mut second = engine.open(&architecture, length, Initialization::Xavier, 1);
        second.restore(&weights, Some(&average), &optimizer).expect("its own state");
        assert_eq!(run(second.as_mut(), 2..5), expected);
    }
}

pub(crate) fn weights_have_pytorchs_names_and_shapes(engine: &Engine) {
    let paper = Architecture::preset("paper").expect("known");
    let network = engine.open(&paper, 1001, Initialization::Paper, 0);
    let weights = network.weights(Weights::Current);
    let shape = |name: &str| weights[name].shape.clone();
    assert_eq!(shape("feature.0.weight"), [64, 1, 16]);
    assert_eq!(shape("feature.3.weight"), [64, 64, 16]);
    assert_eq!(shape("feature.1.running_var"), [64]);
    assert_eq!(shape("feature.1.num_batches_tracked"), [0usize; 0]);
    assert_eq!(shape("feature.8.bias"), [128]);
    assert_eq!(shape("classifer.3.weight"), [256, 1024]);
    assert_eq!(shape("classifer.6.bias"), [2]);
    // 8 convolutions and 3 linear layers with 2 arrays, 8 batch norms with 5.
    assert_eq!(weights.len(), 11 * 2 + 8 * 5);
}

pub(crate) fn a_vanishing_step_without_gradients_leaves_the_weights(engine: &Engine) {
    let (architecture, length) = cases().swap_remove(0);
    let mut network = engine.network(&architecture, length, 6);
    let before = network.weights(Weights::Current);
    let empty = Matrix::zeros(0, length);
    let train = Mode::Train { dropout_seed: 0 };
    let streams = [Stream { signals: &empty, mode: train, gradient: true }];
    network.learn(&streams, &AdamW::default(), &mut |_| vec![None]);
    assert_eq!(network.weights(Weights::Current), before);
    assert_eq!(network.optimizer_state()["step"].data, [0.0]);
}

pub(crate) fn a_batch_norm_of_a_single_point_stays_finite_and_is_announced(engine: &Engine) {
    let head = vec![linear(4), Layer::BatchNorm, Layer::Relu, linear(2)];
    let architecture = Architecture { features: vec![], classifier: head };
    assert_eq!(architecture.smallest_training_batch(5), Ok(2));
    let mut network = engine.network(&architecture, 5, 1);
    let x = signals(1, 5, 1);
    let stream = Stream { signals: &x, mode: Mode::Train { dropout_seed: 0 }, gradient: true };
    network.learn(&[stream], &AdamW::default(), &mut |logits| {
        vec![Some(Matrix::from_vec(1, 2, logits[0].as_slice().to_vec()))]
    });
    let weights = network.weights(Weights::Current);
    assert!(weights.values().flat_map(|t| &t.data).all(|x| x.is_finite()));
}

pub(crate) fn weights_that_do_not_fit_are_all_named_and_change_nothing(engine: &Engine) {
    let (architecture, length) = cases().swap_remove(0);
    let mut network = engine.network(&architecture, length, 6);
    let good = network.weights(Weights::Current);
    let mut bad = good.clone();
    bad.remove("feature.0.bias");
    bad.insert("fc.weight".into(), Tensor::scalar(1.0));
    bad.get_mut("feature.3.weight").expect("known").shape = vec![1, 2];
    bad.get_mut("feature.1.bias").expect("known").data[2] = f32::NAN;
    bad.get_mut("feature.1.running_var").expect("known").data[1] = -1.0;
    bad.get_mut("feature.4.weight").expect("known").data.pop();
    let Err(LoadError::Mismatched(mismatches)) = network.load(&bad) else { panic!("refused") };
    assert_eq!(mismatches.len(), 6, "{mismatches:?}");
    assert!(mismatches.contains(&Mismatch::Missing { name: "feature.0.bias".into() }));
    assert!(mismatches.contains(&Mismatch::Unexpected { name: "fc.weight".into() }));
    assert_eq!(network.weights(Weights::Current), good);
    good.get("feature.0.weight").expect("still there");
}

/// Trains a network of 101 points and two classes for 60 steps on 24 patterns, whose classes have their
/// strongest stick in different halves; the first and the last loss, mean cross entropy.
pub(crate) fn losses_of_training(network: &mut dyn Network) -> (f64, f64) {
    let (length, rows) = (101, 24);
    let mut batch = signals(rows, length, 5);
    for row in 0..rows {
        batch.row_mut(row).iter_mut().for_each(|x| *x = x.abs() * 0.2);
        batch.row_mut(row)[20 + row + 40 * (row % 2)] = 3.0;
    }
    let settings = AdamW { learning_rate: 3e-3, ..AdamW::default() };
    let mut losses = Vec::new();
    for step in 0..60 {
        let mode = Mode::Train { dropout_seed: step };
        let stream = Stream { signals: &batch, mode, gradient: true };
        network.learn(&[stream], &settings, &mut |logits| {
            let (mut loss, mut gradient) = (0.0, Matrix::zeros(rows, 2));
            for row in 0..rows {
                let logits = logits[0].row(row);
                let wrong = logits[1 - row % 2] - logits[row % 2];
                loss += f64::from(wrong.exp().ln_1p()) / rows as f64;
                let pull = 1.0 / (1.0 + (-wrong).exp()) / rows as f32;
                gradient.row_mut(row)[row % 2] = -pull;
                gradient.row_mut(row)[1 - row % 2] = pull;
            }
            losses.push(loss);
            vec![Some(gradient)]
        });
    }
    (losses[0], losses[losses.len() - 1])
}
