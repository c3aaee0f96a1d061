//! Many structure files into many patterns: in parallel, in order, in bounded memory.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::lattice::LatticeError;
use crate::profile::{Profile, ProfileError, measured};
use crate::simulate::{Recipe, SimulateError, simulate};
use crate::structure::{StructureFileError, StructureReader};
use crate::table::Row;
use crate::{Grid, Structure};

/// Rows worked on at once: what bounds memory.
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
    /// The strained vectors are no lattice.
    #[error("{}, structure `{name}`, strained: {source}", path.display())]
    Strain {
        /// The file.
        path: PathBuf,
        /// The structure.
        name: String,
        /// Why not.
        source: LatticeError,
    },
    /// The structure's pattern cannot be given line profiles.
    #[error("{}, structure `{name}`: {source}", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// The structure.
        name: String,
        /// Why not.
        source: ProfileError,
    },
}

impl BatchError {
    /// The structure, where the file was read so far.
    #[must_use]
    pub fn structure(&self) -> Option<&str> {
        match self {
            Self::Read(_) => None,
            Self::Simulate { name, .. }
            | Self::Strain { name, .. }
            | Self::Profile { name, .. } => Some(name),
        }
    }
}

/// Changes a pattern by its name, for counting noise from the caller's random numbers.
pub type Finish<'a> = &'a (dyn Fn(&str, &mut [f32]) + Sync);

/// Further rows of every structure: the same with its lattice strained, as compounds of one structure
/// type differ ([`Lattice::strained`](crate::Lattice::strained)).
#[derive(Clone, Copy)]
pub struct Strained<'a> {
    /// How many.
    pub rows: u32,
    /// The strain of a row by the structure's name and the row's number, counted from 1.
    pub strain: &'a (dyn Fn(&str, u32) -> [f64; 6] + Sync),
}

/// What is made of every structure of a batch.
#[derive(Clone, Copy)]
pub struct Simulation<'a> {
    /// The physics; its range of angles should be the grid's.
    pub recipe: &'a Recipe,
    /// Line profiles on the grid in place of sticks. The strongest point of the lines is 1.
    pub profile: Option<&'a Profile>,
    /// The grid of the rows.
    pub grid: &'a Grid,
    /// What is done last to a pattern with profiles.
    pub finish: Option<Finish<'a>>,
    /// Further rows with strained lattices, named after the first with `~1`, `~2`, ….
    pub strained: Option<Strained<'a>>,
}

impl<'a> Simulation<'a> {
    /// Sticks by a recipe.
    #[must_use]
    pub fn sticks(recipe: &'a Recipe, grid: &'a Grid) -> Self {
        Self { recipe, profile: None, grid, finish: None, strained: None }
    }

