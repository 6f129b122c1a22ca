//! Who may use the API over loopback, asked for over the Unix socket alone: tokens of tills, codes of pages. And where a page brings its code.

use std::sync::Arc;

use axum::Extension;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::Api;
use super::input::{Failure, Posted, Speak};
use crate::domain::refusal::Language;
use crate::till::json::{Invitation, NewTill, OpenedPage, PageCode, ProblemKind, Till, Tills};
use crate::till::web::AccessError;
use crate::till::web::guard::Guard;

type SharedApi = State<Arc<Api>>;

pub(super) async fn list(State(api): SharedApi) -> Json<Tills> {
    let tills = api.access.tills().into_iter();
    Json(Tills {
        tills: tills.map(|till| Till { name: till.name, kind: till.kind.code().to_owned(), token: None }).collect(),
    })
}

pub(super) async fn add(State(api): SharedApi, Posted(body, language): Posted<NewTill>) -> Result<Json<Till>, Failure> {
    let token = api.access.add(&body.name).map_err(|error| failure(&error, language))?;
    tracing::info!(till = body.name, "a till was added");
    Ok(Json(Till { name: body.name, kind: "program".to_owned(), token: Some(token.reveal().to_owned()) }))
}

pub(super) async fn remove(
    State(api): SharedApi,
    Path(name): Path<String>,
    Speak(language): Speak,
) -> Result<Json<Tills>, Failure> {
    api.access.remove(&name).map_err(|error| failure(&error, language))?;
    tracing::info!(till = name, "a till was removed");
    Ok(list(State(api)).await)
}

pub(super) async fn invite(State(api): SharedApi, Speak(language): Speak) -> Result<Json<Invitation>, Failure> {
    let url = api.access.invite().map_err(|error| failure(&error, language))?;
    Ok(Json(Invitation { url }))
}

/// The only address of loopback that is asked without a secret: what it brings is one.
pub(super) async fn open_page(
    State(api): SharedApi,
    Extension(guard): Extension<Guard>,
    Posted(body, language): Posted<PageCode>,
) -> Result<Response, Failure> {
    let page = api.access.open_page(&body.code).map_err(|error| failure(&error, language))?;
    tracing::info!("a page was opened");
    let cookie = [(header::SET_COOKIE, guard.set_cookie(page.cookie.reveal()))];
    Ok((cookie, Json(OpenedPage { csrf_token: page.proof.reveal().to_owned() })).into_response())
}

fn failure(error: &AccessError, language: Language) -> Failure {
    let kind = match error {
        AccessError::Refused => ProblemKind::TillRefused,
        AccessError::Unknown => ProblemKind::TillUnknown,
        AccessError::Code => ProblemKind::CodeRefused,
        AccessError::TooManyAttempts => ProblemKind::TooManyAttempts,
        AccessError::PageOff => ProblemKind::PageOff,
        AccessError::NoRandomness => ProblemKind::NoRandomness,
        AccessError::File { .. } => {
            tracing::error!(%error, "the list of tills was not written");
            ProblemKind::TillsUnavailable
        }
    };
    Failure::new(kind, language)
}
