//! A process killed or stopped at any instant, then the same command again.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::{Fixture, stderr};

const LONG: [&str; 6] =
    ["--experiments", "0..2", "--epochs", "60", "--set", "training.checkpoint_every=1"];

#[test]
fn killed_at_twenty_instants_a_run_ends_with_the_weights_of_an_undisturbed_one() {
    let fixture = Fixture::new();
    let began = Instant::now();
    fixture.ok(&fixture.train("whole", &LONG));
    let whole = began.elapsed();

    let mut state = u64::from(std::process::id()) | 1;
    let mut kills = 0;
    let mut complete = 0;
    while kills < 20 {
        // Instants over the whole duration, so that beginning, checkpoints and end are all hit.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wait = whole.mul_f64(0.02 + 0.25 * (state >> 11) as f64 / (1u64 << 53) as f64);
        let mut child = fixture
            .command(&fixture.train("killed", &LONG))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        std::thread::sleep(wait);
        if child.try_wait().expect("the child can be asked").is_some() {
            // It came to its end before: begin anew, so that there is something to kill.
            complete += 1;
            assert_same(&fixture);
            std::fs::remove_dir_all(fixture.path("killed")).expect("removed");
            continue;
        }
        child.kill().expect("killed");
        child.wait().expect("waited for");
        kills += 1;
    }
    println!("20 kills, {complete} completions between");
    let output = fixture.ok(&fixture.train("killed", &LONG));
    assert!(!stderr(&output).contains("warning"), "{}", stderr(&output));
    assert_same(&fixture);
}

fn assert_same(fixture: &Fixture) {
    for experiment in 0..2 {
        assert_eq!(
            fixture.final_weights("killed", experiment),
            fixture.final_weights("whole", experiment)
        );
        let path = |run: &str, file: &str| format!("{run}/exp_{experiment:03}/{file}");
        assert_eq!(
            fixture.read(&path("killed", "predictions.csv")),
            fixture.read(&path("whole", "predictions.csv"))
        );
        let epochs = |run: &str| {
            let without_time = |line: &str| {
                let mut event: serde_json::Value = serde_json::from_str(line).expect("a JSON line");
                event.as_object_mut().expect("an object").remove("time");
                event
            };
            let events = fixture.read(&path(run, "events.jsonl"));
            events
                .lines()
                .map(without_time)
                .filter(|event| event["event"] == "epoch")
                .collect::<Vec<_>>()
        };
        assert_eq!(
            epochs("killed"),
            epochs("whole"),
            "every epoch is recorded once, with the same numbers"
        );
        let leftovers = fixture.files(&path("killed", "checkpoints"));
        assert!(
            leftovers.iter().all(|path| !path.to_string_lossy().contains(".tmp-")),
            "{leftovers:?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_writes_a_checkpoint_and_exits_130() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("whole", &["--epochs", "400"]));
    let child = fixture
        .command(&fixture.train("stopped", &["--epochs", "400"]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // Wait for the first epoch, so that there is something to keep.
    let log = fixture.path("stopped/exp_000/log.txt");
    let began = Instant::now();
    while !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        assert!(began.elapsed() < Duration::from_secs(60), "no epoch within a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill").success());
    let output = child.wait_with_output().expect("waited for");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(!fixture.path("stopped/exp_000/result.json").exists());
    assert!(stderr(&output).contains("checkpoint written"), "{}", stderr(&output));
    fixture.ok(&fixture.train("stopped", &["--epochs", "400"]));
    assert_eq!(fixture.final_weights("stopped", 0), fixture.final_weights("whole", 0));
}

#[test]
fn a_damaged_checkpoint_is_passed_over_with_a_warning() {
    let fixture = Fixture::new();
    // keep_best_from = 0 keeps a best checkpoint beside the last one.
    fixture.ok(&fixture.train("r", &["--epochs", "12"]));
    let before = fixture.final_weights("r", 0);
    std::fs::remove_file(fixture.path("r/exp_000/result.json")).expect("removed");
    let weights = fixture.path("r/exp_000/checkpoints/000060/weights.safetensors");
    let mut bytes = std::fs::read(&weights).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&weights, bytes).expect("written");
    let output = fixture.ok(&fixture.train("r", &["--epochs", "12"]));
    assert!(stderr(&output).contains("passed over a checkpoint"), "{}", stderr(&output));
    assert_eq!(fixture.final_weights("r", 0), before);
}
