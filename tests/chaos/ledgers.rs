//! Ledgers that are not what was written: flipped bytes, cut off, newer, another terminal's, with another head file, held by another.
//!
//! Each ends in a clear state: the daemon does not begin (78, one sentence), or begins and sells nothing that is not durable. Nothing is
//! repaired, and with the true ledger put back everything is there.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use serde_json::Value;

use crate::chance::Chance;
use crate::kit::{Books, Counter, Said, Story, THERE};

/// Flipped bytes that each run tries, and lengths.
const FLIPS: u64 = 40;
const LENGTHS: u64 = 12;
/// A page of SQLite, in bytes.
const PAGE: usize = 4096;

/// What stands in a terminal's directory and changes.
const FILES: [&str; 4] = ["ledger.db", "ledger.db-wal", "ledger.db-shm", "head"];

/// A stopped terminal that has sold, and its files as they then were.
struct Kept {
    story: Story,
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl Kept {
    fn begin() -> Self {
        let mut story = Story::begin();
        let lying = story.lay();
        for _ in 0..3 {
            story.cinema.redeem(&[]).exits(0);
        }
        story.cinema.undo(&[]).exits(0);
        story.cinema.sync();
        drop(lying);
        story.cinema.stop();
        let files = FILES.map(|name| story.cinema.data.join(name)).map(|path| (path.clone(), fs::read(path).ok()));
        Self { story, files: files.into() }
    }

    fn put_back(&self) {
        for (path, bytes) in &self.files {
            match bytes {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => drop(fs::remove_file(path)),
            }
        }
    }

    fn ledger(&self) -> &Path {
        &self.files[0].0
    }

    fn whole(&self) -> Vec<u8> {
        self.files[0].1.clone().unwrap()
    }

    /// With the true ledger back everything is there.
    fn ends_well(mut self) {
        self.put_back();
        self.story.cinema.start();
        let _lying = self.story.lay();
        assert_eq!(self.story.books(), Books { consumed: 2, cash: 200 });
    }
}

/// The last line on standard error: what is above it is the log.
fn sentence(said: &Said) -> &str {
    said.err.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// `run` ends so and says this, in both languages.
#[track_caller]
fn does_not_begin(cinema: &Counter, code: i32, french: &str, english: &str) {
    for (language, says) in [("fr", french), ("en", english)] {
        let said = cinema.ask(&["run", "--lang", language]).exits(code);
        assert!(sentence(&said).contains(says), "{}", said.err);
    }
}

const UNUSABLE: (&str, &str) =
    ("Le journal ne peut pas être utilisé, rien n'y a été changé", "The ledger cannot be used, and nothing of it");

/// What came of a ledger that was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// `verify` finds nothing: the byte holds nothing.
    Harmless,
    /// The daemon does not begin.
    Refused,
    /// The daemon begins and sells nothing. `verify` tells where it is the chain that is damaged; what the region sent, such as a
    /// certificate that no card takes any more, is not the chain.
    SellsNothing,
    /// The damage is where no sale reads: the sale is whole, and `verify` tells.
    SoldAndTold,
}

/// Begins with the ledger as it is, tries to sell, and looks whether what was granted is there.
fn try_to_sell(kept: &mut Kept) -> End {
    let cinema = &mut kept.story.cinema;
    let verified = cinema.ask(&["verify", "--json"]);
    assert!(matches!(verified.code, Some(0 | 65 | 78)), "{}: {}{}", verified.command, verified.out, verified.err);
    let intact = verified.code == Some(0);
    let before = kept.story.card.seats_consumed();
    let reader = cinema.reader.clone();
    if cinema.try_start(&["--reader", &reader]).is_some() {
        assert!(!intact, "an intact ledger is opened");
        let refused = cinema.ask(&["run"]);
        // A byte of the header says whether the file may be written.
        let says = if refused.code == Some(74) { "en lecture seule" } else { UNUSABLE.0 };
        assert!(matches!(refused.code, Some(74 | 78)) && sentence(&refused).contains(says), "{}", refused.err);
        return End::Refused;
    }
    let said = cinema.redeem(&[]);
    let answer = said.json();
    cinema.kill();
    let after = kept.story.card.seats_consumed();
    match answer["outcome"].as_str() {
        Some("granted") => {
            assert_eq!(after, before + 1);
            // Found by its number, on its own: the rest may be unreadable.
            let store = Connection::open(kept.ledger()).unwrap();
            let sql = "SELECT kind FROM entry WHERE sequence = ?1";
            let kind: String = store.query_row(sql, [answer["entry"].as_u64()], |row| row.get(0)).unwrap();
            assert_eq!(kind, "debit", "what was granted is on the disk");
            if intact { End::Harmless } else { End::SoldAndTold }
        }
        Some("refused") => {
            // The intent may have been written, and its end may not.
            let in_doubt = answer["refusal"] == "sale-in-doubt";
            assert!(after == before || in_doubt, "{answer}");
            assert!(!intact || !in_doubt, "what keeps an entry from being written is found: {answer}");
            End::SellsNothing
        }
        other => panic!("{other:?}: {answer}"),
    }
}

impl Kept {
    /// Tries each of these ledgers in the place of the true one, with the line cut: what is sold with them the region never hears of.
    fn try_each(mut self, ledgers: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let card = self.story.card.memory();
        let mut ends: BTreeMap<End, u32> = BTreeMap::new();
        self.story.cinema.line.cut();
        let lying = self.story.lay();
        for (what, ledger) in ledgers {
            println!("{what}");
            self.put_back();
            fs::write(self.ledger(), &ledger).unwrap();
            *ends.entry(try_to_sell(&mut self)).or_default() += 1;
        }
        println!("{ends:?}");
        drop(lying);
        // The true ledger comes back, and with it the card of that time.
        self.story.card.forge(|memory| *memory = card);
        self.story.cinema.line.mend();
        self.ends_well();
    }
}

/// What is drawn with, and is printed.
fn drawn() -> Chance {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let seed = std::env::var("PASS_DAMAGE_SEED").map_or(u64::try_from(now).unwrap(), |seed| seed.parse().unwrap());
    println!("PASS_DAMAGE_SEED={seed}");
    Chance::seeded(seed)
}

#[test]
fn whatever_byte_is_flipped_nothing_is_granted_that_is_not_there_and_verify_tells() {
    let kept = Kept::begin();
    let (whole, mut chance) = (kept.whole(), drawn());
    let flips = std::env::var("PASS_FLIPS").map_or(FLIPS, |number| number.parse().unwrap());
    // One that was found: a trigger that names another column, in a file that is otherwise whole.
    let trigger = whole.windows(18).position(|window| window == b"NEW.transaction_id").unwrap();
    let drawn = (0..flips).map(|_| (chance.index(whole.len()), chance.below(8)));
    kept.try_each(std::iter::once((trigger + 4, 4)).chain(drawn).map(|(at, bit)| {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << bit;
        (format!("byte {at}, bit {bit}"), damaged)
    }));
}

#[test]
fn whatever_page_is_lost_nothing_is_granted_that_is_not_there_and_verify_tells() {
    let kept = Kept::begin();
    let whole = kept.whole();
    kept.try_each((0..whole.len() / PAGE).map(|page| {
        let mut damaged = whole.clone();
        damaged[page * PAGE..][..PAGE].fill(0);
        (format!("page {page}"), damaged)
    }));
}

#[test]
fn a_ledger_that_is_cut_off_anywhere_is_not_used() {
    let kept = Kept::begin();
    let (whole, mut chance) = (kept.whole(), drawn());
    let pages = whole.len() / PAGE;
    let drawn = (0..LENGTHS).map(|_| chance.index(whole.len()));
    let lengths = [0, 1, 99, 100, PAGE, whole.len() - PAGE, whole.len() - 1, pages / 2 * PAGE];
    let lengths: Vec<_> = lengths.into_iter().chain(drawn).collect();
    kept.try_each(lengths.into_iter().map(|length| (format!("the first {length} bytes"), whole[..length].to_vec())));
}

#[test]
fn a_ledger_of_another_program_terminal_or_time_is_not_used() {
    let mut kept = Kept::begin();
    let path = kept.ledger().to_owned();
    let change = |statement: &str| Connection::open(&path).unwrap().execute_batch(statement).unwrap();
    change("PRAGMA user_version = 99");
    does_not_begin(&kept.story.cinema, 78, UNUSABLE.0, UNUSABLE.1);
    does_not_begin(&kept.story.cinema, 78, "schema 99", "schema 99");
    kept.put_back();
    change("PRAGMA application_id = 7");
    does_not_begin(&kept.story.cinema, 78, "is not a terminal's ledger", "is not a terminal's ledger");
    kept.put_back();

    // Another terminal's, with the keys of this one.
    let mut other = kept.story.world.counter(&kept.story.region, "Cinéma du Port (inventé)", "cinema", THERE);
    other.stop();
    fs::copy(other.data.join("ledger.db"), &path).unwrap();
    does_not_begin(&kept.story.cinema, 78, UNUSABLE.0, "the terminal's key is not the key of this ledger");

    // Held by the daemon that runs.
    kept.put_back();
    kept.story.cinema.start();
    does_not_begin(&kept.story.cinema, 69, "un terminal ne tourne qu'une fois", "is in use by another process");
    kept.story.cinema.stop();
    kept.files =
        FILES.map(|name| kept.story.cinema.data.join(name)).map(|path| (path.clone(), fs::read(path).ok())).into();
    kept.ends_well();
}

#[test]
fn a_head_file_that_names_what_the_ledger_does_not_have_stops_selling_until_the_region_was_asked() {
    let mut kept = Kept::begin();
    let head = kept.story.cinema.data.join("head");
    let named = fs::read_to_string(&head).unwrap();
    let (sequence, hash) = named.trim_end().split_once(' ').unwrap();
    let ahead = format!("{:020} {hash}\n", sequence.parse::<u64>().unwrap() + 5);
    let another = format!("{sequence} {}\n", "ab".repeat(hash.len() / 2));
    let _lying = kept.story.lay();
    for (what, text) in [("ahead", ahead), ("of another chain", another)] {
        println!("{what}");
        fs::write(&head, text).unwrap();
        let verified = kept.story.cinema.ask(&["verify"]).exits(65);
        assert!(sentence(&verified).contains("appelez le support"), "{}", verified.err);
        kept.story.cinema.line.cut();
        kept.story.cinema.start();
        assert_eq!(kept.story.cinema.redeem(&[]).exits(3).text("refusal"), "ledger-behind", "{what}");
        let status = kept.story.cinema.ask(&["status"]).exits(0).out;
        assert!(status.contains("est une copie ancienne"), "{status}");
        kept.story.cinema.line.mend();
        kept.story.cinema.ask(&["sync"]);
        let status = kept.story.cinema.await_status("the region was asked", |status| status["refusal"] == Value::Null);
        assert_eq!(status["in_doubt"], 0);
        kept.story.cinema.stop();
        kept.story.cinema.ask(&["verify"]).exits(0);
    }
    // It may lag, or not be there: nothing is said.
    for text in [None, Some(""), Some("nonsense"), Some("00000000000000000002 ")] {
        match text {
            None => fs::remove_file(&head).unwrap(),
            Some(text) => fs::write(&head, text).unwrap(),
        }
        kept.story.cinema.ask(&["verify"]).exits(0);
        kept.story.cinema.start();
        assert_eq!(kept.story.cinema.status()["refusal"], Value::Null, "{text:?}");
        kept.story.cinema.stop();
    }
    kept.story.cinema.start();
    assert_eq!(kept.story.books(), Books { consumed: 2, cash: 200 });
}
