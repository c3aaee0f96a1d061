//! Which split each experiment of a run has: from a file, drawn row by row, or drawn by family.

use std::collections::HashMap;

use crate::audit::{Composition, Families, twin_pairs};
use crate::config::Config;
use crate::dataset::Dataset;
use crate::fingerprint::SparsePattern;
use crate::split::{Draw, Split, SplitError, SplitFile, SplitFileError, SplitKind};

/// An experiment's split that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It cannot be drawn.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The file does not give it.
    #[error(transparent)]
    SplitFile(#[from] SplitFileError),
}

/// Structure families of a data set: for each row the smallest row that it is connected with through
/// near-twins (cosine of blurred patterns, [`Draw::family_cosine`]) or, if so set, through one
/// composition.
#[must_use]
pub fn families(data: &Dataset, draw: &Draw) -> Vec<usize> {
    let pattern = |row| {
        let (indices, values) = data.pattern(row);
        SparsePattern { indices, values }
    };
    let patterns: Vec<SparsePattern<'_>> = (0..data.len()).map(pattern).collect();
    let mut families = Families::of(data.len());
    for (row, smallest) in twin_pairs(&patterns, draw.family_cosine).families.iter().enumerate() {
        families.join(row, *smallest);
    }
    if draw.family_composition {
        let mut first: HashMap<Vec<(String, u32)>, usize> = HashMap::new();
        for (row, sample) in data.samples().iter().enumerate() {
            let Some(composition) = sample.formula.as_deref().and_then(Composition::parse) else {
                continue;
            };
            let key = composition.key().into_iter().map(|(s, n)| (s.to_owned(), n)).collect();
            families.join(row, *first.entry(key).or_insert(row));
        }
    }
    families.smallest()
}

/// The class of every row.
///
/// # Errors
/// [`SplitError::EmptyClass`] where a class has no row.
pub fn labels(data: &Dataset, classes: usize) -> Result<Vec<u8>, SplitError> {
    let labels: Vec<u8> = data.samples().iter().filter_map(|sample| sample.label).collect();
    match (0..classes).find(|class| !labels.iter().any(|label| usize::from(*label) == *class)) {
        Some(class) => {
            Err(SplitError::EmptyClass { source_name: data.source_name().to_owned(), class })
        }
        None => Ok(labels),
    }
}

/// The split of each experiment.
///
/// # Errors
/// [`PlanError`].
pub fn splits(
    config: &Config,
    data: &Dataset,
    file: Option<&SplitFile>,
    experiments: &[u32],
) -> Result<Vec<(u32, Split)>, PlanError> {
    let classes = usize::from(config.classes);
    let draw = &config.split;
    let grouped = file.is_none() && draw.kind == SplitKind::Grouped;
    if grouped {
        draw.validate(classes)?;
    }
    let families = grouped.then(|| families(data, draw));
    let split = |experiment: u32| -> Result<(u32, Split), PlanError> {
        let split = match (file, &families) {
            (Some(file), _) => file.split(data, classes, experiment)?,
            (None, Some(families)) => {
                draw.split_by_family(data, classes, config.seed, experiment, families)?
            }
            (None, None) => draw.split(data, classes, config.seed, experiment)?,
        };
        Ok((experiment, split))
    };
    experiments.iter().map(|experiment| split(*experiment)).collect()
}
