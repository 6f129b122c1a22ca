//! The desk: the thread of the counter, with the reader's events, the clients' requests and the passing of time in one queue.

use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::domain::refusal::Refusal;
use crate::domain::{CardNumber, RequestId};
use crate::ledger::{LedgerGone, LedgerHandle, TerminalKeys};
use crate::machine::sale::{ClientRequest, Command, Event, Outcome, Refused, View};
use crate::reader::{CardWorker, ReaderEvent, ReaderName, WhyUnavailable};

use super::clock::Clock;
use super::counter::{Audience, Counter, TICK};
use super::exchanger::{ExchangerHandle, ask_ledger};
use super::metrics::Metrics;
use super::port::PcscPort;

enum Message {
    Reader(ReaderEvent),
    Client(Box<ClientRequest>, oneshot::Sender<Outcome>),
    ClientGone(RequestId),
    Stop,
}

/// What is known of the readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Nothing was heard yet.
    Unknown,
    /// These are watched.
    Watched(Vec<ReaderName>),
    /// None can be used.
    Unavailable(WhyUnavailable),
}

/// A way to the desk.
#[derive(Clone, Debug)]
pub struct DeskHandle {
    messages: Sender<Message>,
    views: watch::Receiver<View>,
    readers: watch::Receiver<Readers>,
    beat: Arc<Mutex<Instant>>,
    ledger: LedgerHandle,
}

/// Tells the desk that the client went away, unless it was answered.
struct Gone<'a>(&'a Sender<Message>, Option<RequestId>);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.1.take() {
            // A desk that has ended needs not be told.
            let _ended = self.0.send(Message::ClientGone(id));
        }
    }
}

impl DeskHandle {
    /// Does what a client asks; `None` when the desk has ended. A client whose wait is over is answered also while the desk is held up by
    /// the reader: nothing is then begun for it any more.
    pub async fn ask(&self, request: ClientRequest) -> Option<Outcome> {
        let (reply, outcome) = oneshot::channel();
        let (id, wait) = (request.id, request.wait);
        let mut gone = Gone(&self.messages, Some(id));
        self.messages.send(Message::Client(Box::new(request), reply)).ok()?;
        tokio::select! {
            outcome = outcome => {
                gone.1 = None;
                return outcome.ok();
            }
            () = self.held_up(wait) => (),
        }
        // The reply's other end is gone by now. The desk looks at it between storing an intent and asking the card, so what is not in the
        // ledger now is not asked of the card later.
        drop(gone);
        let begun = ask_ledger(&self.ledger, move |ledger| ledger.view().by_request(id)).await;
        let refusal = if matches!(begun, Ok(Ok(None))) { Refusal::Busy } else { Refusal::SaleInDoubt };
        Some(Outcome::Refused(Refused::because(refusal)))
    }

    /// Resolves when `wait` is over and the desk does not look at its queue.
    async fn held_up(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
        while self.last_beat() < HELD_UP_AFTER {
            tokio::time::sleep(TICK).await;
        }
    }

    /// What the reader room saw.
    pub fn reader_event(&self, event: ReaderEvent) {
        // As above.
        let _ended = self.messages.send(Message::Reader(event));
    }

    /// What the cashier sees.
    pub fn views(&self) -> watch::Receiver<View> {
        self.views.clone()
    }

    /// How the readers are.
    pub fn readers(&self) -> Readers {
        self.readers.borrow().clone()
    }

    /// How long ago the desk last looked at its queue.
    pub fn last_beat(&self) -> Duration {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// Lets the desk end, once what it is doing is done.
    pub fn stop(&self) {
        // As above.
        let _ended = self.messages.send(Message::Stop);
    }
}

/// Who hears what comes of it, in the daemon.
struct Listeners {
    views: watch::Sender<View>,
    client: Option<(RequestId, oneshot::Sender<Outcome>)>,
    exchanger: ExchangerHandle,
    metrics: Arc<Metrics>,
}

impl Audience for Listeners {
    fn show(&mut self, view: View) {
        self.views.send_replace(view);
    }

    fn reply(&mut self, outcome: Outcome) {
        self.metrics.answered(&outcome);
        if let Some((_, client)) = self.client.take() {
            // The client may be gone: what was done is in the journal, and its id finds it.
            let _heard = client.send(outcome);
        }
    }

    fn client_left(&mut self) -> bool {
        self.client.take_if(|(_, client)| client.is_closed()).is_some()
    }

    fn appended(&mut self) {
        self.exchanger.entries_wait();
    }

