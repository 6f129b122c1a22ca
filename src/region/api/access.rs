//! Who asks, how often, and what is said to those who may not: tokens, roles, limits, bodies.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Api;
use super::json::status_and_code;
use crate::crypto::sha256;
use crate::domain::Timestamp;
use crate::region::Region;
use crate::region::error::RegionError;
use crate::region::holders::Acting;
use crate::region::holders::operators::Role;
use crate::region::limits::{Asker, asker};
use crate::region::server::{full, problem, too_many};

/// The largest body: a thousand cards with their profiles.
const BODY_BYTES_MAX: usize = 256 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// Who asks, before it is known whether they may.
pub(super) struct Caller {
    token: Option<String>,
    address: Asker,
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Response> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        let address = asker(peer, &parts.headers, &api.settings.proxies);
        if !api.addresses.has_room(&address, Instant::now()) {
            return Err(too_many());
        }
        let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        Ok(Self { token, address })
    }
}

/// A body that is JSON of this shape.
pub(super) struct Input<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Input<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let given = request.headers().get(header::CONTENT_TYPE).and_then(|given| given.to_str().ok());
        if given.is_none_or(|given| given.split(';').next().map(str::trim) != Some("application/json")) {
            return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Send application/json."));
        }
        let body = tokio::time::timeout(BODY_TIMEOUT, to_bytes(request.into_body(), BODY_BYTES_MAX)).await;
        let body = body
            .map_err(|_| problem(StatusCode::REQUEST_TIMEOUT, "timeout", "The body did not come in time."))?
            .map_err(|_| problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large."))?;
        let read = serde_json::from_slice(&body);
        // What is wrong is said by place: a value could be somebody's name.
        let wrong = |error: serde_json::Error| {
            let place =
                format!("The body is not what is expected, at line {} column {}.", error.line(), error.column());
            problem(StatusCode::BAD_REQUEST, "malformed", &place)
        };
        read.map(Self).map_err(wrong)
    }
}

fn unauthorized() -> Response {
    let sentence = "This takes the token of an operator: Authorization: Bearer ...";
    let mut response = problem(StatusCode::UNAUTHORIZED, "unauthorized", sentence);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    response
}

/// What is said of an error. What is the region's own fault is told to the log.
fn refusal(error: &RegionError) -> Response {
    let (status, code) = status_and_code(error);
    if status == 500 {
        tracing::error!(%error, "a request to the desk could not be dealt with");
        return problem(StatusCode::INTERNAL_SERVER_ERROR, code, "The region could not do this.");
    }
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    problem(status, code, &error.to_string())
}

/// An answer, as JSON, that nobody keeps.
fn answer<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    match serde_json::to_vec(value) {
        Ok(body) => (status, headers, body).into_response(),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "The region could not do this."),
    }
}

/// What an operator asks for, with the role and as whom.
pub(super) struct Asked<'a> {
    pub(super) region: &'a Region,
    pub(super) acting: Acting,
    pub(super) role: Role,
    pub(super) now: Timestamp,
}

/// Does `work` for an operator with one of `roles`, on a thread that may block.
pub(super) async fn act<T: Serialize + Send + 'static>(
    api: Arc<Api>,
    caller: Caller,
    roles: &'static [Role],
    status: StatusCode,
    work: impl FnOnce(&Asked<'_>) -> Result<T, RegionError> + Send + 'static,
) -> Response {
    let refused = |api: &Api| {
        // Whoever tries tokens is slowed down, whoever has one is not.
        api.addresses.take(&caller.address, Instant::now());
        unauthorized()
    };
    let Some(token) = caller.token.clone() else { return refused(&api) };
    if !api.tokens.take(&sha256(token.as_bytes()), Instant::now()) {
        return too_many();
    }
    let Ok(_room) = api.room.try_acquire() else { return full() };
    let (shared, now) = (Arc::clone(&api), (api.clock)());
    let done = tokio::task::spawn_blocking(move || {
        let region = &shared.region;
        let Some(operator) = region.operator_of(&token)? else { return Ok(None) };
        if !roles.contains(&operator.role) {
            return Ok(Some(Err(operator.role)));
        }
        let asked = Asked { region, acting: operator.acting(), role: operator.role, now };
        work(&asked).map(|done| Some(Ok(done)))
    });
    match done.await {
        Ok(Ok(Some(Ok(done)))) => answer(status, &done),
        Ok(Ok(Some(Err(role)))) => {
            let sentence = format!("An operator with the role \"{role}\" may not do this.");
            problem(StatusCode::FORBIDDEN, "forbidden", &sentence)
        }
        Ok(Ok(None)) => refused(&api),
        Ok(Err(error)) => refusal(&error),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "The region could not do this."),
    }
}

/// Does `work` for anybody, and for each address no more often than it may.
pub(super) async fn serve_anybody<T: Serialize + Send + 'static>(
    api: Arc<Api>,
    caller: Caller,
    work: impl FnOnce(&Region) -> Result<Option<T>, RegionError> + Send + 'static,
) -> Response {
    if !api.addresses.take(&caller.address, Instant::now()) {
        return too_many();
    }
    let Ok(_room) = api.room.try_acquire() else { return full() };
    let shared = Arc::clone(&api);
    match tokio::task::spawn_blocking(move || work(&shared.region)).await {
        Ok(Ok(Some(done))) => answer(StatusCode::OK, &done),
        Ok(Ok(None)) => {
            problem(StatusCode::FORBIDDEN, "forbidden", "The card number and the secret do not belong together.")
        }
        Ok(Err(error)) => refusal(&error),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "The region could not do this."),
    }
}
