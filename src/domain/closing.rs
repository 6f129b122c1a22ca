//! Closings: what a day, a month or a year came to, and the total that never restarts (decision 16).
//!
//! A day is closed by an entry that covers every entry since the day before, up to its own place in the chain, so nothing can be added to
//! it afterwards. A month covers days, a year months. How the sums are taken is the ledger's; here is what they are.

use std::fmt;

use super::catalogue::Code;
use super::entry::{Tender, Tenders};
use super::ids::{CardNumber, PaymentId, Sequence, TransactionId};
use super::money::Cents;
use super::payment::Way;
use super::time::{Date, Timestamp};

/// How long a day may be open, from its first sale: after that nothing is sold before it is closed.
pub const OPEN_SECONDS_MAX: u32 = 24 * 3600;
/// How many sales in doubt a closing lists; it counts all of them.
pub const DOUBTS_LISTED_MAX: usize = 64;

/// Which kind of period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeriodKind {
    /// From one closing of the day to the next.
    Day,
    /// The days of a calendar month.
    Month,
    /// The months of a calendar year.
    Year,
}

impl PeriodKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Day, Self::Month, Self::Year];

    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A period, by the calendar of the counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// The day on which it was opened.
    Day(Date),
    /// The month of its days: year and month.
    Month(u16, u8),
    /// The year of its months.
    Year(u16),
}

impl Period {
    /// Its kind.
    pub const fn kind(self) -> PeriodKind {
        match self {
            Self::Day(_) => PeriodKind::Day,
            Self::Month(..) => PeriodKind::Month,
            Self::Year(_) => PeriodKind::Year,
        }
    }

    /// The period of the next larger kind that it is a part of; nothing is larger than a year.
    pub const fn within(self) -> Option<Self> {
        match self {
            Self::Day(date) => Some(Self::Month(date.year(), date.month())),
            Self::Month(year, _) => Some(Self::Year(year)),
            Self::Year(_) => None,
        }
    }

    /// Whether `today` is its last day, or later.
    pub fn is_over_on(self, today: Date) -> bool {
        let tomorrow = today.next();
        match self {
            Self::Day(date) => date <= today,
            Self::Month(year, month) => (tomorrow.year(), tomorrow.month()) > (year, month),
            Self::Year(year) => tomorrow.year() > year,
        }
    }
}

/// `2026-11-22`, `2026-11`, `2026`.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(date) => date.fmt(f),
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Year(year) => write!(f, "{year:04}"),
        }
    }
}

/// What was debited of a benefit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenefitTotal {
    /// The benefit.
    pub benefit: Code,
    /// How many debits.
    pub debits: u64,
    /// What they took, in the unit of the benefit.
    pub debited: u64,
    /// How many debits were taken back in the period, whenever they were made.
    pub undone: u64,
    /// What they had taken, in the unit of the benefit.
    pub given_back: u64,
}

/// The holders' money, by how it was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TenderTotal {
    /// How.
    pub tender: Tender,
    /// How many debits were paid so; one that was paid in parts counts at each.
    pub sales: u64,
    /// Kept for debits.
    pub collected: Cents,
    /// How many debits were taken back and given back so; each of its parts counts.
    pub undone: u64,
    /// Given back for debits that were taken back.
    pub returned: Cents,
    /// Collected and given back for sales that did not come about or were given up: in neither of the others.
    pub given_up: Cents,
}

/// What a period came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// By benefit, in alphabetical order; only those that occur.
    pub benefits: Vec<BenefitTotal>,
    /// By tender; only those that occur.
    pub tenders: Vec<TenderTotal>,
}

impl Totals {
    /// All that was kept for debits, and all that was given back for them.
    pub fn money(&self) -> (Cents, Cents) {
        let sum = |of: fn(&TenderTotal) -> Cents| self.tenders.iter().map(of).fold(Cents::ZERO, Cents::saturating_add);
        (sum(|total| total.collected), sum(|total| total.returned))
    }

    /// The cash among it: kept, given back.
    pub fn cash(&self) -> (Cents, Cents) {
        let cash = self.tenders.iter().find(|total| total.tender == Tender::Cash);
        cash.map_or((Cents::ZERO, Cents::ZERO), |cash| (cash.collected, cash.returned))
    }

    /// The totals of both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for theirs in &other.benefits {
            match self.benefits.iter_mut().find(|ours| ours.benefit == theirs.benefit) {
                Some(ours) => {
                    ours.debits += theirs.debits;
                    ours.debited += theirs.debited;
                    ours.undone += theirs.undone;
                    ours.given_back += theirs.given_back;
                }
                None => self.benefits.push(theirs.clone()),
            }
        }
        for theirs in &other.tenders {
            match self.tenders.iter_mut().find(|ours| ours.tender == theirs.tender) {
                Some(ours) => {
                    ours.sales += theirs.sales;
                    ours.collected = ours.collected.saturating_add(theirs.collected);
                    ours.undone += theirs.undone;
                    ours.returned = ours.returned.saturating_add(theirs.returned);
                    ours.given_up = ours.given_up.saturating_add(theirs.given_up);
                }
                None => self.tenders.push(*theirs),
            }
        }
        self.benefits.sort_by(|one, other| one.benefit.cmp(&other.benefit));
        self.tenders.sort_by_key(|total| total.tender);
        self
    }
}

