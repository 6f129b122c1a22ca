//! What the local API needs of the terminal.

use std::future::Future;
use std::pin::Pin;

use crate::domain::card::Signature;
use crate::domain::catalogue::Unit;
use crate::domain::policy::{Exposure, Policy, Standing};
use crate::domain::refusal::Refusal;
use crate::domain::verdict::Verdict;
use crate::domain::{Cents, EntryHash, PartnerId, Season, Sequence, TerminalId, Timestamp};
use crate::machine::sale::{ClientRequest, Outcome, View};

/// An answer that will come.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The part of the daemon that should have answered has ended: the daemon is stopping, or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the terminal is stopping")]
pub struct DeskGone;

/// What the terminal does for the local API.
pub trait Desk: Send + Sync + 'static {
    /// Does what a client asks. Answers [`Refusal::Busy`] while another client is served. Dropping the future tells the desk that the client went away: nothing
    /// that was begun is undone by that.
    fn ask(&self, request: ClientRequest) -> BoxFuture<'_, Result<Outcome, DeskGone>>;

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
}

/// How the reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReaderState {
    /// These readers are watched.
    Ready(Vec<String>),
    /// None can be used, for this reason (a sentence for a technician, in English).
    Unavailable(String),
    /// pcscd or the driver has not answered for this many seconds.
    Frozen {
        /// Since when.
        seconds: u64,
    },
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
    /// What the last attempt failed on (one sentence, in English), if it failed.
    pub last_error: Option<String>,
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
    /// How many sales or undos are in doubt.
    pub in_doubt: u64,
    /// The readers.
    pub reader: ReaderState,
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
    /// Debited (or taken back), in the unit.
    pub amount: Option<u32>,
    /// Seats or cents.
    pub unit: Option<Unit>,
    /// What the holder paid (a debit).
    pub collected: Cents,
    /// What the holder got back (an undo, an abandoned sale).
    pub returned: Cents,
    /// The tender's code.
    pub tender: Option<String>,
    /// The entry that this one takes back, or that takes this one back.
    pub related: Option<Sequence>,
    /// The card's signature of its record, for a debit or a reversal.
    pub signature: Option<Signature>,
    /// Whether the region has acknowledged it.
    pub acknowledged: bool,
    /// What the region said of it, if it said.
    pub verdict: Option<Verdict>,
    /// A detail in words, for events and refusals (a code or version).
    pub detail: Option<String>,
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
    /// What it failed on (one sentence, in English), if it failed.
    pub error: Option<String>,
}
