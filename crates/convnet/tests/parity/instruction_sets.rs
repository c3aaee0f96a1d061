//! Runs a test once per instruction set, each in a process of its own: the engine looks at
//! `XRDMATCH_ISA` when a network is made, and a variable of the own process is no test's to change.

use std::env;
use std::process::Command;

use crate::device::DEVICE;

const INSTRUCTION_SET: &str = "XRDMATCH_ISA";
const CASE: &str = "XRDMATCH_TEST_CASE";

/// The instruction sets the engine knows, and whether this machine has each.
fn known() -> [(&'static str, bool); 3] {
    #[cfg(target_arch = "x86_64")]
    let (avx2, avx512) = (
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl"),
    );
    #[cfg(not(target_arch = "x86_64"))]
    let (avx2, avx512) = (false, false);
    [("portable", true), ("avx2", avx2), ("avx512", avx512)]
}

/// Runs the ignored test `test` of this binary on `case` once per instruction set.
pub(crate) fn run_on_each(test: &str, case: &str) {
    let mut failures = Vec::new();
    for (instruction_set, present) in known() {
        if !present {
            eprintln!("NOT RUN: {test} ({case}): this machine has no {instruction_set}");
            continue;
        }
        println!("== {test} ({case}) with {instruction_set}");
        let variables = [(INSTRUCTION_SET, instruction_set), (DEVICE, "cpu")];
        if let Err(failure) = run_as_process(test, case, &variables) {
            failures.push(format!("with {instruction_set}:\n{failure}"));
        }
    }
    assert!(failures.is_empty(), "{test} ({case}) failed {}", failures.join("\nand "));
}

/// Runs the ignored test `test` of this binary on `case` in a process of its own with these variables.
pub(crate) fn run_as_process(
    test: &str,
    case: &str,
    variables: &[(&str, &str)],
) -> Result<(), String> {
    let output = Command::new(env::current_exe().expect("the path of this test"))
        .args(["--exact", test, "--ignored", "--nocapture", "--test-threads", "1"])
        .envs(variables.iter().copied())
        .env(CASE, case)
        .output()
        .expect("this test as a process");
    let out = String::from_utf8_lossy(&output.stdout);
    println!("{out}");
    // A misspelt name would run nothing and succeed.
    assert!(out.contains("running 1 test"), "{test} is not a test of this binary");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The case this process was started for; none when the test was not started by [`run_on_each`].
pub(crate) fn case_of_this_process() -> Option<String> {
    let case = env::var(CASE).ok();
    if case.is_none() {
        eprintln!("NOT RUN: this test is started by others with a case in {CASE}");
    }
    case
}
