//! The whole ledger, checked: says the first thing that is wrong, and where.
//!
//! It reads on a connection of its own, in one snapshot, so it can run beside the terminal. One thread reads, in
//! batches, and all cores check signatures meanwhile; memory stays the same whatever the length of the chain. What one
//! entry must satisfy is in `entry`; this file walks.

mod closings;
mod entry;
mod payments;

use std::collections::HashMap;
use std::fmt;
use std::num::NonZero;
use std::path::Path;

use rusqlite::Connection;

use crate::crypto::verify_sign1_es256;
use crate::domain::catalogue::Catalogue;
use crate::domain::{CardNumber, EntryHash, KeySerial, Season, Sequence, Timestamp};
use crate::wire::cbor::{self, CborError};
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::exchange::{Head, Receipt};

use self::entry::{Before, Checker, Row};
use super::error::{LedgerError, OpenError};
use super::facts::{Facts, acknowledged_at, beginning, blob};
use super::intent::{Misfit, request};
use super::view::{OpenIntent, open_intent};
use super::{at_rest, head_file, open, schema};

/// How many entries are read while as many are checked, for each core.
const BATCH_ENTRIES: usize = 256;

/// A ledger in which nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The newest entry: the next check can go on from here.
    pub head: Head,
    /// How many entries were checked.
    pub entries: u64,
    /// How many receipts.
    pub receipts: u64,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The entry, where it is one; also of an intent or a receipt that names it.
    pub sequence: Option<Sequence>,
    /// What is wrong with it.
    pub wrong: Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.sequence {
            Some(sequence) => write!(f, "entry {sequence}: {}", self.wrong),
            None => self.wrong.fmt(f),
        }
    }
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// There is no entry of this number, and there are later ones.
    #[error("it is missing")]
    Missing,
    /// The chain is another than the one that was checked before.
    #[error("it is not the entry that was checked before")]
    NotTheOneBefore,
    /// It names another entry before than the one that stands there.
    #[error("it does not follow the entry before")]
    Link,
    /// Its hash is not that of its bytes.
    #[error("its bytes were changed: they have another hash")]
    Hash,
    /// The terminal did not sign it.
    #[error("the terminal's signature does not hold")]
    Signature,
    /// It changes the terminal's keys, and these have not signed it, or the table of keys says otherwise.
    #[error("the terminal's new keys have not signed it, or the table of keys says otherwise")]
    Keys,
    /// Its bytes are not those of an entry.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] CborError),
    /// It is another terminal's, or stands in another's place.
    #[error("it names another terminal or another place in the chain")]
    Place,
    /// Its time lies before that of the entry before.
    #[error("its time goes back, and it is no clock step")]
    Time,
    /// A column differs from what the entry says.
    #[error("the columns beside it differ from what it says")]
    Columns,
    /// Its worth, or the sum up to it, is another.
    #[error("its worth, or the sum up to it, is another")]
    Worth,
    /// The card's certificate is missing, another card's, or not the region's.
    #[error("the card's certificate is missing, another card's, or not signed by the region")]
    Certificate,
    /// The card did not sign what the entry says of it.
    #[error("the card's signature does not hold")]
    Card,
    /// It does not fit its intent.
    #[error("it does not fit its intent: {0}")]
    Intent(#[from] Misfit),
    /// It takes back something else than a debit of the card.
    #[error("it takes back something else than that debit of this card")]
    TakesBack,
    /// The card's counter or consumption does not follow from its record before.
    #[error("the card's counter or consumption does not follow from its record before")]
    CardHistory,
    /// An intent is said to end with this entry, which is another's.
    #[error("the intent of card {0} does not end here")]
    IntentEnd(CardNumber),
    /// An intent's columns are not what its bytes say.
    #[error("the columns beside the open intent of card {0} differ from what it says")]
    IntentColumns(CardNumber),
    /// A closing's sums are not those of the entries that it covers.
    #[error("it closes a period, and its sums or its bounds are not those of the entries")]
    Closing,
    /// A payment is not what the entries say of it.
    #[error("the payment that it is about is missing, or is not as the entries say")]
    Payment,
    /// A receipt is not what the region signed, or is for another entry.
    #[error("a receipt for it is not what the region signed, or is for another entry")]
    Receipt,
    /// The head file names an entry that is not in the chain.
    #[error("the head file names it, and the chain does not have it: the ledger is an old copy")]
    HeadFile,
    /// What the region has sent was changed on the disk.
    #[error("what the region has sent was changed on the disk: {0}")]
    AtRest(&'static str),
    /// SQLite cannot read the file, or finds it inconsistent.
    #[error("the file is damaged, here or further on: {0}")]
    File(String),
}

/// Why a ledger is not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Something is wrong with it.
    #[error("{0}")]
    Wrong(Fault),
}

impl From<Fault> for VerifyError {
    fn from(fault: Fault) -> Self {
        Self::Wrong(fault)
    }
}

impl From<LedgerError> for VerifyError {
    fn from(error: LedgerError) -> Self {
        Self::Open(error.into())
    }
}

impl From<rusqlite::Error> for VerifyError {
    fn from(error: rusqlite::Error) -> Self {
        LedgerError::from(error).into()
    }
}

