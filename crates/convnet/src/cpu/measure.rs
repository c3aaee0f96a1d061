//! How long each convolution of a network takes with each algorithm, beside what the cost model
//! says of it.

use std::time::Instant;

use rayon::prelude::*;

use super::plan::Plan;
use crate::initialize::uniform;
use crate::kernels::conv::{Choice, Conv, InputTarget, Purpose, predicted, products};
use crate::kernels::isa::Isa;
use crate::kernels::memory::Buffer;
use crate::kernels::rows::{Gradient, Input};
use crate::kernels::simd::Ceiling as Registers;
use crate::{Architecture, ArchitectureError};

/// What the machine can do at most, with all threads of the pool.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceiling {
    /// Multiplications with addition per second, from registers to registers.
    pub multiplications: f64,
    /// Bytes per second read and written by adding two large arrays into a third.
    pub bytes: f64,
}

/// Measures the machine's ceilings.
///
/// # Errors
/// When the instructions that the environment asks for are not there.
pub fn ceiling() -> Result<Ceiling, ArchitectureError> {
    const ROUNDS: usize = 4_000_000;
    const VALUES: usize = 1 << 24;
    let isa = Isa::detect()?;
    let start = Instant::now();
    let done = rayon::broadcast(|_| std::hint::black_box(isa.run(Registers(ROUNDS))).0);
    let multiplications = done.iter().sum::<f64>() / start.elapsed().as_secs_f64();
    let (a, b) = (Buffer::zeros(VALUES), Buffer::zeros(VALUES));
    let mut c = Buffer::zeros(VALUES);
    let mut best = f64::INFINITY;
    for _ in 0..4 {
        let start = Instant::now();
        let sources = a.par_chunks(1 << 16).zip(b.par_chunks(1 << 16));
        c.par_chunks_mut(1 << 16).zip(sources).for_each(|(c, (a, b))| {
            c.iter_mut().zip(a).zip(b).for_each(|((c, a), b)| *c = a + 2.0 * b);
        });
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(Ceiling { multiplications, bytes: (3 * VALUES * size_of::<f32>()) as f64 / best })
}

/// One convolution with one algorithm.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerTime {
    /// Which convolution: its channels, taps, stride and points.
    pub layer: String,
    /// The algorithm.
    pub choice: Choice,
    /// Whether the cost model chooses it.
    pub chosen: bool,
    /// Multiplications of the plain sum, forward.
    pub multiplications: f64,
    /// Multiplications that the products of this algorithm really take, forward, without transforms.
    pub products: f64,
    /// What the cost model counts in multiplications, forward; it does not count rounded operands.
    pub predicted: Option<f64>,
    /// Seconds of a forward pass, statistics included; the median.
    pub forward: f64,
    /// Seconds of a backward pass, the gradients of input and weights.
    pub backward: f64,
    /// Seconds to prepare the weights for both.
    pub prepare: f64,
}

/// The algorithms that convolutions are timed with, where they fit.
const CANDIDATES: [Choice; 5] = [
    Choice::Direct,
    Choice::Spectral(16),
    Choice::Spectral(32),
    Choice::Spectral(64),
    Choice::Rounded,
];

/// Why layers cannot be timed.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The layers do not fit together or to the input, or the instructions are not there.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The system gives no threads.
    #[error("start {threads} threads: {source}")]
    Threads {
        /// How many were wanted.
        threads: usize,
        /// What the system says.
        source: rayon::ThreadPoolBuildError,
    },
}

/// Runs `work` on so many threads, as many as there are cores for 0.
///
/// # Errors
/// When the system gives no threads.
pub fn on_threads<R: Send>(
    threads: usize,
    work: impl FnOnce() -> R + Send,
) -> Result<R, MeasureError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|source| MeasureError::Threads { threads, source })?;
    Ok(pool.install(work))
}

/// Bytes that [`layer_times`] needs at most.
///
/// # Errors
/// When the layers do not fit together or to the input.
pub fn layer_bytes(
    architecture: &Architecture,
    input_length: usize,
    batch: usize,
) -> Result<usize, ArchitectureError> {
    let plan = Plan::new(architecture, input_length, Choice::Cheapest)?;
    let geometries = plan
        .blocks
        .iter()
        .filter_map(|block| block.map.as_ref()?.conv(Purpose::Training).geometry());
    let bytes = geometries.flat_map(|geometry| {
        CANDIDATES.map(|choice| {
            let needs = Conv::new(geometry, choice, Purpose::Training).needs(batch, true);
            let ends = 2 * batch * geometry.input.size() + 2 * batch * geometry.output.size();
            let weights = 3 * geometry.weights() + needs.prepared;
            (ends + weights + needs.scratch + 2 * needs.records) * size_of::<f32>()
        })
    });
    Ok(bytes.max().unwrap_or(0))
}

