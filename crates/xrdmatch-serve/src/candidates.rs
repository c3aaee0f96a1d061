//! Candidates to be browsed: a file that `xrdmatch screen` wrote, with patterns and neighbours.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xrdmatch::causes::chain;
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::run::Run;
use xrdmatch::screen::Neighbour;
use xrdmatch_report::candidates::Candidates;
use xrdmatch_report::view::{CandidateRow, CandidatesView, Pattern};
use xrdmatch_report::{Chart, ReportError};

use crate::charts;
use crate::ensemble::Peaks;
use crate::problem::Problem;

/// The most candidates that are held; the first of the file.
const MOST: usize = 100_000;
/// The most candidates of one answer.
pub(crate) const MOST_AT_ONCE: usize = 500;

/// Candidates in memory.
#[derive(Debug)]
pub(crate) struct Browser {
    view: CandidatesView,
    /// What is searched of each: name, formula and other cells in lower case.
    words: Vec<String>,
}

/// A candidate in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Its place in the file, from 0; by what it is asked for.
    pub index: usize,
    /// Its rank.
    pub rank: u64,
    /// The sample's name.
    pub name: String,
    /// Chemical formula.
    pub formula: Option<String>,
    /// Probability of being superionic.
    pub probability: Option<f64>,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// Models that say superionic, of how many.
    pub votes: Option<String>,
    /// How unlike all that was seen it is.
    pub strangeness: Option<f64>,
    /// The nearest labelled compounds, the nearest first.
    pub nearest: Vec<Neighbour>,
    /// Other columns, as [`CandidatePage::columns`] names them.
    pub more: Vec<String>,
}

/// Some of the candidates that were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidatePage {
    /// The file they come from.
    pub source: String,
    /// What is left out, or could not be had.
    pub notes: Vec<String>,
    /// Names of other columns.
    pub columns: Vec<String>,
    /// Candidates there are.
    pub total: usize,
    /// Candidates that were asked for.
    pub matched: usize,
    /// How many of these come before the first of this page.
    pub offset: usize,
    /// The candidates.
    pub rows: Vec<Candidate>,
}

/// A candidate with its charts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateDetail {
    /// The candidate.
    pub candidate: Candidate,
    /// Its pattern beside each of its labelled neighbours, or alone.
    pub charts: Vec<Chart>,
    /// Angles in degrees two-theta and how much the peak there speaks for superionic, where the file
    /// tells of it.
    pub peaks: Vec<(f64, f64)>,
}

/// Where it stands what is told of candidates.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Files {
    /// The candidates.
    pub table: Option<PathBuf>,
    /// Which peaks drive what is said of them.
    pub explanations: Option<PathBuf>,
    /// Their patterns.
    pub patterns: Option<PathBuf>,
}

/// Which candidates, in what order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Asked {
    /// Words that name, formula or other cells must hold.
    pub search: String,
    /// The least probability.
    pub min_probability: Option<f64>,
    /// The largest strangeness.
    pub max_strangeness: Option<f64>,
    /// By what they are ordered.
    pub sort: Sort,
    /// Whether the largest comes first.
    pub descending: bool,
    /// How many are passed over.
    pub offset: usize,
    /// How many are wanted, up to 500; 50 if it is not said.
    pub limit: Option<usize>,
}

/// By what candidates are ordered; equals stay in the order of the file, and those without the value
/// come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    /// Rank.
    #[default]
    Rank,
    /// Name.
    Name,
    /// Formula.
    Formula,
    /// Probability.
    Probability,
    /// Lower end of the interval.
    Interval,
    /// Votes.
    Votes,
    /// Strangeness.
    Strangeness,
    /// Cosine of the nearest labelled compound.
    Nearest,
}

impl Browser {
    /// Reads the candidates of a table, and the patterns from the run's unlabelled file unless another
    /// is named.
    pub(crate) fn read(table: &Path, files: &Files, run: Option<&Run>) -> Result<Self, Problem> {
        let unfit = |error: ReportError| Problem::unfit(chain(&error));
        let mut candidates = Candidates::read(table, MOST).map_err(unfit)?;
        if let Some(explanations) = &files.explanations {
            candidates.explain(explanations).map_err(unfit)?;
        }
        let mut notes = Vec::new();
        let classes = run.map_or(u8::MAX, |run| run.manifest().config.classes);
        let labels = Labels::Optional { classes };
        let mut read = |path: PathBuf, grid, what: &str| match Dataset::read(&path, labels, grid) {
            Ok(data) => Some(data),
            Err(error) => {
                notes.push(format!("{what} are not at hand: {}.", chain(&error)));
                None
            }
        };
        let manifest = run.map(Run::manifest);
        let labeled = manifest.map(|m| (m.labeled.path.clone(), Some(m.labeled.grid)));
        let unlabeled = manifest.and_then(|m| m.unlabeled.as_ref());
        let screened = match &files.patterns {
            Some(path) => Some((path.clone(), manifest.map(|m| m.labeled.grid))),
            None => unlabeled.map(|source| (source.path.clone(), Some(source.grid))),
        };
        let screened = screened.and_then(|(path, grid)| read(path, grid, "Patterns"));
        let labeled = labeled.and_then(|(path, grid)| read(path, grid, "Labelled compounds"));
        let view = CandidatesView::of(candidates, screened.as_ref(), labeled.as_ref());
        let mut view = view.map_err(|error| Problem::unfit(chain(&error)))?;
        view.notes.extend(notes);
        let words = |row: &CandidateRow| {
            let formula = row.pattern.formula.as_deref().unwrap_or_default();
            format!("{} {formula} {}", row.pattern.name, row.more.join(" ")).to_lowercase()
        };
        let words = view.rows.iter().map(words).collect();
        Ok(Self { view, words })
    }

