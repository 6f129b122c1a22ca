//! `payment`: what the cashier does about the bank terminal, through the daemon, which has it.

use std::io::Write;
use std::time::Duration;

use super::args;
use super::client_verbs::{ANSWER_TIMEOUT, Daemon, write};
use super::speak;
use super::{Exit, Failure, Setup};
use crate::till::client::ClientError;
use crate::till::json::{PaymentOutcome, PaymentWord, Payments};

/// How long a payment on the bank terminal may take, beyond any setting.
pub(super) const PAYMENT_TIMEOUT: Duration = Duration::from_secs(660);

pub(super) fn payment(setup: &Setup, verb: args::Payment, out: &mut dyn Write) -> Result<Exit, Failure> {
    let daemon = Daemon::of(setup)?;
    let failure = |error: ClientError| daemon.failure(&error);
    let nothing = serde_json::json!({});
    let outcome: PaymentOutcome = match verb {
        args::Payment::List => {
            let payments: Payments = daemon.get("/v1/payments", &[], ANSWER_TIMEOUT).map_err(failure)?;
            write(setup, out, &payments, speak::payments)?;
            return Ok(Exit::Done);
        }
        args::Payment::Test => daemon.post("/v1/payments/trial", &nothing, ANSWER_TIMEOUT).map_err(failure)?,
        args::Payment::Answer { payment, answer, amount } => {
            let word =
                PaymentWord { paid: answer == args::Word::Paid, amount_cents: amount.map(|amount| amount.get()) };
            daemon.post(&format!("/v1/payments/{payment}/answer"), &word, ANSWER_TIMEOUT).map_err(failure)?
        }
        args::Payment::Refund { id } => {
            daemon.post(&format!("/v1/payments/refunds/{id}"), &nothing, PAYMENT_TIMEOUT).map_err(failure)?
        }
    };
    write(setup, out, &outcome, speak::payment_outcome)?;
    Ok(match &outcome {
        PaymentOutcome::Usable(_) => Exit::Done,
        PaymentOutcome::Payment(payment) if payment.state == "unknown" => Exit::Again,
        PaymentOutcome::Payment(_) => Exit::Done,
        PaymentOutcome::Refused(why) if why.refusal == "ledger-unavailable" => Exit::Io,
        PaymentOutcome::Refused(why) if why.refusal == "busy" => Exit::Again,
        PaymentOutcome::Refused(_) => Exit::Refused,
    })
}
