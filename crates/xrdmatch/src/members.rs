//! The trained models of one or more runs, as one ensemble.
//!
//! [`Members::open`] checks before anything is computed that all models saw the same labelled file
//! (by its checksum), the same grid and settings, and that their weights fit the network. In memory
//! there is one network, into which the weights of one member after another are read: an ensemble of
//! a hundred needs no more than one of one.

mod error;
mod opinions;
mod selection;

use std::path::{Path, PathBuf};

use convnet::{Matrix, Network, Weights};
use diffraction::Grid;

use crate::config::Config;
use crate::dataset::{Dataset, Labels, Prepared};
use crate::encoder::{Inputs, Sticks};
use crate::run::{CheckpointChoice, Run, Source};
use crate::train::{inputs, network_for_inference};

pub use error::MembersError;
pub use selection::Selection;

/// Rows of one forward pass, after which the caller is asked whether to go on.
pub(crate) const PIECE: usize = 256;

/// One finished experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberId {
    /// The run, by its place in the list that was opened.
    pub run: usize,
    /// The experiment's number.
    pub experiment: u32,
    /// Steps of training.
    pub step: u64,
    /// BLAKE3 of the weights.
    pub digest: String,
}

/// Finished experiments on the same data, and a network to put their weights into.
pub struct Members {
    runs: Vec<Run>,
    members: Vec<MemberId>,
    unfinished: Vec<(usize, u32)>,
    labeled: Dataset,
    inputs: Inputs,
    network: Box<dyn Network>,
    loaded: Option<usize>,
}

impl Members {
    /// Opens the finished experiments of some runs; `labeled` says where the labelled file is, if no
    /// longer where it was.
    ///
    /// # Errors
    /// [`MembersError`]: no finished experiment, runs that saw different data or have different
    /// settings, or weights that are damaged or of another network.
    pub fn open(
        directories: &[PathBuf],
        selection: &Selection,
        labeled: Option<&Path>,
    ) -> Result<Self, MembersError> {
        let runs = directories.iter().map(|path| Run::open(path)).collect::<Result<Vec<_>, _>>()?;
        let first = runs.first().ok_or(MembersError::NoRuns)?.manifest().clone();
        for run in &runs[1..] {
            check_same(&runs[0], run)?;
        }
        let labels = Labels::Required { classes: first.config.classes };
        let labeled = read_source(&first.labeled, labels, labeled)?;
        let (chosen, unfinished) = selection::choose(&runs, selection)?;

        let encoder = runs[0].encoder()?;
        let inputs = inputs(&first.config, first.labeled.grid, encoder.as_ref());
        let inputs = inputs.map_err(|source| MembersError::Network {
            directory: runs[0].directory().to_owned(),
            experiment: 0,
            source: Box::new(source),
        })?;
        let mut network: Option<Box<dyn Network>> = None;
        let mut members = Vec::with_capacity(chosen.len());
        for (run, experiment) in chosen {
            let step = runs[run].step(experiment, CheckpointChoice::Last)?;
            let (tensors, digest) = runs[run].weights(experiment, step)?;
            let directory = || runs[run].directory().to_owned();
            match &mut network {
                Some(network) => network.load(&tensors).map_err(|source| {
                    MembersError::Weights { directory: directory(), experiment, source }
                })?,
                None => {
                    let built = network_for_inference(&first.config, inputs.width(), &tensors);
                    network = Some(built.map_err(|source| MembersError::Network {
                        directory: directory(),
                        experiment,
                        source: Box::new(source),
                    })?);
                }
            }
            members.push(MemberId { run, experiment, step, digest });
        }
        let network = network.ok_or(MembersError::NoRuns)?;
        let loaded = Some(members.len() - 1);
        Ok(Self { loaded, runs, members, unfinished, labeled, inputs, network })
    }

    /// The members in their order.
    #[must_use]
    pub fn list(&self) -> &[MemberId] {
        &self.members
    }

    /// Number of members, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a member")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Experiments that were begun but are not finished, by run and number; they have no say.
    #[must_use]
    pub fn unfinished(&self) -> &[(usize, u32)] {
        &self.unfinished
    }

