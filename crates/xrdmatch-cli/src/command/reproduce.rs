//! `xrdmatch reproduce`

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use xrdmatch::reproduce::{Difference, Moved, Reproduction, Rerun};
use xrdmatch::run::{Run, Workers};
use xrdmatch::train::predicted_bytes;

use super::print_json;
use crate::experiments::Experiments;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::machine;
use crate::progress::Progress;

/// Do a run again from its manifest and say whether it comes out bitwise the same.
///
/// Reads the same files (their contents are checked), draws the same splits, trains in a temporary
/// directory, and compares weights and predictions of every complete experiment. Exit code 1 if
/// anything differs. Takes as long as the run took.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Reproduce {
    /// The run
    #[arg(value_name = "RUN")]
    run: PathBuf,

    /// Which experiments [default: all that are complete]
    #[arg(long, value_name = "LIST")]
    experiments: Option<Experiments>,

    /// Where the labelled file is now
    #[arg(long, value_name = "FILE")]
    labeled: Option<PathBuf>,

    /// Where the unlabelled file is now
    #[arg(long, value_name = "FILE")]
    unlabeled: Option<PathBuf>,

    /// Where the structures of the unlabelled patterns are now
    #[arg(long, value_name = "PATH", num_args = 1..)]
    structures: Vec<PathBuf>,

    /// Keep the repetition in this new directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,

    /// Experiments side by side [default: chosen from cores and memory]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Threads of each experiment [default: cores / jobs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Say nothing but errors and the answer
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  xrdmatch reproduce runs/paper
  xrdmatch reproduce runs/paper --experiments 85 --keep runs/again";

impl Reproduce {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let run = Run::open(&self.run)?;
        let moved = Moved {
            labeled: self.labeled.clone(),
            unlabeled: self.unlabeled.clone(),
            structures: self.structures.clone(),
        };
        let asked = self.experiments.as_ref().map(|experiments| experiments.0.as_slice());
        let rerun = Rerun::prepare(&run, asked, &moved)?;
        let config = &run.manifest().config;
        let experiments = rerun.experiments().len();
        let (cores, memory) = (machine::cores(), machine::available_memory());
        let mut workers = match self.jobs {
            Some(jobs) => Workers::of(usize::from(jobs).min(experiments), cores),
            None => {
                let each = predicted_bytes(config, rerun.grid())?;
                Workers::choose(experiments, cores, memory, each)
            }
        };
        if let Some(threads) = self.threads {
            workers.threads = usize::from(threads);
        }
        let temporary =
            std::env::temp_dir().join(format!("xrdmatch-reproduce-{}", std::process::id()));
        let directory = self.keep.clone().unwrap_or_else(|| temporary.clone());
        if directory.exists() {
            return Err(Failure::data(format!("{} exists already", directory.display()))
                .hint("choose a new directory with --keep"));
        }
        let stop = stop_on_signals("stopping after the step under way")?;
        let progress = Progress::new(config, self.quiet);
        let result = rerun.go(&directory, workers, &stop, &|experiment, happening| {
            progress.observe(experiment, happening);
        });
        if self.keep.is_none()
            && let Err(error) = std::fs::remove_dir_all(&temporary)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            eprintln!("warning: remove {}: {error}", temporary.display());
        }
        let result = result?;
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::interrupted("interrupted; nothing is said about the run"));
        }
        if self.json {
            print_json(&result)?;
        } else {
            print!("{}", in_words(&result));
        }
        match result.first_difference {
            None => Ok(()),
            Some(first) => Err(Failure::negative(format!("experiment {first} differs"))),
        }
    }
}

fn in_words(result: &Reproduction) -> String {
    let mut text = String::new();
    for compared in &result.experiments {
        let number = compared.experiment;
        if compared.same {
            text.push_str(&format!(
                "experiment {number}: bitwise the same (split, epochs, weights, predictions)\n"
            ));
            continue;
        }
        text.push_str(&format!("experiment {number}: DIFFERS\n"));
        for difference in &compared.differences {
            let words = match difference {
                Difference::Split => "other rows are drawn for training".to_owned(),
                Difference::Epoch { epoch } => format!("losses differ from epoch {epoch} on"),
                Difference::State { file } => format!("{file} differs"),
                Difference::Predictions { sample: Some(sample), largest } => format!(
                    "predictions differ, most for `{sample}`: by {largest:e} in probability"
                ),
                Difference::Predictions { sample: None, .. } => {
                    "predictions differ, though not in probability".to_owned()
                }
                Difference::Stopped => "it was not completed".to_owned(),
                Difference::Failed { reason } => format!("it failed: {reason}"),
            };
            text.push_str(&format!("  {words}\n"));
        }
    }
    if !result.incomplete.is_empty() {
        text.push_str(&format!("not complete, not done again: {:?}\n", result.incomplete));
    }
    if result.program_then != result.program_now {
        text.push_str(&format!(
            "the run was made by version {}, this is {}\n",
            result.program_then, result.program_now
        ));
    }
    text.push_str(match result.first_difference {
        None => "the run is reproduced, bit by bit\n",
        Some(_) => "the run is NOT reproduced\n",
    });
    text
}
