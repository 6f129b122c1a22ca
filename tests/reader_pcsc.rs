//! The reader room against a real pcscd with virtual readers: what a counter sees in a season, and what it hopes not to see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use pass::reader::{
    BurstError, Call, CardConnection, CardWorker, ConnectError, ReaderEvent, ReaderFilter, ReaderName, Watcher,
    WhyUnavailable,
};
use pass::virtual_card::applet::Applet;
use pass::virtual_card::vpcd::Left;
use pass::wire::apdu::{Protocol, TransportError};
use pcsc::{Context, Disposition, Protocols, Scope, ShareMode};
use support::pcscd::Pcscd;
use support::{DEADLINE, InsertedCard, poll, with_pcscd};

/// Cards that speak T=1 and T=0, and tell themselves apart by their last byte.
const CARD: &[u8] = &[0x3B, 0x80, 0x01, 0x81];
const CARD_T0: &[u8] = &[0x3B, 0x02, 0x14, 0x50];
/// Longer than an answer to reset can be: the virtual reader sees the card and cannot power it up.
const MUTE: &[u8] = &[0x3B; 40];

/// Answers everything with what it was sent and `90 00`.
const ECHO: &[u8] = &[0x80, 0x01, 0x00, 0x00, 0x03, 0xAA, 0xBB, 0xCC];
/// The card leaves instead of answering.
const LEAVE: &[u8] = &[0x80, 0x02, 0x00, 0x00];
/// What was remembered since the card has power: one byte, then `90 00`.
const REMEMBERED: &[u8] = &[0x80, 0x03, 0x00, 0x00];
/// Remember P1 until the card loses its power.
const REMEMBER_7: &[u8] = &[0x80, 0x04, 0x07, 0x00];
const REMEMBER_9: &[u8] = &[0x80, 0x04, 0x09, 0x00];

struct EchoCard {
    atr: &'static [u8],
    remembered: u8,
}

impl EchoCard {
    fn new(atr: &'static [u8]) -> Self {
        Self { atr, remembered: 0 }
    }
}

impl Applet for EchoCard {
    fn atr(&self) -> Vec<u8> {
        self.atr.to_vec()
    }

    fn power_on(&mut self) {
        self.remembered = 0;
    }

    fn power_off(&mut self) {
        self.remembered = 0;
    }

    fn transmit(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let mut answer = match command {
            [_, 0x02, ..] => return None,
            [_, 0x03, ..] => vec![self.remembered],
            [_, 0x04, p1, ..] => {
                self.remembered = *p1;
                Vec::new()
            }
            _ => command.to_vec(),
        };
        answer.extend([0x90, 0x00]);
        Some(answer)
    }
}

/// A watcher and what it said.
struct Watched {
    watcher: Watcher,
    events: Receiver<ReaderEvent>,
}

impl Watched {
    fn start(filter: ReaderFilter) -> Self {
        let (tell, events) = mpsc::channel();
        let watcher = Watcher::start(filter, move |event| drop(tell.send(event))).unwrap();
        Self { watcher, events }
    }

    /// The next thing said is this.
    #[track_caller]
    fn expect(&self, wanted: ReaderEvent) {
        match self.events.recv_timeout(DEADLINE) {
            Ok(event) => assert_eq!(event, wanted),
            Err(_) => panic!("nothing was said, where {wanted:?} was awaited"),
        }
    }

    /// Nothing more has been said by now.
    #[track_caller]
    fn expect_nothing(&self) {
        assert_eq!(self.events.try_recv().ok(), None);
    }
}

fn name(pcscd: &Pcscd, reader: usize) -> ReaderName {
    ReaderName::new(&pcscd.reader_name(reader)).unwrap()
}

fn readers(pcscd: &Pcscd, range: std::ops::Range<usize>) -> ReaderEvent {
    ReaderEvent::Readers(range.map(|reader| name(pcscd, reader)).collect())
}

fn present(pcscd: &Pcscd, reader: usize, atr: &[u8]) -> ReaderEvent {
    ReaderEvent::CardPresent { reader: name(pcscd, reader), atr: atr.to_vec() }
}

fn gone(pcscd: &Pcscd, reader: usize) -> ReaderEvent {
    ReaderEvent::CardGone { reader: name(pcscd, reader) }
}

