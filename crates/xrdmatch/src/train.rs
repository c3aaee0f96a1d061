//! One experiment: steps, epochs, evaluations. Emits events and knows nothing of disks.

mod event;
mod state;

use convnet::{
    CpuNetwork, Initialization, Matrix, Mode, Network, OpenError, Stream, Tensors, Weights,
};
use diffraction::Grid;
use serde::{Deserialize, Serialize};

use crate::augment::Views;
use crate::batch::{Batches, Place, PoolSample, StepBatch, UnlabeledView};
use crate::config::{Config, ConfigError};
use crate::dataset::{Dataset, Prepared};
use crate::device;
use crate::encoder::{Encoder, EncoderError, Inputs};
use crate::input::InputError;
use crate::metrics::Evaluation;
use crate::objective::{Balanced, Objective, StateError, Supervised, Thresholds};
use crate::predictions::{Predictions, PredictionsError, Sample};
use crate::seed::Purpose;
use crate::split::Split;
use crate::training::Teacher;

pub use event::{EpochSummary, Event};
pub use state::{Best, Progress, TrainerState};

/// The data sets of a run, and their prepared forms.
#[derive(Debug)]
pub struct Data {
    /// The labelled file.
    pub labeled: Dataset,
    /// The unlabelled file; absent for supervised training.
    pub unlabeled: Option<Dataset>,
    /// The labelled file, prepared.
    pub prepared_labeled: Prepared,
    /// The unlabelled file, prepared; empty without one.
    pub prepared_unlabeled: Option<Prepared>,
}

impl Data {
    /// Prepares data sets under a configuration.
    ///
    /// # Errors
    /// If they lie on different grids.
    pub fn new(
        labeled: Dataset,
        unlabeled: Option<Dataset>,
        config: &Config,
    ) -> Result<Self, crate::dataset::DatasetError> {
        if let Some(unlabeled) = &unlabeled {
            labeled.check_same_grid(unlabeled)?;
        }
        Ok(Self {
            prepared_labeled: Prepared::new(&labeled, config.preparation),
            prepared_unlabeled: unlabeled
                .as_ref()
                .map(|data| Prepared::new(data, config.preparation)),
            labeled,
            unlabeled,
        })
    }

    fn unlabeled_rows(&self) -> usize {
        self.unlabeled.as_ref().map_or(0, Dataset::len)
    }
}