    /// The places of the candidates that are asked for, in order.
    fn matching(&self, asked: &Asked) -> Vec<usize> {
        let wanted: Vec<String> = asked.search.split_whitespace().map(str::to_lowercase).collect();
        let rows = &self.view.rows;
        let fits = |place: &usize| {
            let (row, words) = (&rows[*place], &self.words[*place]);
            let likely = asked.min_probability.is_none_or(|least| {
                least <= 0.0 || row.probability.is_some_and(|probability| probability >= least)
            });
            let usual =
                asked.max_strangeness.is_none_or(|most| row.strangeness.is_none_or(|s| s <= most));
            likely && usual && wanted.iter().all(|word| words.contains(word.as_str()))
        };
        let mut places: Vec<usize> = (0..rows.len()).filter(fits).collect();
        let down = asked.descending;
        let text = |row: &CandidateRow| match asked.sort {
            Sort::Name => Some(row.pattern.name.to_lowercase()),
            Sort::Formula => row.pattern.formula.as_ref().map(|formula| formula.to_lowercase()),
            _ => None,
        };
        match asked.sort {
            Sort::Name | Sort::Formula => {
                places.sort_by_cached_key(|place| Key::of(text(&rows[*place]), down));
            }
            _ => places.sort_by_cached_key(|place| {
                Key::of(number(&rows[*place], asked.sort).map(Total), down)
            }),
        }
        places
    }

    pub(crate) fn page(&self, asked: &Asked) -> CandidatePage {
        let places = self.matching(asked);
        let most = asked.limit.unwrap_or(50).min(MOST_AT_ONCE);
        let rows = places.iter().skip(asked.offset).take(most);
        CandidatePage {
            source: self.view.source.clone(),
            notes: self.view.notes.clone(),
            columns: self.view.columns.clone(),
            total: self.view.rows.len(),
            matched: places.len(),
            offset: asked.offset,
            rows: rows.map(|place| self.candidate(*place)).collect(),
        }
    }

    /// All candidates that are asked for, as a table.
    pub(crate) fn table(&self, asked: &Asked) -> String {
        let mut text =
            "rank,name,formula,probability,lower,upper,votes,strangeness,nearest_1,cosine_1"
                .to_owned();
        self.view.columns.iter().for_each(|column| text.push_str(&format!(",{}", cell(column))));
        text.push('\n');
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        for place in self.matching(asked) {
            let row = self.candidate(place);
            let near = row.nearest.first();
            let cells = [
                row.rank.to_string(),
                cell(&row.name),
                cell(row.formula.as_deref().unwrap_or_default()),
                number(row.probability),
                number(row.interval.map(|interval| interval[0])),
                number(row.interval.map(|interval| interval[1])),
                cell(row.votes.as_deref().unwrap_or_default()),
                number(row.strangeness),
                cell(near.map_or("", |near| near.name.as_str())),
                near.map_or_else(String::new, |near| near.cosine.to_string()),
            ];
            text.push_str(&cells.join(","));
            row.more.iter().for_each(|more| text.push_str(&format!(",{}", cell(more))));
            text.push('\n');
        }
        text
    }

    fn candidate(&self, index: usize) -> Candidate {
        let row = &self.view.rows[index];
        let nearest = row.neighbours.iter().filter_map(|(place, cosine)| {
            let known = self.view.labeled.get(*place)?;
            let (name, label, conductivity) = (known.name.clone(), known.label, known.conductivity);
            Some(Neighbour { name, cosine: *cosine as f32, label, conductivity })
        });
        Candidate {
            index,
            rank: row.rank,
            name: row.pattern.name.clone(),
            formula: row.pattern.formula.clone(),
            probability: row.probability,
            interval: row.interval,
            votes: row.votes.clone(),
            strangeness: row.strangeness,
            nearest: nearest.collect(),
            more: row.more.clone(),
        }
    }

