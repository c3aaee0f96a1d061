//! Who holds a claim, and whether that process lives.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// A process that holds a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The machine's name, for people.
    pub host: String,
    /// The process.
    pub process: u32,
    /// The job that it is part of, where a scheduler says so.
    pub job: Option<String>,
    /// When it claimed.
    pub since: String,
    /// After how many seconds without a sign of life it may be taken for dead.
    pub seconds: u32,
    /// Where the process can be looked for; `None` where the system does not say.
    system: Option<System>,
    /// When the process began, in the system's own ticks.
    began: Option<u64>,
    /// Tells this claim from all others.
    pub(super) token: String,
}

/// What makes process numbers comparable: one start of one machine, and one numbering of its
/// processes. Containers on one machine, or with one name, differ in the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct System {
    host: String,
    boot: String,
    processes: String,
}

impl Holder {
    /// This process, about to claim something.
    pub(super) fn this_process(seconds: u32) -> Self {
        let process = std::process::id();
        let system = System::here();
        let since = jiff::Timestamp::now().to_string();
        // The hasher's keys are random, and the count tells claims of one instant apart.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let random = RandomState::new().hash_one(count);
        let token = format!("{random:016x}-{process}-{count}");
        Self {
            host: host(),
            process,
            job: job(&|name| std::env::var(name).ok()),
            since,
            seconds,
            began: system.as_ref().and_then(|_| began(process)),
            system,
            token,
        }
    }

    /// The holder of a claim that cannot be read.
    pub(super) fn unknown() -> Self {
        Self {
            host: "an unknown machine".to_owned(),
            process: 0,
            job: None,
            since: String::new(),
            seconds: super::SECONDS,
            system: None,
            began: None,
            token: String::new(),
        }
    }

    /// Whether the process lives; `None` where that cannot be known from here.
    pub(super) fn is_alive(&self) -> Option<bool> {
        let system = self.system.as_ref()?;
        if System::here().as_ref() != Some(system) {
            return None;
        }
        let began_then = self.began?;
        // A number may have gone to another process since.
        Some(began(self.process) == Some(began_then))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {}", self.process, self.host)?;
        self.job.iter().try_for_each(|job| write!(f, " ({job})"))
    }
}

impl System {
    /// The one this process runs on.
    fn here() -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let processes = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let processes = processes.to_str()?.to_owned();
        Some(Self { host: host(), boot: boot.trim().to_owned(), processes })
    }
}

fn host() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let named = named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    named
        .or_else(|| ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok()))
        .unwrap_or_else(|| "this machine".to_owned())
}

/// When a process began, in ticks since the machine did; `None` where there is no such process. One
/// that has ended and was not waited for (a zombie) is none.
fn began(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in brackets, may hold anything; what follows are fields 3 (state) to 22 (start).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") { None } else { fields.nth(18)?.parse().ok() }
}

/// The job of a scheduler.
fn job(variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let get = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(job) = get("HQ_JOB_ID") {
        let task = get("HQ_TASK_ID").unwrap_or_default();
        return Some(format!("HyperQueue task {job}.{task}"));
    }
    if let (Some(job), Some(task)) = (get("SLURM_ARRAY_JOB_ID"), get("SLURM_ARRAY_TASK_ID")) {
        return Some(format!("Slurm job {job}_{task}"));
    }
    get("SLURM_JOB_ID")
        .map(|job| format!("Slurm job {job}"))
        .or_else(|| get("PBS_JOBID").map(|job| format!("PBS job {job}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_lives_until_it_ends_and_its_number_alone_proves_nothing() {
        let own = Holder::this_process(9);
        assert_eq!(own.is_alive(), Some(true));
        let earlier = Holder { began: own.began.map(|began| began + 1), ..own.clone() };
        assert_eq!(earlier.is_alive(), Some(false), "another process had this number");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let other = Holder { process: child.id(), began: began(child.id()), ..own.clone() };
        assert_eq!(other.is_alive(), Some(true));
        child.kill().expect("killed");
        while other.is_alive() == Some(true) {
            std::thread::yield_now();
        }
        assert_eq!(other.is_alive(), Some(false), "not waited for, but dead");
        child.wait().expect("waited for");
        assert_eq!(other.is_alive(), Some(false));
        let system =
            own.system.clone().map(|system| System { boot: "another".to_owned(), ..system });
        assert_eq!(Holder { system, ..own }.is_alive(), None);
    }

    #[test]
    fn jobs_are_named_as_their_scheduler_names_them() {
        let of = |variables: &[(&str, &str)]| {
            job(&|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let array =
            [("SLURM_JOB_ID", "9"), ("SLURM_ARRAY_JOB_ID", "7"), ("SLURM_ARRAY_TASK_ID", "2")];
        assert_eq!(of(&array).as_deref(), Some("Slurm job 7_2"));
        assert_eq!(of(&[("SLURM_JOB_ID", "9")]).as_deref(), Some("Slurm job 9"));
        assert_eq!(of(&[("PBS_JOBID", "5[3].server")]).as_deref(), Some("PBS job 5[3].server"));
        assert_eq!(
            of(&[("SLURM_JOB_ID", "9"), ("HQ_JOB_ID", "1"), ("HQ_TASK_ID", "4")]).as_deref(),
            Some("HyperQueue task 1.4")
        );
        assert_eq!(of(&[]), None);
    }
}
