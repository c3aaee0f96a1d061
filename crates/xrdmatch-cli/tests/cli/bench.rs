//! `xrdmatch bench layers`

use serde_json::Value;

use crate::fixture::{Fixture, stdout};

#[test]
fn every_layer_is_timed_with_one_algorithm_chosen() {
    let fixture = Fixture::new();
    let arguments =
        ["bench", "layers", "--points", "1501", "--batch", "2", "--repeats", "1", "--threads", "1"];
    let text = stdout(&fixture.ok(&arguments));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].contains("GMAC/s from registers"), "{text}");
    // `paper` has eight convolutions.
    assert_eq!(lines.iter().filter(|line| line.contains('*')).count(), 8, "{text}");

    let json = stdout(&fixture.ok(&[&arguments[..], &["--json"]].concat()));
    let measured: Value = serde_json::from_str(&json).expect("JSON");
    let times = measured["times"].as_array().expect("a list");
    let chosen: Vec<&Value> = times.iter().filter(|time| time["chosen"] == true).collect();
    assert_eq!(chosen.len(), 8);
    for time in times {
        assert!(time["forward"].as_f64().is_some_and(|seconds| seconds > 0.0), "{time}");
        let predicted = time["predicted_forward"].as_f64();
        assert_eq!(predicted.is_some(), time["algorithm"] != "rounded", "{time}");
    }
}

#[test]
fn layers_that_cannot_be_timed_are_refused() {
    let fixture = Fixture::new();
    let text = fixture.fails(2, &["bench", "layers", "--architecture", "vgg99"]);
    assert!(text.contains("vgg16"), "{text}");
    fixture.fails(4, &["bench", "layers", "--points", "5"]);
    let text = fixture.fails(2, &["bench", "layers", "--batch", "4000000"]);
    assert!(text.contains("MiB"), "{text}");
    let text = String::from_utf8(fixture.run(&["bench", "layers", "--batch", "0"]).stderr);
    assert!(text.is_ok_and(|text| text.contains("--batch")));
}
