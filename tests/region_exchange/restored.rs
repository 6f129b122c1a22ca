//! A store in a file that was lost and put back from its backup.

use pass::domain::entry::Body;
use pass::domain::verdict::{Contest, Verdict};
use pass::region::{Region, embedded};

use super::kit::{CINEMA, World, hours};

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
    // The store is lost, and its backup knows nothing of that.
    let World { region, directory, .. } = world;
    drop(region);
    let data = directory.path().join("region");
    for name in ["region.db", "region.db-wal", "region.db-shm"] {
        let _gone_with_its_last_user = std::fs::remove_file(data.join(name));
    }
    Region::restore(&data, &embedded(&data), &backup, hours(5)).unwrap();
    let region = Region::open(&data).unwrap();
    second.exchange(&region, hours(5));
    let told = first.exchange(&region, hours(6)).verdicts();
    let Some((1, version, Verdict::Payable)) = told.last() else { panic!("{told:?}") };
    assert!(*version > 2, "a terminal takes only what is newer than what it has");
}
