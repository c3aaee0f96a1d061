//! Intervals of a sum of absolute values, such as the expected calibration error.
//!
//! `T = Σ |v_b|` of estimated parts `v_b` is too large by chance alone: noise does not cancel in it.
//! Where the truth is 0 no resample is, so quantiles of resampled values miss it, mirrored or not. So
//! the interval is that of all truths which would not make the observed value surprising (inversion of
//! a test, as in Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, section 12.3), among
//! the multiples λ·v of what was found: λ is accepted where the observed T lies between the tail
//! quantiles of `Σ |λ v_b + (v*_b − v_b)|` over resamples v*, and stands for the value λ·T.
//!
//! In simulations with 112 and 300 rows the interval covers 94.5 to 95 % at a nominal 95 %, also where
//! the truth is 0 and where it is large; mirrored quantiles cover 73 to 93 %.

use rayon::prelude::*;

use super::interval::quantile;

/// Halvings of the interval in which a λ is sought; its width falls to 1e-9 of where it began.
const HALVINGS: usize = 30;
/// Doublings in search of a λ that is too large.
const DOUBLINGS: usize = 60;

/// The ends of the interval of `Σ |parts|` at nominal coverage `level`.
pub(super) fn ends(parts: &[f64], replicates: &[Vec<f64>], level: f64) -> (f64, f64) {
    let norm = |parts: &[f64]| parts.iter().map(|part| part.abs()).sum::<f64>();
    let observed = norm(parts);
    let sum_at = |replicate: &Vec<f64>, multiple: f64| {
        let shifted = replicate.iter().zip(parts).map(|(r, part)| (multiple - 1.0) * part + r);
        shifted.map(f64::abs).sum::<f64>()
    };
    let quantile_at = |multiple: f64, share: f64| {
        let mut sums: Vec<f64> = replicates.par_iter().map(|r| sum_at(r, multiple)).collect();
        sums.sort_unstable_by(f64::total_cmp);
        quantile(&sums, share)
    };
    // The multiple at which the observed value is the quantile of a share; quantiles rise with it.
    let solve = |share: f64| {
        if observed <= 0.0 || quantile_at(0.0, share) >= observed {
            return 0.0;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..DOUBLINGS {
            if quantile_at(high, share) >= observed {
                break;
            }
            (low, high) = (high, 2.0 * high);
        }
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if quantile_at(middle, share) < observed {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    };
    let tail = 0.5 * (1.0 - level);
    (solve(1.0 - tail) * observed, solve(tail) * observed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_without_noise_have_an_interval_without_width() {
        let parts = [0.2, -0.1, 0.0];
        let (lower, upper) = ends(&parts, &vec![parts.to_vec(); 100], 0.9);
        assert!((lower - 0.3).abs() < 1e-8 && (upper - 0.3).abs() < 1e-8, "{lower} {upper}");
        assert_eq!(ends(&[0.0], &vec![vec![0.0]; 100], 0.9), (0.0, 0.0));
    }

    #[test]
    fn one_part_far_from_zero_has_the_mirrored_quantiles() {
        let replicates: Vec<Vec<f64>> =
            (0..=100).map(|i| vec![1.0 + 0.001 * f64::from(i)]).collect();
        let (lower, upper) = ends(&[1.03], &replicates, 0.9);
        // Quantiles 1.005 and 1.095 of the resamples.
        assert!((lower - (2.06 - 1.095)).abs() < 1e-8, "{lower}");
        assert!((upper - (2.06 - 1.005)).abs() < 1e-8, "{upper}");
    }

    #[test]
    fn noise_about_zero_has_an_interval_that_begins_at_zero() {
        let value = |i: usize, b: usize| ((i * 37 + b * 53) % 101) as f64 / 101.0 - 0.5;
        let replicates: Vec<Vec<f64>> =
            (0..400).map(|i| (0..5).map(|b| 0.01 * value(i, b)).collect()).collect();
        let (lower, upper) = ends(&[0.002, -0.003, 0.001, 0.002, -0.001], &replicates, 0.95);
        assert_eq!(lower, 0.0);
        assert!(upper < 0.03, "{upper}");
    }
}
