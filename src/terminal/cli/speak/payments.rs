//! Payments on the bank terminal, in words.

use crate::domain::refusal::Language::{self, English, French};
use crate::till::json::{Held, Payment, PaymentOutcome, Payments};

use super::money;

/// One payment.
fn line(payment: &Payment, language: Language) -> String {
    let way = match (payment.way.as_str(), language) {
        ("refund", French) => "remboursement",
        ("refund", English) => "refund",
        (_, French) => "paiement",
        (_, English) => "payment",
    };
    let amount = money(payment.amount_cents.unwrap_or(payment.asked_cents), language);
    let sale = match language {
        French => "vente",
        English => "sale",
    };
    format!("{} ({sale} {}) : {way} {amount} - {}", payment.payment, payment.request, payment.message)
}

/// What a cashier needs who goes on with a sale that the bank terminal held up.
pub(in crate::terminal::cli) fn sale_to_repeat(id: &str, language: Language) -> String {
    match language {
        French => format!(
            "La même vente se reprend avec : redeem --paid tpe --id {id} (pour un reste en espèces : --part cash=MONTANT) ; « payment list » dit où en est le paiement."
        ),
        English => format!(
            "The same sale goes on with: redeem --paid tpe --id {id} (for a rest in cash: --part cash=AMOUNT); \"payment list\" says how the payment stands."
        ),
    }
}

/// The payments that need somebody, and the money that is held, one a line.
pub(super) fn payment_lines(payments: &[Payment], held: &[Held], language: Language) -> Vec<String> {
    let held = held.iter().map(|held| {
        let amount = money(held.amount_cents, language);
        match language {
            French => format!("À rendre sur le TPE : {amount} (vente {})", held.request),
            English => format!("To give back on the bank terminal: {amount} (sale {})", held.request),
        }
    });
    payments.iter().map(|payment| line(payment, language)).chain(held).collect()
}

/// `payment list`.
pub(in crate::terminal::cli) fn payments(payments: &Payments, language: Language) -> String {
    let lines = payment_lines(&payments.payments, &payments.held, language);
    if !lines.is_empty() {
        return lines.join("\n");
    }
    match language {
        French => "Aucun paiement n'attend quelqu'un.".to_owned(),
        English => "No payment needs anybody.".to_owned(),
    }
}

/// What came of the other verbs.
pub(in crate::terminal::cli) fn payment_outcome(outcome: &PaymentOutcome, language: Language) -> String {
    match (outcome, language) {
        (PaymentOutcome::Payment(payment), _) => line(payment, language),
        (PaymentOutcome::Refused(why), _) => why.message.clone(),
        (PaymentOutcome::Usable(usable), French) => {
            format!("Le TPE répond et parle Caisse-AP {} : aucun argent n'a été demandé.", usable.protocol)
        }
        (PaymentOutcome::Usable(usable), English) => {
            format!("The bank terminal answers and speaks Caisse-AP {}: no money was asked for.", usable.protocol)
        }
    }
}
