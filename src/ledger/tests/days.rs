//! What a terminal writes by itself.

use super::fixture::*;
use crate::domain::entry::{Body, Learnt, TechnicalEvent, UndoRequest};
use crate::domain::*;
use crate::ledger::*;

#[test]
fn a_day_is_there_after_a_restart() {
    let (mut world, mut ledger) = World::new();
    assert!(matches!(
        ledger.view().entry(Sequence::FIRST).unwrap().unwrap().entry.body,
        Body::Event(TechnicalEvent::Enrolled { replaces: None })
    ));
    let (mut alice, mut bob) = (world.card(), world.card());
    sell(&mut ledger, &mut alice, 1);
    let debit = sell(&mut ledger, &mut bob, 2);
    let reversal = undo(&mut ledger, &mut bob, 3, debit);
    let (head, exposure) = (ledger.view().head(), ledger.view().exposure());
    assert_eq!(head, reversal);
    assert_eq!((exposure.waiting_entries, exposure.waiting_cents), (4, cents(450)));
    drop(ledger);

    let ledger = world.open();
    let view = ledger.view();
    assert_eq!((view.head(), view.exposure(), view.behind()), (head, exposure, None));
    assert!(view.is_undone(debit.sequence).unwrap());
    assert_eq!(view.debited_since(bob.number(), CINEMA, NOW.minus(3600)).unwrap(), 0);
    assert_eq!(view.debited_since(alice.number(), CINEMA, NOW.minus(3600)).unwrap(), 1);
    assert_eq!(view.last_debit_of(bob.number()).unwrap().unwrap().head, debit);
    assert_eq!(view.last_undoable().unwrap().unwrap().entry.body.card(), Some(alice.number()));
    let ended = view.by_request(RequestId::new([3; 16])).unwrap();
    assert!(matches!(&ended, Some(ByRequest::Ended(entry)) if entry.head == reversal), "{ended:?}");
    let totals = view.totals(NOW, NOW.plus(1)).unwrap();
    let [cinema] = totals.benefits.as_slice() else { panic!("{totals:?}") };
    assert_eq!((cinema.debits, cinema.debited, cinema.undone, cinema.given_back), (2, 2, 1, 1));
    let [cash] = totals.tenders.as_slice() else { panic!("{totals:?}") };
    assert_eq!((cash.collected, cash.returned, cash.given_up), (cents(200), cents(100), Cents::ZERO));
}

#[test]
fn a_doubt_is_settled_in_one_piece_and_told_once() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let intent = card.intent(1);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    drop(ledger);

    let mut ledger = world.open();
    assert_eq!(ledger.view().open_intent(card.number()).unwrap().unwrap().intent, intent);
    assert!(matches!(ledger.view().by_request(RequestId::new([1; 16])).unwrap(), Some(ByRequest::Open(_))));
    let again = ledger.store_intent(&card.intent(2), &card.certificate);
    assert_eq!(again, Err(LedgerError::OpenIntent(card.number())));

    let mut wrong = intent.clone();
    wrong.certificate = [0; 32];
    let misfit = ledger.settle(intent.transaction, NOW, done(&wrong, proof, Learnt::FromRecords, false));
    assert_eq!(misfit, Err(LedgerError::Misfit(Misfit("the certificate"))));
    assert_eq!(ledger.view().head().sequence, Sequence::FIRST, "nothing of a misfit is written");

    let head = ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::FromRecords, false)).unwrap();
    assert_eq!(ledger.view().open_intent(card.number()).unwrap(), None);
    let [ended] = ledger.view().undelivered(card.number()).unwrap().try_into().unwrap();
    assert_eq!((&ended.intent, ended.end.head), (&intent, head));
    ledger.mark_delivered(intent.transaction).unwrap();
    assert_eq!(ledger.view().undelivered(card.number()).unwrap(), []);
    let twice = ledger.settle(intent.transaction, NOW, not_done(&intent, false));
    assert_eq!(twice, Err(LedgerError::IntentEnded(intent.transaction)));
    let repeat = ledger.store_intent(&card.intent(1), &card.certificate);
    assert_eq!(repeat, Err(LedgerError::RequestKnown(RequestId::new([1; 16]))));
}

