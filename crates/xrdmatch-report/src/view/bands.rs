//! Pointwise bands of curves by bootstrap.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::LEVEL;

/// The curves of outcomes: a score and whether it is of a positive, per row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    pub(crate) score: Vec<f64>,
    pub(crate) positive: Vec<bool>,
}

/// A band's lower and upper edge at each point of a curve; `None` where it is undefined on more than
/// a tenth of the resamples.
pub(crate) type Band = Vec<Option<(f64, f64)>>;

impl Scores {
    fn take(&self, rows: &[usize]) -> Self {
        Self {
            score: rows.iter().map(|row| self.score[*row]).collect(),
            positive: rows.iter().map(|row| self.positive[*row]).collect(),
        }
    }

    /// Rows by falling score, equal scores together: numbers of positives and negatives so far.
    fn cumulated(&self) -> Vec<(f64, f64)> {
        let mut order: Vec<usize> = (0..self.score.len()).collect();
        order.sort_unstable_by(|a, b| self.score[*b].total_cmp(&self.score[*a]));
        let (mut positives, mut negatives) = (0.0, 0.0);
        let mut points = vec![(0.0, 0.0)];
        for group in order.chunk_by(|a, b| self.score[*a] == self.score[*b]) {
            let found = group.iter().filter(|row| self.positive[**row]).count() as f64;
            positives += found;
            negatives += group.len() as f64 - found;
            points.push((positives, negatives));
        }
        points
    }

    /// The receiver operating characteristic: false against true positive rate, from (0, 0) to
    /// (1, 1). Empty without positives or negatives.
    pub(crate) fn roc(&self) -> Vec<(f64, f64)> {
        let points = self.cumulated();
        let Some(&(all, none)) = points.last() else { return Vec::new() };
        if all == 0.0 || none == 0.0 {
            return Vec::new();
        }
        points.into_iter().map(|(p, n)| (n / none, p / all)).collect()
    }

    /// Recall against precision at every threshold, from the highest down. Empty without positives.
    pub(crate) fn precision_recall(&self) -> Vec<(f64, f64)> {
        let points = self.cumulated();
        let all = points.last().map_or(0.0, |last| last.0);
        if all == 0.0 {
            return Vec::new();
        }
        points.into_iter().skip(1).map(|(p, n)| (p / all, p / (p + n))).collect()
    }

    /// How often the event is true around each probability of `at`: a mean with Gaussian weights of
    /// standard deviation `width`; `None` where fewer than one row's weight is near.
    pub(crate) fn frequency(&self, at: &[f64], width: f64) -> Vec<Option<f64>> {
        let mean = |p: &f64| {
            let (mut weights, mut events) = (0.0, 0.0);
            for (score, positive) in self.score.iter().zip(&self.positive) {
                let weight = (-0.5 * ((score - p) / width).powi(2)).exp();
                weights += weight;
                events += weight * f64::from(u8::from(*positive));
            }
            (weights >= 1.0).then(|| events / weights)
        };
        at.iter().map(mean).collect()
    }

    /// The true positive rate at each false positive rate of `at`, linear between the points.
    pub(crate) fn roc_at(&self, at: &[f64]) -> Vec<Option<f64>> {
        let roc = self.roc();
        at.iter().map(|x| interpolated(&roc, *x)).collect()
    }

    /// The precision at the first threshold that reaches each recall of `at`.
    pub(crate) fn precision_at(&self, at: &[f64]) -> Vec<Option<f64>> {
        let points = self.precision_recall();
        let reached = |x: &f64| {
            points.iter().find(|(recall, _)| *recall >= x - 1e-12).map(|(_, precision)| *precision)
        };
        at.iter().map(reached).collect()
    }

