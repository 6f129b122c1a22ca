//! Sales that are paid in parts, cash and the bank terminal: each part counts by its own tender, and what the bank terminal has beyond what was
//! earned is held until it is given back.

use super::fixture::*;
use crate::domain::closing::{PeriodKind, TenderTotal};
use crate::domain::entry::{Body, Intent, Learnt, Parts, Purpose, Tender, Tenders, UndoRequest};
use crate::domain::payment::{Doubt, PaymentState, Said, Way};
use crate::domain::{Cents, Counter, PaymentId, RequestId};
use crate::ledger::*;
use crate::wire::exchange::Head;

const BY: By = By { cashier: None, now: NOW };

fn mixed(cash: u32, tpe: u32) -> Tenders {
    Tenders::Parts(Parts::new([(Tender::Cash, cents(cash)), (Tender::Tpe, cents(tpe))]).unwrap())
}

/// The intent to sell a seat for 1 EUR, 30 cents of it in cash.
fn mixed_intent(card: &Card, name: u8) -> Intent {
    let mut intent = card.intent(name);
    match &mut intent.purpose {
        Purpose::Sale { sale, .. } => sale.tender = mixed(30, 70),
        Purpose::Undo { .. } => unreachable!("it is a sale"),
    }
    intent
}

fn mixed_undo(card: &Card, name: u8, debit: Head, counter: u32) -> Intent {
    let mut intent = card.undo(name, debit.sequence, counter);
    match &mut intent.purpose {
        Purpose::Undo { tender, .. } => *tender = mixed(30, 70),
        Purpose::Sale { .. } => unreachable!("it is an undo"),
    }
    intent
}

fn carried_out(ledger: &mut Ledger, card: &mut Card, of: impl Fn(&Card) -> Intent) -> Head {
    let intent = of(card);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::AtOnce, false)).unwrap()
}

/// The bank terminal moved so much for the sale of this name.
fn moved(ledger: &mut Ledger, payment: u8, sale: u8, way: Way, amount: u32) {
    let asked = asked(payment, sale, way);
    ledger.ask_payment(BY, asked).unwrap();
    ledger.payment_is(BY, asked.id, PaymentState::Sent).unwrap();
    let approved = PaymentState::Approved { amount: cents(amount), said: Said::ByTpe };
    ledger.payment_is(BY, asked.id, approved).unwrap();
}

fn asked(payment: u8, sale: u8, way: Way) -> AskedPayment {
    let (id, request) = (PaymentId::new([payment; 16]), RequestId::new([sale; 16]));
    AskedPayment { id, request, way, amount: cents(70) }
}

fn held(ledger: &Ledger) -> Vec<(RequestId, u64)> {
    ledger.view().held().unwrap().into_iter().map(|held| (held.request, held.amount.get())).collect()
}

