//! `xrdmatch compare`

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser};
use serde::Serialize;
use xrdmatch::protocol::{Against, Evidence, against, check_comparable};
use xrdmatch::run::Run;
use xrdmatch::statistics::Bootstrap;
use xrdmatch::yardstick::Yardstick;

use super::print_json;
use super::protocol::baselines;
use crate::failure::Failure;
use crate::text;

/// Compare settings on the same splits: differences to the first, experiment by experiment.
///
/// A contestant is a run that is there, a preset, or a TOML file of settings over the default
/// preset; the latter two are trained first, into --into, and taken from there next time. Every
/// difference comes with an interval over compounds and one over training sets.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Compare {
    /// Runs, presets or TOML files; all are compared with the first
    #[arg(required = true, num_args = 2.., value_name = "CONTESTANT")]
    contestants: Vec<String>,

    /// Labelled patterns, for contestants that are to be trained
    #[arg(long, value_name = "FILE")]
    labeled: Option<PathBuf>,

    /// Unlabelled patterns
    #[arg(long, value_name = "FILE")]
    unlabeled: Option<PathBuf>,

    /// Structures of the unlabelled patterns, for encoders to learn from
    #[arg(long, value_name = "PATH", requires = "unlabeled")]
    structures: Option<PathBuf>,

    /// Take the splits from a file instead of drawing them
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,

    /// Which experiments: `0..20`, `3,7`
    #[arg(long, default_value = "0..10", value_name = "LIST")]
    experiments: String,

    /// Directory of the runs that are trained
    #[arg(long, default_value = "runs/compare", value_name = "DIR")]
    into: PathBuf,

    /// Experiments side by side
    #[arg(long, value_name = "N")]
    jobs: Option<u16>,

    /// Threads of each experiment
    #[arg(long, value_name = "N")]
    threads: Option<u16>,

    /// Resamples behind an interval
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(40..))]
    replicates: u32,

    /// Leave out the classical models on the splits of the first
    #[arg(long)]
    no_baselines: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Say nothing but errors and the comparison
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  Two runs that are there:
    xrdmatch compare runs/default runs/paper
  Two presets and a file of settings, on ten published splits:
    xrdmatch compare default paper mine.toml --labeled lbs.csv --unlabeled ulbs.csv.gz \\
        --splits paper_splits.json --experiments 0..10";

/// What `--json` prints.
#[derive(Serialize)]
struct Compared {
    first: String,
    others: Vec<Other>,
    /// Classical models on the splits of the first.
    baselines: Option<Yardstick>,
}

/// The first contestant less this one.
#[derive(Serialize)]
struct Other {
    contestant: String,
    #[serde(flatten)]
    difference: Against,
}

impl Compare {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut runs = Vec::new();
        for contestant in &self.contestants {
            runs.push(Run::open(&self.directory(contestant)?)?);
        }
        let (first, others) = runs.split_first().expect("clap: two contestants at least");
        let evidence = Evidence::of_run(first)?;
        let replicates = self.replicates as usize;
        let bootstrap = Bootstrap { replicates, ..Bootstrap::default() };
        let mut compared = Compared {
            first: self.contestants[0].clone(),
            others: Vec::new(),
            baselines: if self.no_baselines { None } else { baselines(first) },
        };
        for (run, contestant) in others.iter().zip(&self.contestants[1..]) {
            check_comparable(first, run)?;
            let theirs = Evidence::of_run(run)?;
            let difference = against(&evidence, &theirs, [first, run], &bootstrap)?;
            if !self.json {
                println!("{}", compared.first);
                print!("{}", text::protocol::against(&difference, contestant));
            }
            compared.others.push(Other { contestant: contestant.clone(), difference });
        }
        if self.json {
            return print_json(&compared);
        }
        if let Some(baselines) = &compared.baselines {
            print!("{}", text::yardstick::brief(baselines));
        }
        Ok(())
    }

    /// The directory of a contestant's run, which is trained where it is none yet.
    fn directory(&self, contestant: &str) -> Result<PathBuf, Failure> {
        let path = Path::new(contestant);
        if path.join("manifest.json").exists() {
            return Ok(path.to_owned());
        }
        let Some(labeled) = &self.labeled else {
            return Err(Failure::usage(format!("`{contestant}` is no run")).hint(
                "pass --labeled and --unlabeled to train a preset or a TOML file of settings",
            ));
        };
        let is_file = path.extension().is_some_and(|extension| extension == "toml");
        let name = path.file_stem().unwrap_or(path.as_os_str());
        let directory = self.into.join(name);
        let mut words: Vec<OsString> = vec!["xrdmatch".into(), "train".into()];
        let mut flag = |name: &str, value: OsString| words.extend([name.into(), value]);
        flag(if is_file { "--config" } else { "--preset" }, contestant.into());
        flag("--labeled", labeled.into());
        flag("--run", directory.clone().into());
        flag("--experiments", self.experiments.clone().into());
        for (name, file) in [
            ("--unlabeled", &self.unlabeled),
            ("--structures", &self.structures),
            ("--splits", &self.splits),
        ] {
            if let Some(file) = file {
                flag(name, file.into());
            }
        }
        for (name, count) in [("--jobs", self.jobs), ("--threads", self.threads)] {
            if let Some(count) = count {
                flag(name, count.to_string().into());
            }
        }
        words.extend(["--no-baselines".into(), "--no-summary".into()]);
        if self.quiet {
            words.push("--quiet".into());
        }
        let arguments = crate::Arguments::try_parse_from(words)
            .map_err(|error| Failure::usage(error.to_string()))?;
        arguments.command.run()?;
        Ok(directory)
    }
}
