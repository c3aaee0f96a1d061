//! `xrdmatch evaluate`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use diffraction::Grid;
use serde::Serialize;
use xrdmatch::evaluate::{Rows, evaluate};
use xrdmatch::metrics::Evaluation;
use xrdmatch::run::{CheckpointChoice, Run};

use super::print_json;
use super::protocol::ProtocolArguments;
use super::train::{parse_grid, stated_grid};
use crate::device::DeviceArgument;
use crate::failure::Failure;
use crate::text;

/// Evaluate experiments on rows they were not trained on.
///
/// Replays each experiment's own split, so that a training row is never scored unless
/// --include-training asks for it. Results are appended to exp_NNN/eval_log.txt.
///
/// With --protocol, all experiments of a run in one report: intervals, ensembles out of bag,
/// calibration, class shares, classical models on the same splits, comparison with another run.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Evaluate {
    /// The run
    #[arg(value_name = "RUN", required_unless_present = "predictions")]
    run: Option<PathBuf>,

    #[command(flatten)]
    protocol: ProtocolArguments,

    /// One experiment [default: all]
    #[arg(long, value_name = "N")]
    experiment: Option<u32>,

    /// Which weights: last, best (optimistic) or a step
    #[arg(long, default_value = "last", value_name = "WHICH")]
    checkpoint: CheckpointChoice,

    /// Labelled patterns [default: the file the run was trained with]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// Grid of a text table that does not say its own
    #[arg(long, value_name = "START:STEP", value_parser = parse_grid, requires = "data")]
    grid: Option<(f64, f64)>,

    /// Which rows of the run's own file
    #[arg(long, default_value = "evaluation", conflicts_with = "data")]
    rows: RowsName,

    /// Score training rows too; the result is marked and says nothing about new samples
    #[arg(long)]
    include_training: bool,

    #[command(flatten)]
    device: DeviceArgument,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  xrdmatch evaluate runs/paper --experiment 85
  xrdmatch evaluate runs/paper --rows held-out --json
  xrdmatch evaluate runs/paper --data measured.csv
  Everything in one report, and every sample's out-of-bag prediction:
    xrdmatch evaluate runs/paper --protocol -o out_of_bag.parquet
  Against another run, with the share of positives in the unlabelled pool:
    xrdmatch evaluate runs/paper --protocol --against runs/fixmatch --prior estimate
  The published ensemble, from the table of its predictions:
    xrdmatch evaluate --predictions paper_predictions.csv --splits paper_splits.json --labeled lbs.csv";

/// Rows by their role.
#[derive(Clone, Copy, ValueEnum)]
enum RowsName {
    /// Those the experiment is reported on
    Evaluation,
    /// Those that choices looked at
    Validation,
    /// Those outside all experiments
    HeldOut,
}

#[derive(Serialize)]
struct Report {
    experiment: u32,
    checkpoint: String,
    step: u64,
    rows: String,
    includes_training_rows: bool,
    optimistic: bool,
    evaluation: Evaluation,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<(), Failure> {
        self.device.choose(false)?;
        let Some(directory) = &self.run else { return self.protocol.of_table(self.json) };
        if self.protocol.wanted() {
            return self.protocol.of_run(directory, self.json);
        }
        let run = Run::open(directory)?;
        let experiments = match self.experiment {
            Some(experiment) => vec![experiment],
            None => run.experiments()?,
        };
        if experiments.is_empty() {
            return Err(Failure::data(format!("{} has no experiments yet", directory.display())));
        }
        let rows = match (&self.data, self.rows) {
            (Some(path), _) => {
                let stated: Option<Grid> =
                    self.grid.map(|grid| stated_grid(path, grid)).transpose()?;
                Rows::Of { path: path.clone(), stated }
            }
            (None, RowsName::Evaluation) => Rows::Evaluation,
            (None, RowsName::Validation) => Rows::Validation,
            (None, RowsName::HeldOut) => Rows::HeldOut,
        };
        let mut reports = Vec::new();
        for experiment in experiments {
            let result = evaluate(&run, experiment, self.checkpoint, &rows, self.include_training)?;
            let report = Report {
                experiment,
                checkpoint: self.checkpoint.to_string(),
                step: result.step,
                rows: rows.to_string(),
                includes_training_rows: result.training_rows > 0,
                optimistic: result.optimistic,
                evaluation: result.evaluation,
            };
            if !self.json {
                println!(
                    "experiment {experiment}, checkpoint {} (step {}), {rows}",
                    self.checkpoint, result.step
                );
                if result.training_rows > 0 {
                    println!("WARNING: {} of these rows were trained on", result.training_rows);
                }
                if result.left_out > 0 {
                    println!("{} rows of this file were trained on and left out", result.left_out);
                }
                if result.optimistic {
                    println!("optimistic: this epoch was chosen by looking at these rows");
                }
                println!("{}", text::evaluation(&report.evaluation));
            }
            reports.push(report);
        }
        if self.json {
            return print_json(&reports);
        }
        if matches!(rows, Rows::Evaluation) {
            self.protocol.print_baselines(&run);
        }
        Ok(())
    }
}
