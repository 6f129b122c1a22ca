//! One counter: carries out what the sale machine says, in order, and tells it how each ended.
//!
//! It runs on a thread of its own, because a reader can block for as long as its driver likes. It owns the conversation with the card; the ledger is asked
//! through its handle. Nothing is decided here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::card::{CannotOpen, CannotRead, NotGenuine, Opener, Session, Settled, TerminalKey, Trust};
use crate::crypto;
use crate::domain::card::{DebitOrder, Entitlement, ReversalOrder, Signature, TerminalCertificate};
use crate::domain::entry::{Body, CardRead, Intent, Purpose, ReadReason, RefusedCard};
use crate::domain::refusal::Refusal;
use crate::domain::{
    CardNumber, CashierId, Counter as CardCounter, Season, Sequence, TerminalId, Timestamp, TransactionId,
};
use crate::ledger::{Ledger, LedgerError, LedgerGone, LedgerHandle, TerminalKeys, View as LedgerView};
use crate::machine::sale::{
    Action, Change, ClientRequest, Event, Facts, Now, OpenFailure, Outcome, Presented, SaleMachine, Settlement, View,
};
use crate::wire::apdu::{Transport, TransportError};
use crate::wire::exchange::TerminalStanding;
use crate::wire::feed::Position;

use super::clock::Clock;
use super::lookup::{look_up, unavailable};
use super::port::{CardPort, PortError};

/// Who hears what comes of it.
pub trait Audience {
    /// What the cashier sees now.
    fn show(&mut self, view: View);

    /// The answer to the waiting client.
    fn reply(&mut self, outcome: Outcome);

    /// Whether the client has gone since it was last asked for: said once.
    fn client_left(&mut self) -> bool {
        false
    }

    /// An entry was written: it waits for the region.
    fn appended(&mut self);

    /// A card of an earlier season is in the reader: asks the region for its newest entitlement, and waits a bounded time for it. Whether something came.
    fn ask_region(&mut self, card: CardNumber) -> bool;
}

/// What cards are opened with, read from the ledger and refreshed after each exchange.
#[derive(Debug)]
struct Credentials {
    trust: Trust,
    certificates: Vec<TerminalCertificate>,
    /// Under former region keys: cards that were blocked before they met the newest one are read with them.
    former: Vec<TerminalCertificate>,
    terminal: TerminalId,
    floor: Timestamp,
    generation: u64,
}

impl Credentials {
    fn read(view: &LedgerView, generation: u64) -> Self {
        let identity = view.identity();
        Self {
            trust: Trust::new(view.trusted_keys().clone()),
            certificates: view.certificates().to_vec(),
            // Without them a blocked card is refused all the same.
            former: view.former_certificates().unwrap_or_default(),
            terminal: identity.terminal,
            floor: view.floor(),
            generation,
        }
    }

    /// What to open a card with at `now`, of the card keys that are there: of the season and in force; else the newest, which still settles doubts.
    fn terminal_key<'k>(&self, now: Timestamp, keys: &'k TerminalKeys) -> Option<TerminalKey<'k>> {
        let season = Season::at(now);
        let rank = |with_key: &TerminalKey<'_>| {
            let certificate = with_key.certificate;
            let fits = certificate.season == season && certificate.covers(now);
            (fits, certificate.season == season, certificate.key_serial, certificate.issued_at)
        };
        with_keys(&self.certificates, keys).max_by_key(rank)
    }
}

/// The certificates whose private key is there, each with it.
fn with_keys<'k>(
    certificates: &[TerminalCertificate],
    keys: &'k TerminalKeys,
) -> impl Iterator<Item = TerminalKey<'k>> {
    certificates.iter().filter_map(|certificate| {
        Some(TerminalKey { key: keys.card_for(&certificate.public_key)?, certificate: *certificate })
    })
}

/// Something that is to be done.
enum Item {
    /// The machine is to be told.
    Event(Event),
    /// The machine said so.
    Action(Box<Action>),
}

/// What the region has said so far. Denials come with the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    position: Position,
    standing: TerminalStanding,
}

impl Said {
    fn read(view: &LedgerView) -> Self {
        Self { position: view.feed_position(), standing: view.standing() }
    }
}

