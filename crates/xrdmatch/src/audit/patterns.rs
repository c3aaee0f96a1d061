//! Patterns that are none, names given twice, grids that differ.

use std::collections::HashMap;

use super::{Finding, Source, Table};

/// Fewer points than this are hardly a pattern; a cubic salt has about ten reflections.
const FEW: usize = 4;
/// Share of rows whose largest intensity has to agree before others stand out.
const USUAL_SHARE: f64 = 0.9;

/// The sample of one row of one table.
pub(super) fn source(table: &Table<'_>, row: usize) -> Source {
    let (part, row) = (table.part, &table.rows[row]);
    Source { table: table.source.to_owned(), part, name: row.name.to_owned(), label: row.label }
}

pub(super) fn findings(tables: &[Table<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let stated = tables.iter().find_map(|table| table.grid);
    let differs = |table: &Table<'_>| {
        table.points != tables[0].points || table.grid.is_some_and(|grid| Some(grid) != stated)
    };
    if tables.iter().any(differs) {
        let tables = tables.iter().map(|table| (table.source.to_owned(), table.points)).collect();
        findings.push(Finding::GridsDiffer { tables });
    }
    let mut by_name: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
    for (number, table) in tables.iter().enumerate() {
        let usual = usual_maximum(table);
        for (row, content) in table.rows.iter().enumerate() {
            by_name.entry(content.name).or_default().push((number, row));
            let sample = || source(table, row);
            let values = content.pattern.values;
            let maximum = values.iter().copied().fold(0.0, f32::max);
            let minimum = values.iter().copied().fold(f32::INFINITY, f32::min);
            let peaks = values.iter().filter(|value| **value > 0.0).count();
            let level = values.len() == table.points && minimum == maximum;
            if peaks == 0 || level {
                findings.push(Finding::FlatPattern { sample: sample() });
            } else if peaks < FEW {
                findings.push(Finding::FewPeaks { sample: sample(), peaks });
            }
            if let Some(usual) = usual
                && maximum > 0.0
                && (maximum - usual).abs() > 1e-3 * usual
            {
                findings.push(Finding::Unnormalised { sample: sample(), maximum, usual });
            }
        }
    }
    let mut repeated: Vec<_> = by_name.into_values().filter(|places| places.len() > 1).collect();
    repeated.sort_unstable();
    findings.extend(repeated.into_iter().map(|places| Finding::RepeatedName {
        samples: places.into_iter().map(|(table, row)| source(&tables[table], row)).collect(),
    }));
    findings
}

/// The largest intensity of nearly all rows, where they agree on one.
fn usual_maximum(table: &Table<'_>) -> Option<f32> {
    let largest = |values: &[f32]| values.iter().copied().fold(0.0, f32::max);
    let mut maxima: Vec<f32> = table.rows.iter().map(|row| largest(row.pattern.values)).collect();
    maxima.sort_unstable_by(f32::total_cmp);
    let median = *maxima.get(maxima.len() / 2)?;
    let agree = maxima.iter().filter(|value| (*value - median).abs() <= 1e-3 * median).count();
    (agree as f64 >= USUAL_SHARE * maxima.len() as f64).then_some(median)
}