#[track_caller]
fn intact(world: &World) {
    let verified = verify(world.dir.path(), None, |_, _| ());
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
fn each_part_counts_by_its_own_tender_and_the_drawer_has_the_cash() {
    let (mut world, mut ledger) = World::new();
    let (mut card, mut other) = (world.card(), world.card());
    let first = carried_out(&mut ledger, &mut card, |card| mixed_intent(card, 1));
    sell(&mut ledger, &mut other, 2);
    carried_out(&mut ledger, &mut card, |card| mixed_intent(card, 3));
    carried_out(&mut ledger, &mut card, |card| mixed_undo(card, 4, first, 1));
    // One that did not come about, one that is given up and turns out done, one whose end is not known.
    let torn = mixed_intent(&card, 5);
    ledger.store_intent(&torn, &card.certificate).unwrap();
    let Body::NotDone(end) = torn.not_done(false) else { unreachable!("it is one") };
    assert_eq!((end.returned, end.tender), (cents(100), mixed(30, 70)));
    ledger.settle(torn.transaction, NOW, Body::NotDone(end)).unwrap();
    let given_up = mixed_intent(&card, 6);
    ledger.store_intent(&given_up, &card.certificate).unwrap();
    ledger.abandon(given_up.transaction, NOW, None).unwrap();
    let proof = card.does(&given_up);
    ledger.settle(given_up.transaction, NOW, done(&given_up, proof, Learnt::FromRecords, true)).unwrap();
    let in_doubt = mixed_intent(&other, 7);
    ledger.store_intent(&in_doubt, &other.certificate).unwrap();

    let counted = Counted { float: cents(1000), counted: Some(cents(1160)) };
    let (_, day) = ledger.close(BY, PeriodKind::Day, counted).unwrap();
    let total = |tender, [sales, undone]: [u64; 2], [collected, returned, given_up]: [u32; 3]| TenderTotal {
        tender,
        sales,
        collected: cents(collected),
        undone,
        returned: cents(returned),
        given_up: cents(given_up),
    };
    let expected = [total(Tender::Cash, [4, 1], [160, 30, 60]), total(Tender::Tpe, [3, 1], [140, 70, 140])];
    assert_eq!(day.totals.tenders, expected);
    assert_eq!(day.totals.money(), (cents(300), cents(100)));
    // 10,00 EUR at first, 1,60 kept, 0,30 given back, 0,30 for the sale in doubt; what was given up came and went.
    assert_eq!((day.cash.expected(), day.cash.difference()), (1160, Some(0)));
    assert_eq!((day.doubts.count, day.doubts.cash, day.doubts.sales[0].tender), (1, cents(30), mixed(30, 70)));
    intact(&world);
}

#[test]
fn a_sale_that_was_given_up_returns_its_parts_once() {
    let (mut world, mut ledger) = World::new();
    let card = world.card();
    let intent = mixed_intent(&card, 1);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let gone = ledger.abandon(intent.transaction, NOW, None).unwrap();
    let Body::Abandoned(gone) = ledger.view().entry(gone.sequence).unwrap().unwrap().entry.body else { panic!() };
    assert_eq!((gone.returned, gone.tender), (cents(100), mixed(30, 70)));
    // Of nothing there are no parts.
    let Body::NotDone(end) = intent.not_done(true) else { unreachable!("it is one") };
    assert_eq!((end.returned, end.tender), (Cents::ZERO, Tender::Cash.into()));
    ledger.settle(intent.transaction, NOW, Body::NotDone(end)).unwrap();
    intact(&world);
}

#[test]
fn what_the_bank_terminal_has_and_nobody_earned_is_held() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let sale = RequestId::new([1; 16]);
    moved(&mut ledger, 1, 1, Way::Charge, 40);
    assert_eq!(held(&ledger), [(sale, 40)], "a part of it");
    intact(&world);
    // While a payment is under way, and while nobody knows, it is told of as that.
    let second = asked(2, 1, Way::Charge);
    ledger.ask_payment(BY, second).unwrap();
    assert_eq!(held(&ledger), []);
    ledger.payment_is(BY, second.id, PaymentState::Sent).unwrap();
    ledger.payment_is(BY, second.id, PaymentState::Unknown(Doubt::Closed)).unwrap();
    assert_eq!(held(&ledger), []);
    intact(&world);
    let word = PaymentState::Approved { amount: cents(70), said: Said::ByCashier };
    ledger.payment_is(BY, second.id, word).unwrap();
    assert_eq!(held(&ledger), [(sale, 110)]);

    // The sale earns its part of it; what is too much stays.
    let intent = mixed_intent(&card, 1);
    ledger.store_intent(&intent, &card.certificate).unwrap();
    assert_eq!(held(&ledger), [], "nobody knows yet whether it is earned");
    intact(&world);
    let proof = card.does(&intent);
    let debit = ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::AtOnce, false)).unwrap();
    assert_eq!(held(&ledger), [(sale, 40)]);
    moved(&mut ledger, 3, 1, Way::Refund, 40);
    assert_eq!(held(&ledger), []);
    intact(&world);

    // Taken back: its part is to go back, and no cash.
    carried_out(&mut ledger, &mut card, |card| mixed_undo(card, 9, debit, 1));
    assert_eq!(held(&ledger), [(sale, 70)]);
    drop(ledger);
    let mut ledger = world.open();
    assert_eq!(held(&ledger), [(sale, 70)], "also after a restart");
    moved(&mut ledger, 4, 1, Way::Refund, 70);
    assert_eq!(held(&ledger), []);
    intact(&world);
}