/// Why an experiment cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The configuration cannot work with this data.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The network cannot be built for this input.
    #[error(transparent)]
    Architecture(#[from] convnet::ArchitectureError),
    /// The device of this process is not there, or cannot do what the configuration asks for.
    #[error(transparent)]
    Device(#[from] convnet::DeviceError),
    /// The input makes no sense on this grid.
    #[error("in [input]: {0}")]
    Input(#[from] InputError),
    /// A stored encoder does not fit.
    #[error(transparent)]
    Encoder(#[from] EncoderError),
    /// The configuration asks for an encoder and none was made.
    #[error("the run has no encoder yet, but `pretrain.target` asks for one")]
    NoEncoder,
    /// The pool cannot be drawn.
    #[error(transparent)]
    Split(#[from] crate::split::SplitError),
    /// The objective needs unlabelled patterns and there are none.
    #[error("the algorithm needs unlabelled patterns, but there is no unlabelled file")]
    NoUnlabeled,
    /// A stored state does not fit the network.
    #[error(transparent)]
    Load(#[from] convnet::LoadError),
    /// A stored state does not fit the objective.
    #[error(transparent)]
    State(#[from] StateError),
    /// The loss or the logits are no longer finite.
    #[error("training diverged at step {step}: {what} is not finite")]
    Diverged {
        /// The step, counted from 1.
        step: u64,
        /// What was not finite.
        what: &'static str,
    },
    /// Predictions could not be formed.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
}

impl From<OpenError> for TrainError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Architecture(error) => Self::Architecture(error),
            OpenError::Device(error) => Self::Device(error),
        }
    }
}

/// An experiment under way: the network, the objective's state and the place in the sequence of steps.
pub struct Trainer<'a> {
    config: &'a Config,
    data: &'a Data,
    experiment: u32,
    batches: Batches<'a>,
    batch: StepBatch,
    inputs: Inputs,
    network: Box<dyn Network>,
    thresholds: Thresholds,
    supervised: Supervised,
    balanced: Option<Balanced>,
    progress: Progress,
}

/// What a step gave.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The supervised loss.
    pub supervised_loss: f64,
    /// The unsupervised loss, before λ_u.
    pub unsupervised_loss: f64,
    /// The part of the unlabelled batch whose pseudo-labels counted.
    pub mask_rate: f64,
    /// The part of the unlabelled batch predicted as each class.
    pub class_shares: Vec<f64>,
}

impl<'a> Trainer<'a> {
    /// An experiment before its first step; `encoder` is the run's, where the configuration asks
    /// for one.
    ///
    /// # Errors
    /// If the configuration, the data and the split do not fit each other.
    pub fn new(
        config: &'a Config,
        data: &'a Data,
        split: &Split,
        experiment: u32,
        encoder: Option<&Tensors>,
    ) -> Result<Self, TrainError> {
        let points = data.labeled.grid().points();
        config.validate(points)?;
        let seed = config.seed;
        let labeled = split.labeled();
        let pool = if config.objective.uses_unlabeled() {
            if data.unlabeled.is_none() {
                return Err(TrainError::NoUnlabeled);
            }
            let drawn = config.split.pool(data.unlabeled_rows(), seed, experiment)?;
            let mut pool: Vec<PoolSample> = drawn.into_iter().map(PoolSample::Unlabeled).collect();
            if config.split.labeled_in_pool {
                pool.extend(labeled.iter().copied().map(PoolSample::Labeled));
            }
            pool
        } else {
            Vec::new()
        };
        let views = views(config, data.labeled.grid())?;
        let inputs = inputs(config, data.labeled.grid(), encoder)?;
        let label = |row: usize| data.labeled.sample(row).label.map(|label| (row, label));
        let rows: Vec<(usize, u8)> = labeled.into_iter().filter_map(label).collect();
        let classes = usize::from(config.classes);
        let mut counts = vec![0u32; classes];
        rows.iter().for_each(|&(_, label)| counts[usize::from(label)] += 1);
        let batches = Batches::new(
            &data.prepared_labeled,
            data.prepared_unlabeled.as_ref().unwrap_or(&data.prepared_labeled),
            rows,
            pool,
            config.batch,
            views,
            Place { seed, experiment },
        );
        let mut network = convnet::open(
            device::chosen(),
            config.trained_architecture()?,
            inputs.width(),
            config.network.initialization,
            seed.number(Purpose::Initialization, experiment, 0, 0),
            config.network.precision,
        )?;
        if config.pretrain.is_fine_tuned() {
            let encoder = encoder.ok_or(TrainError::NoEncoder)?;
            let start = network.weights(Weights::Current);
            network.load(&Encoder::begin(&config.pretrain, encoder, start)?)?;
        }
        Ok(Self {
            thresholds: config.objective.thresholds(classes, batches.pool_len()),
            supervised: config.objective.supervised(&counts),
            balanced: config.objective.balanced(&counts),
            batch: batches.empty(),
            batches,
            inputs,
            network,
            progress: Progress::default(),
            config,
            data,
            experiment,
        })
    }

    /// Continues from a stored state.
    ///
    /// # Errors
    /// If the state belongs to another network, pool or objective.
    pub fn restore(&mut self, state: &TrainerState) -> Result<(), TrainError> {
        self.network.restore(&state.weights, state.average.as_ref(), &state.optimizer)?;
        self.thresholds.restore(&state.objective)?;
        self.progress = state.progress.clone();
        Ok(())
    }

    /// Everything that the next step depends on.
    pub fn state(&self) -> TrainerState {
        let average =
            self.config.optimizer.averages().then(|| self.network.weights(Weights::Average));
        TrainerState {
            progress: self.progress.clone(),
            weights: self.network.weights(Weights::Current),
            average,
            optimizer: self.network.optimizer_state(),
            objective: self.thresholds.to_tensors(),
        }
    }

    /// How far the experiment is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Takes one step.
    ///
    /// # Errors
    /// [`TrainError::Diverged`].
    pub fn step(&mut self) -> Result<StepReport, TrainError> {
        let step = self.progress.step;
        let (config, experiment) = (self.config, self.experiment);
        self.batches.fill(step, &mut self.batch);
        let (batch, thresholds) = (&self.batch, &mut self.thresholds);
        let (objectives, balanced) =
            ((&config.objective, &self.supervised), self.balanced.as_ref());
        let signals = [&batch.labeled, &batch.weak, &batch.strong];
        let encoded = self.inputs.encoder().map(|encoder| {
            let [labeled, weak] = [signals[0], signals[1]].map(|each| encoder.encode(each));
            // As they are, teacher and student see the same signals.
            let strong = match config.batch.unlabeled_view {
                UnlabeledView::Plain => weak.clone(),
                UnlabeledView::Augmented => encoder.encode(signals[2]),
            };
            [labeled, weak, strong]
        });
        let [labeled, weak, strong] = encoded.as_ref().map_or(signals, <[_; 3]>::each_ref);
        let dropout = |pass| config.seed.number(Purpose::Dropout, experiment, step, pass);
        let train = |pass| Mode::Train { dropout_seed: dropout(pass) };
        let mut streams = vec![Stream { signals: labeled, mode: train(0), gradient: true }];
        if config.objective.uses_unlabeled() {
            let teacher = config.objective.algorithm.teacher().unwrap_or(config.training.teacher);
            let mode = match teacher {
                Teacher::Train => train(1),
                Teacher::Eval => Mode::Running,
                Teacher::Average => Mode::Average,
            };
            streams.push(Stream { signals: weak, mode, gradient: false });
            streams.push(Stream { signals: strong, mode: train(2), gradient: true });
        }
        let steps = config.training.steps();
        let optimizer =
            config.optimizer.at(config.training.schedule.factor(step, steps), step, steps);
        let mut report = StepReport::default();
        let mut finite = true;
        self.network.learn(&streams, &optimizer, &mut |logits| {
            finite = logits.iter().all(|logits| logits.as_slice().iter().all(|v| v.is_finite()));
            if !finite {
                return vec![None; logits.len()];
            }
            let Some(balanced) = balanced else {
                return base_gradients(objectives, thresholds, step, batch, logits, &mut report);
            };
            let heads = logits.iter().map(|logits| balanced.heads(logits));
            let (base, second): (Vec<_>, Vec<_>) = heads.map(|[a, b]| (a, b)).unzip();
            let mut gradients =
                base_gradients(objectives, thresholds, step, batch, &base, &mut report);
            let (loss, gradient) = balanced.supervised(&second[0], &batch.labels);
            report.supervised_loss += loss;
            let mut others = vec![Some(gradient)];
            if let [_, weak, strong] = &second[..] {
                let weight = config.objective.unlabeled_weight_at(step);
                let (loss, gradient) = balanced.consistency(weak, strong, weight);
                report.unsupervised_loss += loss;
                others.extend([None, Some(gradient)]);
            }
            for (base, other) in gradients.iter_mut().zip(&others) {
                if let (Some(base), Some(other)) = (base, other) {
                    *base = balanced.beside([base, other]);
                }
            }
            gradients
        });
        if !finite {
            return Err(TrainError::Diverged { step: step + 1, what: "a logit" });
        }
        self.progress.step += 1;
        self.progress.epoch.add(&report);
        Ok(report)
    }

    /// Runs until the end or until `observe` asks to stop; every event goes to `observe`, which may
    /// ask for the trainer's state.
    ///
    /// # Errors
    /// What [`Self::step`] gives, and what `observe` gives.
    pub fn run<E: From<TrainError>>(
        &mut self,
        observe: &mut dyn FnMut(Event, &mut Self) -> Result<Continue, E>,
    ) -> Result<Continue, E> {
        let iterations = u64::from(self.config.training.iterations);
        while self.progress.step < self.config.training.steps() {
            let report = self.step()?;
            let step = self.progress.step;
            let mut going = observe(Event::Step { step, report }, self)?;
            if step.is_multiple_of(iterations) {
                let event = self.finish_epoch()?;
                if observe(event, self)? == Continue::Stop {
                    going = Continue::Stop;
                }
            }
            if going == Continue::Stop {
                return Ok(Continue::Stop);
            }
        }
        Ok(Continue::Yes)
    }

    /// Evaluates after an epoch and notes whether it is the best so far.
    fn finish_epoch(&mut self) -> Result<Event, TrainError> {
        let (training, step) = (&self.config.training, self.progress.step);
        #[expect(clippy::cast_possible_truncation, reason = "at most `epochs`, a u32")]
        let epoch = (step / u64::from(training.iterations)) as u32 - 1;
        let sums = std::mem::take(&mut self.progress.epoch);
        let steps = training.steps();
        let factor = training.schedule.factor(step - 1, steps);
        let learning_rate = self.config.optimizer.at(factor, step - 1, steps);
        Ok(Event::Epoch(EpochSummary {
            epoch,
            step,
            learning_rate: learning_rate.learning_rate,
            means: sums.means(),
            thresholds: self.thresholds.per_class(),
        }))
    }

    /// Predicts rows of the labelled file from their plain views.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if a logit is not finite.
    pub fn predict(&mut self, rows: &[usize]) -> Result<Predictions, TrainError> {
        let samples = rows
            .iter()
            .map(|&row| self.data.labeled.sample(row))
            .map(|sample| Sample::new(sample.name.clone(), sample.label))
            .collect();
        let signals = self.inputs.plain(&self.data.prepared_labeled, rows);
        let mut logits = self.network.infer(&signals, self.config.training.evaluate_with.into());
        if let Some(balanced) = &self.balanced {
            [_, logits] = balanced.heads(&logits);
        }
        if !logits.as_slice().iter().all(|value| value.is_finite()) {
            return Err(TrainError::Diverged {
                step: self.progress.step,
                what: "a logit in evaluation",
            });
        }
        Ok(Predictions::from_logits(
            usize::from(self.config.classes),
            samples,
            logits.as_slice().to_vec(),
        )?)
    }

    /// Notes an epoch's evaluation that may be the best so far; says whether it is, and is worth
    /// keeping.
    ///
    /// As published: a macro-F1 above that of every epoch before, and at least `keep_best_from`.
    pub fn note_score(&mut self, epoch: u32, evaluation: &Evaluation) -> bool {
        let macro_f1 = evaluation.macro_average.f1;
        let better = self.progress.best.as_ref().is_none_or(|best| macro_f1 > best.macro_f1);
        if better {
            let (step, accuracy, auc) = (self.progress.step, evaluation.accuracy, evaluation.auc);
            self.progress.best = Some(Best { epoch, step, macro_f1, accuracy, auc });
        }
        better && macro_f1 >= self.keep_best_from()
    }

    /// The macro-F1 from which the best epoch's weights are kept.
    pub fn keep_best_from(&self) -> f64 {
        self.config.training.keep_best_from
    }
}

/// The gradients of a step's logits under the consistency objective, one for each stream.
fn base_gradients(
    (objective, supervised): (&Objective, &Supervised),
    thresholds: &mut Thresholds,
    step: u64,
    batch: &StepBatch,
    logits: &[Matrix],
    report: &mut StepReport,
) -> Vec<Option<Matrix>> {
    let (loss, gradient) = supervised.loss(&logits[0], &batch.labels);
    report.supervised_loss = loss;
    let mut gradients = vec![Some(gradient)];
    if let [labeled, weak, strong] = logits {
        thresholds.tell(step, labeled);
        let result = objective.unsupervised(thresholds, &batch.rows, weak, strong);
        report.unsupervised_loss = result.loss;
        report.mask_rate = result.mask_rate;
        report.class_shares = result.class_shares;
        gradients.extend([None, Some(result.gradient)]);
    }
    gradients
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continue {
    /// Go on.
    Yes,
    /// Stop at once; what is done is done.
    Stop,
}

/// The views that a configuration draws on a grid.
fn views(config: &Config, grid: Grid) -> Result<Views, InputError> {
    Views::new(config.preparation, config.augmentation, config.input, grid)
}

/// What the classifier of a configuration sees, through the run's encoder where it has one.
///
/// # Errors
/// If the configuration asks for an encoder and there is none that fits.
pub fn inputs(
    config: &Config,
    grid: Grid,
    encoder: Option<&Tensors>,
) -> Result<Inputs, TrainError> {
    let views = views(config, grid)?;
    let encoder = match (config.pretrain.is_frozen(), encoder) {
        (false, _) => None,
        (true, None) => return Err(TrainError::NoEncoder),
        (true, Some(tensors)) => {
            Some(Encoder::from_tensors(&config.pretrain, views.bins(), tensors)?)
        }
    };
    Ok(Inputs::new(views, encoder))
}

/// The bytes that training one experiment will need in memory, before anything is allocated.
///
/// # Errors
/// If the network cannot be built for this input.
pub fn predicted_bytes(config: &Config, grid: Grid) -> Result<usize, TrainError> {
    let mut points = config.input.renderer(grid)?.bins();
    if config.pretrain.is_frozen() {
        points = config.pretrain.features();
    }
    let mut streams = vec![config.batch.labeled];
    if config.objective.uses_unlabeled() {
        streams.extend([config.batch.unlabeled; 2]);
    }
    let precision = config.network.precision;
    Ok(CpuNetwork::predicted_bytes(&config.trained_architecture()?, points, &streams, precision)?)
}

/// A network with given weights, for prediction from inputs of `width` numbers.
///
/// # Errors
/// If the weights do not fit the architecture.
pub fn network_for_inference(
    config: &Config,
    width: usize,
    weights: &Tensors,
) -> Result<Box<dyn Network>, TrainError> {
    let (architecture, precision) = (config.architecture()?, config.network.precision);
    // Drawn for nothing: the weights are at hand.
    let start = Initialization::Zero;
    let mut network = convnet::open(device::chosen(), architecture, width, start, 0, precision)?;
    network.load(weights)?;
    Ok(network)
}
