//! `xrdmatch slurm`

mod script;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, Parser};
use serde::Serialize;
use xrdmatch::disk::write_atomically;

use super::print_json;
use super::train::Train;
use crate::experiments::Experiments;
use crate::failure::Failure;
use script::Job;

/// Train on a Slurm cluster: write an array job and the job that reports on it, and submit both.
///
/// Every task of the array trains its part of the experiments. Before its time is up a task writes
/// checkpoints and queues itself again; a task that is preempted, or whose node dies, goes on from its
/// last checkpoints. When all have ended, a dependent job evaluates the run and writes the report.
/// The scripts are plain: read them, change them, and submit them again, in whole or in part
/// (`sbatch --array=3,7 DIR/train.sh`).
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Slurm {
    /// Which experiments: `0..100`, `3,7,40..50`
    #[arg(long, value_name = "LIST")]
    experiments: Experiments,

    /// Tasks of the array [default: one per experiment, 100 at most]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    tasks: Option<u32>,

    /// Cores of each task
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
    cpus: u16,

    /// Memory of each task
    #[arg(long, value_name = "SIZE", default_value = "4G")]
    memory: String,

    /// Time of each task, after which it queues again
    #[arg(long, value_name = "TIME", default_value = "04:00:00")]
    time: String,

    /// Seconds before the end of its time at which a task begins to write checkpoints
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    warning: u32,

    /// The partition
    #[arg(long, value_name = "NAME")]
    partition: Option<String>,

    /// Any other option of sbatch, for both jobs: `--option=--account=physics`
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    option: Vec<String>,

    /// Let every task write a run of its own, and merge them in the end: for directories that machines
    /// do not share reliably. Encoders are then made by every task
    #[arg(long)]
    separate: bool,

    /// Where the scripts and the jobs' output go [default: beside the run, as RUN.slurm]
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Submit the jobs, with sbatch
    #[arg(long)]
    submit: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// `train` and its options, without --experiments and --shard
    #[arg(last = true, required = true, value_name = "train …")]
    command: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  Write the scripts:
    xrdmatch slurm --experiments 0..100 -- train --labeled lbs.csv --unlabeled ulbs.csv.gz
  In 20 tasks of 8 cores, submitted at once:
    xrdmatch slurm --experiments 0..1000 --tasks 20 --cpus 8 --option=--account=physics --submit \\
        -- train --preset paper --labeled lbs.csv --unlabeled ulbs.csv.gz

PBS, HyperQueue and Kubernetes: see docs/scale.md.";

/// Tasks where nothing is said, at most.
const TASKS: u32 = 100;

/// The command that is to run in every task.
#[derive(Parser)]
#[command(name = "xrdmatch train")]
struct Inner {
    #[command(flatten)]
    train: Train,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Written {
    run: PathBuf,
    tasks: u32,
    train: PathBuf,
    after: PathBuf,
    /// Job numbers, where they were submitted.
    jobs: Option<[String; 2]>,
}

impl Slurm {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let (name, arguments) = self.command.split_first().ok_or_else(Self::no_train)?;
        if name != "train" {
            return Err(Self::no_train());
        }
        let words = std::iter::once("xrdmatch train").chain(arguments.iter().map(String::as_str));
        // Mistakes are told as by `xrdmatch train` itself, now and not on the cluster.
        let inner = Inner::try_parse_from(words).unwrap_or_else(|error| error.exit());
        let run = absolute(&inner.train.check_for_array()?)?;
        let count = u32::try_from(self.experiments.0.len()).unwrap_or(u32::MAX);
        let tasks = self.tasks.unwrap_or(TASKS).min(count);
        let directory = match &self.output {
            Some(directory) => absolute(directory)?,
            None => beside(&run),
        };
        std::fs::create_dir_all(&directory)
            .map_err(|error| Failure::data(format!("create {}: {error}", directory.display())))?;
        let job = Job {
            program: std::env::current_exe().map_err(|error| Failure::data(error.to_string()))?,
            here: absolute(Path::new("."))?,
            directory: directory.clone(),
            run: run.clone(),
            experiments: self.experiments.to_string(),
            count,
            tasks,
            cpus: self.cpus,
            memory: self.memory.clone(),
            time: self.time.clone(),
            warning: self.warning,
            options: self
                .partition
                .iter()
                .map(|name| format!("--partition={name}"))
                .chain(self.option.iter().cloned())
                .collect(),
            separate: self.separate,
            arguments: inner.train.without_run(arguments),
        };
        job.check().map_err(Failure::usage)?;
        let (train, after) = (directory.join("train.sh"), directory.join("after.sh"));
        for (path, text) in [(&train, job.train()), (&after, job.after())] {
            write_atomically(path, text.as_bytes())
                .map_err(|error| Failure::data(format!("write {}: {error}", path.display())))?;
        }
        let jobs = if self.submit { Some(submit(&train, &after)?) } else { None };
        let written = Written { run, tasks, train, after, jobs };
        if self.json {
            return print_json(&written);
        }
        println!(
            "{} experiments in {tasks} tasks: {} and {}",
            count,
            written.train.display(),
            written.after.display()
        );
        match &written.jobs {
            Some([array, after]) => {
                println!("submitted as {array}, and {after} for when it has ended");
            }
            None => println!(
                "submit with: sbatch --dependency=afterany:$(sbatch --parsable {}) {}",
                script::quoted(&written.train.to_string_lossy()),
                script::quoted(&written.after.to_string_lossy())
            ),
        }
        Ok(())
    }

    fn no_train() -> Failure {
        Failure::usage("only `train` can be submitted")
            .hint("for example: xrdmatch slurm --experiments 0..100 -- train --labeled lbs.csv")
    }
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::data(format!("find {}: {error}", path.display())))
}

/// `runs/paper.slurm` for `runs/paper`.
fn beside(run: &Path) -> PathBuf {
    let mut name = run.file_name().unwrap_or_default().to_owned();
    name.push(".slurm");
    run.with_file_name(name)
}

/// Submits both jobs; gives their numbers.
fn submit(train: &Path, after: &Path) -> Result<[String; 2], Failure> {
    let sbatch = |arguments: &[&std::ffi::OsStr]| -> Result<String, Failure> {
        let output = Command::new("sbatch").arg("--parsable").args(arguments).output();
        let output = output.map_err(|error| {
            Failure::data(format!("run sbatch: {error}"))
                .hint("submit the scripts where Slurm is, or leave --submit out to write them only")
        })?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Failure::data(format!("sbatch refused: {told}")));
        }
        // With --parsable: the number, and after a semicolon the cluster.
        let number = String::from_utf8_lossy(&output.stdout);
        Ok(number.trim().split(';').next().unwrap_or_default().to_owned())
    };
    let array = sbatch(&[train.as_os_str()])?;
    let dependency = format!("--dependency=afterany:{array}");
    let after = sbatch(&[dependency.as_ref(), after.as_os_str()])?;
    Ok([array, after])
}
