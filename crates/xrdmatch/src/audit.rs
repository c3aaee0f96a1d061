//! What is wrong with a data set, found before it is believed.
//!
//! [`audit`] looks at labelled and unlabelled tables together and returns findings, each with the
//! facts, how serious it is, and a reasoned verdict. It looks for what has misled this field before:
//! a column that leaks the label, near-twins on both sides of a split, one composition in both
//! classes, labels that contradict the measured conductivity, and patterns that are none.

mod columns;
mod composition;
mod families;
mod file;
mod finding;
mod labels;
mod overlap;
mod patterns;
mod search;
mod table;
mod twins;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use composition::Composition;
pub(crate) use families::Families;
pub use file::LoadedTable;
pub use finding::{Finding, Reported, Severity, Source};
pub use search::{Twins, twin_pairs, twin_pairs_observed};
pub use table::{AuditError, Part, Row, Table};
pub use twins::TWIN_COSINE;

/// What an audit looks for, and how hard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditSettings {
    /// Cosine from which two patterns are near-twins.
    pub twin_cosine: f32,
    /// Probability of any false alarm among all columns and statistics tested against the label.
    pub error_rate: f64,
    /// Permutations of the labels behind that probability.
    pub permutations: usize,
    /// Seed of the permutations.
    pub seed: u64,
    /// The most findings of one kind that are listed; what is left out is counted.
    pub listed: usize,
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { twin_cosine: TWIN_COSINE, error_rate: 0.01, permutations: 999, seed: 0, listed: 100 }
    }
}

/// All findings, the serious ones first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// Rows looked at.
    pub rows: usize,
    /// What was found.
    pub findings: Vec<Reported>,
    /// For kinds with more findings than are listed, how many are left out.
    pub left_out: BTreeMap<String, usize>,
}

impl Audit {
    /// The findings that are alarms: a model must not be trained before they are dealt with.
    pub fn alarms(&self) -> impl Iterator<Item = &Finding> {
        let alarms = self.findings.iter().filter(|reported| reported.severity == Severity::Alarm);
        alarms.map(|reported| &reported.finding)
    }
}

/// Audits tables together.
///
/// # Errors
/// [`AuditError`]: a pattern that does not fit its grid, tables without rows, or settings outside
/// their range. Everything else wrong with the data is a finding.
pub fn audit(tables: &[Table<'_>], settings: &AuditSettings) -> Result<Audit, AuditError> {
    audit_observed(tables, settings, &|_, _| {})
}

/// As [`audit`]; `tell` hears, on whatever thread, how many patterns have sought their near-twins,
/// and how many there are: the one part that takes long.
///
/// # Errors
/// As [`audit`].
pub fn audit_observed(
    tables: &[Table<'_>],
    settings: &AuditSettings,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> Result<Audit, AuditError> {
    table::check(tables, settings)?;
    // A marker is no intensity: all else is judged without it.
    let markers = columns::markers(tables);
    let columns: Vec<usize> = markers.iter().map(|marker| marker.column).collect();
    // Without markers nothing is copied, which matters with a million patterns.
    let patterns = if columns.is_empty() { Vec::new() } else { table::without(tables, &columns) };
    let rows: Vec<Vec<Row<'_>>> = tables
        .iter()
        .zip(&patterns)
        .map(|(t, patterns)| table::with_patterns(t, patterns))
        .collect();
    let stripped: Vec<Table<'_>> = if columns.is_empty() {
        tables.to_vec()
    } else {
        tables.iter().zip(&rows).map(|(table, rows)| Table { rows, ..*table }).collect()
    };

    let mut findings = patterns::findings(&stripped);
    findings.extend(columns::findings(tables, &stripped, markers, settings));
    findings.extend(labels::findings(tables));
    findings.extend(composition::findings(tables));
    // The cap on what is listed is counted over severities, so the search may hand out that many.
    let (twins, beyond) = twins::findings(&stripped, settings.twin_cosine, settings.listed, tell);
    findings.extend(twins);

    let mut audit = Audit {
        rows: tables.iter().map(|table| table.rows.len()).sum(),
        findings: Vec::new(),
        left_out: beyond.into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect(),
    };
    let mut listed: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut reported: Vec<Reported> = findings.into_iter().map(Reported::of).collect();
    reported.sort_by_key(|reported| reported.severity);
    for reported in reported {
        let kind = reported.finding.kind();
        let count = listed.entry(kind).or_default();
        *count += 1;
        if *count <= settings.listed {
            audit.findings.push(reported);
        } else {
            *audit.left_out.entry(kind.to_owned()).or_default() += 1;
        }
    }
    Ok(audit)
}
