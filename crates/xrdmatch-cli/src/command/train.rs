//! `xrdmatch train`

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use convnet::{Device, DeviceError, Precision};
use diffraction::Grid;
use xrdmatch::claim;
use xrdmatch::config::Config;
use xrdmatch::dataset::{Dataset, DatasetError, Labels, Structures};
use xrdmatch::demo::{DemoTables, write_tables};
use xrdmatch::part::{Part, PartChoice};
use xrdmatch::plan;
use xrdmatch::pretrain::PretrainEpoch;
use xrdmatch::run::{Manifest, Outcome, Pretraining, Run, RunSummary, Workers, run_experiments};
use xrdmatch::split::SplitFile;
use xrdmatch::train::{Data, TrainError, predicted_bytes};
use xrdmatch::yardstick::{Yardstick, of_run};

use super::algorithms::names;
use super::baseline::SplitName;
use super::config::Settings;
use super::{part_here, print_json};
use crate::device::DeviceArgument;
use crate::experiments::Experiments;
use crate::failure::{Failure, chain};
use crate::interrupt::stop_on_signals;
use crate::mirror::Mirror;
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

    /// Structures of the unlabelled patterns (.cif, POSCAR, .jsonl, directories), from which encoders learn
    /// how the mobile ion sits; a row's structure is that of its name
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "unlabeled")]
    structures: Vec<PathBuf>,

    /// Train on the built-in demonstration data (see docs/demo.md for what it is, and is not)
    #[arg(long, conflicts_with_all = ["labeled", "unlabeled", "structures", "splits", "grid"])]
    demo: bool,

    /// Which experiments: `7`, `0..100`, `3,7,40..50` [default: 0; 0..10 for --demo]
    #[arg(long, value_name = "LIST")]
    experiments: Option<Experiments>,

    /// Only the I-th of N parts of these experiments; `auto` or `auto/N` takes I from the array job this
    /// runs in (Slurm, PBS, HyperQueue, Kubernetes)
    #[arg(long, value_name = "I/N")]
    shard: Option<PartChoice>,

    /// Directory of the run [default: runs/PRESET, or runs/demo]
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,

    /// Take the splits from a file instead of drawing them
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,

    /// What a drawn split must not part
    #[arg(long, value_name = "KIND", conflicts_with = "splits")]
    split: Option<SplitName>,

    /// Leave out the classical models on the same splits
    #[arg(long)]
    no_baselines: bool,

    /// Experiments side by side [default: chosen from cores and memory; 1 with another --device]
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

    /// The semi-supervised algorithm (see `xrdmatch algorithms`)
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(names()))]
    algorithm: Option<String>,

    /// Labelled training rows per class
    #[arg(long, value_name = "N")]
    labeled_per_class: Option<usize>,

    /// What convolutions and linear layers multiply
    #[arg(long)]
    precision: Option<PrecisionName>,

    #[command(flatten)]
    device: DeviceArgument,

    /// Write event files for TensorBoard below this directory too
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,

    /// After how many seconds without a sign of life from this process others may take over its
    /// experiments, where they cannot see whether it lives
    #[arg(long, value_name = "N", default_value_t = claim::SECONDS, hide_short_help = true,
          value_parser = clap::value_parser!(u32).range(1..=86_400))]
    claim_seconds: u32,

    #[command(flatten)]
    settings: Settings,

    /// Print the summary as JSON on standard output
    #[arg(long)]
    json: bool,

    /// Print no summary: for commands that train on the way to something else
    #[arg(long, hide = true)]
    no_summary: bool,

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
  The same, the structures behind the unlabelled patterns being known:
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --structures ulbs_structures.jsonl.gz
  The published experiment 85, shortened:
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --preset paper \\
        --splits paper_splits.json --experiments 85 --epochs 10
  A hundred experiments, two at a time:
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --experiments 0..100 --jobs 2
  The second quarter of them, on another machine that shares the directory; without --shard, machines
  take experiments as they come:
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --experiments 0..100 --shard 2/4
  No near-twin of a training row among the evaluation rows:
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --split grouped
  Curves in TensorBoard too (`tensorboard --logdir curves`):
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --tensorboard curves
  Any setting by name (see `xrdmatch config show`):
    xrdmatch train --labeled lbs.csv --unlabeled ulbs.csv.gz --set objective.cutoff=0.9";

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Summary<'a> {
    #[serde(flatten)]
    summary: &'a RunSummary,
    /// Classical models on the same splits.
    baselines: Option<&'a Yardstick>,
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
    /// Refuses what an array job cannot do, or cannot be begun with; gives the run's directory.
    pub(super) fn check_for_array(&self) -> Result<PathBuf, Failure> {
        if self.experiments.is_some() || self.shard.is_some() {
            return Err(Failure::usage("the array says which experiments each task trains")
                .hint("give --experiments before the `--`, and leave --shard out"));
        }
        let (_, preset) = self.configuration()?;
        let files = [&self.labeled, &self.unlabeled, &self.splits];
        let mut files = files.into_iter().flatten().chain(&self.structures);
        if let Some(absent) = files.find(|path| !path.exists()) {
            return Err(Failure::data(format!("there is no file {}", absent.display())));
        }
        Ok(self.directory(&preset))
    }

    /// Some words of this command without `--run`.
    pub(super) fn without_run(&self, words: &[String]) -> Vec<String> {
        let mut kept = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word == "--run" {
                words.next();
            } else if !word.starts_with("--run=") {
                kept.push(word.clone());
            }
        }
        kept
    }

    fn directory(&self, preset: &str) -> PathBuf {
        let name = if self.demo { "demo" } else { preset };
        self.run.clone().unwrap_or_else(|| Path::new("runs").join(name))
    }

    pub(crate) fn run(self) -> Result<(), Failure> {
        let device = self.device.choose(self.quiet)?;
        let part = self.shard.map(part_here).transpose()?.unwrap_or(Part::WHOLE);
        let (config, preset) = self.configuration()?;
        let precision = config.network.precision;
        if device != Device::Cpu && precision != Precision::F32 {
            return Err(DeviceError::Precision { device, precision }.into());
        }
        let directory = self.directory(&preset);
        let data = self.read_data(&config, &directory)?;
        let points = data.labeled.grid().points();
        config.validate(points)?;
        if config.objective.uses_unlabeled() && data.unlabeled.is_none() {
            return Err(TrainError::NoUnlabeled.into());
        }
        let splits = self.splits.as_deref().map(SplitFile::open).transpose()?;
        let asked = match &self.experiments {
            Some(experiments) => experiments.0.clone(),
            None if self.demo => (0..10).collect(),
            None => vec![0],
        };
        let mine = part.take(asked.clone());
        if mine.is_empty() {
            let all = asked.len();
            self.say(&format!("nothing to do: of {all} experiments none is left for part {part}"));
            return Ok(());
        }
        let experiments = plan::splits(&config, &data.labeled, splits.as_ref(), &mine)?;
        let workers = self.workers(&config, data.labeled.grid(), experiments.len(), device)?;

        let manifest =
            Manifest::new(config, &data.labeled, data.unlabeled.as_ref(), splits.as_ref());
        let run = Run::create(&directory, manifest)?.claimed_for(self.claim_seconds);
        self.say(&format!(
            "{} experiment{} into {}, {} side by side with {} thread{} each",
            experiments.len(),
            if experiments.len() == 1 { "" } else { "s" },
            directory.display(),
            workers.jobs,
            workers.threads,
            if workers.threads == 1 { "" } else { "s" },
        ));
        let stop = stop_on_signals("stopping after the step under way")?;
        if !self.pretrain(&run, &data, workers, &stop)? {
            return Err(Failure::interrupted(
                "interrupted; run the same command again to begin pretraining anew",
            ));
        }
        let progress = Progress::new(&run.manifest().config, self.quiet);
        let mirror = self.tensorboard.as_deref().map(|directory| Mirror::new(&run, directory));
        let outcomes = run_experiments(
            &run,
            &data,
            &experiments,
            workers,
            &stop,
            &|experiment, happening| {
                if let Some(mirror) = &mirror {
                    mirror.observe(experiment, &happening);
                }
                progress.observe(experiment, happening);
            },
        )?;

        let summary = run.summary()?;
        let interrupted = stop.load(Ordering::Relaxed);
        // Of several machines, the last one to finish computes them, once for all experiments.
        let whole = asked
            .iter()
            .all(|asked| summary.experiments.iter().any(|complete| complete.experiment == *asked));
        let due = !interrupted && (whole || part == Part::WHOLE);
        let baselines = if due { self.baselines(&run, &data) } else { None };
        if !self.no_summary {
            self.print_summary(&summary, baselines.as_ref())?;
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
            if others > 0 {
                eprintln!("{others} more experiments failed");
            }
            return Err(error.into());
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::interrupted(
                "interrupted; run the same command again to continue",
            ));
        }
        Ok(())
    }

    fn print_summary(
        &self,
        summary: &RunSummary,
        baselines: Option<&Yardstick>,
    ) -> Result<(), Failure> {
        if self.json {
            return print_json(&Summary { summary, baselines });
        }
        print!("{}", text::summary(summary));
        if let Some(baselines) = baselines {
            print!("{}", text::yardstick::brief(baselines));
        }
        Ok(())
    }

    fn configuration(&self) -> Result<(Config, String), Failure> {
        let (mut layers, preset) = self.settings.layers()?;
        if let Some(epochs) = self.epochs {
            layers.set("training.epochs", &epochs.to_string(), "--epochs")?;
        }
        if let Some(seed) = self.seed {
            if i64::try_from(seed).is_err() {
                return Err(Failure::usage(format!("the seed {seed} is beyond {}", i64::MAX)));
            }
            layers.set("seed", &seed.to_string(), "--seed")?;
        }
        if let Some(algorithm) = &self.algorithm {
            layers.set("objective.algorithm", &format!("\"{algorithm}\""), "--algorithm")?;
        }
        if let Some(kind) = self.split.and_then(|kind| kind.to_possible_value()) {
            layers.set("split.kind", &format!("\"{}\"", kind.get_name()), "--split")?;
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
            Some(path) => Some(self.describe(read(path, Labels::Optional { classes })?, config)?),
            None => None,
        };
        Ok(Data::new(labeled, unlabeled, config)?)
    }

    /// The unlabelled patterns with their structures, where these were given.
    fn describe(&self, data: Dataset, config: &Config) -> Result<Dataset, Failure> {
        if self.structures.is_empty() {
            return Ok(data);
        }
        if !config.pretrain.is_on() {
            self.say(
                "notice: these settings make no encoder, so nothing is learnt from structures",
            );
            return Ok(data);
        }
        let structures = Structures::read(&self.structures, &data, config.pretrain.ion)?;
        self.say(&format!(
            "{}: {} of {} patterns have a structure",
            data.source_name(),
            structures.len(),
            data.len()
        ));
        if let [first, others @ ..] = structures.faults() {
            let others = match others.len() {
                0 => String::new(),
                others => format!(", and {others} more"),
            };
            self.say(&format!("warning: a structure cannot be read: {first}{others}"));
        }
        Ok(data.with_structures(structures))
    }

    /// The tables of the demonstration, simulated at first use.
    fn write_demo(&self, directory: &Path) -> Result<DemoTables, Failure> {
        self.say(&format!(
            "the built-in demonstration: {} compounds from the literature and more than 3,000 made by \
             substitution; a figure from it says that the program runs, not that a material conducts",
            xrdmatch::demo::labeled().len()
        ));
        std::fs::create_dir_all(directory)
            .map_err(|error| Failure::data(format!("create {}: {error}", directory.display())))?;
        Ok(write_tables(directory).map_err(DatasetError::from)?)
    }

    /// The classical models on the run's splits. They are beside the point of the command, so a
    /// failure of theirs is a warning.
    fn baselines(&self, run: &Run, data: &Data) -> Option<Yardstick> {
        if self.no_baselines {
            return None;
        }
        let told = std::sync::Mutex::new(std::time::Instant::now());
        let tell = |done: usize| {
            let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if told.elapsed().as_secs() >= 2 {
                *told = std::time::Instant::now();
                self.say(&format!("classical models: {done} splits done"));
            }
        };
        match of_run(run, &data.labeled, &super::protocol::beside_a_run(), &tell) {
            Ok(yardstick) => yardstick,
            Err(error) => {
                eprintln!("warning: no classical models beside this run: {}", chain(&error));
                None
            }
        }
    }

    fn workers(
        &self,
        config: &Config,
        grid: Grid,
        experiments: usize,
        device: Device,
    ) -> Result<Workers, Failure> {
        let (cores, memory) = (machine::cores(), machine::available_memory());
        let each = predicted_bytes(config, grid)?;
        let mut workers = match self.jobs {
            Some(jobs) => Workers::of(usize::from(jobs).min(experiments), cores),
            None if device == Device::Cpu => Workers::choose(experiments, cores, memory, each),
            // How much fits on another device, nobody says.
            None => Workers::of(1, cores),
        };
        if let Some(threads) = self.threads {
            workers.threads = usize::from(threads);
        }
        // Elsewhere the activations are not in this memory.
        let needed = if device == Device::Cpu { (each * workers.jobs) as u64 } else { 0 };
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

    /// Makes the run's encoder where it needs one and has none; gives whether to go on.
    fn pretrain(
        &self,
        run: &Run,
        data: &Data,
        workers: Workers,
        stop: &AtomicBool,
    ) -> Result<bool, Failure> {
        let settings = &run.manifest().config.pretrain;
        let every = settings.epochs.div_ceil(REPORTS);
        let threads = workers.jobs * workers.threads;
        let mut waiting = false;
        Ok(run.prepare_encoder(data, threads, &mut |happening| {
            match happening {
                Pretraining::Epoch(PretrainEpoch { encoder, epoch, loss }) => {
                    if epoch.is_multiple_of(every) || epoch == settings.epochs {
                        self.say(&format!(
                            "pretraining encoder {} of {}: epoch {epoch} of {}, loss {loss:.3}",
                            encoder + 1,
                            settings.encoders,
                            settings.epochs
                        ));
                    }
                }
                Pretraining::Waits(holder) => {
                    if !std::mem::replace(&mut waiting, true) {
                        self.say(&format!("the encoders are being made by {holder}; waiting"));
                    }
                }
            }
            !stop.load(Ordering::Relaxed)
        })?)
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }
}

/// Lines that the pretraining of one encoder is worth.
const REPORTS: u32 = 4;

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
