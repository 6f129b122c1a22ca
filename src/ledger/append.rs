//! The write side: every change is one transaction, and every entry is signed in the transaction that writes it.

use std::fmt;
use std::fs::File;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, named_params};

use crate::crypto::{Ed25519Key, P256Key, entry_hash, sha256, sign1_ed25519, verify_p256};
use crate::domain::card::{CardCertificate, SignedRecord};
use crate::domain::entry::{Body, Context, Entry, Intent, Learnt, Purpose, ReadReason, TechnicalEvent};
use crate::domain::{CardNumber, CashierId, Counter, RequestId, Sequence, Timestamp, TransactionId};
use crate::succession;
use crate::wire::cbor;
use crate::wire::cose::Content;
use crate::wire::entry::{ENTRY_BYTES_MAX, encode_entry};
use crate::wire::exchange::Head;

use super::error::LedgerError;
use super::facts::{Facts, Tip};
use super::head_file::HeadFile;
use super::intent::{self, GivenUp};
use super::project::{self, Projection, TakesBack};
use super::view::{OpenIntent, View, intent_of, open_intent_of};

/// The one owner of a terminal's ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(super) view: View,
    pub(super) key: Ed25519Key,
    pub(super) head_file: HeadFile,
    /// Commits since the write-ahead log was last copied here.
    pub(super) uncopied: u32,
    /// The newest commit failed.
    pub(super) failing: bool,
    /// Who is told how long each commit took.
    pub(super) told: Told,
    /// Held as long as the ledger is open.
    pub(super) lock: File,
}

/// Who is told how long a commit took, if anybody is.
#[derive(Default)]
pub(super) struct Told(Option<Box<dyn Fn(Duration) + Send>>);

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Told").field(&self.0.is_some()).finish()
    }
}

/// How many commits gather in the write-ahead log before it is worth copying: some fifty sales.
const COMMITS_TO_COPY: u32 = 100;

/// One transaction under way: the connection inside it, and the chain's end as it would be after it.
pub(super) struct Draft<'a> {
    pub(super) connection: &'a Connection,
    pub(super) tip: Tip,
    facts: &'a Facts,
    /// What was read again inside the transaction, where it changes what is held in memory.
    pub(super) fresh: Option<Facts>,
    key: &'a Ed25519Key,
}

impl Ledger {
    /// From now on `told` hears how long each commit took to be durable.
    pub fn tell_commits(&mut self, told: impl Fn(Duration) + Send + 'static) {
        self.told = Told(Some(Box::new(told)));
    }

    /// What can be read.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Appends an entry that ends no intent: a refusal, a reading of a card, a request to the region, a technical
    /// event. `certificate` is that of the card that the entry names, and is kept once.
    ///
    /// # Errors
    /// [`LedgerError`]; [`LedgerError::NeedsIntent`] for the kinds that end an intent, [`LedgerError::OpenIntent`] when
    /// the region is asked to take back a debit that the card may be taking back.
    pub fn append(
        &mut self,
        now: Timestamp,
        body: Body,
        certificate: Option<&CardCertificate>,
    ) -> Result<Head, LedgerError> {
        self.append_by(None, now, body, certificate)
    }

    /// The same, done by a cashier.
    ///
    /// # Errors
    /// As [`Ledger::append`].
    pub fn append_by(
        &mut self,
        cashier: Option<CashierId>,
        now: Timestamp,
        body: Body,
        certificate: Option<&CardCertificate>,
    ) -> Result<Head, LedgerError> {
        match body {
            Body::Event(TechnicalEvent::Payment(_)) => return Err(LedgerError::NeedsPayment),
            Body::Event(TechnicalEvent::KeysChanged(_)) => return Err(LedgerError::NeedsKeys),
            Body::UndoRequest(_) | Body::Refused(_) | Body::CardRead(_) | Body::Event(_) => (),
            Body::Debit(_) | Body::Reversal(_) | Body::NotDone(_) | Body::Abandoned(_) => {
                return Err(LedgerError::NeedsIntent(body.kind()));
            }
            Body::Closing(_) => return Err(LedgerError::NeedsSums),
        }
        if let Body::UndoRequest(undo) = &body {
            self.not_being_undone(undo.card, undo.debit)?;
        }
        self.write(|draft| {
            if let Some(certificate) = certificate {
                draft.keep_certificate(certificate)?;
            }
            if let Body::CardRead(read) = &body
                && read.reason == ReadReason::Wanted
            {
                draft.records_were_read(read.card, read.state.counter)?;
            }
            let taken_back = project::takes_back(&body);
            let head = draft.append(now, body, cashier)?;
            if let Some(TakesBack { debit, .. }) = taken_back {
                draft.weigh_debit(debit, draft.tip.floor)?;
            }
            Ok(head)
        })
    }

