//! What every member ascribes to every peak.

use super::methods::{integrated_gradients, log_odds};
use super::shapley::{Orders, Values};
use super::{ExplainError, ExplainSettings, Method, Span, spans};
use crate::encoder::Sticks;
use crate::judges::Judges;
use crate::members::MembersError;

/// A prepared pattern and its peaks.
pub(super) struct Pattern {
    pub(super) signal: Vec<f32>,
    pub(super) spans: Vec<Span>,
}

impl Pattern {
    pub(super) fn new((indices, values): (&[u16], &[f32]), points: usize) -> Self {
        let mut signal = vec![0.0; points];
        for (index, value) in indices.iter().zip(values) {
            signal[usize::from(*index)] = *value;
        }
        let spans = spans(&signal);
        Self { signal, spans }
    }

    /// The pattern with some of its peaks only, as sticks.
    fn with(&self, keep: impl Fn(usize) -> bool) -> Sticks {
        let kept = self.spans.iter().enumerate().filter(|(span, _)| keep(*span));
        let points = kept.flat_map(|(_, span)| span.from..span.to);
        let present = points.filter(|point| self.signal[*point] != 0.0);
        #[expect(clippy::cast_possible_truncation, reason = "a grid has at most 65,536 points")]
        present.map(|point| (point as u16, self.signal[point])).unzip()
    }

    /// What each member says of some subsets of the peaks.
    pub(super) fn ask(
        &self,
        members: &mut dyn Judges,
        subsets: &[Vec<bool>],
    ) -> Result<Vec<Vec<f64>>, MembersError> {
        let patterns: Vec<Sticks> =
            subsets.iter().map(|kept| self.with(|span| kept[span])).collect();
        let seen = members.see(&patterns);
        let mut answers = Vec::with_capacity(members.len());
        for member in 0..members.len() {
            answers.push(log_odds(members.network(member)?, &seen));
        }
        Ok(answers)
    }
}

/// What every member ascribes to every peak.
pub(super) struct Attributions {
    pub(super) per_member: Vec<Vec<f64>>,
    pub(super) full: Vec<f64>,
    pub(super) empty: Vec<f64>,
    pub(super) method: Method,
    pub(super) miss: f64,
    pub(super) sampling_error: Option<f64>,
}

/// Integrated gradients of every member.
pub(super) fn by_gradients(
    members: &mut dyn Judges,
    pattern: &Pattern,
    steps: usize,
) -> Result<Attributions, ExplainError> {
    let mut per_member = Vec::with_capacity(members.len());
    let (mut full, mut empty, mut miss) = (Vec::new(), Vec::new(), 0.0f64);
    for member in 0..members.len() {
        let network = members.network(member)?;
        let found = integrated_gradients(network, &pattern.signal, steps);
        let sum: f64 = found.attributions.iter().sum();
        miss = miss.max((sum - (found.full - found.empty)).abs());
        full.push(found.full);
        empty.push(found.empty);
        let of = |span: &Span| found.attributions[span.from..span.to].iter().sum::<f64>();
        per_member.push(pattern.spans.iter().map(of).collect::<Vec<f64>>());
    }
    let method = Method::IntegratedGradients;
    Ok(Attributions { per_member, full, empty, method, miss, sampling_error: None })
}

/// Shapley values of the peaks for every member.
pub(super) fn by_orders(
    members: &mut dyn Judges,
    pattern: &Pattern,
    settings: &ExplainSettings,
) -> Result<Attributions, ExplainError> {
    let peaks = pattern.spans.len();
    let orders = Orders::draw(peaks, settings.pairs, settings.seed);
    let mut subsets = vec![vec![true; peaks], vec![false; peaks]];
    for subset in orders.subsets() {
        let mut kept = vec![false; peaks];
        subset.iter().for_each(|peak| kept[*peak] = true);
        subsets.push(kept);
    }
    let answers = pattern.ask(members, &subsets)?;
    let full: Vec<f64> = answers.iter().map(|answers| answers[0]).collect();
    let empty: Vec<f64> = answers.iter().map(|answers| answers[1]).collect();
    let values: Vec<Values> = answers
        .iter()
        .map(|answers| orders.values(&answers[2..], answers[1], answers[0]))
        .collect();
    let per_member: Vec<Vec<f64>> = values.iter().map(Values::mean).collect();
    let misses = per_member.iter().zip(full.iter().zip(&empty));
    let miss = misses.map(|(own, (full, empty))| (own.iter().sum::<f64>() - (full - empty)).abs());
    Ok(Attributions {
        miss: miss.fold(0.0, f64::max),
        sampling_error: Values::mean_of(&values).largest_standard_error(),
        method: Method::ShapleyValues,
        per_member,
        full,
        empty,
    })
}
