//! `xrdmatch train`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use diffraction::Grid;
use xrdmatch::config::Config;
use xrdmatch::dataset::{Dataset, DatasetError, Labels};
use xrdmatch::demo::{DemoTables, write_tables};
use xrdmatch::run::{Manifest, Outcome, Run, Workers, run_experiments};
use xrdmatch::split::{Split, SplitFile};
use xrdmatch::train::{Data, TrainError, predicted_bytes};

use super::config::Settings;
use super::print_json;
use crate::experiments::Experiments;
use crate::failure::{Failure, chain};
use crate::progress::Progress;
use crate::{machine, text};

/// Train experiments: classifiers on a few labelled and many unlabelled patterns.
///
/// Every experiment draws its own labelled rows (or takes them from --splits), trains a network and
/// is evaluated on rows it never saw. A run that was interrupted continues when the same command is
/// given again.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Train {
    /// Labelled patterns: a table with columns name, label, v1, v2, … (.csv, .csv.gz, .csv.zst, .parquet)
    #[arg(long, value_name = "FILE", required_unless_present = "demo")]
    labeled: Option<PathBuf>,

    /// Unlabelled patterns on the same grid
    #[arg(long, value_name = "FILE")]
    unlabeled: Option<PathBuf>,

    /// Train on the built-in demonstration data (see docs/demo.md for what it is, and is not)
    #[arg(long, conflicts_with_all = ["labeled", "unlabeled", "splits", "grid"])]
    demo: bool,

    /// Which experiments: `7`, `0..100`, `3,7,40..50`
    #[arg(long, default_value = "0", value_name = "LIST")]
    experiments: Experiments,

    /// Directory of the run [default: runs/PRESET, or runs/demo]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,

    /// Take the splits from a file instead of drawing them
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,

    /// Experiments side by side [default: chosen from cores and memory]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Threads of each experiment [default: cores / jobs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Grid of text tables that do not say their own: first angle and step in degrees two-theta
    #[arg(long, value_name = "START:STEP", value_parser = parse_grid)]
    grid: Option<(f64, f64)>,

    /// Epochs of each experiment
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,

    /// The number from which all randomness follows
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// The semi-supervised algorithm
    #[arg(long)]
    algorithm: Option<AlgorithmName>,

    /// Labelled training rows per class
    #[arg(long, value_name = "N")]
    labeled_per_class: Option<usize>,

    /// What convolutions and linear layers multiply
    #[arg(long)]
    precision: Option<PrecisionName>,

    #[command(flatten)]
    settings: Settings,

    /// Print the summary as JSON on standard output
    #[arg(long)]
    json: bool,

    /// Say nothing but errors and the summary
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  The built-in demonstration, in a minute or two:
    xrdmatch train --demo
  One experiment with the recommended settings:
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz
  The published experiment 85, shortened:
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --preset paper \\
        --splits paper_splits.json --experiments 85 --epochs 10
  A hundred experiments, two at a time:
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --experiments 0..100 --jobs 2
  Any setting by name (see `xrdmatch config show`):
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --set objective.cutoff=0.9";

/// The algorithms by name.
#[derive(Clone, Copy, ValueEnum)]
enum AlgorithmName {
    /// Labelled patterns only
    Supervised,
    /// One fixed threshold (Sohn et al. 2020)
    Fixmatch,
    /// Thresholds per class from the whole pool (Zhang et al. 2021)
    Flexmatch,
    /// Running ratios of accepted to predicted (PaddleScience)
    ClassRatio,
}

/// The precisions by name.
#[derive(Clone, Copy, ValueEnum)]
enum PrecisionName {
    /// Single precision, the default
    F32,
    /// Operands of 8 significant bits, sums in single precision: coarser, meant for processors
    /// with instructions for that (AMX, AVX512-BF16)
    Bf16,
}

