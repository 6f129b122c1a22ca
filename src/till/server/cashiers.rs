//! Signing in and out, and the list of cashiers; and whose request a request is.
//!
//! A session travels in the header `Pass-Session`, never in an address.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::routing::{get, post};
use axum::{Json, Router};

use super::Api;
use super::handlers::{Answer, SharedApi};
use super::input::{Failure, OrFailure as _, Posted, Speak};
use crate::domain::CashierId;
use crate::domain::refusal::Language;
use crate::till::json::{self, CashierChange, CashierList, NewCashier, NewPin, SignIn, Signed};
use crate::till::{CashierOrder, SessionToken};

/// The header that a session travels in.
pub const SESSION_HEADER: &str = "pass-session";

/// The addresses of this file.
pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/v1/sessions", post(sign_in).delete(sign_out))
        .route("/v1/cashiers", get(list).post(add))
        .route("/v1/cashiers/{cashier}/pin", post(set_pin))
        .route("/v1/cashiers/{cashier}/disable", post(disable))
        .route("/v1/cashiers/{cashier}/enable", post(enable))
}

fn session(parts: &Parts) -> Option<SessionToken> {
    parts.headers.get(SESSION_HEADER)?.to_str().ok().and_then(SessionToken::parse)
}

/// Whose request it is: the cashier of the session that it carries, if that goes on.
pub(super) struct By(pub(super) Option<CashierId>);

impl FromRequestParts<Arc<Api>> for By {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Self::Rejection> {
        Ok(Self(session(parts).and_then(|session| api.desk.who(session))))
    }
}

/// The session that a request carries.
struct Carried(Option<SessionToken>);

impl<S: Sync> FromRequestParts<S> for Carried {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(session(parts)))
    }
}

async fn sign_in(State(api): SharedApi, Posted(body, language): Posted<SignIn>) -> Answer<Signed> {
    let (cashier, pin) = body.who().or_failure(language)?;
    let outcome = api.desk.sign_in(cashier, pin).await.or_failure(language)?;
    Ok(Json(Signed::new(&outcome, language)))
}

async fn sign_out(State(api): SharedApi, Carried(session): Carried) -> Json<CashierSignedOut> {
    if let Some(session) = session {
        api.desk.sign_out(session);
    }
    Json(CashierSignedOut { outcome: "signed-out" })
}

/// What a sign-out is answered, also where nobody had signed in.
#[derive(serde::Serialize)]
struct CashierSignedOut {
    outcome: &'static str,
}

async fn list(State(api): SharedApi, By(by): By, Speak(language): Speak) -> Answer<CashierList> {
    let cashiers = api.desk.cashiers().await.or_failure(language)?;
    Ok(Json(CashierList::new(&cashiers, by)))
}

async fn add(State(api): SharedApi, By(by): By, Posted(body, language): Posted<NewCashier>) -> Answer<CashierChange> {
    change(&api, by, body.order().or_failure(language)?, language).await
}

async fn set_pin(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u16>, axum::extract::rejection::PathRejection>,
    Posted(body, language): Posted<NewPin>,
) -> Answer<CashierChange> {
    let cashier = named(path, language)?;
    change(&api, by, body.order(cashier).or_failure(language)?, language).await
}

async fn disable(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u16>, axum::extract::rejection::PathRejection>,
    Speak(language): Speak,
) -> Answer<CashierChange> {
    let order = CashierOrder::Disable(named(path, language)?);
    change(&api, by, order, language).await
}

async fn enable(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u16>, axum::extract::rejection::PathRejection>,
    Speak(language): Speak,
) -> Answer<CashierChange> {
    let order = CashierOrder::Enable(named(path, language)?);
    change(&api, by, order, language).await
}

fn named(
    path: Result<Path<u16>, axum::extract::rejection::PathRejection>,
    language: Language,
) -> Result<CashierId, Failure> {
    let Path(number) = path.map_err(|error| Failure::bad_request(error, language))?;
    json::cashier_id(number).or_failure(language)
}

async fn change(api: &Api, by: Option<CashierId>, order: CashierOrder, language: Language) -> Answer<CashierChange> {
    let outcome = api.desk.change_cashiers(by, order).await.or_failure(language)?;
    Ok(Json(CashierChange::new(&outcome, language)))
}
