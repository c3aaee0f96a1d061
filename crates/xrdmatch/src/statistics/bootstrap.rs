//! Intervals by resampling: the percentile and the bias-corrected and accelerated (BCa) bootstrap
//! (Efron, J. Am. Stat. Assoc. 82, 171, 1987; several samples as in SciPy).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::distribution::{normal_cdf, normal_quantile};
use super::interval::quantile;
use super::{Interval, StatisticsError, norm};
use crate::metrics::{Metric, Outcomes, Reliability};

/// The largest share of replicates that may be undefined (no positive was drawn) and left out.
const UNDEFINED_SHARE: f64 = 0.1;

/// How a bootstrap is done.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// Number of resamples.
    pub replicates: usize,
    /// Nominal coverage of the intervals.
    pub level: f64,
    /// How an interval is read from the replicates.
    pub method: IntervalMethod,
    /// What is drawn from what.
    pub strata: Strata,
    /// Seed; replicate `r` uses stream `r` of it, on whatever thread.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self {
            replicates: 2000,
            level: 0.95,
            method: IntervalMethod::Best,
            strata: Strata::Class,
            seed: 0,
        }
    }
}

/// How an interval is read from the replicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// What covers best: the inversion of a test for the expected calibration error, whose estimate
    /// is too large by chance alone (`norm`), and [`Bca`](Self::Bca) for all else.
    Best,
    /// The replicates' quantiles.
    Percentile,
    /// Their quantiles mirrored at the estimate.
    Basic,
    /// Their quantiles at levels corrected for bias and skewness; the better choice for metrics
    /// that are bounded, as most are.
    Bca,
}

/// What is drawn from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strata {
    /// Each class from its own rows, as is right where the class sizes are by design.
    Class,
    /// All rows from all rows, as is right where the class sizes are chance too.
    None,
}

impl Strata {
    /// The groups of rows that are drawn from separately.
    pub(crate) fn groups(self, truth: &[u8]) -> Vec<Vec<usize>> {
        match self {
            Self::None => vec![(0..truth.len()).collect()],
            Self::Class => {
                let rows = |class| (0..truth.len()).filter(|row| truth[*row] == class).collect();
                let groups = (0..=u8::MAX).map(rows);
                groups.filter(|group: &Vec<usize>| !group.is_empty()).collect()
            }
        }
    }
}

impl Bootstrap {
    /// A metric of given outcomes, with its interval.
    ///
    /// # Errors
    /// [`StatisticsError::Undefined`] where the metric is, and errors of the settings.
    pub fn interval(
        &self,
        outcomes: &Outcomes,
        metric: Metric,
    ) -> Result<Interval, StatisticsError> {
        let of = |rows: &[usize]| {
            let mut resample = outcomes.clone();
            resample.resample(outcomes, rows);
            resample
        };
        let groups = self.strata.groups(outcomes.truth());
        if self.inverts(metric) {
            let bins = Reliability::DEFAULT_BINS;
            let gaps = |rows: &[usize]| Some(Reliability::of(&of(rows), bins).gaps());
            return self.norm_interval(metric, &groups, gaps);
        }
        self.metric_interval(metric, &groups, |rows| metric.measure(&of(rows)))
    }

    /// Whether the interval of a metric is that of [`norm_interval`](Self::norm_interval).
    pub(super) fn inverts(&self, metric: Metric) -> bool {
        metric == Metric::CalibrationError && self.method == IntervalMethod::Best
    }

    /// As [`interval_of`](Self::interval_of), for a statistic that has the range of a metric.
    pub(super) fn metric_interval(
        &self,
        metric: Metric,
        groups: &[Vec<usize>],
        statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    ) -> Result<Interval, StatisticsError> {
        let found = self.interval_of(groups, statistic)?;
        let interval = found.ok_or(StatisticsError::Undefined { metric })?;
        // Mirrored ends may fall below what any metric can be.
        Ok(Interval { lower: interval.lower.max(0.0), ..interval })
    }

    /// The sum of the absolute values of some parts, with its interval.
    pub(super) fn norm_interval(
        &self,
        metric: Metric,
        groups: &[Vec<usize>],
        parts: impl Fn(&[usize]) -> Option<Vec<f64>> + Sync,
    ) -> Result<Interval, StatisticsError> {
        self.check()?;
        let undefined = StatisticsError::Undefined { metric };
        let Some(found) = parts(&groups.concat()) else { return Err(undefined) };
        let Some(replicates) = self.replicates(groups, parts) else { return Err(undefined) };
        let (lower, upper) = norm::ends(&found, &replicates, self.level);
        let estimate = found.iter().map(|part| part.abs()).sum();
        Ok(Interval { estimate, lower, upper, level: self.level })
    }

