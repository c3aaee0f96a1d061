//! What there is to see of runs: plain data, every interval computed, every sentence written.
//!
//! | part | what it is |
//! | --- | --- |
//! | [`Headline`], sentences, warnings | the result in numbers and in words |
//! | [`DataView`] | what is wrong with the data, and what was set aside |
//! | training | how the experiments went, epoch by epoch, with their spread |
//! | [`RankingView`] | the out-of-bag ensemble: confusion, ROC, precision-recall, calibration |
//! | [`Compound`] | the out-of-bag probability of every labelled compound |
//! | [`BaselineRow`] | classical models on the same splits |
//! | [`CandidatesView`] | the screened patterns, each with its labelled neighbours |
//! | settings | what would be needed to repeat it |

mod bands;
mod baselines;
mod candidates;
mod compounds;
mod data;
mod ranking;
mod settings;
mod summary;
mod training;

use serde::{Deserialize, Serialize};

use crate::chart::{Chart, Matrix};
use crate::{Records, ReportError};

pub use baselines::{BaselineRow, BaselinesView};
pub use candidates::{CandidateRow, CandidatesView, Pattern};
pub use compounds::{Compound, CompoundsView};
pub use data::{DataView, FindingView};
pub use ranking::{RankingView, Scored};
pub use settings::{Fact, settings};
pub use summary::Headline;
pub use training::{ExperimentRow, TrainingView};

/// How much is computed for a view.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewSettings {
    /// Resamples behind every interval and band.
    pub replicates: usize,
    /// Their seed.
    pub seed: u64,
    /// Whether baselines are fitted on the runs' splits.
    pub baselines: bool,
    /// Whether the labelled file is audited.
    pub audit: bool,
    /// When the view is made, as it is to be printed.
    pub made: String,
}

impl Default for ViewSettings {
    fn default() -> Self {
        let made = jiff::Zoned::now().strftime("%Y-%m-%d %H:%M").to_string();
        Self { replicates: 1000, seed: 0, baselines: true, audit: true, made }
    }
}

/// Coverage of all intervals and bands.
pub const LEVEL: f64 = 0.95;

/// All there is to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// The heading.
    pub title: String,
    /// Version of the program that made the view.
    pub program: String,
    /// When it was made.
    pub made: String,
    /// The runs.
    pub runs: Vec<RunView>,
    /// The candidates, where any were given.
    pub candidates: Option<CandidatesView>,
}

/// What there is to see of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunView {
    /// Begins the names of its figures; unique among the runs.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The figures that matter most.
    pub headlines: Vec<Headline>,
    /// The result in words.
    pub sentences: Vec<String>,
    /// What forbids to take the result at its face.
    pub warnings: Vec<String>,
    /// The data behind it.
    pub data: DataView,
    /// How training went.
    pub training: Vec<Chart>,
    /// Each experiment in a row.
    pub experiments: Vec<ExperimentRow>,
    /// The out-of-bag ensemble, once an experiment is complete.
    pub ranking: Option<RankingView>,
    /// The labelled compounds one by one, once an experiment is complete.
    pub compounds: Option<CompoundsView>,
    /// Classical models beside.
    pub baselines: Option<BaselinesView>,
    /// Settings and fingerprints.
    pub settings: Vec<Fact>,
}

impl View {
    /// The view of some runs.
    ///
    /// # Errors
    /// [`ReportError`] where the records contradict one another.
    pub fn of(records: &[Records], settings: &ViewSettings) -> Result<Self, ReportError> {
        let mut runs = Vec::with_capacity(records.len());
        for (number, records) in records.iter().enumerate() {
            let id = if number == 0 { String::new() } else { format!("run{}-", number + 1) };
            runs.push(RunView::of(&id, records, settings)?);
        }
        let names: Vec<&str> = records.iter().map(|records| records.name.as_str()).collect();
        Ok(Self {
            title: names.join(", "),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made: settings.made.clone(),
            runs,
            candidates: None,
        })
    }

    /// All charts, in the order of the page.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.runs.iter().flat_map(|run| {
            let ranking = run.ranking.iter().flat_map(|ranking| &ranking.charts);
            let compounds = run.compounds.iter().filter_map(|compounds| compounds.chart.as_ref());
            ranking
                .chain(compounds)
                .chain(run.baselines.iter().map(|b| &b.chart))
                .chain(&run.training)
        })
    }

    /// All confusion matrices.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix> {
        self.runs.iter().flat_map(|run| run.ranking.iter().flat_map(|ranking| &ranking.matrices))
    }
}

impl RunView {
    fn of(id: &str, records: &Records, settings: &ViewSettings) -> Result<Self, ReportError> {
        let ranking = RankingView::of(id, records, settings)?;
        let compounds =
            ranking.as_ref().map(|ranking| CompoundsView::of(id, records, &ranking.scored));
        let baselines = match settings.baselines {
            true => BaselinesView::of(id, records, settings, ranking.as_ref())?,
            false => None,
        };
        let data = DataView::of(records, settings);
        let summary =
            summary::Summary::of(records, ranking.as_ref(), baselines.as_ref(), settings)?;
        Ok(Self {
            id: id.to_owned(),
            name: records.name.clone(),
            headlines: summary.headlines,
            sentences: summary.sentences,
            warnings: summary.warnings,
            data,
            training: training::charts(id, records),
            experiments: training::rows(records),
            ranking,
            compounds,
            baselines,
            settings: self::settings(records),
        })
    }
}

/// "0.84", or a dash.
pub(crate) fn two(value: f64) -> String {
    format!("{value:.2}").replace('-', "−")
}

/// "1 experiment", "1,200 experiments"
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// "12,345"
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([counted(1, "model"), counted(0, "model")], ["1 model", "0 models"]);
        assert_eq!(
            [thousands(7), thousands(1234), thousands(1234567)],
            ["7", "1,234", "1,234,567"]
        );
        assert_eq!((two(0.8449), two(-0.1)), ("0.84".to_owned(), "−0.10".to_owned()));
    }
}
