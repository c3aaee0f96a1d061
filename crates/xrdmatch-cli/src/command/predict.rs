//! `xrdmatch predict`

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use xrdmatch::predict::Model;
use xrdmatch::run::{CheckpointChoice, Run};

use crate::failure::Failure;
use crate::text;

/// Predict every pattern of a table with one experiment's model.
///
/// Writes name, probabilities and logits. Class 0 is superionic. Tables of any length are streamed.
#[derive(Args)]
#[command(
    after_help = "Example:\n  xrdmatch predict runs/paper --experiment 85 --data new.csv.gz -o predictions.parquet"
)]
pub(crate) struct Predict {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// The experiment [default: the only one]
    #[arg(long, value_name = "N")]
    experiment: Option<u32>,

    /// Which weights: last, best (optimistic) or a step
    #[arg(long, default_value = "last", value_name = "WHICH")]
    checkpoint: CheckpointChoice,

    /// The patterns: .csv, .csv.gz, .csv.zst or .parquet
    #[arg(long, value_name = "FILE")]
    data: PathBuf,

    /// Where to write: .csv, .jsonl or .parquet
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

impl Predict {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let run = Run::open(&self.run)?;
        let experiment = match (self.experiment, run.experiments()?.as_slice()) {
            (Some(experiment), _) => experiment,
            (None, [only]) => *only,
            (None, found) => {
                return Err(Failure::usage(format!(
                    "{} has {} experiments",
                    self.run.display(),
                    found.len()
                ))
                .hint("choose one with --experiment"));
            }
        };
        let mut model = Model::load(&run, experiment, self.checkpoint)?;
        let began = Instant::now();
        let mut told = began;
        let rows = model.predict_table(&self.data, &self.output, &mut |done| {
            if !self.quiet && told.elapsed() > Duration::from_secs(2) {
                told = Instant::now();
                let rate = done as f64 / began.elapsed().as_secs_f64();
                eprintln!("{done} patterns, {rate:.0} patterns/s");
            }
        })?;
        if !self.quiet {
            let (step, time) = (model.step(), text::duration(began.elapsed().as_secs_f64()));
            eprintln!(
                "{rows} patterns into {} in {time} (experiment {experiment}, step {step})",
                self.output.display()
            );
        }
        Ok(())
    }
}
