//! What is wrong with the labelled file, and what was set aside.

use serde::{Deserialize, Serialize};
use xrdmatch::audit::{AuditSettings, Part, Row, Severity, Table, audit};
use xrdmatch::dataset::Dataset;
use xrdmatch::fingerprint::SparsePattern;

use super::{Fact, ViewSettings, thousands};
use crate::{Labeled, Records};

/// The data behind a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataView {
    /// Files, rows, classes, grid.
    pub facts: Vec<Fact>,
    /// What an audit of the labelled file found, the serious first.
    pub findings: Vec<FindingView>,
    /// What the audit did not look at, or why there is none.
    pub note: String,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingView {
    /// How serious it is.
    pub severity: Severity,
    /// What kind of finding it is, such as `near_twins`.
    pub kind: String,
    /// The samples it is about.
    pub samples: Vec<String>,
    /// What it means.
    pub verdict: String,
}

impl DataView {
    pub(super) fn of(records: &Records, settings: &ViewSettings) -> Self {
        let manifest = &records.manifest;
        let mut facts = vec![Fact::new(
            "labelled",
            &format!("{} rows of {}", manifest.labeled.rows, manifest.labeled.path.display()),
        )];
        if let Some(unlabeled) = &manifest.unlabeled {
            let rows = thousands(unlabeled.rows);
            facts.push(Fact::new(
                "unlabelled",
                &format!("{rows} rows of {}", unlabeled.path.display()),
            ));
        }
        let grid = manifest.labeled.grid;
        facts.push(Fact::new(
            "grid",
            &format!(
                "{} points from {:.2}° to {:.2}° two-theta",
                thousands(grid.points()),
                grid.start(),
                grid.end()
            ),
        ));
        let data = match &records.labeled {
            Labeled::Same(data) => data,
            Labeled::Absent(why) => {
                let note = format!("The labelled file was not audited: {why}.");
                return Self { facts, findings: Vec::new(), note };
            }
        };
        let mut findings = Vec::new();
        if let Some(marker) = data.marker() {
            findings.push(FindingView {
                severity: Severity::Note,
                kind: "marker_set_aside".to_owned(),
                samples: Vec::new(),
                verdict: format!(
                    "the last point of {} rows holds a value ({:e} to {:e}) that is no diffraction; it \
                     was not read, as it can give the label away",
                    marker.rows, marker.smallest, marker.largest
                ),
            });
        }
        let mut note = "The unlabelled file was not audited here.".to_owned();
        if settings.audit {
            match audited(data) {
                Ok((found, left_out)) => {
                    findings.extend(found);
                    if left_out > 0 {
                        note = format!("{left_out} more findings are not listed. {note}");
                    }
                }
                Err(error) => note = format!("The labelled file cannot be audited: {error}."),
            }
        } else {
            note = "No audit was asked for.".to_owned();
        }
        findings.sort_by_key(|finding| finding.severity);
        Self { facts, findings, note }
    }
}

fn audited(data: &Dataset) -> Result<(Vec<FindingView>, usize), xrdmatch::audit::AuditError> {
    let row = |row: usize| {
        let sample = data.sample(row);
        let (indices, values) = data.pattern(row);
        Row {
            name: &sample.name,
            formula: sample.formula.as_deref(),
            conductivity: sample.conductivity,
            label: sample.label,
            pattern: SparsePattern { indices, values },
        }
    };
    let rows: Vec<Row<'_>> = (0..data.len()).map(row).collect();
    let table = Table {
        source: data.source_name(),
        part: Part::Labelled,
        points: data.grid().points(),
        grid: Some(data.grid()),
        rows: &rows,
    };
    let found = audit(&[table], &AuditSettings::default())?;
    let left_out = found.left_out.values().sum();
    let findings = found.findings.iter().map(|reported| {
        // Every finding names its samples somewhere; where, its JSON says for all kinds alike.
        let json = serde_json::to_value(&reported.finding).unwrap_or_default();
        let mut samples = Vec::new();
        names(&json, &mut samples);
        FindingView {
            severity: reported.severity,
            kind: json["kind"].as_str().unwrap_or_default().to_owned(),
            samples,
            verdict: reported.verdict.clone(),
        }
    });
    Ok((findings.collect(), left_out))
}

/// The names of all samples in a finding.
fn names(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(map) => {
            if let (Some(name), true) =
                (map.get("name").and_then(|n| n.as_str()), map.contains_key("table"))
            {
                found.push(name.to_owned());
            }
            map.values().for_each(|value| names(value, found));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| names(value, found)),
        _ => {}
    }
}
