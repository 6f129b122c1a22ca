//! The bytes of a closing.

use crate::domain::Date;
use crate::domain::closing::{
    BenefitTotal, Cash, Closing, Doubt, Doubts, Period, Perpetual, TenderTotal, UnknownPayment, UnknownPayments,
};

use super::cbor::{Cbor, CborError, Reader, Writer, cbor_array};

cbor_array! {
    BenefitTotal [benefit, debits, debited, undone, given_back]
    TenderTotal [tender, sales, collected, undone, returned, given_up]
    Perpetual [absolute, net]
    Cash [float, taken, given, counted]
    Doubt [card, transaction, collected, tender] if |doubt| doubt.tender.fits(doubt.collected);
    Doubts [count, cash, sales]
    UnknownPayment [payment, way, asked]
    UnknownPayments [count, payments]
}

/// `[1, year, month, day]`, `[2, year, month]`, `[3, year]`.
impl Cbor for Period {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Day(date) => {
                to.array(4);
                to.uint(1);
                date.year().write(to);
                date.month().write(to);
                date.day().write(to);
            }
            Self::Month(year, month) => {
                to.array(3);
                to.uint(2);
                year.write(to);
                month.write(to);
            }
            Self::Year(year) => {
                to.array(2);
                to.uint(3);
                year.write(to);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        let nonsense = CborError::Meaningless("the period");
        match (from.array()?, from.uint()?) {
            (4, 1) => {
                let date = Date::new(Cbor::read(from)?, Cbor::read(from)?, Cbor::read(from)?);
                date.map(Self::Day).ok_or(nonsense)
            }
            (3, 2) => match (Cbor::read(from)?, Cbor::read(from)?) {
                (year, month @ 1..=12) => Ok(Self::Month(year, month)),
                _ => Err(nonsense),
            },
            (2, 3) => Ok(Self::Year(Cbor::read(from)?)),
            _ => Err(nonsense),
        }
    }
}

/// An array of ten, and of eleven where payments are unknown; the totals' two lists stand in it one after the other.
impl Cbor for Closing {
    fn write(&self, to: &mut Writer) {
        let unknown = self.unknown_payments.count > 0;
        to.array(if unknown { 11 } else { 10 });
        self.period.write(to);
        self.number.write(to);
        self.from.write(to);
        self.to.write(to);
        self.opened.write(to);
        self.totals.benefits.write(to);
        self.totals.tenders.write(to);
        self.perpetual.write(to);
        self.cash.write(to);
        self.doubts.write(to);
        if unknown {
            self.unknown_payments.write(to);
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, CborError> {
        let length = from.array()?;
        if !matches!(length, 10 | 11) {
            return Err(CborError::Meaningless("the closing's length"));
        }
        let read = Self {
            period: Cbor::read(from)?,
            number: Cbor::read(from)?,
            from: Cbor::read(from)?,
            to: Cbor::read(from)?,
            opened: Cbor::read(from)?,
            totals: crate::domain::closing::Totals { benefits: Cbor::read(from)?, tenders: Cbor::read(from)? },
            perpetual: Cbor::read(from)?,
            cash: Cbor::read(from)?,
            doubts: Cbor::read(from)?,
            unknown_payments: if length == 11 { Cbor::read(from)? } else { UnknownPayments::default() },
        };
        // One encoding for each closing: none has an empty list.
        if (length == 11) == (read.unknown_payments.count > 0) {
            Ok(read)
        } else {
            Err(CborError::Meaningless("the closing's length"))
        }
    }
}
