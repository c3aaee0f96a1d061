//! Several experiments side by side, each independent of the others.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::experiment::{Outcome, Told, run_observed};
use super::{Run, RunError};
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
    /// The experiment ended.
    Ends(&'a Result<Outcome, RunError>),
}

/// How each of some experiments ended, in their order.
pub type Outcomes = Vec<(u32, Result<Outcome, RunError>)>;

/// Runs experiments, `workers.jobs` at a time. A failure ends its own experiment only; the results
/// come in the order of `experiments`. Experiments not begun before `stop` are left out.
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
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for pool in &pools {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some((experiment, split)) = experiments.get(place) else { break };
                    let outcome = pool.install(|| {
                        run_observed(run, data, split, *experiment, stop, &mut |told| match told {
                            Told::Begins { step, passed_over } => {
                                observe(*experiment, Happening::Begins { step, passed_over });
                            }
                            Told::Event(Event::Step { step, report }) => {
                                observe(*experiment, Happening::Step { step: *step, report });
                            }
                            Told::Event(Event::Epoch(summary)) => {
                                observe(*experiment, Happening::Epoch(summary));
                            }
                            Told::Evaluated(evaluation) => {
                                observe(*experiment, Happening::Evaluated(evaluation));
                            }
                        })
                    });
                    observe(*experiment, Happening::Ends(&outcome));
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((
                        place,
                        *experiment,
                        outcome,
                    ));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(place, ..)| *place);
    Ok(results.into_iter().map(|(_, experiment, outcome)| (experiment, outcome)).collect())
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
