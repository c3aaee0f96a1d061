//! Runs: their records, their views, their models, and their training as it goes on.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream;
use serde::{Deserialize, Serialize};
use xrdmatch::causes::chain;
use xrdmatch::run::RunSummary;
use xrdmatch_report::view::{RunView, TrainingView};
use xrdmatch_report::{Records, ReportError};

use super::Shared;
use crate::app::aside;
use crate::ensemble::Models;
use crate::live::{Happening, Tail};
use crate::problem::Problem;
use crate::shelf::{Listed, RunDetail};

/// How often a training is looked at.
const EVERY: Duration = Duration::from_millis(400);

/// The runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunList {
    /// The runs, the newest first.
    pub runs: Vec<Listed>,
}

pub(super) async fn list(State(app): Shared) -> Result<Json<RunList>, Problem> {
    let shelf = app.shelf.clone();
    Ok(Json(RunList { runs: aside(move || shelf.list()).await? }))
}

pub(super) async fn detail(
    State(app): Shared,
    Path(run): Path<String>,
) -> Result<Json<RunDetail>, Problem> {
    let shelf = app.shelf.clone();
    aside(move || shelf.detail(&run)).await.map(Json)
}

pub(super) async fn experiments(
    State(app): Shared,
    Path(run): Path<String>,
) -> Result<Json<RunSummary>, Problem> {
    let shelf = app.shelf.clone();
    let summary = move || {
        let run = shelf.open(&run)?;
        run.summary().map_err(|error| Problem::unfit(chain(&error)))
    };
    aside(summary).await.map(Json)
}

pub(super) async fn training(
    State(app): Shared,
    Path(run): Path<String>,
) -> Result<Json<TrainingView>, Problem> {
    let shelf = app.shelf.clone();
    let view = move || {
        let run = shelf.open(&run)?;
        match Records::read_training(&run) {
            Ok(records) => Ok(TrainingView::of(&records)),
            // A run that has only just been begun.
            Err(ReportError::NoExperiments { .. }) => {
                Ok(TrainingView { charts: Vec::new(), experiments: Vec::new() })
            }
            Err(error) => Err(Problem::unfit(chain(&error))),
        }
    };
    aside(view).await.map(Json)
}

pub(super) async fn view(State(app): Shared, Path(run): Path<String>) -> Result<Response, Problem> {
    let view: Arc<RunView> = app.view(&run).await?;
    Ok(Json(&*view).into_response())
}

pub(super) async fn models(
    State(app): Shared,
    Path(run): Path<String>,
) -> Result<Json<Models>, Problem> {
    Ok(Json(app.ensemble(&run).await?.models.clone()))
}

/// From where a training is followed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct From {
    from: Begin,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Begin {
    /// From the beginning of the records.
    #[default]
    Start,
    /// From now on.
    Now,
}

pub(super) async fn events(
    State(app): Shared,
    Path(run): Path<String>,
    query: Result<Query<From>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let Query(From { from }) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let place = app.place_to_follow()?;
    let shelf = app.shelf.clone();
    let from_the_beginning = matches!(from, Begin::Start);
    let tail = aside(move || Ok(Tail::of(shelf.open(&run)?, from_the_beginning))).await?;
    let state = (tail, VecDeque::new(), app.stopping.clone(), place);
    let told = stream::unfold(state, async |(mut tail, mut waiting, mut stopping, place)| {
        loop {
            if *stopping.borrow() {
                return None;
            }
            if let Some(happening) = waiting.pop_front() {
                return Some((Ok(event(&happening)), (tail, waiting, stopping, place)));
            }
            let looked = aside(move || {
                let found = tail.poll();
                Ok((tail, found))
            });
            let (same, found) = looked.await.ok()?;
            tail = same;
            if found.is_empty() {
                // Whoever stops the server does not wait for the next look.
                let _ = tokio::time::timeout(EVERY, stopping.changed()).await;
            }
            waiting.extend(found);
        }
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::default()))
}

fn event(happening: &Happening) -> Event {
    let event = Event::default().event(happening.name());
    // Serialising plain data cannot fail; if it did, the event would be empty.
    event.data(serde_json::to_string(happening).unwrap_or_default())
}
