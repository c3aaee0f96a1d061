//! Logits, gradients and steps against the plain reference.

use super::*;

#[test]
fn inference_equals_the_reference() {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = network(&architecture, length, case as u64);
        let weights = network.weights(Weights::Current);
        let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
        for batch in [1, 3, 35] {
            let signals = signals(batch, length, case as u64);
            let expected = reference.forward(&signals, reference::Behaviour::Running);
            let found = network.infer(&signals, Weights::Current);
            let error = relative_error(found.as_slice(), expected.logits());
            assert!(error < LOGITS, "case {case}, batch {batch}: {error:.1e}");
        }
        assert_eq!(network.infer(&Matrix::zeros(0, length), Weights::Current).rows(), 0);
    }
}

#[test]
fn training_gradients_equal_the_reference() {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        for batch in [1, 3, 10] {
            if batch < architecture.smallest_training_batch(length).expect("fits") {
                continue;
            }
            let mut network = network(&architecture, length, case as u64);
            let weights = network.weights(Weights::Current);
            let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
            let signals = signals(batch, length, 7 * case as u64);
            let direction = uniform(3, 4, batch * network.classes(), 1.0);
            let dropout_seed = 11 + case as u64;
            let trace = reference.forward(&signals, reference::Behaviour::Train { dropout_seed });
            let wide: Vec<f64> = direction.iter().map(|&d| f64::from(d)).collect();
            let (expected, _) = reference.backward(&trace, &wide);
            let name = format!("case {case}, batch {batch}");
            let stream =
                Stream { signals: &signals, mode: Mode::Train { dropout_seed }, gradient: true };
            network.learn(&[stream], &probe(), &mut |logits| {
                let error = relative_error(logits[0].as_slice(), trace.logits());
                assert!(error < LOGITS, "{name}: {error:.1e}");
                let classes = logits[0].cols();
                vec![Some(Matrix::from_vec(batch, classes, direction.clone()))]
            });
            assert_gradients(&name, &gradients(&network), &expected);
            for (name, tensor) in network.weights(Weights::Current) {
                if name.contains("running") {
                    let error = relative_error(&tensor.data, &reference.arrays[&name]);
                    assert!(error < LOGITS, "case {case} {name}: {error:.1e}");
                }
            }
        }
    }
}

#[test]
fn gradients_of_two_streams_add_and_a_silent_stream_moves_statistics() {
    let (architecture, length) = cases().swap_remove(1);
    let mut network = network(&architecture, length, 5);
    let weights = network.weights(Weights::Current);
    let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
    let batches = [signals(4, length, 1), signals(9, length, 2), signals(6, length, 3)];
    let wants = [true, false, true];
    let mut expected = Arrays::new();
    for (seed, (batch, wants)) in batches.iter().zip(wants).enumerate() {
        let behaviour = reference::Behaviour::Train { dropout_seed: seed as u64 };
        let trace = reference.forward(batch, behaviour);
        if wants {
            let (gradients, _) = reference.backward(&trace, &vec![1.0; 2 * batch.rows()][..]);
            for (name, gradient) in gradients {
                let sum = expected.entry(name).or_insert_with(|| vec![0.0; gradient.len()]);
                sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
            }
        }
    }
    let streams: Vec<Stream<'_>> = (batches.iter().zip(wants).enumerate())
        .map(|(seed, (signals, gradient))| Stream {
            signals,
            mode: Mode::Train { dropout_seed: seed as u64 },
            gradient,
        })
        .collect();
    network.learn(&streams, &probe(), &mut |logits| {
        let ones = |m: &Matrix| Matrix::from_vec(m.rows(), 2, vec![1.0; 2 * m.rows()]);
        vec![Some(ones(&logits[0])), None, Some(ones(&logits[2]))]
    });
    assert_gradients("three streams", &gradients(&network), &expected);
    let weights = network.weights(Weights::Current);
    for (name, tensor) in &weights {
        if name.contains("running") {
            let error = relative_error(&tensor.data, &reference.arrays[name]);
            assert!(error < LOGITS, "{name}: {error:.1e}");
        }
        if name.ends_with("tracked") {
            assert_eq!(tensor.data, [3.0], "{name}");
        }
    }
}

#[test]
fn input_gradients_equal_the_reference() {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = network(&architecture, length, case as u64);
        let weights = network.weights(Weights::Current);
        let mut reference = Reference::new(&architecture, length, &weights).expect("fits");
        let (signals, classes) = (signals(3, length, 9), network.classes());
        let trace = reference.forward(&signals, reference::Behaviour::Running);
        for class in 0..classes {
            let mut direction = vec![0.0; 3 * classes];
            direction.iter_mut().skip(class).step_by(classes).for_each(|d| *d = 1.0);
            let (_, expected) = reference.backward(&trace, &direction);
            let found = network.input_gradient(&signals, class, Weights::Current);
            let error = relative_error(found.as_slice(), &expected);
            assert!(error < GRADIENTS, "case {case}: {error:.1e}");
        }
    }
}

