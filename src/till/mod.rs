//! The terminal's local API: what a till, a script or the cashier's page can ask the daemon.
//!
//! Owns the HTTP server on the Unix socket (and on loopback where that is switched on), the JSON of every answer, and the client that the command line
//! uses. It decides nothing: it hands each request to the [`Desk`] and says what came of it. The ledger, the reader and the exchange are out of its sight.

mod desk;

pub use desk::{BoxFuture, Desk, DeskGone, ExchangeState, JournalLine, JournalQuery, ReaderState, Status, SyncReport};
