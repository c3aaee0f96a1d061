//! The measured scans of the shared data against what independent readers give for them.

use std::path::PathBuf;

use diffraction::scan::{Scan, ScanFormat};
use serde_json::Value;

/// Largest difference of an angle from the expectation, degrees.
const ANGLE_TOLERANCE: f64 = 1e-4;

/// Largest relative difference of an intensity: expectations are rounded to six decimals or less.
const INTENSITY_TOLERANCE: f64 = 1e-6;

/// The directory of the shared data; says so loudly, or fails where it is required, if absent.
pub(crate) fn shared_data(test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("XRDMATCH_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if root.join("scans_expected.jsonl").is_file() {
        return Some(root);
    }
    let required = std::env::var_os("XRDMATCH_REQUIRE_DATA").is_some_and(|value| value == "1");
    assert!(!required, "{test} needs shared data, which is not in {}", root.display());
    eprintln!("NOT RUN: {test}: needs shared data (set XRDMATCH_DATA)");
    None
}

fn close(found: f64, expected: f64, tolerance: f64, what: &str, file: &str) {
    assert!(
        (found - expected).abs() <= tolerance,
        "{file}: {what} is {found}, expected {expected}"
    );
}

fn assert_intensity(found: f64, expected: &Value, what: &str, file: &str) {
    let expected = expected.as_f64().expect("a number");
    close(found, expected, INTENSITY_TOLERANCE * expected.abs().max(1.0), what, file);
}

/// What holds for every scan.
fn assert_scan(scan: &Scan, file: &str) {
    assert_eq!(scan.two_theta().len(), scan.intensities().len(), "{file}");
    assert!(scan.two_theta().windows(2).all(|pair| pair[0] < pair[1]), "{file}");
    assert!(scan.intensities().iter().all(|intensity| intensity.is_finite()), "{file}");
}

#[test]
fn shared_scans_agree_with_independent_readers() {
    let Some(root) = shared_data("shared_scans_agree_with_independent_readers") else { return };
    let text = std::fs::read_to_string(root.join("scans_expected.jsonl")).expect("expectations");
    let mut compared = 0;
    for line in text.lines() {
        let expected: Value = serde_json::from_str(line).expect("json");
        let file = expected["file"].as_str().expect("a name");
        let scan = Scan::read(root.join("scans").join(file)).expect("a readable scan");
        assert_scan(&scan, file);
        let intensities = scan.intensities();
        if expected["n"].is_u64() {
            assert_eq!(scan.len() as u64, expected["n"].as_u64().unwrap(), "{file}: points");
            let (first, last) = scan.range();
            close(first, expected["x_first"].as_f64().unwrap(), ANGLE_TOLERANCE, "start", file);
            close(last, expected["x_last"].as_f64().unwrap(), ANGLE_TOLERANCE, "end", file);
            for (found, expected) in
                intensities.iter().zip(expected["y_first3"].as_array().unwrap())
            {
                assert_intensity(*found, expected, "an early intensity", file);
            }
            assert_intensity(intensities[scan.len() - 1], &expected["y_last"], "last", file);
            let (highest, &largest) =
                intensities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
            assert_intensity(largest, &expected["y_max"], "largest", file);
            let at_largest = expected["x_at_max"].as_f64().unwrap();
            close(scan.two_theta()[highest], at_largest, ANGLE_TOLERANCE, "angle of largest", file);
            assert_intensity(intensities.iter().sum(), &expected["y_sum"], "sum", file);
            compared += 1;
        } else if expected["n_datum"].is_u64() {
            let datum = |row: &str, column: usize| -> f64 {
                expected[row][column].as_str().unwrap().parse().unwrap()
            };
            assert_eq!(scan.len() as u64, expected["n_datum"].as_u64().unwrap(), "{file}");
            let (first, last) = scan.range();
            close(first, datum("datum_first", 2), ANGLE_TOLERANCE, "start", file);
            close(last, datum("datum_last", 2), ANGLE_TOLERANCE, "end", file);
            close(intensities[0], datum("datum_first", 7), 1e-9, "first", file);
            close(intensities[scan.len() - 1], datum("datum_last", 7), 1e-9, "last", file);
            compared += 1;
        } else if expected["profile"].is_object() {
            let column = &expected["profile"]["_pd_meas_intensity_total"];
            let item =
                |tag: &str| -> f64 { expected["items"][tag].as_str().unwrap().parse().unwrap() };
            assert_eq!(scan.len() as u64, column["n"].as_u64().unwrap(), "{file}");
            let (first, last) = scan.range();
            close(first, item("_pd_meas_2theta_range_min"), ANGLE_TOLERANCE, "start", file);
            close(last, item("_pd_meas_2theta_range_max"), ANGLE_TOLERANCE, "end", file);
            assert_intensity(intensities.iter().sum(), &column["sum"], "sum", file);
            assert_intensity(intensities[0], &column["first"], "first", file);
            let wavelength = scan.metadata().wavelengths.effective();
            assert_eq!(wavelength, Some(item("_diffrn_radiation_wavelength")));
            compared += 1;
        }
    }
    assert_eq!(compared, 17, "expectations compared");
}

