//! Progress of work that is counted: a bar on a terminal, a plain line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::text;

/// Nothing is said of work that is done sooner, nor more often.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Counts what is done.
pub(crate) struct Counter {
    bar: Option<ProgressBar>,
    quiet: bool,
    began: Instant,
    told: Instant,
    unit: Unit,
    first: Option<u64>,
}

/// What is counted.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    /// Things, by their plural.
    Of(&'static str),
    /// Bytes.
    Bytes,
}

impl Counter {
    pub(crate) fn new(unit: Unit, quiet: bool) -> Self {
        let now = Instant::now();
        let bar = (std::io::stderr().is_terminal() && !quiet).then(ProgressBar::no_length);
        if let Some(bar) = &bar {
            // The template is a constant; if it were wrong, the default style would do.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
        }
        Self { bar, quiet, began: now, told: now, unit, first: None }
    }

    /// Takes in how much is done, of how much if that is known.
    pub(crate) fn set(&mut self, done: u64, of: Option<u64>) {
        let first = *self.first.get_or_insert(done);
        let due = Duration::from_millis(if self.bar.is_some() { 100 } else { 2000 });
        if self.quiet || self.told.elapsed() < due || self.began.elapsed() < LINE_EVERY {
            return;
        }
        self.told = Instant::now();
        let line = self.line(done, done.saturating_sub(first), of);
        match &self.bar {
            Some(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            None => eprintln!("{line}"),
        }
    }

    /// Takes in how much is done; says whether to go on.
    pub(crate) fn going(&mut self, done: u64, stop: &AtomicBool) -> bool {
        self.set(done, None);
        !stop.load(Ordering::Relaxed)
    }

    fn line(&self, done: u64, new: u64, of: Option<u64>) -> String {
        let rate = new as f64 / self.began.elapsed().as_secs_f64();
        let mut line = match (self.unit, of) {
            (Unit::Of(things), Some(of)) => format!("{done} of {of} {things}, {rate:.0}/s"),
            (Unit::Of(things), None) => format!("{done} {things}, {rate:.0}/s"),
            (Unit::Bytes, Some(of)) => format!(
                "{} of {}, {}/s",
                text::bytes(done),
                text::bytes(of),
                text::bytes(rate as u64)
            ),
            (Unit::Bytes, None) => {
                format!("{}, {}/s", text::bytes(done), text::bytes(rate as u64))
            }
        };
        if let (Some(of), true) = (of, rate > 0.0) {
            let left = of.saturating_sub(done) as f64 / rate;
            line.push_str(&format!(", {} left", text::duration(left)));
        }
        line
    }

    /// Says something without disturbing the bar.
    pub(crate) fn say(&self, line: &str) {
        match &self.bar {
            _ if self.quiet => {}
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away and gives the seconds since the beginning.
    pub(crate) fn finish(&self) -> f64 {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.began.elapsed().as_secs_f64()
    }
}
