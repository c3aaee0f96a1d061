//! `cargo +nightly fuzz run cif -- -max_len=20000 -rss_limit_mb=1024 -timeout=10`
#![no_main]

use diffraction::simulate::{Recipe, simulate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for structure in diffraction::cif::read(bytes).unwrap_or_default() {
        // Larger cells only take longer.
        if structure.sites().len() as f64 * structure.lattice.volume() < 1e6 {
            let _ = simulate(&structure, &Recipe::paper());
        }
    }
});
