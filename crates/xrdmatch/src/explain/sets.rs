//! Sets of peaks that are taken out together.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::attribution::Pattern;
use super::{Check, ExplainSettings};
use crate::judges::Judges;
use crate::members::MembersError;

/// Sets of peaks to take out: each alone, the named ones, the strongest, and random draws.
pub(super) struct Sets {
    sets: Vec<Vec<usize>>,
    peaks: usize,
    named: usize,
    draws: usize,
}

impl Sets {
    /// Draws them; `order` has the peaks that speak for the prediction first, of which so many are named.
    pub(super) fn draw(
        pattern: &Pattern,
        order: &[usize],
        named: usize,
        settings: &ExplainSettings,
    ) -> Self {
        let Pattern { signal, spans } = pattern;
        let peaks = spans.len();
        let mut sets: Vec<Vec<usize>> = (0..peaks).map(|span| vec![span]).collect();
        // With no more peaks than are named there is nothing to compare with.
        let draws = if named > 0 && peaks > named { settings.random_sets } else { 0 };
        if draws > 0 {
            sets.push(order[..named].to_vec());
            let mut strongest: Vec<usize> = (0..peaks).collect();
            let height = |span: &usize| signal[spans[*span].top];
            strongest.sort_by(|a, b| height(b).total_cmp(&height(a)));
            sets.push(strongest[..named].to_vec());
            let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
            let mut all: Vec<usize> = (0..peaks).collect();
            for _ in 0..draws {
                all.shuffle(&mut rng);
                sets.push(all[..named].to_vec());
            }
        }
        Self { sets, peaks, named, draws }
    }

    /// By how much the log-odds fall without each set, mean over members.
    pub(super) fn effects(
        &self,
        members: &mut dyn Judges,
        pattern: &Pattern,
        full: &[f64],
    ) -> Result<Vec<f64>, MembersError> {
        let without = |set: &Vec<usize>| {
            let mut kept = vec![true; self.peaks];
            set.iter().for_each(|peak| kept[*peak] = false);
            kept
        };
        let subsets: Vec<Vec<bool>> = self.sets.iter().map(without).collect();
        let mut effects = vec![0.0; self.sets.len()];
        for (answers, full) in pattern.ask(members, &subsets)?.iter().zip(full) {
            let falls = answers.iter().map(|answer| full - answer);
            effects.iter_mut().zip(falls).for_each(|(effect, fall)| *effect += fall);
        }
        effects.iter_mut().for_each(|effect| *effect /= full.len() as f64);
        Ok(effects)
    }

    /// Whether the named peaks matter more than others.
    pub(super) fn check(&self, effects: &[f64], sign: f64) -> Option<Check> {
        if self.draws == 0 {
            return None;
        }
        let (named, strongest) = (sign * effects[self.peaks], sign * effects[self.peaks + 1]);
        let mut random: Vec<f64> = effects[self.peaks + 2..].iter().map(|e| sign * e).collect();
        random.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| random[((random.len() - 1) as f64 * share).round() as usize];
        let as_much = random.iter().filter(|effect| **effect >= named).count();
        Some(Check {
            peaks: self.named,
            named,
            strongest,
            random: random.iter().sum::<f64>() / random.len() as f64,
            random_range: [at(0.025), at(0.975)],
            draws: self.draws,
            p_value: (as_much + 1) as f64 / (self.draws + 1) as f64,
        })
    }
}
