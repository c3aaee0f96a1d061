//! Tables as they are in the file: nothing refused that an audit may report.

use std::path::Path;

use diffraction::Grid;
use diffraction::table::{Row as FileRow, TableError, TableReader};

use super::{Part, Row, Table};
use crate::fingerprint::SparsePattern;

/// A table with its own memory: all columns, the last one included; repeated names and flat patterns
/// too, which a data set for training refuses.
#[derive(Debug, Clone)]
pub struct LoadedTable {
    source: String,
    part: Part,
    points: usize,
    grid: Option<Grid>,
    names: Vec<Box<str>>,
    formulas: Vec<Option<Box<str>>>,
    conductivities: Vec<Option<f64>>,
    labels: Vec<Option<u8>>,
    offsets: Vec<usize>,
    indices: Vec<u16>,
    values: Vec<f32>,
}

impl LoadedTable {
    /// Reads a table in any format of [`diffraction::table`]. Without a `part`, one with labels is
    /// [`Part::Labelled`], any other [`Part::Unlabelled`].
    ///
    /// # Errors
    /// [`TableError`], with the place of the fault.
    pub fn read(path: &Path, part: Option<Part>) -> Result<Self, TableError> {
        let mut reader = TableReader::open(path)?;
        let mut table = Self {
            source: path
                .file_name()
                .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned()),
            part: Part::Unlabelled,
            points: reader.columns().points,
            grid: reader.grid(),
            names: Vec::new(),
            formulas: Vec::new(),
            conductivities: Vec::new(),
            labels: Vec::new(),
            offsets: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        };
        let mut row = FileRow::default();
        while reader.read(&mut row)? {
            table.names.push(row.name.as_str().into());
            table.formulas.push(row.formula.as_deref().map(Into::into));
            table.conductivities.push(row.conductivity);
            table.labels.push(row.label);
            table.indices.extend_from_slice(&row.indices);
            table.values.extend_from_slice(&row.values);
            table.offsets.push(table.values.len());
        }
        let labelled = table.labels.iter().any(Option::is_some);
        let own = if labelled { Part::Labelled } else { Part::Unlabelled };
        table.part = part.unwrap_or(own);
        Ok(table)
    }

    /// What the table is called in findings: the file's name.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it is for.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Gives it another name, where two files share theirs.
    #[must_use]
    pub fn named(self, source: String) -> Self {
        Self { source, ..self }
    }

    /// The rows, borrowed.
    #[must_use]
    pub fn rows(&self) -> Vec<Row<'_>> {
        let row = |row: usize| {
            let points = self.offsets[row]..self.offsets[row + 1];
            Row {
                name: &self.names[row],
                formula: self.formulas[row].as_deref(),
                conductivity: self.conductivities[row],
                label: self.labels[row],
                pattern: SparsePattern {
                    indices: &self.indices[points.clone()],
                    values: &self.values[points],
                },
            }
        };
        (0..self.len()).map(row).collect()
    }

    /// The table with [`rows`](Self::rows) of its own.
    #[must_use]
    pub fn table<'a>(&'a self, rows: &'a [Row<'a>]) -> Table<'a> {
        Table { source: &self.source, part: self.part, points: self.points, grid: self.grid, rows }
    }
}
