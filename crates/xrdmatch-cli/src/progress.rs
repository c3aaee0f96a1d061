//! Progress of experiments under way: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use xrdmatch::config::Config;
use xrdmatch::run::{Happening, Outcome};

use crate::failure::chain;
use crate::text;

/// Shows what happens in experiments.
pub(crate) struct Progress {
    steps: u64,
    iterations: u64,
    images_per_step: u64,
    bars: Option<MultiProgress>,
    quiet: bool,
    under_way: Mutex<HashMap<u32, UnderWay>>,
}

struct UnderWay {
    bar: Option<ProgressBar>,
    began: Instant,
    first_step: u64,
    step: u64,
    last_line: Instant,
    epoch: String,
    score: String,
}

/// Plain lines come no more often than this, but for the last of an experiment.
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Progress {
    pub(crate) fn new(config: &Config, quiet: bool) -> Self {
        let unlabeled =
            if config.objective.uses_unlabeled() { 2 * config.batch.unlabeled } else { 0 };
        let terminal = std::io::stderr().is_terminal() && !quiet;
        Self {
            steps: config.training.steps(),
            iterations: u64::from(config.training.iterations),
            images_per_step: (config.batch.labeled + unlabeled) as u64,
            bars: terminal.then(MultiProgress::new),
            quiet,
            under_way: Mutex::new(HashMap::new()),
        }
    }

    /// Says something without disturbing the bars.
    fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        match &self.bars {
            // A terminal that cannot be written to is no reason to stop training.
            Some(bars) => drop(bars.println(line)),
            None => eprintln!("{line}"),
        }
    }

    /// Takes in what happens.
    pub(crate) fn observe(&self, experiment: u32, happening: Happening<'_>) {
        let mut all = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match happening {
            Happening::Begins { step, passed_over } => {
                for damaged in &passed_over {
                    self.say(&format!(
                        "warning: experiment {experiment}: passed over a checkpoint: {}",
                        chain(damaged)
                    ));
                }
                if step > 0 {
                    self.say(&format!(
                        "experiment {experiment} goes on after step {step} of {}",
                        self.steps
                    ));
                }
                all.insert(experiment, self.begin(experiment, step));
            }
            Happening::Step { step, .. } => {
                let Some(one) = all.get_mut(&experiment) else { return };
                one.step = step;
                if let Some(bar) = &one.bar {
                    bar.set_position(step);
                    bar.set_message(self.message(one));
                }
            }
            Happening::Epoch(summary) => {
                let Some(one) = all.get_mut(&experiment) else { return };
                let shares: Vec<String> = summary
                    .means
                    .class_shares
                    .iter()
                    .map(|share| format!("{:.0}", 100.0 * share))
                    .collect();
                one.epoch = format!("loss {:.3}", summary.means.supervised_loss);
                if !shares.is_empty() {
                    one.epoch.push_str(&format!(
                        " + {:.3}  mask {:.0} %  classes {} %",
                        summary.means.unsupervised_loss,
                        100.0 * summary.means.mask_rate,
                        shares.join("/")
                    ));
                }
            }
            Happening::Evaluated(evaluation) => {
                let Some(one) = all.get_mut(&experiment) else { return };
                if let Some(evaluation) = evaluation {
                    one.score = format!(
                        "F1 {:.3}  AUC {}",
                        evaluation.macro_average.f1,
                        evaluation.auc.map_or_else(|| "–".to_owned(), |auc| format!("{auc:.3}"))
                    );
                }
                if let Some(bar) = &one.bar {
                    bar.set_message(self.message(one));
                } else if one.last_line.elapsed() >= LINE_EVERY || one.step == self.steps {
                    one.last_line = Instant::now();
                    let line = format!(
                        "experiment {experiment}  epoch {}/{}  {}",
                        one.step / self.iterations,
                        self.steps / self.iterations,
                        self.message(one)
                    );
                    self.say(&line);
                }
            }
            Happening::Waits(holder) => self.say(&format!(
                "experiment {experiment} is being made by {holder}; waiting until it is complete, or that \
                 process is dead"
            )),
            Happening::Ends(outcome) => {
                if let Some(UnderWay { bar: Some(bar), .. }) = all.remove(&experiment) {
                    bar.finish_and_clear();
                }
                let line = match outcome {
                    Ok(Outcome::Finished(result)) => {
                        let f1 = result
                            .evaluation
                            .as_ref()
                            .map(|evaluation| evaluation.macro_average.f1);
                        let (f1, time) = (text::number(f1), text::duration(result.seconds));
                        format!(
                            "experiment {experiment} complete after {time}: final macro-F1 {f1}"
                        )
                    }
                    Ok(Outcome::AlreadyDone(_)) => {
                        format!("experiment {experiment} was complete before")
                    }
                    Ok(Outcome::Stopped { step }) => {
                        format!(
                            "experiment {experiment} stopped after step {step}; checkpoint written"
                        )
                    }
                    Err(error) => format!("error: {}", chain(error)),
                };
                self.say(&line);
            }
        }
    }

    fn begin(&self, experiment: u32, step: u64) -> UnderWay {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(self.steps));
            let template = "{prefix:>14} {bar:24} {pos}/{len}  {msg}";
            // The template is a constant; if it were wrong, the default style would do.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_prefix(format!("experiment {experiment}"));
            bar.set_position(step);
            bar
        });
        let now = Instant::now();
        UnderWay {
            bar,
            began: now,
            first_step: step,
            step,
            // The first line comes at the first evaluation.
            last_line: now.checked_sub(LINE_EVERY).unwrap_or(now),
            epoch: String::new(),
            score: String::new(),
        }
    }

    fn message(&self, one: &UnderWay) -> String {
        let steps = one.step - one.first_step;
        let seconds = one.began.elapsed().as_secs_f64();
        let mut parts = vec![one.epoch.clone(), one.score.clone()];
        if steps > 0 && seconds > 0.0 {
            let left = seconds / steps as f64 * (self.steps - one.step) as f64;
            let rate = (steps * self.images_per_step) as f64 / seconds;
            parts.push(format!("{rate:.0} images/s  {} left", text::duration(left)));
        }
        parts.retain(|part| !part.is_empty());
        parts.join("  ")
    }
}
