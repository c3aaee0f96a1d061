//! The interface for programs, and for the page: `/api/v1`, described by `openapi.json`.

pub mod analyses;
mod candidates;
pub mod runs;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde::{Deserialize, Serialize};

use crate::app::{App, aside};
use crate::problem::Problem;

/// The description of the interface.
pub const OPENAPI: &str = include_str!("openapi.json");

type Shared = State<Arc<App>>;

/// That the server is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// "ok".
    pub status: String,
    /// Version of the program.
    pub version: String,
    /// Seconds since it began.
    pub seconds: u64,
}

/// What may be asked of the server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Version of the program.
    pub version: String,
    /// The run that is meant where none is named; absent where none has a finished experiment.
    pub run: Option<String>,
    /// Whether there are candidates to browse.
    pub candidates: bool,
    /// Bytes of a request with files.
    pub body_bytes: usize,
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of a request of numbers as JSON.
    pub json_bytes: usize,
    /// Files of one request.
    pub files: usize,
    /// Patterns of one request.
    pub patterns: usize,
}

/// The paths of the interface with what they answer to.
pub(crate) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/api/v1/health", get(health)),
        ("/api/v1/about", get(about)),
        ("/api/v1/openapi.json", get(openapi)),
        ("/api/v1/runs", get(runs::list)),
        ("/api/v1/runs/{run}", get(runs::detail)),
        ("/api/v1/runs/{run}/experiments", get(runs::experiments)),
        ("/api/v1/runs/{run}/training", get(runs::training)),
        ("/api/v1/runs/{run}/view", get(runs::view)),
        ("/api/v1/runs/{run}/models", get(runs::models)),
        ("/api/v1/runs/{run}/events", get(runs::events)),
        ("/api/v1/analyses", post(analyses::create)),
        ("/api/v1/analyses/{analysis}", get(analyses::get)),
        ("/api/v1/analyses/{analysis}/table", get(analyses::table)),
        ("/api/v1/analyses/{analysis}/patterns/{pattern}", get(analyses::pattern)),
        ("/api/v1/analyses/{analysis}/patterns/{pattern}/explanation", get(analyses::explanation)),
        ("/api/v1/candidates", get(candidates::page)),
        ("/api/v1/candidates/table", get(candidates::table)),
        ("/api/v1/candidates/{candidate}", get(candidates::detail)),
    ]
}

/// The paths of the interface.
pub fn paths() -> Vec<&'static str> {
    routes().into_iter().map(|(path, _)| path).collect()
}

async fn health(State(app): Shared) -> Json<Health> {
    Json(Health {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seconds: app.began.elapsed().as_secs(),
    })
}

async fn about(State(app): Shared) -> Result<Json<About>, Problem> {
    let limits = app.limits;
    let candidates = app.candidates.table.is_some();
    let run = aside(move || Ok(app.run_or_default(None).ok()));
    Ok(Json(About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.await?,
        candidates,
        body_bytes: limits.body,
        file_bytes: limits.file,
        json_bytes: limits.json,
        files: limits.files,
        patterns: limits.patterns,
    }))
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

/// Answers to paths that there are none of.
pub(crate) async fn nothing() -> Problem {
    Problem::not_found("there is nothing here; /api/v1/openapi.json says what there is")
}

/// Answers to methods that a path does not know.
pub(crate) async fn not_so() -> Problem {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    Problem::new(status, "method_not_allowed", "this path does not answer to this method")
}

/// A table to be saved.
fn download(kind: &'static str, name: &str, text: impl IntoResponse) -> Response {
    let place = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, place)];
    (headers, text).into_response()
}
