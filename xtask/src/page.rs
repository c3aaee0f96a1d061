//! The local page: what is committed must be what its sources make, bit for bit.
//!
//! `cargo xtask page` builds it into the sources of `xrdmatch-serve`; `cargo build` takes it from there
//! and needs no Node.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/xrdmatch-serve/page")
}

/// Builds the page in its place.
pub(crate) fn build() -> bool {
    let root = root();
    install(&root) && run(&root, &["run", "--silent", "build"])
}

/// Checks types, builds the page anew and compares; true too where Node or the packages cannot be had,
/// after saying so loudly. With `XRDMATCH_REQUIRE_BROWSER=1` that is a failure.
pub(crate) fn passes() -> bool {
    let root = root();
    if !succeeds(Command::new("node").arg("--version")) {
        return not_run("no Node (Debian: apt-get install nodejs npm)");
    }
    if !install(&root) {
        return not_run("its packages cannot be installed (npm install)");
    }
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| root.join("../../../target"));
    let Ok(anew) = std::path::absolute(target.join("page")) else { return false };
    let into = anew.display().to_string();
    if !run(&root, &["run", "--silent", "check"])
        || !run(&root, &["run", "--silent", "build", "--", "--emptyOutDir", "--outDir", &into])
    {
        return false;
    }
    let committed = files(&root.join("dist"));
    if committed == files(&anew) && !committed.is_empty() {
        return true;
    }
    eprintln!("the committed page is not what its sources make; `cargo xtask page` builds it");
    false
}

/// Installs the packages of the build, where they are not. Not by `npm ci`: it refuses a lock file that
/// leaves out binaries for other systems, as registries do that mirror only what is asked of them.
fn install(root: &Path) -> bool {
    let arguments =
        ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"];
    root.join("node_modules/vite").exists() || run(root, &arguments)
}

fn run(root: &Path, arguments: &[&str]) -> bool {
    Command::new("npm")
        .args(arguments)
        .current_dir(root)
        .status()
        .is_ok_and(|status| status.success())
}

/// The files of a directory, by name, with their bytes.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        fs::read(entry.path()).ok().map(|bytes| (name, bytes))
    };
    let mut files: Vec<_> = entries.filter_map(file).collect();
    files.sort();
    files
}

fn not_run(why: &str) -> bool {
    eprintln!("NOT RUN: the page built anew: {why}");
    env::var_os("XRDMATCH_REQUIRE_BROWSER").is_none()
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