/// Checks the ledger in `dir`: chain, signatures of the terminal, of cards and of the region, columns, intents,
/// receipts, head file, and SQLite's own structures. With `known`, the newest entry of an earlier check, entries up to
/// it are taken as good and SQLite's structures are not gone through again. `progress` is told how many of how many
/// entries are checked.
///
/// # Errors
/// [`VerifyError`], with the first thing that is wrong.
pub fn verify(dir: &Path, known: Option<Head>, progress: impl FnMut(u64, u64)) -> Result<Verified, VerifyError> {
    // Read before the snapshot is taken: the file may lag behind it and never leads.
    let named = head_file::read(&dir.join(open::HEAD_FILE));
    verify_file(&dir.join(open::DATABASE_FILE), named, known, progress)
}

/// The same of the database at `path`, which must have the head that is `named`.
pub(super) fn verify_file(
    path: &Path,
    named: Option<Head>,
    known: Option<Head>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verified, VerifyError> {
    let connection = schema::open_to_read(path)?;
    let snapshot = connection.unchecked_transaction()?;
    let facts = Facts::load(&snapshot)?;
    let walk = Walk { connection: &snapshot, facts: &facts };
    let start = walk.start(known)?;
    let entries = walk.entries(start, &mut progress)?;
    closings::check(&snapshot, start.head.sequence)?;
    payments::check(&snapshot, start.head.sequence)?;
    walk.intents()?;
    let receipts = walk.receipts()?;
    if let Some(part) = at_rest::wrong(&snapshot)? {
        return Err(Fault { sequence: None, wrong: Wrong::AtRest(part) }.into());
    }
    walk.head_file(named)?;
    if known.is_none() {
        walk.file()?;
    }
    Ok(Verified { head: facts.tip.head, entries, receipts })
}

struct Walk<'a> {
    connection: &'a Connection,
    facts: &'a Facts,
}

