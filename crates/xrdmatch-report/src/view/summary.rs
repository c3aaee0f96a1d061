//! The result in numbers and in words.

use serde::{Deserialize, Serialize};
use xrdmatch::metrics::{Confusion, Metric};
use xrdmatch::predictions::POSITIVE_CLASS;
use xrdmatch::statistics::{Experiments, Interval, Summary as Spread};

use super::baselines::BaselinesView;
use super::ranking::{RankingView, bootstrap, on_evaluation_rows, with_ends};
use super::{ViewSettings, thousands, two};
use crate::{Records, ReportError};

/// Fewer compounds of a class than this, and every number is mostly chance.
const FEW_COMPOUNDS: usize = 15;

/// A figure that matters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    /// What it is.
    pub name: String,
    /// The value.
    pub value: f64,
    /// Its interval, 95 %.
    pub interval: Option<[f64; 2]>,
    /// What no skill would give.
    pub reference: Option<f64>,
    /// What that is, in words.
    pub reference_name: String,
    /// How it came about.
    pub note: String,
    /// Chosen by looking at the rows that it is told of.
    pub optimistic: bool,
}

pub(super) struct Summary {
    pub(super) headlines: Vec<Headline>,
    pub(super) sentences: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Summary {
    pub(super) fn of(
        records: &Records,
        ranking: Option<&RankingView>,
        baselines: Option<&BaselinesView>,
        settings: &ViewSettings,
    ) -> Result<Self, ReportError> {
        let mut summary = Self {
            headlines: Vec::new(),
            sentences: vec![training(records)],
            warnings: Vec::new(),
        };
        let single = on_evaluation_rows(records);
        let experiments = if single.is_empty() { None } else { Some(Experiments::of(&single)?) };
        if let Some(ranking) = ranking {
            summary.ranking(ranking);
        }
        if let Some(experiments) = &experiments {
            summary.single(records, experiments, settings);
        }
        summary.best(records);
        if let (Some(baselines), Some(ranking)) = (baselines, ranking) {
            summary.baselines(baselines, ranking);
        }
        summary.warn(records, ranking);
        Ok(summary)
    }

    fn ranking(&mut self, ranking: &RankingView) {
        if let Some(auc) = ranking.metric(Metric::Auc) {
            self.headlines.push(headline(
                "Out-of-bag AUC",
                &auc,
                Some((0.5, "chance")),
                &format!(
                    "{} compounds, each judged by the models that never trained on it",
                    ranking.scored.len()
                ),
            ));
            self.sentences.push(format!(
                "Shown a superionic compound and one that is not, neither of which it was trained on, \
                 {} gives the superionic one the higher probability in {:.0} of 100 cases (AUC {}, 95 % \
                 interval {} to {}).",
                match ranking.members {
                    1 => "the model".to_owned(),
                    members => format!("the ensemble of {members} models"),
                },
                100.0 * auc.estimate,
                two(auc.estimate),
                two(auc.lower),
                two(auc.upper),
            ));
            if auc.lower <= 0.5 {
                self.warnings.push(
                    "The interval of the AUC reaches down to 0.5: on these compounds, the ranking cannot \
                     be told from chance."
                        .to_owned(),
                );
            }
        }
        if let Some(f1) = ranking.metric(Metric::MacroF1) {
            let always = (always_larger(ranking), "always the larger class");
            self.headlines.push(headline(
                "Out-of-bag macro-F1",
                &f1,
                Some(always),
                "ensemble, at even odds",
            ));
        }
    }

    fn single(&mut self, records: &Records, experiments: &Experiments, settings: &ViewSettings) {
        let interval = experiments.interval(Metric::MacroF1, &bootstrap(settings)).ok();
        let Some(mean) = experiments.summary(Metric::MacroF1) else { return };
        let counts: Vec<f64> = records
            .complete()
            .filter_map(|e| e.result.as_ref()?.evaluation.as_ref())
            .map(|evaluation| {
                let larger = evaluation.support.iter().enumerate().max_by_key(|(_, n)| **n);
                let truth: Vec<u8> = (0u8..)
                    .zip(&evaluation.support)
                    .flat_map(|(class, n)| {
                        std::iter::repeat_n(class, usize::try_from(*n).unwrap_or(0))
                    })
                    .collect();
                let class = larger.and_then(|(class, _)| u8::try_from(class).ok()).unwrap_or(0);
                Confusion::of(evaluation.support.len(), &truth, &vec![class; truth.len()])
                    .macro_average()
                    .f1
            })
            .collect();
        let always = Spread::of(&counts).map_or(0.0, |spread| spread.mean);
        let interval = interval.unwrap_or(Interval {
            estimate: mean.mean,
            lower: f64::NAN,
            upper: f64::NAN,
            level: super::LEVEL,
        });
        self.headlines.push(headline(
            "Single model, macro-F1",
            &interval,
            Some((always, "always the larger class")),
            &match mean.count {
                1 => "the final model of one experiment".to_owned(),
                n => format!(
                    "mean of the final models of {n} experiments; they scatter by ±{}",
                    two(mean.sd)
                ),
            },
        ));
        self.sentences.push(format!(
            "A single model, at its last step, reaches a macro-F1 of {} on rows it did not train on{}; \
             always answering with the larger class would have {}.",
            two(mean.mean),
            if interval.lower.is_finite() {
                format!(" (95 % interval {} to {})", two(interval.lower), two(interval.upper))
            } else {
                String::new()
            },
            two(always),
        ));
    }

    fn best(&mut self, records: &Records) {
        let best: Vec<_> = records.complete().filter_map(|e| e.result.as_ref()?.best).collect();
        let scores: Vec<f64> = best.iter().map(|best| best.best.macro_f1).collect();
        let Some(spread) = Spread::of(&scores) else { return };
        if !best.iter().any(|best| best.optimistic) {
            return;
        }
        self.headlines.push(Headline {
            name: "Best epoch, macro-F1".to_owned(),
            value: spread.mean,
            interval: None,
            reference: None,
            reference_name: String::new(),
            note: "chosen by looking at the rows it is scored on; for comparison with publications only"
                .to_owned(),
            optimistic: true,
        });
        self.sentences.push(format!(
            "Taking of each experiment the epoch that scores best on the very rows it is scored on would \
             give {}. That figure is optimistic, and no estimate of what happens with new compounds.",
            two(spread.mean)
        ));
    }

    fn baselines(&mut self, baselines: &BaselinesView, ranking: &RankingView) {
        let by_auc =
            |row: &&super::BaselineRow| row.auc.map_or(f64::NEG_INFINITY, |auc| auc.estimate);
        let best = baselines
            .rows
            .iter()
            .filter(|row| !row.is_run)
            .max_by(|a, b| by_auc(a).total_cmp(&by_auc(b)));
        let (Some(best), Some(own)) = (best, ranking.metric(Metric::Auc)) else { return };
        let Some(auc) = best.auc else { return };
        let verdict = if auc.estimate >= own.estimate {
            "the network does no better than that here"
        } else if auc.upper >= own.estimate || own.lower <= auc.estimate {
            "the intervals overlap, so the network's lead may be chance"
        } else {
            "the intervals do not overlap, so the network is ahead"
        };
        self.sentences.push(format!(
            "The best classical model on the same splits, {}, has an out-of-bag AUC of {}; {verdict}.",
            best.name,
            with_ends(&auc)
        ));
        if auc.estimate >= own.estimate {
            self.warnings.push(format!(
                "A classical model ({}) ranks these compounds at least as well as the network.",
                best.name
            ));
        }
    }

    fn warn(&mut self, records: &Records, ranking: Option<&RankingView>) {
        let complete = records.complete().count();
        let begun = records.experiments.len();
        if complete < begun {
            self.warnings.push(format!(
                "{} of {begun} experiments are not complete; results are of the {complete} that are.",
                begun - complete
            ));
        }
        let Some(ranking) = ranking else { return };
        if ranking.members < 5 {
            self.warnings.push(format!(
                "The out-of-bag ensemble has only {}: a compound is judged by few.",
                models(ranking.members)
            ));
        }
        if ranking.unjudged > 0 {
            self.warnings.push(format!(
                "{} compounds were trained on by every model and are judged by none.",
                ranking.unjudged
            ));
        }
        let positives = ranking.scored.iter().filter(|s| s.truth == POSITIVE_CLASS).count();
        let fewest = positives.min(ranking.scored.len() - positives);
        if fewest < FEW_COMPOUNDS {
            self.warnings.push(format!(
                "One class has only {fewest} judged compounds: every figure here is uncertain, and its \
                 interval may be too short."
            ));
        }
    }
}

fn headline(
    name: &str,
    interval: &Interval,
    reference: Option<(f64, &str)>,
    note: &str,
) -> Headline {
    let known = interval.lower.is_finite() && interval.upper.is_finite();
    Headline {
        name: name.to_owned(),
        value: interval.estimate,
        interval: known.then_some([interval.lower, interval.upper]),
        reference: reference.map(|reference| reference.0),
        reference_name: reference.map_or_else(String::new, |reference| reference.1.to_owned()),
        note: note.to_owned(),
        optimistic: false,
    }
}

fn models(count: usize) -> String {
    if count == 1 { "one model".to_owned() } else { format!("{count} models") }
}

/// What was trained, on what.
fn training(records: &Records) -> String {
    let complete = records.complete().count();
    let begun = records.experiments.len();
    let labeled =
        records.experiments.first().map_or(0, |experiment| experiment.split.labeled.len());
    let experiments = match begun {
        1 => "One experiment".to_owned(),
        n => format!("{n} experiments"),
    };
    let state = match (complete == begun, begun) {
        (true, 1) => "complete".to_owned(),
        (true, _) => "all complete".to_owned(),
        (false, _) => format!("{complete} of them complete"),
    };
    let config = &records.manifest.config;
    let pool = records.manifest.unlabeled.as_ref().map(|source| {
        let part = (config.split.pool * source.rows as f64).floor() as usize;
        format!(" and {} unlabelled patterns", thousands(part))
    });
    let unlabeled =
        if config.objective.uses_unlabeled() { pool.unwrap_or_default() } else { String::new() };
    format!(
        "{experiments}, {state}, {}trained on {labeled} labelled compounds{unlabeled}, and judged on \
         compounds whose labels it never saw.",
        if begun == 1 { "" } else { "each " }
    )
}

/// Macro-F1 of always answering with the larger class.
fn always_larger(ranking: &RankingView) -> f64 {
    let truth: Vec<u8> = ranking.scored.iter().map(|scored| scored.truth.min(1)).collect();
    let positives = truth.iter().filter(|class| **class == POSITIVE_CLASS).count();
    let larger = u8::from(2 * positives < truth.len());
    Confusion::of(2, &truth, &vec![larger; truth.len()]).macro_average().f1
}
