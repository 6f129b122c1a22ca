//! What the local API needs of the terminal about payments on the bank terminal.

use crate::domain::payment::{PaymentState, Way};
use crate::domain::refusal::{Language, Refusal};
use crate::domain::{CashierId, Cents, PaymentId, RequestId, Timestamp};

use super::desk::{BoxFuture, DeskGone};

/// A payment that is in progress, or that nobody knows the end of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaymentView {
    /// Its name.
    pub payment: PaymentId,
    /// The request of its sale.
    pub request: RequestId,
    /// Which way.
    pub way: Way,
    /// What was asked.
    pub asked: Cents,
    /// When.
    pub time: Timestamp,
    /// How far it is.
    pub state: PaymentState,
}

/// Money of a sale that the partner has and has not earned: the sale did not come about, or was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldMoney {
    /// The request of the sale.
    pub request: RequestId,
    /// How much.
    pub amount: Cents,
}

/// The payments that need somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenPayments {
    /// In progress, or unknown.
    pub payments: Vec<PaymentView>,
    /// To be given back.
    pub held: Vec<HeldMoney>,
}

/// What the cashier read on the bank terminal or its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaidOfPayment {
    /// The money moved, as much as was asked.
    PaidAsAsked,
    /// So much moved.
    Paid(Cents),
    /// None moved.
    NotPaid,
}

/// Why nothing was done about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentRefused {
    /// No bank terminal is set up.
    NotSetUp,
    /// There is no such payment.
    NoSuchPayment,
    /// Its end is known.
    NotUnknown,
    /// Nothing is to be given back.
    NothingToReturn,
    /// Another payment is in progress.
    Busy,
    /// An earlier one of the same sale is unknown.
    Unknown,
    /// The bank terminal cannot be used (one sentence, in French and in English).
    Trial(String, String),
    /// Nobody has signed in, or not somebody who may.
    NotAllowed(Refusal),
    /// The ledger cannot be written or read.
    Unavailable(String),
}

impl PaymentRefused {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotSetUp => "no-bank-terminal",
            Self::NoSuchPayment => "no-such-payment",
            Self::NotUnknown => "payment-known",
            Self::NothingToReturn => "nothing-to-return",
            Self::Busy => "busy",
            Self::Unknown => "payment-unknown",
            Self::Trial(..) => "bank-terminal-unusable",
            Self::NotAllowed(refusal) => refusal.code(),
            Self::Unavailable(_) => "ledger-unavailable",
        }
    }

    /// What is the matter and what to do, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        let (french, english) = match self {
            Self::NotSetUp => (
                "Aucun TPE n'est réglé : donnez son adresse dans la configuration, [payment] address.".to_owned(),
                "No bank terminal is set up: give its address in the configuration, [payment] address.".to_owned(),
            ),
            Self::NoSuchPayment => ("Ce paiement n'existe pas.".to_owned(), "There is no such payment.".to_owned()),
            Self::NotUnknown => (
                "La fin de ce paiement est connue : il n'y a rien à répondre.".to_owned(),
                "The end of this payment is known: there is nothing to answer.".to_owned(),
            ),
            Self::NothingToReturn => (
                "Il n'y a rien à rendre sur le TPE pour cette vente.".to_owned(),
                "There is nothing to give back on the bank terminal for this sale.".to_owned(),
            ),
            Self::Busy => (
                "Un paiement est en cours sur le TPE : attendez sa fin, ou appuyez sur sa touche rouge.".to_owned(),
                "A payment is in progress on the bank terminal: wait for its end, or press its red button.".to_owned(),
            ),
            Self::Unknown => {
                let unknown = Refusal::PaymentUnknown;
                return format!("{} {}", unknown.sentence(language), unknown.next_step(language));
            }
            Self::Trial(french, english) => (french.clone(), english.clone()),
            Self::NotAllowed(refusal) => {
                return format!("{} {}", refusal.sentence(language), refusal.next_step(language));
            }
            Self::Unavailable(why) => (
                format!("Le journal ne peut pas être écrit ou lu, rien n'a changé : {why}."),
                format!("The ledger cannot be written or read, nothing has changed: {why}."),
            ),
        };
        match language {
            Language::French => french,
            Language::English => english,
        }
    }
}

/// An answer that will come, with what may keep the terminal from giving it.
pub type PaymentAnswer<'a, T> = BoxFuture<'a, Result<Result<T, PaymentRefused>, DeskGone>>;

/// What the terminal does for the local API about payments.
pub trait PaymentDesk: Send + Sync + 'static {
    /// The payments that need somebody.
    fn open_payments(&self) -> PaymentAnswer<'_, OpenPayments>;

    /// The cashier says what became of a payment that nobody knows the end of.
    fn answer_payment(
        &self,
        by: Option<CashierId>,
        payment: PaymentId,
        said: SaidOfPayment,
    ) -> PaymentAnswer<'_, PaymentView>;

    /// Gives back on the bank terminal what is held of a sale.
    fn give_back(&self, by: Option<CashierId>, request: RequestId) -> PaymentAnswer<'_, PaymentView>;

    /// Tries the bank terminal, with a request that cannot move money: the version of the protocol that it speaks.
    fn try_bank_terminal(&self) -> PaymentAnswer<'_, String>;
}
