//! The project's chores.
//!
//! `cargo xtask test` runs every check that a change must pass: formatting, lints, tests of all
//! crates, documentation tests, and the check of dependencies. What it needs and does not find it
//! installs or, for tests that need data, says loudly that they did not run.

mod browser;
mod cluster;
mod page;
mod python;

use std::env;
use std::process::{Command, ExitCode};
use std::time::Instant;

const USAGE: &str = "\
usage: cargo xtask test [STEP…]
       cargo xtask page          builds the local page anew (needs Node)

Runs every check but the last three, or only the steps named:
  format   cargo fmt --check
  lint     cargo clippy with warnings as errors
  test     the tests of all crates
  doc      documentation tests, and the documentation itself with warnings as errors
  page     the local page, built anew and compared with what is committed (needs Node; says NOT RUN without)
  browser  the report and the local page in a real browser (needs Node and Chromium; says NOT RUN without)
  python   the Python package: its wheel, its tests and the notebook (says NOT RUN without Python)
  deny     licences, advisories and sources of dependencies (installs cargo-deny when it is absent)
  long     what takes minutes, only when it is named: experiments on a real Slurm and HyperQueue with
           nodes killed (needs root on Linux, installs slurm-wlm; says NOT RUN without)
  gpu      the engine for graphics processors, on the first adapter, software too; builds burn
           (needs libvulkan and a driver, as Debian's libvulkan1 and mesa-vulkan-drivers; says NOT RUN without)
  gpu-all  the same with what takes a software adapter long: lints, every layer, two networks against
           PyTorch, one of them the published at full length, the command line";

/// The steps that run only when they are named.
const RARE: [&str; 3] = ["long", "gpu", "gpu-all"];

/// What is built of the workspace, alike in every step: with other packages or features cargo would unify
/// the features of dependencies otherwise, and build most of them again.
const WHOLE: [&str; 3] = ["--workspace", "--features", "convnet/reference"];

/// The engine for graphics processors alone.
const GPU: [&str; 3] = ["--profile=gpu", "--package=convnet", "--features=wgpu,reference"];

/// A step by name: the cargo commands it runs; `WHOLE` stands for [`WHOLE`], `GPU` for [`GPU`].
const STEPS: [(&str, &[&[&str]]); 11] = [
    ("format", &[&["fmt", "--all", "--check"]]),
    ("lint", &[&["clippy", "WHOLE", "--all-targets", "--quiet", "--", "-D", "warnings"]]),
    ("test", &[&["test", "WHOLE", "--no-fail-fast"]]),
    ("doc", &[&["test", "WHOLE", "--doc", "--quiet"], &["doc", "WHOLE", "--no-deps", "--quiet"]]),
    // Done by `page::passes`.
    ("page", &[]),
    // What is built here, `browser::passes` then runs.
    ("browser", &[&["build", "WHOLE", "--bins", "--examples", "--quiet"]]),
    ("gpu", &[&["test", "GPU", "--lib", "--", "gpu::"]]),
    (
        "gpu-all",
        &[
            &["clippy", "GPU", "--all-targets", "--quiet", "--", "-D", "warnings"],
            &["test", "GPU", "--lib", "--test=parity", "--", "gpu::", "graphics_processor"],
            &[
                "test",
                "--profile=gpu",
                "--package=xrdmatch-cli",
                "--features=gpu",
                "--test=cli",
                "--",
                "device::",
            ],
        ],
    ),
    // The package is held against the command line; the rest is `python::passes`.
    ("python", &[&["build", "WHOLE", "--bins", "--examples", "--quiet"]]),
    ("deny", &[&["deny", "--log-level", "error", "check", "bans", "licenses", "sources"]]),
    // What is built here, `cluster::passes` then runs.
    ("long", &[&["build", "WHOLE", "--bins", "--examples", "--quiet"]]),
];

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let chore = arguments.next();
    if chore.as_deref() == Some("page") {
        return if page::build() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    if chore.as_deref() != Some("test") {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let asked: Vec<String> = arguments.collect();
    if let Some(unknown) = asked.iter().find(|asked| STEPS.iter().all(|(name, _)| name != asked)) {
        eprintln!("there is no step `{unknown}`\n\n{USAGE}");
        return ExitCode::from(2);
    }
    let mut failed = Vec::new();
    for (name, commands) in STEPS {
        let wanted = if asked.is_empty() {
            !RARE.contains(&name)
        } else {
            asked.iter().any(|one| one == name)
        };
        if !wanted {
            continue;
        }
        let began = Instant::now();
        eprintln!("== {name}");
        let built =
            (name != "deny" || have_deny()) && commands.iter().all(|command| cargo(command));
        let passed = built
            && match name {
                "page" => page::passes(),
                "browser" => browser::passes(),
                "python" => python::passes(),
                "deny" => advisories(),
                "long" => cluster::passes(),
                _ => true,
            };
        eprintln!(
            "== {name}: {} in {:.0} s",
            if passed { "passed" } else { "FAILED" },
            began.elapsed().as_secs_f64()
        );
        if !passed {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        eprintln!("every check passed");
        ExitCode::SUCCESS
    } else {
        eprintln!("failed: {}", failed.join(", "));
        ExitCode::FAILURE
    }
}

/// Runs cargo; says whether it succeeded.
fn cargo(arguments: &[&str]) -> bool {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    for argument in arguments {
        match *argument {
            "WHOLE" => command.args(WHOLE),
            "GPU" => command.args(GPU),
            _ => command.arg(argument),
        };
    }
    if arguments.first() == Some(&"doc") {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    command.status().is_ok_and(|status| status.success())
}

/// Checks known vulnerabilities, where their database can be had.
fn advisories() -> bool {
    if cargo(&["deny", "--log-level", "off", "fetch", "db"]) {
        return cargo(&["deny", "--log-level", "error", "check", "advisories"]);
    }
    eprintln!("NOT RUN: advisories: their database cannot be fetched");
    true
}

/// Whether cargo-deny is there, after installing it if need be.
fn have_deny() -> bool {
    let found = |arguments: &[&str]| {
        let output = Command::new("cargo").args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    found(&["deny", "--version"]) || {
        eprintln!("installing cargo-deny");
        // Unoptimised: it runs for a second and builds four times faster.
        cargo(&["install", "cargo-deny", "--locked", "--debug", "--quiet"])
    }
}
