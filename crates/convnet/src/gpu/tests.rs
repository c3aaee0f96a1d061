//! The behavioural suite on a graphics processor, or on software that imitates one; and what an
//! engine beside another one owes it.
//!
//! Without any adapter the tests print `NOT RUN`; `XRDMATCH_REQUIRE_GPU=1` makes that a failure.

use std::sync::OnceLock;

use super::device::{adapter_for_tests, open};
use super::dropout;
use crate::behaviour::{self, Engine, cases, run, signals};
use crate::kernels::dropout::Mask;
use crate::{Device, Initialization, Matrix, Network, Precision, Weights};

/// What single precision loses on the way through a small network, relative L2.
const LOGITS: f64 = 1e-5;
/// The same for gradients, whose sums are longer.
const GRADIENTS: f64 = 1e-4;
/// Weights after some steps on one engine or the other, relative L2. AdamW divides a gradient by its
/// own size, so that what is noise in a gradient moves its weight by a part of a whole step.
const AFTER_STEPS: f64 = 2e-2;

static GPU: Engine = Engine {
    open: |architecture, length, initialization, seed| {
        let device = device().expect("asked before");
        let precision = Precision::F32;
        crate::open(device, architecture.clone(), length, initialization, seed, precision)
            .expect("opens")
    },
    logits: LOGITS,
    gradients: GRADIENTS,
    // Sums in single precision leave some units in the last place of what cancels (2e-7 of the
    // largest gradient, measured on lavapipe); this allows 1e-6 of it.
    cancelled: 1e-2,
};

/// The device of these tests.
fn device() -> Option<Device> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    *DEVICE.get_or_init(adapter_for_tests)
}

fn engine() -> Option<&'static Engine> {
    device().map(|_| &GPU)
}

crate::behaviour::behavioural_suite! { engine() }

#[test]
fn masks_are_those_of_the_processor() {
    let Some(device) = device() else { return };
    let device = open(device).expect("opens");
    for (batch, channels, length, rate) in [(3, 5, 7, 0.5), (1, 64, 33, 0.1), (2, 1, 300, 0.9)] {
        let (seed, layer) = (u64::MAX / 3, 4);
        let shape = [batch, channels, length];
        let found = super::read(dropout::mask(&device, seed, layer, rate, shape));
        for (i, found) in found.into_iter().enumerate() {
            let (sample, channel, point) =
                (i / (channels * length), i / length % channels, i % length);
            let mask = Mask::new(seed, layer, sample, rate);
            assert_eq!(found, mask.factor((point * channels + channel) as u32), "{shape:?} {i}");
        }
    }
}

#[test]
fn a_run_goes_on_where_the_other_engine_left_it() {
    if device().is_none() {
        return;
    }
    let cpu: fn(&_, _, _, _) -> Box<dyn Network> = |architecture, length, start, seed| {
        let architecture: &crate::Architecture = architecture;
        Box::new(crate::CpuNetwork::new(architecture.clone(), length, start, seed).expect("fits"))
    };
    for (architecture, length) in cases() {
        for (first, second) in [(cpu, GPU.open), (GPU.open, cpu)] {
            let mut begun = first(&architecture, length, Initialization::Pytorch, 3);
            let [weights, average, optimizer] = run(begun.as_mut(), 0..2);
            let mut taken = second(&architecture, length, Initialization::Xavier, 1);
            taken.restore(&weights, Some(&average), &optimizer).expect("its state");
            // What is handed over is handed over bit by bit.
            assert_eq!(taken.weights(Weights::Current), weights);
            assert_eq!(taken.weights(Weights::Average), average);
            assert_eq!(taken.optimizer_state(), optimizer);
            let (alone, together) = (run(begun.as_mut(), 2..4), run(taken.as_mut(), 2..4));
            let all = |tensors: &crate::Tensors| -> Vec<f64> {
                tensors.values().flat_map(|t| &t.data).map(|&x| f64::from(x)).collect()
            };
            for (alone, together) in alone[..2].iter().zip(&together[..2]) {
                let (alone, together) = (all(alone), all(together));
                let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
                let difference: Vec<f64> =
                    alone.iter().zip(&together).map(|(a, b)| a - b).collect();
                let error = norm(&difference) / norm(&alone);
                assert!(error < AFTER_STEPS, "{architecture:?}: {error:.1e}");
            }
        }
    }
}

#[test]
fn both_engines_start_from_the_same_bits() {
    if device().is_none() {
        return;
    }
    let (architecture, length) = cases().swap_remove(2);
    let gpu = GPU.open(&architecture, length, Initialization::Paper, 5);
    let cpu = crate::CpuNetwork::new(architecture, length, Initialization::Paper, 5).expect("fits");
    assert_eq!(gpu.weights(Weights::Current), cpu.weights(Weights::Current));
}

#[test]
fn two_networks_learn_side_by_side_on_one_device_as_each_alone() {
    if device().is_none() {
        return;
    }
    let (architecture, length) = cases().swap_remove(1);
    let learn = |seed: u64| {
        let mut network = GPU.network(&architecture, length, seed);
        run(network.as_mut(), 0..3)
    };
    let alone = [learn(1), learn(2)];
    let together = std::thread::scope(|scope| {
        let threads = [1, 2].map(|seed| scope.spawn(move || learn(seed)));
        threads.map(|thread| thread.join().expect("learns"))
    });
    assert_eq!(alone, together);
}

#[test]
fn a_precision_that_the_engine_lacks_is_refused() {
    let (architecture, length) = cases().swap_remove(0);
    let start = Initialization::Xavier;
    let opened =
        crate::open(Device::Wgpu(0), architecture, length, start, 1, Precision::Bf16).map(|_| ());
    let expected =
        crate::DeviceError::Precision { device: Device::Wgpu(0), precision: Precision::Bf16 };
    assert_eq!(opened, Err(expected.into()));
}

#[test]
fn a_sample_says_the_same_beside_others() {
    let Some(engine) = engine() else { return };
    let (architecture, length) = cases().swap_remove(1);
    let mut network = engine.network(&architecture, length, 4);
    let many = signals(130, length, 6);
    let together = network.infer(&many, Weights::Current);
    for row in [0, 63, 64, 129] {
        let one = Matrix::from_vec(1, length, many.row(row).to_vec());
        let alone = network.infer(&one, Weights::Current);
        for (alone, together) in alone.row(0).iter().zip(together.row(row)) {
            assert!((alone - together).abs() < 1e-5, "{row}: {alone} {together}");
        }
    }
}

#[test]
fn training_learns() {
    let Some(engine) = engine() else { return };
    let mut network = engine.network(&cases()[1].0, 101, 3);
    let (first, last) = behaviour::losses_of_training(network.as_mut());
    assert!(last < 0.5 * first, "loss {first:.3} before, {last:.3} after");
}
