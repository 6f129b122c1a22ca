//! The ledger against bare SQLite, and a ledger of a million entries against an empty one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::bare::{BareDatabase, bytes_of_a_sale};
use common::measure::{Aim, Comparison, Plan, compare, report, timed};
use common::terminal::{Card, Terminal, grown, sell};
use common::world::EVENING;
use pass::domain::TransactionId;
use pass::domain::entry::Tender;
use pass::domain::quote::QuoteRequest;
use pass::ledger::Ledger;
use pass::machine::sale::{ClientRequest, Command as Sale};
use pass::terminal::lookup::look_up;

const MILLION: u64 = 1_000_000;
const CARDS: usize = 50;

/// Set for the child that says what a ledger in this directory takes of memory.
const MEMORY_VARIABLE: &str = "PASS_BENCH_MEMORY_OF";

fn main() {
    if let Some(directory) = std::env::var_os(MEMORY_VARIABLE) {
        return say_memory(Path::new(&directory));
    }
    report("The ledger against bare SQLite, both on this disk", &[commits()]);
    let (empty, million) = (Terminal::enrol(&common::scratch("empty")), grown(MILLION));
    report(
        "A ledger of 1,000,000 entries (product) against an empty one (limit)",
        &[part_of_a_sale(&empty, &million), opening(&empty, &million), memory(&empty, &million)],
    );
}

/// A ledger with cards, and what a sale asks of it.
struct Shop {
    ledger: Ledger,
    cards: Vec<Card>,
    sold: usize,
}

impl Shop {
    fn open(terminal: &Terminal) -> Self {
        Self { ledger: terminal.ledger(), cards: terminal.cards(CARDS), sold: 0 }
    }

    /// Intent and entry. What the card does in between takes no time here.
    fn commit(&mut self) -> Duration {
        self.sold += 1;
        let card = &mut self.cards[self.sold % CARDS];
        let (intent, body) = card.sale(self.ledger.view().floor());
        timed(|| sell(&mut self.ledger, &card.certificate, &intent, body)).1
    }

    /// What the ledger's thread does between customers, for whom it takes no time.
    fn quiet_moment(&mut self) {
        if self.sold.is_multiple_of(CARDS) {
            self.ledger.copy_log();
        }
    }

    /// What is looked up before, for a client that waits and for the card that then comes; intent and entry.
    fn sale(&mut self) -> Duration {
        self.quiet_moment();
        self.sold += 1;
        let card = &mut self.cards[self.sold % CARDS];
        let (intent, body) = card.sale(self.ledger.view().floor());
        let request = QuoteRequest::default();
        let client = ClientRequest {
            id: intent.request(),
            command: Sale::Redeem { request, tender: Tender::Cash.into(), confirmed: None },
            wait: Duration::ZERO,
            cashier: None,
        };
        let ledger = &mut self.ledger;
        let sale = || {
            for card in [None, Some(intent.card)] {
                look_up(ledger.view(), EVENING, card, Some(&client), TransactionId::new([0; 16])).unwrap();
            }
            sell(ledger, &card.certificate, &intent, body);
        };
        timed(sale).1
    }
}

fn commits() -> Comparison {
    let directory = common::scratch("commits");
    let mut shop = Shop::open(&Terminal::enrol(&directory));
    shop.commit();
    let rows = bytes_of_a_sale(&directory);
    let bare = BareDatabase::make(&directory);
    let two_commits = || timed(|| rows.iter().for_each(|row| bare.commit(row))).1;
    // A turn is longer than the way from one checkpoint to the next.
    let plan = Plan { turns: 16, operations: 250 };
    compare("intent and entry, two durable commits", Aim::AtLeast(0.8), plan, || shop.commit(), two_commits)
}

fn part_of_a_sale(empty: &Terminal, million: &Terminal) -> Comparison {
    let (mut empty, mut million) = (Shop::open(empty), Shop::open(million));
    let plan = Plan { turns: 16, operations: 250 };
    compare("a sale's part: look up, intent, entry", Aim::AtMost(1.1), plan, || million.sale(), || empty.sale())
}

fn opening(empty: &Terminal, million: &Terminal) -> Comparison {
    let plan = Plan { turns: 20, operations: 10 };
    let open = |terminal: &Terminal| timed(|| terminal.ledger()).1;
    compare("opening", Aim::AtMost(1.1), plan, || open(million), || open(empty))
}

fn memory(empty: &Terminal, million: &Terminal) -> Comparison {
    let of = |terminal: &Terminal| -> f64 {
        let program = std::env::current_exe().unwrap();
        let said = Command::new(program).env(MEMORY_VARIABLE, &terminal.directory).output().unwrap();
        String::from_utf8(said.stdout).unwrap().trim().parse().unwrap()
    };
    Comparison::of("memory after 1,000 sales (VmRSS)", Aim::AtMost(1.1), of(million), of(empty))
}

/// Sells a while, and prints the bytes of memory that this process then has.
fn say_memory(directory: &Path) {
    let mut shop = Shop::open(&Terminal::at(directory));
    for _ in 0..1000 {
        shop.sale();
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{}", kibibytes * 1024);
}
