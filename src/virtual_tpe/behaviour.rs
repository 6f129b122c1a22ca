//! What a bank terminal does with one request.

use crate::domain::Cents;
use crate::domain::payment::{Reason, Way};
use crate::payment::Request;
use crate::payment::message::{Tag, Writer};

/// How the bank terminal behaves towards one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Behaviour {
    /// Does it and says so.
    #[default]
    Approve,
    /// Says that it was refused.
    Refuse,
    /// Somebody pressed the red button: it says so, and its answer lacks the amount.
    RedButton,
    /// Does a half of it and says so.
    Partial,
    /// Does it; the amount in the answer has twelve digits.
    Padded,
    /// Does it; the answer comes byte by byte.
    Split,
    /// Does nothing and says nothing.
    Silent,
    /// Does it and says nothing.
    SilentPaid,
    /// Does nothing, and closes the connection once it has the request.
    Close,
    /// Does it, and closes the connection without an answer.
    ClosePaid,
    /// Does it, and closes the connection in the middle of the answer.
    Cut,
    /// Has another amount on its screen: takes no notice of this one, and closes the connection after a while.
    Busy,
    /// Does it with one euro too much, and says so.
    WrongAmount,
    /// Does it, and answers what no bank terminal answers.
    Garbage,
    /// Does it, and answers about another payment.
    OtherPayment,
    /// Does it, as slowly as a person with a card and a code.
    Slow,
    /// Does not understand, because it speaks an older version.
    OldVersion,
}

impl Behaviour {
    /// Every behaviour.
    pub const ALL: [Self; 17] = [
        Self::Approve,
        Self::Refuse,
        Self::RedButton,
        Self::Partial,
        Self::Padded,
        Self::Split,
        Self::Silent,
        Self::SilentPaid,
        Self::Close,
        Self::ClosePaid,
        Self::Cut,
        Self::Busy,
        Self::WrongAmount,
        Self::Garbage,
        Self::OtherPayment,
        Self::Slow,
        Self::OldVersion,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::RedButton => "red-button",
            Self::Partial => "partial",
            Self::Padded => "padded",
            Self::Split => "split",
            Self::Silent => "silent",
            Self::SilentPaid => "silent-paid",
            Self::Close => "close",
            Self::ClosePaid => "close-paid",
            Self::Cut => "cut",
            Self::Busy => "busy",
            Self::WrongAmount => "wrong-amount",
            Self::Garbage => "garbage",
            Self::OtherPayment => "other-payment",
            Self::Slow => "slow",
            Self::OldVersion => "old-version",
        }
    }

    /// The behaviour with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|behaviour| behaviour.name() == name)
    }

    /// What moves of `asked`; nothing for `None`.
    fn moves(self, asked: Cents) -> Option<Cents> {
        match self {
            Self::Approve
            | Self::Padded
            | Self::Split
            | Self::SilentPaid
            | Self::ClosePaid
            | Self::Cut
            | Self::Garbage
            | Self::OtherPayment
            | Self::Slow => Some(asked),
            Self::Partial => Cents::new(asked.get().div_ceil(2)),
            Self::WrongAmount => asked.checked_add(Cents::from_u32(100)),
            Self::Refuse | Self::RedButton | Self::Silent | Self::Close | Self::Busy | Self::OldVersion => None,
        }
    }
}

/// What a bank terminal took and gave back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Money {
    /// Taken from holders.
    pub charged: Cents,
    /// Given back to them.
    pub refunded: Cents,
}

impl Money {
    /// With what one request moved.
    #[must_use]
    pub fn with(mut self, way: Way, moved: Cents) -> Self {
        let sum = match way {
            Way::Charge => &mut self.charged,
            Way::Refund => &mut self.refunded,
        };
        *sum = sum.checked_add(moved).unwrap_or(Cents::MAX);
        self
    }
}

/// What happens to the connection after the last piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is closed.
    Close,
    /// It is closed after as long as a person takes.
    CloseLater,
    /// It is left open until the other side closes it.
    Wait,
}

