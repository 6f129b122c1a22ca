//! The objects of the card profile: fixed sizes, one after the other, each ending in a signature over its domain separator
//! and all bytes before the signature.

use super::{CardBytesError, Reader, VERSION, Writer};
use crate::domain::card::{
    CardCertificate, CardState, CardStatus, Challenge, DebitOrder, Entitlement, KeyCertificate, Operation, Record,
    ReversalOrder, SignedRecord, TerminalCertificate,
};
use crate::domain::ids::{
    CardNumber, Counter, EntitlementSerial, HolderReference, IssueNumber, KeySerial, PartnerId, TerminalId,
    TransactionId,
};
use crate::domain::purse::Slots;

const SIGNATURE_BYTES: usize = 64;

/// A domain separator and everything in `object` but its signature.
fn before_signature(separator: &str, object: &[u8]) -> Vec<u8> {
    let signed = object.len().saturating_sub(SIGNATURE_BYTES);
    [separator.as_bytes(), &object[..signed]].concat()
}

impl KeyCertificate {
    /// Its size in bytes.
    pub const BYTES: usize = 134;

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        Writer::new().u8(VERSION).u32(self.serial.get()).put(&self.public_key.0).put(&self.signature.0).done()
    }

    /// Reads exactly [`Self::BYTES`] bytes.
    ///
    /// # Errors
    /// [`CardBytesError`] for another length or version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let mut reader = Reader::new(bytes, Self::BYTES)?;
        reader.version()?;
        Ok(Self {
            serial: KeySerial::new(reader.u32()?),
            public_key: reader.public_key()?,
            signature: reader.signature()?,
        })
    }

    /// What the root signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        before_signature("PASS1-KEY", &self.encode())
    }
}

impl CardCertificate {
    /// Its size in bytes.
    pub const BYTES: usize = 163;

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        Writer::new()
            .u8(VERSION)
            .u32(self.key_serial.get())
            .u64(self.card.get())
            .u8(self.issue.get())
            .put(self.holder.as_bytes())
            .u32(self.issued_at.get())
            .put(&self.public_key.0)
            .put(&self.signature.0)
            .done()
    }

    /// Reads exactly [`Self::BYTES`] bytes.
    ///
    /// # Errors
    /// [`CardBytesError`] for another length or version, or a number that is not a card's.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let mut reader = Reader::new(bytes, Self::BYTES)?;
        reader.version()?;
        Ok(Self {
            key_serial: KeySerial::new(reader.u32()?),
            card: reader.card()?,
            issue: IssueNumber::new(reader.u8()?),
            holder: HolderReference::new(reader.array()?),
            issued_at: reader.time()?,
            public_key: reader.public_key()?,
            signature: reader.signature()?,
        })
    }

    /// What the region key signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        before_signature("PASS1-CARD", &self.encode())
    }
}

impl Entitlement {
    /// Its size in bytes.
    pub const BYTES: usize = 211;

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        Writer::new()
            .u8(VERSION)
            .u32(self.key_serial.get())
            .u64(self.card.get())
            .u16(self.season.get())
            .u32(self.serial.get())
            .amounts(&self.granted)
            .amounts(&self.opening)
            .put(&self.signature.0)
            .done()
    }

    /// Reads exactly [`Self::BYTES`] bytes.
    ///
    /// # Errors
    /// [`CardBytesError`] for another length or version, or a number that is not a card's.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let mut reader = Reader::new(bytes, Self::BYTES)?;
        reader.version()?;
        Ok(Self {
            key_serial: KeySerial::new(reader.u32()?),
            card: reader.card()?,
            season: reader.season()?,
            serial: EntitlementSerial::new(reader.u32()?),
            granted: reader.amounts()?,
            opening: reader.amounts()?,
            signature: reader.signature()?,
        })
    }

    /// What the region key signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        before_signature("PASS1-ENT", &self.encode())
    }
}

impl TerminalCertificate {
    /// Its size in bytes.
    pub const BYTES: usize = 154;

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        Writer::new()
            .u8(VERSION)
            .u32(self.key_serial.get())
            .u32(self.terminal.get())
            .u32(self.partner.get())
            .u16(self.season.get())
            .u16(self.slots.get())
            .u32(self.issued_at.get())
            .u32(self.not_after.get())
            .put(&self.public_key.0)
            .put(&self.signature.0)
            .done()
    }

    /// Reads exactly [`Self::BYTES`] bytes. How long it is valid is not judged here.
    ///
    /// # Errors
    /// [`CardBytesError`] for another length or version.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let mut reader = Reader::new(bytes, Self::BYTES)?;
        reader.version()?;
        Ok(Self {
            key_serial: KeySerial::new(reader.u32()?),
            terminal: TerminalId::new(reader.u32()?),
            partner: PartnerId::new(reader.u32()?),
            season: reader.season()?,
            slots: Slots::new(reader.u16()?),
            issued_at: reader.time()?,
            not_after: reader.time()?,
            public_key: reader.public_key()?,
            signature: reader.signature()?,
        })
    }

    /// What the region key signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        before_signature("PASS1-TERM", &self.encode())
    }
}

impl Operation {
    /// 1 or 2, as records have it.
    pub const fn code(self) -> u8 {
        match self {
            Self::Debit => 1,
            Self::Reversal => 2,
        }
    }

