//! What the local API needs of the terminal about closings.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::catalogue::{BenefitName, Code};
use crate::domain::closing::{Closing, Period, PeriodKind};
use crate::domain::refusal::{Language, Refusal};
use crate::domain::spoken;
use crate::domain::{CashierId, Cents, Date, Sequence, Timestamp};

use super::desk::{BoxFuture, DeskGone};

/// Close a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseOrder {
    /// Which kind: the open day, or the oldest month or year that is not closed.
    pub kind: PeriodKind,
    /// What was counted in the drawer, float and all.
    pub counted: Option<Cents>,
    /// What was in it when the day began; what the terminal is set to without it.
    pub float: Option<Cents>,
}

/// A closing, with its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The entry.
    pub entry: Sequence,
    /// When.
    pub time: Timestamp,
    /// Who closed it; nobody where the terminal did by itself.
    pub cashier: Option<CashierId>,
    /// What it says.
    pub closing: Closing,
    /// What the benefits in its totals are called, those that are known here.
    pub names: BTreeMap<Code, BenefitName>,
    /// Which duplicate this is; 0 for none.
    pub duplicate: u32,
}

/// Which closings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosingQuery {
    /// Of this kind; all without it.
    pub kind: Option<PeriodKind>,
    /// Only those before this entry.
    pub before: Option<Sequence>,
    /// At most so many.
    pub limit: u32,
}

/// Why nothing was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotClosed {
    /// Nothing has happened since the last closing.
    Nothing,
    /// A day of it is open.
    DayOpen(Date),
    /// A month of it is not closed.
    MonthOpen(Period),
    /// It is not its last day yet.
    NotOver(Period),
    /// Nobody has signed in, or not somebody who may.
    NotAllowed(Refusal),
    /// The ledger does not verify, and what it came to cannot be said.
    Damaged(String),
    /// The ledger cannot be written or read.
    Unavailable(String),
}

impl NotClosed {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing-to-close",
            Self::DayOpen(_) => "day-open",
            Self::MonthOpen(_) => "month-open",
            Self::NotOver(_) => "not-over",
            Self::NotAllowed(refusal) => refusal.code(),
            Self::Damaged(_) => "ledger-damaged",
            Self::Unavailable(_) => "ledger-unavailable",
        }
    }

    /// What is the matter and what to do, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        let in_french = |iso: &dyn fmt::Display| spoken::date(iso, Language::French);
        let (french, english) = match self {
            Self::Nothing => (
                "Il n'y a rien à clôturer : rien ne s'est passé depuis la dernière clôture.".to_owned(),
                "There is nothing to close: nothing has happened since the last closing.".to_owned(),
            ),
            Self::DayOpen(date) => (
                format!("La journée du {} est ouverte : clôturez-la d'abord.", in_french(&date)),
                format!("The day of {date} is open: close it first."),
            ),
            Self::MonthOpen(month) => (
                format!("Le mois {} n'est pas clôturé : clôturez-le d'abord.", in_french(&month)),
                format!("The month {month} is not closed: close it first."),
            ),
            Self::NotOver(period) => (
                format!(
                    "La période {} n'est pas finie : elle se clôture son dernier jour, ou plus tard.",
                    in_french(&period)
                ),
                format!("{period} is not over: it is closed on its last day, or later."),
            ),
            Self::NotAllowed(refusal) => {
                return format!("{} {}", refusal.sentence(language), refusal.next_step(language));
            }
            Self::Damaged(why) => (
                format!(
                    "Le journal n'est pas intact, rien n'est clôturé : {why}. Ne vendez plus et appelez le support."
                ),
                format!("The ledger is not intact, nothing is closed: {why}. Sell no more and call support."),
            ),
            Self::Unavailable(why) => (
                format!("Le journal ne peut pas être écrit ou lu, rien n'a changé : {why}."),
                format!("The ledger cannot be written or read, nothing has changed: {why}."),
            ),
        };
        match language {
            Language::French => french,
            Language::English => english,
        }
    }
}

/// An answer that will come, with what may keep the terminal from doing it.
pub type ClosingAnswer<'a, T> = BoxFuture<'a, Result<Result<T, NotClosed>, DeskGone>>;

/// What the terminal does for the local API about closings.
pub trait ClosingDesk: Send + Sync + 'static {
    /// Verifies what was added since the last closing, and closes, for whoever `by` is.
    fn close(&self, by: Option<CashierId>, order: CloseOrder) -> ClosingAnswer<'_, Closed>;

    /// Closings, newest first.
    fn closings(&self, query: ClosingQuery) -> BoxFuture<'_, Result<Vec<Closed>, DeskGone>>;

    /// The closing of this entry, as a duplicate, which goes on record; `None` where the entry is no closing.
    fn duplicate_closing(&self, by: Option<CashierId>, entry: Sequence) -> ClosingAnswer<'_, Option<Closed>>;
}
