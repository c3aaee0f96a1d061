//! The tests in a real browser: `tests/browser`, with Node and Chromium.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names under which Chromium is known.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Runs the tests; true too where Node, Chromium or the packages of the tests cannot be had, after
/// saying so loudly. With `XRDMATCH_REQUIRE_BROWSER=1` that is a failure.
pub(crate) fn passes() -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tests = root.join("tests/browser");
    let Some(chromium) = env::var_os("CHROMIUM").or_else(|| BROWSERS.iter().find_map(which)) else {
        return not_run("no Chromium (Debian: apt-get install chromium, or set CHROMIUM)");
    };
    if !succeeds(Command::new("node").arg("--version")) {
        return not_run("no Node (Debian: apt-get install nodejs npm)");
    }
    if !tests.join("node_modules/playwright-core").exists() {
        let mut install = Command::new("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
        if !succeeds(install.current_dir(&tests)) {
            return not_run("the packages of tests/browser cannot be installed (npm ci)");
        }
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let built = |name: &str| {
        let name = format!("{name}{}", env::consts::EXE_SUFFIX);
        std::path::absolute(target.join("debug").join(&name)).unwrap_or_else(|_| name.into())
    };
    let mut command = Command::new("node");
    command.args(["--test", "--test-concurrency=1"]).current_dir(&tests);
    command.env("CHROMIUM", chromium).env("XRDMATCH", built("xrdmatch"));
    command.env("SYNTHETIC_RUN", built("examples/synthetic_run"));
    command.status().is_ok_and(|status| status.success())
}

fn not_run(why: &str) -> bool {
    eprintln!("NOT RUN: browser tests: {why}");
    env::var_os("XRDMATCH_REQUIRE_BROWSER").is_none()
}

/// The place of a program, where there is one.
fn which(name: &&str) -> Option<std::ffi::OsString> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|directory| directory.join(name));
    found.into_iter().find(|path| path.is_file()).map(Into::into)
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
