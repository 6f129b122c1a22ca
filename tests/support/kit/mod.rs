//! A small world: one pcscd, one region, counters of partners, cards in readers. Its methods read as what happens there.
//!
//! What always holds: whatever is dropped ends only what it started; nothing is waited for without a deadline; when a test fails, what
//! every process said is printed.

#![allow(dead_code, unused_imports, reason = "every test program uses another part of it")]

mod card;
mod counter;
mod line;
mod process;
mod proxy;
mod region;
mod story;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::thread;
use std::time::Instant;

use tempfile::TempDir;

pub(crate) use card::{Card, Laid, Moment};
pub(crate) use counter::{Books, Counter, agree, agree_over, amount_of};
pub(crate) use line::Line;
pub(crate) use process::{Running, Said};
pub(crate) use proxy::{Proxy, Trouble};
pub(crate) use region::Region;
pub(crate) use story::Story;

use crate::support::pcscd::{Pcscd, SOCKET_VARIABLE};

pub(crate) const PASS_TERMINAL: &str = env!("CARGO_BIN_EXE_pass-terminal");
pub(crate) const PASS_REGION: &str = env!("CARGO_BIN_EXE_pass-region");
pub(crate) const PASS_CARD: &str = env!("CARGO_BIN_EXE_pass-card");

/// The reader of the counter that most stories are about.
pub(crate) const HERE: usize = 0;
/// The reader of another partner's counter.
pub(crate) const THERE: usize = 1;
/// The reader of the card bureau.
pub(crate) const BUREAU: usize = 2;

/// The catalogue that the region ships, but with five hundred seats: for stories that need more than a season's five.
pub(crate) fn many_seats() -> String {
    let shipped = fs::read_to_string(shipped("catalogue.toml")).unwrap();
    let many = shipped.replacen("lycee = 5,", "lycee = 500,", 1);
    assert_ne!(many, shipped, "the shipped catalogue grants five seats");
    many
}

/// How many files of what was said last are shown when a test fails, of programs that serve and of verbs: two for each.
const LAST_SAID: usize = 16;

/// A file of `config/`.
pub(crate) fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name)
}

/// What all processes of a world share: directories, the environment, the names of their logs.
pub(crate) struct Stage {
    directory: TempDir,
    sequence: Cell<u32>,
    /// When a card was last taken off each reader.
    pulled: RefCell<BTreeMap<usize, Instant>>,
}

impl Stage {
    /// A directory that is not there yet.
    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A program that finds this world's pcscd and nothing of the environment that would change it.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env(SOCKET_VARIABLE, Pcscd::socket(&self.place("pcscd")))
            .env_remove("PASS_REGION_DATA")
            .env("NO_COLOR", "1")
            .env("RUST_BACKTRACE", "0")
            .env("PASS_LOG", std::env::var("PASS_LOG").unwrap_or("warn,pass=info".into()))
            .env_remove("RUST_LOG")
            .env_remove("PASS_SESSION")
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("NOTIFY_SOCKET");
        command
    }

    /// The same for a program that serves, so that a limit of its files, which [`Running::limit_files`] may set, is an error to it as a
    /// full disk is, and not its end.
    pub(crate) fn server(&self, program: &str) -> Command {
        let mut command = self.command(IGNORING[0]);
        command.args(&IGNORING[1..]).arg(program);
        command
    }

    /// Two new files for what a process says: its results and its log.
    fn outputs(&self, name: &str) -> (PathBuf, PathBuf) {
        let number = self.sequence.replace(self.sequence.get() + 1);
        let logs = self.place("logs");
        let path = |kind| logs.join(format!("{number:03}-{name}.{kind}"));
        (path("out"), path("err"))
    }

    fn print_logs(&self) {
        let Ok(logs) = fs::read_dir(self.place("logs")) else { return };
        let mut logs: Vec<PathBuf> = logs.flatten().map(|entry| entry.path()).collect();
        logs.sort();
        // Programs that serve, and what was said last.
        let (mut serving, mut others): (Vec<_>, Vec<_>) = logs.into_iter().partition(|log| serves(log));
        let mut logs = serving.split_off(serving.len().saturating_sub(LAST_SAID));
        logs.extend(others.split_off(others.len().saturating_sub(LAST_SAID)));
        logs.push(self.place("pcscd").join("pcscd.log"));
        for log in logs {
            let said = fs::read_to_string(&log).unwrap_or_default();
            if !said.trim().is_empty() {
                println!("--- {}\n{said}", log.display());
            }
        }
    }
}

/// Before the name of a program: it begins without the signal of setrlimit(2), RLIMIT_FSIZE, under its own process number.
const IGNORING: [&str; 2] = ["env", "--ignore-signal=XFSZ"];

/// The world of one story.
pub(crate) struct World {
    pub(crate) pcscd: Pcscd,
    stage: Rc<Stage>,
}

impl World {
    /// Four empty readers.
    pub(crate) fn new() -> Self {
        // Not where TMPDIR says: the path of a socket is short.
        let directory = tempfile::Builder::new().prefix("pass-").tempdir_in("/tmp").unwrap();
        let stage = Rc::new(Stage { directory, sequence: Cell::new(1), pulled: RefCell::default() });
        fs::create_dir(stage.place("logs")).unwrap();
        fs::create_dir(stage.place("pcscd")).unwrap();
        Self { pcscd: Pcscd::start(&stage.place("pcscd"), 4).expect("pcscd starts"), stage }
    }

    pub(crate) fn stage(&self) -> &Rc<Stage> {
        &self.stage
    }

    /// A region with the shipped catalogue, that listens.
    pub(crate) fn region(&self) -> Region {
        Region::found(&self.stage, None)
    }

    /// A region with this catalogue, that listens.
    pub(crate) fn region_with(&self, catalogue: &str) -> Region {
        let path = self.stage.place("catalogue.toml");
        fs::write(&path, catalogue).unwrap();
        Region::found(&self.stage, Some(&path))
    }

    /// A counter of a new partner of `region`, enrolled, exchanged, and ready over the reader.
    pub(crate) fn counter(&self, region: &Region, name: &str, activity: &str, reader: usize) -> Counter {
        let mut counter = Counter::enrolled(region, name, activity, &self.pcscd.reader_name(reader));
        counter.start();
        counter
    }

    /// The same, with its page.
    pub(crate) fn counter_with_page(&self, region: &Region, name: &str, activity: &str, reader: usize) -> Counter {
        let mut counter = Counter::enrolled(region, name, activity, &self.pcscd.reader_name(reader));
        counter.start_with_page();
        counter
    }

    /// A card of the profile `lycee`, made from a blank one at the card bureau.
    pub(crate) fn card(&self, region: &Region) -> Card {
        let mut card = Card::blank();
        let inserted = card.lay(self, BUREAU);
        card.number = region.issue(&self.pcscd.reader_name(BUREAU), "lycee");
        drop(inserted);
        card
    }

    /// Runs a verb of a program to its end.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Said {
        process::run(&self.stage, self.stage.command(program).args(arguments))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            self.stage.print_logs();
        }
    }
}

/// Whether this is what a program said that serves.
fn serves(log: &Path) -> bool {
    let name = log.file_stem().unwrap_or_default().to_string_lossy();
    name.ends_with("-run") || name.ends_with("-serve")
}

fn file(path: &Path) -> File {
    File::create_new(path).unwrap()
}
