//! The second pass: shards merged, calibrated, written in order.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::certainty::{Maps, Tally};
use super::files::Files;
use super::merge::Merge;
use super::table::{Cell, Kind, TableOut};
use super::verdict::Verdict;
use super::{
    CalibrationSummary, Ended, PriorChoice, PriorSummary, Ranked, Scored, ScreenError, Shard, TopN,
};
use crate::calibrate::CalibrationMethod;
use crate::ensemble::VoteRule;
use crate::members::Members;

/// Scores kept of a pool, evenly spread over its ranking, to estimate its prior from.
const SKETCH: u64 = 4096;

/// Rows between two questions whether to go on.
const ASK_EVERY: u64 = 10_000;

/// How scores become a ranked table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankSettings {
    /// How to calibrate; `None` for not at all.
    pub calibration: Option<CalibrationMethod>,
    /// Which share of the pool is positive.
    pub prior: PriorChoice,
    /// How many votes make a candidate.
    pub rule: VoteRule,
    /// Whether outliers are left out of the ranking, without probability.
    pub abstain: bool,
    /// How many of the best are part of the summary.
    pub best: usize,
    /// Seed of the calibration's resamples.
    pub seed: u64,
}

impl Default for RankSettings {
    fn default() -> Self {
        Self {
            calibration: Some(CalibrationMethod::Platt),
            prior: PriorChoice::default(),
            rule: VoteRule::PUBLISHED,
            abstain: false,
            best: 20,
            seed: 0,
        }
    }
}

/// A screening in brief.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Screening {
    /// The data file, or the data files.
    pub data: String,
    /// Patterns judged.
    pub patterns: u64,
    /// Number of members.
    pub members: usize,
    /// Patterns whose votes make them candidates.
    pub candidates: u64,
    /// Patterns that are near-twins of a labelled row.
    pub twins: u64,
    /// Outliers, where they are told.
    pub outliers: Option<u64>,
    /// The share of ordinary patterns that is flagged too.
    pub outlier_rate: Option<f64>,
    /// Held-out patterns behind that rate.
    pub outlier_held_out: Option<usize>,
    /// Patterns that the models abstain from.
    pub abstained: u64,
    /// What the calibration is worth.
    pub calibration: CalibrationSummary,
    /// What share of the pool is taken to be positive.
    pub prior: PriorSummary,
    /// How many of the best are expected to be positive.
    pub top: Vec<TopN>,
    /// The best.
    pub best: Vec<Ranked>,
}

/// Merges the shards of one screening, of one file or of several, into the ranked table, written to
/// `output` where given; of several files, its last column says of which a row is. `going` is told the ranks done and says whether to go on.
///
/// # Errors
/// [`ScreenError`]: shards of other models or of different screenings, shards missing, damaged or
/// given twice; labelled rows that no calibration can be fitted to; a file that cannot be written.
pub fn rank(
    members: &Members,
    shards: &[Shard],
    settings: &RankSettings,
    output: Option<&Path>,
    going: &mut dyn FnMut(u64) -> bool,
) -> Result<Ended<Screening>, ScreenError> {
    let files = Files::of(members, shards)?;
    let header = files.header();
    let names: Vec<&str> = files.names().collect();
    let total: u64 = shards.iter().map(Shard::rows).sum();
    let outliers: u64 = shards.iter().map(Shard::outliers).sum();
    let threshold = header.outliers.map_or(f64::INFINITY, |outliers| outliers.threshold);
    let is_outlier = |row: &Scored| row.strangeness.is_some_and(|s| s > threshold);
    let left_out = |row: &Scored| settings.abstain && is_outlier(row);
    let ranks = if settings.abstain { total - outliers } else { total };
    let neighbours = header.neighbours;
    let mut columns = Ranked::columns(neighbours);
    columns.extend((names.len() > 1).then(|| ("file".to_owned(), Kind::Text)));
    let mut table = match output {
        Some(path) => Some(TableOut::create(path, columns)?),
        None => None,
    };

    let mut sketch = Vec::new();
    if settings.prior == PriorChoice::Estimated && ranks > 0 {
        let wanted = ranks.min(SKETCH);
        let mut place = 0;
        for row in Merge::of(&files)? {
            let (_, row) = row?;
            if left_out(&row) {
                continue;
            }
            if place * wanted / ranks != (place + 1) * wanted / ranks {
                sketch.push(row.score());
            }
            place += 1;
        }
    }
    let out_of_bag = members.out_of_bag()?;
    let maps =
        Maps::fit(&out_of_bag, settings.calibration, settings.prior, &sketch, settings.seed)?;

    let mut tally = Tally::new(&maps);
    let mut screening = Screening {
        data: together(&names),
        patterns: total,
        members: header.members,
        candidates: 0,
        twins: 0,
        outliers: header.outliers.map(|_| outliers),
        outlier_rate: header.outliers.map(|outliers| outliers.rate),
        outlier_held_out: header.outliers.map(|outliers| outliers.held_out),
        abstained: total - ranks,
        calibration: maps.calibration.clone(),
        prior: maps.prior,
        top: Vec::new(),
        best: Vec::new(),
    };
    let verdict = Verdict {
        labeled: members.labeled(),
        map: &maps.best,
        rule: settings.rule,
        threshold: header.outliers.map(|outliers| outliers.threshold),
    };
    let mut rank = 0;
    let mut write = |file: usize, row: Scored, abstains: bool| -> Result<bool, ScreenError> {
        let score = row.score();
        let mut ranked = verdict.of(row, abstains);
        screening.twins += u64::from(ranked.twin_of.is_some());
        if let Some(probability) = ranked.probability {
            rank += 1;
            ranked.rank = Some(rank);
            screening.candidates += u64::from(ranked.candidate);
            ranked.expected = Some(tally.add(score, probability));
            if tally.is_round() || rank == ranks {
                screening.top.push(tally.top());
            }
        }
        if let Some(table) = &mut table {
            let mut cells = ranked.cells(neighbours);
            cells.extend((names.len() > 1).then(|| Cell::Text(names[file].to_owned())));
            table.write(cells)?;
        }
        if screening.best.len() < settings.best && !abstains {
            screening.best.push(ranked);
        }
        Ok(rank % ASK_EVERY != 0 || going(rank))
    };
    for row in Merge::of(&files)? {
        let (file, row) = row?;
        if !left_out(&row) && !write(file, row, false)? {
            return Ok(Ended::Stopped);
        }
    }
    if settings.abstain && outliers > 0 {
        for row in Merge::of(&files)? {
            let (file, row) = row?;
            if left_out(&row) && !write(file, row, true)? {
                return Ok(Ended::Stopped);
            }
        }
    }
    if let Some(table) = table {
        table.finish()?;
    }
    Ok(Ended::Finished(screening))
}

/// Names of files, for people.
fn together(names: &[&str]) -> String {
    /// Names that are told one by one.
    const TOLD: usize = 3;
    let told = names[..names.len().min(TOLD)].join(", ");
    match names.len().saturating_sub(TOLD) {
        0 => told,
        1 => format!("{told} and one more file"),
        more => format!("{told} and {more} more files"),
    }
}
