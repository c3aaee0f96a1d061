//! Where tests find the third-party data that the project does not hold.

use std::path::{Path, PathBuf};

/// The directory of shared data, or `None` after saying loudly that a test did not run.
pub(crate) fn data(test: &str) -> Option<PathBuf> {
    let data = std::env::var_os("XRDMATCH_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if data.is_dir() {
        return Some(data);
    }
    let required = std::env::var_os("XRDMATCH_REQUIRE_DATA").is_some_and(|value| value == "1");
    assert!(!required, "{test} needs shared data (set XRDMATCH_DATA)");
    eprintln!("NOT RUN: {test}: needs shared data (set XRDMATCH_DATA)");
    None
}