fn insert(pcscd: &Pcscd, reader: usize, atr: &'static [u8]) -> InsertedCard {
    InsertedCard::insert(pcscd.vpcd_port(reader), EchoCard::new(atr))
}

/// Connects as soon as pcscd has seen the card.
fn connect(worker: &mut CardWorker, reader: &ReaderName) -> CardConnection {
    let connected = poll(DEADLINE, || match worker.connect(reader) {
        Ok(connection) => Some(connection),
        Err(ConnectError::NoCard | ConnectError::NoSuchReader | ConnectError::Unavailable(_)) => None,
        Err(other) => panic!("{other}"),
    });
    connected.expect("a connection")
}

/// Sends one command in a burst of its own.
fn send(connection: &mut CardConnection, command: &[u8]) -> Result<Result<Vec<u8>, TransportError>, BurstError> {
    connection.burst(|card| card.transmit(command))
}

/// Another program that uses cards.
fn other_program() -> Context {
    Context::establish(Scope::System).unwrap()
}

#[test]
fn a_card_comes_and_goes() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        for _ in 0..2 {
            let card = insert(pcscd, 0, CARD);
            watched.expect(present(pcscd, 0, CARD));
            assert_eq!(card.pull(), Left::Removed);
            watched.expect(gone(pcscd, 0));
        }
        assert!(watched.watcher.stop(DEADLINE));
    });
}

#[test]
fn a_card_that_was_there_before_is_seen_at_the_start() {
    with_pcscd(2, |pcscd| {
        let _card = insert(pcscd, 1, CARD);
        let _connected = connect(&mut CardWorker::new(), &name(pcscd, 1));
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        watched.expect(present(pcscd, 1, CARD));
    });
}

#[test]
fn readers_do_not_mind_each_other() {
    with_pcscd(4, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..4));
        let first = insert(pcscd, 0, CARD);
        watched.expect(present(pcscd, 0, CARD));
        let last = insert(pcscd, 3, CARD_T0);
        watched.expect(present(pcscd, 3, CARD_T0));

        let mut worker = CardWorker::new();
        let (mut t1, mut t0) = (connect(&mut worker, &name(pcscd, 0)), connect(&mut worker, &name(pcscd, 3)));
        assert_eq!(t1.burst(|card| card.protocol()), Ok(Protocol::T1));
        assert_eq!(t0.burst(|card| card.protocol()), Ok(Protocol::T0));

        first.pull();
        watched.expect(gone(pcscd, 0));
        assert_eq!(send(&mut t1, ECHO), Err(BurstError::CardGone));
        assert!(matches!(send(&mut t0, ECHO), Ok(Ok(_))));
        last.pull();
        watched.expect(gone(pcscd, 3));
    });
}

#[test]
fn only_the_chosen_reader_is_watched() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Named("reader A 00 01".into()));
        watched.expect(readers(pcscd, 1..2));
        let other = insert(pcscd, 0, CARD_T0);
        drop(connect(&mut CardWorker::new(), &name(pcscd, 0)));
        let _card = insert(pcscd, 1, CARD);
        watched.expect(present(pcscd, 1, CARD));
        other.pull();

        let nobody = Watched::start(ReaderFilter::Named("ACR1252".into()));
        nobody.expect(ReaderEvent::Unavailable(WhyUnavailable::NoReader));
        watched.expect_nothing();
    });
}

#[test]
fn a_swapped_card_is_another_card() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        let mut card = insert(pcscd, 0, CARD);
        watched.expect(present(pcscd, 0, CARD));
        // Also when the next one looks the same.
        for next in [CARD_T0, CARD, CARD] {
            let mut connection = connect(&mut CardWorker::new(), &name(pcscd, 0));
            card.pull();
            card = insert(pcscd, 0, next);
            watched.expect(gone(pcscd, 0));
            watched.expect(present(pcscd, 0, next));
            assert_eq!(send(&mut connection, ECHO), Err(BurstError::CardGone));
        }
    });
}