    /// A member's name: the directory of its experiment.
    #[must_use]
    pub fn name(&self, member: usize) -> String {
        let MemberId { run, experiment, .. } = &self.members[member];
        self.runs[*run].experiment_directory(*experiment).display().to_string()
    }

    /// The labelled file that all members were trained with.
    #[must_use]
    pub fn labeled(&self) -> &Dataset {
        &self.labeled
    }

    /// The settings of the first run; those of the others differ in nothing that shapes a network or
    /// its input.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.runs[0].manifest().config
    }

    /// The grid of all patterns.
    #[must_use]
    pub fn grid(&self) -> Grid {
        self.labeled.grid()
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        usize::from(self.config().classes)
    }

    /// Where the unlabelled file was; `None` for supervised training.
    #[must_use]
    pub fn unlabeled_source(&self) -> Option<&Source> {
        self.runs[0].manifest().unlabeled.as_ref()
    }

    /// Reads the unlabelled file of the runs; `path` says where it is, if no longer where it was.
    ///
    /// # Errors
    /// If it cannot be read or has changed.
    pub fn read_unlabeled(&self, path: Option<&Path>) -> Result<Option<Dataset>, MembersError> {
        let labels = Labels::Optional { classes: self.config().classes };
        self.unlabeled_source().map(|source| read_source(source, labels, path)).transpose()
    }

    /// The rows of the unlabelled file that a member was trained with, ascending.
    ///
    /// # Errors
    /// If the pool cannot be drawn.
    pub fn pool(&self, member: usize) -> Result<Vec<usize>, MembersError> {
        let MemberId { run, experiment, .. } = &self.members[member];
        let manifest = self.runs[*run].manifest();
        let rows = manifest.unlabeled.as_ref().map_or(0, |source| source.rows);
        let config = &manifest.config;
        let drawn = config.split.pool(rows, config.seed, *experiment);
        drawn.map_err(|source| MembersError::Run(source.into()))
    }

    /// What the models see of some prepared patterns, before any encoder: signals (rows, points), and
    /// the angle of each point in degrees two-theta.
    #[must_use]
    pub fn seen(&self, data: &Prepared, rows: &[usize]) -> (Vec<f64>, Matrix) {
        self.inputs.seen(data, rows)
    }

    /// What identifies the ensemble: a BLAKE3 over the members' weights, the labelled file and the
    /// preparation of patterns.
    #[must_use]
    pub fn identity(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.labeled.fingerprint().as_bytes());
        let config = self.config();
        hasher.update(format!("{:?}{:?}", config.preparation, self.grid()).as_bytes());
        if !self.sees_the_grid() {
            hasher.update(format!("{:?}{:?}", config.input, config.pretrain).as_bytes());
            // The encoder's weights follow from the seed and the unlabelled file.
            let unlabeled = self.unlabeled_source().map(|source| source.fingerprint.as_str());
            hasher.update(format!("{:?}{unlabeled:?}", config.seed).as_bytes());
        }
        for member in &self.members {
            hasher.update(member.digest.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Refuses data on another grid than the members were trained on.
    ///
    /// # Errors
    /// [`MembersError::Grid`].
    pub fn check_grid(&self, data: &Path, found: Grid) -> Result<(), MembersError> {
        let expected = self.grid();
        if found == expected {
            return Ok(());
        }
        Err(MembersError::Grid { data: data.to_owned(), found, expected })
    }

    /// Whether networks see the grid as it is, so that what they say of a point can be traced to it.
    #[must_use]
    pub fn sees_the_grid(&self) -> bool {
        let config = self.config();
        config.input.is_published() && !config.pretrain.is_frozen()
    }

    /// What the networks see of patterns that are given by their sticks: prepared values by ascending
    /// grid index. (patterns, numbers that a network sees)
    #[must_use]
    pub fn see(&mut self, patterns: &[Sticks]) -> Matrix {
        self.inputs.of_sticks(patterns)
    }

    /// The network with the weights of a member.
    ///
    /// # Errors
    /// If the weights are no longer what they were.
    pub fn network(&mut self, member: usize) -> Result<&mut dyn Network, MembersError> {
        if self.loaded != Some(member) {
            let MemberId { run, experiment, step, digest } = &self.members[member];
            let (tensors, found) = self.runs[*run].weights(*experiment, *step)?;
            let directory = || self.runs[*run].directory().to_owned();
            if found != *digest {
                let experiment = *experiment;
                return Err(MembersError::Replaced { directory: directory(), experiment });
            }
            self.loaded = None;
            self.network.load(&tensors).map_err(|source| MembersError::Weights {
                directory: directory(),
                experiment: *experiment,
                source,
            })?;
            self.loaded = Some(member);
        }
        Ok(self.network.as_mut())
    }

    /// A member's logits `(rows, classes)` for some prepared patterns, and where asked for what
    /// enters its last layer `(rows, features)`. `going` is asked before every few hundred rows;
    /// `None` once it says no.
    ///
    /// A row's logits depend on nothing but its pattern, whatever stands beside it.
    ///
    /// # Errors
    /// If the weights cannot be loaded, or a logit is not finite.
    pub fn forward(
        &mut self,
        member: usize,
        data: &Prepared,
        rows: &[usize],
        features: bool,
        going: &mut dyn FnMut() -> bool,
    ) -> Result<Option<(Matrix, Option<Matrix>)>, MembersError> {
        let classes = self.classes();
        let MemberId { run, experiment, .. } = self.members[member].clone();
        self.network(member)?;
        let (mut logits, mut embedded) = (Vec::new(), Vec::new());
        let mut width = 0;
        for piece in rows.chunks(PIECE) {
            if !going() {
                return Ok(None);
            }
            let signals = self.inputs.plain(data, piece);
            let answered = self.network.infer(&signals, Weights::Current);
            logits.extend_from_slice(answered.as_slice());
            if features {
                let answered = self.network.embed(&signals, Weights::Current);
                width = answered.cols();
                embedded.extend_from_slice(answered.as_slice());
            }
        }
        if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
            let directory = self.runs[run].directory().to_owned();
            let row = rows[at / classes];
            return Err(MembersError::NotFinite { directory, experiment, row });
        }
        let count = rows.len();
        let logits = Matrix::from_vec(count, classes, logits);
        Ok(Some((logits, features.then(|| Matrix::from_vec(count, width, embedded)))))
    }
}

