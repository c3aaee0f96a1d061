//! `xrdmatch evaluate --protocol`, and `--predictions`: all experiments in one report.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::protocol::{
    Against, Evidence, OutOfBag, PriorReport, Protocol, ProtocolSettings, against,
    check_comparable, correct_to, published_evidence, report, share_of_pool,
};
use xrdmatch::run::Run;
use xrdmatch::split::SplitFile;
use xrdmatch::statistics::Bootstrap;
use xrdmatch::yardstick::{Yardstick, YardstickSettings, of_run, stored};

use super::print_json;
use crate::failure::{Failure, chain};
use crate::text;

/// Options of the report over all experiments.
#[derive(Args)]
pub(super) struct ProtocolArguments {
    /// Report on all experiments together, from their stored predictions
    #[arg(long, conflicts_with_all = ["experiment", "data", "include_training", "predictions"])]
    protocol: bool,

    /// Compare with another run on the same splits
    #[arg(long, value_name = "RUN", requires = "protocol")]
    against: Option<PathBuf>,

    /// Correct to a share of positives: a number, or `estimate` from the unlabelled pool
    #[arg(long, value_name = "SHARE")]
    prior: Option<Share>,

    /// The pool to estimate from [default: the run's unlabelled file]
    #[arg(long, value_name = "FILE", requires = "prior")]
    pool: Option<PathBuf>,

    /// Rows of the pool that are predicted for the estimate, drawn at random
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pool_rows: u32,

    /// Folds of cross-fitted calibration and stacking [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..))]
    folds: Option<u16>,

    /// Resamples behind an interval
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(40..))]
    replicates: u32,

    /// Where to write every sample's out-of-bag prediction: .csv, .jsonl or .parquet [default:
    /// RUN/out_of_bag.csv]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Leave out the classical models on the same splits
    #[arg(long)]
    no_baselines: bool,

    /// Instead of a run, a table of predicted classes: columns name, label, experiment_N, …
    #[arg(long, value_name = "FILE", requires = "splits", conflicts_with = "run")]
    predictions: Option<PathBuf>,

    /// What each member of --predictions trained on
    #[arg(long, value_name = "FILE", requires = "predictions")]
    splits: Option<PathBuf>,

    /// Check names and labels of --predictions against this file
    #[arg(long, value_name = "FILE", requires = "predictions")]
    labeled: Option<PathBuf>,
}

/// "0.05" or "estimate".
#[derive(Clone, Copy)]
enum Share {
    Stated(f64),
    Estimate,
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "estimate" {
            return Ok(Self::Estimate);
        }
        let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0);
        share
            .map(Self::Stated)
            .ok_or_else(|| format!("`{text}` is neither `estimate` nor a share between 0 and 1"))
    }
}

/// How classical models are measured beside a run: quick, and the same in `train` and `evaluate`, so
/// that what one has stored serves the other.
pub(super) fn beside_a_run() -> YardstickSettings {
    let bootstrap = Bootstrap { replicates: 400, ..Bootstrap::default() };
    YardstickSettings { trees: 200, bootstrap, ..YardstickSettings::default() }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    protocol: &'a Protocol,
    prior: Option<&'a PriorReport>,
    baselines: Option<&'a Yardstick>,
    against: Option<&'a Against>,
    samples: Option<&'a Path>,
}

impl ProtocolArguments {
    pub(super) fn wanted(&self) -> bool {
        self.protocol
    }

    /// The best classical models on the splits of a run, unless they are not wanted.
    pub(super) fn print_baselines(&self, run: &Run) {
        if !self.no_baselines
            && let Some(baselines) = baselines(run)
        {
            print!("{}", text::yardstick::brief(&baselines));
        }
    }

    fn settings(&self) -> ProtocolSettings {
        ProtocolSettings {
            bootstrap: Bootstrap { replicates: self.replicates as usize, ..Bootstrap::default() },
            folds: self.folds.map(usize::from),
            ..ProtocolSettings::default()
        }
    }

