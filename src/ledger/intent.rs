//! When an entry ends an intent: a pure function, asked before the entry is written and again by `verify`.

use crate::domain::card::{Operation, Record};
use crate::domain::entry::{Abandoned, Body, Debit, Intent, NotDone, Purpose, Reversal};
use crate::domain::{Cents, RequestId, TerminalId};

/// The first thing in which an entry differs from its intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} differs")]
pub struct Misfit(pub &'static str);

/// Whether the intent's sale was given up before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    Yes,
    No,
}

/// What the holder handed over when the intent was stored.
fn handed_over(intent: &Intent) -> Cents {
    match &intent.purpose {
        Purpose::Sale { sale, .. } => sale.due,
        Purpose::Undo { .. } => Cents::ZERO,
    }
}

/// The client's request that the intent is for.
pub(super) fn request(intent: &Intent) -> RequestId {
    match &intent.purpose {
        Purpose::Sale { sale, .. } => sale.request,
        Purpose::Undo { request, .. } => *request,
    }
}

/// Whether `body` is an end of `intent` at `terminal`.
pub(super) fn ends(intent: &Intent, given_up: GivenUp, body: &Body, terminal: TerminalId) -> Result<(), Misfit> {
    // The money of a sale that was given up has gone back already.
    let money = match given_up {
        GivenUp::Yes => Cents::ZERO,
        GivenUp::No => handed_over(intent),
    };
    match body {
        Body::Debit(debit) => {
            of_intent(intent, &debit.proof.record, debit.certificate, terminal)?;
            same("what the sale had collected", debit.collected == money)?;
            same("whether the sale was given up", debit.abandoned == (given_up == GivenUp::Yes))?;
            ends_sale(intent, debit)
        }
        Body::Reversal(reversal) => {
            of_intent(intent, &reversal.proof.record, reversal.certificate, terminal)?;
            ends_undo(intent, reversal)
        }
        Body::NotDone(not_done) => {
            same("what is given back", not_done.returned == money)?;
            ends_without(intent, not_done)
        }
        Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => Err(Misfit("the kind")),
    }
}

fn same(what: &'static str, holds: bool) -> Result<(), Misfit> {
    if holds { Ok(()) } else { Err(Misfit(what)) }
}

fn of_intent(intent: &Intent, record: &Record, certificate: [u8; 32], terminal: TerminalId) -> Result<(), Misfit> {
    same("the card", record.card == intent.card)?;
    same("the certificate", certificate == intent.certificate)?;
    same("the terminal", record.terminal == terminal)?;
    same("the transaction", record.transaction == intent.transaction)?;
    same("the time", record.time == intent.time)?;
    same("the counter", Some(record.counter) == intent.counter_before.next())
}

fn ends_sale(intent: &Intent, debit: &Debit) -> Result<(), Misfit> {
    let Purpose::Sale { slot, season, amount, sale, entitlement_serial, left } = &intent.purpose else {
        return Err(Misfit("the kind"));
    };
    let record = &debit.proof.record;
    same("the operation", record.operation == Operation::Debit)?;
    same("the slot", record.slot == *slot)?;
    same("the season", record.season == *season)?;
    same("the amount", record.amount == *amount)?;
    same("the sale", debit.sale == *sale)?;
    same("the entitlement", debit.entitlement_serial == *entitlement_serial)?;
    same("what is left", debit.left == *left)
}

fn ends_undo(intent: &Intent, reversal: &Reversal) -> Result<(), Misfit> {
    let Purpose::Undo { debit, debit_counter, returned, tender, request } = &intent.purpose else {
        return Err(Misfit("the kind"));
    };
    let record = &reversal.proof.record;
    same("the operation", record.operation == Operation::Reversal)?;
    same("the debit's counter", record.link == debit_counter.get())?;
    same("the debit", reversal.debit == *debit)?;
    same("what is given back", reversal.returned == *returned)?;
    same("the tender", reversal.tender == *tender)?;
    same("the request", reversal.request == *request)
}

fn ends_without(intent: &Intent, not_done: &NotDone) -> Result<(), Misfit> {
    let (tender, request) = match &intent.purpose {
        Purpose::Sale { sale, .. } => (sale.tender, sale.request),
        Purpose::Undo { tender, request, .. } => (*tender, *request),
    };
    let tender = tender.moving(not_done.returned);
    same("the card", not_done.card == intent.card)?;
    same("the transaction", not_done.transaction == intent.transaction)?;
    same("the counter", not_done.counter_before == intent.counter_before)?;
    same("the tender", not_done.tender == tender)?;
    same("the request", not_done.request == request)
}

/// The entry that gives up the sale of `intent`; `None` for an undo, which is not given up: its money only goes back
/// once it is done.
pub(super) fn giving_up(intent: &Intent) -> Option<Abandoned> {
    match &intent.purpose {
        Purpose::Sale { slot, season, amount, sale, .. } => Some(Abandoned {
            card: intent.card,
            transaction: intent.transaction,
            counter_before: intent.counter_before,
            slot: *slot,
            season: *season,
            amount: *amount,
            returned: sale.due,
            tender: sale.tender,
            request: sale.request,
        }),
        Purpose::Undo { .. } => None,
    }
}
