//! What is audited.

use diffraction::Grid;
use serde::{Deserialize, Serialize};

use crate::fingerprint::SparsePattern;

use super::AuditSettings;

/// What a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Its labels train and evaluate.
    Labelled,
    /// Patterns without labels, for semi-supervised training or screening.
    Unlabelled,
    /// Its labels are for a last judgement: nothing like them may be trained on.
    Test,
}

/// One row of a table, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Name of the sample.
    pub name: &'a str,
    /// Formula, as it is written in the file.
    pub formula: Option<&'a str>,
    /// Conductivity at room temperature in S/cm.
    pub conductivity: Option<f64>,
    /// Class; 0 is superionic.
    pub label: Option<u8>,
    /// Intensities, marker columns included if the file has any.
    pub pattern: SparsePattern<'a>,
}

/// The rows of one file.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// What the file is called in the findings.
    pub source: &'a str,
    /// What it is for.
    pub part: Part,
    /// Points of the grid.
    pub points: usize,
    /// The grid, where the file says it.
    pub grid: Option<Grid>,
    /// Its rows.
    pub rows: &'a [Row<'a>],
}

/// Data that cannot even be audited.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AuditError {
    /// There is no row in any table.
    #[error("audit tables without rows")]
    Empty,
    /// The two halves of a sparse pattern do not fit each other or the grid.
    #[error(
        "audit `{sample}` of {table}: {indices} ascending points below {points} do not go with {values} intensities"
    )]
    OffGrid {
        /// The table.
        table: String,
        /// Name of the sample.
        sample: String,
        /// Number of indices.
        indices: usize,
        /// Number of intensities.
        values: usize,
        /// Points of the grid.
        points: usize,
    },
    /// An intensity that is negative, infinite or not a number.
    #[error("audit `{sample}` of {table}: its intensity at point {index} is {value}")]
    Intensity {
        /// The table.
        table: String,
        /// Name of the sample.
        sample: String,
        /// Grid point, from 0.
        index: u16,
        /// The value.
        value: f32,
    },
    /// A setting outside its range.
    #[error("audit with {name} = {value}; it must lie between 0 and 1")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
}

pub(super) fn check(tables: &[Table<'_>], settings: &AuditSettings) -> Result<(), AuditError> {
    let shares =
        [("twin_cosine", f64::from(settings.twin_cosine)), ("error_rate", settings.error_rate)];
    for (name, value) in shares {
        if !(value > 0.0 && value < 1.0) {
            return Err(AuditError::Setting { name, value });
        }
    }
    if tables.iter().all(|table| table.rows.is_empty()) {
        return Err(AuditError::Empty);
    }
    for table in tables {
        for row in table.rows {
            let SparsePattern { indices, values } = row.pattern;
            let place = || (table.source.to_owned(), row.name.to_owned());
            let fits = indices.last().is_none_or(|last| usize::from(*last) < table.points);
            if indices.len() != values.len() || !fits || !indices.is_sorted_by(|a, b| a < b) {
                let ((table, sample), points) = (place(), table.points);
                let (indices, values) = (indices.len(), values.len());
                return Err(AuditError::OffGrid { table, sample, indices, values, points });
            }
            for (index, value) in indices.iter().zip(values) {
                if !(value.is_finite() && *value >= 0.0) {
                    let (table, sample) = place();
                    let (index, value) = (*index, *value);
                    return Err(AuditError::Intensity { table, sample, index, value });
                }
            }
        }
    }
    Ok(())
}

/// Sparse patterns with their own memory, table by table.
pub(super) type Patterns = Vec<Vec<(Vec<u16>, Vec<f32>)>>;

/// The patterns of tables without some columns.
pub(super) fn without(tables: &[Table<'_>], columns: &[usize]) -> Patterns {
    let strip = |row: &Row<'_>| {
        let points = row.pattern.indices.iter().zip(row.pattern.values);
        let kept = points.filter(|(index, _)| !columns.contains(&usize::from(**index)));
        kept.map(|(index, value)| (*index, *value)).unzip()
    };
    tables.iter().map(|table| table.rows.iter().map(strip).collect()).collect()
}

/// The rows of a table with other patterns.
pub(super) fn with_patterns<'a>(
    table: &Table<'a>,
    patterns: &'a [(Vec<u16>, Vec<f32>)],
) -> Vec<Row<'a>> {
    let rows = table.rows.iter().zip(patterns);
    rows.map(|(row, (indices, values))| Row { pattern: SparsePattern { indices, values }, ..*row })
        .collect()
}
