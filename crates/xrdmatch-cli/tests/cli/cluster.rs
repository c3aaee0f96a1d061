//! Runs merged, and scripts for Slurm. A real Slurm is in `tests/slurm`; here its programs are played.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::{Fixture, stderr, stdout};

const EXPERIMENTS: [&str; 3] = ["--experiments", "0..4", "--no-baselines"];

/// Results without times.
fn result(fixture: &Fixture, run: &str, experiment: u32) -> serde_json::Value {
    let text = fixture.read(&format!("{run}/exp_{experiment:03}/result.json"));
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    value.as_object_mut().expect("an object").remove("seconds");
    value
}

fn parts(fixture: &Fixture) {
    for (run, shard) in [("a", "1/2"), ("b", "2/2")] {
        fixture.ok(&[&fixture.train(run, &EXPERIMENTS)[..], &["--shard", shard]].concat());
    }
}

#[test]
fn runs_of_parts_merge_into_the_run_of_the_whole() {
    let fixture = Fixture::new();
    fixture.write("small.toml", crate::fixture::ENCODED);
    fixture.ok(&fixture.train("whole", &EXPERIMENTS));
    parts(&fixture);
    let text = stdout(&fixture.ok(&["runs", "merge", "a", "b", "-o", "c", "--json"]));
    let merged: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(merged["copied"], serde_json::json!([0, 1, 2, 3]));
    for experiment in 0..4 {
        assert_eq!(result(&fixture, "c", experiment), result(&fixture, "whole", experiment));
        for name in ["predictions.csv", "split.json"] {
            let read = |run: &str| fixture.read(&format!("{run}/exp_{experiment:03}/{name}"));
            assert_eq!(read("c"), read("whole"));
        }
        assert!(
            fixture.final_weights("c", experiment) == fixture.final_weights("whole", experiment)
        );
    }
    let encoder = |run: &str| std::fs::read(fixture.path(run).join("encoder.safetensors"));
    assert_eq!(encoder("c").expect("an encoder"), encoder("whole").expect("an encoder"));
    // What is there is trained no more, and what comes later is added.
    let again = fixture.ok(&fixture.train("c", &EXPERIMENTS));
    assert_eq!(stderr(&again).matches("was complete before").count(), 4, "{}", stderr(&again));
    let text = stdout(&fixture.ok(&["runs", "merge", "b", "whole", "-o", "c", "--json"]));
    let merged: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(merged["copied"], serde_json::json!([]));
    assert_eq!(merged["agreeing"], serde_json::json!([0, 1, 2, 3]));
}

#[test]
fn runs_that_do_not_belong_together_are_not_merged() {
    let fixture = Fixture::new();
    parts(&fixture);
    fixture.ok(&fixture.train("other", &["--epochs", "5", "--no-baselines"]));
    let text = fixture.fails(3, &["runs", "merge", "a", "other", "-o", "c"]);
    assert!(text.contains("training.epochs is 5 there, 6 here"), "{text}");
    fixture.fails(3, &["runs", "merge", "a", "absent", "-o", "c"]);
    std::fs::create_dir(fixture.path("thesis")).expect("created");
    fixture.write("thesis/chapter.tex", "x");
    fixture.fails(3, &["runs", "merge", "a", "b", "-o", "thesis"]);
    // One experiment with two results.
    fixture.ok(&fixture.train("d", &["--experiments", "0..1", "--no-baselines"]));
    let path = "d/exp_000/predictions.csv";
    let changed = fixture.read(path).replacen("0.", "0.0", 1);
    fixture.write(path, &changed);
    let text = fixture.fails(3, &["runs", "merge", "a", "d", "-o", "c"]);
    assert!(text.contains("experiment 0 of a and of d differ: predictions.csv"), "{text}");
    // A damaged checkpoint.
    let weights = fixture.path("b/exp_001/checkpoints/000030/weights.safetensors");
    let mut bytes = std::fs::read(&weights).expect("read");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&weights, bytes).expect("written");
    let text = fixture.fails(4, &["runs", "merge", "a", "b", "-o", "c"]);
    assert!(text.contains("weights.safetensors is damaged"), "{text}");
    // What was complete and sound before is there, and nothing half of it.
    let begun = fixture.files("c").iter().any(|path| path.to_string_lossy().contains("exp_001"));
    assert!(!begun, "{:?}", fixture.files("c"));
    // An experiment that nobody completed is left out.
    std::fs::remove_file(fixture.path("a/exp_002/result.json")).expect("removed");
    let output = fixture.ok(&["runs", "merge", "a", "-o", "e"]);
    assert!(stderr(&output).contains("left out: [2]"), "{}", stderr(&output));
}

/// The arguments of a small array job.
fn slurm<'a>(fixture: &Fixture, before: &[&'a str], train: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["slurm", "--experiments", "0..3", "--tasks", "2"];
    all.extend(before);
    all.push("--");
    all.extend(fixture.train("runs/r", train));
    all
}

