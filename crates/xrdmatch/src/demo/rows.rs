//! The demonstration as rows of a pattern table.

use diffraction::simulate::{Recipe, simulate};
use diffraction::table::Row;
use diffraction::{Grid, Structure};
use rayon::prelude::*;

use super::{labeled, unlabeled};

/// The labelled compounds as rows: patterns of the published recipe on the published grid, with
/// conductivity and label.
///
/// # Panics
/// Never: every structure of the demonstration is simulated by a test.
#[must_use]
pub fn labeled_rows() -> Vec<Row> {
    labeled()
        .par_iter()
        .enumerate()
        .map(|(index, compound)| Row {
            conductivity: Some(compound.conductivity),
            label: Some(compound.label()),
            ..row(index, &compound.id, &compound.formula, &compound.structure)
        })
        .collect()
}

/// The unlabelled compounds as rows: patterns of the published recipe on the published grid.
///
/// # Panics
/// Never: every structure of the demonstration is simulated by a test.
#[must_use]
pub fn unlabeled_rows() -> Vec<Row> {
    unlabeled()
        .par_iter()
        .enumerate()
        .map(|(index, compound)| row(index, &compound.name, &compound.formula, &compound.structure))
        .collect()
}

fn row(index: usize, name: &str, formula: &str, structure: &Structure) -> Row {
    let recipe = Recipe::paper();
    let peaks = simulate(structure, &recipe).expect("the demonstration can be simulated");
    let mut row = Row {
        name: name.to_owned(),
        id: Some((index + 1).to_string()),
        formula: Some(formula.to_owned()),
        ..Row::default()
    };
    recipe.placement.place(&peaks, &Grid::published(), &mut row);
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Standard deviation of the blur that near-twins are judged under, grid points (0.32°).
    const BLUR: f64 = 16.0;
    /// Only every so many points of a blurred pattern are kept: half a standard deviation.
    const STRIDE: usize = 8;

    /// The blurred pattern, of length 1.
    fn blurred(row: &Row) -> Vec<f32> {
        let mut pattern = vec![0.0_f32; Grid::published().points() / STRIDE + 1];
        for (&index, &value) in row.indices.iter().zip(&row.values) {
            let reach = (4.0 * BLUR) as usize;
            let index = usize::from(index);
            let first = index.saturating_sub(reach).div_ceil(STRIDE);
            let last = ((index + reach) / STRIDE).min(pattern.len() - 1);
            for (offset, point) in pattern[first..=last].iter_mut().enumerate() {
                let distance = ((first + offset) * STRIDE) as f64 - index as f64;
                *point += value * (-0.5 * (distance / BLUR).powi(2)).exp() as f32;
            }
        }
        let length = pattern.iter().map(|x| x * x).sum::<f32>().sqrt();
        pattern.iter_mut().for_each(|x| *x /= length);
        pattern
    }

    /// Pairs of rows whose blurred patterns have a cosine above `limit`.
    fn twins(rows: &[Row], limit: f32) -> Vec<(&str, &str, f32)> {
        let patterns: Vec<Vec<f32>> = rows.par_iter().map(blurred).collect();
        (0..rows.len())
            .into_par_iter()
            .flat_map_iter(|i| {
                let patterns = &patterns;
                (0..i).filter_map(move |j| {
                    let cosine: f32 =
                        patterns[i].iter().zip(&patterns[j]).map(|(a, b)| a * b).sum();
                    (cosine > limit).then(|| (rows[i].name.as_str(), rows[j].name.as_str(), cosine))
                })
            })
            .collect()
    }

    fn assert_pattern(row: &Row) {
        assert!(row.indices.len() >= 3, "{} has {} peaks", row.name, row.indices.len());
        assert!(row.indices.is_sorted_by(|a, b| a < b), "{}", row.name);
        assert!(row.indices.iter().all(|&i| i < 4500), "{}: the marker stays empty", row.name);
        assert!(row.values.iter().all(|&v| v > 0.0 && v <= 1.0), "{}", row.name);
        let largest = row.values.iter().copied().fold(0.0, f32::max);
        // Of two sticks in one bin the later stays, so the largest may be missing.
        assert!(largest > 0.3, "{}: {largest}", row.name);
    }

    #[test]
    fn labelled_rows_are_patterns_with_conductivities_and_labels() {
        let rows = labeled_rows();
        assert_eq!(rows.len(), labeled().len());
        for row in &rows {
            assert_pattern(row);
            let conductivity = row.conductivity.expect("a conductivity");
            assert_eq!(row.label, Some(u8::from(conductivity < 5e-5)), "{}", row.name);
        }
    }

    #[test]
    fn unlabelled_rows_are_patterns_without_labels() {
        for row in &unlabeled_rows() {
            assert_pattern(row);
            assert_eq!((row.conductivity, row.label), (None, None));
        }
    }

    #[test]
    fn rows_are_the_same_every_time() {
        assert_eq!(labeled_rows(), labeled_rows());
        assert_eq!(unlabeled_rows(), unlabeled_rows());
    }

    /// Neighbours in the periodic table of nearly the same size, in one structure type, are hard to
    /// tell apart by powder patterns in nature too. `docs/demo.md` states how many there are.
    #[test]
    fn near_twins_are_few_and_of_one_family() {
        let rows = unlabeled_rows();
        let family = |name: &str| {
            let prototype = name.rsplit_once('-').expect("a prototype and a formula").0;
            if prototype.starts_with("garnet") { "garnet".to_owned() } else { prototype.to_owned() }
        };
        let twins = twins(&rows, 0.999);
        for (one, other, cosine) in &twins {
            assert_eq!(family(one), family(other), "{one} and {other}: {cosine}");
        }
        let pairs = rows.len() * (rows.len() - 1) / 2;
        assert!(twins.len() * 10_000 < pairs, "{} of {pairs} pairs", twins.len());
    }

    #[test]
    fn no_labelled_patterns_of_different_labels_are_near_twins() {
        let rows = labeled_rows();
        let label = |name: &str| rows.iter().find(|row| row.name == name).and_then(|row| row.label);
        for (one, other, cosine) in twins(&rows, 0.99) {
            eprintln!("near twins: {one} and {other}, cosine {cosine:.5}");
            assert_eq!(label(one), label(other), "{one} and {other}: {cosine}");
        }
    }
}
