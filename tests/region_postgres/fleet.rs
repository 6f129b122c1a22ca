//! Many terminals, two servers, one PostgreSQL, and none of them is spared: nothing is missing at the end, and nothing is there twice.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pass::domain::verdict::Verdict;
use pass::domain::{Season, TerminalId, Timestamp};
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE};
use pass::region::desk::CODE_HOURS;
use pass::region::store::Location;
use pass::region::{Region, RegionError};

use super::http::{Server, request, talk};
use super::kit::{BOOKS, Card, Terminal, code};
use super::postgres;

const TERMINALS: usize = 50;
const SALES: usize = 12;
/// Entries in one message, so that each terminal comes several times.
const AT_ONCE: usize = 3;
/// What a book costs.
const CENTS: u32 = 50;
/// How long everything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(240);

fn now() -> Timestamp {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Timestamp::new(seconds.try_into().unwrap())
}

/// The two servers that a load balancer would send to.
struct Servers {
    data: String,
    store: String,
    running: RwLock<[Option<Server>; 2]>,
}

impl Servers {
    fn start(&self, which: usize) {
        let server = Server::start(&self.data, &["--store", &self.store]);
        self.running.write().unwrap()[which] = Some(server);
    }

    /// Kills it in the middle of whatever it does.
    fn kill(&self, which: usize) {
        self.running.write().unwrap()[which] = None;
    }

    fn address(&self, which: usize) -> Option<String> {
        self.running.read().unwrap()[which].as_ref().map(|server| server.address.clone())
    }
}

/// Brings all that a terminal has, whoever answers; what fails is tried again elsewhere.
fn bring_home(terminal: &mut Terminal, servers: &Servers, brought: &AtomicUsize, began: Instant) {
    let mut which = terminal.id.get() as usize;
    while terminal.acknowledged.sequence < terminal.head().sequence {
        assert!(began.elapsed() < PATIENCE, "terminal {} does not come through", terminal.id);
        which += 1;
        let asked = {
            let mut asked = terminal.request(now());
            asked.entries.truncate(AT_ONCE);
            asked
        };
        let body = terminal.message(&asked);
        let answer = servers.address(which % 2).and_then(|address| {
            let mut stream = TcpStream::connect(address).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
            talk(&mut stream, &request("POST", "/v1/exchanges", "application/cose", &body)).ok()
        });
        match answer {
            Some((200, _, message)) => {
                terminal.hear(&message, &asked);
                brought.fetch_add(1, Ordering::Relaxed);
            }
            Some((500 | 503, ..)) | None => std::thread::sleep(Duration::from_millis(50)),
            Some((status, ..)) => panic!("terminal {} was answered {status}", terminal.id),
        }
    }
}

#[test]
fn two_servers_and_their_postgresql_fail_in_the_middle_and_nothing_is_missing_or_there_twice() {
    let began = Instant::now();
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("region");
    let postgresql = Arc::new(postgres::Server::start());
    let database = postgres::Database::on(&postgresql);
    let location = Location::parse(&database.url).unwrap();
    let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
    let region = Region::create_on(&data, &location, &catalogue, Season::at(now()), now()).unwrap();
    let partner = region.add_partner("La Grange aux livres (inventée)", vec![code("bookshop")], now()).unwrap();
    let mut terminals = Vec::new();
    for _ in 0..TERMINALS {
        let code_for = region.add_terminal(partner, None, false, CODE_HOURS, now()).unwrap();
        let mut terminal = Terminal::enrol(&region, &code_for, now()).unwrap();
        let mut card = Card::blank();
        card.number = Some(region.issue_card(&mut card.reader, &code("lycee"), now()).unwrap());
        for _ in 0..SALES {
            terminal.sell(&mut card, BOOKS, CENTS, now());
        }
        terminals.push(Mutex::new(terminal));
    }
    let data = data.to_str().unwrap().to_owned();
    let servers = Servers { data, store: database.url.clone(), running: RwLock::new([None, None]) };
    servers.start(0);
    servers.start(1);

    let (next, brought) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let messages = TERMINALS * SALES.div_ceil(AT_ONCE);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(terminal) = terminals.get(next.fetch_add(1, Ordering::Relaxed)) {
                    bring_home(&mut terminal.lock().unwrap(), &servers, &brought, began);
                }
            });
        }
        let until = |part: usize| {
            while brought.load(Ordering::Relaxed) < messages * part / 4 {
                assert!(began.elapsed() < PATIENCE, "the terminals do not come through");
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        until(1);
        servers.kill(0);
        until(2);
        postgresql.crash();
        postgresql.run();
        servers.start(0);
        until(3);
        servers.kill(1);
    });

    // The server that is left settles the accounts that the others have not.
    let expected: BTreeMap<TerminalId, Vec<u64>> =
        terminals.iter().map(|terminal| (terminal.lock().unwrap().id, (1..=SALES as u64).collect())).collect();
    loop {
        let region = Region::open_on(&directory.path().join("region"), &location).unwrap();
        let mut there: BTreeMap<TerminalId, Vec<u64>> = BTreeMap::new();
        let mut payable = 0;
        let listed: Result<(), RegionError> = region.store().read(|tx| {
            (there, payable) = (BTreeMap::new(), 0);
            tx.list_entries(None, |listing| {
                let key = listing.entry.key;
                there.entry(key.terminal).or_default().push(key.place.sequence.get());
                payable += usize::from(listing.judged.is_some_and(|judged| {
                    judged.verdict == Verdict::Payable && judged.payable.get() == u64::from(CENTS)
                }));
                Ok(())
            })
        });
        listed.unwrap();
        assert_eq!(there, expected, "every entry, once");
        if payable == TERMINALS * SALES {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{payable} of {} sales are payable", TERMINALS * SALES);
        std::thread::sleep(Duration::from_millis(100));
    }
    let last = servers.running.write().unwrap()[0].take().unwrap();
    assert!(last.end(), "it ends in good order");
}
