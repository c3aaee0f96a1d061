//! `xrdmatch baseline`

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use xrdmatch::config::Config;
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::plan;
use xrdmatch::seed::Seed;
use xrdmatch::split::{CrossValidation, SplitFile, SplitKind};
use xrdmatch::statistics::Bootstrap;
use xrdmatch::yardstick::{Case, YardstickSettings, entrants, entrants_with_choices, measure};

use super::print_json;
use super::train::{parse_grid, stated_grid};
use crate::experiments::Experiments;
use crate::failure::Failure;
use crate::text;

/// Measure classical models: logistic regression, support vector machine, random forest, extra trees
/// and nearest neighbours.
///
/// Each sees the patterns as blurred square roots and as raw sticks. Splits come from a file, are
/// drawn as `train` draws them, or are those of a cross-validation.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Baseline {
    /// Labelled patterns: a table with columns name, label, v1, v2, …
    #[arg(long, value_name = "FILE")]
    labeled: PathBuf,

    /// Grid of a text table that does not say its own
    #[arg(long, value_name = "START:STEP", value_parser = parse_grid)]
    grid: Option<(f64, f64)>,

    /// Take the splits from a file
    #[arg(long, value_name = "FILE")]
    splits: Option<PathBuf>,

    /// Which experiments [default: all of the file, or 0..10]
    #[arg(long, value_name = "LIST")]
    experiments: Option<Experiments>,

    /// What must not be parted
    #[arg(long, value_name = "KIND", conflicts_with = "splits")]
    split: Option<SplitName>,

    /// Training rows per class of drawn splits
    #[arg(long, value_name = "N", conflicts_with_all = ["splits", "cv"])]
    labeled_per_class: Option<usize>,

    /// Cross-validation: folds, or folds x repeats
    #[arg(long, value_name = "FOLDS[xREPEATS]", conflicts_with_all = ["splits", "experiments"])]
    cv: Option<Folds>,

    /// Choose each model's settings by so many inner folds of the training rows
    #[arg(long, value_name = "FOLDS", requires = "cv", value_parser = clap::value_parser!(u16).range(2..))]
    nested: Option<u16>,

    /// Trees of a forest
    #[arg(long, default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    trees: u32,

    /// Resamples behind an interval
    #[arg(long, default_value_t = 2000, value_name = "N", value_parser = clap::value_parser!(u32).range(40..))]
    replicates: u32,

    /// The number from which all randomness follows
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Say nothing but errors and the table
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  The published splits:
    xrdmatch baseline --labeled lbs.csv --splits paper_splits.json
  Ten drawn splits that part no structure family:
    xrdmatch baseline --labeled lbs.csv --split grouped --experiments 0..10
  Five folds, ten times, settings chosen by three inner folds:
    xrdmatch baseline --labeled lbs.csv --cv 5x10 --nested 3";

/// Kinds of splits by name.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SplitName {
    /// Nothing: rows are drawn one by one, per class
    Stratified,
    /// Structure families: near-twins stay on one side
    Grouped,
}

impl From<SplitName> for SplitKind {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Stratified => Self::Stratified,
            SplitName::Grouped => Self::Grouped,
        }
    }
}

/// "5" or "5x10".
#[derive(Clone, Copy)]
struct Folds {
    folds: usize,
    repeats: usize,
}

impl FromStr for Folds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str, least: usize, most: usize| {
            let number = text.trim().parse::<usize>().ok();
            number
                .filter(|number| (least..=most).contains(number))
                .ok_or_else(|| format!("`{text}` is no number from {least} to {most}"))
        };
        let (folds, repeats) = text.split_once(['x', '×']).unwrap_or((text, "1"));
        Ok(Self { folds: number(folds, 2, 10_000)?, repeats: number(repeats, 1, 1_000)? })
    }
}

impl Baseline {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let stated = self.grid.map(|grid| stated_grid(&self.labeled, grid)).transpose()?;
        let data = Dataset::read(&self.labeled, Labels::Required { classes: 2 }, stated)?;
        let cases = self.cases(&data)?;
        let settings = YardstickSettings {
            trees: self.trees as usize,
            seed: self.seed,
            bootstrap: Bootstrap {
                replicates: self.replicates as usize,
                seed: self.seed,
                ..Bootstrap::default()
            },
        };
        let models = match self.nested {
            Some(_) => entrants_with_choices(settings.trees, self.seed),
            None => entrants(settings.trees, self.seed),
        };
        let told = Mutex::new(Instant::now());
        let tell = |done: usize| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.quiet && (told.elapsed() > Duration::from_secs(2) || done == cases.len()) {
                *told = Instant::now();
                let then = if done == cases.len() { "; intervals follow" } else { "" };
                eprintln!("{done} of {} splits{then}", cases.len());
            }
        };
        let found = measure(&data, &cases, &models, &settings, &tell)?;
        if self.json {
            return print_json(&found);
        }
        print!("{}", text::yardstick::yardstick(&found));
        Ok(())
    }

    fn cases(&self, data: &Dataset) -> Result<Vec<Case>, Failure> {
        let mut config = Config { seed: Seed(self.seed), ..Config::default() };
        config.split.kind = self.split.map(SplitKind::from).unwrap_or_default();
        if let Some(count) = self.labeled_per_class {
            config.split.labeled_per_class = vec![count];
        }
        if let Some(Folds { folds, repeats }) = self.cv {
            let labels = plan::labels(data, 2)?;
            let grouped = config.split.kind == SplitKind::Grouped;
            let families = grouped.then(|| plan::families(data, &config.split));
            let validation = CrossValidation { folds, repeats, seed: config.seed };
            let cases = match self.nested {
                None => validation
                    .splits(&labels, families.as_deref())?
                    .into_iter()
                    .map(|split| (split, Vec::new()))
                    .collect::<Vec<_>>(),
                Some(inner) => validation
                    .nested(usize::from(inner), &labels, families.as_deref())?
                    .into_iter()
                    .map(|nested| (nested.outer, nested.inner))
                    .collect(),
            };
            let case = |(experiment, (split, inner))| Case { experiment, split, inner };
            return Ok((0..).zip(cases).map(case).collect());
        }
        let file = self.splits.as_deref().map(SplitFile::open).transpose()?;
        let experiments = match (&self.experiments, &file) {
            (Some(experiments), _) => experiments.0.clone(),
            (None, Some(file)) => file.experiments(),
            (None, None) => (0..10).collect(),
        };
        let splits = plan::splits(&config, data, file.as_ref(), &experiments)?;
        let case = |(experiment, split)| Case { experiment, split, inner: Vec::new() };
        Ok(splits.into_iter().map(case).collect())
    }
}
