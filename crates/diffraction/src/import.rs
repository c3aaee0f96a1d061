//! Many scan files into many patterns: in parallel, in order, in bounded memory.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use crate::Grid;
use crate::batch::stem;
use crate::process::{ProcessError, Processing, ProcessingReport};
use crate::scan::{Scan, ScanError, ScanMetadata};
use crate::table::atomic::Unfinished;
use crate::table::{Row, TableError};

/// Files worked on at once: what bounds memory.
const AT_ONCE: usize = 64;

/// How scan files become rows.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// From scan to pattern.
    pub processing: &'a Processing,
    /// The grid of the rows.
    pub grid: &'a Grid,
    /// Whether every scan of a file is a row, or its first alone.
    pub all_scans: bool,
    /// Whether the largest point of every row is made 1, as in the published files.
    pub scaled: bool,
}

/// Why a scan has no row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ScanError),
    /// The scan cannot be turned into a pattern.
    #[error("{}: {source}", path.display())]
    Process {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ProcessError,
    },
    /// Every point of the pattern is zero.
    #[error("{}: nothing of scan `{name}` stands above its background on the grid", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The scan.
        name: String,
    },
}

/// A scan that became a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// The row; its id is the sample's name in the file, if it has one.
    pub row: Row,
    /// What the file says besides the points.
    pub metadata: ScanMetadata,
    /// What became of the scan on its way to the grid.
    pub report: ProcessingReport,
    /// Points of the scan as measured.
    pub points: usize,
    /// Peaks found, where sticks were asked for.
    pub peaks: usize,
}

/// What one scan of a batch became.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The file.
    pub path: &'a Path,
    /// The scan, or why there is none.
    pub scan: Result<Imported, ImportError>,
}

/// Imports every scan file with the threads of the current rayon pool, and hands on the scans in the
/// order of the files and of the scans in them.
///
/// A row is named after its file, without directory and extension; where all scans of a file of
/// several are wanted, `file:1`, `file:2`, …. A scan that fails is one outcome among the others;
/// `accept` ends the batch by breaking.
pub fn import_files(
    paths: &[PathBuf],
    import: &Import<'_>,
    accept: &mut dyn FnMut(Outcome<'_>) -> ControlFlow<()>,
) {
    for some in paths.chunks(AT_ONCE) {
        let scans: Vec<_> = some.par_iter().map(|path| import.file(path)).collect();
        for (path, scans) in some.iter().zip(scans) {
            for scan in scans {
                if accept(Outcome { path, scan }).is_break() {
                    return;
                }
            }
        }
    }
}

impl Import<'_> {
    fn file(&self, path: &Path) -> Vec<Result<Imported, ImportError>> {
        let scans = match Scan::read_all(path) {
            Ok(scans) => scans,
            Err(error) => return vec![Err(error.into())],
        };
        let stem = stem(path);
        let wanted = if self.all_scans { scans.len() } else { 1 };
        let name = |index: usize| {
            if wanted == 1 { stem.clone() } else { format!("{stem}:{}", index + 1) }
        };
        let scans = scans.iter().take(wanted).enumerate();
        scans.map(|(index, scan)| self.scan(path, scan, &name(index))).collect()
    }

    /// One scan as a row under a name; `path` is what errors call its file.
    ///
    /// # Errors
    /// When the scan cannot be turned into a pattern, or nothing of it is left.
    pub fn scan(&self, path: &Path, scan: &Scan, name: &str) -> Result<Imported, ImportError> {
        let processed = self
            .processing
            .apply(scan, name, self.grid)
            .map_err(|source| ImportError::Process { path: path.to_path_buf(), source })?;
        let mut intensities = processed.pattern.intensities;
        let largest = intensities.iter().copied().fold(0.0, f32::max);
        if largest <= 0.0 {
            return Err(ImportError::Empty { path: path.to_path_buf(), name: name.to_owned() });
        }
        if self.scaled {
            intensities.iter_mut().for_each(|value| *value /= largest);
        }
        let metadata = scan.metadata().clone();
        let mut row = Row { name: name.to_owned(), id: metadata.sample.clone(), ..Row::default() };
        row.take(&intensities);
        let peaks = processed.peaks.len();
        Ok(Imported { row, metadata, report: processed.report, points: scan.len(), peaks })
    }
}

