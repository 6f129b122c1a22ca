//! What one entry must satisfy, given the entry before it and the rows that it refers to: a pure function, run on all
//! cores.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use crate::crypto::{Ed25519PublicKey, TrustedKeys, entry_hash, sha256, verify_p256, verify_sign1_ed25519};
use crate::domain::card::{CardCertificate, Operation, SignedRecord};
use crate::domain::catalogue::Catalogue;
use crate::domain::entry::{Body, Entry, Intent, TechnicalEvent};
use crate::domain::{EntryHash, Season, Sequence, Timestamp};
use crate::succession::{Succession, change_in, is_proven};
use crate::wire::cbor;
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::{decode_entry, decode_link};
use crate::wire::exchange::Head;

use super::super::facts::{Facts, Identity};
use super::super::intent::{self, GivenUp, Misfit};
use super::super::project::{self, Projection};
use super::{Fault, Wrong};

/// How many certificates are remembered as good before they are forgotten: memory stays the same however many cards
/// there are.
const CERTIFICATES_KEPT: usize = 65_536;

/// The rows after an entry, in order, each with what it refers to: certificate, intent, debit that it takes back, the
/// card's record before.
pub(super) const ROWS: &str = "\
    SELECT e.sequence, e.previous, e.hash, e.cose, e.kind, e.time, e.card, e.certificate, e.transaction_id, e.request, \
        e.season, e.slot, e.amount, e.consumed, e.counter, e.benefit, e.takes_back, e.collected, e.returned, e.tender, \
        e.worth, e.worth_total, \
        c.bytes, \
        i.bytes, i.card, i.request, i.certificate, i.abandoned_by, i.settled_by, \
        d.kind, d.card, d.season, d.slot, d.amount, d.counter, d.worth, \
        p.season, p.slot, p.consumed, p.counter, \
        (SELECT group_concat(tender || '=' || cents, ',' ORDER BY tender) FROM part WHERE part.entry = e.sequence) \
    FROM entry AS e \
    LEFT JOIN card_certificate AS c ON c.hash = e.certificate \
    LEFT JOIN intent AS i ON i.transaction_id = e.transaction_id \
    LEFT JOIN entry AS d ON d.sequence = e.takes_back \
    LEFT JOIN entry AS p ON e.counter IS NOT NULL AND p.sequence = ( \
        SELECT q.sequence FROM entry AS q \
        WHERE q.card = e.card AND q.sequence < e.sequence AND q.counter IS NOT NULL \
        ORDER BY q.sequence DESC LIMIT 1) \
    WHERE e.sequence > ?1 ORDER BY e.sequence LIMIT ?2";

/// What the entry after an entry is held against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) head: Head,
    pub(super) time: Timestamp,
    pub(super) worth_total: i64,
}

/// An entry's row with what it refers to.
pub(super) struct Row {
    before: Before,
    pub(super) head: Head,
    previous: EntryHash,
    cose: Vec<u8>,
    columns: Projection,
    worth: i64,
    worth_total: i64,
    certificate: Option<Vec<u8>>,
    intent: Option<IntentRow>,
    debit: Option<DebitRow>,
    earlier: Option<EarlierRecord>,
}

struct IntentRow {
    bytes: Vec<u8>,
    card: u64,
    request: [u8; 16],
    certificate: [u8; 32],
    abandoned_by: Option<u64>,
    settled_by: Option<u64>,
}

struct DebitRow {
    kind: String,
    card: Option<u64>,
    season: Option<u16>,
    slot: Option<u8>,
    amount: Option<u32>,
    counter: Option<u32>,
    worth: i64,
}

/// The newest record of the same card before this one.
struct EarlierRecord {
    season: u16,
    slot: u8,
    consumed: u32,
    counter: u32,
}

impl Row {
    pub(super) fn read(row: &rusqlite::Row<'_>, before: Before) -> rusqlite::Result<Self> {
        let columns = Projection {
            kind: row.get(4)?,
            time: row.get(5)?,
            card: row.get(6)?,
            certificate: row.get(7)?,
            transaction: row.get(8)?,
            request: row.get(9)?,
            season: row.get(10)?,
            slot: row.get(11)?,
            amount: row.get(12)?,
            consumed: row.get(13)?,
            counter: row.get(14)?,
            benefit: row.get(15)?,
            takes_back: row.get(16)?,
            collected: row.get(17)?,
            returned: row.get(18)?,
            tender: row.get(19)?,
            parts: row.get(40)?,
        };
        let intent = match row.get(23)? {
            None => None,
            Some(bytes) => Some(IntentRow {
                bytes,
                card: row.get(24)?,
                request: row.get(25)?,
                certificate: row.get(26)?,
                abandoned_by: row.get(27)?,
                settled_by: row.get(28)?,
            }),
        };
        let debit = match row.get(29)? {
            None => None,
            Some(kind) => Some(DebitRow {
                kind,
                card: row.get(30)?,
                season: row.get(31)?,
                slot: row.get(32)?,
                amount: row.get(33)?,
                counter: row.get(34)?,
                worth: row.get(35)?,
            }),
        };
        let earlier = match row.get(39)? {
            None => None,
            Some(counter) => {
                Some(EarlierRecord { season: row.get(36)?, slot: row.get(37)?, consumed: row.get(38)?, counter })
            }
        };
        Ok(Self {
            before,
            head: Head { sequence: Sequence::new(row.get(0)?), hash: EntryHash::new(row.get(2)?) },
            previous: EntryHash::new(row.get(1)?),
            cose: row.get(3)?,
            columns,
            worth: row.get(20)?,
            worth_total: row.get(21)?,
            certificate: row.get(22)?,
            intent,
            debit,
            earlier,
        })
    }

