//! Which part a scheduler means this process to do.
//!
//! Sources: Slurm, *Job Array Support* (<https://slurm.schedmd.com/job_array.html>) and `sbatch`,
//! "Output environment variables"; OpenPBS, `qsub` (`-J`), and *PBS Professional User's Guide*, "Job
//! Arrays"; HyperQueue, *Task Arrays* (<https://it4innovations.github.io/hyperqueue/stable/jobs/arrays/>);
//! Kubernetes, *Jobs*, "Completion mode" (indices from 0 to `.spec.completions` − 1).

use super::Part;

/// What says no part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// Not in an array job.
    #[error(
        "no scheduler says which part this process is to do: none of {} is set",
        VARIABLES.map(|(name, _)| name).join(", ")
    )]
    NoScheduler,
    /// A variable that is no number.
    #[error("{variable} is `{value}`, which is no array index")]
    Index {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// The number of parts is not known.
    #[error(
        "{variable} says which task this is ({index}), but {scheduler} does not say of how many"
    )]
    Count {
        /// The scheduler.
        scheduler: &'static str,
        /// Its variable.
        variable: &'static str,
        /// The index.
        index: u64,
    },
    /// The indices of a Slurm array are not evenly spaced, or contradict each other.
    #[error(
        "the indices of this Slurm array are not evenly spaced (task {index} of {count}, from {min} to {max} in \
         steps of {step}), so that they do not number the parts"
    )]
    Uneven {
        /// This task.
        index: u64,
        /// `SLURM_ARRAY_TASK_COUNT`.
        count: u64,
        /// `SLURM_ARRAY_TASK_MIN`.
        min: u64,
        /// `SLURM_ARRAY_TASK_MAX`.
        max: u64,
        /// `SLURM_ARRAY_TASK_STEP`.
        step: u64,
    },
    /// An index beyond the number of parts.
    #[error("{variable} is {index}, which is no part of {of}: these indices go from 0 to {}", .of - 1)]
    Range {
        /// The variable.
        variable: &'static str,
        /// Its value.
        index: u64,
        /// The number of parts.
        of: u32,
    },
}

const HYPERQUEUE: &str = "HQ_TASK_ID";
const SLURM: &str = "SLURM_ARRAY_TASK_ID";
const PBS: &str = "PBS_ARRAY_INDEX";
const KUBERNETES: &str = "JOB_COMPLETION_INDEX";

/// The index variables, the innermost scheduler first.
const VARIABLES: [(&str, &str); 4] =
    [(HYPERQUEUE, "HyperQueue"), (SLURM, "Slurm"), (PBS, "PBS"), (KUBERNETES, "Kubernetes")];

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) fn part(of: Option<u32>, variable: Lookup<'_>) -> Result<Part, PartError> {
    for (name, scheduler) in VARIABLES {
        let Some(index) = number(name, variable)? else { continue };
        let Some(of) = of else {
            return if name == SLURM {
                slurm_part(index, variable)
            } else {
                Err(PartError::Count { scheduler, variable: name, index })
            };
        };
        if name == KUBERNETES && index >= u64::from(of) {
            return Err(PartError::Range { variable: name, index, of });
        }
        let number = u32::try_from(index % u64::from(of)).unwrap_or(0) + 1;
        return Ok(Part { number, of });
    }
    Err(PartError::NoScheduler)
}

/// A variable as a number; `None` where it is not set.
fn number(name: &'static str, variable: Lookup<'_>) -> Result<Option<u64>, PartError> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(PartError::Index { variable: name, value }),
    }
}

