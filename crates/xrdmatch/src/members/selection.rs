//! Which experiments have a say.

use super::MembersError;
use super::opinions::stored;
use crate::metrics::Evaluation;
use crate::run::{Run, SplitNames};

/// Which experiments have a say; by default all that are finished.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// Only these numbers, of every run.
    pub experiments: Option<Vec<u32>>,
    /// Only those whose final model reaches this macro-F1 on its *validation* rows. Rows that are
    /// reported on are never looked at.
    pub min_f1: Option<f64>,
}

/// Run and number of experiments.
pub(super) type Numbers = Vec<(usize, u32)>;

/// The experiments that are chosen, and those that are not finished.
pub(super) fn choose(
    runs: &[Run],
    selection: &Selection,
) -> Result<(Numbers, Numbers), MembersError> {
    let (mut chosen, mut unfinished) = (Vec::new(), Vec::new());
    for (place, run) in runs.iter().enumerate() {
        let begun = run.experiments()?;
        let wanted = selection.experiments.as_ref().unwrap_or(&begun);
        let before = chosen.len();
        for &experiment in wanted {
            let asked_for = selection.experiments.is_some();
            if asked_for {
                run.split_names(experiment)?;
            }
            match run.result(experiment)? {
                Some(_) => chosen.push((place, experiment)),
                None if asked_for => {
                    let directory = run.directory().to_owned();
                    return Err(MembersError::Unfinished { directory, experiment });
                }
                None => unfinished.push((place, experiment)),
            }
        }
        if chosen.len() == before {
            let directory = run.directory().to_owned();
            return Err(MembersError::NoneFinished { directory, begun: begun.len() });
        }
    }
    if let Some(asked) = selection.min_f1 {
        let mut best = f64::NEG_INFINITY;
        let mut kept = Vec::new();
        for (place, experiment) in chosen {
            let score = validation_f1(&runs[place], experiment)?;
            best = best.max(score);
            if score >= asked {
                kept.push((place, experiment));
            }
        }
        if kept.is_empty() {
            return Err(MembersError::NoneGoodEnough { asked, best });
        }
        chosen = kept;
    }
    Ok((chosen, unfinished))
}

fn validation_f1(run: &Run, experiment: u32) -> Result<f64, MembersError> {
    let SplitNames { validation, .. } = run.split_names(experiment)?;
    if validation.is_empty() {
        let directory = run.directory().to_owned();
        return Err(MembersError::NoValidation { directory, experiment });
    }
    let all = stored(run, experiment)?;
    let rows = all.filter(|row| validation.iter().any(|name| name == row.name));
    Ok(Evaluation::of(&rows)?.macro_average.f1)
}
