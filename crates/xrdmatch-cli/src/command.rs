//! The subcommands, each in a file of its own.

mod bench;
mod config;
mod evaluate;
mod predict;
mod runs;
mod train;

use clap::Subcommand;

use crate::failure::Failure;

/// What the program can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    Train(train::Train),
    Evaluate(evaluate::Evaluate),
    Predict(predict::Predict),
    Runs(runs::Runs),
    Config(config::Config),
    Bench(bench::Bench),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Train(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Predict(command) => command.run(),
            Self::Runs(command) => command.run(),
            Self::Config(command) => command.run(),
            Self::Bench(command) => command.run(),
        }
    }
}

/// Prints a value as JSON on standard output.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::data(error.to_string()))?;
    println!("{text}");
    Ok(())
}
