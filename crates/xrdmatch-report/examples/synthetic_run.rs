//! Writes a run that never was: records of invented experiments over invented compounds, of any size.
//! For tests of the report: how it looks, how large it is, how soon it opens.
//!
//! `cargo run --example synthetic_run -- DIR [EXPERIMENTS [EPOCHS [CANDIDATES]]]` writes
//! `DIR/labeled.csv`, `DIR/unlabeled.csv`, `DIR/candidates.csv` and the run `DIR/run`. The same
//! arguments give the same numbers.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use diffraction::Grid;
use diffraction::table::{Columns, Row, TableWriter};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use xrdmatch::config::Layers;
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::metrics::Evaluation;
use xrdmatch::predictions::{Predictions, Sample};
use xrdmatch::run::{ExperimentResult, Manifest, OptimisticResult, Record, Run, SplitNames};
use xrdmatch::seed::Seed;
use xrdmatch::train::{Best, EpochSummary, StepReport};

pub(crate) type Failed = Box<dyn Error>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(directory) = arguments.first().map(Path::new) else {
        return Err("usage: synthetic_run DIR [EXPERIMENTS [EPOCHS [CANDIDATES]]]".into());
    };
    let number = |place: usize, usual: usize| -> Result<usize, Failed> {
        Ok(arguments.get(place).map(|text| text.parse()).transpose()?.unwrap_or(usual))
    };
    invent(directory, number(1, 12)?, number(2, 40)?, number(3, 400)?)
}

/// Writes everything into a directory.
pub(crate) fn invent(
    directory: &Path,
    experiments: usize,
    epochs: usize,
    candidates: usize,
) -> Result<(), Failed> {
    std::fs::create_dir_all(directory)?;
    let mut rng = ChaCha8Rng::seed_from_u64(7);

    let labeled_rows: Vec<Row> = (0..96).map(|i| labeled(&mut rng, i)).collect();
    let unlabeled_rows: Vec<Row> =
        (0..candidates.max(50)).map(|i| unlabeled(&mut rng, i)).collect();
    let labeled_path = directory.join("labeled.csv");
    let unlabeled_path = directory.join("unlabeled.csv");
    let points = Grid::published().points();
    write(&labeled_path, Columns::labeled(points), &labeled_rows)?;
    write(&unlabeled_path, Columns::unlabeled(points), &unlabeled_rows)?;
    let labeled = Dataset::read(&labeled_path, Labels::Required { classes: 2 }, None)?;
    let unlabeled = Dataset::read(&unlabeled_path, Labels::Optional { classes: 2 }, None)?;

    let mut config = Layers::defaults().finish()?;
    config.training.epochs = u32::try_from(epochs)?;
    let run = directory.join("run");
    let manifest = Manifest::new(config.clone(), &labeled, Some(&unlabeled), None);
    let run = Run::create(&run, manifest)?;
    for experiment in 0..u32::try_from(experiments)? {
        let split = config.split.split(&labeled, 2, Seed(3), experiment)?;
        let names = SplitNames::of(&split, &labeled);
        records(&run.experiment_directory(experiment), experiment, epochs, &labeled, &names)?;
    }
    std::fs::write(directory.join("candidates.csv"), table(&mut rng, &unlabeled, candidates))?;
    Ok(())
}

fn write(path: &Path, columns: Columns, rows: &[Row]) -> Result<(), Failed> {
    let mut writer = TableWriter::create(path, columns, Some(Grid::published()))?;
    for row in rows {
        writer.write(row)?;
    }
    writer.finish()?;
    Ok(())
}

/// Sticks at invented places, of falling height.
fn pattern(rng: &mut ChaCha8Rng) -> (Vec<u16>, Vec<f32>) {
    let mut indices: Vec<u16> =
        (0..rng.random_range(25..70)).map(|_| rng.random_range(500..4400)).collect();
    indices.sort_unstable();
    indices.dedup();
    let mut values: Vec<f32> =
        indices.iter().map(|_| rng.random_range(0.0f32..1.0).powi(3) + 0.01).collect();
    let strongest = rng.random_range(0..values.len());
    values[strongest] = 1.2;
    let highest = values.iter().copied().fold(0.0, f32::max);
    values.iter_mut().for_each(|value| *value /= highest);
    (indices, values)
}

/// A formula as it is written: no number after a single atom.
fn formula(atoms: [(&str, usize); 3]) -> String {
    let atom = |(element, count): (&str, usize)| match count {
        1 => element.to_owned(),
        count => format!("{element}{count}"),
    };
    atoms.map(atom).concat()
}

fn labeled(rng: &mut ChaCha8Rng, i: usize) -> Row {
    let (indices, values) = pattern(rng);
    let positive = i.is_multiple_of(4);
    let power = if positive { rng.random_range(-4.2..-2.0) } else { rng.random_range(-12.0..-4.4) };
    Row {
        name: format!("invented-{i:03}"),
        id: Some(i.to_string()),
        formula: Some(formula([("Li", 1 + i % 7), ("Al", 1 + i % 3), ("O", 2 + i % 5)])),
        conductivity: Some(10f64.powf(power)),
        label: Some(u8::from(!positive)),
        indices,
        values,
        exact: Vec::new(),
    }
}

