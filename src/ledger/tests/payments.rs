//! Payments on the bank terminal: durable step by step, forward only, and on record where money moved or may have.

use super::fixture::*;
use crate::domain::closing::PeriodKind;
use crate::domain::entry::{Body, TechnicalEvent};
use crate::domain::payment::{Doubt, NotPaid, PaymentEnd, PaymentState, Reason, Said, Way};
use crate::domain::{PaymentId, RequestId, Sequence};
use crate::ledger::*;

const BY: By = By { cashier: None, now: NOW };
const PAID: PaymentState = PaymentState::Approved { amount: crate::domain::Cents::from_u32(100), said: Said::ByTpe };
const UNKNOWN: PaymentState = PaymentState::Unknown(Doubt::NoAnswer);

fn asked(name: u8, sale: u8) -> AskedPayment {
    let (id, request) = (PaymentId::new([name; 16]), RequestId::new([sale; 16]));
    AskedPayment { id, request, way: Way::Charge, amount: cents(100) }
}

/// A payment that went through these states.
fn went(ledger: &mut Ledger, payment: AskedPayment, states: &[PaymentState]) {
    ledger.ask_payment(BY, payment).unwrap();
    for state in states {
        ledger.payment_is(BY, payment.id, *state).unwrap();
    }
}

fn intact(world: &World) {
    let verified = verify(world.dir.path(), None, |_, _| ());
    assert!(verified.is_ok(), "{verified:?}");
}

#[test]
fn every_state_is_found_again() {
    let (world, mut ledger) = World::new();
    let states = [
        PAID,
        PaymentState::Refused(NotPaid::Said(Reason::OperatorAbandoned)),
        UNKNOWN,
        PaymentState::Approved { amount: cents(40), said: Said::ByTpe },
    ];
    for (name, state) in (1..).zip(states) {
        went(&mut ledger, asked(name, name), &[PaymentState::Sent, state]);
    }
    went(&mut ledger, asked(5, 5), &[PaymentState::Refused(NotPaid::Unreachable)]);
    went(&mut ledger, asked(6, 6), &[PaymentState::Refused(NotPaid::NotSent)]);
    went(&mut ledger, asked(7, 7), &[PaymentState::Sent, UNKNOWN, PaymentState::Refused(NotPaid::Word)]);
    went(&mut ledger, asked(8, 8), &[PaymentState::Sent]);
    drop(ledger);
    let ledger = world.open();
    let found = |name| ledger.view().payment(PaymentId::new([name; 16])).unwrap().unwrap().state;
    assert_eq!([1, 2, 3, 4].map(found), states);
    assert_eq!(
        [5, 6, 7].map(found),
        [NotPaid::Unreachable, NotPaid::NotSent, NotPaid::Word].map(PaymentState::Refused)
    );
    let open: Vec<_> = ledger.view().open_payments().unwrap().iter().map(|open| open.asked.id).collect();
    assert_eq!(open, [PaymentId::new([3; 16]), PaymentId::new([8; 16])]);
    intact(&world);
}

#[test]
fn one_payment_is_in_flight_and_none_follows_an_unknown_one_of_its_sale() {
    let (_world, mut ledger) = World::new();
    went(&mut ledger, asked(1, 1), &[]);
    assert_eq!(ledger.ask_payment(BY, asked(2, 2)), Err(PaymentError::InFlight));
    ledger.payment_is(BY, asked(1, 1).id, PaymentState::Sent).unwrap();
    assert_eq!(ledger.ask_payment(BY, asked(2, 2)), Err(PaymentError::InFlight));
    ledger.payment_is(BY, asked(1, 1).id, UNKNOWN).unwrap();
    assert_eq!(ledger.ask_payment(BY, asked(2, 1)), Err(PaymentError::Unknown));
    // Another sale goes on.
    assert_eq!(ledger.ask_payment(BY, asked(2, 2)), Ok(()));
}

#[test]
fn what_was_sent_is_never_asked_again_and_what_has_ended_stays() {
    let (world, mut ledger) = World::new();
    went(&mut ledger, asked(1, 1), &[PaymentState::Sent]);
    let id = asked(1, 1).id;
    for backwards in [PaymentState::Asked, PaymentState::Sent] {
        assert!(ledger.payment_is(BY, id, backwards).is_err(), "{backwards:?}");
    }
    ledger.payment_is(BY, id, PAID).unwrap();
    for state in [PaymentState::Sent, UNKNOWN, PAID, PaymentState::Refused(NotPaid::Word)] {
        assert!(ledger.payment_is(BY, id, state).is_err(), "{state:?}");
    }
    assert!(world.sql("DELETE FROM payment").is_err());
    assert!(world.sql("UPDATE payment SET asked = 200").is_err());
    intact(&world);
}