    /// The pointwise percentile band of a curve. `within_classes` keeps the number of positives, as
    /// is right where a curve is of rates within classes.
    pub(crate) fn band(
        &self,
        replicates: usize,
        seed: u64,
        within_classes: bool,
        curve: impl Fn(&Self) -> Vec<Option<f64>> + Sync,
    ) -> Band {
        let rows =
            |wanted: bool| (0..self.score.len()).filter(move |r| self.positive[*r] == wanted);
        let groups: Vec<Vec<usize>> = match within_classes {
            true => vec![rows(true).collect(), rows(false).collect()],
            false => vec![(0..self.score.len()).collect()],
        };
        let curves: Vec<Vec<Option<f64>>> = (0..replicates)
            .into_par_iter()
            .map(|stream| {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(stream as u64);
                let mut drawn = Vec::with_capacity(self.score.len());
                for group in groups.iter().filter(|group| !group.is_empty()) {
                    drawn.extend(group.iter().map(|_| group[rng.random_range(0..group.len())]));
                }
                curve(&self.take(&drawn))
            })
            .collect();
        let points = curves.first().map_or(0, Vec::len);
        (0..points)
            .map(|point| {
                let mut values: Vec<f64> =
                    curves.iter().filter_map(|curve| *curve.get(point)?).collect();
                if values.is_empty() || (values.len() as f64) < 0.9 * replicates as f64 {
                    return None;
                }
                values.sort_unstable_by(f64::total_cmp);
                let tail = 0.5 * (1.0 - LEVEL);
                Some((quantile(&values, tail), quantile(&values, 1.0 - tail)))
            })
            .collect()
    }
}

/// The `share`-quantile of ascending numbers, linear between neighbours.
pub(crate) fn quantile(ascending: &[f64], share: f64) -> f64 {
    let position = share.clamp(0.0, 1.0) * (ascending.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(ascending.len() - 1);
    ascending[below] + (position - below as f64) * (ascending[above] - ascending[below])
}

/// The largest value of a polyline of ascending `x` at some `x`.
fn interpolated(points: &[(f64, f64)], x: f64) -> Option<f64> {
    let above = points.partition_point(|point| point.0 <= x);
    let before = points.get(above.checked_sub(1)?)?;
    let Some(after) = points.get(above) else { return Some(before.1) };
    let share = (x - before.0) / (after.0 - before.0);
    Some(before.1 + share * (after.1 - before.1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use xrdmatch::metrics::{average_precision, roc_auc};

    fn scores(seed: u64, rows: usize) -> Scores {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let positive: Vec<bool> = (0..rows).map(|row| row % 4 == 0).collect();
        // Few distinct values, so that there are ties.
        let score = positive
            .iter()
            .map(|p| f64::from(rng.random_range(0..12u8) + u8::from(*p) * 3) / 15.0)
            .collect();
        Scores { score, positive }
    }

    #[test]
    fn the_area_under_the_curve_is_the_metric() {
        for seed in 0..20 {
            let scores = scores(seed, 40);
            let roc = scores.roc();
            let area: f64 =
                roc.windows(2).map(|w| (w[1].0 - w[0].0) * 0.5 * (w[1].1 + w[0].1)).sum();
            let auc = roc_auc(&scores.score, &scores.positive).expect("both classes");
            assert!((area - auc).abs() < 1e-12, "{area} {auc}");
            let mut last = 0.0;
            let average: f64 = scores
                .precision_recall()
                .iter()
                .map(|(recall, precision)| {
                    let gained = recall - last;
                    last = *recall;
                    gained * precision
                })
                .sum();
            let expected = average_precision(&scores.score, &scores.positive).expect("positives");
            assert!((average - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_band_holds_its_curve_and_does_not_depend_on_threads() {
        let scores = scores(3, 60);
        let at: Vec<f64> = (0..=20).map(|i| f64::from(i) / 20.0).collect();
        let band = scores.band(400, 1, true, |scores| scores.roc_at(&at));
        for (value, ends) in scores.roc_at(&at).into_iter().zip(&band) {
            let (value, (low, high)) = (value.expect("defined"), ends.expect("defined"));
            assert!(low - 1e-9 <= value && value <= high + 1e-9, "{low} {value} {high}");
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
        let alone = pool.install(|| scores.band(400, 1, true, |scores| scores.roc_at(&at)));
        assert_eq!(band, alone);
    }

    #[test]
    fn curves_of_one_class_are_empty() {
        let one = Scores { score: vec![0.5, 0.6], positive: vec![false, false] };
        assert!(one.roc().is_empty() && one.precision_recall().is_empty());
        assert!(one.band(50, 0, true, |s| s.roc_at(&[0.5])).iter().all(Option::is_none));
    }

    #[test]
    fn frequency_is_told_where_there_are_rows() {
        let scores =
            Scores { score: vec![0.1, 0.1, 0.1, 0.1], positive: vec![true, false, false, false] };
        let found = scores.frequency(&[0.1, 0.9], 0.05);
        assert_eq!(found[1], None);
        assert!((found[0].expect("near") - 0.25).abs() < 1e-12);
    }
}
