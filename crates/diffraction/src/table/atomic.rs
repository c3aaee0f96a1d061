//! Files that are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A name beside the final one; removed when dropped before [`Unfinished::publish`].
pub(crate) struct Unfinished {
    temporary: PathBuf,
    path: PathBuf,
    published: bool,
}

impl Unfinished {
    /// Creates the temporary file beside `path`.
    pub(crate) fn create(path: &Path) -> io::Result<(Self, File)> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{serial}.tmp", std::process::id()));
        let temporary = path.with_file_name(hidden);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?;
        Ok((Self { temporary, path: path.to_path_buf(), published: false }, file))
    }

    /// Makes the bytes durable and gives them their final name.
    pub(crate) fn publish(mut self, file: &File) -> io::Result<()> {
        file.sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.published = true;
        // The new name itself must survive a power cut; not every file system can sync a directory.
        let parent = self.path.parent().filter(|p| !p.as_os_str().is_empty());
        if let Ok(directory) = File::open(parent.unwrap_or(Path::new("."))) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn an_abandoned_file_leaves_nothing_and_spares_the_old_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("t.csv");
        fs::write(&path, "old").expect("written");
        let (unfinished, mut file) = Unfinished::create(&path).expect("created");
        file.write_all(b"new").expect("written");
        drop(unfinished);
        assert_eq!(fs::read_to_string(&path).expect("there"), "old");
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
        let (unfinished, mut file) = Unfinished::create(&path).expect("created");
        file.write_all(b"new").expect("written");
        unfinished.publish(&file).expect("published");
        assert_eq!(fs::read_to_string(&path).expect("there"), "new");
        assert_eq!(fs::read_dir(directory.path()).expect("listed").count(), 1);
    }
}
