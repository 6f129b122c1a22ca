//! The terminal's keys are changed: the old one signs the new ones, and everything goes on.

use super::fixture::*;
use crate::crypto::{Ed25519Key, Ed25519PublicKey, P256Key};
use crate::domain::Sequence;
use crate::domain::entry::{Body, TechnicalEvent};
use crate::ledger::*;
use crate::succession::successor;
use crate::wire::cose::{Algorithm, Brought, Content, Sign1};

struct Pair {
    entry: Vec<u8>,
    card: Vec<u8>,
}

impl Pair {
    fn new() -> Self {
        Self { entry: Ed25519Key::generate().unwrap().1, card: P256Key::generate().unwrap().1 }
    }

    fn entry(&self) -> Ed25519Key {
        Ed25519Key::from_pkcs8(&self.entry).unwrap()
    }

    fn card(&self) -> P256Key {
        P256Key::from_pkcs8(&self.card).unwrap()
    }

    fn public(&self) -> Ed25519PublicKey {
        self.entry().public_key()
    }

    /// This pair alone.
    fn alone(&self) -> TerminalKeys {
        TerminalKeys::new(self.entry(), self.card())
    }
}

/// The keys of a terminal whose files are all there, in the order in which they were made.
fn files(world: &World, pairs: &[&Pair]) -> TerminalKeys {
    let directory = world.dir.path().join("keys");
    std::fs::create_dir_all(&directory).unwrap();
    let first = (world.key.clone(), P256Key::generate().unwrap().1);
    let all = std::iter::once((&first.0, &first.1)).chain(pairs.iter().map(|pair| (&pair.entry, &pair.card)));
    for (number, (entry, card)) in (1..).zip(all) {
        for (kind, bytes) in [("entry", entry), ("card", card)] {
            let name = if number == 1 { format!("{kind}.pk8") } else { format!("{kind}-{number}.pk8") };
            let path = directory.join(name);
            std::fs::write(&path, bytes).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
    TerminalKeys::load(world.dir.path()).unwrap()
}

fn verified(world: &World) -> Result<u64, VerifyError> {
    verify(world.dir.path(), None, |_, _| ()).map(|verified| verified.entries)
}

#[test]
fn the_old_key_signs_the_change_and_the_new_one_what_follows() {
    let (mut world, mut ledger) = World::new();
    let (mut card, pair) = (world.card(), Pair::new());
    sell(&mut ledger, &mut card, 1);
    let change = ledger.change_keys(NOW, pair.entry(), &pair.card()).unwrap();
    let next = sell(&mut ledger, &mut card, 2);
    let succession = ledger.view().succession().clone();
    assert_eq!((succession.at(change.sequence), succession.newest()), (&world.key().public_key(), &pair.public()));
    assert_eq!(ledger.view().key_changes(9).unwrap().len(), 1);
    let signed = |head: crate::wire::exchange::Head, key: &Ed25519PublicKey| {
        let cose = ledger.view().cose(head.sequence).unwrap();
        let message = Sign1::decode(&cose, Algorithm::EdDsa, Content::Entry).unwrap();
        crate::crypto::verify_sign1_ed25519(&message, key)
    };
    assert!(signed(change, &world.key().public_key()) && signed(next, &pair.public()));
    drop(ledger);
    assert_eq!(verified(&world).unwrap(), next.sequence.get());
    assert!(matches!(world.try_open(), Err(OpenError::OtherKey)), "the old key alone opens it no more");
    let mut ledger = Ledger::open_with(world.dir.path(), pair.alone(), NOW).unwrap();
    let again = Pair::new();
    ledger.change_keys(NOW, again.entry(), &again.card()).unwrap();
    sell(&mut ledger, &mut card, 3);
    drop(ledger);
    assert_eq!(verified(&world).unwrap(), next.sequence.get() + 2);
}

#[test]
fn a_start_goes_over_to_the_newest_pair_that_is_there_and_only_once() {
    let (world, ledger) = World::new();
    let head = ledger.view().head().sequence;
    drop(ledger);
    let pair = Pair::new();
    let ledger = Ledger::open_with(world.dir.path(), files(&world, &[&pair]), NOW).unwrap();
    assert_eq!((ledger.view().head().sequence, ledger.view().succession().newest()), (head.next(), &pair.public()));
    drop(ledger);
    let ledger = Ledger::open_with(world.dir.path(), files(&world, &[&pair]), NOW).unwrap();
    assert_eq!(ledger.view().head().sequence, head.next(), "nothing is left to be changed");
    drop(ledger);
    // Two pairs later at once: the one between signs the last.
    let (between, newest) = (Pair::new(), Pair::new());
    let ledger = Ledger::open_with(world.dir.path(), files(&world, &[&pair, &between, &newest]), NOW).unwrap();
    assert_eq!(ledger.view().succession().newest(), &newest.public());
    assert_eq!(ledger.view().succession().changes().len(), 3);
    drop(ledger);
    assert!(verified(&world).is_ok());
}

#[test]
fn an_old_copy_that_is_put_back_goes_over_to_the_new_keys_again() {
    let (mut world, ledger) = World::new();
    let mut card = world.card();
    drop(ledger);
    let copy = std::fs::read(world.database()).unwrap();
    let pair = Pair::new();
    let mut ledger = Ledger::open_with(world.dir.path(), files(&world, &[&pair]), NOW).unwrap();
    sell(&mut ledger, &mut card, 1);
    drop(ledger);
    std::fs::write(world.database(), copy).unwrap();
    let opened = Ledger::open_with(world.dir.path(), pair.alone(), NOW);
    assert!(matches!(opened, Err(OpenError::OtherKey)), "without the key before nobody can go on from there");
    let ledger = Ledger::open_with(world.dir.path(), files(&world, &[&pair]), NOW.plus(9)).unwrap();
    assert_eq!(ledger.view().succession().newest(), &pair.public());
    assert!(ledger.view().behind().is_some(), "and it still does not sell before the region was asked");
}

#[test]
fn a_request_brings_the_changes_by_which_its_key_is_known() {
    let (world, mut ledger) = World::new();
    let sent = |ledger: &Ledger, name| {
        let bytes = ledger.sign_request(&request(ledger, name)).unwrap();
        Sign1::decode(&bytes, Algorithm::EdDsa, Content::ExchangeRequest).unwrap()
    };
    assert_eq!(sent(&ledger, 1).brought, Brought::Nothing);
    let pairs: Vec<_> = (0..18).map(|_| Pair::new()).collect();
    for pair in &pairs {
        ledger.change_keys(NOW, pair.entry(), &pair.card()).unwrap();
    }
    let message = sent(&ledger, 2);
    assert!(crate::crypto::verify_sign1_ed25519(&message, &pairs[17].public()));
    let Brought::KeyChanges(changes) = message.brought else { panic!("it brings nothing") };
    assert_eq!(changes.len(), 16, "the newest");
    let mut key = pairs[1].public();
    for change in &changes {
        key = successor(TERMINAL, &key, change).unwrap();
    }
    assert_eq!(key, pairs[17].public());
    drop(ledger);
    assert!(verified(&world).is_ok());
}

#[test]
fn a_change_is_not_written_on_its_own_and_not_altered() {
    let (world, mut ledger) = World::new();
    let pair = Pair::new();
    let change = ledger.change_keys(NOW, pair.entry(), &pair.card()).unwrap();
    let body = ledger.view().entry(change.sequence).unwrap().unwrap().entry.body;
    assert!(matches!(body, Body::Event(TechnicalEvent::KeysChanged(_))));
    assert_eq!(ledger.append(NOW, body, None).unwrap_err(), LedgerError::NeedsKeys);
    drop(ledger);
    for refused in ["UPDATE entry_key SET entry_key = zeroblob(32)", "DELETE FROM entry_key"] {
        assert!(world.sql(refused).is_err(), "{refused}");
    }
    // Past the triggers, the chain says otherwise.
    let wrong = |sql: &str| {
        let forged = World::of(&std::fs::read(world.database()).unwrap(), world.key.clone());
        forged.sql("DROP TRIGGER entry_key_never_changed; DROP TRIGGER entry_key_never_deleted;").unwrap();
        forged.sql(sql).unwrap();
        match verified(&forged) {
            Err(VerifyError::Wrong(fault)) => fault,
            other => panic!("{sql}: {other:?}"),
        }
    };
    let at = Some(change.sequence);
    assert_eq!(wrong("DELETE FROM entry_key"), Fault { sequence: at, wrong: Wrong::Keys });
    assert_eq!(wrong("UPDATE entry_key SET entry_key = zeroblob(32)"), Fault { sequence: at, wrong: Wrong::Keys });
    let extra = "INSERT INTO entry_key (changed_by, entry_key, card_key) VALUES (1, zeroblob(32), zeroblob(65))";
    assert_eq!(wrong(extra).sequence, Some(Sequence::FIRST));
}
