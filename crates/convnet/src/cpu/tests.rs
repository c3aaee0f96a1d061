//! The engine against the plain reference, on odd shapes and fresh weights.

use crate::initialize::uniform;
use crate::reference::{self, Arrays, Reference};
use crate::{
    AdamW, Architecture, Choice, Convolution, CpuNetwork, Decay, Initialization, Layer, LoadError,
    Matrix, Mismatch, Mode, Network, Precision, Stream, Tensor, Tensors, Weights,
};

/// What single precision loses on the way through a small network, relative L2.
const LOGITS: f64 = 1e-5;
/// The same for gradients, whose sums are longer.
const GRADIENTS: f64 = 1e-4;
/// What rounding operands to 8 significant bits (2⁻⁹ each) makes of logits, layer after layer.
const ROUNDED: f64 = 3e-2;
/// The same of all gradients together where no unit decides anything: they pass the layers twice.
const ROUNDED_GRADIENT: f64 = 6e-2;
/// And where ReLU and max-pool decide. Values that move by a share δ make a share of about δ of the
/// units decide otherwise, each of which changes its gradient wholly: an L2 error of √δ a layer, 0.1 for
/// δ = 1 %. This bound only tells a wrong gradient from such ones; the products themselves are held to
/// theirs in `kernels/rounded/tests.rs`.
const ROUNDED_DECISIONS: f64 = 2.5e-1;
/// A gradient smaller than this share of the network's largest is what remains of larger terms
/// that cancel (a bias before batch norm: all of them), and is judged as if it had this size.
const CANCELLED: f64 = 1e-3;

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize) -> Layer {
    Layer::Conv { channels, kernel, stride, padding }
}

fn linear(outputs: usize) -> Layer {
    Layer::Linear { outputs }
}

/// Architectures and lengths: kernels that just fit, primes, channels beside the lane widths,
/// strides that leave rows over, layers in unusual order.
fn cases() -> Vec<(Architecture, usize)> {
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

fn signals(rows: usize, cols: usize, seed: u64) -> Matrix {
    Matrix::from_vec(rows, cols, uniform(seed, 77, rows * cols, 1.0))
}

/// A network whose batch norms are no identities.
fn network(architecture: &Architecture, length: usize, seed: u64) -> CpuNetwork {
    let mut network =
        CpuNetwork::new(architecture.clone(), length, Initialization::Pytorch, seed).expect("fits");
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

/// L2 distance.
fn distance(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(f, e)| (f64::from(*f) - e).powi(2)).sum::<f64>().sqrt()
}

/// L2 norm.
fn size(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn relative_error(found: &[f32], expected: &[f64]) -> f64 {
    distance(found, expected) / size(expected)
}

/// The optimizer whose first moment after one step is the gradient.
fn probe() -> AdamW {
    AdamW { beta1: 0.0, learning_rate: 0.0, ..AdamW::default() }
}

fn gradients(network: &CpuNetwork) -> Tensors {
    let state = network.optimizer_state();
    let own = state.into_iter().filter_map(|(name, tensor)| {
        name.strip_prefix("exp_avg.").map(|name| (name.to_owned(), tensor))
    });
    own.collect()
}

fn assert_gradients(case: &str, found: &Tensors, expected: &Arrays) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.values().map(|values| size(values)).fold(0.0, f64::max);
    for (name, expected) in expected {
        let error = distance(&found[name].data, expected);
        let allowed = GRADIENTS * size(expected).max(CANCELLED * largest);
        assert!(error < allowed, "{case} {name}: {error:.1e}, allowed {allowed:.1e}");
    }
}

#[test]
fn inference_equals_the_reference() {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = network(&architecture, length, case as u64);
        let weights = network.weights(Weights::Current);
        let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
        for batch in [1, 3, 35] {
            let signals = signals(batch, length, case as u64);
            let expected = reference.forward(&signals, reference::Behaviour::Running);
            let found = network.infer(&signals, Weights::Current);
            let error = relative_error(found.as_slice(), expected.logits());
            assert!(error < LOGITS, "case {case}, batch {batch}: {error:.1e}");
        }
        assert_eq!(network.infer(&Matrix::zeros(0, length), Weights::Current).rows(), 0);
    }
}

