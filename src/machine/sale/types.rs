//! What the sale machine is told, what it asks for, and what it shows.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::card::{CardState, CardStatus, Entitlement, Record, Signature, SignedRecord};
use crate::domain::catalogue::{Catalogue, Code, Unit};
use crate::domain::entry::{Body, Intent, Paying, ReadReason, Tenders};
use crate::domain::purse::{Amounts, Slots};
use crate::domain::quote::{Quote, QuoteContext, QuoteRequest, QuotedCard};
use crate::domain::refusal::{DenialReason, Refusal};
use crate::domain::spoken::Spoken;
use crate::domain::{CardNumber, CashierId, Cents, Counter, RequestId, Season, Sequence, Timestamp, TransactionId};

/// The two times that a decision needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The terminal's trusted time: what goes on a card and into an entry.
    pub time: Timestamp,
    /// Since the machine was started, never stepping: what deadlines are counted in.
    pub since_start: Duration,
}

/// A card that is proven genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Which card.
    pub card: CardNumber,
    /// SHA-256 of its certificate's bytes.
    pub certificate: [u8; 32],
    /// Its fresh state.
    pub state: CardState,
    /// What it is granted.
    pub entitlement: Option<Entitlement>,
}

impl Presented {
    /// Whether the card was blocked for good.
    pub fn blocked(&self) -> bool {
        self.state.status == CardStatus::Blocked
    }
}

/// Why a card was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenFailure {
    /// The card left.
    Gone,
    /// The reader did not carry the commands, or another program holds the card.
    Reader,
    /// The card does not answer, or not as it should: it may not lie well yet.
    Unreadable,
    /// Refused for good: no PASS, not genuine, or the terminal is outdated.
    Refused {
        /// Why.
        refusal: Refusal,
        /// What is put on record: a card that is not genuine.
        record: Option<Box<Body>>,
    },
}

/// An intent whose end is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenIntent {
    /// What was made durable.
    pub intent: Intent,
    /// The cashier gave the money back and went on.
    pub abandoned: bool,
}

/// A debit of this terminal that can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndoTarget {
    /// Its entry.
    pub entry: Sequence,
    /// The card's record of it.
    pub record: Record,
    /// What the holder gets back.
    pub returned: Cents,
    /// How the holder had paid.
    pub tender: Tenders,
}

/// A sale that was settled after a doubt, for the next client that asks for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// The intent's transaction.
    pub transaction: TransactionId,
    /// What it came to.
    pub granted: Granted,
    /// The price that was asked.
    pub price: Option<Cents>,
    /// The supplement that was asked.
    pub supplement: Cents,
}

impl Undelivered {
    /// Whether `request` asks for what was sold.
    pub fn answers(&self, request: &QuoteRequest) -> bool {
        request.benefit.as_ref().is_none_or(|benefit| *benefit == self.granted.benefit)
            && request.price == self.price
            && request.supplement == self.supplement
            && request.seats.unwrap_or(1) == if self.price.is_some() { 1 } else { self.granted.debited }
    }
}

/// What an earlier request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// It ended: the same answer again.
    Ended {
        /// The answer.
        outcome: Box<Outcome>,
        /// The intent that came out of a doubt and whose end nobody was told yet: from now on somebody was.
        untold: Option<TransactionId>,
    },
    /// It is in doubt: the card must come back.
    InDoubt(Box<Intent>),
}

/// What the ledger knows, looked up for the card in the reader and for the client that waits.
#[derive(Clone, Debug)]
pub struct Facts {
    /// When it was looked up: whatever is decided by it has this time, so that season, policy and denials are those of the record.
    pub time: Timestamp,
    /// The season of that time.
    pub season: Season,
    /// What keeps the terminal from selling at all.
    pub gate: Option<Refusal>,
    /// What the offline policy says; of lower precedence than what the card says.
    pub offline: Option<Refusal>,
    /// The season's catalogue.
    pub catalogue: Option<Arc<Catalogue>>,
    /// What this terminal may debit: its certificate's slots that the catalogue gives to the partner's activities.
    pub slots: Slots,
    /// The open intent of this card.
    pub intent: Option<OpenIntent>,
    /// The card's denial, and the block signature of a final one.
    pub denial: Option<(DenialReason, Option<Signature>)>,
    /// The newest entitlement that the region sent for this card.
    pub entitlement: Option<Entitlement>,
    /// The counters of the records that the region wants.
    pub records_wanted: Option<(Counter, Counter)>,
    /// An abandoned sale of this card that turned out done and is not taken back yet.
    pub abandoned_debit: Option<UndoTarget>,
    /// A sale of this card that was settled after a doubt and whose client never had its answer.
    pub undelivered: Option<Undelivered>,
    /// When this terminal last served this card.
    pub last_served: Option<(Sequence, Timestamp)>,
    /// What this terminal debited from this card since midnight, net.
    pub debited_today: Amounts,
    /// What the waiting client's request came to, if it was known.
    pub known: Option<Known>,
    /// The debit that the waiting client wants undone.
    pub undo: Option<UndoTarget>,
    /// What keeps the waiting client's cashier from doing what it asks.
    pub forbidden: Option<Refusal>,
    /// A random id for the intent that may follow.
    pub transaction: TransactionId,
}

