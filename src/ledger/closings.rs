//! Closings: written in one transaction with the sums of what they cover, and computed once more by `verify`.
//!
//! A day covers every entry after the day before, the other closings between them too; its own entry ends it. A month covers its days, a
//! year its months. What is opened by the first entry that moves money or a right is closed before the next day begins.

use rusqlite::Connection;

use crate::domain::closing::{Cash, Closing, Doubt, Doubts, OPEN_SECONDS_MAX, Period, PeriodKind, Perpetual};
use crate::domain::entry::{Body, Intent, Purpose};
use crate::domain::{Cents, Date, Sequence, Timestamp};
use crate::wire::cbor;
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::entry::decode_entry;
use crate::wire::exchange::Head;

use super::append::{Draft, Ledger};
use super::cashiers::By;
use super::error::LedgerError;
use super::payments::unknown_payments;
use super::totals::{Span, totals};
use super::view::{View, number};

/// Why nothing was closed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// Nothing was sold since the last closing of the day; no day was closed since that of the month, and so on.
    #[error("there is nothing to close: nothing has happened since the last closing")]
    Nothing,
    /// Its day is still open.
    #[error("the day of {0} is open: close it first")]
    DayOpen(Date),
    /// A month that it has is not closed.
    #[error("the month {0} is not closed: close it first")]
    MonthOpen(Period),
    /// It is not its last day yet.
    #[error("{0} is not over: it is closed on its last day or later")]
    NotOver(Period),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<rusqlite::Error> for CloseError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// What somebody has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// What was in the drawer when the day began.
    pub float: Cents,
    /// What is in it now; nothing where nobody has counted.
    pub counted: Option<Cents>,
}

/// The open day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenDay {
    /// When: the time of the first entry that moved money or a right.
    pub since: Timestamp,
}

impl OpenDay {
    /// Whether it has been open for too long at `now`.
    pub const fn is_overdue(self, now: Timestamp) -> bool {
        now.seconds_since(self.since) > OPEN_SECONDS_MAX
    }
}

impl View {
    /// The day that is open, if any.
    pub fn open_day(&self) -> Option<OpenDay> {
        self.facts.tip.day.opened.map(|since| OpenDay { since })
    }

    /// The newest closing of a day; `None` before the first.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn last_closed_day(&self) -> Result<Option<Head>, LedgerError> {
        let closed = self.facts.tip.day.closed;
        Ok(self.entry(closed)?.map(|stored| stored.head))
    }

    /// Closings of `kind`, or of all kinds, before the entry `before`, newest first, `limit` at most.
    ///
    /// # Errors
    /// As [`View::denial`].
    pub fn closings(
        &self,
        kind: Option<PeriodKind>,
        before: Option<Sequence>,
        limit: usize,
    ) -> Result<Vec<(Sequence, Closing)>, LedgerError> {
        newest(&self.connection, kind, Sequence::new(0), before, limit)
    }
}

/// How the day stands at the chain's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Day {
    /// The newest closing of a day; 0 before the first.
    pub(super) closed: Sequence,
    /// When the day after it was opened.
    pub(super) opened: Option<Timestamp>,
}

impl Day {
    /// How it stands after one more entry.
    pub(super) fn after(self, sequence: Sequence, time: Timestamp, body: &Body) -> Self {
        match body {
            Body::Closing(closing) if closing.period.kind() == PeriodKind::Day => {
                Self { closed: sequence, opened: None }
            }
            Body::Debit(_) | Body::Reversal(_) | Body::NotDone(_) | Body::Abandoned(_) | Body::UndoRequest(_) => {
                Self { opened: self.opened.or(Some(time)), ..self }
            }
            Body::Refused(_) | Body::CardRead(_) | Body::Closing(_) | Body::Event(_) => self,
        }
    }

    pub(super) fn load(connection: &Connection) -> Result<Self, LedgerError> {
        let last = newest(connection, Some(PeriodKind::Day), Sequence::new(0), None, 1)?;
        let closed = last.first().map_or(Sequence::new(0), |(sequence, _)| *sequence);
        Ok(Self { closed, opened: opened(connection, closed, None)? })
    }
}

