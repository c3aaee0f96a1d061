//! What the members said of the labelled rows, as their runs keep it.

use super::{Members, MembersError};
use crate::ensemble::{Combination, Member, Panel};
use crate::predictions::{POSITIVE_CLASS, Predictions, Sample};
use crate::run::Run;

/// The final model's predictions for every labelled row.
pub(super) fn stored(run: &Run, experiment: u32) -> Result<Predictions, MembersError> {
    let path = run.experiment_directory(experiment).join("predictions.csv");
    Predictions::load(&path).map_err(|source| MembersError::StoredPredictions { path, source })
}

impl Members {
    /// What each member says of each labelled row; those it learned or was chosen by are marked.
    ///
    /// # Errors
    /// If a record is damaged, or members do not predict the same rows.
    pub fn panel(&self) -> Result<Panel, MembersError> {
        let mut members = Vec::with_capacity(self.len());
        for (number, id) in self.members.iter().enumerate() {
            let run = &self.runs[id.run];
            let names = run.split_names(id.experiment)?;
            members.push(Member {
                name: self.name(number),
                predictions: stored(run, id.experiment)?,
                trained_on: names.labeled.into_iter().chain(names.validation).collect(),
            });
        }
        Ok(Panel::of(&members)?)
    }

    /// The ensemble's out-of-bag probabilities of the positive class against the rest, for the
    /// labelled rows that at least one member may judge: the rows a calibration may be fitted on.
    ///
    /// # Errors
    /// As [`panel`](Self::panel).
    pub fn out_of_bag(&self) -> Result<Predictions, MembersError> {
        let combined = self.panel()?.out_of_bag().combine(&Combination::MeanProbability)?;
        let positive = |truth: u8| u8::from(truth != POSITIVE_CLASS);
        let rows = combined.predictions.iter();
        let (samples, scores): (Vec<Sample>, Vec<f64>) =
            rows.map(|row| (Sample::new(row.name, row.truth.map(positive)), row.score())).unzip();
        let probabilities = scores.into_iter().flat_map(|p| [p, 1.0 - p]).collect();
        Ok(Predictions::new(2, samples, probabilities)?)
    }
}
