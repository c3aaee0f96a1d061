//! `xrdmatch explain`

use std::path::PathBuf;

use clap::Args;
use diffraction::simulate::Wavelength;
use xrdmatch::disk::write_atomically;
use xrdmatch::explain::{
    ExplainSettings, Explanation, Method, Reason, explain, find_all, planes_of,
};
use xrdmatch::members::{Members, Selection};
use xrdmatch_report::candidates::Candidates;

use super::print_json;
use crate::counter::{Counter, Unit};
use crate::device::DeviceArgument;
use crate::experiments::Experiments;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::text;

/// Say which peaks of a pattern drove the experiments' judgement.
///
/// Peaks are ranked by their part of the log-odds, averaged over all finished experiments (integrated
/// gradients; Shapley values where networks see blurred bins or encoders' features), and beside that
/// by what happens when they are taken out. Whether the named peaks really matter more than others is
/// tested against peaks drawn at random.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch explain runs/paper --sample icsd1125\n  xrdmatch explain runs/paper --sample mp-776 --data ulbs.csv.gz --structure mp-776.cif\n  xrdmatch explain runs/paper --sample icsd1125 --experiments 0..3 --json\n  The first candidates, for a report that marks the peaks:\n    xrdmatch explain runs/paper --candidates ranked.csv -o explained.jsonl\n    xrdmatch report runs/paper --candidates ranked.csv --explanations explained.jsonl"
)]
pub(crate) struct Explain {
    /// The run; several runs on the same data make one ensemble
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The name of the pattern; may be given several times
    #[arg(long, value_name = "NAME", required_unless_present = "candidates")]
    sample: Vec<String>,

    /// Explain the first patterns of a table, as `xrdmatch screen` writes it (.csv or .jsonl)
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    candidates: Option<PathBuf>,

    /// How many of them
    #[arg(long, default_value_t = 20, value_name = "N", requires = "candidates",
          value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,

    /// Write JSON to a file, a line for each pattern, as `xrdmatch report --explanations` reads it
    #[arg(long, short, value_name = "FILE", conflicts_with = "json")]
    output: Option<PathBuf>,

    /// Where the pattern is [default: the run's labelled file, then its unlabelled one]
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,

    /// Its crystal structure (CIF or POSCAR), to name the lattice planes
    #[arg(long, value_name = "FILE")]
    structure: Option<PathBuf>,

    /// Which experiments are asked [default: all that are finished]
    #[arg(long, value_name = "LIST")]
    experiments: Option<Experiments>,

    /// How many peaks are named as the reason
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = named)]
    peaks: usize,

    /// The radiation, for d-spacings: a line such as CuKa1, or Å
    #[arg(long, default_value = "CuKa", value_name = "LINE")]
    wavelength: Wavelength,

    /// Where the run's labelled file is now, if it was moved
    #[arg(long, value_name = "FILE")]
    labeled: Option<PathBuf>,

    #[command(flatten)]
    device: DeviceArgument,

    /// Print JSON, with all peaks; of several patterns a line each
    #[arg(long)]
    json: bool,

    /// Say nothing but errors and the explanations
    #[arg(long, short)]
    quiet: bool,
}

fn named(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}

impl Explain {
    pub(crate) fn run(self) -> Result<(), Failure> {
        self.device.choose(self.quiet)?;
        let planes = match &self.structure {
            Some(path) => planes_of(path, self.wavelength)?,
            None => Vec::new(),
        };
        let selection = Selection {
            experiments: self.experiments.as_ref().map(|list| list.0.clone()),
            min_f1: None,
        };
        let mut members = Members::open(&self.runs, &selection, self.labeled.as_deref())?;
        let asked = self.asked()?;
        let names: Vec<&str> = asked.iter().map(String::as_str).collect();
        if names.len() > 1 && self.structure.is_some() {
            return Err(Failure::usage("a structure is that of one pattern")
                .hint("explain the patterns one by one"));
        }
        let found = find_all(&members, self.data.as_deref(), &names)?;
        let settings = ExplainSettings {
            named: self.peaks,
            wavelength: self.wavelength,
            ..ExplainSettings::default()
        };
        let stop = stop_on_signals("stopping after the pattern under way")?;
        let mut counter = Counter::new(Unit::Of("patterns"), self.quiet);
        let mut lines = Vec::new();
        for (number, (data, row)) in found.iter().enumerate() {
            if !counter.going(number as u64, &stop) {
                return Err(Failure::interrupted("interrupted"));
            }
            let found = explain(&mut members, data, *row, &settings, &planes)?;
            let line = || {
                serde_json::to_string(&found).map_err(|e| Failure::data(format!("write JSON: {e}")))
            };
            match (&self.output, self.json) {
                (Some(_), _) => {
                    lines.extend_from_slice(line()?.as_bytes());
                    lines.push(b'\n');
                    continue;
                }
                (None, true) if names.len() > 1 => {
                    println!("{}", line()?);
                    continue;
                }
                (None, true) => return print_json(&found),
                (None, false) => {}
            }
            if number > 0 {
                println!();
            }
            print!("{}", told(&found));
            if self.structure.is_some() && found.reasons.iter().all(|r| r.planes.is_empty()) {
                eprintln!("notice: no peak of the structure lies at a peak of the pattern");
            }
        }
        let time = text::duration(counter.finish());
        if let Some(output) = &self.output {
            write_atomically(output, &lines)
                .map_err(|error| Failure::data(format!("write {}: {error}", output.display())))?;
            if !self.quiet {
                eprintln!("{} patterns explained into {} in {time}", names.len(), output.display());
            }
        }
        Ok(())
    }

