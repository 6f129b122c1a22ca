//! Who stands at the counter: the list, its lockouts, and whose an entry is.

use super::fixture::*;
use crate::domain::cashier::{CashierName, Change, Lockout, Role};
use crate::domain::entry::{Body, Learnt, TechnicalEvent};
use crate::domain::*;
use crate::ledger::*;

const PIN: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";

fn by(cashier: Option<u16>) -> By {
    By { cashier: cashier.map(CashierId::new), now: NOW }
}

fn add(ledger: &mut Ledger, whose: Option<u16>, name: &str, role: Role) -> Result<u16, CashierError> {
    ledger.add_cashier(by(whose), &CashierName::new(name).unwrap(), role, PIN).map(CashierId::get)
}

fn newest(ledger: &Ledger) -> (Body, Option<u16>) {
    let stored = ledger.view().entry(ledger.view().head().sequence).unwrap().unwrap();
    (stored.entry.body, stored.entry.cashier.map(CashierId::get))
}

#[test]
fn the_list_is_there_after_a_restart_and_its_changes_are_on_record() {
    let (world, mut ledger) = World::new();
    assert!(!ledger.view().cashiers().are_on());
    assert_eq!(add(&mut ledger, None, "Zoé", Role::Cashier), Err(CashierError::FirstIsManager));
    assert_eq!(add(&mut ledger, None, "Inès", Role::Manager), Ok(1));
    assert_eq!(add(&mut ledger, Some(1), "Zoé", Role::Cashier), Ok(2));
    let added = |cashier, role| Body::Event(TechnicalEvent::CashierChanged { cashier, role, change: Change::Added });
    assert_eq!(newest(&ledger), (added(CashierId::new(2), Role::Cashier), Some(1)));

    let last = ledger.disable_cashier(by(Some(1)), CashierId::new(1), Disabling::Disable);
    assert_eq!(last, Err(CashierError::LastManager));
    let head = ledger.view().head();
    assert_eq!(ledger.disable_cashier(by(Some(1)), CashierId::new(2), Disabling::Enable), Ok(()));
    assert_eq!(ledger.view().head(), head, "what changes nothing is not on record");
    ledger.disable_cashier(by(Some(1)), CashierId::new(2), Disabling::Disable).unwrap();
    assert_eq!(ledger.try_pin(CashierId::new(2), NOW), Err(CashierError::Unknown(CashierId::new(2))));
    assert_eq!(ledger.try_pin(CashierId::new(3), NOW), Err(CashierError::Unknown(CashierId::new(3))));
    assert_eq!(add(&mut ledger, Some(1), "Ali", Role::Manager), Ok(3), "a number is not given again");
    let list = ledger.view().cashiers().clone();
    drop(ledger);

    let ledger = world.open();
    assert_eq!(ledger.view().cashiers(), &list);
    assert_eq!(
        list.iter().map(|cashier| (cashier.id.get(), cashier.disabled)).collect::<Vec<_>>(),
        [(1, false), (2, true), (3, false)]
    );
    assert!(world.sql("DELETE FROM cashier").is_err());
    assert!(verify(world.dir.path(), None, |_, _| ()).is_ok());
}

#[test]
fn an_attempt_counts_before_it_is_looked_at_and_a_lockout_survives_a_restart() {
    let (world, mut ledger) = World::new();
    add(&mut ledger, None, "Inès", Role::Manager).unwrap();
    let ines = CashierId::new(1);
    let head = ledger.view().head();
    for _ in 0..2 {
        assert_eq!(ledger.try_pin(ines, NOW).as_deref(), Ok(PIN));
        assert_eq!(ledger.pin_was_wrong(ines, NOW), Ok(0));
    }
    assert_eq!(ledger.view().head(), head, "a slip is nobody's business");
    // The third is cut off by a dead daemon before it is known to be wrong.
    ledger.try_pin(ines, NOW).unwrap();
    drop(ledger);

    let mut ledger = world.open();
    assert_eq!(ledger.try_pin(ines, NOW.plus(10)), Err(CashierError::LockedOut(20)));
    assert_eq!(ledger.pin_was_wrong(ines, NOW.plus(10)), Ok(20));
    let locked = TechnicalEvent::CashierLocked { cashier: ines, failures: 3 };
    assert_eq!(newest(&ledger), (Body::Event(locked), None));
    ledger.try_pin(ines, NOW.plus(30)).unwrap();
    assert_eq!(ledger.pin_was_right(ines).unwrap().lockout, Lockout::default());
    assert_eq!(ledger.view().cashiers().get(ines).unwrap().lockout, Lockout::default());

    for _ in 0..3 {
        ledger.try_pin(ines, NOW.plus(60)).unwrap();
    }
    ledger.set_cashier_pin(by(None), ines, PIN).unwrap();
    assert!(ledger.try_pin(ines, NOW.plus(60)).is_ok(), "a new PIN ends a lockout");
    assert!(verify(world.dir.path(), None, |_, _| ()).is_ok());
}

#[test]
fn an_entry_says_whose_it_is_also_when_a_doubt_ends_later() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let zoe = Some(CashierId::new(2));
    let intent = entry::Intent { cashier: zoe, ..card.intent(1) };
    ledger.store_intent(&intent, &card.certificate).unwrap();
    let proof = card.does(&intent);
    drop(ledger);
    let mut ledger = world.open();
    assert_eq!(ledger.view().open_intent(card.number()).unwrap().unwrap().intent, intent);
    ledger.settle(intent.transaction, NOW, done(&intent, proof, Learnt::FromRecords, false)).unwrap();
    assert_eq!(newest(&ledger).1, Some(2));

    let doubt = entry::Intent { cashier: zoe, ..card.intent(2) };
    ledger.store_intent(&doubt, &card.certificate).unwrap();
    ledger.abandon(doubt.transaction, NOW, Some(CashierId::new(1))).unwrap();
    assert_eq!(newest(&ledger).1, Some(1), "another one gave it up");
    ledger.settle(doubt.transaction, NOW, not_done(&doubt, true)).unwrap();
    assert_eq!(newest(&ledger).1, Some(2));
    assert!(verify(world.dir.path(), None, |_, _| ()).is_ok());
}
