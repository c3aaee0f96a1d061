//! The candidates with their patterns and their labelled neighbours.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use xrdmatch::dataset::Dataset;
use xrdmatch::fingerprint::{Blur, Fingerprints, SparsePattern};

use super::{View, thousands};
use crate::ReportError;
use crate::candidates::{Candidate, Candidates};
use crate::chart::brief;

/// The most peaks of a pattern that are shown: of more, the strongest.
const MOST_PEAKS: usize = 64;
/// Peaks lower than this part of the highest are not shown.
const LOWEST_PEAK: f32 = 0.005;
/// How many labelled neighbours are looked for where the file names none.
const NEIGHBOURS: usize = 3;

/// A pattern as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pattern {
    /// Its sample.
    pub name: String,
    /// Chemical formula.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub formula: Option<String>,
    /// Its class, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<u8>,
    /// Conductivity in S/cm, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conductivity: Option<f64>,
    /// Its strongest peaks: per peak the grid point (two bytes, low first) and the height (one byte,
    /// 255 the highest), in base64.
    pub sticks: String,
}

/// A candidate as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidateRow {
    /// Its place.
    pub rank: u64,
    /// Probability of being superionic.
    pub probability: Option<f64>,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// Models that say superionic, of how many.
    pub votes: Option<String>,
    /// How unlike the labelled compounds it is.
    pub strangeness: Option<f64>,
    /// Places in [`CandidatesView::labeled`] with cosines, the nearest first.
    pub neighbours: Vec<(usize, f64)>,
    /// Angles in degrees and how much the peak there speaks for superionic.
    pub peaks: Vec<(f64, f64)>,
    /// Other columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
    /// Name, formula and pattern; the pattern is empty where the screened file lacks it.
    pub pattern: Pattern,
}

/// The candidates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CandidatesView {
    /// The file they came from.
    pub source: String,
    /// What is left out, or could not be had.
    pub notes: Vec<String>,
    /// Names of other columns.
    pub columns: Vec<String>,
    /// First angle and step of the grid, in degrees two-theta, and its number of points.
    pub grid: (f64, f64, usize),
    /// The candidates, in the file's order.
    pub rows: Vec<CandidateRow>,
    /// The labelled compounds that are neighbours of any.
    pub labeled: Vec<Pattern>,
}

impl Pattern {
    /// Its peaks on a grid of this first angle and step (degrees two-theta): angles, and heights of
    /// which the highest is 1.
    #[must_use]
    pub fn peaks(&self, start: f64, step: f64) -> Vec<(f64, f64)> {
        let letter = |letter: u8| LETTERS.iter().position(|known| *known == letter).unwrap_or(0);
        let peak = |four: &[u8]| {
            let number = four.iter().fold(0, |number, next| number << 6 | letter(*next));
            let [low, high, height] = [number >> 16, number >> 8, number].map(|n| (n & 255) as f64);
            (start + step * (low + 256.0 * high), height / 255.0)
        };
        self.sticks.as_bytes().chunks_exact(4).map(peak).collect()
    }
}

impl View {
    /// Adds candidates: with patterns from the file that was screened, and neighbours among the
    /// labelled compounds, as far as these files are at hand.
    ///
    /// # Errors
    /// [`ReportError::Fingerprint`] where patterns cannot be compared.
    pub fn with_candidates(
        mut self,
        candidates: Candidates,
        screened: Option<&Dataset>,
        labeled: Option<&Dataset>,
    ) -> Result<Self, ReportError> {
        self.candidates = Some(CandidatesView::of(candidates, screened, labeled)?);
        Ok(self)
    }
}

impl CandidatesView {
    /// Candidates with patterns from the file that was screened, and neighbours among the labelled
    /// compounds, as far as these files are at hand.
    ///
    /// # Errors
    /// [`ReportError::Fingerprint`] where patterns cannot be compared.
    pub fn of(
        candidates: Candidates,
        screened: Option<&Dataset>,
        labeled: Option<&Dataset>,
    ) -> Result<Self, ReportError> {
        let Candidates { source, columns, rows, left_out } = candidates;
        let mut notes = Vec::new();
        if left_out > 0 {
            notes.push(format!("{} more candidates are left out.", thousands(left_out)));
        }
        let place = rows_by_name(screened);
        let found: Vec<Option<usize>> =
            rows.iter().map(|row| place.get(row.name.as_str()).copied()).collect();
        let missing = found.iter().filter(|row| row.is_none()).count();
        if screened.is_none() {
            notes.push(
                "Patterns are not shown: the file that was screened is not at hand.".to_owned(),
            );
        } else if missing > 0 {
            notes.push(format!(
                "{} candidates have no pattern in the screened file.",
                thousands(missing)
            ));
        }
        let mut known = Labelled::of(labeled);
        let named = rows.iter().any(|row| !row.neighbours.is_empty());
        let computed = match (screened, labeled) {
            (Some(screened), Some(labeled))
                if !named && screened.grid().is_same(&labeled.grid()) =>
            {
                notes.push(format!(
                    "Neighbours are the {NEIGHBOURS} labelled compounds of the largest cosine between \
                     patterns blurred by 0.16°."
                ));
                nearest(screened, labeled, &found)?
            }
            _ => Vec::new(),
        };
        let grid = screened.or(labeled).map_or((0.0, 0.02, 4501), |data| {
            (data.grid().start(), data.grid().step(), data.grid().points())
        });
        let mut shown = Vec::with_capacity(rows.len());
        for (number, row) in rows.into_iter().enumerate() {
            let neighbours = match computed.get(number) {
                Some(found) => {
                    found.iter().map(|(row, cosine)| (known.place(*row), *cosine)).collect()
                }
                None => known.named(&row.neighbours),
            };
            shown.push(shown_row(row, found[number], screened, neighbours));
        }
        Ok(Self { source, notes, columns, grid, rows: shown, labeled: known.patterns })
    }
}

