//! Kill rounds: sale after sale over a real pcscd, and in each round the daemon, the region or both are killed at a random moment, now
//! and then with the card pulled as well. Afterwards every card comes home, and every client has asked again until it was told.
//!
//! What must hold then: the cards, the ledger and the region agree; each entry that anybody was told is there, and each debit that is
//! there was told to exactly one client; the money that clients were told to collect is that of the journal; no intent is open.
//!
//! `PASS_KILL_ROUNDS` says how many rounds, `PASS_KILL_SEED` begins with the same decisions as another run did. The moments are those
//! of a real machine, so a seed repeats the plan of a run and not the run.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::chance::Chance;
use crate::kit::{Card, Counter, HERE, Laid, Region, Running, Said, World, agree_over, many_seats};
use crate::support::{DEADLINE, poll};

const ROUNDS: u64 = 30;
/// A round sells one seat, or two; a season has five hundred here.
const ROUNDS_PER_CARD: u64 = 300;
/// The card is pulled in one of so many rounds in which the daemon dies.
const PULLS: u64 = 8;
/// Without a look at the books a fault is found long after it happened.
const ROUNDS_BETWEEN_LOOKS: u64 = 50;

/// Who dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Daemon,
    Region,
    Both,
}

impl Victim {
    const fn is_daemon(self) -> bool {
        match self {
            Self::Daemon | Self::Both => true,
            Self::Region => false,
        }
    }

    const fn is_region(self) -> bool {
        match self {
            Self::Region | Self::Both => true,
            Self::Daemon => false,
        }
    }
}

/// What a client knows of its sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Granted,
    NotSold,
    /// Ask again.
    Nothing,
}

/// What was seen, for whoever reads the report.
#[derive(Debug, Default)]
struct Figures {
    kills: BTreeMap<Victim, u64>,
    pulls: u64,
    granted: u64,
    told_later: u64,
    not_sold: u64,
    asked: u64,
}

struct Rounds {
    world: World,
    region: Region,
    cinema: Counter,
    cards: Vec<Card>,
    /// Which card lies on the reader.
    here: usize,
    lying: Option<Laid>,
    chance: Chance,
    /// How long a sale takes that nobody disturbs.
    sale: Duration,
    /// Sales whose card was pulled before their clients were told, by card.
    untold: BTreeMap<usize, Vec<String>>,
    /// The entries that clients were told, and what each was told to collect, in cents.
    told: BTreeMap<u64, (String, u64)>,
    figures: Figures,
}

impl Rounds {
    fn begin(seed: u64, rounds: u64) -> Self {
        let world = World::new();
        let region = world.region_with(&many_seats());
        let cards = (0..rounds.div_ceil(ROUNDS_PER_CARD).max(2)).map(|_| world.card(&region)).collect();
        let cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
        let mut rounds = Self {
            world,
            region,
            cinema,
            cards,
            here: 0,
            lying: None,
            chance: Chance::seeded(seed),
            sale: Duration::ZERO,
            untold: BTreeMap::new(),
            told: BTreeMap::new(),
            figures: Figures::default(),
        };
        rounds.lay(0);
        rounds.sell_to_the_end(&"a".repeat(32));
        let begun = Instant::now();
        rounds.sell_to_the_end(&"b".repeat(32));
        rounds.sale = begun.elapsed();
        rounds
    }

    fn lay(&mut self, card: usize) {
        self.here = card;
        self.lying = Some(self.cards[card].lay(&self.world, HERE));
    }

    fn ask(&mut self, id: &str) -> Running {
        self.figures.asked += 1;
        self.cinema.begin(&["redeem", "--json", "--wait", "10", "--id", id])
    }

    /// Takes down what a client was told.
    fn hear(&mut self, id: &str, said: &Said) -> Told {
        if said.code == Some(69) {
            return Told::Nothing;
        }
        let answer = said.json();
        match (answer["outcome"].as_str(), answer["refusal"].as_str()) {
            (Some("granted"), _) => {
                assert_eq!(said.code, Some(0), "{answer}");
                let entry = answer["entry"].as_u64().unwrap();
                let due = answer["due_cents"].as_u64().unwrap();
                let before = self.told.insert(entry, (id.to_owned(), due));
                assert!(before.is_none_or(|(other, _)| other == id), "entry {entry} was told to two clients");
                self.figures.told_later += u64::from(answer["repeated"] == true);
                self.figures.granted += 1;
                Told::Granted
            }
            (Some("unknown"), _) | (Some("refused"), Some("busy" | "sale-in-doubt" | "card-removed")) => {
                assert_eq!(said.code, Some(4), "{answer}");
                Told::Nothing
            }
            (Some("refused"), Some("card-changed")) => {
                self.figures.not_sold += 1;
                Told::NotSold
            }
            _ => panic!("{answer}"),
        }
    }

