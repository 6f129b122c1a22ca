//! What the local API needs of the terminal.

use std::future::Future;
use std::pin::Pin;

use crate::domain::card::Signature;
use crate::domain::catalogue::Unit;
use crate::domain::closing::Period;
use crate::domain::entry::{TechnicalEvent, Tenders};
use crate::domain::policy::{Exposure, Policy, Standing};
use crate::domain::refusal::{Language, Refusal};
use crate::domain::spoken::Spoken;
use crate::domain::verdict::Verdict;
use crate::domain::version::RequiredVersion;
use crate::domain::{CashierId, Cents, EntryHash, PartnerId, RequestId, Season, Sequence, TerminalId, Timestamp};
use crate::machine::sale::{ClientRequest, Outcome, View};

/// An answer that will come.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The part of the daemon that should have answered has ended: the daemon is stopping, or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the terminal is stopping")]
pub struct DeskGone;

/// What the terminal does for the local API.
pub trait Desk: super::CashierDesk + super::ClosingDesk + super::ReceiptDesk + super::PaymentDesk {
    /// Does what a client asks. Answers [`Refusal::Busy`] while another client is served. Dropping the future tells the desk that the client went away: nothing
    /// that was begun is undone by that.
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Result<Outcome, DeskGone>>;

    /// What became of a request: nothing when nothing was begun under this name, or what was begun came to nothing. Nothing is begun by asking.
    fn known(&self, request: RequestId) -> BoxFuture<'_, Result<Option<Outcome>, DeskGone>>;

    /// What the cashier sees now.
    fn view(&self) -> View;

    /// Waits until what the cashier sees is another than `seen`, and returns it.
    fn view_after(&self, seen: View) -> BoxFuture<'_, Result<View, DeskGone>>;

    /// How the terminal is.
    fn status(&self) -> BoxFuture<'_, Result<Status, DeskGone>>;

    /// Entries, newest first.
    fn journal(&self, query: JournalQuery) -> BoxFuture<'_, Result<Vec<JournalLine>, DeskGone>>;

    /// Exchanges with the region now, until there is nothing more to exchange.
    fn sync(&self) -> BoxFuture<'_, Result<SyncReport, DeskGone>>;

    /// The next request to the region, to be carried by hand.
    fn export(&self) -> BoxFuture<'_, Result<Result<ExportReport, NotCarried>, DeskGone>>;

    /// Takes the region's answer, which was carried by hand.
    fn import(&self, answer: Vec<u8>) -> BoxFuture<'_, Result<Result<ImportReport, NotCarried>, DeskGone>>;
}

/// The largest message that is carried by hand, in bytes: as large as any answer of the region.
pub const CARRIED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How the reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReaderState {
    /// These readers are watched.
    Ready(Vec<String>),
    /// None can be used, for this reason.
    Unavailable(Spoken),
    /// pcscd or the driver has not answered for this many seconds.
    Frozen {
        /// Since when.
        seconds: u64,
    },
}

/// How the printer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrinterState {
    /// How many receipts wait.
    pub waiting: u64,
    /// How many were printed since the start.
    pub printed: u64,
    /// How many were given up since the start.
    pub lost: u64,
    /// What the newest failed on (one sentence, in English), until one is printed again.
    pub error: Option<String>,
}

/// How the exchange is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeState {
    /// The newest entry that the region has acknowledged, and the region's time then; 0 and the enrolment's before the first exchange.
    pub acknowledged: Sequence,
    /// How far the terminal is from the region.
    pub exposure: Exposure,
    /// Where that stands against the policy.
    pub standing: Standing,
    /// The policy.
    pub policy: Policy,
    /// What the last attempt failed on, if it failed.
    pub last_error: Option<Spoken>,
    /// When the next attempt is due.
    pub next_attempt: Option<Timestamp>,
}

/// How the terminal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// Who it is.
    pub terminal: TerminalId,
    /// Whom it works for.
    pub partner: PartnerId,
    /// The partner's name.
    pub partner_name: String,
    /// The season of now.
    pub season: Season,
    /// What keeps it from selling, if anything does.
    pub refusal: Option<Refusal>,
    /// The newest entry.
    pub head: (Sequence, EntryHash),
    /// Until when its certificate for this season is good.
    pub certificate_not_after: Option<Timestamp>,
    /// The version that the region wants, where this one is older.
    pub update: Option<RequiredVersion>,
    /// How many sales or undos are in doubt.
    pub in_doubt: u64,
    /// The readers.
    pub reader: ReaderState,
    /// The printer, where one is set up.
    pub printer: Option<PrinterState>,
    /// Where the bank terminal is, where one is set up.
    pub bank_terminal: Option<String>,
    /// The payments on the bank terminal that are in progress or unknown.
    pub payments: Vec<super::PaymentView>,
    /// What the bank terminal took for sales that did not earn it.
    pub held: Vec<super::HeldMoney>,
    /// Since when the day is open, if it is.
    pub day_opened: Option<Timestamp>,
    /// The exchange.
    pub exchange: ExchangeState,
    /// What the cashier sees.
    pub view: View,
    /// The terminal's time.
    pub time: Timestamp,
}

/// Which entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalQuery {
    /// Only those before this one.
    pub before: Option<Sequence>,
    /// Only those at or after this time.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: u32,
}