fn unlabeled(rng: &mut ChaCha8Rng, i: usize) -> Row {
    let (indices, values) = pattern(rng);
    Row {
        name: format!("made-up-{i:05}"),
        id: Some(i.to_string()),
        formula: Some(formula([("Li", 1 + i % 9), ("Mg", 1 + i % 4), ("S", 3 + i % 6)])),
        conductivity: None,
        label: None,
        indices,
        values,
        exact: Vec::new(),
    }
}

/// The records of an invented experiment.
fn records(
    directory: &Path,
    experiment: u32,
    epochs: usize,
    data: &Dataset,
    names: &SplitNames,
) -> Result<(), Failed> {
    std::fs::create_dir_all(directory)?;
    std::fs::write(directory.join("split.json"), serde_json::to_vec(names)?)?;
    let mut rng = ChaCha8Rng::seed_from_u64(100 + u64::from(experiment));
    let skill = 0.25 + 0.2 * rng.random_range(0.0..1.0);
    let mut events = String::new();
    let mut best: Option<Best> = None;
    for epoch in 0..epochs {
        let t = epoch as f64 / epochs as f64;
        let evaluation =
            Evaluation::of(&on(&predict(&mut rng, data, names, skill * t.sqrt()), names))?;
        let f1 = evaluation.macro_average.f1;
        let step = 10 * (epoch as u64 + 1);
        if best.is_none_or(|best| f1 > best.macro_f1) {
            let (accuracy, auc) = (evaluation.accuracy, evaluation.auc);
            best = Some(Best { epoch: u32::try_from(epoch)?, step, macro_f1: f1, accuracy, auc });
        }
        let mut noise = |width: f64| 1.0 + width * rng.random_range(-1.0..1.0);
        let record = Record::Epoch {
            time: "2026-01-01T00:00:00Z".to_owned(),
            summary: EpochSummary {
                epoch: u32::try_from(epoch)?,
                step,
                learning_rate: 3e-4,
                means: StepReport {
                    supervised_loss: 0.75 * (-4.0 * t).exp() * noise(0.3) + 0.02,
                    unsupervised_loss: (0.5 * (-2.0 * t).exp() + 0.08) * noise(0.3),
                    mask_rate: (0.25 + 0.6 * t * noise(0.2)).min(1.0),
                    class_shares: vec![0.3, 0.7],
                },
                thresholds: vec![
                    (0.9 * t * noise(0.15)).min(0.95),
                    (0.3 + 0.7 * t.sqrt()).min(0.95),
                ],
            },
            evaluation: Some(evaluation),
            validation: None,
            kept: false,
        };
        writeln!(events, "{}", serde_json::to_string(&record)?)?;
    }
    std::fs::write(directory.join("events.jsonl"), events)?;
    let last = predict(&mut rng, data, names, skill);
    let result = ExperimentResult {
        experiment,
        steps: 10 * epochs as u64,
        seconds: 100.0,
        evaluation: Some(Evaluation::of(&on(&last, names))?),
        held_out: None,
        best: best.map(|best| OptimisticResult { best, optimistic: true }),
    };
    last.write_csv(std::fs::File::create(directory.join("predictions.csv"))?)?;
    std::fs::write(directory.join("result.json"), serde_json::to_vec(&result)?)?;
    Ok(())
}

/// Probabilities that follow the conductivity more or less, and training labels nearly always.
fn predict(rng: &mut ChaCha8Rng, data: &Dataset, names: &SplitNames, skill: f64) -> Predictions {
    let mut probabilities = Vec::new();
    let mut samples = Vec::new();
    for sample in data.samples() {
        let power = sample.conductivity.unwrap_or(1e-6).log10();
        let known = if names.labeled.contains(&sample.name) { 3.0 } else { 0.0 };
        let odds = skill * (power + 6.5)
            + known * if power > -4.3 { 1.0 } else { -1.0 }
            + rng.random_range(-2.2..2.2)
            - 0.4;
        let p = 1.0 / (1.0 + (-odds).exp());
        probabilities.extend([p, 1.0 - p]);
        samples.push(Sample::new(sample.name.clone(), sample.label));
    }
    Predictions::new(2, samples, probabilities).expect("probabilities of unique samples")
}

fn on(predictions: &Predictions, names: &SplitNames) -> Predictions {
    predictions.filter(|row| names.evaluation.iter().any(|name| name == row.name))
}

/// A table of candidates as a screening writes it.
fn table(rng: &mut ChaCha8Rng, data: &Dataset, count: usize) -> String {
    let mut text = String::from(
        "rank,name,probability,lower,upper,votes,members,strangeness,peaks,space group\n",
    );
    for i in 0..count.min(data.len()) {
        let p = 0.97 * (1.0 - i as f64 / count as f64).powi(2);
        let (indices, _) = data.pattern(i);
        let peaks: Vec<String> = indices
            .iter()
            .step_by(9)
            .map(|index| {
                let weight: f64 = rng.random_range(-0.4..0.8);
                format!("{:.2}:{weight:.2}", 0.02 * f64::from(*index))
            })
            .collect();
        let _ = writeln!(
            text,
            "{},{},{p:.4},{:.4},{:.4},{},10,{:.3},{},{}",
            i + 1,
            data.sample(i).name,
            (p - 0.15).max(0.0),
            (p + 0.12).min(1.0),
            (10.0 * p).round(),
            rng.random_range(0.0..1.0),
            peaks.join(";"),
            ["Fm-3m", "P6_3/mmc", "Ia-3d", "Pnma"][i % 4],
        );
    }
    text
}
