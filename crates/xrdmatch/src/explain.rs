//! Why a pattern was judged as it was: which of its peaks drove the ensemble.
//!
//! What is explained is `f = logit₀ − mean of the other logits`: with two classes the log-odds of
//! the positive one. Two questions are asked of every member, and averaged:
//! - *integrated gradients* (Sundararajan, Taly and Yan, ICML 2017, arXiv:1703.01365):
//!   `A_i = x_i · ∫₀¹ ∂f/∂x_i(α·x) dα` from the empty pattern to this one, by the midpoint rule. A
//!   peak's attribution is the sum over its points; all of them sum to `f(x) − f(0)`, and how well
//!   they do is reported;
//! - *occlusion*: how `f` changes when the peak is taken out.
//!
//! An explanation that sounds good may still be wrong. So the named peaks are taken out together, and
//! the loss is compared with that of as many peaks drawn at random, and of the strongest ones.
//!
//! # Left out
//! A pattern without its strongest peak would be scaled anew by the preparation; here it is not. Both
//! methods speak of the models, not of the crystal: a peak may drive them for a wrong reason.

mod error;
mod indices;
mod methods;
mod peaks;
mod sample;

use convnet::Matrix;
use diffraction::simulate::Wavelength;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::dataset::Dataset;
use crate::members::Members;
use crate::statistics::Summary;
use methods::{integrated_gradients, log_odds};

pub use error::ExplainError;
pub use indices::{Planes, planes_of};
pub use peaks::{Span, spans};
pub use sample::{find, near_names};

/// How a prediction is explained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExplainSettings {
    /// Steps of the integral.
    pub steps: usize,
    /// Peaks that are named as the reason.
    pub named: usize,
    /// Random sets of peaks that they are compared with.
    pub random_sets: usize,
    /// Seed of those.
    pub seed: u64,
    /// The radiation, for d-spacings.
    pub wavelength: Wavelength,
}

impl Default for ExplainSettings {
    fn default() -> Self {
        Self { steps: 32, named: 5, random_sets: 200, seed: 0, wavelength: Wavelength::CU_KA }
    }
}

/// A peak and its part in the prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Angle of its highest point, degrees two-theta.
    pub two_theta: f64,
    /// The spacing of lattice planes that this angle belongs to, Å.
    pub d: Option<f64>,
    /// Its height after preparation, 0 to 1.
    pub height: f32,
    /// Its part of the log-odds of the positive class, mean over members.
    pub attribution: f64,
    /// Standard deviation of that over members.
    pub spread: f64,
    /// By how much the log-odds fall when it is taken out, mean over members.
    pub occlusion: f64,
    /// Members whose attribution has the sign of the mean.
    pub agreeing: usize,
    /// Whether it is one of the named peaks.
    pub named: bool,
    /// The lattice planes it may be from, strongest first, where a structure is known.
    pub planes: Vec<Planes>,
}

/// What taking out the named peaks does, beside taking out others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Peaks taken out.
    pub peaks: usize,
    /// By how much the log-odds of the predicted class fall without the named peaks.
    pub named: f64,
    /// The same without the strongest peaks.
    pub strongest: f64,
    /// The same without peaks drawn at random, mean over the draws.
    pub random: f64,
    /// 95 % of the draws lie between these.
    pub random_range: [f64; 2],
    /// Draws.
    pub draws: usize,
    /// Share of draws that do as much as the named peaks, these counted as one more draw.
    pub p_value: f64,
}

/// Why a pattern was judged as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The pattern's name.
    pub sample: String,
    /// Its label, where known.
    pub label: Option<u8>,
    /// Number of members.
    pub members: usize,
    /// Log-odds of the positive class, mean over members.
    pub log_odds: f64,
    /// Standard deviation of that over members.
    pub spread: f64,
    /// Log-odds of an empty pattern, mean over members.
    pub baseline: f64,
    /// The largest miss of a member's attributions from the sum they should have.
    pub miss: f64,
    /// All peaks: those that speak for the predicted class first, most first.
    pub reasons: Vec<Reason>,
    /// Whether the named peaks matter more than others; `None` with too few peaks to draw from.
    pub check: Option<Check>,
}

