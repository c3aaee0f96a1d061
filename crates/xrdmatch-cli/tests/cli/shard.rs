//! Work divided over processes that share a run: in parts, at once, after deaths and full disks.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::{ENCODED, Fixture, stderr, stdout};

const EXPERIMENTS: [&str; 3] = ["--experiments", "0..5", "--no-baselines"];

/// Starts the binary and lets it run.
fn spawn(fixture: &Fixture, arguments: &[&str]) -> Child {
    let mut command = fixture.command(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

fn events(fixture: &Fixture, run: &str, experiment: u32, kind: &str) -> usize {
    let text = fixture.read(&format!("{run}/exp_{experiment:03}/events.jsonl"));
    let is_kind = |line: &&str| {
        let event: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
        event["event"] == kind
    };
    text.lines().filter(is_kind).count()
}

/// Every experiment ended once, with the bits of the other run.
fn assert_same(fixture: &Fixture, run: &str, whole: &str, experiments: std::ops::Range<u32>) {
    for experiment in experiments {
        let file =
            |run: &str, name: &str| fixture.read(&format!("{run}/exp_{experiment:03}/{name}"));
        assert_eq!(events(fixture, run, experiment, "finished"), 1, "experiment {experiment}");
        assert_eq!(
            events(fixture, run, experiment, "epoch"),
            events(fixture, whole, experiment, "epoch")
        );
        assert!(
            fixture.final_weights(run, experiment) == fixture.final_weights(whole, experiment),
            "experiment {experiment} has other weights"
        );
        for name in ["predictions.csv", "split.json"] {
            assert_eq!(file(run, name), file(whole, name), "experiment {experiment}: {name}");
        }
    }
    let leftovers = fixture.command(&[]).get_current_dir().expect("a directory").join(run);
    let leftovers = walk(&leftovers).into_iter().filter(|name| name.contains(".tmp-"));
    assert_eq!(leftovers.collect::<Vec<_>>(), Vec::<String>::new());
}

fn walk(directory: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => walk(&path),
            false => vec![path.to_string_lossy().into_owned()],
        })
        .collect()
}

#[test]
fn the_shards_of_a_run_are_its_experiments_each_once() {
    let fixture = Fixture::new();
    fixture.ok(&[&fixture.train("whole", &EXPERIMENTS)[..]].concat());
    let shard = |choice: &'static str, variables: &[(&str, &str)]| {
        let arguments = [&fixture.train("r", &EXPERIMENTS)[..], &["--shard", choice]].concat();
        let mut command = fixture.command(&arguments);
        command.envs(variables.iter().copied()).output().expect("the binary starts")
    };
    let done = |fixture: &Fixture| -> Vec<u32> {
        (0..5).filter(|e| fixture.path(&format!("r/exp_{e:03}/result.json")).exists()).collect()
    };
    assert!(shard("2/3", &[]).status.success());
    assert_eq!(done(&fixture), vec![1, 4]);
    let slurm = [
        ("SLURM_ARRAY_TASK_ID", "7"),
        ("SLURM_ARRAY_TASK_MIN", "5"),
        ("SLURM_ARRAY_TASK_MAX", "7"),
        ("SLURM_ARRAY_TASK_COUNT", "3"),
        ("SLURM_ARRAY_TASK_STEP", "1"),
    ];
    assert!(shard("auto", &slurm).status.success());
    assert_eq!(done(&fixture), vec![1, 2, 4]);
    assert!(shard("auto/3", &[("JOB_COMPLETION_INDEX", "0")]).status.success());
    assert_same(&fixture, "r", "whole", 0..5);
    // Again, and more parts than experiments.
    let again = shard("1/3", &[]);
    assert!(stderr(&again).contains("was complete before"), "{}", stderr(&again));
    let none = shard("7/9", &[]);
    assert!(none.status.success() && stderr(&none).contains("nothing to do"), "{}", stderr(&none));
    assert_same(&fixture, "r", "whole", 0..5);
}

#[test]
fn a_shard_out_of_range_or_unknown_is_refused_before_anything_is_written() {
    let fixture = Fixture::new();
    for (choice, word) in [("9/8", "1/8 to 8/8"), ("0/8", "1/8 to 8/8"), ("1/0", "no parts")] {
        let text = fixture.fails(2, &fixture.train("r", &["--shard", choice]));
        assert!(text.contains(word), "{text}");
    }
    let text = fixture.fails(2, &fixture.train("r", &["--shard", "auto"]));
    assert!(text.contains("SLURM_ARRAY_TASK_ID") && text.contains("hint:"), "{text}");
    for (variable, value, choice, word) in [
        ("JOB_COMPLETION_INDEX", "8", "auto/8", "from 0 to 7"),
        ("HQ_TASK_ID", "3", "auto", "auto/8"),
        ("PBS_ARRAY_INDEX", "x", "auto/8", "no array index"),
    ] {
        let arguments = fixture.train("r", &["--shard", choice]);
        let output = fixture.command(&arguments).env(variable, value).output().expect("starts");
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains(word), "{}", stderr(&output));
    }
    assert!(!fixture.path("r").exists());
    fixture.ok(&fixture.train("r", &["--no-baselines"]));
    let screen = ["screen", "r", "--data", "ulbs.csv", "-o", "a.shard", "--no-outliers"];
    fixture.fails(2, &[&screen[..], &["--shard", "5/4"]].concat());
    fixture.fails(2, &[&screen[..], &["--shard", "auto"]].concat());
    assert!(!fixture.path("a.shard").exists());
    let mut command = fixture.command(&[&screen[..], &["--shard", "auto/4"]].concat());
    assert!(command.env("PBS_ARRAY_INDEX", "4").status().expect("starts").success());
    let merged = fixture.fails(3, &["screen", "r", "--merge", "a.shard"]);
    assert!(merged.contains("2, 3, 4 are missing"), "index 4 is part 1 of 4: {merged}");
}

