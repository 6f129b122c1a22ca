//! The nightly exchange through the region's own server, against what cannot be done with less: the bare signature checks of the same entries on the same
//! cores, and the bare `COPY` of the same rows into the same PostgreSQL. The tighter of the two is the bound.
//!
//! Each turn has a store of its own, made from one that knows the terminals and the cards and no entry. The server is the program, the clients are
//! eight threads that send messages of a hundred entries. Beside the exchange itself it is told how long it takes until the last of the entries is
//! judged too.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]

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

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::measure::{Aim, Comparison, Plan, compare, report, timed};
use http::{Server, request, talk};
use kit::{CINEMA, Card, Terminal, code};
use pass::crypto::{Ed25519PublicKey, entry_hash, verify_p256, verify_sign1_ed25519};
use pass::domain::card::{PublicKey, SignedRecord};
use pass::domain::verdict::Verdict;
use pass::domain::{Season, Timestamp};
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE};
use pass::region::desk::CODE_HOURS;
use pass::region::store::Location;
use pass::region::{Region, RegionError, embedded};
use pass::wire::cose::{Algorithm, Content, Sign1};

const TERMINALS: usize = 16;
/// Each is debited five times, which is what a season grants.
const CARDS: usize = 40;
const SEATS: usize = 5;
/// Entries in one message.
const AT_ONCE: usize = 100;
const CLIENTS: usize = 8;
const PLAN: Plan = Plan { turns: 3, operations: 1 };

fn now() -> Timestamp {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::new(seconds.try_into().unwrap())
}

fn main() {
    let server = Arc::new(postgres::Server::start_durable());
    let shared = Prepared::new(Some(&server));
    let proofs = shared.proofs();
    let mut comparisons = Vec::new();
    for (servers, name) in [(1, "PostgreSQL, 1 server"), (2, "PostgreSQL, 2 servers")] {
        let product = || shared.exchange(servers).0;
        comparisons.push(compare(name, Aim::AtLeast(0.7), PLAN, product, || proofs.check()));
    }
    let name = "PostgreSQL, 2 servers, until all is judged";
    comparisons.push(compare(name, Aim::AtLeast(0.7), PLAN, || shared.exchange(2).1, || proofs.check()));
    let embedded = Prepared::new(None);
    let of_embedded = embedded.proofs();
    let (name, product) = ("SQLite, 1 server, judged at once", || embedded.exchange(1).0);
    comparisons.push(compare(name, Aim::AtLeast(0.7), PLAN, product, || of_embedded.check()));
    let entries = shared.entries();
    report(
        &format!("{entries} debits through the server (product) against their bare signature checks (limit)"),
        &comparisons,
    );

    let product = || shared.exchange(2).0;
    let copied = compare("PostgreSQL, 2 servers", Aim::AtLeast(0.7), PLAN, product, || shared.copy());
    report("The same against a bare COPY of the entries' rows", &[copied]);

    let (few, many) = (memory(&server, 10), memory(&server, 5000));
    let flat = Comparison::of("resident, 5,000 terminals against 10", Aim::AtMost(1.1), many, few);
    report("The server's memory", &[flat]);
}

/// A terminal's key, and what the cards signed for each of its entries.
type TerminalProofs = (Ed25519PublicKey, Vec<(PublicKey, SignedRecord)>);

/// Terminals with entries that nobody has heard of, and a store that knows the terminals and their cards.
struct Prepared {
    directory: tempfile::TempDir,
    /// The database that is copied for each turn; without one it is the file in the directory.
    template: Option<postgres::Database>,
    terminals: Vec<Terminal>,
    keys: Vec<TerminalProofs>,
}

impl Prepared {
    fn new(server: Option<&Arc<postgres::Server>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("region");
        let template = server.map(postgres::Database::on);
        let location = match &template {
            Some(database) => Location::parse(&database.url).unwrap(),
            None => embedded(&data),
        };
        let region = founded(&data, &location);
        let partner = region.add_partner("Le Phare (inventé)", vec![code("cinema")], now()).unwrap();
        let (mut terminals, mut keys) = (Vec::new(), Vec::new());
        for _ in 0..TERMINALS {
            let added = region.add_terminal(partner, None, false, CODE_HOURS, now()).unwrap();
            let mut terminal = Terminal::enrol(&region, &added, now()).unwrap();
            let mut proofs = Vec::new();
            for _ in 0..CARDS {
                let mut card = Card::blank();
                let number = region.issue_card(&mut card.reader, &code("lycee"), now()).unwrap();
                card.number = Some(number);
                let key = region.card_file(number).unwrap().card.certificate.unwrap().public_key;
                for _ in 0..SEATS {
                    proofs.push((key, terminal.sell(&mut card, CINEMA, 1, now()).1));
                }
            }
            let row = region.store().read(|tx| tx.terminal(terminal.id)).unwrap().unwrap();
            keys.push((row.keys.unwrap().entry, proofs));
            terminals.push(terminal);
        }
        Self { directory, template, terminals, keys }
    }

    fn entries(&self) -> usize {
        self.terminals.iter().map(|terminal| terminal.chain.len()).sum()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("region")
    }