impl Train {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let (config, preset) = self.configuration()?;
        let name = if self.demo { "demo".to_owned() } else { preset };
        let directory = self.run.clone().unwrap_or_else(|| Path::new("runs").join(name));
        let data = self.read_data(&config, &directory)?;
        let points = data.labeled.grid().points();
        config.validate(points)?;
        if config.objective.uses_unlabeled() && data.unlabeled.is_none() {
            return Err(TrainError::NoUnlabeled.into());
        }
        let splits = self.splits.as_deref().map(SplitFile::open).transpose()?;
        let experiments = self.draw_splits(&config, &data, splits.as_ref())?;
        let workers = self.workers(&config, points, experiments.len())?;

        let manifest =
            Manifest::new(config, &data.labeled, data.unlabeled.as_ref(), splits.as_ref());
        let run = Run::create(&directory, manifest)?;
        self.say(&format!(
            "{} experiment{} into {}, {} side by side with {} thread{} each",
            experiments.len(),
            if experiments.len() == 1 { "" } else { "s" },
            directory.display(),
            workers.jobs,
            workers.threads,
            if workers.threads == 1 { "" } else { "s" },
        ));
        let stop = stop_on_signals()?;
        let progress = Progress::new(&run.manifest().config, self.quiet);
        let outcomes = run_experiments(
            &run,
            &data,
            &experiments,
            workers,
            &stop,
            &|experiment, happening| {
                progress.observe(experiment, happening);
            },
        )?;