    /// As the next row sees it.
    pub(super) fn as_before(&self) -> Before {
        Before { head: self.head, time: Timestamp::new(self.columns.time), worth_total: self.worth_total }
    }
}

/// What all entries are checked with.
pub(super) struct Checker<'a> {
    identity: &'a Identity,
    keys: &'a TrustedKeys,
    succession: &'a Succession,
    catalogues: HashMap<(Season, u32), Catalogue>,
    /// Hashes of card certificates whose signature was found good.
    certificates: Mutex<HashSet<[u8; 32]>>,
}

fn holds(condition: bool, wrong: Wrong) -> Result<(), Wrong> {
    if condition { Ok(()) } else { Err(wrong) }
}

impl<'a> Checker<'a> {
    pub(super) fn new(facts: &'a Facts, catalogues: HashMap<(Season, u32), Catalogue>) -> Self {
        let Facts { identity, keys, succession, .. } = facts;
        Self { identity, keys, succession, catalogues, certificates: Mutex::default() }
    }

    /// The first thing that is wrong with an entry.
    pub(super) fn fault(&self, row: &Row) -> Option<Fault> {
        self.check(row).err().map(|wrong| Fault { sequence: Some(row.head.sequence), wrong })
    }

    fn check(&self, row: &Row) -> Result<(), Wrong> {
        let entry = self.check_chain(row)?;
        let step = matches!(entry.body, Body::Event(TechnicalEvent::ClockStep { .. }));
        holds(entry.time >= row.before.time || step, Wrong::Time)?;
        holds(Projection::of(&entry) == row.columns, Wrong::Columns)?;
        self.check_worth(row, &entry)?;
        self.check_card(row, &entry.body)?;
        self.check_intent(row, &entry)?;
        check_taking_back(row, &entry.body)?;
        check_card_history(row, &entry.body)
    }

    /// Bytes, hash, link and signature; the entry.
    fn check_chain(&self, row: &Row) -> Result<Entry, Wrong> {
        holds(row.previous == row.before.head.hash, Wrong::Link)?;
        holds(entry_hash(&row.cose) == row.head.hash, Wrong::Hash)?;
        let message = Sign1::decode(&row.cose, Algorithm::EdDsa, Content::Entry)?;
        let ours = message.key == self.identity.terminal.get();
        let key = self.succession.at(row.head.sequence);
        holds(ours && verify_sign1_ed25519(&message, key), Wrong::Signature)?;
        let link = decode_link(&message.payload)?;
        holds(link.previous == row.previous, Wrong::Link)?;
        holds(link.terminal == self.identity.terminal && link.sequence == row.head.sequence, Wrong::Place)?;
        let entry = decode_entry(&message.payload)?;
        self.check_keys(&entry)?;
        Ok(entry)
    }

    /// A change of keys is in the table, and nothing else is.
    fn check_keys(&self, entry: &Entry) -> Result<(), Wrong> {
        let listed = self.succession.changed_by(entry.sequence);
        let said = change_in(entry);
        let proven = said.is_none_or(|keys| is_proven(entry.terminal, entry.sequence, entry.previous, keys));
        holds(proven && said.map(|keys| Ed25519PublicKey(keys.entry_key)).as_ref() == listed, Wrong::Keys)
    }

    fn check_worth(&self, row: &Row, entry: &Entry) -> Result<(), Wrong> {
        let season = project::season(&entry.body, entry.time);
        let catalogue = self.catalogues.get(&(season, entry.context.catalogue_version));
        let worth = project::worth(&entry.body, catalogue, row.debit.as_ref().map_or(0, |debit| debit.worth));
        let total = row.before.worth_total.saturating_add(worth);
        holds(worth == row.worth && total == row.worth_total, Wrong::Worth)
    }

