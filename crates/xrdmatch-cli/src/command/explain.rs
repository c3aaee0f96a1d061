//! `xrdmatch explain`

use std::path::PathBuf;

use clap::Args;
use diffraction::simulate::Wavelength;
use xrdmatch::explain::{ExplainSettings, Explanation, Method, Reason, explain, find, planes_of};
use xrdmatch::members::{Members, Selection};

use super::print_json;
use crate::device::DeviceArgument;
use crate::experiments::Experiments;
use crate::failure::Failure;

/// Say which peaks of a pattern drove the experiments' judgement.
///
/// Peaks are ranked by their part of the log-odds, averaged over all finished experiments (integrated
/// gradients; Shapley values where networks see blurred bins or encoders' features), and beside that
/// by what happens when they are taken out. Whether the named peaks really matter more than others is
/// tested against peaks drawn at random.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch explain runs/paper --sample icsd1125\n  xrdmatch explain runs/paper --sample mp-776 --data ulbs.csv.gz --structure mp-776.cif\n  xrdmatch explain runs/paper --sample icsd1125 --experiments 0..3 --json"
)]
pub(crate) struct Explain {
    /// The run; several runs on the same data make one ensemble
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The name of the pattern
    #[arg(long, value_name = "NAME")]
    sample: String,

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

    /// Print JSON, with all peaks
    #[arg(long)]
    json: bool,
}

fn named(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=1000) => Ok(number),
        _ => Err("expected a number from 1 to 1000".to_owned()),
    }
}

impl Explain {
    pub(crate) fn run(self) -> Result<(), Failure> {
        self.device.choose(false)?;
        let planes = match &self.structure {
            Some(path) => planes_of(path, self.wavelength)?,
            None => Vec::new(),
        };
        let selection = Selection {
            experiments: self.experiments.as_ref().map(|list| list.0.clone()),
            min_f1: None,
        };
        let mut members = Members::open(&self.runs, &selection, self.labeled.as_deref())?;
        let (data, row) = find(&members, self.data.as_deref(), &self.sample)?;
        let settings = ExplainSettings {
            named: self.peaks,
            wavelength: self.wavelength,
            ..ExplainSettings::default()
        };
        let found = explain(&mut members, &data, row, &settings, &planes)?;
        if self.json {
            return print_json(&found);
        }
        print!("{}", text(&found));
        if self.structure.is_some() && found.reasons.iter().all(|reason| reason.planes.is_empty()) {
            eprintln!("notice: no peak of the structure lies at a peak of the pattern");
        }
        Ok(())
    }
}

/// Log-odds that are as good as none: 0.1 moves a probability by 2.5 % at most.
const HARDLY: f64 = 0.1;

/// Peaks that speak against the prediction and are shown beside the others.
const AGAINST: usize = 3;

fn text(found: &Explanation) -> String {
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
