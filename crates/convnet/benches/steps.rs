//! Times whole steps and inference: `cargo bench -p convnet --bench steps -- [ARCHITECTURE [REPEATS]]`.
//!
//! One step is FlexMatch's: 32 labelled, 96 weak without gradient, 96 strong; points: 4501.
//! Prints medians; `RAYON_NUM_THREADS` sets the threads.

use std::time::Instant;

use convnet::{
    AdamW, Architecture, CpuNetwork, Initialization, Matrix, Mode, Network, Precision, Stream,
    Weights,
};

const LENGTH: usize = 4501;
/// Rows of the streams, and whether they have a gradient.
const STREAMS: [(usize, bool); 3] = [(32, true), (96, false), (96, true)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let name = arguments.first().map_or("paper", String::as_str);
    let repeats: usize = arguments.get(1).and_then(|r| r.parse().ok()).unwrap_or(5);
    let precision = match arguments.get(2).map(String::as_str) {
        Some("bf16") => Precision::Bf16,
        _ => Precision::F32,
    };
    let Some(architecture) = Architecture::preset(name) else {
        eprintln!("no architecture `{name}`; there are {}", Architecture::PRESETS.join(", "));
        std::process::exit(2);
    };
    let mut network = CpuNetwork::with_precision(
        architecture.clone(),
        LENGTH,
        Initialization::Xavier,
        1,
        precision,
    )
    .expect("fits");
    let predicted =
        CpuNetwork::predicted_step_bytes(&architecture, LENGTH, &STREAMS, precision).expect("fits");
    println!("{name}: predicted {} MB", predicted / 1_000_000);
    let batches = [signals(32), signals(96), signals(96)];
    let settings = AdamW { learning_rate: 3e-4, ..AdamW::default() };
    let mut step = 0;
    let train = median(repeats, || {
        step += 1;
        let stream = |i: usize, gradient| Stream {
            signals: &batches[i],
            mode: Mode::Train { dropout_seed: step },
            gradient,
        };
        let streams = [stream(0, true), stream(1, false), stream(2, true)];
        network.learn(&streams, &settings, &mut |logits| {
            let gradient = |m: &Matrix| {
                let values = m.as_slice().iter().map(|x| x.tanh() / m.rows() as f32).collect();
                Some(Matrix::from_vec(m.rows(), m.cols(), values))
            };
            vec![gradient(&logits[0]), None, gradient(&logits[2])]
        });
    });
    println!("{name}: training step {:.0} ms", train * 1e3);
    if let Some(peak) = peak_bytes() {
        println!("{name}: peak memory of the process {} MB", peak / 1_000_000);
    }
    for batch in [96, 1] {
        let signals = signals(batch);
        let time = median(repeats.max(5), || {
            network.infer(&signals, Weights::Current);
        });
        println!("{name}: inference, batch {batch}: {:.0} patterns/s", batch as f64 / time);
    }
}

/// Largest resident memory of this process so far, where the system tells.
fn peak_bytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<usize>().ok()? * 1024)
}

/// Sparse positive signals, as a diffraction pattern is.
fn signals(rows: usize) -> Matrix {
    let mut state = 88_172_645_463_325_252u64;
    let values = (0..rows * LENGTH).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state.is_multiple_of(97) { (state >> 40) as f32 / 16_777_216.0 } else { 0.0 }
    });
    Matrix::from_vec(rows, LENGTH, values.collect())
}

/// Median seconds of `repeats` calls after one to warm up.
fn median(repeats: usize, mut call: impl FnMut()) -> f64 {
    call();
    let mut times: Vec<f64> = (0..repeats)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
