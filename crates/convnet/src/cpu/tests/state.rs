//! Weights and optimizer, in and out.

use super::*;

#[test]
fn weights_have_pytorchs_names_and_shapes() {
    let paper = Architecture::preset("paper").expect("known");
    let network = CpuNetwork::new(paper, 1001, Initialization::Paper, 0).expect("fits");
    let weights = network.weights(Weights::Current);
    let shape = |name: &str| weights[name].shape.clone();
    assert_eq!(shape("feature.0.weight"), [64, 1, 16]);
    assert_eq!(shape("feature.3.weight"), [64, 64, 16]);
    assert_eq!(shape("feature.1.running_var"), [64]);
    assert_eq!(shape("feature.1.num_batches_tracked"), [0usize; 0]);
    assert_eq!(shape("feature.8.bias"), [128]);
    assert_eq!(shape("classifer.3.weight"), [256, 1024]);
    assert_eq!(shape("classifer.6.bias"), [2]);
    // 8 convolutions and 3 linear layers with 2 arrays, 8 batch norms with 5.
    assert_eq!(weights.len(), 11 * 2 + 8 * 5);
}

#[test]
fn a_vanishing_step_without_gradients_leaves_the_weights() {
    let (architecture, length) = cases().swap_remove(0);
    let mut network = network(&architecture, length, 6);
    let before = network.weights(Weights::Current);
    let empty = Matrix::zeros(0, length);
    let train = Mode::Train { dropout_seed: 0 };
    let streams = [Stream { signals: &empty, mode: train, gradient: true }];
    network.learn(&streams, &AdamW::default(), &mut |_| vec![None]);
    assert_eq!(network.weights(Weights::Current), before);
    assert_eq!(network.optimizer_state()["step"].data, [0.0]);
}

#[test]
fn a_batch_norm_of_a_single_point_stays_finite_and_is_announced() {
    let head = vec![linear(4), Layer::BatchNorm, Layer::Relu, linear(2)];
    let architecture = Architecture { features: vec![], classifier: head };
    assert_eq!(architecture.smallest_training_batch(5), Ok(2));
    let mut network = network(&architecture, 5, 1);
    let x = signals(1, 5, 1);
    let stream = Stream { signals: &x, mode: Mode::Train { dropout_seed: 0 }, gradient: true };
    network.learn(&[stream], &AdamW::default(), &mut |logits| {
        vec![Some(Matrix::from_vec(1, 2, logits[0].as_slice().to_vec()))]
    });
    let weights = network.weights(Weights::Current);
    assert!(weights.values().flat_map(|t| &t.data).all(|x| x.is_finite()));
}

#[test]
fn weights_that_do_not_fit_are_all_named_and_change_nothing() {
    let (architecture, length) = cases().swap_remove(0);
    let mut network = network(&architecture, length, 6);
    let good = network.weights(Weights::Current);
    let mut bad = good.clone();
    bad.remove("feature.0.bias");
    bad.insert("fc.weight".into(), Tensor::scalar(1.0));
    bad.get_mut("feature.3.weight").expect("known").shape = vec![1, 2];
    bad.get_mut("feature.1.bias").expect("known").data[2] = f32::NAN;
    bad.get_mut("feature.1.running_var").expect("known").data[1] = -1.0;
    bad.get_mut("feature.4.weight").expect("known").data.pop();
    let Err(LoadError::Mismatched(mismatches)) = network.load(&bad) else { panic!("refused") };
    assert_eq!(mismatches.len(), 6, "{mismatches:?}");
    assert!(mismatches.contains(&Mismatch::Missing { name: "feature.0.bias".into() }));
    assert!(mismatches.contains(&Mismatch::Unexpected { name: "fc.weight".into() }));
    assert_eq!(network.weights(Weights::Current), good);
    good.get("feature.0.weight").expect("still there");
}
