//! A file of candidates, read with forbearance: what a screening writes, or a table made by hand.
//!
//! CSV (`.csv`, with a header) or JSON lines (`.jsonl`, an object per line). One column is needed,
//! `name`; of the others, those in this table have a meaning, and the rest is shown as it is.
//!
//! | column | also called | what it is |
//! | --- | --- | --- |
//! | `name` | `sample` | the sample's name in the file that was screened |
//! | `rank` | | its place; without one, the order of the file |
//! | `formula` | `formula_id`, `composition` | chemical formula |
//! | `probability` | `calibrated`, `p0`, `p`, `score` | probability of being superionic, 0 to 1 |
//! | `lower`, `upper` | `probability_lower`, `probability_upper`, `low`, `high` | its interval |
//! | `votes`, `members` | | models that say superionic, of how many |
//! | `strangeness` | `ood` | how unlike the labelled compounds it is |
//! | `neighbours` | `neighbors`, `nearest` | labelled compounds it is near: `NAME:COSINE;NAME:COSINE` |
//! | `nearest_1`, `cosine_1`, … | | the same, as `xrdmatch screen` writes it |
//! | `peaks` | `driving_peaks` | what drives the prediction: `TWO_THETA:WEIGHT;TWO_THETA:WEIGHT`, a positive weight speaking for superionic |
//!
//! In JSON lines, `neighbours` and `peaks` may be lists of pairs too. Columns that are empty in every
//! row are not shown.
//!
//! Driving peaks can come from [`Candidates::explain`] too: what `xrdmatch explain --json` says, one
//! object a sample.

use std::path::Path;

use serde_json::{Map, Value};

use crate::ReportError;

/// A candidate as its file tells of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Candidate {
    /// The sample's name.
    pub name: String,
    /// Its place in the file, from 1.
    pub rank: u64,
    /// Chemical formula.
    pub formula: Option<String>,
    /// Probability of being superionic.
    pub probability: Option<f64>,
    /// Lower end of its interval.
    pub lower: Option<f64>,
    /// Upper end of its interval.
    pub upper: Option<f64>,
    /// Models that say superionic.
    pub votes: Option<u64>,
    /// Models there are.
    pub members: Option<u64>,
    /// How unlike the labelled compounds it is.
    pub strangeness: Option<f64>,
    /// Labelled compounds and their cosines, the nearest first.
    pub neighbours: Vec<(String, f64)>,
    /// Angles in degrees two-theta and how much the peak there speaks for superionic.
    pub peaks: Vec<(f64, f64)>,
    /// Other columns, as [`Candidates::columns`] names them.
    pub more: Vec<String>,
}

/// A file of candidates.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Candidates {
    /// The file's name.
    pub source: String,
    /// The names of [`Candidate::more`].
    pub columns: Vec<String>,
    /// Its rows, in order.
    pub rows: Vec<Candidate>,
    /// Rows that were left out for being beyond the number asked for.
    pub left_out: usize,
}

/// What a column means; the names it may have, the preferred first.
const KNOWN: [(&str, &[&str]); 11] = [
    ("name", &["name", "sample"]),
    ("rank", &["rank"]),
    ("formula", &["formula", "formula_id", "composition"]),
    ("probability", &["probability", "calibrated", "p0", "p", "score"]),
    ("lower", &["lower", "probability_lower", "low"]),
    ("upper", &["upper", "probability_upper", "high"]),
    ("votes", &["votes"]),
    ("members", &["members"]),
    ("strangeness", &["strangeness", "ood"]),
    ("neighbours", &["neighbours", "neighbors", "nearest"]),
    ("peaks", &["peaks", "driving_peaks"]),
];

