//! Files that are not what they should be: each is refused, or noticed, by name.

use std::fs;

use super::fixture::*;
use crate::crypto::Ed25519Key;
use crate::domain::*;
use crate::ledger::*;
use crate::wire::exchange::Head;

#[test]
fn a_second_process_is_refused_while_the_first_is_there() {
    let (world, ledger) = World::new();
    assert!(matches!(world.try_open(), Err(OpenError::InUse(_))));
    assert!(View::open(world.dir.path()).is_ok(), "reading beside it is allowed");
    drop(ledger);
    assert!(world.try_open().is_ok());
}

#[test]
fn a_ledger_is_made_once() {
    let (world, ledger) = World::new();
    drop(ledger);
    let again = Ledger::create(world.dir.path(), world.key(), &world.region.enrolment(), NOW);
    assert!(matches!(again, Err(OpenError::AlreadyThere(_))));
    let empty = tempfile::tempdir().unwrap();
    assert!(matches!(Ledger::open(empty.path(), world.key()), Err(OpenError::NotThere(_))));
    assert!(matches!(View::open(empty.path()), Err(OpenError::NotThere(_))));
}

#[test]
fn what_an_interrupted_enrolment_left_is_no_ledger_and_in_nobodys_way() {
    let (world, _) = World::new();
    let dir = tempfile::tempdir().unwrap();
    for name in ["ledger.db.new", "ledger.db.new-journal"] {
        fs::write(dir.path().join(name), b"half").unwrap();
    }
    assert!(matches!(Ledger::open(dir.path(), world.key()), Err(OpenError::NotThere(_))));
    Ledger::create(dir.path(), world.key(), &world.region.enrolment(), NOW).unwrap();
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["head", "ledger.db", "lock"]);
}

#[test]
fn an_enrolment_whose_keys_the_root_did_not_certify_makes_no_ledger() {
    let (world, _) = World::new();
    let dir = tempfile::tempdir().unwrap();
    let mut answer = world.region.enrolment();
    answer.region_keys[0].signature.0[9] ^= 1;
    assert!(matches!(Ledger::create(dir.path(), world.key(), &answer, NOW), Err(OpenError::Enrolment(_))));
    assert!(matches!(Ledger::open(dir.path(), world.key()), Err(OpenError::NotThere(_))));
}

#[test]
fn another_key_does_not_open_it() {
    let (world, ledger) = World::new();
    drop(ledger);
    let (other, _) = Ed25519Key::generate().unwrap();
    assert!(matches!(Ledger::open(world.dir.path(), other), Err(OpenError::OtherKey)));
}

#[test]
fn a_file_of_another_program_or_of_a_newer_one_is_refused() {
    let (world, ledger) = World::new();
    drop(ledger);
    world.sql("PRAGMA user_version = 7").unwrap();
    assert!(matches!(world.try_open(), Err(OpenError::Newer { found: 7, known: 6 })));
    world.sql("PRAGMA user_version = 2; PRAGMA application_id = 7").unwrap();
    assert!(matches!(world.try_open(), Err(OpenError::Foreign(_))));
    fs::write(world.database(), "not a database, but long enough to have been one ".repeat(100)).unwrap();
    assert!(matches!(world.try_open(), Err(OpenError::Foreign(_))));
    fs::write(world.database(), "").unwrap();
    assert!(matches!(world.try_open(), Err(OpenError::Foreign(_))));
}

#[test]
fn an_old_copy_is_noticed_before_it_sells() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    sell(&mut ledger, &mut card, 1);
    drop(ledger);
    let copy = fs::read(world.database()).unwrap();
    let mut ledger = world.open();
    let lost = sell(&mut ledger, &mut card, 2);
    drop(ledger);
    fs::write(world.database(), &copy).unwrap();

    let mut ledger = world.open();
    assert_eq!(ledger.view().behind(), Some(Behind { other: lost }));
    let after = ledger.append(NOW, started(), None).unwrap();
    assert_eq!(after.sequence, lost.sequence, "it is the same place in another branch");
    drop(ledger);

    let mut ledger = world.open();
    assert_eq!(ledger.view().behind(), Some(Behind { other: lost }), "the same number with another hash");
    ledger.join(NOW, lost).unwrap();
    assert_eq!(ledger.view().behind(), None);
    drop(ledger);
    assert_eq!(world.open().view().behind(), None);
}

#[test]
fn a_head_file_that_lags_or_says_nothing_is_no_reason_to_stop() {
    let (mut world, mut ledger) = World::new();
    let head_file = world.dir.path().join("head");
    let old = fs::read(&head_file).unwrap();
    let mut card = world.card();
    let head = sell(&mut ledger, &mut card, 1);
    drop(ledger);
    for content in [Some(old.as_slice()), Some(b"torn"), Some(b""), None] {
        match content {
            Some(content) => fs::write(&head_file, content).unwrap(),
            None => fs::remove_file(&head_file).unwrap(),
        }
        let ledger = world.open();
        assert_eq!((ledger.view().behind(), ledger.view().head()), (None, head));
        drop(ledger);
        let written = fs::read_to_string(&head_file).unwrap();
        assert!(written.starts_with(&format!("{:020} {}\n", head.sequence.get(), head.hash)), "{written}");
    }
    let forged = format!("{} {}\n", u64::MAX, EntryHash::new([7; 32]));
    fs::write(&head_file, forged).unwrap();
    let other = Head { sequence: Sequence::new(u64::MAX), hash: EntryHash::new([7; 32]) };
    assert_eq!(world.open().view().behind(), Some(Behind { other }));
}

#[test]
fn a_full_disk_is_said_and_nothing_half_is_written() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    sell(&mut ledger, &mut card, 1);
    let intent = card.intent(2);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    let pages: u32 = ledger.view.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
    let set_limit = |ledger: &Ledger, pages: u32| {
        let sql = format!("PRAGMA max_page_count = {pages}");
        ledger.view.connection.query_row(&sql, [], |_| Ok(())).unwrap();
    };
    set_limit(&ledger, pages);
    let mut written = 0;
    let full = loop {
        match ledger.append(NOW, started(), None) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "the disk never filled");
    };
    assert!(matches!(full, LedgerError::Unavailable(_)), "{full:?}");
    let before = ledger.view().head();
    // The rest of the last page may take the entry; what matters is that entry and mark go together.
    let settled = ledger.settle(intent.transaction, NOW, done(&intent, proof, entry::Learnt::AtOnce, false));
    let open = ledger.view().open_intent(card.number()).unwrap().is_some();
    assert_eq!((settled.is_err(), ledger.view().head() == before), (open, open), "{settled:?}");

    set_limit(&ledger, 1_000_000);
    ledger.append(NOW, started(), None).unwrap();
    if open {
        ledger.settle(intent.transaction, NOW, done(&intent, proof, entry::Learnt::AtOnce, false)).unwrap();
    }
    drop(ledger);
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().entries, world.open().view().head().sequence.get());
}

#[test]
fn a_truncated_file_is_said_to_be_damaged() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    for name in 1..40 {
        sell(&mut ledger, &mut card, name);
    }
    drop(ledger);
    let whole = fs::read(world.database()).unwrap();
    fs::write(world.database(), &whole[..whole.len() / 2]).unwrap();
    let opened = world.try_open().map(|_| ());
    let checked = verify(world.dir.path(), None, |_, _| ());
    assert!(matches!(opened, Err(OpenError::Ledger(LedgerError::Damaged(_)))), "{opened:?}");
    assert!(checked.is_err());
}
