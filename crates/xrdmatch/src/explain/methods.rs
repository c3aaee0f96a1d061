//! Log-odds and their integrated gradients, for one network.

use convnet::{Matrix, Network, Weights};

/// Patterns of one pass.
const AT_ONCE: usize = 64;

/// What integrated gradients give.
pub(super) struct Integrated {
    /// One number per point, in log-odds.
    pub(super) attributions: Vec<f64>,
    /// Log-odds of the pattern.
    pub(super) full: f64,
    /// Log-odds of the empty pattern.
    pub(super) empty: f64,
}

/// `logit₀ − mean of the other logits` of each row.
pub(super) fn log_odds(network: &mut dyn Network, signals: &Matrix) -> Vec<f64> {
    let width = signals.cols();
    let mut found = Vec::with_capacity(signals.rows());
    for piece in signals.as_slice().chunks(AT_ONCE * width) {
        let piece = Matrix::from_vec(piece.len() / width, width, piece.to_vec());
        let logits = network.infer(&piece, Weights::Current);
        let others = (logits.cols() - 1) as f64;
        found.extend((0..logits.rows()).map(|row| {
            let row = logits.row(row);
            let rest: f64 = row[1..].iter().map(|logit| f64::from(*logit)).sum();
            f64::from(row[0]) - rest / others
        }));
    }
    found
}

/// Integrated gradients of the log-odds from the empty pattern to `signal`, by the midpoint rule.
pub(super) fn integrated_gradients(
    network: &mut dyn Network,
    signal: &[f32],
    steps: usize,
) -> Integrated {
    let (points, steps) = (signal.len(), steps.max(1));
    let mut ends = Matrix::zeros(2, points);
    ends.row_mut(0).copy_from_slice(signal);
    let ends = log_odds(network, &ends);
    let classes = network.classes();
    let mut sums = vec![0.0f64; points];
    let all: Vec<usize> = (0..steps).collect();
    for piece in all.chunks(AT_ONCE) {
        let mut path = Matrix::zeros(piece.len(), points);
        for (row, step) in piece.iter().enumerate() {
            let share = (*step as f32 + 0.5) / steps as f32;
            let out = path.row_mut(row);
            out.iter_mut().zip(signal).for_each(|(out, value)| *out = share * value);
        }
        for class in 0..classes {
            let weight = if class == 0 { 1.0 } else { -1.0 / (classes - 1) as f64 };
            let gradients = network.input_gradient(&path, class, Weights::Current);
            for row in 0..piece.len() {
                for (sum, gradient) in sums.iter_mut().zip(gradients.row(row)) {
                    *sum += weight * f64::from(*gradient);
                }
            }
        }
    }
    let attribution = |(sum, value): (f64, &f32)| f64::from(*value) * sum / steps as f64;
    let attributions = sums.into_iter().zip(signal).map(attribution).collect();
    Integrated { attributions, full: ends[0], empty: ends[1] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convnet::{Architecture, CpuNetwork, Initialization, Layer};

    fn network(length: usize) -> CpuNetwork {
        let architecture = Architecture {
            features: vec![
                Layer::Conv { channels: 6, kernel: 5, stride: 2, padding: 1 },
                Layer::BatchNorm,
                Layer::Relu,
                Layer::MaxPool { size: 2 },
            ],
            classifier: vec![
                Layer::Linear { outputs: 8 },
                Layer::Relu,
                Layer::Linear { outputs: 3 },
            ],
        };
        CpuNetwork::new(architecture, length, Initialization::Xavier, 7).unwrap()
    }

    #[test]
    fn attributions_sum_to_the_change_from_the_empty_pattern() {
        let mut network = network(61);
        let signal: Vec<f32> =
            (0..61).map(|i| if i % 7 == 3 { 0.3 + 0.01 * i as f32 } else { 0.0 }).collect();
        let found = integrated_gradients(&mut network, &signal, 400);
        let sum: f64 = found.attributions.iter().sum();
        let change = found.full - found.empty;
        assert!(change.abs() > 1e-3, "{change}");
        assert!((sum - change).abs() < 0.01 * change.abs(), "{sum} is not {change}");
        let zeros = signal.iter().zip(&found.attributions).filter(|(value, _)| **value == 0.0);
        assert!(zeros.into_iter().all(|(_, attribution)| *attribution == 0.0));
    }

    #[test]
    fn input_gradients_equal_finite_differences() {
        let mut network = network(40);
        let signal: Vec<f32> = (0..40).map(|i| 0.2 + 0.02 * ((i * 13) % 40) as f32).collect();
        let row = Matrix::from_vec(1, 40, signal.clone());
        let gradients: Vec<Matrix> =
            (0..3).map(|class| network.input_gradient(&row, class, Weights::Current)).collect();
        let mut close = 0;
        for point in 0..40 {
            let analytic = f64::from(gradients[0].row(0)[point])
                - f64::from(gradients[1].row(0)[point] + gradients[2].row(0)[point]) / 2.0;
            let step = 1e-2f32;
            let mut both = Matrix::zeros(2, 40);
            for (place, sign) in [1.0, -1.0].into_iter().enumerate() {
                both.row_mut(place).copy_from_slice(&signal);
                both.row_mut(place)[point] += sign * step;
            }
            let ends = log_odds(&mut network, &both);
            let numeric = (ends[0] - ends[1]) / f64::from(2.0 * step);
            // A kink within the step makes a difference of its own.
            close += usize::from((analytic - numeric).abs() < 1e-3 + 0.02 * numeric.abs());
        }
        assert!(close >= 36, "{close} of 40 points");
    }
}
