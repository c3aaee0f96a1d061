//! Why the server cannot serve.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A server that cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is neither a run nor a directory of runs.
    #[error("{} is neither a run nor a directory of runs", path.display())]
    NoRuns {
        /// What was asked for.
        path: PathBuf,
    },
    /// A file that is to be shown is not there.
    #[error("{} is not there", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The address is taken, or not this machine's.
    #[error("listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system gives no threads.
    #[error("start the server's threads: {0}")]
    Threads(std::io::Error),
}
