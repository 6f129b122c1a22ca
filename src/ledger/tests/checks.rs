//! `verify`: whoever changes anything, however well, is named with the entry.

use std::fs;

use super::fixture::*;
use crate::domain::entry::{Body, CardRead, Learnt, ReadReason};
use crate::domain::*;
use crate::ledger::*;

fn check(world: &World) -> Result<Verified, VerifyError> {
    verify(world.dir.path(), None, |_, _| ())
}

fn fault(world: &World) -> (Option<u64>, Wrong) {
    match check(world) {
        Err(VerifyError::Wrong(Fault { sequence, wrong })) => (sequence.map(Sequence::get), wrong),
        other => panic!("{other:?}"),
    }
}

/// 1 enrolled, 2 sale, 3 sale, 4 undo of 3, 5 given up, 6 done all the same; and one more in doubt.
fn some_days() -> (World, Ledger) {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    sell(&mut ledger, &mut card, 1);
    let debit = sell(&mut ledger, &mut card, 2);
    undo(&mut ledger, &mut card, 3, debit);
    let intent = card.intent(4);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.abandon(intent.transaction, NOW, None).unwrap();
    ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::FromRecords, true)).unwrap();
    ledger.store_intent(&card.intent(5), &card.certificate).unwrap();
    (world, ledger)
}

#[test]
fn a_good_ledger_is_good_also_beside_its_owner_and_from_a_known_entry() {
    let (world, mut ledger) = some_days();
    let mut seen = Vec::new();
    let all = verify(world.dir.path(), None, |done, of| seen.push((done, of))).unwrap();
    assert_eq!((all.entries, all.head, seen), (6, ledger.view().head(), vec![(6, 6)]));
    ledger.append(NOW, started(), None).unwrap();
    let rest = verify(world.dir.path(), Some(all.head), |_, _| ()).unwrap();
    assert_eq!((rest.entries, rest.head), (1, ledger.view().head()));
}

#[test]
fn every_change_is_found_with_its_entry() {
    // Without the triggers, as somebody who edits the file would have it.
    let lift = "DROP TRIGGER entry_never_changed; DROP TRIGGER entry_never_deleted; DROP TRIGGER intent_only_ends; \
                DROP TRIGGER intent_never_deleted; DROP INDEX intent_open; PRAGMA foreign_keys = 0; \
                PRAGMA ignore_check_constraints = 1; ";
    let table: &[(&str, Option<u64>, Wrong)] = &[
        (
            "UPDATE entry SET cose = CAST(substr(cose, 1, 60) || x'ff' || substr(cose, 62) AS BLOB) WHERE sequence = 3",
            Some(3),
            Wrong::Hash,
        ),
        ("UPDATE entry SET hash = zeroblob(32) WHERE sequence = 2", Some(2), Wrong::Hash),
        ("UPDATE entry SET previous = zeroblob(32) WHERE sequence = 4", Some(4), Wrong::Link),
        ("DELETE FROM entry WHERE sequence = 2", Some(2), Wrong::Missing),
        ("UPDATE entry SET amount = 2 WHERE sequence = 3", Some(3), Wrong::Columns),
        ("UPDATE entry SET card = NULL WHERE sequence = 5", Some(5), Wrong::Columns),
        ("UPDATE entry SET worth = 900 WHERE sequence = 2", Some(2), Wrong::Worth),
        ("UPDATE entry SET worth_total = 0 WHERE sequence = 4", Some(4), Wrong::Worth),
        ("UPDATE card_certificate SET bytes = zeroblob(163)", Some(2), Wrong::Certificate),
        ("DELETE FROM card_certificate", Some(2), Wrong::Certificate),
        (
            "UPDATE intent SET settled_by = NULL WHERE settled_by = 3",
            Some(3),
            Wrong::Intent(Misfit("the mark that it has ended")),
        ),
        (
            "UPDATE intent SET request = zeroblob(16) WHERE settled_by = 3",
            Some(3),
            Wrong::Intent(Misfit("the request")),
        ),
        (
            "UPDATE intent SET abandoned_by = NULL WHERE settled_by = 6",
            Some(5),
            Wrong::Intent(Misfit("the mark that it was given up")),
        ),
        ("DELETE FROM intent WHERE settled_by = 4", Some(4), Wrong::Intent(Misfit("the transaction"))),
        (
            "UPDATE intent SET settled_by = 6 WHERE settled_by IS NULL",
            Some(6),
            Wrong::IntentEnd(CardNumber::from_account(925_000_000_000_001).unwrap()),
        ),
        (
            "UPDATE intent SET card = 1 WHERE settled_by IS NULL",
            None,
            Wrong::IntentColumns(CardNumber::from_account(925_000_000_000_001).unwrap()),
        ),
        (
            "INSERT INTO receipt (head_sequence, head_hash, time, request, cose) \
             SELECT 3, hash, 0, zeroblob(16), x'00' FROM entry WHERE sequence = 3",
            Some(3),
            Wrong::Receipt,
        ),
    ];
    for (sql, sequence, wrong) in table {
        let (world, ledger) = some_days();
        drop(ledger);
        world.sql(&format!("{lift}{sql}")).unwrap();
        assert_eq!(fault(&world), (*sequence, wrong.clone()), "{sql}");
    }
}

