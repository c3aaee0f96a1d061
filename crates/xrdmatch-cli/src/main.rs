//! The `xrdmatch` command: turns words into calls and values into text.
//!
//! Standard output is data, standard error is talk. Exit codes: 0 done, 2 usage, 3 data or records,
//! 4 model or checkpoint, 130 interrupted.

mod command;
mod experiments;
mod failure;
mod interrupt;
mod machine;
mod pace;
mod progress;
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
  xrdmatch evaluate runs/default
  xrdmatch predict runs/default --experiment 3 --data new.csv -o predictions.csv
  xrdmatch screen runs/default --data new.csv -o ranked.csv
  xrdmatch explain runs/default --sample Li3YCl6
  xrdmatch suggest runs/default --data new.csv

Exit codes: 0 done, 2 usage, 3 data or records, 4 model or checkpoint, 130 interrupted";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
