//! Candidates, chosen, ordered and paged.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;

use super::{Shared, download};
use crate::app::aside;
use crate::candidates::{Asked, CandidateDetail, CandidatePage, MOST_AT_ONCE};
use crate::problem::Problem;

type Wanted = Result<Query<Asked>, QueryRejection>;

fn asked(query: Wanted) -> Result<Asked, Problem> {
    let Query(asked) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    if asked.limit.is_some_and(|limit| limit > MOST_AT_ONCE) {
        return Err(Problem::bad_request(format!(
            "{MOST_AT_ONCE} candidates are the most of one page"
        )));
    }
    Ok(asked)
}

pub(super) async fn page(
    State(app): Shared,
    query: Wanted,
) -> Result<Json<CandidatePage>, Problem> {
    let (asked, browser) = (asked(query)?, app.browser().await?);
    aside(move || Ok(browser.page(&asked))).await.map(Json)
}

pub(super) async fn table(State(app): Shared, query: Wanted) -> Result<Response, Problem> {
    let (asked, browser) = (asked(query)?, app.browser().await?);
    let text = aside(move || Ok(browser.table(&asked))).await?;
    Ok(download("text/csv; charset=utf-8", "candidates.csv", text))
}

pub(super) async fn detail(
    State(app): Shared,
    place: Result<Path<usize>, PathRejection>,
) -> Result<Json<CandidateDetail>, Problem> {
    let absent = || Problem::not_found("there is no such candidate");
    let Path(place) = place.map_err(|_| absent())?;
    let detail = app.browser().await?.detail(place);
    detail.map(Json).ok_or_else(absent)
}
