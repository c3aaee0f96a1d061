//! Reading tables, whatever their container.

use std::path::Path;

use super::parquet_read::ParquetReader;
use super::source::{self, Container};
use super::text_read::TextReader;
use super::{Columns, Row, TableError};
use crate::Grid;

/// Reads a table row by row, in memory that does not grow with the number of rows.
///
/// Text is streamed. Of a Parquet file one row group at a time is held, without its zeros.
pub struct TableReader(Format);

enum Format {
    Text(Box<TextReader>),
    Parquet(Box<ParquetReader>),
}

impl TableReader {
    /// Opens a table and understands its header.
    ///
    /// # Errors
    /// When the file is missing, unreadable, empty, not a table, or its columns are not the
    /// layout's.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let (file, container) = source::open(path)?;
        Ok(Self(match container {
            Container::Parquet => Format::Parquet(Box::new(ParquetReader::open(path, file)?)),
            _ => Format::Text(Box::new(TextReader::open(path, file, container)?)),
        }))
    }

    /// The columns of the table.
    #[must_use]
    pub fn columns(&self) -> Columns {
        match &self.0 {
            Format::Text(reader) => reader.columns(),
            Format::Parquet(reader) => reader.columns(),
        }
    }

    /// The grid, where the file says it (Parquet files of this program do; text cannot).
    #[must_use]
    pub fn grid(&self) -> Option<Grid> {
        match &self.0 {
            Format::Text(_) => None,
            Format::Parquet(reader) => reader.grid(),
        }
    }

    /// Reads the next row into `row`; `false` at the end of the table.
    ///
    /// # Errors
    /// When the row is not a sample with a name and finite, non-negative intensities; when the file
    /// ends in the middle or is damaged; when there is a header but not a single row.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, TableError> {
        match &mut self.0 {
            Format::Text(reader) => reader.read(row),
            Format::Parquet(reader) => reader.read(row),
        }
    }
}
