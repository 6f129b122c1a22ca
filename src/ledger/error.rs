//! What can go wrong with a ledger, told apart by what to do about it.

use std::path::PathBuf;

use rusqlite::ErrorCode;

use crate::domain::{CardNumber, RequestId, Sequence, TransactionId};

use super::intent::Misfit;

/// How much of what SQLite said goes into a sentence.
const SAID_CHARS_MAX: usize = 200;

/// Why a ledger did not do what it was asked. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The disk is full, failing or read-only: nothing is sold that cannot be written (`ledger-unavailable`). It may
    /// pass.
    #[error("the ledger cannot be written or read: {0}")]
    Unavailable(String),
    /// What is stored is not what was written.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
    /// The card has an intent already; it is settled before anything else is done with the card.
    #[error("card {0} has a sale or an undo whose end is not known yet")]
    OpenIntent(CardNumber),
    /// The client's request was carried out, or is being carried out: the first answer is to be given again.
    #[error("request {0} was carried out, or is being carried out")]
    RequestKnown(RequestId),
    /// There is no intent of this transaction.
    #[error("no intent has transaction {0}")]
    NoSuchIntent(TransactionId),
    /// An entry has ended the intent, or given it up already.
    #[error("the intent of transaction {0} has ended, or was given up already")]
    IntentEnded(TransactionId),
    /// The entry says something else than its intent.
    #[error("the entry does not fit its intent: {0}")]
    Misfit(#[from] Misfit),
    /// An entry of this kind is written by `settle` or `abandon` only.
    #[error("an entry of kind {0} is written by ending its intent, not on its own")]
    NeedsIntent(&'static str),
    /// An entry about a payment is written by `payment_is` only.
    #[error("an entry about a payment is written with the payment, not on its own")]
    NeedsPayment,
    /// A change of keys is written by `change_keys` only.
    #[error("a change of keys is written with the keys, not on its own")]
    NeedsKeys,
    /// A closing is written by `close` only, with the sums of what it covers.
    #[error("a closing is written with the sums of what it covers, not on its own")]
    NeedsSums,
    /// Only a sale can be given up.
    #[error("transaction {0} is an undo, which cannot be given up")]
    NotASale(TransactionId),
    /// The entry to take back is not a debit of this card, or was taken back already.
    #[error("entry {0} is not a debit of this card that can be taken back")]
    NotUndoable(Sequence),
    /// The certificate of the card that the entry names is neither kept nor given, or another was given.
    #[error("the certificate of the card that the entry names is missing, or is another")]
    NoCertificate,
    /// The entry is larger than an entry may be.
    #[error("the entry has {0} bytes, more than an entry may have")]
    TooLarge(usize),
    /// The program asked for something that the file's rules forbid.
    #[error("the ledger refused a statement: {0}")]
    Refused(String),
}

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        let text = one_line(&error.to_string());
        match error {
            rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::OutOfMemory
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::NoLargeFileSupport => Self::Unavailable(text),
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Damaged(text),
                // `ErrorCode` is not ours and grows: what is left are mistakes of the program, such as a constraint
                // that is violated.
                _ => Self::Refused(text),
            },
            rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::QueryReturnedNoRows => Self::Damaged(text),
            _ => Self::Refused(text),
        }
    }
}

/// SQLite repeats the text that it cannot read, whole and over many lines.
fn one_line(said: &str) -> String {
    let words: Vec<_> = said.split_whitespace().collect();
    words.join(" ").chars().take(SAID_CHARS_MAX).collect()
}

/// Why a ledger was not opened or made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This terminal was never enrolled here.
    #[error("there is no ledger in {0}: enrol this terminal first")]
    NotThere(PathBuf),
    /// A ledger is never overwritten.
    #[error("there is a ledger in {0} already")]
    AlreadyThere(PathBuf),
    /// Another process has it open.
    #[error("the ledger in {0} is in use by another process")]
    InUse(PathBuf),
    /// An SQLite file of another program, or no SQLite file.
    #[error("{0} is not a terminal's ledger")]
    Foreign(PathBuf),
    /// A newer program made or upgraded it.
    #[error("the ledger has schema {found} and this program knows schemas up to {known}: install the newer program")]
    Newer {
        /// The file's.
        found: u32,
        /// This program's.
        known: u32,
    },
    /// An SQLite library that can lose committed rows (SQLite, WAL-reset race; mended in 3.51.3).
    #[error("SQLite {0} can lose committed rows: 3.51.3 is the oldest that is safe")]
    OldSqlite(&'static str),
    /// The key is not the one that signs this chain.
    #[error("the terminal's key is not the key of this ledger")]
    OtherKey,
    /// The region's answer to the enrolment does not hold together.
    #[error("the enrolment does not hold together: {0}")]
    Enrolment(&'static str),
    /// The file cannot be upgraded to this program's schema.
    #[error("the ledger's schema could not be made: {0}")]
    Schema(String),
    /// What is stored cannot be read, or the disk does not give or take it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Ledger(LedgerError::Unavailable(error.to_string()))
    }
}
