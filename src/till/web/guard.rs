//! What every request over loopback passes before anything looks at it, and what every answer carries.
//!
//! A browser on the machine shows other people's pages too, and lets them send requests to loopback. Each check stops one way in:
//! - `Host` is exactly one of the terminal's own: after DNS rebinding a foreign page is of the same origin as what it asks, but its name is still its own.
//! - `Origin` and `Sec-Fetch-Site`, which scripts cannot change, are those of the terminal's own page, or there are none, as programs send none.
//! - Who asks has a token, or the cookie and the proof of an opened page. The cookie alone is not enough: other ports of the machine get it too.
//! - A body is JSON: what a form can send is refused.
//!
//! There is no CORS: no answer is for another origin. The Unix socket has none of this: who may connect there is let in by the file system.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::access::Access;
use super::assets;
use crate::till::json::{self, ProblemKind};
use crate::till::server::{Failure, Introduced};

/// Where a page is opened: the one address of the API that is asked before there is anything to prove.
pub(in crate::till) const OPENING: &str = "/v1/page";
/// Where the API describes itself to anybody.
pub(in crate::till) const DESCRIPTION: &str = "/v1/openapi.json";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
/// What the terminal's page sends with every request: its proof.
pub(in crate::till) const PROOF: HeaderName = HeaderName::from_static("x-csrf-token");

/// What the browser lets the page do: run and show what the terminal serves, and ask the terminal. Nothing from elsewhere, nothing inline, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/// What the guard knows.
#[derive(Clone, Debug)]
pub(in crate::till) struct Guard {
    access: Arc<Access>,
    hosts: [String; 2],
    cookie: String,
}

impl Guard {
    /// The guard of the server at `address`.
    pub(in crate::till) fn new(access: Arc<Access>, address: SocketAddr) -> Self {
        let port = address.port();
        let hosts = [address.to_string(), format!("localhost:{port}")];
        // Browsers keep cookies by name of host alone: two terminals on one machine must not share one.
        Self { access, hosts, cookie: format!("pass_page_{port}") }
    }

    /// `Set-Cookie` for an opened page. Browsers keep it 400 days at most.
    pub(in crate::till) fn set_cookie(&self, cookie: &str) -> String {
        format!("{}={cookie}; Path=/; Max-Age=34560000; HttpOnly; SameSite=Strict", self.cookie)
    }

    fn allow(&self, request: &Request) -> Result<(), ProblemKind> {
        let headers = request.headers();
        let host = self.host(request)?;
        from_here(request, host)?;
        let path = request.uri().path();
        if assets::is_one(path) || path == DESCRIPTION {
            return Ok(());
        }
        if carries_something_else_than_json(headers) {
            return Err(ProblemKind::NotJson);
        }
        if path == OPENING {
            // Only a page has a use for a cookie, and a page's browser says where it comes from.
            return if headers.contains_key(header::ORIGIN) { Ok(()) } else { Err(ProblemKind::Foreign) };
        }
        self.who(request)
    }

    /// The name that the request is for, exactly one of ours.
    fn host<'a>(&self, request: &'a Request) -> Result<&'a str, ProblemKind> {
        let mut named = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (named.next().and_then(|host| host.to_str().ok()), named.next()) else {
            return Err(ProblemKind::WrongHost);
        };
        let other = request.uri().authority().is_some_and(|authority| authority.as_str() != host);
        if other || !self.hosts.iter().any(|ours| ours == host) {
            return Err(ProblemKind::WrongHost);
        }
        Ok(host)
    }

    fn who(&self, request: &Request) -> Result<(), ProblemKind> {
        let headers = request.headers();
        if let Some(authorization) = headers.get(header::AUTHORIZATION) {
            let token = authorization.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
            let known = token.is_some_and(|token| self.access.is_token(token.trim()));
            return if known { Ok(()) } else { Err(ProblemKind::NotIntroduced) };
        }
        let proof = headers.get(PROOF).and_then(|value| value.to_str().ok());
        match self.cookies(headers).find_map(|cookie| self.access.is_page(cookie, proof)) {
            Some(true) => Ok(()),
            Some(false) => Err(ProblemKind::Foreign),
            None => Err(ProblemKind::NotIntroduced),
        }
    }

    fn cookies<'a>(&'a self, headers: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.filter(|(name, _)| *name == self.cookie).map(|(_, value)| value)
    }
}

/// That no other page sends it.
fn from_here(request: &Request, host: &str) -> Result<(), ProblemKind> {
    let headers = request.headers();
    let is = |name: &HeaderName, expected: &str| headers.get(name).is_some_and(|value| value == expected);
    let own = format!("http://{host}");
    if headers.get_all(header::ORIGIN).iter().any(|origin| origin != own.as_str()) {
        return Err(ProblemKind::Foreign);
    }
    // A link to the page may stand anywhere; what it shows is only for those who see it.
    let visit = *request.method() == Method::GET
        && request.uri().path() == "/"
        && is(&SEC_FETCH_MODE, "navigate")
        && is(&SEC_FETCH_DEST, "document");
    match headers.get(&SEC_FETCH_SITE) {
        Some(site) if site != "same-origin" && site != "none" && !visit => Err(ProblemKind::Foreign),
        _ => Ok(()),
    }
}

fn carries_something_else_than_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let essence = media_type.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    match essence {
        Some(essence) => essence != "application/json",
        None => {
            let empty = headers.get(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
            !empty || headers.contains_key(header::TRANSFER_ENCODING)
        }
    }
}

/// The middleware.
pub(in crate::till) async fn check(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match guard.allow(&request) {
        Ok(()) => {
            if let Some(introduced) = request.extensions().get::<Introduced>() {
                introduced.now();
            }
            next.run(request).await
        }
        Err(kind) => {
            let language = request.headers().get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
            let mut refused =
                Failure::new(kind, language.map(json::accepted_language).unwrap_or_default()).into_response();
            if kind == ProblemKind::NotIntroduced {
                refused.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            refused
        }
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
