//! What a card, a terminal and the region prove to each other: certificates, entitlement, records, state. Values only; the
//! bytes and what is signed are in [`crate::wire::card`], whether a signature holds in [`crate::crypto`].

use super::ids::{
    CardNumber, Counter, EntitlementSerial, HolderReference, IssueNumber, KeySerial, PartnerId, TerminalId,
    TransactionId,
};
use super::purse::{Amounts, Slot, Slots, left};
use super::time::{Season, Timestamp};

/// An ECDSA P-256 public key, uncompressed: `04 || x || y` (SEC 1, 2.3.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct PublicKey(pub [u8; 65]);

/// An ECDSA P-256 signature with SHA-256: `r || s`, 32 bytes each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature(pub [u8; 64]);

/// A card's or a terminal's 16 random bytes that make an answer fresh.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Challenge(pub [u8; 16]);

/// A region key, certified by the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyCertificate {
    /// Grows with each new key.
    pub serial: KeySerial,
    /// The region key.
    pub public_key: PublicKey,
    /// By the root.
    pub signature: Signature,
}

/// A card is genuine: the region made it and knows its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CardCertificate {
    /// The region key that signed it.
    pub key_serial: KeySerial,
    /// Of this card alone; a replacement has another.
    pub card: CardNumber,
    /// Which of the holder's cards this is.
    pub issue: IssueNumber,
    /// The holder, for the region alone.
    pub holder: HolderReference,
    /// When the card was made.
    pub issued_at: Timestamp,
    /// The key that never leaves the card.
    pub public_key: PublicKey,
    /// By the region key.
    pub signature: Signature,
}

/// What a card is granted for one season (R3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entitlement {
    /// The region key that signed it.
    pub key_serial: KeySerial,
    /// The card it is for.
    pub card: CardNumber,
    /// The season it is for.
    pub season: Season,
    /// Grows at each new entitlement of the card.
    pub serial: EntitlementSerial,
    /// Granted, one per slot.
    pub granted: Amounts,
    /// Consumed before this card took part, or charged to it, one per slot.
    pub opening: Amounts,
    /// By the region key.
    pub signature: Signature,
}

impl Entitlement {
    /// What is left in `slot` when the card says `consumed`.
    pub fn left(&self, slot: Slot, consumed: &Amounts) -> u32 {
        left(self.granted.get(slot), self.opening.get(slot), consumed.get(slot))
    }
}

/// A terminal may debit these slots, this season, until then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TerminalCertificate {
    /// The region key that signed it.
    pub key_serial: KeySerial,
    /// The terminal.
    pub terminal: TerminalId,
    /// Its partner.
    pub partner: PartnerId,
    /// The season whose slots it names.
    pub season: Season,
    /// The slots this terminal may debit.
    pub slots: Slots,
    /// From when.
    pub issued_at: Timestamp,
    /// Until when, inclusive; at most [`TerminalCertificate::LIFE_SECONDS_MAX`] later.
    pub not_after: Timestamp,
    /// The terminal's card key.
    pub public_key: PublicKey,
    /// By the region key.
    pub signature: Signature,
}

impl TerminalCertificate {
    /// 45 days: how long a stolen terminal's key can be good at most.
    pub const LIFE_SECONDS_MAX: u32 = 45 * 86_400;

    /// Whether `time` lies from *issued at* to *not after*, both included.
    pub fn covers(&self, time: Timestamp) -> bool {
        self.issued_at <= time && time <= self.not_after
    }
}

/// What a change of the purse does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// 1: the amount is consumed.
    Debit,
    /// 2: a debit is taken back.
    Reversal,
}

/// One change of the purse, as the card keeps and signs it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// The card that made it.
    pub card: CardNumber,
    /// Debit or reversal.
    pub operation: Operation,
    /// The benefit's slot.
    pub slot: Slot,
    /// The season of the entitlement it drew on.
    pub season: Season,
    /// In the unit of the slot: cents or seats.
    pub amount: u32,
    /// Debit: how many reversals this card has ever recorded. Reversal: the counter of the debit it takes back.
    pub link: u32,
    /// Consumed in that slot on this card after the operation.
    pub consumed: u32,
    /// The counter after the operation.
    pub counter: Counter,
    /// The terminal that asked for it.
    pub terminal: TerminalId,
    /// Chosen by that terminal.
    pub transaction: TransactionId,
    /// As that terminal gave it.
    pub time: Timestamp,
}

/// A record with the card key's signature: proof that the card was there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SignedRecord {
    /// What happened.
    pub record: Record,
    /// By the card key, over `"PASS1-TXN" || record`.
    pub signature: Signature,
}

/// What OPEN answers: the card's state, signed and fresh.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CardState {
    /// Whether the card was blocked for good.
    pub status: CardStatus,
    /// The challenge that the next command must sign.
    pub next_challenge: Challenge,
    /// The counter of the newest record; 0 when there is none.
    pub counter: Counter,
    /// The season of the entitlement; 0 without one.
    pub season: Season,
    /// The serial of the entitlement; 0 without one.
    pub entitlement_serial: EntitlementSerial,
    /// Consumed this season, one per slot.
    pub consumed: Amounts,
    /// By the card key, over `"PASS1-OPEN"`, the card number, the terminal's challenge and all of the above.
    pub signature: Signature,
}

/// Whether a card still works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardStatus {
    /// 0.
    InUse,
    /// 1: denied for good; OPEN and the READs still work and say so.
    Blocked,
}

/// A debit that a terminal asks a card for: the fields of the DEBIT command that the terminal signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DebitOrder {
    /// The benefit's slot.
    pub slot: Slot,
    /// The season of the card's entitlement.
    pub season: Season,
    /// In the unit of the slot, not 0.
    pub amount: u32,
    /// Chosen by the terminal.
    pub transaction: TransactionId,
    /// The terminal's time.
    pub time: Timestamp,
}

/// A reversal that a terminal asks a card for: the fields of the REVERSE command that the terminal signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReversalOrder {
    /// The counter of the debit to take back.
    pub debit_counter: Counter,
    /// Chosen by the terminal, another than the debit's.
    pub transaction: TransactionId,
    /// The terminal's time.
    pub time: Timestamp,
}
