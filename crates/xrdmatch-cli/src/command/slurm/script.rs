//! The scripts of an array job and of the job after it.
//!
//! Slurm's own documentation: `sbatch` (`--array`, `--signal`, `--requeue`, `--open-mode`,
//! `--dependency`), `scontrol requeue`.

use std::path::PathBuf;

/// What the scripts are written from.
pub(super) struct Job {
    pub(super) program: PathBuf,
    pub(super) here: PathBuf,
    /// Where output goes.
    pub(super) directory: PathBuf,
    pub(super) run: PathBuf,
    pub(super) experiments: String,
    pub(super) count: u32,
    pub(super) tasks: u32,
    pub(super) cpus: u16,
    pub(super) memory: String,
    pub(super) time: String,
    pub(super) warning: u32,
    /// Options of sbatch for both jobs.
    pub(super) options: Vec<String>,
    pub(super) separate: bool,
    /// Of `train`, without `--run`.
    pub(super) arguments: Vec<String>,
}

/// A word that bash reads as it stands.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Job {
    /// Refuses what would be read otherwise than it is meant.
    pub(super) fn check(&self) -> Result<(), String> {
        let paths = [&self.here, &self.directory, &self.run].map(|path| path.to_string_lossy());
        let options = self.options.iter().chain([&self.memory, &self.time]).map(String::as_str);
        for value in options.chain(paths.iter().map(AsRef::as_ref)) {
            if value.contains(['\n', '\r', '"']) {
                return Err(format!("`{value}` cannot stand in a job script"));
            }
        }
        // Slurm fills in patterns such as %A.
        match paths.iter().find(|path| path.contains('%')) {
            Some(path) => Err(format!("Slurm reads the % in {path}; choose another directory")),
            None => Ok(()),
        }
    }

    /// `#SBATCH` lines; Slurm takes quotation marks away and knows no other quoting.
    fn options(&self, own: &[String]) -> String {
        let line = |option: &String| match option.contains(char::is_whitespace) {
            true => format!("#SBATCH \"{option}\"\n"),
            false => format!("#SBATCH {option}\n"),
        };
        own.iter().chain(&self.options).map(line).collect()
    }

    fn name(&self) -> String {
        let name = self.run.file_name().unwrap_or_default().to_string_lossy();
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    }

    /// The array job.
    pub(super) fn train(&self) -> String {
        let Self { directory, tasks, count, experiments, .. } = self;
        let options = self.options(&[
            format!("--job-name={}", self.name()),
            format!("--array=1-{tasks}"),
            "--ntasks=1".to_owned(),
            format!("--cpus-per-task={}", self.cpus),
            format!("--mem={}", self.memory),
            format!("--time={}", self.time),
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            format!("--signal=B:USR1@{}", self.warning),
            format!("--chdir={}", self.here.display()),
            format!("--output={}/%A_%a.txt", directory.display()),
        ]);
        let arguments: Vec<String> = self.arguments.iter().map(|word| quoted(word)).collect();
        let program = quoted(&self.program.to_string_lossy());
        let run = quoted(&self.run.to_string_lossy());
        let run = if self.separate { format!("{run}.parts/$SLURM_ARRAY_TASK_ID") } else { run };
        format!(
            r#"#!/bin/bash
{options}#
# {count} experiments in {tasks} parts. Safe to submit again, in whole or in part (--array=3,7): what
# is complete stays, what was begun goes on.

queue_again=
signalled=
{program} train {arguments} \
    --experiments {experiments} --shard "$SLURM_ARRAY_TASK_ID/{tasks}" \
    --run {run} &
child=$!
# Time is nearly up: write checkpoints, then queue again.
trap 'queue_again=yes; signalled=yes; kill -TERM "$child"' USR1
# Preempted or cancelled: write checkpoints. Slurm itself queues preempted jobs again.
trap 'signalled=yes; kill -TERM "$child"' TERM
# A trap ends `wait` before the program has ended: wait again.
while signalled=; wait "$child"; code=$?; [ -n "$signalled" ]; do :; done

# 130: stopped, with checkpoints. Whoever was complete in time has ended with 0. The task is named by
# its index: the number of its job may be that of the whole array.
if [ -n "$queue_again" ] && [ "$code" -eq 130 ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID" && sleep 60
fi
exit "$code"
"#,
            arguments = arguments.join(" ")
        )
    }

    /// The job for when the array has ended, well or not.
    pub(super) fn after(&self) -> String {
        let Self { directory, count, .. } = self;
        let options = self.options(&[
            format!("--job-name={}-after", self.name()),
            "--ntasks=1".to_owned(),
            format!("--cpus-per-task={}", self.cpus),
            format!("--mem={}", self.memory),
            format!("--time={}", self.time),
            "--open-mode=append".to_owned(),
            format!("--chdir={}", self.here.display()),
            format!("--output={}/after_%j.txt", directory.display()),
        ]);
        let program = quoted(&self.program.to_string_lossy());
        let run = quoted(&self.run.to_string_lossy());
        let merge = if self.separate {
            format!("{program} runs merge {run}.parts/*/ -o {run} || exit\n")
        } else {
            String::new()
        };
        let protocol = quoted(&directory.join("protocol.txt").to_string_lossy());
        let report = quoted(&directory.join("report.html").to_string_lossy());
        format!(
            r#"#!/bin/bash
{options}#
# Evaluates what the array has completed, and reports on it.

{merge}{program} runs {run} || exit
{program} evaluate {run} --protocol > {protocol}
evaluated=$?
{program} report {run} -o {report}
reported=$?
complete=$(find {run} -mindepth 2 -maxdepth 2 -name result.json | wc -l)
if [ "$complete" -lt {count} ]; then
    echo "only $complete of {count} experiments are complete; submit the array again" >&2
    exit 1
fi
exit $((evaluated > reported ? evaluated : reported))
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_bash() {
        assert_eq!(quoted("--labeled=a/b-1.csv"), "--labeled=a/b-1.csv");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
