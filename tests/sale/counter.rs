//! A counter with a reader that holds what a test puts into it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use pass::crypto::Ed25519Key;
use pass::domain::entry::{Body, Tender};
use pass::domain::quote::QuoteRequest;
use pass::domain::{CardNumber, Cents, RequestId, Sequence};
use pass::ledger::{Ledger, LedgerHandle, LedgerThread, TerminalKeys, verify_answer};
use pass::machine::sale::{ClientRequest, Command, Event, Outcome, View};
use pass::terminal::clock::Clock as _;
use pass::terminal::counter::{Audience, Counter};
use pass::terminal::port::{CardPort, Conversation, PortError};
use pass::virtual_card::{CardInReader, Fault, Faulty, InProcess, MemoryStorage, VirtualCard};
use pass::wire::apdu::Protocol;
use pass::wire::exchange::Health;
use pass::wire::feed::Item;
use tempfile::TempDir;

use crate::world::{EVENING, Region, TestClock, cents, issued};

type Slot = Rc<RefCell<Option<InProcess<Faulty<CardInReader>>>>>;

pub(crate) struct Reader(Slot);

impl CardPort for Reader {
    fn burst(&mut self, conversation: &mut Conversation<'_>) -> Result<(), PortError> {
        match self.0.borrow_mut().as_mut() {
            Some(card) => {
                conversation(card);
                Ok(())
            }
            None => Err(PortError::Gone),
        }
    }

    fn forget(&mut self) {}
}

#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) views: Vec<View>,
    pub(crate) outcomes: Vec<Outcome>,
}

pub(crate) struct Ear(Rc<RefCell<Heard>>);

impl Audience for Ear {
    fn show(&mut self, view: View) {
        self.0.borrow_mut().views.push(view);
    }

    fn reply(&mut self, outcome: Outcome) {
        self.0.borrow_mut().outcomes.push(outcome);
    }

    fn appended(&mut self) {}

    fn ask_region(&mut self, _: CardNumber) -> bool {
        false
    }
}

/// A counter, and everything that can happen at it.
pub(crate) struct Shop {
    pub(crate) directory: TempDir,
    pub(crate) clock: Arc<TestClock>,
    keys: Arc<TerminalKeys>,
    entry_pkcs8: Vec<u8>,
    slot: Slot,
    heard: Rc<RefCell<Heard>>,
    running: Option<(Counter<Reader, Ear>, LedgerThread)>,
    requests: u8,
}

impl Shop {
    pub(crate) fn open(region: &Region, terminal: u32, activity: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = Arc::new(TerminalKeys::load_or_generate(directory.path()).unwrap());
        let entry_pkcs8 = std::fs::read(directory.path().join("keys/entry.pk8")).unwrap();
        let answer = region.enrolment(terminal, &keys.card, activity);
        let key = Ed25519Key::from_pkcs8(&entry_pkcs8).unwrap();
        let mut ledger = Ledger::create(directory.path(), key, &answer, EVENING).unwrap();
        let health = Health { version: "test".to_owned(), disk_free_bytes: 0 };
        let request = ledger.view().next_request(RequestId::new([0; 16]), EVENING, &[], health).unwrap();
        let first = region.first_answer(&request);
        let verified = verify_answer(&first, ledger.view().trusted_keys(), &request).unwrap();
        ledger.apply_answer(&verified, EVENING).unwrap();
        drop(ledger);
        let mut shop = Self {
            directory,
            clock: TestClock::at(EVENING),
            keys,
            entry_pkcs8,
            slot: Slot::default(),
            heard: Rc::default(),
            running: None,
            requests: 0,
        };
        shop.start();
        shop
    }

    /// Starts the program, as after a power cut.
    pub(crate) fn start(&mut self) {
        self.stop();
        let key = Ed25519Key::from_pkcs8(&self.entry_pkcs8).unwrap();
        let thread = LedgerThread::spawn(Ledger::open(self.directory.path(), key).unwrap()).unwrap();
        let counter = Counter::new(
            thread.handle(),
            Reader(Rc::clone(&self.slot)),
            Ear(Rc::clone(&self.heard)),
            Arc::clone(&self.keys),
            Arc::clone(&self.clock) as Arc<_>,
            Arc::new(AtomicU64::new(0)),
        );
        self.running = Some((counter.unwrap(), thread));
        if self.slot.borrow().is_some() {
            self.event(Event::CardPresent);
        }
    }

