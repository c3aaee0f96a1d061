//! Counting noise, from the caller's random numbers.

/// Above this mean a Poisson variate is drawn by rejection, below by multiplication.
const SMALL_MEAN: f64 = 12.0;

/// Draws a Poisson variate of a mean, from uniform numbers in [0, 1).
///
/// Knuth's product below a mean of 12; above, the transformed rejection PTRS of W. Hörmann,
/// Insurance Math. Econom. 12 (1993) 39, which needs 1.2 pairs of uniforms in the mean. A mean that
/// is not positive gives 0. A source that returns numbers outside [0, 1) is brought into it.
pub fn poisson(mean: f64, uniform: &mut dyn FnMut() -> f64) -> f64 {
    let mut draw = || {
        let u = uniform();
        if u.is_finite() { u.clamp(0.0, 1.0 - f64::EPSILON) } else { 0.5 }
    };
    if !(mean > 0.0 && mean.is_finite()) {
        return 0.0;
    }
    if mean < SMALL_MEAN {
        let limit = (-mean).exp();
        let mut product = draw();
        let mut count = 0.0;
        // The bound ends a source that always returns 1 − ε.
        while product > limit && count < 1000.0 {
            product *= draw();
            count += 1.0;
        }
        return count;
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let v_r = 0.9277 - 3.6224 / (b - 2.0);
    // The bound ends a constant source; a fair one needs hundreds with probability 10⁻⁵⁰.
    for _ in 0..1000 {
        let u = draw() - 0.5;
        let v = draw();
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= v_r {
            return k;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let accept = (v * inverse_alpha / (a / (us * us) + b)).ln();
        if accept <= -mean + k * mean.ln() - ln_factorial(k) {
            return k;
        }
    }
    mean.round()
}

/// Turns intensities into counts, the largest having `largest` in the mean, with Poisson noise.
pub fn count(intensities: &mut [f32], largest: f64, uniform: &mut dyn FnMut() -> f64) {
    let top = intensities.iter().copied().fold(0.0, f32::max);
    if top <= 0.0 {
        return;
    }
    for intensity in intensities {
        *intensity = poisson(f64::from(*intensity) / f64::from(top) * largest, uniform) as f32;
    }
}

/// ln k!, by Stirling's series above 9.
fn ln_factorial(k: f64) -> f64 {
    if k < 10.0 {
        return (2..=k as u32).map(|i| f64::from(i).ln()).sum();
    }
    let x = k + 1.0;
    (x - 0.5) * x.ln() - x + 0.918_938_533_204_672_8 + 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3))
        + 1.0 / (1260.0 * x.powi(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear congruential generator: enough for a test of moments.
    fn uniform(mut state: u64) -> impl FnMut() -> f64 {
        move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        }
    }

    #[test]
    fn mean_and_variance_are_the_mean() {
        for mean in [0.3, 5.0, 11.9, 12.1, 40.0, 1000.0, 1e6] {
            let (n, mut source) = (40_000, uniform(7));
            let draws: Vec<f64> = (0..n).map(|_| poisson(mean, &mut source)).collect();
            let average = draws.iter().sum::<f64>() / f64::from(n);
            let variance =
                draws.iter().map(|d| (d - average).powi(2)).sum::<f64>() / f64::from(n - 1);
            // Five standard errors.
            let error = 5.0 * (mean / f64::from(n)).sqrt();
            assert!((average - mean).abs() < error, "{mean}: {average}");
            let spread = 5.0 * mean * (2.0 / f64::from(n) + 1.0 / (mean * f64::from(n))).sqrt();
            assert!((variance - mean).abs() < spread, "{mean}: {variance}");
        }
    }

    #[test]
    fn small_counts_have_poisson_frequencies() {
        let (n, mut source) = (100_000, uniform(3));
        for mean in [2.0_f64, 15.0] {
            let mut seen = [0_u32; 64];
            for _ in 0..n {
                seen[(poisson(mean, &mut source) as usize).min(63)] += 1;
            }
            for (k, &count) in seen.iter().enumerate().take(40) {
                let k = k as f64;
                let expected = f64::from(n) * (k * mean.ln() - mean - ln_factorial(k)).exp();
                let error = 5.0 * expected.sqrt().max(1.0);
                assert!((f64::from(count) - expected).abs() < error, "{mean}: {k}");
            }
        }
    }

    #[test]
    fn constant_and_broken_sources_end() {
        for value in [0.0, 0.25, 0.5, 1.0, -3.0, f64::NAN, f64::INFINITY] {
            for mean in [0.0, -1.0, f64::NAN, f64::INFINITY, 3.0, 50.0, 1e9] {
                assert!(poisson(mean, &mut || value).is_finite());
            }
        }
    }
}
