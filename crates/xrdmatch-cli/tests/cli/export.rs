//! Trained models leave and enter as files of other programs.

use std::path::Path;
use std::process::Command;

use crate::fixture::{ENCODED, Fixture, stderr};

const MAGIC_OF_SAFETENSORS: u8 = b'{';

#[test]
fn exported_weights_predict_what_the_run_predicts() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("run", &["--experiments", "3", "--epochs", "2"]));
    fixture.ok(&["export", "run", "-o", "w.safetensors"]);
    let bytes = std::fs::read(fixture.path("w.safetensors")).unwrap();
    assert_eq!(bytes[8], MAGIC_OF_SAFETENSORS);
    fixture.ok(&["predict", "run", "--data", "ulbs.csv", "-o", "a.csv"]);
    let of_weights = ["predict", "--weights", "w.safetensors", "--config", "small.toml"];
    fixture.ok(&[&of_weights[..], &["--data", "ulbs.csv", "-o", "b.csv"]].concat());
    assert_eq!(fixture.read("a.csv"), fixture.read("b.csv"));
    assert_eq!(fixture.read("a.csv").lines().count(), 201);
}

#[test]
fn exported_weights_take_their_encoders_along() {
    let fixture = Fixture::new();
    fixture.write("small.toml", ENCODED);
    fixture.ok(&fixture.train("run", &["--no-baselines"]));
    fixture.ok(&["export", "run", "-o", "w.safetensors"]);
    fixture.ok(&["predict", "run", "--data", "ulbs.csv", "-o", "a.csv"]);
    let of_weights = ["predict", "--weights", "w.safetensors", "--config", "small.toml"];
    fixture.ok(&[&of_weights[..], &["--data", "ulbs.csv", "-o", "b.csv"]].concat());
    assert_eq!(fixture.read("a.csv"), fixture.read("b.csv"));
}

#[test]
fn weights_of_another_network_and_files_with_code_are_refused_by_name() {
    let fixture = Fixture::new();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../exchange/tests/golden");
    let predict = |weights: &str, more: &[&str]| {
        let path = golden.join(weights);
        let arguments =
            ["predict", "--weights", path.to_str().unwrap(), "--config", "small.toml", "--data"];
        fixture.fails(4, &[&arguments[..], &["ulbs.csv", "-o", "out.csv"], more].concat())
    };
    assert!(predict("malicious.pth", &[]).contains("nothing was executed"));
    let text = predict("training.pth", &["--key", "eval_model"]);
    assert!(text.contains("`feature.0.weight` has shape [3, 1, 4]"), "{text}");
    let path = golden.join("training.pth");
    let text = fixture.fails(
        2,
        &["predict", "--weights", path.to_str().unwrap(), "--data", "ulbs.csv", "-o", "out.csv"],
    );
    assert!(text.contains("`eval_model`") && text.contains("--key"), "{text}");
    assert!(!fixture.path("out.csv").exists() && !fixture.path("executed").exists());
}

#[test]
fn damaged_weights_bare_pickles_and_graphs_are_refused_whole_or_cut() {
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("run", &["--epochs", "1", "--no-baselines"]));
    fixture.ok(&["export", "run", "-o", "w.safetensors"]);
    fixture.ok(&["export", "run", "-o", "graph.onnx"]);
    let refused = |bytes: &[u8], word: &str| {
        std::fs::write(fixture.path("bad"), bytes).expect("written");
        let arguments = ["predict", "--weights", "bad", "--config", "small.toml"];
        let text =
            fixture.fails(4, &[&arguments[..], &["--data", "ulbs.csv", "-o", "out.csv"]].concat());
        assert!(text.contains("bad: ") && text.contains(word), "`{word}` is missing in: {text}");
    };
    let weights = std::fs::read(fixture.path("w.safetensors")).expect("weights");
    for length in [0, 12, weights.len() / 2, weights.len() - 1] {
        refused(&weights[..length], "no file of safetensors");
    }
    let graph = std::fs::read(fixture.path("graph.onnx")).expect("a graph");
    for length in [20, graph.len() / 2, graph.len()] {
        refused(&graph[..length], "ONNX graph");
    }
    // `os.system("touch executed")`, as a program of PyTorch's old format.
    refused(b"\x80\x02cos\nsystem\nX\x0e\x00\x00\x00touch executed\x85R.", "nothing was executed");
    assert!(!fixture.path("out.csv").exists() && !fixture.path("executed").exists());
}

