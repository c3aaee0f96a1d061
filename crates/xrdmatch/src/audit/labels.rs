//! Labels against each other and against the measured conductivity.

use super::patterns::source;
use super::{Finding, Source, Table};

/// Conductivities of one compound, measured by different groups, differ by this factor and more.
const SCATTER: f64 = 2.0;
/// Share of labels that may contradict a threshold before it is no threshold.
const CONTRADICTIONS: f64 = 0.1;

pub(super) fn findings(tables: &[Table<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut counts = [0; 2];
    let mut measured: Vec<(f64, u8, Source)> = Vec::new();
    for table in tables {
        for (row, content) in table.rows.iter().enumerate() {
            match content.label {
                Some(label @ 0..=1) => counts[usize::from(label)] += 1,
                Some(_) => findings.push(Finding::UnknownLabel { sample: source(table, row) }),
                None => {}
            }
            match (content.conductivity, content.label) {
                (Some(conductivity), _) if !(conductivity.is_finite() && conductivity > 0.0) => {
                    let sample = source(table, row);
                    findings.push(Finding::BadConductivity { sample, conductivity });
                }
                (Some(conductivity), Some(label @ 0..=1)) => {
                    measured.push((conductivity, label, source(table, row)));
                }
                _ => {}
            }
        }
    }
    if counts != [0; 2] {
        let (larger, all) = (counts[0].max(counts[1]) as f64, (counts[0] + counts[1]) as f64);
        let f1 = 2.0 * larger / (larger + all);
        // Macro-F1 counts the other class, if it occurs, with 0.
        let always_larger_f1 = if counts.contains(&0) { f1 } else { 0.5 * f1 };
        findings.push(Finding::ClassBalance { counts, always_larger_f1 });
    }
    findings.extend(threshold_findings(measured));
    findings
}

/// The threshold that fewest labels contradict, the labels that do, and the rows beside it.
fn threshold_findings(mut measured: Vec<(f64, u8, Source)>) -> Vec<Finding> {
    measured.sort_by(|a, b| a.0.total_cmp(&b.0));
    let zeros = measured.iter().filter(|(_, label, _)| *label == 0).count();
    if zeros == 0 || zeros == measured.len() {
        return Vec::new();
    }
    // Rows before `cut` should have label 1, the others label 0; equal values are not parted.
    let mut wrong = measured.len() - zeros;
    let mut best = (wrong, 0);
    for cut in 1..=measured.len() {
        if measured[cut - 1].1 == 0 {
            wrong += 1;
        } else {
            wrong -= 1;
        }
        let parted = cut == measured.len() || measured[cut - 1].0 < measured[cut].0;
        if parted && wrong < best.0 {
            best = (wrong, cut);
        }
    }
    let (wrong, cut) = best;
    if wrong as f64 > CONTRADICTIONS * measured.len() as f64 || cut == 0 || cut == measured.len() {
        return Vec::new();
    }
    let threshold = measured[cut].0;
    let below = measured[cut - 1].0;
    let mut findings = Vec::new();
    let mut near = Vec::new();
    for (row, (conductivity, label, sample)) in measured.into_iter().enumerate() {
        if (label == 0) != (row >= cut) {
            let finding = Finding::LabelAgainstConductivity { sample, conductivity, threshold };
            findings.push(finding);
        } else if conductivity >= threshold / SCATTER && conductivity <= below * SCATTER {
            near.push((sample, conductivity));
        }
    }
    if !near.is_empty() {
        findings.push(Finding::Borderline { gap: [below, threshold], samples: near });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(rows: &[(f64, u8)]) -> Vec<(f64, u8, Source)> {
        let part = super::super::Part::Labelled;
        let source =
            |label| Source { table: "t".into(), part, name: "s".into(), label: Some(label) };
        rows.iter().map(|(value, label)| (*value, *label, source(*label))).collect()
    }

    #[test]
    fn a_label_on_the_wrong_side_of_the_threshold_is_found() {
        let mut rows = vec![(1e-3, 0); 10];
        rows.extend([(1e-9, 1); 10]);
        rows.push((2e-3, 1));
        match &threshold_findings(measured(&rows))[..] {
            [Finding::LabelAgainstConductivity { conductivity: 2e-3, threshold: 1e-3, .. }] => {}
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_within_the_scatter_of_measurements_are_borderline() {
        let rows = [(1e-9, 1), (4e-5, 1), (5.2e-5, 0), (1e-2, 0)];
        match &threshold_findings(measured(&rows))[..] {
            [Finding::Borderline { gap: [4e-5, 5.2e-5], samples }] => assert_eq!(samples.len(), 2),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn labels_that_follow_no_threshold_have_none() {
        let rows: Vec<(f64, u8)> = (1u8..30).map(|i| (f64::from(i), i % 2)).collect();
        assert_eq!(threshold_findings(measured(&rows)), []);
        assert_eq!(threshold_findings(measured(&[(1.0, 0), (2.0, 0)])), []);
    }
}
