//! The bytes of an entry, and the chain.
//!
//! An entry is a `COSE_Sign1` with the terminal's Ed25519 key over the CBOR array `[version, terminal, sequence, previous, time, context, [kind, body]]`,
//! with the cashier as an eighth field in version 2. What version 1 can say is said in version 1, so every entry has one encoding, and a reader of
//! version 1 reads all that a terminal without cashiers and closings writes.
//! `previous` is SHA-256 over the *whole* COSE bytes of the entry before, signature included, so a link needs no understanding of what it links: a reader of
//! tomorrow's entries still checks today's chain. The first entry's `previous` is SHA-256 over `"PASS1-CHAIN"`, the terminal id (4 bytes, big-endian) and
//! its public key, so a chain belongs to one key.

use crate::domain::card::PublicKey;
use crate::domain::closing::Closing;
use crate::domain::entry::{
    Abandoned, Body, CardRead, Context, Debit, Entry, Intent, KeysChanged, NotDone, Purpose, RefusedCard, Reversal,
    Sale, TechnicalEvent, Tender, Tenders, UndoRequest,
};
use crate::domain::payment::{PaymentEnd, PaymentFact};
use crate::domain::{EntryHash, Sequence, TerminalId};

use super::cbor::{Cbor, CborError, Opaque, Reader, Writer, cbor_array, cbor_choice, decode, encode};

/// The first version of the payload.
const VERSION_1: u8 = 1;
/// The version that has a cashier, closings, money in parts, and more kinds of events.
const VERSION_2: u8 = 2;

/// The largest entry, in bytes: sixteen records with all their signatures fit twice.
pub const ENTRY_BYTES_MAX: usize = 8192;

/// What the first entry's `previous` is the SHA-256 of.
pub fn chain_beginning(terminal: TerminalId, public_key: &[u8; 32]) -> Vec<u8> {
    [b"PASS1-CHAIN".as_slice(), &terminal.get().to_be_bytes(), public_key].concat()
}

/// What both new keys sign when they take the place of the terminal's: the keys, and the entry that says so.
pub fn keys_change_bytes(
    terminal: TerminalId,
    sequence: Sequence,
    previous: EntryHash,
    entry_key: &[u8; 32],
    card_key: &PublicKey,
) -> Vec<u8> {
    let (terminal, sequence) = (terminal.get().to_be_bytes(), sequence.get().to_be_bytes());
    [b"PASS1-KEYS".as_slice(), &terminal, &sequence, previous.as_bytes(), entry_key, &card_key.0].concat()
}

/// The payload of an entry.
pub fn encode_entry(entry: &Entry) -> Vec<u8> {
    encode(entry)
}

/// Reads the payload of an entry.
///
/// # Errors
/// [`CborError`]; also for a version or a kind of later days, which still links.
pub fn decode_entry(payload: &[u8]) -> Result<Entry, CborError> {
    decode(payload)
}

/// The part of a payload that links it: what can be read of an entry whose kind or fields are unknown here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Whose chain.
    pub terminal: TerminalId,
    /// Its place.
    pub sequence: Sequence,
    /// The hash of the entry before.
    pub previous: EntryHash,
}

/// Reads the first fields of a payload, which every version has.
///
/// # Errors
/// [`CborError`].
pub fn decode_link(payload: &[u8]) -> Result<Link, CborError> {
    let mut from = Reader::new(payload);
    if from.array()? < 4 {
        return Err(CborError::Meaningless("the entry's length"));
    }
    let _version = from.uint()?;
    Ok(Link { terminal: Cbor::read(&mut from)?, sequence: Cbor::read(&mut from)?, previous: Cbor::read(&mut from)? })
}

/// The version that an entry is written in: the first that can say it.
const fn version(entry: &Entry) -> u8 {
    match &entry.body {
        _ if entry.cashier.is_some() => VERSION_2,
        body if matches!(body.money(), Some((_, Tenders::One(Tender::Tpe) | Tenders::Parts(_)))) => VERSION_2,
        Body::Event(event) => match event {
            TechnicalEvent::Enrolled { .. }
            | TechnicalEvent::Started { .. }
            | TechnicalEvent::Stopped
            | TechnicalEvent::ClockStep { .. }
            | TechnicalEvent::Joined { .. } => VERSION_1,
            TechnicalEvent::CashierLocked { .. }
            | TechnicalEvent::CashierChanged { .. }
            | TechnicalEvent::Duplicate { .. }
            | TechnicalEvent::Payment(_)
            | TechnicalEvent::KeysChanged(_) => VERSION_2,
        },
        Body::Closing(_) => VERSION_2,
        Body::Debit(_)
        | Body::Reversal(_)
        | Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_) => VERSION_1,
    }
}

