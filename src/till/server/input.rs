//! What comes in: the body with its limits, the query, the language. What is wrong with it goes out as a problem.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use crate::domain::refusal::Language;
use crate::till::json::{self, BadValue, LanguageQuery, Problem, ProblemKind};
use crate::till::{CARRIED_BYTES_MAX, DeskGone};

/// The largest body: a request of this API has some hundred bytes.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;
/// The largest body that brings a message of the region: two digits a byte, and what stands around them.
pub(super) const IMPORT_BYTES_MAX: usize = 2 * CARRIED_BYTES_MAX + 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a request got no answer.
pub(in crate::till) struct Failure {
    kind: ProblemKind,
    detail: Option<String>,
    language: Language,
}

impl Failure {
    pub(in crate::till) const fn new(kind: ProblemKind, language: Language) -> Self {
        Self { kind, detail: None, language }
    }

    pub(super) fn bad_request(why: impl ToString, language: Language) -> Self {
        Self { kind: ProblemKind::BadRequest, detail: Some(why.to_string()), language }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = Problem::new(self.kind, self.detail, self.language);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

/// What is wrong is said in the language of the request.
pub(super) trait OrFailure<T> {
    fn or_failure(self, language: Language) -> Result<T, Failure>;
}

impl<T> OrFailure<T> for Result<T, BadValue> {
    fn or_failure(self, language: Language) -> Result<T, Failure> {
        self.map_err(|error| Failure::bad_request(error, language))
    }
}

impl<T> OrFailure<T> for Result<T, DeskGone> {
    fn or_failure(self, language: Language) -> Result<T, Failure> {
        self.map_err(|DeskGone| Failure::new(ProblemKind::TerminalStopping, language))
    }
}

/// The language of the request: `lang`, else `Accept-Language`, else French.
pub(super) struct Speak(pub(super) Language);

impl<S: Sync> FromRequestParts<S> for Speak {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let header = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let accepted = header.map_or(Language::default(), json::accepted_language);
        let query = Query::<LanguageQuery>::try_from_uri(&parts.uri);
        let Query(LanguageQuery { lang }) = query.map_err(|error| Failure::bad_request(error, accepted))?;
        match lang.as_deref() {
            None => Ok(Self(accepted)),
            Some(tag) => {
                let language = json::language(tag);
                language.map(Self).ok_or_else(|| Failure::bad_request("lang: fr, en", accepted))
            }
        }
    }
}

/// The query, all of whose fields are known.
pub(super) struct Asked<T>(pub(super) T, pub(super) Language);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let Speak(language) = Speak::from_request_parts(parts, state).await?;
        let query = Query::<T>::try_from_uri(&parts.uri).map_err(|error| Failure::bad_request(error, language))?;
        Ok(Self(query.0, language))
    }
}

/// A JSON body. Its media type is not asked for: whoever can write to the socket can also write the header.
pub(super) struct Posted<T>(pub(super) T, pub(super) Language);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Posted<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let Speak(language) = Speak::from_request_parts(&mut parts, state).await?;
        let body = read(Request::from_parts(parts, body), language).await?;
        // An array would be taken for the fields in their order: `[]` must not become a sale.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(Failure::bad_request("the body must be a JSON object", language));
        }
        let posted = serde_json::from_slice(&body).map_err(|error| Failure::bad_request(error, language))?;
        Ok(Self(posted, language))
    }
}

async fn read(request: Request<Body>, language: Language) -> Result<Bytes, Failure> {
    let read = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await;
    let read = read.map_err(|_| Failure::new(ProblemKind::BodyTooSlow, language))?;
    read.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::new(ProblemKind::BodyTooLarge, language),
        _ => Failure::bad_request(rejection, language),
    })
}
