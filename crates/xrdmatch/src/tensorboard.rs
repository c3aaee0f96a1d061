//! Event files for TensorBoard, made from the events of an experiment.
//!
//! The layout is that of TensorFlow's record files (`tensorflow/core/lib/io/record_writer.h`): per
//! record its length (`u64`), a masked CRC-32C of the length, the bytes, and a masked CRC-32C of these,
//! all little-endian. A record is a protocol buffer `Event` (`tensorflow/core/util/event.proto`):
//!
//! | message | field | what it is |
//! | --- | --- | --- |
//! | `Event` | 1, double | time in seconds |
//! | | 2, int64 | steps of training |
//! | | 3, string | `brain.Event:2`, in the first record alone |
//! | | 5, `Summary` | the values |
//! | `Summary` | 1, repeated `Value` | |
//! | `Value` | 1, string; 2, float | name and value |
//!
//! The source is `events.jsonl` alone. A file is made anew from it when an experiment begins or goes on,
//! so that what a resumed training cut back is cut back here too, and grows with it from then on.

mod message;
mod record;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::metrics::Evaluation;
use crate::run::{Record, Run};
use message::event;

/// Why there is no event file.
#[derive(Debug, thiserror::Error)]
pub enum TensorboardError {
    /// The system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of the experiment's events is none.
    #[error("read a line of {}: {source}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> TensorboardError {
    let path = path.to_owned();
    move |source| TensorboardError::Io { action, path, source }
}

/// The event file of an experiment.
#[derive(Debug)]
pub struct EventFile {
    events: PathBuf,
    path: PathBuf,
    file: File,
    /// Bytes of the events that have been told.
    told: u64,
}

impl EventFile {
    /// Makes the file of an experiment anew, below `directory`, with all that has happened so far.
    ///
    /// # Errors
    /// [`TensorboardError`].
    pub fn create(run: &Run, experiment: u32, directory: &Path) -> Result<Self, TensorboardError> {
        let own = directory.join(format!("exp_{experiment:03}"));
        std::fs::create_dir_all(&own).map_err(io("create", &own))?;
        // One name for the same run, so that going on does not leave a second file beside the first.
        let created = seconds(&run.manifest().created);
        let path = own.join(format!("events.out.tfevents.{created:010.0}.xrdmatch"));
        let events = run.experiment_directory(experiment).join("events.jsonl");
        let file = File::create(&path).map_err(io("create", &path))?;
        let mut made = Self { events, path, file, told: 0 };
        made.append(&event(created, 0, &[]))?;
        made.catch_up()?;
        Ok(made)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds what has happened since the last call.
    ///
    /// # Errors
    /// [`TensorboardError`].
    pub fn catch_up(&mut self) -> Result<(), TensorboardError> {
        let mut text = Vec::new();
        match File::open(&self.events) {
            Ok(mut events) => {
                events.seek(SeekFrom::Start(self.told)).map_err(io("read", &self.events))?;
                events.read_to_end(&mut text).map_err(io("read", &self.events))?;
            }
            // Nothing has happened yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(io("open", &self.events)(error)),
        }
        // The last line may be in the making.
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut bytes = Vec::new();
        for line in text[..whole].split_inclusive(|byte| *byte == b'\n') {
            let record: Record = serde_json::from_slice(line)
                .map_err(|source| TensorboardError::Line { path: self.events.clone(), source })?;
            if let Some(event) = told(&record) {
                record::write(&event, &mut bytes);
            }
        }
        self.file.write_all(&bytes).map_err(io("write", &self.path))?;
        self.told += whole as u64;
        Ok(())
    }

    fn append(&mut self, event: &[u8]) -> Result<(), TensorboardError> {
        let mut bytes = Vec::new();
        record::write(event, &mut bytes);
        self.file.write_all(&bytes).map_err(io("write", &self.path))
    }
}

/// An epoch as an event; `None` of what has no values.
fn told(record: &Record) -> Option<Vec<u8>> {
    let Record::Epoch { time, summary, evaluation, validation, .. } = record else { return None };
    let means = &summary.means;
    let mut values = vec![
        ("train/supervised_loss".to_owned(), means.supervised_loss),
        ("train/unsupervised_loss".to_owned(), means.unsupervised_loss),
        ("train/mask_rate".to_owned(), means.mask_rate),
        ("train/learning_rate".to_owned(), f64::from(summary.learning_rate)),
    ];
    let per_class = |name: &'static str, list: &[f64]| {
        let named = |(class, value): (usize, &f64)| (format!("{name}/class_{class}"), *value);
        list.iter().enumerate().map(named).collect::<Vec<_>>()
    };
    values.extend(per_class("thresholds", &summary.thresholds));
    values.extend(per_class("pseudo_label_shares", &means.class_shares));
    for (name, found) in [("evaluation", evaluation), ("validation", validation)] {
        values.extend(found.iter().flat_map(|found| scores(name, found)));
    }
    Some(event(seconds(time), summary.step, &values))
}

fn scores(name: &str, found: &Evaluation) -> Vec<(String, f64)> {
    let mut scores = vec![
        (format!("{name}/accuracy"), found.accuracy),
        (format!("{name}/macro_f1"), found.macro_average.f1),
        (format!("{name}/brier"), found.brier),
    ];
    scores.extend(found.auc.map(|auc| (format!("{name}/auc"), auc)));
    scores
}

/// Seconds since 1970 of a time in a record; 0 where it is none.
fn seconds(time: &str) -> f64 {
    let time = time.parse::<jiff::Timestamp>();
    time.map_or(0.0, |time| time.as_millisecond() as f64 / 1000.0)
}