impl Facts {
    /// The rules, applied to `presented`; `None` when it has no rights to apply them to.
    pub fn quoting<'a>(&'a self, presented: &'a Presented) -> Option<QuoteContext<'a>> {
        let entitlement = presented.entitlement.as_ref()?;
        let catalogue = self.catalogue.as_deref()?;
        Some(QuoteContext { catalogue, slots: self.slots, entitlement, state: &presented.state })
    }
}

/// What a client (till, command line, page) asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// What would it cost?
    Quote(QuoteRequest),
    /// Take it: the money is collected.
    Redeem {
        /// What.
        request: QuoteRequest,
        /// How the holder pays.
        tender: Paying,
        /// The quote that the cashier confirmed, when there was one: another card, or another amount, is refused.
        confirmed: Option<(QuotedCard, Quote)>,
    },
    /// Take a debit back.
    Undo {
        /// Which; the last one without it.
        entry: Option<Sequence>,
        /// Do not wait for the card: ask the region to give the right back.
        without_card: bool,
    },
    /// Give up the sale in doubt of this card; the money was given back.
    Abandon {
        /// Which card; the newest sale in doubt without it.
        card: Option<CardNumber>,
    },
}

/// A client's request, and how long it waits for a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRequest {
    /// Named by the client: the same id is the same request.
    pub id: RequestId,
    /// What it asks for.
    pub command: Command,
    /// How long it waits for a card, or for the card to come back.
    pub wait: Duration,
    /// Who asks, where cashiers sign in.
    pub cashier: Option<CashierId>,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A card is in the reader.
    CardPresent,
    /// No card is in the reader.
    CardGone,
    /// The card was opened.
    Opened(Box<Presented>),
    /// It was not.
    NotOpened(OpenFailure),
    /// The ledger was looked up.
    Facts(Box<Facts>),
    /// What became of the intent, as the card proves it.
    Settled(Settlement),
    /// The card was asked to change its purse.
    Changed(Change),
    /// Records were read; nothing when the card did not give them.
    RecordsRead(Option<Vec<SignedRecord>>),
    /// What was to be written is durable; the entry's place, when it was an entry.
    Stored(Option<Sequence>),
    /// It could not be written.
    NotStored,
    /// The region has said something since the ledger was looked up: nothing was written.
    Outdated,
    /// A client asks.
    Client(Box<ClientRequest>),
    /// The client went away.
    ClientGone,
    /// Time passed.
    Tick,
}

/// What a card proves about an intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It did it.
    Done(Box<SignedRecord>),
    /// It did not.
    NotDone {
        /// Whether the same command may be sent again.
        repeatable: bool,
    },
    /// Too long ago: the region decides.
    RegionDecides,
    /// Nothing yet: the card left or did not answer.
    Unknown,
    /// A signature does not hold, or the counter went back.
    NotGenuine,
}

/// How a command that changes the purse ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Proven done.
    Done(Box<SignedRecord>),
    /// Not proven.
    InDoubt,
}

/// What to do, in order. Each but the last three ends in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Open the card: [`Event::Opened`] or [`Event::NotOpened`].
    Open,
    /// Look up the ledger: [`Event::Facts`].
    LookUp {
        /// The card in the reader.
        card: Option<CardNumber>,
        /// The client that waits.
        client: Option<ClientRequest>,
    },
    /// Ask the card what became of an intent: [`Event::Settled`].
    Settle(Box<Intent>),
    /// Make an intent durable: [`Event::Stored`] or [`Event::NotStored`], or [`Event::Outdated`].
    StoreIntent(Box<Intent>),
    /// Send the command of a durable intent: [`Event::Changed`].
    Change(Box<Intent>),
    /// Write an entry, and with it settle an intent: [`Event::Stored`] or [`Event::NotStored`].
    Append {
        /// What the entry says.
        body: Box<Body>,
        /// The intent that it settles, which knows whose it is.
        settles: Option<TransactionId>,
        /// Who asked for an entry that settles no intent.
        by: Option<CashierId>,
    },
    /// Mark an intent abandoned, with its entry: [`Event::Stored`] or [`Event::NotStored`].
    Abandon {
        /// The intent.
        transaction: TransactionId,
        /// Who gives it up.
        by: Option<CashierId>,
    },
    /// Write an entry with the card's state and these records: [`Event::Stored`] or [`Event::NotStored`].
    AppendCardRead {
        /// Why.
        reason: ReadReason,
        /// Newest first.
        records: Vec<SignedRecord>,
    },
    /// Read the card's records from a counter on: [`Event::RecordsRead`].
    ReadRecords(Counter),
    /// Put an entitlement on the card, and open it again: as [`Action::Open`].
    PutEntitlement(Box<Entitlement>),
    /// Block the chip, and open the card again: as [`Action::Open`].
    Block(Signature),
    /// A settled sale is about to be told to a client: it is not told again.
    MarkDelivered(TransactionId),
    /// A sale was done whose client has gone: the next one on that card is told.
    MarkUntold(TransactionId),
    /// Answer the client.
    Reply(Outcome),
    /// Show the cashier.
    Show(View),
}