#[test]
fn embeddings_enter_the_last_linear_layer() {
    for (case, (architecture, length)) in cases().into_iter().enumerate() {
        let mut network = network(&architecture, length, case as u64);
        let signals = signals(33, length, 4);
        let logits = network.infer(&signals, Weights::Current);
        let embedded = network.embed(&signals, Weights::Current);
        let weights = network.weights(Weights::Current);
        let prefix = format!("classifer.{}", architecture.classifier.len() - 1);
        let (w, b) = (&weights[&format!("{prefix}.weight")], &weights[&format!("{prefix}.bias")]);
        for row in 0..33 {
            let x = embedded.row(row);
            for (class, logit) in logits.row(row).iter().enumerate() {
                let w = &w.data[class * x.len()..][..x.len()];
                let sum: f32 = w.iter().zip(x).map(|(w, x)| w * x).sum();
                assert!((sum + b.data[class] - logit).abs() < 1e-4, "case {case}");
            }
        }
    }
}

#[test]
fn every_algorithm_gives_the_same_network() {
    let (architecture, length) = cases().swap_remove(1);
    let run = |choice| {
        let mut network = CpuNetwork::with_choice(
            architecture.clone(),
            length,
            Initialization::Pytorch,
            3,
            choice,
        )
        .expect("fits");
        run(&mut network, 0..1)[2].clone()
    };
    let expected = run(Choice::Direct);
    for choice in [Choice::Spectral(32), Choice::Spectral(64), Choice::Cheapest] {
        for (name, tensor) in run(choice) {
            let wide: Vec<f64> = expected[&name].data.iter().map(|&x| f64::from(x)).collect();
            // Biases under batch norm have a gradient of zero.
            let error = distance(&tensor.data, &wide);
            assert!(error <= GRADIENTS * size(&wide), "{choice:?} {name}: {error:.1e}");
        }
    }
}

#[test]
fn a_single_convolution_equals_the_plain_sum() {
    let shape = Convolution { inputs: 5, length: 41, outputs: 7, kernel: 6, stride: 2, padding: 3 };
    let length = shape.output_length();
    let draw = |stream, count| uniform(9, stream, count, 1.0);
    let (x, w) = (draw(1, 2 * 5 * 41), draw(2, 7 * 5 * 6));
    let dy = draw(3, 2 * 7 * length);
    let [mut y, mut dx, mut dw] = [vec![0.0; dy.len()], vec![0.0; x.len()], vec![0.0; w.len()]];
    for (n, d, l) in (0..2 * 7 * length).map(|i| (i / (7 * length), i / length % 7, i % length)) {
        for (c, k) in (0..30).map(|i| (i / 6, i % 6)) {
            let Some(point) = (l * 2 + k).checked_sub(3).filter(|&point| point < 41) else {
                continue;
            };
            let (i, o, t) =
                ((n * 5 + c) * 41 + point, (n * 7 + d) * length + l, (d * 5 + c) * 6 + k);
            y[o] += f64::from(x[i]) * f64::from(w[t]);
            dx[i] += f64::from(dy[o]) * f64::from(w[t]);
            dw[t] += f64::from(dy[o]) * f64::from(x[i]);
        }
    }
    for choice in [Choice::Direct, Choice::Spectral(16), Choice::Spectral(64)] {
        let passes = shape.passes(choice, &x, &w, &dy).expect("known instructions");
        assert_eq!(passes.choice, choice);
        assert!(relative_error(&passes.output, &y) < 1e-6);
        assert!(relative_error(&passes.input_gradient, &dx) < 1e-6);
        assert!(relative_error(&passes.weight_gradient, &dw) < 1e-6);
    }
}

/// PyTorch's AdamW, one parameter at a time, in double precision.
#[test]
fn ten_steps_equal_adamw_by_the_book() {
    let architecture = Architecture { features: vec![], classifier: vec![linear(2)] };
    for decay in [Decay::All, Decay::WeightsOnly] {
        let mut network = network(&architecture, 3, 8);
        let settings = AdamW {
            learning_rate: 0.01,
            weight_decay: 0.1,
            decay,
            average: Some(0.9),
            ..AdamW::default()
        };
        let wide = |t: &Tensors| -> Vec<f64> {
            t.values().flat_map(|t| &t.data).map(|&x| f64::from(x)).collect()
        };
        // In the order of the names: two biases, six weights.
        let mut p = wide(&network.weights(Weights::Current));
        let mut average = p.clone();
        let (mut m, mut v) = ([0.0; 8], [0.0; 8]);
        for t in 1..=10 {
            let x = signals(1, 3, t);
            let d = uniform(t, 5, 2, 1.0);
            let stream =
                Stream { signals: &x, mode: Mode::Train { dropout_seed: 0 }, gradient: true };
            network.learn(&[stream], &settings, &mut |_| {
                vec![Some(Matrix::from_vec(1, 2, d.clone()))]
            });
            for i in 0..8 {
                let g =
                    f64::from(if i < 2 { d[i] } else { d[(i - 2) / 3] * x.row(0)[(i - 2) % 3] });
                if i >= 2 || decay == Decay::All {
                    p[i] *= 1.0 - 0.01 * 0.1;
                }
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.999 * v[i] + 0.001 * g * g;
                let (m, v) =
                    (m[i] / (1.0 - 0.9f64.powi(t as i32)), v[i] / (1.0 - 0.999f64.powi(t as i32)));
                p[i] -= 0.01 * m / (v.sqrt() + 1e-8);
                average[i] = 0.9 * average[i] + 0.1 * p[i];
            }
        }
        for (which, expected) in [(Weights::Current, &p), (Weights::Average, &average)] {
            for (found, expected) in wide(&network.weights(which)).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{which:?}: {found} against {expected}");
            }
        }
    }
}
