//! What can be read from a ledger, by its owner and, read-only, beside it.
//!
//! What a sale reads every time comes from memory; the rest are queries that an index answers, whatever the length of
//! the chain.

use std::cell::Cell;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Params, Row};

use crate::crypto::TrustedKeys;
use crate::domain::card::{Entitlement, KeyCertificate, TerminalCertificate};
use crate::domain::catalogue::{Benefit, Catalogue, Code};
use crate::domain::entry::{Entry, Intent};
use crate::domain::policy::{Exposure, Policy};
use crate::domain::version::RequiredVersion;
use crate::domain::{
    CardNumber, Cents, Counter, EntryHash, RequestId, Season, Sequence, Slot, Timestamp, TransactionId,
};
use crate::succession::Succession;
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::decode_entry;
use crate::wire::exchange::{Head, TerminalStanding};
use crate::wire::feed::{Denial, EntryVerdict, Partner, Position, RecordsWanted};

use super::at_rest::{self, Part};
use super::error::{LedgerError, OpenError};
use super::facts::{Facts, Identity, Stored, blob};
use super::head_file::{self, Behind};
use super::{open, schema};

/// An entry as it stands in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its number and hash.
    pub head: Head,
    /// What it says.
    pub entry: Entry,
}

/// An intent whose end is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// The intent.
    pub intent: Intent,
    /// The entry that gave it up, where the cashier did.
    pub abandoned_by: Option<Sequence>,
}

/// An intent that was in doubt, and its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedIntent {
    /// The intent.
    pub intent: Intent,
    /// Whether the sale had been given up before it ended.
    pub abandoned_by: Option<Sequence>,
    /// The entry that ended it.
    pub end: StoredEntry,
}

/// What became of a client's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ByRequest {
    /// It is not known yet whether the card did it.
    Open(OpenIntent),
    /// The newest entry of the request.
    Ended(StoredEntry),
}

/// The read side of a ledger.
#[derive(Debug)]
pub struct View {
    pub(super) connection: Connection,
    pub(super) facts: Facts,
    pub(super) behind: Option<Behind>,
    /// Something that the region sent was read, and was not what it sent: the next exchange asks for it again.
    pub(super) changed_at_rest: Cell<bool>,
}

/// A place in the chain as SQLite counts. No entry has the greatest number there is, so whoever asks for a greater one, or a forged head file has one, finds nothing.
pub(super) fn number(sequence: Sequence) -> i64 {
    i64::try_from(sequence.get()).unwrap_or(i64::MAX)
}

