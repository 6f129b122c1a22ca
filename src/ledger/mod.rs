//! The terminal's ledger: the one owner of its SQLite file.
//!
//! Owns the chain of signed entries, the intents that are made durable before a card is asked for anything, the
//! region's receipts, and everything that the region told the terminal. What always holds:
//!
//! - one process has a ledger open for writing (a lock on `DIR/lock`), and in it one [`Ledger`] owns the one connection
//!   that writes;
//! - every change is one `BEGIN IMMEDIATE` transaction, durable (`synchronous=FULL`) when the call returns, whole or
//!   not at all;
//! - an entry is signed in the transaction that writes it; entries, intents and receipts are never changed or deleted,
//!   which triggers enforce;
//! - an intent and the entry that ends it are tied together: neither is written when it does not fit the other;
//! - doubt means refuse: a file that is foreign, newer, damaged or of another terminal is not opened, and nothing is
//!   ever repaired.
//!
//! [`View`] is what can be read, also without the right to write; [`Ledger`] what can be written; [`LedgerThread`]
//! gives a ledger a thread of its own, because a disk can block. What is to be written, and when, is decided elsewhere:
//! the sale in [`crate::machine`], the region's bytes in [`crate::wire`]. The time is always an argument.

mod answer;
mod append;
mod apply;
mod at_rest;
mod backup;
mod carried;
mod cashiers;
mod closings;
mod error;
mod exchange;
mod facts;
mod feed_tables;
mod head_file;
mod held;
mod intent;
mod keys;
mod open;
mod payments;
mod prints;
mod project;
mod schema;
#[cfg(test)]
mod tests;
mod thread;
mod totals;
mod verify;
mod view;

pub use crate::domain::closing::{BenefitTotal, TenderTotal, Totals};
pub use answer::{AnswerError, VerifiedAnswer, verify_answer};
pub use append::Ledger;
pub use apply::{Applied, ApplyError, CLOCK_STEP_SECONDS};
pub use backup::{BackupError, Contents, backup, check_backup};
pub use carried::{EXPORTS_KEPT, Exported, ImportError, TakenBefore};
pub use cashiers::{By, CashierError, Disabling};
pub use closings::{CloseError, Counted, OpenDay};
pub use error::{LedgerError, OpenError};
pub use facts::Identity;
pub use head_file::Behind;
pub use held::Held;
pub use intent::Misfit;
pub use keys::{KeysError, TerminalKeys};
pub use payments::{AskedPayment, Payment, PaymentError};
pub use thread::{LedgerGone, LedgerHandle, LedgerThread, Pulse};
pub use verify::{Fault, Verified, VerifyError, Wrong, verify};
pub use view::{ByRequest, EndedIntent, OpenIntent, StoredEntry, View};
