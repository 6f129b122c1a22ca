//! Closings.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cashiers::{By, SessionHeader};
use super::handlers::{Answer, SharedApi};
use super::input::{Asked, Failure, OrFailure as _, Posted, Speak};
use super::{Api, Problems};
use crate::domain::Sequence;
use crate::till::json::{
    ClosingOutcome, ClosingParameters, ClosingRequest, Closings, LanguageQuery, Problem, ProblemKind,
};

/// The addresses of this file.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(list, close)).routes(routes!(duplicate))
}

/// Close a day, a month, a year
///
/// With what was counted in the drawer. Nothing is added to what is closed.
#[utoipa::path(post, path = "/v1/closings", tag = "closings", params(LanguageQuery, SessionHeader), request_body = ClosingRequest,
    responses((status = 200, description = "What came of it", body = ClosingOutcome), Problems))]
pub(super) async fn close(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<ClosingRequest>,
) -> Answer<ClosingOutcome> {
    let order = body.order().or_failure(language)?;
    let outcome = api.desk.close(by, order).await.or_failure(language)?;
    Ok(Json(ClosingOutcome::new(&outcome, language)))
}

/// The closings, newest first
///
/// With their totals by benefit and by tender, and the perpetual ones.
#[utoipa::path(get, path = "/v1/closings", tag = "closings", params(ClosingParameters),
    responses((status = 200, description = "What came of it", body = Closings), Problems))]
pub(super) async fn list(State(api): SharedApi, Asked(query, language): Asked<ClosingParameters>) -> Answer<Closings> {
    let query = query.query().or_failure(language)?;
    let closings = api.desk.closings(query).await.or_failure(language)?;
    Ok(Json(Closings::new(&closings, language)))
}

/// A closing once more
///
/// It is put on record that a duplicate was made.
#[utoipa::path(post, path = "/v1/closings/{entry}/duplicate", tag = "closings", params(LanguageQuery, SessionHeader, ("entry" = u64, Path, description = "The closing's entry")),
    responses((status = 200, description = "What came of it", body = ClosingOutcome), Problems,
        (status = 404, description = "There is no such closing", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn duplicate(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u64>, PathRejection>,
    Speak(language): Speak,
) -> Answer<ClosingOutcome> {
    let Path(entry) = path.map_err(|error| Failure::bad_request(error, language))?;
    let outcome = api.desk.duplicate_closing(by, Sequence::new(entry)).await.or_failure(language)?;
    match outcome.transpose() {
        Some(outcome) => Ok(Json(ClosingOutcome::new(&outcome, language))),
        None => Err(Failure::new(ProblemKind::NoSuchClosing, language)),
    }
}
