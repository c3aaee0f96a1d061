//! `xrdmatch data info`

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use diffraction::inspect::{Contents, ScanContents, StructureContents, TableContents, inspect};
use serde::Serialize;

use crate::command::print_json;
use crate::counter::{Counter, Unit};
use crate::failure::{Failure, chain};
use crate::text;

/// Say what a table, structure or scan file holds.
///
/// Tables are read to their end, so that what is wrong in the last row is found too.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  xrdmatch data info lbs.csv\n  xrdmatch data info scan.xrdml structure.cif --json"
)]
pub(super) struct Info {
    /// The files
    #[arg(value_name = "FILES", required = true)]
    files: Vec<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    files: Vec<Contents>,
    failed: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    path: PathBuf,
    reason: String,
}

impl Info {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (mut files, mut failed) = (Vec::new(), Vec::new());
        for path in self.files {
            let mut counter = Counter::new(Unit::Of("rows"), false);
            let found = inspect(&path, &mut |rows| counter.set(rows, None));
            counter.finish();
            match found {
                Ok(contents) => {
                    if !self.json {
                        print!("{}", describe(&contents));
                    }
                    files.push(contents);
                }
                Err(error) => failed.push(Failed { path, reason: chain(&error) }),
            }
        }
        let reasons: Vec<String> = failed.iter().map(|failed| failed.reason.clone()).collect();
        if self.json {
            print_json(&Report { files, failed })?;
        }
        if reasons.is_empty() { Ok(()) } else { Err(Failure::data(reasons.join("\nerror: "))) }
    }
}

fn describe(contents: &Contents) -> String {
    let mut text = format!("{} ({})\n", contents.path.display(), text::bytes(contents.bytes));
    if let Some(table) = &contents.table {
        describe_table(table, &mut text);
    }
    if let Some(structures) = &contents.structures {
        describe_structures(structures, &mut text);
    }
    for (index, scan) in contents.scans.iter().enumerate() {
        describe_scan(scan, index, contents.scans.len(), &mut text);
    }
    text
}

/// Adds a line of a name and a value.
fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {name:<14} {value}");
}

fn describe_table(table: &TableContents, text: &mut String) {
    line(text, "table", format_args!("{} patterns of {} points", table.rows, table.points));
    match table.grid {
        Some(grid) => line(text, "grid", grid),
        None => line(text, "grid", "not stated; taken as 0°, 0.02°, … where none is given"),
    }
    line(text, "columns", table.columns.join(", "));
    if !table.labels.is_empty() {
        let labels: Vec<String> =
            table.labels.iter().map(|(label, rows)| format!("{label}: {rows}")).collect();
        let none = match table.unlabeled {
            0 => String::new(),
            rows => format!("   ({rows} rows without)"),
        };
        line(text, "labels", format_args!("{}{none}", labels.join("   ")));
    }
    if let Some((low, high)) = table.conductivity {
        let rows = table.conductivities;
        line(text, "conductivity", format_args!("{low:e} to {high:e} S/cm in {rows} rows"));
    }
    let ((few, many), mean) = (table.nonzero, table.nonzero_mean);
    line(text, "non-zero", format_args!("{few} to {many} points a row, {mean:.1} in the mean"));
    line(text, "largest value", format_args!("{} to {}", table.peak.0, table.peak.1));
    if let Some(marker) = &table.marker {
        let (rows, low, high) = (marker.rows, marker.smallest, marker.largest);
        line(
            text,
            "last point",
            format_args!("{rows} of {} rows have a value, {low:e} to {high:e}", table.rows),
        );
        if !marker.tells_label.is_empty() {
            let labels: Vec<String> = marker.tells_label.iter().map(u8::to_string).collect();
            line(
                text,
                "",
                format_args!(
                    "it gives label {} away: set aside when read for learning",
                    labels.join(", ")
                ),
            );
        }
    }
    for ((count, names), what) in
        [(&table.repeated, "repeated names"), (&table.flat, "flat patterns")]
    {
        if *count > 0 {
            let more = if *count > names.len() as u64 { ", …" } else { "" };
            line(text, what, format_args!("{count}: {}{more}", names.join(", ")));
        }
    }
}

fn describe_structures(found: &StructureContents, text: &mut String) {
    line(text, "structures", found.structures);
    for structure in &found.described {
        let ([a, b, c], [alpha, beta, gamma]) = (structure.lengths, structure.angles);
        let disordered = if structure.disordered { ", disordered" } else { "" };
        line(
            text,
            "",
            format_args!(
                "{}  {}  {a:.4} {b:.4} {c:.4} Å  {alpha:.2} {beta:.2} {gamma:.2}°  {:.2} Å³, {} atoms, {} operations{disordered}",
                structure.name,
                structure.formula,
                structure.volume,
                structure.sites,
                structure.operations
            ),
        );
    }
    let described = found.described.len() as u64;
    if found.structures > described {
        line(text, "", format_args!("… and {} more", found.structures - described));
    }
    if found.failed > 0 {
        line(text, "unreadable", found.failed);
        for failure in &found.failures {
            line(text, "", failure);
        }
    }
}

fn describe_scan(scan: &ScanContents, index: usize, of: usize, text: &mut String) {
    let metadata = &scan.metadata;
    let number = if of > 1 { format!(" {} of {of}", index + 1) } else { String::new() };
    line(text, "scan", format_args!("{}{number}, {} points", metadata.format.name(), scan.points));
    let ((first, last), step) = (scan.range, scan.step);
    line(text, "range", format_args!("{first:.4} to {last:.4}° in steps of {step:.5}°"));
    let ((low, high), unit) = (scan.intensity, metadata.intensity_unit);
    let errors = if scan.uncertainties { ", with uncertainties" } else { "" };
    line(text, "intensity", format_args!("{low} to {high} ({unit:?}){errors}"));
    match metadata.wavelengths.effective() {
        Some(wavelength) => line(text, "wavelength", format_args!("{wavelength:.6} Å")),
        None => line(text, "wavelength", "not stated"),
    }
    let stated = [
        ("anode", metadata.anode.clone()),
        ("sample", metadata.sample.clone()),
        ("comment", metadata.comment.clone()),
        ("started", metadata.started.clone()),
        ("instrument", metadata.instrument.clone()),
        ("counting time", metadata.counting_time.map(|seconds| format!("{seconds} s"))),
    ];
    for (name, value) in stated {
        if let Some(value) = value {
            line(text, name, value);
        }
    }
    let strongest: Vec<String> =
        scan.peaks.iter().take(5).map(|(angle, _)| format!("{angle:.3}°")).collect();
    if scan.peaks.is_empty() {
        line(text, "peaks", "none found with the default search");
    } else {
        line(
            text,
            "peaks",
            format_args!("{}; the strongest at {}", scan.peaks.len(), strongest.join(", ")),
        );
    }
    for note in &metadata.notes {
        line(text, "note", note);
    }
}
