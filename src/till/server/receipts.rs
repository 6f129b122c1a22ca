//! Receipts.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};

use super::Api;
use super::cashiers::By;
use super::handlers::{Answer, SharedApi};
use super::input::{Failure, OrFailure as _, Posted, Speak};
use crate::domain::Sequence;
use crate::domain::refusal::Language;
use crate::till::json::{PrintRequest, ReceiptOutcome};

/// The addresses of this file.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new().route("/v1/receipts/{entry}", get(show)).route("/v1/receipts/{entry}/print", post(print))
}

fn entry(path: Result<Path<u64>, PathRejection>, language: Language) -> Result<Sequence, Failure> {
    path.map(|Path(entry)| Sequence::new(entry)).map_err(|error| Failure::bad_request(error, language))
}

async fn show(
    State(api): SharedApi,
    path: Result<Path<u64>, PathRejection>,
    Speak(language): Speak,
) -> Answer<ReceiptOutcome> {
    let outcome = api.desk.receipt(entry(path, language)?).await.or_failure(language)?;
    Ok(Json(ReceiptOutcome::new(&outcome, language)))
}

async fn print(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u64>, PathRejection>,
    Posted(body, language): Posted<PrintRequest>,
) -> Answer<ReceiptOutcome> {
    let paper = body.paper().or_failure(language)?;
    let outcome = api.desk.hand_out(by, entry(path, language)?, paper).await.or_failure(language)?;
    Ok(Json(ReceiptOutcome::new(&outcome, language)))
}
