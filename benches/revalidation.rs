//! Revalidating a list in bulk, on SQLite and on PostgreSQL: lines a second, and the most memory that it took.
//!
//! `PASS_CARDS=400000 cargo bench --bench revalidation` is a whole region; without the variable it is a small town. The cards are put into the store without chips.
//! SQLite commits to the disk; PostgreSQL is the tests' own server, on this machine, without `fsync`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench fails by panicking")]

#[path = "../tests/support/cards.rs"]
mod cards;
#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use cards::fill;
use pass::domain::{Season, Timestamp};
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE};
use pass::region::holders::Acting;
use pass::region::store::Location;
use pass::region::{Region, embedded};

const NOW: Timestamp = Timestamp::new(1_795_891_200);
const SEASON: Season = Season::new(2026);
const CARDS: u64 = 4_000;

fn main() {
    let cards = std::env::var("PASS_CARDS").ok().and_then(|cards| cards.parse().ok()).unwrap_or(CARDS);
    let directory = tempfile::tempdir().unwrap();
    measure("sqlite", &directory.path().join("a"), &embedded(&directory.path().join("a")), cards);
    let database = postgres::Database::new();
    let location = Location::parse(&database.url).unwrap();
    measure("postgresql", &directory.path().join("b"), &location, cards);
}

fn measure(engine: &str, data: &Path, location: &Location, cards: u64) {
    let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
    let region = Region::create_on(data, location, &catalogue, SEASON, NOW).unwrap();
    region.publish_catalogue("catalogue", &catalogue, SEASON.next(), NOW).unwrap();
    let list = data.join("list.csv");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&list).unwrap());
    writeln!(file, "card;profile").unwrap();
    for card in fill(&region, cards, SEASON, NOW) {
        writeln!(file, "{};", card.digits()).unwrap();
    }
    file.flush().unwrap();
    drop(file);
    let (before, revalidate) = (peak_kib(), || {
        let list = std::io::BufReader::new(std::fs::File::open(&list).unwrap());
        let begun = Instant::now();
        let tally = region.revalidate_list(list, SEASON.next(), &Acting::desk(), || NOW, |_, _| Ok(())).unwrap();
        (tally, begun.elapsed().as_secs_f64())
    });
    let (first, seconds) = revalidate();
    let (again, seconds_again) = revalidate();
    assert_eq!((first.done, again.already, first.bad + again.bad), (cards, cards, 0));
    let per_second = |seconds: f64| first.lines as f64 / seconds;
    println!(
        "{engine}: {cards} lines in {seconds:.1} s ({:.0} a second); once more {seconds_again:.1} s ({:.0} a second); {} KiB more memory",
        per_second(seconds),
        per_second(seconds_again),
        peak_kib() - before
    );
}

/// The most memory that this process had.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
