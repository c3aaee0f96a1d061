//! The demonstration as files, so that everything that works on files works on it.

use std::path::{Path, PathBuf};

use diffraction::Grid;
use diffraction::table::{Columns, Row, TableError, TableWriter};

use super::{labeled_rows, unlabeled_rows};

/// The two files of the demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoTables {
    /// The labelled compounds.
    pub labeled: PathBuf,
    /// The unlabelled ones.
    pub unlabeled: PathBuf,
}

/// Simulates the demonstration into two tables in `directory`, unless this version of the program
/// has done so before.
///
/// # Errors
/// If a table cannot be written.
pub fn write_tables(directory: &Path) -> Result<DemoTables, TableError> {
    let version = env!("CARGO_PKG_VERSION");
    let path = |kind: &str| directory.join(format!("demo-{version}-{kind}.csv.gz"));
    let tables = DemoTables { labeled: path("labeled"), unlabeled: path("unlabeled") };
    let points = Grid::published().points();
    if !tables.labeled.exists() {
        write(&tables.labeled, Columns::labeled(points), &labeled_rows())?;
    }
    if !tables.unlabeled.exists() {
        write(&tables.unlabeled, Columns::unlabeled(points), &unlabeled_rows())?;
    }
    Ok(tables)
}

fn write(path: &Path, columns: Columns, rows: &[Row]) -> Result<(), TableError> {
    let mut writer = TableWriter::create(path, columns, Some(Grid::published()))?;
    for row in rows {
        writer.write(row)?;
    }
    writer.finish()
}