/// The time of the first entry after `closed`, and before `end`, that moved money or a right.
fn opened(connection: &Connection, closed: Sequence, end: Option<Sequence>) -> Result<Option<Timestamp>, LedgerError> {
    let sql = "SELECT time FROM entry WHERE sequence > ?1 AND sequence < ?2 \
               AND kind IN ('debit', 'reversal', 'not-done', 'abandoned', 'undo-request') ORDER BY sequence LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((closed.get(), end.map_or(i64::MAX as u64, Sequence::get)))?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?.map(Timestamp::new))
}

/// Closings after one entry and before another, newest first.
pub(super) fn newest(
    connection: &Connection,
    kind: Option<PeriodKind>,
    after: Sequence,
    before: Option<Sequence>,
    limit: usize,
) -> Result<Vec<(Sequence, Closing)>, LedgerError> {
    let sql = "SELECT sequence, cose FROM entry WHERE kind = 'closing' AND sequence > ?1 AND sequence < ?2 \
               ORDER BY sequence DESC";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((number(after), before.map_or(i64::MAX, number)))?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let (sequence, cose) = (Sequence::new(row.get(0)?), row.get::<_, Vec<u8>>(1)?);
        let closing = closing_of(&cose)
            .ok_or_else(|| LedgerError::Damaged(format!("entry {sequence} is no closing, though it is said to be")))?;
        if kind.is_none_or(|kind| kind == closing.period.kind()) {
            found.push((sequence, closing));
        }
    }
    Ok(found)
}

/// The closing that an entry's bytes are.
pub(super) fn closing_of(cose: &[u8]) -> Option<Closing> {
    let message = Sign1::decode(cose, Algorithm::EdDsa, Content::Entry).ok()?;
    let Body::Closing(closing) = decode_entry(&message.payload).ok()?.body else { return None };
    Some(closing)
}

/// The sale in doubt that an open intent is; an undo has taken no money.
pub(super) fn doubt(intent: &Intent) -> Option<Doubt> {
    match &intent.purpose {
        Purpose::Sale { sale, .. } => {
            Some(Doubt { card: intent.card, transaction: intent.transaction, collected: sale.due, tender: sale.tender })
        }
        Purpose::Undo { .. } => None,
    }
}

/// The closing of the day that ends at the entry `at`, over the one before. `None` where nothing was opened.
pub(super) fn day(
    connection: &Connection,
    before: Option<&(Sequence, Closing)>,
    at: Sequence,
    doubts: Doubts,
    Counted { float, counted }: Counted,
) -> Result<Option<Closing>, LedgerError> {
    let closed = before.map_or(Sequence::new(0), |(sequence, _)| *sequence);
    let Some(opened) = opened(connection, closed, Some(at))? else { return Ok(None) };
    let (from, to) = (closed.next(), Sequence::new(at.get() - 1));
    let totals = totals(connection, Span::Entries(from, to))?;
    let (perpetual, number, in_doubt) = before.map_or((Perpetual::default(), 0, Cents::ZERO), |(_, before)| {
        (before.perpetual, before.number, before.doubts.cash)
    });
    let (collected, returned) = totals.cash();
    Ok(Some(Closing {
        period: Period::Day(Date::at(opened)),
        number: number + 1,
        from,
        to,
        opened,
        perpetual: perpetual.after(&totals),
        cash: Cash {
            float,
            taken: collected.saturating_add(doubts.cash),
            given: returned.saturating_add(in_doubt),
            counted,
        },
        totals,
        doubts,
        unknown_payments: unknown_payments(connection, at)?,
    }))
}