/// One entry, as the journal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// Its place.
    pub entry: Sequence,
    /// When.
    pub time: Timestamp,
    /// The kind's code ([`crate::domain::entry::Body::kind`]).
    pub kind: String,
    /// The card, masked.
    pub card: Option<String>,
    /// The benefit's code.
    pub benefit: Option<String>,
    /// Its label, where the catalogue of that season is there.
    pub label: Option<Spoken>,
    /// Debited (or taken back), in the unit.
    pub amount: Option<u32>,
    /// Seats or cents.
    pub unit: Option<Unit>,
    /// What the holder paid (a debit).
    pub collected: Cents,
    /// What the holder got back (an undo, an abandoned sale).
    pub returned: Cents,
    /// How it was paid or given back.
    pub tender: Option<Tenders>,
    /// The entry that this one takes back, or that takes this one back.
    pub related: Option<Sequence>,
    /// The card's signature of its record, for a debit or a reversal.
    pub signature: Option<Signature>,
    /// Who did it, where cashiers sign in.
    pub cashier: Option<CashierId>,
    /// Whether the region has acknowledged it.
    pub acknowledged: bool,
    /// What the region said of it, if it said.
    pub verdict: Option<Verdict>,
    /// What else there is to say of it.
    pub detail: Option<Detail>,
}

/// What the journal says of an entry that is about no purse, or of a debit that is not as others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The sale had been given up before it was known that the card was debited.
    GivenUp,
    /// Why it was refused.
    Refused(Refusal),
    /// So many records were read from the card.
    Records(usize),
    /// What was closed.
    Closed(Period),
    /// What happened.
    Event(TechnicalEvent),
}

/// What an exchange brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncReport {
    /// How many messages were exchanged.
    pub exchanges: u32,
    /// The newest entry that the region has acknowledged.
    pub acknowledged: Sequence,
    /// How many entries still wait.
    pub waiting: u64,
    /// What it failed on, if it failed.
    pub error: Option<Spoken>,
}

/// A request that is to be carried by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportReport {
    /// The whole signed message.
    pub message: Vec<u8>,
    /// How many entries it carries.
    pub entries: u64,
    /// What the region owes for these, by the terminal's own catalogue.
    pub owed: Cents,
    /// How many sales and undos in doubt it tells of.
    pub in_doubt: u64,
    /// How many entries had no room in it.
    pub left: u64,
}

/// What an answer that was carried by hand brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportReport {
    /// How new it was.
    pub news: News,
    /// The newest entry that the region has acknowledged.
    pub acknowledged: Sequence,
    /// How many entries still wait.
    pub waiting: u64,
    /// Whether another file there and back at once would bring or take more.
    pub more: bool,
}

/// How new an answer was that was carried by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The newest that there is.
    Newest,
    /// A later exchange came before it: its receipt is kept, and what it says was known.
    Overtaken,
    /// This very answer was taken before: nothing changed.
    Again,
}

impl News {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Overtaken => "overtaken",
            Self::Again => "again",
        }
    }
}

/// Why nothing was exported or imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotCarried {
    /// The file is no answer of a region, or was damaged on its way.
    NotAnAnswer,
    /// The file is the terminal's own request.
    StillTheRequest,
    /// The answer is for another terminal.
    OtherTerminal,
    /// The answer is to a request that was not exported here, or too many exports ago.
    NotExported,
    /// The answer's signature does not hold, or its key is not trusted.
    NotTrusted,
    /// The region knows entries that this ledger lost. That is on record now, and the next request tells the region.
    LostEntries,
    /// What the region sent does not follow on what is here; the next request asks for it from the beginning.
    FeedBroken,
    /// The ledger cannot be written or read.
    Ledger(String),
}

impl NotCarried {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAnAnswer => "not-an-answer",
            Self::StillTheRequest => "still-the-request",
            Self::OtherTerminal => "other-terminal",
            Self::NotExported => "not-exported",
            Self::NotTrusted => "not-trusted",
            Self::LostEntries => "lost-entries",
            Self::FeedBroken => "feed-broken",
            Self::Ledger(_) => "ledger-unavailable",
        }
    }

    /// What is the matter and what to do, in one sentence.
    pub fn sentence(&self, language: Language) -> String {
        let (french, english) = match self {
            Self::NotAnAnswer => (
                "Ce fichier n'est pas une réponse de la région, ou il est abîmé : recopiez-le, rien n'a changé.",
                "This file is no answer of the region, or it is damaged: copy it again, nothing has changed.",
            ),
            Self::StillTheRequest => (
                "Ce fichier est la demande du terminal : portez-la à la région, et importez sa réponse.",
                "This file is the terminal's request: carry it to the region, and import its answer.",
            ),
            Self::OtherTerminal => (
                "Cette réponse est pour un autre terminal : importez-la là-bas, rien n'a changé ici.",
                "This answer is for another terminal: import it there, nothing has changed here.",
            ),
            Self::NotExported => (
                "Cette réponse n'est à aucune des dernières demandes exportées ici : exportez-en une nouvelle, rien n'a changé.",
                "This answer is to none of the last requests exported here: export a new one, nothing has changed.",
            ),
            Self::NotTrusted => (
                "Cette réponse n'est pas signée par la région de ce terminal : n'en tenez pas compte et appelez le support.",
                "This answer is not signed by this terminal's region: disregard it and call support.",
            ),
            Self::LostEntries => (
                "La région a des écritures que ce journal a perdues ; c'est noté : exportez une nouvelle demande.",
                "The region has entries that this ledger lost; that is on record: export a new request.",
            ),
            Self::FeedBroken => (
                "Les nouvelles de la région ne font pas suite à celles d'ici : exportez une nouvelle demande.",
                "The region's news does not follow on what is here: export a new request.",
            ),
            Self::Ledger(why) => {
                return match language {
                    Language::French => format!("Le journal ne peut pas être écrit ou lu, rien n'a changé : {why}."),
                    Language::English => format!("The ledger cannot be written or read, nothing has changed: {why}."),
                };
            }
        };
        match language {
            Language::French => french.to_owned(),
            Language::English => english.to_owned(),
        }
    }
}
