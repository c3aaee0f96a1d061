//! Does one thing at a time on command and says how long it took: our side of
//! `benchmarks/peers/compare.py` and `benchmarks/gpu/compare.py`, which time other programs in between.
//!
//! `peer_timing ARCHITECTURE PRECISION THREADS [DEVICE [LENGTH]]`, then a command per line on standard
//! input, each answered by a line with one number:
//!
//! | command | answer |
//! | --- | --- |
//! | `train` | seconds of one FlexMatch step: 32 labelled, 96 weak without gradient, 96 strong |
//! | `seam` | seconds of that between logits and gradient, when both are on the host |
//! | `roundtrip` | seconds of one signal through one linear layer: to the device, and an answer back |
//! | `infer N` | seconds of one inference of N patterns |
//! | `row N` | seconds of an inference of one pattern: the median of N different ones, one after the other |
//! | `peak` | bytes: the most memory this process had resident |
//!
//! Signals have 4501 points unless another length is given, and look like thresholded stick patterns.

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Instant;

use convnet::{
    AdamW, Architecture, Device, DeviceChoice, Initialization, Matrix, Mode, Network, Precision,
    Stream, Weights,
};

const LENGTH: usize = 4501;
const LABELLED: usize = 32;
const UNLABELLED: usize = 96;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let (architecture, precision, threads, device, length) = match arguments {
        [architecture, precision, threads] => (architecture, precision, threads, "cpu", LENGTH),
        [architecture, precision, threads, device, rest @ ..] if rest.len() < 2 => {
            let length = rest.first().map_or(Ok(LENGTH), |length| length.parse());
            let length = length.map_err(|e| format!("length: {e}"))?;
            (architecture, precision, threads, device.as_str(), length)
        }
        _ => {
            return Err(
                "usage: peer_timing ARCHITECTURE PRECISION THREADS [DEVICE [LENGTH]]".into()
            );
        }
    };
    let device: DeviceChoice = device.parse().map_err(|e| format!("{e}"))?;
    let architecture = Architecture::preset(architecture)
        .ok_or_else(|| format!("no architecture `{architecture}`"))?;
    let precision = match precision.as_str() {
        "f32" => Precision::F32,
        "bf16" => Precision::Bf16,
        _ => return Err(format!("no precision `{precision}`")),
    };
    let threads = threads.parse().map_err(|e| format!("threads `{threads}`: {e}"))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|e| e.to_string())?;
    let mut worker = Worker::new(architecture, precision, device, length)?;
    say("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|e| e.to_string())?;
        let answer = pool.install(|| worker.obey(&line))?;
        say(&answer);
    }
    Ok(())
}

/// Writes a line that must not wait in a buffer.
fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("someone reads the answers");
}

struct Worker {
    network: Box<dyn Network>,
    /// One linear layer on the same device.
    smallest: Box<dyn Network>,
    device: Device,
    batches: [Matrix; 3],
    steps: u64,
    /// Seconds of the last step between logits and gradient.
    seam: f64,
}

impl Worker {
    fn new(
        architecture: Architecture,
        precision: Precision,
        device: DeviceChoice,
        length: usize,
    ) -> Result<Self, String> {
        let device = device.find().map_err(|e| e.to_string())?.device;
        let open = |architecture| {
            convnet::open(device, architecture, length, Initialization::Xavier, 1, precision)
                .map_err(|e| e.to_string())
        };
        let network = open(architecture)?;
        let smallest = open(Architecture::preset("linear").ok_or("no architecture `linear`")?)?;
        let batches = [LABELLED, UNLABELLED, UNLABELLED].map(|batch| sticks(batch, length));
        Ok(Self { network, smallest, device, batches, steps: 0, seam: 0.0 })
    }

