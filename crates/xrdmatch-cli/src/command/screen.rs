//! `xrdmatch screen`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use xrdmatch::calibrate::CalibrationMethod;
use xrdmatch::ensemble::VoteRule;
use xrdmatch::members::{Members, Selection};
use xrdmatch::outlier::OutlierSettings;
use xrdmatch::part::{Part, PartChoice};
use xrdmatch::screen::{
    Ended, PriorChoice, RankSettings, ScreenError, ScreenSettings, Screener, Screening, Shard, rank,
};

use super::{part_here, print_json};
use crate::counter::{Counter, Unit};
use crate::device::DeviceArgument;
use crate::experiments::Experiments;
use crate::failure::{Failure, chain};
use crate::interrupt::stop_on_signals;
use crate::text;

/// Rank every pattern of a file, or of several, by how probably it is superionic.
///
/// All finished experiments judge every pattern. Probabilities are calibrated on the labelled rows,
/// each judged only by experiments that never trained on it. Each row says how far the experiments
/// agree, its nearest labelled patterns with their conductivities, and whether it is unlike all that
/// was seen. Files of any length are screened in constant memory, and in parts with --shard.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Screen {
    /// The run; several runs on the same data make one ensemble
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// The patterns: .csv, .csv.gz, .csv.zst or .parquet; given several times, all files are ranked together
    #[arg(long, value_name = "FILE", required_unless_present = "merge")]
    data: Vec<PathBuf>,

    /// Where to write the ranked table (.csv, .jsonl or .parquet), or with --shard the shard
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Which experiments have a say: `7`, `0..10`, `3,7` [default: all that are finished]
    #[arg(long, value_name = "LIST")]
    experiments: Option<Experiments>,

    /// Only experiments of at least this macro-F1 on their validation rows
    #[arg(long, value_name = "F1")]
    min_f1: Option<f64>,

    /// Screen only every N-th row, beginning with row I, as a shard for --merge; `auto` or `auto/N`
    /// takes I from the array job this runs in (Slurm, PBS, HyperQueue, Kubernetes)
    #[arg(long, value_name = "I/N", requires = "output")]
    shard: Option<PartChoice>,

    /// Merge shards into the ranked table: all parts of one file, or of several
    #[arg(long, value_name = "SHARD", num_args = 1.., conflicts_with_all = ["data", "shard"])]
    merge: Vec<PathBuf>,

    /// How probabilities are calibrated
    #[arg(long, default_value = "platt", value_name = "METHOD")]
    calibration: CalibrationName,

    /// The share of superionic compounds in the file: a number, `estimate` (from the file itself) or
    /// `labelled` (as among the labelled rows)
    #[arg(long, default_value = "labelled", value_name = "P", value_parser = parse_prior)]
    prior: PriorChoice,

    /// Votes that make a candidate: `votes:5` (of ten, as published) or `votes:7/20`
    #[arg(long, default_value = "votes:5", value_name = "RULE", value_parser = parse_rule)]
    rule: VoteRule,

    /// Labelled neighbours told of each pattern
    #[arg(long, default_value_t = 3, value_name = "N")]
    neighbours: usize,

    /// The share of ordinary patterns that may be flagged as unlike all that was seen
    /// [default: 0.01, or the least that the held-out patterns allow]
    #[arg(long, value_name = "R")]
    ood_rate: Option<f64>,

    /// Give flagged patterns no probability and no rank; they end the table
    #[arg(long, conflicts_with = "no_outliers")]
    abstain: bool,

    /// Do not look for patterns unlike all that was seen
    #[arg(long, conflicts_with = "ood_rate")]
    no_outliers: bool,

    /// How many of the best are printed
    #[arg(long, default_value_t = 20, value_name = "N")]
    top: usize,

    /// Where the run's labelled file is now, if it was moved
    #[arg(long, value_name = "FILE")]
    labeled: Option<PathBuf>,

    /// Where the run's unlabelled file is now, if it was moved
    #[arg(long, value_name = "FILE")]
    unlabeled: Option<PathBuf>,

    #[command(flatten)]
    device: DeviceArgument,

    /// Print the summary as JSON
    #[arg(long)]
    json: bool,

    /// Say nothing but errors and the summary
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  xrdmatch screen runs/paper --data ulbs.csv.gz -o ranked.csv
  xrdmatch screen runs/paper --data ulbs.csv.gz --prior estimate --abstain -o ranked.parquet
  In four parts, on four machines:
    xrdmatch screen runs/paper --data big.parquet --shard 1/4 -o part1.shard
    xrdmatch screen runs/paper --merge part*.shard -o ranked.parquet
  Many files into one ranking, each on a machine of its own:
    xrdmatch screen runs/paper --data a.parquet --shard 1/1 -o a.shard
    xrdmatch screen runs/paper --data b.parquet --shard 1/1 -o b.shard
    xrdmatch screen runs/paper --merge a.shard b.shard -o ranked.parquet
  The same as a Slurm array (--array=1-4):
    xrdmatch screen runs/paper --data big.parquet --shard auto -o part$SLURM_ARRAY_TASK_ID.shard";

