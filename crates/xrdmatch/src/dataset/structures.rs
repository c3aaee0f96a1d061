//! The crystal structures behind the rows of a table: what they say of the mobile ion's surroundings.
//!
//! A structure belongs to the row that its pattern has where `xrdmatch simulate` makes a table of the
//! same files: a line of JSON to the row of its `id`, a file to the row of its name.

use std::collections::HashMap;
use std::path::PathBuf;

use diffraction::batch::named_structures;
use diffraction::environment::Environment;
use diffraction::files::{ListError, Names, Wanted, find};
use diffraction::{Element, Structure};
use rayon::prelude::*;

use super::{Dataset, DatasetError, fingerprint};

/// Structures looked at at once.
const CHUNK: usize = 512;

/// Why there are no structures.
#[derive(Debug, thiserror::Error)]
pub enum StructuresError {
    /// A directory cannot be listed.
    #[error(transparent)]
    List(#[from] ListError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] DatasetError),
    /// No structure has the name of a row.
    #[error(
        "none of {structures} structures has the name of a pattern of {table}{}",
        fault.as_ref().map(|fault| format!("; the first fault: {fault}")).unwrap_or_default()
    )]
    NoneNamed {
        /// Structures that could be read.
        structures: usize,
        /// The table.
        table: PathBuf,
        /// What was wrong with the first structure that could not be read, if there is any.
        fault: Option<String>,
    },
}

/// What the structures behind the rows of a table say.
#[derive(Debug, Clone, PartialEq)]
pub struct Structures {
    paths: Vec<PathBuf>,
    fingerprint: String,
    faults: Vec<String>,
    /// Of each row.
    environments: Vec<Option<Environment>>,
}

impl Structures {
    /// Reads structure files, or directories of them, and looks how the ions of `ion` sit in those
    /// whose names are names of rows.
    ///
    /// A structure that cannot be read is passed over and listed ([`faults`](Self::faults)).
    ///
    /// # Errors
    /// [`StructuresError`].
    pub fn read(paths: &[PathBuf], data: &Dataset, ion: Element) -> Result<Self, StructuresError> {
        let rows: HashMap<&str, usize> =
            data.samples().iter().enumerate().map(|(row, s)| (s.name.as_str(), row)).collect();
        let mut environments = vec![None; data.len()];
        let (mut faults, mut structures) = (Vec::new(), 0);
        let mut names = Names::default();
        let mut contents = blake3::Hasher::new();
        for path in find(paths, Wanted::Structures)?.files {
            contents.update(fingerprint(&path)?.as_bytes());
            let found = match named_structures(&path) {
                Ok(found) => found,
                Err(error) => {
                    faults.push(error.to_string());
                    continue;
                }
            };
            let mut wanted: Vec<(usize, Structure)> = Vec::with_capacity(CHUNK);
            for structure in found {
                match structure {
                    Ok((name, structure)) => {
                        structures += 1;
                        if let Some(&row) = rows.get(names.take(name).as_str()) {
                            wanted.push((row, structure));
                        }
                    }
                    Err(error) => faults.push(error.to_string()),
                }
                if wanted.len() == CHUNK {
                    describe(&mut wanted, ion, &mut environments);
                }
            }
            describe(&mut wanted, ion, &mut environments);
        }
        if environments.iter().all(Option::is_none) {
            let (table, fault) = (data.source().to_owned(), faults.into_iter().next());
            return Err(StructuresError::NoneNamed { structures, table, fault });
        }
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Ok(Self {
            paths: paths.iter().map(absolute).collect(),
            fingerprint: contents.finalize().to_hex().to_string(),
            faults,
            environments,
        })
    }

    /// The ions' surroundings in the structure of row `row`; `None` where it has no structure.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn of(&self, row: usize) -> Option<&Environment> {
        self.environments[row].as_ref()
    }

    /// Rows with a structure.
    pub fn len(&self) -> usize {
        self.environments.iter().flatten().count()
    }

    /// Always `false`: there is a row with a structure.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was wrong with the structures that could not be read.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Where they were read from, as absolute paths.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// BLAKE3 over the files in their order.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// Puts the surroundings in some structures in their rows' places, and empties the list.
