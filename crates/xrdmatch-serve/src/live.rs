//! A training followed while it goes on: what is appended to the records of its experiments.
//!
//! A resumed training cuts its records back to its last checkpoint and writes on from there. The tail
//! notices, says `restarted`, and tells the experiment's records from the beginning.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};
use xrdmatch::run::{Record, Run, RunState};

/// Bytes read of a record at once.
const AT_ONCE: u64 = 1 << 20;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "sent one by one, never kept in numbers")]
pub enum Happening {
    /// A line of an experiment's `events.jsonl`.
    Record {
        /// The experiment.
        experiment: u32,
        /// The line.
        #[serde(flatten)]
        record: Record,
    },
    /// How far the run is has changed.
    State {
        /// How far it is.
        state: RunState,
    },
    /// An experiment's records were cut back; they follow from the beginning.
    Restarted {
        /// The experiment.
        experiment: u32,
    },
    /// A record that cannot be read; nothing more is told of it.
    Damaged {
        /// The experiment.
        experiment: u32,
        /// What is wrong.
        message: String,
    },
}

impl Happening {
    /// The name of the event that tells of it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Record { record: Record::Epoch { .. }, .. } => "epoch",
            Self::Record { record: Record::Resumed { .. }, .. } => "resumed",
            Self::Record { record: Record::Finished { .. }, .. } => "finished",
            Self::State { .. } => "state",
            Self::Restarted { .. } => "restarted",
            Self::Damaged { .. } => "damaged",
        }
    }
}

/// Where the reading of a run's records is.
#[derive(Debug)]
pub(crate) struct Tail {
    run: Run,
    places: BTreeMap<u32, Place>,
    state: Option<RunState>,
}

#[derive(Debug, Default)]
struct Place {
    /// Bytes that have been told.
    told: u64,
    /// The last line that was told, with its end.
    last: Vec<u8>,
    damaged: bool,
}

impl Tail {
    /// A tail that tells everything from the beginning, or only what is new from now on.
    pub(crate) fn of(run: Run, from_the_beginning: bool) -> Self {
        let mut tail = Self { run, places: BTreeMap::new(), state: None };
        if !from_the_beginning {
            while !tail.poll().is_empty() {}
            tail.state = None;
        }
        tail
    }

    /// What has happened since the last call, up to some thousand things.
    pub(crate) fn poll(&mut self) -> Vec<Happening> {
        let mut found = Vec::new();
        for experiment in self.run.experiments().unwrap_or_default() {
            let path = self.run.experiment_directory(experiment).join("events.jsonl");
            let place = self.places.entry(experiment).or_default();
            if place.damaged {
                continue;
            }
            match place.read(&path, experiment, &mut found) {
                Ok(()) => {}
                // Not begun yet.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    place.damaged = true;
                    found.push(Happening::Damaged { experiment, message: error.to_string() });
                }
            }
        }
        let state = self.run.state().ok();
        if let Some(state) = state.filter(|state| Some(*state) != self.state) {
            self.state = Some(state);
            found.push(Happening::State { state });
        }
        found
    }
}

impl Place {
    fn read(
        &mut self,
        path: &Path,
        experiment: u32,
        found: &mut Vec<Happening>,
    ) -> std::io::Result<()> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        if !self.is_as_told(&mut file, length)? {
            *self = Self::default();
            found.push(Happening::Restarted { experiment });
        }
        if length <= self.told {
            return Ok(());
        }
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.told))?;
        file.take(AT_ONCE).read_to_end(&mut bytes)?;
        // The last line may be in the making.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole == 0 && bytes.len() as u64 == AT_ONCE {
            return Err(std::io::Error::other(format!("a line of more than {AT_ONCE} bytes")));
        }
        for line in bytes[..whole].split_inclusive(|byte| *byte == b'\n') {
            let record: Record = serde_json::from_slice(line)?;
            found.push(Happening::Record { experiment, record });
            self.told += line.len() as u64;
            self.last = line.to_vec();
        }
        Ok(())
    }

    /// Whether what was told last still stands where it stood.
    fn is_as_told(&self, file: &mut File, length: u64) -> std::io::Result<bool> {
        if length < self.told {
            return Ok(false);
        }
        let mut last = vec![0; self.last.len()];
        file.seek(SeekFrom::Start(self.told - last.len() as u64))?;
        file.read_exact(&mut last)?;
        Ok(last == self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn line(epoch: u32, loss: f64) -> String {
        format!(
            r#"{{"event":"epoch","time":"t","epoch":{epoch},"step":10,"learning_rate":0.001,"means":{{"supervised_loss":{loss},"unsupervised_loss":0.25,"mask_rate":0.75,"class_shares":[0.5,0.5]}},"thresholds":[0.5,0.9],"evaluation":null,"validation":null,"kept":false}}"#
        ) + "\n"
    }

    fn epochs(place: &mut Place, path: &Path) -> Vec<String> {
        let mut found = Vec::new();
        place.read(path, 3, &mut found).expect("read");
        let told = found.iter().map(|happening| match happening {
            Happening::Record { record: Record::Epoch { summary, .. }, .. } => {
                summary.epoch.to_string()
            }
            other => other.name().to_owned(),
        });
        told.collect()
    }

    #[test]
    fn lines_are_told_once_and_only_when_they_are_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("events.jsonl");
        let mut file = File::create(&path).expect("created");
        let (first, second) = (line(0, 0.5), line(1, 0.4));
        file.write_all(first.as_bytes()).expect("written");
        file.write_all(&second.as_bytes()[..20]).expect("written");
        let mut place = Place::default();
        assert_eq!(epochs(&mut place, &path), ["0"]);
        assert!(epochs(&mut place, &path).is_empty());
        file.write_all(&second.as_bytes()[20..]).expect("written");
        assert_eq!(epochs(&mut place, &path), ["1"]);
    }

    #[test]
    fn records_that_were_cut_back_are_told_anew() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("events.jsonl");
        let mut place = Place::default();
        std::fs::write(&path, line(0, 0.5) + &line(1, 0.4)).expect("written");
        assert_eq!(epochs(&mut place, &path), ["0", "1"]);
        std::fs::write(&path, line(0, 0.5)).expect("written");
        assert_eq!(epochs(&mut place, &path), ["restarted", "0"]);
        // Cut back and grown beyond what it was between two looks.
        std::fs::write(&path, line(0, 0.7) + &line(1, 0.6) + &line(2, 0.5)).expect("written");
        assert_eq!(epochs(&mut place, &path), ["restarted", "0", "1", "2"]);
    }
}
