//! `xrdmatch serve`

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;
use serde::Serialize;
use xrdmatch::screen::PriorChoice;
use xrdmatch_serve::{ServeError, Server, Settings};

use super::print_json;
use super::screen::parse_prior;
use crate::device::DeviceArgument;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;

/// Open a local page: drop patterns and see what the models say, browse candidates and runs.
///
/// Reads every format that the program reads, says of a pattern exactly what `screen` and `explain` say,
/// and follows a training while it goes on. Programs find the same under /api/v1, described by
/// /api/v1/openapi.json. Listens to this machine alone, writes to no run, and asks nothing of any other
/// host.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// A run, or a directory of runs
    #[arg(value_name = "RUN", default_value = "runs")]
    runs: PathBuf,

    /// The port [default: one that is free]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,

    /// The address to listen at; any but a loopback address lets others in
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// A name under which browsers may ask, besides addresses and localhost; may be given again
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,

    /// Open the page in a browser
    #[arg(long)]
    open: bool,

    /// Candidates to browse: what `xrdmatch screen` wrote (.csv or .jsonl)
    #[arg(long, value_name = "FILE")]
    candidates: Option<PathBuf>,

    /// What `xrdmatch explain -o` says of the candidates, to mark the peaks that drive the prediction
    #[arg(long, value_name = "FILE", requires = "candidates")]
    explanations: Option<PathBuf>,

    /// The file of patterns that the candidates are in [default: the run's unlabelled file]
    #[arg(long, value_name = "FILE", requires = "candidates")]
    patterns: Option<PathBuf>,

    /// The share of superionic compounds among what is asked about: a number, or `labelled` (as among the
    /// labelled rows)
    #[arg(long, default_value = "labelled", value_name = "P", value_parser = prior)]
    prior: PriorChoice,

    /// Where the run's labelled file is now, if it was moved
    #[arg(long, value_name = "FILE")]
    labeled: Option<PathBuf>,

    /// Where the run's unlabelled file is now, if it was moved
    #[arg(long, value_name = "FILE")]
    unlabeled: Option<PathBuf>,

    #[command(flatten)]
    device: DeviceArgument,

    /// Print the address as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  xrdmatch serve runs/default --open
  xrdmatch serve runs/default --candidates ranked.csv
  xrdmatch serve                        # all runs in the directory `runs`
From a program:
  curl -F file=@scan.xrdml http://127.0.0.1:PORT/api/v1/analyses
On a machine without a screen, from the one before you:
  ssh -L 8000:127.0.0.1:8000 host xrdmatch serve runs/default --port 8000";

fn prior(text: &str) -> Result<PriorChoice, String> {
    match parse_prior(text)? {
        PriorChoice::Estimated => {
            Err("a share is estimated from a file of patterns, by `xrdmatch screen`".to_owned())
        }
        choice => Ok(choice),
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Listening {
    url: String,
    host: IpAddr,
    port: u16,
}

impl Serve {
    pub(crate) fn run(self) -> Result<(), Failure> {
        self.device.choose(false)?;
        let mut settings = Settings::new(self.runs);
        (settings.host, settings.port, settings.names) = (self.host, self.port, self.allow_host);
        (settings.candidates, settings.patterns) = (self.candidates, self.patterns);
        settings.explanations = self.explanations;
        (settings.labeled, settings.unlabeled) = (self.labeled, self.unlabeled);
        settings.rank.prior = self.prior;
        let server = Server::bind(settings)?;
        let stop = stop_on_signals("ending what is under way")?;
        let url = server.url();
        if !self.host.is_loopback() {
            eprintln!(
                "warning: listening at {}: whoever reaches this machine can read its runs and use its \
                 processors; there is no password",
                server.address()
            );
        }
        if self.json {
            print_json(&Listening {
                url: url.clone(),
                host: server.address().ip(),
                port: server.address().port(),
            })?;
        } else {
            println!("{url}");
            eprintln!("open this address in a browser; Ctrl-C ends the server");
        }
        if self.open {
            open(&url);
        }
        Ok(server.run(&stop)?)
    }
}

/// Opens the page in the browser of whoever sits before this machine, if it can be told.
fn open(url: &str) {
    let (program, first): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/c", "start"])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(first).arg(url);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.spawn().is_err() {
        eprintln!("notice: no browser could be opened; open the address yourself");
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match &error {
            ServeError::NoRuns { .. } => Self::data(error.to_string())
                .hint("give a run, or a directory of runs; train one with `xrdmatch train`"),
            ServeError::Absent { .. } => Self::data(error.to_string()),
            ServeError::Listen { .. } => Self::usage(error.to_string())
                .hint("without --port the system chooses one that is free"),
            ServeError::Threads(_) => Self::data(error.to_string()),
        }
    }
}