impl Candidates {
    /// Reads the first `most` candidates of a file.
    ///
    /// # Errors
    /// [`ReportError`]: the file cannot be read, has no column of names, or a cell is not what its
    /// column holds.
    pub fn read(path: &Path, most: usize) -> Result<Self, ReportError> {
        let text = std::fs::read_to_string(path).map_err(ReportError::io("read", path))?;
        let source =
            path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let rows = match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => csv_rows(path, &text)?,
            Some("jsonl" | "ndjson") => json_rows(path, &text)?,
            _ => return Err(ReportError::UnknownFormat { path: path.to_owned() }),
        };
        let columns: Vec<String> = {
            let mut seen = Vec::new();
            for (_, row) in &rows {
                for key in row.keys() {
                    if !seen.contains(key) {
                        seen.push(key.clone());
                    }
                }
            }
            seen
        };
        // The preferred name of a meaning is taken where there are several.
        let column = |meaning: &str| {
            let (_, names) = KNOWN.iter().find(|known| known.0 == meaning)?;
            names.iter().find_map(|name| columns.iter().find(|c| c.eq_ignore_ascii_case(name)))
        };
        let Some(name) = column("name") else {
            if rows.is_empty() {
                return Ok(Self { source, ..Self::default() });
            }
            let found = columns.join(", ");
            return Err(ReportError::NoName { path: path.to_owned(), found });
        };
        let known: Vec<&String> = KNOWN.iter().filter_map(|known| column(known.0)).collect();
        let empty = |column: &str| {
            let cell = |(line, row): &(usize, Row)| Cells { path, line: *line, row }.text(column);
            rows.iter().all(|row| cell(row).is_none())
        };
        let others: Vec<String> = columns
            .iter()
            .filter(|c| !known.contains(c) && !numbered(c) && !empty(c))
            .cloned()
            .collect();
        let mut candidates = Vec::new();
        let left_out = rows.len().saturating_sub(most);
        for (place, (line, row)) in rows.iter().take(most).enumerate() {
            let cell = Cells { path, line: *line, row };
            let number = |meaning: &str| column(meaning).map_or(Ok(None), |c| cell.number(c));
            let share = |meaning: &str| column(meaning).map_or(Ok(None), |c| cell.share(c));
            let count = |meaning: &str| column(meaning).map_or(Ok(None), |c| cell.count(c));
            candidates.push(Candidate {
                name: cell.text(name).ok_or_else(|| cell.bad(name, "a name"))?,
                rank: count("rank")?.unwrap_or(place as u64 + 1),
                formula: column("formula").and_then(|c| cell.text(c)),
                probability: share("probability")?,
                lower: share("lower")?,
                upper: share("upper")?,
                votes: count("votes")?,
                members: count("members")?,
                strangeness: number("strangeness")?,
                neighbours: match column("neighbours") {
                    Some(column) => cell.pairs(column)?,
                    None => cell.numbered_neighbours()?,
                },
                peaks: match column("peaks") {
                    Some(column) => {
                        let angle = |(angle, weight): (String, f64)| {
                            let angle: Option<f64> = angle.trim().parse().ok();
                            let angle = angle.filter(|angle| angle.is_finite());
                            let angle =
                                angle.ok_or_else(|| cell.bad(column, "angles and weights"))?;
                            Ok::<_, ReportError>((angle, weight))
                        };
                        cell.pairs(column)?.into_iter().map(angle).collect::<Result<_, _>>()?
                    }
                    None => Vec::new(),
                },
                more: others.iter().map(|c| cell.text(c).unwrap_or_default()).collect(),
            });
        }
        Ok(Self { source, columns: others, rows: candidates, left_out })
    }
}

/// Whether a column tells of a numbered neighbour, such as `cosine_2`.
fn numbered(column: &str) -> bool {
    let Some((kind, number)) = column.rsplit_once('_') else { return false };
    let kinds = ["nearest", "cosine", "nearest_label", "conductivity"];
    kinds.contains(&kind) && number.parse::<u32>().is_ok()
}

/// What `xrdmatch explain --json` says, as far as it is shown.
#[derive(serde::Deserialize)]
struct Explained {
    sample: String,
    reasons: Vec<Reason>,
}

#[derive(serde::Deserialize)]
struct Reason {
    two_theta: f64,
    attribution: f64,
    #[serde(default)]
    named: bool,
}

impl Candidates {
    /// Adds driving peaks from a file of explanations: JSON objects, one after the other. Of each,
    /// the named peaks are taken, and those that speak against the strongest of them. Says how many
    /// candidates were explained.
    ///
    /// # Errors
    /// [`ReportError`]: the file cannot be read, or holds something else.
    pub fn explain(&mut self, path: &Path) -> Result<usize, ReportError> {
        const AGAINST: usize = 3;
        let text = std::fs::read_to_string(path).map_err(ReportError::io("read", path))?;
        let mut explained = 0;
        for found in serde_json::Deserializer::from_str(&text).into_iter::<Explained>() {
            let found = found.map_err(|error| ReportError::Line {
                path: path.to_owned(),
                line: error.line(),
                reason: error.to_string(),
            })?;
            let strongest = found
                .reasons
                .iter()
                .map(|reason| reason.attribution)
                .fold(0.0, |a, b| if f64::abs(b) > f64::abs(a) { b } else { a });
            let mut against: Vec<&Reason> = found
                .reasons
                .iter()
                .filter(|reason| !reason.named && reason.attribution * strongest < 0.0)
                .collect();
            against.sort_by(|a, b| b.attribution.abs().total_cmp(&a.attribution.abs()));
            let named = found.reasons.iter().filter(|reason| reason.named);
            let peaks: Vec<(f64, f64)> = named
                .chain(against.into_iter().take(AGAINST))
                .map(|reason| (reason.two_theta, reason.attribution))
                .collect();
            for row in self.rows.iter_mut().filter(|row| row.name == found.sample) {
                row.peaks.clone_from(&peaks);
                explained += 1;
            }
        }
        Ok(explained)
    }
}