#[test]
fn an_abandoned_sale_that_was_done_is_worth_nothing_and_can_be_taken_back() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let intent = card.intent(1);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.abandon(intent.transaction, NOW, None).unwrap();
    assert_eq!(ledger.abandon(intent.transaction, NOW, None), Err(LedgerError::IntentEnded(intent.transaction)));
    assert!(ledger.view().open_intent(card.number()).unwrap().unwrap().abandoned_by.is_some());
    let paid = ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::FromRecords, false));
    assert_eq!(paid, Err(LedgerError::Misfit(Misfit("what the sale had collected"))));
    let debit = ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::FromRecords, true)).unwrap();
    assert_eq!(ledger.view().exposure().waiting_cents, Cents::ZERO);
    undo(&mut ledger, &mut card, 2, debit);
    let totals = ledger.view().totals(NOW, NOW.plus(1)).unwrap();
    assert_eq!(totals.tenders[0].given_up, cents(100));
}

#[test]
fn a_debit_is_taken_back_once() {
    let (mut world, mut ledger) = World::new();
    let (mut card, other) = (world.card(), world.card());
    let debit = sell(&mut ledger, &mut card, 1);
    let asked = |card: &Card, name| {
        Body::UndoRequest(UndoRequest {
            card: card.number(),
            debit: debit.sequence,
            debit_counter: Counter::new(1),
            returned: cents(100),
            tender: entry::Tender::Cash.into(),
            request: RequestId::new([name; 16]),
        })
    };
    let not_undoable = Err(LedgerError::NotUndoable(debit.sequence));
    assert_eq!(ledger.append(NOW, asked(&other, 2), None), not_undoable);
    ledger.append(NOW, asked(&card, 2), None).unwrap();
    assert_eq!(ledger.view().exposure().waiting_cents, Cents::ZERO);
    assert_eq!(ledger.append(NOW, asked(&card, 3), None), not_undoable);
    assert_eq!(ledger.store_intent(&card.undo(4, debit.sequence, 1), &card.certificate), not_undoable.map(|_| ()));
}

#[test]
fn what_the_card_may_be_taking_back_is_not_asked_of_the_region() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let debit = sell(&mut ledger, &mut card, 1);
    let intent = card.undo(2, debit.sequence, 1);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    let asked = UndoRequest {
        card: card.number(),
        debit: debit.sequence,
        debit_counter: Counter::new(1),
        returned: cents(100),
        tender: entry::Tender::Cash.into(),
        request: RequestId::new([3; 16]),
    };
    let refused = ledger.append(NOW, Body::UndoRequest(asked), None);
    assert_eq!(refused, Err(LedgerError::OpenIntent(card.number())));
    assert_eq!(ledger.abandon(intent.transaction, NOW, None), Err(LedgerError::NotASale(intent.transaction)));
    ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::FromRecords, false)).unwrap();
}

#[test]
fn the_time_of_entries_never_goes_back() {
    let (world, mut ledger) = World::new();
    ledger.append(NOW.plus(100), started(), None).unwrap();
    ledger.append(NOW, started(), None).unwrap();
    assert_eq!(ledger.view().floor(), NOW.plus(100));
    drop(ledger);
    assert_eq!(world.open().view().floor(), NOW.plus(100));
}

#[test]
fn nobody_changes_or_deletes_what_is_written() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    sell(&mut ledger, &mut card, 1);
    exchange(&world, &mut ledger, 9, &[]).unwrap();
    for (sql, said) in [
        ("UPDATE entry SET worth = 0", "an entry is never changed"),
        ("DELETE FROM entry WHERE sequence = 2", "an entry is never deleted"),
        ("UPDATE receipt SET time = 0", "a receipt is never changed"),
        ("DELETE FROM receipt", "a receipt is never deleted"),
        ("DELETE FROM intent", "an intent is never deleted"),
        ("UPDATE intent SET settled_by = NULL", "an intent only ends, once"),
        ("UPDATE intent SET bytes = x'00'", "an intent only ends, once"),
        (
            "CREATE TEMP TABLE fork AS SELECT * FROM entry WHERE sequence = 2; UPDATE fork SET sequence = 3; \
             INSERT INTO entry SELECT * FROM fork",
            "an entry follows the newest",
        ),
        ("INSERT OR REPLACE INTO entry SELECT * FROM entry WHERE sequence = 2", "an entry follows the newest"),
    ] {
        let error = world.sql(sql).map_err(|error| error.to_string());
        assert_eq!(error, Err(said.to_owned()), "{sql}");
    }
}