fn describe(
    wanted: &mut Vec<(usize, Structure)>,
    ion: Element,
    environments: &mut [Option<Environment>],
) {
    let found: Vec<(usize, Environment)> = wanted
        .par_drain(..)
        .map(|(row, structure)| (row, Environment::of(&structure, ion)))
        .collect();
    for (row, environment) in found {
        environments[row] = Some(environment);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use diffraction::Grid;
    use diffraction::table::Row;

    use super::*;
    use crate::dataset::Labels;

    fn table(names: &[&str]) -> Dataset {
        let row = |name: &&str| Row {
            name: (*name).to_owned(),
            indices: vec![20, 60],
            values: vec![0.5, 1.0],
            ..Row::default()
        };
        let grid = Grid::new(10.0, 0.1, 201).expect("a grid");
        let labels = Labels::Optional { classes: 2 };
        Dataset::from_rows(Path::new("t"), grid, names.iter().map(row), labels).expect("rows")
    }

    /// Caesium-chloride-like LiF of edge `a` as a line of JSON.
    fn line(id: &str, a: f64) -> String {
        format!(
            "{{\"id\":\"{id}\",\"lattice\":[[{a},0,0],[0,{a},0],[0,0,{a}]],\
             \"species\":[\"Li\",\"F\"],\"frac\":[[0,0,0],[0.5,0.5,0.5]]}}\n"
        )
    }

    #[test]
    fn structures_are_those_of_the_rows_of_their_names() {
        let directory = tempfile::tempdir().expect("a directory");
        let lines = directory.path().join("a.jsonl");
        fs::write(&lines, [line("x", 3.0), line("y", 4.0), "{\n".into(), line("x", 2.0)].concat())
            .expect("written");
        fs::write(directory.path().join("z.vasp"), POSCAR).expect("written");
        fs::write(directory.path().join("broken.cif"), "data_x\n").expect("written");
        let data = table(&["z", "nothing", "y", "x#2"]);
        let paths = [directory.path().to_owned()];
        let found = Structures::read(&paths, &data, Element::LITHIUM).expect("structures");
        assert_eq!((found.len(), found.faults().len()), (3, 2), "{:?}", found.faults());
        let edge = |row| found.of(row).map(|each| each.volume_per_atom * 2.0);
        assert_eq!(edge(1), None);
        for (row, expected) in [(0, 125.0), (2, 64.0), (3, 8.0)] {
            assert!((edge(row).expect("described") - expected).abs() < 1e-9, "{row}");
        }
        // Other contents are other structures, wherever they are.
        let alone = |lines: &Path| {
            Structures::read(&[lines.to_owned()], &data, Element::LITHIUM).expect("structures")
        };
        let moved = directory.path().join("moved");
        fs::copy(&lines, &moved).expect("copied");
        assert_eq!(alone(&lines).fingerprint(), alone(&moved).fingerprint());
        fs::write(&moved, line("y", 4.5)).expect("written");
        assert_ne!(alone(&lines).fingerprint(), alone(&moved).fingerprint());
    }

    #[test]
    fn structures_of_no_row_and_files_that_are_not_there_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let lines = directory.path().join("a.jsonl");
        fs::write(&lines, ["{\n".into(), line("x", 3.0)].concat()).expect("written");
        let read = |path: &Path| {
            let found = Structures::read(&[path.to_owned()], &table(&["p"]), Element::LITHIUM);
            found.expect_err("nothing to read").to_string()
        };
        let error = read(&lines);
        assert!(
            error.starts_with("none of 1 structures has the name of a pattern of t; the first")
        );
        assert!(error.contains("line 1"), "{error}");
        assert!(read(&directory.path().join("absent.cif")).contains("absent.cif"));
    }

    const POSCAR: &str = "LiF\n5.0\n1 0 0\n0 1 0\n0 0 1\nLi F\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n";
}
