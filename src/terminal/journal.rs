//! The journal and the state of a terminal, read from its ledger: for the daemon's local API, and for the command line when no daemon runs.

use crate::domain::catalogue::Benefit;
use crate::domain::entry::Body;
use crate::domain::refusal::Refusal;
use crate::domain::spoken::Spoken;
use crate::domain::version::RequiredVersion;
use crate::domain::{Cents, Season, Sequence, Slot, Timestamp};
use crate::ledger::{LedgerError, StoredEntry, View};
use crate::machine::sale::View as Shown;
use crate::till::{Detail, ExchangeState, JournalLine, JournalQuery, PrinterState, ReaderState, Status};

use super::lookup::gate_now;
use super::payments::{held, shown};

/// The most lines that one query gives.
pub const JOURNAL_LINES_MAX: u32 = 10_000;

/// Entries, newest first.
///
/// # Errors
/// [`LedgerError`].
pub fn journal(view: &View, query: JournalQuery) -> Result<Vec<JournalLine>, LedgerError> {
    let newest = view.head().sequence.get();
    let last = query.before.map_or(newest, |before| before.get().saturating_sub(1).min(newest));
    let limit = query.limit.min(JOURNAL_LINES_MAX);
    let first = match query.since {
        Some(since) => match view.journal_since(since, 1)?.first() {
            Some(stored) => stored.head.sequence.get(),
            None => return Ok(Vec::new()),
        },
        None => 1,
    };
    // The newest `limit` of them.
    let first = first.max(last.saturating_sub(u64::from(limit)) + 1);
    let mut entries = view.journal(Sequence::new(first)..=Sequence::new(last), limit)?;
    entries.reverse();
    entries.iter().map(|stored| line(view, stored)).collect()
}

/// The journal's line of one entry.
///
/// # Errors
/// [`LedgerError`].
pub fn line(view: &View, stored: &StoredEntry) -> Result<JournalLine, LedgerError> {
    let sequence = stored.head.sequence;
    let body = &stored.entry.body;
    let mut line = JournalLine {
        entry: sequence,
        time: stored.entry.time,
        kind: body.kind().to_owned(),
        card: body.card().map(|card| card.masked()),
        benefit: None,
        label: None,
        amount: None,
        unit: None,
        collected: Cents::ZERO,
        returned: Cents::ZERO,
        tender: None,
        related: view.undone_by(sequence)?,
        signature: None,
        cashier: stored.entry.cashier,
        acknowledged: sequence <= view.acknowledged().sequence,
        verdict: view.verdict(sequence)?.map(|verdict| verdict.verdict),
        detail: None,
    };
    match body {
        Body::Debit(debit) => {
            let record = &debit.proof.record;
            line.benefit = Some(debit.sale.benefit.to_string());
            line.collected = debit.collected;
            line.tender = Some(debit.sale.tender);
            line.detail = debit.abandoned.then_some(Detail::GivenUp);
            line.signature = Some(debit.proof.signature);
            of_purse(view, &mut line, record.season, record.slot, record.amount);
        }
        Body::Reversal(reversal) => {
            let record = &reversal.proof.record;
            line.related = Some(reversal.debit);
            line.returned = reversal.returned;
            line.tender = Some(reversal.tender);
            line.signature = Some(reversal.proof.signature);
            of_purse(view, &mut line, record.season, record.slot, record.amount);
        }
        Body::NotDone(not_done) => {
            line.returned = not_done.returned;
            line.tender = (!not_done.returned.is_zero()).then_some(not_done.tender);
        }
        Body::Abandoned(abandoned) => {
            of_purse(view, &mut line, abandoned.season, abandoned.slot, abandoned.amount);
            line.returned = abandoned.returned;
            line.tender = Some(abandoned.tender);
        }
        Body::UndoRequest(request) => {
            line.related = Some(request.debit);
            line.returned = request.returned;
            line.tender = Some(request.tender);
        }
        Body::Refused(refused) => line.detail = Some(Detail::Refused(refused.refusal)),
        Body::CardRead(read) => line.detail = Some(Detail::Records(read.records.len())),
        Body::Closing(closing) => {
            let (collected, returned) = closing.totals.money();
            (line.collected, line.returned) = (collected, returned);
            line.detail = Some(Detail::Closed(closing.period));
        }
        Body::Event(event) => line.detail = Some(Detail::Event(event.clone())),
    }
    Ok(line)
}

/// What a change of a purse says in the journal.
fn of_purse(view: &View, line: &mut JournalLine, season: Season, slot: Slot, amount: u32) {
    line.amount = Some(amount);
    let Some(catalogue) = view.catalogue(season) else { return };
    // A debit names its benefit itself: what another catalogue has in the slot is not it.
    let named = |benefit: &&Benefit| line.benefit.as_deref().is_none_or(|code| code == benefit.code.as_str());
    if let Some(benefit) = catalogue.benefit(slot).filter(named) {
        let name = benefit.name();
        (line.label, line.unit) = (Some(name.label), Some(name.unit));
        line.benefit = Some(benefit.code.to_string());
    }
}

/// What the daemon adds to what the ledger knows.
#[derive(Clone, Debug)]
pub struct Living {
    /// The readers.
    pub reader: ReaderState,
    /// What the cashier sees.
    pub view: Shown,
    /// The printer, where one is set up.
    pub printer: Option<PrinterState>,
    /// Where the bank terminal is, where one is set up.
    pub bank_terminal: Option<String>,
    /// What keeps the daemon from selling that no reader of the ledger sees.
    pub refusal: Option<Refusal>,
    /// What the last exchange failed on.
    pub last_error: Option<Spoken>,
    /// When the next one is due.
    pub next_attempt: Option<Timestamp>,
}

/// The version that the region wants, where this program is older.
pub fn due_update(view: &View) -> Option<RequiredVersion> {
    view.required_version().filter(|required| required.is_ahead_of(env!("CARGO_PKG_VERSION")))
}

/// How the terminal is at `clock`'s time.
///
/// # Errors
/// [`LedgerError`].
pub fn status(view: &View, clock: Timestamp, living: Living) -> Result<Status, LedgerError> {
    let identity = view.identity();
    let now = clock.max(view.floor());
    let season = Season::at(now);
    let (policy, exposure) = (*view.policy(), view.exposure());
    let standing = policy.standing(&exposure, now);
    let certificate = view.certificates().iter().filter(|certificate| certificate.season == season);
    let head = view.head();
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        terminal: identity.terminal,
        partner: identity.partner,
        partner_name: view.partner().name.clone(),
        season,
        refusal: living.refusal.or(gate_now(view, clock)).or(standing.refusal()),
        head: (head.sequence, head.hash),
        certificate_not_after: certificate.map(|certificate| certificate.not_after).max(),
        update: due_update(view),
        in_doubt: view.open_intents()?.len() as u64,
        reader: living.reader,
        printer: living.printer,
        bank_terminal: living.bank_terminal,
        payments: view.open_payments()?.iter().map(shown).collect(),
        held: view.held()?.iter().map(held).collect(),
        day_opened: view.open_day().map(|day| day.since),
        exchange: ExchangeState {
            acknowledged: view.acknowledged().sequence,
            exposure,
            standing,
            policy,
            last_error: living.last_error,
            next_attempt: living.next_attempt,
        },
        view: living.view,
        time: now,
    })
}