/// A right was debited, durable and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The entry.
    pub entry: Sequence,
    /// The card.
    pub card: CardNumber,
    /// The benefit.
    pub benefit: Code,
    /// Its label, where the catalogue of that season is there.
    pub label: Option<Spoken>,
    /// What was debited, in the unit.
    pub debited: u32,
    /// Seats or cents; `None` when the catalogue of that season is gone.
    pub unit: Option<Unit>,
    /// What the holder had to pay.
    pub due: Cents,
    /// What the terminal keeps of the holder's money.
    pub collected: Cents,
    /// How it was paid.
    pub tender: Tenders,
    /// What is left of the benefit.
    pub left: u32,
    /// When.
    pub time: Timestamp,
    /// Whether this answer tells of an earlier debit, and nothing was debited now.
    pub repeated: bool,
    /// When this terminal had served the card before.
    pub served_before: Option<(Sequence, Timestamp)>,
}

/// A debit was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The entry of the reversal, or of the request to the region.
    pub entry: Sequence,
    /// The entry of the debit.
    pub debit: Sequence,
    /// The card.
    pub card: CardNumber,
    /// What is given back to the holder.
    pub returned: Cents,
    /// How.
    pub tender: Tenders,
}

/// Nothing was debited, or it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// What the holder pays without the PASS, where it is known.
    pub due: Option<Cents>,
    /// Why the card is denied.
    pub denial: Option<DenialReason>,
    /// The card.
    pub card: Option<CardNumber>,
    /// Codes to choose from, for [`Refusal::ChooseBenefit`].
    pub choices: Vec<Code>,
}

impl Refused {
    /// Just the reason.
    pub const fn because(refusal: Refusal) -> Self {
        Self { refusal, due: None, denial: None, card: None, choices: Vec::new() }
    }
}

/// What a client is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Debited.
    Granted(Granted),
    /// Not debited, or not known.
    Refused(Refused),
    /// What it would cost.
    Quoted(QuotedCard, Quote),
    /// Taken back on the card.
    Undone(Undone),
    /// The region is asked to give the right back.
    UndoRequested(Undone),
    /// A sale in doubt is given up.
    Abandoned {
        /// The entry.
        entry: Sequence,
        /// The card.
        card: CardNumber,
    },
}

/// One line of the balance, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceView {
    /// The benefit's code.
    pub benefit: Code,
    /// Its label.
    pub label: Spoken,
    /// Seats or cents.
    pub unit: Unit,
    /// Granted for the season.
    pub granted: u32,
    /// Left.
    pub left: u32,
    /// Whether it can be used at this counter.
    pub here: bool,
}

/// A card that was read, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardView {
    /// Which card.
    pub card: CardNumber,
    /// Its season; none without an entitlement.
    pub season: Option<Season>,
    /// Its entitlement's serial.
    pub entitlement_serial: u32,
    /// Its counter.
    pub counter: Counter,
    /// Whether it is blocked.
    pub blocked: bool,
    /// What it has.
    pub balance: Vec<BalanceView>,
    /// When this terminal last served it.
    pub served: Option<(Sequence, Timestamp)>,
}

/// What the cashier sees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// No card.
    #[default]
    Idle,
    /// A card is being read.
    Reading,
    /// A card that can be served.
    Ready(CardView),
    /// A card that cannot be served.
    TurnedAway(Refused, Option<CardView>),
    /// It is not known whether this card was debited: it must come back.
    InDoubt {
        /// Which card.
        card: CardNumber,
        /// What was collected for it.
        collected: Cents,
        /// How.
        tender: Tenders,
    },
}
