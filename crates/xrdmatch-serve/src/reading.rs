//! From files to patterns on the models' grid, exactly as `xrdmatch simulate` and `xrdmatch import` make
//! them.
//!
//! Structures become sticks by the recipe of the published files. Scans become sticks too
//! (`import --sticks`, with Kα2 stripped where the scan states both lines) when the models were trained
//! on sticks, else profiles. Rows of tables are taken as they are, and must lie on the models' grid.

use std::ops::ControlFlow;
use std::path::Path;

use diffraction::Grid;
use diffraction::batch::{Simulation, simulate_files};
use diffraction::files::Names;
use diffraction::import::{Import, import_files};
use diffraction::inspect::{Opened, open};
use diffraction::process::{PeakSearch, Processing};
use diffraction::scan::{IntensityUnit, Scan};
use diffraction::simulate::{Recipe, Wavelength};
use diffraction::table::{Row, TableReader};
use serde::{Deserialize, Serialize};
use xrdmatch::causes::chain;
use xrdmatch::dataset::{Dataset, Labels};
use xrdmatch::explain::{Planes, planes_of};

/// The most points of a scan that are kept to be drawn; of more, the extremes of short stretches.
const MOST_DRAWN: usize = 4000;

/// How files are read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    /// The models' grid.
    pub(crate) grid: Grid,
    /// Their number of classes.
    pub(crate) classes: u8,
    /// Whether scans become sticks.
    pub(crate) sticks: bool,
    /// The wavelength of scans that state none, Å.
    pub(crate) unstated_wavelength: f64,
    /// The most patterns.
    pub(crate) most: usize,
}

/// What a file was read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A crystal structure, simulated.
    Structure,
    /// A measured scan.
    Scan,
    /// A row of a table.
    Table,
}

/// A pattern before it came onto the grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Measured {
    /// The sticks of its row.
    Row,
    /// Points of a scan: angles (degrees two-theta) and intensities, and the unit of these.
    Profile { two_theta: Vec<f64>, intensities: Vec<f64>, unit: &'static str },
}

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) file: String,
    pub(crate) kind: Kind,
    pub(crate) row: Row,
    pub(crate) measured: Measured,
    /// What a person should know of the reading.
    pub(crate) notes: Vec<String>,
    /// The lattice planes of its structure, where known.
    pub(crate) planes: Vec<Planes>,
}

/// A file, or a part of one, that gave no pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The file.
    pub file: String,
    /// Why, and where in the file.
    pub message: String,
}

/// What some files gave.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) samples: Vec<Sample>,
    pub(crate) refused: Vec<Refused>,
}

impl Reading {
    /// Reads files, in order. `place` is the directory they lie in, which no message shows.
    pub(crate) fn read(&self, files: &[impl AsRef<Path>], place: &str) -> Read {
        let (mut read, mut names) = (Read::default(), Names::default());
        for path in files {
            let path = path.as_ref();
            if read.samples.len() >= self.most {
                let message =
                    format!("left out: {} patterns are the most of one request", self.most);
                read.refused.push(Refused { file: name_of(path), message });
                continue;
            }
            let (samples, refused) = (read.samples.len(), read.refused.len());
            self.file(path, &mut read);
            for sample in &mut read.samples[samples..] {
                sample.row.name = names.take(std::mem::take(&mut sample.row.name));
            }
            for refused in &mut read.refused[refused..] {
                refused.message = without_place(&refused.message, place, path);
            }
        }
        read
    }

    fn file(&self, path: &Path, read: &mut Read) {
        let refuse = |message: String| Refused { file: name_of(path), message };
        match open(path) {
            Err(error) => read.refused.push(refuse(chain(&error))),
            Ok(Opened::Table(table)) => self.table(path, table, read),
            Ok(Opened::Other { structures, scans }) => {
                let before = (read.samples.len(), read.refused.len());
                if structures.is_some() {
                    drop(structures);
                    self.structures(path, read);
                }
                // A CIF of a scan may hold a cell without atoms, which is no structure to simulate.
                if !scans.is_empty() {
                    if read.samples.len() == before.0 {
                        read.refused.truncate(before.1);
                    }
                    self.scans(path, &scans, read);
                }
            }
        }
    }

    /// Whether there is room for one more; says so where there is not.
    fn room(&self, path: &Path, read: &mut Read) -> bool {
        if read.samples.len() < self.most {
            return true;
        }
        let message = format!(
            "only the first {} patterns were read; `xrdmatch screen` ranks files of any length",
            self.most
        );
        read.refused.push(Refused { file: name_of(path), message });
        false
    }

