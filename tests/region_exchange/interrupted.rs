//! The first load of a terminal, broken off everywhere: what it ends with is what it would have had at once, and its position is never ahead of its disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use pass::crypto::{Ed25519Key, random};
use pass::domain::{CardNumber, Counter, RequestId, TerminalId};
use pass::ledger::{Ledger, TerminalKeys, VerifiedAnswer, View, verify_answer};
use pass::region::RegionError;
use pass::region::desk::CODE_HOURS;
use pass::region::store::Audience;
use pass::wire::cbor::Opaque;
use pass::wire::exchange::{ExchangeRequest, Health};
use pass::wire::feed::{Denial, Item, Position, RecordsWanted};

use super::cards::{deny, fill};
use super::directory::{copy, directory};
use super::kit::{EVENING, Machine, SEASON, World, code, enrolment_answer, hours};

/// More than an answer holds of what all are told, and more than a page of the terminal's own.
const DENIED: u64 = 4300;
const WANTED: usize = 1200;

/// Tells all of many denials, and the terminal of many records that are wanted; the cards.
fn tell(world: &World, terminal: TerminalId) -> Vec<CardNumber> {
    let cards = fill(&world.region, DENIED, SEASON, EVENING);
    deny(&world.region, &cards, EVENING);
    let wanted = |card: &CardNumber| RecordsWanted { card: *card, from: Counter::new(1), to: Counter::new(2) };
    let wanted: Vec<Item> = cards[..WANTED].iter().map(|card| Item::RecordsWanted(wanted(card))).collect();
    let told: Result<_, RegionError> =
        world.region.store().write(|tx| Ok(tx.tell_all(Audience::One(terminal), &wanted, 1)?));
    told.unwrap();
    cards
}

/// A terminal in a directory, enrolled and with everything yet to hear; the cards of which it will.
fn enrolled(world: &World, directory: &Path) -> Vec<CardNumber> {
    let partner = world.region.add_partner("Le Phare (inventé)", vec![code("cinema")], EVENING).unwrap();
    let code = world.region.add_terminal(partner, None, false, CODE_HOURS, EVENING).unwrap();
    let (machine, keys) = (Machine::new(), TerminalKeys::load_or_generate(directory).unwrap());
    let machine = Machine { entry: (keys.entry, machine.entry.1), card: (keys.card, machine.card.1) };
    let answer = world.region.enrol(&machine.request(&code), EVENING).unwrap();
    drop(Ledger::create(directory, machine.entry.0, &enrolment_answer(&answer, &code), EVENING).unwrap());
    tell(world, code.terminal)
}

fn key(directory: &Path) -> Ed25519Key {
    TerminalKeys::load(directory).unwrap().entry
}

/// What a terminal has of the feed.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    position: Position,
    denied: BTreeMap<CardNumber, Denial>,
    wanted: Vec<RecordsWanted>,
    keys: usize,
    policy: u32,
}

impl Known {
    fn of(view: &View, cards: &[CardNumber]) -> Self {
        let all = || cards.iter().copied();
        Self {
            position: view.feed_position(),
            denied: all().filter_map(|card| Some((card, view.denial(card).unwrap()?))).collect(),
            wanted: all().flat_map(|card| view.records_wanted(card).unwrap()).collect(),
            keys: view.region_keys().len(),
            policy: view.policy().version,
        }
    }
}

/// As much of a terminal as takes a first load, on a disk of its own.
struct Loading<'w> {
    world: &'w World,
    place: PathBuf,
    deaths: u32,
    ledger: Option<Ledger>,
}

impl<'w> Loading<'w> {
    /// Begins with what is in `from`, in another directory.
    fn from(world: &'w World, from: &Path, place: PathBuf) -> Self {
        copy(from, &place);
        let ledger = Some(Ledger::open(&place, key(&place)).unwrap());
        Self { world, place, deaths: 0, ledger }
    }

    fn ledger(&mut self) -> &mut Ledger {
        self.ledger.as_mut().unwrap()
    }

    fn answer(&mut self) -> (ExchangeRequest, Vec<u8>) {
        let health = Health { version: "0.1.0".to_owned(), disk_free_bytes: 1 << 30 };
        let id = RequestId::new(random().unwrap());
        let request = self.ledger().view().next_request(id, hours(1), &[], health).unwrap();
        let body = self.ledger().sign_request(&request).unwrap();
        let answer = self.world.region.exchange(&body, hours(1)).unwrap();
        (request, answer)
    }

    fn verified(&mut self, request: &ExchangeRequest, answer: &[u8]) -> Option<VerifiedAnswer> {
        verify_answer(answer, self.ledger().view().trusted_keys(), request).ok()
    }

    /// Takes an answer; whether there is more.
    fn take(&mut self, request: &ExchangeRequest, answer: &[u8]) -> bool {
        let verified = self.verified(request, answer).unwrap();
        self.ledger().apply_answer(&verified, hours(1)).unwrap().more
    }

