//! Signing in and out, and the list of cashiers; and whose request a request is.
//!
//! A session travels in the header `Pass-Session`, never in an address.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::handlers::{Answer, SharedApi};
use super::input::{Failure, OrFailure as _, Posted, Speak};
use super::{Api, Problems};
use crate::domain::CashierId;
use crate::domain::refusal::Language;
use crate::till::json::{self, CashierChange, CashierList, LanguageQuery, NewCashier, NewPin, SignIn, Signed};
use crate::till::{CashierOrder, SessionToken};

/// The header that a session travels in.
pub const SESSION_HEADER: &str = "pass-session";

/// The addresses of this file.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(sign_in, sign_out))
        .routes(routes!(list, add))
        .routes(routes!(set_pin))
        .routes(routes!(disable))
        .routes(routes!(enable))
}

/// Whose request it is, where one has to sign in.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes a header, which is read where it is needed")]
pub(super) struct SessionHeader {
    /// The session of a cashier who has signed in.
    #[param(rename = "Pass-Session")]
    session: Option<String>,
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
pub(super) struct Carried(Option<SessionToken>);

impl<S: Sync> FromRequestParts<S> for Carried {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(session(parts)))
    }
}

/// Sign somebody in
///
/// Answers a session, which later requests carry in the header `Pass-Session`. A wrong PIN is a refusal; after some, none is looked at for a while.
#[utoipa::path(post, path = "/v1/sessions", tag = "cashiers", params(LanguageQuery, SessionHeader), request_body = SignIn,
    responses((status = 200, description = "What came of it", body = Signed), Problems))]
pub(super) async fn sign_in(State(api): SharedApi, Posted(body, language): Posted<SignIn>) -> Answer<Signed> {
    let (cashier, pin) = body.who().or_failure(language)?;
    let outcome = api.desk.sign_in(cashier, pin).await.or_failure(language)?;
    Ok(Json(Signed::new(&outcome, language)))
}

/// Sign out
///
/// Ends the session that the request carries.
#[utoipa::path(delete, path = "/v1/sessions", tag = "cashiers", params(LanguageQuery, SessionHeader),
    responses((status = 200, description = "What came of it", body = SignedOut), Problems))]
pub(super) async fn sign_out(State(api): SharedApi, Carried(session): Carried) -> Json<SignedOut> {
    if let Some(session) = session {
        api.desk.sign_out(session);
    }
    Json(SignedOut { outcome: "signed-out" })
}

/// What a sign-out is answered, also where nobody had signed in.
#[derive(serde::Serialize, ToSchema)]
pub(super) struct SignedOut {
    outcome: &'static str,
}

/// The cashiers
///
/// And whether one has to sign in to sell.
#[utoipa::path(get, path = "/v1/cashiers", tag = "cashiers", params(LanguageQuery, SessionHeader),
    responses((status = 200, description = "What came of it", body = CashierList), Problems))]
pub(super) async fn list(State(api): SharedApi, By(by): By, Speak(language): Speak) -> Answer<CashierList> {
    let cashiers = api.desk.cashiers().await.or_failure(language)?;
    Ok(Json(CashierList::new(&cashiers, by)))
}

/// Add a cashier
///
/// For a manager. The first cashier is a manager, and switches the cashiers on.
#[utoipa::path(post, path = "/v1/cashiers", tag = "cashiers", params(LanguageQuery, SessionHeader), request_body = NewCashier,
    responses((status = 200, description = "What came of it", body = CashierChange), Problems))]
pub(super) async fn add(
    State(api): SharedApi,
    By(by): By,
    Posted(body, language): Posted<NewCashier>,
) -> Answer<CashierChange> {
    change(&api, by, body.order().or_failure(language)?, language).await
}

/// Give a new PIN
///
/// For a manager, or for oneself.
#[utoipa::path(post, path = "/v1/cashiers/{cashier}/pin", tag = "cashiers", params(LanguageQuery, SessionHeader, ("cashier" = u16, Path, minimum = 1, description = "The cashier's number")), request_body = NewPin,
    responses((status = 200, description = "What came of it", body = CashierChange), Problems))]
pub(super) async fn set_pin(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u16>, axum::extract::rejection::PathRejection>,
    Posted(body, language): Posted<NewPin>,
) -> Answer<CashierChange> {
    let cashier = named(path, language)?;
    change(&api, by, body.order(cashier).or_failure(language)?, language).await
}

/// Disable a cashier
///
/// For a manager.
#[utoipa::path(post, path = "/v1/cashiers/{cashier}/disable", tag = "cashiers", params(LanguageQuery, SessionHeader, ("cashier" = u16, Path, minimum = 1, description = "The cashier's number")),
    responses((status = 200, description = "What came of it", body = CashierChange), Problems))]
pub(super) async fn disable(
    State(api): SharedApi,
    By(by): By,
    path: Result<Path<u16>, axum::extract::rejection::PathRejection>,
    Speak(language): Speak,
) -> Answer<CashierChange> {
    let order = CashierOrder::Disable(named(path, language)?);
    change(&api, by, order, language).await
}

/// Enable a cashier again
///
/// For a manager.
#[utoipa::path(post, path = "/v1/cashiers/{cashier}/enable", tag = "cashiers", params(LanguageQuery, SessionHeader, ("cashier" = u16, Path, minimum = 1, description = "The cashier's number")),
    responses((status = 200, description = "What came of it", body = CashierChange), Problems))]
pub(super) async fn enable(
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
