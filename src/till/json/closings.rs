//! Closings in JSON.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::catalogue::{BenefitName, Code};
use crate::domain::closing::{BenefitTotal, PeriodKind, TenderTotal};
use crate::domain::refusal::Language;
use crate::domain::{CardNumber, Cents, Sequence};
use crate::till::{CloseOrder, Closed, ClosingQuery, NotClosed};

use super::requests::{BadValue, Part};

/// How many closings a list has when it does not say, and at most.
const CLOSINGS_DEFAULT: u32 = 31;
const CLOSINGS_MAX: u32 = 400;

/// `POST /v1/closings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClosingRequest {
    /// `day` (the default), `month` or `year`.
    #[schema(pattern = "^(day|month|year)$")]
    pub period: Option<String>,
    /// What was counted in the drawer, float and all.
    #[schema(maximum = 9_999_999)]
    pub cash_counted_cents: Option<u64>,
    /// What was in the drawer when the day began; what the terminal is set to without it.
    #[schema(maximum = 9_999_999)]
    pub float_cents: Option<u64>,
}

fn kind(code: &str) -> Result<PeriodKind, BadValue> {
    PeriodKind::from_code(code).ok_or_else(|| BadValue::new("period", PeriodKind::ALL.map(PeriodKind::code).join(", ")))
}

fn cents(field: &'static str, cents: Option<u64>) -> Result<Option<Cents>, BadValue> {
    let refused = || BadValue::new(field, format!("at most {}", Cents::PRICE_MAX.get()));
    cents.map(|cents| Cents::new(cents).filter(|cents| *cents <= Cents::PRICE_MAX).ok_or_else(refused)).transpose()
}

impl ClosingRequest {
    /// The order.
    ///
    /// # Errors
    /// [`BadValue`], the first one.
    pub fn order(&self) -> Result<CloseOrder, BadValue> {
        Ok(CloseOrder {
            kind: self.period.as_deref().map_or(Ok(PeriodKind::Day), kind)?,
            counted: cents("cash_counted_cents", self.cash_counted_cents)?,
            float: cents("float_cents", self.float_cents)?,
        })
    }
}

/// The query of `GET /v1/closings`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClosingParameters {
    /// The language of sentences.
    #[param(pattern = "^(fr|en)(-[A-Za-z]{2})?$")]
    pub lang: Option<String>,
    /// Of this kind alone.
    #[param(pattern = "^(day|month|year)$")]
    pub period: Option<String>,
    /// Only closings before this entry.
    pub before: Option<u64>,
    /// At most so many: 1 to 400, 31 when it is missing.
    #[param(minimum = 1, maximum = 400)]
    pub limit: Option<u32>,
}

impl ClosingParameters {
    /// The query.
    ///
    /// # Errors
    /// [`BadValue`], the first one.
    pub fn query(&self) -> Result<ClosingQuery, BadValue> {
        let limit = self.limit.unwrap_or(CLOSINGS_DEFAULT);
        if !(1..=CLOSINGS_MAX).contains(&limit) {
            return Err(BadValue::new("limit", format!("1 to {CLOSINGS_MAX}")));
        }
        let kind = self.period.as_deref().map(kind).transpose()?;
        Ok(ClosingQuery { kind, before: self.before.map(Sequence::new), limit })
    }
}

/// What came of a closing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum ClosingOutcome {
    /// Closed, signed and durable.
    Closed(Box<Closing>),
    /// Not closed.
    Refused(NotClosedReason),
}

/// Why nothing was closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotClosedReason {
    /// The reason's code.
    pub refusal: String,
    /// What is the matter and what to do, for people.
    pub message: String,
}

/// `GET /v1/closings`, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closings {
    /// The closings.
    pub closings: Vec<Closing>,
}

/// A closing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Closing {
    /// Its entry.
    pub entry: u64,
    /// When it was closed.
    pub time: String,
    /// The number of the cashier who did it; nothing where the terminal did by itself.
    pub cashier: Option<u16>,
    /// `day`, `month` or `year`.
    pub period: String,
    /// Which one: `2026-11-22`, `2026-11`, `2026`.
    pub of: String,
    /// The place among the closings of its kind.
    pub number: u32,
    /// The first entry that it covers.
    pub from: u64,
    /// The last entry that it covers.
    pub to: u64,
    /// How many entries it covers.
    pub entries: u64,
    /// When it was opened.
    pub opened: String,
    /// By benefit.
    pub benefits: Vec<BenefitLine>,
    /// By tender.
    pub tenders: Vec<TenderLine>,
    /// Kept for debits in the period.
    pub collected_cents: u64,
    /// Given back for debits in the period.
    pub returned_cents: u64,
    /// Everything ever collected and everything ever given back, added up.
    pub perpetual_absolute_cents: u64,
    /// Everything ever collected, less everything ever given back.
    pub perpetual_net_cents: u64,
    /// The drawer.
    pub cash: Drawer,
    /// How many sales were in doubt at its end.
    pub in_doubt: u32,
    /// These sales, as many as a closing lists.
    pub doubts: Vec<DoubtLine>,
    /// The payments on the bank terminal that were unknown at its end; of many, the oldest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_payments: Vec<UnknownPaymentLine>,
    /// Which duplicate this is; 0 for none.
    pub duplicate: u32,
}

