//! The feed at the size of a region, through the region's own server, on SQLite and on PostgreSQL: the first load of a new terminal, a day's news, and everything
//! for a terminal that holds the entitlements of all cards.
//!
//! Bytes are held against the same answers with their items as they are; the time of a first load against one bare read of the same rows from the same
//! store, and that of a day's news against an exchange that has none. `PASS_CARDS`, `PASS_DENIED` and `PASS_TERMINALS` make another region of it. SQLite commits to the
//! disk; PostgreSQL is the tests' own server, on this machine, on its disk too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]

#[path = "../tests/support/cards.rs"]
mod cards;
mod common;
#[path = "../tests/region_exchange/http.rs"]
mod http;
#[allow(dead_code, reason = "the kit of the stories, of which a measurement needs a part")]
#[path = "../tests/region_exchange/kit.rs"]
mod kit;
#[path = "../tests/support/postgres.rs"]
mod postgres;
#[allow(dead_code, reason = "for the kit")]
#[path = "../tests/region_exchange/stores.rs"]
mod stores;

use std::cell::RefCell;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cards::{deny, entitlement, fill, noise};
use common::measure::{Aim, Comparison, Plan, compare, report, timed};
use http::{Server, request, talk};
use kit::{Terminal, code};
use pass::domain::{CardNumber, Season, Timestamp};
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE};
use pass::region::desk::CODE_HOURS;
use pass::region::store::{Audience, Location};
use pass::region::{Region, RegionError, embedded};
use pass::wire::cbor::{Opaque, decode};
use pass::wire::cose::{Algorithm, Content, Sign1};
use pass::wire::exchange::ANSWER_PAGES_MAX;
use pass::wire::feed::{Item, PAGE_ITEMS_MAX, PackedPage};

/// Denials in a day: 10,000 in a year of 250 working days is half of it.
const DAY: u64 = 80;
/// Exchanges whose time is measured together.
const EXCHANGES: usize = 200;
/// Items of an answer that is full.
const ANSWER_ITEMS: usize = ANSWER_PAGES_MAX * PAGE_ITEMS_MAX;
const PLAN: Plan = Plan { turns: 5, operations: 1 };

fn now() -> Timestamp {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::new(seconds.try_into().unwrap())
}

fn size_of(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|size| size.parse().ok()).unwrap_or(usual)
}

fn main() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("embedded");
    measure("SQLite", &data, &embedded(&data));
    let server = Arc::new(postgres::Server::start_durable());
    let database = postgres::Database::on(&server);
    measure("PostgreSQL", &directory.path().join("shared"), &Location::parse(&database.url).unwrap());
}

fn measure(engine: &'static str, data: &Path, location: &Location) {
    let place = Place::new(data, location);
    let store = match location {
        Location::Sqlite(path) => format!("sqlite:{}", path.display()),
        Location::Postgres(url) => url.clone(),
    };
    let server = Server::start(data.to_str().unwrap(), &["--store", &store]);
    let line = Line { server: &server, sums: RefCell::default() };
    let mut terminal = place.terminal(false);

    let ((), first) = timed(|| line.load(&mut terminal, 0));
    line.say(engine, "first load, nothing packed yet", first);
    let ((), again) = timed(|| line.load(&mut terminal, 0));
    let whole = line.say(engine, "first load of the next terminal", again);
    let read = || timed(|| place.read()).1;
    let load = compare(
        "first load against a bare read of its rows",
        Aim::AtMost(4.0),
        PLAN,
        || timed(|| line.load(&mut terminal.clone(), 0)).1,
        read,
    );
    line.forget();

    let yesterday = terminal.position;
    place.deny(place.denied, DAY);
    let ((), day) = timed(|| line.load(&mut terminal, yesterday));
    let news = line.say(engine, "a day's news", day);
    let today = terminal.position;
    let ((), nothing) = timed(|| line.load(&mut terminal, today));
    line.say(engine, "no news", nothing);
    let many = |position: u64| {
        let cpu = cpu_seconds(server.id());
        (0..EXCHANGES).for_each(|_| line.load(&mut terminal.clone(), position));
        Duration::from_secs_f64((cpu_seconds(server.id()) - cpu) / EXCHANGES as f64)
    };
    let night = compare(
        "a day's news against none, the server's CPU",
        Aim::AtMost(1.5),
        PLAN,
        || many(yesterday),
        || many(today),
    );
    line.forget();

    let before = resident(server.id());
    place.tell_entitlements();
    let mut holder = place.terminal(true);
    let (_, quarter) = timed(|| line.exchanges(&mut holder, place.cards.len() / (4 * ANSWER_ITEMS)));
    let early = resident(server.id());
    let position = holder.position;
    let ((), rest) = timed(|| line.load(&mut holder, position));
    let entitlements = line.say(engine, "first load with all entitlements", quarter + rest);
    let late = resident(server.id());
    println!("{engine}: the server's memory before that load: {:.1} MiB", before / 1_048_576.0);
    let memory = Comparison::of("resident after that load, after its quarter", Aim::AtMost(1.1), late, early);
    report(
        &format!("{engine}, bytes of answers: as they travel (product), as they would be (limit)"),
        &[whole, news, entitlements],
    );
    report(&format!("{engine}, time, and the server's memory"), &[load, night, memory]);
}

