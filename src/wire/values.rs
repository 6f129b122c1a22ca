//! How each value of the domain stands in CBOR: identifiers as integers or byte strings, objects of the card profile as the byte
//! strings that the card uses.

use crate::domain::card::{
    CardCertificate, CardState, Challenge, Entitlement, KeyCertificate, PublicKey, Signature, SignedRecord,
    TerminalCertificate,
};
use crate::domain::cashier::{Change, Role};
use crate::domain::catalogue::{Benefit, Catalogue, Code, Grant, Unit};
use crate::domain::entry::{Learnt, Parts, ReadReason, Tender, Tenders};
use crate::domain::payment::{Doubt as PaymentDoubt, Said, Way};
use crate::domain::policy::{Limit, Policy};
use crate::domain::refusal::{DenialReason, Refusal};
use crate::domain::verdict::{Contest, Verdict};
use crate::domain::version::Version;
use crate::domain::{
    CardNumber, CashierId, Cents, Counter, EntitlementSerial, EntryHash, HolderReference, IssueNumber, KeySerial,
    PartnerId, PaymentId, RequestId, Season, Sequence, Slot, TerminalId, Timestamp, TransactionId,
};

use super::cbor::{Cbor, CborError, Reader, Writer, cbor_array, cbor_code, cbor_newtype};

cbor_newtype! {
    TerminalId: u32, |id| id.get(), |n| Some(Self::new(n));
    PartnerId: u32, |id| id.get(), |n| Some(Self::new(n));
    KeySerial: u32, |serial| serial.get(), |n| Some(Self::new(n));
    EntitlementSerial: u32, |serial| serial.get(), |n| Some(Self::new(n));
    IssueNumber: u8, |issue| issue.get(), |n| Some(Self::new(n));
    CashierId: u16, |id| id.get(), |n| (n > 0).then_some(Self::new(n));
    Counter: u32, |counter| counter.get(), |n| Some(Self::new(n));
    Sequence: u64, |sequence| sequence.get(), |n| Some(Self::new(n));
    CardNumber: u64, |card| card.get(), |n| Self::new(n).ok();
    Slot: u8, |slot| slot.get(), Self::new;
    Season: u16, |season| season.get(), |n| Some(Self::new(n));
    Timestamp: u32, |time| time.get(), |n| Some(Self::new(n));
    Cents: u64, |cents| cents.get(), Self::new;
    Code: String, |code| code.as_str().to_owned(), |s| Self::new(s).ok();
    HolderReference: [u8; 16], |id| *id.as_bytes(), |b| Some(Self::new(b));
    TransactionId: [u8; 16], |id| *id.as_bytes(), |b| Some(Self::new(b));
    PaymentId: [u8; 16], |id| *id.as_bytes(), |b| Some(Self::new(b));
    RequestId: [u8; 16], |id| *id.as_bytes(), |b| Some(Self::new(b));
    EntryHash: [u8; 32], |hash| *hash.as_bytes(), |b| Some(Self::new(b));
    Challenge: [u8; 16], |challenge| challenge.0, |b| Some(Self(b));
    PublicKey: [u8; 65], |key| key.0, |b| Some(Self(b));
    Signature: [u8; 64], |signature| signature.0, |b| Some(Self(b));
    KeyCertificate: [u8; 134], |object| object.encode(), |b| Self::decode(&b).ok();
    CardCertificate: [u8; 163], |object| object.encode(), |b| Self::decode(&b).ok();
    Entitlement: [u8; 211], |object| object.encode(), |b| Self::decode(&b).ok();
    TerminalCertificate: [u8; 154], |object| object.encode(), |b| Self::decode(&b).ok();
    SignedRecord: [u8; 116], |object| object.encode(), |b| Self::decode(&b).ok();
    CardState: [u8; 155], |object| object.encode(), |b| Self::decode(&b).ok();
}

