//! The cache of a data set: one file that is mapped instead of parsed.
//!
//! | part | contents |
//! | --- | --- |
//! | 16 bytes | `XRDMATCH`, format version (u32), length of the header (u32); little-endian |
//! | header | JSON: fingerprint of the source, grid, marker, samples, lengths of the sections |
//! | offsets | u64 per row and one more, at the next multiple of 64 bytes |
//! | values | f32 per point, likewise aligned |
//! | indices | u16 per point, likewise aligned |
//! | 32 bytes | BLAKE3 of everything before |
//!
//! The file's name is derived from the source's fingerprint, the stated grid and the format
//! version, so a changed source or program never meets an old cache. A file that is damaged in any
//! way is read as absent and written anew.

use std::io::Write;
use std::path::{Path, PathBuf};

use diffraction::Grid;
use memmap2::Mmap;
use serde::{Deserialize, Serialize};

use super::storage::{Section, Storage};
use super::{Dataset, DatasetError, Labels, Marker, Sample, source_name};
use crate::disk::{persist, temporary_beside};

const MAGIC: [u8; 8] = *b"XRDMATCH";
const VERSION: u32 = 1;
const ALIGNMENT: usize = 64;
const DIGEST: usize = 32;

/// The cache could not be written; the data set itself is fine.
#[derive(Debug, thiserror::Error)]
#[error("write the cache {path}")]
pub struct CacheError {
    /// The cache file.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

#[derive(Serialize, Deserialize)]
struct Header {
    fingerprint: String,
    grid: Grid,
    marker: Option<Marker>,
    samples: Vec<Sample>,
    points: usize,
}

/// BLAKE3 of a file's bytes, in hexadecimal.
///
/// # Errors
/// If the file cannot be read.
pub fn fingerprint(path: &Path) -> Result<String, DatasetError> {
    let failed = |source| match path.is_dir() {
        true => DatasetError::Read {
            path: path.to_owned(),
            source: std::io::ErrorKind::IsADirectory.into(),
        },
        false => DatasetError::Read { path: path.to_owned(), source },
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file).map_err(failed)?;
    Ok(hasher.finalize().to_hex().to_string())
}

impl Dataset {
    /// Reads a table as [`Dataset::read`] does, through a cache in `directory`.
    ///
    /// The second value says why the cache could not be written, if it could not.
    ///
    /// # Errors
    /// See [`DatasetError`].
    pub fn read_cached(
        path: &Path,
        labels: Labels,
        stated: Option<Grid>,
        directory: &Path,
    ) -> Result<(Self, Option<CacheError>), DatasetError> {
        let fingerprint = fingerprint(path)?;
        let cache = cache_path(directory, &fingerprint, stated, labels);
        if let Some(found) = open(&cache, path, &fingerprint) {
            return Ok((found, None));
        }
        let read = Self::read_fingerprinted(path, labels, stated, fingerprint)?;
        let failed = write(&cache, &read).err().map(|source| CacheError { path: cache, source });
        Ok((read, failed))
    }
}

fn cache_path(
    directory: &Path,
    fingerprint: &str,
    stated: Option<Grid>,
    labels: Labels,
) -> PathBuf {
    let (kind, classes) = match labels {
        Labels::Required { classes } => ("required", classes),
        Labels::Optional { classes } => ("optional", classes),
    };
    let grid = stated.map(|grid| (grid.start(), grid.step(), grid.points()));
    let key = blake3::hash(format!("{VERSION} {fingerprint} {grid:?} {kind} {classes}").as_bytes());
    directory.join(format!("{}.patterns", &key.to_hex()[..32]))
}

/// Opens a cache file; `None` if it is absent, damaged or of another source.
fn open(cache: &Path, source: &Path, fingerprint: &str) -> Option<Dataset> {
    let file = std::fs::File::open(cache).ok()?;
    #[expect(unsafe_code, reason = "mapping a file is unsafe: another process could change it")]
    // SAFETY: a cache file is written under a temporary name, renamed into place and never written
    // to again, so no process of this program changes the mapped bytes.
    let map = unsafe { Mmap::map(&file) }.ok()?;
    let body = map.len().checked_sub(DIGEST)?;
    if map.get(..8)? != MAGIC || blake3::hash(&map[..body]).as_bytes() != &map[body..] {
        return None;
    }
    let number = |at: usize| Some(u32::from_le_bytes(map.get(at..at + 4)?.try_into().ok()?));
    let (version, header_length) = (number(8)?, number(12)? as usize);
    if version != VERSION {
        return None;
    }
    let header: Header = serde_json::from_slice(map.get(16..16 + header_length)?).ok()?;
    if header.fingerprint != fingerprint {
        return None;
    }
    let mut end = 16 + header_length;
    let mut section = |length: usize| {
        let start = end.next_multiple_of(ALIGNMENT);
        end = start + length;
        Section { start, length }
    };
    let offsets = section(8 * (header.samples.len() + 1));
    let values = section(4 * header.points);
    let indices = section(2 * header.points);
    if end != body {
        return None;
    }
    Some(Dataset {
        source: source.to_owned(),
        source_name: source_name(source),
        fingerprint: header.fingerprint,
        grid: header.grid,
        marker: header.marker,
        samples: header.samples,
        patterns: Storage::Mapped { map, offsets, indices, values },
        structures: None,
    })
}

/// Writes a cache file: temporary name, sync, rename.
fn write(cache: &Path, data: &Dataset) -> std::io::Result<()> {
    let directory = cache.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)?;
    let header = Header {
        fingerprint: data.fingerprint.clone(),
        grid: data.grid,
        marker: data.marker,
        samples: data.samples.clone(),
        points: data.patterns.values().len(),
    };
    let header = serde_json::to_vec(&header)?;
    let header_length =
        u32::try_from(header.len()).map_err(|_| std::io::ErrorKind::FileTooLarge)?;
    let temporary = temporary_beside(cache)?;
    let mut out = Hashing {
        out: std::io::BufWriter::new(temporary),
        hasher: blake3::Hasher::new(),
        written: 0,
    };
    out.put(&MAGIC)?;
    out.put(&VERSION.to_le_bytes())?;
    out.put(&header_length.to_le_bytes())?;
    out.put(&header)?;
    out.align()?;
    out.put(bytemuck::cast_slice(data.patterns.offsets()))?;
    out.align()?;
    out.put(bytemuck::cast_slice(data.patterns.values()))?;
    out.align()?;
    out.put(bytemuck::cast_slice(data.patterns.indices()))?;
    let digest = *out.hasher.finalize().as_bytes();
    out.out.write_all(&digest)?;
    let temporary = out.out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    persist(temporary, cache)
}