#[derive(Clone, Copy, ValueEnum)]
enum CalibrationName {
    /// A logistic function of the log-odds
    Platt,
    /// One number that divides the logits; does not correct the class shares
    Temperature,
    /// A step function; for many labelled rows
    Isotonic,
    /// The mean of the experiments' probabilities as it is
    None,
}

impl CalibrationName {
    fn method(self) -> Option<CalibrationMethod> {
        match self {
            Self::Platt => Some(CalibrationMethod::Platt),
            Self::Temperature => Some(CalibrationMethod::Temperature),
            Self::Isotonic => Some(CalibrationMethod::Isotonic),
            Self::None => None,
        }
    }
}

pub(super) fn parse_prior(text: &str) -> Result<PriorChoice, String> {
    match text {
        "labelled" | "labeled" => Ok(PriorChoice::Labelled),
        "estimate" => Ok(PriorChoice::Estimated),
        number => match number.parse::<f64>() {
            Ok(share) if share > 0.0 && share < 1.0 => Ok(PriorChoice::Stated(share)),
            Ok(share) => Err(format!("a share lies between 0 and 1, and {share} does not")),
            Err(_) => Err(format!("`{text}` is no share, nor `estimate` nor `labelled`")),
        },
    }
}

fn parse_rule(text: &str) -> Result<VoteRule, String> {
    let votes = text.strip_prefix("votes:").ok_or("expected votes:N or votes:N/M")?;
    let number = |text: &str| {
        text.parse::<usize>().map_err(|_| format!("`{text}` is not a number of votes"))
    };
    let (votes, of) = match votes.split_once('/') {
        Some((votes, of)) => (number(votes)?, number(of)?),
        None => (number(votes)?, 10),
    };
    VoteRule::new(votes, of).map_err(|error| error.to_string())
}

/// What is printed where a part was screened.
#[derive(Serialize)]
struct Screened<'a> {
    shard: String,
    output: &'a Path,
}

impl Screen {
    pub(crate) fn run(self) -> Result<(), Failure> {
        self.device.choose(self.quiet)?;
        let shard = self.shard.map(part_here).transpose()?;
        if shard.is_some() && self.data.len() > 1 {
            return Err(Failure::usage("a shard is a part of one file").hint(
                "make a shard of each file, for example with --shard 1/1, and --merge them all",
            ));
        }
        let selection = Selection {
            experiments: self.experiments.as_ref().map(|list| list.0.clone()),
            min_f1: self.min_f1,
        };
        let members = Members::open(&self.runs, &selection, self.labeled.as_deref())?;
        self.say(&format!(
            "{} members; {} labelled patterns",
            members.len(),
            members.labeled().len()
        ));
        if !members.unfinished().is_empty() {
            self.say(&format!(
                "notice: {} experiments are not finished and have no say",
                members.unfinished().len()
            ));
        }
        let stop = stop_on_signals("stopping; no file is written")?;
        let stopped = || Failure::interrupted("interrupted; nothing was written");
        let (members, shards) = if self.merge.is_empty() {
            let mut screener = self.screener(members, &selection)?;
            let mut counter = Counter::new(Unit::Of("patterns"), self.quiet);
            // Without a table to write, what lies between goes where temporary files go.
            let beside = std::env::temp_dir().join("screening");
            let output = self.output.as_deref().unwrap_or(&beside);
            let (part, kept) = (shard.unwrap_or(Part::WHOLE), shard.is_some());
            let mut shards = Vec::with_capacity(self.data.len());
            let mut before = 0;
            for data in &self.data {
                let mut going = |done| counter.going(before + done, &stop);
                let ended = screener.score(data, part, output, kept, &mut going)?;
                let Ended::Finished(shard) = ended else { return Err(stopped()) };
                before += shard.as_ref().map_or(0, Shard::rows);
                shards.extend(shard);
            }
            let time = text::duration(counter.finish());
            if kept {
                self.say(&format!("part {part} into {} in {}", output.display(), time));
                if self.json {
                    return print_json(&Screened { shard: part.to_string(), output });
                }
                return Ok(());
            }
            self.say(&format!("{before} patterns judged in {time}"));
            (screener.into_members(), shards)
        } else {
            let mut shards = Vec::with_capacity(self.merge.len());
            for path in &self.merge {
                shards.push(Shard::open(path)?);
            }
            (members, shards)
        };
        let settings = RankSettings {
            calibration: self.calibration.method(),
            prior: self.prior,
            rule: self.rule,
            abstain: self.abstain,
            best: self.top,
            seed: members.config().seed.0,
        };
        let output = self.output.as_deref();
        let mut counter = Counter::new(Unit::Of("patterns"), self.quiet);
        let mut going = |done| counter.going(done, &stop);
        let ended = rank(&members, &shards, &settings, output, &mut going)?;
        counter.finish();
        let Ended::Finished(screening) = ended else { return Err(stopped()) };
        if let Some(output) = output {
            self.say(&format!("{} rows into {}", screening.patterns, output.display()));
        }
        if self.json {
            return print_json(&screening);
        }
        print!("{}", summary(&screening));
        Ok(())
    }

