//! `receipt`: the daemon has the printer, so it is asked.

use std::io::Write;

use super::args;
use super::client_verbs::{ANSWER_TIMEOUT, Daemon, write};
use super::speak;
use super::{Exit, Failure, Setup};
use crate::till::json::{PrintRequest, ReceiptOutcome};

pub(super) fn receipt(setup: &Setup, verb: args::Receipt, out: &mut dyn Write) -> Result<Exit, Failure> {
    let daemon = Daemon::of(setup)?;
    let (outcome, spoken): (_, fn(&_, _) -> String) = match verb {
        args::Receipt::Show { entry } => {
            (daemon.get(&format!("/v1/receipts/{entry}"), &[], ANSWER_TIMEOUT), speak::receipt)
        }
        args::Receipt::Print { entry } => {
            let body = PrintRequest::default();
            (daemon.post(&format!("/v1/receipts/{entry}/print"), &body, ANSWER_TIMEOUT), speak::receipt_queued)
        }
    };
    let outcome: ReceiptOutcome = outcome.map_err(|error| daemon.failure(&error))?;
    write(setup, out, &outcome, spoken)?;
    Ok(match outcome {
        ReceiptOutcome::Receipt(_) => Exit::Done,
        ReceiptOutcome::Refused(why) if why.refusal == "ledger-unavailable" => Exit::Io,
        ReceiptOutcome::Refused(_) => Exit::Refused,
    })
}
