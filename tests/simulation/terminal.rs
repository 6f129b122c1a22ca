//! A terminal: the real counter over the real ledger in a directory, that can end at any moment and be started again.

use std::cell::RefCell;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pass::crypto::Ed25519Key;
use pass::domain::entry::{Body, TechnicalEvent};
use pass::domain::{CardNumber, Sequence, TerminalId};
use pass::ledger::{ApplyError, Ledger, LedgerHandle, LedgerThread, StoredEntry, TerminalKeys, View as LedgerView};
use pass::machine::sale::{Event, Outcome, View};
use pass::terminal::clock::Clock;
use pass::terminal::counter::{Audience, Counter};
use pass::terminal::exchanger::{Exchange, ExchangeError};
use pass::wire::exchange::ExchangeRequest;

use crate::Fault;
use crate::clock::TerminalClock;
use crate::reader::{Card, Port, Slot, insert};
use crate::shared::Shared;
use crate::template::copy;

/// Hears what the counter answers.
struct Ear(Rc<RefCell<Vec<Outcome>>>);

impl Audience for Ear {
    fn show(&mut self, _: View) {}

    fn reply(&mut self, outcome: Outcome) {
        self.0.borrow_mut().push(outcome);
    }

    fn appended(&mut self) {}

    fn ask_region(&mut self, _: CardNumber) -> bool {
        false
    }
}

/// The program while it runs.
struct Running {
    counter: Counter<Port, Ear>,
    thread: LedgerThread,
    generation: Arc<AtomicU64>,
}

/// How an answer was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Applied {
        more: bool,
    },
    /// It is to be exchanged again at once.
    Again,
    NotBelieved,
}

pub(crate) struct Terminal {
    /// How the trace calls it.
    pub(crate) name: String,
    pub(crate) id: TerminalId,
    /// The directory of all its directories: each life after a crash has a new one.
    home: PathBuf,
    lives: u32,
    entry_key: Vec<u8>,
    keys: Arc<TerminalKeys>,
    pub(crate) clock: Arc<TerminalClock>,
    pub(crate) slot: Slot,
    heard: Rc<RefCell<Vec<Outcome>>>,
    running: Option<Running>,
    /// Something is to be done, step by step.
    pub(crate) pending: bool,
    /// Exchanges whose answer may still come, in memory or in a file.
    outstanding: Vec<(u64, ExchangeRequest)>,
    /// What the head file has said.
    head_files: Vec<Vec<u8>>,
    shared: Rc<Shared>,
}

/// Runs a future that waits for nothing but the ledger's thread.
fn wait<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

impl Terminal {
    pub(crate) fn new(
        name: String,
        id: TerminalId,
        template: &Path,
        home: PathBuf,
        drift_ppm: i64,
        shared: &Rc<Shared>,
    ) -> Self {
        let entry_key = fs::read(template.join("keys").join("entry.pk8")).unwrap();
        let terminal = Self {
            name,
            id,
            home,
            lives: 0,
            entry_key,
            keys: Arc::new(TerminalKeys::load(template).unwrap()),
            clock: TerminalClock::new(Arc::clone(&shared.time), drift_ppm),
            slot: Slot::default(),
            heard: Rc::default(),
            running: None,
            pending: false,
            outstanding: Vec::new(),
            head_files: Vec::new(),
            shared: Rc::clone(shared),
        };
        copy(template, &terminal.directory());
        terminal
    }

    /// Where the ledger is now.
    pub(crate) fn directory(&self) -> PathBuf {
        self.home.join(format!("life-{}", self.lives))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    fn handle(&self) -> LedgerHandle {
        self.running.as_ref().unwrap().thread.handle()
    }

    /// What the ledger knows.
    pub(crate) fn know<R: Send + 'static>(&self, ask: impl FnOnce(&LedgerView) -> R + Send + 'static) -> R {
        self.handle().call(move |ledger| ask(ledger.view())).unwrap()
    }

    /// Every entry.
    pub(crate) fn journal(&self) -> Vec<StoredEntry> {
        let all = Sequence::new(1)..=Sequence::new(u64::from(u32::MAX));
        self.know(move |view| view.journal(all, u32::MAX)).unwrap()
    }

    /// Starts the program, as its daemon does.
    pub(crate) fn start(&mut self) {
        let key = Ed25519Key::from_pkcs8(&self.entry_key).unwrap();
        let mut ledger = Ledger::open(&self.directory(), key).unwrap();
        let started = TechnicalEvent::Started { version: "simulation".to_owned() };
        ledger.append(self.clock.now(), Body::Event(started), None).unwrap();
        let thread = LedgerThread::spawn(ledger).unwrap();
        let generation = Arc::new(AtomicU64::new(0));
        let port = Port { slot: Rc::clone(&self.slot), shared: Rc::clone(&self.shared), name: self.name.clone() };
        let counter = Counter::new(
            thread.handle(),
            port,
            Ear(Rc::clone(&self.heard)),
            Arc::clone(&self.keys),
            Arc::clone(&self.clock) as Arc<_>,
            Arc::clone(&generation),
        );
        self.running = Some(Running { counter: counter.unwrap(), thread, generation });
        self.shared.say(|| format!("{} starts", self.name));
        if self.has_card() {
            self.begin(Event::CardPresent);
        }
    }