#[test]
fn bursts_reach_the_card_and_leave_it_as_it_is() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        let _card = insert(pcscd, 0, CARD);
        watched.expect(present(pcscd, 0, CARD));

        let mut worker = CardWorker::new();
        let mut connection = worker.connect(&name(pcscd, 0)).unwrap();
        assert_eq!(connection.reader(), &name(pcscd, 0));
        let answers = connection.burst(|card| [ECHO, REMEMBER_7, REMEMBERED].map(|command| card.transmit(command)));
        let echoed = [ECHO, &[0x90, 0x00]].concat();
        assert_eq!(answers, Ok([Ok(echoed), Ok(vec![0x90, 0x00]), Ok(vec![7, 0x90, 0x00])]));

        // Neither the end of a burst nor that of one of two connections resets the card.
        let mut second = worker.connect(&name(pcscd, 0)).unwrap();
        drop(connection);
        assert_eq!(send(&mut second, REMEMBERED), Ok(Ok(vec![7, 0x90, 0x00])));
        watched.expect_nothing();
    });
}

#[test]
fn no_other_program_comes_between_the_commands_of_a_burst() {
    with_pcscd(2, |pcscd| {
        let _card = insert(pcscd, 0, CARD);
        let reader = name(pcscd, 0);
        let mut ours = connect(&mut CardWorker::new(), &reader);
        let mut theirs = connect(&mut CardWorker::new(), &reader);
        let (asking, asked) = mpsc::channel();
        let remembered = ours.burst(|card| {
            card.transmit(REMEMBER_7).unwrap();
            let other = thread::spawn(move || {
                asking.send(()).unwrap();
                send(&mut theirs, REMEMBER_9)
            });
            asked.recv().unwrap();
            // Time enough for a command to slip in, were it possible.
            let slipped_in = poll(Duration::from_millis(300), || other.is_finished().then_some(()));
            assert_eq!(slipped_in, None);
            (card.transmit(REMEMBERED), other)
        });
        let (remembered, other) = remembered.unwrap();
        assert_eq!(remembered, Ok(vec![7, 0x90, 0x00]));
        assert!(matches!(other.join().unwrap(), Ok(Ok(_))));
        assert_eq!(send(&mut ours, REMEMBERED), Ok(Ok(vec![9, 0x90, 0x00])));
    });
}

#[test]
fn a_card_pulled_in_the_middle_of_a_command_is_gone() {
    with_pcscd(2, |pcscd| {
        let card = insert(pcscd, 0, CARD);
        let mut connection = connect(&mut CardWorker::new(), &name(pcscd, 0));
        let answers = connection.burst(|reader| {
            // Why a command got no answer does not change by asking again.
            [ECHO, LEAVE, ECHO].map(|command| reader.transmit(command).map(drop))
        });
        assert_eq!(answers, Ok([Ok(()), Err(TransportError::CardGone), Err(TransportError::CardGone)]));
        assert_eq!(card.left(), Left::Itself);
        assert_eq!(send(&mut connection, ECHO), Err(BurstError::CardGone));
    });
}

#[test]
fn an_empty_reader_and_a_mute_card_are_told_apart() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        let mut worker = CardWorker::new();
        let connected = worker.connect(&name(pcscd, 0)).map(drop);
        assert_eq!(connected, Err(ConnectError::NoCard));

        let mute = insert(pcscd, 0, MUTE);
        watched.expect(ReaderEvent::CardUnreadable { reader: name(pcscd, 0) });
        let connected = worker.connect(&name(pcscd, 0)).map(drop);
        assert_eq!(connected, Err(ConnectError::Unreadable));
        mute.pull();
        watched.expect(gone(pcscd, 0));

        let nowhere = ReaderName::new("a reader in a drawer").unwrap();
        assert_eq!(worker.connect(&nowhere).map(drop), Err(ConnectError::NoSuchReader));
    });
}

#[test]
fn a_card_that_another_program_has_to_itself_is_held() {
    with_pcscd(2, |pcscd| {
        let _card = insert(pcscd, 0, CARD);
        let mut worker = CardWorker::new();
        drop(connect(&mut worker, &name(pcscd, 0)));

        let other = other_program();
        let reader = std::ffi::CString::new(pcscd.reader_name(0)).unwrap();
        let theirs = other.connect(&reader, ShareMode::Exclusive, Protocols::ANY).unwrap();
        assert_eq!(worker.connect(&name(pcscd, 0)).map(drop), Err(ConnectError::HeldByAnother));

        assert!(theirs.disconnect(Disposition::LeaveCard).is_ok());
        let mut connection = worker.connect(&name(pcscd, 0)).unwrap();
        assert!(matches!(send(&mut connection, ECHO), Ok(Ok(_))));
    });
}