#[test]
fn metadata_of_shared_scans_are_kept() {
    let Some(root) = shared_data("metadata_of_shared_scans_are_kept") else { return };
    let read = |file: &str| Scan::read(root.join("scans").join(file)).expect("a readable scan");
    let dara = read("dara_Li2CO3-ZrO2_8min.xrdml");
    let metadata = dara.metadata();
    assert_eq!(metadata.format, ScanFormat::Xrdml);
    assert_eq!(metadata.sample.as_deref(), Some("Li2CO3_0p9001-ZrO2_0p1000--8min"));
    assert_eq!(metadata.anode.as_deref(), Some("Cu"));
    assert_eq!(metadata.counting_time, Some(12.495));
    assert_eq!(metadata.wavelengths.alpha1, Some(1.540598));
    assert_eq!(metadata.wavelengths.alpha2_ratio, Some(0.5));
    let beamline = read("datalab_bmb.xye");
    assert_eq!(beamline.metadata().wavelengths.effective(), Some(0.414581));
    assert_eq!(beamline.metadata().sample.as_deref(), Some("eel69B"));
    assert_eq!(beamline.uncertainties().expect("a third column")[0], 37.744249);
    let rasx = read("datalab_JO_KL_16.rasx");
    assert_eq!(rasx.metadata().sample.as_deref(), Some("JO_KL_16_ZF"));
    assert_eq!(rasx.metadata().wavelengths.alpha1, Some(1.540593));
    assert_eq!(rasx.metadata().step, Some(0.02));
    let brml = read("nomad_23-012-AG.brml");
    assert_eq!(brml.metadata().wavelengths.alpha2, Some(1.54439));
    assert_eq!(brml.metadata().counting_time, Some(1.0));
    let eva = read("datalab_evadiffract.xy");
    assert_eq!(eva.metadata().anode.as_deref(), Some("Cu"));
    let raw = read("xylib_BT86.raw");
    let uxd = read("xylib_BT86_.UXD");
    assert_eq!(raw.intensities(), uxd.intensities(), "two files of one measurement");
    assert_eq!(uxd.metadata().sample.as_deref(), Some("BT86"));
    assert_eq!(raw.metadata().sample.as_deref(), Some("BT86"));
    assert_eq!(raw.metadata().wavelengths, uxd.metadata().wavelengths_with_mean(&raw));
    assert_eq!(raw.metadata().counting_time, Some(0.5));
}

/// UXD leaves out the mean wavelength that the binary file of the same measurement has.
trait WithMean {
    fn wavelengths_with_mean(&self, other: &Scan) -> diffraction::scan::Wavelengths;
}

impl WithMean for diffraction::scan::ScanMetadata {
    fn wavelengths_with_mean(&self, other: &Scan) -> diffraction::scan::Wavelengths {
        let mean = other.metadata().wavelengths.mean;
        diffraction::scan::Wavelengths { mean, ..self.wavelengths }
    }
}

#[test]
fn scans_without_an_independent_reader_agree_with_their_own_headers() {
    let test = "scans_without_an_independent_reader_agree_with_their_own_headers";
    let Some(root) = shared_data(test) else { return };
    let stoe = Scan::read(root.join("scans/xrdpattern_stoe.raw")).expect("a readable scan");
    assert_eq!(stoe.metadata().format, ScanFormat::StoeRaw);
    assert_eq!(stoe.len(), 5404);
    let (first, last) = stoe.range();
    close(first, 10.0, ANGLE_TOLERANCE, "start", "stoe");
    close(last, 91.045, ANGLE_TOLERANCE, "end", "stoe");
    close(stoe.mean_step(), 0.015, 1e-6, "step", "stoe");
    let bruker = Scan::read(root.join("scans/xrdpattern_bruker.raw")).expect("a readable scan");
    assert_eq!(bruker.metadata().format, ScanFormat::BrukerRaw4);
    assert_eq!(bruker.len(), 4059);
    close(bruker.range().0, 37.0001, 1e-9, "start", "bruker");
    close(bruker.mean_step(), 0.02045454498, 1e-9, "step", "bruker");
    let sample = bruker.metadata().sample.as_deref();
    assert_eq!(sample, Some("Cu-12%Ag_500C1700h_P5n5rpm1_RT"));
}
