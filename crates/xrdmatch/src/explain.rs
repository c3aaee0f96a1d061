//! Why a pattern was judged as it was: which of its peaks drove the ensemble.
//!
//! What is explained is `f = logit₀ − mean of the other logits`: with two classes the log-odds of
//! the positive one. Two questions are asked of every member, and averaged:
//! - *attribution*: a peak's part of `f(x) − f(0)`, the change from the empty pattern. For networks
//!   that see the grid itself by *integrated gradients* (Sundararajan, Taly and Yan, ICML 2017,
//!   arXiv:1703.01365): `A_i = x_i · ∫₀¹ ∂f/∂x_i(α·x) dα` by the midpoint rule, summed over the points
//!   of the peak; for all others by *Shapley values* of the peaks (`shapley`);
//! - *occlusion*: how `f` changes when the peak is taken out.
//!
//! An explanation that sounds good may still be wrong. So the named peaks are taken out together, and
//! the loss is compared with that of as many peaks drawn at random, and of the strongest ones.
//!
//! # Left out
//! A pattern without its strongest peak would be scaled anew by the preparation; here it is not, but
//! blurred bins are, since that is part of what the models do. All methods speak of the models, not of
//! the crystal: a peak may drive them for a wrong reason.

mod attribution;
mod error;
mod indices;
mod methods;
mod peaks;
mod sample;
mod sets;
mod shapley;

use diffraction::simulate::Wavelength;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, Prepared};
use crate::judges::Judges;
use crate::statistics::Summary;
use attribution::{Attributions, Pattern, by_gradients, by_orders};
use sets::Sets;

pub use error::ExplainError;
pub use indices::{Planes, planes_of};
pub use peaks::{Span, spans};
pub use sample::{Found, find, find_all, near_names};

/// How a prediction is explained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExplainSettings {
    /// Steps of the integral, where gradients are integrated.
    pub steps: usize,
    /// Pairs of orders, where Shapley values are drawn; fewer for very many peaks.
    pub pairs: usize,
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
        Self {
            steps: 32,
            pairs: 32,
            named: 5,
            random_sets: 200,
            seed: 0,
            wavelength: Wavelength::CU_KA,
        }
    }
}

/// How attributions are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By integrated gradients: the networks see the grid itself.
    IntegratedGradients,
    /// By Shapley values of peaks: the networks see blurred bins, or encoders' features.
    ShapleyValues,
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
    /// How attributions were found.
    pub method: Method,
    /// The largest miss of a member's attributions from the sum they should have.
    pub miss: f64,
    /// The largest standard error of an attribution that comes from the draw of orders of peaks;
    /// `None` where none are drawn.
    pub sampling_error: Option<f64>,
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
    members: &mut dyn Judges,
    data: &Dataset,
    row: usize,
    settings: &ExplainSettings,
    planes: &[Planes],
) -> Result<Explanation, ExplainError> {
    members.check_grid(data.source(), data.grid())?;
    let prepared = Prepared::new(data, members.config().preparation);
    let pattern = Pattern::new(prepared.pattern(row), members.grid().points());
    let grid = members.grid();
    let (signal, spans) = (&pattern.signal, &pattern.spans);

    let Attributions { per_member, full, empty, method, miss, sampling_error } =
        if members.sees_the_grid() {
            by_gradients(members, &pattern, settings.steps)?
        } else {
            by_orders(members, &pattern, settings)?
        };
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

    let sets = Sets::draw(&pattern, &order, named, settings);
    let effects = sets.effects(members, &pattern, &full)?;
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
        method,
        miss,
        sampling_error,
        reasons,
        check,
    })
}
