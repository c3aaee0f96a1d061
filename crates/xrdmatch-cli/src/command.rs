//! The subcommands, each in a file of its own.

mod algorithms;
mod audit;
mod baseline;
mod bench;
mod compare;
mod completions;
mod config;
mod data;
mod evaluate;
mod explain;
mod export;
mod import;
mod manual;
mod predict;
mod protocol;
mod report;
mod reproduce;
mod runs;
mod screen;
mod serve;
mod simulate;
mod slurm;
mod suggest;
mod train;

use clap::Subcommand;
use xrdmatch::part::{Part, PartChoice};
use xrdmatch::run::Run;

use crate::failure::Failure;

/// What the program can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    Train(train::Train),
    Evaluate(evaluate::Evaluate),
    Predict(predict::Predict),
    Export(export::Export),
    Baseline(baseline::Baseline),
    Compare(compare::Compare),
    Algorithms(algorithms::Algorithms),
    Audit(audit::Audit),
    Reproduce(reproduce::Reproduce),
    Screen(screen::Screen),
    Explain(explain::Explain),
    Suggest(suggest::Suggest),
    Report(report::Report),
    Serve(serve::Serve),
    Runs(runs::Runs),
    Simulate(Box<simulate::Simulate>),
    Import(Box<import::Import>),
    Data(data::Data),
    Config(config::Config),
    Slurm(Box<slurm::Slurm>),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Manual(manual::Manual),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Train(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Predict(command) => command.run(),
            Self::Export(command) => command.run(),
            Self::Baseline(command) => command.run(),
            Self::Compare(command) => command.run(),
            Self::Algorithms(command) => command.run(),
            Self::Audit(command) => command.run(),
            Self::Reproduce(command) => command.run(),
            Self::Screen(command) => command.run(),
            Self::Explain(command) => command.run(),
            Self::Suggest(command) => command.run(),
            Self::Report(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Runs(command) => command.run(),
            Self::Simulate(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Data(command) => command.run(),
            Self::Config(command) => command.run(),
            Self::Slurm(command) => command.run(),
            Self::Bench(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Manual(command) => command.run(),
        }
    }
}

/// The experiment asked for, or the run's only one.
fn only_experiment(run: &Run, asked: Option<u32>) -> Result<u32, Failure> {
    match (asked, run.experiments()?.as_slice()) {
        (Some(experiment), _) => Ok(experiment),
        (None, [only]) => Ok(*only),
        (None, found) => Err(Failure::usage(format!(
            "{} has {} experiments",
            run.directory().display(),
            found.len()
        ))
        .hint("choose one with --experiment")),
    }
}

/// The part of the work that is asked for, by its number or by this process's array job.
fn part_here(choice: PartChoice) -> Result<Part, Failure> {
    Ok(choice.resolve(&|name| std::env::var(name).ok())?)
}

/// Prints a value as JSON on standard output.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::data(error.to_string()))?;
    println!("{text}");
    Ok(())
}
