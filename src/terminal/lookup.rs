//! What the ledger knows for the machine's next decision. Runs on the ledger's thread.

use crate::domain::cashier::Deed;
use crate::domain::catalogue::Benefit;
use crate::domain::entry::{Body, Debit, Purpose};
use crate::domain::purse::{Amounts, Slots};
use crate::domain::refusal::Refusal;
use crate::domain::{CardNumber, RequestId, Season, Sequence, Timestamp, TransactionId};
use crate::ledger::{ByRequest, EndedIntent, LedgerError, StoredEntry, View};
use crate::machine::sale::plan::{TerminalFacts, gate};
use crate::machine::sale::{
    ClientRequest, Command, Facts, Granted, Known, OpenIntent, Outcome, Refused, Undelivered, UndoTarget, Undone,
};
use crate::wire::exchange::TerminalStanding;

use super::clock::paris;

/// How long the answer to a sale that was settled after a doubt is kept for a client that asks for the same again.
const UNDELIVERED_SECONDS_MAX: u32 = 6 * 3600;

/// What keeps this terminal from selling at `clock`'s time.
pub fn gate_now(view: &View, clock: Timestamp) -> Option<Refusal> {
    let now = clock.max(view.floor());
    let season = Season::at(now);
    let certified = view.catalogue(season).is_some()
        && view.certificates().iter().any(|certificate| certificate.season == season && certificate.covers(now));
    gate(&TerminalFacts {
        behind: view.behind().is_some(),
        suspended: view.standing() != TerminalStanding::Active,
        certified,
        overdue: view.open_day().is_some_and(|day| day.is_overdue(now)),
        clock,
        floor: view.floor(),
    })
}

/// Facts of a ledger that cannot be read: nothing is sold.
pub fn unavailable(time: Timestamp, transaction: TransactionId) -> Facts {
    Facts {
        time,
        season: Season::at(time),
        gate: Some(Refusal::LedgerUnavailable),
        offline: None,
        catalogue: None,
        slots: Slots::default(),
        intent: None,
        denial: None,
        entitlement: None,
        records_wanted: None,
        abandoned_debit: None,
        undelivered: None,
        last_served: None,
        debited_today: Amounts::ZERO,
        known: None,
        undo: None,
        forbidden: None,
        transaction,
    }
}

/// Looks up what is known of `card`, of the waiting `client`, and of the terminal itself.
///
/// # Errors
/// [`LedgerError`] when the ledger cannot be read.
pub fn look_up(
    view: &View,
    clock: Timestamp,
    card: Option<CardNumber>,
    client: Option<&ClientRequest>,
    transaction: TransactionId,
) -> Result<Facts, LedgerError> {
    let now = clock.max(view.floor());
    let season = Season::at(now);
    let catalogue = view.catalogue(season);
    let allowed = catalogue.as_ref().map(|catalogue| catalogue.slots_for(&view.partner().activities));
    let certified = view.certificates().iter().find(|certificate| certificate.season == season);
    let slots = match (allowed, certified) {
        (Some(allowed), Some(certificate)) => Slots::new(allowed.get() & certificate.slots.get()),
        (_, _) => Slots::default(),
    };
    let mut facts = Facts {
        gate: gate_now(view, clock),
        offline: view.policy().standing(&view.exposure(), now).refusal(),
        catalogue,
        slots,
        ..unavailable(now, transaction)
    };
    view.in_snapshot(|view| {
        if let Some(card) = card {
            of_card(view, &mut facts, card, now)?;
        }
        if let Some(client) = client {
            of_client(view, &mut facts, client, now)?;
        }
        Ok(())
    })?;
    Ok(facts)
}

