//! Writing tables: the whole file or none.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::atomic::Unfinished;
use super::parquet_write::ParquetWriter;
use super::text_write::TextWriter;
use super::{Columns, Row, TableError};
use crate::Grid;
use crate::grid::MAX_POINTS;

/// Writes a table row by row under a temporary name; [`TableWriter::finish`] gives it its own.
///
/// The container follows the name's extension: `.csv`, `.csv.gz`, `.csv.zst`, `.parquet`. A writer
/// dropped before `finish` leaves nothing behind.
pub struct TableWriter {
    path: PathBuf,
    columns: Columns,
    format: Format,
    unfinished: Unfinished,
}

enum Format {
    Text(Box<TextWriter>),
    Parquet(Box<ParquetWriter>),
}

impl TableWriter {
    /// Begins a table at `path`. A Parquet file also keeps the grid.
    ///
    /// # Errors
    /// When the extension is none of a table's, the number of points is impossible or differs from
    /// the grid's, or the file cannot be created.
    pub fn create(path: &Path, columns: Columns, grid: Option<Grid>) -> Result<Self, TableError> {
        let points = columns.points;
        if !(1..=MAX_POINTS).contains(&points) || grid.is_some_and(|g| g.points() != points) {
            return Err(TableError::Points { path: path.to_path_buf(), found: points });
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let container = [".csv", ".csv.gz", ".csv.zst", ".parquet"]
            .iter()
            .position(|extension| name.ends_with(extension))
            .ok_or_else(|| TableError::Extension { path: path.to_path_buf() })?;
        let unwritable = |source| TableError::Unwritable { path: path.to_path_buf(), source };
        let (unfinished, file) = Unfinished::create(path).map_err(unwritable)?;
        let format = match container {
            0 => TextWriter::plain(file, columns).map(|w| Format::Text(Box::new(w))),
            1 => TextWriter::gzip(file, columns).map(|w| Format::Text(Box::new(w))),
            2 => TextWriter::zstd(file, columns).map(|w| Format::Text(Box::new(w))),
            _ => ParquetWriter::new(file, columns, grid).map(|w| Format::Parquet(Box::new(w))),
        };
        let format = format.map_err(unwritable)?;
        Ok(Self { path: path.to_path_buf(), columns, format, unfinished })
    }

    /// Writes one row.
    ///
    /// What the table has no column for is left out; a cell that the row has nothing for is empty.
    ///
    /// # Errors
    /// When the row is not a valid one for this table, or the disk is full.
    pub fn write(&mut self, row: &Row) -> Result<(), TableError> {
        if let Some(reason) = misfit(row, self.columns.points) {
            let (path, sample) = (self.path.clone(), row.name.clone());
            return Err(TableError::Misfit { path, sample, reason });
        }
        match &mut self.format {
            Format::Text(writer) => writer.write(row),
            Format::Parquet(writer) => writer.write(row),
        }
        .map_err(|source| TableError::Unwritable { path: self.path.clone(), source })
    }

    /// Completes the file, makes it durable and gives it its name.
    ///
    /// # Errors
    /// When the rest cannot be written; then the name stays as it was.
    pub fn finish(self) -> Result<(), TableError> {
        let file: io::Result<File> = match self.format {
            Format::Text(writer) => writer.finish(),
            Format::Parquet(writer) => writer.finish(),
        };
        file.and_then(|file| self.unfinished.publish(&file))
            .map_err(|source| TableError::Unwritable { path: self.path, source })
    }
}

/// Why a row cannot be written, if it cannot.
fn misfit(row: &Row, points: usize) -> Option<&'static str> {
    if row.name.trim().is_empty() {
        return Some("it has no name");
    }
    if row.indices.len() != row.values.len() {
        return Some("it has not as many values as indices");
    }
    if !row.exact.is_empty() && row.exact.len() != row.values.len() {
        return Some("it has not as many exact values as values");
    }
    if !row.indices.is_sorted_by(|a, b| a < b) {
        return Some("its indices do not ascend");
    }
    if row.indices.last().is_some_and(|&last| usize::from(last) >= points) {
        return Some("an index lies beyond the last point");
    }
    if row.values.iter().any(|v| !(v.is_finite() && *v >= 0.0))
        || row.exact.iter().any(|v| !(v.is_finite() && *v >= 0.0))
    {
        return Some("an intensity is negative or not finite");
    }
    if row.conductivity.is_some_and(|c| !(c.is_finite() && c >= 0.0)) {
        return Some("its conductivity is negative or not finite");
    }
    None
}
