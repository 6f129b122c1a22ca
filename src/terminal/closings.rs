//! Closing at this counter: what was added is verified first; by hand, and by the terminal itself at a set hour.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::cashier::Deed;
use crate::domain::catalogue::{BenefitName, Code};
use crate::domain::closing::{Closing, PeriodKind};
use crate::domain::entry::Body;
use crate::domain::{CashierId, Cents, Sequence, Timestamp};
use crate::ledger::{By, CloseError, Counted, Ledger, LedgerError, LedgerGone, StoredEntry, VerifyError, View, verify};
use crate::till::{BoxFuture, CloseOrder, Closed, ClosingAnswer, ClosingDesk, ClosingQuery, DeskGone, NotClosed};

use super::clock::paris;
use super::config::TimeOfDay;
use super::exchanger::ask_ledger;
use super::service::Service;

/// How the terminal closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosingSettings {
    /// When it closes the day by itself, in local time; never without it.
    pub automatic: Option<TimeOfDay>,
    /// What is in the drawer when a day begins.
    pub float: Cents,
}

impl From<CloseError> for NotClosed {
    fn from(error: CloseError) -> Self {
        match error {
            CloseError::Nothing => Self::Nothing,
            CloseError::DayOpen(date) => Self::DayOpen(date),
            CloseError::MonthOpen(month) => Self::MonthOpen(month),
            CloseError::NotOver(period) => Self::NotOver(period),
            CloseError::Ledger(error) => error.into(),
        }
    }
}

impl From<LedgerError> for NotClosed {
    fn from(error: LedgerError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// The closing that an entry is.
fn closed(view: &View, stored: StoredEntry) -> Option<Closed> {
    let (entry, time, cashier) = (stored.head.sequence, stored.entry.time, stored.entry.cashier);
    let Body::Closing(closing) = stored.entry.body else { return None };
    let names = names(view, &closing);
    Some(Closed { entry, time, cashier, closing, names, duplicate: 0 })
}

fn names(view: &View, closing: &Closing) -> BTreeMap<Code, BenefitName> {
    let named = closing.totals.benefits.iter().filter_map(|total| view.benefit(&total.benefit));
    named.map(|benefit| (benefit.code.clone(), benefit.name())).collect()
}

/// Closings, newest first.
///
/// # Errors
/// [`LedgerError`].
pub fn closings(view: &View, query: ClosingQuery) -> Result<Vec<Closed>, LedgerError> {
    let found = view.closings(query.kind, query.before, query.limit as usize)?;
    let stored = found.into_iter().map(|(sequence, _)| view.entry(sequence));
    let stored = stored.collect::<Result<Vec<_>, _>>()?;
    Ok(stored.into_iter().flatten().filter_map(|stored| closed(view, stored)).collect())
}

/// Closes in the ledger; what was added to it has been verified.
///
/// # Errors
/// [`NotClosed`].
pub fn close(ledger: &mut Ledger, by: By, order: CloseOrder, float: Cents) -> Result<Closed, NotClosed> {
    let float = if order.kind == PeriodKind::Day { order.float.unwrap_or(float) } else { Cents::ZERO };
    let (head, closing) = ledger.close(by, order.kind, Counted { float, counted: order.counted })?;
    let now = by.now.max(ledger.view().floor());
    let names = names(ledger.view(), &closing);
    Ok(Closed { entry: head.sequence, time: now, cashier: by.cashier, closing, names, duplicate: 0 })
}

/// Verifies what was added to the ledger in `data` since its last closing of a day.
///
/// # Errors
/// [`NotClosed::Damaged`], [`NotClosed::Unavailable`].
pub fn verify_since_closing(data: &Path, view_of: &View) -> Result<(), NotClosed> {
    let known = view_of.last_closed_day()?;
    match verify(data, known, |_, _| ()) {
        Ok(_) => Ok(()),
        Err(VerifyError::Wrong(fault)) => Err(NotClosed::Damaged(fault.to_string())),
        Err(VerifyError::Open(error)) => Err(NotClosed::Unavailable(error.to_string())),
    }
}

impl Service {
    async fn close_period(
        &self,
        by: Option<CashierId>,
        order: CloseOrder,
        deed: Option<Deed>,
    ) -> Result<Result<Closed, NotClosed>, DeskGone> {
        let may = move |ledger: &Ledger| {
            let allowed = deed.map_or(Ok(()), |deed| ledger.view().cashiers().may(by, deed));
            allowed.map_err(NotClosed::NotAllowed)
        };
        match ask_ledger(&self.ledger, move |ledger| may(ledger)).await {
            Ok(Ok(())) => (),
            Ok(Err(refused)) => return Ok(Err(refused)),
            Err(LedgerGone) => return Err(DeskGone),
        }
        let data = self.data.clone();
        let verified = tokio::task::spawn_blocking(move || {
            let view = View::open(&data).map_err(|error| NotClosed::Unavailable(error.to_string()))?;
            verify_since_closing(&data, &view)
        });
        if let Err(refused) = verified.await.map_err(|_| DeskGone)? {
            return Ok(Err(refused));
        }
        let (clock, float) = (Arc::clone(&self.clock), self.closing.float);
        let outcome = ask_ledger(&self.ledger, move |ledger| {
            may(ledger)?;
            let now = clock.now().max(ledger.view().floor());
            close(ledger, By { cashier: by, now }, order, float)
        });
        let outcome = outcome.await.map_err(|LedgerGone| DeskGone)?;
        if let Ok(closed) = &outcome {
            tracing::info!(entry = %closed.entry, period = %closed.closing.period, "closed");
            self.exchanger.entries_wait();
        }
        Ok(outcome)
    }

    /// Closes the day by itself whenever its hour has come, for as long as it is polled.
    pub async fn close_at_the_set_hour(&self) {
        let Some(hour) = self.closing.automatic else { return std::future::pending().await };
        let mut tick = tokio::time::interval(LOOK_EVERY);
        loop {
            tick.tick().await;
            let opened = ask_ledger(&self.ledger, |ledger| ledger.view().open_day()).await;
            let Ok(Some(day)) = opened else { continue };
            if !is_due(day.since, self.clock.now(), hour) {
                continue;
            }
            let order = CloseOrder { kind: PeriodKind::Day, counted: None, float: None };
            match self.close_period(None, order, None).await {
                Ok(Ok(_)) => (),
                Ok(Err(refused)) => tracing::error!(why = refused.code(), "the day could not be closed"),
                Err(DeskGone) => return,
            }
        }
    }
}

/// How often the terminal looks whether the hour has come.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// Whether `hour` has come by `now` for a day that was opened at `opened`.
fn is_due(opened: Timestamp, now: Timestamp, hour: TimeOfDay) -> bool {
    let (opened, now) = (paris(opened), paris(now));
    let hour = u32::from(hour.minutes()) * 60;
    let day = if opened.second < hour { opened.day } else { opened.day + 1 };
    (now.day, now.second) >= (day, hour)
}

impl ClosingDesk for Service {
    fn close(&self, by: Option<CashierId>, order: CloseOrder) -> ClosingAnswer<'_, Closed> {
        Box::pin(self.close_period(by, order, Some(Deed::Close)))
    }

    fn closings(&self, query: ClosingQuery) -> BoxFuture<'_, Result<Vec<Closed>, DeskGone>> {
        Box::pin(async move {
            let found = ask_ledger(&self.ledger, move |ledger| closings(ledger.view(), query)).await;
            super::service::logged(found)
        })
    }