/// Refuses a run that saw other data than the first, or shapes networks or patterns otherwise.
fn check_same(first: &Run, other: &Run) -> Result<(), MembersError> {
    let (a, b) = (first.manifest(), other.manifest());
    let paths = || (first.directory().to_owned(), other.directory().to_owned());
    let contents = |source: &Option<Source>| source.as_ref().map(|s| s.fingerprint.clone());
    let data = [
        ("labelled file", a.labeled.fingerprint == b.labeled.fingerprint),
        ("grid", a.labeled.grid == b.labeled.grid),
        ("unlabelled file", contents(&a.unlabeled) == contents(&b.unlabeled)),
    ];
    if let Some((what, _)) = data.iter().find(|(_, same)| !same) {
        let (first, second) = paths();
        return Err(MembersError::OtherData { first, second, what });
    }
    let settings = [
        ("classes", a.config.classes == b.config.classes),
        ("preparation", a.config.preparation == b.config.preparation),
        ("input", a.config.input == b.config.input),
        ("pretrain", a.config.pretrain == b.config.pretrain),
        // Encoders of another seed give other features.
        ("seed", !a.config.pretrain.is_on() || a.config.seed == b.config.seed),
        ("network.architecture", a.config.architecture().ok() == b.config.architecture().ok()),
    ];
    match settings.iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((setting, _)) => {
            let (first, second) = paths();
            Err(MembersError::OtherSettings { first, second, setting })
        }
    }
}

/// Reads a file that a run was trained with, and makes sure it is still the same.
fn read_source(
    source: &Source,
    labels: Labels,
    moved: Option<&Path>,
) -> Result<Dataset, MembersError> {
    let path = moved.unwrap_or(&source.path);
    if !path.exists() {
        return Err(MembersError::Moved { path: path.to_owned() });
    }
    let data = Dataset::read(path, labels, Some(source.grid))?;
    if data.fingerprint() != source.fingerprint {
        return Err(MembersError::Changed { path: path.to_owned() });
    }
    Ok(data)
}
