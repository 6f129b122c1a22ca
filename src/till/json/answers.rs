//! What came of a request: `outcome` says which.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::catalogue::{Code, Unit};
use crate::domain::quote::{Quote, QuotedCard};
use crate::domain::refusal::{FOUND_CARDS_ADDRESS, FOUND_CARDS_PHONE, Language, Refusal};
use crate::domain::{CardNumber, RequestId, Sequence, Timestamp};
use crate::machine::sale;
use crate::machine::sale::{CardView, Outcome, View};

use super::requests::Part;

/// An answer, with the request that it answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// The request's `id`, also when the client gave none.
    pub id: String,
    /// What came of it.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Answer {
    /// Debited, signed and durable.
    Granted(Granted),
    /// Not debited, or not known.
    Refused(Refused),
    /// What it would cost.
    Quoted(Quoted),
    /// Taken back on the card.
    Undone(Undone),
    /// The region is asked to give the right back.
    UndoRequested(Undone),
    /// A sale in doubt is given up.
    Abandoned(Abandoned),
}

/// A right was debited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Granted {
    /// The entry.
    pub entry: u64,
    /// The card, masked.
    pub card: String,
    /// The benefit's code.
    pub benefit: String,
    /// Its name for people; nothing when the card has left since.
    pub label: Option<String>,
    /// What was debited, in the unit.
    pub debited: u32,
    /// `seat` or `cent`; nothing when the catalogue of that season is gone.
    pub unit: Option<String>,
    /// What the holder had to pay.
    pub due_cents: u64,
    /// What the terminal keeps of the holder's money.
    pub collected_cents: u64,
    /// How it was paid: the tender's code, or `mixed`.
    pub tender: String,
    /// Each part of it, where it is in parts: `tender` is then `mixed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What is left, in the unit.
    pub left: u32,
    /// When.
    pub time: String,
    /// Whether this tells of an earlier debit, and nothing was debited now.
    pub repeated: bool,
    /// When this terminal had served the card before.
    pub served_before: Option<Served>,
}

/// When this terminal served a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Served {
    /// The entry.
    pub entry: u64,
    /// When.
    pub time: String,
}

/// Nothing was debited, or it is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refused {
    /// The refusal's code.
    pub refusal: String,
    /// What is the matter, for people.
    pub message: String,
    /// What to do next, for people.
    pub next: String,
    /// What the holder pays without the PASS, where it is known.
    pub due_cents: Option<u64>,
    /// Codes of benefits to choose from.
    pub choices: Vec<String>,
    /// Whether the same request is worth asking again: the reason passes by itself, or the card ends the doubt.
    pub again: bool,
    /// The card, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// Why the card is denied: `lost`, `stolen`, `broken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denial: Option<String>,
    /// Where a lost or stolen card goes (R9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_card: Option<FoundCard>,
}

/// Where a found card goes (R9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FoundCard {
    /// By post.
    pub address: String,
    /// By telephone.
    pub phone: String,
}

/// What a redemption would take and cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quoted {
    /// The card, masked.
    pub card: String,
    /// The benefit's code.
    pub benefit: String,
    /// Its name for people; nothing when the card has left since.
    pub label: Option<String>,
    /// `seat` or `cent`.
    pub unit: String,
    /// What would be debited, in the unit.
    pub amount: u32,
    /// The price, where one was given.
    pub price_cents: Option<u64>,
    /// The supplement.
    pub supplement_cents: u64,
    /// What the holder pays.
    pub due_cents: u64,
    /// What would be left, in the unit.
    pub left: u32,
}

/// A debit was taken back, or the region is asked to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Undone {
    /// The entry of the reversal, or of the request to the region.
    pub entry: u64,
    /// The entry of the debit.
    pub debit: u64,
    /// The card, masked.
    pub card: String,
    /// What is given back to the holder.
    pub returned_cents: u64,
    /// How: the tender's code, or `mixed`.
    pub tender: String,
    /// Each part of it, where it is in parts: `tender` is then `mixed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A sale in doubt is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Abandoned {
    /// The entry.
    pub entry: u64,
    /// The card, masked.
    pub card: String,
}

/// The names of a card's benefits, from what the cashier sees: an outcome has only codes.
#[derive(Clone, Copy, Debug)]
pub struct Labels<'a> {
    view: &'a View,
    language: Language,
}

