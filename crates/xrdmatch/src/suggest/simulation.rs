//! Would suggestions have helped? Played through on rows whose labels are known.
//!
//! Each repetition deals the rows anew: some of each class to begin with, a part that is evaluated
//! and never chosen from, the rest to choose from. Two learners start from the same rows; one takes
//! what is suggested, the other what is drawn, and after each round both are judged on the same
//! evaluation rows. The learner is the baseline's logistic regression on blurred patterns, the
//! ensemble that disagrees is ten of it on resamples: a network would take days, and on a hundred
//! rows is not much better.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::pool::{SuggestError, blurred};
use super::{choose, expected_gain};
use crate::baseline::{Baseline, BaselineError, ClassWeight, LogisticSettings};
use crate::dataset::Dataset;
use crate::fingerprint::{Blur, Fingerprints};
use crate::metrics::roc_auc;
use crate::predictions::POSITIVE_CLASS;
use crate::statistics::{Interval, Summary};

/// How it is played.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SimulationSettings {
    /// Labelled rows per class to begin with.
    pub start: usize,
    /// Rows labelled in a round.
    pub batch: usize,
    /// Rounds.
    pub rounds: usize,
    /// Learners that may disagree.
    pub committee: usize,
    /// Share of each class that is evaluated.
    pub evaluated: f64,
    /// Repetitions.
    pub repetitions: usize,
    /// Seed of all draws.
    pub seed: u64,
}

impl Default for SimulationSettings {
    fn default() -> Self {
        Self {
            start: 3,
            batch: 5,
            rounds: 6,
            committee: 10,
            evaluated: 0.3,
            repetitions: 100,
            seed: 0,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// How it was played.
    pub settings: SimulationSettings,
    /// Rows.
    pub rows: usize,
    /// Labelled rows before the first round, after it, and so on.
    pub labeled: Vec<usize>,
    /// AUC on the evaluation rows then, mean over repetitions, where suggestions were taken.
    pub suggested: Vec<f64>,
    /// The same where rows were drawn.
    pub random: Vec<f64>,
    /// Suggested less random: the mean AUC over all rounds, paired by repetition, with a 95 %
    /// interval over repetitions. The compounds stay the same: it says nothing of others.
    pub difference: Interval,
    /// Share of repetitions in which suggestions did better; ties count half.
    pub better: f64,
}

impl Simulation {
    /// Whether suggestions beat random draws, by the interval.
    #[must_use]
    pub fn beats_random(&self) -> bool {
        self.difference.lower > 0.0
    }
}

/// Plays suggestions against random draws on labelled rows of two classes.
///
/// # Errors
/// [`SuggestError`]: too few rows of a class, or more than two classes.
pub fn simulate(data: &Dataset, settings: &SimulationSettings) -> Result<Simulation, SuggestError> {
    let features = blurred(data, &Blur::default())?;
    let mut labels = Vec::with_capacity(data.len());
    for row in 0..data.len() {
        match data.sample(row).label {
            Some(class @ 0..=1) => labels.push(class),
            other => {
                let class = other.unwrap_or(u8::MAX);
                return Err(BaselineError::NotBinary { row, class }.into());
            }
        }
    }
    let world = World { features, labels, settings };
    world.check()?;
    let played: Vec<[Vec<f64>; 2]> = (0..settings.repetitions as u64)
        .into_par_iter()
        .map(|repetition| world.play(repetition))
        .collect::<Result<_, _>>()?;
    let rounds = played.iter().map(|both| both[0].len()).min().unwrap_or(0);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let curve = |which: usize| -> Vec<f64> {
        let at = |round: usize| mean(&played.iter().map(|p| p[which][round]).collect::<Vec<_>>());
        (0..rounds).map(at).collect()
    };
    // Before the first round both are the same.
    let differences: Vec<f64> =
        played.iter().map(|[a, b]| mean(&a[1..rounds]) - mean(&b[1..rounds])).collect();
    let better = |difference: &f64| match difference.total_cmp(&0.0) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    };
    let share = mean(&differences.iter().map(better).collect::<Vec<f64>>());
    let interval = Summary::of(&differences).and_then(|all| all.t_interval(0.95));
    let nothing = Interval { estimate: 0.0, lower: 0.0, upper: 0.0, level: 0.95 };
    Ok(Simulation {
        settings: *settings,
        rows: data.len(),
        labeled: (0..rounds).map(|round| 2 * settings.start + round * settings.batch).collect(),
        suggested: curve(0),
        random: curve(1),
        difference: interval.unwrap_or(nothing),
        better: share,
    })
}

/// Of the known rows and the pool, the rows of the pool to label: as many as wanted.
type Take<'t> = dyn FnMut(&[usize], &[usize], usize) -> Result<Vec<usize>, SuggestError> + 't;

struct World<'a> {
    features: Fingerprints,
    labels: Vec<u8>,
    settings: &'a SimulationSettings,
}

