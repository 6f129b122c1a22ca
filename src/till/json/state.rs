//! How things are: the card in the reader, the terminal, its journal, an exchange.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::card::Signature;
use crate::domain::policy::Level;
use crate::domain::refusal::{Language, Refusal};
use crate::machine::sale::{BalanceView, CardView, View};
use crate::till;

use super::answers::{Refused, Served};
use super::detail;
use super::payments::{Held, Payment};
use super::requests::Part;

/// `GET /v1/card`: what lies in the reader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Card {
    /// Whether a card is there.
    pub present: bool,
    /// What it says, when one is there.
    #[serde(flatten)]
    #[schema(value_type = Presented)]
    pub presented: Option<Presented>,
    /// The sale that waits for its card to come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_doubt: Option<InDoubt>,
}

/// What a card in the reader says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presented {
    /// Proven genuine, proven false, or neither (no PASS, unreadable, being read).
    pub genuine: Option<bool>,
    /// The card, masked.
    pub card: Option<String>,
    /// The year in which its season begins; nothing without an entitlement.
    pub season: Option<u16>,
    /// The season as people say it, `2026-2027`.
    pub season_label: Option<String>,
    /// Whether it is blocked for good.
    pub blocked: Option<bool>,
    /// How many changes it has recorded.
    pub counter: Option<u32>,
    /// The serial of its entitlement; 0 without one.
    pub entitlement: Option<u32>,
    /// What it has.
    #[schema(required = false)]
    pub benefits: Vec<Benefit>,
    /// When this terminal last served it.
    pub served: Option<Served>,
    /// Why it cannot be served, if it cannot.
    pub refusal: Option<Refused>,
}

/// One line of a card's balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Benefit {
    /// Its code.
    pub benefit: String,
    /// Its name for people.
    pub label: String,
    /// `seat` or `cent`.
    pub unit: String,
    /// Granted for the season, in the unit.
    pub granted: u32,
    /// Left, in the unit.
    pub left: u32,
    /// Whether it can be used at this counter.
    pub here: bool,
}

/// It is not known whether this card was debited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InDoubt {
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

impl Card {
    /// What the cashier sees, as JSON.
    pub fn new(view: &View, language: Language) -> Self {
        let presented = |presented| Self { present: true, presented: Some(presented), in_doubt: None };
        match view {
            View::Idle => Self { present: false, presented: None, in_doubt: None },
            View::InDoubt { card, collected, tender } => {
                let in_doubt = InDoubt {
                    card: card.masked(),
                    collected_cents: collected.get(),
                    tender: tender.code().to_owned(),
                    parts: Part::of(*tender),
                };
                Self { present: false, presented: None, in_doubt: Some(in_doubt) }
            }
            View::Reading => presented(Presented::default()),
            View::Ready(card) => presented(Presented::new(card, language)),
            View::TurnedAway(refused, card) => {
                let shown = card.as_ref().map(|card| Presented::new(card, language)).unwrap_or_default();
                let genuine = if refused.refusal == Refusal::CardNotGenuine { Some(false) } else { shown.genuine };
                presented(Presented { genuine, refusal: Some(Refused::new(refused, language)), ..shown })
            }
        }
    }
}

impl Presented {
    fn new(card: &CardView, language: Language) -> Self {
        Self {
            // Only a card that proved itself is shown with its balance.
            genuine: Some(true),
            card: Some(card.card.masked()),
            season: card.season.map(|season| season.get()),
            season_label: card.season.map(|season| season.to_string()),
            blocked: Some(card.blocked),
            counter: Some(card.counter.get()),
            entitlement: Some(card.entitlement_serial),
            benefits: card.balance.iter().map(|line| Benefit::new(line, language)).collect(),
            served: card.served.map(Served::new),
            refusal: None,
        }
    }
}

impl Benefit {
    fn new(line: &BalanceView, language: Language) -> Self {
        Self {
            benefit: line.benefit.to_string(),
            label: line.label.in_language(language).to_owned(),
            unit: line.unit.code().to_owned(),
            granted: line.granted,
            left: line.left,
            here: line.here,
        }
    }
}

/// `GET /v1/status`: how the terminal is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// Whether the daemon runs; false when this was read from the ledger beside a daemon that does not.
    pub running: bool,
    /// The program's version.
    pub version: String,
    /// The terminal's id.
    pub terminal: u32,
    /// The partner's id.
    pub partner: u32,
    /// The partner's name.
    pub partner_name: String,
    /// The year in which the season of now begins.
    pub season: u16,
    /// The season as people say it.
    pub season_label: String,
    /// What keeps the terminal from selling, if anything does.
    pub refusal: Option<Reason>,
    /// The newest entry.
    pub entry: u64,
    /// Its hash.
    pub entry_hash: String,
    /// Until when the terminal's certificate for this season is good.
    pub certificate_not_after: Option<String>,
    /// The version that the region wants, where this one is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<Update>,
    /// How many sales or undos are in doubt.
    pub in_doubt: u64,
    /// The reader.
    pub reader: Reader,
    /// The printer, where one is set up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub printer: Option<Printer>,
    /// Where the bank terminal is, where one is set up: a sale may then be paid with `tpe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_terminal: Option<String>,
    /// The payments on the bank terminal that are in progress or unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// What the bank terminal took for sales that did not earn it: to be given back, or the sale goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<Held>,
    /// Since when the day is open: after 24 hours nothing is sold before it is closed.
    pub day_opened: Option<String>,
    /// The exchange with the region.
    pub exchange: Exchange,
    /// The card in the reader.
    pub card: Card,
    /// The terminal's time.
    pub time: String,
}