fn of_card(view: &View, facts: &mut Facts, card: CardNumber, now: Timestamp) -> Result<(), LedgerError> {
    facts.intent = view.open_intent(card)?.map(open_intent);
    facts.denial = view.denial(card)?.map(|denial| (denial.reason, denial.block));
    facts.entitlement = view.entitlement_for(card)?;
    let wanted = view.records_wanted(card)?;
    let from = wanted.iter().map(|wanted| wanted.from).min();
    facts.records_wanted = from.zip(wanted.iter().map(|wanted| wanted.to).max());
    let abandoned = view.abandoned_debit_of(card)?.and_then(as_debit);
    facts.abandoned_debit = abandoned.map(|(stored, debit)| undo_target(stored.head.sequence, &debit));
    if let Some((stored, debit)) = view.last_debit_of(card)?.and_then(as_debit)
        && !debit.abandoned
        && !view.is_undone(stored.head.sequence)?
    {
        facts.last_served = Some((stored.head.sequence, stored.entry.time));
    }
    let midnight = paris(now).midnight;
    let limited = facts.catalogue.iter().flat_map(|catalogue| &catalogue.benefits).filter(|b| b.day_max.is_some());
    let mut today = Amounts::ZERO;
    for benefit in limited {
        today = today.with(benefit.slot, view.debited_since(card, benefit.slot, midnight)?);
    }
    facts.debited_today = today;
    for ended in view.undelivered(card)?.into_iter().rev() {
        // What was undone since is not handed out.
        if !view.is_undone(ended.end.head.sequence)?
            && let Some(found) = undelivered(facts, ended, now)
        {
            facts.undelivered = Some(found);
            break;
        }
    }
    Ok(())
}

/// What an earlier request came to; nothing where nothing was begun, or it came to nothing. Nobody counts as told by this.
///
/// # Errors
/// [`LedgerError`] when the ledger cannot be read.
pub fn what_became_of(view: &View, clock: Timestamp, request: RequestId) -> Result<Option<Outcome>, LedgerError> {
    let now = clock.max(view.floor());
    let facts = Facts { catalogue: view.catalogue(Season::at(now)), ..unavailable(now, TransactionId::new([0; 16])) };
    Ok(match view.by_request(request)? {
        Some(ByRequest::Open(open)) => {
            let card = Some(open.intent.card);
            Some(Outcome::Refused(Refused { card, ..Refused::because(Refusal::SaleInDoubt) }))
        }
        Some(ByRequest::Ended(entry)) => outcome_of(&facts, &entry),
        None => None,
    })
}

fn of_client(view: &View, facts: &mut Facts, client: &ClientRequest, now: Timestamp) -> Result<(), LedgerError> {
    facts.known = match view.by_request(client.id)? {
        Some(ByRequest::Open(open)) => Some(Known::InDoubt(Box::new(open.intent))),
        Some(ByRequest::Ended(entry)) => {
            let untold = untold(view, &entry)?;
            outcome_of(facts, &entry).map(|outcome| Known::Ended { outcome: Box::new(outcome), untold })
        }
        None => None,
    };
    match &client.command {
        Command::Undo { entry, .. } => facts.undo = undo_of(view, *entry)?,
        // The sale of the card that is named, whatever card lies in the reader.
        Command::Abandon { card: Some(named) } => facts.intent = view.open_intent(*named)?.map(open_intent),
        Command::Abandon { card: None } => {
            let sales = view
                .open_intents()?
                .into_iter()
                .filter(|open| open.abandoned_by.is_none() && matches!(open.intent.purpose, Purpose::Sale { .. }));
            facts.intent = sales.max_by_key(|open| open.intent.time).map(open_intent);
        }
        Command::Quote(_) | Command::Redeem { .. } => (),
    }
    facts.forbidden = view.cashiers().may(client.cashier, deed(view, facts, &client.command, now)?).err();
    Ok(())
}

/// What the client wants to do. Whoever takes back what there is not is told that, not to fetch a manager.
fn deed(view: &View, facts: &Facts, command: &Command, now: Timestamp) -> Result<Deed, LedgerError> {
    let target = match command {
        Command::Undo { .. } => facts.undo,
        Command::Quote(_) | Command::Redeem { .. } | Command::Abandon { .. } => None,
    };
    let Some(target) = target else { return Ok(Deed::Sell) };
    let seller = view.entry(target.entry)?.and_then(|sale| sale.entry.cashier);
    Ok(Deed::Undo { seller, age: now.seconds_since(target.record.time) })
}

/// The intent that `entry` ended, if nobody was told of that end yet.
fn untold(view: &View, entry: &StoredEntry) -> Result<Option<TransactionId>, LedgerError> {
    let Some(card) = entry.entry.body.card() else { return Ok(None) };
    let ended = view.undelivered(card)?.into_iter().find(|ended| ended.end.head == entry.head);
    Ok(ended.map(|ended| ended.intent.transaction))
}

