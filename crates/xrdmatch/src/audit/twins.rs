//! What near-twins mean, by whom they connect.

use std::collections::BTreeMap;

use super::patterns::source;
use super::search::twin_pairs_observed;
use super::{Finding, Severity, Table};
use crate::fingerprint::SparsePattern;

/// Cosine of intensities, blurred by 8 points (0.16°), from which two patterns are near-twins.
pub const TWIN_COSINE: f32 = 0.93;

/// The findings, of each kind and severity at most `listed`, the nearest first; and per kind the
/// number of pairs that are left out.
pub(super) fn findings(
    tables: &[Table<'_>],
    threshold: f32,
    listed: usize,
    tell: &(dyn Fn(usize, usize) + Sync),
) -> (Vec<Finding>, BTreeMap<&'static str, usize>) {
    let places: Vec<(&Table<'_>, usize)> = tables
        .iter()
        .flat_map(|table| (0..table.rows.len()).map(move |row| (table, row)))
        .collect();
    let patterns: Vec<SparsePattern<'_>> =
        places.iter().map(|(table, row)| table.rows[*row].pattern).collect();
    let mut twins = twin_pairs_observed(&patterns, threshold, tell);
    let mut left_out: BTreeMap<&'static str, usize> = BTreeMap::new();
    let beyond = twins.total - twins.pairs.len();
    if beyond > 0 {
        left_out.insert("near_twins", beyond);
    }
    twins.pairs.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    let mut counts: BTreeMap<(&'static str, Severity), usize> = BTreeMap::new();
    let mut findings = Vec::new();
    for (a, b, cosine) in twins.pairs {
        let samples = [a, b].map(|at| source(places[at].0, places[at].1));
        let finding = if patterns[a] == patterns[b] {
            Finding::Duplicates { samples }
        } else {
            Finding::NearTwins { samples, cosine }
        };
        let count = counts.entry((finding.kind(), finding.severity())).or_default();
        *count += 1;
        if *count <= listed {
            findings.push(finding);
        } else {
            *left_out.entry(finding.kind()).or_default() += 1;
        }
    }
    (findings, left_out)
}