/// The total that never restarts (*grand total perpétuel*), up to the end of the period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Perpetual {
    /// Everything ever collected and everything ever given back, added up.
    pub absolute: Cents,
    /// What was ever collected, less what was ever given back. What is given back was collected before, so it is never less than nothing.
    pub net: Cents,
}

impl Perpetual {
    /// The total after one more period.
    #[must_use]
    pub fn after(self, totals: &Totals) -> Self {
        let (collected, returned) = totals.money();
        Self {
            absolute: self.absolute.saturating_add(collected).saturating_add(returned),
            net: self.net.saturating_add(collected).saturating_sub(returned),
        }
    }
}

/// The drawer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cash {
    /// What was in it when the day began.
    pub float: Cents,
    /// What came in: kept for debits, and collected for sales that are in doubt at the end.
    pub taken: Cents,
    /// What went out: given back, and what had been in doubt at the beginning, which is counted anew when it is settled.
    pub given: Cents,
    /// What somebody has counted, float and all; nothing where nobody has.
    pub counted: Option<Cents>,
}

impl Cash {
    /// What should be in the drawer, in cents; negative when more went out than there was.
    pub fn expected(&self) -> i64 {
        let signed = |cents: Cents| i64::try_from(cents.get()).unwrap_or(i64::MAX);
        signed(self.float) + signed(self.taken) - signed(self.given)
    }

    /// What was counted, less what should be there, in cents.
    pub fn difference(&self) -> Option<i64> {
        self.counted.map(|counted| i64::try_from(counted.get()).unwrap_or(i64::MAX) - self.expected())
    }
}

/// A sale whose end is not known when the day is closed. Its settlement falls in a later day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// The card.
    pub card: CardNumber,
    /// The intent's transaction.
    pub transaction: TransactionId,
    /// What was collected for it.
    pub collected: Cents,
    /// How; of parts the sum is `collected`.
    pub tender: Tenders,
}

/// All sales in doubt at a closing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// How many.
    pub count: u32,
    /// The cash that was collected for them.
    pub cash: Cents,
    /// By card number, as many as a closing lists.
    pub sales: Vec<Doubt>,
}

impl Doubts {
    /// Counts and lists `sales`.
    pub fn of(mut sales: Vec<Doubt>) -> Self {
        sales.sort_by_key(|doubt| doubt.card);
        let cash = sales.iter().map(|doubt| doubt.tender.share(Tender::Cash, doubt.collected));
        let (count, cash) = (sales.len(), cash.fold(Cents::ZERO, Cents::saturating_add));
        sales.truncate(DOUBTS_LISTED_MAX);
        Self { count: u32::try_from(count).unwrap_or(u32::MAX), cash, sales }
    }
}

/// A payment on the bank terminal of which nobody knows what became of it when the day is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPayment {
    /// Which.
    pub payment: PaymentId,
    /// Which way.
    pub way: Way,
    /// What was asked.
    pub asked: Cents,
}

/// All unknown payments at a closing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownPayments {
    /// How many.
    pub count: u32,
    /// The oldest, as many as a closing lists.
    pub payments: Vec<UnknownPayment>,
}

impl UnknownPayments {
    /// Counts and lists `payments`.
    pub fn of(mut payments: Vec<UnknownPayment>) -> Self {
        let count = u32::try_from(payments.len()).unwrap_or(u32::MAX);
        payments.truncate(DOUBTS_LISTED_MAX);
        Self { count, payments }
    }
}

/// A closing. It covers the entries `from` to `to`; what a month or a year covers ends with its last day's closing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Which period.
    pub period: Period,
    /// The place among the closings of its kind, from 1, without gaps.
    pub number: u32,
    /// The first entry that it covers.
    pub from: Sequence,
    /// The last one.
    pub to: Sequence,
    /// When it was opened: the time of the first entry that moved money or a right.
    pub opened: Timestamp,
    /// What it came to.
    pub totals: Totals,
    /// The total that never restarts.
    pub perpetual: Perpetual,
    /// The drawer; of a month or a year, the sums of its parts, and nothing counted where one of them was not.
    pub cash: Cash,
    /// The sales in doubt at its end.
    pub doubts: Doubts,
    /// The payments on the bank terminal that were unknown at its end.
    pub unknown_payments: UnknownPayments,
}

impl Closing {
    /// How many entries it covers.
    pub const fn entries(&self) -> u64 {
        self.to.get().saturating_sub(self.from.get()) + 1
    }

