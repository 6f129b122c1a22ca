//! `GET /v1/partners`: the public list of partners (R10), for anybody, as JSON or CSV.
//!
//! The store is asked at most once a minute, whoever asks how often; browsers and proxies keep the answer, and ask whether it has changed.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::Region;
use super::api::json::Problem;
use super::error::RegionError;
use super::partners::{PublicList, PublicListJson};
use crate::domain::Timestamp;

/// How long a list is given out before the store is asked again.
const KEPT_SECONDS: u32 = 60;

/// How long others may keep the answer.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The list that is given out now.
#[derive(Debug, Default)]
pub(super) struct KeptList(Mutex<Option<(Timestamp, Arc<PublicList>)>>);

impl KeptList {
    /// The list, asked of the store when the one that is there is old. Blocks.
    pub(super) fn get(&self, region: &Region, now: Timestamp) -> Result<Arc<PublicList>, RegionError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_at, list)) = kept.as_ref()
            && *made_at <= now
            && now.seconds_since(*made_at) < KEPT_SECONDS
        {
            return Ok(Arc::clone(list));
        }
        let list = Arc::new(region.public_list()?);
        *kept = Some((now, Arc::clone(&list)));
        Ok(list)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
}

/// What was asked for: `?format=csv`, or a preference for `text/csv` over JSON; JSON otherwise. `None` for a form that there is not.
fn form(uri: &Uri, headers: &HeaderMap) -> Option<Form> {
    let named =
        uri.query().into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("format="));
    match named {
        Some("json") => return Some(Form::Json),
        Some("csv") => return Some(Form::Csv),
        Some(_) => return None,
        None => (),
    }
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let quality = |wanted: &str| {
        let ranges = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let matches = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(wanted));
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok());
            matches.then(|| quality.unwrap_or_default())
        });
        ranges.fold(0.0, f32::max)
    };
    Some(if quality("text/csv") > quality("application/json") { Form::Csv } else { Form::Json })
}

/// The partners that cards are taken at, for anybody. Suspended ones are not in it.
// `None` for a form that there is not. What stands above is in the description of the API.
#[utoipa::path(
    get,
    path = "/v1/partners",
    operation_id = "partners",
    params(("format" = Option<String>, Query, description = "`json` or `csv`; what `Accept` prefers otherwise.")),
    responses(
        (status = 200, description = "The list, which may be kept for five minutes, and has an ETag.", content(
            (PublicListJson = "application/json"),
            (String = "text/csv")
        )),
        (status = 304, description = "It is still the one of `If-None-Match`."),
        (status = "default", description = "Refused, with the reason.", body = Problem)
    )
)]
pub(super) fn answer(list: &PublicList, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
    let (form, media, body) = match form(uri, headers)? {
        Form::Json => ("json", "application/json", &list.json),
        Form::Csv => ("csv", "text/csv; charset=utf-8; header=present", &list.csv),
    };
    let tag = format!("\"{}-{form}\"", list.digest);
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    // A weak comparison (RFC 9110, 13.1.2).
    let mut known = known.flat_map(|value| value.split(',')).map(|one| one.trim().trim_start_matches("W/"));
    let mut response = if known.any(|one| one == tag || one == "*") {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, media)], Body::from(body.clone())).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE);
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    // Anybody's page may read what anybody may.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_chosen_by_query_then_by_preference() {
        let table = [
            ("/v1/partners", None, Some("json")),
            ("/v1/partners?format=csv", Some("application/json"), Some("csv")),
            ("/v1/partners?format=xml", None, None),
            ("/v1/partners", Some("text/csv"), Some("csv")),
            ("/v1/partners", Some("text/html, */*;q=0.8"), Some("json")),
            ("/v1/partners", Some("application/json;q=0.5, text/csv;q=0.9"), Some("csv")),
            ("/v1/partners", Some("text/csv;q=0.2, application/json"), Some("json")),
        ];
        for (uri, accept, expected) in table {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            }
            let found = form(&uri.parse().unwrap(), &headers);
            let found = found.map(|form| if form == Form::Csv { "csv" } else { "json" });
            assert_eq!(found, expected, "{uri} {accept:?}");
        }
    }
}