    /// The report of a run.
    pub(super) fn of_run(&self, directory: &Path, json: bool) -> Result<(), Failure> {
        let run = Run::open(directory)?;
        let other = match &self.against {
            Some(other) => {
                let other = Run::open(other)?;
                check_comparable(&run, &other)?;
                Some(other)
            }
            None => None,
        };
        let settings = self.settings();
        let evidence = Evidence::of_run(&run)?;
        let compared = match &other {
            Some(other) => {
                let theirs = Evidence::of_run(other)?;
                Some(against(&evidence, &theirs, [&run, other], &settings.bootstrap)?)
            }
            None => None,
        };
        let (protocol, samples) = report(&evidence, &settings)?;
        let prior = self.prior(&evidence, &samples, Some(&run), &settings)?;
        let baselines = if self.no_baselines { None } else { baselines(&run) };
        let output = self.output.clone().unwrap_or_else(|| directory.join("out_of_bag.csv"));
        samples.write(&output)?;
        if json {
            return print_json(&Report {
                protocol: &protocol,
                prior: prior.as_ref(),
                baselines: baselines.as_ref(),
                against: compared.as_ref(),
                samples: Some(&output),
            });
        }
        print!("{}: {}", directory.display(), text::protocol::protocol(&protocol));
        if let Some(prior) = &prior {
            print!("{}", text::protocol::prior(prior));
        }
        if let Some(baselines) = &baselines {
            print!("\n{}", text::yardstick::yardstick(baselines));
        }
        if let (Some(compared), Some(other)) = (&compared, &self.against) {
            print!("{}", text::protocol::against(compared, &other.display().to_string()));
        }
        eprintln!("every sample's out-of-bag prediction: {}", output.display());
        Ok(())
    }

    /// The report of a table of predictions.
    pub(super) fn of_table(&self, json: bool) -> Result<(), Failure> {
        let (Some(table), Some(splits)) = (&self.predictions, &self.splits) else {
            return Err(Failure::usage("give a run, or --predictions and --splits"));
        };
        let splits = SplitFile::open(splits)?;
        let labels = Labels::Required { classes: 2 };
        let labeled = self.labeled.as_deref();
        let labeled = labeled.map(|path| Dataset::read(path, labels, None)).transpose()?;
        let settings = self.settings();
        let evidence = published_evidence(table, &splits, labeled.as_ref())?;
        let (protocol, samples) = report(&evidence, &settings)?;
        let prior = self.prior(&evidence, &samples, None, &settings)?;
        if let Some(output) = &self.output {
            samples.write(output)?;
        }
        if json {
            return print_json(&Report {
                protocol: &protocol,
                prior: prior.as_ref(),
                baselines: None,
                against: None,
                samples: self.output.as_deref(),
            });
        }
        print!("{}: {}", table.display(), text::protocol::protocol(&protocol));
        if let Some(prior) = &prior {
            print!("{}", text::protocol::prior(prior));
        }
        Ok(())
    }

    fn prior(
        &self,
        evidence: &Evidence,
        samples: &OutOfBag,
        run: Option<&Run>,
        settings: &ProtocolSettings,
    ) -> Result<Option<PriorReport>, Failure> {
        let (share, estimated) = match (self.prior, run) {
            (None, _) => return Ok(None),
            (Some(Share::Stated(share)), _) => (share, None),
            (Some(Share::Estimate), None) => {
                return Err(Failure::usage("a table of predictions says nothing about a pool")
                    .hint("state a share: `--prior 0.05`"));
            }
            (Some(Share::Estimate), Some(run)) => {
                let mut told = Instant::now();
                let all = evidence.members.len();
                let rows = self.pool_rows as usize;
                let pool = self.pool.as_deref();
                let found = share_of_pool(run, evidence, pool, rows, settings, &mut |done| {
                    if told.elapsed() > Duration::from_secs(2) {
                        told = Instant::now();
                        eprintln!("pool: predicted by {done} of {all} members");
                    }
                })?;
                (found.share.estimate.clamp(1e-4, 1.0 - 1e-4), Some(found))
            }
        };
        Ok(Some(correct_to(share, estimated, evidence, &samples.mean()?, settings)?))
    }
}

/// The classical models of a run: stored, or computed where its labelled file is still there.
pub(super) fn baselines(run: &Run) -> Option<Yardstick> {
    let settings = beside_a_run();
    if let Ok(Some(found)) = stored(run, &settings) {
        return Some(found);
    }
    let manifest = run.manifest();
    let labels = Labels::Required { classes: manifest.config.classes };
    let data = match Dataset::read(&manifest.labeled.path, labels, Some(manifest.labeled.grid)) {
        Ok(data) if data.fingerprint() == manifest.labeled.fingerprint => data,
        Ok(_) => {
            let path = manifest.labeled.path.display();
            eprintln!("warning: no classical models: the contents of {path} have changed");
            return None;
        }
        Err(error) => {
            eprintln!("warning: no classical models: {}", chain(&error));
            return None;
        }
    };
    let told = Mutex::new(Instant::now());
    let tell = |done: usize| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.elapsed() > Duration::from_secs(2) {
            *told = Instant::now();
            eprintln!("classical models: {done} splits done");
        }
    };
    of_run(run, &data, &settings, &tell).unwrap_or_else(|error| {
        eprintln!("warning: no classical models: {}", chain(&error));
        None
    })
}
