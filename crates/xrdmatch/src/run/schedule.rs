//! Several experiments side by side, each independent of the others.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::encoder::LOOK_AGAIN;
use super::experiment::{Outcome, Told, Turned, run_observed};
use super::{Run, RunError};
use crate::claim::{Holder, Sightings};
use crate::metrics::Evaluation;
use crate::split::Split;
use crate::train::{Data, EpochSummary, Event, StepReport};

/// How many experiments run side by side, and how many threads each has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers {
    /// Experiments side by side.
    pub jobs: usize,
    /// Threads of each.
    pub threads: usize,
}

impl Workers {
    /// Chooses from what there is: one experiment per core where memory allows, since that wastes
    /// nothing on waiting; fewer, with more threads each, where it does not or where there are
    /// fewer experiments than cores.
    ///
    /// `memory` is what all experiments may use together and `each` what one needs, in bytes.
    pub fn choose(experiments: usize, cores: usize, memory: Option<u64>, each: usize) -> Self {
        let fitting = memory.map_or(cores, |memory| {
            usize::try_from(memory / each.max(1) as u64).unwrap_or(usize::MAX)
        });
        Self::of(cores.min(fitting).min(experiments), cores)
    }

    /// Spreads all cores over a number of jobs.
    pub fn of(jobs: usize, cores: usize) -> Self {
        let jobs = jobs.max(1);
        Self { jobs, threads: (cores / jobs).max(1) }
    }
}

/// What happens while experiments run; told from the threads of the experiments.
#[derive(Debug)]
pub enum Happening<'a> {
    /// An experiment begins, or goes on after `step` steps.
    Begins {
        /// Steps taken before.
        step: u64,
        /// Damaged checkpoints that were passed over.
        passed_over: Vec<RunError>,
    },
    /// A step was taken.
    Step {
        /// Its number, counted from 1.
        step: u64,
        /// What it gave.
        report: &'a StepReport,
    },
    /// An epoch is complete.
    Epoch(&'a EpochSummary),
    /// The epoch was evaluated; `None` without evaluation rows.
    Evaluated(&'a Option<Evaluation>),
    /// Another process makes the experiment, there is nothing else to do, and so this one waits
    /// until the experiment is complete or the other process is dead.
    Waits(&'a Holder),
    /// The experiment ended.
    Ends(&'a Result<Outcome, RunError>),
}

/// How each of some experiments ended, in their order.
pub type Outcomes = Vec<(u32, Result<Outcome, RunError>)>;

/// Runs experiments, `workers.jobs` at a time. A failure ends its own experiment only; the results
/// come in the order of `experiments`. Experiments not begun before `stop` are left out. What other
/// processes make is come back to at the end.
///
/// # Errors
/// If the threads cannot be started.
pub fn run_experiments(
    run: &Run,
    data: &Data,
    experiments: &[(u32, Split)],
    workers: Workers,
    stop: &AtomicBool,
    observe: &(dyn Fn(u32, Happening<'_>) + Sync),
) -> Result<Outcomes, RunError> {
    let mut pools = Vec::new();
    for _ in 0..workers.jobs.min(experiments.len()) {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers.threads).build();
        pools.push(pool.map_err(|error| RunError::Threads { reason: error.to_string() })?);
    }
    let queue = Mutex::new(Queue::of(experiments.len()));
    let queue = || queue.lock().unwrap_or_else(PoisonError::into_inner);
    let sightings = Mutex::new(Sightings::default());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let Some(turn) = queue().next() else { break };
                    let (experiment, split) = &experiments[turn.place];
                    let observe = |happening: Happening<'_>| observe(*experiment, happening);
                    let told = &mut |told: Told<'_>| match told {
                        Told::Begins { step, passed_over } => {
                            observe(Happening::Begins { step, passed_over });
                        }
                        Told::Event(Event::Step { step, report }) => {
                            observe(Happening::Step { step: *step, report });
                        }
                        Told::Event(Event::Epoch(summary)) => observe(Happening::Epoch(summary)),
                        Told::Evaluated(evaluation) => observe(Happening::Evaluated(evaluation)),
                    };
                    let turned = pool.install(|| {
                        run_observed(run, data, split, *experiment, stop, &sightings, told)
                    });
                    let outcome = match turned {
                        Ok(Turned::Ended(outcome)) => Ok(*outcome),
                        Ok(Turned::Busy(holder)) => {
                            if turn.times == 1 {
                                observe(Happening::Waits(&holder));
                            }
                            queue().later.push_back(Turn { times: turn.times + 1, ..turn });
                            if turn.times > 0 {
                                std::thread::sleep(LOOK_AGAIN);
                            }
                            continue;
                        }
                        Err(error) => Err(error),
                    };
                    observe(Happening::Ends(&outcome));
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((turn.place, *experiment, outcome));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, ..)| *place);
    Ok(results.into_iter().map(|(_, experiment, outcome)| (experiment, outcome)).collect())
}

/// Whose turn it is: first everything once, in order, then what others were making.
struct Queue {
    fresh: std::ops::Range<usize>,
    later: VecDeque<Turn>,
}

/// An experiment, by its place in the list, and how often it was turned to in vain.
#[derive(Debug, Clone, Copy)]
struct Turn {
    place: usize,
    times: u32,
}

impl Queue {
    fn of(experiments: usize) -> Self {
        Self { fresh: 0..experiments, later: VecDeque::new() }
    }

    fn next(&mut self) -> Option<Turn> {
        let fresh = self.fresh.next().map(|place| Turn { place, times: 0 });
        fresh.or_else(|| self.later.pop_front())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_fit_experiments_cores_and_memory() {
        let gigabyte = 1 << 30;
        assert_eq!(Workers::choose(100, 8, None, gigabyte), Workers { jobs: 8, threads: 1 });
        assert_eq!(Workers::choose(1, 8, None, gigabyte), Workers { jobs: 1, threads: 8 });
        assert_eq!(
            Workers::choose(100, 8, Some(3 << 30), gigabyte),
            Workers { jobs: 3, threads: 2 }
        );
        assert_eq!(Workers::choose(100, 8, Some(1), gigabyte), Workers { jobs: 1, threads: 8 });
        assert_eq!(Workers::choose(5, 2, Some(1 << 40), gigabyte), Workers { jobs: 2, threads: 1 });
    }
}
