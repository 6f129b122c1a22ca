//! The messages between a terminal and the region: one pair for the enrolment, one pair for everything afterwards.
//!
//! Both travel over HTTPS or in a file, and mean the same: the signatures are on the messages. An answer names the request that it answers, so an
//! old answer cannot be played again.

use crate::domain::card::{Entitlement, KeyCertificate, PublicKey, TerminalCertificate};
use crate::domain::catalogue::Catalogue;
use crate::domain::entry::Intent;
use crate::domain::policy::Policy;
use crate::domain::{CardNumber, EntryHash, PartnerId, RequestId, Sequence, TerminalId, Timestamp};

use super::cbor::{Opaque, cbor_array, cbor_code};
use super::feed::{Partner, Position};

/// The version of the exchange that this file writes and reads.
pub const PROTOCOL_VERSION: u8 = 1;

/// The most entries in one request.
pub const REQUEST_ENTRIES_MAX: usize = 500;
/// The largest request, in bytes.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The largest answer, in bytes.
pub const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most pages of the feed in one answer.
pub const ANSWER_PAGES_MAX: usize = 4;
/// The most cards that one request asks entitlements for.
pub const REQUEST_CARDS_MAX: usize = 16;
/// The most sales in doubt that one request tells of.
pub const REQUEST_DOUBTS_MAX: usize = 500;

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The newest entry; 0 for an empty chain.
    pub sequence: Sequence,
    /// Its hash; the hash of the chain's beginning for an empty one.
    pub hash: EntryHash,
}

/// How the terminal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The program's version.
    pub version: String,
    /// Free bytes on the disk of the ledger.
    pub disk_free_bytes: u64,
}

/// A terminal reports. Signed by its Ed25519 key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeRequest {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u8,
    /// Who reports.
    pub terminal: TerminalId,
    /// Names this request; the answer repeats it.
    pub request: RequestId,
    /// The terminal's clock.
    pub time: Timestamp,
    /// What it has of the feed.
    pub feed_position: Position,
    /// The end of its chain.
    pub head: Head,
    /// Whole COSE entries, in order, from the head that the newest receipt acknowledges; not always to `head`.
    pub entries: Vec<Opaque>,
    /// Sales and undos of which it is not known whether the card did them.
    pub in_doubt: Vec<Intent>,
    /// Cards whose newest entitlement is asked for now, because one is in the reader.
    pub cards: Vec<CardNumber>,
    /// How the terminal is.
    pub health: Health,
}

/// Whether the region lets the terminal sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalStanding {
    /// It may.
    Active,
    /// It may not, until the region says otherwise.
    Suspended,
    /// Never again: another terminal took its place.
    Retired,
}

/// The region acknowledges a chain up to a head: everything up to it is committed. Kept for ever by the partner. Signed by the region key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Whose chain.
    pub terminal: TerminalId,
    /// Up to where.
    pub head: Head,
    /// The region's time.
    pub time: Timestamp,
    /// The request that it answers.
    pub request: RequestId,
}

/// The region answers. Signed by the region key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeAnswer {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u8,
    /// The terminal that it is for.
    pub terminal: TerminalId,
    /// The request that it answers.
    pub request: RequestId,
    /// The region's time.
    pub time: Timestamp,
    /// The receipt: a `COSE_Sign1` of its own.
    pub receipt: Opaque,
    /// Feed pages, each a `COSE_Sign1` of its own, in order; at most [`ANSWER_PAGES_MAX`].
    pub pages: Vec<Opaque>,
    /// Whether another exchange at once would bring more, or take more entries.
    pub more: bool,
    /// Whether the terminal may sell.
    pub standing: TerminalStanding,
    /// The newest entitlements of the cards asked for.
    pub entitlements: Vec<Entitlement>,
}

/// A terminal asks to be enrolled. Authenticated with the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentRequest {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u8,
    /// The id that the code carries.
    pub terminal: TerminalId,
    /// The Ed25519 public key of its entries and requests.
    pub entry_key: [u8; 32],
    /// The P-256 public key that cards will check.
    pub card_key: PublicKey,
}

/// The region enrols a terminal. Authenticated with the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentAnswer {
    /// [`PROTOCOL_VERSION`].
    pub protocol: u8,
    /// Its id.
    pub terminal: TerminalId,
    /// Its partner.
    pub partner_id: PartnerId,
    /// Its partner's name and activities.
    pub partner: Partner,
    /// The terminal that it takes the place of, after a lost disk.
    pub replaces: Option<TerminalId>,
    /// The region's time.
    pub time: Timestamp,
    /// The root's public key, pinned from now on.
    pub root_key: PublicKey,
    /// Every region key that is not withdrawn.
    pub region_keys: Vec<KeyCertificate>,
    /// The terminal's certificates, one a season.
    pub certificates: Vec<TerminalCertificate>,
    /// The catalogues, one a season.
    pub catalogues: Vec<Catalogue>,
    /// The offline policy.
    pub policy: Policy,
}

cbor_code! {
    TerminalStanding { 1 => Self::Active, 2 => Self::Suspended, 3 => Self::Retired }
}

cbor_array! {
    Head [sequence, hash]
    Health [version, disk_free_bytes]
    ExchangeRequest [
        protocol, terminal, request, time, feed_position, head, entries, in_doubt, cards, health,
    ]
    Receipt [terminal, head, time, request]
    ExchangeAnswer [
        protocol, terminal, request, time, receipt, pages, more, standing, entitlements,
    ]
    EnrolmentRequest [protocol, terminal, entry_key, card_key]
    EnrolmentAnswer [
        protocol, terminal, partner_id, partner, replaces, time, root_key, region_keys, certificates, catalogues,
        policy,
    ]
}
