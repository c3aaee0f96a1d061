//! A number with its interval, and a set of numbers in brief.

use serde::{Deserialize, Serialize};

use super::distribution::student_quantile;

/// An estimate and the interval that covers the true value with the stated probability.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The value on the data at hand.
    pub estimate: f64,
    /// Lower end.
    pub lower: f64,
    /// Upper end.
    pub upper: f64,
    /// Nominal coverage, such as 0.95.
    pub level: f64,
}

impl Interval {
    /// Whether a value lies within, ends included.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.lower..=self.upper).contains(&value)
    }

    /// Upper less lower end.
    #[must_use]
    pub fn width(&self) -> f64 {
        self.upper - self.lower
    }
}

/// A set of numbers in brief, as one over experiments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many numbers.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation with `count − 1` in the denominator; 0 for a single number.
    pub sd: f64,
    /// The smallest.
    pub minimum: f64,
    /// The largest.
    pub maximum: f64,
}

impl Summary {
    /// The numbers in brief; `None` of none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        Some(Self {
            count,
            mean,
            sd: if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 },
            minimum: values.iter().copied().fold(f64::INFINITY, f64::min),
            maximum: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }

    /// Student's interval of the mean of *independent* numbers, `mean ± t·sd/√count`. Metrics of
    /// experiments on the same compounds are not independent: for those, see
    /// [`corrected_t`](Self::corrected_t). `None` with fewer than two numbers.
    #[must_use]
    pub fn t_interval(&self, level: f64) -> Option<Interval> {
        self.student(level, 1.0 / self.count as f64)
    }

    /// Student's interval of the mean over repeated random splits of one data set, with the
    /// variance corrected for their overlap: `mean ± t·sd·√(1/count + evaluation/training)`, where
    /// the ratio is of row numbers per split (Nadeau and Bengio, Machine Learning 52, 239, 2003).
    /// `None` with fewer than two numbers.
    #[must_use]
    pub fn corrected_t(&self, level: f64, evaluation_to_training: f64) -> Option<Interval> {
        self.student(level, 1.0 / self.count as f64 + evaluation_to_training)
    }

    fn student(&self, level: f64, variance_factor: f64) -> Option<Interval> {
        if self.count < 2 || !(0.0 < level && level < 1.0) {
            return None;
        }
        let t = student_quantile(0.5 + 0.5 * level, (self.count - 1) as f64);
        let half = t * self.sd * variance_factor.sqrt();
        let (estimate, lower, upper) = (self.mean, self.mean - half, self.mean + half);
        Some(Interval { estimate, lower, upper, level })
    }
}

/// The `share`-quantile of ascending numbers, linear between neighbours (NumPy's default).
pub(super) fn quantile(ascending: &[f64], share: f64) -> f64 {
    let position = share.clamp(0.0, 1.0) * (ascending.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(ascending.len() - 1);
    let weight = position - below as f64;
    ascending[below] + weight * (ascending[above] - ascending[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_says_mean_and_spread() {
        let summary = Summary::of(&[1.0, 2.0, 3.0, 6.0]).unwrap();
        assert_eq!((summary.mean, summary.minimum, summary.maximum), (3.0, 1.0, 6.0));
        assert!((summary.sd - (14.0f64 / 3.0).sqrt()).abs() < 1e-15);
        assert_eq!(Summary::of(&[]), None);
        assert_eq!(Summary::of(&[5.0]).unwrap().t_interval(0.95), None);
    }

    /// From SciPy 1.17.1: `scipy.stats.t.interval(0.95, 3, loc=3, scale=scipy.stats.sem(x))`.
    #[test]
    fn t_interval_equals_that_of_scipy() {
        let interval = Summary::of(&[1.0, 2.0, 3.0, 6.0]).unwrap().t_interval(0.95).unwrap();
        assert!((interval.lower + 0.4374348818583087).abs() < 1e-12, "{interval:?}");
        assert!((interval.upper - 6.437434881858309).abs() < 1e-12, "{interval:?}");
    }
}
