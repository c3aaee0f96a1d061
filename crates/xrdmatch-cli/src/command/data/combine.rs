//! `xrdmatch data merge` and `xrdmatch data convert`

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::{Args, ValueEnum};
use diffraction::Grid;
use diffraction::table::{Combination, CombineError, Regrid, Repeated, combine};
use serde::Serialize;

use crate::angles::parse_grid;
use crate::command::print_json;
use crate::command::train::parse_grid as parse_start_and_step;
use crate::counter::{Counter, Unit};
use crate::failure::{Failure, chain};
use crate::interrupt::stop_on_signals;
use crate::text;

/// Merge tables of patterns into one.
///
/// The output has every column that an input has, and its rows in the order of the files. All tables
/// must lie on one grid, or --grid puts them on one.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch data merge measured.csv simulated.parquet -o all.parquet\n  xrdmatch data merge a.csv b.csv --repeated number -o ab.csv.gz"
)]
pub(super) struct Merge {
    /// The tables
    #[arg(value_name = "FILES", required = true)]
    files: Vec<PathBuf>,

    /// What becomes of a row that is named as an earlier one
    #[arg(long, default_value = "refuse")]
    repeated: RepeatedName,

    #[command(flatten)]
    common: Common,
}

/// Convert a table of patterns to another container or grid.
///
/// The container follows the ending of the output. A new grid leaves out the last point of the old one,
/// which in the published files is a mark and no intensity.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch data convert ulbs.csv.gz -o ulbs.parquet\n  xrdmatch data convert sticks.csv --grid 10:0.05:80 --as sticks -o coarse.csv\n  xrdmatch data convert measured.csv --stated 5:0.013 --grid 0:0.02:90 --as profile -o on-grid.csv"
)]
pub(super) struct Convert {
    /// The table
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// The table to write: .csv, .csv.gz, .csv.zst or .parquet
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// Grid of text tables, which cannot say their own [default: 0:0.02]
    #[arg(long, value_name = "START:STEP", value_parser = parse_start_and_step)]
    stated: Option<(f64, f64)>,

    /// Bring all rows onto this grid, degrees two-theta
    #[arg(long, value_name = "START:STEP:STOP", value_parser = parse_grid, requires = "patterns")]
    grid: Option<Grid>,

    /// What the patterns are, which says how they come onto another grid
    #[arg(long = "as", id = "patterns", value_name = "KIND", requires = "grid")]
    kind: Option<Kind>,

    /// Print the summary as JSON on standard output
    #[arg(long)]
    json: bool,

    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

/// What patterns are.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// Lines without width: each goes to the nearest point
    Sticks,
    /// Measured or broadened: the mean over each point's bin, which keeps areas
    Profile,
}

/// What becomes of repeated names.
#[derive(Clone, Copy, ValueEnum)]
enum RepeatedName {
    /// Nothing is written
    Refuse,
    /// It gets a number, as in `name#2`
    Number,
    /// It is left out
    Skip,
}

#[derive(Serialize)]
struct Summary<'a> {
    output: &'a Path,
    rows: u64,
    grid: Grid,
    grid_assumed: bool,
    numbered: u64,
    left_out: u64,
    emptied: u64,
}

impl Merge {
    pub(super) fn run(self) -> Result<(), Failure> {
        let repeated = match self.repeated {
            RepeatedName::Refuse => Repeated::Refused,
            RepeatedName::Number => Repeated::Numbered,
            RepeatedName::Skip => Repeated::LeftOut,
        };
        self.common.run(&self.files, repeated)
    }
}

impl Convert {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.common.run(&[self.file], Repeated::Refused)
    }
}

impl Common {
    fn run(&self, files: &[PathBuf], repeated: Repeated) -> Result<(), Failure> {
        let how = |kind| match kind {
            Kind::Sticks => Regrid::Sticks,
            Kind::Profile => Regrid::Profile,
        };
        let regrid = self.grid.zip(self.kind.map(how));
        let combination = Combination { stated: self.stated, regrid, repeated };
        let stop = stop_on_signals("stopping; nothing is written")?;
        let mut counter = Counter::new(Unit::Of("rows"), self.quiet);
        let done = combine(files, &self.output, &combination, &mut |rows| {
            counter.set(rows, None);
            if stop.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let seconds = counter.finish();
        if !self.quiet {
            if done.assumed {
                eprintln!(
                    "no grid is stated for text tables; taken as 0°, 0.02°, … (see --stated)"
                );
            }
            for (count, what) in [
                (done.numbered, "names were taken and got a number, as in `name#2`"),
                (done.left_out, "rows are named as earlier ones and were left out"),
                (done.emptied, "rows have no intensity on the new grid and were left out"),
            ] {
                if count > 0 {
                    eprintln!("{count} {what}");
                }
            }
            let (rows, grid, time) = (done.rows, done.grid, text::duration(seconds));
            eprintln!("{rows} patterns ({grid}) into {} in {time}", self.output.display());
        }
        if self.json {
            print_json(&Summary {
                output: &self.output,
                rows: done.rows,
                grid: done.grid,
                grid_assumed: done.assumed,
                numbered: done.numbered,
                left_out: done.left_out,
                emptied: done.emptied,
            })?;
        }
        Ok(())
    }
}

impl From<CombineError> for Failure {
    fn from(error: CombineError) -> Self {
        match error {
            CombineError::Table(error) => error.into(),
            CombineError::Grids { .. } => Self::data(chain(&error))
                .hint("state the grid of text tables with --stated, or choose a common one with --grid and --as"),
            CombineError::Repeated { .. } => Self::data(chain(&error))
                .hint("`data merge --repeated number` or `--repeated skip` goes on"),
            CombineError::Grid { .. } => {
                Self::data(chain(&error)).hint("state the grid as --stated START:STEP")
            }
            CombineError::Stopped { .. } => Self::interrupted(chain(&error)),
            _ => Self::data(chain(&error)),
        }
    }
}