    /// Takes a pattern in, if the models can be asked about it.
    fn take(&self, path: &Path, sample: Sample, read: &mut Read) {
        let labels = Labels::Optional { classes: self.classes };
        match Dataset::from_rows(path, self.grid, [sample.row.clone()], labels) {
            Ok(_) => read.samples.push(sample),
            Err(error) => {
                read.refused.push(Refused { file: name_of(path), message: chain(&error) });
            }
        }
    }

    fn table(&self, path: &Path, mut table: TableReader, read: &mut Read) {
        let refuse = |message: String| Refused { file: name_of(path), message };
        let (points, grid) = (table.columns().points, table.grid());
        if points != self.grid.points() || grid.is_some_and(|grid| !grid.is_same(&self.grid)) {
            let found = grid.map_or_else(|| format!("{points} points"), |grid| grid.to_string());
            let message =
                format!("its patterns have {found}, but the models were trained on {}", self.grid);
            return read.refused.push(refuse(message));
        }
        let mut row = Row::default();
        loop {
            match table.read(&mut row) {
                Ok(false) => return,
                Ok(true) if !self.room(path, read) => return,
                Ok(true) => {
                    let sample = Sample {
                        file: name_of(path),
                        kind: Kind::Table,
                        row: row.clone(),
                        measured: Measured::Row,
                        notes: Vec::new(),
                        planes: Vec::new(),
                    };
                    self.take(path, sample, read);
                }
                Err(error) => return read.refused.push(refuse(chain(&error))),
            }
        }
    }

    fn structures(&self, path: &Path, read: &mut Read) {
        let mut recipe = Recipe::paper();
        recipe.two_theta = (self.grid.start(), self.grid.end());
        let first = read.samples.len();
        let paths = [path.to_path_buf()];
        simulate_files(&paths, &Simulation::sticks(&recipe, &self.grid), &mut |outcome| {
            if !self.room(path, read) {
                return ControlFlow::Break(());
            }
            match outcome.row {
                Ok(row) => {
                    let sample = Sample {
                        file: name_of(path),
                        kind: Kind::Structure,
                        row,
                        measured: Measured::Row,
                        notes: Vec::new(),
                        planes: Vec::new(),
                    };
                    self.take(path, sample, read);
                }
                Err(error) => {
                    read.refused.push(Refused { file: name_of(path), message: chain(&error) });
                }
            }
            ControlFlow::Continue(())
        });
        if let [only] = &mut read.samples[first..] {
            only.planes = planes_of(path, Wavelength::CU_KA).unwrap_or_default();
        }
    }

    fn scans(&self, path: &Path, scans: &[Scan], read: &mut Read) {
        let doublet = |scan: &Scan| {
            let lines = scan.metadata().wavelengths;
            lines.alpha1.is_some() && (lines.alpha2.is_some() || lines.alpha2_ratio == Some(0.0))
        };
        let processing = Processing {
            unstated_wavelength: Some(self.unstated_wavelength),
            sticks: self.sticks.then(PeakSearch::default),
            strip_ka2: self.sticks && scans.iter().all(doublet),
            ..Processing::default()
        };
        let import =
            Import { processing: &processing, grid: &self.grid, all_scans: true, scaled: true };
        let mut number = 0;
        import_files(&[path.to_path_buf()], &import, &mut |outcome| {
            if !self.room(path, read) {
                return ControlFlow::Break(());
            }
            match outcome.scan {
                Ok(imported) => {
                    let mut notes = imported.report.remarks();
                    notes.extend(imported.metadata.notes);
                    if processing.strip_ka2 {
                        notes.push("Kα2 was stripped".to_owned());
                    }
                    if self.sticks {
                        notes.push(format!("{} peaks were found", imported.peaks));
                    }
                    let measured = scans.get(number).map_or(Measured::Row, drawn);
                    let (file, row) = (name_of(path), imported.row);
                    let planes = Vec::new();
                    let sample = Sample { file, kind: Kind::Scan, row, measured, notes, planes };
                    self.take(path, sample, read);
                }
                Err(error) => {
                    read.refused.push(Refused { file: name_of(path), message: chain(&error) });
                }
            }
            number += 1;
            ControlFlow::Continue(())
        });
    }
}

