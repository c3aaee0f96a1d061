//! Event files for TensorBoard, kept beside a training.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use xrdmatch::run::{Happening, Run};
use xrdmatch::tensorboard::EventFile;

use crate::failure::chain;

/// Keeps the event files of a run's experiments. A failure is told once and ends the keeping of that
/// experiment's file, not its training.
pub(crate) struct Mirror<'a> {
    run: &'a Run,
    directory: &'a Path,
    files: Mutex<HashMap<u32, Option<EventFile>>>,
}

impl<'a> Mirror<'a> {
    pub(crate) fn new(run: &'a Run, directory: &'a Path) -> Self {
        Self { run, directory, files: Mutex::default() }
    }

    /// Takes in what happens.
    pub(crate) fn observe(&self, experiment: u32, happening: &Happening<'_>) {
        if matches!(happening, Happening::Step { .. } | Happening::Epoch(_)) {
            return;
        }
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let known = files.entry(experiment);
        // An experiment that was complete before only ends.
        let file =
            known.or_insert_with(|| told(EventFile::create(self.run, experiment, self.directory)));
        if let Some(open) = file
            && told(open.catch_up()).is_none()
        {
            *file = None;
        }
        if matches!(happening, Happening::Ends(_)) {
            files.remove(&experiment);
        }
    }
}

fn told<T>(result: Result<T, xrdmatch::tensorboard::TensorboardError>) -> Option<T> {
    result.map_err(|error| eprintln!("warning: TensorBoard: {}", chain(&error))).ok()
}
