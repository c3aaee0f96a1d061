//! Event files for TensorBoard.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::{Fixture, stderr, stdout};

fn event_file(fixture: &Fixture, directory: &str) -> PathBuf {
    let found = fixture.files(directory);
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().expect("a file")
}

#[test]
fn event_files_follow_from_the_events_alone() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("r", &["--tensorboard", "curves", "--no-baselines"]));
    let path = event_file(&fixture, "curves");
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(
        name.starts_with("events.out.tfevents.")
            && path.parent().is_some_and(|p| p.ends_with("exp_000"))
    );
    let whole = std::fs::read(&path).expect("read");
    // Given again, the same command finds the experiment complete, and makes the same file.
    fixture.ok(&fixture.train("r", &["--tensorboard", "curves", "--no-baselines"]));
    assert_eq!(std::fs::read(event_file(&fixture, "curves")).expect("read"), whole);

    // A training that was killed after its fourth epoch and goes on tells no epoch twice.
    let experiment = fixture.path("r/exp_000");
    let events = fixture.read("r/exp_000/events.jsonl");
    std::fs::remove_file(experiment.join("result.json")).expect("removed");
    let checkpoints = experiment.join("checkpoints");
    for entry in std::fs::read_dir(&checkpoints).expect("checkpoints") {
        let path = entry.expect("an entry").path();
        let step: u64 = path.file_name().and_then(|n| n.to_str()?.parse().ok()).expect("a step");
        if step == 30 {
            std::fs::remove_dir_all(path).expect("removed");
        }
    }
    fixture.ok(&fixture.train("r", &["--tensorboard", "curves", "--no-baselines"]));
    let again = fixture.read("r/exp_000/events.jsonl");
    let epochs = |text: &str| text.lines().filter(|line| line.contains("\"epoch\"")).count();
    assert_eq!((epochs(&events), epochs(&again)), (6, 6));
    let resumed = std::fs::read(event_file(&fixture, "curves")).expect("read");
    assert_eq!(resumed.len(), whole.len(), "as many records");
    // That nothing can be written there is told, and the training goes on.
    fixture.write("occupied", "");
    let output =
        fixture.ok(&fixture.train("other", &["--tensorboard", "occupied", "--no-baselines"]));
    assert!(stderr(&output).contains("warning: TensorBoard"), "{}", stderr(&output));
}

/// Read back by TensorBoard itself.
#[test]
fn tensorboard_reads_what_the_events_say() {
    let python = std::env::var("XRDMATCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python).args(["-c", "import tensorboard"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        let needed = std::env::var_os("XRDMATCH_REQUIRE_PYTHON").is_some();
        assert!(!needed, "{python} has no tensorboard");
        eprintln!(
            "NOT RUN: tensorboard_reads_what_the_events_say: needs Python with tensorboard (set XRDMATCH_PYTHON)"
        );
        return;
    }
    let fixture = Fixture::new();
    let more = ["--tensorboard", "curves", "--experiments", "0..2", "--no-baselines"];
    fixture.ok(&fixture.train("r", &more));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/read_events.py");
    let output = Command::new(&python)
        .arg(script)
        .arg("curves")
        .current_dir(fixture.directory.path())
        .output();
    let output = output.expect("Python starts");
    assert!(output.status.success(), "{}", stderr(&output));
    let read: serde_json::Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(read.as_object().map(serde_json::Map::len), Some(2), "{read}");
    for experiment in ["exp_000", "exp_001"] {
        let events = fixture.read(&format!("r/{experiment}/events.jsonl"));
        let epochs: Vec<serde_json::Value> = events
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .filter(|record| record["event"] == "epoch")
            .collect();
        assert_eq!(epochs.len(), 6);
        for (tag, pointer) in [
            ("train/supervised_loss", "/means/supervised_loss"),
            ("train/unsupervised_loss", "/means/unsupervised_loss"),
            ("train/mask_rate", "/means/mask_rate"),
            ("train/learning_rate", "/learning_rate"),
            ("thresholds/class_0", "/thresholds/0"),
            ("pseudo_label_shares/class_1", "/means/class_shares/1"),
            ("evaluation/macro_f1", "/evaluation/macro_average/f1"),
            ("evaluation/accuracy", "/evaluation/accuracy"),
            ("evaluation/auc", "/evaluation/auc"),
        ] {
            let found =
                read[experiment][tag].as_array().unwrap_or_else(|| panic!("{tag} of {experiment}"));
            assert_eq!(found.len(), 6, "{tag}");
            for (point, epoch) in found.iter().zip(&epochs) {
                assert_eq!(point[0], epoch["step"], "{tag}");
                let value =
                    epoch.pointer(pointer).and_then(serde_json::Value::as_f64).expect("a number");
                let read = point[1].as_f64().expect("a number");
                // The format keeps single precision.
                assert_eq!(read as f32, value as f32, "{tag}");
                let time = epoch["time"]
                    .as_str()
                    .expect("a time")
                    .parse::<jiff::Timestamp>()
                    .expect("a time");
                assert_eq!(point[2].as_f64(), Some(time.as_millisecond() as f64 / 1000.0), "{tag}");
            }
        }
    }
}
