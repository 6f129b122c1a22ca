//! A store in a file that was lost and put back from its backup.

use std::path::Path;

use pass::domain::Timestamp;
use pass::domain::entry::Body;
use pass::domain::verdict::{Contest, Verdict};
use pass::region::{Region, embedded};

use tempfile::TempDir;

use super::kit::{CINEMA, Machine, World, hours};

/// The store is lost, and put back from its backup.
fn put_back(world: World, backup: &Path, now: Timestamp) -> (TempDir, Region) {
    let World { region, directory, .. } = world;
    drop(region);
    let data = directory.path().join("region");
    for name in ["region.db", "region.db-wal", "region.db-shm"] {
        let _gone_with_its_last_user = std::fs::remove_file(data.join(name));
    }
    Region::restore(&data, &embedded(&data), backup, now).unwrap();
    let region = Region::open(&data).unwrap();
    (directory, region)
}

#[test]
fn an_exchange_that_the_region_has_forgotten_is_not_held_against_its_terminal() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    terminal.exchange(&world.region, hours(1));
    let backup = world.directory.path().join("backup");
    world.region.back_up(&backup).unwrap();
    // Its last word of the region, by its own clock 60 hours old at the sale: within the policy's 72.
    terminal.exchange(&world.region, hours(60));
    let (_directory, region) = put_back(world, &backup, hours(61));
    terminal.sell(&mut card, CINEMA, 1, hours(120));
    let told = terminal.exchange(&region, hours(121)).verdicts();
    assert_eq!(told.last().map(|(_, _, verdict)| *verdict), Some(Verdict::Payable), "{told:?}");
    // What it does from then on is known again.
    terminal.sell(&mut card, CINEMA, 1, hours(200));
    let told = terminal.exchange(&region, hours(201)).verdicts();
    assert_eq!(told.last().map(|(_, _, verdict)| *verdict), Some(Verdict::Contested(Contest::OfflinePolicy)));
}

#[test]
fn what_was_told_after_the_backup_is_taken_back_once_it_does_not_hold() {
    let world = World::new();
    let [mut first, mut second, mut third] = [(); 3].map(|()| world.terminal("cinema"));
    let mut card = world.card();
    first.sell(&mut card, CINEMA, 1, hours(1));
    first.exchange(&world.region, hours(1));
    let backup = world.directory.path().join("backup");
    world.region.back_up(&backup).unwrap();
    // The second has not told yet what it took back, and the third's debit counts it.
    let debit = second.sell(&mut card, CINEMA, 1, hours(2));
    let reversal = second.reverse(&mut card, debit, hours(2));
    second.write(Body::Reversal(reversal), hours(2));
    third.sell(&mut card, CINEMA, 1, hours(3));
    third.exchange(&world.region, hours(3));
    let told = first.exchange(&world.region, hours(3)).verdicts();
    assert_eq!(told.last(), Some(&(1, 2, Verdict::Contested(Contest::MissingReversal))));
    // The backup knows nothing of that.
    let (_directory, region) = put_back(world, &backup, hours(5));
    second.exchange(&region, hours(5));
    let told = first.exchange(&region, hours(6)).verdicts();
    let Some((1, version, Verdict::Payable)) = told.last() else { panic!("{told:?}") };
    assert!(*version > 2, "a terminal takes only what is newer than what it has");
}

#[test]
fn a_region_that_was_put_back_from_before_the_change_knows_the_terminal_by_it() {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    terminal.write_start(hours(1));
    terminal.exchange(&world.region, hours(1));
    let backup = world.directory.path().join("backup");
    world.region.back_up(&backup).unwrap();
    let machine = Machine::new();
    terminal.change_keys(&machine, hours(2));
    terminal.exchange(&world.region, hours(2));
    let (debit, _) = terminal.sell(&mut card, CINEMA, 1, hours(3));
    terminal.exchange(&world.region, hours(3));
    let (_directory, region) = put_back(world, &backup, hours(5));
    terminal.exchange(&region, hours(6));
    // It was told a lower head, and sends again from there.
    let told = terminal.exchange(&region, hours(7));
    assert_eq!(told.head(), terminal.head());
    assert!(told.verdicts().iter().any(|told| matches!(told, (of, _, Verdict::Payable) if *of == debit.get())));
}
