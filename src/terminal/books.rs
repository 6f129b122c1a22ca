//! The sums of closings once more, from the entries alone: what whoever has an archive and no ledger can check. It shares nothing with the
//! ledger's own sums.
//!
//! What was taken back of a benefit whose debit lies before the archive cannot be known here, nor what was in doubt; money always can.

use std::collections::BTreeMap;

use crate::domain::closing::{Closing, Period, PeriodKind, Perpetual, TenderTotal};
use crate::domain::entry::{Body, Entry, Tender, Tenders};
use crate::domain::{Cents, Sequence};

/// What does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It does not cover what it should.
    #[error("the closing does not cover the entries since the one before")]
    Bounds,
    /// The debits of a benefit.
    #[error("the closing has other debits than its entries")]
    Debits,
    /// The money of a tender.
    #[error("the closing has other money than its entries")]
    Money,
    /// The total that never restarts.
    #[error("the perpetual total does not follow from the one before")]
    Perpetual,
    /// A larger period is not the sum of its parts.
    #[error("the closing is not the sum of its days or months")]
    Parts,
}

/// Entries, taken one after the other from the beginning of a period.
#[derive(Debug, Default)]
pub struct Books {
    /// The first entry that is there: what a closing covers before it cannot be checked.
    first: Sequence,
    /// Since the last day: debits and what they took, by benefit.
    benefits: BTreeMap<String, (u64, u64)>,
    /// And by tender: sales, collected, undone, returned.
    tenders: BTreeMap<Tender, (u64, Cents, u64, Cents)>,
    /// Days and months that are not in a larger period yet.
    days: Vec<(Sequence, Closing)>,
    months: Vec<(Sequence, Closing)>,
    last_day: Option<Closing>,
    closings: u64,
    last: Option<Closing>,
}

impl Books {
    /// Nothing was taken yet; `first` comes first.
    pub fn new(first: Sequence) -> Self {
        Self { first, ..Self::default() }
    }

    /// The next entry.
    ///
    /// # Errors
    /// [`Wrong`], of a closing.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Wrong> {
        match &entry.body {
            Body::Debit(debit) => {
                let total = self.benefits.entry(debit.sale.benefit.to_string()).or_default();
                total.0 += 1;
                total.1 += u64::from(debit.proof.record.amount);
                for (tender, collected) in debit.sale.tender.of(debit.collected) {
                    let total = self.tenders.entry(tender).or_default();
                    total.0 += 1;
                    total.1 = total.1.saturating_add(collected);
                }
            }
            Body::Reversal(undo) => self.give_back(undo.tender, undo.returned),
            Body::UndoRequest(undo) => self.give_back(undo.tender, undo.returned),
            // The last month and the year before are closed in the days of the next.
            Body::Closing(closing) if closing.from < self.first => (),
            Body::Closing(closing) => {
                self.check(entry, closing)?;
                self.closings += 1;
                self.last = Some(closing.clone());
            }
            Body::NotDone(_) | Body::Abandoned(_) | Body::Refused(_) | Body::CardRead(_) | Body::Event(_) => (),
        }
        Ok(())
    }

    /// How many closings were checked, and the last one.
    pub fn end(self) -> (u64, Option<Closing>) {
        (self.closings, self.last)
    }

    fn give_back(&mut self, tenders: Tenders, returned: Cents) {
        for (tender, returned) in tenders.of(returned) {
            let total = self.tenders.entry(tender).or_default();
            total.2 += 1;
            total.3 = total.3.saturating_add(returned);
        }
    }

    fn check(&mut self, entry: &Entry, closing: &Closing) -> Result<(), Wrong> {
        match closing.period.kind() {
            PeriodKind::Day => self.check_day(entry, closing),
            PeriodKind::Month => {
                let days = std::mem::take(&mut self.days);
                self.days = check_parts(closing, days)?;
                self.months.push((entry.sequence, closing.clone()));
                Ok(())
            }
            PeriodKind::Year => {
                let months = std::mem::take(&mut self.months);
                self.months = check_parts(closing, months)?;
                Ok(())
            }
        }
    }

    fn check_day(&mut self, entry: &Entry, closing: &Closing) -> Result<(), Wrong> {
        let follows = self.last_day.as_ref().is_none_or(|last| last.to.next().next() == closing.from);
        if closing.to.next() != entry.sequence || !follows {
            return Err(Wrong::Bounds);
        }
        let said = closing.totals.benefits.iter().filter(|total| total.debits > 0);
        let said: BTreeMap<_, _> =
            said.map(|total| (total.benefit.to_string(), (total.debits, total.debited))).collect();
        if said != std::mem::take(&mut self.benefits) {
            return Err(Wrong::Debits);
        }
        let moved = |total: &&TenderTotal| total.sales > 0 || total.undone > 0;
        let said = closing.totals.tenders.iter().filter(moved);
        let said: BTreeMap<_, _> =
            said.map(|total| (total.tender, (total.sales, total.collected, total.undone, total.returned))).collect();
        if said != std::mem::take(&mut self.tenders) {
            return Err(Wrong::Money);
        }
        // That of the first day here follows from a day that is not here, unless it is the first of all.
        let before = self.last_day.as_ref().map(|last| last.perpetual);
        let before = before.or((closing.number == 1).then(Perpetual::default));
        if before.is_some_and(|before| before.after(&closing.totals) != closing.perpetual) {
            return Err(Wrong::Perpetual);
        }
        self.last_day = Some(closing.clone());
        self.days.push((entry.sequence, closing.clone()));
        Ok(())
    }
}

/// Whether `closing` is over the first of `parts` that are in its period; the others are for the next.
fn check_parts(closing: &Closing, mut parts: Vec<(Sequence, Closing)>) -> Result<Vec<(Sequence, Closing)>, Wrong> {
    let outside = |(_, part): &(Sequence, Closing)| Period::within(part.period) != Some(closing.period);
    let end = parts.iter().position(outside).unwrap_or(parts.len());
    let rest = parts.split_off(end);
    if Closing::over(closing.period, closing.number, &parts).as_ref() == Some(closing) {
        Ok(rest)
    } else {
        Err(Wrong::Parts)
    }
}