    /// Ends the program as systemd does: what is begun is finished.
    pub(crate) fn stop(&mut self) {
        while self.step() {}
        let now = self.clock.now();
        let stopped = move |ledger: &mut Ledger| ledger.append(now, Body::Event(TechnicalEvent::Stopped), None);
        self.handle().call(stopped).unwrap().unwrap();
        self.end();
        self.shared.say(|| format!("{} stops", self.name));
    }

    fn end(&mut self) {
        self.pending = false;
        let Running { counter, thread, .. } = self.running.take().unwrap();
        drop(counter);
        thread.stop().unwrap();
    }

    /// Kills the program. The next life has the files as they are at this moment, log and all, but for what `cut` loses.
    pub(crate) fn crash(&mut self, cut: Fault) {
        let before = self.directory();
        self.lives += 1;
        copy(&before, &self.directory());
        if cut == Fault::PowerCut
            && let Some(older) = self.shared.draw(|chance| chance.index(self.head_files.len() + 1)).checked_sub(1)
        {
            fs::write(self.directory().join("head"), &self.head_files[older]).unwrap();
        }
        self.end();
        fs::remove_dir_all(before).unwrap();
        // What it was about to say it never said.
        self.heard.borrow_mut().clear();
        self.shared.say(|| format!("{} dies: {cut:?}", self.name));
    }

    pub(crate) fn begin(&mut self, event: Event) {
        self.running.as_mut().unwrap().counter.begin(event);
        self.pending = true;
    }

    /// Does the next thing; false when there is nothing to do.
    pub(crate) fn step(&mut self) -> bool {
        let stepped = self.running.as_mut().unwrap().counter.step();
        self.pending = stepped;
        if stepped {
            self.remember_head_file();
        }
        stepped
    }

    fn remember_head_file(&mut self) {
        let now = fs::read(self.directory().join("head")).unwrap_or_default();
        if self.head_files.last() != Some(&now) {
            self.head_files.push(now);
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.counter.busy())
    }

    /// What it answered since it was last asked.
    pub(crate) fn heard(&self) -> Vec<Outcome> {
        self.heard.borrow_mut().drain(..).collect()
    }

    pub(crate) fn has_card(&self) -> bool {
        self.slot.borrow().as_ref().is_some_and(|inserted| !inserted.pulled)
    }

    /// Whether the card was last asked to change its purse.
    pub(crate) fn has_asked_for_change(&self) -> bool {
        self.slot.borrow().as_ref().is_some_and(|inserted| inserted.changed)
    }

    /// Whether a card was pulled out that the reader has not said anything of.
    pub(crate) fn was_pulled(&self) -> bool {
        self.slot.borrow().as_ref().is_some_and(|inserted| inserted.pulled)
    }

    pub(crate) fn insert(&mut self, card: &Card) {
        insert(&self.slot, card);
        if self.is_running() {
            self.begin(Event::CardPresent);
        }
    }

    pub(crate) fn take_away(&mut self) {
        *self.slot.borrow_mut() = None;
        if self.is_running() {
            self.begin(Event::CardGone);
        }
    }

    fn exchange(&self) -> Exchange {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Exchange { ledger: self.handle(), uplink: None, clock, data: self.directory() }
    }

    /// A request to the region, under `name`.
    pub(crate) fn ask_region(&mut self, name: u64) -> Vec<u8> {
        let (request, bytes) = wait(self.exchange().request(Vec::new())).unwrap();
        self.outstanding.push((name, request));
        if self.outstanding.len() > 4 {
            self.outstanding.remove(0);
        }
        bytes
    }

    /// The region's answer to the request `name`; `None` when nobody waits for it any more.
    pub(crate) fn hear_region(&mut self, name: u64, answer: Vec<u8>) -> Option<Taken> {
        let (_, request) = self.outstanding.iter().find(|(waiting, _)| *waiting == name)?.clone();
        let taken = match wait(self.exchange().apply(request, answer)) {
            Ok(applied) => {
                self.running.as_ref()?.generation.fetch_add(1, Ordering::AcqRel);
                Taken::Applied { more: applied.more }
            }
            Err(ExchangeError::Apply(ApplyError::UnknownHead(_) | ApplyError::DenyList(_))) => Taken::Again,
            Err(ExchangeError::Answer(_) | ExchangeError::Apply(ApplyError::Gap { .. })) => Taken::NotBelieved,
            Err(other) => panic!("{} cannot take an answer: {other}", self.name),
        };
        self.remember_head_file();
        Some(taken)
    }

    /// Nobody waits for an answer any more.
    pub(crate) fn forget_requests(&mut self) {
        self.outstanding.clear();
    }
}