    pub(crate) fn detail(&self, index: usize) -> Option<CandidateDetail> {
        let row = self.view.rows.get(index)?;
        let candidate = self.candidate(index);
        let (start, step, points) = self.view.grid;
        let grid = diffraction::Grid::new(start, step, points).ok()?;
        let peaks = |pattern: &Pattern| {
            let (two_theta, heights) = pattern.peaks(start, step).into_iter().unzip();
            Peaks { two_theta, heights }
        };
        let own = peaks(&row.pattern);
        let charts = if own.two_theta.is_empty() {
            Vec::new()
        } else {
            let known =
                row.neighbours.iter().filter_map(|(place, _)| self.view.labeled.get(*place));
            let beside =
                candidate.nearest.iter().zip(known).enumerate().map(|(number, (near, known))| {
                    charts::beside(number, &candidate.name, &own, near, &peaks(known), grid)
                });
            let mut charts: Vec<Chart> = beside.collect();
            if charts.is_empty() {
                charts.push(charts::alone(&candidate.name, &own, grid));
            }
            charts.iter_mut().for_each(|chart| charts::mark(chart, &row.peaks, &own));
            charts
        };
        Some(CandidateDetail { candidate, charts, peaks: row.peaks.clone() })
    }
}

fn number(row: &CandidateRow, sort: Sort) -> Option<f64> {
    match sort {
        Sort::Rank => Some(row.rank as f64),
        Sort::Probability => row.probability,
        Sort::Interval => row.interval.map(|interval| interval[0]),
        Sort::Votes => row.votes.as_ref()?.split(' ').next()?.parse().ok(),
        Sort::Strangeness => row.strangeness,
        Sort::Nearest => row.neighbours.first().map(|near| near.1),
        Sort::Name | Sort::Formula => None,
    }
}

/// A number in a total order.
#[derive(Debug, PartialEq)]
struct Total(f64);

impl Eq for Total {}

impl PartialOrd for Total {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Total {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A value in rising or falling order; without one, last in either.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key<T: Ord> {
    Rising(T),
    Falling(std::cmp::Reverse<T>),
    Absent,
}

impl<T: Ord> Key<T> {
    fn of(value: Option<T>, falling: bool) -> Self {
        match value {
            None => Self::Absent,
            Some(value) if falling => Self::Falling(std::cmp::Reverse(value)),
            Some(value) => Self::Rising(value),
        }
    }
}

/// A cell of CSV.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "name,formula,probability,lower,upper,votes,members,strangeness,site\n\
        b,Li3N,0.5,0.4,0.6,5,10,0.1,x\na,LiF,0.9,0.8,1.0,9,10,2.5,\"y, \"\"z\"\"\"\nc,,,,,,,,\n";

    fn browser() -> Browser {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ranked.csv");
        std::fs::write(&path, TABLE).expect("written");
        Browser::read(&path, &Files::default(), None).expect("candidates")
    }

    fn names(browser: &Browser, asked: &Asked) -> Vec<String> {
        browser.page(asked).rows.into_iter().map(|row| row.name).collect()
    }

    #[test]
    fn candidates_are_ordered_and_those_without_the_value_come_last() {
        let browser = browser();
        let by =
            |sort, descending| names(&browser, &Asked { sort, descending, ..Asked::default() });
        assert_eq!(by(Sort::Rank, false), ["b", "a", "c"]);
        assert_eq!(by(Sort::Probability, true), ["a", "b", "c"]);
        assert_eq!(by(Sort::Probability, false), ["b", "a", "c"]);
        assert_eq!(by(Sort::Name, true), ["c", "b", "a"]);
        assert_eq!(by(Sort::Votes, true), ["a", "b", "c"]);
    }

    #[test]
    fn candidates_are_chosen_paged_and_saved() {
        let browser = browser();
        let asked = Asked { search: "LI n".to_owned(), ..Asked::default() };
        assert_eq!(names(&browser, &asked), ["b"]);
        let asked = Asked { min_probability: Some(0.6), ..Asked::default() };
        assert_eq!(names(&browser, &asked), ["a"]);
        let asked = Asked { max_strangeness: Some(1.0), ..Asked::default() };
        assert_eq!(names(&browser, &asked), ["b", "c"]);
        let page = browser.page(&Asked { offset: 1, limit: Some(1), ..Asked::default() });
        assert_eq!((page.total, page.matched, page.rows.len()), (3, 3, 1));
        assert_eq!(page.columns, ["site"]);
        let table = browser.table(&Asked::default());
        assert_eq!(table.lines().nth(2), Some("2,a,LiF,0.9,0.8,1,9 of 10,2.5,,,\"y, \"\"z\"\"\""));
        let detail = browser.detail(1).expect("a candidate");
        assert!(detail.charts.is_empty(), "there are no patterns");
        assert!(browser.detail(3).is_none());
    }
}
