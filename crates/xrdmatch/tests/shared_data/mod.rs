//! Where tests find the shared data, which is third-party and never part of the project.

use std::path::PathBuf;

/// The path of a shared file, from `XRDMATCH_DATA` or `../shared/data` beside the project. Where it
/// is absent, says so loudly and returns `None`; where `XRDMATCH_REQUIRE_DATA=1`, fails.
pub(crate) fn shared_file(test: &str, name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let folder = std::env::var_os("XRDMATCH_DATA").map_or_else(beside, PathBuf::from);
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("XRDMATCH_REQUIRE_DATA").is_some_and(|value| value == "1");
    assert!(!required, "{test} needs {}, and XRDMATCH_REQUIRE_DATA is set", path.display());
    eprintln!("NOT RUN: {test}: needs shared data (set XRDMATCH_DATA)");
    None
}
