//! What the bank terminal answers: when it is whole, and what is understood of it.
//!
//! An answer may come in any pieces and does not say where it ends. It counts as whole when it ends between two records, has said
//! what became of the payment, and nothing more comes for a short while.

use std::fmt;

use crate::domain::payment::{Doubt, Ended, Reason, Way};
use crate::domain::{Cents, PaymentId};

use super::message::{Malformed, Records, Tag, digits};
use super::request::{EURO, Request, payment, way};

/// What became of a payment (AE).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 10: done.
    Done,
    /// 01: not done, and why.
    NotDone(Reason),
    /// 11: taken into account, of a request that did not want to wait for the end. We never ask so.
    TakenIntoAccount,
}

/// What is understood of an answer. Card number, expiry date, cheque and tickets are not: they are passed over while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What became of it.
    pub outcome: Outcome,
    /// The version of the protocol that the bank terminal speaks, its number: 300 for V3.0.
    pub version: Option<u64>,
    /// How much: it is what counts. An answer to a payment that was cancelled has none.
    pub amount: Option<Cents>,
    register: Option<u64>,
    way: Option<Way>,
    euros: Option<bool>,
    payment: Option<Option<PaymentId>>,
}

impl Answer {
    /// Reads a whole answer.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        let records = Records::read(bytes)?;
        if !records.at_boundary() {
            return Err(Malformed::Cut);
        }
        let outcome = match records.require(Tag::RESULT)? {
            b"10" => Outcome::Done,
            b"01" => Outcome::NotDone(reason(records.get(Tag::REASON))),
            b"11" => Outcome::TakenIntoAccount,
            _ => return Err(Malformed::Value(Tag::RESULT)),
        };
        let cents = records.number(Tag::AMOUNT)?;
        let amount = cents.map(|cents| Cents::new(cents).ok_or(Malformed::Value(Tag::AMOUNT))).transpose()?;
        Ok(Self {
            outcome,
            version: records.get(Tag::VERSION).and_then(digits),
            amount,
            register: records.number(Tag::REGISTER)?,
            way: records.get(Tag::ACTION).map(|action| way(action).ok_or(Malformed::Value(Tag::ACTION))).transpose()?,
            euros: records.get(Tag::CURRENCY).map(|currency| currency == EURO),
            payment: records.get(Tag::PRIVATE).map(payment),
        })
    }

    /// What the answer says about `request`: the amount that moved, or why nothing did.
    ///
    /// # Errors
    /// [`Doubt`] when it says that something was done, but not what, or not about this request.
    pub fn about(&self, request: &Request) -> Result<Ended, Doubt> {
        let echoes = [
            self.register.is_none_or(|register| register == u64::from(request.register.get())),
            self.way.is_none_or(|way| way == request.way),
            self.euros.is_none_or(|euros| euros),
            self.payment.is_none_or(|payment| payment == Some(request.payment)),
        ];
        match (self.outcome, self.amount) {
            // The answer to the red button lacks the amount, and others may lack more: what was not done needs no echo. An echo of
            // another payment says nothing of this one.
            (Outcome::NotDone(reason), _) if self.payment.is_none_or(|payment| payment == Some(request.payment)) => {
                Ok(Err(reason))
            }
            (Outcome::Done, Some(amount)) if echoes.iter().all(|same| *same) && !amount.is_zero() => Ok(Ok(amount)),
            (Outcome::Done | Outcome::NotDone(_) | Outcome::TakenIntoAccount, _) => Err(Doubt::NotOurs),
        }
    }
}

/// The first two characters of a value that may go on in words.
fn reason(value: Option<&[u8]>) -> Reason {
    let number = value.and_then(|value| value.get(..2)).and_then(digits).and_then(|number| u8::try_from(number).ok());
    number.map_or(Reason::Unsaid, Reason::from_number)
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is not whole: it ends within a record, or has not said what became of the payment.
    Partial,
    /// It is whole if nothing more comes for a short while.
    MayBeWhole,
}

/// The bytes of an answer as they come. They may hold a card number: they are shown to nobody and go with this value.
#[derive(Default)]
pub struct Incoming {
    bytes: Vec<u8>,
}

impl Incoming {
    /// Takes what came.
    ///
    /// # Errors
    /// [`Malformed`] when nothing that may follow makes it an answer.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Progress, Malformed> {
        self.bytes.extend_from_slice(bytes);
        let records = Records::read(&self.bytes)?;
        let whole = records.at_boundary() && records.get(Tag::RESULT).is_some();
        Ok(if whole { Progress::MayBeWhole } else { Progress::Partial })
    }

    /// Whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The answer, when nothing more will come.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn finish(self) -> Result<Answer, Malformed> {
        Answer::from_bytes(&self.bytes)
    }
}

/// What is heard on the line while an answer is waited for.
#[derive(Clone, Copy)]
pub enum Heard<'a> {
    /// Bytes.
    Bytes(&'a [u8]),
    /// The other side has closed it, or it broke.
    Closed,
    /// Nothing, for as long as was to be waited.
    Nothing,
}

/// Why no answer was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Nothing came, or not the whole, in time.
    NoAnswer,
    /// The line was closed before.
    Closed,
    /// What came is no answer.
    Malformed(Malformed),
}

impl From<Unread> for Doubt {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::NoAnswer => Self::NoAnswer,
            Unread::Closed => Self::Closed,
            Unread::Malformed(_) => Self::Unreadable,
        }
    }
}

/// What has come of an answer that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sofar {
    /// More is to be waited for: to the deadline, or for a short while.
    Waits(Progress),
    /// The answer.
    Answer(Answer),
}

/// One answer, waited for.
#[derive(Default)]
pub struct Listening {
    incoming: Incoming,
    may_be_whole: bool,
}

