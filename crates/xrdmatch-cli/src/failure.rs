//! How the program fails: what, where, what to do, and an exit code.

use std::error::Error;
use std::process::ExitCode;

use convnet::{ArchitectureError, DeviceError, LoadError};
use xrdmatch::audit::AuditError;
use xrdmatch::calibrate::CalibrateError;
pub(crate) use xrdmatch::causes::chain;
use xrdmatch::config::{ConfigError, LayerError};
use xrdmatch::dataset::{DatasetError, StructuresError};
use xrdmatch::device::ChosenBefore;
use xrdmatch::ensemble::EnsembleError;
use xrdmatch::evaluate::EvaluateError;
use xrdmatch::explain::ExplainError;
use xrdmatch::export::ExportError;
use xrdmatch::members::MembersError;
use xrdmatch::metrics::MetricsError;
use xrdmatch::part::PartError;
use xrdmatch::plan::PlanError;
use xrdmatch::predict::PredictError;
use xrdmatch::protocol::ProtocolError;
use xrdmatch::reproduce::ReproduceError;
use xrdmatch::run::RunError;
use xrdmatch::screen::ScreenError;
use xrdmatch::split::{SplitError, SplitFileError};
use xrdmatch::statistics::StatisticsError;
use xrdmatch::suggest::SuggestError;
use xrdmatch::train::TrainError;
use xrdmatch::yardstick::YardstickError;

/// The kinds of failure, by exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 1: what was asked about is not so: a run is not reproduced, data has alarms.
    Negative,
    /// 2: the command line or a setting.
    Usage,
    /// 3: data or records.
    Data,
    /// 4: a model or checkpoint.
    Model,
    /// 130: the user stopped the program.
    Interrupted,
}

