//! How a step grows: `cargo bench -p convnet --bench growth -- [REPEATS]`.
//!
//! A step of one stream with a gradient and one without, half the rows each, of `paper`, at
//! different batches, lengths and widths; median time, and memory as predicted.

use std::time::Instant;

use convnet::{
    AdamW, Architecture, CpuNetwork, Initialization, Layer, Matrix, Mode, Network, Precision,
    Stream,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let repeats: usize = arguments.first().and_then(|r| r.parse().ok()).unwrap_or(3);
    println!("| precision | batch | points | channels | ms | ms a row | predicted MB |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for precision in [Precision::F32, Precision::Bf16] {
        for (batch, points, quarters) in [
            (8, 4501, 4),
            (16, 4501, 4),
            (32, 4501, 4),
            (64, 4501, 4),
            (128, 4501, 4),
            (32, 1126, 4),
            (32, 2251, 4),
            (32, 9001, 4),
            (32, 4501, 1),
            (32, 4501, 2),
            (32, 4501, 8),
        ] {
            let architecture = widened(quarters);
            let streams = [(batch / 2, true), (batch / 2, false)];
            let memory =
                CpuNetwork::predicted_step_bytes(&architecture, points, &streams, precision)
                    .expect("fits");
            let time = step(architecture, points, batch / 2, precision, repeats);
            println!(
                "| {precision} | {batch} | {points} | × {} | {:.1} | {:.2} | {} |",
                quarters as f64 / 4.0,
                time * 1e3,
                time * 1e3 / batch as f64,
                memory / 1_000_000
            );
        }
    }
}

/// `paper` with so many quarters of its channels.
fn widened(quarters: usize) -> Architecture {
    let mut architecture = Architecture::preset("paper").expect("a preset");
    for layer in &mut architecture.features {
        if let Layer::Conv { channels, .. } = layer {
            *channels = *channels * quarters / 4;
        }
    }
    architecture
}

/// Median seconds of a step.
fn step(
    architecture: Architecture,
    points: usize,
    rows: usize,
    precision: Precision,
    repeats: usize,
) -> f64 {
    let start = Initialization::Xavier;
    let mut network =
        CpuNetwork::with_precision(architecture, points, start, 1, precision).expect("fits");
    let values = (0..rows * points).map(|i| if i % 89 == 0 { 0.7 } else { 0.0 }).collect();
    let signals = Matrix::from_vec(rows, points, values);
    let mut times = Vec::new();
    for round in 0..=repeats {
        let mode = Mode::Train { dropout_seed: round as u64 };
        let stream = |gradient| Stream { signals: &signals, mode, gradient };
        let start = Instant::now();
        network.learn(&[stream(true), stream(false)], &AdamW::default(), &mut |logits| {
            let values = logits[0].as_slice().iter().map(|x| x.tanh() / 32.0).collect();
            vec![Some(Matrix::from_vec(rows, 2, values)), None]
        });
        times.push(start.elapsed().as_secs_f64());
    }
    // The first one takes the memory.
    times.remove(0);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
