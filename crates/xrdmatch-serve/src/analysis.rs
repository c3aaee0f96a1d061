//! Analyses: what was uploaded, what is said of it, kept for a while to be looked into.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use xrdmatch::explain::Explanation;
use xrdmatch::screen::Ranked;

use crate::ensemble::Ensemble;
use crate::reading::{Kind, Measured, Refused, Sample};

/// What is said of some files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// By what it can be asked for again.
    pub id: String,
    /// The run whose models were asked.
    pub run: String,
    /// When.
    pub made: String,
    /// Number of models.
    pub members: usize,
    /// The patterns, in the order of the files.
    pub patterns: Vec<Analysed>,
    /// Files, or parts of files, that gave no pattern.
    pub refused: Vec<Refused>,
}

/// What is said of a pattern.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Analysed {
    /// The file.
    pub file: String,
    /// What it was read as.
    pub kind: Kind,
    /// What a person should know of the reading.
    pub notes: Vec<String>,
    /// The same as a row of `xrdmatch screen`; rank and expected positives, which depend on other
    /// patterns, are left open.
    #[serde(flatten)]
    pub judged: Ranked,
}

/// An analysis with what it was made from.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) analysis: Analysis,
    pub(crate) samples: Vec<Sample>,
    pub(crate) ensemble: Weak<Ensemble>,
    /// Explanations as they are asked for.
    pub(crate) explanations: Vec<OnceCell<Explanation>>,
    bytes: usize,
}

impl Kept {
    pub(crate) fn new(analysis: Analysis, samples: Vec<Sample>, ensemble: &Arc<Ensemble>) -> Self {
        let bytes = samples.iter().map(size).sum::<usize>() + 1024;
        let explanations = samples.iter().map(|_| OnceCell::new()).collect();
        Self { analysis, samples, ensemble: Arc::downgrade(ensemble), explanations, bytes }
    }
}

/// About the bytes that a pattern takes, with its explanation.
fn size(sample: &Sample) -> usize {
    const JUDGED: usize = 2048;
    const OF_A_PEAK: usize = 256;
    let measured = match &sample.measured {
        Measured::Row => 0,
        Measured::Profile { two_theta, .. } => 16 * two_theta.len(),
    };
    let row = sample.row.indices.len() * (6 + 8 * usize::from(!sample.row.exact.is_empty()));
    let planes = sample.planes.len() * size_of::<xrdmatch::explain::Planes>();
    JUDGED + measured + row + planes + OF_A_PEAK * sample.row.indices.len().min(2000)
}

/// The latest analyses.
#[derive(Debug)]
pub(crate) struct Analyses {
    most: usize,
    kept: Mutex<(u64, VecDeque<Arc<Kept>>)>,
}

impl Analyses {
    /// Keeps up to so many bytes, but always the latest analysis.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, kept: Mutex::new((0, VecDeque::new())) }
    }

    /// A name for the next analysis.
    pub(crate) fn next_id(&self) -> String {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 += 1;
        kept.0.to_string()
    }

    pub(crate) fn keep(&self, analysis: Kept) -> Arc<Kept> {
        let analysis = Arc::new(analysis);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let list = &mut kept.1;
        list.push_back(Arc::clone(&analysis));
        let mut bytes: usize = list.iter().map(|kept| kept.bytes).sum();
        while bytes > self.most && list.len() > 1 {
            bytes -= list.pop_front().map_or(0, |oldest| oldest.bytes);
        }
        analysis
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<Kept>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1.iter().find(|kept| kept.analysis.id == id).cloned()
    }
}
