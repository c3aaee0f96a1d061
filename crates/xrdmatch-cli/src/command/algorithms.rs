//! `xrdmatch algorithms`

use clap::Args;
use xrdmatch::objective::Algorithm;

use super::print_json;
use crate::failure::Failure;

/// List the semi-supervised algorithms, what each does and where it comes from.
#[derive(Args)]
#[command(after_help = "Examples:
  xrdmatch algorithms
  xrdmatch train --demo --algorithm freematch")]
pub(crate) struct Algorithms {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Algorithms {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let all = Algorithm::ALL.map(Algorithm::description);
        if self.json {
            return print_json(&all);
        }
        for one in all {
            println!("{:<13} {}\n{:<13} {}", one.name, one.summary, "", one.source);
        }
        Ok(())
    }
}

/// The algorithms' names.
pub(super) fn names() -> [&'static str; Algorithm::ALL.len()] {
    Algorithm::ALL.map(|algorithm| algorithm.description().name)
}
