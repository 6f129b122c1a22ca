//! The files of the page, which are in the program.
//!
//! A browser keeps a file only as long as it is the program's: it asks each time, and is told that nothing changed by the hash of the file.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing::get};

use crate::crypto::sha256;

/// A file: its address, its media type, what is in it.
struct Asset {
    path: &'static str,
    media_type: &'static str,
    text: &'static str,
}

macro_rules! assets {
    ($($path:literal $media_type:literal $file:literal)*) => {
        &[$(Asset { path: $path, media_type: $media_type, text: include_str!(concat!("../assets/", $file)) }),*]
    };
}

const ASSETS: &[Asset] = assets! {
    "/" "text/html; charset=utf-8" "index.html"
    "/page.css" "text/css; charset=utf-8" "page.css"
    "/page.js" "text/javascript; charset=utf-8" "page.js"
    "/flow.js" "text/javascript; charset=utf-8" "flow.js"
    "/line.js" "text/javascript; charset=utf-8" "line.js"
    "/screens.js" "text/javascript; charset=utf-8" "screens.js"
    "/training.js" "text/javascript; charset=utf-8" "training.js"
    "/words.js" "text/javascript; charset=utf-8" "words.js"
    "/icon.svg" "image/svg+xml" "icon.svg"
};

/// The tags of the files, in their order.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
    let tag = |asset: &Asset| {
        let hash = hex::encode(&sha256(asset.text.as_bytes())[..8]);
        HeaderValue::try_from(format!("\"{hash}\"")).unwrap_or(HeaderValue::from_static("\"\""))
    };
    ASSETS.iter().map(tag).collect()
});

/// Whether there is a file at `path`.
pub(super) fn is_one(path: &str) -> bool {
    ASSETS.iter().any(|asset| asset.path == path)
}

/// The files, each at its address.
pub(in crate::till) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().zip(TAGS.iter()).fold(Router::new(), |router, (asset, tag)| {
        router.route(asset.path, get(async move |request: Request| serve(asset, tag, &request)))
    })
}

fn serve(asset: &Asset, tag: &HeaderValue, request: &Request) -> Response {
    let unchanged = request.headers().get(header::IF_NONE_MATCH) == Some(tag);
    let mut response = match unchanged {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => Response::new(Body::from(asset.text)),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(header::ETAG, tag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
