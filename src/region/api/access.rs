//! Who asks, how often, and what is said to those who may not: tokens, roles, limits, bodies.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Api;
use super::json::status_and_code;
use super::limits::Asker;
use crate::crypto::sha256;
use crate::domain::Timestamp;
use crate::region::Region;
use crate::region::error::RegionError;
use crate::region::holders::Acting;
use crate::region::holders::operators::Role;
use crate::region::server::{RETRY_AFTER, problem};

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
        let address = sha256(address(peer, &parts.headers, &api.settings.proxies).as_bytes());
        if !api.addresses.has_room(&address, Instant::now()) {
            return Err(too_many());
        }
        let authorization = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        Ok(Self { token, address })
    }
}

/// Whose address counts: the peer's, or the one that a proxy which is believed says last.
fn address(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &[IpAddr]) -> String {
    let Some(peer) = peer else { return String::new() };
    let said = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
    let said = said.and_then(|list| list.rsplit(',').next()).map(str::trim).filter(|_| proxies.contains(&peer));
    said.and_then(|text| text.parse::<IpAddr>().ok()).unwrap_or(peer).to_string()
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

fn too_many() -> Response {
    let sentence = "Too many requests: come again later.";
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "too-many", sentence);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
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
    let Ok(_room) = api.room.try_acquire() else { return busy() };
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
    let Ok(_room) = api.room.try_acquire() else { return busy() };
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

fn busy() -> Response {
    let mut full = problem(StatusCode::SERVICE_UNAVAILABLE, "busy", "Too many requests at once: send it again.");
    full.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    full
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_that_is_believed_says_whom_it_speaks_for() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let table = [
            (Some("10.0.0.1"), "1.2.3.4, 5.6.7.8", "5.6.7.8"),
            (Some("10.0.0.1"), "nonsense", "10.0.0.1"),
            (Some("9.9.9.9"), "5.6.7.8", "9.9.9.9"),
            (None, "5.6.7.8", ""),
        ];
        for (peer, said, expected) in table {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", said.parse().unwrap());
            assert_eq!(
                address(peer.map(|peer| peer.parse().unwrap()), &headers, &[proxy]),
                expected,
                "{peer:?} {said}"
            );
        }
    }
}
