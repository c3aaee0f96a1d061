//! Named samples on one grid, stored sparse.
//!
//! A sample keeps its name, identifier, formula, conductivity and label to the end of the program;
//! its pattern is kept as read (grid indices as `u16`, intensities as `f32`, zeros left out).
//! [`Prepared`] is the normalised form that views are drawn from.
//!
//! The last grid point of every row is not read: in the published files it holds a marker that
//! gives the label away (1e-5 in every row of label 0). It is set to the row's smallest value, and
//! [`Dataset::marker`] says where it held something.

mod cache;
mod prepared;
mod storage;
mod structures;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use diffraction::table::{Row, TableError, TableReader};
use diffraction::{Grid, GridError};
use serde::{Deserialize, Serialize};

use storage::Storage;

pub use cache::{CacheError, fingerprint};
pub use prepared::Prepared;
pub use structures::{Structures, StructuresError};

/// What is known of a sample besides its pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Unique within its file.
    pub name: String,
    /// The file's own number, if it has one.
    pub id: Option<String>,
    /// Chemical formula, as written in the file.
    pub formula: Option<String>,
    /// Room-temperature conductivity in S/cm.
    pub conductivity: Option<f64>,
    /// The class: 0 is superionic, the positive class; 1 is not.
    pub label: Option<u8>,
}

/// The values that were found at the last grid point and set aside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    /// How many rows had a value there.
    pub rows: usize,
    /// The smallest such value.
    pub smallest: f32,
    /// The largest such value.
    pub largest: f32,
}

/// What a file must bring to be of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Every row has a label below the number of classes.
    Required {
        /// How many classes there are.
        classes: u8,
    },
    /// Labels are kept where there are any, and must be below the number of classes.
    Optional {
        /// How many classes there are.
        classes: u8,
    },
}

/// Why a file gives no data set.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The table itself is at fault.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The number of points gives no grid.
    #[error("{path}: {source}")]
    Grid {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: GridError,
    },
    /// The grid that was stated has another number of points than the table.
    #[error("{path} has {found} grid points, but the stated grid has {stated}")]
    StatedGrid {
        /// The file.
        path: PathBuf,
        /// Points of the table.
        found: usize,
        /// Points of the stated grid.
        stated: usize,
    },
    /// Too few points to be a pattern.
    #[error("{path} has {points} grid points; a pattern needs at least 3")]
    TooFewPoints {
        /// The file.
        path: PathBuf,
        /// The points there are.
        points: usize,
    },
    /// Labels are needed and there are none.
    #[error("{path} has no `label` column, but labelled samples are needed")]
    NoLabels {
        /// The file.
        path: PathBuf,
    },
    /// A row lacks its label.
    #[error("sample `{sample}` (row {row} of {path}) has no label")]
    NoLabel {
        /// The file.
        path: PathBuf,
        /// The row, counted from 1 without the header.
        row: usize,
        /// The sample.
        sample: String,
    },
    /// A label that is no class.
    #[error(
        "sample `{sample}` (row {row} of {path}) has label {found}, but labels go from 0 to {last}"
    )]
    Label {
        /// The file.
        path: PathBuf,
        /// The row, counted from 1 without the header.
        row: usize,
        /// The sample.
        sample: String,
        /// Its label.
        found: u8,
        /// The largest label allowed.
        last: u8,
    },
    /// Two rows have the same name.
    #[error("`{sample}` names both row {first} and row {second} of {path}")]
    DuplicateName {
        /// The file.
        path: PathBuf,
        /// The name.
        sample: String,
        /// The first row, counted from 1 without the header.
        first: usize,
        /// The second row.
        second: usize,
    },
    /// All intensities are equal, so there is nothing to normalise.
    #[error("the pattern of `{sample}` (row {row} of {path}) is flat: every intensity is {value}")]
    Flat {
        /// The file.
        path: PathBuf,
        /// The row, counted from 1 without the header.
        row: usize,
        /// The sample.
        sample: String,
        /// The one value.
        value: f32,
    },
    /// Two files that must share a grid do not.
    #[error("{first} has {first_grid}, but {second} has {second_grid}")]
    Grids {
        /// One file.
        first: PathBuf,
        /// Its grid, in words.
        first_grid: String,
        /// The other file.
        second: PathBuf,
        /// Its grid, in words.
        second_grid: String,
    },
    /// The file cannot be fingerprinted.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Named samples on one grid.
#[derive(Debug)]
pub struct Dataset {
    source: PathBuf,
    source_name: String,
    fingerprint: String,
    grid: Grid,
    marker: Option<Marker>,
    samples: Vec<Sample>,
    patterns: Storage,
    structures: Option<Structures>,
}

