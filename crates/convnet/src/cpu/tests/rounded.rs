//! Operands rounded to bfloat16.

use super::*;

/// What rounding operands to 8 significant bits (2⁻⁹ each) makes of logits, layer after layer.
const ROUNDED: f64 = 3e-2;
/// The same of all gradients together where no unit decides anything: they pass the layers twice.
const ROUNDED_GRADIENT: f64 = 6e-2;
/// And where ReLU and max-pool decide. Values that move by a share δ make a share of about δ of the
/// units decide otherwise, each of which changes its gradient wholly: an L2 error of √δ a layer, 0.1 for
/// δ = 1 %. This bound only tells a wrong gradient from such ones; the products themselves are held to
/// theirs in `kernels/rounded/tests.rs`.
const ROUNDED_DECISIONS: f64 = 2.5e-1;

#[test]
fn rounded_operands_change_logits_and_gradients_by_little_more_than_their_rounding() {
    let decides = |layer: &Layer| matches!(layer, Layer::Relu | Layer::MaxPool { .. });
    let smooth = cases().into_iter().map(|(mut architecture, length)| {
        architecture.features.retain(|layer| !decides(layer));
        architecture.classifier.retain(|layer| !decides(layer));
        (architecture, length)
    });
    for (architecture, length) in cases().into_iter().chain(smooth) {
        let (mut exact, mut rounded) =
            (network(&architecture, length, 21), rounded(&architecture, length, 21));
        let signals = signals(9, length, 22);
        let widen = |values: &[f32]| values.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
        let expected = exact.infer(&signals, Weights::Current);
        let found = rounded.infer(&signals, Weights::Current);
        let error = relative_error(found.as_slice(), &widen(expected.as_slice()));
        // Nothing at all would be single precision under another name.
        assert!(error < ROUNDED && error > 1e-6, "{architecture:?}: {error:.1e}");
        let outcome = |network: &mut CpuNetwork| {
            let stream =
                Stream { signals: &signals, mode: Mode::Train { dropout_seed: 4 }, gradient: true };
            network.learn(&[stream], &probe(), &mut |logits| {
                let values = logits[0].as_slice().iter().map(|x| x.tanh() - 0.3).collect();
                vec![Some(Matrix::from_vec(logits[0].rows(), logits[0].cols(), values))]
            });
            gradients(network)
        };
        let (expected, found) = (outcome(&mut exact), outcome(&mut rounded));
        let all =
            |tensors: &Tensors| tensors.values().flat_map(|t| t.data.clone()).collect::<Vec<f32>>();
        let error = relative_error(&all(&found), &widen(&all(&expected)));
        println!("{error:.1e}");
        let smooth = !architecture.features.iter().chain(&architecture.classifier).any(&decides);
        let bound = if smooth { ROUNDED_GRADIENT } else { ROUNDED_DECISIONS };
        assert!(error < bound && error > 1e-6, "{architecture:?}: {error:.1e}");
    }
}

#[test]
fn training_with_rounded_operands_learns() {
    let (length, rows) = (101, 24);
    // Class 1 has a stick in the second half.
    let mut batch = signals(rows, length, 5);
    for row in 0..rows {
        batch.row_mut(row).iter_mut().for_each(|x| *x = x.abs() * 0.2);
        batch.row_mut(row)[20 + row + 40 * (row % 2)] = 3.0;
    }
    let loss = |logits: &Matrix, row: usize| {
        let wrong = logits.row(row)[1 - row % 2] - logits.row(row)[row % 2];
        f64::from(wrong.exp().ln_1p())
    };
    let mut network = rounded(&cases()[0].0, length, 3);
    let settings = AdamW { learning_rate: 3e-3, ..AdamW::default() };
    let mut losses = Vec::new();
    for step in 0..60 {
        let mode = Mode::Train { dropout_seed: step };
        let stream = Stream { signals: &batch, mode, gradient: true };
        network.learn(&[stream], &settings, &mut |logits| {
            let logits = &logits[0];
            losses.push((0..rows).map(|row| loss(logits, row)).sum::<f64>() / rows as f64);
            let mut gradient = Matrix::zeros(rows, 2);
            for row in 0..rows {
                let wrong = logits.row(row)[1 - row % 2] - logits.row(row)[row % 2];
                let pull = 1.0 / (1.0 + (-wrong).exp()) / rows as f32;
                gradient.row_mut(row)[row % 2] = -pull;
                gradient.row_mut(row)[1 - row % 2] = pull;
            }
            vec![Some(gradient)]
        });
    }
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < 0.3 * first, "loss {first:.3} before, {last:.3} after");
}
