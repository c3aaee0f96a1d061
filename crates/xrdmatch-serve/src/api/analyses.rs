//! Files in, what the models say of them out.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequest, Multipart, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use diffraction::simulate::Wavelength;
use serde::{Deserialize, Serialize};
use xrdmatch::causes::chain;
use xrdmatch::explain::Explanation;
use xrdmatch::screen::Ranked;
use xrdmatch_report::Chart;

use super::{Shared, download};
use crate::analysis::{Analysed, Analysis, Kept};
use crate::app::App;
use crate::charts;
use crate::ensemble::Ensemble;
use crate::intake::{Intake, whole};
use crate::problem::Problem;
use crate::reading::{Read, Reading, Sample};

/// How files are to be analysed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct How {
    /// By the models of which run.
    run: Option<String>,
    /// The wavelength of scans that state none: a line, or a number in Å.
    wavelength: Option<String>,
}

/// A pattern with its charts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PatternDetail {
    /// What is said of it.
    pub pattern: Analysed,
    /// As it came, as the models see it, and beside each of its labelled neighbours.
    pub charts: Vec<Chart>,
}

/// Why a pattern is judged as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplanationDetail {
    /// The same as `xrdmatch explain --json` says.
    pub explanation: Explanation,
    /// The pattern with the peaks that drive the prediction.
    pub charts: Vec<Chart>,
}

pub(super) async fn create(
    State(app): Shared,
    how: Result<Query<How>, QueryRejection>,
    request: Request,
) -> Result<(StatusCode, Json<Analysis>), Problem> {
    let Query(how) = how.map_err(|error| Problem::bad_request(error.body_text()))?;
    let unstated_wavelength = match how.wavelength.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => {
            let wavelength = text.parse::<Wavelength>();
            wavelength.map_err(|error| Problem::bad_request(error.to_string()))?.angstrom()
        }
        None => Wavelength::CU_KA.angstrom(),
    };
    let intake = intake(&app, request).await?;
    let run = {
        let (app, asked) = (Arc::clone(&app), how.run);
        crate::app::aside(move || app.run_or_default(asked.as_deref())).await?
    };
    let ensemble = app.ensemble(&run).await?;
    let reading = Reading {
        grid: ensemble.models.grid,
        classes: ensemble.models.classes,
        sticks: ensemble.models.sticks,
        unstated_wavelength,
        most: app.limits.patterns,
    };
    let Read { samples, refused } =
        app.work(move || Ok(reading.read(&intake.files, &intake.place()))).await?;
    let rows: Vec<_> = samples.iter().map(|sample| sample.row.clone()).collect();
    let judged = if rows.is_empty() { Vec::new() } else { ensemble.judge(rows).await? };
    let analysis = Analysis {
        id: app.analyses.next_id(),
        run,
        made: jiff::Timestamp::now().to_string(),
        members: ensemble.models.members,
        patterns: samples.iter().zip(judged).map(analysed).collect(),
        refused,
    };
    let kept = app.analyses.keep(Kept::new(analysis, samples, &ensemble));
    Ok((StatusCode::CREATED, Json(kept.analysis.clone())))
}

/// The type of a request's content, and its declared length.
fn content(headers: &HeaderMap) -> (String, Option<u64>) {
    let of = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = of(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    (kind, of(header::CONTENT_LENGTH).and_then(|length| length.parse().ok()))
}

/// Takes in the files, in a turn of their own and in good time.
async fn intake(app: &App, request: Request) -> Result<Intake, Problem> {
    let limits = app.limits;
    let (kind, declared) = content(request.headers());
    let is_form = kind.starts_with("multipart/form-data");
    if !is_form && !kind.starts_with("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unknown_content",
            "send files as multipart/form-data, or numbers as application/json",
        ));
    }
    let most = if is_form { limits.body } else { limits.json };
    if declared.is_some_and(|declared| declared > most as u64) {
        return Err(Problem::too_large(format!("the request is larger than {most} bytes")));
    }
    let _turn = app.turn_to_send().await?;
    let receive = async {
        if is_form {
            let form = Multipart::from_request(request, &()).await;
            let form = form.map_err(|error| Problem::bad_request(error.body_text()))?;
            return Intake::of_form(form, &limits).await;
        }
        let bytes = whole(request.into_body(), most, limits.idle).await?;
        Intake::of_numbers(&bytes, &limits)
    };
    match tokio::time::timeout(limits.upload, receive).await {
        Ok(intake) => intake,
        Err(_) => Err(Problem::too_slow("the request took too long to arrive")),
    }
}

