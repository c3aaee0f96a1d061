//! Patterns judged as they come: what a screening says of each, without fitting anew every time.

use super::certainty::Maps;
use super::verdict::Verdict;
use super::{CalibrationSummary, PriorSummary, RankSettings, Ranked, ScreenError, Screener};
use crate::dataset::Dataset;
use crate::members::Members;

/// A screening that is ready to be asked again and again.
///
/// Of a pattern it says exactly what [`rank`](super::rank) would put into its row of the table; only
/// the rank and the positives expected up to it, which depend on the other rows, are left open.
pub struct Judge {
    screener: Screener,
    maps: Maps,
    settings: RankSettings,
}

impl Judge {
    /// Fits the calibration, once.
    ///
    /// # Errors
    /// [`ScreenError`]: records of the members that are damaged, labelled rows that no calibration can
    /// be fitted to, or a prior that is to be estimated, for which there is no pool here.
    pub fn new(screener: Screener, settings: RankSettings) -> Result<Self, ScreenError> {
        let out_of_bag = screener.members().out_of_bag()?;
        let (method, prior) = (settings.calibration, settings.prior);
        let maps = Maps::fit(&out_of_bag, method, prior, &[], settings.seed)?;
        Ok(Self { screener, maps, settings })
    }

    /// Judges every pattern of a data set, in its order. `going` is asked before every few hundred
    /// rows of a member; `None` once it says no.
    ///
    /// # Errors
    /// [`ScreenError`]: another grid than the models', or a model that can no longer be loaded.
    pub fn judge(
        &mut self,
        data: &Dataset,
        going: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Ranked>>, ScreenError> {
        self.screener.members().check_grid(data.source(), data.grid())?;
        let scored = self.screener.score_rows(data, &|row| row as u64, going)?;
        let Some(scored) = scored else { return Ok(None) };
        let threshold = self.screener.detector().map(crate::outlier::Detector::threshold);
        let verdict = Verdict {
            labeled: self.screener.members().labeled(),
            map: &self.maps.best,
            rule: self.settings.rule,
            threshold,
        };
        let judged = scored.into_iter().map(|row| {
            let outlier = row.strangeness.zip(threshold).is_some_and(|(s, most)| s > most);
            verdict.of(row, self.settings.abstain && outlier)
        });
        Ok(Some(judged.collect()))
    }

    /// The ensemble.
    #[must_use]
    pub fn members(&self) -> &Members {
        self.screener.members()
    }

    /// The screening behind it.
    #[must_use]
    pub fn screener(&self) -> &Screener {
        &self.screener
    }

    /// The calibration and what it is worth.
    #[must_use]
    pub fn calibration(&self) -> &CalibrationSummary {
        &self.maps.calibration
    }

    /// The share of positives that probabilities hold for.
    #[must_use]
    pub fn prior(&self) -> PriorSummary {
        self.maps.prior
    }
}
