//! `xrdmatch import`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use diffraction::Grid;
use diffraction::files::{Found, Wanted, find};
use diffraction::import::{Import as Batch, MetadataWriter, import_files};
use diffraction::process::{BackgroundRemoval, PeakSearch, Processing, Smoothing};
use diffraction::simulate::Wavelength;
use diffraction::table::{Columns, TableWriter};
use serde::Serialize;

use super::print_json;
use crate::angles::parse_grid;
use crate::batch::BatchArguments;
use crate::failure::{Failure, chain};
use crate::skipped::{Skip, Skipped};

/// Bring measured scans onto a grid.
///
/// Reads .xy .xye .dat .csv .chi .xrdml .brml .raw (Bruker 1–4, Rigaku, STOE) .uxd .ras .rasx, GSAS and
/// powder CIF, from files and from directories and what lies below them. Angles are converted to the
/// wavelength of the published patterns, the background is removed, and the profile is resampled so
/// that areas are kept. What the files say besides (wavelength, step, counting time, sample, …) is
/// kept in a side file, one line of JSON for each row.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// Scan files, or directories of them
    #[arg(value_name = "SCANS", required = true)]
    scans: Vec<PathBuf>,

    /// The table to write: .csv, .csv.gz, .csv.zst or .parquet
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// Where the metadata go [default: OUTPUT.metadata.jsonl]
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,

    /// The grid, degrees two-theta
    #[arg(long, value_name = "START:STEP:STOP", value_parser = parse_grid, default_value = "0:0.02:90")]
    grid: Grid,

    /// Wavelength to which angles are converted through d: a line, a value in Å, or `keep`
    #[arg(long, value_name = "NAME|Å|keep", default_value = "CuKa")]
    to_wavelength: String,

    /// Wavelength of scans that do not state theirs: a line, a value in Å, or `none` to refuse them
    #[arg(long, value_name = "NAME|Å|none", default_value = "CuKa")]
    wavelength: String,

    /// Convert intensities too, by the Lorentz-polarisation factors of both angles
    #[arg(long)]
    lorentz_polarisation: bool,

    /// Half the width, degrees, of the widest feature that is a peak and no background; `keep` leaves the background
    #[arg(long, value_name = "DEGREES|keep", default_value = "1.5")]
    background: String,

    /// Strip Kα2 (Rachinger); needs scans that state both wavelengths
    #[arg(long)]
    strip_ka2: bool,

    /// Smooth first: points on either side, and the polynomial's degree (Savitzky–Golay)
    #[arg(long, value_name = "POINTS[:DEGREE]", value_parser = parse_smoothing)]
    smooth: Option<Smoothing>,

    /// Search peaks and write them as sticks of their areas, as the published patterns are
    #[arg(long)]
    sticks: bool,

    /// Usual width of a peak at half its height, degrees
    #[arg(long, value_name = "DEGREES", requires = "sticks")]
    peak_width: Option<f64>,

    /// How far a peak must stand out of its noise, in standard deviations
    #[arg(long, value_name = "SIGMAS", requires = "sticks")]
    significance: Option<f64>,

    /// Smallest height of a peak over that of the highest
    #[arg(long, value_name = "SHARE", requires = "sticks")]
    relative_height: Option<f64>,

    /// Which scans of files that hold several
    #[arg(long, default_value = "all")]
    ranges: Ranges,

    /// Keep the unit of the intensities; else the largest point of each row becomes 1
    #[arg(long)]
    keep_scale: bool,

    #[command(flatten)]
    batch: BatchArguments,
}

const EXAMPLES: &str = "\
Examples:
  Profiles for a look or a network trained on profiles:
    xrdmatch import scans/ -o measured.parquet
  Sticks like those of the published files, for `xrdmatch predict`:
    xrdmatch import scan.xrdml --strip-ka2 --sticks -o sticks.csv
  A molybdenum scan without a stated wavelength, smoothed:
    xrdmatch import mo.xy --wavelength MoKa --smooth 4:2 -o mo.csv";

/// Which scans of a file.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Ranges {
    /// Each a row of its own
    All,
    /// The first alone
    First,
}

#[derive(Serialize)]
struct Summary<'a> {
    output: &'a PathBuf,
    metadata: &'a PathBuf,
    rows: u64,
    grid: Grid,
    processing: &'a Processing,
    remarks: Vec<Remark>,
    renamed: usize,
    passed_over: usize,
    skipped: &'a Skipped,
    seconds: f64,
}

