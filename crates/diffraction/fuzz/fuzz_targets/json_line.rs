//! `cargo +nightly fuzz run json_line -- -max_len=4000 -timeout=10`
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = diffraction::structure::read_json_line(text);
});