/// A region with its cards, its terminals and its deny list.
struct Place {
    region: Region,
    cards: Vec<CardNumber>,
    denied: u64,
}

impl Place {
    fn new(data: &Path, location: &Location) -> Self {
        let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
        let region = Region::create_on(data, location, &catalogue, Season::at(now()), now()).unwrap();
        let (denied, terminals) = (size_of("PASS_DENIED", 10_000), size_of("PASS_TERMINALS", 6000));
        let cards = fill(&region, size_of("PASS_CARDS", 400_000), Season::at(now()), now());
        let partner = region.add_partner("Le Phare (inventé)", vec![code("cinema")], now()).unwrap();
        for _ in 0..terminals {
            region.add_terminal(partner, None, false, CODE_HOURS, now()).unwrap();
        }
        let place = Self { region, cards, denied };
        place.deny(0, denied);
        place
    }

    /// Denies so many cards, of all over the country.
    fn deny(&self, from: u64, count: u64) {
        let step = self.cards.len() / (self.denied as usize + DAY as usize);
        let cards: Vec<CardNumber> =
            self.cards.iter().step_by(step).skip(from as usize).take(count as usize).copied().collect();
        deny(&self.region, &cards, now());
    }

    /// Tells the second entitlement of each card to the terminals that hold all.
    fn tell_entitlements(&self) {
        for cards in self.cards.chunks(1000) {
            let item = |card: &CardNumber| Item::Entitlement(entitlement(*card, Season::at(now()), 2, noise(*card)));
            let items: Vec<Item> = cards.iter().map(item).collect();
            let told: Result<_, RegionError> =
                self.region.store().write(|tx| Ok(tx.tell_all(Audience::HoldersOfAll, &items, 1)?));
            told.unwrap();
        }
    }

    /// A terminal that was enrolled a moment ago.
    fn terminal(&self, all_entitlements: bool) -> Terminal {
        let partner = self.region.add_partner("Le Phare (inventé)", vec![code("cinema")], now()).unwrap();
        let code = self.region.add_terminal(partner, None, all_entitlements, CODE_HOURS, now()).unwrap();
        Terminal::enrol(&self.region, &code, now()).unwrap()
    }

    /// Reads every row that a first load has, and nothing else.
    fn read(&self) {
        let read: Result<usize, RegionError> = self.region.store().read(|tx| {
            let end = tx.feed_head()?.position;
            Ok(tx.feed_of_all(false, 0, end, usize::MAX)?.len())
        });
        assert!(read.unwrap() as u64 >= self.denied);
    }
}

/// What came over a line.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    answers: usize,
    pages: usize,
    items: usize,
    /// Of the answers, as they came.
    bytes: usize,
    /// Of the answers, had their items not been packed.
    plain: usize,
    largest: usize,
}

/// The line to a server.
struct Line<'s> {
    server: &'s Server,
    sums: RefCell<Sums>,
}

impl Line<'_> {
    /// Exchanges until there is no more, from `position` on.
    fn load(&self, terminal: &mut Terminal, position: u64) {
        terminal.position = position;
        while self.exchanges(terminal, 1) {}
    }

    /// Exchanges so many times, unless there is no more; whether there is.
    fn exchanges(&self, terminal: &mut Terminal, times: usize) -> bool {
        for _ in 0..times {
            let asked = terminal.request(now());
            let body = terminal.message(&asked);
            let mut stream = TcpStream::connect(&self.server.address).unwrap();
            let (status, _, answer) =
                talk(&mut stream, &request("POST", "/v1/exchanges", "application/cose", &body)).unwrap();
            assert_eq!(status, 200);
            let heard = terminal.hear(&answer, &asked);
            self.sums.borrow_mut().add(&answer, &heard.answer.answer().pages, heard.items.len());
            if !heard.answer.answer().more {
                return false;
            }
        }
        true
    }

    /// Prints what came since the last time, and gives it as a comparison of bytes.
    fn say(&self, engine: &str, what: &'static str, time: Duration) -> Comparison {
        let Sums { answers, pages, items, bytes, plain, largest } = self.sums.take();
        println!(
            "{engine}: {what}: {items} items on {pages} pages in {answers} answers, {bytes} bytes (plain {plain}, the largest answer {largest}), {:.1} ms",
            time.as_secs_f64() * 1000.0
        );
        Comparison::of(what, Aim::AtMost(1.0), bytes as f64, plain as f64)
    }

    fn forget(&self) {
        self.sums.take();
    }
}

impl Sums {
    fn add(&mut self, answer: &[u8], pages: &[Opaque], items: usize) {
        self.answers += 1;
        self.pages += pages.len();
        self.items += items;
        self.bytes += answer.len();
        self.plain += answer.len();
        self.largest = self.largest.max(answer.len());
        for page in pages {
            let message = Sign1::decode(&page.0, Algorithm::Es256, Content::FeedPage).unwrap();
            let page: PackedPage = decode(&message.payload).unwrap();
            self.plain = self.plain + page.items.size as usize - page.items.zstd.0.len();
        }
    }
}

/// What a process has used of the processors, in seconds.
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    // Fields 14 and 15 of proc(5), in hundredths of a second.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

/// What a process holds of memory, in bytes.
fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024.0 * line.trim().trim_end_matches(" kB").parse::<f64>().unwrap()
}