fn open_intent(open: crate::ledger::OpenIntent) -> OpenIntent {
    OpenIntent { intent: open.intent, abandoned: open.abandoned_by.is_some() }
}

fn as_debit(stored: StoredEntry) -> Option<(StoredEntry, Debit)> {
    match &stored.entry.body {
        Body::Debit(debit) => {
            let debit = debit.clone();
            Some((stored, debit))
        }
        Body::Reversal(_)
        | Body::NotDone(_)
        | Body::Abandoned(_)
        | Body::UndoRequest(_)
        | Body::Refused(_)
        | Body::CardRead(_)
        | Body::Closing(_)
        | Body::Event(_) => None,
    }
}

fn undo_target(entry: Sequence, debit: &Debit) -> UndoTarget {
    let (returned, tender) = (debit.collected, debit.sale.tender.moving(debit.collected));
    UndoTarget { entry, record: debit.proof.record, returned, tender }
}

/// The debit that an undo means, if it can be taken back.
fn undo_of(view: &View, entry: Option<Sequence>) -> Result<Option<UndoTarget>, LedgerError> {
    let stored = match entry {
        Some(sequence) => view.entry(sequence)?,
        None => view.last_undoable()?,
    };
    let Some((stored, debit)) = stored.and_then(as_debit) else { return Ok(None) };
    let gone = debit.abandoned || view.is_undone(stored.head.sequence)?;
    Ok((!gone).then(|| undo_target(stored.head.sequence, &debit)))
}

fn granted(facts: &Facts, sequence: Sequence, time: Timestamp, debit: &Debit) -> Granted {
    // The catalogue of another season may have something else in the slot.
    let benefit = facts.catalogue.as_ref().and_then(|catalogue| catalogue.benefit(debit.proof.record.slot));
    let name = benefit.filter(|benefit| benefit.code == debit.sale.benefit).map(Benefit::name);
    Granted {
        entry: sequence,
        card: debit.proof.record.card,
        benefit: debit.sale.benefit.clone(),
        debited: debit.proof.record.amount,
        unit: name.as_ref().map(|name| name.unit),
        label: name.map(|name| name.label),
        due: debit.sale.due,
        collected: debit.collected,
        tender: debit.sale.tender,
        left: debit.left,
        time,
        repeated: true,
        served_before: None,
    }
}

fn undelivered(facts: &Facts, ended: EndedIntent, now: Timestamp) -> Option<Undelivered> {
    let recent = now.seconds_since(ended.intent.time) <= UNDELIVERED_SECONDS_MAX && ended.abandoned_by.is_none();
    let Purpose::Sale { sale, .. } = &ended.intent.purpose else { return None };
    let (price, supplement) = (sale.price, sale.supplement);
    let transaction = ended.intent.transaction;
    let (stored, debit) = as_debit(ended.end).filter(|_| recent)?;
    let granted = granted(facts, stored.head.sequence, stored.entry.time, &debit);
    Some(Undelivered { transaction, granted, price, supplement })
}

/// What an earlier request came to, told again; nothing where it came to nothing, and may be tried again.
fn outcome_of(facts: &Facts, stored: &StoredEntry) -> Option<Outcome> {
    let entry = stored.head.sequence;
    Some(match &stored.entry.body {
        Body::Debit(debit) if debit.abandoned => Outcome::Abandoned { entry, card: debit.proof.record.card },
        Body::Debit(debit) => Outcome::Granted(granted(facts, entry, stored.entry.time, debit)),
        Body::Reversal(reversal) => Outcome::Undone(Undone {
            entry,
            debit: reversal.debit,
            card: reversal.proof.record.card,
            returned: reversal.returned,
            tender: reversal.tender,
        }),
        Body::UndoRequest(request) => Outcome::UndoRequested(Undone {
            entry,
            debit: request.debit,
            card: request.card,
            returned: request.returned,
            tender: request.tender,
        }),
        Body::Abandoned(abandoned) => Outcome::Abandoned { entry, card: abandoned.card },
        Body::NotDone(_) => return None,
        // No client's request ends in these.
        Body::Refused(_) | Body::CardRead(_) | Body::Closing(_) | Body::Event(_) => return None,
    })
}
