//! Published files from the network: continued where they broke off, checked ever after.
//!
//! A download is written to `.NAME.part`; what it is a part of (address, length, the server's mark of
//! the version) stands in `.NAME.part.json`. When it breaks off, the rest is asked for with `Range`
//! and `If-Range`, so that a file which changed in between is fetched anew and never patched
//! together; a server that knows no ranges sends all of it again. A whole file that reads as a table
//! gets its name by one rename, and its BLAKE3 beside it in `NAME.blake3`, which `b3sum --check`
//! reads too. From then on [`fetch`] only compares the two.
//!
//! Proxies are taken from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`),
//! certificates from the system's store.

mod download;
mod error;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use diffraction::table::TableReader;
use serde::{Deserialize, Serialize};

use crate::disk;
use download::Download;
pub use error::FetchError;

/// Where the published files lie (docs/data.md).
pub const PUBLISHED_AT: &str = "https://paddle-org.bj.bcebos.com/paddlescience/datasets/xrdmatch/";

/// The published files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishedFile {
    /// `lbs.csv`: 112 patterns with conductivity and label.
    Labeled,
    /// `ulbs.csv`: the unlabelled patterns.
    Unlabeled,
}

impl PublishedFile {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Labeled, Self::Unlabeled];

    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Labeled => "lbs.csv",
            Self::Unlabeled => "ulbs.csv",
        }
    }
}

/// How patiently a file is fetched.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How many times in a row the connection may break off without a byte gained.
    pub attempts: u32,
    /// How long to wait after the first of them; every further one doubles it.
    pub pause: Duration,
    /// How long a server may stay silent.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 4, pause: Duration::from_secs(1), silence: Duration::from_secs(60) }
    }
}

/// Where a download stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Bytes on disk.
    pub bytes: u64,
    /// The whole file's, where the server says it.
    pub of: Option<u64>,
}

/// A file that is there and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fetched {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of its bytes.
    pub blake3: String,
    /// Whether it was there before, so that it was only checked.
    pub was_there: bool,
    /// Bytes that an earlier download had left.
    pub continued_from: u64,
}

/// Fetches `url` into `path`, or checks the file that an earlier call put there.
///
/// With `anew` a file that is there is replaced. `stop` ends the download between two reads; what was
/// received stays for the next call.
///
/// # Errors
/// See [`FetchError`]. The file at `path` is then as it was before.
pub fn fetch(
    url: &str,
    path: &Path,
    anew: bool,
    patience: Patience,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Received),
) -> Result<Fetched, FetchError> {
    if path.exists() && !anew {
        return verify(path);
    }
    let download = Download::begin(url, path)?;
    let continued_from = download.received();
    let whole = download.complete(patience, stop, progress)?;
    // A page of a portal or proxy also comes with status 200.
    if let Err(source) = TableReader::open(&whole.part) {
        whole.discard();
        let source = Box::new(source);
        return Err(FetchError::NotATable { url: url.to_owned(), source });
    }
    let (blake3, bytes) = hash(&whole.part)?;
    // First the checksum, then the file: a file without one could not be checked, while a checksum
    // without its file is replaced by the next call.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let sum = checksum_path(path);
    disk::write_atomically(&sum, format!("{blake3}  {name}\n").as_bytes())
        .map_err(|source| FetchError::Io { action: "write", path: sum, source })?;
    whole.publish(path)?;
    Ok(Fetched { path: path.to_owned(), bytes, blake3, was_there: false, continued_from })
}

/// Compares a file with the checksum beside it.
///
/// # Errors
/// When there is no checksum, when it differs, or when the file cannot be read.
pub fn verify(path: &Path) -> Result<Fetched, FetchError> {
    let sum = checksum_path(path);
    let Ok(text) = std::fs::read_to_string(&sum) else {
        return Err(FetchError::NotOurs { path: path.to_owned() });
    };
    let expected = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
    let (blake3, bytes) = hash(path)?;
    if expected != blake3 {
        return Err(FetchError::Changed { path: path.to_owned(), expected, found: blake3 });
    }
    Ok(Fetched { path: path.to_owned(), bytes, blake3, was_there: true, continued_from: 0 })
}

/// `NAME.blake3` beside a file.
pub fn checksum_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".blake3");
    path.with_file_name(name)
}

/// BLAKE3 and length of a file.
fn hash(path: &Path) -> Result<(String, u64), FetchError> {
    let mut hasher = blake3::Hasher::new();
    File::open(path)
        .and_then(|file| hasher.update_reader(file).map(|_| ()))
        .map_err(|source| FetchError::Io { action: "read", path: path.to_owned(), source })?;
    Ok((hasher.finalize().to_hex().to_string(), hasher.count()))
}

/// What a part on disk is a part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PartOf {
    url: String,
    /// The whole file's length, where the server said it.
    length: Option<u64>,
    /// The strong `ETag`, else `Last-Modified`: what `If-Range` may carry.
    version: String,
}