/// What was debited of a benefit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BenefitLine {
    /// The benefit's code.
    pub benefit: String,
    /// Its label, for people, where the terminal has a catalogue with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `seat` or `cent`, where the terminal has a catalogue with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// How many debits.
    pub debits: u64,
    /// What they took, in the unit of the benefit.
    pub debited: u64,
    /// How many debits were taken back.
    pub undone: u64,
    /// What they had taken.
    pub given_back: u64,
}

/// The money, by how it was paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenderLine {
    /// The tender's code.
    pub tender: String,
    /// How many debits were paid so; one that was paid in parts counts at each.
    pub sales: u64,
    /// Kept for debits.
    pub collected_cents: u64,
    /// How many debits were taken back and given back so.
    pub undone: u64,
    /// Given back for debits.
    pub returned_cents: u64,
    /// Collected and given back for sales that did not come about.
    pub given_up_cents: u64,
}

/// The drawer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drawer {
    /// What was in it when the day began.
    pub float_cents: u64,
    /// What came in.
    pub taken_cents: u64,
    /// What went out.
    pub given_cents: u64,
    /// What should be there.
    pub expected_cents: i64,
    /// What was counted, if somebody did.
    pub counted_cents: Option<u64>,
    /// Counted, less expected.
    pub difference_cents: Option<i64>,
}

/// An unknown payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnknownPaymentLine {
    /// Its name.
    pub payment: String,
    /// `charge`, or `refund`.
    pub way: String,
    /// What was asked.
    pub asked_cents: u64,
}

/// A sale in doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DoubtLine {
    /// The card, masked.
    pub card: String,
    /// What was collected.
    pub collected_cents: u64,
    /// How: the tender's code, or `mixed`.
    pub tender: String,
    /// Each part of it, where it is in parts: `tender` is then `mixed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

impl Closing {
    /// The closing, as JSON.
    pub fn new(closed: &Closed, language: Language) -> Self {
        let closing = &closed.closing;
        let (collected, returned) = closing.totals.money();
        let totals = closing.totals.benefits.iter();
        let cash = &closing.cash;
        let unknown = closing.unknown_payments.payments.iter().map(|unknown| UnknownPaymentLine {
            payment: unknown.payment.to_string(),
            way: unknown.way.code().to_owned(),
            asked_cents: unknown.asked.get(),
        });
        let doubts = closing.doubts.sales.iter().map(|doubt| DoubtLine {
            card: CardNumber::masked(doubt.card),
            collected_cents: doubt.collected.get(),
            tender: doubt.tender.code().to_owned(),
            parts: Part::of(doubt.tender),
        });
        Self {
            entry: closed.entry.get(),
            time: closed.time.to_string(),
            cashier: closed.cashier.map(|cashier| cashier.get()),
            period: closing.period.kind().code().to_owned(),
            of: closing.period.to_string(),
            number: closing.number,
            from: closing.from.get(),
            to: closing.to.get(),
            entries: closing.entries(),
            opened: closing.opened.to_string(),
            benefits: totals.map(|total| BenefitLine::new(total, closed.names.get(&total.benefit), language)).collect(),
            tenders: closing.totals.tenders.iter().map(TenderLine::new).collect(),
            collected_cents: collected.get(),
            returned_cents: returned.get(),
            perpetual_absolute_cents: closing.perpetual.absolute.get(),
            perpetual_net_cents: closing.perpetual.net.get(),
            cash: Drawer {
                float_cents: cash.float.get(),
                taken_cents: cash.taken.get(),
                given_cents: cash.given.get(),
                expected_cents: cash.expected(),
                counted_cents: cash.counted.map(Cents::get),
                difference_cents: cash.difference(),
            },
            in_doubt: closing.doubts.count,
            doubts: doubts.collect(),
            unknown_payments: unknown.collect(),
            duplicate: closed.duplicate,
        }
    }
}

impl BenefitLine {
    fn new(total: &BenefitTotal, name: Option<&BenefitName>, language: Language) -> Self {
        Self {
            benefit: Code::to_string(&total.benefit),
            label: name.map(|name| name.label.in_language(language).to_owned()),
            unit: name.map(|name| name.unit.code().to_owned()),
            debits: total.debits,
            debited: total.debited,
            undone: total.undone,
            given_back: total.given_back,
        }
    }
}

impl TenderLine {
    fn new(total: &TenderTotal) -> Self {
        Self {
            tender: total.tender.code().to_owned(),
            sales: total.sales,
            collected_cents: total.collected.get(),
            undone: total.undone,
            returned_cents: total.returned.get(),
            given_up_cents: total.given_up.get(),
        }
    }
}

impl Closings {
    /// The closings, as JSON.
    pub fn new(closings: &[Closed], language: Language) -> Self {
        Self { closings: closings.iter().map(|closed| Closing::new(closed, language)).collect() }
    }
}

impl ClosingOutcome {
    /// The outcome, spoken.
    pub fn new(outcome: &Result<Closed, NotClosed>, language: Language) -> Self {
        match outcome {
            Ok(closed) => Self::Closed(Box::new(Closing::new(closed, language))),
            Err(why) => {
                let (refusal, message) = (why.code().to_owned(), why.sentence(language));
                Self::Refused(NotClosedReason { refusal, message })
            }
        }
    }
}
