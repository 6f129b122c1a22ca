//! The HTTP server: addresses, limits, the Unix socket, and loopback.
//!
//! - Each request runs inside its connection: a client that goes away drops the future that the desk works on, and so
//!   tells the desk.
//! - The socket is for its owner and its group alone (mode 0660). Who may reach it may sell, and says who else may over loopback.
//! - Over loopback nothing is answered before [`guard`](super::web) has looked at it.
//! - A refusal is an answer (200); only a request that is wrong in itself, or a terminal that stops, is a problem (RFC
//!   9457).
//!
//! What the answers look like is in [`super::json`].

mod cashiers;
mod closings;
mod connections;
mod events;
mod handlers;
mod input;
mod loopback;
mod openapi;
mod payments;
mod receipts;
mod socket;
mod tills;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router, middleware};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Desk;
use super::web::guard::{self, Guard};
use super::web::{Access, assets};
use crate::crypto;
use crate::domain::RequestId;
use crate::domain::quote::{Quote, QuoteRequest, QuotedCard};
pub use cashiers::SESSION_HEADER;
pub(super) use connections::Introduced;
use events::Events;
pub(super) use input::Failure;
pub use loopback::{ListenError, LoopbackServer};
use openapi::Problems;
pub use socket::{BindError, LocalServer};

/// How many quotes are kept for their confirmation: far more than one counter has open at a time.
const QUOTES_MAX: usize = 32;

/// What every handler works with, over the socket and over loopback.
pub struct Api {
    desk: Arc<dyn Desk>,
    access: Arc<Access>,
    events: Events,
    /// Oldest first.
    quotes: Mutex<VecDeque<(RequestId, OpenQuote)>>,
}

/// A quote that was given and can be confirmed.
#[derive(Clone, Debug)]
struct OpenQuote {
    request: QuoteRequest,
    card: QuotedCard,
    quote: Quote,
}

impl Api {
    /// The API of `desk`; over loopback for whom `access` knows. Needs a tokio runtime.
    pub fn new(desk: Arc<dyn Desk>, access: Access) -> Arc<Self> {
        // Where the system gives no random bytes nothing is sold; that runs are then not told apart is the least of it.
        let run: [u8; 8] = crypto::random().unwrap_or_default();
        let events = Events::new(hex::encode(run));
        let api = Arc::new(Self { desk, access: Arc::new(access), events, quotes: Mutex::default() });
        let noticing = Arc::clone(&api);
        tokio::spawn(async move { noticing.events.notice(&*noticing.desk).await });
        api
    }

    /// Who may use it over loopback.
    pub fn access(&self) -> &Access {
        &self.access
    }

    fn keep(&self, id: RequestId, quote: OpenQuote) {
        let mut quotes = self.quotes.lock().unwrap_or_else(PoisonError::into_inner);
        quotes.retain(|(kept, _)| *kept != id);
        if quotes.len() == QUOTES_MAX {
            quotes.pop_front();
        }
        quotes.push_back((id, quote));
    }

    fn kept(&self, id: RequestId) -> Option<OpenQuote> {
        let quotes = self.quotes.lock().unwrap_or_else(PoisonError::into_inner);
        quotes.iter().find(|(kept, _)| *kept == id).map(|(_, quote)| quote.clone())
    }
}

/// The addresses that a till knows, and their description.
fn described() -> (Router<Arc<Api>>, OpenApi) {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(handlers::redeem))
        .routes(routes!(handlers::quote))
        .routes(routes!(handlers::confirm))
        .routes(routes!(handlers::request_of))
        .routes(routes!(handlers::undo))
        .routes(routes!(handlers::abandon))
        .routes(routes!(handlers::card))
        .routes(routes!(handlers::status))
        .routes(routes!(handlers::journal))
        .routes(routes!(handlers::exchange))
        .routes(routes!(handlers::export))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(handlers::import))
                .layer(DefaultBodyLimit::max(input::IMPORT_BYTES_MAX)),
        )
        .routes(routes!(events::events))
        .merge(cashiers::routes())
        .merge(closings::routes())
        .merge(payments::routes())
        .merge(receipts::routes())
        .split_for_parts()
}

/// The description of the API, as it is served and as `docs/terminal-api.json` has it.
pub fn description() -> OpenApi {
    described().1
}

fn common() -> Router<Arc<Api>> {
    let (router, description) = described();
    router.route(guard::DESCRIPTION, get(async move || Json(description.clone())))
}

/// Every address of the Unix socket.
fn socket_router(api: Arc<Api>) -> Router {
    common()
        .route("/v1/tills", get(tills::list).post(tills::add))
        .route("/v1/tills/{name}", delete(tills::remove))
        .route("/v1/pages", post(tills::invite))
        .fallback(handlers::not_found)
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .with_state(api)
}

/// Every address of loopback, behind the guard.
fn loopback_router(api: Arc<Api>, address: SocketAddr) -> Router {
    let guard = Guard::new(Arc::clone(&api.access), address);
    common()
        .merge(assets::routes())
        .route(guard::OPENING, post(tills::open_page))
        .fallback(handlers::not_found)
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .layer(Extension(guard.clone()))
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .with_state(api)
}
