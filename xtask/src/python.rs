//! The tests of the Python package, on its wheel in a fresh virtual environment.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the wheel, installs it into a fresh virtual environment and runs the tests there; true too
/// where Python or the packages of the tests cannot be had, after saying so loudly. With
/// `XRDMATCH_REQUIRE_PYTHON=1` that is a failure.
pub(crate) fn passes() -> bool {
    let root = std::path::absolute(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let root = root.unwrap_or_else(|_| PathBuf::from("."));
    let package = root.join("crates/xrdmatch-python");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let target = std::path::absolute(&target).unwrap_or(target);
    let (venv, wheels) = (target.join("wheel/venv"), target.join("wheel/dist"));
    let mut create = Command::new("python3");
    if !runs(create.args(["-m", "venv", "--clear"]).arg(&venv)) {
        return not_run("no python3 with venv (Debian: apt-get install python3-venv)");
    }
    let program = |name: &str| venv.join(if cfg!(windows) { "Scripts" } else { "bin" }).join(name);
    let pip = |arguments: &[&str]| {
        let mut pip = Command::new(program("python"));
        pip.args(["-m", "pip", "--quiet", "--disable-pip-version-check", "install"]);
        pip.args(arguments).current_dir(&package);
        runs(&mut pip)
    };
    if !pip(&["-r", "tests/requirements.txt"]) {
        return not_run("the packages of crates/xrdmatch-python/tests cannot be installed (pip)");
    }
    // An old wheel must not be taken for the new one; that there may be none is no failure.
    let _ = std::fs::remove_dir_all(&wheels);
    let mut build = Command::new(program("maturin"));
    build.args(["build", "--quiet", "--profile", "dev", "--locked", "--out"]).arg(&wheels);
    build.env("CARGO_TARGET_DIR", &target).current_dir(&package);
    if !runs(&mut build) {
        return false;
    }
    let built = std::fs::read_dir(&wheels).ok().and_then(|mut files| files.next()?.ok());
    let Some(wheel) = built.map(|file| file.path().display().to_string()) else { return false };
    if !pip(&[&wheel]) {
        return false;
    }
    let command = target.join("debug").join(format!("xrdmatch{}", env::consts::EXE_SUFFIX));
    let mut tests = Command::new(program("python"));
    tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]).current_dir(&package);
    tests.env("XRDMATCH", command).env("PYTHONDONTWRITEBYTECODE", "1");
    runs(&mut tests)
}

fn not_run(why: &str) -> bool {
    eprintln!("NOT RUN: tests of the Python package: {why}");
    env::var_os("XRDMATCH_REQUIRE_PYTHON").is_none()
}

fn runs(command: &mut Command) -> bool {
    command.status().is_ok_and(|status| status.success())
}