    /// The closing of a larger period over these parts, oldest first; the newest of its kind before it has `number` - 1. `None` without parts.
    pub fn over(period: Period, number: u32, parts: &[(Sequence, Self)]) -> Option<Self> {
        let ((_, first), (end, last)) = parts.first().zip(parts.last())?;
        let totals = parts.iter().fold(Totals::default(), |sum, (_, part)| sum.and(&part.totals));
        let sum = |of: fn(&Cash) -> Cents| {
            parts.iter().map(|(_, part)| of(&part.cash)).fold(Cents::ZERO, Cents::saturating_add)
        };
        let counted = parts
            .iter()
            .try_fold(Cents::ZERO, |sum, (_, part)| part.cash.counted.map(|counted| sum.saturating_add(counted)));
        Some(Self {
            period,
            number,
            from: first.from,
            to: *end,
            opened: first.opened,
            totals,
            perpetual: last.perpetual,
            cash: Cash {
                float: sum(|cash| cash.float),
                taken: sum(|cash| cash.taken),
                given: sum(|cash| cash.given),
                counted,
            },
            doubts: last.doubts.clone(),
            unknown_payments: last.unknown_payments.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(cents: u32) -> Cents {
        Cents::from_u32(cents)
    }

    fn totals(benefit: &str, tender: Tender, collected: u32, returned: u32) -> Totals {
        let benefit = Code::new(benefit).unwrap();
        Totals {
            benefits: vec![BenefitTotal { benefit, debits: 2, debited: 3, undone: 1, given_back: 1 }],
            tenders: vec![TenderTotal {
                tender,
                sales: 2,
                collected: cents(collected),
                undone: 1,
                returned: cents(returned),
                given_up: cents(5),
            }],
        }
    }

    #[test]
    fn totals_add_up_by_benefit_and_by_tender() {
        let sum = totals("cinema", Tender::Card, 100, 10).and(&totals("books", Tender::Cash, 200, 20)).and(&totals(
            "cinema",
            Tender::Cash,
            300,
            30,
        ));
        let benefits: Vec<_> = sum.benefits.iter().map(|total| (total.benefit.as_str(), total.debited)).collect();
        assert_eq!(benefits, [("books", 3), ("cinema", 6)]);
        let tenders: Vec<_> = sum.tenders.iter().map(|total| (total.tender, total.collected, total.given_up)).collect();
        assert_eq!(tenders, [(Tender::Cash, cents(500), cents(10)), (Tender::Card, cents(100), cents(5))]);
        assert_eq!(sum.money(), (cents(600), cents(60)));
        assert_eq!(sum.cash(), (cents(500), cents(50)));
        let perpetual = Perpetual { absolute: cents(1000), net: cents(400) }.after(&sum);
        assert_eq!(perpetual, Perpetual { absolute: cents(1660), net: cents(940) });
    }

    #[test]
    fn the_drawer_may_be_short_and_may_be_in_the_red() {
        let cash = Cash { float: cents(50), taken: cents(300), given: cents(100), counted: Some(cents(240)) };
        assert_eq!((cash.expected(), cash.difference()), (250, Some(-10)));
        let red = Cash { given: cents(400), counted: None, ..cash };
        assert_eq!((red.expected(), red.difference()), (-50, None));
    }

    #[test]
    fn a_period_is_over_on_its_last_day() {
        let date = |year, month, day| Date::new(year, month, day).unwrap();
        let november = Period::Month(2026, 11);
        assert!(!november.is_over_on(date(2026, 11, 29)));
        assert!(november.is_over_on(date(2026, 11, 30)) && november.is_over_on(date(2027, 1, 1)));
        assert!(
            !Period::Year(2026).is_over_on(date(2026, 12, 30)) && Period::Year(2026).is_over_on(date(2026, 12, 31))
        );
        let day = Period::Day(date(2026, 11, 22));
        assert_eq!(
            (day.within(), november.within(), Period::Year(2026).within()),
            (Some(november), Some(Period::Year(2026)), None)
        );
        let said = [day, november, Period::Year(2026)].map(|period| period.to_string());
        assert_eq!(said, ["2026-11-22", "2026-11", "2026"]);
    }

    #[test]
    fn a_closing_counts_more_doubts_than_it_lists() {
        let doubt = |account: u64| Doubt {
            card: CardNumber::from_account(925_000_000_000_000 + account).unwrap(),
            transaction: TransactionId::new([1; 16]),
            collected: cents(100),
            tender: if account.is_multiple_of(2) { Tender::Cash } else { Tender::Card }.into(),
        };
        let doubts = Doubts::of((0..100).rev().map(doubt).collect());
        assert_eq!((doubts.count, doubts.cash, doubts.sales.len()), (100, cents(5000), DOUBTS_LISTED_MAX));
        assert_eq!(doubts.sales[0], doubt(0));
    }
}
