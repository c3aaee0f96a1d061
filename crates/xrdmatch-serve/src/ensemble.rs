//! Models in memory, each ensemble with two threads of its own: one that judges, one that explains.
//!
//! Requests that come together are judged together: a member's weights are then put into the network
//! once for all of them. What is said of a pattern does not depend on what stands beside it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diffraction::Grid;
use diffraction::table::Row;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use xrdmatch::causes::chain;
use xrdmatch::dataset::{Dataset, Labels, Prepared};
use xrdmatch::explain::{ExplainSettings, Explanation, Planes, explain};
use xrdmatch::members::{Members, MembersError, Selection};
use xrdmatch::outlier::OutlierSettings;
use xrdmatch::screen::{
    CalibrationSummary, Judge, PriorSummary, RankSettings, Ranked, ScreenError, ScreenSettings,
    Screener,
};

use crate::problem::Problem;

/// Patterns judged in one pass over the members.
const TOGETHER: usize = 512;
/// Requests that wait for a thread; with more, callers are told to come again.
const WAITING: usize = 256;
/// A pattern with intensity at more than this share of the grid is a profile, not sticks.
pub(crate) const STICKS: f64 = 0.25;

/// Where the files of a run are, if no longer where they were, and what share of positives holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Opening {
    pub(crate) labeled: Option<PathBuf>,
    pub(crate) unlabeled: Option<PathBuf>,
    pub(crate) rank: RankSettings,
}

/// What an ensemble is and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Models {
    /// Number of finished experiments, all of which have a say.
    pub members: usize,
    /// Experiments that were begun but are not finished.
    pub unfinished: usize,
    /// Labelled patterns.
    pub labeled: usize,
    /// The grid of all patterns.
    pub grid: Grid,
    /// Number of classes.
    pub classes: u8,
    /// Whether the models were trained on sticks; scans then become sticks too.
    pub sticks: bool,
    /// How patterns are prepared for the models, in words.
    pub preparation: String,
    /// The calibration of probabilities.
    pub calibration: CalibrationSummary,
    /// The share of positives that probabilities hold for.
    pub prior: PriorSummary,
    /// How outliers are told; absent where they are not.
    pub outliers: Option<Outliers>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// How outliers are told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outliers {
    /// Strangeness above which a pattern is one.
    pub threshold: f64,
    /// The share of ordinary patterns that is flagged too.
    pub rate: f64,
    /// Held-out patterns behind that.
    pub held_out: usize,
}

/// A pattern by its points with intensity: angles (degrees two-theta) and heights, the highest 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Peaks {
    pub(crate) two_theta: Vec<f64>,
    pub(crate) heights: Vec<f64>,
}

/// What there is to see of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Look {
    /// What the models see, before any encoder.
    pub(crate) seen: Peaks,
    /// Whether that is the grid as it is.
    pub(crate) on_the_grid: bool,
    /// The pattern as prepared, on the grid.
    pub(crate) own: Peaks,
    /// The same of labelled patterns, in the order asked for.
    pub(crate) labeled: Vec<Peaks>,
}

/// Where an answer goes, or why there is none.
type Reply<T> = oneshot::Sender<Result<T, String>>;

enum Task {
    Judge { rows: Vec<Row>, reply: Reply<Vec<Ranked>> },
    Look { row: Box<Row>, names: Vec<String>, reply: Reply<Look> },
}

struct Question {
    row: Box<Row>,
    planes: Vec<Planes>,
    reply: Reply<Explanation>,
}

/// An ensemble that answers.
#[derive(Debug)]
pub(crate) struct Ensemble {
    pub(crate) models: Models,
    tasks: mpsc::Sender<Task>,
    questions: mpsc::Sender<Question>,
}

impl Ensemble {
    /// Opens the finished experiments of a run; takes seconds.
    pub(crate) fn open(
        run: &Path,
        opening: &Opening,
        stop: Arc<AtomicBool>,
    ) -> Result<Self, Problem> {
        let (tasks, waiting) = mpsc::channel(WAITING);
        let (questions, asked) = mpsc::channel(WAITING);
        let (opened, result) = std::sync::mpsc::channel();
        let (directory, how) = (run.to_owned(), opening.clone());
        spawn("judge", move || {
            let mut judging = match Judging::open(&directory, &how) {
                Ok(judging) => judging,
                Err(error) => return drop(opened.send(Err(chain(&error)))),
            };
            let _ = opened.send(Ok(judging.models()));
            drop(opened);
            judging.answer(waiting, &stop);
        })?;
        let models = match result.recv() {
            Ok(Ok(models)) => models,
            Ok(Err(message)) => return Err(Problem::unfit(message)),
            Err(_) => return Err(Problem::failed("the models could not be opened")),
        };
        let (directory, how) = (run.to_owned(), opening.clone());
        spawn("explain", move || answer_questions(&directory, &how, asked))?;
        Ok(Self { models, tasks, questions })
    }

