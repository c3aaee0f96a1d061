//! What can go wrong with a download.

use std::path::PathBuf;

use diffraction::table::TableError;

/// What can go wrong with a download.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The system refused an operation on a file.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server answers, but not with the file.
    #[error("{url} answers {status}{}", reason(*status))]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server cannot be reached, or the connection fails again and again.
    #[error("{url} cannot be fetched: {source}")]
    Connection {
        /// The address.
        url: String,
        /// What the client says.
        source: Box<ureq::Error>,
    },
    /// The connection broke off too often.
    #[error("{url} broke off after {received}{} bytes", of(*expected))]
    BrokeOff {
        /// The address.
        url: String,
        /// Bytes received so far, kept on disk.
        received: u64,
        /// The whole file's, where the server says it.
        expected: Option<u64>,
    },
    /// What was fetched is something else.
    #[error("{url} is no table of patterns: {source}")]
    NotATable {
        /// The address.
        url: String,
        /// Why not.
        source: Box<TableError>,
    },
    /// A file of this name is there that was not fetched by this program.
    #[error("{} is there already and has no checksum beside it", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A file is no longer what was fetched.
    #[error("{} has changed since it was fetched: its BLAKE3 is {found}, it was {expected}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// The checksum beside it.
        expected: String,
        /// The file's.
        found: String,
    },
    /// The caller asked to stop.
    #[error("stopped after {received}{} bytes", of(*expected))]
    Stopped {
        /// Bytes received so far, kept on disk.
        received: u64,
        /// The whole file's, where the server says it.
        expected: Option<u64>,
    },
}

fn of(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |bytes| format!(" of {bytes}"))
}

fn reason(status: u16) -> &'static str {
    match status {
        401 | 403 => " (access refused)",
        404 | 410 => " (there is no such file)",
        407 => " (the proxy asks for a password)",
        429 => " (too many requests)",
        500.. => " (the server is in trouble)",
        _ => "",
    }
}
