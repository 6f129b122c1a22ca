//! Disks that take nothing more: of the terminal, at each moment of a sale, an undo and an exchange; of the region; at the start.
//! Nothing is granted that is not on the disk, the state is said, and when there is room again everybody goes on without a restart.
//!
//! The disk is a limit of the process (setrlimit(2), RLIMIT_FSIZE), which every machine has: what would make the log longer fails. Where
//! a file system may be mounted, a small one that is full shows the same.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pass::wire::card::Instruction;
use serde_json::Value;

use crate::kit::{Books, Counter, HERE, Moment, Region, Running, Story, World, agree};

/// What a disk is to a process.
trait Disk {
    fn fill(&mut self, story: &Story);
    fn make_room(&mut self, story: &Story);
}

/// A limit of the daemon.
struct Limit;

/// The write-ahead log may be written over where it is written already, and never grows.
fn no_longer(process: &Running, log: &Path) {
    process.limit_files(Some(fs::metadata(log).unwrap().len()));
}

impl Disk for Limit {
    fn fill(&mut self, story: &Story) {
        no_longer(story.cinema.daemon(), &story.cinema.data.join("ledger.db-wal"));
    }

    fn make_room(&mut self, story: &Story) {
        story.cinema.daemon().limit_files(None);
    }
}