#[test]
fn training_gradients_equal_the_reference() {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        for batch in [1, 3, 10] {
            if batch < architecture.smallest_training_batch(length).expect("fits") {
                continue;
            }
            let mut network = network(&architecture, length, case as u64);
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
                assert!(error < LOGITS, "{name}: {error:.1e}");
                let classes = logits[0].cols();
                vec![Some(Matrix::from_vec(batch, classes, direction.clone()))]
            });
            assert_gradients(&name, &gradients(&network), &expected);
            for (name, tensor) in network.weights(Weights::Current) {
                if name.contains("running") {
                    let error = relative_error(&tensor.data, &reference.arrays[&name]);
                    assert!(error < LOGITS, "case {case} {name}: {error:.1e}");
                }
            }
        }
    }
}

#[test]
fn gradients_of_two_streams_add_and_a_silent_stream_moves_statistics() {
    let (architecture, length) = cases().swap_remove(1);
    let mut network = network(&architecture, length, 5);
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
    assert_gradients("three streams", &gradients(&network), &expected);
    let weights = network.weights(Weights::Current);
    for (name, tensor) in &weights {
        if name.contains("running") {
            let error = relative_error(&tensor.data, &reference.arrays[name]);
            assert!(error < LOGITS, "{name}: {error:.1e}");
        }
        if name.ends_with("tracked") {
            assert_eq!(tensor.data, [3.0], "{name}");
        }
    }
}

#[test]
fn input_gradients_equal_the_reference() {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = network(&architecture, length, case as u64);
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
            assert!(error < GRADIENTS, "case {case}: {error:.1e}");
        }
    }
}