    /// The row of one structure under a name; `path` is what errors call its file.
    ///
    /// # Errors
    /// When the structure cannot be simulated.
    pub fn row(&self, path: &Path, structure: &Structure, name: String) -> Result<Row, BatchError> {
        Batch { simulation: self }.row(path, structure, name)
    }
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
/// Lines of JSON are streamed; other files are read whole, 512 at a time (with
/// strained rows as many fewer as a structure has rows).
pub fn simulate_files(
    paths: &[PathBuf],
    simulation: &Simulation<'_>,
    accept: &mut dyn FnMut(Outcome<'_>) -> ControlFlow<()>,
) {
    let batch = Batch { simulation };
    let mut files: Vec<&Path> = Vec::new();
    for path in paths {
        match StructureReader::open_lines(path) {
            // Errors of opening are found again, and reported, where the file is read.
            Ok(None) | Err(_) => {
                files.push(path);
                if files.len() == batch.at_once() && batch.files(&mut files, accept).is_break() {
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
    simulation: &'a Simulation<'a>,
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
        let structures = match named_structures(path) {
            Ok(structures) => structures,
            Err(error) => return vec![Err(error.into())],
        };
        structures
            .flat_map(|structure| match structure {
                Ok((name, structure)) => self.rows(path, &structure, name),
                Err(error) => vec![Err(error.into())],
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
            let structures: Vec<_> = lines.by_ref().take(self.at_once()).collect();
            if structures.is_empty() {
                return ControlFlow::Continue(());
            }
            let rows: Vec<Vec<_>> = structures
                .into_par_iter()
                .map(|structure| match structure {
                    Ok(structure) => self.rows(path, &structure, structure.name.clone()),
                    Err(error) => vec![Err(error.into())],
                })
                .collect();
            for row in rows.into_iter().flatten() {
                accept(Outcome { path, row })?;
            }
        }
    }

    /// Files or structures worked on at once.
    fn at_once(&self) -> usize {
        let rows = self.simulation.strained.map_or(0, |strained| strained.rows as usize);
        (AT_ONCE / (1 + rows)).max(1)
    }

    /// The row of a structure and those with its lattice strained; where it has none itself, only why.
    fn rows(
        &self,
        path: &Path,
        structure: &Structure,
        name: String,
    ) -> Vec<Result<Row, BatchError>> {
        let Some(Strained { rows, strain }) = self.simulation.strained else {
            return vec![self.row(path, structure, name)];
        };
        let own = self.row(path, structure, name.clone());
        if own.is_err() {
            return vec![own];
        }
        let strained = (1..=rows).map(|number| {
            let mut other = structure.clone();
            other.lattice = other.lattice.strained(strain(&name, number)).map_err(|source| {
                let (path, name) = (path.to_path_buf(), structure.name.clone());
                BatchError::Strain { path, name, source }
            })?;
            self.row(path, &other, format!("{name}~{number}"))
        });
        std::iter::once(own).chain(strained).collect()
    }

    fn row(&self, path: &Path, structure: &Structure, name: String) -> Result<Row, BatchError> {
        let of = || (path.to_path_buf(), structure.name.clone());
        let mut row = Row {
            name,
            id: Some(structure.name.clone()).filter(|id| !id.is_empty()),
            formula: Some(structure.reduced_formula()),
            ..Row::default()
        };
        let Simulation { recipe, profile, grid, finish, .. } = *self.simulation;
        let Some(profile) = profile else {
            let peaks = simulate(structure, recipe).map_err(|source| {
                let (path, name) = of();
                BatchError::Simulate { path, name, source }
            })?;
            recipe.placement.place(&peaks, grid, &mut row);
            return Ok(row);
        };
        let pattern = measured(structure, recipe, profile, grid).map_err(|source| {
            let (path, name) = of();
            BatchError::Profile { path, name, source }
        })?;
        let mut intensities = pattern.intensities;
        for intensity in &mut intensities {
            *intensity /= 100.0;
        }
        if let Some(finish) = finish {
            finish(&row.name, &mut intensities);
        }
        row.take(&intensities);
        Ok(row)
    }
}

/// The structures of a file, each with the name of the row that its pattern has: its own name in a file
/// of lines, which is streamed, that of the file where it is alone there, and both otherwise.
///
/// # Errors
/// When the file cannot be read; what is wrong with a single structure stands in its place.
pub fn named_structures(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(String, Structure), StructureFileError>>, StructureFileError>
{
    let (lines, whole): (_, Vec<_>) = match StructureReader::open_lines(path)? {
        Some(lines) => (Some(lines), Vec::new()),
        None => (None, StructureReader::open(path)?.collect()),
    };
    let (stem, single) = (stem(path), whole.len() == 1);
    let of_whole = whole.into_iter().map(move |structure| {
        let structure = structure?;
        let name = if single { stem.clone() } else { format!("{stem}:{}", structure.name) };
        Ok((name, structure))
    });
    let of_lines = lines.into_iter().flatten();
    Ok(of_whole.chain(of_lines.map(|structure| structure.map(|found| (found.name.clone(), found)))))
}

/// A file's name without its extension, or extensions when it is compressed.
pub(crate) fn stem(path: &Path) -> String {
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

    fn written(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = directory.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    #[test]
    fn rows_come_in_order_and_failures_in_their_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| written(&directory, name, text);
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
        simulate_files(
            &paths,
            &Simulation::sticks(&Recipe::paper(), &Grid::published()),
            &mut |outcome| {
                seen.push(outcome.row.map(|row| row.name).map_err(|e| e.to_string()));
                ControlFlow::Continue(())
            },
        );
        assert_eq!(seen.len(), 1204);
        assert_eq!(seen[0].as_deref(), Ok("first"));
        assert!(seen[1].as_ref().is_err_and(|e| e.contains("faulty.cif")));
        assert!(seen[9].as_ref().is_err_and(|e| e.contains("line 8")));
        assert!((0..1200).filter(|&i| i != 7).all(|i| seen[2 + i] == Ok(format!("line{i}"))));
        assert!(seen[1202].as_ref().is_err_and(|e| e.contains("missing.cif does not exist")));
        assert_eq!(seen[1203].as_deref(), Ok("last"));
    }

    #[test]
    fn profiles_have_their_largest_point_at_one_and_are_finished_by_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = written(&directory, "salt.vasp", POSCAR);
        let (recipe, profile) = (Recipe::physical(), Profile::default());
        let grid = Grid::new(10.0, 0.02, 3001).expect("a grid");
        let finish = |name: &str, pattern: &mut [f32]| {
            assert_eq!(name, "salt");
            pattern.iter_mut().for_each(|value| *value *= 2.0);
        };
        let simulation = Simulation {
            recipe: &recipe,
            profile: Some(&profile),
            grid: &grid,
            finish: Some(&finish),
            strained: None,
        };
        let mut rows = Vec::new();
        simulate_files(&[path], &simulation, &mut |outcome| {
            rows.push(outcome.row.expect("a row"));
            ControlFlow::Continue(())
        });
        let largest = rows[0].values.iter().copied().fold(0.0, f32::max);
        assert!((largest - 2.0).abs() < 1e-6 && rows[0].indices.len() > 500);
    }

    #[test]
    fn strained_rows_follow_their_structure_and_have_other_angles() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| written(&directory, name, text);
        // Too short for any reflection.
        let short = LINE
            .replace("5,0,0", "0.4,0,0")
            .replace("0,5,0", "0,0.4,0")
            .replace("0,0,5", "0,0,0.4");
        let paths = [
            write("salt.vasp", POSCAR),
            write("two.jsonl", LINE),
            write("no.cif", "data_x\n"),
            write("short.jsonl", &short),
        ];
        let strain = |_: &str, number: u32| [0.01 * f64::from(number), 0.0, 0.0, 0.0, 0.0, 0.0];
        let (recipe, grid) = (Recipe::paper(), Grid::published());
        let simulation = Simulation {
            strained: Some(Strained { rows: 2, strain: &strain }),
            ..Simulation::sticks(&recipe, &grid)
        };
        let mut rows = Vec::new();
        simulate_files(&paths, &simulation, &mut |outcome| {
            rows.push(outcome.row.map_err(|error| error.to_string()));
            ControlFlow::Continue(())
        });
        // What cannot be simulated is told once, not for each of its rows.
        let why = rows.pop().expect("one for the structure").expect_err("no reflections");
        assert!(why.contains("short.jsonl, structure `ID`"), "{why}");
        assert!(rows.pop().expect("one for the damaged file").is_err());
        let rows: Vec<Row> = rows.into_iter().map(|row| row.expect("a row")).collect();
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["salt", "salt~1", "salt~2", "ID", "ID~1", "ID~2"]);
        for three in rows.chunks(3) {
            assert!(three.iter().all(|row| row.formula == three[0].formula));
            // A larger lattice reflects at smaller angles.
            assert!(three[0].indices[0] > three[1].indices[0]);
            assert!(three[1].indices[0] > three[2].indices[0]);
        }
    }

    #[test]
    fn breaking_ends_the_batch() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = written(&directory, "a.vasp", POSCAR);
        let mut seen = 0;
        let paths = vec![path; 5];
        simulate_files(
            &paths,
            &Simulation::sticks(&Recipe::paper(), &Grid::published()),
            &mut |_| {
                seen += 1;
                ControlFlow::Break(())
            },
        );
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
