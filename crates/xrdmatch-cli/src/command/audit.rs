//! `xrdmatch audit`

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Args;
use xrdmatch::audit::{AuditSettings, LoadedTable, Part, Row, Table, audit_observed};

use super::print_json;
use crate::failure::Failure;
use crate::text;

/// Look for what is wrong with data files before they are believed.
///
/// Finds columns and simple numbers that give the label away, equal and nearly equal patterns within
/// and across classes and files, labels that contradict the conductivity, compositions in both
/// classes, and patterns that are none. Every finding comes with what it means and what to do.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Audit {
    /// Tables: those with a `label` column count as labelled, the others as unlabelled
    #[arg(value_name = "DATA", required = true)]
    data: Vec<PathBuf>,

    /// A table for a last judgement: nothing like its rows may stand among the labelled ones
    #[arg(long, value_name = "FILE")]
    test: Vec<PathBuf>,

    /// Cosine of blurred patterns from which two are near-twins
    #[arg(long, default_value_t = AuditSettings::default().twin_cosine, value_name = "COSINE")]
    twin_cosine: f32,

    /// The most findings of one kind that are listed
    #[arg(long, default_value_t = AuditSettings::default().listed, value_name = "N")]
    listed: usize,

    /// Exit with 1 if there is an alarm
    #[arg(long)]
    strict: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Say nothing but errors and the findings
    #[arg(long, short)]
    quiet: bool,
}

const EXAMPLES: &str = "\
Examples:
  xrdmatch audit lbs.csv
  xrdmatch audit lbs.csv ulbs.csv.gz --test new_measurements.csv
  xrdmatch audit lbs.csv --strict --json > audit.json";

impl Audit {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut loaded: Vec<LoadedTable> = Vec::new();
        let files = self.data.iter().map(|path| (path, None));
        let tests = self.test.iter().map(|path| (path, Some(Part::Test)));
        for (path, part) in files.chain(tests) {
            let mut table = LoadedTable::read(path, part)?;
            if loaded.iter().any(|other| other.source() == table.source()) {
                table = table.named(path.display().to_string());
            }
            if !self.quiet {
                let part = match table.part() {
                    Part::Labelled => "labelled",
                    Part::Unlabelled => "unlabelled",
                    Part::Test => "for testing",
                };
                eprintln!("{}: {} patterns, {part}", table.source(), table.len());
            }
            loaded.push(table);
        }
        let rows: Vec<Vec<Row<'_>>> = loaded.iter().map(LoadedTable::rows).collect();
        let tables: Vec<Table<'_>> =
            loaded.iter().zip(&rows).map(|(table, rows)| table.table(rows)).collect();
        let settings = AuditSettings {
            twin_cosine: self.twin_cosine,
            listed: self.listed,
            ..AuditSettings::default()
        };
        let told = Mutex::new(Instant::now());
        let audit = audit_observed(&tables, &settings, &|done, all| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.quiet && told.elapsed() > Duration::from_secs(2) {
                *told = Instant::now();
                eprintln!("near-twins: {done} of {all} patterns compared");
            }
        })?;
        if self.json {
            print_json(&audit)?;
        } else {
            print!("{}", text::audit::audit(&audit));
        }
        let alarms = audit.alarms().count();
        if self.strict && alarms > 0 {
            return Err(Failure::negative(format!("{alarms} alarms")));
        }
        Ok(())
    }
}