        let summary = run.summary()?;
        if self.json {
            print_json(&summary)?;
        } else {
            print!("{}", text::summary(&summary));
        }
        let mut first_error = None;
        let mut others = 0;
        for (_, outcome) in outcomes {
            match outcome {
                Ok(Outcome::Finished(_) | Outcome::AlreadyDone(_) | Outcome::Stopped { .. }) => {}
                Err(error) if first_error.is_none() => first_error = Some(error),
                Err(error) => {
                    others += 1;
                    eprintln!("error: {}", chain(&error));
                }
            }
        }
        if let Some(error) = first_error {
            let failure = Failure::from(error);
            return Err(if others > 0 {
                failure.hint(format!("{others} more experiments failed"))
            } else {
                failure
            });
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::interrupted(
                "interrupted; run the same command again to continue",
            ));
        }
        Ok(())
    }

    fn configuration(&self) -> Result<(Config, String), Failure> {
        let (mut layers, preset) =
            self.settings.layers(if self.demo { "quick" } else { "default" })?;
        if let Some(epochs) = self.epochs {
            layers.set("training.epochs", &epochs.to_string(), "--epochs")?;
        }
        if let Some(seed) = self.seed {
            if i64::try_from(seed).is_err() {
                return Err(Failure::usage(format!("the seed {seed} is beyond {}", i64::MAX)));
            }
            layers.set("seed", &seed.to_string(), "--seed")?;
        }
        if let Some(algorithm) = self.algorithm.and_then(|algorithm| algorithm.to_possible_value())
        {
            layers.set(
                "objective.algorithm",
                &format!("\"{}\"", algorithm.get_name()),
                "--algorithm",
            )?;
        }
        if let Some(precision) = self.precision.and_then(|name| name.to_possible_value()) {
            let value = format!("\"{}\"", precision.get_name());
            layers.set("network.precision", &value, "--precision")?;
        }
        if let Some(count) = self.labeled_per_class {
            layers.set("split.labeled_per_class", &format!("[{count}]"), "--labeled-per-class")?;
        }
        Ok((layers.finish()?, preset))
    }

    fn read_data(&self, config: &Config, directory: &Path) -> Result<Data, Failure> {
        let cache = directory.parent().unwrap_or(Path::new(".")).join(".cache");
        let classes = config.classes;
        let read = |path: &Path, labels| -> Result<Dataset, Failure> {
            let stated = self.grid.map(|grid| stated_grid(path, grid)).transpose()?;
            let (data, failed) = Dataset::read_cached(path, labels, stated, &cache)?;
            if let Some(failed) = failed {
                self.say(&format!("warning: {}", chain(&failed)));
            }
            self.say(&format!(
                "{}: {} patterns of {} points",
                data.source_name(),
                data.len(),
                data.grid().points()
            ));
            if let Some(marker) = data.marker() {
                self.say(&format!(
                    "notice: {} of {} rows had a value ({} to {}) at the last grid point, v{}; it was dropped, \
                     since in the published files it is a marker that gives the label away",
                    marker.rows,
                    data.len(),
                    marker.smallest,
                    marker.largest,
                    data.grid().points()
                ));
            }
            Ok(data)
        };
        let demo = if self.demo { Some(self.write_demo(&cache)?) } else { None };
        let files = match &demo {
            Some(tables) => (Some(&tables.labeled), Some(&tables.unlabeled)),
            None => (self.labeled.as_ref(), self.unlabeled.as_ref()),
        };
        let labeled = files.0.ok_or_else(|| Failure::usage("no labelled file was given"))?;
        let labeled = read(labeled, Labels::Required { classes })?;
        let unlabeled = match files.1 {
            Some(path) => Some(read(path, Labels::Optional { classes })?),
            None => None,
        };
        Ok(Data::new(labeled, unlabeled, config)?)
    }

    /// The tables of the demonstration, simulated at first use.
    fn write_demo(&self, directory: &Path) -> Result<DemoTables, Failure> {
        self.say(
            "the built-in demonstration: 56 compounds from the literature and more than 3,000 made by \
             substitution; a figure from it says that the program runs, not that a material conducts",
        );
        std::fs::create_dir_all(directory)
            .map_err(|error| Failure::data(format!("create {}: {error}", directory.display())))?;
        Ok(write_tables(directory).map_err(DatasetError::from)?)
    }

    fn draw_splits(
        &self,
        config: &Config,
        data: &Data,
        file: Option<&SplitFile>,
    ) -> Result<Vec<(u32, Split)>, Failure> {
        let classes = usize::from(config.classes);
        let mut splits = Vec::new();
        for &experiment in &self.experiments.0 {
            let split = match file {
                Some(file) => file.split(&data.labeled, classes, experiment)?,
                None => config.split.split(&data.labeled, classes, config.seed, experiment)?,
            };
            splits.push((experiment, split));
        }
        Ok(splits)
    }

    fn workers(
        &self,
        config: &Config,
        points: usize,
        experiments: usize,
    ) -> Result<Workers, Failure> {
        let (cores, memory) = (machine::cores(), machine::available_memory());
        let each = predicted_bytes(config, points)?;
        let mut workers = match self.jobs {
            Some(jobs) => Workers::of(usize::from(jobs).min(experiments), cores),
            None => Workers::choose(experiments, cores, memory, each),
        };
        if let Some(threads) = self.threads {
            workers.threads = usize::from(threads);
        }
        let needed = (each * workers.jobs) as u64;
        if let Some(memory) = memory.filter(|memory| needed > *memory) {
            return Err(Failure::data(format!(
                "{} side by side need about {} of memory, but {} are available",
                match workers.jobs {
                    1 => "1 experiment".to_owned(),
                    jobs => format!("{jobs} experiments"),
                },
                text::bytes(needed),
                text::bytes(memory)
            ))
            .hint("lower --jobs, the batch sizes (`--set batch.unlabeled=48`) or choose a smaller network"));
        }
        Ok(workers)
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }
}

/// "10:0.05" as first angle and step.
pub(super) fn parse_grid(text: &str) -> Result<(f64, f64), String> {
    let number =
        |text: &str| text.trim().parse::<f64>().map_err(|_| format!("`{text}` is not a number"));
    let (start, step) = text.split_once(':').ok_or("expected START:STEP, for example 10:0.05")?;
    let (start, step) = (number(start)?, number(step)?);
    Grid::new(start, step, 3).map(|_| (start, step)).map_err(|error| error.to_string())
}

/// The stated grid of a table, whose number of points the table itself says.
pub(super) fn stated_grid(path: &Path, (start, step): (f64, f64)) -> Result<Grid, Failure> {
    let table = diffraction::table::TableReader::open(path).map_err(DatasetError::from)?;
    Grid::new(start, step, table.columns().points)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// A flag that is raised by the first Ctrl-C (or termination); the second one ends the program.
fn stop_on_signals() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after the step under way; press Ctrl-C again to stop at once");
    })
    .map_err(|error| Failure::data(format!("listen to Ctrl-C: {error}")))?;
    Ok(stop)
}