/// What a person should know of a row.
#[derive(Serialize)]
struct Remark {
    name: String,
    remarks: Vec<String>,
}

/// Remarks kept; beyond it they stand in the side file only.
const REMARKS: usize = 1000;

impl Import {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let processing = self.processing()?;
        let metadata = self.metadata.clone().unwrap_or_else(|| {
            let mut name = self.output.file_name().unwrap_or_default().to_owned();
            name.push(".metadata.jsonl");
            self.output.with_file_name(name)
        });
        let Found { files, passed_over } =
            find(&self.scans, Wanted::Scans).map_err(|error| Failure::data(error.to_string()))?;
        if files.is_empty() {
            return Err(Failure::data("no scan files were found").hint(
                "`xrdmatch import --help` lists the endings that directories are searched for",
            ));
        }
        let columns = Columns { has_formula: false, ..Columns::unlabeled(self.grid.points()) };
        let mut writer = TableWriter::create(&self.output, columns, Some(self.grid))?;
        let mut side = MetadataWriter::create(&metadata)?;
        let mut under_way = self.batch.begin("scans")?;
        let mut remarks = Vec::new();
        let import = Batch {
            processing: &processing,
            grid: &self.grid,
            all_scans: self.ranges == Ranges::All,
            scaled: !self.keep_scale,
        };
        import_files(&files, &import, &mut |outcome| {
            let scan = outcome.scan.map_err(|error| Skip {
                file: outcome.path.to_owned(),
                name: None,
                reason: chain(&error),
            });
            under_way.take(scan, |mut scan, names| {
                let name = names.take(std::mem::take(&mut scan.row.name));
                scan.row.name.clone_from(&name);
                writer.write(&scan.row)?;
                side.write(&name, outcome.path, &scan)?;
                let found: Vec<String> =
                    scan.report.remarks().into_iter().chain(scan.metadata.notes).collect();
                if !found.is_empty() && remarks.len() < REMARKS {
                    remarks.push(Remark { name, remarks: found });
                }
                Ok(())
            })
        });
        let worked = under_way.end("no scan could be imported")?;
        writer.finish()?;
        side.finish()?;

        if !self.batch.quiet {
            for remark in remarks.iter().take(20) {
                eprintln!("{}: {}", remark.name, remark.remarks.join("; "));
            }
            worked.tell(passed_over, "scans", self.grid, &self.output);
            eprintln!("metadata in {}", metadata.display());
        }
        if self.batch.json {
            print_json(&Summary {
                output: &self.output,
                metadata: &metadata,
                rows: worked.rows,
                grid: self.grid,
                processing: &processing,
                remarks,
                renamed: worked.renamed,
                passed_over,
                skipped: &worked.skipped,
                seconds: worked.seconds,
            })?;
        }
        Ok(())
    }

    fn processing(&self) -> Result<Processing, Failure> {
        let background = match self.background.as_str() {
            "keep" => None,
            text => {
                let half_width = text.parse().map_err(|_| {
                    Failure::usage(format!("--background is `{text}`, expected degrees or `keep`"))
                })?;
                Some(BackgroundRemoval { half_width })
            }
        };
        let defaults = PeakSearch::default();
        let sticks = self.sticks.then_some(PeakSearch {
            width: self.peak_width.unwrap_or(defaults.width),
            significance: self.significance.unwrap_or(defaults.significance),
            relative_height: self.relative_height.unwrap_or(defaults.relative_height),
        });
        let processing = Processing {
            unstated_wavelength: wavelength(&self.wavelength, "none")?,
            wavelength_to: wavelength(&self.to_wavelength, "keep")?,
            lorentz_polarisation: self.lorentz_polarisation,
            smooth: self.smooth,
            background,
            strip_ka2: self.strip_ka2,
            sticks,
        };
        processing.validate().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(processing)
    }
}

fn wavelength(text: &str, nothing: &str) -> Result<Option<f64>, Failure> {
    if text.eq_ignore_ascii_case(nothing) {
        return Ok(None);
    }
    let wavelength: Wavelength =
        text.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    Ok(Some(wavelength.angstrom()))
}

fn parse_smoothing(text: &str) -> Result<Smoothing, String> {
    let (points, degree) = text.split_once(':').unwrap_or((text, "2"));
    let number =
        |text: &str| text.trim().parse().map_err(|_| format!("`{text}` is not a whole number"));
    Ok(Smoothing { half_width: number(points)?, degree: number(degree)? })
}
