//! The normal and Student's distribution: cumulated, and its inverse.

use std::f64::consts::{PI, SQRT_2};

/// Probability that a standard normal variable is below `x`.
pub(crate) fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// The `x` below which a standard normal variable falls with probability `p` in (0, 1).
///
/// Newton steps on the cumulated distribution from a rational start (Abramowitz and Stegun
/// 26.2.23, error below 5e-4); three reach double precision, a fourth is for the far tails.
pub(super) fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    let t = (-2.0 * p.ln()).sqrt();
    let numerator = 2.515517 + t * (0.802853 + t * 0.010328);
    let denominator = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308));
    let mut x = numerator / denominator - t;
    for _ in 0..4 {
        let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
        x -= (normal_cdf(x) - p) / density;
    }
    x
}

/// Probability that a variable of Student's distribution with `freedom` > 0 degrees of freedom is
/// below `t`: half the regularised incomplete beta function `I(ν/(ν+t²); ν/2, ½)` beyond it.
pub(super) fn student_cdf(t: f64, freedom: f64) -> f64 {
    let square = freedom + t * t;
    let beyond = 0.5 * incomplete_beta(freedom / square, t * t / square, 0.5 * freedom, 0.5);
    if t > 0.0 { 1.0 - beyond } else { beyond }
}

/// The `t` below which Student's variable falls with probability `p` in (0, 1), by bisection.
pub(super) fn student_quantile(p: f64, freedom: f64) -> f64 {
    if p < 0.5 {
        return -student_quantile(1.0 - p, freedom);
    }
    let (mut low, mut high) = (0.0, 1.0);
    while student_cdf(high, freedom) < p && high < f64::MAX.sqrt() {
        high *= 2.0;
    }
    // As many halvings as a double has bits, so that the ends meet.
    for _ in 0..1100 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if student_cdf(middle, freedom) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Regularised incomplete beta function `I(x; a, b)` by its continued fraction (NIST DLMF 8.17.22),
/// evaluated from the front by Lentz's method on the side where it converges fast. `y` is `1 − x`,
/// which the caller knows without cancellation.
fn incomplete_beta(x: f64, y: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || y <= 0.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(y, x, b, a);
    }
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = (a * x.ln() + b * y.ln() - log_beta).exp() / a;
    const TINY: f64 = 1e-300; // stands in for a zero denominator, as Lentz's method has it
    let guard = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..10_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        fraction *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    front * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From SciPy 1.17.1: `scipy.stats.norm.ppf(p)` and `scipy.stats.t.ppf(p, freedom)`.
    #[test]
    fn quantiles_equal_those_of_scipy() {
        for (p, expected) in [
            (0.975, 1.959963984540054),
            (0.5, 0.0),
            (1e-10, -6.361340902404056),
            (0.3, -0.5244005127080409),
        ] {
            assert!((normal_quantile(p) - expected).abs() < 1e-12, "{p}: {}", normal_quantile(p));
        }
        for (p, freedom, expected) in [
            (0.975, 9.0, 2.262157162798205),
            (0.975, 99.0, 1.9842169515864174),
            (0.05, 2.5, -2.5582186141359364),
            (0.975, 1.0, 12.706204736174694),
        ] {
            let found = student_quantile(p, freedom);
            assert!((found - expected).abs() < 1e-11, "{p}, {freedom}: {found}");
        }
    }

    #[test]
    fn quantile_and_distribution_undo_each_other() {
        for step in 1..400 {
            let p = f64::from(step) / 400.0;
            assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-15);
            for freedom in [0.7, 3.0, 1e4] {
                // At 10,000 degrees the logarithms of the gamma function leave eleven digits.
                let back = student_cdf(student_quantile(p, freedom), freedom);
                assert!((back - p).abs() < 1e-11, "{p}, {freedom}: {back}");
            }
        }
    }
}