/// A failure on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into(), hint: None }
    }

    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self { kind: Kind::Data, message: message.into(), hint: None }
    }

    pub(crate) fn negative(message: impl Into<String>) -> Self {
        Self { kind: Kind::Negative, message: message.into(), hint: None }
    }

    pub(crate) fn interrupted(message: impl Into<String>) -> Self {
        Self { kind: Kind::Interrupted, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Tells the user, and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self.kind {
            Kind::Interrupted | Kind::Negative => eprintln!("{}", self.message),
            _ => eprintln!("error: {}", self.message),
        }
        if let Some(hint) = self.hint {
            eprintln!("\nhint: {hint}");
        }
        ExitCode::from(match self.kind {
            Kind::Negative => 1,
            Kind::Usage => 2,
            Kind::Data => 3,
            Kind::Model => 4,
            Kind::Interrupted => 130,
        })
    }

    fn of(kind: Kind, error: &dyn Error) -> Self {
        Self { kind, message: chain(error), hint: None }
    }

    fn maybe_hint(self, hint: Option<&str>) -> Self {
        match hint {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }
}

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        let hint = match &error {
            DatasetError::NoLabels { .. } | DatasetError::NoLabel { .. } => Some(
                "labels are 0 (superionic) or 1 (not); give a file without labels as --unlabeled",
            ),
            DatasetError::Label { .. } => Some("for more than two classes, pass `--set classes=N`"),
            DatasetError::DuplicateName { .. } => Some(
                "names identify samples in splits and results; rename or remove one of the rows",
            ),
            DatasetError::Flat { .. } => {
                Some("a flat pattern cannot be normalised; remove the row")
            }
            DatasetError::Grids { .. } => Some(
                "bring both files onto one grid; for text tables without one, state it with --grid",
            ),
            DatasetError::StatedGrid { .. } | DatasetError::Grid { .. } => {
                Some("state the grid as START:STEP, for example `--grid 10:0.05`")
            }
            _ => None,
        };
        let failure = Self::of(Kind::Data, &error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<StructuresError> for Failure {
    fn from(error: StructuresError) -> Self {
        match error {
            StructuresError::Read(error) => error.into(),
            error @ StructuresError::NoneNamed { .. } => Self::of(Kind::Data, &error).hint(
                "a structure belongs to the pattern of its name: the `id` of a line of JSON, the name \
                 of a CIF without its ending",
            ),
            error => Self::of(Kind::Data, &error),
        }
    }
}

impl From<LayerError> for Failure {
    fn from(error: LayerError) -> Self {
        let kind = if matches!(error, LayerError::Read { .. }) { Kind::Data } else { Kind::Usage };
        let hint = match &error {
            LayerError::UnknownSetting { .. } => Some("`xrdmatch config show` lists all settings"),
            LayerError::UnknownPreset { .. } => {
                Some("`xrdmatch config presets` says what each is for")
            }
            _ => None,
        };
        let failure = Self::of(kind, &error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = match &error {
            ConfigError::NoAverage { .. } => Some("set `optimizer.average`, for example to 0.99"),
            ConfigError::Split(SplitError::TooFew { .. }) => None,
            _ => Some("`xrdmatch config show` prints every setting with its value and origin"),
        };
        let failure = Self::of(Kind::Usage, &error);
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<SplitError> for Failure {
    fn from(error: SplitError) -> Self {
        match &error {
            SplitError::TooFew { .. } => Self::of(Kind::Data, &error)
                .hint("ask for fewer with --labeled-per-class, or add labelled rows"),
            SplitError::EmptyClass { .. } => {
                Self::of(Kind::Data, &error).hint("training needs labelled samples of every class")
            }
            SplitError::Families { .. } => Self::of(Kind::Data, &error).hint(
                "ask for fewer rows, or for closer twins with `--set split.family_cosine=0.97`",
            ),
            SplitError::TooFewForFolds { .. } => {
                Self::of(Kind::Data, &error).hint("ask for fewer folds")
            }
            SplitError::EmptyPool { .. } => Self::of(Kind::Data, &error),
            _ => Self::of(Kind::Usage, &error),
        }
    }
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Split(error) => error.into(),
            PlanError::SplitFile(error) => error.into(),
        }
    }
}

impl From<AuditError> for Failure {
    fn from(error: AuditError) -> Self {
        let kind =
            if matches!(error, AuditError::Setting { .. }) { Kind::Usage } else { Kind::Data };
        Self::of(kind, &error)
    }
}

impl From<YardstickError> for Failure {
    fn from(error: YardstickError) -> Self {
        match error {
            YardstickError::Run(error) => error.into(),
            error => Self::of(Kind::Data, &error),
        }
    }
}

impl From<ProtocolError> for Failure {
    fn from(error: ProtocolError) -> Self {
        let hint = match &error {
            ProtocolError::NoExperiment { .. } => {
                Some("experiments count when they are complete; run the same `train` again")
            }
            ProtocolError::OtherData { .. }
            | ProtocolError::Ensemble(EnsembleError::SamplesDiffer { .. }) => {
                Some("only experiments of one data file can be judged together")
            }
            ProtocolError::Grids { .. } | ProtocolError::DataDiffers { .. } => {
                Some("runs are comparable when they were trained on the same labelled file")
            }
            ProtocolError::Statistics(StatisticsError::SplitsDiffer { .. }) => Some(
                "runs are comparable on the same splits: give both the same --splits, or the same seed",
            ),
            ProtocolError::Statistics(StatisticsError::TooFewForFolds { .. })
            | ProtocolError::Calibrate(CalibrateError::Folds(_))
            | ProtocolError::Ensemble(EnsembleError::Folds(_)) => {
                Some("ask for fewer with --folds")
            }
            ProtocolError::NoPool { .. } => Some("give the patterns with --pool FILE"),
            _ => None,
        };
        let failure = match error {
            ProtocolError::Run(error) => return error.into(),
            ProtocolError::Dataset(error) => return error.into(),
            ProtocolError::Predict(error) => return error.into(),
            ProtocolError::Splits(error) => return error.into(),
            ProtocolError::Prior(_) => Self::of(Kind::Usage, &error),
            error => Self::of(Kind::Data, &error),
        };
        match hint {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<ReproduceError> for Failure {
    fn from(error: ReproduceError) -> Self {
        match error {
            ReproduceError::Run(error) => error.into(),
            ReproduceError::Dataset(error) => {
                Self::from(error).hint("if a file was moved, pass --labeled or --unlabeled")
            }
            ReproduceError::Plan(error) => error.into(),
            ReproduceError::Structures(error) => {
                Self::from(error).hint("if a file was moved, pass --structures")
            }
            ReproduceError::Changed { .. } => Self::of(Kind::Data, &error)
                .hint("pass the original file with --labeled, --unlabeled or --structures"),
            error => Self::of(Kind::Data, &error),
        }
    }
}

impl From<SplitFileError> for Failure {
    fn from(error: SplitFileError) -> Self {
        Self::of(Kind::Data, &error)
    }
}

impl From<MetricsError> for Failure {
    fn from(error: MetricsError) -> Self {
        Self::of(Kind::Data, &error)
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Config(error) => error.into(),
            TrainError::Split(error) => error.into(),
            TrainError::Architecture(error) => error.into(),
            TrainError::Device(error) => error.into(),
            TrainError::NoUnlabeled => Self::of(Kind::Usage, &error)
                .hint("pass --unlabeled FILE, or train with `--algorithm supervised`"),
            TrainError::Diverged { .. } => Self::of(Kind::Model, &error)
                .hint("lower the learning rate with `--set optimizer.learning_rate=1e-4`"),
            _ => Self::of(Kind::Model, &error),
        }
    }
}

impl From<ChosenBefore> for Failure {
    fn from(error: ChosenBefore) -> Self {
        Self::of(Kind::Usage, &error)
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        let hint = match &error {
            DeviceError::Unknown { .. } => return Self::of(Kind::Usage, &error),
            DeviceError::NotBuilt { .. } => {
                "build it with `--features gpu` (docs/gpu.md), or leave --device out"
            }
            DeviceError::None { .. } => {
                "install the card's driver (docs/gpu.md), or leave --device out"
            }
            DeviceError::NoSuchIndex { .. } => "choose one of these by its number",
            DeviceError::Software { .. } => {
                "leave --device out: the processor's own engine is faster; tests name it by its number"
            }
            DeviceError::Precision { .. } => "leave --precision out, or train with `--device cpu`",
            DeviceError::Refused { .. } => "leave --device out, or choose another device",
        };
        Self::of(Kind::Usage, &error).hint(hint)
    }
}

impl From<ArchitectureError> for Failure {
    fn from(error: ArchitectureError) -> Self {
        Self::of(Kind::Model, &error)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::of(Kind::Model, &error)
    }
}

impl From<PredictError> for Failure {
    fn from(error: PredictError) -> Self {
        match error {
            PredictError::Dataset(error) => error.into(),
            PredictError::Grid { .. } => {
                Self::of(Kind::Data, &error).hint("bring the patterns onto the model's grid")
            }
            PredictError::Write(_) => Self::of(Kind::Data, &error),
            PredictError::Predictions(_) => Self::of(Kind::Model, &error),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Run(error) => error.into(),
            ExportError::Train(error) => error.into(),
            ExportError::Io { .. } => Self::of(Kind::Data, &error),
            ExportError::Read { ref source, .. } if source.is_choice() => {
                Self::of(Kind::Usage, &error).hint("name one with --key")
            }
            ExportError::Onnx(_) | ExportError::Safetensors(_) | ExportError::Read { .. } => {
                Self::of(Kind::Model, &error)
            }
        }
    }
}

impl From<EvaluateError> for Failure {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Run(error) => error.into(),
            EvaluateError::Dataset(error) => error.into(),
            EvaluateError::Predict(error) => error.into(),
            EvaluateError::Metrics(error) => error.into(),
            EvaluateError::Changed { .. } => Self::of(Kind::Data, &error)
                .hint("pass a labelled file with --data to score it instead"),
            EvaluateError::NoRows { .. } => Self::of(Kind::Data, &error),
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Split(error) => error.into(),
            RunError::SplitFile(error) => error.into(),
            RunError::Metrics(error) => error.into(),
            RunError::NoCheckpoint { .. } | RunError::Damaged { .. } => Self::of(Kind::Model, &error),
            RunError::OtherConfiguration { .. } | RunError::OtherSplit { .. } => Self::of(Kind::Data, &error)
                .hint("choose another directory with --run, or repeat the settings the run was begun with"),
            RunError::Lost { .. } => Self::of(Kind::Data, &error).hint(
                "nothing is lost: whoever took over goes on from the last checkpoint; the same command may be run again",
            ),
            RunError::OtherEncoder { .. } => Self::of(Kind::Data, &error).hint(
                "machines with other instructions round otherwise: let all parts share one directory, or set XRDMATCH_ISA alike",
            ),
            RunError::OtherResult { .. } => Self::of(Kind::Data, &error)
                .hint("`xrdmatch reproduce RUN` says which of them this machine agrees with"),
            RunError::BegunHere { .. } => Self::of(Kind::Data, &error)
                .hint("merge into a new directory, or complete it first with the command it was begun with"),
            RunError::Busy { .. } => Self::of(Kind::Data, &error).hint("wait for it to end"),
            RunError::NotARun { .. } => {
                Self::of(Kind::Data, &error).hint("choose an empty or new directory with --run")
            }
            RunError::Newer { .. } => Self::of(Kind::Data, &error).hint("update this program"),
            RunError::Io { ref source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Self::of(Kind::Data, &error)
                    .hint("free some space and run the same command again: it continues from the last checkpoint")
            }
            RunError::Train { experiment, source } => {
                let mut failure = Self::from(source);
                failure.message = format!("experiment {experiment}: {}", failure.message);
                failure
            }
            error => Self::of(Kind::Data, &error),
        }
    }
}

impl From<PartError> for Failure {
    fn from(error: PartError) -> Self {
        Self::of(Kind::Usage, &error).hint(match error {
            PartError::NoScheduler => "submit it as an array job, or name the part: `--shard 2/8`",
            PartError::Range { .. } => "let the array have as many tasks as there are parts",
            PartError::Index { .. } => "name the part: `--shard 2/8`",
            PartError::Count { .. } | PartError::Uneven { .. } => {
                "say of how many parts: `--shard auto/8`"
            }
        })
    }
}

impl From<MembersError> for Failure {
    fn from(error: MembersError) -> Self {
        let hint = match &error {
            MembersError::NoneFinished { .. } | MembersError::Unfinished { .. } => {
                Some("run the same `xrdmatch train` command again to finish them")
            }
            MembersError::OtherData { .. } | MembersError::OtherSettings { .. } => {
                Some("give runs that were trained on the same files with the same network")
            }
            MembersError::Moved { .. } | MembersError::Changed { .. } => Some(
                "say where the file is now with --labeled or --unlabeled; its contents must be the same",
            ),
            MembersError::Grid { .. } => Some("bring the patterns onto the models' grid"),
            MembersError::NoValidation { .. } => {
                Some("train with `--set split.validation_per_class=[4]`, or leave --min-f1 out")
            }
            _ => None,
        };
        match error {
            MembersError::Run(error) => error.into(),
            MembersError::Dataset(error) => error.into(),
            MembersError::Metrics(error) => error.into(),
            MembersError::NoRuns => Self::of(Kind::Usage, &error),
            MembersError::Weights { .. }
            | MembersError::Network { .. }
            | MembersError::Replaced { .. }
            | MembersError::NotFinite { .. } => Self::of(Kind::Model, &error),
            error => Self::of(Kind::Data, &error).maybe_hint(hint),
        }
    }
}

impl From<ScreenError> for Failure {
    fn from(error: ScreenError) -> Self {
        let hint = match &error {
            ScreenError::NoUnlabeled => Some("pass --no-outliers"),
            ScreenError::Outlier(_) => Some("pass a larger --ood-rate, or --no-outliers"),
            ScreenError::Calibrate { .. } => {
                Some("pass `--calibration none` to rank by the members' mean probability")
            }
            ScreenError::OtherModels { .. } => {
                Some("name the run, and the --experiments, that the shards were made with")
            }
            ScreenError::OtherShards { .. } => {
                Some("screen all parts, and all files, with the same options")
            }
            ScreenError::Missing { .. } => Some("screen the missing parts with --shard"),
            _ => None,
        };
        match error {
            ScreenError::Members(error) => error.into(),
            ScreenError::Dataset(error) => error.into(),
            ScreenError::Metrics(error) => error.into(),
            ScreenError::Part { .. } => Self::of(Kind::Usage, &error),
            error => Self::of(Kind::Data, &error).maybe_hint(hint),
        }
    }
}

impl From<ExplainError> for Failure {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Members(error) => error.into(),
            ExplainError::Dataset(error) => error.into(),
            error => Self::of(Kind::Data, &error),
        }
    }
}

impl From<SuggestError> for Failure {
    fn from(error: SuggestError) -> Self {
        match error {
            SuggestError::Members(error) => error.into(),
            SuggestError::Dataset(error) => error.into(),
            error @ SuggestError::TooFewMembers { .. } => Self::of(Kind::Data, &error)
                .hint("train more experiments, for example with --experiments 0..10"),
            error => Self::of(Kind::Data, &error),
        }
    }
}