    /// Puts new keys in the place of the terminal's: the last entry that the old key signs says so, and the next one is signed by `entry`. Cards are opened with the old
    /// card key until the region has certified `card`.
    ///
    /// # Errors
    /// [`LedgerError`]; nothing has changed then.
    pub fn change_keys(&mut self, now: Timestamp, entry: Ed25519Key, card: &P256Key) -> Result<Head, LedgerError> {
        let head = self.write(|draft| {
            let (terminal, tip) = (draft.facts().identity.terminal, draft.tip.head);
            let keys = succession::prove(terminal, tip.sequence.next(), tip.hash, &entry, card)
                .map_err(|error| LedgerError::Unavailable(error.to_string()))?;
            let row = (keys.entry_key, keys.card_key.0);
            let head = draft.append(now, Body::Event(TechnicalEvent::KeysChanged(Box::new(keys))), None)?;
            let sql = "INSERT INTO entry_key (changed_by, entry_key, card_key) VALUES (?1, ?2, ?3)";
            draft.connection.execute(sql, (head.sequence.get(), row.0, row.1))?;
            draft.fresh = Some(Facts::load(draft.connection)?);
            Ok::<_, LedgerError>(head)
        })?;
        self.key = entry;
        Ok(head)
    }

    /// Makes durable what a card is about to be asked (decision 3).
    ///
    /// # Errors
    /// [`LedgerError::OpenIntent`] while the card has another, [`LedgerError::RequestKnown`] when the request was
    /// carried out,
    /// [`LedgerError::NotUndoable`] for an undo of something else than a debit of the card, and the others.
    pub fn store_intent(&mut self, intent: &Intent, certificate: &CardCertificate) -> Result<(), LedgerError> {
        let request = intent::request(intent);
        if certificate.card != intent.card || sha256(&certificate.encode()) != intent.certificate {
            return Err(LedgerError::NoCertificate);
        }
        self.write(|draft| {
            if open_intent_of(draft.connection, intent.card)?.is_some() {
                return Err(LedgerError::OpenIntent(intent.card));
            }
            draft.request_is_new(request)?;
            if let Purpose::Undo { debit, debit_counter, .. } = intent.purpose {
                draft.worth_of(TakesBack { card: intent.card, debit, counter: debit_counter })?;
            }
            draft.keep_certificate(certificate)?;
            let sql = "INSERT INTO intent (transaction_id, card, request, certificate, bytes, head) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            draft.connection.prepare_cached(sql)?.execute((
                intent.transaction.as_bytes(),
                intent.card.get(),
                request.as_bytes(),
                intent.certificate,
                cbor::encode(intent),
                draft.tip.head.sequence.get(),
            ))?;
            // What was held is this sale's now, until it is known what became of it.
            draft.weigh_of(intent, draft.tip.floor)
        })
    }

    /// Ends an intent: the entry that says how, and the intent's mark, in one transaction. An end that the card's own
    /// answer did not give at once counts as undelivered until [`Ledger::mark_delivered`].
    ///
    /// # Errors
    /// [`LedgerError::NoSuchIntent`], [`LedgerError::IntentEnded`], [`LedgerError::Misfit`], and the others.
    pub fn settle(&mut self, transaction: TransactionId, now: Timestamp, body: Body) -> Result<Head, LedgerError> {
        self.write(|draft| draft.settle(transaction, now, body))
    }

    /// Gives up a sale in doubt, whose money goes back to the holder (decision 6); `by` whom. The intent stays open: the card may
    /// have done it.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchIntent`], [`LedgerError::IntentEnded`], [`LedgerError::NotASale`], and the others.
    pub fn abandon(
        &mut self,
        transaction: TransactionId,
        now: Timestamp,
        by: Option<CashierId>,
    ) -> Result<Head, LedgerError> {
        self.write(|draft| {
            let (OpenIntent { intent, abandoned_by }, settled_by) = intent_of(draft.connection, transaction)?;
            if abandoned_by.or(settled_by).is_some() {
                return Err(LedgerError::IntentEnded(transaction));
            }
            let abandoned = intent::giving_up(&intent).ok_or(LedgerError::NotASale(transaction))?;
            let head = draft.append(now, Body::Abandoned(abandoned), by)?;
            let sql = "UPDATE intent SET abandoned_by = ?2 WHERE transaction_id = ?1";
            draft.connection.prepare_cached(sql)?.execute((transaction.as_bytes(), head.sequence.get()))?;
            draft.weigh_of(&intent, draft.tip.floor)?;
            Ok(head)
        })
    }

    /// A client was told how an intent that had been in doubt ended. A repeat changes nothing.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchIntent`], and the others.
    pub fn mark_delivered(&mut self, transaction: TransactionId) -> Result<(), LedgerError> {
        self.set_delivered(transaction, true)
    }

    /// Nobody heard how a sale ended that the card proved at once: the next client on that card is told.
    ///
    /// # Errors
    /// [`LedgerError::NoSuchIntent`], and the others.
    pub fn mark_untold(&mut self, transaction: TransactionId) -> Result<(), LedgerError> {
        self.set_delivered(transaction, false)
    }

    fn set_delivered(&mut self, transaction: TransactionId, delivered: bool) -> Result<(), LedgerError> {
        self.write(|draft| {
            let sql = "UPDATE intent SET delivered = ?2 WHERE transaction_id = ?1";
            match draft.connection.prepare_cached(sql)?.execute((transaction.as_bytes(), delivered))? {
                0 => Err(LedgerError::NoSuchIntent(transaction)),
                _ => Ok(()),
            }
        })
    }

    /// Copies the write-ahead log into the database, once enough has gathered in it. For a moment when nobody waits: the
    /// longer the chain, the more places it goes to, and SQLite would do it in the middle of a sale (see `schema`).
    pub fn copy_log(&mut self) {
        if self.uncopied < COMMITS_TO_COPY {
            return;
        }
        self.uncopied = 0;
        // What cannot be copied now is durable where it is, and is copied later.
        let _later = self.view.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }

    /// Whether the disk takes writes: one that failed at the newest change is tried again, with a change that changes
    /// nothing.
    pub fn is_writable(&mut self) -> bool {
        if self.failing {
            // How it ends is in `failing`.
            let _tried = self.write(|draft| {
                // There and back: SQLite writes nothing where a row stays as it is.
                for _ in 0..2 {
                    let sql = "UPDATE state SET last_request = 4294967295 - last_request";
                    draft.connection.prepare_cached(sql)?.execute([])?;
                }
                Ok::<_, LedgerError>(())
            });
        }
        !self.failing
    }

    /// Whether the card did an undo must be known before the region is asked for the same.
    fn not_being_undone(&self, card: CardNumber, debit: Sequence) -> Result<(), LedgerError> {
        match self.view.open_intent(card)?.map(|open| open.intent.purpose) {
            Some(Purpose::Undo { debit: open, .. }) if open == debit => Err(LedgerError::OpenIntent(card)),
            Some(Purpose::Undo { .. } | Purpose::Sale { .. }) | None => Ok(()),
        }
    }

    /// The one way to change anything.
    pub(super) fn write<R, E: From<LedgerError>>(
        &mut self,
        work: impl FnOnce(&mut Draft<'_>) -> Result<R, E>,
    ) -> Result<R, E> {
        let View { connection, facts, behind, .. } = &mut self.view;
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(LedgerError::from)?;
        let mut draft = Draft { connection: &transaction, tip: facts.tip, facts, fresh: None, key: &self.key };
        let result = work(&mut draft)?;
        let Draft { tip, fresh, .. } = draft;
        self.failing = true;
        let began = Instant::now();
        transaction.commit().map_err(LedgerError::from)?;
        if let Told(Some(told)) = &self.told {
            told(began.elapsed());
        }
        self.failing = false;
        self.uncopied = self.uncopied.saturating_add(1);
        if let Some(fresh) = fresh {
            *facts = fresh;
        }
        let moved = facts.tip.head != tip.head;
        facts.tip = tip;
        if moved && behind.is_none() {
            // The file may lag: what it could not be told now it is told with the next entry.
            let _lagging = self.head_file.write(tip.head);
        }
        Ok(result)
    }
}