impl Walk<'_> {
    /// Where to begin: after the chain's beginning, or after an entry that is known to be good.
    fn start(&self, known: Option<Head>) -> Result<Before, VerifyError> {
        let Some(known) = known.filter(|known| known.sequence.get() > 0) else {
            return Ok(Before { head: beginning(&self.facts.identity), time: Timestamp::EPOCH, worth_total: 0 });
        };
        let sql = "SELECT hash, time, worth_total FROM entry WHERE sequence = ?1";
        let found = self.connection.query_row(sql, [known.sequence.get()], |row| {
            let head = Head { sequence: known.sequence, hash: EntryHash::new(row.get(0)?) };
            Ok(Before { head, time: Timestamp::new(row.get(1)?), worth_total: row.get(2)? })
        });
        match found {
            Ok(before) if before.head == known => Ok(before),
            Ok(_) | Err(rusqlite::Error::QueryReturnedNoRows) => Err(at(known.sequence, Wrong::NotTheOneBefore).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a batch while the one before is checked.
    fn entries(&self, start: Before, progress: &mut impl FnMut(u64, u64)) -> Result<u64, VerifyError> {
        let checker = Checker::new(self.facts, self.catalogues()?);
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let total = self.facts.tip.head.sequence.get().saturating_sub(start.head.sequence.get());
        let mut done = 0;
        let mut before = start;
        let mut batch = self.read(&mut before, cores * BATCH_ENTRIES)?;
        while !batch.is_empty() {
            let (next, fault) = std::thread::scope(|scope| {
                let workers: Vec<_> = batch
                    .chunks(batch.len().div_ceil(cores))
                    .map(|rows| scope.spawn(|| rows.iter().find_map(|row| checker.fault(row))))
                    .collect();
                let next = self.read(&mut before, cores * BATCH_ENTRIES);
                // Chunks are in the order of the chain, so the first fault of the first chunk that has one is the first
                // of all.
                let fault = workers.into_iter().find_map(|worker| {
                    let panicked = || Some(Fault { sequence: None, wrong: Wrong::File("the check failed".to_owned()) });
                    worker.join().unwrap_or_else(|_| panicked())
                });
                (next, fault)
            });
            if let Some(fault) = fault {
                return Err(fault.into());
            }
            done += batch.len() as u64;
            progress(done, total);
            batch = next?;
        }
        Ok(done)
    }

    /// The next rows after `before`, which moves on to the last of them.
    fn read(&self, before: &mut Before, count: usize) -> Result<Vec<Row>, VerifyError> {
        let here = |error: rusqlite::Error, before: &Before| {
            VerifyError::from(at(before.head.sequence.next(), Wrong::File(error.to_string())))
        };
        let mut statement = self.connection.prepare_cached(entry::ROWS).map_err(|error| here(error, before))?;
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let mut rows = statement.query((before.head.sequence.get(), limit)).map_err(|error| here(error, before))?;
        let mut batch = Vec::with_capacity(count);
        while let Some(row) = rows.next().map_err(|error| here(error, before))? {
            let row = Row::read(row, *before).map_err(|error| here(error, before))?;
            if row.head.sequence != before.head.sequence.next() {
                return Err(at(before.head.sequence.next(), Wrong::Missing).into());
            }
            *before = row.as_before();
            batch.push(row);
        }
        Ok(batch)
    }

    fn catalogues(&self) -> Result<HashMap<(Season, u32), Catalogue>, VerifyError> {
        let mut statement = self.connection.prepare("SELECT season, version, bytes FROM catalogue")?;
        let rows = statement.query_map([], |row| Ok(((Season::new(row.get(0)?), row.get(1)?), blob(row, 2)?)))?;
        rows.map(|row| {
            let (key, bytes) = row?;
            Ok((key, bytes.decode("a catalogue")?))
        })
        .collect()
    }

    /// Every intent that is said to have ended has ended there, and every open one is what its columns say. That an
    /// entry fits its intent was checked with the entry.
    fn intents(&self) -> Result<(), VerifyError> {
        let sql = "SELECT card, coalesce(settled_by, abandoned_by) FROM intent \
                   WHERE (settled_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entry \
                       WHERE sequence = settled_by AND entry.transaction_id = intent.transaction_id \
                       AND kind IN ('debit', 'reversal', 'not-done'))) \
                   OR (abandoned_by IS NOT NULL AND NOT EXISTS (SELECT 1 FROM entry \
                       WHERE sequence = abandoned_by AND entry.transaction_id = intent.transaction_id \
                       AND kind = 'abandoned'))";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            let card = CardNumber::new(row.get(0)?).map_err(|error| LedgerError::Damaged(error.to_string()))?;
            return Err(at(Sequence::new(row.get(1)?), Wrong::IntentEnd(card)).into());
        }
        let sql = "SELECT bytes, abandoned_by, card, transaction_id, request, certificate FROM intent \
                   WHERE settled_by IS NULL";
        let mut statement = self.connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let OpenIntent { intent, .. } = open_intent(row)?.try_into()?;
            let columns: (u64, [u8; 16], [u8; 16], [u8; 32]) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
            let request = *request(&intent).as_bytes();
            if columns != (intent.card.get(), *intent.transaction.as_bytes(), request, intent.certificate) {
                return Err(Fault { sequence: None, wrong: Wrong::IntentColumns(intent.card) }.into());
            }
        }
        Ok(())
    }

    /// Every receipt is the region's, for the entry that stands there. A key that was withdrawn later signed it all the
    /// same.
    fn receipts(&self) -> Result<u64, VerifyError> {
        let mut statement = self
            .connection
            .prepare("SELECT head_sequence, head_hash, time, request, cose FROM receipt ORDER BY number")?;
        let mut rows = statement.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let sequence = Sequence::new(row.get(0)?);
            let head = Head { sequence, hash: EntryHash::new(row.get(1)?) };
            let (time, request, cose): (u32, [u8; 16], Vec<u8>) = (row.get(2)?, row.get(3)?, row.get(4)?);
            let same = |receipt: Receipt| {
                receipt.terminal == self.facts.identity.terminal
                    && receipt.head == head
                    && receipt.time.get() == time
                    && *receipt.request.as_bytes() == request
            };
            let good = self.region_signed(&cose, Content::Receipt).and_then(|payload| cbor::decode(&payload).ok());
            if !good.is_some_and(same) || !self.has(head)? {
                return Err(at(sequence, Wrong::Receipt).into());
            }
            count += 1;
        }
        Ok(count)
    }

    /// The payload of a message that a region key signed, withdrawn since or not.
    fn region_signed(&self, cose: &[u8], content: Content) -> Option<Vec<u8>> {
        let message = Sign1::decode(cose, Algorithm::Es256, content).ok()?;
        let serial = KeySerial::new(message.key);
        let key = self.facts.keys.key_ever(serial).or_else(|| self.facts.keys.key_brought(&message))?;
        verify_sign1_es256(&message, &key).then_some(message.payload)
    }

    fn head_file(&self, named: Option<Head>) -> Result<(), VerifyError> {
        match named {
            Some(named) if !self.has(named)? => Err(at(named.sequence, Wrong::HeadFile).into()),
            Some(_) | None => Ok(()),
        }
    }

    fn has(&self, head: Head) -> Result<bool, VerifyError> {
        if head.sequence > self.facts.tip.head.sequence {
            return Ok(false);
        }
        Ok(acknowledged_at(self.connection, &self.facts.identity, head.sequence)?.head == head)
    }

    /// SQLite's own structures: pages, indexes against tables, CHECKs, references, and the rules themselves.
    fn file(&self) -> Result<(), VerifyError> {
        let damaged = |text: String| VerifyError::from(Fault { sequence: None, wrong: Wrong::File(text) });
        let said: String = self.connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            return Err(damaged(said));
        }
        let mut statement = self.connection.prepare("PRAGMA foreign_key_check")?;
        if statement.exists([])? {
            return Err(damaged("a row refers to one that is not there".to_owned()));
        }
        schema::wrong_object(self.connection)?.map_or(Ok(()), |wrong| Err(damaged(wrong)))
    }
}

fn at(sequence: Sequence, wrong: Wrong) -> Fault {
    Fault { sequence: Some(sequence), wrong }
}
