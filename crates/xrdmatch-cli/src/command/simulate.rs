//! `xrdmatch simulate`

mod physics;

use std::path::PathBuf;

use clap::Args;
use diffraction::Grid;
use diffraction::batch::{self, simulate_files};
use diffraction::files::{Found, Wanted, find};
use diffraction::table::{Columns, TableError, TableWriter};
use serde::Serialize;

use self::physics::Physics;
use super::print_json;
use crate::angles::parse_grid;
use crate::batch::BatchArguments;
use crate::failure::{Failure, chain};
use crate::skipped::{Skip, Skipped};

/// Simulate powder patterns of crystal structures.
///
/// Reads CIF, POSCAR and lines of JSON (plain or compressed by gzip or zstd), from files and from
/// directories and what lies below them. A row is named after its file, or after the structure where
/// a file holds several. What cannot be read or simulated is left out and listed at the end.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Simulate {
    /// Structure files, or directories of them
    #[arg(value_name = "STRUCTURES", required = true)]
    structures: Vec<PathBuf>,

    /// The table to write: .csv, .csv.gz, .csv.zst or .parquet
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    physics: Physics,

    /// The grid, degrees two-theta
    #[arg(long, value_name = "START:STEP:STOP", value_parser = parse_grid, default_value = "0:0.02:90")]
    grid: Grid,

    #[command(flatten)]
    batch: BatchArguments,
}

const EXAMPLES: &str = "\
Examples:
  The recipe of the published files, ready for `xrdmatch predict`:
    xrdmatch simulate structures/ -o patterns.parquet
  Sticks for another tube, with displacement factors and anomalous scattering:
    xrdmatch simulate a.cif b.cif --recipe physical --wavelength MoKa -o mo.csv
  A pool of four times as many, every lattice as it is and three times strained by up to 3 %:
    xrdmatch simulate structures/ --strained 3 --lattice-strain 0.03 -o pool.parquet
  As a diffractometer would measure it, with the Kα doublet and counting noise:
    xrdmatch simulate a.cif --recipe physical --profile voigt --size 400 \\
        --background 5,-2,1 --counts 8000 --grid 10:0.02:80 -o measured.csv";

#[derive(Serialize)]
struct Summary<'a> {
    output: &'a PathBuf,
    rows: u64,
    grid: Grid,
    physics: serde_json::Value,
    renamed: usize,
    passed_over: usize,
    skipped: &'a Skipped,
    seconds: f64,
}

impl Simulate {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let made = self.physics.build(&self.grid)?;
        let Found { files, passed_over } = find(&self.structures, Wanted::Structures)
            .map_err(|error| Failure::data(error.to_string()))?;
        if files.is_empty() {
            return Err(Failure::data("no structure files were found").hint(
                "directories are searched for .cif, .vasp, .poscar, POSCAR, CONTCAR, .jsonl, .ndjson",
            ));
        }
        let columns = Columns::unlabeled(self.grid.points());
        let mut writer = TableWriter::create(&self.output, columns, Some(self.grid))?;
        let noise = made.noise();
        let (rows, strain) = made.strain();
        let mut under_way = self.batch.begin(if rows > 0 { "patterns" } else { "structures" })?;
        let simulation = batch::Simulation {
            recipe: &made.recipe,
            profile: made.profile.as_ref(),
            grid: &self.grid,
            finish: noise.as_deref(),
            strained: (rows > 0).then_some(batch::Strained { rows, strain: &strain }),
        };
        simulate_files(&files, &simulation, &mut |outcome| {
            let row = outcome.row.map_err(|error| Skip {
                file: outcome.path.to_owned(),
                name: error.structure().map(str::to_owned),
                reason: chain(&error),
            });
            under_way.take(row, |mut row, names| {
                row.name = names.take(std::mem::take(&mut row.name));
                Ok(writer.write(&row)?)
            })
        });
        let worked = under_way.end("no pattern could be made")?;
        writer.finish()?;

        if !self.batch.quiet {
            worked.tell(passed_over, "structures", self.grid, &self.output);
        }
        if self.batch.json {
            print_json(&Summary {
                output: &self.output,
                rows: worked.rows,
                grid: self.grid,
                physics: made.described,
                renamed: worked.renamed,
                passed_over,
                skipped: &worked.skipped,
                seconds: worked.seconds,
            })?;
        }
        Ok(())
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        let hint = match &error {
            TableError::Extension { .. } => Some("choose one of these endings with --output"),
            TableError::Unwritable { source, .. }
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                Some("free some space and run the same command again")
            }
            _ => None,
        };
        let usage = matches!(error, TableError::Extension { .. });
        let message = chain(&error);
        let failure = if usage { Self::usage(message) } else { Self::data(message) };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