    /// The machine dies: what goes on is what stood on its disk at that moment, with SQLite's log beside it.
    fn dies(&mut self) {
        self.deaths += 1;
        let other = self.place.with_extension(self.deaths.to_string());
        copy(&self.place, &other);
        self.ledger = None;
        std::fs::remove_dir_all(&self.place).unwrap();
        self.place = other;
        self.ledger = Some(Ledger::open(&self.place, key(&self.place)).unwrap());
    }
}

/// Where in `answer` its pages begin, and where the last of them ends.
fn borders(answer: &[u8], pages: &[Opaque]) -> Vec<usize> {
    let begins = |page: &Opaque| answer.windows(page.0.len()).position(|bytes| bytes == page.0).unwrap();
    let mut borders: Vec<usize> = pages.iter().map(begins).collect();
    borders.push(borders.last().unwrap() + pages.last().unwrap().0.len());
    borders
}

#[test]
fn a_first_load_that_is_cut_everywhere_ends_as_one_that_is_not() {
    let (world, disk) = (World::new(), directory());
    let new = disk.path().join("new");
    let cards = enrolled(&world, &new);

    let mut whole = Loading::from(&world, &new, disk.path().join("whole"));
    let mut answers = 1;
    loop {
        let (request, answer) = whole.answer();
        if !whole.take(&request, &answer) {
            break;
        }
        answers += 1;
    }
    assert!(answers > 1, "it takes more than one answer");
    let expected = Known::of(whole.ledger().view(), &cards);
    assert_eq!(expected.denied.len() as u64, DENIED);
    assert_eq!(expected.wanted.len(), WANTED);

    let mut cut = Loading::from(&world, &new, disk.path().join("cut"));
    loop {
        let (request, answer) = cut.answer();
        let verified = cut.verified(&request, &answer).unwrap();
        let borders = borders(&answer, &verified.answer().pages);
        let middles = borders.windows(2).map(|page| page[0].midpoint(page[1]));
        let position = cut.ledger().view().feed_position();
        for end in borders.iter().copied().chain(middles).chain([0, 1, answer.len() - 1]) {
            assert!(cut.verified(&request, &answer[..end]).is_none(), "an answer of {end} bytes is not whole");
            cut.dies();
            assert_eq!(cut.ledger().view().feed_position(), position);
        }
        // The same is asked for again, and the same comes.
        let (request, answer) = cut.answer();
        assert_eq!(request.feed_position, position);
        let more = cut.take(&request, &answer);
        let applied = Known::of(cut.ledger().view(), &cards);
        cut.dies();
        assert_eq!(Known::of(cut.ledger().view(), &cards), applied, "what was applied is on the disk");
        // It comes once more: nothing changes.
        cut.take(&request, &answer);
        assert_eq!(Known::of(cut.ledger().view(), &cards), applied);
        if !more {
            break;
        }
    }
    assert!(cut.deaths > 10, "{}", cut.deaths);
    assert_eq!(Known::of(cut.ledger().view(), &cards), expected);
}

/// What the terminal's program says, where it may end by itself.
fn pass_terminal(directory: &Path, arguments: &[&str]) -> bool {
    let program = env!("CARGO_BIN_EXE_pass-terminal");
    let output = Command::new(program).args(arguments).arg("--data").arg(directory).output().unwrap();
    output.status.success()
}

#[test]
fn a_terminal_that_is_killed_while_it_takes_its_first_load_goes_on_from_its_disk() {
    let (world, disk) = (World::new(), directory());
    let terminal = disk.path().join("terminal");
    let cards = enrolled(&world, &terminal);
    let [asks, told] = ["asks", "told"].map(|name| disk.path().join(name));
    let [asks, told] = [&asks, &told].map(|path| path.to_str().unwrap());
    let position = || View::open(&terminal).unwrap().feed_position();
    let (mut deaths, mut answers) = (0, 0);
    loop {
        assert!(pass_terminal(&terminal, &["export", asks]));
        std::fs::write(told, world.region.exchange(&std::fs::read(asks).unwrap(), hours(1)).unwrap()).unwrap();
        let before = position();
        let mut death = Duration::ZERO;
        while position() == before && death < Duration::from_millis(60) {
            let mut import = Command::new(env!("CARGO_BIN_EXE_pass-terminal"))
                .args(["import", told, "--data"])
                .arg(&terminal)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            thread::sleep(death);
            // One that has ended already cannot be killed.
            let _ended = import.kill();
            import.wait().unwrap();
            deaths += 1;
            death = death * 2 + Duration::from_millis(2);
        }
        // What was taken before it died is taken once.
        assert!(pass_terminal(&terminal, &["import", told]));
        let after = position();
        answers += 1;
        if after == before {
            break;
        }
        assert!(answers < 20, "it ends");
    }
    assert!(deaths > answers, "{deaths} deaths in {answers} answers");
    let known = Known::of(&View::open(&terminal).unwrap(), &cards);
    assert_eq!((known.denied.len() as u64, known.policy), (DENIED, 1));
    assert_eq!(known.wanted.len(), WANTED);
    assert!(pass_terminal(&terminal, &["verify"]));
}