impl Dataset {
    /// Reads a table in any of the formats of [`diffraction::table`].
    ///
    /// `stated` is the grid of a file that does not say its own; without it a file of *N* points
    /// is taken to lie on 0°, 0.02°, … as the published ones do.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn read(path: &Path, labels: Labels, stated: Option<Grid>) -> Result<Self, DatasetError> {
        let fingerprint = fingerprint(path)?;
        Self::read_fingerprinted(path, labels, stated, fingerprint)
    }

    fn read_fingerprinted(
        path: &Path,
        labels: Labels,
        stated: Option<Grid>,
        fingerprint: String,
    ) -> Result<Self, DatasetError> {
        let mut chunks = Chunks::open(path, labels, stated, usize::MAX)?;
        let mut data = match chunks.next() {
            Some(chunk) => chunk?,
            None => chunks.building.take_chunk(),
        };
        data.fingerprint = fingerprint;
        Ok(data)
    }

    /// Builds a data set from rows in memory, under the same checks as a file.
    ///
    /// `source` names the rows in errors and takes the place of the file's path.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn from_rows(
        source: &Path,
        grid: Grid,
        rows: impl IntoIterator<Item = Row>,
        labels: Labels,
    ) -> Result<Self, DatasetError> {
        let mut building = Building::new(source, grid, labels);
        let mut hasher = blake3::Hasher::new();
        for row in rows {
            hasher.update(format!("{row:?}").as_bytes());
            building.push(&row)?;
        }
        let mut data = building.take_chunk();
        data.fingerprint = hasher.finalize().to_hex().to_string();
        Ok(data)
    }

    /// The number of samples.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The grid of all patterns.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// The file the samples came from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The file's name without its directory, for messages.
    pub fn source_name(&self) -> &str {
        &self.source_name
    }

    /// BLAKE3 of the file's bytes.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// What was found at the last grid point and set aside, if anything.
    pub fn marker(&self) -> Option<Marker> {
        self.marker
    }

    /// What is known of sample `row`.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn sample(&self, row: usize) -> &Sample {
        &self.samples[row]
    }

    /// All samples in the file's order.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// The non-zero points of sample `row`: grid indices (ascending) and intensities as read.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn pattern(&self, row: usize) -> (&[u16], &[f32]) {
        self.patterns.pattern(row)
    }

    /// The same with what is known of the rows' structures.
    #[must_use]
    pub fn with_structures(self, structures: Structures) -> Self {
        Self { structures: Some(structures), ..self }
    }

    /// What is known of the rows' structures.
    pub fn structures(&self) -> Option<&Structures> {
        self.structures.as_ref()
    }

    /// Refuses two data sets that do not share a grid.
    ///
    /// # Errors
    /// [`DatasetError::Grids`].
    pub fn check_same_grid(&self, other: &Self) -> Result<(), DatasetError> {
        if self.grid == other.grid {
            return Ok(());
        }
        Err(DatasetError::Grids {
            first: self.source.clone(),
            first_grid: grid_in_words(self.grid),
            second: other.source.clone(),
            second_grid: grid_in_words(other.grid),
        })
    }
}

/// A table read as a sequence of data sets of bounded size, so that files of any length can be
/// predicted in constant memory (but for the names, which are watched for duplicates).
pub struct Chunks {
    reader: TableReader,
    building: Building,
    row: Row,
    rows: usize,
    rows_read: usize,
}

impl Chunks {
    /// Opens a table to read it `rows` rows at a time.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn open(
        path: &Path,
        labels: Labels,
        stated: Option<Grid>,
        rows: usize,
    ) -> Result<Self, DatasetError> {
        let reader = TableReader::open(path)?;
        let columns = reader.columns();
        if matches!(labels, Labels::Required { .. }) && !columns.has_label {
            return Err(DatasetError::NoLabels { path: path.to_owned() });
        }
        let grid = grid_of(path, columns.points, stated.or(reader.grid()))?;
        let (building, row) = (Building::new(path, grid, labels), Row::default());
        Ok(Self { reader, building, row, rows, rows_read: 0 })
    }

    /// The grid of the table.
    pub fn grid(&self) -> Grid {
        self.building.grid
    }

    /// Does not watch for names given twice, so that no name is kept: memory stays the same however
    /// long the table is.
    #[must_use]
    pub fn with_any_names(mut self) -> Self {
        self.building.watch_names = false;
        self
    }

    /// Takes only every so many rows, the first of them at `first`, counted from 0.
    #[must_use]
    pub fn with_every(mut self, every: usize, first: usize) -> Self {
        (self.building.every, self.building.first) = (every.max(1), first);
        self
    }

    /// The rows of the table that were read so far, taken or not.
    pub fn rows_read(&self) -> usize {
        self.rows_read
    }

    fn fill(&mut self) -> Result<(), DatasetError> {
        let (every, first) = (self.building.every, self.building.first);
        while self.building.samples.len() < self.rows && self.reader.read(&mut self.row)? {
            if self.rows_read >= first && (self.rows_read - first).is_multiple_of(every) {
                self.building.push(&self.row)?;
            }
            self.rows_read += 1;
        }
        Ok(())
    }
}

impl Iterator for Chunks {
    type Item = Result<Dataset, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.fill() {
            Err(error) => Some(Err(error)),
            Ok(()) if self.building.samples.is_empty() => None,
            Ok(()) => Some(Ok(self.building.take_chunk())),
        }
    }
}

