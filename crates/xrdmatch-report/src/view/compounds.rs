//! The out-of-bag probability of every labelled compound against its conductivity.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use xrdmatch::dataset::Sample;
use xrdmatch::predictions::POSITIVE_CLASS;

use super::ranking::Scored;
use super::two;
use crate::chart::{Axis, Chart, Series, Shape, brief, scientific};
use crate::{Labeled, Records};

/// A labelled compound and what the models say that never trained on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compound {
    /// What the models say.
    #[serde(flatten)]
    pub scored: Scored,
    /// Its formula, where the file says it.
    pub formula: Option<String>,
    /// Its conductivity at room temperature in S/cm, where the file says it.
    pub conductivity: Option<f64>,
}

/// The labelled compounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CompoundsView {
    /// The compounds by falling probability.
    pub rows: Vec<Compound>,
    /// Probability against conductivity, where any is known.
    pub chart: Option<Chart>,
    /// Why there is no chart, or what it leaves out.
    pub note: Option<String>,
}

impl CompoundsView {
    pub(super) fn of(id: &str, records: &Records, scored: &[Scored]) -> Self {
        let samples: HashMap<&str, &Sample> = records
            .dataset()
            .into_iter()
            .flat_map(xrdmatch::dataset::Dataset::samples)
            .map(|sample| (sample.name.as_str(), sample))
            .collect();
        let mut rows: Vec<Compound> = scored
            .iter()
            .map(|scored| {
                let sample = samples.get(scored.name.as_str());
                Compound {
                    scored: scored.clone(),
                    formula: sample.and_then(|sample| sample.formula.clone()),
                    conductivity: sample.and_then(|sample| sample.conductivity),
                }
            })
            .collect();
        rows.sort_by(|a, b| b.scored.probability.total_cmp(&a.scored.probability));
        let usable = |sigma: f64| sigma.is_finite() && sigma > 0.0;
        let shown: Vec<(&Compound, f64)> = rows
            .iter()
            .filter_map(|row| Some((row, row.conductivity.filter(|sigma| usable(*sigma))?)))
            .collect();
        let left_out = rows.len() - shown.len();
        let note = match (&records.labeled, left_out) {
            (Labeled::Absent(why), _) => Some(format!("Conductivities are not shown: {why}.")),
            (Labeled::Same(_), 0) => None,
            (Labeled::Same(_), n) => {
                Some(format!("{n} compounds without a conductivity are left out."))
            }
        };
        let chart = chart(id, &shown);
        Self { chart, note, rows }
    }
}

fn chart(id: &str, shown: &[(&Compound, f64)]) -> Option<Chart> {
    let least = shown.iter().map(|(_, sigma)| *sigma).reduce(f64::min)?;
    let most = shown.iter().map(|(_, sigma)| *sigma).reduce(f64::max)?;
    // Half a decade of air on either side.
    let range = [brief(least / 3.0), brief(most * 3.0)];
    let series = |name: &str, style: u8, positive: bool| {
        let own = shown.iter().filter(|(row, _)| (row.scored.truth == POSITIVE_CLASS) == positive);
        let label = |row: &Compound| match &row.formula {
            Some(formula) => format!("{formula} ({})", row.scored.name),
            None => row.scored.name.clone(),
        };
        let mut series = Series::points(
            name,
            style,
            own.clone().map(|(row, sigma)| (*sigma, row.scored.probability, label(row))),
        );
        if let Shape::Points { low, high, .. } = &mut series.shape {
            for (row, _) in own {
                low.push(brief((row.scored.probability - row.scored.sd).max(0.0)));
                high.push(brief((row.scored.probability + row.scored.sd).min(1.0)));
            }
        }
        series
    };
    let threshold = shown
        .iter()
        .filter(|(row, _)| row.scored.truth == POSITIVE_CLASS)
        .map(|(_, sigma)| *sigma)
        .reduce(f64::min);
    let mut all = vec![Series::line("even odds", 6, range.map(|sigma| (sigma, Some(0.5))))];
    all.push(series("labelled not superionic", 1, false));
    all.push(series("labelled superionic", 0, true));
    Some(Chart {
        id: format!("{id}conductivity"),
        title: "Out-of-bag probability against measured conductivity".to_owned(),
        caption: format!(
            "{} labelled compounds, each judged only by models that never trained on it; whiskers are \
             one standard deviation between models.{}{}",
            shown.len(),
            threshold.map_or_else(String::new, |sigma| format!(
                " The least conductive compound labelled superionic has {} S/cm.",
                scientific(sigma)
            )),
            correlation(shown).map_or_else(String::new, |rho| format!(
                " Rank correlation (Spearman) {}.",
                two(rho)
            )),
        ),
        x: Axis::new("conductivity at room temperature", range).log().unit("S/cm"),
        y: Axis::share("probability of being superionic"),
        series: all,
    })
}

/// Spearman's rank correlation of conductivity and probability, ties at their mean rank.
fn correlation(shown: &[(&Compound, f64)]) -> Option<f64> {
    let sigma = ranks(&shown.iter().map(|(_, sigma)| *sigma).collect::<Vec<_>>());
    let p = ranks(&shown.iter().map(|(row, _)| row.scored.probability).collect::<Vec<_>>());
    let mean = 0.5 * (shown.len() as f64 + 1.0);
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (a, b) in sigma.iter().zip(&p) {
        both += (a - mean) * (b - mean);
        first += (a - mean) * (a - mean);
        second += (b - mean) * (b - mean);
    }
    (first > 0.0 && second > 0.0).then(|| both / (first * second).sqrt())
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + 0.5 * (group.len() as f64 + 1.0);
        group.iter().for_each(|row| ranks[*row] = rank);
        before += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compound(sigma: f64, probability: f64, truth: u8) -> Compound {
        let scored = Scored { name: format!("s{sigma}"), truth, probability, sd: 0.3, judges: 4 };
        Compound { scored, formula: Some("Li<2>S".into()), conductivity: Some(sigma) }
    }

    #[test]
    fn ranks_share_their_mean_among_ties() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }

    #[test]
    fn whiskers_stay_probabilities_and_the_axis_holds_all() {
        let rows = [compound(1e-3, 0.9, 0), compound(1e-8, 0.1, 1)];
        let shown: Vec<(&Compound, f64)> =
            rows.iter().map(|row| (row, row.conductivity.expect("given"))).collect();
        let chart = chart("", &shown).expect("two compounds");
        assert!(chart.x.range[0] < 1e-8 && chart.x.range[1] > 1e-3);
        assert!(chart.caption.contains("(Spearman) 1.00"), "{}", chart.caption);
        let Shape::Points { high, .. } = &chart.series[2].shape else { panic!("points") };
        assert_eq!(high, &[1.0]);
    }

    #[test]
    fn one_compound_has_no_correlation() {
        let row = compound(1e-3, 0.9, 0);
        assert_eq!(correlation(&[(&row, 1e-3)]), None);
    }
}