impl View {
    /// Opens the ledger in `dir` for reading only, whether or not its owner runs.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        // Read before the database: the file may lag behind it and never leads.
        let named = head_file::read(&dir.join(open::HEAD_FILE));
        Self::of(schema::open_to_read(&dir.join(open::DATABASE_FILE))?, named)
    }

    /// Checks the newest entry, and reads what is held in memory. `named` is the head that the head file names.
    pub(super) fn of(connection: Connection, named: Option<Head>) -> Result<Self, OpenError> {
        let facts = Facts::load(&connection)?;
        let mut view = Self { connection, facts, behind: None, changed_at_rest: Cell::new(false) };
        view.check_head()?;
        if let Some(other) = named
            && !view.has(other)?
        {
            view.behind = Some(Behind { other });
        }
        Ok(view)
    }

    /// The newest entry is what its row says, and this terminal's.
    fn check_head(&self) -> Result<(), LedgerError> {
        let head = self.head();
        let stored = self.entry(head.sequence)?.ok_or(LedgerError::Damaged("there is no entry".to_owned()))?;
        let cose = self.cose(head.sequence)?;
        let signed = Sign1::decode(&cose, Algorithm::EdDsa, Content::Entry)
            .is_ok_and(|message| crate::crypto::verify_sign1_ed25519(&message, self.succession().at(head.sequence)));
        let whole = crate::crypto::entry_hash(&cose) == head.hash
            && stored.entry.sequence == head.sequence
            && stored.entry.terminal == self.identity().terminal;
        if signed && whole {
            Ok(())
        } else {
            Err(LedgerError::Damaged(format!("entry {}, the newest, is not what was signed", head.sequence)))
        }
    }

    /// Whether `head` is an entry of this chain, or its beginning.
    pub(super) fn has(&self, head: Head) -> Result<bool, LedgerError> {
        if head.sequence.get() == 0 {
            return Ok(head.hash == self.identity().chain_beginning);
        }
        Ok(self.hash(head.sequence)? == Some(head.hash))
    }

    /// Who the terminal is.
    pub fn identity(&self) -> &Identity {
        &self.facts.identity
    }

    /// The keys of the terminal's entries, one after the other.
    pub fn succession(&self) -> &Succession {
        &self.facts.succession
    }

    /// The entries with which the terminal's keys were changed, each as it was signed, in order: of the newest `limit` changes.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn key_changes(&self, limit: usize) -> Result<Vec<Vec<u8>>, LedgerError> {
        let changes = self.succession().changes();
        let passed_over = changes.len().saturating_sub(limit);
        changes.skip(passed_over).map(|change| self.cose(change)).collect()
    }

    /// The newest entry.
    pub fn head(&self) -> Head {
        self.facts.tip.head
    }

    /// The trusted time's floor (decision 10): the newest of the own entries and the region's answers. A clock further
    /// behind it than the caller tolerates is not to be sold with.
    pub fn floor(&self) -> Timestamp {
        self.facts.tip.floor
    }

    /// A newer head than this ledger's is known: nothing is sold until the region has been asked.
    pub fn behind(&self) -> Option<Behind> {
        self.behind
    }

    /// Whether the region lets the terminal sell, as its newest answer says.
    pub fn standing(&self) -> TerminalStanding {
        self.facts.state.standing
    }

    /// The head that the region acknowledged in its newest answer; the chain's beginning before the first.
    pub fn acknowledged(&self) -> Head {
        self.facts.acknowledged.head
    }

    /// What the terminal has of the feed.
    pub fn feed_position(&self) -> Position {
        self.facts.state.feed_position
    }

    /// How far the terminal is from the region.
    pub fn exposure(&self) -> Exposure {
        let Facts { tip, acknowledged, state, .. } = &self.facts;
        let cents = tip.worth.saturating_sub(acknowledged.worth);
        Exposure {
            last_exchange: state.last_exchange,
            deny_list_made: state.deny_list_made,
            waiting_entries: tip.head.sequence.get().saturating_sub(acknowledged.head.sequence.get()),
            // More was taken back than debited: nothing is waiting to be paid.
            waiting_cents: u64::try_from(cents).map_or(Cents::ZERO, |cents| Cents::new(cents).unwrap_or(Cents::MAX)),
        }
    }

    /// The offline policy.
    pub fn policy(&self) -> &Policy {
        &self.facts.policy
    }

    /// The newest catalogue of `season`.
    pub fn catalogue(&self, season: Season) -> Option<Arc<Catalogue>> {
        self.facts.catalogues.get(&season).cloned()
    }

    /// What this benefit is in the newest season whose catalogue has it: a code is never given to another benefit.
    pub fn benefit(&self, code: &Code) -> Option<&Benefit> {
        self.facts.catalogues.values().rev().find_map(|catalogue| catalogue.benefit_called(code.as_str()))
    }

    /// The partner's name and activities.
    pub fn partner(&self) -> Arc<Partner> {
        Arc::clone(&self.facts.partner)
    }

    /// The version that terminals must have by a date, where the region has said so.
    pub fn required_version(&self) -> Option<RequiredVersion> {
        self.facts.required_version
    }

    /// The terminal's certificates, the newest of each season, by growing season.
    pub fn certificates(&self) -> &[TerminalCertificate] {
        &self.facts.certificates
    }

    /// The region keys that are not withdrawn, by growing serial: what cards and certificates are checked with.
    pub fn region_keys(&self) -> Vec<KeyCertificate> {
        self.facts.keys.certificates().copied().collect()
    }

    /// The keys that a message of the region is checked with.
    pub fn trusted_keys(&self) -> &TrustedKeys {
        &self.facts.keys
    }

    /// Runs `read` in one snapshot: all that it reads is of one moment, and SQLite looks for that moment once and not
    /// at every query.
    ///
    /// # Errors
    /// [`LedgerError`], that of `read` too.
    pub fn in_snapshot<R>(&self, read: impl FnOnce(&Self) -> Result<R, LedgerError>) -> Result<R, LedgerError> {
        let snapshot = self.connection.unchecked_transaction()?;
        let result = read(self)?;
        snapshot.commit()?;
        Ok(result)
    }

    /// The terminal's certificates under former region keys, the newest first: for reading cards that were blocked before they met a newer key.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn former_certificates(&self) -> Result<Vec<TerminalCertificate>, LedgerError> {
        let sql = "SELECT bytes FROM former_certificate ORDER BY season DESC, key_serial DESC";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        rows.map(|bytes| {
            TerminalCertificate::decode(&bytes?)
                .map_err(|error| LedgerError::Damaged(format!("a former terminal certificate: {error}")))
        })
        .collect()
    }

    /// What the region sent of `card`.
    fn sent_of(&self, part: Part, card: CardNumber) -> Result<Option<Vec<u8>>, LedgerError> {
        let row = at_rest::row_of(&self.connection, part, card);
        if matches!(row, Err(LedgerError::Damaged(_))) {
            self.changed_at_rest.set(true);
        }
        row
    }

    /// Why `card` is denied, if it is.
    ///
    /// # Errors
    /// [`LedgerError::Unavailable`] or [`LedgerError::Damaged`], as all of these.
    pub fn denial(&self, card: CardNumber) -> Result<Option<Denial>, LedgerError> {
        let bytes = self.sent_of(Part::Denial, card)?;
        bytes.map(|bytes| Stored(bytes).decode("a denial")).transpose()
    }

    /// The entitlement to be put on `card`, where the region sent one. The card may have it already.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn entitlement_for(&self, card: CardNumber) -> Result<Option<Entitlement>, LedgerError> {
        let bytes = self.sent_of(Part::Entitlement, card)?;
        bytes
            .map(|bytes| Entitlement::decode(&bytes))
            .transpose()
            .map_err(|error| LedgerError::Damaged(format!("an entitlement: {error}")))
    }

    /// The records of `card` that the region wants.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn records_wanted(&self, card: CardNumber) -> Result<Vec<RecordsWanted>, LedgerError> {
        let sql = "SELECT from_counter, to_counter FROM records_wanted WHERE card = ?1 ORDER BY from_counter";
        self.many(sql, [card.get()], |row| {
            Ok(RecordsWanted { card, from: Counter::new(row.get(0)?), to: Counter::new(row.get(1)?) })
        })
    }

    /// The intent of `card` whose end is not known.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn open_intent(&self, card: CardNumber) -> Result<Option<OpenIntent>, LedgerError> {
        open_intent_of(&self.connection, card)
    }

    /// Every intent whose end is not known.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn open_intents(&self) -> Result<Vec<OpenIntent>, LedgerError> {
        let sql =
            "SELECT bytes, abandoned_by FROM intent INDEXED BY intent_open WHERE settled_by IS NULL ORDER BY card";
        self.many(sql, [], open_intent)?.into_iter().map(OpenIntent::try_from).collect()
    }

    /// The ends of `card`'s intents that came out of a doubt and that no client was told yet, oldest first.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn undelivered(&self, card: CardNumber) -> Result<Vec<EndedIntent>, LedgerError> {
        let sql = "SELECT bytes, abandoned_by, settled_by FROM intent \
                   WHERE card = ?1 AND delivered = 0 ORDER BY settled_by";
        let rows = self.many(sql, [card.get()], |row| Ok((open_intent(row)?, Sequence::new(row.get(2)?))))?;
        rows.into_iter()
            .map(|(row, settled_by)| {
                let OpenIntent { intent, abandoned_by } = row.try_into()?;
                let end = self.entry(settled_by)?;
                let missing = || LedgerError::Damaged(format!("entry {settled_by} ends an intent and is not there"));
                Ok(EndedIntent { intent, abandoned_by, end: end.ok_or_else(missing)? })
            })
            .collect()
    }

    /// What became of the client's `request`.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn by_request(&self, request: RequestId) -> Result<Option<ByRequest>, LedgerError> {
        let sql = "SELECT bytes, abandoned_by FROM intent INDEXED BY intent_open \
                   WHERE request = ?1 AND settled_by IS NULL";
        if let Some(row) = self.one(sql, [request.as_bytes()], open_intent)? {
            return Ok(Some(ByRequest::Open(row.try_into()?)));
        }
        let sql = "SELECT sequence, hash, cose FROM entry WHERE request = ?1 ORDER BY sequence DESC LIMIT 1";
        let row = self.one(sql, [request.as_bytes()], stored_row)?;
        Ok(row.map(stored_entry).transpose()?.map(ByRequest::Ended))
    }

    /// What this terminal has debited from `card` in `slot` since `time`, less what was taken back; in the unit of the
    /// slot.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn debited_since(&self, card: CardNumber, slot: Slot, time: Timestamp) -> Result<u32, LedgerError> {
        let sql = "SELECT coalesce(sum(amount), 0) FROM entry \
                   WHERE card = ?1 AND kind = 'debit' AND slot = ?2 AND time >= ?3 \
                   AND NOT EXISTS (SELECT 1 FROM entry AS undo WHERE undo.takes_back = entry.sequence)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let sum: u64 = statement.query_row((card.get(), slot.get(), time.get()), |row| row.get(0))?;
        Ok(u32::try_from(sum).unwrap_or(u32::MAX))
    }

    /// The newest debit of `card` at this terminal, taken back or not.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn last_debit_of(&self, card: CardNumber) -> Result<Option<StoredEntry>, LedgerError> {
        let sql = "SELECT sequence, hash, cose FROM entry \
                   WHERE card = ?1 AND kind = 'debit' ORDER BY sequence DESC LIMIT 1";
        self.one(sql, [card.get()], stored_row)?.map(stored_entry).transpose()
    }

    /// The newest debit of `card` at this terminal whose sale had been given up, and that was not taken back yet.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn abandoned_debit_of(&self, card: CardNumber) -> Result<Option<StoredEntry>, LedgerError> {
        let sql = "SELECT entry.sequence, hash, cose FROM entry JOIN intent USING (transaction_id) \
                   WHERE entry.card = ?1 AND kind = 'debit' AND abandoned_by IS NOT NULL \
                   AND NOT EXISTS (SELECT 1 FROM entry AS undo WHERE undo.takes_back = entry.sequence) \
                   ORDER BY entry.sequence DESC LIMIT 1";
        self.one(sql, [card.get()], stored_row)?.map(stored_entry).transpose()
    }

    /// The newest debit that was not taken back.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn last_undoable(&self) -> Result<Option<StoredEntry>, LedgerError> {
        let sql = "SELECT sequence, hash, cose FROM entry WHERE kind = 'debit' \
                   AND NOT EXISTS (SELECT 1 FROM entry AS undo WHERE undo.takes_back = entry.sequence) \
                   ORDER BY sequence DESC LIMIT 1";
        self.one(sql, [], stored_row)?.map(stored_entry).transpose()
    }

    /// Whether a reversal, or a request to the region, takes the debit of entry `sequence` back.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn is_undone(&self, sequence: Sequence) -> Result<bool, LedgerError> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM entry WHERE takes_back = ?1")?;
        Ok(statement.exists([number(sequence)])?)
    }

    /// The reversal, or the request to the region, that takes the debit of entry `sequence` back.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn undone_by(&self, sequence: Sequence) -> Result<Option<Sequence>, LedgerError> {
        let sql = "SELECT sequence FROM entry WHERE takes_back = ?1";
        self.one(sql, [number(sequence)], |row| row.get(0).map(Sequence::new))
    }

    /// The entry `sequence`.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn entry(&self, sequence: Sequence) -> Result<Option<StoredEntry>, LedgerError> {
        let sql = "SELECT sequence, hash, cose FROM entry WHERE sequence = ?1";
        self.one(sql, [number(sequence)], stored_row)?.map(stored_entry).transpose()
    }

    /// The entries whose numbers are in `range`, oldest first, `limit` at most.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn journal(&self, range: RangeInclusive<Sequence>, limit: u32) -> Result<Vec<StoredEntry>, LedgerError> {
        let sql = "SELECT sequence, hash, cose FROM entry WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence LIMIT ?3";
        let (from, to) = (number(*range.start()), number(*range.end()));
        self.many(sql, (from, to, limit), stored_row)?.into_iter().map(stored_entry).collect()
    }

    /// The entries of `time` or later, oldest first, `limit` at most.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn journal_since(&self, time: Timestamp, limit: u32) -> Result<Vec<StoredEntry>, LedgerError> {
        let sql = "SELECT sequence, hash, cose FROM entry WHERE time >= ?1 ORDER BY time, sequence LIMIT ?2";
        self.many(sql, (time.get(), limit), stored_row)?.into_iter().map(stored_entry).collect()
    }

    /// The whole COSE bytes of the entries after `sequence`, in order: `count_max` at most, and together `bytes_max`
    /// bytes at most.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn entries_after(
        &self,
        sequence: Sequence,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<(Sequence, Vec<u8>)>, LedgerError> {
        let sql = "SELECT sequence, cose FROM entry WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query((number(sequence), i64::try_from(count_max).unwrap_or(i64::MAX)))?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let cose: Vec<u8> = row.get(1)?;
            bytes += cose.len();
            if bytes > bytes_max {
                break;
            }
            entries.push((Sequence::new(row.get(0)?), cose));
        }
        Ok(entries)
    }

    /// What the region says of entry `sequence`.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn verdict(&self, sequence: Sequence) -> Result<Option<EntryVerdict>, LedgerError> {
        let sql = "SELECT bytes FROM verdict WHERE sequence = ?1";
        let bytes = self.one(sql, [number(sequence)], |row| blob(row, 0))?;
        bytes.map(|bytes| bytes.decode("a verdict")).transpose()
    }

    /// The whole COSE bytes of the entry `sequence`.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn signed_entry(&self, sequence: Sequence) -> Result<Option<Vec<u8>>, LedgerError> {
        self.one("SELECT cose FROM entry WHERE sequence = ?1", [number(sequence)], |row| row.get(0))
    }

    pub(super) fn cose(&self, sequence: Sequence) -> Result<Vec<u8>, LedgerError> {
        let mut statement = self.connection.prepare_cached("SELECT cose FROM entry WHERE sequence = ?1")?;
        Ok(statement.query_row([number(sequence)], |row| row.get(0))?)
    }

    fn hash(&self, sequence: Sequence) -> Result<Option<EntryHash>, LedgerError> {
        self.one("SELECT hash FROM entry WHERE sequence = ?1", [number(sequence)], |row| row.get(0).map(EntryHash::new))
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, LedgerError> {
        Ok(self.connection.prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    fn many<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// The columns `bytes, abandoned_by` of an intent.
pub(super) struct IntentRow(super::facts::Stored, Option<Sequence>);

pub(super) fn open_intent(row: &Row<'_>) -> rusqlite::Result<IntentRow> {
    Ok(IntentRow(blob(row, 0)?, row.get::<_, Option<u64>>(1)?.map(Sequence::new)))
}

impl TryFrom<IntentRow> for OpenIntent {
    type Error = LedgerError;

    fn try_from(IntentRow(bytes, abandoned_by): IntentRow) -> Result<Self, LedgerError> {
        Ok(Self { intent: bytes.decode("an intent")?, abandoned_by })
    }
}

fn stored_row(row: &Row<'_>) -> rusqlite::Result<(Head, Vec<u8>)> {
    Ok((Head { sequence: Sequence::new(row.get(0)?), hash: EntryHash::new(row.get(1)?) }, row.get(2)?))
}

fn stored_entry((head, cose): (Head, Vec<u8>)) -> Result<StoredEntry, LedgerError> {
    let entry = Sign1::decode(&cose, Algorithm::EdDsa, Content::Entry)
        .and_then(|message| decode_entry(&message.payload))
        .map_err(|error| LedgerError::Damaged(format!("entry {}: {error}", head.sequence)))?;
    Ok(StoredEntry { head, entry })
}

/// The intent of `card` whose end is not known.
pub(super) fn open_intent_of(connection: &Connection, card: CardNumber) -> Result<Option<OpenIntent>, LedgerError> {
    let sql = "SELECT bytes, abandoned_by FROM intent WHERE card = ?1 AND settled_by IS NULL";
    let row = connection.prepare_cached(sql)?.query_row([card.get()], open_intent).optional()?;
    row.map(OpenIntent::try_from).transpose()
}

/// The intent of `transaction` as `settle` and `abandon` need it: with whether it has ended.
pub(super) fn intent_of(
    connection: &Connection,
    transaction: TransactionId,
) -> Result<(OpenIntent, Option<Sequence>), LedgerError> {
    let sql = "SELECT bytes, abandoned_by, settled_by FROM intent WHERE transaction_id = ?1";
    let row = connection
        .prepare_cached(sql)?
        .query_row([transaction.as_bytes()], |row| Ok((open_intent(row)?, row.get::<_, Option<u64>>(2)?)))
        .optional()?;
    let (intent, settled_by) = row.ok_or(LedgerError::NoSuchIntent(transaction))?;
    Ok((intent.try_into()?, settled_by.map(Sequence::new)))
}
