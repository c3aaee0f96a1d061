//! What all requests share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore, watch};
use xrdmatch::causes::chain;
use xrdmatch::run::Run;
use xrdmatch_report::view::RunView;
use xrdmatch_report::{Records, View, ViewSettings};

use crate::analysis::Analyses;
use crate::candidates::{Browser, Files};
use crate::ensemble::{Ensemble, Opening};
use crate::limits::Limits;
use crate::problem::Problem;
use crate::shelf::{Shelf, mark};

/// Resamples behind the intervals of a run's view: fewer than in the report, to be quick.
const REPLICATES: usize = 300;

/// What a run looks like while nothing in it changes.
type Mark = Vec<(u32, u64, Option<SystemTime>, bool)>;
/// An ensemble, its run, and the finished experiments that make it.
type Opened = (String, Vec<u32>, Arc<Ensemble>);

/// What all requests share.
pub(crate) struct App {
    pub(crate) limits: Limits,
    pub(crate) shelf: Shelf,
    pub(crate) opening: Opening,
    pub(crate) candidates: Files,
    pub(crate) analyses: Analyses,
    pub(crate) began: Instant,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) stopping: watch::Receiver<bool>,
    receiving: Arc<Semaphore>,
    working: Arc<Semaphore>,
    following: Arc<Semaphore>,
    /// The one used last is at the end.
    ensembles: tokio::sync::Mutex<Vec<Opened>>,
    browser: OnceCell<Arc<Browser>>,
    views: Mutex<Vec<(String, Mark, Arc<RunView>)>>,
}

impl App {
    pub(crate) fn new(
        limits: Limits,
        shelf: Shelf,
        opening: Opening,
        candidates: Files,
        stop: Arc<AtomicBool>,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self {
            limits,
            shelf,
            opening,
            candidates,
            analyses: Analyses::new(limits.kept),
            began: Instant::now(),
            stop,
            stopping,
            receiving: Arc::new(Semaphore::new(limits.receiving)),
            working: Arc::new(Semaphore::new(limits.working)),
            following: Arc::new(Semaphore::new(limits.followers)),
            ensembles: tokio::sync::Mutex::default(),
            browser: OnceCell::new(),
            views: Mutex::default(),
        }
    }

    /// A turn to send a body.
    pub(crate) async fn turn_to_send(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.turn(&self.receiving).await
    }

    /// A place among those who follow a training; there is no waiting for one.
    pub(crate) fn place_to_follow(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = Arc::clone(&self.following).try_acquire_owned();
        let most = self.limits.followers;
        place.map_err(|_| Problem::busy(format!("{most} followers are the most")))
    }

    async fn turn(&self, semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(semaphore).acquire_owned();
        match tokio::time::timeout(self.limits.queue, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::busy("too much is going on; try again")),
        }
    }

    /// Does something that takes time or reads files, beside the other requests and in its turn.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turn(&self.working).await?;
        aside(move || {
            let _turn = turn;
            work()
        })
        .await
    }

    /// The run that is meant where none is named: the only one, or the newest with a finished
    /// experiment.
    pub(crate) fn run_or_default(&self, asked: Option<&str>) -> Result<String, Problem> {
        if let Some(id) = asked.filter(|id| !id.is_empty()) {
            self.shelf.find(id)?;
            return Ok(id.to_owned());
        }
        let found = self.shelf.list()?.into_iter().find(|run| run.complete > 0);
        found.map(|run| run.id).ok_or_else(|| {
            Problem::unfit("no run has a finished experiment yet; train one with `xrdmatch train`")
        })
    }

    /// The models of a run; opened anew where more experiments are finished than before.
    pub(crate) async fn ensemble(self: &Arc<Self>, id: &str) -> Result<Arc<Ensemble>, Problem> {
        let (app, name) = (Arc::clone(self), id.to_owned());
        let (directory, finished) = aside(move || {
            let run = app.shelf.open(&name)?;
            let begun = run.experiments().map_err(|error| Problem::unfit(chain(&error)))?;
            let finished = begun.into_iter();
            let is_finished =
                |number: &u32| run.experiment_directory(*number).join("result.json").exists();
            Ok((run.directory().to_owned(), finished.filter(is_finished).collect::<Vec<u32>>()))
        })
        .await?;
        let mut ensembles = self.ensembles.lock().await;
        ensembles.retain(|(_, _, ensemble)| ensemble.is_alive());
        if let Some(place) = ensembles.iter().position(|(run, _, _)| run == id) {
            let opened = ensembles.remove(place);
            if opened.1 == finished {
                let ensemble = Arc::clone(&opened.2);
                ensembles.push(opened);
                return Ok(ensemble);
            }
        }
        while ensembles.len() >= self.limits.ensembles.max(1) {
            ensembles.remove(0);
        }
        // Others wait meanwhile: opening the same models twice would help nobody.
        let (opening, stop) = (self.opening.clone(), Arc::clone(&self.stop));
        let ensemble = aside(move || Ensemble::open(&directory, &opening, stop)).await?;
        let ensemble = Arc::new(ensemble);
        ensembles.push((id.to_owned(), finished, Arc::clone(&ensemble)));
        Ok(ensemble)
    }

    /// The candidates, read when they are first asked for.
    pub(crate) async fn browser(self: &Arc<Self>) -> Result<Arc<Browser>, Problem> {
        let Some(table) = self.candidates.table.clone() else {
            return Err(Problem::new(
                axum::http::StatusCode::NOT_FOUND,
                "no_candidates",
                "no candidates were given: rank patterns with `xrdmatch screen RUN --data FILE -o ranked.csv`, \
                 then start with `xrdmatch serve RUN --candidates ranked.csv`",
            ));
        };
        let app = Arc::clone(self);
        let read = || async {
            let work = move || {
                let run = app.run_or_default(None).and_then(|id| app.shelf.open(&id)).ok();
                Browser::read(&table, &app.candidates, run.as_ref()).map(Arc::new)
            };
            self.work(work).await
        };
        self.browser.get_or_try_init(read).await.cloned()
    }

    /// What there is to see of a run, as in the report but for the baselines.
    pub(crate) async fn view(self: &Arc<Self>, id: &str) -> Result<Arc<RunView>, Problem> {
        const KEPT: usize = 4;
        let (app, id) = (Arc::clone(self), id.to_owned());
        self.work(move || {
            let run = app.shelf.open(&id)?;
            let mark = mark(&run);
            let views = || app.views.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, _, view)) = views().iter().find(|(of, at, _)| *of == id && *at == mark)
            {
                return Ok(Arc::clone(view));
            }
            let view = Arc::new(view_of(&run)?);
            let mut views = views();
            views.retain(|(of, _, _)| *of != id);
            if views.len() >= KEPT {
                views.remove(0);
            }
            views.push((id.clone(), mark, Arc::clone(&view)));
            Ok(view)
        })
        .await
    }
}

fn view_of(run: &Run) -> Result<RunView, Problem> {
    let failed = |error: &dyn std::error::Error| Problem::unfit(chain(error));
    let records = Records::read(run).map_err(|error| failed(&error))?;
    let settings =
        ViewSettings { replicates: REPLICATES, baselines: false, ..ViewSettings::default() };
    let view = View::of(&[records], &settings).map_err(|error| failed(&error))?;
    view.runs.into_iter().next().ok_or_else(|| Problem::failed("a view without its run"))
}

/// Does something that waits for the disk on a thread where that holds nobody up.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(Problem::failed("the request failed inside the program")),
    }
}
