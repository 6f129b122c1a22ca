//! The HTTP server: addresses, limits, and the Unix socket.
//!
//! - Each request runs inside its connection: a client that goes away drops the future that the desk works on, and so
//!   tells the desk.
//! - The socket is for its owner and its group alone (mode 0660). Who may reach it may sell.
//! - A refusal is an answer (200); only a request that is wrong in itself, or a terminal that stops, is a problem (RFC
//!   9457).
//!
//! What the answers look like is in [`super::json`].

mod cashiers;
mod closings;
mod handlers;
mod input;
mod receipts;
mod socket;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use super::Desk;
use crate::domain::RequestId;
use crate::domain::quote::{Quote, QuoteRequest, QuotedCard};
pub use cashiers::SESSION_HEADER;
pub use socket::{BindError, LocalServer};

/// How many quotes are kept for their confirmation: far more than one counter has open at a time.
const QUOTES_MAX: usize = 32;

/// What every handler works with.
struct Api {
    desk: Arc<dyn Desk>,
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

/// Every address of the local API.
fn router(desk: Arc<dyn Desk>) -> Router {
    Router::new()
        .route("/v1/redemptions", post(handlers::redeem))
        .route("/v1/quotes", post(handlers::quote))
        .route("/v1/quotes/confirm", post(handlers::confirm))
        .route("/v1/undos", post(handlers::undo))
        .route("/v1/abandonments", post(handlers::abandon))
        .route("/v1/card", get(handlers::card))
        .route("/v1/status", get(handlers::status))
        .route("/v1/journal", get(handlers::journal))
        .route("/v1/exchanges", post(handlers::exchange))
        .route("/v1/exports", post(handlers::export))
        .route("/v1/imports", post(handlers::import).layer(DefaultBodyLimit::max(input::IMPORT_BYTES_MAX)))
        .merge(cashiers::routes())
        .merge(closings::routes())
        .merge(receipts::routes())
        .fallback(handlers::not_found)
        .method_not_allowed_fallback(handlers::method_not_allowed)
        .with_state(Arc::new(Api { desk, quotes: Mutex::default() }))
}
