//! What the commands that turn many files into one table have in common.

use clap::Args;

use crate::failure::Failure;

/// How a batch of files is worked through.
#[derive(Args)]
pub(crate) struct BatchArguments {
    /// Stop at the first file that cannot be used, and write nothing
    #[arg(long)]
    pub(crate) strict: bool,

    /// Threads [default: all cores]
    #[arg(long, visible_alias = "jobs", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,

    /// Print the summary as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,

    /// Say nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl BatchArguments {
    /// Lets the work use as many threads as were asked for.
    pub(crate) fn use_threads(&self) -> Result<(), Failure> {
        let Some(threads) = self.threads else { return Ok(()) };
        rayon::ThreadPoolBuilder::new()
            .num_threads(usize::from(threads))
            .build_global()
            .map_err(|error| Failure::usage(format!("--threads {threads}: {error}")))
    }
}