/// pcscd makes us wait, without end, for another program's transaction. The pulses tell that from a frozen pcscd.
#[test]
fn another_programs_long_transaction_is_seen_from_outside() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        let _card = insert(pcscd, 0, CARD);
        watched.expect(present(pcscd, 0, CARD));
        let other = other_program();
        let reader = std::ffi::CString::new(pcscd.reader_name(0)).unwrap();
        let mut theirs = other.connect(&reader, ShareMode::Shared, Protocols::ANY).unwrap();
        let transaction = theirs.transaction().unwrap();

        let mut worker = CardWorker::new();
        let pulse = worker.pulse().clone();
        let ours = name(pcscd, 0);
        let asked = thread::spawn(move || worker.connect(&ours).map(|mut connection| send(&mut connection, ECHO)));
        let overdue = poll(DEADLINE, || pulse.overdue()).expect("the worker is overdue");
        assert_eq!(overdue.call, Call::Take);
        // The watcher is well. It may be late for a moment on a busy machine.
        poll(DEADLINE, || watched.watcher.pulse().overdue().is_none().then_some(())).expect("the watcher is well");

        assert!(transaction.end(Disposition::LeaveCard).is_ok());
        assert!(matches!(asked.join().unwrap(), Ok(Ok(Ok(_)))));
        assert_eq!(pulse.overdue(), None);
    });
}

#[test]
fn a_card_that_another_program_reset_has_lost_its_session() {
    with_pcscd(2, |pcscd| {
        let _card = insert(pcscd, 0, CARD);
        let mut connection = connect(&mut CardWorker::new(), &name(pcscd, 0));
        assert_eq!(send(&mut connection, REMEMBER_7), Ok(Ok(vec![0x90, 0x00])));

        let other = other_program();
        let reader = std::ffi::CString::new(pcscd.reader_name(0)).unwrap();
        let theirs = other.connect(&reader, ShareMode::Shared, Protocols::ANY).unwrap();
        assert!(theirs.disconnect(Disposition::ResetCard).is_ok());

        assert_eq!(send(&mut connection, REMEMBERED), Err(BurstError::SessionLost));
        assert_eq!(send(&mut connection, REMEMBERED), Ok(Ok(vec![0, 0x90, 0x00])));
    });
}

#[test]
fn a_restarted_pcscd_is_found_again() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        let card = insert(pcscd, 0, CARD);
        watched.expect(present(pcscd, 0, CARD));
        let mut worker = CardWorker::new();
        let mut connection = worker.connect(&name(pcscd, 0)).unwrap();

        pcscd.kill().unwrap();
        watched.expect(gone(pcscd, 0));
        watched.expect(ReaderEvent::Unavailable(WhyUnavailable::NoService));
        assert_eq!(card.left(), Left::ReaderClosed);
        let no_service = WhyUnavailable::NoService;
        assert_eq!(send(&mut connection, ECHO), Err(BurstError::Unavailable(no_service)));
        assert_eq!(worker.connect(&name(pcscd, 0)).map(drop), Err(ConnectError::Unavailable(no_service)));

        pcscd.restart().unwrap();
        watched.expect(readers(pcscd, 0..2));
        let _card = insert(pcscd, 0, CARD);
        watched.expect(present(pcscd, 0, CARD));
        assert_eq!(send(&mut connection, ECHO), Err(BurstError::Unavailable(no_service)));
        let mut connection = worker.connect(&name(pcscd, 0)).unwrap();
        assert!(matches!(send(&mut connection, ECHO), Ok(Ok(_))));
    });
}

#[test]
fn a_worker_notices_only_at_the_next_card_that_pcscd_was_restarted() {
    with_pcscd(2, |pcscd| {
        let card = insert(pcscd, 0, CARD);
        let mut worker = CardWorker::new();
        drop(connect(&mut worker, &name(pcscd, 0)));
        pcscd.restart().unwrap();
        assert_eq!(card.left(), Left::ReaderClosed);
        let _card = insert(pcscd, 0, CARD);
        // pcscd's look at the card is awaited with another worker: the first try of ours succeeds.
        let _theirs = connect(&mut CardWorker::new(), &name(pcscd, 0));
        assert!(worker.connect(&name(pcscd, 0)).is_ok());
    });
}