/// One counter.
pub struct Counter<P, A> {
    machine: SaleMachine,
    agenda: VecDeque<Item>,
    ledger: LedgerHandle,
    port: P,
    audience: A,
    keys: Arc<TerminalKeys>,
    clock: Arc<dyn Clock>,
    credentials: Credentials,
    /// Grows with every exchange that was applied.
    generation: Arc<std::sync::atomic::AtomicU64>,
    session: Option<Session>,
    /// What the region had said when the ledger was last looked up.
    said: Option<Said>,
    /// The card that the region was asked about while it lies in the reader.
    asked: Option<CardNumber>,
}

impl<P: CardPort, A: Audience> Counter<P, A> {
    /// A counter with nothing in its reader.
    ///
    /// # Errors
    /// [`LedgerError`] when the ledger's thread has ended.
    pub fn new(
        ledger: LedgerHandle,
        port: P,
        audience: A,
        keys: Arc<TerminalKeys>,
        clock: Arc<dyn Clock>,
        generation: Arc<std::sync::atomic::AtomicU64>,
    ) -> Result<Self, crate::ledger::LedgerGone> {
        let credentials = ledger.call(|ledger| Credentials::read(ledger.view(), 0))?;
        Ok(Self {
            machine: SaleMachine::default(),
            agenda: VecDeque::new(),
            ledger,
            port,
            audience,
            keys,
            clock,
            credentials,
            generation,
            session: None,
            said: None,
            asked: None,
        })
    }

    /// Where cards are spoken to.
    pub const fn port(&mut self) -> &mut P {
        &mut self.port
    }

    /// Who hears what comes of it.
    pub const fn audience(&mut self) -> &mut A {
        &mut self.audience
    }

    /// Whether a client waits for its answer.
    pub const fn busy(&self) -> bool {
        self.machine.busy()
    }

    /// Something happened: does all that follows from it.
    pub fn on(&mut self, event: Event) {
        self.begin(event);
        while self.step() {}
    }

    /// Something happened: what follows from it is to be done, [step](Self::step) by step.
    pub fn begin(&mut self, event: Event) {
        if matches!(event, Event::CardGone | Event::CardPresent) {
            self.port.forget();
            self.session = None;
            self.asked = None;
        }
        self.agenda.push_back(Item::Event(event));
    }

    /// Does the next thing that is to be done; false when there is nothing left. A program that ends between two steps is found by its tests to lose nothing.
    pub fn step(&mut self) -> bool {
        match self.agenda.pop_front() {
            Some(Item::Event(event)) => {
                let now = self.now();
                // A client that lost its patience while the reader was silent is not served behind its back.
                if self.audience.client_left() {
                    let none = self.machine.on_event(now, Event::ClientGone);
                    debug_assert!(none.is_empty(), "nothing follows when a client goes");
                }
                self.agenda
                    .extend(self.machine.on_event(now, event).into_iter().map(|action| Item::Action(Box::new(action))));
            }
            Some(Item::Action(action)) => {
                let ended = self.perform(*action);
                self.agenda.extend(ended.map(Item::Event));
            }
            None => return false,
        }
        true
    }

    fn now(&self) -> Now {
        Now { time: self.trusted_time(), since_start: self.clock.since_start() }
    }

    /// The clock, or the newest instant that is known to have passed.
    fn trusted_time(&self) -> Timestamp {
        self.clock.now().max(self.credentials.floor)
    }

    fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Open => Some(self.open()),
            Action::LookUp { card, client } => Some(Event::Facts(Box::new(self.look_up(card, client)))),
            Action::Settle(intent) => Some(Event::Settled(self.settle(&intent))),
            Action::StoreIntent(intent) => Some(self.store_intent(*intent)),
            Action::Change(intent) => Some(Event::Changed(self.change(&intent))),
            Action::Append { body, settles, by } => Some(self.append(*body, settles, by)),
            Action::Abandon { transaction, by } => {
                let now = self.trusted_time();
                Some(self.write(move |ledger| ledger.abandon(transaction, now, by).map(|head| Some(head.sequence))))
            }
            Action::AppendCardRead { reason, records } => Some(self.append_card_read(reason, records)),
            Action::ReadRecords(from) => Some(Event::RecordsRead(self.read_records(from))),
            Action::PutEntitlement(entitlement) => Some(self.put_entitlement(*entitlement)),
            Action::Block(signature) => Some(self.block(signature)),
            Action::MarkDelivered(transaction) => {
                // An answer that is told twice is better than one that is never told.
                let _failure_is_logged = self.write(move |ledger| ledger.mark_delivered(transaction).map(|()| None));
                None
            }
            Action::MarkUntold(transaction) => {
                // The journal has it all the same.
                let _failure_is_logged = self.write(move |ledger| ledger.mark_untold(transaction).map(|()| None));
                None
            }
            Action::Reply(outcome) => {
                self.audience.reply(outcome);
                None
            }
            Action::Show(view) => {
                self.audience.show(view);
                None
            }
        }
    }

    // --- The card. ---

    fn refresh_credentials(&mut self) {
        let generation = self.generation.load(std::sync::atomic::Ordering::Acquire);
        if generation != self.credentials.generation
            && let Ok(fresh) = self.ledger.call(move |ledger| Credentials::read(ledger.view(), generation))
        {
            self.credentials = fresh;
        }
    }

    fn open(&mut self) -> Event {
        self.refresh_credentials();
        self.session = None;
        let now = self.trusted_time();
        let keys = Arc::clone(&self.keys);
        let Some(terminal) = self.credentials.terminal_key(now, &keys) else {
            return Event::NotOpened(OpenFailure::Refused { refusal: Refusal::TerminalExpired, record: None });
        };
        let former: Vec<_> = with_keys(&self.credentials.former, &keys).collect();
        let mut opener = Opener { trust: &mut self.credentials.trust, terminal };
        let mut opened = None;
        let mut open = |transport: &mut dyn Transport| opened = Some(opener.open_or_read(transport, &former));
        let burst = match self.port.burst(&mut open) {
            // What was lost is not needed any more: the card is opened from the beginning.
            Err(PortError::SessionLost) => self.port.burst(&mut open),
            other => other,
        };
        match (burst, opened) {
            (Err(error), _) => Event::NotOpened(port_failure(error)),
            (Ok(()), Some(Ok(opened))) => {
                let presented = Presented {
                    card: opened.session.certificate().card,
                    certificate: opened.certificate_hash,
                    state: *opened.session.state(),
                    entitlement: opened.entitlement,
                };
                self.session = Some(opened.session);
                Event::Opened(Box::new(presented))
            }
            (Ok(()), Some(Err(CannotOpen::Blocked(card)))) => Event::NotOpened(self.blocked(card)),
            (Ok(()), Some(Err(error))) => Event::NotOpened(open_failure(error)),
            (Ok(()), None) => Event::NotOpened(OpenFailure::Reader),
        }
    }

    /// A card that cannot be asked, and says that it is blocked: what the ledger knows of it goes before that.
    fn blocked(&self, card: CardNumber) -> OpenFailure {
        let denied = matches!(self.ledger.call(move |ledger| ledger.view().denial(card)), Ok(Ok(Some(_))));
        let refusal = if denied { Refusal::CardDenied } else { Refusal::CardBlocked };
        OpenFailure::Refused { refusal, record: None }
    }

    fn settle(&mut self, intent: &Intent) -> Settlement {
        let Some(session) = &self.session else { return Settlement::Unknown };
        let mut settled = Err(CannotRead::NoAnswer);
        if self.port.burst(&mut |transport| settled = session.settle(transport, intent)).is_err() {
            return Settlement::Unknown;
        }
        match settled {
            Ok(Settled::Done(record)) => Settlement::Done(record),
            Ok(Settled::NotDone { repeatable }) => Settlement::NotDone { repeatable },
            Ok(Settled::RegionDecides) => Settlement::RegionDecides,
            Err(CannotRead::NoAnswer) => Settlement::Unknown,
            Err(CannotRead::NotGenuine(which)) => {
                tracing::warn!(%which, "a card in doubt does not prove what it says");
                Settlement::NotGenuine
            }
        }
    }

    fn change(&mut self, intent: &Intent) -> Change {
        let (Some(session), terminal) = (&mut self.session, self.credentials.terminal) else { return Change::InDoubt };
        let Some(key) = self.keys.card_for(&session.terminal().public_key) else { return Change::InDoubt };
        let done = match &intent.purpose {
            Purpose::Sale { slot, season, amount, .. } => {
                let order = DebitOrder {
                    slot: *slot,
                    season: *season,
                    amount: *amount,
                    transaction: intent.transaction,
                    time: intent.time,
                };
                let mut done = None;
                let burst = self.port.burst(&mut |transport| {
                    done = session.debit(transport, key, terminal, order).ok();
                });
                burst.ok().and(done)
            }
            Purpose::Undo { debit, debit_counter, .. } => {
                let entry = *debit;
                let stored = self.ledger.call(move |ledger| ledger.view().entry(entry));
                let Ok(Ok(Some(stored))) = stored else { return Change::InDoubt };
                let Body::Debit(debit) = stored.entry.body else { return Change::InDoubt };
                let order =
                    ReversalOrder { debit_counter: *debit_counter, transaction: intent.transaction, time: intent.time };
                let mut done = None;
                let burst = self.port.burst(&mut |transport| {
                    done = session.reverse(transport, key, &debit.proof.record, order).ok();
                });
                burst.ok().and(done)
            }
        };
        match done {
            Some(record) => Change::Done(Box::new(record)),
            None => Change::InDoubt,
        }
    }

    fn read_records(&mut self, from: CardCounter) -> Option<Vec<crate::domain::card::SignedRecord>> {
        let session = self.session.as_ref()?;
        let mut records = None;
        let burst = self.port.burst(&mut |transport| records = session.read_records(transport, from).ok());
        burst.ok().and(records)
    }

    fn put_entitlement(&mut self, entitlement: Entitlement) -> Event {
        self.with_whole_session(|session, transport| session.put_entitlement(transport, entitlement))
    }

    fn block(&mut self, signature: Signature) -> Event {
        self.with_whole_session(|session, transport| session.block(transport, signature))
    }

    /// A command after which the session is over; what it did shows when the card is opened again.
    fn with_whole_session(&mut self, mut command: impl FnMut(Session, &mut dyn Transport)) -> Event {
        let mut session = self.session.take();
        let begun = self.port.burst(&mut |transport| {
            if let Some(session) = session.take() {
                command(session, transport);
            }
        });
        match begun {
            Ok(()) => self.open(),
            Err(error) => Event::NotOpened(port_failure(error)),
        }
    }

    // --- The ledger. ---

    fn look_up(&mut self, card: Option<CardNumber>, client: Option<ClientRequest>) -> Facts {
        let facts = self.look_up_once(card, client.clone());
        let Some(card) = card else { return facts };
        let Some(state) = self.session.as_ref().map(|session| *session.state()) else { return facts };
        let behind = state.season < facts.season;
        // What is known already helps only when it is newer than what the card has.
        let known = facts.entitlement.is_some_and(|entitlement| entitlement.serial > state.entitlement_serial);
        let hopeless = facts.gate.is_some() || facts.denial.is_some() || known;
        if !behind || hopeless || self.asked == Some(card) {
            return facts;
        }
        self.asked = Some(card);
        if self.audience.ask_region(card) { self.look_up_once(Some(card), client) } else { facts }
    }

    fn look_up_once(&mut self, card: Option<CardNumber>, client: Option<ClientRequest>) -> Facts {
        let clock = self.clock.now();
        let now = self.trusted_time();
        let transaction = match crypto::random() {
            Ok(bytes) => TransactionId::new(bytes),
            Err(error) => {
                tracing::error!(%error, "no transaction can be named");
                return unavailable(now, TransactionId::new([0; 16]));
            }
        };
        let looked_up = self.ledger.call(move |ledger| {
            let view = ledger.view();
            (look_up(view, clock, card, client.as_ref(), transaction), view.floor(), Said::read(view))
        });
        match looked_up {
            Ok((Ok(facts), floor, said)) => {
                self.credentials.floor = floor;
                self.said = Some(said);
                facts
            }
            Ok((Err(error), _, _)) => {
                tracing::error!(%error, "the ledger cannot be read");
                unavailable(now, transaction)
            }
            Err(error) => {
                tracing::error!(%error, "the ledger is gone");
                unavailable(now, transaction)
            }
        }
    }

    fn store_intent(&mut self, intent: Intent) -> Event {
        let Some(certificate) = self.session.as_ref().map(|session| *session.certificate()) else {
            return Event::NotStored;
        };
        // An exchange between the look and the intent may have denied the card: what was decided before is not stored after it.
        let said = self.said;
        let stored = self.ledger.call(move |ledger| {
            let outdated = said != Some(Said::read(ledger.view()));
            if outdated { Ok(false) } else { ledger.store_intent(&intent, &certificate).map(|()| true) }
        });
        match stored {
            Ok(Ok(false)) => Event::Outdated,
            other => self.written(other.map(|stored| stored.map(|_| None))),
        }
    }

    fn append(&mut self, body: Body, settles: Option<TransactionId>, by: Option<CashierId>) -> Event {
        let now = self.trusted_time();
        let certificate = self.session.as_ref().map(|session| *session.certificate());
        self.write(move |ledger| {
            let head = match settles {
                Some(transaction) => ledger.settle(transaction, now, body)?,
                None => ledger.append_by(by, now, body, certificate.as_ref())?,
            };
            Ok(Some(head.sequence))
        })
    }

    fn append_card_read(&mut self, reason: ReadReason, records: Vec<crate::domain::card::SignedRecord>) -> Event {
        let Some(session) = &self.session else { return Event::NotStored };
        let certificate = session.certificate();
        let body = Body::CardRead(CardRead {
            card: certificate.card,
            certificate: crypto::sha256(&certificate.encode()),
            reason,
            challenge: session.terminal_challenge(),
            state: *session.state(),
            records,
        });
        self.append(body, None, None)
    }

    /// Writes, and says whether it is durable.
    fn write(
        &mut self,
        work: impl FnOnce(&mut Ledger) -> Result<Option<Sequence>, LedgerError> + Send + 'static,
    ) -> Event {
        let written = self.ledger.call(work);
        self.written(written)
    }

    fn written(&mut self, written: Result<Result<Option<Sequence>, LedgerError>, LedgerGone>) -> Event {
        match written {
            Ok(Ok(entry)) => {
                if entry.is_some() {
                    self.audience.appended();
                }
                Event::Stored(entry)
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "the ledger was not written");
                Event::NotStored
            }
            Err(error) => {
                tracing::error!(%error, "the ledger is gone");
                Event::NotStored
            }
        }
    }
}

