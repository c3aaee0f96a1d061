//! A row of the ranked table.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::ScreenError;
use super::table::{Cell, Kind, TableOut};
use crate::dataset::Dataset;

/// A labelled pattern near to one that is screened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its name.
    pub name: String,
    /// Cosine of the two patterns, blurred as near-twins are judged.
    pub cosine: f32,
    /// Its label: 0 is superionic.
    pub label: Option<u8>,
    /// Its conductivity in S/cm.
    pub conductivity: Option<f64>,
}

/// A pattern in its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its place, from 1; `None` where the models abstain.
    pub rank: Option<u64>,
    /// Its row in the file, from 1 without the header.
    pub row: u64,
    /// Its name.
    pub name: String,
    /// The file's own number.
    pub id: Option<String>,
    /// Chemical formula.
    pub formula: Option<String>,
    /// The label that the file gives.
    pub label: Option<u8>,
    /// Calibrated probability of the positive class; `None` where the models abstain.
    pub probability: Option<f64>,
    /// Lower end of the 95 % interval over members: where the probability might be, were there other
    /// members of the same kind.
    pub lower: Option<f64>,
    /// Its upper end.
    pub upper: Option<f64>,
    /// Mean of the members' probabilities, before calibration.
    pub score: f64,
    /// Members that hold the positive class most probable.
    pub votes: usize,
    /// Number of members.
    pub members: usize,
    /// Whether the votes make it a candidate.
    pub candidate: bool,
    /// Positives expected up to this rank.
    pub expected: Option<f64>,
    /// How strange it is.
    pub strangeness: Option<f64>,
    /// Whether it is unlike all that was seen.
    pub outlier: Option<bool>,
    /// The labelled row it is a near-twin of.
    pub twin_of: Option<String>,
    /// The nearest labelled rows.
    pub nearest: Vec<Neighbour>,
}

impl Neighbour {
    pub(super) fn of(labeled: &Dataset, (row, cosine): (u32, f32)) -> Self {
        let sample = labeled.sample(row as usize);
        let (label, conductivity) = (sample.label, sample.conductivity);
        Self { name: sample.name.clone(), cosine, label, conductivity }
    }
}

impl Ranked {
    /// Writes rows as `xrdmatch screen` writes its table, in the form that the extension names; the
    /// file appears whole or not at all.
    ///
    /// # Errors
    /// [`ScreenError`]: an unknown extension, or a file that cannot be written.
    pub fn write_table(rows: &[Self], path: &Path) -> Result<(), ScreenError> {
        let neighbours = rows.iter().map(|row| row.nearest.len()).max().unwrap_or(0);
        let mut table = TableOut::create(path, Self::columns(neighbours))?;
        rows.iter().try_for_each(|row| table.write(row.cells(neighbours)))?;
        table.finish()
    }

    /// The columns of the table, with `neighbours` labelled rows each.
    pub(super) fn columns(neighbours: usize) -> Vec<(String, Kind)> {
        let first = [
            ("rank", Kind::Integer),
            ("row", Kind::Integer),
            ("name", Kind::Text),
            ("id", Kind::Text),
            ("formula", Kind::Text),
            ("label", Kind::Integer),
            ("probability", Kind::Real),
            ("lower", Kind::Real),
            ("upper", Kind::Real),
            ("score", Kind::Real),
            ("votes", Kind::Integer),
            ("members", Kind::Integer),
            ("candidate", Kind::Flag),
            ("expected_positives", Kind::Real),
            ("strangeness", Kind::Real),
            ("outlier", Kind::Flag),
            ("twin_of", Kind::Text),
        ];
        let mut columns: Vec<(String, Kind)> =
            first.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
        for number in 1..=neighbours {
            for (name, kind) in [
                ("nearest", Kind::Text),
                ("cosine", Kind::Real),
                ("nearest_label", Kind::Integer),
                ("conductivity", Kind::Real),
            ] {
                columns.push((format!("{name}_{number}"), kind));
            }
        }
        columns
    }

    /// The cells under [`columns`](Self::columns).
    pub(super) fn cells(&self, neighbours: usize) -> Vec<Cell> {
        let text = |text: &Option<String>| text.clone().map_or(Cell::Missing, Cell::Text);
        let real = |value: Option<f64>| value.map_or(Cell::Missing, Cell::Real);
        let integer = |value: Option<u64>| value.map_or(Cell::Missing, Cell::Integer);
        let mut cells = vec![
            integer(self.rank),
            Cell::Integer(self.row),
            Cell::Text(self.name.clone()),
            text(&self.id),
            text(&self.formula),
            integer(self.label.map(u64::from)),
            real(self.probability),
            real(self.lower),
            real(self.upper),
            Cell::Real(self.score),
            Cell::Integer(self.votes as u64),
            Cell::Integer(self.members as u64),
            Cell::Flag(self.candidate),
            real(self.expected),
            real(self.strangeness),
            self.outlier.map_or(Cell::Missing, Cell::Flag),
            text(&self.twin_of),
        ];
        for number in 0..neighbours {
            let Some(near) = self.nearest.get(number) else {
                cells.extend([Cell::Missing, Cell::Missing, Cell::Missing, Cell::Missing]);
                continue;
            };
            cells.extend([
                Cell::Text(near.name.clone()),
                Cell::Real(f64::from(near.cosine)),
                integer(near.label.map(u64::from)),
                real(near.conductivity),
            ]);
        }
        cells
    }
}
