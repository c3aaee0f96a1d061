//! What a file holds, for people who look before they use it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::files::Names;
use crate::process::{PeakSearch, Processing};
use crate::scan::{Scan, ScanError, ScanMetadata, ScanProblem};
use crate::structure::{StructureFileError, StructureReader};
use crate::table::{Columns, Row, TableError, TableReader};
use crate::{Grid, Structure};

/// Structures described one by one; the others are counted.
const DESCRIBED: usize = 20;

/// Names of rows listed for a finding; the others are counted.
const LISTED: usize = 5;

/// What a file holds; a CIF may hold structures and scans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contents {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// A table of patterns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<TableContents>,
    /// Crystal structures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub structures: Option<StructureContents>,
    /// Measured scans.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scans: Vec<ScanContents>,
}

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableContents {
    /// Samples.
    pub rows: u64,
    /// Columns `v1…vN`.
    pub points: usize,
    /// The grid, if the file says it.
    pub grid: Option<Grid>,
    /// The columns before the points, under their published names.
    pub columns: Vec<&'static str>,
    /// Rows of each label.
    pub labels: BTreeMap<u8, u64>,
    /// Rows without a label.
    pub unlabeled: u64,
    /// Smallest and largest conductivity, S/cm.
    pub conductivity: Option<(f64, f64)>,
    /// Rows with a conductivity.
    pub conductivities: u64,
    /// Smallest and largest number of non-zero points in a row, without the last point.
    pub nonzero: (usize, usize),
    /// Mean number of non-zero points in a row.
    pub nonzero_mean: f64,
    /// Smallest and largest of the rows' largest intensities.
    pub peak: (f32, f32),
    /// The value at the last grid point, if any row has one.
    pub marker: Option<Marker>,
    /// How many rows are named as an earlier one, and some of their names.
    pub repeated: (u64, Vec<String>),
    /// How many rows have the same value everywhere, and some of their names.
    pub flat: (u64, Vec<String>),
}

/// Values at the last grid point: in the published files no intensity but a mark.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Marker {
    /// Rows that have one.
    pub rows: u64,
    /// The smallest.
    pub smallest: f32,
    /// The largest.
    pub largest: f32,
    /// Labels all of whose rows carry one and the same value that no other label's rows only carry:
    /// the point gives the label away.
    pub tells_label: Vec<u8>,
}

/// What a structure file holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StructureContents {
    /// Structures that can be read.
    pub structures: u64,
    /// Structures that cannot.
    pub failed: u64,
    /// What is wrong with the first of those.
    pub failures: Vec<String>,
    /// The first structures.
    pub described: Vec<StructureDescription>,
}

/// A structure in brief.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StructureDescription {
    /// Its name in the file.
    pub name: String,
    /// Reduced formula.
    pub formula: String,
    /// Lengths, Å.
    pub lengths: [f64; 3],
    /// Angles, degrees.
    pub angles: [f64; 3],
    /// Volume of the cell, Å³.
    pub volume: f64,
    /// Atom positions in the cell.
    pub sites: usize,
    /// Symmetry operations that it was made with; 1 for plain lists of atoms.
    pub operations: usize,
    /// Whether a site is occupied in part or by several species.
    pub disordered: bool,
}

/// A scan in brief.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanContents {
    /// Points.
    pub points: usize,
    /// First and last angle, degrees two-theta.
    pub range: (f64, f64),
    /// Mean step, degrees.
    pub step: f64,
    /// Smallest and largest intensity.
    pub intensity: (f64, f64),
    /// Whether the file gives an uncertainty for each point.
    pub uncertainties: bool,
    /// Peaks found with the default settings: angle (degrees two-theta) and height, highest first.
    pub peaks: Vec<(f64, f64)>,
    /// What the file says besides.
    pub metadata: ScanMetadata,
}

/// Why it cannot be said what a file holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// A table that is missing, unreadable or faulty.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A faulty structure file.
    #[error(transparent)]
    Structure(#[from] StructureFileError),
    /// A faulty scan.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// None of the formats that are known.
    #[error(
        "{} is neither a table of patterns nor a structure nor a scan in a known format", path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
    },
}