    /// Ends the program wherever it is.
    pub(crate) fn stop(&mut self) {
        if let Some((counter, thread)) = self.running.take() {
            drop(counter);
            thread.stop().unwrap();
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.running.as_mut().unwrap().0.on(event);
    }

    pub(crate) fn tap(&mut self, card: &MemoryStorage) {
        self.tap_with(card, Vec::new());
    }

    /// A card that misbehaves by `plan`.
    pub(crate) fn tap_with(&mut self, card: &MemoryStorage, plan: Vec<Fault>) {
        let card = VirtualCard::new(card.load(), card.clone()).unwrap();
        let applet = Faulty::new(CardInReader::new(card, Protocol::T1), plan);
        *self.slot.borrow_mut() = Some(InProcess::new(applet, Protocol::T1));
        self.event(Event::CardPresent);
    }

    pub(crate) fn take_away(&mut self) {
        *self.slot.borrow_mut() = None;
        self.event(Event::CardGone);
    }

    pub(crate) fn next_id(&mut self) -> RequestId {
        self.requests += 1;
        RequestId::new([self.requests; 16])
    }

    pub(crate) fn request(&mut self, id: RequestId, command: Command) {
        self.event(Event::Client(Box::new(ClientRequest {
            id,
            command,
            wait: Duration::from_secs(10),
            cashier: None,
        })));
    }

    /// Asks, and is killed after `survived` steps; whether all were done by then.
    pub(crate) fn request_and_die(&mut self, id: RequestId, command: Command, survived: u32) -> bool {
        let (counter, _) = self.running.as_mut().unwrap();
        counter.begin(Event::Client(Box::new(ClientRequest {
            id,
            command,
            wait: Duration::from_secs(10),
            cashier: None,
        })));
        let mut finished = false;
        for _ in 0..survived {
            finished = !counter.step();
        }
        self.stop();
        finished
    }

    /// Asks, and does `steps` steps of what follows.
    pub(crate) fn request_and_begin(&mut self, command: Command, steps: u32) {
        let id = self.next_id();
        let (counter, _) = self.running.as_mut().unwrap();
        counter.begin(Event::Client(Box::new(ClientRequest {
            id,
            command,
            wait: Duration::from_secs(10),
            cashier: None,
        })));
        for _ in 0..steps {
            counter.step();
        }
    }

    /// The answer to the newest request, if there is one yet.
    pub(crate) fn answer(&mut self) -> Option<Outcome> {
        let mut heard = self.heard.borrow_mut();
        assert!(heard.outcomes.len() <= 1, "two answers to one request: {:?}", heard.outcomes);
        heard.outcomes.pop()
    }

    /// Asks, and lets the time pass that the client waits.
    pub(crate) fn ask(&mut self, command: Command) -> Outcome {
        let id = self.next_id();
        self.request(id, command);
        self.waited()
    }

    /// The answer, at the latest when the client's patience is over.
    pub(crate) fn waited(&mut self) -> Outcome {
        for _ in 0..12 {
            if let Some(outcome) = self.answer() {
                return outcome;
            }
            self.clock.pass(Duration::from_secs(1));
            self.event(Event::Tick);
        }
        panic!("no answer");
    }

    pub(crate) fn redeem(&mut self, price: Option<u32>) -> Outcome {
        self.ask(redemption(price))
    }

    pub(crate) fn ledger(&self) -> LedgerHandle {
        self.running.as_ref().unwrap().1.handle()
    }

    /// An exchange in which `region` tells `items`.
    pub(crate) fn exchange(&mut self, region: &Region, items: Vec<Item>) {
        let (ledger, now, id) = (self.ledger(), self.clock.now(), self.next_id());
        let health = Health { version: "test".to_owned(), disk_free_bytes: 0 };
        let request = ledger.call(move |ledger| ledger.view().next_request(id, now, &[], health)).unwrap().unwrap();
        let answer = region.answer(&request, items);
        let applied = ledger.call(move |ledger| {
            let verified = verify_answer(&answer, ledger.view().trusted_keys(), &request).unwrap();
            ledger.apply_answer(&verified, now)
        });
        applied.unwrap().unwrap();
    }

    /// What the ledger says, entry by entry, without its first.
    pub(crate) fn bodies(&self) -> Vec<Body> {
        let all = Sequence::new(2)..=Sequence::new(1_000_000);
        let entries = self.ledger().call(move |ledger| ledger.view().journal(all, 1_000_000)).unwrap().unwrap();
        entries.into_iter().map(|stored| stored.entry.body).collect()
    }

    /// The kinds of the entries.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.bodies().iter().map(Body::kind).collect()
    }

    /// What is in the cash box: kept, less given back.
    pub(crate) fn cash(&self) -> u64 {
        let (mut collected, mut returned) = (0, 0);
        for body in self.bodies() {
            match body {
                Body::Debit(debit) => collected += debit.collected.get(),
                Body::Reversal(reversal) => returned += reversal.returned.get(),
                Body::UndoRequest(request) => returned += request.returned.get(),
                _ => (),
            }
        }
        collected - returned
    }

    pub(crate) fn last_view(&self) -> View {
        self.heard.borrow().views.last().cloned().unwrap_or_default()
    }

    pub(crate) fn in_doubt(&self) -> usize {
        self.ledger().call(|ledger| ledger.view().open_intents().unwrap().len()).unwrap()
    }
}

pub(crate) fn redemption(price: Option<u32>) -> Command {
    let request = QuoteRequest { price: price.map(cents), ..QuoteRequest::default() };
    Command::Redeem { request, tender: Tender::Cash.into(), confirmed: None }
}

pub(crate) const UNDO: Command = Command::Undo { entry: None, without_card: false };

/// Debits recorded by the card, less reversals, in `slot`.
pub(crate) fn consumed(card: &MemoryStorage, slot: pass::domain::Slot) -> u32 {
    issued(card).consumed.get(slot)
}

pub(crate) const ONE_EURO: Cents = Cents::from_u32(100);
