//! What can be wrong with a table of patterns.

use std::io;
use std::path::{Path, PathBuf};

/// Where in a table something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The line in a text file (the header is line 1), the row in a Parquet file (the first is 1).
    pub line: u64,
    /// Whether `line` counts rows, as in a Parquet file, which has no lines.
    pub is_row: bool,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = if self.is_row { "row" } else { "line" };
        write!(f, "{}, {unit} {}", self.path.display(), self.line)
    }
}

/// Why a table could not be read or written; one variant per remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// There is no such file.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused to open or read the file.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file has no bytes, or nothing but white space.
    #[error("{} is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else.
    #[error("{} is not a table of patterns: {reason}", path.display())]
    NotATable {
        /// The file.
        path: PathBuf,
        /// What it looks like.
        reason: String,
    },
    /// There is a header and nothing below it.
    #[error("{} has a header but no rows", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// The file ends in the middle: most likely an interrupted download or copy.
    #[error("{} is truncated: its {container} data end after {rows} complete rows", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// `gzip`, `zstd`, ….
        container: &'static str,
        /// Complete rows before the end.
        rows: u64,
    },
    /// The compressed or columnar data are damaged.
    #[error("{} is damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        detail: String,
    },
    /// A column that the layout needs is not there.
    #[error("{} has no column `{column}`", path.display())]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A column that the layout does not know.
    #[error("{}: column {position} is `{column}`, which is not part of the layout", path.display())]
    UnknownColumn {
        /// The file.
        path: PathBuf,
        /// Which column, counted from 1.
        position: usize,
        /// Its name.
        column: String,
    },
    /// Two columns with the same meaning.
    #[error("{} has column `{column}` twice", path.display())]
    DuplicateColumn {
        /// The file.
        path: PathBuf,
        /// The second one's name.
        column: String,
    },
    /// A Parquet column of a type that cannot hold what it should.
    #[error("{}: column `{column}` has type {found}, expected {expected}", path.display())]
    ColumnType {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Its type.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// A row with fewer or more fields than the header.
    #[error("{place}: {found} fields, but the header has {expected}")]
    RaggedRow {
        /// Where.
        place: Place,
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// A quotation mark opens and does not close, or something follows its closing.
    #[error("{place}: a quoted field is not closed properly")]
    Quotes {
        /// Where the record begins.
        place: Place,
    },
    /// A line longer than any table of at most 65 535 points needs.
    #[error("{place}: the line is longer than {limit} bytes")]
    LongLine {
        /// Where.
        place: Place,
        /// The bound.
        limit: usize,
    },
    /// A text field with bytes that are not UTF-8.
    #[error("{place}, column `{column}`: the text is not UTF-8")]
    NotUtf8 {
        /// Where.
        place: Place,
        /// The column.
        column: String,
    },
    /// A sample without a name.
    #[error("{place}: the sample has no name")]
    NoName {
        /// Where.
        place: Place,
    },
    /// A cell that should be a number.
    #[error("{place}, sample `{sample}`, column `{column}`: `{found}` is not a number")]
    NotANumber {
        /// Where.
        place: Place,
        /// The sample's name, empty when unknown.
        sample: String,
        /// The column.
        column: String,
        /// The text found.
        found: String,
    },
    /// A cell that is empty (or null) where a number is needed.
    #[error("{place}, sample `{sample}`, column `{column}`: the cell is empty")]
    EmptyCell {
        /// Where.
        place: Place,
        /// The sample's name.
        sample: String,
        /// The column.
        column: String,
    },
    /// NaN or infinity.
    #[error("{place}, sample `{sample}`, column `{column}`: {found} is not finite")]
    NotFinite {
        /// Where.
        place: Place,
        /// The sample's name.
        sample: String,
        /// The column.
        column: String,
        /// The value found.
        found: String,
    },
    /// A negative intensity or conductivity.
    #[error("{place}, sample `{sample}`, column `{column}`: {found} is negative")]
    Negative {
        /// Where.
        place: Place,
        /// The sample's name.
        sample: String,
        /// The column.
        column: String,
        /// The value found.
        found: String,
    },
    /// A label that is not an integer from 0 to 255.
    #[error("{place}, sample `{sample}`: label `{found}` is not a class number")]
    Label {
        /// Where.
        place: Place,
        /// The sample's name.
        sample: String,
        /// The text found.
        found: String,
    },
    /// A Parquet row group too large to turn into rows in bounded memory.
    #[error(
        "{}: row group {group} holds more than {limit} non-zero values; write the file with smaller row groups",
        path.display()
    )]
    RowGroup {
        /// The file.
        path: PathBuf,
        /// Which one, counted from 1.
        group: usize,
        /// The bound.
        limit: usize,
    },
    /// A file name whose extension names no container to write.
    #[error(
        "{} cannot be written as a table: its name ends in none of .csv, .csv.gz, .csv.zst, .parquet",
        path.display()
    )]
    Extension {
        /// The file.
        path: PathBuf,
    },
    /// The number of points is not one that a table can have.
    #[error("{} cannot hold {found} points: 1 to 65535 are possible", path.display())]
    Points {
        /// The file.
        path: PathBuf,
        /// Points asked for.
        found: usize,
    },
    /// A row that does not fit the columns that the writer was created with.
    #[error("{}: sample `{sample}` does not fit the table: {reason}", path.display())]
    Misfit {
        /// The file.
        path: PathBuf,
        /// The sample's name.
        sample: String,
        /// What does not fit.
        reason: &'static str,
    },
    /// The operating system refused to write (a full disk, a missing directory, …).
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl TableError {
    /// The file that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Missing { path }
            | Self::Unreadable { path, .. }
            | Self::Empty { path }
            | Self::NotATable { path, .. }
            | Self::NoRows { path }
            | Self::Truncated { path, .. }
            | Self::Damaged { path, .. }
            | Self::MissingColumn { path, .. }
            | Self::UnknownColumn { path, .. }
            | Self::DuplicateColumn { path, .. }
            | Self::ColumnType { path, .. }
            | Self::RowGroup { path, .. }
            | Self::Extension { path }
            | Self::Points { path, .. }
            | Self::Misfit { path, .. }
            | Self::Unwritable { path, .. } => path,
            Self::RaggedRow { place, .. }
            | Self::Quotes { place }
            | Self::LongLine { place, .. }
            | Self::NotUtf8 { place, .. }
            | Self::NoName { place }
            | Self::NotANumber { place, .. }
            | Self::EmptyCell { place, .. }
            | Self::NotFinite { place, .. }
            | Self::Negative { place, .. }
            | Self::Label { place, .. } => &place.path,
        }
    }

    /// Sorts an error of opening `path` into its variant.
    pub(crate) fn opening(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::IsADirectory => {
                Self::NotATable { path, reason: "it is a directory".into() }
            }
            _ => Self::Unreadable { path, source },
        }
    }
}

/// At most 60 characters of a cell, for a message.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut short: String =
        text.chars().take(60).map(|c| if c.is_control() { '·' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