#[test]
fn mistakes_are_found_before_anything_is_written_or_submitted() {
    let fixture = Fixture::new();
    fixture.fails(2, &["slurm", "--experiments", "0..3", "--", "screen", "r"]);
    let text = fixture.fails(2, &slurm(&fixture, &[], &["--shard", "1/2"]));
    assert!(text.contains("leave --shard out"), "{text}");
    let text = fixture.fails(2, &slurm(&fixture, &[], &["--set", "training.epoch=3"]));
    assert!(text.contains("training.epochs"), "{text}");
    fixture.fails(2, &slurm(&fixture, &["--option=--a\nb"], &[]));
    fixture.fails(2, &slurm(&fixture, &["--output", "50%"], &[]));
    std::fs::rename(fixture.path("ulbs.csv"), fixture.path("elsewhere.csv")).expect("renamed");
    let text = fixture.fails(3, &slurm(&fixture, &[], &[]));
    assert!(text.contains("no file ulbs.csv"), "{text}");
    assert!(!fixture.path("runs/r.slurm/train.sh").exists());
}

#[cfg(unix)]
#[test]
fn jobs_are_submitted_one_after_the_other() {
    let fixture = Fixture::new();
    play(&fixture, "sbatch", "echo \"$@\" >> submitted; echo \"41;cluster\"");
    let output = fixture
        .command(&slurm(&fixture, &["--submit", "--partition", "long"], &[]))
        .env("PATH", path(&fixture))
        .output()
        .expect("starts");
    assert!(output.status.success(), "{}", stderr(&output));
    let submitted = fixture.read("submitted");
    let lines: Vec<&str> = submitted.lines().collect();
    assert_eq!(lines.len(), 2, "{submitted}");
    assert!(lines[0].ends_with("/runs/r.slurm/train.sh"), "{submitted}");
    assert!(lines[1].contains("--dependency=afterany:41 "), "{submitted}");
    let script = fixture.read("runs/r.slurm/train.sh");
    for line in [
        "#SBATCH --array=1-2",
        "#SBATCH --requeue",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --partition=long",
    ] {
        assert!(script.lines().any(|found| found == line), "{script}");
    }
    play(&fixture, "sbatch", "echo no such partition >&2; exit 1");
    let output = fixture
        .command(&slurm(&fixture, &["--submit"], &[]))
        .env("PATH", path(&fixture))
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("no such partition"), "{}", stderr(&output));
}

#[cfg(unix)]
#[test]
fn a_task_whose_time_is_up_writes_checkpoints_and_queues_again_and_the_report_follows() {
    let fixture = Fixture::new();
    let long = ["--epochs", "300", "--no-baselines"];
    let experiments = ["--experiments", "0..3"];
    fixture.ok(&[&fixture.train("whole", &long)[..], &experiments].concat());
    fixture.ok(&slurm(&fixture, &["-o", "jobs"], &long));
    play(&fixture, "scontrol", "echo \"$@\" >> requeued; exit 1");
    let task = |number: &str| {
        let mut command = Command::new("bash");
        command.arg("jobs/train.sh").current_dir(fixture.path("")).env("PATH", path(&fixture));
        command.env("SLURM_ARRAY_JOB_ID", "7").env("SLURM_ARRAY_TASK_ID", number);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("bash starts")
    };
    let first = task("1");
    let began = Instant::now();
    while !fixture.path("runs/r/exp_000/log.txt").metadata().is_ok_and(|log| log.len() > 0) {
        assert!(began.elapsed() < Duration::from_secs(60), "no epoch within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    let sent = Command::new("kill").args(["-USR1", &first.id().to_string()]).status();
    assert!(sent.expect("kill").success());
    let output = first.wait_with_output().expect("waited for");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(stderr(&output).contains("checkpoint written"), "{}", stderr(&output));
    assert_eq!(fixture.read("requeued"), "requeue 7_1\n");
    // The report says what is missing.
    let after = || Command::new("bash").arg("jobs/after.sh").current_dir(fixture.path("")).output();
    let early = after().expect("bash starts");
    assert!(!early.status.success());
    // Queued again, and the other task.
    for number in ["1", "2"] {
        let output = task(number).wait_with_output().expect("waited for");
        assert!(output.status.success(), "{}", stderr(&output));
    }
    for experiment in 0..3 {
        assert!(
            fixture.final_weights("runs/r", experiment)
                == fixture.final_weights("whole", experiment)
        );
    }
    let output = after().expect("bash starts");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        fixture.path("jobs/report.html").exists() && fixture.path("jobs/protocol.txt").exists()
    );
}

/// A program of Slurm's, played by a shell script.
#[cfg(unix)]
fn play(fixture: &Fixture, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(fixture.path("bin")).expect("created");
    fixture.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{script}\n"));
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(fixture.path(&format!("bin/{name}")), permissions).expect("set");
}

#[cfg(unix)]
fn path(fixture: &Fixture) -> String {
    let bin = fixture.path("bin");
    let bin: &Path = &bin;
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default())
}