/// A scan as it is drawn.
fn drawn(scan: &Scan) -> Measured {
    let unit = match scan.metadata().intensity_unit {
        IntensityUnit::Counts => "counts",
        IntensityUnit::CountsPerSecond => "counts per second",
        IntensityUnit::Unstated => "",
    };
    let (angles, values) = (scan.two_theta(), scan.intensities());
    if angles.len() <= MOST_DRAWN {
        return Measured::Profile {
            two_theta: angles.to_vec(),
            intensities: values.to_vec(),
            unit,
        };
    }
    let (mut two_theta, mut intensities) = (Vec::new(), Vec::new());
    let stretch = angles.len().div_ceil(MOST_DRAWN / 2);
    for (angles, values) in angles.chunks(stretch).zip(values.chunks(stretch)) {
        let order = |a: &usize, b: &usize| values[*a].total_cmp(&values[*b]);
        let lowest = (0..values.len()).min_by(order).unwrap_or(0);
        let highest = (0..values.len()).max_by(order).unwrap_or(0);
        let (first, second) = (lowest.min(highest), lowest.max(highest));
        for place in [first, second].into_iter().take(if first == second { 1 } else { 2 }) {
            two_theta.push(angles[place]);
            intensities.push(values[place]);
        }
    }
    Measured::Profile { two_theta, intensities, unit }
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// A message that names the file as its sender did.
fn without_place(message: &str, place: &str, path: &Path) -> String {
    let message = message.replace(&path.display().to_string(), &name_of(path));
    message.replace(place, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use diffraction::scan::{ScanFormat, ScanMetadata};

    fn reading() -> Reading {
        let grid = Grid::published();
        Reading { grid, classes: 2, sticks: true, unstated_wavelength: 1.54184, most: 3 }
    }

    fn read(files: &[(&str, &str)]) -> Read {
        let directory = tempfile::tempdir().expect("a directory");
        let mut paths = Vec::new();
        for (name, text) in files {
            let path = directory.path().join(name);
            std::fs::write(&path, text).expect("written");
            paths.push(path);
        }
        reading().read(&paths, &directory.path().display().to_string())
    }

    fn scan(angle: f64) -> String {
        let point = |i: i32| {
            let x = 10.0 + 0.02 * f64::from(i);
            format!("{x:.2} {:.2}\n", 50.0 + 900.0 * (-((x - angle) / 0.08_f64).powi(2)).exp())
        };
        (0..2000).map(point).collect()
    }

    #[test]
    fn every_kind_of_file_is_read_and_what_fails_is_told_without_where_it_lay() {
        let salt = "Cs Cl\n1\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n";
        let found = read(&[
            ("POSCAR", salt),
            ("a.xy", &scan(25.0)),
            ("broken.cif", "data_x\nloop_\n_a\n_b\n1\n"),
            ("t.csv", "name,v1,v2,v3\na,0,1,0\n"),
        ]);
        let kinds: Vec<Kind> = found.samples.iter().map(|sample| sample.kind).collect();
        assert_eq!(kinds, [Kind::Structure, Kind::Scan]);
        assert!(!found.samples[0].planes.is_empty());
        assert!(found.samples[1].notes.iter().any(|note| note.contains("no wavelength stated")));
        let refused: Vec<&str> =
            found.refused.iter().map(|refused| refused.file.as_str()).collect();
        assert_eq!(refused, ["broken.cif", "t.csv"]);
        assert!(found.refused[0].message.starts_with("broken.cif"), "{}", found.refused[0].message);
        assert!(found.refused[1].message.contains("3 points"), "{}", found.refused[1].message);
    }

    #[test]
    fn there_is_a_most_and_names_that_are_taken_get_a_number() {
        let text = scan(30.0);
        let found = read(&[("a.xy", &text), ("a.dat", &text), ("b.xy", &text), ("c.xy", &text)]);
        let names: Vec<&str> = found.samples.iter().map(|s| s.row.name.as_str()).collect();
        assert_eq!(names, ["a", "a#2", "b"]);
        assert_eq!(found.refused.len(), 1);
    }

    #[test]
    fn of_long_scans_the_extremes_are_kept() {
        let two_theta: Vec<f64> = (0..50_000).map(|i| 5.0 + 0.001 * f64::from(i)).collect();
        let mut intensities = vec![10.0; 50_000];
        intensities[23_456] = 999.0;
        let scan = Scan::new(two_theta, intensities, ScanMetadata::new(ScanFormat::Columns));
        let Measured::Profile { two_theta, intensities, .. } = drawn(&scan.expect("a scan")) else {
            panic!("a profile")
        };
        assert!(two_theta.len() <= MOST_DRAWN && two_theta.windows(2).all(|w| w[0] < w[1]));
        assert!(intensities.contains(&999.0));
    }
}
