//! From what was found of a pattern to what is said of it.

use super::certainty::Map;
use super::{Neighbour, Ranked, Scored};
use crate::audit::TWIN_COSINE;
use crate::dataset::Dataset;
use crate::ensemble::{Opinions, VoteRule};
use crate::statistics::Summary;

/// Nominal coverage of the intervals over members.
const LEVEL: f64 = 0.95;

/// Says of a pattern what follows from its own figures: all but its rank.
pub(super) struct Verdict<'a> {
    /// The labelled patterns that neighbours are counted in.
    pub(super) labeled: &'a Dataset,
    /// From the ensemble's score to a probability.
    pub(super) map: &'a Map,
    /// How many votes make a candidate.
    pub(super) rule: VoteRule,
    /// Strangeness above which a pattern is an outlier; `None` where outliers are not told.
    pub(super) threshold: Option<f64>,
}

impl Verdict<'_> {
    /// What is said of a pattern; without probability where the models abstain.
    pub(super) fn of(&self, row: Scored, abstains: bool) -> Ranked {
        let opinion: Vec<f64> = row.probabilities.iter().map(|p| f64::from(*p)).collect();
        let score = row.score();
        let summary = Summary::of(&opinion);
        let is_outlier = |threshold: f64| row.strangeness.is_some_and(|s| s > threshold);
        let nearest: Vec<Neighbour> =
            row.nearest.iter().map(|near| Neighbour::of(self.labeled, *near)).collect();
        let twin = nearest.first().filter(|near| near.cosine >= TWIN_COSINE);
        let mut ranked = Ranked {
            rank: None,
            row: row.row + 1,
            probability: None,
            lower: None,
            upper: None,
            score,
            votes: row.votes,
            members: row.probabilities.len(),
            candidate: false,
            expected: None,
            outlier: self.threshold.map(is_outlier),
            twin_of: twin.map(|near| near.name.clone()),
            nearest,
            name: row.name,
            id: row.id,
            formula: row.formula,
            label: row.label,
            strangeness: row.strangeness,
        };
        if abstains {
            return ranked;
        }
        ranked.probability = Some(self.map.apply(score));
        if let Some(half) = summary.as_ref().and_then(half_width) {
            let end = |sign: f64| self.map.apply((score + sign * half).clamp(0.0, 1.0));
            let (low, high) = (end(-1.0), end(1.0));
            (ranked.lower, ranked.upper) = (Some(low.min(high)), Some(low.max(high)));
        }
        let opinions = summary.map(|probability| Opinions { probability, votes: row.votes });
        ranked.candidate = opinions.is_some_and(|opinions| self.rule.accepts(&opinions));
        ranked
    }
}

/// Half the width of the interval of a mean over members.
fn half_width(opinion: &Summary) -> Option<f64> {
    // In standard deviations of one member first: of members that agree there is none to begin with.
    let unit = Summary { count: opinion.count, mean: 0.0, sd: 1.0, minimum: 0.0, maximum: 0.0 };
    Some(unit.t_interval(LEVEL)?.upper * opinion.sd)
}