/// A file system in memory that holds one megabyte, and what fills it. Dropping it unmounts it.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts it, where the machine allows that.
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|said| said.status.success()).then(|| Self { at: at.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Disk for SmallDisk {
    fn fill(&mut self, _: &Story) {
        let mut filler = File::create(self.filler()).unwrap();
        for size in [4096, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn make_room(&mut self, _: &Story) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.at).status();
        assert!(std::thread::panicking() || unmounted.is_ok_and(|status| status.success()));
    }
}

/// The daemon knows that it cannot write, and says so.
#[track_caller]
fn says_that_it_cannot_write(cinema: &Counter) {
    let status = cinema.status();
    assert_eq!(status["refusal"]["refusal"], "ledger-unavailable", "{status}");
    let french = cinema.ask(&["status"]).exits(0).out;
    assert!(french.starts_with("PAS PRÊT - Le journal du terminal ne peut pas être écrit"), "{french}");
    let english = cinema.ask(&["status", "--lang", "en"]).exits(0).out;
    assert!(english.starts_with("NOT READY - The terminal's ledger cannot be written"), "{english}");
}

/// A day on which the disk is full now and then.
fn a_day(story: &Story, mut disk: impl Disk) {
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);

    // Before the intent: nothing is asked of the card, nothing is to be collected.
    disk.fill(story);
    for _ in 0..2 {
        let refused = story.cinema.redeem(&[]).exits(3).json();
        assert_eq!((&refused["outcome"], &refused["refusal"]), (&"refused".into(), &"ledger-unavailable".into()));
    }
    let spoken = story.cinema.ask(&["redeem", "--wait", "5"]).exits(3).out;
    assert!(spoken.contains("Ne prenez pas d'argent"), "{spoken}");
    let spoken = story.cinema.ask(&["redeem", "--wait", "5", "--lang", "en"]).exits(3).out;
    assert!(spoken.contains("Take no money for this sale"), "{spoken}");
    assert_eq!(story.cinema.undo(&[]).exits(3).text("refusal"), "ledger-unavailable");
    says_that_it_cannot_write(&story.cinema);
    assert_eq!(story.card.seats_consumed(), 1);
    // What the region says cannot be kept either: it will say it again.
    let failed = story.cinema.ask(&["sync", "--json", "--lang", "en"]).exits(74).json();
    assert!(failed["error"].as_str().unwrap().contains("the ledger cannot be written or read"), "{failed}");
    disk.make_room(story);
    // It finds that out by itself.
    story.cinema.await_status("it can write again", |status| status["refusal"] == Value::Null);
    story.cinema.redeem(&[]).exits(0);
    assert_eq!(story.books(), Books { consumed: 2, cash: 200 });
    drop(lying);

    // After the intent: the card does it, and it cannot be written that it did. Nobody is told "granted".
    let (mut consumed, id) = (2, "5".repeat(32));
    let asking = story.cinema.begin(&["redeem", "--json", "--wait", "3", "--id", &id]);
    let card = story.card.lay_to_stop(&story.world, HERE, Instruction::Debit, Moment::Done);
    card.reached();
    disk.fill(story);
    card.go_on();
    let said = asking.said().exits(4).json();
    assert_eq!((&said["outcome"], &said["refusal"]), (&"refused".into(), &"sale-in-doubt".into()), "{said}");
    consumed += 1;
    assert_eq!(story.card.seats_consumed(), consumed);
    let again = story.cinema.ask(&["redeem", "--json", "--wait", "2", "--id", &id]);
    assert_ne!(again.json()["outcome"], "granted", "{}", again.out);
    assert_eq!(story.cinema.status()["in_doubt"], 1);
    says_that_it_cannot_write(&story.cinema);
    disk.make_room(story);
    drop(card);
    let lying = story.lay();
    let granted = story.cinema.redeem(&["--id", &id]).exits(0).json();
    assert_eq!(granted["outcome"], "granted", "{granted}");
    assert_eq!(story.books(), Books { consumed, cash: 100 * consumed });
    drop(lying);

    // The same with an undo.
    let id = "6".repeat(32);
    let asking = story.cinema.begin(&["undo", "--json", "--wait", "3", "--id", &id]);
    let card = story.card.lay_to_stop(&story.world, HERE, Instruction::Reverse, Moment::Done);
    card.reached();
    disk.fill(story);
    card.go_on();
    assert_ne!(asking.said().exits(4).json()["outcome"], "undone");
    disk.make_room(story);
    drop(card);
    let _lying = story.lay();
    assert_eq!(story.cinema.undo(&["--id", &id]).exits(0).json()["outcome"], "undone");
    consumed -= 1;
    assert_eq!(story.books(), Books { consumed, cash: 100 * consumed });
}

#[test]
fn a_terminal_that_may_write_no_longer_sells_nothing_and_goes_on_when_it_may() {
    a_day(&Story::begin(), Limit);
}

#[test]
fn a_full_disk_sells_nothing_and_goes_on_when_there_is_room() {
    let world = World::new();
    // The first terminal's place.
    let Some(disk) = SmallDisk::mount(&world.stage().place("terminal-1")) else {
        println!("nothing may be mounted here: that the limit of a process is a full disk is shown beside this");
        return;
    };
    a_day(&Story::begin_in(world), disk);
}

/// A program that can write nothing cannot write which of its lines ran either, and would complain: nobody counts them (scripts/coverage).
const UNCOUNTED: &str = "LLVM_PROFILE_FILE=/dev/null";

/// Begins under a limit of its files, in bytes.
fn begins_limited(region_or_terminal: &str, world: &World, bytes: u64, arguments: &[&str]) -> crate::kit::Said {
    let limit = format!("--fsize={bytes}");
    let words = [&[limit.as_str(), "env", "--ignore-signal=XFSZ", UNCOUNTED, region_or_terminal], arguments].concat();
    world.run("prlimit", &words)
}

#[test]
fn a_daemon_that_begins_on_a_full_disk_says_so_and_ends() {
    let mut story = Story::begin();
    story.cinema.stop();
    let data = story.cinema.data.to_str().unwrap().to_owned();
    for (language, says) in [("fr", "Le disque est plein"), ("en", "The disk is full")] {
        let arguments = ["run", "--data", &data, "--lang", language];
        let said = begins_limited(crate::kit::PASS_TERMINAL, &story.world, 4096, &arguments).exits(74);
        assert!(said.err.lines().last().unwrap().starts_with(says), "{}", said.err);
    }
    assert_eq!(story.cinema.ask(&["verify", "--json"]).exits(0).json()["verified"], true);
    story.cinema.start();
    let _lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    assert_eq!(story.books(), Books { consumed: 1, cash: 100 });
}

/// What may be written by nobody, and read by whoever runs: root would write all the same, and becomes somebody else.
fn read_only(world: &World, data: &Path) -> Vec<String> {
    let chmod = |mode: &str, path: &Path| {
        assert!(Command::new("chmod").args(["-R", mode]).arg(path).status().unwrap().success());
    };
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        chmod("a+rX", &world.stage().place("."));
        assert!(Command::new("chown").args(["-R", "65534:65534"]).arg(data).status().unwrap().success());
    }
    chmod("a-w,go-rwx", data);
    if is_root {
        let setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", UNCOUNTED];
        setpriv.map(str::to_owned).to_vec()
    } else {
        ["env", UNCOUNTED].map(str::to_owned).to_vec()
    }
}

