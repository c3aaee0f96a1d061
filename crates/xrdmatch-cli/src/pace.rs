//! Progress of a pass over rows: a line every few seconds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::text;

/// Lines come no more often than this.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Says now and then how far a pass is, and whether to go on.
pub(crate) struct Pace {
    what: &'static str,
    quiet: bool,
    began: Instant,
    told: Instant,
    stop: Arc<AtomicBool>,
}

impl Pace {
    /// A pass over so many of `what` that begins now.
    pub(crate) fn new(what: &'static str, quiet: bool, stop: Arc<AtomicBool>) -> Self {
        let now = Instant::now();
        Self { what, quiet, began: now, told: now, stop }
    }

    /// Takes in the number done; says whether to go on.
    pub(crate) fn going(&mut self, done: u64) -> bool {
        if !self.quiet && done > 0 && self.told.elapsed() > LINE_EVERY {
            self.told = Instant::now();
            let rate = done as f64 / self.began.elapsed().as_secs_f64();
            eprintln!("{done} {}, {rate:.0}/s", self.what);
        }
        !self.stop.load(Ordering::Relaxed)
    }

    /// The time since the beginning, for people.
    pub(crate) fn time(&self) -> String {
        text::duration(self.began.elapsed().as_secs_f64())
    }
}