    fn obey(&mut self, command: &str) -> Result<String, String> {
        match command.split_whitespace().collect::<Vec<_>>()[..] {
            ["train"] => Ok(self.train().to_string()),
            ["seam"] => Ok(self.seam.to_string()),
            ["infer", batch] => {
                let batch = batch.parse().map_err(|e| format!("batch `{batch}`: {e}"))?;
                Ok(self.infer(&sticks(batch, self.network.input_length())).to_string())
            }
            ["row", count] => {
                let count = count.parse().map_err(|e| format!("patterns `{count}`: {e}"))?;
                let signals = sticks(count, self.network.input_length());
                let one = |row| Matrix::from_vec(1, signals.cols(), signals.row(row).to_vec());
                let mut times: Vec<f64> = (0..count).map(|row| self.infer(&one(row))).collect();
                times.sort_by(f64::total_cmp);
                let median = times.get(count / 2).ok_or("no pattern, no time")?;
                Ok(median.to_string())
            }
            ["roundtrip"] => Ok(self.round_trip().to_string()),
            ["peak"] => peak_bytes().map(|bytes| bytes.to_string()),
            _ => Err(format!("no command `{command}`")),
        }
    }

    /// Seconds of an inference.
    fn infer(&mut self, signals: &Matrix) -> f64 {
        let start = Instant::now();
        self.network.infer(signals, Weights::Current);
        start.elapsed().as_secs_f64()
    }

    /// Seconds of a signal to the device and an answer back.
    fn round_trip(&mut self) -> f64 {
        let signal = Matrix::zeros(1, self.smallest.input_length());
        let start = Instant::now();
        self.smallest.infer(&signal, Weights::Current);
        start.elapsed().as_secs_f64()
    }

    /// Seconds of a step.
    fn train(&mut self) -> f64 {
        self.steps += 1;
        let seed = 3 * self.steps;
        let stream = |i: usize, gradient| Stream {
            signals: &self.batches[i],
            mode: Mode::Train { dropout_seed: seed + i as u64 },
            gradient,
        };
        let streams = [stream(0, true), stream(1, false), stream(2, true)];
        let settings = AdamW { learning_rate: 3e-4, ..AdamW::default() };
        let labels: Vec<usize> = (0..LABELLED).map(|i| i % 2).collect();
        let mut seam = 0.0;
        let start = Instant::now();
        self.network.learn(&streams, &settings, &mut |logits| {
            let here = Instant::now();
            let pseudo_labels: Vec<usize> = (0..UNLABELLED)
                .map(|i| usize::from(logits[1].row(i)[1] > logits[1].row(i)[0]))
                .collect();
            let gradients = vec![
                Some(cross_entropy_gradient(&logits[0], &labels)),
                None,
                Some(cross_entropy_gradient(&logits[2], &pseudo_labels)),
            ];
            seam = here.elapsed().as_secs_f64();
            gradients
        });
        // Another device may have been told to do more than it has done: its answer waits for that.
        if self.device != Device::Cpu {
            self.round_trip();
        }
        self.seam = seam;
        start.elapsed().as_secs_f64()
    }
}

/// ∂(mean cross-entropy)/∂logits for two classes.
fn cross_entropy_gradient(logits: &Matrix, classes: &[usize]) -> Matrix {
    let mut gradient = Matrix::zeros(logits.rows(), 2);
    for (i, &class) in classes.iter().enumerate() {
        let row = logits.row(i);
        let wrong = 1.0 / (1.0 + (row[class] - row[1 - class]).exp()) / logits.rows() as f32;
        gradient.row_mut(i)[class] = -wrong;
        gradient.row_mut(i)[1 - class] = wrong;
    }
    gradient
}

/// Patterns of 60 sticks each, the highest of height 1.
fn sticks(batch: usize, length: usize) -> Matrix {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state >> 11
    };
    let mut signals = Matrix::zeros(batch, length);
    for row in 0..batch {
        let row = signals.row_mut(row);
        for stick in 0..60 {
            let height = 0.1 + 0.9 * (next() % 1000) as f32 / 1000.0;
            row[next() as usize % length] = if stick == 0 { 1.0 } else { height };
        }
    }
    signals
}

/// The most memory this process had resident, as Linux counts it.
fn peak_bytes() -> Result<u64, String> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|e| e.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| "no peak in /proc/self/status".into())
}
