//! A sale at the counter against the limit of the machine: the same five card commands, the same two durable commits, the
//! same signatures, and nothing else.
//!
//! Both over a real pcscd, each with a virtual card of its own in a reader of its own, and each with an SQLite file on the
//! same disk. The virtual card's own work (it signs twice and verifies three times) is in both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]

mod common;
#[path = "../tests/support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::ffi::CString;
use std::path::Path;
use std::process::Command as Process;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use common::bare::{BareDatabase, bytes_of_a_sale};
use common::measure::{Aim, Plan, compare, report, timed};
use common::terminal::Terminal;
use common::world::{CINEMA, EVENING, SEASON, TestClock, issued};
use pass::crypto::{self, verify_p256};
use pass::domain::card::{CardCertificate, CardState, Challenge, DebitOrder, Operation, Record, TerminalCertificate};
use pass::domain::entry::Tender;
use pass::domain::quote::QuoteRequest;
use pass::domain::{CardNumber, RequestId, TransactionId};
use pass::ledger::{LedgerThread, TerminalKeys};
use pass::machine::sale::{ClientRequest, Command as Request, Event, Outcome, View};
use pass::reader::{CardWorker, ReaderName};
use pass::terminal::counter::{Audience, Counter};
use pass::terminal::port::PcscPort;
use pass::virtual_card::{CardInReader, MemoryStorage, VirtualCard};
use pass::wire::apdu::Protocol;
use pass::wire::card::{Case4, ChangeAnswer, Command, OpenRequest, SelectAnswer, authentication_bytes};
use support::pcscd::{Pcscd, SOCKET_VARIABLE};
use support::{DEADLINE, InsertedCard, poll};

/// Set for the child, which finds the pcscd of this directory from its first PC/SC call on.
const DIRECTORY_VARIABLE: &str = "PASS_BENCH_PCSCD_DIRECTORY";

fn main() {
    match std::env::var_os(DIRECTORY_VARIABLE) {
        Some(directory) => measure(Path::new(&directory)),
        None => {
            // Not where TMPDIR says: the path of a socket is short.
            let home = tempfile::Builder::new().prefix("pass-").tempdir_in("/tmp").unwrap();
            let ended = Process::new(std::env::current_exe().unwrap())
                .env(DIRECTORY_VARIABLE, home.path())
                .env(SOCKET_VARIABLE, Pcscd::socket(home.path()))
                .status();
            assert!(ended.unwrap().success(), "the measurement failed");
        }
    }
}

fn measure(directory: &Path) {
    let pcscd = Pcscd::start(directory, 2).unwrap();
    let mut till = Till::open(&pcscd, 0);
    till.sell();
    let limit = Limit::open(&pcscd, 1, &till);
    let plan = Plan { turns: 20, operations: 25 };
    let mut against = |name, talk| compare(name, Aim::AtMost(1.25), plan, || till.sell(), || limit.sell(talk));
    let comparisons = [
        against("request to answer, the card opened anew", Talk::Bare),
        against("the same, the limit in PC/SC transactions", Talk::InTransactions),
    ];
    report(
        "A sale over pcscd (product) against its five card commands, two commits and signatures alone (limit)",
        &comparisons,
    );
}

/// Puts a card into reader `index`, and waits until pcscd has seen it.
fn put_in(pcscd: &Pcscd, index: usize, card: &MemoryStorage) -> (InsertedCard, CString) {
    let memory = VirtualCard::new(card.load(), card.clone()).unwrap();
    let inserted = InsertedCard::insert(pcscd.vpcd_port(index), CardInReader::new(memory, Protocol::T1));
    let reader = CString::new(pcscd.reader_name(index)).unwrap();
    let context = pcsc::Context::establish(pcsc::Scope::System).unwrap();
    let seen = || context.connect(&reader, pcsc::ShareMode::Shared, pcsc::Protocols::ANY).ok();
    let found = poll(DEADLINE, seen).expect("pcscd sees the card");
    found.disconnect(pcsc::Disposition::LeaveCard).map_err(|(_, error)| error).unwrap();
    (inserted, reader)
}

/// The answer that came, and when: what the counter does after it, the client does not wait for.
#[derive(Clone, Default)]
struct Ear(Rc<RefCell<Option<(Outcome, Instant)>>>);

impl Audience for Ear {
    fn show(&mut self, _: View) {}

    fn reply(&mut self, outcome: Outcome) {
        *self.0.borrow_mut() = Some((outcome, Instant::now()));
    }

    fn appended(&mut self) {}

    fn ask_region(&mut self, _: CardNumber) -> bool {
        false
    }
}

/// The product: counter, reader, ledger thread, ledger.
struct Till {
    terminal: Terminal,
    counter: Counter<PcscPort, Ear>,
    answer: Ear,
    sales: u64,
    _ledger: LedgerThread,
    _card: InsertedCard,
}

impl Till {
    fn open(pcscd: &Pcscd, index: usize) -> Self {
        let terminal = Terminal::enrol(&common::scratch("sale"));
        let (card, _) = put_in(pcscd, index, &terminal.region.card(1));
        let ledger = LedgerThread::spawn(terminal.ledger()).unwrap();
        let mut port = PcscPort::new(CardWorker::new(), Arc::default());
        port.choose(Some(ReaderName::new(&pcscd.reader_name(index)).unwrap()));
        let (answer, keys, clock) = (Ear::default(), Arc::new(terminal.keys()), TestClock::at(EVENING));
        let generation = Arc::new(AtomicU64::new(0));
        let counter = Counter::new(ledger.handle(), port, answer.clone(), keys, clock, generation).unwrap();
        Self { terminal, counter, answer, sales: 0, _ledger: ledger, _card: card }
    }

