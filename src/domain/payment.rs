//! A payment by bank card: which way the money goes, how the bank terminal (TPE) ended it, why nobody may know how.
//!
//! There are three ends, not two: approved, refused, and unknown. What follows from them over time is in
//! [`crate::machine::payment`]; the bytes on the line to the bank terminal are in [`crate::payment`].

use super::refusal::Language;
use super::{Cents, PaymentId, RequestId};

/// Which way the money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// From the holder's bank card to the partner.
    Charge,
    /// Back to it.
    Refund,
}

impl Way {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Charge, Self::Refund];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
        }
    }

    /// The way with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.code() == code)
    }
}

/// Why the bank terminal did not do what it was asked (Caisse-AP, the first two characters of AF).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// 00, or a code that is not in the list, or none.
    Unsaid,
    /// 01: the bank gave no authorisation.
    NotAuthorised,
    /// 02: the bank wants to be called.
    PhoneCall,
    /// 03: it would have had to be forced.
    Forced,
    /// 04: refused.
    Refused,
    /// 05: this card is forbidden.
    Forbidden,
    /// 06: given up.
    Abandoned,
    /// 07: not completed.
    NotCompleted,
    /// 08: nobody put a card or a code in time.
    InputTimeOut,
    /// 09: the bank terminal does not understand the message: as a rule another version of the protocol.
    Format,
    /// 10: the selection failed.
    Selection,
    /// 11: the operator gave it up: the red button.
    OperatorAbandoned,
    /// 12: the bank terminal does not know the action.
    UnknownAction,
    /// 13: not in this currency.
    Currency,
}

impl Reason {
    /// Every reason, in the order of their codes.
    pub const ALL: [Self; 14] = [
        Self::Unsaid,
        Self::NotAuthorised,
        Self::PhoneCall,
        Self::Forced,
        Self::Refused,
        Self::Forbidden,
        Self::Abandoned,
        Self::NotCompleted,
        Self::InputTimeOut,
        Self::Format,
        Self::Selection,
        Self::OperatorAbandoned,
        Self::UnknownAction,
        Self::Currency,
    ];

    /// The protocol's number.
    pub const fn number(self) -> u8 {
        match self {
            Self::Unsaid => 0,
            Self::NotAuthorised => 1,
            Self::PhoneCall => 2,
            Self::Forced => 3,
            Self::Refused => 4,
            Self::Forbidden => 5,
            Self::Abandoned => 6,
            Self::NotCompleted => 7,
            Self::InputTimeOut => 8,
            Self::Format => 9,
            Self::Selection => 10,
            Self::OperatorAbandoned => 11,
            Self::UnknownAction => 12,
            Self::Currency => 13,
        }
    }

    /// The reason with this number; one that is not in the list says no more than that it was not done.
    pub fn from_number(number: u8) -> Self {
        Self::ALL.into_iter().find(|reason| reason.number() == number).unwrap_or(Self::Unsaid)
    }

    /// What the cashier is told, in one sentence.
    pub const fn sentence(self, language: Language) -> &'static str {
        let (french, english) = self.sentences();
        match language {
            Language::French => french,
            Language::English => english,
        }
    }

    const fn sentences(self) -> (&'static str, &'static str) {
        match self {
            Self::Unsaid => ("Le TPE n'a pas fait le paiement.", "The bank terminal did not take the payment."),
            Self::NotAuthorised => {
                ("La banque n'autorise pas le paiement.", "The bank does not authorise the payment.")
            }
            Self::PhoneCall => ("La banque demande un appel.", "The bank wants to be called."),
            Self::Forced => ("Le paiement devrait être forcé.", "The payment would have to be forced."),
            Self::Refused => ("Paiement refusé.", "Payment refused."),
            Self::Forbidden => ("Cette carte bancaire est interdite.", "This bank card is forbidden."),
            Self::Abandoned => ("Paiement abandonné.", "Payment given up."),
            Self::NotCompleted => ("Le paiement n'a pas abouti.", "The payment was not completed."),
            Self::InputTimeOut => ("Personne n'a présenté de carte à temps.", "Nobody presented a card in time."),
            Self::Format => (
                "Le TPE ne comprend pas la demande : il parle sans doute une autre version de Caisse-AP.",
                "The bank terminal does not understand the request: it probably speaks another version of Caisse-AP.",
            ),
            Self::Selection => ("Le choix sur le TPE a échoué.", "The selection on the bank terminal failed."),
            Self::OperatorAbandoned => {
                ("Paiement annulé sur le TPE.", "The payment was cancelled on the bank terminal.")
            }
            Self::UnknownAction => {
                ("Le TPE ne connaît pas cette opération.", "The bank terminal does not know this operation.")
            }
            Self::Currency => ("Le TPE n'accepte pas l'euro.", "The bank terminal does not take euros."),
        }
    }
}

/// What the bank terminal says: the amount that moved, or why nothing did.
pub type Ended = Result<Cents, Reason>;