    /// Brings everything through `servers` servers: until all is acknowledged, and until all is judged.
    fn exchange(&self, servers: usize) -> (Duration, Duration) {
        let (mut copied_file, mut copied_database) = (None, None);
        let store = match &self.template {
            Some(template) => copied_database.insert(template.copied()).url.clone(),
            None => {
                let copy = copied_file.insert(tempfile::tempdir().unwrap()).path().join("region.db");
                std::fs::copy(self.data().join("region.db"), &copy).unwrap();
                format!("sqlite:{}", copy.display())
            }
        };
        let data = self.data();
        let start = |_| Server::start(data.to_str().unwrap(), &["--store", &store]);
        let servers: Vec<Server> = (0..servers).map(start).collect();
        let terminals: Vec<Mutex<Terminal>> = self.terminals.iter().cloned().map(Mutex::new).collect();
        let next = AtomicUsize::new(0);
        let bring = || {
            std::thread::scope(|scope| {
                for client in 0..CLIENTS {
                    let (servers, terminals, next) = (&servers, &terminals, &next);
                    scope.spawn(move || {
                        while let Some(terminal) = terminals.get(next.fetch_add(1, Ordering::Relaxed)) {
                            let address = &servers[client % servers.len()].address;
                            bring_home(&mut terminal.lock().unwrap(), address);
                        }
                    });
                }
            });
        };
        let ((), acknowledged) = timed(bring);
        let region = Region::open_on(&data, &Location::parse(&store).unwrap()).unwrap();
        let ((), judged) = timed(|| {
            while payable(&region) < self.entries() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        (acknowledged, acknowledged + judged)
    }

    fn proofs(&self) -> Proofs {
        let of_terminal = |(terminal, (key, proofs)): (&Terminal, &TerminalProofs)| {
            let messages =
                terminal.chain.iter().map(|cose| Sign1::decode(cose, Algorithm::EdDsa, Content::Entry).unwrap());
            let (key, proofs) = (*key, proofs.clone());
            messages.zip(proofs).map(move |(message, proof)| (key, message, proof)).collect::<Vec<_>>()
        };
        Proofs(self.terminals.iter().zip(&self.keys).flat_map(of_terminal).collect())
    }

    /// Copies the rows that the server would write for the entries, and nothing else, into their table.
    fn copy(&self) -> Duration {
        let database = self.template.as_ref().unwrap().copied();
        let mut rows = String::new();
        for terminal in &self.terminals {
            let mut previous = "00".repeat(32);
            for (index, cose) in terminal.chain.iter().enumerate() {
                let hash = hex::encode(entry_hash(cose).as_bytes());
                rows.push_str(&format!(
                    "{}\t0\t{}\t\\\\x{hash}\t\\\\x{previous}\t\\\\x{}\t1\tdebit\t1\t400\t0\t0\t0\t0\n",
                    terminal.id.get(),
                    index + 1,
                    hex::encode(cose)
                ));
                previous = hash;
            }
        }
        timed(|| database.psql("COPY entry FROM STDIN", &rows)).1
    }
}

/// A region of its own, that nobody knows of yet.
fn founded(data: &Path, location: &Location) -> Region {
    let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
    Region::create_on(data, location, &catalogue, Season::at(now()), now()).unwrap()
}

/// What a server holds of memory, in bytes, when it has heard of this many terminals.
fn memory(server: &Arc<postgres::Server>, terminals: usize) -> f64 {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("region");
    let database = postgres::Database::on(server);
    let region = founded(&data, &Location::parse(&database.url).unwrap());
    let partner = region.add_partner("Le Phare (inventé)", vec![code("cinema")], now()).unwrap();
    // All of them stand behind one address here.
    let config = directory.path().join("region.toml");
    std::fs::write(&config, "[api]\naddress-messages-per-minute = 4000000000\n").unwrap();
    let more = ["--store", &database.url, "--config", config.to_str().unwrap()];
    let server = Server::start(data.to_str().unwrap(), &more);
    for _ in 0..terminals {
        let added = region.add_terminal(partner, None, false, CODE_HOURS, now()).unwrap();
        let mut terminal = Terminal::enrol(&region, &added, now()).unwrap();
        terminal.write_start(now());
        bring_home(&mut terminal, &server.address);
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    1024.0 * line.trim().trim_end_matches(" kB").parse::<f64>().unwrap()
}

fn bring_home(terminal: &mut Terminal, address: &str) {
    while terminal.acknowledged.sequence < terminal.head().sequence {
        let mut asked = terminal.request(now());
        asked.entries.truncate(AT_ONCE);
        let body = terminal.message(&asked);
        let mut stream = TcpStream::connect(address).unwrap();
        let (status, _, answer) =
            talk(&mut stream, &request("POST", "/v1/exchanges", "application/cose", &body)).unwrap();
        assert_eq!(status, 200);
        terminal.hear(&answer, &asked);
    }
}

fn payable(region: &Region) -> usize {
    let mut payable = 0;
    let listed: Result<(), RegionError> = region.store().read(|tx| {
        payable = 0;
        tx.list_entries(None, |listing| {
            payable += usize::from(listing.judged.is_some_and(|judged| judged.verdict == Verdict::Payable));
            Ok(())
        })
    });
    listed.unwrap();
    payable
}

/// Everything that is signed, decoded before the clock starts.
struct Proofs(Vec<(Ed25519PublicKey, Sign1, (PublicKey, SignedRecord))>);

impl Proofs {
    /// Checks them all, on all cores.
    fn check(&self) -> Duration {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let work = |part: usize| {
            self.0.iter().skip(part).step_by(cores).all(|(key, message, (card, proof))| {
                verify_sign1_ed25519(message, key) && verify_p256(card, &proof.record.signed_bytes(), &proof.signature)
            })
        };
        let all = || {
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..cores).map(|part| scope.spawn(move || work(part))).collect();
                workers.into_iter().all(|worker| worker.join().unwrap())
            })
        };
        let (good, time) = timed(all);
        assert!(good);
        time
    }
}