    /// Whether its threads still answer.
    pub(crate) fn is_alive(&self) -> bool {
        !self.tasks.is_closed() && !self.questions.is_closed()
    }

    /// Judges patterns, in their order.
    pub(crate) async fn judge(&self, rows: Vec<Row>) -> Result<Vec<Ranked>, Problem> {
        ask(&self.tasks, |reply| Task::Judge { rows, reply }).await
    }

    /// What there is to see of a pattern, and of labelled ones beside it.
    pub(crate) async fn look(&self, row: &Row, names: Vec<String>) -> Result<Look, Problem> {
        ask(&self.tasks, |reply| Task::Look { row: Box::new(row.clone()), names, reply }).await
    }

    /// Explains what is said of a pattern.
    pub(crate) async fn explain(
        &self,
        row: &Row,
        planes: &[Planes],
    ) -> Result<Explanation, Problem> {
        let (row, planes) = (Box::new(row.clone()), planes.to_vec());
        ask(&self.questions, |reply| Question { row, planes, reply }).await
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    thread.map(drop).map_err(|error| Problem::failed(format!("start a thread: {error}")))
}

async fn ask<Q, A>(
    to: &mpsc::Sender<Q>,
    question: impl FnOnce(Reply<A>) -> Q,
) -> Result<A, Problem> {
    let (reply, answer) = oneshot::channel();
    to.try_send(question(reply)).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => Problem::busy("too many requests wait; try again"),
        mpsc::error::TrySendError::Closed(_) => Problem::failed("the models no longer answer"),
    })?;
    match answer.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(message)) => Err(Problem::unfit(message)),
        Err(_) => Err(Problem::failed("the models failed on this request")),
    }
}

fn opened(run: &Path, opening: &Opening) -> Result<Members, Box<ScreenError>> {
    members(run, opening).map_err(|error| Box::new(error.into()))
}

fn members(run: &Path, opening: &Opening) -> Result<Members, MembersError> {
    Members::open(&[run.to_owned()], &Selection::default(), opening.labeled.as_deref())
}

/// The thread that judges.
struct Judging {
    judge: Judge,
    notes: Vec<String>,
}

impl Judging {
    fn open(run: &Path, opening: &Opening) -> Result<Self, Box<ScreenError>> {
        let mut notes = Vec::new();
        let settings = ScreenSettings {
            outliers: Some(OutlierSettings::default()),
            ..ScreenSettings::default()
        };
        let screener =
            match Screener::new(opened(run, opening)?, &settings, opening.unlabeled.as_deref()) {
                Err(
                    error @ (ScreenError::NoUnlabeled
                    | ScreenError::Outlier(_)
                    | ScreenError::Members(
                        MembersError::Moved { .. }
                        | MembersError::Changed { .. }
                        | MembersError::Dataset(_),
                    )),
                ) => {
                    notes.push(format!(
                        "patterns unlike all that was seen are not told: {}",
                        chain(&error)
                    ));
                    let settings = ScreenSettings { outliers: None, ..settings };
                    Screener::new(opened(run, opening)?, &settings, None)?
                }
                screener => screener?,
            };
        let seed = screener.members().config().seed.0;
        let judge = Judge::new(screener, RankSettings { seed, ..opening.rank })?;
        if judge.calibration().reverses || judge.calibration().auc.is_some_and(|auc| auc < 0.6) {
            notes.push(
                "on labelled compounds these models rank hardly better than chance; do not rely on them".to_owned(),
            );
        }
        Ok(Self { judge, notes })
    }

    fn models(&self) -> Models {
        let members = self.judge.members();
        let (labeled, config) = (members.labeled(), members.config());
        let filled: usize = (0..labeled.len()).map(|row| labeled.pattern(row).0.len()).sum();
        let share = filled as f64 / (labeled.len().max(1) * labeled.grid().points()) as f64;
        let outliers = self.judge.screener().detector().map(|detector| Outliers {
            threshold: detector.threshold(),
            rate: detector.rate(),
            held_out: detector.held_out(),
        });
        let mut preparation = format!(
            "scaled to the range from 0 to 1, without what lies below {}",
            config.preparation.cut
        );
        if !config.input.is_published() {
            let input = config.input;
            preparation.push_str(&format!(
                "; blurred by {}° into bins of {}°{}",
                input.blur,
                input.bin,
                if input.transform == xrdmatch::input::Transform::Sqrt {
                    ", square root taken"
                } else {
                    ""
                }
            ));
        }
        Models {
            members: members.len(),
            unfinished: members.unfinished().len(),
            labeled: labeled.len(),
            grid: members.grid(),
            classes: config.classes,
            sticks: share <= STICKS,
            preparation,
            calibration: self.judge.calibration().clone(),
            prior: self.judge.prior(),
            outliers,
            notes: self.notes.clone(),
        }
    }