/// Why surely no money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NotPaid {
    /// The bank terminal says so.
    Said(Reason),
    /// The bank terminal could not be reached: no byte was written.
    Unreachable,
    /// No byte was written, because the program ended or the ledger could not be written before.
    NotSent,
    /// The cashier says so, of a payment that was unknown.
    Word,
}

impl NotPaid {
    /// What the cashier is told, in one sentence.
    pub const fn sentence(self, language: Language) -> &'static str {
        let (french, english) = match self {
            Self::Said(reason) => reason.sentences(),
            Self::Unreachable => (
                "Le TPE ne répond pas : est-il allumé, branché, à son adresse, libre ? Rien n'a été payé.",
                "The bank terminal does not answer: is it on, connected, at its address, free? Nothing was paid.",
            ),
            Self::NotSent => ("Rien n'a été demandé au TPE.", "The bank terminal was asked for nothing."),
            Self::Word => ("Le caissier dit : non payé.", "The cashier says: not paid."),
        };
        match language {
            Language::French => french,
            Language::English => english,
        }
    }
}

/// Why nobody knows whether money moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// The request could not be written whole.
    NotWritten,
    /// No whole answer came in time.
    NoAnswer,
    /// The line was closed before the answer was whole.
    Closed,
    /// What came is no answer of the protocol.
    Unreadable,
    /// The answer is about something else than what was asked: another register, way, currency or payment.
    NotOurs,
    /// The answer came and could not be made durable.
    NotDurable,
    /// The program ended while the bank terminal had the request.
    Restarted,
}

impl Doubt {
    /// Every doubt.
    pub const ALL: [Self; 7] = [
        Self::NotWritten,
        Self::NoAnswer,
        Self::Closed,
        Self::Unreadable,
        Self::NotOurs,
        Self::NotDurable,
        Self::Restarted,
    ];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotWritten => "not-written",
            Self::NoAnswer => "no-answer",
            Self::Closed => "closed",
            Self::Unreadable => "unreadable",
            Self::NotOurs => "not-ours",
            Self::NotDurable => "not-durable",
            Self::Restarted => "restarted",
        }
    }

    /// The doubt with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|doubt| doubt.code() == code)
    }
}

/// Who says that it was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Said {
    /// The bank terminal's answer.
    ByTpe,
    /// The cashier, of a payment that was unknown.
    ByCashier,
}

/// How far a payment is: what is durable of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentState {
    /// No byte was written yet.
    Asked,
    /// The request may have been written, in part or whole.
    Sent,
    /// The money moved.
    Approved {
        /// So much: it may differ from what was asked, as with a partial payment.
        amount: Cents,
        /// Who says so.
        said: Said,
    },
    /// Surely no money moved.
    Refused(NotPaid),
    /// Nobody knows, until the cashier says.
    Unknown(Doubt),
}

impl PaymentState {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Sent => "sent",
            Self::Approved { .. } => "approved",
            Self::Refused(_) => "refused",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What goes on record of it: that money moved, that it may have, or that the cashier says that it did not.
    pub const fn end(self) -> Option<PaymentEnd> {
        match self {
            Self::Approved { amount, said } => Some(PaymentEnd::Paid { amount, said }),
            Self::Unknown(doubt) => Some(PaymentEnd::Unknown(doubt)),
            Self::Refused(NotPaid::Word) => Some(PaymentEnd::NotPaid),
            Self::Asked | Self::Sent => None,
            Self::Refused(NotPaid::Said(_) | NotPaid::Unreachable | NotPaid::NotSent) => None,
        }
    }

    /// Whether nothing but the cashier's word changes it any more, or nothing at all.
    pub const fn is_at_rest(self) -> bool {
        match self {
            Self::Asked | Self::Sent => false,
            Self::Approved { .. } | Self::Refused(_) | Self::Unknown(_) => true,
        }
    }
}

/// What an entry says of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentFact {
    /// Which payment.
    pub payment: PaymentId,
    /// The request of the sale that it is for.
    pub request: RequestId,
    /// Which way.
    pub way: Way,
    /// What was asked.
    pub asked: Cents,
    /// What became of it.
    pub end: PaymentEnd,
}

/// What became of a payment, as far as it goes on record. What was surely not paid without anybody's word is no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PaymentEnd {
    /// The money moved.
    Paid {
        /// So much.
        amount: Cents,
        /// Who says so.
        said: Said,
    },
    /// It was unknown, and the cashier says that no money moved.
    NotPaid,
    /// Nobody knows.
    Unknown(Doubt),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_back() {
        assert!(Way::ALL.into_iter().all(|way| Way::from_code(way.code()) == Some(way)));
        assert!(Doubt::ALL.into_iter().all(|doubt| Doubt::from_code(doubt.code()) == Some(doubt)));
        for (number, reason) in (0..).zip(Reason::ALL) {
            assert_eq!((reason.number(), Reason::from_number(number)), (number, reason));
        }
        assert_eq!(Reason::from_number(14), Reason::Unsaid);
        assert_eq!((Way::from_code("debit"), Doubt::from_code("")), (None, None));
    }
}