fn shown_row(
    row: Candidate,
    place: Option<usize>,
    screened: Option<&Dataset>,
    neighbours: Vec<(usize, f64)>,
) -> CandidateRow {
    let (formula, sticks) = match (place, screened) {
        (Some(place), Some(data)) => {
            let formula = row.formula.or_else(|| data.sample(place).formula.clone());
            (formula, sticks(data, place))
        }
        _ => (row.formula, String::new()),
    };
    CandidateRow {
        rank: row.rank,
        probability: row.probability.map(brief),
        interval: row.lower.zip(row.upper).map(|(lower, upper)| [brief(lower), brief(upper)]),
        votes: row.votes.map(|votes| match row.members {
            Some(members) => format!("{votes} of {members}"),
            None => votes.to_string(),
        }),
        strangeness: row.strangeness.map(brief),
        neighbours,
        peaks: row.peaks,
        more: row.more,
        pattern: Pattern { name: row.name, formula, label: None, conductivity: None, sticks },
    }
}

/// The labelled compounds that have been spoken of.
struct Labelled<'a> {
    data: Option<&'a Dataset>,
    rows: HashMap<&'a str, usize>,
    places: HashMap<usize, usize>,
    patterns: Vec<Pattern>,
}

impl<'a> Labelled<'a> {
    fn of(data: Option<&'a Dataset>) -> Self {
        Self { data, rows: rows_by_name(data), places: HashMap::new(), patterns: Vec::new() }
    }

    /// The place of a labelled row, which is from now on among the patterns.
    fn place(&mut self, row: usize) -> usize {
        let next = self.patterns.len();
        let place = *self.places.entry(row).or_insert(next);
        if let (true, Some(data)) = (place == next, self.data) {
            let sample = data.sample(row);
            self.patterns.push(Pattern {
                name: sample.name.clone(),
                formula: sample.formula.clone(),
                label: sample.label,
                conductivity: sample.conductivity,
                sticks: sticks(data, row),
            });
        }
        place
    }

    /// Places of neighbours by name; those that no labelled row has are left out.
    fn named(&mut self, neighbours: &[(String, f64)]) -> Vec<(usize, f64)> {
        let mut places = Vec::new();
        for (name, cosine) in neighbours {
            if let Some(row) = self.rows.get(name.as_str()).copied() {
                places.push((self.place(row), brief(*cosine)));
            }
        }
        places
    }
}

fn rows_by_name(data: Option<&Dataset>) -> HashMap<&str, usize> {
    let samples = data.map_or(&[][..], Dataset::samples);
    samples.iter().enumerate().map(|(row, sample)| (sample.name.as_str(), row)).collect()
}

/// The nearest labelled rows of each candidate, with their cosines.
fn nearest(
    screened: &Dataset,
    labeled: &Dataset,
    rows: &[Option<usize>],
) -> Result<Vec<Vec<(usize, f64)>>, ReportError> {
    let pattern = |data: &'_ Dataset, row: usize| {
        let (indices, values) = data.pattern(row);
        // Lifetimes do not pass through a closure.
        (indices.to_vec(), values.to_vec())
    };
    let points = labeled.grid().points();
    let known: Vec<_> = (0..labeled.len()).map(|row| pattern(labeled, row)).collect();
    let of = |patterns: &[(Vec<u16>, Vec<f32>)]| {
        let sparse = patterns.iter().map(|(indices, values)| SparsePattern { indices, values });
        Fingerprints::of(sparse, points, &Blur::TWINS)
    };
    let known = of(&known)?;
    let mut nearest = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(row) = row else {
            nearest.push(Vec::new());
            continue;
        };
        let own = of(&[pattern(screened, *row)])?;
        let cosine = |other: &[f32]| -> f64 {
            own.row(0).iter().zip(other).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let mut all: Vec<(usize, f64)> =
            known.rows().map(cosine).map(|cosine| cosine.min(1.0)).enumerate().collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(NEIGHBOURS);
        nearest.push(all.into_iter().map(|(row, cosine)| (row, brief(cosine))).collect());
    }
    Ok(nearest)
}

