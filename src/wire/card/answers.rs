//! What a card answers to SELECT, DEBIT and REVERSE. The other answers are objects, or empty.

use super::{AID, CardBytesError, Reader, Writer};
use crate::domain::card::{Challenge, Record, Signature, SignedRecord};
use crate::domain::ids::Counter;

/// The answer to SELECT: which application this is, and the challenge that the next command signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SelectAnswer {
    /// Profile version 0: not issued yet.
    Blank,
    /// Profile version 1.
    Issued(Challenge),
}

impl SelectAnswer {
    /// The file control information up to its length: tag `84` and the application's name (ISO/IEC 7816-4).
    const NAME: [u8; 2] = [0x84, AID.len() as u8];

    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        // Tag 53, discretionary data: the profile version, then the challenge if there is one.
        let (version, challenge): (u8, &[u8]) = match self {
            Self::Blank => (0, &[]),
            Self::Issued(challenge) => (super::VERSION, &challenge.0),
        };
        let discretionary_len = 1 + challenge.len() as u8;
        let template_len = (Self::NAME.len() + AID.len() + 2) as u8 + discretionary_len;
        [&[0x6F, template_len], Self::NAME.as_slice(), &AID, &[0x53, discretionary_len, version], challenge].concat()
    }

    /// Reads the answer of a blank card or of a card of this profile, and of no other.
    ///
    /// # Errors
    /// [`CardBytesError::Version`] for a profile version that is not known, [`CardBytesError::SelectAnswer`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let not_ours = CardBytesError::SelectAnswer;
        let [0x6F, template_len, template @ ..] = bytes else { return Err(not_ours) };
        let rest = template.strip_prefix(&Self::NAME).and_then(|rest| rest.strip_prefix(&AID)).ok_or(not_ours)?;
        let [0x53, discretionary_len, version, challenge @ ..] = rest else { return Err(not_ours) };
        if usize::from(*template_len) != template.len() || usize::from(*discretionary_len) != 1 + challenge.len() {
            return Err(not_ours);
        }
        match (*version, challenge) {
            (0, []) => Ok(Self::Blank),
            (super::VERSION, challenge) => match challenge.try_into() {
                Ok(challenge) => Ok(Self::Issued(Challenge(challenge))),
                Err(_) => Err(not_ours),
            },
            (0, _) => Err(not_ours),
            (version, _) => Err(CardBytesError::Version(version)),
        }
    }
}

/// The answer to DEBIT and REVERSE. Nothing in it counts until the signature verifies over the whole record, which the terminal
/// rebuilds: see [`Record::signed_bytes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChangeAnswer {
    /// The record's counter.
    pub counter: Counter,
    /// Consumed in the slot after the operation.
    pub consumed: u32,
    /// By the card key, over `"PASS1-TXN" || record`.
    pub signature: Signature,
}

impl ChangeAnswer {
    /// Its size in bytes.
    pub const BYTES: usize = 72;

    /// The answer that tells of `signed`.
    pub const fn of(signed: &SignedRecord) -> Self {
        let SignedRecord { record: Record { counter, consumed, .. }, signature } = *signed;
        Self { counter, consumed, signature }
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; Self::BYTES] {
        Writer::new().u32(self.counter.get()).u32(self.consumed).put(&self.signature.0).done()
    }

    /// Reads exactly [`Self::BYTES`] bytes.
    ///
    /// # Errors
    /// [`CardBytesError::Length`] for another length.
    pub fn decode(bytes: &[u8]) -> Result<Self, CardBytesError> {
        let mut reader = Reader::new(bytes, Self::BYTES)?;
        Ok(Self { counter: Counter::new(reader.u32()?), consumed: reader.u32()?, signature: reader.signature()? })
    }
}