    fn duplicate_closing(&self, by: Option<CashierId>, entry: Sequence) -> ClosingAnswer<'_, Option<Closed>> {
        Box::pin(async move {
            let clock = Arc::clone(&self.clock);
            let outcome = ask_ledger(&self.ledger, move |ledger| duplicate(ledger, by, entry, clock.now()));
            let outcome = outcome.await.map_err(|LedgerGone| DeskGone)?;
            self.exchanger.entries_wait();
            Ok(outcome)
        })
    }
}

/// The closing of `entry` as a duplicate, on record.
///
/// # Errors
/// [`NotClosed`].
pub fn duplicate(
    ledger: &mut Ledger,
    by: Option<CashierId>,
    entry: Sequence,
    now: Timestamp,
) -> Result<Option<Closed>, NotClosed> {
    ledger.view().cashiers().may(by, Deed::Close).map_err(NotClosed::NotAllowed)?;
    let view = ledger.view();
    let Some(found) = view.entry(entry)?.and_then(|stored| closed(view, stored)) else { return Ok(None) };
    let now = now.max(ledger.view().floor());
    let duplicate = ledger.hand_out_again(By { cashier: by, now }, entry)?;
    Ok(Some(Closed { duplicate, ..found }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_hour_comes_after_the_first_sale_also_when_summer_time_ends() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let five = TimeOfDay::parse("05:00").unwrap();
        let table = [
            // Opened in the evening, and looked at in the night, after five, and after a week without power.
            ("2026-11-21T19:00:00Z", "2026-11-22T03:59:59Z", false),
            ("2026-11-21T19:00:00Z", "2026-11-22T04:00:00Z", true),
            ("2026-11-21T19:00:00Z", "2026-11-28T12:00:00Z", true),
            // Opened before five.
            ("2026-11-21T02:00:00Z", "2026-11-21T03:59:59Z", false),
            ("2026-11-21T02:00:00Z", "2026-11-21T04:00:00Z", true),
            // 25 October 2026 has 25 hours.
            ("2026-10-24T19:00:00Z", "2026-10-25T03:59:59Z", false),
            ("2026-10-24T19:00:00Z", "2026-10-25T04:00:00Z", true),
        ];
        for (opened, now, due) in table {
            assert_eq!(is_due(at(opened), at(now), five), due, "{opened} {now}");
        }
    }
}