/// Says what a file holds: a table, structures, scans.
///
/// A table or lines of JSON are read to their end, so that what is wrong in the last row is found;
/// `each` is told the rows read so far.
///
/// # Errors
/// When the file cannot be read, is of no known format, or is damaged.
pub fn inspect(path: &Path, each: &mut dyn FnMut(u64)) -> Result<Contents, InspectError> {
    let bytes = path.metadata().map_or(0, |metadata| metadata.len());
    let mut contents = Contents {
        path: path.to_path_buf(),
        bytes,
        table: None,
        structures: None,
        scans: Vec::new(),
    };
    match open(path)? {
        Opened::Table(reader) => contents.table = Some(table(reader, each)?),
        Opened::Other { structures: found, scans } => {
            contents.structures = found.map(|reader| structures(reader, each));
            contents.scans = scans.iter().map(scan).collect();
        }
    }
    Ok(contents)
}

/// A file that was opened as what it is.
pub enum Opened {
    /// A table of patterns.
    Table(TableReader),
    /// Structures, scans, or both, as a CIF may hold them.
    Other {
        /// The structures, where the file is of a format for them.
        structures: Option<StructureReader>,
        /// The scans; none where it is of no format for them.
        scans: Vec<Scan>,
    },
}

/// Opens a file as what its content says it is.
///
/// # Errors
/// When the file cannot be read, is of no known format, or is damaged; of a table or of lines of JSON
/// only the beginning has been read.
pub fn open(path: &Path) -> Result<Opened, InspectError> {
    let not_a_table = match TableReader::open(path) {
        Ok(reader) => return Ok(Opened::Table(reader)),
        Err(
            error @ (TableError::Missing { .. }
            | TableError::Unreadable { .. }
            | TableError::Empty { .. }),
        ) => return Err(error.into()),
        Err(error) => error,
    };
    let structures = StructureReader::open(path);
    let scans = Scan::read_all(path);
    let (no_structure, no_scan) = match (structures, scans) {
        (Err(no_structure), Err(no_scan)) => (no_structure, no_scan),
        (structures, scans) => {
            let (structures, scans) = (structures.ok(), scans.unwrap_or_default());
            return Ok(Opened::Other { structures, scans });
        }
    };
    // The most telling of three errors: that of the format whose marks the file bears.
    let is_scan = !matches!(
        *no_scan.problem,
        ScanProblem::UnknownFormat { .. } | ScanProblem::NoPoints { .. }
    );
    match (not_a_table, no_structure) {
        (TableError::NotATable { .. } | TableError::LongLine { .. }, structure) => {
            let bears_no_mark = matches!(
                structure,
                StructureFileError::Unknown { .. } | StructureFileError::File(_)
            );
            if !bears_no_mark {
                Err(structure.into())
            } else if is_scan {
                Err(no_scan.into())
            } else {
                Err(InspectError::Unknown { path: path.to_path_buf() })
            }
        }
        (table, _) => Err(table.into()),
    }
}