impl<'a> Labels<'a> {
    /// The names that `view` shows.
    pub const fn new(view: &'a View, language: Language) -> Self {
        Self { view, language }
    }

    fn of(&self, card: CardNumber, benefit: &Code) -> Option<String> {
        let shown: &CardView = match self.view {
            View::Ready(shown) | View::TurnedAway(_, Some(shown)) if shown.card == card => shown,
            View::Ready(_) | View::TurnedAway(..) | View::Idle | View::Reading | View::InDoubt { .. } => return None,
        };
        let line = shown.balance.iter().find(|line| line.benefit == *benefit)?;
        Some(line.label.in_language(self.language).to_owned())
    }
}

impl Answered {
    /// The answer to `request`.
    pub fn new(request: RequestId, outcome: &Outcome, labels: Labels<'_>) -> Self {
        let answer = match outcome {
            Outcome::Granted(granted) => Answer::Granted(Granted::new(granted, labels)),
            Outcome::Refused(refused) => Answer::Refused(Refused::new(refused, labels.language)),
            Outcome::Quoted(card, quote) => Answer::Quoted(Quoted::new(card, quote, labels)),
            Outcome::Undone(undone) => Answer::Undone(Undone::new(undone)),
            Outcome::UndoRequested(undone) => Answer::UndoRequested(Undone::new(undone)),
            Outcome::Abandoned { entry, card } => {
                Answer::Abandoned(Abandoned { entry: entry.get(), card: card.masked() })
            }
        };
        Self { id: request.to_string(), answer }
    }
}

impl Granted {
    fn new(granted: &sale::Granted, labels: Labels<'_>) -> Self {
        Self {
            entry: granted.entry.get(),
            card: granted.card.masked(),
            benefit: granted.benefit.to_string(),
            label: granted.label.as_ref().map(|label| label.in_language(labels.language).to_owned()),
            debited: granted.debited,
            unit: granted.unit.map(|unit| Unit::code(unit).to_owned()),
            due_cents: granted.due.get(),
            collected_cents: granted.collected.get(),
            tender: granted.tender.code().to_owned(),
            parts: Part::of(granted.tender),
            left: granted.left,
            time: granted.time.to_string(),
            repeated: granted.repeated,
            served_before: granted.served_before.map(Served::new),
        }
    }
}

impl Served {
    pub(super) fn new((entry, time): (Sequence, Timestamp)) -> Self {
        Self { entry: entry.get(), time: time.to_string() }
    }
}

impl Refused {
    /// The refusal, spoken.
    pub fn new(refused: &sale::Refused, language: Language) -> Self {
        let refusal = refused.refusal;
        let found = FoundCard { address: FOUND_CARDS_ADDRESS.to_owned(), phone: FOUND_CARDS_PHONE.to_owned() };
        Self {
            refusal: refusal.code().to_owned(),
            message: refusal.sentence(language).to_owned(),
            next: refusal.next_step(language).to_owned(),
            due_cents: refused.due.map(|due| due.get()),
            choices: refused.choices.iter().map(Code::to_string).collect(),
            again: refusal.transient() || refusal == Refusal::SaleInDoubt,
            card: refused.card.map(CardNumber::masked),
            denial: refused.denial.map(|denial| denial.code().to_owned()),
            found_card: refused.denial.filter(|denial| denial.maybe_found()).map(|_| found),
        }
    }
}

impl Quoted {
    fn new(card: &QuotedCard, quote: &Quote, labels: Labels<'_>) -> Self {
        Self {
            card: card.card.masked(),
            benefit: quote.benefit.to_string(),
            label: labels.of(card.card, &quote.benefit),
            unit: quote.unit.code().to_owned(),
            amount: quote.amount,
            price_cents: quote.price.map(|price| price.get()),
            supplement_cents: quote.supplement.get(),
            due_cents: quote.due.get(),
            left: quote.left_after,
        }
    }
}

impl Undone {
    fn new(undone: &sale::Undone) -> Self {
        Self {
            entry: undone.entry.get(),
            debit: undone.debit.get(),
            card: undone.card.masked(),
            returned_cents: undone.returned.get(),
            tender: undone.tender.code().to_owned(),
            parts: Part::of(undone.tender),
        }
    }
}