    /// The inverse of [`Operation::code`].
    ///
    /// # Errors
    /// [`CardBytesError::Operation`] for any other code.
    pub const fn from_code(code: u8) -> Result<Self, CardBytesError> {
        match code {
            1 => Ok(Self::Debit),
            2 => Ok(Self::Reversal),
            other => Err(CardBytesError::Operation(other)),
        }
    }
}

impl Record {
    /// Its size in bytes.
    pub const BYTES: usize = 52;

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        Writer::new()
            .u64(self.card.get())
            .u8(self.operation.code())
            .u8(self.slot.get())
            .u16(self.season.get())
            .u32(self.amount)
            .u32(self.link)
            .u32(self.consumed)
            .u32(self.counter.get())
            .u32(self.terminal.get())
            .put(self.transaction.as_bytes())
            .u32(self.time.get())
            .done()
    }

    /// Reads exactly [`Self::BYTES`] bytes.
    ///
    /// # Errors
    /// [`CardBytesError`] for another length, a number that is not a card's, an unknown operation, a slot over 15.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let mut reader = Reader::new(bytes, Self::BYTES)?;
        Ok(Self {
            card: reader.card()?,
            operation: Operation::from_code(reader.u8()?)?,
            slot: reader.slot()?,
            season: reader.season()?,
            amount: reader.u32()?,
            link: reader.u32()?,
            consumed: reader.u32()?,
            counter: Counter::new(reader.u32()?),
            terminal: TerminalId::new(reader.u32()?),
            transaction: TransactionId::new(reader.array()?),
            time: reader.time()?,
        })
    }

    /// What the card key signs.
    pub fn signed_bytes(&self) -> Vec<u8> {
        [b"PASS1-TXN".as_slice(), &self.encode()].concat()
    }
}

impl SignedRecord {
    /// Its size in bytes.
    pub const BYTES: usize = Record::BYTES + SIGNATURE_BYTES;

    /// Its bytes: the answer to READ RECORD.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        Writer::new().put(&self.record.encode()).put(&self.signature.0).done()
    }

    /// Reads exactly [`Self::BYTES`] bytes.
    ///
    /// # Errors
    /// [`CardBytesError`] for another length, else as [`Record::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let mut reader = Reader::new(bytes, Self::BYTES)?;
        Ok(Self { record: Record::decode(&reader.array::<{ Record::BYTES }>()?)?, signature: reader.signature()? })
    }
}

impl CardState {
    /// Its size in bytes.
    pub const BYTES: usize = 155;

    /// Its bytes: the answer to OPEN.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let status = match self.status {
            CardStatus::InUse => 0,
            CardStatus::Blocked => 1,
        };
        Writer::new()
            .u8(status)
            .put(&self.next_challenge.0)
            .u32(self.counter.get())
            .u16(self.season.get())
            .u32(self.entitlement_serial.get())
            .amounts(&self.consumed)
            .put(&self.signature.0)
            .done()
    }

    /// Reads exactly [`Self::BYTES`] bytes.
    ///
    /// # Errors
    /// [`CardBytesError`] for another length or an unknown status.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let mut reader = Reader::new(bytes, Self::BYTES)?;
        Ok(Self {
            status: match reader.u8()? {
                0 => CardStatus::InUse,
                1 => CardStatus::Blocked,
                other => return Err(CardBytesError::Status(other)),
            },
            next_challenge: reader.challenge()?,
            counter: Counter::new(reader.u32()?),
            season: reader.season()?,
            entitlement_serial: EntitlementSerial::new(reader.u32()?),
            consumed: reader.amounts()?,
            signature: reader.signature()?,
        })
    }

    /// What the card key signs: the card's name, the terminal's challenge and the 91 bytes before the signature.
    pub fn signed_bytes(&self, card: CardNumber, terminal_challenge: &Challenge) -> Vec<u8> {
        let state = before_signature("", &self.encode());
        [b"PASS1-OPEN".as_slice(), &card.get().to_be_bytes(), &terminal_challenge.0, &state].concat()
    }
}

/// What the terminal's card key signs in OPEN: it is here, now, before this card.
pub fn authentication_bytes(card: CardNumber, challenge: &Challenge, terminal_challenge: &Challenge) -> Vec<u8> {
    [b"PASS1-AUTH".as_slice(), &card.get().to_be_bytes(), &challenge.0, &terminal_challenge.0].concat()
}

/// What the region key signs to block a card for good.
pub fn block_bytes(card: CardNumber) -> Vec<u8> {
    [b"PASS1-BLOCK".as_slice(), &card.get().to_be_bytes()].concat()
}

impl DebitOrder {
    /// What the terminal's card key signs in DEBIT.
    pub fn signed_bytes(&self, card: CardNumber, challenge: &Challenge) -> Vec<u8> {
        [
            b"PASS1-DEBIT".as_slice(),
            &card.get().to_be_bytes(),
            &challenge.0,
            &[self.slot.get()],
            &self.season.get().to_be_bytes(),
            &self.amount.to_be_bytes(),
            self.transaction.as_bytes(),
            &self.time.get().to_be_bytes(),
        ]
        .concat()
    }
}

impl ReversalOrder {
    /// What the terminal's card key signs in REVERSE.
    pub fn signed_bytes(&self, card: CardNumber, challenge: &Challenge) -> Vec<u8> {
        [
            b"PASS1-REVERSE".as_slice(),
            &card.get().to_be_bytes(),
            &challenge.0,
            &self.debit_counter.get().to_be_bytes(),
            self.transaction.as_bytes(),
            &self.time.get().to_be_bytes(),
        ]
        .concat()
    }
}
