//! `cargo +nightly fuzz run poscar -- -max_len=4000 -timeout=10`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = diffraction::structure::read_poscar(text);
});