/// The grid of a table of `points` points.
fn grid_of(path: &Path, points: usize, stated: Option<Grid>) -> Result<Grid, DatasetError> {
    let path = path.to_owned();
    if points < 3 {
        return Err(DatasetError::TooFewPoints { path, points });
    }
    match stated {
        Some(grid) if grid.points() == points => Ok(grid),
        Some(grid) => Err(DatasetError::StatedGrid { path, found: points, stated: grid.points() }),
        None => {
            let published = Grid::published();
            Grid::new(published.start(), published.step(), points)
                .map_err(|source| DatasetError::Grid { path, source })
        }
    }
}

/// "4501 points from 0° in steps of 0.02°".
fn grid_in_words(grid: Grid) -> String {
    format!("{} points from {}° in steps of {}°", grid.points(), grid.start(), grid.step())
}

/// A data set in the making: every row is checked as it comes.
#[derive(Debug)]
struct Building {
    source: PathBuf,
    grid: Grid,
    labels: Labels,
    watch_names: bool,
    /// Only every so many rows are pushed, the first of them at `first`.
    every: usize,
    first: usize,
    names: HashMap<String, usize>,
    marker: Option<Marker>,
    rows_before: usize,
    samples: Vec<Sample>,
    offsets: Vec<u64>,
    indices: Vec<u16>,
    values: Vec<f32>,
}

impl Building {
    fn new(source: &Path, grid: Grid, labels: Labels) -> Self {
        Self {
            source: source.to_owned(),
            grid,
            labels,
            watch_names: true,
            every: 1,
            first: 0,
            names: HashMap::new(),
            marker: None,
            rows_before: 0,
            samples: Vec::new(),
            offsets: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        }
    }

    fn push(&mut self, row: &Row) -> Result<(), DatasetError> {
        let number = (self.rows_before + self.samples.len()) * self.every + self.first + 1;
        let (path, sample) = (|| self.source.clone(), || row.name.clone());
        let (Labels::Required { classes } | Labels::Optional { classes }) = self.labels;
        match row.label {
            Some(found) if found >= classes => {
                let last = classes - 1;
                return Err(DatasetError::Label {
                    path: path(),
                    row: number,
                    sample: sample(),
                    found,
                    last,
                });
            }
            None if matches!(self.labels, Labels::Required { .. }) => {
                return Err(DatasetError::NoLabel { path: path(), row: number, sample: sample() });
            }
            _ => {}
        }
        if let Some(&first) = self.names.get(&row.name) {
            let (path, sample) = (path(), sample());
            return Err(DatasetError::DuplicateName { path, sample, first, second: number });
        }

        let start = self.values.len();
        self.indices.extend_from_slice(&row.indices);
        self.values.extend_from_slice(&row.values);
        let last = self.grid.points() - 1;
        if self.indices.len() > start && self.indices.last().map(|&i| usize::from(i)) == Some(last)
        {
            let value = self.values.pop().unwrap_or(0.0);
            self.indices.pop();
            let (smallest, largest) = self
                .marker
                .map_or((value, value), |m| (m.smallest.min(value), m.largest.max(value)));
            let rows = self.marker.map_or(0, |marker| marker.rows) + 1;
            self.marker = Some(Marker { rows, smallest, largest });
        }
        let (mut min, max) = extremes(&self.values[start..]);
        let nonzero = self.values.len() - start;
        if nonzero < last {
            min = 0.0;
        } else {
            // No zero anywhere: the last point takes the smallest value, so that it stays neutral.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a grid has at most 65,535 points"
            )]
            self.indices.push(last as u16);
            self.values.push(min);
        }
        if nonzero == 0 || max <= min {
            let value = if nonzero == 0 { 0.0 } else { min };
            return Err(DatasetError::Flat { path: path(), row: number, sample: sample(), value });
        }
        self.offsets.push(self.values.len() as u64);
        if self.watch_names {
            self.names.insert(row.name.clone(), number);
        }
        self.samples.push(Sample {
            name: row.name.clone(),
            id: row.id.clone(),
            formula: row.formula.clone(),
            conductivity: row.conductivity,
            label: row.label,
        });
        Ok(())
    }

    /// What has been pushed since the last call, with the row numbers going on. Such a part has
    /// no fingerprint of its own.
    fn take_chunk(&mut self) -> Dataset {
        self.rows_before += self.samples.len();
        let offsets = std::mem::replace(&mut self.offsets, vec![0]);
        Dataset {
            source_name: source_name(&self.source),
            source: self.source.clone(),
            fingerprint: String::new(),
            grid: self.grid,
            marker: self.marker.take(),
            samples: std::mem::take(&mut self.samples),
            patterns: Storage::owned(
                offsets,
                std::mem::take(&mut self.indices),
                std::mem::take(&mut self.values),
            ),
            structures: None,
        }
    }
}

fn source_name(path: &Path) -> String {
    path.file_name()
        .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The smallest and the largest of some values; (∞, −∞) of none.
fn extremes(values: &[f32]) -> (f32, f32) {
    values
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &v| (min.min(v), max.max(v)))
}

#[cfg(test)]
mod tests;
