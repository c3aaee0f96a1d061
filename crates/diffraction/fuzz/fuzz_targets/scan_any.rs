//! Any bytes, recognised by their content alone.
#![no_main]

use diffraction::scan::Scan;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(scans) = Scan::read_all_bytes("scan", bytes) {
        assert!(!scans.is_empty());
        for scan in scans {
            assert!(scan.two_theta().windows(2).all(|pair| pair[0] < pair[1]));
            assert!(scan.intensities().iter().all(|intensity| intensity.is_finite()));
        }
    }
});
