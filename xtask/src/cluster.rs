//! The tests on a real Slurm and a real HyperQueue: `tests/slurm/run.sh`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs them; true too where they cannot be installed, which the script says loudly. With
/// `XRDMATCH_REQUIRE_SLURM=1` that is a failure.
pub(crate) fn passes() -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    if !cfg!(target_os = "linux") {
        eprintln!("NOT RUN: Slurm and HyperQueue: this is no Linux");
        return env::var_os("XRDMATCH_REQUIRE_SLURM").is_none();
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let mut command = Command::new(root.join("tests/slurm/run.sh"));
    command.env("XRDMATCH", target.join("debug/xrdmatch"));
    command.status().is_ok_and(|status| status.success())
}
