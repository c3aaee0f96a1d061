//! Which files are meant when a directory is named, and names that no two rows share.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Endings of structure files; a compressed one has `.gz` or `.zst` after it.
const STRUCTURES: [&str; 5] = [".cif", ".vasp", ".poscar", ".jsonl", ".ndjson"];

/// Endings of scan files.
const SCANS: [&str; 20] = [
    ".xy", ".xye", ".dat", ".csv", ".txt", ".chi", ".xrdml", ".brml", ".raw", ".uxd", ".ras",
    ".rasx", ".gsa", ".gsas", ".gda", ".fxye", ".xra", ".cif", ".pdcif", ".asc",
];

/// What is looked for in directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// CIF, POSCAR, lines of JSON.
    Structures,
    /// Measured scans.
    Scans,
}

/// The files that a list of paths stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Files in the order of the paths; those of a directory sorted by name.
    pub files: Vec<PathBuf>,
    /// Files in directories that by their names hold something else.
    pub passed_over: usize,
}

/// A directory that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be listed: {source}", path.display())]
pub struct ListError {
    /// The directory.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

/// The deepest directory looked into, counted from the one named.
const MAX_DEPTH: usize = 64;

/// Lists files: a file stands for itself whatever its name, a directory for the files below it whose
/// names say that they are wanted. Hidden files and links to directories are left out.
///
/// # Errors
/// When a directory cannot be listed. A path that does not exist is kept, so that reading it says so.
pub fn find(paths: &[PathBuf], wanted: Wanted) -> Result<Found, ListError> {
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() {
            list(path, wanted, MAX_DEPTH, &mut found)?;
        } else {
            found.files.push(path.clone());
        }
    }
    Ok(found)
}

fn list(
    directory: &Path,
    wanted: Wanted,
    depth: usize,
    found: &mut Found,
) -> Result<(), ListError> {
    let error = |source| ListError { path: directory.to_path_buf(), source };
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory).map_err(error)? {
        let entry = entry.map_err(error)?;
        entries.push((entry.path(), entry.file_type().map_err(error)?));
    }
    entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (path, kind) in entries {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        if name.starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            if depth > 0 {
                list(&path, wanted, depth - 1, found)?;
            }
        } else if path.is_file() {
            if is_wanted(&name, wanted) { found.files.push(path) } else { found.passed_over += 1 }
        }
    }
    Ok(())
}

fn is_wanted(name: &str, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Structures => {
            let name = name.strip_suffix(".gz").or(name.strip_suffix(".zst")).unwrap_or(name);
            STRUCTURES.iter().any(|ending| name.ends_with(ending))
                || ["poscar", "contcar"].iter().any(|begin| name.starts_with(begin))
        }
        Wanted::Scans => SCANS.iter().any(|ending| name.ends_with(ending)),
    }
}

/// Names that no two rows share: a name that is taken gets a number.
///
/// Memory grows with the names, by 8 bytes and the set's overhead for each.
#[derive(Debug, Default)]
pub struct Names {
    taken: HashSet<u64>,
    /// How many names got a number.
    pub numbered: usize,
}

impl Names {
    /// The name itself if it is free, else with the first free number from 2 on after a `#`.
    pub fn take(&mut self, name: String) -> String {
        if self.taken.insert(fingerprint(&name)) {
            return name;
        }
        self.numbered += 1;
        (2_u64..)
            .map(|number| format!("{name}#{number}"))
            .find(|numbered| self.taken.insert(fingerprint(numbered)))
            .unwrap_or(name)
    }

    /// Whether a name was free; it is taken afterwards.
    pub fn is_new(&mut self, name: &str) -> bool {
        self.taken.insert(fingerprint(name))
    }
}

/// 64 bits of a name: among a million names two collide with a probability of 3·10⁻⁸, and then
/// one of them gets a number that it did not need.
fn fingerprint(name: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_stand_for_the_files_of_their_kind_in_order() {
        let root = tempfile::tempdir().expect("a directory");
        let below = root.path().join("below");
        fs::create_dir(&below).expect("created");
        for name in ["b.cif", "a.CIF.gz", "POSCAR_1", "notes.md", ".hidden.cif", "below/c.jsonl"] {
            fs::write(root.path().join(name), "x").expect("written");
        }
        let named = root.path().join("notes.md");
        let paths = [root.path().to_path_buf(), named.clone(), "absent.cif".into()];
        let found = find(&paths, Wanted::Structures).expect("listed");
        let names: Vec<String> = found
            .files
            .iter()
            .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
            .collect();
        let expected = ["POSCAR_1", "a.CIF.gz", "b.cif", "c.jsonl", "notes.md", "absent.cif"];
        assert_eq!(names, expected);
        assert_eq!(found.passed_over, 1);
        let scans = find(&[root.path().to_path_buf()], Wanted::Scans).expect("listed");
        assert_eq!(scans.files.len(), 1, "a CIF may hold a scan");
    }

    #[test]
    fn names_that_are_taken_get_a_number() {
        let mut names = Names::default();
        let taken: Vec<String> =
            ["a", "b", "a", "a#2", "a"].into_iter().map(|n| names.take(n.to_owned())).collect();
        assert_eq!(taken, ["a", "b", "a#2", "a#2#2", "a#3"]);
        assert_eq!(names.numbered, 3);
        assert!(!names.is_new("b") && names.is_new("c"));
    }
}