    /// A statistic of resamples, rows drawn within `groups`; `None` where it is undefined on more
    /// than a tenth of them.
    fn replicates<T: Send>(
        &self,
        groups: &[Vec<usize>],
        statistic: impl Fn(&[usize]) -> Option<T> + Sync,
    ) -> Option<Vec<T>> {
        let replicate = |stream: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(stream as u64);
            let mut rows = Vec::new();
            for group in groups {
                rows.extend(group.iter().map(|_| group[rng.random_range(0..group.len())]));
            }
            statistic(&rows)
        };
        let found: Vec<T> = (0..self.replicates).into_par_iter().filter_map(replicate).collect();
        let undefined = self.replicates - found.len();
        (undefined as f64 <= UNDEFINED_SHARE * self.replicates as f64).then_some(found)
    }

    /// Any statistic of row numbers with its interval, rows drawn within `groups`; `None` where it
    /// is undefined on the rows themselves or on more than a tenth of the replicates.
    pub(crate) fn interval_of(
        &self,
        groups: &[Vec<usize>],
        statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
    ) -> Result<Option<Interval>, StatisticsError> {
        self.check()?;
        let level = self.level;
        let all: Vec<usize> = groups.concat();
        let Some(estimate) = statistic(&all) else { return Ok(None) };
        let Some(mut replicates) = self.replicates(groups, &statistic) else { return Ok(None) };
        replicates.sort_unstable_by(f64::total_cmp);
        let (lower, upper) = match self.method {
            IntervalMethod::Percentile => percentile_ends(&replicates, level),
            IntervalMethod::Basic => {
                let (low, high) = percentile_ends(&replicates, level);
                (2.0 * estimate - high, 2.0 * estimate - low)
            }
            IntervalMethod::Best | IntervalMethod::Bca => {
                let acceleration = acceleration(&jackknife(groups, &statistic));
                bca_ends(estimate, &replicates, acceleration, level)
            }
        };
        Ok(Some(Interval { estimate, lower, upper, level }))
    }

    fn check(&self) -> Result<(), StatisticsError> {
        let Self { level, replicates, .. } = *self;
        if !(0.0 < level && level < 1.0) {
            return Err(StatisticsError::Level { level });
        }
        let needed = (2.0 / (1.0 - level)).ceil() as usize;
        if replicates < needed {
            return Err(StatisticsError::TooFewReplicates { level, replicates, needed });
        }
        Ok(())
    }
}

fn percentile_ends(ascending: &[f64], level: f64) -> (f64, f64) {
    let tail = 0.5 * (1.0 - level);
    (quantile(ascending, tail), quantile(ascending, 1.0 - tail))
}

/// The statistic without each row in turn, group by group. Rows without which it is undefined
/// are left out.
fn jackknife(
    groups: &[Vec<usize>],
    statistic: &(impl Fn(&[usize]) -> Option<f64> + Sync),
) -> Vec<Vec<f64>> {
    let all: Vec<usize> = groups.concat();
    let without = |position: usize| {
        let rows = [&all[..position], &all[position + 1..]].concat();
        if rows.is_empty() { None } else { statistic(&rows) }
    };
    let mut start = 0;
    let mut values = Vec::with_capacity(groups.len());
    for group in groups {
        let range = start..start + group.len();
        start = range.end;
        values.push(range.into_par_iter().filter_map(without).collect());
    }
    values
}

/// Acceleration `⅙ Σ_g Σ U³/n³ / (Σ_g Σ U²/n²)^{3/2}` with `U = (n−1)(mean − value)` over the
/// jackknife values of each group `g`; 0 where they do not vary.
fn acceleration(jackknife: &[Vec<f64>]) -> f64 {
    let (mut cubes, mut squares) = (0.0, 0.0);
    for values in jackknife.iter().filter(|values| !values.is_empty()) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        for value in values {
            let influence = (n - 1.0) * (mean - value) / n;
            squares += influence * influence;
            cubes += influence.powi(3);
        }
    }
    if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

