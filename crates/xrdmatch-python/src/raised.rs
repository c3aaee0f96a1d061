//! Errors of the library as exceptions, with the text that the command line prints.

use std::error::Error;

use diffraction::batch::BatchError;
use diffraction::import::ImportError;
use diffraction::scan::{ScanError, ScanProblem};
use diffraction::structure::StructureFileError;
use diffraction::table::TableError;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use xrdmatch::causes::chain;
use xrdmatch::dataset::DatasetError;
use xrdmatch::explain::ExplainError;
use xrdmatch::fit::FitError;
use xrdmatch::members::MembersError;
use xrdmatch::run::RunError;
use xrdmatch::screen::ScreenError;
use xrdmatch::train::TrainError;

/// Which exception an error becomes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// `FileError`: the system refused, or a file is not there.
    File,
    /// `DataError`: data or records.
    Data,
    /// `SettingError`: an argument or a setting.
    Setting,
    /// `ModelError`: a model or its training.
    Model,
}

/// A failure on its way to Python.
pub(crate) struct Raised {
    kind: Kind,
    message: String,
}

impl Raised {
    pub(crate) fn setting(message: impl ToString) -> Self {
        Self { kind: Kind::Setting, message: message.to_string() }
    }

    pub(crate) fn data(message: impl ToString) -> Self {
        Self { kind: Kind::Data, message: message.to_string() }
    }

    fn of(kind: Kind, error: &(dyn Error + 'static)) -> Self {
        let kind = if is_of_a_file(error) { Kind::File } else { kind };
        Self { kind, message: chain(error) }
    }
}

/// Whether the system refused something, or a file is not there.
fn is_of_a_file(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if inner.is::<std::io::Error>()
            || matches!(inner.downcast_ref(), Some(TableError::Missing { .. }))
            || matches!(inner.downcast_ref(), Some(RunError::NoRun { .. }))
        {
            return true;
        }
        cause = inner.source();
    }
    false
}

impl From<Raised> for PyErr {
    fn from(raised: Raised) -> Self {
        let name = match raised.kind {
            Kind::File => "FileError",
            Kind::Data => "DataError",
            Kind::Setting => "SettingError",
            Kind::Model => "ModelError",
        };
        Python::attach(|py| {
            let class = py.import("xrdmatch._errors").and_then(|module| module.getattr(name));
            match class.and_then(|class| class.call1((raised.message.as_str(),))) {
                Ok(exception) => Self::from_value(exception),
                Err(_) => PyRuntimeError::new_err(raised.message),
            }
        })
    }
}

/// What kind of failure each error of the library is.
macro_rules! kinds {
    ($($kind:ident: $($error:ty),+;)+) => {$($(
        impl From<$error> for Raised {
            fn from(error: $error) -> Self {
                Self::of(Kind::$kind, &error)
            }
        }
    )+)+};
}

/// Errors that only pass on another's, which then says what kind of failure it is.
macro_rules! passed_on {
    ($($error:ident { $($inner:ident),+ })+) => {$(
        impl From<$error> for Raised {
            fn from(error: $error) -> Self {
                match error {
                    $($error::$inner(inner) => inner.into(),)+
                    error => Self::of(Kind::Data, &error),
                }
            }
        }
    )+};
}

kinds! {
    Data: TableError, diffraction::files::ListError, std::io::Error;
    Setting: diffraction::GridError, diffraction::setup::SetupError,
        diffraction::simulate::WavelengthError, xrdmatch::config::LayerError;
    Model: xrdmatch::fit::FittedBytesError;
}

passed_on! {
    ImportError { Read }
    StructureFileError { File }
    BatchError { Read }
    DatasetError { Table }
    MembersError { Run, Dataset }
    ScreenError { Members, Dataset }
    ExplainError { Members, Dataset, Structure }
}

impl From<ScanError> for Raised {
    fn from(error: ScanError) -> Self {
        let refused = matches!(*error.problem, ScanProblem::Io(_));
        Self::of(if refused { Kind::File } else { Kind::Data }, &error)
    }
}

impl From<diffraction::process::ProcessError> for Raised {
    fn from(error: diffraction::process::ProcessError) -> Self {
        let setting = matches!(error, diffraction::process::ProcessError::Setting { .. });
        Self::of(if setting { Kind::Setting } else { Kind::Data }, &error)
    }
}

fn kind_of_training(error: &TrainError) -> Kind {
    match error {
        TrainError::Config(_) | TrainError::NoUnlabeled | TrainError::Input(_) => Kind::Setting,
        TrainError::Split(_) => Kind::Data,
        _ => Kind::Model,
    }
}

impl From<RunError> for Raised {
    fn from(error: RunError) -> Self {
        let kind = match &error {
            RunError::NoCheckpoint { .. } | RunError::Damaged { .. } => Kind::Model,
            RunError::Train { source, .. } => kind_of_training(source),
            _ => Kind::Data,
        };
        Self::of(kind, &error)
    }
}

impl From<FitError> for Raised {
    fn from(error: FitError) -> Self {
        let kind = match error {
            FitError::Run(error) => return error.into(),
            FitError::Train(ref error) => kind_of_training(error),
            FitError::NoMembers => Kind::Setting,
            FitError::NotFinite { .. } => Kind::Model,
            FitError::Pretrain(_) | FitError::NoneFinished { .. } | FitError::Grid { .. } => {
                Kind::Data
            }
        };
        Self::of(kind, &error)
    }
}
