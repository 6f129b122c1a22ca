//! The exchange by file, for a counter without a line: the same messages, carried by hand.
//!
//! A request that went into a file stays answerable until [`EXPORTS_KEPT`] later ones were written: nothing that an answer says gets truer or
//! falser on its way, and how old it is the region's own time in it tells. An answer is taken in whatever order it comes: what is older than what is
//! known changes nothing but that its receipt is kept.

use rusqlite::OptionalExtension as _;

use crate::domain::{Cents, RequestId, Sequence, Timestamp};
use crate::wire::cbor::decode;
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::exchange::{ANSWER_BYTES_MAX, ExchangeAnswer, Health};

use super::answer::{AnswerError, Asked, VerifiedAnswer, verify_answer_to};
use super::append::Ledger;
use super::error::LedgerError;
use super::facts::acknowledged_at;

/// How many of the newest exported requests an answer may still be to.
pub const EXPORTS_KEPT: u32 = 32;

/// A request to be carried by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The whole signed message.
    pub message: Vec<u8>,
    /// How many entries it carries.
    pub entries: u64,
    /// What the region owes for these, by the terminal's own catalogue.
    pub cents: Cents,
    /// How many sales and undos in doubt it tells of.
    pub in_doubt: u64,
    /// How many entries wait that had no room in it.
    pub left: u64,
}

/// Why a file is not taken for an answer of the region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is a request: it has to go to the region first.
    #[error("this is a terminal's request, not the region's answer to it")]
    StillTheRequest,
    /// To a request that was not exported here, or too many exports ago.
    #[error("the answer is to request {0}, which this terminal has not exported lately")]
    NotExported(RequestId),
    /// It does not hold.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<rusqlite::Error> for ImportError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(error.into())
    }
}

impl Ledger {
    /// The next request, to be carried by hand. That it was made is durable when this returns, so that its answer will be known again.
    ///
    /// # Errors
    /// [`LedgerError`].
    pub fn export(&mut self, id: RequestId, now: Timestamp, health: Health) -> Result<Exported, LedgerError> {
        let request = self.view.next_request(id, now, &[], health)?;
        self.write(|draft| {
            let sql = "INSERT INTO export (request, time) VALUES (?1, ?2)";
            draft.connection.prepare_cached(sql)?.execute((id.as_bytes(), now.get()))?;
            let sql = "DELETE FROM export WHERE number <= (SELECT max(number) FROM export) - ?1";
            draft.connection.prepare_cached(sql)?.execute([EXPORTS_KEPT])?;
            Ok::<_, LedgerError>(())
        })?;
        let view = &self.view;
        let entries = request.entries.len() as u64;
        let acknowledged = view.facts.acknowledged;
        let last = Sequence::new(acknowledged.head.sequence.get().saturating_add(entries));
        let worth = acknowledged_at(&view.connection, view.identity(), last)?.worth.saturating_sub(acknowledged.worth);
        Ok(Exported {
            message: self.sign_request(&request)?,
            entries,
            // More was taken back than debited: nothing is owed.
            cents: u64::try_from(worth).map_or(Cents::ZERO, |cents| Cents::new(cents).unwrap_or(Cents::MAX)),
            in_doubt: request.in_doubt.len() as u64,
            left: view.exposure().waiting_entries.saturating_sub(entries),
        })
    }

    /// Checks `bytes` as the answer to a request that was exported, and says whether just this answer was taken before.
    ///
    /// # Errors
    /// [`ImportError`], the first thing that is wrong.
    pub fn verify_import(&self, bytes: &[u8]) -> Result<(VerifiedAnswer, TakenBefore), ImportError> {
        if Sign1::decode(bytes, Algorithm::EdDsa, Content::ExchangeRequest).is_ok() {
            return Err(ImportError::StillTheRequest);
        }
        let asked = self.asked(bytes)?;
        let verified = verify_answer_to(bytes, self.view.trusted_keys(), &asked)?;
        let sql = "SELECT 1 FROM receipt WHERE cose = ?1";
        let known = self.view.connection.prepare_cached(sql)?.exists([&verified.answer.receipt.0])?;
        Ok((verified, if known { TakenBefore::Yes } else { TakenBefore::No }))
    }

    /// The exported request that an answer says it is to; nothing else of the answer is believed yet.
    fn asked(&self, bytes: &[u8]) -> Result<Asked, ImportError> {
        if bytes.len() > ANSWER_BYTES_MAX {
            return Err(AnswerError::TooLarge(bytes.len()).into());
        }
        let message = Sign1::decode(bytes, Algorithm::Es256, Content::ExchangeAnswer).map_err(AnswerError::from)?;
        let answer: ExchangeAnswer = decode(&message.payload).map_err(AnswerError::from)?;
        let terminal = self.view.identity().terminal;
        if answer.terminal != terminal {
            return Err(AnswerError::OtherTerminal("the answer").into());
        }
        let sql = "SELECT time FROM export WHERE request = ?1";
        let mut statement = self.view.connection.prepare_cached(sql)?;
        let time = statement.query_row([answer.request.as_bytes()], |row| row.get(0).map(Timestamp::new)).optional()?;
        let time = time.ok_or(ImportError::NotExported(answer.request))?;
        Ok(Asked { terminal, request: answer.request, time })
    }
}

/// Whether an answer was taken before, in a file or on line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenBefore {
    /// It was: to take it again changes nothing.
    Yes,
    /// It is new here.
    No,
}
