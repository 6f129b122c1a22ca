//! Closings.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::Api;
use super::cashiers::By;
use super::handlers::{Answer, SharedApi};
use super::input::{Asked, Failure, OrFailure as _, Posted, Speak};
use crate::domain::Sequence;
use crate::till::json::{ClosingOutcome, ClosingParameters, ClosingRequest, Closings, ProblemKind};

/// The addresses of this file.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new().route("/v1/closings", get(list).post(close)).route("/v1/closings/{entry}/duplicate", post(duplicate))
}

async fn close(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<ClosingRequest>,
) -> Answer<ClosingOutcome> {
    let order = body.order().or_failure(language)?;
    let outcome = api.desk.close(by, order).await.or_failure(language)?;
    Ok(Json(ClosingOutcome::new(&outcome, language)))
}

async fn list(State(api): SharedApi, Asked(query, language): Asked<ClosingParameters>) -> Answer<Closings> {
    let query = query.query().or_failure(language)?;
    let closings = api.desk.closings(query).await.or_failure(language)?;
    Ok(Json(Closings::new(&closings)))
}

async fn duplicate(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u64>, PathRejection>,
    Speak(language): Speak,
) -> Answer<ClosingOutcome> {
    let Path(entry) = path.map_err(|error| Failure::bad_request(error, language))?;
    let outcome = api.desk.duplicate_closing(by, Sequence::new(entry)).await.or_failure(language)?;
    match outcome.transpose() {
        Some(outcome) => Ok(Json(ClosingOutcome::new(&outcome, language))),
        None => Err(Failure::new(ProblemKind::NotFound, language)),
    }
}