    /// The names of the patterns.
    fn asked(&self) -> Result<Vec<String>, Failure> {
        let Some(path) = &self.candidates else { return Ok(self.sample.clone()) };
        let candidates = Candidates::read(path, self.top as usize)?;
        if candidates.rows.is_empty() {
            return Err(Failure::data(format!("{} has no candidates", path.display())));
        }
        Ok(candidates.rows.into_iter().map(|row| row.name).collect())
    }
}

/// Log-odds that are as good as none: 0.1 moves a probability by 2.5 % at most.
const HARDLY: f64 = 0.1;

/// Peaks that speak against the prediction and are shown beside the others.
const AGAINST: usize = 3;

fn told(found: &Explanation) -> String {
    let predicted = if found.log_odds >= 0.0 { "superionic" } else { "not superionic" };
    let label = found.label.map_or_else(String::new, |label| format!(", label {label}"));
    let mut text = format!(
        "{}{label}: {predicted}; log-odds of superionic {:+.3} ± {:.3} over {} members (empty pattern {:+.3})\n",
        found.sample, found.log_odds, found.spread, found.members, found.baseline
    );
    if (found.log_odds - found.baseline).abs() < HARDLY {
        text.push_str(
            "WARNING: the pattern hardly moves the models; they say nearly the same of an empty one\n",
        );
    }
    let sign = found.log_odds.signum();
    let header = format!(
        "\n{:>8}  {:>8}  {:>6}  {:>16}  {:>7}  {:>9}  hkl\n",
        "2θ (°)", "d (Å)", "height", "attribution", "members", "occlusion"
    );
    text.push_str(&header);
    for reason in found.reasons.iter().filter(|reason| reason.named) {
        text.push_str(&line(reason, found.members));
    }
    let against: Vec<&Reason> = found
        .reasons
        .iter()
        .rev()
        .take(AGAINST)
        .filter(|reason| sign * reason.attribution < 0.0)
        .collect();
    if !against.is_empty() {
        text.push_str("against it\n");
        against.iter().for_each(|reason| text.push_str(&line(reason, found.members)));
    }
    text.push_str(&format!("{} peaks in all; {}\n", found.reasons.len(), how(found)));
    match &found.check {
        None => text.push_str("too few peaks to compare the named ones with others\n"),
        Some(check) => text.push_str(&format!(
            "\nwithout the {} named peaks the log-odds of the prediction fall by {:.3}\n\
             without {} peaks drawn at random          by {:.3} (95 % of {} draws: {:.3} to {:.3})\n\
             without the {} strongest                   by {:.3}\n\
             the named peaks {} (p = {:.3})\n",
            check.peaks,
            check.named,
            check.peaks,
            check.random,
            check.draws,
            check.random_range[0],
            check.random_range[1],
            check.peaks,
            check.strongest,
            if check.p_value <= 0.05 {
                "matter more than others"
            } else {
                "do NOT matter more than others: do not rely on this explanation"
            },
            check.p_value,
        )),
    }
    text
}

/// How attributions were found, and how exactly.
fn how(found: &Explanation) -> String {
    match (found.method, found.sampling_error) {
        (Method::IntegratedGradients, _) => {
            format!("integrated gradients, which miss their sum by at most {:.3}", found.miss)
        }
        (Method::ShapleyValues, Some(error)) => {
            format!("Shapley values, drawn to a standard error of at most {error:.3}")
        }
        (Method::ShapleyValues, None) => "Shapley values from one pair of orders".to_owned(),
    }
}

fn line(reason: &Reason, members: usize) -> String {
    let d = reason.d.map_or_else(|| "–".to_owned(), |d| format!("{d:.4}"));
    let planes: Vec<String> = reason
        .planes
        .iter()
        .map(|plane| format!("({})", plane.hkl.map(|index| index.to_string()).join(" ")))
        .collect();
    let line = format!(
        "{:>8.3}  {d:>8}  {:>6.3}  {:>+7.3} ± {:<6.3}  {:>7}  {:>+9.3}  {}",
        reason.two_theta,
        reason.height,
        reason.attribution,
        reason.spread,
        format!("{}/{members}", reason.agreeing),
        reason.occlusion,
        planes.join(" "),
    );
    format!("{}\n", line.trim_end())
}