/// Slurm says how many tasks an array has. Of `--array=1,2,9` no index says its place, and an array
/// that was submitted again in part has other numbers than the first time; both are told from evenly
/// spaced ones, and refused.
fn slurm_part(index: u64, variable: Lookup<'_>) -> Result<Part, PartError> {
    let Some(count) = number("SLURM_ARRAY_TASK_COUNT", variable)? else {
        return Err(PartError::Count { scheduler: "Slurm", variable: SLURM, index });
    };
    let min = number("SLURM_ARRAY_TASK_MIN", variable)?.unwrap_or(0);
    let step = number("SLURM_ARRAY_TASK_STEP", variable)?.unwrap_or(1);
    let last = min.saturating_add(step.saturating_mul(count.saturating_sub(1)));
    let max = number("SLURM_ARRAY_TASK_MAX", variable)?.unwrap_or(last);
    let place = index.checked_sub(min).filter(|off| step > 0 && off % step == 0);
    let place = place.map(|off| off / step).filter(|place| *place < count && max == last);
    let part = place.and_then(|place| {
        Part::new(u32::try_from(place).ok()?.checked_add(1)?, u32::try_from(count).ok()?)
    });
    part.ok_or(PartError::Uneven { index, count, min, max, step })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::PartChoice;

    fn resolve(choice: &str, variables: &[(&str, &str)]) -> Result<Part, PartError> {
        let choice: PartChoice = choice.parse().expect("a choice");
        choice.resolve(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn part(number: u32, of: u32) -> Result<Part, PartError> {
        Ok(Part { number, of })
    }

    fn slurm(
        index: &str,
        min: &str,
        max: &str,
        step: &str,
        count: &str,
    ) -> Vec<(&'static str, String)> {
        [("ID", index), ("MIN", min), ("MAX", max), ("STEP", step), ("COUNT", count)]
            .into_iter()
            .map(|(name, value)| {
                let name = match name {
                    "ID" => SLURM,
                    "MIN" => "SLURM_ARRAY_TASK_MIN",
                    "MAX" => "SLURM_ARRAY_TASK_MAX",
                    "STEP" => "SLURM_ARRAY_TASK_STEP",
                    _ => "SLURM_ARRAY_TASK_COUNT",
                };
                (name, value.to_owned())
            })
            .collect()
    }

    fn slurm_part_of(choice: &str, values: [&str; 5]) -> Result<Part, PartError> {
        let [index, min, max, step, count] = values;
        let variables = slurm(index, min, max, step, count);
        let variables: Vec<_> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
        resolve(choice, &variables)
    }

    #[test]
    fn slurm_says_its_own_number_of_tasks_whatever_the_base_and_the_step() {
        assert_eq!(slurm_part_of("auto", ["0", "0", "7", "1", "8"]), part(1, 8));
        assert_eq!(slurm_part_of("auto", ["7", "0", "7", "1", "8"]), part(8, 8));
        assert_eq!(slurm_part_of("auto", ["5", "1", "7", "2", "4"]), part(3, 4));
        assert_eq!(slurm_part_of("auto", ["3", "3", "3", "1", "1"]), part(1, 1));
    }

    #[test]
    fn uneven_slurm_arrays_need_a_number_and_are_then_counted_by_their_index() {
        // --array=1,2,9 and --array=3,7 (the failed ones of 1–8 again).
        for values in
            [["9", "1", "9", "1", "3"], ["2", "1", "9", "1", "3"], ["3", "3", "7", "1", "2"]]
        {
            assert!(
                matches!(slurm_part_of("auto", values), Err(PartError::Uneven { .. })),
                "{values:?}"
            );
        }
        assert_eq!(slurm_part_of("auto/8", ["7", "3", "7", "1", "2"]), part(8, 8));
    }

    #[test]
    fn any_consecutive_indices_are_the_parts_each_once() {
        for first in [0, 1, 2, 7, 101] {
            for variable in [SLURM, PBS, HYPERQUEUE] {
                let mut numbers: Vec<u32> = (first..first + 8)
                    .map(|index: u32| {
                        resolve("auto/8", &[(variable, &index.to_string())]).expect("a part").number
                    })
                    .collect();
                numbers.sort_unstable();
                assert_eq!(numbers, (1..=8).collect::<Vec<_>>(), "{variable} from {first}");
            }
        }
    }

    #[test]
    fn kubernetes_counts_from_zero_to_the_number_of_completions() {
        assert_eq!(resolve("auto/3", &[(KUBERNETES, "0")]), part(1, 3));
        assert_eq!(resolve("auto/3", &[(KUBERNETES, "2")]), part(3, 3));
        let beyond = resolve("auto/3", &[(KUBERNETES, "3")]).unwrap_err();
        assert!(beyond.to_string().contains("from 0 to 2"), "{beyond}");
    }

    #[test]
    fn the_innermost_scheduler_decides() {
        let variables = [(SLURM, "5"), (HYPERQUEUE, "2"), (PBS, "7"), (KUBERNETES, "1")];
        assert_eq!(resolve("auto/8", &variables), part(3, 8));
        assert_eq!(resolve("2/4", &variables), part(2, 4));
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        assert_eq!(resolve("auto", &[]), Err(PartError::NoScheduler));
        assert_eq!(resolve("auto/4", &[(PBS, "")]), Err(PartError::NoScheduler));
        for variable in [HYPERQUEUE, PBS, KUBERNETES] {
            assert!(matches!(resolve("auto", &[(variable, "1")]), Err(PartError::Count { .. })));
        }
        assert!(matches!(resolve("auto", &[(SLURM, "1")]), Err(PartError::Count { .. })));
        for bad in ["x", "-1", "1.5"] {
            assert!(
                matches!(resolve("auto/4", &[(SLURM, bad)]), Err(PartError::Index { .. })),
                "{bad}"
            );
        }
    }
}
