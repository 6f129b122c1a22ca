//! Receipts.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cashiers::{By, SessionHeader};
use super::handlers::{Answer, SharedApi};
use super::input::{Failure, OrFailure as _, Posted, Speak};
use super::{Api, Problems};
use crate::domain::Sequence;
use crate::domain::refusal::Language;
use crate::till::json::{LanguageQuery, PrintRequest, ReceiptOutcome};

/// The addresses of this file.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(print))
}

fn entry(path: Result<Path<u64>, PathRejection>, language: Language) -> Result<Sequence, Failure> {
    path.map(|Path(entry)| Sequence::new(entry)).map_err(|error| Failure::bad_request(error, language))
}

/// A receipt, to be looked at
///
/// Nothing is handed out by this.
#[utoipa::path(get, path = "/v1/receipts/{entry}", tag = "receipts", params(LanguageQuery, ("entry" = u64, Path, description = "The entry of the sale or the undo")),
    responses((status = 200, description = "What came of it", body = ReceiptOutcome), Problems))]
pub(super) async fn show(
    State(api): SharedApi,
    path: Result<Path<u64>, PathRejection>,
    Speak(language): Speak,
) -> Answer<ReceiptOutcome> {
    let outcome = api.desk.receipt(entry(path, language)?).await.or_failure(language)?;
    Ok(Json(ReceiptOutcome::new(&outcome, language)))
}

/// Hand a receipt out
///
/// To the printer of the terminal, or to a client that prints it itself. From the second time on it is a duplicate, which goes on record.
#[utoipa::path(post, path = "/v1/receipts/{entry}/print", tag = "receipts", params(LanguageQuery, SessionHeader, ("entry" = u64, Path, description = "The entry of the sale or the undo")), request_body = PrintRequest,
    responses((status = 200, description = "What came of it", body = ReceiptOutcome), Problems))]
pub(super) async fn print(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u64>, PathRejection>,
    Posted(body, language): Posted<PrintRequest>,
) -> Answer<ReceiptOutcome> {
    let paper = body.paper().or_failure(language)?;
    let outcome = api.desk.hand_out(by, entry(path, language)?, paper).await.or_failure(language)?;
    Ok(Json(ReceiptOutcome::new(&outcome, language)))
}
