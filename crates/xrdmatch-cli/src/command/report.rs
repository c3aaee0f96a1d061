//! `xrdmatch report`

use std::path::{Path, PathBuf};

use clap::Args;
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::disk::write_atomically;
use xrdmatch::run::Run;
use xrdmatch_report::candidates::Candidates;
use xrdmatch_report::{Records, ReportError, View, ViewSettings, figures, page};

use super::print_json;
use crate::failure::{Failure, chain};
use crate::text;

/// Look at runs: one page with everything, that works offline and prints well.
///
/// Shows the result in words and numbers with intervals, the data's audit, training curves, ROC,
/// precision-recall and calibration with bands, every labelled compound, classical models beside, and
/// all settings. Judges compounds only by models that never trained on them. Touches no network and
/// no model: it reads the run's records, and may be made while the run goes on.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Report {
    /// The runs
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The page to write
    #[arg(short, long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,

    /// Write every chart as SVG and PNG into this directory too
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,

    /// Candidates to show: .csv or .jsonl, with a column `name`
    #[arg(long, value_name = "FILE")]
    candidates: Option<PathBuf>,

    /// What `xrdmatch explain -o` says of candidates, to mark the peaks that drive the prediction
    #[arg(long, value_name = "FILE", requires = "candidates")]
    explanations: Option<PathBuf>,

    /// The file of patterns that the candidates are in [default: the run's unlabelled file]
    #[arg(long, value_name = "FILE", requires = "candidates")]
    patterns: Option<PathBuf>,

    /// The most candidates to show
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    top: usize,

    /// Resamples behind every interval and band
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(40..=100_000))]
    replicates: u32,

    /// Fit no classical models for comparison
    #[arg(long)]
    no_baselines: bool,

    /// Leave out the audit of the labelled file
    #[arg(long)]
    no_audit: bool,

    /// Print what the page shows as JSON on standard output
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  xrdmatch report runs/demo
  xrdmatch report runs/paper -o paper.html --figures figures
  xrdmatch report runs/default --candidates ranked.csv --top 500
  With the peaks that drive the first predictions:
    xrdmatch explain runs/default --candidates ranked.csv -o explained.jsonl
    xrdmatch report runs/default --candidates ranked.csv --explanations explained.jsonl
  xrdmatch report runs/a runs/b -o both.html --no-baselines

Columns of --candidates, of which only `name` is needed: name, rank, formula, probability, lower,
upper, votes, members, strangeness, neighbours (NAME:COSINE;…) or nearest_1, cosine_1, …, peaks
(TWO_THETA:WEIGHT;…); others are shown as they are. What `xrdmatch screen` writes is understood.";

impl Report {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut records = Vec::with_capacity(self.runs.len());
        for directory in &self.runs {
            records.push(Records::read(&Run::open(directory)?)?);
        }
        let mut candidates =
            self.candidates.as_deref().map(|path| Candidates::read(path, self.top)).transpose()?;
        if let (Some(path), Some(candidates)) = (&self.explanations, &mut candidates) {
            let explained = candidates.explain(path)?;
            eprintln!("{explained} candidates explained");
        }
        let settings = ViewSettings {
            replicates: self.replicates as usize,
            baselines: !self.no_baselines,
            audit: !self.no_audit,
            ..ViewSettings::default()
        };
        let mut view = View::of(&records, &settings)?;
        if let Some(candidates) = candidates {
            let screened = self.screened(&records)?;
            let labeled = records.iter().find_map(Records::dataset);
            view = view.with_candidates(candidates, screened.as_ref(), labeled)?;
        }
        let html = page::write(&view);
        write_atomically(&self.output, html.as_bytes()).map_err(|error| {
            Failure::data(format!("write {}: {error}", self.output.display()))
                .hint("choose another place with -o")
        })?;
        if let Some(directory) = &self.figures {
            let written = figures::write(&view, directory)?;
            eprintln!("{} figures in {}", written.len(), directory.display());
        }
        eprintln!("{} ({})", self.output.display(), text::bytes(html.len() as u64));
        if self.json {
            return print_json(&view);
        }
        for run in &view.runs {
            if view.runs.len() > 1 {
                println!("{}", run.name);
            }
            run.sentences.iter().for_each(|sentence| println!("{sentence}"));
            run.warnings.iter().for_each(|warning| println!("Caution: {warning}"));
        }
        Ok(())
    }

    /// The file of the candidates' patterns; one that was asked for must be readable.
    fn screened(&self, records: &[Records]) -> Result<Option<Dataset>, Failure> {
        let labels =
            |records: &Records| Labels::Optional { classes: records.manifest.config.classes };
        let Some(first) = records.first() else { return Ok(None) };
        let grid = first.manifest.labeled.grid;
        if let Some(path) = &self.patterns {
            return Ok(Some(Dataset::read(path, labels(first), Some(grid))?));
        }
        let read = |source: &xrdmatch::run::Source| {
            let path: &Path = &source.path;
            match Dataset::read(path, labels(first), Some(source.grid)) {
                Ok(data) => Some(data),
                Err(error) => {
                    eprintln!("patterns of candidates are left out: {}", chain(&error));
                    None
                }
            }
        };
        Ok(first.manifest.unlabeled.as_ref().and_then(read))
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        let hint = match &error {
            ReportError::NoFonts => Some(
                "install a font, such as Debian's fonts-dejavu-core; the SVG files are written",
            ),
            ReportError::NoExperiments { .. } => Some("train one with `xrdmatch train`"),
            ReportError::NoName { .. } | ReportError::UnknownFormat { .. } => {
                Some("`xrdmatch report --help` lists the columns of candidates")
            }
            _ => None,
        };
        let failure = match error {
            ReportError::Run(error) => return error.into(),
            ReportError::Dataset(error) => return error.into(),
            other => Self::data(chain(&other)),
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