/// The closing of a larger period before the entry `at`: over the parts since `before`, the newest of its kind, that are in one period.
pub(super) fn larger(
    connection: &Connection,
    kind: PeriodKind,
    before: Option<&(Sequence, Closing)>,
    at: Sequence,
) -> Result<Option<Closing>, LedgerError> {
    let of = match kind {
        PeriodKind::Day | PeriodKind::Month => PeriodKind::Day,
        PeriodKind::Year => PeriodKind::Month,
    };
    // A month ends with the entry of its last day's closing, a year with that of its last month's.
    let end = before.map_or(Sequence::new(0), |(_, before)| before.to);
    let mut parts = newest(connection, Some(of), end, Some(at), usize::MAX)?;
    parts.reverse();
    let Some(period) = parts.first().and_then(|(_, part)| part.period.within()) else { return Ok(None) };
    let parts: Vec<_> = parts.into_iter().take_while(|(_, part)| part.period.within() == Some(period)).collect();
    Ok(Closing::over(period, before.map_or(0, |(_, before)| before.number) + 1, &parts))
}

impl Ledger {
    /// Closes the day, or the oldest month or year that is not closed.
    ///
    /// # Errors
    /// [`CloseError`].
    pub fn close(&mut self, by: By, kind: PeriodKind, counted: Counted) -> Result<(Head, Closing), CloseError> {
        self.write(|draft| {
            let closing = match kind {
                PeriodKind::Day => draft.close_day(counted)?,
                PeriodKind::Month | PeriodKind::Year => draft.close_larger(kind, by.now)?,
            };
            let head = draft.append(by.now, Body::Closing(closing.clone()), by.cashier)?;
            Ok((head, closing))
        })
    }
}

impl Draft<'_> {
    /// The newest closing of a kind.
    fn newest(&self, kind: PeriodKind) -> Result<Option<(Sequence, Closing)>, LedgerError> {
        Ok(newest(self.connection, Some(kind), Sequence::new(0), None, 1)?.into_iter().next())
    }

    pub(super) fn close_day(&self, counted: Counted) -> Result<Closing, CloseError> {
        let before = self.newest(PeriodKind::Day)?;
        let sql = "SELECT bytes FROM intent INDEXED BY intent_open WHERE settled_by IS NULL AND abandoned_by IS NULL";
        let mut statement = self.connection.prepare_cached(sql)?;
        let open = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let mut doubts = Vec::new();
        for bytes in open {
            let intent: Intent =
                cbor::decode(&bytes?).map_err(|error| LedgerError::Damaged(format!("an intent: {error}")))?;
            doubts.extend(doubt(&intent));
        }
        let at = self.tip.head.sequence.next();
        day(self.connection, before.as_ref(), at, Doubts::of(doubts), counted)?.ok_or(CloseError::Nothing)
    }

    fn close_larger(&self, kind: PeriodKind, now: Timestamp) -> Result<Closing, CloseError> {
        let before = self.newest(kind)?;
        let at = self.tip.head.sequence.next();
        let open = self.tip.day.opened.map(Date::at);
        let Some(closing) = larger(self.connection, kind, before.as_ref(), at)? else {
            // Nothing is closed of it; is something open?
            return Err(match (kind, open) {
                (_, Some(date)) => CloseError::DayOpen(date),
                (PeriodKind::Year, None) => self.open_month(at)?.map_or(CloseError::Nothing, CloseError::MonthOpen),
                (PeriodKind::Day | PeriodKind::Month, None) => CloseError::Nothing,
            });
        };
        let holds = |period: Period| period.within() == Some(closing.period);
        if let Some(date) = open
            && let Some(month) = Period::Day(date).within()
            && (month == closing.period || holds(month))
        {
            return Err(CloseError::DayOpen(date));
        }
        if kind == PeriodKind::Year
            && let Some(month) = self.open_month(at)?
            && holds(month)
        {
            return Err(CloseError::MonthOpen(month));
        }
        if !closing.period.is_over_on(Date::at(now.max(self.tip.floor))) {
            return Err(CloseError::NotOver(closing.period));
        }
        Ok(closing)
    }

    /// The oldest month that has closed days and is not closed.
    fn open_month(&self, at: Sequence) -> Result<Option<Period>, LedgerError> {
        let before = self.newest(PeriodKind::Month)?;
        Ok(larger(self.connection, PeriodKind::Month, before.as_ref(), at)?.map(|month| month.period))
    }
}
