//! Payments on the bank terminal.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::requests::BadValue;
use crate::domain::payment::{Doubt, PaymentState, Said};
use crate::domain::refusal::Language;
use crate::domain::{Cents, PaymentId};
use crate::till::{HeldMoney, OpenPayments, PaymentRefused, PaymentView, SaidOfPayment};

/// A payment on the bank terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    /// Its name, which the bank terminal was told.
    pub payment: String,
    /// The `id` of its sale.
    pub request: String,
    /// `charge`, or `refund`.
    pub way: String,
    /// What was asked.
    pub asked_cents: u64,
    /// When.
    pub time: String,
    /// `asked`, `sent`, `approved`, `refused`, `unknown`.
    pub state: String,
    /// What moved, of an approved one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_cents: Option<u64>,
    /// Who says so, of an approved one: `tpe`, `cashier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_by: Option<String>,
    /// Why nobody knows, of an unknown one: a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// What the cashier is told, in one sentence.
    pub message: String,
}

impl Payment {
    /// The payment, spoken.
    pub fn new(view: &PaymentView, language: Language) -> Self {
        let (amount, said_by) = match view.state {
            PaymentState::Approved { amount, said } => (Some(amount.get()), Some(said)),
            PaymentState::Asked | PaymentState::Sent | PaymentState::Refused(_) | PaymentState::Unknown(_) => {
                (None, None)
            }
        };
        let said_by = said_by.map(|said| match said {
            Said::ByTpe => "tpe".to_owned(),
            Said::ByCashier => "cashier".to_owned(),
        });
        let doubt = match view.state {
            PaymentState::Unknown(doubt) => Some(Doubt::code(doubt).to_owned()),
            PaymentState::Asked | PaymentState::Sent | PaymentState::Refused(_) | PaymentState::Approved { .. } => None,
        };
        Self {
            payment: view.payment.to_string(),
            request: view.request.to_string(),
            way: view.way.code().to_owned(),
            asked_cents: view.asked.get(),
            time: view.time.to_string(),
            state: view.state.code().to_owned(),
            amount_cents: amount,
            said_by,
            doubt,
            message: message(view.state, language),
        }
    }
}

fn message(state: PaymentState, language: Language) -> String {
    let (french, english) = match state {
        PaymentState::Asked => ("Le TPE est appelé.", "The bank terminal is being called."),
        PaymentState::Sent => (
            "Le paiement est sur le TPE ; pour l'annuler, sa touche rouge.",
            "The payment is on the bank terminal; its red button cancels it.",
        ),
        PaymentState::Approved { .. } => ("C'est payé.", "It is paid."),
        PaymentState::Refused(why) => return why.sentence(language).to_owned(),
        PaymentState::Unknown(_) => {
            let unknown = crate::domain::refusal::Refusal::PaymentUnknown;
            return format!("{} {}", unknown.sentence(language), unknown.next_step(language));
        }
    };
    match language {
        Language::French => french.to_owned(),
        Language::English => english.to_owned(),
    }
}

/// `GET /v1/payments`: the payments that need somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payments {
    /// In progress, or unknown.
    pub payments: Vec<Payment>,
    /// Money of sales that did not come about or were taken back: to be given back.
    pub held: Vec<Held>,
}

/// Money to be given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    /// The `id` of the sale.
    pub request: String,
    /// How much.
    pub amount_cents: u64,
}

impl Held {
    /// The money, as JSON.
    pub(super) fn new(held: &HeldMoney) -> Self {
        Self { request: held.request.to_string(), amount_cents: held.amount.get() }
    }
}

impl Payments {
    /// The payments, spoken.
    pub fn new(open: &OpenPayments, language: Language) -> Self {
        Self {
            payments: open.payments.iter().map(|payment| Payment::new(payment, language)).collect(),
            held: open.held.iter().map(Held::new).collect(),
        }
    }
}

/// `POST /v1/payments/{payment}/answer`: what the bank terminal's ticket says of a payment that is unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentWord {
    /// Whether the money moved.
    pub paid: bool,
    /// How much, where it is not what was asked.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 9_999_999)]
    pub amount_cents: Option<u64>,
}

impl PaymentWord {
    /// The word. Paid without an amount is paid as it was asked.
    ///
    /// # Errors
    /// [`BadValue`] for an amount of nothing, past any price, or of what was not paid.
    pub fn said(&self) -> Result<SaidOfPayment, BadValue> {
        let bad = || BadValue::new("amount_cents", "1 to 9999999, and only of what was paid");
        let sensible = |cents: &Cents| !cents.is_zero() && *cents <= Cents::PRICE_MAX;
        match (self.paid, self.amount_cents) {
            (true, None) => Ok(SaidOfPayment::PaidAsAsked),
            (true, Some(cents)) => Cents::new(cents).filter(sensible).map(SaidOfPayment::Paid).ok_or_else(bad),
            (false, None) => Ok(SaidOfPayment::NotPaid),
            (false, Some(_)) => Err(bad()),
        }
    }
}

/// The name of a payment in an address.
///
/// # Errors
/// [`BadValue`] when it is none.
pub fn payment_id(text: &str) -> Result<PaymentId, BadValue> {
    PaymentId::parse(text).ok_or_else(|| BadValue::new("payment", "32 hexadecimal digits"))
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum PaymentOutcome {
    /// How the payment stands now.
    Payment(Payment),
    /// The bank terminal can be used.
    Usable(Usable),
    /// Nothing was done.
    Refused(PaymentReason),
}

/// A bank terminal that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usable {
    /// The version of the protocol that it speaks: `0300`.
    pub protocol: String,
}

/// Why nothing was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentReason {
    /// The reason's code.
    pub refusal: String,
    /// What is the matter and what to do, for people.
    pub message: String,
}

impl PaymentReason {
    /// The reason, spoken.
    pub fn new(why: &PaymentRefused, language: Language) -> Self {
        Self { refusal: why.code().to_owned(), message: why.sentence(language) }
    }
}

impl PaymentOutcome {
    /// The outcome, spoken.
    pub fn of_payment(outcome: &Result<PaymentView, PaymentRefused>, language: Language) -> Self {
        match outcome {
            Ok(view) => Self::Payment(Payment::new(view, language)),
            Err(why) => Self::Refused(PaymentReason::new(why, language)),
        }
    }

    /// The outcome of a trial, spoken.
    pub fn of_trial(outcome: Result<String, PaymentRefused>, language: Language) -> Self {
        match outcome {
            Ok(protocol) => Self::Usable(Usable { protocol }),
            Err(why) => Self::Refused(PaymentReason::new(&why, language)),
        }
    }
}