/// Times the convolutions of an architecture for a purpose on a batch, each with every algorithm it
/// fits; `each` is told every time as soon as it is known.
///
/// # Errors
/// When the layers do not fit together, or the instructions that the environment asks for are not
/// there.
pub fn layer_times(
    architecture: &Architecture,
    input_length: usize,
    purpose: Purpose,
    batch: usize,
    repeats: usize,
    each: &mut dyn FnMut(&LayerTime),
) -> Result<Vec<LayerTime>, ArchitectureError> {
    let plan = Plan::new(architecture, input_length, Choice::Cheapest)?;
    let isa = Isa::detect()?;
    let mut times = Vec::new();
    for block in &plan.blocks {
        let Some(geometry) = block.map.as_ref().and_then(|map| map.conv(purpose).geometry()) else {
            continue;
        };
        let chosen = Conv::new(geometry, Choice::Cheapest, purpose).choice();
        for choice in CANDIDATES {
            let conv = Conv::new(geometry, choice, purpose);
            if conv.choice() != choice {
                continue;
            }
            let (channels, outputs) = (geometry.input.channels, geometry.output.channels);
            let points = geometry.output.length as f64;
            let (forward, backward, prepare) = time(&conv, isa, batch, repeats);
            let time = LayerTime {
                layer: format!(
                    "{channels}→{outputs} k{} s{} on {}",
                    geometry.kernel, geometry.input.stride, geometry.output.length
                ),
                choice,
                chosen: choice == chosen,
                multiplications: batch as f64 * points * geometry.weights() as f64,
                products: products(&geometry, choice, purpose, batch),
                predicted: predicted(&geometry, choice, purpose, batch),
                forward,
                backward,
                prepare,
            };
            each(&time);
            times.push(time);
        }
    }
    Ok(times)
}

/// Median seconds forward, backward and of the preparation.
fn time(conv: &Conv, isa: Isa, batch: usize, repeats: usize) -> (f64, f64, f64) {
    let Some(geometry) = conv.geometry() else { return (0.0, 0.0, 0.0) };
    let needs = conv.needs(batch, true);
    let (mut scratch, mut prepared) = (Buffer::zeros(needs.scratch), Buffer::zeros(needs.prepared));
    let mut records = vec![0.0; needs.records];
    let draw = |stream, count: usize| {
        let mut values = Buffer::zeros(count);
        values.copy_from_slice(&uniform(1, stream, count, 1.0));
        values
    };
    let (inputs, outputs) = (geometry.input.channels, geometry.output.channels);
    let weights = draw(1, geometry.weights());
    let values = draw(2, batch * geometry.input.size());
    let du = draw(3, batch * geometry.output.size());
    let mut y = Buffer::zeros(du.len());
    let (mut dx, mut dw) = (Buffer::zeros(values.len()), Buffer::zeros(weights.len()));
    let (ones, zeros) = (vec![1.0; inputs.max(outputs)], vec![0.0; inputs.max(outputs)]);
    let [mut forward, mut backward, mut prepare] = [(); 3].map(|()| Vec::with_capacity(repeats));
    for _ in 0..=repeats {
        let start = Instant::now();
        conv.prepare(isa, &weights, &mut prepared);
        let mut preparing = start.elapsed();
        let (scale, shift) = (&ones[..inputs], &zeros[..inputs]);
        let input = Input { values: &values, scale, shift, floor: 0.0 };
        let start = Instant::now();
        let both = (&weights[..], &prepared[..]);
        conv.forward(isa, input, both, &mut y, Some(&mut records), &mut scratch);
        forward.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        conv.prepare_backward(isa, &weights, &mut prepared, &mut scratch);
        preparing += start.elapsed();
        prepare.push(preparing.as_secs_f64());
        let slope = &ones[..outputs];
        let (tilt, offset) = (&zeros[..outputs], &zeros[..outputs]);
        let gradient = Gradient { du: &du, y: &y, slope, tilt, offset };
        let below = (inputs > 1).then_some((&zeros[..inputs], &mut records[..]));
        let target = (inputs > 1).then_some(InputTarget { dx: &mut dx, below });
        let start = Instant::now();
        let both = (&weights[..], &prepared[..]);
        conv.backward(isa, (input, gradient), both, Some(&mut dw), target, &mut scratch);
        backward.push(start.elapsed().as_secs_f64());
    }
    let median = |mut times: Vec<f64>| {
        // The first one warms up.
        times.remove(0);
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    (median(forward), median(backward), median(prepare))
}
