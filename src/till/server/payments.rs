//! Payments on the bank terminal.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::cashiers::{By, SessionHeader};
use super::handlers::{Answer, SharedApi};
use super::input::{Failure, OrFailure as _, Posted, Speak};
use super::{Api, Problems};
use crate::till::PaymentRefused;
use crate::till::json::{self, LanguageQuery, PaymentOutcome, PaymentWord, Payments, Problem, ProblemKind};

/// The addresses of this file.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(answer))
        .routes(routes!(give_back))
        .routes(routes!(try_out))
}

/// The payments that need somebody
///
/// In progress on the bank terminal, unknown, or to be given back.
#[utoipa::path(get, path = "/v1/payments", tag = "payments", params(LanguageQuery),
    responses((status = 200, description = "What came of it", body = Payments), Problems))]
pub(super) async fn list(State(api): SharedApi, Speak(language): Speak) -> Answer<Payments> {
    let open = api.desk.open_payments().await.or_failure(language)?;
    let open = open.map_err(|_| Failure::new(ProblemKind::TerminalStopping, language))?;
    Ok(Json(Payments::new(&open, language)))
}

/// What became of an unknown payment
///
/// As the bank terminal or its ticket shows it. It goes on record; the sale then goes on, or can be paid anew.
#[utoipa::path(post, path = "/v1/payments/{payment}/answer", tag = "payments",
    params(LanguageQuery, SessionHeader, ("payment" = String, Path, description = "The payment's name", pattern = "^[0-9a-f]{32}$")),
    request_body = PaymentWord,
    responses((status = 200, description = "What came of it", body = PaymentOutcome), Problems,
        (status = 404, description = "There is no such payment", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn answer(
    State(api): SharedApi,
    By(by): By,
    Path(payment): Path<String>,
    Posted(body, language): Posted<PaymentWord>,
) -> Answer<PaymentOutcome> {
    let payment = json::payment_id(&payment).or_failure(language)?;
    let said = body.said().or_failure(language)?;
    let outcome = api.desk.answer_payment(by, payment, said).await.or_failure(language)?;
    if outcome == Err(PaymentRefused::NoSuchPayment) {
        return Err(Failure::new(ProblemKind::NoSuchPayment, language));
    }
    Ok(Json(PaymentOutcome::of_payment(&outcome, language)))
}

/// Give back what is held of a sale
///
/// On the bank terminal, of a sale that did not come about or was taken back. Waits until it is done.
#[utoipa::path(post, path = "/v1/payments/refunds/{id}", tag = "payments",
    params(LanguageQuery, SessionHeader, ("id" = String, Path, description = "The id of the sale",
        pattern = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")),
    responses((status = 200, description = "What came of it", body = PaymentOutcome), Problems))]
pub(super) async fn give_back(
    State(api): SharedApi,
    By(by): By,
    Path(id): Path<String>,
    Speak(language): Speak,
) -> Answer<PaymentOutcome> {
    let request = json::request_id(&id).or_failure(language)?;
    let outcome = api.desk.give_back(by, request).await.or_failure(language)?;
    Ok(Json(PaymentOutcome::of_payment(&outcome, language)))
}

/// Try the bank terminal
///
/// Address, line and protocol, with a request that cannot move money.
#[utoipa::path(post, path = "/v1/payments/trial", tag = "payments", params(LanguageQuery),
    responses((status = 200, description = "What came of it", body = PaymentOutcome), Problems))]
pub(super) async fn try_out(State(api): SharedApi, Speak(language): Speak) -> Answer<PaymentOutcome> {
    let outcome = api.desk.try_bank_terminal().await.or_failure(language)?;
    Ok(Json(PaymentOutcome::of_trial(outcome, language)))
}