/// Whether whoever asked is there to hear it: the end came with the card's answer to the command.
fn told_at_once(body: &Body) -> bool {
    match body {
        Body::Debit(debit) => debit.learnt == Learnt::AtOnce,
        Body::Reversal(reversal) => reversal.learnt == Learnt::AtOnce,
        Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => false,
    }
}

impl Draft<'_> {
    pub(super) fn facts(&self) -> &Facts {
        self.fresh.as_ref().unwrap_or(self.facts)
    }

    fn settle(&mut self, transaction: TransactionId, now: Timestamp, body: Body) -> Result<Head, LedgerError> {
        let (OpenIntent { intent, abandoned_by }, settled_by) = intent_of(self.connection, transaction)?;
        if settled_by.is_some() {
            return Err(LedgerError::IntentEnded(transaction));
        }
        let given_up = if abandoned_by.is_some() { GivenUp::Yes } else { GivenUp::No };
        intent::ends(&intent, given_up, &body, self.facts().identity.terminal)?;
        let delivered = told_at_once(&body);
        let head = self.append(now, body, intent.cashier)?;
        let sql = "UPDATE intent SET settled_by = ?2, delivered = ?3 WHERE transaction_id = ?1";
        self.connection.prepare_cached(sql)?.execute((transaction.as_bytes(), head.sequence.get(), delivered))?;
        self.weigh_of(&intent, self.tip.floor)?;
        Ok(head)
    }

    /// Ends the doubt about a card that did not come back here, with a record of it that another terminal has read: it is the card's own signature that counts, whoever
    /// brought it. A record that ends no doubt of ours is passed over.
    pub(super) fn settle_by_record(&mut self, signed: &SignedRecord, now: Timestamp) -> Result<(), LedgerError> {
        let card = signed.record.card;
        let Some(OpenIntent { intent, abandoned_by }) = open_intent_of(self.connection, card)? else { return Ok(()) };
        let sql = "SELECT bytes FROM card_certificate WHERE hash = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let bytes: Vec<u8> = statement.query_row([intent.certificate], |row| row.get(0))?;
        let certificate = CardCertificate::decode(&bytes)
            .map_err(|error| LedgerError::Damaged(format!("a card certificate: {error}")))?;
        let proven = Some(signed.record.counter) == intent.counter_before.next()
            && verify_p256(&certificate.public_key, &signed.record.signed_bytes(), &signed.signature);
        if !proven {
            return Ok(());
        }
        let abandoned = abandoned_by.is_some();
        let body = if intent.is_proven_by(&signed.record) {
            intent.done(*signed, Learnt::FromRecords, abandoned)
        } else {
            intent.not_done(abandoned)
        };
        self.settle(intent.transaction, now, body).map(drop)
    }

    /// Signs and writes one entry of `cashier`'s; its time is `now`, or the floor where `now` lies before it.
    pub(super) fn append(
        &mut self,
        now: Timestamp,
        body: Body,
        cashier: Option<CashierId>,
    ) -> Result<Head, LedgerError> {
        let taken_back = match project::takes_back(&body) {
            Some(debit) => self.worth_of(debit)?,
            None => 0,
        };
        let Facts { identity, state, catalogues, policy, .. } = self.facts();
        let time = now.max(self.tip.floor);
        let catalogue = catalogues.get(&project::season(&body, time));
        let worth = project::worth(&body, catalogue.map(AsRef::as_ref), taken_back);
        let context = Context {
            catalogue_version: catalogue.map_or(0, |catalogue| catalogue.version),
            feed_position: state.feed_position,
            policy_version: policy.version,
            last_exchange: state.last_exchange,
        };
        let (sequence, previous) = (self.tip.head.sequence.next(), self.tip.head.hash);
        let entry = Entry { terminal: identity.terminal, sequence, previous, time, context, body, cashier };
        let cose = sign1_ed25519(self.key, Content::Entry, entry.terminal, encode_entry(&entry)).encode();
        if cose.len() > ENTRY_BYTES_MAX {
            return Err(LedgerError::TooLarge(cose.len()));
        }
        let head = Head { sequence, hash: entry_hash(&cose) };
        let worth_total = self.tip.worth.saturating_add(worth);
        insert(self.connection, &entry, head, &cose, [worth, worth_total])?;
        let day = self.tip.day.after(sequence, time, &entry.body);
        self.tip = Tip { head, floor: time, worth: worth_total, day };
        Ok(head)
    }

    /// The worth of a debit that can be taken back.
    fn worth_of(&self, TakesBack { card, debit, counter }: TakesBack) -> Result<i64, LedgerError> {
        let sql = "SELECT worth FROM entry WHERE sequence = ?1 AND kind = 'debit' AND card = ?2 AND counter = ?3 \
                   AND NOT EXISTS (SELECT 1 FROM entry AS undo WHERE undo.takes_back = ?1)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let worth = statement.query_row((debit.get(), card.get(), counter.get()), |row| row.get(0)).optional()?;
        worth.ok_or(LedgerError::NotUndoable(debit))
    }

    /// No debit, reversal or open intent has the request: a try that turned out not done may be repeated under its
    /// name.
    fn request_is_new(&self, request: RequestId) -> Result<(), LedgerError> {
        let sql = "SELECT 1 FROM entry WHERE request = ?1 AND kind IN ('debit', 'reversal', 'undo-request') \
                   UNION ALL SELECT 1 FROM intent INDEXED BY intent_open WHERE request = ?1 AND settled_by IS NULL";
        let known = self.connection.prepare_cached(sql)?.exists([request.as_bytes()])?;
        if known { Err(LedgerError::RequestKnown(request)) } else { Ok(()) }
    }

    fn keep_certificate(&self, certificate: &CardCertificate) -> Result<(), LedgerError> {
        let bytes = certificate.encode();
        let sql = "INSERT INTO card_certificate (hash, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.connection.prepare_cached(sql)?.execute((sha256(&bytes), bytes))?;
        Ok(())
    }

    /// A card was read on the region's request: it has no older records than it gave, so what was wanted up to its
    /// counter is answered.
    fn records_were_read(&self, card: CardNumber, counter: Counter) -> Result<(), LedgerError> {
        let sql = "DELETE FROM records_wanted WHERE card = ?1 AND to_counter <= ?2";
        self.connection.prepare_cached(sql)?.execute((card.get(), counter.get()))?;
        Ok(())
    }
}

