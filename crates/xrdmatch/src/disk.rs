//! Files that are either there whole or not at all.

use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

/// How the names of files in the making begin.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// Writes a file under a temporary name, syncs it and renames it into place.
///
/// # Errors
/// If the system refuses; the file is then as it was before.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = temporary_beside(path)?;
    file.write_all(bytes)?;
    persist(file, path)
}

/// Writes a file as [`write_atomically`] does, if there is none of its name yet; of several processes
/// that try, one succeeds. Says whether it was this one.
///
/// # Errors
/// If the system refuses.
pub fn write_if_absent(path: &Path, bytes: &[u8]) -> std::io::Result<bool> {
    let mut file = temporary_beside(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_directory(directory_of(path)).map(|()| true),
        Err(refused) if refused.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(refused) => Err(refused.error),
    }
}

/// A file in the making, in the directory of `path`, readable by whom the user's umask lets read.
pub(crate) fn temporary_beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    #[cfg(unix)]
    let builder = {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666))
    };
    builder.tempfile_in(directory_of(path))
}

/// Syncs a file in the making and gives it its name.
pub(crate) fn persist(file: NamedTempFile, path: &Path) -> std::io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_directory(directory_of(path))
}

/// Makes renames within a directory survive a loss of power.
pub(crate) fn sync_directory(directory: &Path) -> std::io::Result<()> {
    // Windows cannot open directories as files, and needs no such sync.
    if cfg!(unix) { std::fs::File::open(directory)?.sync_all() } else { Ok(()) }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_remains() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("record.json");
        write_atomically(&path, b"one").expect("written");
        write_atomically(&path, b"two").expect("written");
        assert_eq!(std::fs::read(&path).expect("read"), b"two");
        assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_file_that_is_there_already_is_left_alone() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("record.json");
        assert!(write_if_absent(&path, b"one").expect("written"));
        assert!(!write_if_absent(&path, b"two").expect("looked at"));
        assert_eq!(std::fs::read(&path).expect("read"), b"one");
        assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_behind() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("record.json");
        std::fs::create_dir(&path).expect("created");
        assert!(write_atomically(&path, b"one").is_err());
        assert_eq!(std::fs::read_dir(directory.path()).expect("listed").count(), 1);
    }
}
