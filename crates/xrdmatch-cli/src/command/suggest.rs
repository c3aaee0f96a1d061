//! `xrdmatch suggest`

use std::path::PathBuf;

use clap::Args;
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::members::{Members, Selection};
use xrdmatch::suggest::{Simulation, SimulationSettings, Suggestion, simulate, suggest};

use super::print_json;
use crate::counter::{Counter, Unit};
use crate::device::DeviceArgument;
use crate::experiments::Experiments;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;

/// Say which compounds to measure next.
///
/// Suggested are patterns that the experiments disagree about and that are unlike what is labelled
/// and unlike each other. With --simulate no run is needed: labelled rows are played through, to see
/// whether suggestions would have beaten drawing at random.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch suggest runs/paper --data ulbs.csv.gz --count 10\n  xrdmatch suggest --simulate --labeled lbs.csv"
)]
pub(crate) struct Suggest {
    /// The run; several runs on the same data make one ensemble
    #[arg(value_name = "RUN", required_unless_present = "simulate")]
    runs: Vec<PathBuf>,

    /// The compounds to choose from: .csv, .csv.gz, .csv.zst or .parquet
    #[arg(long, value_name = "POOL", required_unless_present = "simulate")]
    data: Option<PathBuf>,

    /// How many to suggest
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    count: usize,

    /// Which experiments have a say [default: all that are finished]
    #[arg(long, value_name = "LIST")]
    experiments: Option<Experiments>,

    /// Play suggestions against random draws on the labelled rows of --labeled
    #[arg(long, requires = "labeled", conflicts_with_all = ["runs", "data", "experiments"])]
    simulate: bool,

    /// The labelled file: to simulate on, or where the run's is now, if it was moved
    #[arg(long, value_name = "FILE")]
    labeled: Option<PathBuf>,

    /// Repetitions of the simulation
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = repetitions)]
    repetitions: usize,

    /// Seed of the simulation
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,

    #[command(flatten)]
    device: DeviceArgument,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Say nothing but errors and the result
    #[arg(long, short)]
    quiet: bool,
}

fn repetitions(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 2..=100_000) => Ok(number),
        _ => Err("expected a number from 2 to 100000".to_owned()),
    }
}

impl Suggest {
    pub(crate) fn run(self) -> Result<(), Failure> {
        self.device.choose(self.quiet)?;
        if self.simulate {
            return self.play();
        }
        let selection = Selection {
            experiments: self.experiments.as_ref().map(|list| list.0.clone()),
            min_f1: None,
        };
        let data = self.data.as_deref().ok_or_else(|| Failure::usage("no --data was given"))?;
        let mut members = Members::open(&self.runs, &selection, self.labeled.as_deref())?;
        let stop = stop_on_signals("stopping")?;
        let mut counter = Counter::new(Unit::Of("patterns"), self.quiet);
        let found =
            suggest(&mut members, data, self.count, &mut |done| counter.going(done, &stop))?;
        counter.finish();
        let found = found.ok_or_else(|| Failure::interrupted("interrupted"))?;
        if self.json {
            return print_json(&found);
        }
        print!("{}", table(&found));
        Ok(())
    }

    fn play(&self) -> Result<(), Failure> {
        let path =
            self.labeled.as_deref().ok_or_else(|| Failure::usage("no --labeled was given"))?;
        let data = Dataset::read(path, Labels::Required { classes: 2 }, None)?;
        let settings = SimulationSettings {
            repetitions: self.repetitions,
            seed: self.seed,
            ..SimulationSettings::default()
        };
        let found = simulate(&data, &settings)?;
        if self.json {
            return print_json(&found);
        }
        print!("{}", curve(&found));
        Ok(())
    }
}

fn table(found: &[Suggestion]) -> String {
    let mut text = format!(
        "{:>3}  {:<28} {:>10}  {:>7}  {:>6}  nearest labelled (cosine)\n",
        "", "name", "gain (bit)", "novelty", "score"
    );
    for (place, one) in found.iter().enumerate() {
        let name = match &one.formula {
            Some(formula) if *formula != one.name => format!("{} {formula}", one.name),
            _ => one.name.clone(),
        };
        text.push_str(&format!(
            "{:>3}  {:<28} {:>10.3}  {:>7.3}  {:>6.3}  {} ({:.3})\n",
            place + 1,
            name.chars().take(28).collect::<String>(),
            one.gain,
            one.novelty,
            one.score,
            one.nearest,
            one.cosine,
        ));
    }
    text.push_str(
        "gain: what the label would tell about which experiment is right; novelty: one less the cosine\n\
         with anything labelled or suggested above; score: mean probability, not calibrated\n",
    );
    text
}

fn curve(found: &Simulation) -> String {
    let mut text = format!(
        "{} rows, {} repetitions; AUC of logistic regression on rows never chosen from\n\n{:>8}  {:>9}  {:>7}\n",
        found.rows, found.settings.repetitions, "labelled", "suggested", "random"
    );
    for ((labeled, suggested), random) in
        found.labeled.iter().zip(&found.suggested).zip(&found.random)
    {
        text.push_str(&format!("{labeled:>8}  {suggested:>9.4}  {random:>7.4}\n"));
    }
    let difference = &found.difference;
    text.push_str(&format!(
        "\nsuggested less random, mean over rounds: {:+.4} (95 % over repetitions {:+.4} to {:+.4}); better in {:.0} % of repetitions\n{}\n",
        difference.estimate,
        difference.lower,
        difference.upper,
        100.0 * found.better,
        if found.beats_random() {
            "suggestions beat random draws on these rows"
        } else if difference.upper < 0.0 {
            "suggestions do WORSE than random draws on these rows"
        } else {
            "no difference to random draws can be seen on these rows"
        }
    ));
    text
}
