//! A terminal: the real counter over the real ledger in a directory, that can end at any moment and be started again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use pass::domain::closing::PeriodKind;
use pass::domain::entry::{Body, TechnicalEvent};
use pass::domain::{CardNumber, Cents, PaymentId, RequestId, Sequence, TerminalId, Timestamp};
use pass::ledger::{
    ApplyError, By, Counted, Ledger, LedgerError, LedgerHandle, LedgerThread, OpenError, StoredEntry, TerminalKeys,
    View as LedgerView,
};
use pass::machine::sale::{Event, Outcome, View};
use pass::terminal::clock::Clock;
use pass::terminal::counter::{Audience, Counter};
use pass::terminal::exchanger::{Exchange, ExchangeError};
use pass::terminal::payments::take_up;
use pass::wire::cbor::decode;
use pass::wire::cose::{Algorithm, Content, Sign1};
use pass::wire::exchange::{ExchangeAnswer, ExchangeRequest, Head, TerminalStanding};

use crate::Fault;
use crate::bureau::Bureau;
use crate::chance::Chance;
use crate::clock::TerminalClock;
use crate::directory::copy;
use crate::dishonest::{Crook, Disguise, Lie, Loot};
use crate::disk;
use crate::payer::Payer;
use crate::reader::{Card, Port, Slot, insert};
use crate::shared::Shared;
use crate::tpe::Tpe;

/// Hears what the counter answers, and asks the region for it when the line is up.
struct Ear {
    heard: Rc<RefCell<Vec<Outcome>>>,
    exchange: Exchange,
    generation: Arc<AtomicU64>,
    bureau: Rc<RefCell<Bureau>>,
    /// Something was written since the head file was last looked at.
    appended: Rc<Cell<bool>>,
    honest: bool,
    shared: Rc<Shared>,
    name: String,
}

impl Audience for Ear {
    fn show(&mut self, view: View) {
        match view {
            View::TurnedAway(refused, _) => {
                self.shared.say(|| format!("{} shows: {}", self.name, refused.refusal.code()));
            }
            View::InDoubt { .. } => self.shared.say(|| format!("{} shows: in doubt", self.name)),
            View::Idle | View::Reading | View::Ready(_) => (),
        }
    }

    fn reply(&mut self, outcome: Outcome) {
        self.heard.borrow_mut().push(outcome);
    }

    fn appended(&mut self) {
        self.appended.set(true);
    }

    fn ask_region(&mut self, card: CardNumber) -> bool {
        if !self.honest || self.shared.draw(|chance| chance.one_in(2)) || self.shared.strikes(Fault::Lost) {
            return false;
        }
        let Ok((request, bytes)) = wait(self.exchange.request(vec![card])) else { return false };
        let Some(answer) = self.bureau.borrow_mut().answer(&bytes) else { return false };
        if self.shared.strikes(Fault::Lost) {
            return false;
        }
        let applied = wait(self.exchange.apply(request, answer)).is_ok();
        self.generation.fetch_add(u64::from(applied), Ordering::AcqRel);
        self.shared.say(|| format!("{} asks the region about a card: {applied}", self.name));
        applied
    }
}

