//! Two runs on the same splits.

use serde::{Deserialize, Serialize};

use super::{Evidence, ProtocolError};
use crate::predictions::Predictions;
use crate::run::Run;
use crate::statistics::{Bootstrap, Comparison, Experiments, StatisticsError, compare};
use crate::yardstick::Score;

/// The first run less the second, on the experiments that both have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// The experiments in common.
    pub experiments: Vec<u32>,
    /// Experiments that only one of them has.
    pub left_out: usize,
    /// Per metric that is defined.
    pub comparisons: Vec<Comparison>,
}

/// Refuses two runs that cannot be compared: other patterns, or another grid.
///
/// # Errors
/// [`ProtocolError::Grids`] and [`ProtocolError::DataDiffers`].
pub fn check_comparable(first: &Run, second: &Run) -> Result<(), ProtocolError> {
    let (a, b) = (&first.manifest().labeled, &second.manifest().labeled);
    let directory = |run: &Run| run.directory().to_owned();
    if a.grid != b.grid {
        let words = |grid: diffraction::Grid| {
            format!("{} points from {}° in steps of {}°", grid.points(), grid.start(), grid.step())
        };
        return Err(ProtocolError::Grids {
            first: directory(first),
            first_grid: words(a.grid),
            second: directory(second),
            second_grid: words(b.grid),
        });
    }
    if a.fingerprint != b.fingerprint {
        return Err(ProtocolError::DataDiffers {
            first: directory(first),
            first_data: a.path.clone(),
            second: directory(second),
            second_data: b.path.clone(),
        });
    }
    Ok(())
}

/// Compares two runs, metric by metric. `runs` are their directories, for messages.
///
/// # Errors
/// [`ProtocolError::NothingInCommon`], and [`StatisticsError::SplitsDiffer`] where an experiment of
/// both evaluates different rows.
pub fn against(
    first: &Evidence,
    second: &Evidence,
    runs: [&Run; 2],
    bootstrap: &Bootstrap,
) -> Result<Against, ProtocolError> {
    let (a, ours) = first.evaluations();
    let (b, theirs) = second.evaluations();
    let mut experiments = Vec::new();
    let (mut pairs, mut rows): (Vec<(Predictions, Predictions)>, [usize; 2]) = (Vec::new(), [0; 2]);
    for (member, own) in a.iter().zip(&ours) {
        if let Some(at) = b.iter().position(|other| other.experiment == member.experiment) {
            experiments.push(member.experiment);
            pairs.push((own.clone(), theirs[at].clone()));
            rows[0] += member.evaluation.len();
            rows[1] += member.labeled.len();
        }
    }
    if pairs.is_empty() {
        let [first, second] = runs.map(|run| run.directory().to_owned());
        return Err(ProtocolError::NothingInCommon { first, second });
    }
    let left_out = a.len() + b.len() - 2 * pairs.len();
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let numbered = |error| match error {
        // By number of the experiment, not by its place among those in common.
        StatisticsError::SplitsDiffer { experiment, sample } => {
            StatisticsError::SplitsDiffer { experiment: experiments[experiment] as usize, sample }
        }
        other => other,
    };
    let (ours, theirs) = (Experiments::of(&ours)?, Experiments::of(&theirs)?);
    let ratio = rows[0] as f64 / rows[1].max(1) as f64;
    let mut comparisons = Vec::new();
    for metric in Score::METRICS {
        match compare(&ours, &theirs, metric, bootstrap, ratio) {
            Ok(comparison) => comparisons.push(comparison),
            Err(StatisticsError::Undefined { .. }) => {}
            Err(error) => return Err(numbered(error).into()),
        }
    }
    Ok(Against { experiments, left_out, comparisons })
}
