//! The first pass: every pattern judged by every member.

use std::path::Path;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::shard::{Header, ShardWriter, Threshold};
use super::{Scored, ScreenError, Shard};
use crate::dataset::{self, Chunks, Dataset, Labels, Prepared};
use crate::fingerprint::{Blur, Fingerprints, SparsePattern, dot};
use crate::members::{Members, PIECE};
use crate::outlier::{Detector, Evidence, OutlierSettings, Rows};
use crate::part::Part;
use crate::predictions::{POSITIVE_CLASS, most_probable, softmax};

/// Rows of a block.
const BLOCK: usize = 4096;

/// How a file is screened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScreenSettings {
    /// Labelled neighbours kept of each pattern.
    pub neighbours: usize,
    /// How outliers are told; `None` for not at all.
    pub outliers: Option<OutlierSettings>,
}

impl Default for ScreenSettings {
    fn default() -> Self {
        Self { neighbours: 3, outliers: Some(OutlierSettings::default()) }
    }
}

/// How the pass over a file ended.
#[derive(Debug)]
pub enum Ended<T> {
    /// At its end.
    Finished(T),
    /// Where it was told to; nothing was kept.
    Stopped,
}

/// A member's logits, row by row, and of the first member what outliers are told by.
type Judged = (Vec<f32>, Option<Evidence>);

/// Judges patterns by an ensemble.
pub struct Screener {
    members: Members,
    identity: String,
    labeled: Fingerprints,
    neighbours: usize,
    detector: Option<Detector>,
}

impl Screener {
    /// Prepares for screening: blurs the labelled rows and learns what is ordinary. `unlabeled` says
    /// where the runs' unlabelled file is, if no longer where it was.
    ///
    /// # Errors
    /// [`ScreenError`].
    pub fn new(
        members: Members,
        settings: &ScreenSettings,
        unlabeled: Option<&Path>,
    ) -> Result<Self, ScreenError> {
        let labeled = members.labeled();
        let all: Vec<usize> = (0..labeled.len()).collect();
        let labeled = blurred(labeled, &all, &Blur::TWINS)?;
        let (identity, neighbours) = (members.identity(), settings.neighbours);
        let mut screener = Self { members, identity, labeled, neighbours, detector: None };
        if let Some(outliers) = &settings.outliers {
            screener.detector = Some(screener.learn_ordinary(outliers, unlabeled)?);
        }
        Ok(screener)
    }

    /// The ensemble.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// What tells outliers.
    #[must_use]
    pub fn detector(&self) -> Option<&Detector> {
        self.detector.as_ref()
    }

    /// Learns from the first member's pool, and from the unlabelled rows that it was not trained on.
    fn learn_ordinary(
        &mut self,
        settings: &OutlierSettings,
        unlabeled: Option<&Path>,
    ) -> Result<Detector, ScreenError> {
        let data = self.members.read_unlabeled(unlabeled)?.ok_or(ScreenError::NoUnlabeled)?;
        let mut pool = self.members.pool(0)?;
        let mut in_pool = vec![false; data.len()];
        pool.iter().for_each(|row| in_pool[*row] = true);
        let mut held_out: Vec<usize> = (0..data.len()).filter(|row| !in_pool[*row]).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(self.members.config().seed.0);
        for rows in [&mut pool, &mut held_out] {
            rows.shuffle(&mut rng);
            rows.truncate(settings.most);
        }
        let prepared = Prepared::new(&data, self.members.config().preparation);
        let mut evidence = |rows: &[usize]| -> Result<Evidence, ScreenError> {
            let mut evidence = Evidence::default();
            if !rows.is_empty() {
                let found = self.judge(0, &data, &prepared, rows, &mut || true)?;
                evidence = found.and_then(|(_, evidence)| evidence).unwrap_or_default();
            }
            Ok(evidence)
        };
        let (reference, held_out) = (evidence(&pool)?, evidence(&held_out)?);
        Ok(Detector::fit(reference, &held_out, settings)?)
    }

