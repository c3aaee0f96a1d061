//! Many structure files into many patterns: in parallel, in order, in bounded memory.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::simulate::{Recipe, SimulateError, simulate};
use crate::structure::{StructureFileError, StructureReader};
use crate::table::Row;
use crate::{Grid, Structure};

/// Files or structures worked on at once: what bounds memory.
const AT_ONCE: usize = 512;

/// Why a structure of a batch has no row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The file, or this structure in it, cannot be read.
    #[error(transparent)]
    Read(#[from] StructureFileError),
    /// The structure cannot be simulated.
    #[error("{}, structure `{name}`: {source}", path.display())]
    Simulate {
        /// The file.
        path: PathBuf,
        /// The structure.
        name: String,
        /// Why not.
        source: SimulateError,
    },
}

/// What one structure of a batch became.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The file.
    pub path: &'a Path,
    /// The row, or why there is none.
    pub row: Result<Row, BatchError>,
}

/// Simulates every structure of every file with the threads of the current rayon pool, and hands on
/// the rows in the order of the files and of the structures in them.
///
/// A row is named after its file, without directory and extension; the only exceptions are files of
/// several structures, whose rows are named `file:structure`, and lines of JSON, whose rows have the
/// line's `id`. Its id is the structure's name, its formula the cell's, reduced. A file or structure
/// that fails is one outcome among the others; `accept` ends the batch by breaking.
///
/// Lines of JSON are streamed; other files are read whole, 512 at a time.
pub fn simulate_files(
    paths: &[PathBuf],
    recipe: &Recipe,
    grid: &Grid,
    accept: &mut dyn FnMut(Outcome<'_>) -> ControlFlow<()>,
) {
    let batch = Batch { recipe, grid };
    let mut files: Vec<&Path> = Vec::new();
    for path in paths {
        match StructureReader::open_lines(path) {
            // Errors of opening are found again, and reported, where the file is read.
            Ok(None) | Err(_) => {
                files.push(path);
                if files.len() == AT_ONCE && batch.files(&mut files, accept).is_break() {
                    return;
                }
            }
            Ok(Some(lines)) => {
                let done = batch.files(&mut files, accept);
                if done.is_break() || batch.lines(path, lines, accept).is_break() {
                    return;
                }
            }
        }
    }
    // The caller has asked to end, or the paths have.
    let _ = batch.files(&mut files, accept);
}

struct Batch<'a> {
    recipe: &'a Recipe,
    grid: &'a Grid,
}

impl Batch<'_> {
    fn files(
        &self,
        files: &mut Vec<&Path>,
        accept: &mut dyn FnMut(Outcome<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let rows: Vec<Vec<Result<Row, BatchError>>> =
            files.par_iter().map(|path| self.file(path)).collect();
        for (path, rows) in files.drain(..).zip(rows) {
            for row in rows {
                accept(Outcome { path, row })?;
            }
        }
        ControlFlow::Continue(())
    }

    fn file(&self, path: &Path) -> Vec<Result<Row, BatchError>> {
        let structures: Vec<_> = match StructureReader::open(path) {
            Ok(reader) => reader.collect(),
            Err(error) => return vec![Err(error.into())],
        };
        let stem = stem(path);
        let single = structures.len() == 1;
        let name = |structure: &Structure| {
            if single { stem.clone() } else { format!("{stem}:{}", structure.name) }
        };
        structures
            .into_iter()
            .map(|structure| {
                let structure = structure?;
                self.row(path, &structure, name(&structure))
            })
            .collect()
    }

    fn lines(
        &self,
        path: &Path,
        mut lines: StructureReader,
        accept: &mut dyn FnMut(Outcome<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        loop {
            let structures: Vec<_> = lines.by_ref().take(AT_ONCE).collect();
            if structures.is_empty() {
                return ControlFlow::Continue(());
            }
            let rows: Vec<_> = structures
                .into_par_iter()
                .map(|structure| {
                    let structure = structure?;
                    self.row(path, &structure, structure.name.clone())
                })
                .collect();
            for row in rows {
                accept(Outcome { path, row })?;
            }
        }
    }

    fn row(&self, path: &Path, structure: &Structure, name: String) -> Result<Row, BatchError> {
        let peaks = simulate(structure, self.recipe).map_err(|source| BatchError::Simulate {
            path: path.to_path_buf(),
            name: structure.name.clone(),
            source,
        })?;
        let mut row = Row {
            name,
            id: Some(structure.name.clone()).filter(|id| !id.is_empty()),
            formula: Some(structure.reduced_formula()),
            ..Row::default()
        };
        self.recipe.placement.place(&peaks, self.grid, &mut row);
        Ok(row)
    }
}

/// A file's name without its extension, or extensions when it is compressed.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LINE: &str = r#"{"id":"ID","lattice":[[5,0,0],[0,5,0],[0,0,5]],"species":["Li","F"],"frac":[[0,0,0],[0.5,0.5,0.5]]}"#;
    const POSCAR: &str = "Li Cl\n1\n5 0 0\n0 5 0\n0 0 5\n1 1\nDirect\n0 0 0\n.5 .5 .5\n";

    #[test]
    fn rows_come_in_order_and_failures_in_their_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).expect("written");
            path
        };
        let many: String =
            (0..1200).map(|i| LINE.replace("ID", &format!("line{i}")) + "\n").collect();
        let paths = [
            write("first.vasp", POSCAR),
            write("faulty.cif", "data_x\n"),
            write("many.jsonl", &many.replace("\"line7\"", "7")),
            directory.path().join("missing.cif"),
            write("last.vasp", POSCAR),
        ];
        let mut seen = Vec::new();
        simulate_files(&paths, &Recipe::paper(), &Grid::published(), &mut |outcome| {
            seen.push(outcome.row.map(|row| row.name).map_err(|e| e.to_string()));
            ControlFlow::Continue(())
        });
        assert_eq!(seen.len(), 1204);
        assert_eq!(seen[0].as_deref(), Ok("first"));
        assert!(seen[1].as_ref().is_err_and(|e| e.contains("faulty.cif")));
        assert!(seen[9].as_ref().is_err_and(|e| e.contains("line 8")));
        assert!((0..1200).filter(|&i| i != 7).all(|i| seen[2 + i] == Ok(format!("line{i}"))));
        assert!(seen[1202].as_ref().is_err_and(|e| e.contains("missing.cif does not exist")));
        assert_eq!(seen[1203].as_deref(), Ok("last"));
    }

    #[test]
    fn breaking_ends_the_batch() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.vasp");
        fs::write(&path, POSCAR).expect("written");
        let mut seen = 0;
        let paths = vec![path; 5];
        simulate_files(&paths, &Recipe::paper(), &Grid::published(), &mut |_| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert_eq!(seen, 1);
    }

    #[test]
    fn rows_are_named_after_their_files() {
        for (path, name) in
            [("a/b.cif", "b"), ("b.c.cif.gz", "b.c"), ("POSCAR", "POSCAR"), (".cif", ".cif")]
        {
            assert_eq!(stem(path.as_ref()), name);
        }
    }
}
