//! `xrdmatch data fetch`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use xrdmatch::fetch::{
    FetchError, Fetched, PUBLISHED_AT, Patience, PublishedFile, checksum_path, fetch,
};

use crate::command::print_json;
use crate::counter::{Counter, Unit};
use crate::failure::{Failure, chain};
use crate::interrupt::stop_on_signals;
use crate::text;

/// Fetch the published files.
///
/// A download that broke off is continued by the same command. A file that is there is checked against
/// the checksum (BLAKE3) that was kept beside it. Proxies are taken from HTTPS_PROXY, HTTP_PROXY,
/// ALL_PROXY and NO_PROXY.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch data fetch\n  xrdmatch data fetch labeled --to data\n  xrdmatch data fetch --force"
)]
pub(super) struct Fetch {
    /// Which files
    #[arg(value_name = "FILES", default_values = ["labeled", "unlabeled"])]
    files: Vec<FileName>,

    /// The directory to put them in
    #[arg(long, value_name = "DIR", default_value = ".")]
    to: PathBuf,

    /// Where the files lie
    #[arg(long, value_name = "URL", default_value = PUBLISHED_AT)]
    from: String,

    /// Replace files that are there
    #[arg(long)]
    force: bool,

    /// How often in a row a connection may break off without a byte gained
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,

    /// How long a server may stay silent, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,

    /// Print the summary as JSON on standard output
    #[arg(long)]
    json: bool,

    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

/// The published files by name.
#[derive(Clone, Copy, ValueEnum)]
enum FileName {
    /// lbs.csv: patterns with conductivity and label
    Labeled,
    /// ulbs.csv: patterns without
    Unlabeled,
}

impl Fetch {
    pub(super) fn run(self) -> Result<(), Failure> {
        let stop = stop_on_signals("stopping; what was received is kept")?;
        let silence = Duration::from_secs(self.timeout);
        let patience = Patience { attempts: self.attempts, silence, ..Patience::default() };
        let mut all: Vec<Fetched> = Vec::new();
        for file in &self.files {
            let file = match file {
                FileName::Labeled => PublishedFile::Labeled,
                FileName::Unlabeled => PublishedFile::Unlabeled,
            };
            let path = self.to.join(file.name());
            let url = format!("{}/{}", self.from.trim_end_matches('/'), file.name());
            let mut counter = Counter::new(Unit::Bytes, self.quiet);
            let fetched = fetch(&url, &path, self.force, patience, &stop, &mut |received| {
                counter.set(received.bytes, received.of);
            });
            let seconds = counter.finish();
            let fetched = fetched?;
            if fetched.was_there {
                counter.say(&format!("{} is there and unchanged", path.display()));
            } else {
                let continued = match fetched.continued_from {
                    0 => String::new(),
                    bytes => format!(", continued after {bytes} bytes"),
                };
                counter.say(&format!(
                    "{} in {}{continued}; its checksum in {}",
                    path.display(),
                    text::duration(seconds),
                    checksum_path(&path).display()
                ));
            }
            all.push(fetched);
        }
        if self.json { print_json(&all) } else { Ok(()) }
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        let message = chain(&error);
        match error {
            FetchError::Stopped { .. } => {
                Self::interrupted(format!("{message}; the same command continues"))
            }
            FetchError::BrokeOff { .. } => Self::data(message)
                .hint("run the same command again: it continues where it broke off"),
            FetchError::Connection { .. } => Self::data(message)
                .hint("check the network; a proxy is taken from HTTPS_PROXY or HTTP_PROXY"),
            FetchError::Status { .. } => {
                Self::data(message).hint("docs/data.md names the addresses; --from sets another")
            }
            FetchError::NotATable { .. } => Self::data(message)
                .hint("a portal or proxy may have answered in the server's place"),
            FetchError::NotOurs { .. } | FetchError::Changed { .. } => {
                Self::data(message).hint("--force fetches the file anew and replaces it")
            }
            _ => Self::data(message),
        }
    }
}
