//! What the commands that turn many files into one table have in common.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use diffraction::Grid;
use diffraction::files::Names;

use crate::counter::{Counter, Unit};
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::skipped::{Skip, Skipped};
use crate::text;

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
    /// Begins the work, on as many threads as were asked for; `unit` is what is counted.
    pub(crate) fn begin(&self, unit: &'static str) -> Result<UnderWay<'_>, Failure> {
        if let Some(threads) = self.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(usize::from(threads))
                .build_global()
                .map_err(|error| Failure::usage(format!("--threads {threads}: {error}")))?;
        }
        Ok(UnderWay {
            arguments: self,
            stop: stop_on_signals("stopping; nothing is written")?,
            counter: Counter::new(Unit::Of(unit), self.quiet),
            names: Names::default(),
            skipped: Skipped::default(),
            rows: 0,
            fatal: None,
        })
    }
}

/// A batch that is being worked through.
pub(crate) struct UnderWay<'a> {
    arguments: &'a BatchArguments,
    stop: Arc<AtomicBool>,
    counter: Counter,
    names: Names,
    skipped: Skipped,
    rows: u64,
    fatal: Option<Failure>,
}

impl UnderWay<'_> {
    /// Takes in what became of a file, or of one of several things in it, and writes that; says
    /// whether to go on.
    pub(crate) fn take<T>(
        &mut self,
        outcome: Result<T, Skip>,
        write: impl FnOnce(T, &mut Names) -> Result<(), Failure>,
    ) -> ControlFlow<()> {
        if self.stop.load(Ordering::Relaxed) {
            return self.end_early(Failure::interrupted("stopped; nothing was written"));
        }
        match outcome {
            Ok(found) => {
                if let Err(failure) = write(found, &mut self.names) {
                    return self.end_early(failure);
                }
                self.rows += 1;
            }
            Err(skip) if self.arguments.strict => {
                return self.end_early(
                    Failure::data(skip.reason)
                        .hint("without --strict what fails is left out and listed"),
                );
            }
            Err(skip) => self.skipped.push(skip),
        }
        self.counter.set(self.rows + self.skipped.count, None);
        ControlFlow::Continue(())
    }

    fn end_early(&mut self, failure: Failure) -> ControlFlow<()> {
        self.fatal = Some(failure);
        ControlFlow::Break(())
    }

    /// What came of it; a failure too where nothing did, which `nothing` says.
    pub(crate) fn end(self, nothing: &str) -> Result<Worked, Failure> {
        let Self { counter, names, skipped, rows, fatal, .. } = self;
        let seconds = counter.finish();
        match fatal {
            Some(failure) => Err(failure),
            None if rows == 0 => {
                Err(Failure::data(format!("{nothing}; {}", skipped.text().trim_end())))
            }
            None => Ok(Worked { rows, renamed: names.numbered, skipped, seconds }),
        }
    }
}

/// What came of a batch.
pub(crate) struct Worked {
    pub(crate) rows: u64,
    /// Names that were taken and got a number.
    pub(crate) renamed: usize,
    pub(crate) skipped: Skipped,
    pub(crate) seconds: f64,
}

impl Worked {
    /// Tells people of it. Of files in directories, `passed_over` were not named as `wanted`.
    pub(crate) fn tell(&self, passed_over: usize, wanted: &str, grid: Grid, output: &Path) {
        eprint!("{}", self.skipped.text());
        if self.renamed > 0 {
            eprintln!("{} names were taken and got a number, as in `name#2`", self.renamed);
        }
        if passed_over > 0 {
            eprintln!("{passed_over} files in directories are not named as {wanted}; passed over");
        }
        let (rows, time) = (self.rows, text::duration(self.seconds));
        eprintln!("{rows} patterns ({grid}) into {} in {time}", output.display());
    }
}