    /// Works until no one can ask any more.
    fn answer(&mut self, mut waiting: mpsc::Receiver<Task>, stop: &AtomicBool) {
        let mut looks = Vec::new();
        while let Some(first) = waiting.blocking_recv() {
            let (mut together, mut patterns) = (Vec::new(), 0);
            let mut next = Some(first);
            while let Some(task) = next.take() {
                match task {
                    Task::Judge { rows, reply } => {
                        patterns += rows.len();
                        together.push((rows, reply));
                    }
                    Task::Look { row, names, reply } => looks.push((row, names, reply)),
                }
                if patterns < TOGETHER {
                    next = waiting.try_recv().ok();
                }
            }
            // Small, and often waited for by someone who looks: first.
            for (row, names, reply) in looks.drain(..) {
                let _ = reply.send(self.look(&row, &names).map_err(|error| chain(&error)));
            }
            if !together.is_empty() {
                self.judge_together(together, stop);
            }
        }
    }

    fn judge_together(&mut self, requests: Vec<(Vec<Row>, Reply<Vec<Ranked>>)>, stop: &AtomicBool) {
        let mut all = Vec::new();
        for row in requests.iter().flat_map(|(rows, _)| rows) {
            // Two requests may use one name.
            all.push(Row { name: all.len().to_string(), ..row.clone() });
        }
        let going = &mut || !stop.load(Ordering::Relaxed);
        let judged = dataset(all, self.judge.members())
            .and_then(|data| Ok(self.judge.judge(&data, going)?));
        match judged {
            Ok(Some(judged)) => {
                let mut judged = judged.into_iter();
                for (rows, reply) in requests {
                    let own = rows.into_iter().enumerate().zip(&mut judged);
                    let own = own.map(|((place, row), found)| Ranked {
                        name: row.name,
                        row: place as u64 + 1,
                        ..found
                    });
                    let _ = reply.send(Ok(own.collect()));
                }
            }
            Ok(None) => {
                for (_, reply) in requests {
                    let _ = reply.send(Err("the server is stopping".to_owned()));
                }
            }
            Err(error) => {
                let message = chain(&error);
                for (_, reply) in requests {
                    let _ = reply.send(Err(message.clone()));
                }
            }
        }
    }

    fn look(&self, row: &Row, names: &[String]) -> Result<Look, Box<ScreenError>> {
        let members = self.judge.members();
        let preparation = members.config().preparation;
        let prepared = Prepared::new(&dataset(vec![row.clone()], members)?, preparation);
        let (angles, signals) = members.seen(&prepared, &[0]);
        let on_the_grid = members.config().input.is_published();
        let seen =
            angles.into_iter().zip(signals.row(0)).map(|(angle, value)| (angle, f64::from(*value)));
        let seen =
            if on_the_grid { seen.filter(|(_, value)| *value > 0.0).unzip() } else { seen.unzip() };
        let labeled = members.labeled();
        let beside = names.iter().map(|name| {
            let row = labeled.samples().iter().position(|sample| sample.name == *name);
            row.map_or_else(Peaks::default, |row| peaks(labeled.pattern(row), labeled.grid()))
        });
        Ok(Look {
            seen: Peaks { two_theta: seen.0, heights: seen.1 },
            on_the_grid,
            own: peaks(prepared.pattern(0), members.grid()),
            labeled: beside.collect(),
        })
    }
}

/// The points of a pattern with their angles, the highest 1.
fn peaks((indices, values): (&[u16], &[f32]), grid: Grid) -> Peaks {
    let largest = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    Peaks {
        two_theta: indices.iter().map(|index| grid.two_theta(usize::from(*index))).collect(),
        heights: values.iter().map(|value| f64::from(value / largest)).collect(),
    }
}

fn dataset(rows: Vec<Row>, members: &Members) -> Result<Dataset, Box<ScreenError>> {
    let labels = Labels::Optional { classes: members.config().classes };
    let data = Dataset::from_rows(Path::new("request"), members.grid(), rows, labels);
    data.map_err(|error| Box::new(error.into()))
}

/// The thread that explains; it opens its models when it is first asked.
fn answer_questions(run: &Path, opening: &Opening, mut asked: mpsc::Receiver<Question>) {
    let mut models: Option<Members> = None;
    while let Some(Question { row, planes, reply }) = asked.blocking_recv() {
        // Who asked may have gone.
        if reply.is_closed() {
            continue;
        }
        let mut answer = || -> Result<Explanation, String> {
            let members = match &mut models {
                Some(members) => members,
                none => none.insert(members(run, opening).map_err(|error| chain(&error))?),
            };
            let data = dataset(vec![(*row).clone()], members).map_err(|error| chain(&error))?;
            let settings = ExplainSettings::default();
            explain(members, &data, 0, &settings, &planes).map_err(|error| chain(&error))
        };
        let _ = reply.send(answer());
    }
}