    /// Asks until the client is told: the card lies there and everybody runs.
    fn sell_to_the_end(&mut self, id: &str) {
        let told = poll(DEADLINE, || {
            let said = self.ask(id).said();
            Some(self.hear(id, &said)).filter(|told| *told != Told::Nothing)
        });
        assert!(told.is_some(), "nobody says what became of {id}");
    }

    fn round(&mut self) {
        let id = hex::encode(self.chance.bytes16());
        let victim = self.chance.weighted(&[(5, Victim::Daemon), (2, Victim::Region), (2, Victim::Both)]);
        let pulled = victim.is_daemon() && self.chance.one_in(PULLS);
        let exchanging = victim.is_region() || self.chance.one_in(3);
        // Also a little after a sale, when its entry is on its way to the region.
        let moment = self.sale.mul_f64(self.chance.below(1500) as f64 / 1000.0);
        *self.figures.kills.entry(victim).or_default() += 1;

        let sale = self.ask(&id);
        let sync = exchanging.then(|| self.cinema.begin(&["sync", "--json"]));
        thread::sleep(moment);
        if pulled && self.chance.one_in(2) {
            self.lying = None;
        }
        if victim.is_region() {
            self.region.kill();
        }
        if victim.is_daemon() {
            self.cinema.kill();
        }
        if pulled {
            self.lying = None;
            self.figures.pulls += 1;
        }
        // Without the region a sale goes on as with it.
        let said = sale.said();
        let told = self.hear(&id, &said);
        assert!(victim.is_daemon() || told == Told::Granted, "{victim:?}: {}", said.out);
        if let Some(sync) = sync {
            // Whether it was done or not: it ended, and what came of it shows at the end.
            assert!(matches!(sync.said().code, Some(0 | 69 | 74 | 4)));
        }

        if victim.is_region() {
            self.region.start();
        }
        if victim.is_daemon() {
            self.cinema.start();
        }
        if pulled {
            if told == Told::Nothing {
                self.untold.entry(self.here).or_default().push(id);
            }
            let next = self.chance.index(self.cards.len());
            self.lay(next);
            self.tell_those_who_wait();
        } else if told == Told::Nothing {
            self.sell_to_the_end(&id);
        }
    }

    /// The card that lies there is back: whoever was not told is told now.
    fn tell_those_who_wait(&mut self) {
        for id in self.untold.remove(&self.here).unwrap_or_default() {
            self.sell_to_the_end(&id);
        }
    }

    /// Every card comes back to the counter.
    fn come_home(&mut self) {
        for card in self.untold.keys().copied().collect::<Vec<_>>() {
            self.lying = None;
            self.lay(card);
            self.tell_those_who_wait();
        }
    }

    fn look_at_the_books(&mut self) {
        self.come_home();
        let cards: Vec<_> = self.cards.iter().collect();
        let books = agree_over(&self.region, &self.cinema, &cards);
        let journal = self.cinema.journal();
        let debits: BTreeMap<u64, u64> = journal
            .iter()
            .filter(|entry| entry["kind"] == "debit")
            .map(|entry| (entry["entry"].as_u64().unwrap(), entry["collected_cents"].as_u64().unwrap()))
            .collect();
        let told: BTreeMap<u64, u64> = self.told.iter().map(|(entry, (_, due))| (*entry, *due)).collect();
        assert_eq!(told, debits, "what clients were told, and the debits of the journal");
        assert_eq!(told.values().sum::<u64>(), books.cash);
        assert_eq!(self.cinema.status()["in_doubt"], Value::from(0));
    }
}

/// A number of the environment, where it has one.
fn given(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().expect("a number"))
}

#[test]
fn daemon_and_region_are_killed_at_random_moments_and_the_books_agree() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let seed = given("PASS_KILL_SEED").unwrap_or_else(|| u64::try_from(now).unwrap());
    let number = given("PASS_KILL_ROUNDS").unwrap_or(ROUNDS);
    println!("kill rounds: {number}, PASS_KILL_SEED={seed}");
    let mut rounds = Rounds::begin(seed, number);
    let begun = Instant::now();
    for round in 1..=number {
        rounds.round();
        if round % ROUNDS_BETWEEN_LOOKS == 0 || round == number {
            rounds.look_at_the_books();
            println!("{round} rounds in {:.0} s, the books agree: {:?}", begun.elapsed().as_secs_f64(), rounds.figures);
        }
    }
}
