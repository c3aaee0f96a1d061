//! A trained model of a run, applied to rows and to tables of any length.

use std::path::Path;

use convnet::{Network, Tensors, Weights};

use crate::config::Config;
use crate::dataset::{Chunks, Dataset, DatasetError, Labels, Prepared};
use crate::encoder::Inputs;
use crate::predictions::{
    PredictionWriter, Predictions, PredictionsError, Sample, WritePredictionsError,
};
use crate::run::{CheckpointChoice, Run, RunError};
use crate::train::{TrainError, inputs, network_for_inference};

/// Rows that are predicted at once.
const CHUNK: usize = 512;

/// A trained network with the settings its input needs.
pub struct Model {
    inputs: Inputs,
    network: Box<dyn Network>,
    config: Config,
    grid: diffraction::Grid,
    /// Steps of training.
    step: u64,
}

/// Why rows could not be predicted.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The table is at fault.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The table lies on another grid than the model was trained on.
    #[error(
        "{data} has {found} grid points from {start}° in steps of {step}°, but the model was trained on {expected}"
    )]
    Grid {
        /// The table.
        data: String,
        /// Its points.
        found: usize,
        /// Its first angle.
        start: f64,
        /// Its step.
        step: f64,
        /// The model's grid, in words.
        expected: String,
    },
    /// The predictions are no predictions.
    #[error(transparent)]
    Predictions(#[from] PredictionsError),
    /// They could not be written.
    #[error(transparent)]
    Write(#[from] WritePredictionsError),
}

impl Model {
    /// Loads an experiment's model: the weights that its training evaluates with.
    ///
    /// # Errors
    /// If there is no such checkpoint, or it is damaged.
    pub fn load(run: &Run, experiment: u32, choice: CheckpointChoice) -> Result<Self, RunError> {
        let checkpoint = run.checkpoint(experiment, choice)?;
        let config = run.manifest().config.clone();
        let step = checkpoint.state.progress.step;
        let weights = checkpoint.state.into_trained(&config);
        let (grid, encoder) = (run.manifest().labeled.grid, run.encoder()?);
        let model = Self::of_weights(config, grid, encoder.as_ref(), &weights)
            .map_err(|source| RunError::Train { experiment, source })?;
        Ok(Self { step, ..model })
    }

    /// A model of weights from elsewhere: `config` says the architecture and how patterns on `grid`
    /// are prepared; `encoder` is what it sees them through, where `config` asks for one.
    ///
    /// # Errors
    /// If the weights do not fit the architecture on this grid.
    pub fn of_weights(
        config: Config,
        grid: diffraction::Grid,
        encoder: Option<&Tensors>,
        weights: &Tensors,
    ) -> Result<Self, TrainError> {
        let inputs = inputs(&config, grid, encoder)?;
        let network = network_for_inference(&config, inputs.width(), weights)?;
        Ok(Self { inputs, network, config, grid, step: 0 })
    }

    /// The steps the model was trained for.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        usize::from(self.config.classes)
    }

    /// Predicts some rows of a data set.
    ///
    /// # Errors
    /// If the data lies on another grid.
    pub fn predict(&mut self, data: &Dataset, rows: &[usize]) -> Result<Predictions, PredictError> {
        self.check_grid(data.source(), data.grid())?;
        let prepared = Prepared::new(data, self.config.preparation);
        let samples = rows
            .iter()
            .map(|&row| Sample::new(data.sample(row).name.clone(), data.sample(row).label));
        let signals = self.inputs.plain(&prepared, rows);
        let logits = self.network.infer(&signals, Weights::Current);
        Ok(Predictions::from_logits(self.classes(), samples.collect(), logits.as_slice().to_vec())?)
    }

    /// Predicts a table of any length in constant memory; says how many rows there were.
    ///
    /// `stated` is the grid of a text table that does not say its own. `progress` is told the rows
    /// done so far.
    ///
    /// # Errors
    /// If the table is at fault or the output cannot be written; no output appears then.
    pub fn predict_table(
        &mut self,
        table: &Path,
        output: &Path,
        stated: Option<diffraction::Grid>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<usize, PredictError> {
        let labels = Labels::Optional { classes: self.config.classes };
        let chunks = Chunks::open(table, labels, stated, CHUNK)?;
        self.check_grid(table, chunks.grid())?;
        let mut writer = PredictionWriter::create(output, self.classes())?;
        let mut done = 0;
        for chunk in chunks {
            let chunk = chunk?;
            let rows: Vec<usize> = (0..chunk.len()).collect();
            writer.write(&self.predict(&chunk, &rows)?)?;
            done += chunk.len();
            progress(done);
        }
        writer.finish()?;
        Ok(done)
    }

    fn check_grid(&self, data: &Path, grid: diffraction::Grid) -> Result<(), PredictError> {
        if grid == self.grid {
            return Ok(());
        }
        let (expected, found) = (self.grid, grid);
        Err(PredictError::Grid {
            data: data.display().to_string(),
            found: found.points(),
            start: found.start(),
            step: found.step(),
            expected: format!(
                "{} from {}° in steps of {}°",
                expected.points(),
                expected.start(),
                expected.step()
            ),
        })
    }
}
