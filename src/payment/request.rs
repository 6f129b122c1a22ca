//! What is asked of the bank terminal.

use std::fmt;

use crate::domain::payment::Way;
use crate::domain::{Cents, PaymentId};

use super::message::{Malformed, Records, Tag, Writer};

/// The version of the protocol that is spoken: V3, the first over IP.
pub(super) const VERSION: &[u8] = b"0300";
/// The protocol's identifier. It is required and echoed, and no bank terminal that we know of looks at it.
const IDENTIFIER: &[u8] = b"012345678901";
/// The euro (ISO 4217).
pub(super) const EURO: &[u8] = b"978";

/// The number of the cash register, from 0 to 99, as the bank terminal prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(u8);

impl Register {
    /// The first register: the usual one.
    pub const FIRST: Self = Self(1);

    /// The register with this number; `None` above 99.
    pub const fn new(number: u8) -> Option<Self> {
        if number <= 99 { Some(Self(number)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// Two digits, as the protocol has it.
impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

/// Why something cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nothing, or more than twelve digits.
    #[error("{0} is no amount that a bank terminal takes: from 0.01 to 9999999999.99")]
    Amount(Cents),
}

/// One payment to ask of the bank terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    pub(super) register: Register,
    pub(super) payment: PaymentId,
    pub(super) way: Way,
    pub(super) amount: Cents,
}

impl Request {
    /// A payment named `payment`.
    ///
    /// # Errors
    /// [`RequestError::Amount`].
    pub fn new(register: Register, payment: PaymentId, way: Way, amount: Cents) -> Result<Self, RequestError> {
        if amount.is_zero() || amount >= Cents::MAX {
            return Err(RequestError::Amount(amount));
        }
        Ok(Self { register, payment, way, amount })
    }

    /// The message. The answer is to come at the end (BA 0), and the amount is to be paid whole (BF 0). The payment's name goes along as
    /// private data, and comes back in the answer.
    pub fn to_bytes(&self) -> Vec<u8> {
        let action = match self.way {
            Way::Charge => "0",
            Way::Refund => "1",
        };
        // At least two digits: what integrators were bitten by.
        let amount = format!("{:02}", self.amount.get());
        head(self.register)
            .record(Tag::AMOUNT, amount)
            .record(Tag::ACTION, action)
            .record(Tag::CURRENCY, EURO)
            .record(Tag::ANSWER_AT, "0")
            .record(Tag::PARTIAL, "0")
            .record(Tag::PRIVATE, self.payment.to_string())
            .into_bytes()
    }

    /// A message that asks for no payment, because it has no amount: a bank terminal answers it at once, that it is not understood. So
    /// the address, the line and the protocol are tried, and no money can move.
    pub(super) fn trial(register: Register) -> Vec<u8> {
        head(register).record(Tag::ACTION, "0").record(Tag::CURRENCY, EURO).into_bytes()
    }

    /// Reads a request: the side of the bank terminal.
    ///
    /// # Errors
    /// [`Malformed`] for anything but a whole request for a debit or a credit in euros that names its payment.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let records = Records::read(bytes)?;
        if !records.at_boundary() {
            return Err(Malformed::Cut);
        }
        records.require(Tag::IDENTIFIER)?;
        let register = records.number(Tag::REGISTER)?.ok_or(Malformed::Missing(Tag::REGISTER))?;
        let register = u8::try_from(register).ok().and_then(Register::new).ok_or(Malformed::Value(Tag::REGISTER))?;
        let cents = records.number(Tag::AMOUNT)?.ok_or(Malformed::Missing(Tag::AMOUNT))?;
        let amount = Cents::new(cents).ok_or(Malformed::Value(Tag::AMOUNT))?;
        let way = way(records.require(Tag::ACTION)?).ok_or(Malformed::Value(Tag::ACTION))?;
        if records.require(Tag::CURRENCY)? != EURO {
            return Err(Malformed::Value(Tag::CURRENCY));
        }
        let payment = payment(records.require(Tag::PRIVATE)?).ok_or(Malformed::Value(Tag::PRIVATE))?;
        Self::new(register, payment, way, amount).map_err(|_| Malformed::Value(Tag::AMOUNT))
    }

    /// What is asked for.
    pub const fn amount(&self) -> Cents {
        self.amount
    }

    /// Which way.
    pub const fn way(&self) -> Way {
        self.way
    }

    /// Of which register.
    pub const fn register(&self) -> Register {
        self.register
    }

    /// Its name.
    pub const fn payment(&self) -> PaymentId {
        self.payment
    }
}

/// The records with which every request begins.
fn head(register: Register) -> Writer {
    Writer::default()
        .record(Tag::VERSION, VERSION)
        .record(Tag::IDENTIFIER, IDENTIFIER)
        .record(Tag::REGISTER, register.to_string())
}

/// The way that an action means.
pub(super) fn way(action: &[u8]) -> Option<Way> {
    match action {
        b"0" => Some(Way::Charge),
        b"1" => Some(Way::Refund),
        _ => None,
    }
}

/// The payment that private data names.
pub(super) fn payment(value: &[u8]) -> Option<PaymentId> {
    PaymentId::parse(std::str::from_utf8(value).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYMENT: PaymentId = PaymentId::new([0xAB; 16]);

    fn request(way: Way, cents: u32) -> Request {
        Request::new(Register::FIRST, PAYMENT, way, Cents::from_u32(cents)).unwrap()
    }

    #[test]
    fn a_charge_of_one_euro() {
        assert_eq!(
            String::from_utf8(request(Way::Charge, 100).to_bytes()).unwrap(),
            "CZ0040300CJ012012345678901CA00201CB003100CD0010CE003978BA0010BF0010CF032abababababababababababababababab"
        );
    }

    #[test]
    fn an_amount_has_two_digits_at_least() {
        let bytes = request(Way::Refund, 5).to_bytes();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("CB00205CD0011"), "{text}");
        for wrong in [Cents::ZERO, Cents::MAX] {
            let asked = Request::new(Register::FIRST, PAYMENT, Way::Charge, wrong);
            assert_eq!(asked, Err(RequestError::Amount(wrong)));
        }
    }

    #[test]
    fn what_was_written_is_read() {
        for asked in [request(Way::Charge, 1), request(Way::Refund, 123_456)] {
            assert_eq!(Request::from_bytes(&asked.to_bytes()), Ok(asked));
        }
    }

    #[test]
    fn the_trial_asks_for_no_money() {
        let trial = Request::trial(Register::FIRST);
        assert_eq!(Request::from_bytes(&trial), Err(Malformed::Missing(Tag::AMOUNT)));
    }
}