/// One line of the side file.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    file: String,
    points: usize,
    peaks: usize,
    metadata: &'a ScanMetadata,
    processing: &'a ProcessingReport,
}

/// Writes beside a table what its columns cannot hold: one line of JSON for each imported scan, with
/// the metadata of the file and what became of the scan. There whole or not at all.
pub struct MetadataWriter {
    path: PathBuf,
    unfinished: Unfinished,
    file: BufWriter<File>,
}

impl MetadataWriter {
    /// Begins a side file.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> Result<Self, TableError> {
        let (unfinished, file) = Unfinished::create(path)
            .map_err(|source| TableError::Unwritable { path: path.to_path_buf(), source })?;
        Ok(Self { path: path.to_path_buf(), unfinished, file: BufWriter::new(file) })
    }

    /// Adds the line of a scan under the name that its row has in the table.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&mut self, name: &str, file: &Path, scan: &Imported) -> Result<(), TableError> {
        let line = Line {
            name,
            file: file.display().to_string(),
            points: scan.points,
            peaks: scan.peaks,
            metadata: &scan.metadata,
            processing: &scan.report,
        };
        serde_json::to_writer(&mut self.file, &line)
            .map_err(std::io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"))
            .map_err(|source| TableError::Unwritable { path: self.path.clone(), source })
    }

    /// Completes the file and gives it its name.
    ///
    /// # Errors
    /// When the rest cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        self.file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| self.unfinished.publish(&file))
            .map_err(|source| TableError::Unwritable { path: self.path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A scan with one peak at an angle on a background of 10, as text.
    fn peak_at(angle: f64) -> String {
        let point = |i: i32| {
            let x = 10.0 + 0.02 * f64::from(i);
            let y = 10.0 + 1000.0 * (-((x - angle) / 0.1_f64).powi(2)).exp();
            format!("{x:.2} {y:.3}\n")
        };
        (0..2000).map(point).collect()
    }

    #[test]
    fn scans_become_rows_in_order_and_failures_stay_in_their_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).expect("written");
            path
        };
        let paths = [
            write("first.xy", &peak_at(20.0)),
            write("words.xy", "no numbers here\n"),
            write("flat.xy", &(0..900).map(|i| format!("{i} 0\n")).take(90).collect::<String>()),
            write("last.xy", &peak_at(30.0)),
        ];
        let processing = Processing { wavelength_to: None, ..Processing::default() };
        let grid = Grid::published();
        let import = Import { processing: &processing, grid: &grid, all_scans: true, scaled: true };
        let mut seen = Vec::new();
        import_files(&paths, &import, &mut |outcome| {
            seen.push(outcome.scan.map_err(|error| error.to_string()));
            ControlFlow::Continue(())
        });
        let first = seen[0].as_ref().expect("a scan");
        assert_eq!((first.row.name.as_str(), first.points), ("first", 2000));
        let top = first.row.values.iter().position(|&value| value == 1.0).expect("scaled to 1");
        assert_eq!(first.row.indices[top], 1000);
        assert!(seen[1].as_ref().is_err_and(|error| error.contains("words.xy")));
        assert!(seen[2].as_ref().is_err_and(|error| error.contains("above its background")));
        assert_eq!(seen[3].as_ref().expect("a scan").row.name, "last");

        let side = directory.path().join("side.jsonl");
        let mut writer = MetadataWriter::create(&side).expect("created");
        writer.write("renamed", &paths[0], first).expect("written");
        assert!(!side.exists());
        writer.finish().expect("finished");
        let text = fs::read_to_string(&side).expect("there");
        let line: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(line["name"], "renamed");
        assert_eq!(line["metadata"]["format"], "columns");
        assert_eq!(line["points"], 2000);
    }
}
