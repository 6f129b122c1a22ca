//! `cashier`: the list, its changes, signing in and out. The daemon does it where one runs; else the ledger is changed here, by whoever
//! may write its files.

use std::io::Write;

use serde::Deserialize;

use super::args;
use super::client_verbs::{ANSWER_TIMEOUT, Daemon, write};
use super::secret::{self, Typed};
use super::speak;
use super::{DaemonVerbs, Exit, Failure, Setup};
use crate::domain::CashierId;
use crate::till::client::ClientError;
use crate::till::json::{CashierChange, CashierList, NewCashier, NewPin, SignIn, Signed};
use crate::till::{CashierOrder, SessionToken};

pub(super) fn cashier(
    setup: &Setup,
    verbs: &dyn DaemonVerbs,
    verb: args::Cashier,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    match verb {
        args::Cashier::List => list(setup, verbs, out),
        args::Cashier::SignIn { cashier } => sign_in(setup, cashier, out),
        args::Cashier::SignOut => sign_out(setup, out),
        args::Cashier::Add { name, role } => {
            let pin = secret::pin(setup, Typed::Twice)?;
            change(setup, verbs, &CashierOrder::Add { name, role, pin }, out)
        }
        args::Cashier::Pin { cashier } => {
            let pin = secret::pin(setup, Typed::Twice)?;
            change(setup, verbs, &CashierOrder::SetPin { cashier: CashierId::new(cashier), pin }, out)
        }
        args::Cashier::Disable { cashier } => {
            change(setup, verbs, &CashierOrder::Disable(CashierId::new(cashier)), out)
        }
        args::Cashier::Enable { cashier } => change(setup, verbs, &CashierOrder::Enable(CashierId::new(cashier)), out),
    }
}

fn list(setup: &Setup, verbs: &dyn DaemonVerbs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let daemon = Daemon::of(setup)?;
    let list = match daemon.get("/v1/cashiers", &[], ANSWER_TIMEOUT) {
        Err(error @ ClientError::NoDaemon { .. }) => {
            let cashiers = verbs.cashiers_without_daemon(setup)?.ok_or_else(|| daemon.failure(&error))?;
            CashierList::new(&cashiers, None)
        }
        other => other.map_err(|error| daemon.failure(&error))?,
    };
    write(setup, out, &list, speak::cashiers)?;
    Ok(Exit::Done)
}

fn sign_in(setup: &Setup, cashier: u16, out: &mut dyn Write) -> Result<Exit, Failure> {
    let pin = secret::pin(setup, Typed::Once)?;
    let digits = String::from_utf8_lossy(pin.as_bytes()).into_owned();
    let daemon = Daemon::of(setup)?;
    let signed = daemon.post("/v1/sessions", &SignIn { cashier, pin: digits }, ANSWER_TIMEOUT);
    let signed: Signed = signed.map_err(|error| daemon.failure(&error))?;
    let kept = match &signed {
        Signed::SignedIn(session) => {
            debug_assert!(SessionToken::parse(&session.session).is_some(), "the daemon names its sessions so");
            // A program keeps it itself.
            setup.json || secret::keep_session(&session.session)?
        }
        Signed::Refused(_) => true,
    };
    if !kept {
        return Err(Failure::new(Exit::Io, speak::no_place_for_session(setup.language)));
    }
    write(setup, out, &signed, speak::signed)?;
    Ok(match signed {
        Signed::SignedIn(_) => Exit::Done,
        Signed::Refused(_) => Exit::Refused,
    })
}

fn sign_out(setup: &Setup, out: &mut dyn Write) -> Result<Exit, Failure> {
    /// What the daemon answers has nothing to be told.
    #[derive(Deserialize, serde::Serialize)]
    struct SignedOut {
        outcome: String,
    }
    let daemon = Daemon::of(setup)?;
    let ended = daemon.delete("/v1/sessions", ANSWER_TIMEOUT);
    secret::forget_session();
    let ended: SignedOut = ended.map_err(|error| daemon.failure(&error))?;
    write(setup, out, &ended, |_, language| speak::signed_out(language))?;
    Ok(Exit::Done)
}

fn change(setup: &Setup, verbs: &dyn DaemonVerbs, order: &CashierOrder, out: &mut dyn Write) -> Result<Exit, Failure> {
    let daemon = Daemon::of(setup)?;
    let digits = |pin: &crate::domain::cashier::Pin| String::from_utf8_lossy(pin.as_bytes()).into_owned();
    let asked = match order {
        CashierOrder::Add { name, role, pin } => {
            let body = NewCashier { name: name.to_string(), role: role.code().to_owned(), pin: digits(pin) };
            daemon.post("/v1/cashiers", &body, ANSWER_TIMEOUT)
        }
        CashierOrder::SetPin { cashier, pin } => {
            daemon.post(&format!("/v1/cashiers/{cashier}/pin"), &NewPin { pin: digits(pin) }, ANSWER_TIMEOUT)
        }
        CashierOrder::Disable(cashier) => daemon.post(&format!("/v1/cashiers/{cashier}/disable"), &(), ANSWER_TIMEOUT),
        CashierOrder::Enable(cashier) => daemon.post(&format!("/v1/cashiers/{cashier}/enable"), &(), ANSWER_TIMEOUT),
    };
    let changed = match asked {
        Err(error @ ClientError::NoDaemon { .. }) => {
            let whom = verbs.change_cashiers_without_daemon(setup, order)?.ok_or_else(|| daemon.failure(&error))?;
            CashierChange::new(&whom, setup.language)
        }
        other => other.map_err(|error| daemon.failure(&error))?,
    };
    write(setup, out, &changed, speak::cashier_changed)?;
    Ok(match changed {
        CashierChange::Changed(_) => Exit::Done,
        CashierChange::Refused(_) => Exit::Refused,
    })
}