#[test]
fn an_ending_that_is_no_format_is_refused() {
    let fixture = Fixture::new();
    assert!(fixture.fails(2, &["export", "run", "-o", "model.h5"]).contains(".onnx"));
    let arguments = ["export", "run", "-o", "w.safetensors", "--with-preparation"];
    assert!(fixture.fails(2, &arguments).contains("preparation"));
}

/// Our weights in PyTorch's own network, our graph in onnxruntime, against our own answers.
#[test]
fn pytorch_and_onnxruntime_give_our_logits() {
    let python = std::env::var("XRDMATCH_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/interoperate.py");
    let probe =
        Command::new(&python).args(["-c", "import torch, onnxruntime, safetensors"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        let needed = std::env::var_os("XRDMATCH_REQUIRE_PYTHON").is_some();
        assert!(!needed, "{python} has no torch, onnxruntime and safetensors");
        eprintln!(
            "NOT RUN: pytorch_and_onnxruntime_give_our_logits: needs Python with torch, onnxruntime \
             and safetensors (set XRDMATCH_PYTHON)"
        );
        return;
    }
    let fixture = Fixture::new();
    fixture.ok(&fixture.train("run", &["--epochs", "2"]));
    fixture.ok(&["export", "run", "-o", "w.safetensors"]);
    fixture.ok(&["export", "run", "-o", "plain.onnx"]);
    fixture.ok(&["export", "run", "-o", "prepared.onnx", "--with-preparation"]);
    fixture.ok(&["predict", "run", "--data", "ulbs.csv", "-o", "ours.csv"]);
    let output = Command::new(&python)
        .arg(&script)
        .current_dir(fixture.directory.path())
        .output()
        .expect("python starts");
    assert!(output.status.success(), "{}", stderr(&output));
    // The checkpoint that the script wrote comes back with the same answers, to the last digit.
    let arguments = ["predict", "--weights", "torch.pth", "--config", "small.toml", "--data"];
    fixture.ok(&[&arguments[..], &["ulbs.csv", "-o", "back.csv"]].concat());
    assert_eq!(fixture.read("ours.csv"), fixture.read("back.csv"));

    // Blurred bins and encoders are part of the graph; a fine-tuned encoder and the head that is
    // used are part of the network.
    fixture.write("small.toml", ENCODED);
    let ways: [(&str, &[&str]); 4] = [
        ("encoded", &[]),
        ("tuned", &["--set", "pretrain.fine_tune=true", "--set", "pretrain.encoders=1"]),
        ("heads", &["--algorithm", "abc"]),
        ("axis", &["--set", "input.axis=\"log-q\""]),
    ];
    for (run, settings) in ways {
        let more = [&["--no-baselines", "--preset", "default"], settings].concat();
        fixture.ok(&fixture.train(run, &more));
        fixture.ok(&["export", run, "-o", "plain.onnx"]);
        fixture.ok(&["export", run, "-o", "prepared.onnx", "--with-preparation"]);
        fixture.ok(&["predict", run, "--data", "ulbs.csv", "-o", "ours.csv"]);
        let output = Command::new(&python)
            .args([script.to_str().unwrap(), "graphs"])
            .current_dir(fixture.directory.path())
            .output()
            .expect("python starts");
        assert!(output.status.success(), "{run}: {}", stderr(&output));
    }
}