impl Listening {
    /// Takes what is heard. After [`Sofar::Answer`] or an error nothing more is to be told.
    ///
    /// # Errors
    /// [`Unread`]: there is no answer.
    pub fn hears(&mut self, heard: Heard<'_>) -> Result<Sofar, Unread> {
        match heard {
            Heard::Bytes(bytes) => {
                let progress = self.incoming.feed(bytes).map_err(Unread::Malformed)?;
                self.may_be_whole = progress == Progress::MayBeWhole;
                Ok(Sofar::Waits(progress))
            }
            Heard::Closed | Heard::Nothing if self.may_be_whole => {
                std::mem::take(&mut self.incoming).finish().map(Sofar::Answer).map_err(Unread::Malformed)
            }
            Heard::Closed => Err(Unread::Closed),
            Heard::Nothing => Err(Unread::NoAnswer),
        }
    }
}

/// How much came, and nothing of what.
impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Incoming({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::request::Register;
    use super::*;

    const APPROVED: &str = "CZ0040300CJ012012345678901CA00201CB012000000000100CD0010CE003978AE00210\
                            AA0164970101122334455AB0042812CC003001CI0011ZT012CK007TICKET!CF032abababababababababababababababab";

    fn request() -> Request {
        let payment = PaymentId::new([0xAB; 16]);
        Request::new(Register::FIRST, payment, Way::Charge, Cents::from_u32(100)).unwrap()
    }

    fn about(answer: &str) -> Result<Ended, Doubt> {
        Answer::from_bytes(answer.as_bytes()).unwrap().about(&request())
    }

    #[test]
    fn what_answers_say() {
        let cf = "CF032abababababababababababababababab";
        let paid = |cents| Ok(Ok(Cents::from_u32(cents)));
        let table: &[(&str, Result<Ended, Doubt>)] = &[
            (APPROVED, paid(100)),
            // A part, a version of the same family, no private data.
            ("CZ0040320CA00201CB00240CD0010CE003978AE00210", paid(40)),
            // The red button: no amount.
            ("CZ0040300CJ012012345678901CA00201CD0010CE003978AE00201AF00211", Ok(Err(Reason::OperatorAbandoned))),
            ("CZ0040300AE00201AF01709 FORMAT MESSAGE", Ok(Err(Reason::Format))),
            ("CZ0040300AE00201", Ok(Err(Reason::Unsaid))),
            ("CZ0040300AE00201AF00299", Ok(Err(Reason::Unsaid))),
            // Done, but what?
            ("CZ0040300CA00201CD0010CE003978AE00210", Err(Doubt::NotOurs)),
            ("CZ0040300CA00202CB003100CD0010CE003978AE00210", Err(Doubt::NotOurs)),
            ("CZ0040300CA00201CB003100CD0011CE003978AE00210", Err(Doubt::NotOurs)),
            ("CZ0040300CA00201CB003100CD0010CE003840AE00210", Err(Doubt::NotOurs)),
            ("CZ0040300CA00201CB00200CD0010CE003978AE00210", Err(Doubt::NotOurs)),
            ("CZ0040300CB003100AE00210CF032cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", Err(Doubt::NotOurs)),
            ("CZ0040300CB003100AE00210CF005HELLO", Err(Doubt::NotOurs)),
            ("CZ0040300AE00201AF00204CF032cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd", Err(Doubt::NotOurs)),
            ("CZ0040300CB003100CD0010CE003978AE00211", Err(Doubt::NotOurs)),
        ];
        for (answer, said) in table {
            assert_eq!(about(answer), *said, "{answer}");
        }
        assert_eq!(about(&format!("CZ0040300CB003100AE00210{cf}")), paid(100));
    }

    #[test]
    fn an_answer_split_anywhere_is_read_whole() {
        let bytes = APPROVED.as_bytes();
        let whole = Answer::from_bytes(bytes).unwrap();
        for split in 0..=bytes.len() {
            let mut incoming = Incoming::default();
            let before = incoming.feed(&bytes[..split]).unwrap();
            let ends_before = before == Progress::MayBeWhole;
            let may_end =
                APPROVED[..split].contains("AE00210") && Records::read(&bytes[..split]).unwrap().at_boundary();
            assert_eq!(ends_before, may_end, "split at {split}");
            assert_eq!(incoming.feed(&bytes[split..]), Ok(Progress::MayBeWhole), "split at {split}");
            assert_eq!(incoming.finish(), Ok(whole), "split at {split}");
        }
        let mut incoming = Incoming::default();
        let last = bytes.iter().fold(Progress::Partial, |_, byte| incoming.feed(&[*byte]).unwrap());
        assert_eq!((last, incoming.finish()), (Progress::MayBeWhole, Ok(whole)));
    }

    #[test]
    fn nothing_shows_a_card_number_or_a_ticket() {
        let mut incoming = Incoming::default();
        incoming.feed(APPROVED.as_bytes()).unwrap();
        let shown = format!("{incoming:?}{:?}", Answer::from_bytes(APPROVED.as_bytes()).unwrap());
        for secret in ["4970101122334455", "2812", "TICKET"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn what_is_no_answer() {
        let table: &[(&str, Malformed)] = &[
            ("CZ0040300CB003100", Malformed::Missing(Tag::RESULT)),
            ("CZ0040300AE00299", Malformed::Value(Tag::RESULT)),
            ("CZ0040300AE00210CB003", Malformed::Cut),
            ("CZ0040300CB0031.0AE00210", Malformed::Value(Tag::AMOUNT)),
            ("CZ0040300CB012999999999999AE00210CD001X", Malformed::Value(Tag::ACTION)),
        ];
        for (answer, wrong) in table {
            assert_eq!(Answer::from_bytes(answer.as_bytes()), Err(*wrong), "{answer}");
        }
    }
}
