//! `xrdmatch export`

use std::path::PathBuf;

use clap::Args;
use xrdmatch::export::{Format, export};
use xrdmatch::run::{CheckpointChoice, Run};

use super::only_experiment;
use crate::failure::Failure;
use crate::text;

/// Write a trained model as a file that other programs run or load.
///
/// `.onnx` is the whole network, for onnxruntime and others: input `patterns` (batch, points), outputs
/// `logits` and `probabilities`; class 0 is superionic. `.safetensors` are the weights under the
/// published PyTorch names, for `load_state_dict`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch export runs/paper --experiment 85 -o model.onnx --with-preparation\n  xrdmatch export runs/paper --experiment 85 -o weights.safetensors"
)]
pub(crate) struct Export {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// The experiment [default: the only one]
    #[arg(long, value_name = "N")]
    experiment: Option<u32>,

    /// Which weights: last, best (optimistic) or a step
    #[arg(long, default_value = "last", value_name = "WHICH")]
    checkpoint: CheckpointChoice,

    /// Where to write: .onnx or .safetensors
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// ONNX: let the graph take raw intensities and prepare them itself
    #[arg(long)]
    with_preparation: bool,

    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

impl Export {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let format = match self.output.extension().and_then(|ending| ending.to_str()) {
            Some("onnx") => Format::Onnx { preparation: self.with_preparation },
            Some("safetensors") if !self.with_preparation => Format::Safetensors,
            Some("safetensors") => {
                return Err(Failure::usage("weights alone cannot hold the preparation")
                    .hint("write .onnx, or leave --with-preparation out"));
            }
            _ => {
                return Err(Failure::usage(format!(
                    "{} ends neither in .onnx nor in .safetensors",
                    self.output.display()
                )));
            }
        };
        let run = Run::open(&self.run)?;
        let experiment = only_experiment(&run, self.experiment)?;
        export(&run, experiment, self.checkpoint, format, &self.output)?;
        if !self.quiet {
            let bytes = std::fs::metadata(&self.output).map_or(0, |file| file.len());
            eprintln!("{} ({})", self.output.display(), text::bytes(bytes));
        }
        Ok(())
    }
}