impl World<'_> {
    fn evaluated(&self, rows: usize) -> usize {
        ((self.settings.evaluated * rows as f64).round() as usize).max(1)
    }

    fn check(&self) -> Result<(), SuggestError> {
        for class in [0, 1] {
            let found = self.labels.iter().filter(|label| **label == class).count();
            let needed = self.settings.start.max(1) + self.evaluated(found) + 1;
            if found < needed {
                return Err(SuggestError::TooFewRows { class, needed, found });
            }
        }
        Ok(())
    }

    /// AUC after every round: by suggestion, and by draw.
    fn play(&self, repetition: u64) -> Result<[Vec<f64>; 2], SuggestError> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.settings.seed);
        rng.set_stream(repetition);
        let (mut start, mut evaluated, mut pool) = (Vec::new(), Vec::new(), Vec::new());
        for class in [0, 1] {
            let of_class = |row: &usize| self.labels[*row] == class;
            let mut rows: Vec<usize> = (0..self.labels.len()).filter(of_class).collect();
            rows.shuffle(&mut rng);
            let (from, to) = (self.settings.start.max(1), self.evaluated(rows.len()));
            start.extend(&rows[..from]);
            evaluated.extend(&rows[from..from + to]);
            pool.extend(&rows[from + to..]);
        }
        pool.shuffle(&mut rng);
        // What is drawn is the front of the shuffled pool.
        let drawn = self.curve(&start, &evaluated, pool.clone(), &mut |_, pool, wanted| {
            Ok(pool[..wanted].to_vec())
        })?;
        let suggested = self.curve(&start, &evaluated, pool, &mut |known, pool, wanted| {
            let gains = self.gains(known, pool, &mut rng)?;
            let rows: Vec<&[f32]> = pool.iter().map(|row| self.features.row(*row)).collect();
            let labeled: Vec<&[f32]> = known.iter().map(|row| self.features.row(*row)).collect();
            let chosen = choose(wanted, &gains, &rows, &labeled);
            Ok(chosen.into_iter().map(|chosen| pool[chosen.candidate]).collect())
        })?;
        Ok([suggested, drawn])
    }

    fn curve(
        &self,
        start: &[usize],
        evaluated: &[usize],
        mut pool: Vec<usize>,
        take: &mut Take<'_>,
    ) -> Result<Vec<f64>, SuggestError> {
        let mut known = start.to_vec();
        let mut curve = vec![self.auc(&known, evaluated)?];
        for _ in 0..self.settings.rounds {
            let wanted = self.settings.batch.min(pool.len());
            if wanted == 0 {
                break;
            }
            let taken = take(&known, &pool, wanted)?;
            pool.retain(|row| !taken.contains(row));
            known.extend(taken);
            curve.push(self.auc(&known, evaluated)?);
        }
        Ok(curve)
    }

    fn scores(&self, known: &[usize], asked: &[usize]) -> Result<Vec<f64>, SuggestError> {
        let settings =
            LogisticSettings { class_weight: ClassWeight::Balanced, ..Default::default() };
        let labels: Vec<u8> = known.iter().map(|row| self.labels[*row]).collect();
        let learner = Baseline::Logistic(settings).fit(&self.features.select(known), &labels)?;
        Ok(learner.scores(&self.features.select(asked))?)
    }

    fn auc(&self, known: &[usize], evaluated: &[usize]) -> Result<f64, SuggestError> {
        let scores = self.scores(known, evaluated)?;
        let positive: Vec<bool> =
            evaluated.iter().map(|row| self.labels[*row] == POSITIVE_CLASS).collect();
        // Both classes are among the evaluation rows.
        Ok(roc_auc(&scores, &positive).unwrap_or(0.5))
    }

    /// Expected gains of the pool by learners on resamples of the known rows, each class from its own.
    fn gains(
        &self,
        known: &[usize],
        pool: &[usize],
        rng: &mut ChaCha8Rng,
    ) -> Result<Vec<f64>, SuggestError> {
        let mut opinions = Vec::with_capacity(self.settings.committee);
        for _ in 0..self.settings.committee {
            let mut resample = Vec::with_capacity(known.len());
            for class in [0, 1] {
                let of_class = |row: &&usize| self.labels[**row] == class;
                let rows: Vec<usize> = known.iter().filter(of_class).copied().collect();
                resample.extend(rows.iter().map(|_| rows[rng.random_range(0..rows.len())]));
            }
            opinions.push(self.scores(&resample, pool)?);
        }
        let gain = |place: usize| expected_gain(opinions.iter().map(|scores| scores[place]));
        Ok((0..pool.len()).map(gain).collect())
    }
}

#[cfg(test)]
mod tests;