#[test]
fn the_first_fault_is_the_one_that_is_named() {
    let (world, ledger) = some_days();
    drop(ledger);
    world.sql("DROP TRIGGER entry_never_changed; UPDATE entry SET amount = 9 WHERE sequence IN (3, 4, 6)").unwrap();
    assert_eq!(fault(&world), (Some(3), Wrong::Columns));
}

#[test]
fn flipped_bytes_in_the_file_name_the_entry_and_keep_it_shut() {
    let (world, ledger) = some_days();
    let cose = ledger.view().cose(ledger.view().head().sequence).unwrap();
    drop(ledger);
    let mut file = fs::read(world.database()).unwrap();
    let place = file.windows(cose.len()).position(|window| window == cose).unwrap();
    file[place + cose.len() - 1] ^= 1;
    fs::write(world.database(), file).unwrap();
    let opened = world.try_open().map(|_| ());
    assert!(
        matches!(&opened, Err(OpenError::Ledger(LedgerError::Damaged(text))) if text.contains("entry 6")),
        "{opened:?}"
    );
    assert_eq!(fault(&world), (Some(6), Wrong::Hash));
}

#[test]
fn a_false_card_is_found() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let intent = card.intent(1);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let mut proof = card.does(&intent);
    proof.signature.0[5] ^= 1;
    ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::AtOnce, false)).unwrap();
    assert_eq!(fault(&world), (Some(2), Wrong::Card));
}

#[test]
fn a_card_that_counts_wrongly_is_found() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    sell(&mut ledger, &mut card, 1);
    card.forget_consumption();
    sell(&mut ledger, &mut card, 2);
    assert_eq!(fault(&world), (Some(3), Wrong::CardHistory));
}

#[test]
fn an_old_copy_is_found() {
    let (world, mut ledger) = some_days();
    drop(ledger);
    let copy = fs::read(world.database()).unwrap();
    ledger = world.open();
    let lost = ledger.append(NOW, started(), None).unwrap();
    drop(ledger);
    fs::write(world.database(), copy).unwrap();
    assert_eq!(fault(&world), (Some(lost.sequence.get()), Wrong::HeadFile));
    let known = verify(world.dir.path(), Some(lost), |_, _| ());
    assert!(matches!(known, Err(VerifyError::Wrong(Fault { wrong: Wrong::NotTheOneBefore, .. }))), "{known:?}");
}

#[test]
fn what_a_card_says_of_itself_is_kept_with_its_certificate_and_checked() {
    let (mut world, mut ledger) = World::new();
    let card = world.card();
    let (challenge, state) = card.state();
    let read = CardRead {
        card: card.number(),
        certificate: card.intent(1).certificate,
        reason: ReadReason::SeasonEnd,
        challenge,
        state,
        records: Vec::new(),
    };
    let body = Body::CardRead(read.clone());
    assert_eq!(ledger.append(NOW, body.clone(), None), Err(LedgerError::NoCertificate));
    ledger.append(NOW, body, Some(&card.certificate)).unwrap();
    check(&world).unwrap();
    let mut false_state = read;
    false_state.state.counter = Counter::new(9);
    ledger.append(NOW, Body::CardRead(false_state), None).unwrap();
    assert_eq!(fault(&world), (Some(3), Wrong::Card));
}