#[test]
fn embeddings_enter_the_last_linear_layer() {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = network(&architecture, length, case as u64);
        let signals = signals(33, length, 4);
        let logits = network.infer(&signals, Weights::Current);
        let embedded = network.embed(&signals, Weights::Current);
        let weights = network.weights(Weights::Current);
        let prefix = format!("classifer.{}", architecture.classifier.len() - 1);
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

#[test]
fn every_algorithm_gives_the_same_network() {
    let (architecture, length) = cases().swap_remove(1);
    let run = |choice| {
        let mut network = CpuNetwork::with_choice(
            architecture.clone(),
            length,
            Initialization::Pytorch,
            3,
            choice,
        )
        .expect("fits");
        run(&mut network, 0..1)[2].clone()
    };
    let expected = run(Choice::Direct);
    for choice in [Choice::Spectral(32), Choice::Spectral(64), Choice::Cheapest] {
        for (name, tensor) in run(choice) {
            let wide: Vec<f64> = expected[&name].data.iter().map(|&x| f64::from(x)).collect();
            // Biases under batch norm have a gradient of zero.
            let error = distance(&tensor.data, &wide);
            assert!(error <= GRADIENTS * size(&wide), "{choice:?} {name}: {error:.1e}");
        }
    }
}

#[test]
fn a_single_convolution_equals_the_plain_sum() {
    let shape = Convolution { inputs: 5, length: 41, outputs: 7, kernel: 6, stride: 2, padding: 3 };
    let length = shape.output_length();
    let draw = |stream, count| uniform(9, stream, count, 1.0);
    let (x, w) = (draw(1, 2 * 5 * 41), draw(2, 7 * 5 * 6));
    let dy = draw(3, 2 * 7 * length);
    let [mut y, mut dx, mut dw] = [vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
    for (n, d, l) in (0..2 * 7 * length).map(|i| (i / (7 * length), i / length % 7, i % length)) {
        for (c, k) in (0..30).map(|i| (i / 6, i % 6)) {
            let Some(point) = (l * 2 + k).checked_sub(3).filter(|&point| point < 41) else {
                continue;
            };
            let (i, o, t) =
                ((n * 5 + c) * 41 + point, (n * 7 + d) * length + l, (d * 5 + c) * 6 + k);
            y[o] += f64::from(x[i]) * f64::from(w[t]);
            dx[i] += f64::from(dy[o]) * f64::from(w[t]);
            dw[t] += f64::from(dy[o]) * f64::from(x[i]);
        }
    }
    for choice in [Choice::Direct, Choice::Spectral(16), Choice::Spectral(64)] {
        let passes = shape.passes(choice, &x, &w, &dy).expect("known instructions");
        assert_eq!(passes.choice, choice);
        assert!(relative_error(&passes.output, &y) < 1e-6);
        assert!(relative_error(&passes.input_gradient, &dx) < 1e-6);
        assert!(relative_error(&passes.weight_gradient, &dw) < 1e-6);
    }
}

/// PyTorch's AdamW, one parameter at a time, in double precision.
#[test]
fn ten_steps_equal_adamw_by_the_book() {
    let architecture = Architecture { features: vec![], classifier: vec![linear(2)] };
    for decay in [Decay::All, Decay::WeightsOnly] {
        let mut network = network(&architecture, 3, 8);
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
fn run(network: &mut CpuNetwork, steps: std::ops::Range<u64>) -> [Tensors; 3] {
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

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (architecture, length) in cases() {
        let results: Vec<_> = [1, 2, 3, 8]
            .map(|threads| {
                let pool =
                    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let mut network = network(&architecture, length, 6);
                let mut rounded = rounded(&architecture, length, 6);
                pool.install(|| [run(&mut network, 0..3), run(&mut rounded, 0..3)])
            })
            .into();
        assert!(results.iter().all(|result| *result == results[0]));
        let finite = results[0].iter().flatten().flat_map(|t| t.values()).flat_map(|t| &t.data);
        assert!(finite.into_iter().all(|x| x.is_finite()));
    }
}

/// The same network with operands rounded to bfloat16.
fn rounded(architecture: &Architecture, length: usize, seed: u64) -> CpuNetwork {
    let weights = network(architecture, length, seed).weights(Weights::Current);
    let (architecture, start) = (architecture.clone(), Initialization::Pytorch);
    let mut network =
        CpuNetwork::with_precision(architecture, length, start, seed, Precision::Bf16)
            .expect("fits");
    network.load(&weights).expect("weights of the same architecture");
    network
}

#[test]
fn rounded_operands_change_logits_and_gradients_by_little_more_than_their_rounding() {
    let decides = |layer: &Layer| matches!(layer, Layer::Relu | Layer::MaxPool { .. });
    let smooth = cases().into_iter().map(|(mut architecture, length)| {
        architecture.features.retain(|layer| !decides(layer));
        architecture.classifier.retain(|layer| !decides(layer));
        (architecture, length)
    });
    for (architecture, length) in cases().into_iter().chain(smooth) {
        let (mut exact, mut rounded) =
            (network(&architecture, length, 21), rounded(&architecture, length, 21));
        let signals = signals(9, length, 22);
        let widen = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let expected = exact.infer(&signals, Weights::Current);
        let found = rounded.infer(&signals, Weights::Current);
        let error = relative_error(found.as_slice(), &widen(expected.as_slice()));
        // Nothing at all would be single precision under another name.
        assert!(error < ROUNDED && error > 1e-6, "{architecture:?}: {error:.1e}");
        let outcome = |network: &mut CpuNetwork| {
            let stream =
                Stream { signals: &signals, mode: Mode::Train { dropout_seed: 4 }, gradient: true };
            network.learn(&[stream], &probe(), &mut |logits| {
                let values = logits[0].as_slice().iter().map(|x| x.tanh() - 0.3).collect();
                vec![Some(Matrix::from_vec(logits[0].rows(), logits[0].cols(), values))]
            });
            gradients(network)
        };
        let (expected, found) = (outcome(&mut exact), outcome(&mut rounded));
        let all =
            |tensors: &Tensors| tensors.values().flat_map(|t| t.data.clone()).collect::<Vec<f32>>();
        let error = relative_error(&all(&found), &widen(&all(&expected)));
        println!("{error:.1e}");
        let smooth = !architecture.features.iter().chain(&architecture.classifier).any(&decides);
        let bound = if smooth { ROUNDED_GRADIENT } else { ROUNDED_DECISIONS };
        assert!(error < bound && error > 1e-6, "{architecture:?}: {error:.1e}");
    }
}

#[test]
fn training_with_rounded_operands_learns() {
    let (length, rows) = (101, 24);
    // Class 1 has a stick in the second half.
    let mut batch = signals(rows, length, 5);
    for row in 0..rows {
        batch.row_mut(row).iter_mut().for_each(|x| *x = x.abs() * 0.2);
        batch.row_mut(row)[20 + row + 40 * (row % 2)] = 3.0;
    }
    let loss = |logits: &Matrix, row: usize| {
        let wrong = logits.row(row)[1 - row % 2] - logits.row(row)[row % 2];
        f64::from(wrong.exp().ln_1p())
    };
    let mut network = rounded(&cases()[0].0, length, 3);
    let settings = AdamW { learning_rate: 3e-3, ..AdamW::default() };
    let mut losses = Vec::new();
    for step in 0..60 {
        let mode = Mode::Train { dropout_seed: step };
        let stream = Stream { signals: &batch, mode, gradient: true };
        network.learn(&[stream], &settings, &mut |logits| {
            let logits = &logits[0];
            losses.push((0..rows).map(|row| loss(logits, row)).sum::<f64>() / rows as f64);
            let mut gradient = Matrix::zeros(rows, 2);
            for row in 0..rows {
                let wrong = logits.row(row)[1 - row % 2] - logits.row(row)[row % 2];
                let pull = 1.0 / (1.0 + (-wrong).exp()) / rows as f32;
                gradient.row_mut(row)[row % 2] = -pull;
                gradient.row_mut(row)[1 - row % 2] = pull;
            }
            vec![Some(gradient)]
        });
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.3 * first, "loss {first:.3} before, {last:.3} after");
}

#[test]
fn a_restored_network_continues_bitwise() {
    for (architecture, length) in cases() {
        let mut whole = network(&architecture, length, 6);
        let expected = run(&mut whole, 0..5);
        let mut first = network(&architecture, length, 6);
        let [weights, average, optimizer] = run(&mut first, 0..2);
        let mut second =
            CpuNetwork::new(architecture.clone(), length, Initialization::Xavier, 1).expect("fits");
        second.restore(&weights, Some(&average), &optimizer).expect("its own state");
        assert_eq!(run(&mut second, 2..5), expected);
    }
}

#[test]
fn weights_have_pytorchs_names_and_shapes() {
    let paper = Architecture::preset("paper").expect("known");
    let network = CpuNetwork::new(paper, 1001, Initialization::Paper, 0).expect("fits");
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

#[test]
fn a_vanishing_step_without_gradients_leaves_the_weights() {
    let (architecture, length) = cases().swap_remove(0);
    let mut network = network(&architecture, length, 6);
    let before = network.weights(Weights::Current);
    let empty = Matrix::zeros(0, length);
    let train = Mode::Train { dropout_seed: 0 };
    let streams = [Stream { signals: &empty, mode: train, gradient: true }];
    network.learn(&streams, &AdamW::default(), &mut |_| vec![None]);
    assert_eq!(network.weights(Weights::Current), before);
    assert_eq!(network.optimizer_state()["step"].data, [0.0]);
}

#[test]
fn a_batch_norm_of_a_single_point_stays_finite_and_is_announced() {
    let head = vec![linear(4), Layer::BatchNorm, Layer::Relu, linear(2)];
    let architecture = Architecture { features: vec![], classifier: head };
    assert_eq!(architecture.smallest_training_batch(5), Ok(2));
    let mut network = network(&architecture, 5, 1);
    let x = signals(1, 5, 1);
    let stream = Stream { signals: &x, mode: Mode::Train { dropout_seed: 0 }, gradient: true };
    network.learn(&[stream], &AdamW::default(), &mut |logits| {
        vec![Some(Matrix::from_vec(1, 2, logits[0].as_slice().to_vec()))]
    });
    let weights = network.weights(Weights::Current);
    assert!(weights.values().flat_map(|t| &t.data).all(|x| x.is_finite()));
}

#[test]
fn weights_that_do_not_fit_are_all_named_and_change_nothing() {
    let (architecture, length) = cases().swap_remove(0);
    let mut network = network(&architecture, length, 6);
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