#[test]
fn an_entry_of_its_own_says_what_is_unknown_and_another_what_it_was() {
    let (_world, mut ledger) = World::new();
    went(&mut ledger, asked(1, 1), &[PaymentState::Sent, UNKNOWN, PaymentState::Refused(NotPaid::Word)]);
    let ends: Vec<_> = (1..=ledger.view().head().sequence.get())
        .filter_map(|sequence| match ledger.view().entry(Sequence::new(sequence)).unwrap()?.entry.body {
            Body::Event(TechnicalEvent::Payment(fact)) => Some(fact.end),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [PaymentEnd::Unknown(Doubt::NoAnswer), PaymentEnd::NotPaid]);
    let fact = crate::domain::payment::PaymentFact {
        payment: asked(2, 2).id,
        request: asked(2, 2).request,
        way: Way::Charge,
        asked: cents(100),
        end: PaymentEnd::NotPaid,
    };
    let alone = ledger.append(NOW, Body::Event(TechnicalEvent::Payment(fact)), None);
    assert_eq!(alone, Err(LedgerError::NeedsPayment));
}

#[test]
fn a_closing_lists_what_is_unknown_until_it_is_answered() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let mut closed = |ledger: &mut Ledger, name| {
        sell(ledger, &mut card, name);
        let (_, closing) = ledger.close(BY, PeriodKind::Day, Counted::default()).unwrap();
        closing.unknown_payments
    };
    went(&mut ledger, asked(1, 1), &[PaymentState::Sent, UNKNOWN]);
    for name in [1, 2] {
        let unknown = closed(&mut ledger, name);
        assert_eq!((unknown.count, unknown.payments[0].payment), (1, asked(1, 1).id));
    }
    let word = PaymentState::Approved { amount: cents(100), said: Said::ByCashier };
    ledger.payment_is(BY, asked(1, 1).id, word).unwrap();
    assert_eq!(closed(&mut ledger, 3).count, 0);
    drop(ledger);
    intact(&world);
}

#[test]
fn a_payment_that_was_asked_when_a_copy_was_made_may_have_been_sent_since() {
    let (world, mut ledger) = World::new();
    ledger.ask_payment(BY, asked(1, 1)).unwrap();
    let place = tempfile::tempdir().unwrap();
    let (copy, snapshot) = (place.path().join("copy.db"), place.path().join("snapshot.db"));
    backup(world.dir.path(), &copy).unwrap();
    // As a snapshot of the file system makes it, by which the ledger's own file is copied as it is.
    ledger.view.connection.execute("VACUUM INTO ?1", [snapshot.to_str().unwrap()]).unwrap();
    for state in [PaymentState::Sent, PAID] {
        ledger.payment_is(BY, asked(1, 1).id, state).unwrap();
    }
    drop(ledger);
    let state = |view: &View| view.payment(asked(1, 1).id).unwrap().unwrap().state;
    for (put_back, stands) in [(copy, PaymentState::Sent), (snapshot, PaymentState::Asked)] {
        std::fs::copy(put_back, world.database()).unwrap();
        assert_eq!(state(&View::open(world.dir.path()).unwrap()), stands);
        let ledger = world.open();
        assert!(ledger.view().behind().is_some());
        assert_eq!(state(ledger.view()), PaymentState::Sent);
    }
    // The ledger itself, which goes on after a power cut, knows better.
    let (world, mut ledger) = World::new();
    ledger.ask_payment(BY, asked(1, 1)).unwrap();
    drop(ledger);
    assert_eq!(state(world.open().view()), PaymentState::Asked);
}

#[test]
fn a_payment_that_was_tampered_with_is_found() {
    let tampered = [
        "UPDATE payment SET amount = 50",
        "UPDATE payment SET ended_by = 1",
        "UPDATE payment SET request = x'09090909090909090909090909090909'",
        "DELETE FROM payment",
        "UPDATE payment SET state = 'refused', amount = NULL, why = 'said-04', ended_by = NULL",
    ];
    for change in tampered {
        let (world, mut ledger) = World::new();
        went(&mut ledger, asked(1, 1), &[PaymentState::Sent, PAID]);
        drop(ledger);
        let triggers = ["payment_forward", "payment_never_deleted"];
        // Whoever can write the file can put the triggers back.
        let forward = include_str!("../../../sql/terminal/V5__payments.sql");
        let again: String = forward
            .split("\n\n")
            .filter(|part| {
                part.contains("CREATE TRIGGER payment_forward") || part.contains("CREATE TRIGGER payment_never")
            })
            .map(|part| part[part.find("CREATE TRIGGER").unwrap()..].to_owned())
            .collect();
        let drops: String = triggers.map(|name| format!("DROP TRIGGER {name};")).concat();
        world.sql(&format!("{drops} {change}; {again}")).unwrap();
        let verified = verify(world.dir.path(), None, |_, _| ());
        assert!(
            matches!(&verified, Err(VerifyError::Wrong(Fault { wrong: Wrong::Payment, .. }))),
            "{change}: {verified:?}"
        );
    }
}
