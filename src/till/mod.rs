//! The terminal's local API: what a till, a script or the cashier's page can ask the daemon.
//!
//! Owns the HTTP server on the Unix socket and on loopback, the cashier's page, the JSON of every request and answer, and the client that the command line
//! uses. It decides nothing: it hands each request to the [`Desk`] and says what came of it. The ledger, the reader and
//! the exchange are out of its sight.

pub mod client;
pub mod json;
pub mod server;
pub mod web;

mod cashiers;
mod closings;
mod desk;
mod payments;
mod receipts;

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
mod tests;

pub use cashiers::{CashierAnswer, CashierDesk, CashierOrder, CashierRefused, SessionToken, SignedIn};
pub use closings::{CloseOrder, Closed, ClosingAnswer, ClosingDesk, ClosingQuery, NotClosed};
pub use desk::{
    BoxFuture, CARRIED_BYTES_MAX, Desk, DeskGone, Detail, ExchangeState, ExportReport, ImportReport, JournalLine,
    JournalQuery, News, NotCarried, PrinterState, ReaderState, Status, SyncReport,
};
pub use payments::{HeldMoney, OpenPayments, PaymentAnswer, PaymentDesk, PaymentRefused, PaymentView, SaidOfPayment};
pub use receipts::{NoReceipt, Paper, ReceiptAnswer, ReceiptDesk, ReceiptView};
