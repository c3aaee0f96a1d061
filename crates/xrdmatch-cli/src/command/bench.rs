//! `xrdmatch bench`

use clap::{Args, Subcommand};
use convnet::{
    Architecture, Ceiling, Choice, LayerTime, MeasureError, Purpose, ceiling, layer_bytes,
    layer_times, on_threads,
};
use serde::Serialize;

use super::print_json;
use crate::failure::{Failure, chain};
use crate::machine;

/// Measure this machine.
#[derive(Args)]
#[command(after_help = "Example:\n  xrdmatch bench layers")]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Layers(Layers),
}

/// Time every convolution of a network with every algorithm, beside what the cost model predicts.
///
/// `model` is the model's count of multiplications at the machine's highest rate; `done` the share
/// of that rate which the products really done reach, transforms not counted. The algorithm that
/// the model chooses has a star; operands rounded to bfloat16 (`--precision bf16`) are beyond it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  xrdmatch bench layers
  xrdmatch bench layers --inference --batch 1 --threads 1
  xrdmatch bench layers --architecture vgg16 --points 2251 --json")]
struct Layers {
    /// One of paper, vgg11, vgg13, vgg16, vgg19
    #[arg(long, default_value = "paper", value_name = "NAME")]
    architecture: String,

    /// Points of a pattern
    #[arg(long, default_value_t = 4501, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    points: u32,

    /// Patterns of a batch
    #[arg(long, default_value_t = 96, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,

    /// The algorithms of inference, which keep the patterns of a batch apart
    #[arg(long)]
    inference: bool,

    /// Passes per time, of which the median counts
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,

    /// Threads [default: as many as cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Measured {
    architecture: String,
    points: u32,
    batch: u32,
    threads: usize,
    /// Multiplications with addition per second.
    ceiling_multiplications: f64,
    /// Bytes per second.
    ceiling_bytes: f64,
    times: Vec<Row>,
}

/// One layer with one algorithm; times in seconds.
#[derive(Serialize)]
struct Row {
    layer: String,
    algorithm: String,
    chosen: bool,
    predicted_forward: Option<f64>,
    forward: f64,
    backward: f64,
    prepare: f64,
    /// Multiplications of the plain sum per second, forward.
    rate: f64,
    /// Share of the ceiling that the products really done reach, forward.
    done: f64,
}

impl Bench {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let What::Layers(layers) = self.what;
        layers.run()
    }
}

impl Layers {
    fn run(self) -> Result<(), Failure> {
        let architecture = Architecture::preset(&self.architecture).ok_or_else(|| {
            Failure::usage(format!("no architecture `{}`", self.architecture))
                .hint(format!("there are {}", Architecture::PRESETS.join(", ")))
        })?;
        let (points, batch) = (self.points as usize, self.batch as usize);
        let bytes = layer_bytes(&architecture, points, batch)? as u64;
        if let Some(free) = machine::available_memory().filter(|free| bytes > *free) {
            let (needed, free) = (bytes.div_ceil(1 << 20), free >> 20);
            return Err(Failure::usage(format!(
                "the largest layer takes {needed} MiB, and {free} MiB are free"
            ))
            .hint("take a smaller --batch or fewer --points"));
        }
        let threads = self.threads.map_or_else(machine::cores, usize::from);
        on_threads(threads, || self.measure(&architecture, threads))?
    }

    fn measure(&self, architecture: &Architecture, threads: usize) -> Result<(), Failure> {
        let limit = ceiling()?;
        let Ceiling { multiplications, bytes } = limit;
        if !self.json {
            println!(
                "{} on {} points, batch {}, {threads} threads; ceiling {:.0} GMAC/s from \
                 registers, {:.0} GB/s from memory",
                self.architecture,
                self.points,
                self.batch,
                multiplications / 1e9,
                bytes / 1e9
            );
            println!(
                "{:<27} {:<13}  {:>9} {:>10} {:>11} {:>8} {:>6}",
                "layer", "algorithm", "model ms", "forward ms", "backward ms", "GMAC/s", "done"
            );
        }
        let mut rows = Vec::new();
        let (points, batch) = (self.points as usize, self.batch as usize);
        let purpose = if self.inference { Purpose::Inference } else { Purpose::Training };
        layer_times(
            architecture,
            points,
            purpose,
            batch,
            usize::from(self.repeats),
            &mut |time| {
                let row = Row::new(time, limit);
                if self.json {
                    eprintln!("{}, {}", row.layer, row.algorithm);
                } else {
                    println!("{}", row.line());
                }
                rows.push(row);
            },
        )?;
        if self.json {
            return print_json(&Measured {
                architecture: self.architecture.clone(),
                points: self.points,
                batch: self.batch,
                threads,
                ceiling_multiplications: multiplications,
                ceiling_bytes: bytes,
                times: rows,
            });
        }
        Ok(())
    }
}

impl Row {
    fn new(time: &LayerTime, limit: Ceiling) -> Self {
        Self {
            layer: time.layer.clone(),
            algorithm: match time.choice {
                Choice::Spectral(rows) => format!("spectral {rows}"),
                Choice::Rounded => "rounded".to_owned(),
                Choice::Direct | Choice::Cheapest => "direct".to_owned(),
            },
            chosen: time.chosen,
            predicted_forward: time.predicted.map(|count| count / limit.multiplications),
            forward: time.forward,
            backward: time.backward,
            prepare: time.prepare,
            rate: time.multiplications / time.forward,
            done: time.products / time.forward / limit.multiplications,
        }
    }

    fn line(&self) -> String {
        let model =
            self.predicted_forward.map_or_else(|| "–".to_owned(), |s| format!("{:.2}", s * 1e3));
        format!(
            "{:<27} {:<13}{} {model:>9} {:>10.2} {:>11.2} {:>8.0} {:>5.0}%",
            self.layer,
            self.algorithm,
            if self.chosen { '*' } else { ' ' },
            self.forward * 1e3,
            self.backward * 1e3,
            self.rate / 1e9,
            self.done * 1e2
        )
    }
}

impl From<MeasureError> for Failure {
    fn from(error: MeasureError) -> Self {
        match error {
            MeasureError::Architecture(error) => error.into(),
            error @ MeasureError::Threads { .. } => Self::usage(chain(&error)),
        }
    }
}
