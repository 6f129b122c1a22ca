//! The PASS card application, version 1, to the byte: objects, what is signed, commands and their answers.
//!
//! What always holds: `decode(encode(x)) == x`; a decoder accepts exactly one length; integers are big-endian; every
//! signature is over a domain separator and the bytes before it. Whether a signature verifies is in [`crate::crypto`], what a
//! card does with a command in [`crate::virtual_card`].
//!
//! The objects are the values of [`crate::domain::card`]; their `encode`, `decode` and `signed_bytes` are in `objects`. The
//! typed commands, for both sides of the reader, are in `commands`, what they answer in `answers`.

mod answers;
mod commands;
mod objects;

use std::fmt;

pub use answers::{ChangeAnswer, SelectAnswer};
pub use commands::{AID, Case4, Command, Instruction, OpenRequest, Phase};
pub use objects::{authentication_bytes, block_bytes};

use crate::domain::card::{Challenge, PublicKey, Signature};
use crate::domain::ids::{CardNumber, NotACardNumber};
use crate::domain::purse::{Amounts, SLOTS, Slot};
use crate::domain::time::{Season, Timestamp};

/// The version of the objects and of the application.
pub const VERSION: u8 = 1;

/// How many records a card keeps.
pub const RECORDS_MAX: usize = 16;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardBytesError {
    /// Too few or too many.
    Length {
        /// What the object has, in bytes.
        expected: usize,
        /// What there was, in bytes.
        found: usize,
    },
    /// Not [`VERSION`].
    Version(u8),
    /// The number has not 16 digits, or a wrong check digit.
    CardNumber(NotACardNumber),
    /// Neither 1 (debit) nor 2 (reversal).
    Operation(u8),
    /// Over 15.
    Slot(u8),
    /// Neither 0 (in use) nor 1 (blocked).
    Status(u8),
    /// The answer to SELECT is not this application's.
    SelectAnswer,
}

impl fmt::Display for CardBytesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { expected, found } => write!(f, "{found} bytes where the card profile has {expected}"),
            Self::Version(version) => write!(f, "version {version} where the card profile has {VERSION}"),
            Self::CardNumber(error) => write!(f, "not a card number: {error}"),
            Self::Operation(operation) => write!(f, "operation {operation} is neither a debit nor a reversal"),
            Self::Slot(slot) => write!(f, "slot {slot} where a card has {SLOTS}, from 0"),
            Self::Status(status) => write!(f, "status {status} is neither in use nor blocked"),
            Self::SelectAnswer => f.write_str("the answer to SELECT is not that of a PASS card"),
        }
    }
}

impl std::error::Error for CardBytesError {}

impl From<NotACardNumber> for CardBytesError {
    fn from(error: NotACardNumber) -> Self {
        Self::CardNumber(error)
    }
}

/// Takes fields off the front of bytes whose length is settled once, at the start.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], expected: usize) -> Result<Self, CardBytesError> {
        if bytes.len() == expected {
            Ok(Self(bytes))
        } else {
            Err(CardBytesError::Length { expected, found: bytes.len() })
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CardBytesError> {
        let found = self.0.len();
        let (field, rest) = self.0.split_first_chunk().ok_or(CardBytesError::Length { expected: N, found })?;
        self.0 = rest;
        Ok(*field)
    }

    fn u8(&mut self) -> Result<u8, CardBytesError> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Result<u16, CardBytesError> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, CardBytesError> {
        self.array().map(u32::from_be_bytes)
    }

    fn version(&mut self) -> Result<(), CardBytesError> {
        match self.u8()? {
            VERSION => Ok(()),
            other => Err(CardBytesError::Version(other)),
        }
    }

    fn card(&mut self) -> Result<CardNumber, CardBytesError> {
        Ok(CardNumber::new(u64::from_be_bytes(self.array()?))?)
    }

    fn slot(&mut self) -> Result<Slot, CardBytesError> {
        let slot = self.u8()?;
        Slot::new(slot).ok_or(CardBytesError::Slot(slot))
    }

    fn season(&mut self) -> Result<Season, CardBytesError> {
        self.u16().map(Season::new)
    }

    fn time(&mut self) -> Result<Timestamp, CardBytesError> {
        self.u32().map(Timestamp::new)
    }

    fn amounts(&mut self) -> Result<Amounts, CardBytesError> {
        let mut amounts = [0; SLOTS];
        for amount in &mut amounts {
            *amount = self.u32()?;
        }
        Ok(Amounts::new(amounts))
    }

    fn challenge(&mut self) -> Result<Challenge, CardBytesError> {
        self.array().map(Challenge)
    }

    fn public_key(&mut self) -> Result<PublicKey, CardBytesError> {
        self.array().map(PublicKey)
    }

    fn signature(&mut self) -> Result<Signature, CardBytesError> {
        self.array().map(Signature)
    }
}

/// Puts fields one after the other into an object's `N` bytes.
struct Writer<const N: usize> {
    bytes: [u8; N],
    at: usize,
}

impl<const N: usize> Writer<N> {
    fn new() -> Self {
        Self { bytes: [0; N], at: 0 }
    }

    /// The fields of an object and its `N` are written down side by side in `objects`; a sum that is wrong fails every test there.
    fn put(mut self, field: &[u8]) -> Self {
        let end = self.at + field.len();
        self.bytes[self.at..end].copy_from_slice(field);
        self.at = end;
        self
    }

    fn u8(self, value: u8) -> Self {
        self.put(&[value])
    }

    fn u16(self, value: u16) -> Self {
        self.put(&value.to_be_bytes())
    }

    fn u32(self, value: u32) -> Self {
        self.put(&value.to_be_bytes())
    }

    fn u64(self, value: u64) -> Self {
        self.put(&value.to_be_bytes())
    }

    fn amounts(self, amounts: &Amounts) -> Self {
        amounts.as_array().iter().fold(self, |writer, amount| writer.u32(*amount))
    }

    fn done(self) -> [u8; N] {
        debug_assert_eq!(self.at, N, "the fields of an object add up to its size");
        self.bytes
    }
}
