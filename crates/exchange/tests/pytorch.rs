//! Checkpoints that PyTorch wrote, bit by bit; `golden/generate.py` made them.

use std::collections::BTreeMap;

use convnet::Tensors;
use exchange::pytorch::{Checkpoint, PickleError, PyTorchError};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    files: BTreeMap<String, BTreeMap<String, BTreeMap<String, Bits>>>,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Bits {
    shape: Vec<usize>,
    bits: Vec<u32>,
}

fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn bits(tensors: &Tensors) -> BTreeMap<String, Bits> {
    let one = |(name, tensor): (&String, &convnet::Tensor)| {
        let bits = tensor.data.iter().map(|value| value.to_bits()).collect();
        (name.clone(), Bits { shape: tensor.shape.clone(), bits })
    };
    tensors.iter().map(one).collect()
}

#[test]
fn every_tensor_comes_back_bit_by_bit() {
    let expected: Expected = serde_json::from_slice(&golden("expected.json")).unwrap();
    assert_eq!(expected.files.len(), 4);
    for (file, state_dicts) in &expected.files {
        for (key, tensors) in state_dicts {
            let checkpoint = Checkpoint::read(&golden(&format!("{file}.pth"))).unwrap();
            let key = (!key.is_empty()).then_some(key.as_str());
            assert_eq!(&bits(&checkpoint.state_dict(key).unwrap()), tensors, "{file}");
        }
    }
}

#[test]
fn several_sets_of_weights_must_be_told_apart() {
    let read = || Checkpoint::read(&golden("training.pth")).unwrap();
    for key in [None, Some("model")] {
        let error = read().state_dict(key).unwrap_err().to_string();
        assert!(error.contains("`train_model`, `eval_model`"), "{error}");
    }
}

#[test]
fn code_is_refused_by_name_and_never_run() {
    let refused = |file: &str| match Checkpoint::read(&golden(file)).unwrap_err() {
        PyTorchError::Pickle(PickleError::Forbidden { name }) => name,
        other => panic!("{file}: {other}"),
    };
    assert!(
        ["posix.system", "nt.system", "os.system"].contains(&refused("malicious.pth").as_str())
    );
    assert!(refused("whole_model.pth").starts_with("torch.nn"));
}

#[test]
fn a_compressed_part_is_refused_before_it_is_unpacked() {
    let error = Checkpoint::read(&golden("compressed.pth")).unwrap_err();
    assert!(matches!(error, PyTorchError::Compressed { .. }), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_an_error_wherever_it_is_damaged() {
    let whole = golden("state_dict.pth");
    for length in (0..whole.len()).step_by(7) {
        assert!(Checkpoint::read(&whole[..length]).is_err(), "cut to {length}");
    }
    // Any byte changed: an error or other values, but no panic.
    let mut changed = whole.clone();
    for place in 0..whole.len() {
        for value in [0x00, 0xFF, changed[place] ^ 0x10] {
            changed[place] = value;
            let _ = Checkpoint::read(&changed).and_then(|checkpoint| checkpoint.state_dict(None));
        }
        changed[place] = whole[place];
    }
}