    /// Where outliers cannot be told and nobody asked for them, the screening goes on without.
    fn screener(&self, members: Members, selection: &Selection) -> Result<Screener, Failure> {
        let outliers = OutlierSettings { rate: self.ood_rate, ..OutlierSettings::default() };
        let outliers = (!self.no_outliers).then_some(outliers);
        if outliers.is_some() {
            self.say("learning from the unlabelled patterns what an outlier is");
        }
        let settings = ScreenSettings { neighbours: self.neighbours, outliers };
        let asked_for = self.ood_rate.is_some() || self.abstain;
        match Screener::new(members, &settings, self.unlabeled.as_deref()) {
            Err(error @ (ScreenError::NoUnlabeled | ScreenError::Outlier(_))) if !asked_for => {
                self.say(&format!("notice: outliers are not told: {}", chain(&error)));
                let members = Members::open(&self.runs, selection, self.labeled.as_deref())?;
                let settings = ScreenSettings { outliers: None, ..settings };
                Ok(Screener::new(members, &settings, None)?)
            }
            other => Ok(other?),
        }
    }

    fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }
}

/// AUC up to which a hundred rows cannot tell models from chance (0.5).
const HARDLY_BETTER: f64 = 0.6;

fn summary(found: &Screening) -> String {
    let mut text = String::new();
    let calibration = &found.calibration;
    let number = text::number;
    text.push_str(&format!(
        "{}: {} patterns, {} members\n\ncalibration on {} labelled rows out of bag ({} superionic), AUC {}\n",
        found.data, found.patterns, found.members, calibration.rows, calibration.positives,
        number(calibration.auc),
    ));
    if calibration.method.is_some() {
        text.push_str(&format!(
            "  Brier score {} before, {} after; calibration error {} before, {} after (cross-fitted)\n",
            number(calibration.brier_before),
            number(calibration.brier_after),
            number(calibration.error_before),
            number(calibration.error_after),
        ));
    }
    if calibration.reverses || calibration.auc.is_some_and(|auc| auc < HARDLY_BETTER) {
        text.push_str(
            "  WARNING: on labelled rows the models rank hardly better than chance; do not rely on this ranking\n",
        );
    }
    let prior = &found.prior;
    let origin = match (prior.choice, prior.interval) {
        (PriorChoice::Labelled, _) => "as among the labelled rows".to_owned(),
        (PriorChoice::Stated(_), _) => "as stated".to_owned(),
        (PriorChoice::Estimated, Some([low, high])) => {
            format!("estimated; 95 % by the calibration: {low:.3} to {high:.3}")
        }
        (PriorChoice::Estimated, None) => "estimated".to_owned(),
    };
    text.push_str(&format!("share of superionic compounds {:.3} ({origin})\n", prior.pool));
    text.push_str(&format!(
        "candidates by vote {}; near-twins of labelled rows {}\n",
        found.candidates, found.twins
    ));
    match (found.outliers, found.outlier_rate) {
        (Some(outliers), Some(rate)) => text.push_str(&format!(
            "unlike all that was seen {outliers} (by chance about {:.0} of {})\n",
            rate * found.patterns as f64,
            found.patterns
        )),
        _ => text.push_str("outliers not told\n"),
    }
    if found.abstained > 0 {
        text.push_str(&format!("abstained from {}\n", found.abstained));
    }
    text.push_str("\nexpected superionic compounds among the best, with 95 % interval\n");
    for top in &found.top {
        text.push_str(&format!(
            "  {:>9}  {:>9.1}   {} to {}\n",
            top.n, top.expected, top.lower, top.upper
        ));
    }
    if found.best.is_empty() {
        return text;
    }
    text.push_str(&format!(
        "\n{:>5}  {:<24} {:>6}  {:<15} {:>6}  {:<7}  nearest labelled (cosine, S/cm)\n",
        "rank", "name", "p", "members' 95 %", "votes", "note"
    ));
    for row in &found.best {
        let range = match (row.lower, row.upper) {
            (Some(low), Some(high)) => format!("{low:.3} – {high:.3}"),
            _ => "–".to_owned(),
        };
        let note = match (&row.twin_of, row.outlier) {
            (Some(_), _) => "twin",
            (None, Some(true)) => "outlier",
            _ => "",
        };
        let near = row.nearest.first().map_or_else(String::new, |near| {
            let conductivity = near.conductivity.map_or("–".to_owned(), |c| format!("{c:.1e}"));
            format!("{} ({:.3}, {conductivity})", near.name, near.cosine)
        });
        let name = match &row.formula {
            Some(formula) if *formula != row.name => format!("{} {formula}", row.name),
            _ => row.name.clone(),
        };
        let line = format!(
            "{:>5}  {:<24} {:>6.3}  {:<15} {:>6}  {:<7}  {near}",
            row.rank.unwrap_or(0),
            name.chars().take(24).collect::<String>(),
            row.probability.unwrap_or(f64::NAN),
            range,
            format!("{}/{}", row.votes, row.members),
            note,
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
