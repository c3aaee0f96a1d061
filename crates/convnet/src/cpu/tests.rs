//! The behavioural suite on the processor, and what only its engine has: threads and
//! neighbours that change nothing, algorithms, rounded operands.

use crate::behaviour::{
    self, Engine, cases, distance, gradients, relative_error, run, signals, size,
};
use crate::initialize::uniform;
use crate::{
    Architecture, Choice, Convolution, CpuNetwork, Initialization, Layer, Matrix, Mode, Network,
    Precision, Stream, Tensors, Weights,
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

static CPU: Engine = Engine {
    open: |architecture, length, initialization, seed| {
        let architecture = architecture.clone();
        Box::new(CpuNetwork::new(architecture, length, initialization, seed).expect("fits"))
    },
    logits: LOGITS,
    gradients: GRADIENTS,
    cancelled: 1e-3,
};

crate::behaviour::behavioural_suite! { Some(&CPU) }

fn network(architecture: &Architecture, length: usize, seed: u64) -> Box<dyn Network> {
    CPU.network(architecture, length, seed)
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

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    for (architecture, length) in cases() {
        let results: Vec<_> = [1, 2, 3, 8]
            .map(|threads| {
                let pool =
                    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                let mut network = network(&architecture, length, 6);
                let mut rounded = rounded(&architecture, length, 6);
                pool.install(|| [run(network.as_mut(), 0..3), run(&mut rounded, 0..3)])
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
fn what_is_said_of_a_row_does_not_depend_on_what_stands_beside_it() {
    // Tiles of several algorithms, odd numbers of them in a sample, more rows than a piece has.
    let paper = (Architecture::preset("paper").expect("a preset"), 1009);
    for (architecture, length) in cases().into_iter().chain([paper]) {
        let exact = network(&architecture, length, 8);
        let rounded = rounded(&architecture, length, 8);
        for mut network in [exact, Box::new(rounded)] {
            let rows = signals(35, length, 9);
            let mut ask = |rows: &Matrix| {
                [
                    network.infer(rows, Weights::Current),
                    network.embed(rows, Weights::Current),
                    network.input_gradient(rows, 1, Weights::Current),
                ]
            };
            let together = ask(&rows);
            for few in [0..1, 1..2, 3..6, 30..35] {
                let values = rows.as_slice()[few.start * length..few.end * length].to_vec();
                let answers = ask(&Matrix::from_vec(few.len(), length, values));
                for (answer, together) in answers.iter().zip(&together) {
                    for (i, row) in few.clone().enumerate() {
                        assert_eq!(answer.row(i), together.row(row), "row {row}, {architecture:?}");
                    }
                }
            }
        }
    }
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
        let outcome = |network: &mut dyn Network| {
            let stream =
                Stream { signals: &signals, mode: Mode::Train { dropout_seed: 4 }, gradient: true };
            network.learn(&[stream], &behaviour::probe(), &mut |logits| {
                let values = logits[0].as_slice().iter().map(|x| x.tanh() - 0.3).collect();
                vec![Some(Matrix::from_vec(logits[0].rows(), logits[0].cols(), values))]
            });
            gradients(network)
        };
        let (expected, found) = (outcome(exact.as_mut()), outcome(&mut rounded));
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
    let mut network = rounded(&cases()[0].0, 101, 3);
    let (first, last) = behaviour::losses_of_training(&mut network);
    assert!(last < 0.3 * first, "loss {first:.3} before, {last:.3} after");
}
