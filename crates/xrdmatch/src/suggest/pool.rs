//! Suggestions from a file of any length.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::choose::{FLOOR, choose, expected_gain, nearest};
use crate::baseline::BaselineError;
use crate::dataset::{Chunks, Dataset, DatasetError, Labels, Prepared};
use crate::fingerprint::{Blur, FingerprintError, Fingerprints, SparsePattern};
use crate::members::{Members, MembersError};
use crate::predictions::softmax;
use crate::statistics::StatisticsError;

/// Rows of a block.
const BLOCK: usize = 4096;
/// The most candidates kept, by their worth before anything is chosen.
const KEPT: usize = 2048;

/// Why nothing can be suggested.
#[derive(Debug, thiserror::Error)]
pub enum SuggestError {
    /// The models are at fault.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// The data is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A pattern cannot be blurred.
    #[error("compare the patterns of {}", path.display())]
    Fingerprint {
        /// The data.
        path: PathBuf,
        /// Why not.
        source: FingerprintError,
    },
    /// One member disagrees with nobody.
    #[error("find what members disagree about: the run has {members}, and it takes two")]
    TooFewMembers {
        /// The members there are.
        members: usize,
    },
    /// A class with too few rows to play through.
    #[error(
        "simulate with {needed} rows of class {class} at least (to begin with, to choose from and to \
         evaluate); there are {found}"
    )]
    TooFewRows {
        /// The class.
        class: u8,
        /// Rows needed.
        needed: usize,
        /// Rows there are.
        found: usize,
    },
    /// The learner of the simulation.
    #[error(transparent)]
    Learner(#[from] BaselineError),
    /// The intervals of the simulation.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
}

/// A compound worth measuring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suggestion {
    /// Its row in the file, from 1 without the header.
    pub row: u64,
    /// Its name.
    pub name: String,
    /// Chemical formula.
    pub formula: Option<String>,
    /// Expected gain in bits.
    pub gain: f64,
    /// One less the largest cosine with a labelled or earlier suggested pattern.
    pub novelty: f64,
    /// Mean of the members' probabilities of the positive class, not calibrated.
    pub score: f64,
    /// The nearest labelled pattern.
    pub nearest: String,
    /// Its cosine.
    pub cosine: f64,
}

struct Candidate {
    worth: f64,
    row: u64,
    name: String,
    formula: Option<String>,
    gain: f64,
    score: f64,
    features: Vec<f32>,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    /// The worst is the greatest, so that a heap gives it up first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.worth.total_cmp(&self.worth).then(self.row.cmp(&other.row))
    }
}

/// The `wanted` compounds of a file that are most worth measuring, best first; `None` where `going`,
/// told the rows that are done, says no. Memory does not grow with the file.
///
/// # Errors
/// [`SuggestError`].
pub fn suggest(
    members: &mut Members,
    data: &Path,
    wanted: usize,
    going: &mut dyn FnMut(u64) -> bool,
) -> Result<Option<Vec<Suggestion>>, SuggestError> {
    if members.len() < 2 {
        return Err(SuggestError::TooFewMembers { members: members.len() });
    }
    let blur = Blur::default();
    let labeled = blurred(members.labeled(), &blur)?;
    let labels = Labels::Optional { classes: members.config().classes };
    let chunks = Chunks::open(data, labels, None, BLOCK)?.with_any_names();
    members.check_grid(data, chunks.grid())?;
    let classes = members.classes();
    let mut kept: BinaryHeap<Candidate> = BinaryHeap::new();
    let mut done = 0;
    for chunk in chunks {
        let chunk = chunk?;
        let prepared = Prepared::new(&chunk, members.config().preparation);
        let rows: Vec<usize> = (0..chunk.len()).collect();
        let mut opinions = vec![Vec::with_capacity(members.len()); rows.len()];
        for member in 0..members.len() {
            let mut ask = || going(done);
            let answer = members.forward(member, &prepared, &rows, false, &mut ask)?;
            let Some((logits, _)) = answer else { return Ok(None) };
            let mut row = vec![0.0; classes];
            for (opinions, logits) in
                opinions.iter_mut().zip(logits.as_slice().chunks_exact(classes))
            {
                row.iter_mut().zip(logits).for_each(|(p, logit)| *p = f64::from(*logit));
                softmax(&mut row);
                opinions.push(row[0]);
            }
        }
        let features = blurred(&chunk, &blur)?;
        for (place, (opinions, features)) in opinions.iter().zip(features.rows()).enumerate() {
            let gain = expected_gain(opinions.iter().copied());
            let worth = (gain + FLOOR) * (1.0 - nearest(features, labeled.rows()));
            if kept.len() >= KEPT.max(wanted)
                && kept.peek().is_some_and(|worst| worst.worth >= worth)
            {
                continue;
            }
            let sample = chunk.sample(place);
            kept.push(Candidate {
                worth,
                row: done + place as u64 + 1,
                name: sample.name.clone(),
                formula: sample.formula.clone(),
                gain,
                score: opinions.iter().sum::<f64>() / opinions.len() as f64,
                features: features.to_vec(),
            });
            if kept.len() > KEPT.max(wanted) {
                kept.pop();
            }
        }
        done += chunk.len() as u64;
    }
    let mut kept = kept.into_vec();
    kept.sort_unstable_by_key(|candidate| candidate.row);
    let gains: Vec<f64> = kept.iter().map(|candidate| candidate.gain).collect();
    let features: Vec<&[f32]> = kept.iter().map(|candidate| &candidate.features[..]).collect();
    let known: Vec<&[f32]> = labeled.rows().collect();
    let chosen = choose(wanted, &gains, &features, &known);
    let suggestion = |chosen: super::Chosen| {
        let candidate = &kept[chosen.candidate];
        let cosine = |row: usize| nearest(&candidate.features, std::iter::once(labeled.row(row)));
        let near = (0..labeled.len()).max_by(|a, b| cosine(*a).total_cmp(&cosine(*b)));
        Suggestion {
            row: candidate.row,
            name: candidate.name.clone(),
            formula: candidate.formula.clone(),
            gain: chosen.gain,
            novelty: chosen.novelty,
            score: candidate.score,
            nearest: near.map(|row| members.labeled().sample(row).name.clone()).unwrap_or_default(),
            cosine: near.map_or(0.0, cosine),
        }
    };
    Ok(Some(chosen.into_iter().map(suggestion).collect()))
}

/// All patterns of a data set, blurred.
pub(super) fn blurred(data: &Dataset, blur: &Blur) -> Result<Fingerprints, SuggestError> {
    let patterns = (0..data.len()).map(|row| {
        let (indices, values) = data.pattern(row);
        SparsePattern { indices, values }
    });
    Fingerprints::of(patterns, data.grid().points(), blur)
        .map_err(|source| SuggestError::Fingerprint { path: data.source().to_owned(), source })
}