    /// A member's logits, and of the first member what outliers are told by.
    fn judge(
        &mut self,
        member: usize,
        data: &Dataset,
        prepared: &Prepared,
        rows: &[usize],
        going: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Judged>, ScreenError> {
        let features = member == 0;
        let found = self.members.forward(member, prepared, rows, features, going)?;
        let Some((logits, features)) = found else { return Ok(None) };
        let evidence = match features {
            None => None,
            Some(features) => {
                let patterns = blurred(data, rows, &Blur::default())?;
                Some(Evidence {
                    patterns: Rows::unit(
                        patterns.width(),
                        patterns.rows().flatten().copied().collect(),
                    ),
                    features: Rows::new(features.cols(), features.as_slice().to_vec()),
                    energies: Evidence::energies(logits.as_slice(), logits.cols()),
                })
            }
        };
        Ok(Some((logits.as_slice().to_vec(), evidence)))
    }

    /// Screens a part of a file. The shard goes to `output`, or, beside `output`, into a file without
    /// a name when it is not `kept`. `going` is told the rows of the part that are done, and says
    /// whether to go on.
    ///
    /// # Errors
    /// [`ScreenError`]; nothing is left behind then.
    pub fn score(
        &mut self,
        data: &Path,
        part: Part,
        output: &Path,
        kept: bool,
        going: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Ended<Option<Shard>>, ScreenError> {
        if Part::new(part.number, part.of).is_none() {
            return Err(ScreenError::Part { part });
        }
        let labels = Labels::Optional { classes: self.members.config().classes };
        let (every, first) = (part.of as usize, part.number as usize - 1);
        let mut chunks =
            Chunks::open(data, labels, None, BLOCK)?.with_any_names().with_every(every, first);
        self.members.check_grid(data, chunks.grid())?;
        let mut writer = ShardWriter::create(output, self.header(data, part)?)?;
        let mut done = 0;
        for chunk in chunks.by_ref() {
            let chunk = chunk?;
            let row_of = |place: usize| (done + place as u64) * u64::from(part.of) + first as u64;
            let passes = self.members.len() * chunk.len().div_ceil(PIECE);
            let mut passed = 0;
            let scored = self.score_rows(&chunk, &row_of, &mut || {
                passed += 1;
                going(done + (chunk.len() * (passed - 1) / passes) as u64)
            })?;
            let Some(block) = scored else { return Ok(Ended::Stopped) };
            done += block.len() as u64;
            writer.write(block)?;
            if !going(done) {
                return Ok(Ended::Stopped);
            }
        }
        if chunks.rows_read() == 0 {
            return Err(ScreenError::Empty { path: data.to_owned() });
        }
        if kept {
            writer.finish()?;
            return Ok(Ended::Finished(None));
        }
        Ok(Ended::Finished(Some(writer.keep_temporary()?)))
    }

    fn header(&self, data: &Path, part: Part) -> Result<Header, ScreenError> {
        let threshold = |detector: &Detector| Threshold {
            threshold: detector.threshold(),
            rate: detector.rate(),
            held_out: detector.held_out(),
        };
        Ok(Header {
            format: Header::FORMAT,
            models: self.identity.clone(),
            members: self.members.len(),
            data: data.file_name().unwrap_or(data.as_os_str()).to_string_lossy().into_owned(),
            fingerprint: dataset::fingerprint(data)?,
            neighbours: self.neighbours,
            outliers: self.detector.as_ref().map(threshold),
            part,
        })
    }

    /// What is found of every row of a data set; `row_of` says which row of its file each is.
    pub(super) fn score_rows(
        &mut self,
        chunk: &Dataset,
        row_of: &dyn Fn(usize) -> u64,
        going: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Vec<Scored>>, ScreenError> {
        let rows: Vec<usize> = (0..chunk.len()).collect();
        let prepared = Prepared::new(chunk, self.members.config().preparation);
        let classes = self.members.classes();
        let mut found: Vec<Scored> = rows
            .iter()
            .map(|row| {
                let sample = chunk.sample(*row);
                Scored {
                    row: row_of(*row),
                    name: sample.name.clone(),
                    id: sample.id.clone(),
                    formula: sample.formula.clone(),
                    label: sample.label,
                    probabilities: Vec::with_capacity(self.members.len()),
                    votes: 0,
                    strangeness: None,
                    nearest: Vec::new(),
                }
            })
            .collect();
        for member in 0..self.members.len() {
            let answer = self.judge(member, chunk, &prepared, &rows, going)?;
            let Some((logits, evidence)) = answer else { return Ok(None) };
            let mut probabilities = vec![0.0; classes];
            for (found, logits) in found.iter_mut().zip(logits.chunks_exact(classes)) {
                probabilities.iter_mut().zip(logits).for_each(|(p, l)| *p = f64::from(*l));
                softmax(&mut probabilities);
                found.votes += usize::from(most_probable(&probabilities) == POSITIVE_CLASS);
                #[expect(clippy::cast_possible_truncation, reason = "kept in single precision")]
                found.probabilities.push(probabilities[usize::from(POSITIVE_CLASS)] as f32);
            }
            if let (Some(evidence), Some(detector)) = (evidence, &self.detector) {
                for (found, score) in found.iter_mut().zip(detector.scores(&evidence)) {
                    found.strangeness = Some(score);
                }
            }
        }
        let patterns = blurred(chunk, &rows, &Blur::TWINS)?;
        let nearest: Vec<Vec<(u32, f32)>> = (0..rows.len())
            .into_par_iter()
            .map(|row| nearest(patterns.row(row), &self.labeled, self.neighbours))
            .collect();
        for (found, nearest) in found.iter_mut().zip(nearest) {
            found.nearest = nearest;
        }
        Ok(Some(found))
    }

    /// The ensemble back.
    #[must_use]
    pub fn into_members(self) -> Members {
        self.members
    }
}

/// The nearest labelled rows with their cosine, nearest first; of equals, the earlier.
fn nearest(pattern: &[f32], labeled: &Fingerprints, most: usize) -> Vec<(u32, f32)> {
    let mut nearest: Vec<(u32, f32)> = Vec::with_capacity(most + 1);
    for (number, other) in (0u32..).zip(labeled.rows()) {
        let cosine = dot(pattern, other).min(1.0);
        let place = nearest.partition_point(|(_, known)| *known >= cosine);
        if place < most {
            nearest.insert(place, (number, cosine));
            nearest.truncate(most);
        }
    }
    nearest
}

/// Some rows, blurred.
fn blurred(data: &Dataset, rows: &[usize], blur: &Blur) -> Result<Fingerprints, ScreenError> {
    let patterns = rows.iter().map(|row| {
        let (indices, values) = data.pattern(*row);
        SparsePattern { indices, values }
    });
    Fingerprints::of(patterns, data.grid().points(), blur)
        .map_err(|source| ScreenError::Fingerprint { path: data.source().to_owned(), source })
}
