//! What a card keeps when it has no power: one plain value.
//!
//! What always holds: the newest of at most [`RECORDS_MAX`] records is first and its counter is the card's; a card that is
//! issued has its key, its certificate and whom it believes. How the value lasts is in [`super::storage`], how it may change in
//! [`super::purse`] and [`super::card`].

use std::fmt;

use crate::crypto::{CryptoError, P256Key};
use crate::domain::card::{CardCertificate, CardStatus, Entitlement, KeyCertificate, PublicKey, SignedRecord};
use crate::domain::ids::{Counter, EntitlementSerial};
use crate::domain::purse::Amounts;
use crate::domain::time::{Season, Timestamp};
use crate::wire::card::RECORDS_MAX;

/// The card's private key, as its PKCS#8 document.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Vec<u8>);

impl PrivateKey {
    /// Wraps the document, unread.
    pub const fn new(pkcs8: Vec<u8>) -> Self {
        Self(pkcs8)
    }

    /// The document.
    pub fn pkcs8(&self) -> &[u8] {
        &self.0
    }

    /// The key that can sign.
    ///
    /// # Errors
    /// [`CryptoError::BadKey`] when it is not a P-256 key.
    pub fn read(&self) -> Result<P256Key, CryptoError> {
        P256Key::from_pkcs8(&self.0)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(private)")
    }
}

/// Whom a card believes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority {
    /// The root, for the life of the card.
    pub root: PublicKey,
    /// The region key, until a newer one is put.
    pub region_key: KeyCertificate,
}

/// Everything that lasts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CardMemory {
    /// Profile version 0.
    Blank(BlankMemory),
    /// Profile version 1.
    Issued(Box<IssuedMemory>),
}

impl CardMemory {
    /// A card out of the box.
    pub const BLANK: Self = Self::Blank(BlankMemory { key: None, authority: None });

    /// The card's private key, once it made one.
    pub fn key(&self) -> Option<&PrivateKey> {
        match self {
            Self::Blank(blank) => blank.key.as_ref(),
            Self::Issued(issued) => Some(&issued.key),
        }
    }
}

/// How far issuing has come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlankMemory {
    /// Since GENERATE KEY.
    pub key: Option<PrivateKey>,
    /// Since the first STORE.
    pub authority: Option<Box<Authority>>,
}

/// A card in the life it was made for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IssuedMemory {
    /// Never leaves the card.
    pub key: PrivateKey,
    /// Whom it believes.
    pub authority: Authority,
    /// Who it is.
    pub certificate: CardCertificate,
    /// Blocked is for good.
    pub status: CardStatus,
    /// What it is granted; none before the first PUT ENTITLEMENT.
    pub entitlement: Option<Entitlement>,
    /// Consumed in the entitlement's season, one per slot.
    pub consumed: Amounts,
    /// How many reversals it has ever recorded.
    pub reversals: u32,
    /// The latest *issued at* of the terminal certificates that have debited it.
    pub latest_issued_at: Timestamp,
    /// The newest first.
    pub records: Vec<SignedRecord>,
}

impl IssuedMemory {
    /// A card as the second STORE leaves it.
    pub const fn new(key: PrivateKey, authority: Authority, certificate: CardCertificate) -> Self {
        Self {
            key,
            authority,
            certificate,
            status: CardStatus::InUse,
            entitlement: None,
            consumed: Amounts::ZERO,
            reversals: 0,
            latest_issued_at: Timestamp::EPOCH,
            records: Vec::new(),
        }
    }

    /// The counter of the newest record; 0 before the first.
    pub fn counter(&self) -> Counter {
        self.records.first().map_or(Counter::new(0), |newest| newest.record.counter)
    }

    /// The season of the entitlement; 0 without one.
    pub fn season(&self) -> Season {
        self.entitlement.as_ref().map_or(Season::new(0), |entitlement| entitlement.season)
    }

    /// The serial of the entitlement; 0 without one.
    pub fn entitlement_serial(&self) -> EntitlementSerial {
        self.entitlement.as_ref().map_or(EntitlementSerial::new(0), |entitlement| entitlement.serial)
    }

    /// The memory once `signed` is recorded: the oldest record makes room.
    #[must_use]
    pub fn with_record(mut self, signed: SignedRecord) -> Self {
        self.consumed = self.consumed.with(signed.record.slot, signed.record.consumed);
        self.records.insert(0, signed);
        self.records.truncate(RECORDS_MAX);
        self
    }
}