/// What one request comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// What moved, before anything is answered.
    pub moved: Option<Cents>,
    /// Whether a person's time passes before that.
    pub slow: bool,
    /// The answer, piece by piece.
    pub pieces: Vec<Vec<u8>>,
    /// What becomes of the connection.
    pub then: Then,
}

/// Plays `behaviour` to a request.
pub fn play(behaviour: Behaviour, request: &Request) -> Played {
    let moved = behaviour.moves(request.amount());
    let answer = answer(behaviour, request, moved);
    let (pieces, then) = match behaviour {
        Behaviour::Split => (answer.iter().map(|byte| vec![*byte]).collect(), Then::Wait),
        Behaviour::Silent | Behaviour::SilentPaid => (Vec::new(), Then::Wait),
        Behaviour::Close | Behaviour::ClosePaid => (Vec::new(), Then::Close),
        Behaviour::Busy => (Vec::new(), Then::CloseLater),
        // Within the last record but two, where it was said already that it is done.
        Behaviour::Cut => (vec![answer[..answer.len() - 40].to_vec()], Then::Close),
        Behaviour::Garbage => (vec![b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()], Then::Close),
        // Some close, and some wait for the register to close.
        Behaviour::Padded => (vec![answer], Then::Close),
        Behaviour::Approve
        | Behaviour::Refuse
        | Behaviour::RedButton
        | Behaviour::Partial
        | Behaviour::WrongAmount
        | Behaviour::OtherPayment
        | Behaviour::Slow
        | Behaviour::OldVersion => (vec![answer], Then::Wait),
    };
    Played { moved, slow: behaviour == Behaviour::Slow, pieces, then }
}

/// The answer of a bank terminal of V3, with what it should not say to anybody: a card number and a ticket.
fn answer(behaviour: Behaviour, request: &Request, moved: Option<Cents>) -> Vec<u8> {
    let action = match request.way() {
        Way::Charge => "0",
        Way::Refund => "1",
    };
    let payment = match behaviour {
        Behaviour::OtherPayment => "00000000000000000000000000000000".to_owned(),
        _ => request.payment().to_string(),
    };
    let version = if behaviour == Behaviour::OldVersion { "0200" } else { "0300" };
    let head = Writer::default()
        .record(Tag::VERSION, version)
        .record(Tag::IDENTIFIER, "012345678901")
        .record(Tag::REGISTER, request.register().to_string());
    let end = |writer: Writer| writer.record(Tag::ACTION, action).record(Tag::CURRENCY, "978");
    let Some(moved) = moved else {
        let head = match behaviour {
            Behaviour::RedButton => head,
            _ => head.record(Tag::AMOUNT, format!("{:02}", request.amount().get())),
        };
        let reason = match behaviour {
            Behaviour::RedButton => Reason::OperatorAbandoned,
            Behaviour::OldVersion => Reason::Format,
            _ => Reason::Refused,
        };
        return not_done(end(head), reason).record(Tag::PRIVATE, payment).into_bytes();
    };
    let amount = match behaviour {
        Behaviour::Padded => format!("{:012}", moved.get()),
        _ => format!("{:02}", moved.get()),
    };
    end(head.record(Tag::AMOUNT, amount))
        .record(Tag::RESULT, "10")
        .record(Tag::AUTHORISATION, "123456")
        .record(Tag::CARD_NUMBER, "4970101122334455")
        .record(Tag::EXPIRY, "2812")
        .record(Tag::TICKET, "CK010CB EUR 100")
        .record(Tag::PRIVATE, payment)
        .into_bytes()
}

/// The answer to what is no request: a tag is missing, as a rule.
pub(super) fn not_understood() -> Vec<u8> {
    let head = Writer::default().record(Tag::VERSION, "0300").record(Tag::IDENTIFIER, "012345678901");
    not_done(head, Reason::Format).into_bytes()
}

fn not_done(writer: Writer, reason: Reason) -> Writer {
    writer.record(Tag::RESULT, "01").record(Tag::REASON, format!("{:02}", reason.number()))
}