/// What keeps the terminal from selling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reason {
    /// The refusal's code.
    pub refusal: String,
    /// What is the matter, for people.
    pub message: String,
    /// What to do next, for people.
    pub next: String,
}

/// How the reader is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Reader {
    /// These readers are watched.
    Ready {
        /// Their names.
        names: Vec<String>,
    },
    /// None can be used.
    Unavailable {
        /// Why, for people.
        reason: String,
    },
    /// pcscd or the driver does not answer.
    Frozen {
        /// For how long.
        seconds: u64,
    },
}

/// How the printer is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Printer {
    /// How many receipts wait.
    pub waiting: u64,
    /// How many were printed since the start.
    pub printed: u64,
    /// How many were given up since the start: print them again by hand.
    pub lost: u64,
    /// What the newest failed on, in English, until one is printed again.
    pub error: Option<String>,
}

impl Printer {
    fn new(state: &till::PrinterState) -> Self {
        let till::PrinterState { waiting, printed, lost, error } = state.clone();
        Self { waiting, printed, lost, error }
    }
}

/// The version that the region wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Update {
    /// This one, or a later one.
    pub version: String,
    /// From when on.
    pub by: String,
    /// Whether that time has come.
    pub overdue: bool,
}

/// How the exchange with the region is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Exchange {
    /// The newest entry that the region has acknowledged; 0 when there is none.
    pub acknowledged: u64,
    /// The region's time in its newest answer.
    pub last: String,
    /// Whole hours since then.
    pub offline_hours: Limit,
    /// Entries that the region has not acknowledged.
    pub waiting_entries: Limit,
    /// What they are worth to the partner.
    pub waiting_cents: Limit,
    /// Whole hours since the region made the newest deny list that the terminal has.
    pub deny_list_hours: Limit,
    /// What the last attempt failed on, for people, if it failed.
    pub last_error: Option<String>,
    /// When the next attempt is due.
    pub next_attempt: Option<String>,
}

/// A value and what the region's policy says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limit {
    /// Now.
    pub value: u64,
    /// From here on the terminal warns.
    pub soft: u64,
    /// From here on the terminal refuses.
    pub hard: u64,
    /// `within`, `soft` or `hard`: where the value stands.
    pub level: String,
}

impl Status {
    /// The status, as JSON.
    pub fn new(status: &till::Status, language: Language) -> Self {
        Self {
            running: true,
            version: status.version.clone(),
            terminal: status.terminal.get(),
            partner: status.partner.get(),
            partner_name: status.partner_name.clone(),
            season: status.season.get(),
            season_label: status.season.to_string(),
            refusal: status.refusal.map(|refusal| Reason::new(refusal, language)),
            entry: status.head.0.get(),
            entry_hash: status.head.1.to_string(),
            certificate_not_after: status.certificate_not_after.map(|until| until.to_string()),
            update: status.update.map(|update| Update {
                version: update.version.to_string(),
                by: update.by.to_string(),
                overdue: update.by <= status.time,
            }),
            in_doubt: status.in_doubt,
            bank_terminal: status.bank_terminal.clone(),
            payments: status.payments.iter().map(|payment| Payment::new(payment, language)).collect(),
            held: status.held.iter().map(Held::new).collect(),
            reader: Reader::new(&status.reader, language),
            printer: status.printer.as_ref().map(Printer::new),
            day_opened: status.day_opened.map(|opened| opened.to_string()),
            exchange: Exchange::new(status, language),
            card: Card::new(&status.view, language),
            time: status.time.to_string(),
        }
    }
}

impl Reason {
    fn new(refusal: Refusal, language: Language) -> Self {
        Self {
            refusal: refusal.code().to_owned(),
            message: refusal.sentence(language).to_owned(),
            next: refusal.next_step(language).to_owned(),
        }
    }
}

impl Reader {
    /// Whether a card that is laid on it can be seen.
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Ready { names } if !names.is_empty())
    }

    fn new(reader: &till::ReaderState, language: Language) -> Self {
        match reader {
            till::ReaderState::Ready(names) => Self::Ready { names: names.clone() },
            till::ReaderState::Unavailable(why) => Self::Unavailable { reason: why.in_language(language).to_owned() },
            till::ReaderState::Frozen { seconds } => Self::Frozen { seconds: *seconds },
        }
    }
}