const fn port_failure(error: PortError) -> OpenFailure {
    match error {
        PortError::Gone => OpenFailure::Gone,
        PortError::Unreadable => OpenFailure::Unreadable,
        PortError::Reader | PortError::SessionLost => OpenFailure::Reader,
    }
}

fn open_failure(error: CannotOpen) -> OpenFailure {
    let refused = |refusal| OpenFailure::Refused { refusal, record: None };
    match error {
        CannotOpen::Transport(TransportError::CardGone) => OpenFailure::Gone,
        CannotOpen::Transport(TransportError::Reader) | CannotOpen::Crypto(_) => OpenFailure::Reader,
        CannotOpen::NotAPass | CannotOpen::Blank => refused(Refusal::NotAPass),
        CannotOpen::Unreadable(status) => {
            tracing::warn!(?status, "a PASS card does not answer as it should");
            OpenFailure::Unreadable
        }
        CannotOpen::NotGenuine(which, evidence) => {
            tracing::warn!(%which, "a card is not genuine");
            debug_assert_ne!(which, NotGenuine::Counter, "a counter is compared with an intent, after OPEN");
            let record = Body::Refused(RefusedCard {
                card: evidence.card,
                refusal: Refusal::CardNotGenuine,
                certificate: evidence.certificate,
            });
            OpenFailure::Refused { refusal: Refusal::CardNotGenuine, record: Some(Box::new(record)) }
        }
        CannotOpen::Blocked(_) => refused(Refusal::CardBlocked),
        CannotOpen::TerminalOutdated => refused(Refusal::TerminalExpired),
    }
}

/// How often a counter looks at its deadlines.
pub const TICK: Duration = Duration::from_millis(200);