#[test]
fn what_the_region_is_asked_to_take_back_and_what_is_given_up_is_held_too() {
    let (mut world, mut ledger) = World::new();
    let (mut card, other) = (world.card(), world.card());
    moved(&mut ledger, 1, 1, Way::Charge, 70);
    let debit = carried_out(&mut ledger, &mut card, |card| mixed_intent(card, 1));
    let undo = UndoRequest {
        card: card.number(),
        debit: debit.sequence,
        debit_counter: Counter::new(1),
        returned: cents(100),
        tender: mixed(30, 70),
        request: RequestId::new([8; 16]),
    };
    ledger.append(NOW, Body::UndoRequest(undo), None).unwrap();
    moved(&mut ledger, 2, 2, Way::Charge, 70);
    let torn = mixed_intent(&other, 2);
    ledger.store_intent(&torn, &other.certificate).unwrap();
    ledger.abandon(torn.transaction, NOW, None).unwrap();
    assert_eq!(held(&ledger), [1, 2].map(|sale| (RequestId::new([sale; 16]), 70)));
    intact(&world);
}

#[test]
fn parts_that_are_not_those_of_the_entry_are_found() {
    let tampers = [
        "DELETE FROM part WHERE tender = 'cash'",
        "UPDATE part SET cents = 100 WHERE tender = 'cash'",
        "UPDATE part SET tender = 'card' WHERE tender = 'cash'",
        "UPDATE held SET cents = 1",
        "DELETE FROM held",
    ];
    for tamper in tampers {
        let (mut world, mut ledger) = World::new();
        let mut card = world.card();
        let debit = carried_out(&mut ledger, &mut card, |card| mixed_intent(card, 1));
        moved(&mut ledger, 2, 2, Way::Charge, 70);
        drop(ledger);
        intact(&world);
        let rules = "DROP TRIGGER part_never_changed; DROP TRIGGER part_never_deleted;";
        assert!(tamper.contains("held") || world.sql(tamper).is_err(), "{tamper}");
        world.sql(&format!("{rules} {tamper};")).unwrap();
        let found = verify(world.dir.path(), None, |_, _| ());
        let Err(VerifyError::Wrong(fault)) = found else { panic!("{tamper}: {found:?}") };
        let expected = if tamper.contains("held") { Wrong::Payment } else { Wrong::Columns };
        assert_eq!(fault.wrong, expected, "{tamper}");
        assert!(tamper.contains("held") || fault.sequence == Some(debit.sequence), "{tamper}: {fault:?}");
    }
}

/// A sale that is paid on the bank terminal alone, or its undo.
fn by_tpe(mut intent: Intent) -> Intent {
    match &mut intent.purpose {
        Purpose::Sale { sale, .. } => sale.tender = Tender::Tpe.into(),
        Purpose::Undo { tender, .. } => *tender = Tender::Tpe.into(),
    }
    intent
}

#[test]
fn what_was_held_before_there_was_a_list_of_it_is_on_the_list() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    // Not sold; sold; sold and undone; unknown.
    moved(&mut ledger, 1, 1, Way::Charge, 70);
    moved(&mut ledger, 2, 2, Way::Charge, 100);
    carried_out(&mut ledger, &mut card, |card| by_tpe(card.intent(2)));
    moved(&mut ledger, 3, 3, Way::Charge, 100);
    let debit = carried_out(&mut ledger, &mut card, |card| by_tpe(card.intent(3)));
    carried_out(&mut ledger, &mut card, |card| by_tpe(card.undo(9, debit.sequence, 2)));
    let unknown = asked(4, 4, Way::Charge);
    ledger.ask_payment(BY, unknown).unwrap();
    ledger.payment_is(BY, unknown.id, PaymentState::Sent).unwrap();
    ledger.payment_is(BY, unknown.id, PaymentState::Unknown(Doubt::NoAnswer)).unwrap();
    let expected = [(RequestId::new([1; 16]), 70), (RequestId::new([3; 16]), 100)];
    assert_eq!(held(&ledger), expected);
    drop(ledger);
    world
        .sql(
            "DROP TABLE feed_sum; DROP TABLE former_certificate; DROP TABLE required_version; DROP TABLE entry_key; \
             DROP TABLE held; DROP TABLE part; DELETE FROM refinery_schema_history WHERE version > 5; \
             PRAGMA user_version = 5",
        )
        .unwrap();
    assert_eq!(View::open(world.dir.path()).unwrap().held().unwrap(), [], "a ledger of before is read as it is");
    let ledger = world.open();
    assert_eq!(held(&ledger), expected);
    drop(ledger);
    intact(&world);
}