#[test]
fn a_terminal_may_be_started_before_pcscd() {
    with_pcscd(2, |pcscd| {
        pcscd.kill().unwrap();
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(ReaderEvent::Unavailable(WhyUnavailable::NoService));
        // It is tried again and again, and said once.
        let before = watched.watcher.pulse().clone();
        poll(DEADLINE, || (before.last_beat() > Duration::from_millis(300)).then_some(())).expect("a longer pause");
        pcscd.restart().unwrap();
        watched.expect(readers(pcscd, 0..2));
    });
}

#[test]
fn a_frozen_pcscd_is_noticed_and_hangs_nobody_who_does_not_ask_it() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        let _card = insert(pcscd, 0, CARD);
        watched.expect(present(pcscd, 0, CARD));
        let mut worker = CardWorker::new();
        let mut connection = worker.connect(&name(pcscd, 0)).unwrap();
        let (watcher_pulse, worker_pulse) = (watched.watcher.pulse().clone(), worker.pulse().clone());

        pcscd.freeze().unwrap();
        let (answered, answer): (Sender<_>, Receiver<_>) = mpsc::channel();
        let working = thread::spawn(move || {
            answered.send(send(&mut connection, ECHO)).unwrap();
            worker
        });
        let overdue = poll(DEADLINE, || worker_pulse.overdue()).expect("the worker is overdue");
        assert_eq!(overdue.call, Call::Take);
        poll(DEADLINE, || watcher_pulse.overdue()).expect("the watcher is overdue");
        assert!(watcher_pulse.last_beat() > Duration::from_secs(1));
        let begun = Instant::now();
        assert!(!watched.watcher.stop(Duration::from_millis(300)), "a frozen thread cannot end");
        assert!(begun.elapsed() < DEADLINE, "and is not waited for");

        // A second watcher is frozen from its first call, and does what it is to do as soon as it can.
        let patient = Watched::start(ReaderFilter::Any);
        poll(DEADLINE, || patient.watcher.pulse().overdue()).expect("the second watcher is overdue");
        patient.expect_nothing();

        pcscd.thaw().unwrap();
        assert!(matches!(answer.recv_timeout(DEADLINE), Ok(Ok(Ok(_)))), "the command is carried after all");
        let mut worker = working.join().unwrap();
        assert_eq!(worker_pulse.overdue(), None);
        assert!(worker.connect(&name(pcscd, 0)).is_ok());
        patient.expect(readers(pcscd, 0..2));
        patient.expect(present(pcscd, 0, CARD));
        // The one that was told to stop says nothing more and ends.
        assert!(
            poll(DEADLINE, || (watched.events.try_recv() == Err(mpsc::TryRecvError::Disconnected)).then_some(()))
                .is_some()
        );
    });
}

/// Without the card's side acknowledging at once every command takes 44 ms.
#[test]
fn commands_are_not_held_up_on_their_way() {
    with_pcscd(2, |pcscd| {
        let watched = Watched::start(ReaderFilter::Any);
        watched.expect(readers(pcscd, 0..2));
        let begun = Instant::now();
        let _card = insert(pcscd, 0, CARD);
        watched.expect(present(pcscd, 0, CARD));
        let inserted = begun.elapsed();

        let begun = Instant::now();
        let mut connection = CardWorker::new().connect(&name(pcscd, 0)).unwrap();
        let connected = begun.elapsed();
        let mut times = connection
            .burst(|card| {
                [(); 1000].map(|()| {
                    let begun = Instant::now();
                    card.transmit(ECHO).unwrap();
                    begun.elapsed()
                })
            })
            .unwrap();
        times.sort_unstable();
        println!(
            "insert to event {inserted:?}, connect {connected:?}, command p50 {:?} p99 {:?}",
            times[500], times[990]
        );
        assert!(times[500] < Duration::from_millis(20), "half of the commands take longer than {:?}", times[500]);
    });
}