/// Explains the ensemble's judgement of one row. `planes` are those of its structure, where known.
///
/// # Errors
/// If the row lies on another grid, or a member cannot be loaded.
///
/// # Panics
/// If there is no such row.
pub fn explain(
    members: &mut Members,
    data: &Dataset,
    row: usize,
    settings: &ExplainSettings,
    planes: &[Planes],
) -> Result<Explanation, ExplainError> {
    members.check_grid(data.source(), data.grid())?;
    members.check_sees_the_grid()?;
    let prepared = crate::dataset::Prepared::new(data, members.config().preparation);
    let (indices, values) = prepared.pattern(row);
    let grid = members.grid();
    let mut signal = vec![0.0; grid.points()];
    for (index, value) in indices.iter().zip(values) {
        signal[usize::from(*index)] = *value;
    }
    let spans = spans(&signal);

    let mut per_member = Vec::with_capacity(members.len());
    let (mut full, mut empty, mut miss) = (Vec::new(), Vec::new(), 0.0f64);
    for member in 0..members.len() {
        let network = members.network(member)?;
        let found = integrated_gradients(network, &signal, settings.steps);
        let sum: f64 = found.attributions.iter().sum();
        miss = miss.max((sum - (found.full - found.empty)).abs());
        full.push(found.full);
        empty.push(found.empty);
        let of = |span: &Span| found.attributions[span.from..span.to].iter().sum::<f64>();
        per_member.push(spans.iter().map(of).collect::<Vec<f64>>());
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let log_odds_mean = mean(&full);
    let sign = if log_odds_mean >= 0.0 { 1.0 } else { -1.0 };
    let of_span = |span: usize| per_member.iter().map(|one| one[span]).collect::<Vec<f64>>();
    let attributions: Vec<f64> = (0..spans.len()).map(|span| mean(&of_span(span))).collect();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by(|a, b| (sign * attributions[*b]).total_cmp(&(sign * attributions[*a])));
    // A peak that speaks against the prediction is no reason for it.
    let speak_for = order.iter().filter(|span| sign * attributions[**span] > 0.0).count();
    let named = settings.named.min(speak_for);

    let sets = Sets::draw((&signal, &spans), &order, named, settings);
    let effects = sets.effects(members, &signal, &spans, &full)?;
    let singles = &effects[..spans.len()];
    let check = sets.check(&effects, sign);

    let reasons = order
        .iter()
        .enumerate()
        .map(|(place, &span)| {
            let Span { from, to, top } = spans[span];
            let of_members = of_span(span);
            let agrees = |a: &&f64| (**a > 0.0) == (attributions[span] > 0.0);
            let within = |plane: &&Planes| {
                let slack = 1.5 * grid.step();
                plane.two_theta > grid.two_theta(from) - slack
                    && plane.two_theta < grid.two_theta(to - 1) + 0.5 * slack
            };
            let mut candidates: Vec<Planes> = planes.iter().filter(within).cloned().collect();
            candidates.sort_by(|a, b| b.intensity.total_cmp(&a.intensity));
            candidates.truncate(3);
            let two_theta = grid.two_theta(top);
            let sine = (two_theta / 2.0).to_radians().sin();
            Reason {
                two_theta,
                d: (sine > 0.0).then(|| settings.wavelength.angstrom() / (2.0 * sine)),
                height: signal[top],
                attribution: attributions[span],
                spread: Summary::of(&of_members).map_or(0.0, |all| all.sd),
                occlusion: singles[span],
                agreeing: of_members.iter().filter(agrees).count(),
                named: place < named,
                planes: candidates,
            }
        })
        .collect();
    let sample = data.sample(row);
    Ok(Explanation {
        sample: sample.name.clone(),
        label: sample.label,
        members: members.len(),
        log_odds: log_odds_mean,
        spread: Summary::of(&full).map_or(0.0, |all| all.sd),
        baseline: mean(&empty),
        miss,
        reasons,
        check,
    })
}

/// Sets of peaks to take out: each alone, the named ones, the strongest, and random draws.
struct Sets {
    sets: Vec<Vec<usize>>,
    peaks: usize,
    named: usize,
    draws: usize,
}

impl Sets {
    fn draw(
        (signal, spans): (&[f32], &[Span]),
        order: &[usize],
        named: usize,
        settings: &ExplainSettings,
    ) -> Self {
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
    fn effects(
        &self,
        members: &mut Members,
        signal: &[f32],
        spans: &[Span],
        full: &[f64],
    ) -> Result<Vec<f64>, ExplainError> {
        let points = signal.len();
        let mut effects = vec![0.0; self.sets.len()];
        for (member, full) in full.iter().enumerate() {
            let network = members.network(member)?;
            for (piece, sets) in self.sets.chunks(64).enumerate() {
                let mut signals = Matrix::zeros(sets.len(), points);
                for (row, set) in sets.iter().enumerate() {
                    let out = signals.row_mut(row);
                    out.copy_from_slice(signal);
                    set.iter().for_each(|span| out[spans[*span].from..spans[*span].to].fill(0.0));
                }
                for (place, without) in log_odds(network, &signals).into_iter().enumerate() {
                    effects[64 * piece + place] += full - without;
                }
            }
        }
        effects.iter_mut().for_each(|effect| *effect /= full.len() as f64);
        Ok(effects)
    }

    fn check(&self, effects: &[f64], sign: f64) -> Option<Check> {
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