impl Cbor for Entry {
    fn write(&self, to: &mut Writer) {
        let version = version(self);
        to.array(if version == VERSION_1 { 7 } else { 8 });
        version.write(to);
        self.terminal.write(to);
        self.sequence.write(to);
        self.previous.write(to);
        self.time.write(to);
        self.context.write(to);
        self.body.write(to);
        if version != VERSION_1 {
            self.cashier.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        let (length, named) = (from.array()?, u8::read(from)?);
        if !matches!((length, named), (7, VERSION_1) | (8, VERSION_2)) {
            return Err(CborError::Meaningless("the entry's version"));
        }
        let read = Self {
            terminal: Cbor::read(from)?,
            sequence: Cbor::read(from)?,
            previous: Cbor::read(from)?,
            time: Cbor::read(from)?,
            context: Cbor::read(from)?,
            body: Cbor::read(from)?,
            cashier: if named == VERSION_1 { None } else { Cbor::read(from)? },
        };
        if version(&read) == named { Ok(read) } else { Err(CborError::Meaningless("the entry's version")) }
    }
}

cbor_choice! {
    Body {
        1 => Debit(Debit),
        2 => Reversal(Reversal),
        3 => NotDone(NotDone),
        4 => Abandoned(Abandoned),
        5 => UndoRequest(UndoRequest),
        6 => Refused(RefusedCard),
        7 => CardRead(CardRead),
        8 => Closing(Closing),
        9 => Event(TechnicalEvent),
    }
}

cbor_array! {
    Context [catalogue_version, feed_position, policy_version, last_exchange]
    Sale [request, benefit, price, supplement, due, tender] if |sale| sale.tender.fits(sale.due);
    Debit [proof, certificate, entitlement_serial, left, sale, collected, learnt, abandoned]
    Reversal [proof, certificate, debit, returned, tender, request, learnt] if |undo| undo.tender.fits(undo.returned);
    NotDone [card, transaction, counter_before, returned, tender, request] if |end| end.tender.fits(end.returned);
    Abandoned [card, transaction, counter_before, slot, season, amount, returned, tender, request]
        if |end| end.tender.fits(end.returned);
    UndoRequest [card, debit, debit_counter, returned, tender, request] if |undo| undo.tender.fits(undo.returned);
    CardRead [card, certificate, reason, challenge, state, records]
    KeysChanged [entry_key, card_key, entry_proof, card_proof]
}

/// An array of six, and of seven where it has a cashier.
impl Cbor for Intent {
    fn write(&self, to: &mut Writer) {
        to.array(if self.cashier.is_some() { 7 } else { 6 });
        self.card.write(to);
        self.certificate.write(to);
        self.counter_before.write(to);
        self.transaction.write(to);
        self.time.write(to);
        self.purpose.write(to);
        if let Some(cashier) = &self.cashier {
            cashier.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        let length = from.array()?;
        if !matches!(length, 6 | 7) {
            return Err(CborError::Meaningless("the intent's length"));
        }
        Ok(Self {
            card: Cbor::read(from)?,
            certificate: Cbor::read(from)?,
            counter_before: Cbor::read(from)?,
            transaction: Cbor::read(from)?,
            time: Cbor::read(from)?,
            purpose: Cbor::read(from)?,
            cashier: if length == 7 { Some(Cbor::read(from)?) } else { None },
        })
    }
}

impl Cbor for RefusedCard {
    fn write(&self, to: &mut Writer) {
        to.array(3);
        self.card.write(to);
        self.refusal.write(to);
        to.bytes(&self.certificate);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        from.array_of(3)?;
        Ok(Self { card: Cbor::read(from)?, refusal: Cbor::read(from)?, certificate: Opaque::read(from)?.0 })
    }
}

/// `[1, replaces]` enrolled, `[2, version]` started, `[3]` stopped, `[4, from, to]` clock step, `[5, sequence, hash]` joined,
/// `[6, cashier, failures]` a cashier locked out, `[7, cashier, role, change]` the list of cashiers changed,
/// `[8, entry, count]` a duplicate, `[9, payment, request, way, asked, end]` a payment on the bank terminal,
/// `[10, keys]` the terminal's keys changed.
impl Cbor for TechnicalEvent {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Enrolled { replaces } => {
                to.array(2);
                to.uint(1);
                replaces.write(to);
            }
            Self::Started { version } => {
                to.array(2);
                to.uint(2);
                version.write(to);
            }
            Self::Stopped => {
                to.array(1);
                to.uint(3);
            }
            Self::ClockStep { from, to: after } => {
                to.array(3);
                to.uint(4);
                from.write(to);
                after.write(to);
            }
            Self::Joined { other_sequence, other_hash } => {
                to.array(3);
                to.uint(5);
                other_sequence.write(to);
                other_hash.write(to);
            }
            Self::CashierLocked { cashier, failures } => {
                to.array(3);
                to.uint(6);
                cashier.write(to);
                failures.write(to);
            }
            Self::Duplicate { entry, count } => {
                to.array(3);
                to.uint(8);
                entry.write(to);
                count.write(to);
            }
            Self::Payment(PaymentFact { payment, request, way, asked, end }) => {
                to.array(6);
                to.uint(9);
                payment.write(to);
                request.write(to);
                way.write(to);
                asked.write(to);
                end.write(to);
            }
            Self::KeysChanged(keys) => {
                to.array(2);
                to.uint(10);
                keys.write(to);
            }
            Self::CashierChanged { cashier, role, change } => {
                to.array(4);
                to.uint(7);
                cashier.write(to);
                role.write(to);
                change.write(to);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        match (from.array()?, from.uint()?) {
            (2, 1) => Ok(Self::Enrolled { replaces: Cbor::read(from)? }),
            (2, 2) => Ok(Self::Started { version: Cbor::read(from)? }),
            (1, 3) => Ok(Self::Stopped),
            (3, 4) => Ok(Self::ClockStep { from: Cbor::read(from)?, to: Cbor::read(from)? }),
            (3, 8) => Ok(Self::Duplicate { entry: Cbor::read(from)?, count: Cbor::read(from)? }),
            (3, 6) => Ok(Self::CashierLocked { cashier: Cbor::read(from)?, failures: Cbor::read(from)? }),
            (4, 7) => Ok(Self::CashierChanged {
                cashier: Cbor::read(from)?,
                role: Cbor::read(from)?,
                change: Cbor::read(from)?,
            }),
            (6, 9) => Ok(Self::Payment(PaymentFact {
                payment: Cbor::read(from)?,
                request: Cbor::read(from)?,
                way: Cbor::read(from)?,
                asked: Cbor::read(from)?,
                end: Cbor::read(from)?,
            })),
            (2, 10) => Ok(Self::KeysChanged(Box::new(Cbor::read(from)?))),
            (3, 5) => Ok(Self::Joined { other_sequence: Cbor::read(from)?, other_hash: Cbor::read(from)? }),
            _ => Err(CborError::Meaningless("the technical event")),
        }
    }
}

/// `[1, amount, said]` paid, `[2]` not paid, `[3, doubt]` unknown.
impl Cbor for PaymentEnd {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Paid { amount, said } => {
                to.array(3);
                to.uint(1);
                amount.write(to);
                said.write(to);
            }
            Self::NotPaid => {
                to.array(1);
                to.uint(2);
            }
            Self::Unknown(doubt) => {
                to.array(2);
                to.uint(3);
                doubt.write(to);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        match (from.array()?, from.uint()?) {
            (3, 1) => Ok(Self::Paid { amount: Cbor::read(from)?, said: Cbor::read(from)? }),
            (1, 2) => Ok(Self::NotPaid),
            (2, 3) => Ok(Self::Unknown(Cbor::read(from)?)),
            _ => Err(CborError::Meaningless("the payment's end")),
        }
    }
}

/// `[1, slot, season, amount, sale, entitlement, left]` a sale, `[2, debit, counter, returned, tender, request]` an undo.
impl Cbor for Purpose {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Sale { slot, season, amount, sale, entitlement_serial, left } => {
                to.array(7);
                to.uint(1);
                slot.write(to);
                season.write(to);
                amount.write(to);
                sale.write(to);
                entitlement_serial.write(to);
                left.write(to);
            }
            Self::Undo { debit, debit_counter, returned, tender, request } => {
                to.array(6);
                to.uint(2);
                debit.write(to);
                debit_counter.write(to);
                returned.write(to);
                tender.write(to);
                request.write(to);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        match (from.array()?, from.uint()?) {
            (7, 1) => Ok(Self::Sale {
                slot: Cbor::read(from)?,
                season: Cbor::read(from)?,
                amount: Cbor::read(from)?,
                sale: Cbor::read(from)?,
                entitlement_serial: Cbor::read(from)?,
                left: Cbor::read(from)?,
            }),
            (6, 2) => {
                let (debit, debit_counter) = (Cbor::read(from)?, Cbor::read(from)?);
                let (returned, tender) = (Cbor::read(from)?, Tenders::read(from)?);
                if !tender.fits(returned) {
                    return Err(CborError::Meaningless("the intent's purpose"));
                }
                Ok(Self::Undo { debit, debit_counter, returned, tender, request: Cbor::read(from)? })
            }
            _ => Err(CborError::Meaningless("the intent's purpose")),
        }
    }
}
