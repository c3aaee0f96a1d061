//! Columns and simple numbers that know the label.
//!
//! Every column, and a few numbers that do not depend on where the peaks are, are compared with the
//! label by their rank sum (Wilcoxon, Mann and Whitney, with mid-ranks), in standard deviations of
//! its exact distribution over permutations of the labels. The largest of all of them under each
//! permutation gives the probability that chance alone produces one as large anywhere (Westfall and
//! Young, 1993): thousands of tests, one error rate, whatever their dependence.

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{AuditSettings, Finding, Row, Table};

/// A marker is not 0 in at least this share of the rows, while
const OCCUPIED: f64 = 0.5;
/// no more than this many different values occur in it, in
const MARKER_VALUES: usize = 4;
/// at least this many rows.
const MARKER_ROWS: usize = 10;
/// The least AUC of a column or number that is worth an alarm: weaker ones may be chemistry.
const LEAK_AUC: f64 = 0.7;

/// A marker column.
pub(super) struct Marker {
    /// Its number, from 0.
    pub(super) column: usize,
    /// For each of its values (as bits, ascending) the rows of class 0, of class 1 and without label.
    values: BTreeMap<u32, [usize; 3]>,
    /// Rows of the tables in which it is one.
    rows: usize,
}

/// Findings on tables whose `markers` are known; `stripped` are the same tables without them.
pub(super) fn findings(
    tables: &[Table<'_>],
    stripped: &[Table<'_>],
    found: Vec<Marker>,
    settings: &AuditSettings,
) -> Vec<Finding> {
    let points = points(tables);
    let tests = Associations::of(&rows(tables), &rows(stripped), points, settings);
    let mut findings = Vec::new();
    let mut markers = Vec::new();
    for Marker { column, values, rows } in found {
        let occupied: usize = values.values().flatten().sum();
        let strength = tests.as_ref().and_then(|tests| tests.column(column));
        markers.push(column);
        findings.push(Finding::MarkerColumn {
            column,
            occupied: occupied as f64 / rows as f64,
            values: values
                .into_iter()
                .map(|(bits, counts)| (f32::from_bits(bits), counts))
                .collect(),
            auc: strength.map(|strength| strength.auc),
            p: strength.map(|strength| strength.p),
        });
    }
    let Some(tests) = tests else { return findings };
    for test in &tests.tests {
        let Strength { auc, p } = test.strength;
        if auc < LEAK_AUC || p > settings.error_rate {
            continue;
        }
        match test.of {
            Tested::Column(column) if !markers.contains(&column) => {
                findings.push(Finding::LeakingColumn { column, auc, p });
            }
            Tested::Column(_) => {}
            Tested::Statistic(statistic) => {
                let statistic = statistic.to_owned();
                findings.push(Finding::LeakingStatistic { statistic, auc, p });
            }
        }
    }
    findings
}

fn points(tables: &[Table<'_>]) -> usize {
    tables.iter().map(|table| table.points).max().unwrap_or(0)
}

fn rows<'a>(tables: &[Table<'a>]) -> Vec<&'a Row<'a>> {
    tables.iter().flat_map(|table| table.rows).collect()
}

/// The columns that hold few values in many rows of a table. Each table is looked at by itself: a
/// marker of the labelled one is none the less when a large pool has none.
pub(super) fn markers(tables: &[Table<'_>]) -> Vec<Marker> {
    let mut markers: BTreeMap<usize, Marker> = BTreeMap::new();
    for table in tables {
        for (column, values) in markers_of(table) {
            let empty = || Marker { column, values: BTreeMap::new(), rows: 0 };
            let marker = markers.entry(column).or_insert_with(empty);
            marker.rows += table.rows.len();
            for (value, counts) in values {
                let sums = marker.values.entry(value).or_default();
                sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            }
        }
    }
    markers.into_values().collect()
}

/// Column and values of the markers of one table.
fn markers_of(table: &Table<'_>) -> BTreeMap<usize, BTreeMap<u32, [usize; 3]>> {
    let mut occupied = vec![0usize; table.points];
    for row in table.rows {
        for (index, value) in row.pattern.indices.iter().zip(row.pattern.values) {
            occupied[usize::from(*index)] += usize::from(*value > 0.0);
        }
    }
    let enough = ((OCCUPIED * table.rows.len() as f64).ceil() as usize).max(MARKER_ROWS);
    let candidates = (0..table.points).filter(|column| occupied[*column] >= enough);
    let mut values: BTreeMap<usize, BTreeMap<u32, [usize; 3]>> =
        candidates.map(|column| (column, BTreeMap::new())).collect();
    if values.is_empty() {
        return values;
    }
    for row in table.rows {
        let kind = row.label.map_or(2, |label| usize::from(label.min(1)));
        for (index, value) in row.pattern.indices.iter().zip(row.pattern.values) {
            let column = usize::from(*index);
            if *value > 0.0
                && let Some(found) = values.get_mut(&column)
            {
                found.entry(value.to_bits()).or_default()[kind] += 1;
                // No marker any more; on a dense table this keeps the memory small.
                if found.len() > MARKER_VALUES {
                    values.remove(&column);
                }
            }
        }
    }
    values
}

/// How strongly something goes with the label.
#[derive(Debug, Clone, Copy)]
struct Strength {
    auc: f64,
    p: f64,
}

#[derive(Debug, Clone, Copy)]
enum Tested {
    Column(usize),
    Statistic(&'static str),
}

struct Test {
    of: Tested,
    strength: Strength,
}

struct Associations {
    tests: Vec<Test>,
}

/// Ranks of one column over the labelled rows.
struct Ranks {
    of: Tested,
    /// Rank shared by the rows that are not listed: those with intensity 0.
    base: f64,
    /// Row and rank less the base.
    above: Vec<(u32, f64)>,
    /// Sum of squared distances of all ranks from their mean.
    spread: f64,
}

impl Associations {
    /// `None` where there are no labels of both classes. Columns are those of `rows`, simple numbers
    /// those of `bare`: the same rows without markers, which would echo in them.
    fn of(
        rows: &[&Row<'_>],
        bare: &[&Row<'_>],
        points: usize,
        settings: &AuditSettings,
    ) -> Option<Self> {
        let labelled: Vec<&Row<'_>> =
            rows.iter().filter(|row| matches!(row.label, Some(0 | 1))).copied().collect();
        let bare: Vec<&Row<'_>> =
            bare.iter().filter(|row| matches!(row.label, Some(0 | 1))).copied().collect();
        let mut positive: Vec<bool> = labelled.iter().map(|row| row.label == Some(0)).collect();
        let n = labelled.len();
        let positives = positive.iter().filter(|positive| **positive).count();
        if positives == 0 || positives == n {
            return None;
        }
        let ranks = ranks(&labelled, &bare, points);
        let (count, others) = (positives as f64, (n - positives) as f64);
        let deviations = |positive: &[bool]| -> Vec<f64> {
            let variance = count * others / (n as f64 * (n as f64 - 1.0));
            let deviation = |ranks: &Ranks| {
                let listed = ranks.above.iter().filter(|(row, _)| positive[*row as usize]);
                let sum = listed.map(|(_, above)| above).sum::<f64>() + count * ranks.base;
                let mean = count * (n as f64 + 1.0) / 2.0;
                (sum - mean) / (variance * ranks.spread).sqrt()
            };
            ranks.iter().map(deviation).collect()
        };
        let observed = deviations(&positive);
        positive.sort_unstable(); // permutations start from no order of the file
        let largest = |permutation: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
            rng.set_stream(permutation as u64);
            let mut shuffled = positive.clone();
            for last in (1..n).rev() {
                shuffled.swap(last, rng.random_range(0..=last));
            }
            deviations(&shuffled).into_iter().map(f64::abs).fold(0.0, f64::max)
        };
        let mut largest: Vec<f64> =
            (0..settings.permutations).into_par_iter().map(largest).collect();
        largest.sort_unstable_by(f64::total_cmp);
        // Sums of the same ranks in another order may differ in their last digits.
        let at_least = |deviation: f64| {
            largest.len() - largest.partition_point(|value| *value < deviation.abs() - 1e-9)
        };
        let tests = ranks.iter().zip(observed).map(|(ranks, deviation)| {
            let variance = count * others * ranks.spread / (n as f64 * (n as f64 - 1.0));
            let wins = deviation * variance.sqrt() / (count * others);
            let p = (at_least(deviation) + 1) as f64 / (largest.len() + 1) as f64;
            Test { of: ranks.of, strength: Strength { auc: 0.5 + wins.abs(), p } }
        });
        Some(Self { tests: tests.collect() })
    }

    fn column(&self, column: usize) -> Option<Strength> {
        let found = |test: &&Test| matches!(test.of, Tested::Column(found) if found == column);
        self.tests.iter().find(found).map(|test| test.strength)
    }
}

/// Ranks of every column that varies, and of the simple numbers that do.
fn ranks(rows: &[&Row<'_>], bare: &[&Row<'_>], points: usize) -> Vec<Ranks> {
    let mut columns: Vec<Vec<(u32, f32)>> = vec![Vec::new(); points];
    for (number, row) in (0..).zip(rows) {
        for (index, value) in row.pattern.indices.iter().zip(row.pattern.values) {
            if *value > 0.0 {
                columns[usize::from(*index)].push((number, *value));
            }
        }
    }
    let tested =
        columns.into_iter().enumerate().map(|(column, values)| (Tested::Column(column), values));
    let numbers = STATISTICS.iter().map(|(name, statistic)| {
        let values = (0..).zip(bare).map(|(number, row)| (number, statistic(row.pattern.values)));
        (Tested::Statistic(name), values.collect())
    });
    let n = rows.len();
    let ranked = tested.chain(numbers).map(|(of, values)| rank(of, values, n));
    ranked.filter(|ranks| ranks.spread > 0.0).collect()
}

type Statistic = fn(&[f32]) -> f32;

/// Numbers that a file may leak the label by; where the peaks are plays no part in them.
const STATISTICS: [(&str, Statistic); 5] = [
    ("number of points with intensity", |values| {
        values.iter().filter(|value| **value > 0.0).count() as f32
    }),
    ("sum of intensities", |values| values.iter().sum()),
    ("largest intensity", |values| values.iter().copied().fold(0.0, f32::max)),
    ("smallest intensity above 0", |values| {
        values.iter().copied().filter(|value| *value > 0.0).fold(f32::MAX, f32::min)
    }),
    ("mean of intensities above 0", |values| {
        let above: Vec<f32> = values.iter().copied().filter(|value| *value > 0.0).collect();
        above.iter().sum::<f32>() / above.len().max(1) as f32
    }),
];

/// Mid-ranks of `n` values of which those not listed are 0.
fn rank(of: Tested, mut values: Vec<(u32, f32)>, n: usize) -> Ranks {
    values.sort_by(|a, b| a.1.total_cmp(&b.1));
    let zeros = n - values.len();
    let base = (zeros as f64 + 1.0) / 2.0;
    let mean = (n as f64 + 1.0) / 2.0;
    let mut spread = zeros as f64 * (base - mean).powi(2);
    let mut below = zeros;
    let mut above = Vec::with_capacity(values.len());
    for tied in values.chunk_by(|a, b| a.1 == b.1) {
        let shared = below as f64 + (tied.len() as f64 + 1.0) / 2.0;
        spread += tied.len() as f64 * (shared - mean).powi(2);
        above.extend(tied.iter().map(|(row, _)| (*row, shared - base)));
        below += tied.len();
    }
    Ranks { of, base, above, spread }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::SparsePattern;
    use crate::metrics::roc_auc;

    /// Rows with intensity at point 0 where `leak` says so, and elsewhere by chance.
    fn strengths(leak: impl Fn(usize, u8) -> bool, seed: u64) -> Associations {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let patterns: Vec<(u8, Vec<u16>, Vec<f32>)> = (0..80)
            .map(|row| {
                let label = u8::from(row >= 30);
                let mut indices: Vec<u16> = (1..60).filter(|_| rng.random_bool(0.1)).collect();
                if leak(row, label) {
                    indices.insert(0, 0);
                }
                let values = indices.iter().map(|_| rng.random()).collect();
                (label, indices, values)
            })
            .collect();
        let row = |(label, indices, values): &'static (u8, Vec<u16>, Vec<f32>)| Row {
            name: "",
            formula: None,
            conductivity: None,
            label: Some(*label),
            pattern: SparsePattern { indices, values },
        };
        let patterns = Vec::leak(patterns);
        let rows: Vec<Row<'_>> = patterns.iter().map(row).collect();
        let rows: Vec<&Row<'_>> = rows.iter().collect();
        let found = Associations::of(&rows, &rows, 60, &AuditSettings::default()).unwrap();
        // The AUC of a column is that of the metrics.
        for column in [3u16, 17] {
            let value = |row: &&Row<'_>| {
                let at = row.pattern.indices.iter().position(|index| *index == column);
                at.map_or(0.0, |at| f64::from(row.pattern.values[at]))
            };
            let scores: Vec<f64> = rows.iter().map(value).collect();
            let positive: Vec<bool> = rows.iter().map(|row| row.label == Some(0)).collect();
            let expected = roc_auc(&scores, &positive).unwrap();
            let auc = found.column(usize::from(column)).unwrap().auc;
            assert!((auc - expected.max(1.0 - expected)).abs() < 1e-12);
        }
        found
    }

    #[test]
    fn a_column_that_knows_the_label_is_significant_among_all() {
        let leaking = strengths(|_, label| label == 0, 1);
        let strength = leaking.column(0).unwrap();
        assert!(strength.p <= 0.001 && strength.auc > 0.99, "{strength:?}");
    }

    #[test]
    fn the_error_rate_holds_over_all_columns_together() {
        let alarms = (0..200)
            .filter(|seed| {
                let tests = strengths(|row, _| row % 3 == 0, *seed);
                tests.tests.iter().any(|test| test.strength.p <= 0.05)
            })
            .count();
        // Of 200 clean tables 10 ± 3.1 are expected to raise an alarm at 5 %.
        assert!((2..=20).contains(&alarms), "{alarms} of 200");
    }
}
