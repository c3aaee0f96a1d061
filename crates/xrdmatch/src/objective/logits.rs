//! What is computed from one row of logits. Everything is summed in f64.

/// softmax(logits / temperature), written to `out`.
pub(super) fn softmax(logits: &[f32], temperature: f64, out: &mut [f64]) {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (out, &logit) in out.iter_mut().zip(logits) {
        *out = ((f64::from(logit) - f64::from(max)) / temperature).exp();
        sum += *out;
    }
    for out in out {
        *out /= sum;
    }
}

/// The most probable class (the first of equals) and its probability at a temperature.
pub(super) fn most_probable(logits: &[f32], temperature: f64) -> (usize, f64) {
    let mut best = 0;
    for (class, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = class;
        }
    }
    let top = f64::from(logits[best]);
    let sum: f64 = logits.iter().map(|&logit| ((f64::from(logit) - top) / temperature).exp()).sum();
    (best, 1.0 / sum)
}

/// Σ_c t_c · −log softmax(logits)_c; `weight` times its gradient, p · Σt − t, goes to `gradient`.
pub(crate) fn cross_entropy(
    logits: &[f32],
    target: &[f64],
    gradient: &mut [f32],
    weight: f64,
) -> f64 {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let log_sum = logits.iter().map(|&logit| (f64::from(logit) - max).exp()).sum::<f64>().ln();
    let total: f64 = target.iter().sum();
    let mut loss = 0.0;
    for ((&logit, &part), gradient) in logits.iter().zip(target).zip(gradient) {
        let log_probability = f64::from(logit) - max - log_sum;
        if part != 0.0 {
            loss -= part * log_probability;
        }
        #[expect(clippy::cast_possible_truncation, reason = "gradients travel as f32")]
        {
            *gradient = (weight * (log_probability.exp() * total - part)) as f32;
        }
    }
    loss
}

/// (1 − p_y^r) / r with p = softmax(logits) and y the label; `weight` times its gradient,
/// p_y^r · (p − t), goes to `gradient`.
pub(super) fn robust_cross_entropy(
    logits: &[f32],
    label: usize,
    robustness: f64,
    gradient: &mut [f32],
    weight: f64,
) -> f64 {
    let mut probabilities = vec![0.0; logits.len()];
    softmax(logits, 1.0, &mut probabilities);
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let log_sum = logits.iter().map(|&logit| (f64::from(logit) - max).exp()).sum::<f64>().ln();
    // p_y itself may underflow where its logarithm does not.
    let scaled = robustness * (f64::from(logits[label]) - max - log_sum);
    let factor = weight * scaled.exp();
    for (class, (gradient, p)) in gradient.iter_mut().zip(&probabilities).enumerate() {
        let target = f64::from(u8::from(class == label));
        #[expect(clippy::cast_possible_truncation, reason = "gradients travel as f32")]
        {
            *gradient = (factor * (p - target)) as f32;
        }
    }
    -scaled.exp_m1() / robustness
}

/// 1/C · Σ_c (p_c − t_c)² with p = softmax(logits); `weight` times its gradient,
/// 2/C · p_j · ((p_j − t_j) − Σ_c (p_c − t_c) p_c), goes to `gradient`.
pub(super) fn squares(logits: &[f32], target: &[f64], gradient: &mut [f32], weight: f64) -> f64 {
    let mut probabilities = vec![0.0; logits.len()];
    softmax(logits, 1.0, &mut probabilities);
    let share = 1.0 / logits.len() as f64;
    let off = |class: usize| probabilities[class] - target[class];
    let inner: f64 = (0..logits.len()).map(|class| off(class) * probabilities[class]).sum();
    for (class, gradient) in gradient.iter_mut().enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "gradients travel as f32")]
        {
            *gradient = (weight * 2.0 * share * probabilities[class] * (off(class) - inner)) as f32;
        }
    }
    share * (0..logits.len()).map(|class| off(class).powi(2)).sum::<f64>()
}