#[test]
fn a_disk_that_is_read_only_is_said_to_be() {
    let mut story = Story::begin();
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    drop(lying);
    story.cinema.stop();
    let somebody = read_only(&story.world, &story.cinema.data);
    let data = story.cinema.data.to_str().unwrap().to_owned();
    for (language, says) in [("fr", "Le disque est plein, en lecture seule"), ("en", "The disk is full, read-only")] {
        for verb in ["run", "status", "verify"] {
            let mut words: Vec<&str> = somebody[1..].iter().map(String::as_str).collect();
            words.extend([crate::kit::PASS_TERMINAL, verb, "--data", &data, "--lang", language]);
            let said = story.world.run(&somebody[0], &words).exits(74);
            assert!(said.err.lines().last().unwrap().starts_with(says), "{verb}: {}", said.err);
        }
    }
    assert!(Command::new("chmod").args(["-R", "u+w"]).arg(&data).status().unwrap().success());
    story.cinema.start();
    let _lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    assert_eq!(story.books(), Books { consumed: 2, cash: 200 });
}

/// The region's disk is full: it acknowledges nothing, and the desk says why.
fn region_log(region: &Region) -> PathBuf {
    region.data.join("region.db-wal")
}

#[test]
fn a_region_that_may_write_no_longer_acknowledges_nothing_and_goes_on_when_it_may() {
    let mut story = Story::begin();
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    no_longer(story.region.server(), &region_log(&story.region));
    let failed = story.cinema.ask(&["sync", "--json", "--lang", "en"]).exits(74).json();
    let says = "the region refuses (HTTP 500): The region could not deal with the message: send it again later.";
    assert_eq!(failed["error"], says);
    assert_eq!(story.cinema.journal()[0]["acknowledged"], false);
    // The counter sells meanwhile.
    story.cinema.redeem(&[]).exits(0);
    // It dies in that state, and begins again: what it acknowledged before it has.
    story.region.kill();
    story.region.start();
    assert_eq!(story.books(), Books { consumed: 2, cash: 200 });
    no_longer(story.region.server(), &region_log(&story.region));
    story.cinema.redeem(&[]).exits(0);
    story.cinema.ask(&["sync"]).exits(74);
    story.region.server().limit_files(None);
    assert_eq!(agree(&story.region, &story.cinema, &story.card), Books { consumed: 3, cash: 300 });
    drop(lying);

    let data = story.region.data.to_str().unwrap().to_owned();
    story.region.kill();
    let arguments = ["partner", "add", "--data", &data, "--name", "Cinéma du Port (inventé)", "--activity", "cinema"];
    for (language, says) in [("fr", "La base de la région"), ("en", "The region's store")] {
        let arguments = [&arguments[..], &["--lang", language]].concat();
        let said = begins_limited(crate::kit::PASS_REGION, &story.world, 4096, &arguments).exits(74);
        assert!(said.err.lines().last().unwrap().starts_with(says), "{}", said.err);
    }
}
