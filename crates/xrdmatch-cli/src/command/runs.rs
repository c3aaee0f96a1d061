//! `xrdmatch runs`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use xrdmatch::run::{Run, RunState, RunSummary};

use super::print_json;
use crate::failure::{Failure, chain};
use crate::text;

/// List runs and their state, or one run's results in full.
#[derive(Args)]
#[command(after_help = "Examples:\n  xrdmatch runs\n  xrdmatch runs runs/paper")]
pub(crate) struct Runs {
    /// A run, or a directory of runs
    #[arg(default_value = "runs", value_name = "DIR")]
    directory: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Listed {
    directory: PathBuf,
    created: String,
    program: String,
    state: RunState,
    summary: RunSummary,
}

impl Runs {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if self.directory.join("manifest.json").exists() {
            let summary = Run::open(&self.directory)?.summary()?;
            if self.json {
                return print_json(&summary);
            }
            print!("{}", text::summary(&summary));
            return Ok(());
        }
        let failed = |error: std::io::Error| {
            Failure::data(format!("list {}: {error}", self.directory.display()))
                .hint("give a directory of runs, for example `xrdmatch runs runs`")
        };
        let mut listed = Vec::new();
        for entry in std::fs::read_dir(&self.directory).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if !path.join("manifest.json").exists() {
                continue;
            }
            match Run::open(&path).and_then(|run| Ok((run.state()?, run.summary()?, run))) {
                Ok((state, summary, run)) => listed.push(Listed {
                    created: run.manifest().created.clone(),
                    program: run.manifest().program.clone(),
                    directory: path,
                    state,
                    summary,
                }),
                Err(error) => eprintln!("warning: {}", chain(&error)),
            }
        }
        listed.sort_by(|a, b| a.directory.cmp(&b.directory));
        if self.json {
            return print_json(&listed);
        }
        for one in &listed {
            println!(
                "{:<32} {:<11} {:>4} complete {:>4} not   macro-F1 {}   begun {}",
                one.directory.display(),
                one.state.name(),
                one.summary.experiments.len(),
                one.summary.incomplete.len(),
                text::number(one.summary.macro_f1.map(|spread| spread.mean)),
                one.created.get(..16).unwrap_or(&one.created).replace('T', " "),
            );
        }
        if listed.is_empty() {
            eprintln!("no runs in {}", self.directory.display());
        }
        Ok(())
    }
}