#[test]
fn processes_at_once_share_the_experiments_of_a_run_and_each_ends_once() {
    let fixture = Fixture::new();
    fixture.write("small.toml", ENCODED);
    let experiments = ["--experiments", "0..8", "--no-baselines", "--jobs", "1"];
    fixture.ok(&fixture.train("whole", &experiments));
    let arguments = fixture.train("r", &experiments);
    let children: Vec<Child> = (0..4).map(|_| spawn(&fixture, &arguments)).collect();
    let mut complete = 0;
    for child in children {
        let output = child.wait_with_output().expect("waited for");
        assert!(output.status.success(), "{}", stderr(&output));
        complete += stderr(&output).matches(" complete after ").count();
    }
    assert_eq!(complete, 8, "no experiment is completed twice");
    assert_same(&fixture, "r", "whole", 0..8);
    let bytes = |run: &str| {
        std::fs::read(fixture.path(&format!("{run}/encoder.safetensors"))).expect("an encoder")
    };
    assert!(bytes("r") == bytes("whole"), "the encoder is made once, and the same");
}

#[test]
fn a_killed_process_leaves_its_experiment_to_another_that_waits_for_it() {
    let fixture = Fixture::new();
    let long = ["--epochs", "300", "--set", "training.checkpoint_every=1", "--no-baselines"];
    fixture.ok(&fixture.train("whole", &long));
    let arguments = fixture.train("r", &long);
    let mut first = spawn(&fixture, &arguments);
    wait_for(|| fixture.path("r/exp_000/log.txt").metadata().is_ok_and(|log| log.len() > 0));
    let second = spawn(&fixture, &arguments);
    std::thread::sleep(Duration::from_millis(300));
    // Reading is allowed meanwhile.
    fixture.ok(&["runs", "r"]);
    first.kill().expect("killed");
    first.wait().expect("waited for");
    let output = second.wait_with_output().expect("waited for");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stderr(&output).contains("goes on after step"), "{}", stderr(&output));
    assert_same(&fixture, "r", "whole", 0..1);
}

#[test]
fn a_process_that_was_thought_dead_stops_when_it_finds_its_claim_lost() {
    let fixture = Fixture::new();
    let long = ["--epochs", "800", "--set", "training.checkpoint_every=10", "--no-baselines"];
    fixture.ok(&fixture.train("whole", &long));
    let arguments = fixture.train("r", &long);
    let child = spawn(&fixture, &arguments);
    wait_for(|| fixture.path("r/exp_000/checkpoints/000050/DONE").exists());
    // Another machine takes over, as it does when it has seen no sign of life.
    let claim = r#"{"host":"node7","process":42,"job":null,"since":"","seconds":1,"system":null,"began":null,"token":"x"}"#;
    fixture.write("r/exp_000/claim-0002", &format!("{claim}\nheld 00000000000000000000\n"));
    let output = child.wait_with_output().expect("waited for");
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let told = stderr(&output);
    assert!(told.contains("was lost to process 42 on node7") && told.contains("hint:"), "{told}");
    assert!(!fixture.path("r/exp_000/result.json").exists());
    // That machine died, too: without a sign of life for its second, its claim is taken over.
    let output = fixture.ok(&arguments);
    assert!(
        stderr(&output).contains("is being made by process 42 on node7"),
        "{}",
        stderr(&output)
    );
    assert_same(&fixture, "r", "whole", 0..1);
}

/// Two file systems, one of them with room for little; a part of the run on each.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_on_one_node_costs_only_what_that_node_was_making() {
    let fixture = Fixture::new();
    let long = ["--experiments", "0..4", "--epochs", "40", "--no-baselines", "--jobs", "1", "-q"];
    fixture.ok(&fixture.train("whole", &long));
    for directory in ["small", "large"] {
        std::fs::create_dir(fixture.path(directory)).expect("created");
    }
    let binary = env!("CARGO_BIN_EXE_xrdmatch");
    let train = |run: &str, shard: &str| {
        let arguments = fixture.train(run, &long).join(" ");
        format!("{binary} {arguments} --shard {shard} > out 2>> told; echo {run} $?")
    };
    let (small, large) = (train("small/runs/r", "1/2"), train("large/runs/r", "2/2"));
    let script = format!(
        "mount -t tmpfs -o size=420k tmpfs small && {{ {small}; {large}; ls -aR small | grep -c tmp-; \
         mount -o remount,size=64m small; {small}; cp -r small/runs/r kept; }}"
    );
    let unshare = |script: &str| {
        std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
            .current_dir(fixture.path(""))
            .output()
    };
    if !unshare("mount -t tmpfs tmpfs small").is_ok_and(|output| output.status.success()) {
        eprintln!("NOT RUN: a full disk on one node: this system allows no mount namespaces");
        return;
    }
    let output = unshare(&script).expect("unshare runs");
    let told = fixture.read("told");
    let lines: Vec<String> = stdout(&output).lines().map(str::to_owned).collect();
    assert_eq!(lines, ["small/runs/r 3", "large/runs/r 0", "0", "small/runs/r 0"], "{told}");
    assert!(told.contains("No space left") && told.contains("hint:"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    for (run, experiments) in [("kept", [0, 2]), ("large/runs/r", [1, 3])] {
        for experiment in experiments {
            assert_same(&fixture, run, "whole", experiment..experiment + 1);
        }
    }
}

fn wait_for(condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}
