//! Our readers against the `geddes` crate, an independent witness, wherever it reads the format.

use diffraction::scan::{Scan, ScanFormat};

use crate::corpus::samples;
use crate::shared_data::shared_data;

/// Largest differences from what geddes reads.
const ANGLE_TOLERANCE: f64 = 1e-6;
const RELATIVE_TOLERANCE: f64 = 1e-12;

fn assert_same(name: &str, ours: &Scan, theirs: &geddes::Pattern) {
    assert_eq!(ours.len(), theirs.x.len(), "{name}: points");
    for (a, b) in ours.two_theta().iter().zip(&theirs.x) {
        assert!((a - b).abs() <= ANGLE_TOLERANCE, "{name}: angle {a} and {b}");
    }
    for (a, b) in ours.intensities().iter().zip(&theirs.y) {
        assert!((a - b).abs() <= RELATIVE_TOLERANCE * b.abs(), "{name}: intensity {a} and {b}");
    }
}

/// Formats, or variants of them, that geddes does not read.
fn geddes_reads(name: &str, format: ScanFormat) -> bool {
    !matches!(
        format,
        ScanFormat::StepList
            | ScanFormat::RigakuDat
            | ScanFormat::BrukerRaw1
            | ScanFormat::BrukerRaw2
            | ScanFormat::RigakuRaw
            | ScanFormat::StoeRaw
    ) && !name.starts_with("semicolon")
}

#[test]
fn written_files_are_read_alike() {
    let mut compared = 0;
    for sample in samples() {
        if !geddes_reads(sample.name, sample.format) {
            continue;
        }
        let theirs = geddes::read_bytes(&sample.bytes, sample.name)
            .unwrap_or_else(|error| panic!("{}: {error}", sample.name));
        let ours = Scan::read_bytes(sample.name, &sample.bytes).expect("a readable sample");
        assert_same(sample.name, &ours, &theirs);
        compared += 1;
    }
    assert_eq!(compared, 16);
}

#[test]
fn shared_files_are_read_alike() {
    let Some(root) = shared_data("shared_files_are_read_alike") else { return };
    let mut compared = 0;
    for entry in std::fs::read_dir(root.join("scans")).expect("scans") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        // RAW 1 and STOE it does not read; of pdCIF it prefers the corrected angles.
        if ["pyxrd_brk_raw1.raw", "xrdpattern_stoe.raw", "xylib_cod1517474_pd.cif", "SOURCES.csv"]
            .contains(&name.as_str())
        {
            continue;
        }
        let theirs = geddes::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let ours = Scan::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_same(&name, &ours, &theirs);
        compared += 1;
    }
    assert!(compared >= 16, "{compared} files compared");
}