cbor_code! {
    Tender { 1 => Self::Cash, 2 => Self::Card, 3 => Self::Cheque, 4 => Self::Other, 5 => Self::Tpe }
    Way { 1 => Self::Charge, 2 => Self::Refund }
    Said { 1 => Self::ByTpe, 2 => Self::ByCashier }
    PaymentDoubt {
        1 => Self::NotWritten, 2 => Self::NoAnswer, 3 => Self::Closed, 4 => Self::Unreadable, 5 => Self::NotOurs,
        6 => Self::NotDurable, 7 => Self::Restarted
    }
    Learnt { 1 => Self::AtOnce, 2 => Self::FromRecords }
    ReadReason { 1 => Self::Wanted, 2 => Self::SeasonEnd, 3 => Self::Blocked }
    Role { 1 => Self::Cashier, 2 => Self::Manager }
    Change { 1 => Self::Added, 2 => Self::Pin, 3 => Self::Disabled, 4 => Self::Enabled }
    DenialReason { 1 => Self::Lost, 2 => Self::Stolen, 3 => Self::Broken }
}

cbor_array! {
    Grant [profile, amount]
    Benefit [slot, code, label_fr, label_en, unit, activities, grants, once, redemption_max, day_max]
    Policy [version, offline_hours, waiting_entries, waiting_cents, deny_list_hours, all_entitlements]
}

/// A tender's number; of parts an array of `[tender, cents]`, by tender: two or more, none with nothing.
impl Cbor for Tenders {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::One(tender) => tender.write(to),
            Self::Parts(parts) => {
                to.array(parts.iter().count());
                for (tender, cents) in parts.iter() {
                    to.array(2);
                    tender.write(to);
                    cents.write(to);
                }
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        if from.uint_follows()? {
            return Ok(Self::One(Tender::read(from)?));
        }
        let nonsense = CborError::Meaningless("the parts of a payment");
        let count = from.array()?;
        if count > Tender::ALL.len() {
            return Err(nonsense);
        }
        let mut parts = Vec::with_capacity(count);
        for _ in 0..count {
            from.array_of(2)?;
            let part = (Tender::read(from)?, Cents::read(from)?);
            if parts.last().is_some_and(|(before, _)| *before >= part.0) {
                return Err(nonsense);
            }
            parts.push(part);
        }
        Parts::new(parts).map(Self::Parts).ok_or(nonsense)
    }
}

impl<T: Cbor> Cbor for Limit<T> {
    fn write(&self, to: &mut Writer) {
        to.array(2);
        self.soft.write(to);
        self.hard.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        from.array_of(2)?;
        Ok(Self { soft: T::read(from)?, hard: T::read(from)? })
    }
}

/// A seat is `[contribution, what the region pays]`, euro cents are `null`.
impl Cbor for Unit {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Seat { contribution, region_pays } => {
                to.array(2);
                contribution.write(to);
                region_pays.write(to);
            }
            Self::Cent => to.null(),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        if from.null()? {
            return Ok(Self::Cent);
        }
        from.array_of(2)?;
        Ok(Self::Seat { contribution: Cents::read(from)?, region_pays: Cents::read(from)? })
    }
}

impl Cbor for Catalogue {
    fn write(&self, to: &mut Writer) {
        to.array(3);
        self.season.write(to);
        self.version.write(to);
        self.benefits.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        from.array_of(3)?;
        let (season, version, benefits) = (Season::read(from)?, u32::read(from)?, Vec::read(from)?);
        Self::new(season, version, benefits).map_err(|_| CborError::Meaningless("the catalogue"))
    }
}

/// Refusals stand by their code, which is stable; their order is not.
impl Cbor for Refusal {
    fn write(&self, to: &mut Writer) {
        to.text(self.code());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        Self::from_code(from.text()?).ok_or(CborError::Meaningless("the refusal"))
    }
}

/// As text.
impl Cbor for Version {
    fn write(&self, to: &mut Writer) {
        to.text(&self.to_string());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        Self::parse(from.text()?).ok_or(CborError::Meaningless("the version"))
    }
}

/// `true` for payable, `null` for recorded, the reason's number for contested.
impl Cbor for Verdict {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Payable => to.bool(true),
            Self::Recorded => to.null(),
            Self::Contested(reason) => to.uint(u64::from(reason.number())),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        if from.null()? {
            return Ok(Self::Recorded);
        }
        if from.uint_follows()? {
            let reason = Contest::from_number(u8::read(from)?).ok_or(CborError::Meaningless("the reason"))?;
            return Ok(Self::Contested(reason));
        }
        if from.bool()? { Ok(Self::Payable) } else { Err(CborError::Meaningless("the verdict")) }
    }
}
