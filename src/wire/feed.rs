//! The feed: what the region tells its terminals, in pages that are signed, in order, and applied whole.
//!
//! A page is a `COSE_Sign1` with a region key. It goes from one position to another; positions only grow. Its `made_at` is the region's time, also when it
//! is empty, so a stale copy cannot make a list look fresh. `denied_count` and `denied_digest` are those of the whole deny list once the page is applied: a terminal
//! whose list differs has lost something and says so.
//!
//! What travels is a [`PackedPage`]: its items are compressed inside it, so the signature is over what travels, and a reader unpacks nothing that is not
//! signed. What is the same for all terminals is so to the byte. `packing` does it.

use crate::domain::card::{Entitlement, KeyCertificate, Signature, SignedRecord, TerminalCertificate};
use crate::domain::catalogue::{Catalogue, Code};
use crate::domain::policy::Policy;
use crate::domain::refusal::DenialReason;
use crate::domain::verdict::Verdict;
use crate::domain::version::RequiredVersion;
use crate::domain::{CardNumber, Counter, KeySerial, Sequence, TerminalId, Timestamp};

use super::cbor::{Opaque, cbor_array, cbor_choice};

/// The most items in one page.
pub const PAGE_ITEMS_MAX: usize = 1000;

/// The most bytes of a page's items before they are packed, all together: what a terminal makes room for.
pub const PAGE_BYTES_MAX: u32 = 1024 * 1024;

/// A place in the feed. 0 is before everything.
pub type Position = u64;

/// A card that must not be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The card.
    pub card: CardNumber,
    /// Why.
    pub reason: DenialReason,
    /// When the region denied it.
    pub denied_at: Timestamp,
    /// The region key's block signature, where the denial is final: the terminal blocks the chip with it.
    pub block: Option<Signature>,
}

/// Records of a card that the region wants read at its next tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordsWanted {
    /// The card.
    pub card: CardNumber,
    /// From this counter.
    pub from: Counter,
    /// To this one, included.
    pub to: Counter,
}

/// What the region says of one of the terminal's entries. The greatest version counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryVerdict {
    /// The entry.
    pub sequence: Sequence,
    /// Grows with each judgement of this entry.
    pub version: u32,
    /// The judgement.
    pub verdict: Verdict,
}

/// Who the terminal works for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Its name.
    pub name: String,
    /// What it does: which benefits it may debit (R1).
    pub activities: Vec<Code>,
}

/// A region key that is no longer to be trusted. Counts only on a page signed by a key of a greater serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyWithdrawn {
    /// The key.
    pub serial: KeySerial,
}

/// One thing that the region tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A season's catalogue; the greatest version counts.
    Catalogue(Catalogue),
    /// The offline policy; the greatest version counts.
    Policy(Policy),
    /// A card is denied.
    Denial(Denial),
    /// An entitlement, to be put on its card at the next tap; the greatest serial counts.
    Entitlement(Entitlement),
    /// The terminal's next certificate for a season.
    TerminalCertificate(TerminalCertificate),
    /// A region key.
    KeyCertificate(KeyCertificate),
    /// Records to be read.
    RecordsWanted(RecordsWanted),
    /// A verdict on an entry.
    Verdict(EntryVerdict),
    /// A region key is withdrawn.
    KeyWithdrawn(KeyWithdrawn),
    /// The terminal's partner.
    Partner(Partner),
    /// The version of the program that terminals must have; the later word counts.
    RequiredVersion(RequiredVersion),
    /// A record of a card whose debit or reversal is in doubt at the terminal: read by another, signed by the card.
    Record(SignedRecord),
}

/// A page of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage<I = Vec<Item>> {
    /// The terminal that it is for.
    pub terminal: TerminalId,
    /// It follows what was known at this position.
    pub from: Position,
    /// What is known after it.
    pub to: Position,
    /// When the region made it.
    pub made_at: Timestamp,
    /// How many cards are denied after it.
    pub denied_count: u64,
    /// SHA-256 over the denied numbers after it, each 8 bytes big-endian, in growing order.
    pub denied_digest: [u8; 32],
    /// In the order in which they are applied.
    pub items: I,
}

/// The items of a page as they travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedItems {
    /// How many bytes they are when they are unpacked; at most [`PAGE_BYTES_MAX`].
    pub size: u32,
    /// `[* item]`, as one frame of zstd (RFC 8878).
    pub zstd: Opaque,
}

/// A page as it travels: this is signed.
pub type PackedPage = FeedPage<PackedItems>;

impl<I> FeedPage<I> {
    /// The same page with these items.
    pub fn with<J>(&self, items: J) -> FeedPage<J> {
        let Self { terminal, from, to, made_at, denied_count, denied_digest, .. } = *self;
        FeedPage { terminal, from, to, made_at, denied_count, denied_digest, items }
    }
}

cbor_choice! {
    Item {
        1 => Catalogue(Catalogue),
        2 => Policy(Policy),
        3 => Denial(Denial),
        4 => Entitlement(Entitlement),
        5 => TerminalCertificate(TerminalCertificate),
        6 => KeyCertificate(KeyCertificate),
        7 => RecordsWanted(RecordsWanted),
        8 => Verdict(EntryVerdict),
        9 => KeyWithdrawn(KeyWithdrawn),
        10 => Partner(Partner),
        11 => Record(SignedRecord),
        12 => RequiredVersion(RequiredVersion),
    }
}

cbor_array! {
    Denial [card, reason, denied_at, block]
    RecordsWanted [card, from, to]
    EntryVerdict [sequence, version, verdict]
    Partner [name, activities]
    KeyWithdrawn [serial]
    RequiredVersion [version, by]
    PackedItems [size, zstd]
    PackedPage [terminal, from, to, made_at, denied_count, denied_digest, items]
}

/// The bytes whose SHA-256 is a page's `denied_digest`. `denied` must be in growing order.
pub fn denied_bytes(denied: impl Iterator<Item = CardNumber>) -> Vec<u8> {
    denied.flat_map(|card| card.get().to_be_bytes()).collect()
}