type Row = Map<String, Value>;

fn csv_rows(path: &Path, text: &str) -> Result<Vec<(usize, Row)>, ReportError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let failed = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        ReportError::Line { path: path.to_owned(), line, reason: error.to_string() }
    };
    let header = reader.headers().map_err(failed)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(failed)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = header.iter().zip(record.iter());
        let row = cells.map(|(key, cell)| (key.to_owned(), Value::String(cell.to_owned())));
        rows.push((usize::try_from(line).unwrap_or(usize::MAX), row.collect()));
    }
    Ok(rows)
}

fn json_rows(path: &Path, text: &str) -> Result<Vec<(usize, Row)>, ReportError> {
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row = serde_json::from_str(line).map_err(|error| ReportError::Line {
            path: path.to_owned(),
            line: number + 1,
            reason: error.to_string(),
        })?;
        rows.push((number + 1, row));
    }
    Ok(rows)
}

/// The cells of a row.
struct Cells<'a> {
    path: &'a Path,
    line: usize,
    row: &'a Row,
}

impl Cells<'_> {
    /// A cell as text; `None` where it is empty.
    fn text(&self, column: &str) -> Option<String> {
        let text = match self.row.get(column)? {
            Value::Null => return None,
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        (!text.is_empty()).then_some(text)
    }

    fn number(&self, column: &str) -> Result<Option<f64>, ReportError> {
        let Some(text) = self.text(column) else { return Ok(None) };
        let number: Option<f64> = text.parse().ok();
        let number = number.filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.bad(column, "a number"))
    }

    fn share(&self, column: &str) -> Result<Option<f64>, ReportError> {
        let number = self.number(column)?;
        if number.is_some_and(|number| !(0.0..=1.0).contains(&number)) {
            return Err(self.bad(column, "a probability from 0 to 1"));
        }
        Ok(number)
    }

    fn count(&self, column: &str) -> Result<Option<u64>, ReportError> {
        let Some(text) = self.text(column) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.bad(column, "a whole number"))
    }

    /// Neighbours in columns of their own, such as `nearest_1` and `cosine_1`.
    fn numbered_neighbours(&self) -> Result<Vec<(String, f64)>, ReportError> {
        let mut found = Vec::new();
        for number in 1..=self.row.len() {
            let Some(name) = self.text(&format!("nearest_{number}")) else { break };
            let cosine = self.number(&format!("cosine_{number}"))?;
            found.push((name, cosine.unwrap_or(0.0)));
        }
        Ok(found)
    }

    /// Pairs of text and number, from `a:1;b:2` or a list of pairs.
    fn pairs(&self, column: &str) -> Result<Vec<(String, f64)>, ReportError> {
        let bad = || self.bad(column, "pairs such as `A:1;B:2`");
        let word = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let found: Option<Vec<(String, f64)>> = match self.row.get(column) {
            None | Some(Value::Null) => Some(Vec::new()),
            Some(Value::Array(pairs)) => pairs
                .iter()
                .map(|pair| match pair.as_array().map(Vec::as_slice) {
                    Some([first, second]) => Some((word(first), second.as_f64()?)),
                    _ => None,
                })
                .collect(),
            Some(other) => word(other)
                .split(';')
                .filter(|part| !part.trim().is_empty())
                .map(|part| {
                    // Names may hold a colon; numbers do not.
                    let (first, second) = part.rsplit_once(':')?;
                    Some((first.trim().to_owned(), second.trim().parse().ok()?))
                })
                .collect(),
        };
        let found = found.ok_or_else(bad)?;
        if found.iter().all(|(_, number)| number.is_finite()) { Ok(found) } else { Err(bad()) }
    }

    fn bad(&self, column: &str, expected: &'static str) -> ReportError {
        ReportError::Cell {
            path: self.path.to_owned(),
            line: self.line,
            column: column.to_owned(),
            expected,
            found: self.text(column).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Candidates, ReportError> {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("written");
        Candidates::read(&path, 10)
    }

    #[test]
    fn known_columns_have_their_meaning_and_others_are_kept() {
        let text = "sample,p0,neighbours,peaks,colour\na:1,0.75,x:y:0.9;z:0.5,20.5:0.3; 31:-0.1,red\nb,,,,\n";
        let found = read("c.csv", text).expect("read");
        assert_eq!(found.columns, ["colour"]);
        let first = &found.rows[0];
        assert_eq!((first.name.as_str(), first.rank, first.probability), ("a:1", 1, Some(0.75)));
        assert_eq!(first.neighbours, [("x:y".to_owned(), 0.9), ("z".to_owned(), 0.5)]);
        assert_eq!(first.peaks, [(20.5, 0.3), (31.0, -0.1)]);
        assert_eq!(first.more, ["red"]);
        assert_eq!(found.rows[1].probability, None);
    }

    #[test]
    fn json_lines_say_the_same() {
        let text = r#"{"name":"a","rank":3,"probability":0.5,"neighbours":[["x",0.9]],"peaks":[[20.5,1]]}"#;
        let found = read("c.jsonl", text).expect("read");
        let row = &found.rows[0];
        assert_eq!((row.rank, &row.neighbours), (3, &vec![("x".to_owned(), 0.9)]));
        assert_eq!(row.peaks, [(20.5, 1.0)]);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_line_and_column() {
        let bad = read("c.csv", "name,probability\na,0.5\nb,1.5\n");
        assert!(
            matches!(&bad, Err(ReportError::Cell { line: 3, column, found, .. }) if column == "probability" && found == "1.5"),
            "{bad:?}"
        );
        assert!(matches!(read("c.csv", "x,y\n1,2\n"), Err(ReportError::NoName { .. })));
        assert!(matches!(read("c.txt", ""), Err(ReportError::UnknownFormat { .. })));
        assert!(matches!(
            read("c.jsonl", "{\"name\":\"a\"}\n{"),
            Err(ReportError::Line { line: 2, .. })
        ));
        assert!(matches!(read("c.csv", "name,votes\na,x\n"), Err(ReportError::Cell { .. })));
        assert!(matches!(read("c.csv", "name,p\na,NaN\n"), Err(ReportError::Cell { .. })));
        assert!(matches!(read("c.csv", "name,p\n,0.1\n"), Err(ReportError::Cell { .. })));
        assert!(read("c.csv", "name\n").expect("empty").rows.is_empty());
    }

    #[test]
    fn the_columns_of_a_screening_are_understood() {
        let text = "rank,row,name,probability,outlier,twin_of,nearest_1,cosine_1,nearest_label_1,conductivity_1,nearest_2,cosine_2,nearest_label_2,conductivity_2\n\
                    1,7,a,0.9,false,,x,0.8,0,0.001,y,0.7,1,\n,8,b,,true,,,,,,,,,\n";
        let found = read("c.csv", text).expect("read");
        assert_eq!(found.columns, ["outlier", "row"]);
        assert_eq!(found.rows[0].neighbours, [("x".to_owned(), 0.8), ("y".to_owned(), 0.7)]);
        assert!(found.rows[1].neighbours.is_empty());
    }

    #[test]
    fn explanations_give_driving_peaks() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("e.json");
        let text = r#"{"sample":"a","reasons":[{"two_theta":20.5,"attribution":0.5,"named":true},
            {"two_theta":30.0,"attribution":-0.2,"named":false},{"two_theta":40.0,"attribution":0.1,"named":false}]}
            {"sample":"other","reasons":[]}"#;
        std::fs::write(&path, text).expect("written");
        let mut candidates = read("c.csv", "name\na\n").expect("read");
        assert_eq!(candidates.explain(&path).expect("explained"), 1);
        assert_eq!(candidates.rows[0].peaks, [(20.5, 0.5), (30.0, -0.2)]);
        std::fs::write(&path, "{\"sample\":1}").expect("written");
        assert!(matches!(candidates.explain(&path), Err(ReportError::Line { line: 1, .. })));
    }

    #[test]
    fn rows_beyond_the_number_asked_for_are_counted() {
        let text: String = (0..13).map(|i| format!("s{i}\n")).collect();
        let found = read("c.csv", &format!("name\n{text}")).expect("read");
        assert_eq!((found.rows.len(), found.left_out), (10, 3));
    }
}