/// The program while it runs.
pub(crate) struct Running {
    counter: Counter<Port, Ear>,
    pub(crate) payer: Payer,
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
    NotWritten,
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
    pub(crate) running: Option<Running>,
    /// Its bank terminal, where it has one. Two machines with one disk stand on one counter.
    pub(crate) tpe: Option<Rc<RefCell<Tpe>>>,
    /// Payments that were in flight or unknown in a ledger that was lost, so that no entry may ever say what became of them.
    pub(crate) lost_payments: Vec<PaymentId>,
    /// What each sale was due when it was last quoted.
    pub(crate) dues: BTreeMap<RequestId, Cents>,
    /// Something is to be done, step by step.
    pub(crate) pending: bool,
    /// Exchanges whose answer may still come, in memory or in a file.
    outstanding: Vec<(u64, ExchangeRequest)>,
    /// What the head file has said.
    head_files: Vec<Vec<u8>>,
    appended: Rc<Cell<bool>>,
    /// Copies of its directory, made while it was stopped.
    backups: Vec<PathBuf>,
    /// The chains that a restored copy has replaced.
    pub(crate) past: Vec<Vec<StoredEntry>>,
    /// The terminal that was made of this one's disk, or of whose disk this one was made.
    pub(crate) twin: Option<usize>,
    /// What it tells the region, where that is not what its counter does.
    pub(crate) disguise: Option<Disguise>,
    /// The newest entry of the copy that was put back last, where the head file beside it names a later one: it sells after its join.
    pub(crate) old_copy: Option<Sequence>,
    /// Of the newest answer that it took: when it asked, by its clock, and when the region answered.
    newest_answer: (Timestamp, Timestamp),
    /// What it had of the feed when its chain ended with which entry.
    heard_of: Vec<(u64, u64)>,
    bureau: Rc<RefCell<Bureau>>,
    pub(crate) shared: Rc<Shared>,
}

/// What an answer of the region says that holds until the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Newest {
    answered: Timestamp,
    acknowledged: Head,
    standing: TerminalStanding,
}

fn what_is_newest(view: &LedgerView) -> Newest {
    let answered = view.exposure().last_exchange;
    Newest { answered, acknowledged: view.acknowledged(), standing: view.standing() }
}

/// Wakes the thread of a run.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future that waits for nothing but the ledger's thread.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

impl Terminal {
    pub(crate) fn new(
        name: String,
        id: TerminalId,
        template: &Path,
        home: PathBuf,
        shared: &Rc<Shared>,
        bureau: &Rc<RefCell<Bureau>>,
    ) -> Self {
        let entry_key = fs::read(template.join("keys").join("entry.pk8")).unwrap();
        let terminal = Self {
            name,
            id,
            home,
            lives: 0,
            entry_key,
            keys: Arc::new(TerminalKeys::load(template).unwrap()),
            clock: TerminalClock::new(Arc::clone(&shared.time)),
            slot: Slot::default(),
            heard: Rc::default(),
            running: None,
            tpe: None,
            lost_payments: Vec::new(),
            dues: BTreeMap::new(),
            pending: false,
            outstanding: Vec::new(),
            head_files: Vec::new(),
            appended: Rc::default(),
            backups: Vec::new(),
            past: Vec::new(),
            twin: None,
            disguise: None,
            old_copy: None,
            newest_answer: (Timestamp::EPOCH, Timestamp::EPOCH),
            heard_of: Vec::new(),
            bureau: Rc::clone(bureau),
            shared: Rc::clone(shared),
        };
        copy(template, &terminal.directory());
        // The keys are the machine's: no copy of the ledger that is put back brings old ones.
        copy(&template.join("keys"), &terminal.home.join("keys"));
        terminal
    }

    /// Its keys are changed; the ledger goes over to them with the next start.
    pub(crate) fn change_keys(&mut self) {
        let number = TerminalKeys::make_next(&self.home).unwrap();
        self.keys = Arc::new(TerminalKeys::load(&self.home).unwrap());
        self.shared.say(|| format!("{} has its keys number {number}", self.name));
    }

    /// From now on it lies.
    pub(crate) fn turn_dishonest(&mut self, lie: Lie) {
        let view = LedgerView::open(&self.directory()).unwrap();
        let whole = view.entries_after(Sequence::new(0), usize::MAX, usize::MAX).unwrap();
        self.disguise = Some(Disguise::new(lie, &self.entry_key, &view, &whole));
        self.shared.say(|| format!("{} is dishonest: {lie:?}", self.name));
    }

    pub(crate) fn is_honest(&self) -> bool {
        self.disguise.is_none()
    }