fn table(mut reader: TableReader, each: &mut dyn FnMut(u64)) -> Result<TableContents, TableError> {
    let columns = reader.columns();
    let last = (columns.points - 1) as u16;
    let mut row = Row::default();
    let mut names = Names::default();
    let mut found = TableContents {
        rows: 0,
        points: columns.points,
        grid: reader.grid(),
        columns: described_columns(columns),
        labels: BTreeMap::new(),
        unlabeled: 0,
        conductivity: None,
        conductivities: 0,
        nonzero: (usize::MAX, 0),
        nonzero_mean: 0.0,
        peak: (f32::INFINITY, 0.0),
        marker: None,
        repeated: (0, Vec::new()),
        flat: (0, Vec::new()),
    };
    // Per label (none last): smallest and largest value at the last point.
    let mut marks: BTreeMap<u8, (f32, f32)> = BTreeMap::new();
    let mut total = 0_u64;
    while reader.read(&mut row)? {
        found.rows += 1;
        each(found.rows);
        match row.label {
            Some(label) => *found.labels.entry(label).or_default() += 1,
            None => found.unlabeled += 1,
        }
        if let Some(value) = row.conductivity {
            let (low, high) = found.conductivity.unwrap_or((value, value));
            found.conductivity = Some((low.min(value), high.max(value)));
            found.conductivities += 1;
        }
        let mark = match row.indices.last() {
            Some(&index) if index == last => row.values.pop().unwrap_or_default(),
            _ => 0.0,
        };
        if mark > 0.0 {
            let marker = found.marker.get_or_insert(Marker {
                rows: 0,
                smallest: mark,
                largest: mark,
                tells_label: Vec::new(),
            });
            marker.rows += 1;
            marker.smallest = marker.smallest.min(mark);
            marker.largest = marker.largest.max(mark);
        }
        if let Some(label) = row.label {
            let (low, high) = marks.entry(label).or_insert((mark, mark));
            (*low, *high) = (low.min(mark), high.max(mark));
        }
        let count = row.values.len();
        found.nonzero = (found.nonzero.0.min(count), found.nonzero.1.max(count));
        total += count as u64;
        let (low, high) = row
            .values
            .iter()
            .fold((f32::INFINITY, 0.0_f32), |(low, high), &v| (low.min(v), high.max(v)));
        found.peak = (found.peak.0.min(high), found.peak.1.max(high));
        if count == 0 || (count + 1 >= columns.points && low == high) {
            note(&mut found.flat, &row.name);
        }
        if !names.is_new(&row.name) {
            note(&mut found.repeated, &row.name);
        }
    }
    found.nonzero_mean = total as f64 / found.rows.max(1) as f64;
    if let Some(marker) = &mut found.marker {
        // One value for a whole label, and another label's rows that do not all share it.
        let constant = |(low, high): (f32, f32)| low == high;
        let all_alike = marks.values().all(|&m| constant(m) && m == marks[&first(&marks)]);
        if marks.len() > 1 && !all_alike {
            marker.tells_label =
                marks.iter().filter(|&(_, &m)| constant(m)).map(|(&label, _)| label).collect();
        }
    }
    Ok(found)
}

/// The smallest label; 0 of none.
fn first(marks: &BTreeMap<u8, (f32, f32)>) -> u8 {
    marks.keys().next().copied().unwrap_or(0)
}

fn note((count, names): &mut (u64, Vec<String>), name: &str) {
    *count += 1;
    if names.len() < LISTED {
        names.push(name.to_owned());
    }
}

fn described_columns(columns: Columns) -> Vec<&'static str> {
    [
        (columns.has_formula, "formula_id"),
        (columns.has_id, "index"),
        (true, "name"),
        (columns.has_conductivity, "conductivity"),
        (columns.has_label, "label"),
    ]
    .into_iter()
    .filter_map(|(present, name)| present.then_some(name))
    .collect()
}

fn structures(reader: StructureReader, each: &mut dyn FnMut(u64)) -> StructureContents {
    let mut found =
        StructureContents { structures: 0, failed: 0, failures: Vec::new(), described: Vec::new() };
    for structure in reader {
        each(found.structures + found.failed);
        match structure {
            Ok(structure) => {
                found.structures += 1;
                if found.described.len() < DESCRIBED {
                    found.described.push(describe(&structure));
                }
            }
            Err(error) => {
                found.failed += 1;
                if found.failures.len() < LISTED {
                    found.failures.push(error.to_string());
                }
            }
        }
    }
    found
}

fn describe(structure: &Structure) -> StructureDescription {
    let (lengths, angles) = structure.lattice.parameters();
    let partial = |kind: &crate::structure::Kind| {
        kind.occupants.len() > 1 || kind.occupants.iter().any(|o| o.occupancy < 1.0)
    };
    StructureDescription {
        name: structure.name.clone(),
        formula: structure.reduced_formula(),
        lengths,
        angles,
        volume: structure.lattice.volume(),
        sites: structure.sites().len(),
        operations: structure.symmetry().order(),
        disordered: structure.kinds().iter().any(partial),
    }
}

fn scan(scan: &Scan) -> ScanContents {
    let intensities = scan.intensities();
    ScanContents {
        points: scan.len(),
        range: scan.range(),
        step: scan.mean_step(),
        intensity: intensities
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v))),
        uncertainties: scan.uncertainties().is_some(),
        peaks: peaks(scan),
        metadata: scan.metadata().clone(),
    }
}