    /// A client asks, and the card comes.
    fn sell(&mut self) -> Duration {
        self.sales += 1;
        let request = ClientRequest {
            id: RequestId::new(u128::from(self.sales).to_be_bytes()),
            command: Request::Redeem { request: QuoteRequest::default(), tender: Tender::Cash.into(), confirmed: None },
            wait: Duration::from_secs(10),
            cashier: None,
        };
        let begun = Instant::now();
        self.counter.on(Event::Client(Box::new(request)));
        self.counter.on(Event::CardPresent);
        let (outcome, answered) = self.answer.0.take().expect("an answer");
        assert!(matches!(outcome, Outcome::Granted(_)), "no sale: {outcome:?}");
        self.counter.on(Event::CardGone);
        answered.duration_since(begun)
    }
}

/// The limit: what any program must do for such a sale.
struct Limit {
    context: pcsc::Context,
    reader: CString,
    keys: TerminalKeys,
    certificate: TerminalCertificate,
    card: CardCertificate,
    database: BareDatabase,
    rows: [Vec<u8>; 2],
    _card: InsertedCard,
}

impl Limit {
    fn open(pcscd: &Pcscd, index: usize, till: &Till) -> Self {
        let terminal = &till.terminal;
        let card = terminal.region.card(2);
        let certificate = issued(&card).certificate;
        let (inserted, reader) = put_in(pcscd, index, &card);
        let keys = terminal.keys();
        Self {
            context: pcsc::Context::establish(pcsc::Scope::System).unwrap(),
            reader,
            certificate: terminal.region.terminal_certificate(7, &keys.card, "cinema", EVENING),
            keys,
            card: certificate,
            database: BareDatabase::make(&common::scratch("limit")),
            rows: bytes_of_a_sale(&terminal.directory),
            _card: inserted,
        }
    }

    fn sell(&self, talk: Talk) -> Duration {
        let (card, took) = timed(|| {
            let mut card = self.context.connect(&self.reader, pcsc::ShareMode::Shared, pcsc::Protocols::ANY).unwrap();
            let state = talk.with(&mut card, |card| self.open_card(card));
            self.database.commit(&self.rows[0]);
            talk.with(&mut card, |card| self.debit(card, &state));
            std::hint::black_box(self.keys.entry.sign(&self.rows[1]));
            self.database.commit(&self.rows[1]);
            card
        });
        card.disconnect(pcsc::Disposition::LeaveCard).map_err(|(_, error)| error).unwrap();
        took
    }

    fn open_card(&self, reader: &pcsc::Card) -> CardState {
        let SelectAnswer::Issued(challenge) = SelectAnswer::decode(&ask(reader, &Command::Select)).unwrap() else {
            panic!("a blank card")
        };
        ask(reader, &Command::ReadCertificate);
        let ours = Challenge(crypto::random().unwrap());
        let signature = self.keys.card.sign(&authentication_bytes(self.card.card, &challenge, &ours)).unwrap();
        let open = OpenRequest { terminal_challenge: ours, certificate: self.certificate, signature };
        let state = CardState::decode(&ask(reader, &Command::Open(open))).unwrap();
        let signed = state.signed_bytes(self.card.card, &ours);
        assert!(verify_p256(&self.card.public_key, &signed, &state.signature));
        ask(reader, &Command::ReadEntitlement);
        state
    }

    fn debit(&self, reader: &pcsc::Card, state: &CardState) {
        let transaction = TransactionId::new(crypto::random().unwrap());
        let order = DebitOrder { slot: CINEMA, season: SEASON, amount: 1, transaction, time: EVENING };
        let signature = self.keys.card.sign(&order.signed_bytes(self.card.card, &state.next_challenge)).unwrap();
        let answer = ChangeAnswer::decode(&ask(reader, &Command::Debit { order, signature })).unwrap();
        let record = Record {
            card: self.card.card,
            operation: Operation::Debit,
            slot: CINEMA,
            season: SEASON,
            amount: 1,
            link: 0,
            consumed: answer.consumed,
            counter: answer.counter,
            terminal: self.certificate.terminal,
            transaction,
            time: EVENING,
        };
        assert!(verify_p256(&self.card.public_key, &record.signed_bytes(), &answer.signature));
    }
}

/// How the limit speaks to its card.
#[derive(Clone, Copy)]
enum Talk {
    /// The commands alone: any other program may come between them.
    Bare,
    /// As a program must that shares its readers: each piece of the conversation in a PC/SC transaction.
    InTransactions,
}

impl Talk {
    fn with<R>(self, card: &mut pcsc::Card, talk: impl FnOnce(&pcsc::Card) -> R) -> R {
        match self {
            Self::Bare => talk(card),
            Self::InTransactions => {
                let transaction = card.transaction().unwrap();
                let result = talk(&transaction);
                transaction.end(pcsc::Disposition::LeaveCard).map_err(|(_, error)| error).unwrap();
                result
            }
        }
    }
}

/// The data of the answer to `command`, which must say that it is done.
fn ask(card: &pcsc::Card, command: &Command) -> Vec<u8> {
    let mut buffer = [0; pcsc::MAX_BUFFER_SIZE];
    let answer = card.transmit(&command.encode(Case4::WithLe), &mut buffer).unwrap();
    answer.strip_suffix(&[0x90, 0x00]).expect("done").to_vec()
}