    /// Certificate and signatures of the card that the entry names.
    fn check_card(&self, row: &Row, body: &Body) -> Result<(), Wrong> {
        let Some(hash) = project::certificate(body) else { return Ok(()) };
        let bytes = row.certificate.as_deref().ok_or(Wrong::Certificate)?;
        let certificate = CardCertificate::decode(bytes).map_err(|_| Wrong::Certificate)?;
        self.check_certificate(hash, bytes, &certificate)?;
        let signed = |proof: &SignedRecord| {
            proof.record.card == certificate.card
                && verify_p256(&certificate.public_key, &proof.record.signed_bytes(), &proof.signature)
        };
        let good = match body {
            Body::Debit(debit) => signed(&debit.proof),
            Body::Reversal(reversal) => signed(&reversal.proof),
            Body::CardRead(read) => {
                let state = read.state.signed_bytes(read.card, &read.challenge);
                read.card == certificate.card
                    && verify_p256(&certificate.public_key, &state, &read.state.signature)
                    && read.records.iter().all(signed)
            }
            Body::NotDone(_)
            | Body::Abandoned(_)
            | Body::UndoRequest(_)
            | Body::Refused(_)
            | Body::Closing(_)
            | Body::Event(_) => true,
        };
        holds(good, Wrong::Card)
    }

    /// The region signed it, with a key that may have been withdrawn since. Each certificate is checked once.
    fn check_certificate(&self, hash: [u8; 32], bytes: &[u8], certificate: &CardCertificate) -> Result<(), Wrong> {
        holds(sha256(bytes) == hash, Wrong::Certificate)?;
        let seen = || self.certificates.lock().unwrap_or_else(PoisonError::into_inner);
        if seen().contains(&hash) {
            return Ok(());
        }
        let key = self.keys.key_ever(certificate.key_serial).ok_or(Wrong::Certificate)?;
        holds(verify_p256(&key, &certificate.signed_bytes(), &certificate.signature), Wrong::Certificate)?;
        let mut seen = seen();
        if seen.len() >= CERTIFICATES_KEPT {
            seen.clear();
        }
        seen.insert(hash);
        Ok(())
    }

    fn check_intent(&self, row: &Row, Entry { body, cashier, .. }: &Entry) -> Result<(), Wrong> {
        if row.columns.transaction.is_none() {
            return Ok(());
        }
        let stored = row.intent.as_ref().ok_or(Misfit("the transaction"))?;
        let intent: Intent = cbor::decode(&stored.bytes)?;
        let sequence = row.head.sequence.get();
        let same = |what, holds| if holds { Ok(()) } else { Err(Misfit(what)) };
        same("the transaction", row.columns.transaction.as_ref() == Some(intent.transaction.as_bytes()))?;
        same("the card", stored.card == intent.card.get())?;
        same("the request", Some(stored.request) == row.columns.request)?;
        same("the certificate", stored.certificate == intent.certificate)?;
        if let Body::Abandoned(abandoned) = body {
            same("the mark that it was given up", stored.abandoned_by == Some(sequence))?;
            return Ok(same("the sale", intent::giving_up(&intent).as_ref() == Some(abandoned))?);
        }
        same("the cashier", *cashier == intent.cashier)?;
        same("the mark that it has ended", stored.settled_by == Some(sequence))?;
        let given_up = if stored.abandoned_by.is_some() { GivenUp::Yes } else { GivenUp::No };
        Ok(intent::ends(&intent, given_up, body, self.identity.terminal)?)
    }
}

/// What is taken back is a debit of this card, and a reversal takes back what it took.
fn check_taking_back(row: &Row, body: &Body) -> Result<(), Wrong> {
    let Some(taken) = project::takes_back(body) else { return Ok(()) };
    let debit = row.debit.as_ref().ok_or(Wrong::TakesBack)?;
    let named = debit.kind == "debit"
        && debit.card == Some(taken.card.get())
        && debit.counter == Some(taken.counter.get())
        && taken.debit < row.head.sequence;
    let amount = match body {
        Body::Reversal(_) => {
            debit.season == row.columns.season && debit.slot == row.columns.slot && debit.amount == row.columns.amount
        }
        Body::UndoRequest(_)
        | Body::Debit(_)
        | Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => true,
    };
    holds(named && amount, Wrong::TakesBack)
}

/// A card's counter only grows; where nobody else came between two records, its consumption follows from one to the
/// other.
fn check_card_history(row: &Row, body: &Body) -> Result<(), Wrong> {
    let record = match body {
        Body::Debit(debit) => &debit.proof.record,
        Body::Reversal(reversal) => &reversal.proof.record,
        Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => return Ok(()),
    };
    let before = match record.operation {
        Operation::Debit => record.consumed.checked_sub(record.amount),
        Operation::Reversal => record.consumed.checked_add(record.amount),
    };
    let before = before.ok_or(Wrong::CardHistory)?;
    let Some(earlier) = &row.earlier else { return Ok(()) };
    holds(earlier.counter < record.counter.get(), Wrong::CardHistory)?;
    let next = earlier.counter.checked_add(1) == Some(record.counter.get());
    let same_slot = earlier.season == record.season.get() && earlier.slot == record.slot.get();
    holds(!(next && same_slot) || earlier.consumed == before, Wrong::CardHistory)
}