fn analysed((sample, judged): (&Sample, Ranked)) -> Analysed {
    let (file, kind, notes) = (sample.file.clone(), sample.kind, sample.notes.clone());
    Analysed { file, kind, notes, judged }
}

fn kept(app: &App, id: &str) -> Result<Arc<Kept>, Problem> {
    app.analyses.get(id).ok_or_else(|| {
        Problem::not_found("there is no such analysis any more; only the latest are kept")
    })
}

pub(super) async fn get(
    State(app): Shared,
    Path(id): Path<String>,
) -> Result<Json<Analysis>, Problem> {
    Ok(Json(kept(&app, &id)?.analysis.clone()))
}

/// In what form a table is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Form {
    format: Format,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Csv,
    Jsonl,
    Parquet,
}

/// The patterns as `xrdmatch screen` writes them.
pub(super) async fn table(
    State(app): Shared,
    Path(id): Path<String>,
    form: Result<Query<Form>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Form { format }) = form.map_err(|error| Problem::bad_request(error.body_text()))?;
    let (kind, ending) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
        Format::Jsonl => ("application/x-ndjson", "jsonl"),
        Format::Parquet => ("application/vnd.apache.parquet", "parquet"),
    };
    let kept = kept(&app, &id)?;
    let bytes = app.work(move || {
        let failed = |error: &dyn std::error::Error| Problem::failed(chain(error));
        let directory = tempfile::tempdir().map_err(|error| failed(&error))?;
        let path = directory.path().join(format!("table.{ending}"));
        let rows: Vec<Ranked> =
            kept.analysis.patterns.iter().map(|pattern| pattern.judged.clone()).collect();
        Ranked::write_table(&rows, &path).map_err(|error| failed(&error))?;
        std::fs::read(&path).map_err(|error| failed(&error))
    });
    Ok(download(kind, &format!("analysis.{ending}"), bytes.await?))
}

/// An analysis, the place of a pattern in it, and its models.
type Chosen = (Arc<Kept>, usize, Arc<Ensemble>);

fn chosen(
    app: &App,
    place: Result<Path<(String, usize)>, PathRejection>,
) -> Result<Chosen, Problem> {
    let absent = || Problem::not_found("there is no such pattern");
    let Path((id, number)) = place.map_err(|_| absent())?;
    let kept = kept(app, &id)?;
    if number >= kept.samples.len() {
        return Err(absent());
    }
    let ensemble = kept.ensemble.upgrade().filter(|ensemble| ensemble.is_alive());
    let ensemble = ensemble.ok_or_else(|| {
        let status = StatusCode::GONE;
        Problem::new(
            status,
            "models_gone",
            "the models behind this are gone; analyse the file again",
        )
    })?;
    Ok((kept, number, ensemble))
}

pub(super) async fn pattern(
    State(app): Shared,
    place: Result<Path<(String, usize)>, PathRejection>,
) -> Result<Json<PatternDetail>, Problem> {
    let (kept, number, ensemble) = chosen(&app, place)?;
    let (sample, pattern) = (&kept.samples[number], &kept.analysis.patterns[number]);
    let nearest = &pattern.judged.nearest;
    let names = nearest.iter().map(|near| near.name.clone()).collect();
    let look = ensemble.look(&sample.row, names).await?;
    let models = &ensemble.models;
    let mut charts = vec![charts::measured(sample, models), charts::seen(sample, &look, models)];
    for (place, (near, other)) in nearest.iter().zip(&look.labeled).enumerate() {
        charts.push(charts::beside(place, &sample.row.name, &look.own, near, other, models.grid));
    }
    Ok(Json(PatternDetail { pattern: pattern.clone(), charts }))
}

pub(super) async fn explanation(
    State(app): Shared,
    place: Result<Path<(String, usize)>, PathRejection>,
) -> Result<Json<ExplanationDetail>, Problem> {
    let (kept, number, ensemble) = chosen(&app, place)?;
    let sample = &kept.samples[number];
    let explained = &kept.explanations[number];
    let explain = || ensemble.explain(&sample.row, &sample.planes);
    let explanation = explained.get_or_try_init(explain).await?.clone();
    let look = ensemble.look(&sample.row, Vec::new()).await?;
    let chart = charts::driving(&explanation, &look.own, ensemble.models.grid);
    Ok(Json(ExplanationDetail { explanation, charts: vec![chart] }))
}