    fn ask_region(&mut self, card: CardNumber) -> bool {
        self.exchanger.ask_for(card)
    }
}

/// The desk, before it runs.
pub struct Desk {
    counter: Counter<PcscPort, Listeners>,
    messages: Receiver<Message>,
    readers: watch::Sender<Readers>,
    beat: Arc<Mutex<Instant>>,
    metrics: Arc<Metrics>,
    /// The reader whose card is served.
    current: Option<ReaderName>,
    /// Readers with a card that waits for its turn.
    waiting: Vec<ReaderName>,
}

impl Desk {
    /// A desk over these parts, and the way to it.
    ///
    /// # Errors
    /// [`LedgerGone`].
    pub fn new(
        ledger: LedgerHandle,
        worker: CardWorker,
        exchanger: ExchangerHandle,
        keys: Arc<TerminalKeys>,
        clock: Arc<dyn Clock>,
        generation: Arc<AtomicU64>,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, DeskHandle), LedgerGone> {
        let (sender, messages) = mpsc::channel();
        let (views, seen) = watch::channel(View::Idle);
        let (readers, readers_seen) = watch::channel(Readers::Unknown);
        let listeners = Listeners { views, client: None, exchanger, metrics: Arc::clone(&metrics) };
        let port = PcscPort::new(worker, Arc::clone(&metrics));
        let counter = Counter::new(ledger.clone(), port, listeners, keys, clock, generation)?;
        let beat = Arc::new(Mutex::new(Instant::now()));
        let handle =
            DeskHandle { messages: sender, views: seen, readers: readers_seen, beat: Arc::clone(&beat), ledger };
        Ok((Self { counter, messages, readers, beat, metrics, current: None, waiting: Vec::new() }, handle))
    }

    /// Serves until it is told to stop. What is begun is finished first: each message is taken care of whole.
    pub fn run(mut self) {
        loop {
            *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            match self.messages.recv_timeout(TICK) {
                Ok(Message::Reader(event)) => self.reader_event(event),
                Ok(Message::Client(request, reply)) => self.client(request, reply),
                Ok(Message::ClientGone(id)) => self.client_gone(id),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => (),
            }
            self.counter.on(Event::Tick);
        }
    }

    fn client(&mut self, request: Box<ClientRequest>, reply: oneshot::Sender<Outcome>) {
        if reply.is_closed() {
            return;
        }
        if self.counter.busy() {
            // As in `reply`.
            let _heard = reply.send(Outcome::Refused(Refused::because(Refusal::Busy)));
            return;
        }
        if !self.waiting.is_empty() && takes_the_card_that_lies_there(&request.command) {
            // As in `reply`.
            let _heard = reply.send(Outcome::Refused(Refused::because(Refusal::SeveralCards)));
            return;
        }
        self.counter.audience().client = Some((request.id, reply));
        self.counter.on(Event::Client(request));
    }

    fn client_gone(&mut self, id: RequestId) {
        let listeners = self.counter.audience();
        if listeners.client.as_ref().is_some_and(|(waiting, _)| *waiting == id) {
            listeners.client = None;
            self.counter.on(Event::ClientGone);
        }
    }

    fn reader_event(&mut self, event: ReaderEvent) {
        match event {
            ReaderEvent::Readers(readers) => {
                let before = self.readers.send_replace(Readers::Watched(readers));
                if matches!(before, Readers::Unavailable(_)) {
                    self.metrics.readers_are_back();
                }
            }
            ReaderEvent::Unavailable(why) => {
                self.readers.send_replace(Readers::Unavailable(why));
            }
            ReaderEvent::CardPresent { reader, .. } | ReaderEvent::CardUnreadable { reader } => {
                if self.current.as_ref().is_some_and(|current| *current != reader) {
                    self.waiting.push(reader);
                } else {
                    self.turn_to(Some(reader));
                }
            }
            ReaderEvent::CardGone { reader } if self.current.as_ref() == Some(&reader) => {
                self.counter.on(Event::CardGone);
                let next = if self.waiting.is_empty() { None } else { Some(self.waiting.remove(0)) };
                self.turn_to(next);
            }
            ReaderEvent::CardGone { reader } => self.waiting.retain(|waiting| *waiting != reader),
        }
    }

    /// Serves the card in `reader` from now on.
    fn turn_to(&mut self, reader: Option<ReaderName>) {
        self.current.clone_from(&reader);
        self.counter.port().choose(reader);
        if self.current.is_some() {
            self.counter.on(Event::CardPresent);
        }
    }
}

/// Whether it is for whatever card lies there. With cards in two readers that may be one that was forgotten, so it is refused; what
/// names its card is not.
const fn takes_the_card_that_lies_there(command: &Command) -> bool {
    match command {
        Command::Quote(_) | Command::Redeem { confirmed: None, .. } => true,
        Command::Redeem { confirmed: Some(_), .. } | Command::Undo { .. } | Command::Abandon { .. } => false,
    }
}

/// A desk that has not looked at its queue for so long is held up: longer than a slow card takes from SELECT to its answer.
const HELD_UP_AFTER: Duration = Duration::from_secs(3);

/// How long a stop waits for the desk: longer than any command of a card.
pub const STOP_PATIENCE: Duration = Duration::from_secs(8);