    /// Whether this is how it lies.
    pub(crate) fn tells(&self, lie: Lie) -> bool {
        self.disguise.as_ref().is_some_and(|disguise| disguise.lie == lie)
    }

    /// A debit of the card in the reader that its counter knows nothing of.
    pub(crate) fn debit_past_counter(&mut self, time: Timestamp) {
        let view = self.know(|view| (view.certificates().to_vec(), view.trusted_keys().clone()));
        let Some(crook) = Crook::new(&self.keys, view) else { return };
        let mut slot = self.slot.borrow_mut();
        let (Some(inserted), Some(disguise)) = (slot.as_mut(), &mut self.disguise) else { return };
        let done = disguise.debit_past_counter(&mut inserted.card, &crook, time, &self.shared);
        self.shared.say(|| format!("{} debits {} past its counter: {done}", self.name, inserted.name));
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

    /// Starts the program, as its daemon does; whether it could.
    pub(crate) fn start(&mut self) -> bool {
        let keys = TerminalKeys::load(&self.home).unwrap();
        let mut ledger = match Ledger::open_with(&self.directory(), keys, self.clock.now()) {
            Ok(ledger) => ledger,
            // A change of keys is a change like any other.
            Err(OpenError::Ledger(error)) => {
                self.shared.say(|| format!("{} cannot start: {error}", self.name));
                return false;
            }
            Err(error) => panic!("{}: {error}", self.name),
        };
        let started = TechnicalEvent::Started { version: "simulation".to_owned() };
        let started = ledger.append(self.clock.now(), Body::Event(started), None);
        if started.and_then(|_| take_up(&mut ledger, self.clock.now())).is_err() {
            self.shared.say(|| format!("{} cannot start", self.name));
            return false;
        }
        let thread = LedgerThread::spawn(ledger).unwrap();
        let generation = Arc::new(AtomicU64::new(0));
        let port = Port { slot: Rc::clone(&self.slot), shared: Rc::clone(&self.shared), name: self.name.clone() };
        let ear = Ear {
            heard: Rc::clone(&self.heard),
            exchange: self.exchange(thread.handle()),
            generation: Arc::clone(&generation),
            bureau: Rc::clone(&self.bureau),
            appended: Rc::clone(&self.appended),
            honest: self.disguise.is_none(),
            shared: Rc::clone(&self.shared),
            name: self.name.clone(),
        };
        let (keys, clock) = (Arc::clone(&self.keys), Arc::clone(&self.clock) as Arc<dyn Clock>);
        let payer = Payer::new(self.exchange(thread.handle()), Arc::clone(&clock), self.tpe.is_some());
        let counter = Counter::new(thread.handle(), port, ear, keys, clock, Arc::clone(&generation)).unwrap();
        self.running = Some(Running { counter, payer, thread, generation });
        self.shared.say(|| format!("{} starts", self.name));
        if self.has_card() {
            self.begin(Event::CardPresent);
        }
        true
    }

    /// Ends the program as systemd does: what is begun is finished.
    pub(crate) fn stop(&mut self) {
        while self.step() {}
        let now = self.clock.now();
        let stopped = move |ledger: &mut Ledger| ledger.append(now, Body::Event(TechnicalEvent::Stopped), None);
        // Without room on the disk it ends without a word.
        let _unwritten = self.handle().call(stopped).unwrap();
        self.end();
        self.shared.say(|| format!("{} stops", self.name));
    }

    /// Somebody copies the directory of a terminal that does not run.
    pub(crate) fn back_up(&mut self) {
        let place = self.home.join(format!("backup-{}", self.lives));
        if !place.exists() {
            copy(&self.directory(), &place);
            self.shared.say(|| format!("{} is copied: backup {}", self.name, self.backups.len()));
            self.backups.push(place);
        }
    }

    pub(crate) fn has_backup(&self) -> bool {
        !self.backups.is_empty()
    }

    /// Puts the newest copy back. The head file is the copy's, or stays when it lay beside.
    pub(crate) fn restore(&mut self, head_file_stays: bool) {
        let Some(backup) = self.backups.last().cloned() else { return };
        let before = self.directory();
        let all = Sequence::new(1)..=Sequence::new(u64::from(u32::MAX));
        let lost = LedgerView::open(&before).unwrap();
        self.past.push(lost.journal(all, u32::MAX).unwrap());
        self.lost_payments.extend(lost.open_payments().unwrap().iter().map(|payment| payment.asked.id));
        drop(lost);
        self.lives += 1;
        copy(&backup, &self.directory());
        if head_file_stays {
            fs::copy(before.join("head"), self.directory().join("head")).unwrap();
        }
        fs::remove_dir_all(before).unwrap();
        let copy = LedgerView::open(&self.directory()).unwrap();
        self.old_copy = copy.behind().map(|_| copy.head().sequence);
        self.head_files.clear();
        self.shared.say(|| format!("{} has its newest backup again, head file kept: {head_file_stays}", self.name));
    }

    /// A second machine with this one's disk, which does not run.
    pub(crate) fn cloned(&self, home: PathBuf) -> Self {
        let name = format!("{}'", self.name);
        let mut clone = Self::new(name, self.id, &self.directory(), home, &self.shared, &self.bureau);
        copy(&self.home.join("keys"), &clone.home.join("keys"));
        clone.keys = Arc::clone(&self.keys);
        clone.tpe.clone_from(&self.tpe);
        clone.dues.clone_from(&self.dues);
        self.shared.say(|| format!("{} has the disk of {}", clone.name, self.name));
        clone
    }

    /// Whether the copy on its disk was the only one, always.
    pub(crate) fn has_one_history(&self) -> bool {
        self.past.is_empty() && self.twin.is_none()
    }

    /// The disk takes nothing more, or takes again.
    pub(crate) fn disk_is_full(&self, full: bool) {
        let disk = rusqlite::Connection::open(self.directory().join("ledger.db")).unwrap();
        // What SQLite says when the disk is full has another number; what the terminal does about it is the same.
        let sql = if full {
            "CREATE TRIGGER IF NOT EXISTS full_entry BEFORE INSERT ON entry BEGIN SELECT RAISE(ABORT, 'the disk is full'); END;
             CREATE TRIGGER IF NOT EXISTS full_intent BEFORE INSERT ON intent BEGIN SELECT RAISE(ABORT, 'the disk is full'); END;
             CREATE TRIGGER IF NOT EXISTS full_payment BEFORE INSERT ON payment BEGIN SELECT RAISE(ABORT, 'the disk is full'); END;
             CREATE TRIGGER IF NOT EXISTS full_step BEFORE UPDATE ON payment BEGIN SELECT RAISE(ABORT, 'the disk is full'); END;
             CREATE TRIGGER IF NOT EXISTS full_state BEFORE UPDATE ON state BEGIN SELECT RAISE(ABORT, 'the disk is full'); END;"
        } else {
            "DROP TRIGGER IF EXISTS full_entry; DROP TRIGGER IF EXISTS full_intent; DROP TRIGGER IF EXISTS full_state;
             DROP TRIGGER IF EXISTS full_payment; DROP TRIGGER IF EXISTS full_step;"
        };
        disk.execute_batch(sql).unwrap();
        self.shared.say(|| format!("{} disk full: {full}", self.name));
    }

    fn end(&mut self) {
        self.pending = false;
        let Running { counter, payer, thread, .. } = self.running.take().unwrap();
        drop((counter, payer));
        thread.stop().unwrap();
    }

    /// Kills the program between two steps. The next life has the files as they are at this moment, log and all, but for what `cut` loses.
    pub(crate) fn crash(&mut self, cut: Fault) {
        self.die(cut, &[]);
    }

    /// The power is cut while the next step writes: of what that step wrote and did not sync, some sectors are there and others not. A step that
    /// wrote nothing, or after which somebody has seen something, was over before.
    pub(crate) fn crash_within_a_step(&mut self) {
        self.crash_while(|terminal| {
            terminal.running.as_mut().unwrap().counter.step();
        });
    }

    /// The same while it does `work`.
    pub(crate) fn crash_while(&mut self, work: impl FnOnce(&mut Self)) {
        let (log, head) = (self.directory().join("ledger.db-wal"), disk::read(&self.directory().join("head")));
        let (before, seen) = (disk::read(&log), self.seen());
        work(self);
        let after = disk::read(&log);
        if after == before || seen != self.seen() {
            return self.crash(Fault::PowerCut);
        }
        let torn = self.shared.draw(|chance| disk::torn(&before, &after, &mut Chance::seeded(chance.next())));
        // The head file is written after the commit.
        self.die(Fault::PowerCutInCommit, &[("ledger.db-wal", torn), ("head", head)]);
    }

    /// What the world outside has seen of it.
    fn seen(&self) -> (usize, u64, bool) {
        let asked = self.slot.borrow().as_ref().map_or(0, |inserted| inserted.commands);
        (self.heard.borrow().len(), asked, self.running.as_ref().unwrap().payer.has_told())
    }

    fn die(&mut self, how: Fault, files: &[(&str, Vec<u8>)]) {
        let (before, number) = (self.directory(), self.lives + 1);
        let next = self.home.join(format!("life-{number}"));
        let (from, to) = (before.clone(), next.clone());
        // Nothing is written meanwhile.
        self.handle().call(move |_| copy(&from, &to)).unwrap();
        self.lives = number;
        for (name, bytes) in files {
            fs::write(next.join(name), bytes).unwrap();
        }
        if how != Fault::Killed
            && let Some(older) = self.shared.draw(|chance| chance.index(self.head_files.len() + 1)).checked_sub(1)
        {
            fs::write(next.join("head"), &self.head_files[older]).unwrap();
        }
        self.end();
        fs::remove_dir_all(before).unwrap();
        // What it was about to say it never said.
        self.heard.borrow_mut().clear();
        self.shared.say(|| format!("{} dies: {how:?}", self.name));
    }

    pub(crate) fn begin(&mut self, event: Event) {
        self.close_overdue_day();
        self.running.as_mut().unwrap().counter.begin(event);
        self.pending = true;
    }

    /// What the daemon does by itself at its hour. On a full disk it stays undone, and nothing is sold.
    fn close_overdue_day(&mut self) {
        let now = self.clock.now();
        let closed = self.handle().call(move |ledger| {
            let now = now.max(ledger.view().floor());
            let overdue = ledger.view().open_day().is_some_and(|day| day.is_overdue(now));
            let by = By { cashier: None, now };
            overdue.then(|| ledger.close(by, PeriodKind::Day, Counted::default()).is_ok())
        });
        if closed == Ok(Some(true)) {
            self.shared.say(|| format!("{} closes its day", self.name));
            self.remember_head_file();
        }
    }

    /// Does the next thing; false when there is nothing to do.
    pub(crate) fn step(&mut self) -> bool {
        let stepped = self.running.as_mut().unwrap().counter.step();
        self.pending = stepped;
        if self.appended.take() {
            self.remember_head_file();
        }
        stepped
    }

    pub(crate) fn remember_head_file(&mut self) {
        let now = fs::read(self.directory().join("head")).unwrap_or_default();
        if self.head_files.last() != Some(&now) {
            self.head_files.push(now);
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.counter.busy())
    }

    /// What the counter answered since it was last asked.
    pub(crate) fn heard(&self) -> Vec<Outcome> {
        self.heard.borrow_mut().drain(..).collect()
    }

    pub(crate) fn payer(&mut self) -> &mut Payer {
        &mut self.running.as_mut().unwrap().payer
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

    fn exchange(&self, ledger: LedgerHandle) -> Exchange {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Exchange { ledger, uplink: None, clock, data: self.directory() }
    }

    /// A request to the region, under `name`. Who lies has something from others, perhaps.
    pub(crate) fn ask_region(&mut self, name: u64, loot: impl FnOnce(Lie) -> Loot) -> Vec<u8> {
        if let Some(mut disguise) = self.disguise.take() {
            disguise.take_in(&self.journal(), &loot(disguise.lie), &self.shared);
            let request = disguise.request(name, self.clock.now(), &self.shared);
            self.disguise = Some(disguise);
            return request;
        }
        let (request, bytes) = wait(self.exchange(self.handle()).request(Vec::new())).unwrap();
        self.outstanding.push((name, request));
        if self.outstanding.len() > 4 {
            self.outstanding.remove(0);
        }
        bytes
    }

    /// The region's answer to the request `name`; `None` when nobody waits for it any more.
    pub(crate) fn hear_region(&mut self, name: u64, answer: Vec<u8>) -> Option<Taken> {
        if let Some(disguise) = &mut self.disguise {
            let heard = disguise.hear(name, &answer);
            return Some(if heard { Taken::Applied { more: false } } else { Taken::NotBelieved });
        }
        let (_, request) = self.outstanding.iter().find(|(waiting, _)| *waiting == name)?.clone();
        let (asked, known) = (request.time, self.know(what_is_newest));
        let taken = match wait(self.exchange(self.handle()).apply(request, answer.clone())) {
            Ok(applied) => {
                self.old_answers_change_nothing(asked, &answer, known);
                self.running.as_ref()?.generation.fetch_add(1, Ordering::AcqRel);
                let head = self.know(|view| view.head().sequence.get());
                self.heard_of.push((head, applied.feed_position));
                Taken::Applied { more: applied.more }
            }
            Err(ExchangeError::Apply(ApplyError::UnknownHead(_) | ApplyError::DenyList(_))) => Taken::Again,
            Err(ExchangeError::Answer(_) | ExchangeError::Apply(ApplyError::Gap { .. })) => Taken::NotBelieved,
            Err(ExchangeError::Apply(ApplyError::Ledger(LedgerError::Refused(why))))
                if why.contains("disk is full") =>
            {
                Taken::NotWritten
            }
            Err(ExchangeError::Ledger(LedgerError::Refused(why))) if why.contains("disk is full") => Taken::NotWritten,
            Err(other) => panic!("{} cannot take an answer: {other}", self.name),
        };
        self.remember_head_file();
        Some(taken)
    }

    /// What was asked before the newest answer was asked for, and answered before it, says nothing new of the region.
    fn old_answers_change_nothing(&mut self, asked: Timestamp, answer: &[u8], known: Newest) {
        let message = Sign1::decode(answer, Algorithm::Es256, Content::ExchangeAnswer).unwrap();
        let answered = decode::<ExchangeAnswer>(&message.payload).unwrap().time;
        let (newest_asked, newest_answered) = self.newest_answer;
        let knows = self.know(what_is_newest);
        // A counter asks by itself, and an old copy does not know what was newest.
        let is_old = known.answered == newest_answered && asked < newest_asked && answered < newest_answered;
        assert!(!is_old || knows == known, "{} takes an old answer for news: {known:?}, now {knows:?}", self.name);
        if knows.answered == answered {
            self.newest_answer = (asked, answered);
        }
    }

    /// Whether it had this position of the feed when it wrote the entry after `sequence`.
    pub(crate) fn has_heard(&self, position: u64, sequence: u64) -> bool {
        self.heard_of.iter().any(|(head, heard)| *head <= sequence && *heard >= position)
    }

    /// Nobody waits for an answer any more.
    pub(crate) fn forget_requests(&mut self) {
        self.outstanding.clear();
    }
}
