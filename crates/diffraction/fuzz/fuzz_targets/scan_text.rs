//! Text behind the mark of each text format; the first byte chooses the mark and the extension.
#![no_main]

use diffraction::scan::Scan;
use libfuzzer_sys::fuzz_target;

const STARTS: [(&str, &str); 8] = [
    ("scan.xye", ""),
    ("scan.chi", "title\n2-Theta\nIntensity\n3\n"),
    ("scan.uxd", "_FILEVERSION=2\n_START=10\n_STEPSIZE=0.1\n"),
    ("scan.ras", "*RAS_HEADER_START\n"),
    ("scan.dat", "*TYPE = Raw\n*BEGIN\n"),
    ("scan.gsa", "title\nBANK 1 3 1 CONST 1000 2 0 0 "),
    ("scan.cif", "data_a\n_pd_meas_2theta_range_min 5\n_pd_meas_2theta_range_inc 0.1\n"),
    ("scan.xrdml", "<xrdMeasurements><xrdMeasurement><scan>"),
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let (name, start) = STARTS[usize::from(*choice) % STARTS.len()];
    let _ = Scan::read_all_bytes(name, &[start.as_bytes(), rest].concat());
});
