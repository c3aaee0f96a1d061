//! What a run was begun with.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RunError, json};
use crate::config::Config;
use crate::dataset::Dataset;
use crate::device;
use crate::disk::write_if_absent;
use crate::split::SplitFile;

/// The newest format of run directories that this program knows.
const FORMAT: u32 = 1;

/// What a run was begun with. Written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the run directory.
    pub format: u32,
    /// Version of the program that began the run.
    pub program: String,
    /// When the run was begun.
    pub created: String,
    /// The device of the process that began the run; others may continue it on other devices, which
    /// the events of each experiment record.
    #[serde(default = "device::processor")]
    pub device: String,
    /// All settings.
    pub config: Config,
    /// The labelled file.
    pub labeled: Source,
    /// The unlabelled file.
    pub unlabeled: Option<Source>,
    /// Fingerprint of the split file, when splits were not drawn.
    pub splits: Option<String>,
}

/// A data file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Where it was, as an absolute path.
    pub path: PathBuf,
    /// BLAKE3 of its bytes.
    pub fingerprint: String,
    /// Its number of rows.
    pub rows: usize,
    /// Its grid.
    pub grid: diffraction::Grid,
    /// The structures behind its rows, where they were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structures: Option<StructureSource>,
}

/// Files of structures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StructureSource {
    /// Files and directories, as absolute paths.
    pub paths: Vec<PathBuf>,
    /// BLAKE3 over the files.
    pub fingerprint: String,
    /// Rows of the table with a structure.
    pub rows: usize,
}

impl Source {
    /// Describes a data set.
    pub fn of(data: &Dataset) -> Self {
        Self {
            path: std::path::absolute(data.source()).unwrap_or_else(|_| data.source().to_owned()),
            fingerprint: data.fingerprint().to_owned(),
            rows: data.len(),
            grid: data.grid(),
            structures: data.structures().map(|structures| StructureSource {
                paths: structures.paths().to_owned(),
                fingerprint: structures.fingerprint().to_owned(),
                rows: structures.len(),
            }),
        }
    }
}

impl Manifest {
    /// The manifest of a run about to begin.
    pub fn new(
        config: Config,
        labeled: &Dataset,
        unlabeled: Option<&Dataset>,
        splits: Option<&SplitFile>,
    ) -> Self {
        Self {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            created: jiff::Timestamp::now().to_string(),
            device: device::chosen().to_string(),
            config,
            labeled: Source::of(labeled),
            unlabeled: unlabeled.map(Source::of),
            splits: splits.map(|file| file.fingerprint().to_owned()),
        }
    }

    /// Writes the manifest where there is none yet; says whether that was so.
    pub(super) fn write_if_absent(&self, path: &Path) -> Result<bool, RunError> {
        write_if_absent(path, &json::text(path, self)?).map_err(RunError::io("write", path))
    }

    pub(super) fn read(path: &Path) -> Result<Self, RunError> {
        // The format is looked at first: a newer one may differ in anything else.
        let value: Value = json::read_json(path)?;
        let damaged = |reason: String| RunError::Damaged { path: path.to_owned(), reason };
        let found = value
            .get("format")
            .and_then(Value::as_u64)
            .ok_or_else(|| damaged("no format".to_owned()))?;
        if found > u64::from(FORMAT) {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(RunError::Newer { path: path.to_owned(), found, known: FORMAT });
        }
        serde_json::from_value(value).map_err(|error| damaged(error.to_string()))
    }

    /// Refuses a manifest that asks for something else than what the run was begun with.
    ///
    /// Paths, program versions, devices and times may differ; settings and contents of files may not.
    pub(super) fn check_same(&self, asked: &Self, directory: &Path) -> Result<(), RunError> {
        let mut differences = Vec::new();
        let config =
            |manifest: &Self| serde_json::to_value(&manifest.config).unwrap_or(Value::Null);
        compare("", &config(self), &config(asked), &mut differences);
        let content = |source: &Source| (source.fingerprint.clone(), source.grid);
        let mut differ = |what: &str, same: bool| {
            if !same {
                differences.push(format!("{what} is another"));
            }
        };
        differ("the labelled file", content(&self.labeled) == content(&asked.labeled));
        let unlabeled = |manifest: &Self| manifest.unlabeled.as_ref().map(content);
        differ("the unlabelled file", unlabeled(self) == unlabeled(asked));
        let structures = |manifest: &Self| {
            let structures = manifest.unlabeled.as_ref()?.structures.as_ref()?;
            Some(structures.fingerprint.clone())
        };
        differ("the set of structures", structures(self) == structures(asked));
        differ("the split file", self.splits == asked.splits);
        if differences.is_empty() {
            return Ok(());
        }
        Err(RunError::OtherConfiguration { directory: directory.to_owned(), differences })
    }
}

/// Lists where two settings differ, by dotted path.
fn compare(path: &str, stored: &Value, asked: &Value, differences: &mut Vec<String>) {
    match (stored, asked) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let of = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or(Value::Null)
                };
                compare(&inner, &of(a), &of(b), differences);
            }
        }
        (a, b) if a != b => differences.push(format!("{path} is {a} there, {b} here")),
        _ => {}
    }
}