/// Peaks as they stand, at the wavelength of the scan; none where the default search finds none.
fn peaks(scan: &Scan) -> Vec<(f64, f64)> {
    let search = Processing {
        wavelength_to: None,
        sticks: Some(PeakSearch::default()),
        ..Processing::default()
    };
    let Ok(grid) = Grid::new(0.0, 0.02, 9001) else { return Vec::new() };
    let Ok(processed) = search.apply(scan, "", &grid) else { return Vec::new() };
    let mut peaks: Vec<(f64, f64)> =
        processed.peaks.iter().map(|peak| (peak.two_theta, peak.height)).collect();
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
    peaks
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const TABLE: &str = "formula_id,index,name,condutivity,label,v1,v2,v3,v4\n\
        A,1,a,1e-3,0,0,1,0,1e-5\nB,2,b,,1,0.5,0,1,2e-5\nC,3,b,1e-9,1,0,0,0,1e-5\n";

    #[test]
    fn a_table_is_described_with_what_is_wrong_with_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("t.csv");
        fs::write(&path, TABLE).expect("written");
        let found = inspect(&path, &mut |_| {}).expect("a table").table.expect("a table");
        assert_eq!((found.rows, found.points, found.grid), (3, 4, None));
        assert_eq!(found.labels, BTreeMap::from([(0, 1), (1, 2)]));
        assert_eq!((found.conductivity, found.conductivities), (Some((1e-9, 1e-3)), 2));
        assert_eq!((found.nonzero, found.peak), ((0, 2), (0.0, 1.0)));
        assert_eq!(found.repeated, (1, vec!["b".to_owned()]));
        assert_eq!(found.flat, (1, vec!["b".to_owned()]));
        let marker = found.marker.expect("a marker");
        assert_eq!((marker.rows, marker.smallest, marker.largest), (3, 1e-5, 2e-5));
        assert_eq!(marker.tells_label, [0]);
    }

    #[test]
    fn structures_and_scans_are_told_apart() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, text).expect("written");
            path
        };
        let salt = "Cs Cl\n1\n4.12 0 0\n0 4.12 0\n0 0 4.12\nCs Cl\n1 1\nDirect\n0 0 0\n.5 .5 .5\n";
        let found = inspect(&write("POSCAR", salt), &mut |_| {}).expect("a structure");
        let structure = &found.structures.expect("structures").described[0];
        assert_eq!((structure.formula.as_str(), structure.sites), ("CsCl", 2));
        assert!(found.scans.is_empty() && found.table.is_none());

        let point = |i: i32| {
            let x = 10.0 + 0.02 * f64::from(i);
            format!("{x:.2} {:.2}\n", 50.0 + 900.0 * (-((x - 25.0) / 0.08_f64).powi(2)).exp())
        };
        let found = inspect(&write("a.xy", &(0..2000).map(point).collect::<String>()), &mut |_| {});
        let found = found.expect("a scan");
        assert!(found.structures.is_none());
        assert_eq!(found.scans[0].points, 2000);
        assert!((found.scans[0].peaks[0].0 - 25.0).abs() < 0.01, "{:?}", found.scans[0].peaks);

        let error =
            inspect(&write("x.bin", "\u{1}\u{2}nothing"), &mut |_| {}).expect_err("unknown");
        assert!(matches!(error, InspectError::Unknown { .. }), "{error}");
        let error = inspect(&write("x.cif", "data_x\nloop_\n_a\n_b\n1\n"), &mut |_| {})
            .expect_err("ragged");
        assert!(matches!(error, InspectError::Structure(_)), "{error}");
        let error =
            inspect(&write("t.csv", "name,v1,v3\na,1,2\n"), &mut |_| {}).expect_err("no v2");
        assert!(matches!(error, InspectError::Table(TableError::MissingColumn { .. })), "{error}");
        let error = inspect(&directory.path().join("absent"), &mut |_| {}).expect_err("absent");
        assert!(matches!(error, InspectError::Table(TableError::Missing { .. })), "{error}");
    }
}
