//! `xrdmatch predict`

use std::path::PathBuf;

use clap::Args;
use diffraction::Grid;
use xrdmatch::config::Layers;
use xrdmatch::dataset::{Chunks, Labels};
use xrdmatch::export::{part, read_weights};
use xrdmatch::predict::Model;
use xrdmatch::run::{CheckpointChoice, Run};

use super::only_experiment;
use super::train::{parse_grid, stated_grid};
use crate::counter::{Counter, Unit};
use crate::device::DeviceArgument;
use crate::failure::Failure;
use crate::text;

/// Predict every pattern of a table with one experiment's model.
///
/// Writes name, probabilities and logits. Class 0 is superionic. Tables of any length are streamed.
///
/// Instead of a run, --weights takes a checkpoint of PyTorch (.pth, as the paper's code writes it) or a
/// safetensors file; --preset then says which network it is for. Nothing in the file is executed.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch predict runs/paper --experiment 85 --data new.csv.gz -o predictions.parquet\n  xrdmatch predict --weights model_best.pth --preset paper --data new.csv -o predictions.csv"
)]
pub(crate) struct Predict {
    /// The run
    #[arg(value_name = "RUN", required_unless_present = "weights")]
    run: Option<PathBuf>,

    /// Weights of another program: .pth or .safetensors
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "experiment", "checkpoint"])]
    weights: Option<PathBuf>,

    /// Which of several sets of weights in a checkpoint, for example eval_model
    #[arg(long, value_name = "NAME", requires = "weights")]
    key: Option<String>,

    /// Settings that the weights are for: network and preparation [default: paper]
    #[arg(long, value_name = "NAME", requires = "weights")]
    preset: Option<String>,

    /// A TOML file of settings, over the preset
    #[arg(long, value_name = "FILE", requires = "weights")]
    config: Option<PathBuf>,

    /// Grid of a text table that does not say its own
    #[arg(long, value_name = "START:STEP", value_parser = parse_grid)]
    grid: Option<(f64, f64)>,

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

    #[command(flatten)]
    device: DeviceArgument,

    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

impl Predict {
    pub(crate) fn run(self) -> Result<(), Failure> {
        self.device.choose(self.quiet)?;
        let stated = self.grid.map(|grid| stated_grid(&self.data, grid)).transpose()?;
        let (mut model, origin) = self.model(stated)?;
        let mut counter = Counter::new(Unit::Of("patterns"), self.quiet);
        let rows = model.predict_table(&self.data, &self.output, stated, &mut |done| {
            counter.set(done as u64, None);
        })?;
        let time = text::duration(counter.finish());
        if !self.quiet {
            eprintln!("{rows} patterns into {} in {time} ({origin})", self.output.display());
        }
        Ok(())
    }

    /// The model, and in words where it came from.
    fn model(&self, stated: Option<Grid>) -> Result<(Model, String), Failure> {
        if let Some(path) = &self.run {
            let run = Run::open(path)?;
            let experiment = only_experiment(&run, self.experiment)?;
            let model = Model::load(&run, experiment, self.checkpoint)?;
            let origin = format!("experiment {experiment}, step {}", model.step());
            return Ok((model, origin));
        }
        let path = self.weights.as_ref().expect("clap: a run or weights");
        let mut layers = Layers::defaults();
        layers.preset(self.preset.as_deref().unwrap_or("paper"))?;
        if let Some(file) = &self.config {
            layers.file(file)?;
        }
        let config = layers.finish()?;
        let (weights, encoder) = part(read_weights(path, self.key.as_deref())?);
        let labels = Labels::Optional { classes: config.classes };
        let grid = Chunks::open(&self.data, labels, stated, 1)?.grid();
        let model = Model::of_weights(config, grid, encoder.as_ref(), &weights)?;
        Ok((model, format!("weights of {}", path.display())))
    }
}
