//! `--device`: what is chosen and why, what is refused and how, and runs that move between devices.
//!
//! The parts that need an adapter (software will do) run where the engine for graphics processors is
//! built (`--features gpu`) and print `NOT RUN` without one; `XRDMATCH_REQUIRE_GPU=1` makes that a
//! failure.

use std::process::Command;

use crate::fixture::{Fixture, stderr};

/// Tells Vulkan's loader that no driver is installed.
fn without_drivers(command: &mut Command) -> &mut Command {
    command.env("VK_DRIVER_FILES", "/dev/null").env("VK_ICD_FILENAMES", "/dev/null")
}

#[test]
fn auto_on_a_machine_without_drivers_takes_the_processor_and_says_why() {
    let fixture = Fixture::new();
    let more = ["--device", "auto", "--epochs", "1"];
    let mut command = fixture.command(&fixture.train("r", &more));
    let output = without_drivers(&mut command).output().expect("the binary starts");
    let text = stderr(&output);
    assert!(output.status.success(), "{text}");
    let line = text.lines().find(|line| line.starts_with("device: ")).unwrap_or_default();
    assert!(line.starts_with("device: cpu: ") && line.contains("`cuda`"), "{text}");
    assert!(line.contains("`wgpu`"), "{text}");
    let manifest: serde_json::Value =
        serde_json::from_str(&fixture.read("r/manifest.json")).expect("JSON");
    assert_eq!(manifest["device"], "cpu");

    // Who asked for nothing hears nothing, and gets the same weights.
    let plain = fixture.ok(&fixture.train("plain", &["--epochs", "1"]));
    assert!(!stderr(&plain).contains("device: "));
    assert_eq!(fixture.final_weights("r", 0), fixture.final_weights("plain", 0));
}

#[test]
fn a_device_that_is_not_there_is_refused_before_anything_is_written() {
    let fixture = Fixture::new();
    for (device, words) in [
        ("cuda", ["`cuda`", "hint: "]),
        ("cuda:7", ["`cuda`", "hint: "]),
        ("wgpu", ["`wgpu`", "hint: "]),
        ("wgpu:7", ["`wgpu`", "hint: "]),
    ] {
        let mut command = fixture.command(&fixture.train("r", &["--device", device]));
        let output = without_drivers(&mut command).output().expect("the binary starts");
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{device}: {text}");
        assert!(text.starts_with("error: ") && !text.contains("panicked"), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert!(!fixture.path("r").exists());
    }
    let text = fixture.run(&fixture.train("r", &["--device", "gpu"]));
    assert_eq!(text.status.code(), Some(2));
    assert!(stderr(&text).contains("`gpu` is no device; there are `cpu`, `cuda`"));
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod elsewhere {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    use super::*;

    /// The device of these tests, found by asking for it.
    fn device(fixture: &Fixture) -> Option<String> {
        let device = std::env::var("XRDMATCH_TEST_DEVICE").unwrap_or_else(|_| "wgpu:0".into());
        let output = fixture.run(&fixture.train("probe", &["--device", &device, "--epochs", "1"]));
        if output.status.success() {
            let text = stderr(&output);
            assert!(text.contains(&format!("device: {device} (")), "{text}");
            return Some(device);
        }
        let text = stderr(&output);
        let required = std::env::var_os("XRDMATCH_REQUIRE_GPU").is_some_and(|set| set == "1");
        assert!(!required, "XRDMATCH_REQUIRE_GPU is set, but: {text}");
        eprintln!("NOT RUN: tests with {device}: {text}");
        None
    }

    /// Trains until the first epoch is written down, then interrupts.
    fn begin(fixture: &Fixture, run: &str, device: &str) {
        let more = ["--device", device, "--epochs", "12"];
        let child = fixture
            .command(&fixture.train(run, &more))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = fixture.path(&format!("{run}/exp_000/log.txt"));
        let began = Instant::now();
        while !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            assert!(began.elapsed() < Duration::from_secs(120), "no epoch within two minutes");
            std::thread::sleep(Duration::from_millis(2));
        }
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(interrupted.expect("kill").success());
        let output = child.wait_with_output().expect("waited for");
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    }

    #[test]
    fn a_run_begun_on_one_device_is_finished_on_another() {
        let fixture = Fixture::new();
        let Some(gpu) = device(&fixture) else { return };
        for (run, first, second) in [("there", gpu.as_str(), "cpu"), ("back", "cpu", &gpu)] {
            begin(&fixture, run, first);
            fixture.ok(&fixture.train(run, &["--device", second, "--epochs", "12"]));
            let manifest: serde_json::Value =
                serde_json::from_str(&fixture.read(&format!("{run}/manifest.json"))).expect("JSON");
            assert_eq!(manifest["device"], first);
            let events = fixture.read(&format!("{run}/exp_000/events.jsonl"));
            let events: Vec<serde_json::Value> =
                events.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            let of = |kind: &str| events.iter().find(|event| event["event"] == kind);
            assert_eq!(of("resumed").expect("resumed")["device"], second);
            assert_eq!(of("finished").expect("finished")["device"], second);
            assert_eq!(events.iter().filter(|event| event["event"] == "epoch").count(), 12);
        }
    }

    #[test]
    fn both_devices_predict_the_same_from_one_model() {
        let fixture = Fixture::new();
        let Some(gpu) = device(&fixture) else { return };
        fixture.ok(&fixture.train("r", &[]));
        let predict = |device: &str, output: &str| {
            let arguments =
                ["predict", "r", "--data", "ulbs.csv", "-o", output, "--device", device];
            fixture.ok(&arguments);
            let text = fixture.read(output);
            text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        let (here, there) = (predict("cpu", "cpu.csv"), predict(&gpu, "gpu.csv"));
        assert_eq!(here.len(), there.len());
        for (here, there) in here.iter().zip(&there) {
            for (here, there) in here.split(',').zip(there.split(',')) {
                match (here.parse::<f64>(), there.parse::<f64>()) {
                    (Ok(here), Ok(there)) => {
                        assert!((here - there).abs() < 1e-4, "{here} and {there}");
                    }
                    _ => assert_eq!(here, there),
                }
            }
        }
    }

    #[test]
    fn experiments_share_a_device_side_by_side() {
        let fixture = Fixture::new();
        let Some(gpu) = device(&fixture) else { return };
        let more = ["--device", &gpu, "--experiments", "0..2"];
        fixture.ok(&fixture.train("alone", &more));
        let beside = [more.as_slice(), &["--jobs", "2"]].concat();
        fixture.ok(&fixture.train("beside", &beside));
        for experiment in 0..2 {
            assert_eq!(
                fixture.final_weights("alone", experiment),
                fixture.final_weights("beside", experiment)
            );
        }
    }

    #[test]
    fn rounded_products_are_refused_on_it() {
        let fixture = Fixture::new();
        let Some(gpu) = device(&fixture) else { return };
        let more = ["--device", &gpu, "--precision", "bf16"];
        let text = fixture.fails(2, &fixture.train("r", &more));
        assert!(text.contains("only f32") && text.contains("hint: "), "{text}");
    }
}