/// The strongest peaks of a row, packed.
fn sticks(data: &Dataset, row: usize) -> String {
    let (indices, values) = data.pattern(row);
    let highest = values.iter().copied().fold(0.0f32, f32::max);
    if highest <= 0.0 {
        return String::new();
    }
    let mut peaks: Vec<(u16, f32)> = indices
        .iter()
        .zip(values)
        .map(|(index, value)| (*index, value / highest))
        .filter(|(_, height)| *height >= LOWEST_PEAK)
        .collect();
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
    peaks.truncate(MOST_PEAKS);
    peaks.sort_by_key(|peak| peak.0);
    let mut bytes = Vec::with_capacity(3 * peaks.len());
    for (index, height) in peaks {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 1 to 255"
        )]
        let height = (255.0 * height).round().clamp(1.0, 255.0) as u8;
        bytes.extend_from_slice(&index.to_le_bytes());
        bytes.push(height);
    }
    base64(&bytes)
}

/// The letters of base64.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 of bytes whose number is a multiple of three, so that nothing is padded.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() / 3 * 4);
    for three in bytes.chunks_exact(3) {
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for shift in [18, 12, 6, 0] {
            text.push(char::from(LETTERS[(number >> shift) as usize & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use diffraction::Grid;
    use diffraction::table::Row;
    use xrdmatch::dataset::Labels;

    /// Name, label, and peaks with their heights.
    type Told<'a> = (&'a str, Option<u8>, &'a [(usize, f32)]);

    fn data(rows: &[Told<'_>]) -> Dataset {
        let row = |(name, label, peaks): &Told<'_>| Row {
            name: (*name).to_owned(),
            formula: Some(format!("Li{name}")),
            id: None,
            conductivity: label.map(|label| 10f64.powi(-3 - 3 * i32::from(label))),
            label: *label,
            indices: peaks.iter().map(|(place, _)| u16::try_from(*place).expect("small")).collect(),
            values: peaks.iter().map(|(_, height)| *height).collect(),
            exact: Vec::new(),
        };
        let grid = Grid::new(10.0, 0.5, 100).expect("a grid");
        let labels = Labels::Optional { classes: 2 };
        Dataset::from_rows("t.csv".as_ref(), grid, rows.iter().map(row), labels).expect("rows")
    }

    #[test]
    fn base64_is_that_of_everyone() {
        assert_eq!(base64(b"Man"), "TWFu");
        assert_eq!(base64(&[255, 254, 253, 0, 1, 2]), "//79AAEC");
        assert_eq!(base64(b""), "");
    }

    #[test]
    fn a_candidate_has_its_pattern_and_its_nearest_labelled_compounds() {
        let screened = data(&[("u1", None, &[(20, 1.0), (40, 0.5)]), ("u2", None, &[(70, 1.0)])]);
        let labeled =
            data(&[("l1", Some(0), &[(70, 2.0)]), ("l2", Some(1), &[(20, 1.0), (40, 0.4)])]);
        let candidate =
            |name: &str| Candidate { name: name.into(), rank: 1, ..Candidate::default() };
        let rows = vec![candidate("u1"), candidate("gone")];
        let candidates = Candidates { rows, ..Candidates::default() };
        let view = CandidatesView::of(candidates, Some(&screened), Some(&labeled)).expect("a view");
        let (place, cosine) = view.rows[0].neighbours[0];
        assert_eq!(view.labeled[place].name, "l2");
        assert!(cosine > 0.98, "{cosine}");
        assert_eq!(view.rows[0].pattern.sticks, base64(&[20, 0, 255, 40, 0, 128]));
        let peaks = view.rows[0].pattern.peaks(10.0, 0.5);
        assert_eq!(peaks, [(20.0, 1.0), (30.0, 128.0 / 255.0)]);
        assert!(view.rows[1].pattern.sticks.is_empty() && view.rows[1].neighbours.is_empty());
        assert!(view.notes.iter().any(|note| note.starts_with("1 candidates")), "{:?}", view.notes);
    }

    #[test]
    fn neighbours_that_the_file_names_are_taken() {
        let labeled = data(&[("l1", Some(0), &[(70, 2.0)]), ("l2", Some(1), &[(20, 1.0)])]);
        let neighbours = vec![("l2".to_owned(), 0.75), ("other".to_owned(), 0.5)];
        let rows = vec![Candidate { name: "u".into(), neighbours, ..Candidate::default() }];
        let candidates = Candidates { rows, ..Candidates::default() };
        let view = CandidatesView::of(candidates, None, Some(&labeled)).expect("a view");
        assert_eq!(view.rows[0].neighbours, [(0, 0.75)]);
        assert_eq!((view.labeled.len(), view.labeled[0].name.as_str()), (1, "l2"));
    }
}