fn insert(
    connection: &Connection,
    entry: &Entry,
    head: Head,
    cose: &[u8],
    [worth, worth_total]: [i64; 2],
) -> Result<(), LedgerError> {
    let sql = "INSERT INTO entry ( \
                   sequence, previous, hash, cose, kind, time, card, certificate, transaction_id, request, season, \
                   slot, amount, consumed, counter, benefit, takes_back, collected, returned, tender, worth, \
                   worth_total) \
               VALUES ( \
                   :sequence, :previous, :hash, :cose, :kind, :time, :card, :certificate, :transaction, :request, \
                   :season, :slot, :amount, :consumed, :counter, :benefit, :takes_back, :collected, :returned, \
                   :tender, :worth, :worth_total)";
    let columns = Projection::of(entry);
    if let Some(hash) = columns.certificate {
        let mut statement = connection.prepare_cached("SELECT 1 FROM card_certificate WHERE hash = ?1")?;
        if !statement.exists([hash])? {
            return Err(LedgerError::NoCertificate);
        }
    }
    connection.prepare_cached(sql)?.execute(named_params! {
        ":sequence": head.sequence.get(),
        ":previous": entry.previous.as_bytes(),
        ":hash": head.hash.as_bytes(),
        ":cose": cose,
        ":kind": columns.kind,
        ":time": columns.time,
        ":card": columns.card,
        ":certificate": columns.certificate,
        ":transaction": columns.transaction,
        ":request": columns.request,
        ":season": columns.season,
        ":slot": columns.slot,
        ":amount": columns.amount,
        ":consumed": columns.consumed,
        ":counter": columns.counter,
        ":benefit": columns.benefit,
        ":takes_back": columns.takes_back,
        ":collected": columns.collected,
        ":returned": columns.returned,
        ":tender": columns.tender,
        ":worth": worth,
        ":worth_total": worth_total,
    })?;
    for (tender, cents) in project::parts(&entry.body) {
        let mut statement = connection.prepare_cached("INSERT INTO part (entry, tender, cents) VALUES (?1, ?2, ?3)")?;
        statement.execute((head.sequence.get(), tender.code(), cents.get()))?;
    }
    Ok(())
}
