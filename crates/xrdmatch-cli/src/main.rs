//! The `xrdmatch` command: turns words into calls and values into text.
//!
//! Standard output is data, standard error is talk. Exit codes: 0 done, 1 what was asked about is not
//! so (a run that is not reproduced, an audit with alarms under `--strict`), 2 usage, 3 data or records,
//! 4 model or checkpoint, 130 interrupted.

mod angles;
mod batch;
mod command;
mod counter;
mod device;
mod experiments;
mod failure;
mod interrupt;
mod machine;
mod mirror;
mod progress;
mod skipped;
mod text;

use std::process::ExitCode;

use clap::Parser;

use command::Command;

/// Learn material properties from powder X-ray diffraction patterns with few labels.
///
/// Trains FlexMatch classifiers on a few labelled and many unlabelled patterns, evaluates them
/// honestly, and applies them.
#[derive(Parser)]
#[command(name = "xrdmatch", version, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  xrdmatch train --demo
  xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --experiments 0..10
  xrdmatch audit lbs.csv ulbs.csv.gz
  xrdmatch evaluate runs/default --protocol
  xrdmatch predict runs/default --experiment 3 --data new.csv -o predictions.csv
  xrdmatch simulate structures/ -o patterns.parquet
  xrdmatch import scans/*.xrdml -o measured.csv
  xrdmatch screen runs/default --data new.csv -o ranked.csv
  xrdmatch explain runs/paper --sample Li3YCl6
  xrdmatch suggest runs/default --data new.csv
  xrdmatch serve runs/default --open

Exit codes: 0 done, 1 not so (reproduce, audit --strict), 2 usage, 3 data or records,
4 model or checkpoint, 130 interrupted";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