impl Exchange {
    fn new(status: &till::Status, language: Language) -> Self {
        let till::ExchangeState { acknowledged, exposure, standing, policy, last_error, next_attempt } =
            &status.exchange;
        let hours_since = |then| u64::from(status.time.seconds_since(then) / 3600);
        let limit = |value, soft, hard, level| Limit { value, soft, hard, level: level_code(level).to_owned() };
        let hours = |then, limits: &crate::domain::policy::Limit<u32>, level| {
            limit(hours_since(then), limits.soft.into(), limits.hard.into(), level)
        };
        let (entries, cents) = (&policy.waiting_entries, &policy.waiting_cents);
        Self {
            acknowledged: acknowledged.get(),
            last: exposure.last_exchange.to_string(),
            offline_hours: hours(exposure.last_exchange, &policy.offline_hours, standing.offline),
            waiting_entries: limit(exposure.waiting_entries, entries.soft, entries.hard, standing.entries),
            waiting_cents: limit(exposure.waiting_cents.get(), cents.soft.get(), cents.hard.get(), standing.cents),
            deny_list_hours: hours(exposure.deny_list_made, &policy.deny_list_hours, standing.deny_list),
            last_error: last_error.as_ref().map(|why| why.in_language(language).to_owned()),
            next_attempt: next_attempt.map(|time| time.to_string()),
        }
    }
}

const fn level_code(level: Level) -> &'static str {
    match level {
        Level::Within => "within",
        Level::Soft => "soft",
        Level::Hard => "hard",
    }
}

/// `GET /v1/journal`: entries, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Journal {
    /// The entries.
    pub entries: Vec<JournalEntry>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JournalEntry {
    /// Its place.
    pub entry: u64,
    /// When.
    pub time: String,
    /// The kind's code.
    pub kind: String,
    /// The card, masked.
    pub card: Option<String>,
    /// The benefit's code.
    pub benefit: Option<String>,
    /// Its label, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Debited, or taken back, in the unit.
    pub amount: Option<u32>,
    /// `seat` or `cent`.
    pub unit: Option<String>,
    /// What the holder paid.
    pub collected_cents: u64,
    /// What the holder got back.
    pub returned_cents: u64,
    /// The tender's code, or `mixed`.
    pub tender: Option<String>,
    /// Each part of it, where it is in parts: `tender` is then `mixed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The entry that this one takes back, or that takes this one back.
    pub related: Option<u64>,
    /// The card's signature of its record, `r || s` in hexadecimal.
    pub signature: Option<String>,
    /// The number of the cashier who did it, where cashiers sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cashier: Option<u16>,
    /// Whether the region has acknowledged it.
    pub acknowledged: bool,
    /// `payable`, `contested` or `recorded`, once the region has said so.
    pub verdict: Option<String>,
    /// Why it is contested.
    pub contest: Option<String>,
    /// For programs: a code, or words in English that stay as they are, for events and refusals.
    pub detail: Option<String>,
    /// The same for people, in their language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

impl Journal {
    /// The journal, as JSON.
    pub fn new(lines: &[till::JournalLine], language: Language) -> Self {
        Self { entries: lines.iter().map(|line| JournalEntry::new(line, language)).collect() }
    }
}

impl JournalEntry {
    /// The entry, as JSON.
    pub fn new(line: &till::JournalLine, language: Language) -> Self {
        Self {
            entry: line.entry.get(),
            time: line.time.to_string(),
            kind: line.kind.clone(),
            card: line.card.clone(),
            benefit: line.benefit.clone(),
            label: line.label.as_ref().map(|label| label.in_language(language).to_owned()),
            amount: line.amount,
            unit: line.unit.map(|unit| unit.code().to_owned()),
            collected_cents: line.collected.get(),
            returned_cents: line.returned.get(),
            tender: line.tender.map(|tender| tender.code().to_owned()),
            parts: line.tender.map(Part::of).unwrap_or_default(),
            related: line.related.map(|entry| entry.get()),
            signature: line.signature.map(|Signature(bytes)| hex::encode(bytes)),
            cashier: line.cashier.map(|cashier| cashier.get()),
            acknowledged: line.acknowledged,
            verdict: line.verdict.map(|verdict| verdict.code().to_owned()),
            contest: line.verdict.and_then(|verdict| verdict.contest()).map(|reason| reason.code().to_owned()),
            detail: line.detail.as_ref().map(detail::stable),
            words: line.detail.as_ref().map(|said| detail::spoken(said).in_language(language).to_owned()),
        }
    }
}

/// `POST /v1/exchanges`: what the exchange brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sync {
    /// How many messages were exchanged.
    pub exchanges: u32,
    /// The newest entry that the region has acknowledged.
    pub acknowledged: u64,
    /// How many entries still wait.
    pub waiting: u64,
    /// What it failed on, for people, if it failed.
    pub error: Option<String>,
}

impl Sync {
    /// The report, as JSON.
    pub fn new(report: &till::SyncReport, language: Language) -> Self {
        Self {
            exchanges: report.exchanges,
            acknowledged: report.acknowledged.get(),
            waiting: report.waiting,
            error: report.error.as_ref().map(|why| why.in_language(language).to_owned()),
        }
    }
}