/// Writes and fingerprints at once.
struct Hashing<W> {
    out: W,
    hasher: blake3::Hasher,
    written: usize,
}

impl<W: Write> Hashing<W> {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.written += bytes.len();
        Ok(())
    }

    fn align(&mut self) -> std::io::Result<()> {
        let padding = self.written.next_multiple_of(ALIGNMENT) - self.written;
        self.put(&[0; ALIGNMENT][..padding])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(directory: &Path) -> PathBuf {
        let path = directory.join("t.csv");
        let text = "name,label,v1,v2,v3,v4\na,0,0,1,0.5,0\nb,1,2,0,0,0.00001\n";
        std::fs::write(&path, text).expect("a temporary directory is writable");
        path
    }

    #[test]
    fn a_cached_data_set_equals_the_one_that_was_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = table(directory.path());
        let labels = Labels::Required { classes: 2 };
        let read = Dataset::read(&path, labels, None).expect("a table");
        for _ in 0..2 {
            let (cached, failed) =
                Dataset::read_cached(&path, labels, None, &directory.path().join("cache"))
                    .expect("a table");
            assert!(failed.is_none());
            assert_eq!(cached.samples(), read.samples());
            assert_eq!(cached.marker(), read.marker());
            assert_eq!(cached.fingerprint(), read.fingerprint());
            for row in 0..read.len() {
                assert_eq!(cached.pattern(row), read.pattern(row));
            }
        }
        let again = open(&only_file(&directory.path().join("cache")), &path, read.fingerprint());
        assert!(matches!(again.expect("a cache").patterns, Storage::Mapped { .. }));
    }

    #[test]
    fn a_damaged_cache_is_read_as_absent() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = table(directory.path());
        let labels = Labels::Required { classes: 2 };
        let caches = directory.path().join("cache");
        let (read, _) = Dataset::read_cached(&path, labels, None, &caches).expect("a table");
        let cache = only_file(&caches);
        let whole = std::fs::read(&cache).expect("the cache");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&cache, &damaged).expect("the cache is writable");
            assert!(open(&cache, &path, read.fingerprint()).is_none(), "byte {at}");
            std::fs::write(&cache, &whole[..at]).expect("the cache is writable");
            assert!(open(&cache, &path, read.fingerprint()).is_none(), "length {at}");
        }
    }

    fn only_file(directory: &Path) -> PathBuf {
        let mut files = std::fs::read_dir(directory).expect("a directory");
        files.next().expect("one file").expect("an entry").path()
    }
}