/// The BCa ends. Replicates that equal the estimate count half below it. Where all of them lie on
/// one side of it, or the skewness is beyond the correction, the percentile ends are returned.
fn bca_ends(estimate: f64, ascending: &[f64], acceleration: f64, level: f64) -> (f64, f64) {
    let below = ascending.partition_point(|value| *value < estimate);
    let up_to = ascending.partition_point(|value| *value <= estimate);
    let share = 0.5 * (below + up_to) as f64 / ascending.len() as f64;
    if share <= 0.0 || share >= 1.0 {
        return percentile_ends(ascending, level);
    }
    let bias = normal_quantile(share);
    let corrected = |tail: f64| {
        let shifted = bias + normal_quantile(tail);
        let denominator = 1.0 - acceleration * shifted;
        (denominator > 0.0).then(|| normal_cdf(bias + shifted / denominator))
    };
    let tail = 0.5 * (1.0 - level);
    match (corrected(tail), corrected(1.0 - tail)) {
        (Some(lower), Some(upper)) => (quantile(ascending, lower), quantile(ascending, upper)),
        _ => percentile_ends(ascending, level),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Golden {
        groups: Vec<Vec<f64>>,
        level: f64,
        estimate: f64,
        replicates: Vec<f64>,
        percentile: [f64; 2],
        bca: [f64; 2],
    }

    /// SciPy draws its own replicates; from the same replicates follow the same ends.
    #[test]
    fn ends_equal_those_of_scipy_from_the_same_replicates() {
        let text = include_str!("../../tests/golden/statistics/bootstrap.jsonl");
        for line in text.lines() {
            let mut golden: Golden = serde_json::from_str(line).unwrap();
            golden.replicates.sort_unstable_by(f64::total_cmp);
            let ends = percentile_ends(&golden.replicates, golden.level);
            assert_close(ends, golden.percentile);
            // The statistic of the golden file: the sum over groups of (−1)^g · variance.
            let data = golden.groups.concat();
            let mut start = 0;
            let groups: Vec<Vec<usize>> = golden
                .groups
                .iter()
                .map(|group| {
                    start += group.len();
                    (start - group.len()..start).collect()
                })
                .collect();
            let statistic = |rows: &[usize]| {
                let mut sum = 0.0;
                for (number, group) in groups.iter().enumerate() {
                    let taken: Vec<f64> =
                        rows.iter().filter(|row| group.contains(row)).map(|r| data[*r]).collect();
                    let sign = if number % 2 == 0 { 1.0 } else { -1.0 };
                    sum += sign * Summary::of(&taken)?.sd.powi(2);
                }
                Some(sum)
            };
            assert!((statistic(&groups.concat()).unwrap() - golden.estimate).abs() < 1e-12);
            let acceleration = acceleration(&jackknife(&groups, &statistic));
            let ends = bca_ends(golden.estimate, &golden.replicates, acceleration, golden.level);
            assert_close(ends, golden.bca);
        }
        assert_eq!(text.lines().count(), 6);
    }

    use crate::statistics::Summary;

    #[track_caller]
    fn assert_close(found: (f64, f64), expected: [f64; 2]) {
        let error = (found.0 - expected[0]).abs().max((found.1 - expected[1]).abs());
        assert!(error < 1e-9, "{found:?}, not {expected:?}");
    }

    #[test]
    fn settings_that_give_no_interval_are_refused() {
        let rows = [vec![0, 1]];
        let mean = |rows: &[usize]| Some(rows.iter().sum::<usize>() as f64);
        for level in [0.0, 1.0, f64::NAN] {
            let bootstrap = Bootstrap { level, ..Bootstrap::default() };
            assert!(matches!(
                bootstrap.interval_of(&rows, mean),
                Err(StatisticsError::Level { .. })
            ));
        }
        let bootstrap = Bootstrap { replicates: 39, ..Bootstrap::default() };
        let needed = 40;
        assert_eq!(
            bootstrap.interval_of(&rows, mean),
            Err(StatisticsError::TooFewReplicates { level: 0.95, replicates: 39, needed })
        );
    }

    #[test]
    fn a_statistic_that_does_not_vary_has_an_interval_without_width() {
        for method in [IntervalMethod::Percentile, IntervalMethod::Bca] {
            let bootstrap = Bootstrap { method, ..Bootstrap::default() };
            let found = bootstrap.interval_of(&[vec![0, 1, 2]], |_| Some(0.5)).unwrap().unwrap();
            assert_eq!((found.lower, found.upper), (0.5, 0.5));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_on_any_number_of_threads() {
        let statistic = |rows: &[usize]| Some(rows.iter().map(|r| (r * r) as f64).sum::<f64>());
        let bootstrap = Bootstrap { seed: 5, ..Bootstrap::default() };
        let groups = [(0..20).collect(), (20..50).collect()];
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| bootstrap.interval_of(&groups, statistic).unwrap().unwrap())
        };
        assert_eq!(on(1), on(3));
        let other = Bootstrap { seed: 6, ..bootstrap };
        assert_ne!(other.interval_of(&groups, statistic).unwrap().unwrap(), on(1));
    }

    #[test]
    fn classes_are_drawn_from_themselves() {
        assert_eq!(Strata::Class.groups(&[1, 0, 1]), [vec![1], vec![0, 2]]);
        assert_eq!(Strata::None.groups(&[1, 0, 1]), [vec![0, 1, 2]]);
    }
}
