//! A bit flips on the disk in what the region has sent: it is noticed, and asked for again or refused.

use super::fixture::*;
use crate::domain::refusal::DenialReason;
use crate::domain::{CardNumber, Timestamp};
use crate::ledger::*;
use crate::wire::feed::{Denial, Item};

/// A ledger with a denial of one card and an entitlement for it.
fn told() -> (World, Ledger, CardNumber) {
    let (mut world, mut ledger) = World::new();
    let card = world.card().number();
    tell(&world, &mut ledger, 1, card);
    (world, ledger, card)
}

fn tell(world: &World, ledger: &mut Ledger, name: u8, card: CardNumber) {
    let items = vec![Item::Denial(denial(card)), Item::Entitlement(world.region.entitlement(card, 2))];
    let page = with_items(world.region.page(0, 1, NOW, &[card]), items);
    exchange(world, ledger, name, &[(1, page)]).unwrap();
}

fn denial(card: CardNumber) -> Denial {
    Denial { card, reason: DenialReason::Lost, denied_at: NOW, block: None }
}

/// The serial of the entitlement that is kept for a card.
fn serial(ledger: &Ledger, card: CardNumber) -> Option<u32> {
    ledger.view().entitlement_for(card).unwrap().map(|entitlement| entitlement.serial.get())
}

/// Another last byte of a column of bytes.
fn flip(table: &str) -> String {
    format!(
        "UPDATE {table} SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) \
         || CASE WHEN substr(bytes, -1) = x'00' THEN x'01' ELSE x'00' END AS BLOB)"
    )
}

#[test]
fn a_denial_or_an_entitlement_that_was_changed_is_asked_for_again() {
    let changes = [
        flip("denial"),
        "UPDATE denial SET card = card + 1".to_owned(),
        "DELETE FROM denial".to_owned(),
        flip("entitlement"),
        "UPDATE entitlement SET card = card + 1".to_owned(),
        "UPDATE entitlement SET serial = serial + 1".to_owned(),
        "DELETE FROM entitlement".to_owned(),
        "INSERT INTO denial SELECT card + 1, bytes FROM denial".to_owned(),
    ];
    for change in changes {
        let (world, ledger, card) = told();
        drop(ledger);
        world.sql(&change).unwrap();
        let verified = verify(world.dir.path(), None, |_, _| ());
        assert!(
            matches!(&verified, Err(VerifyError::Wrong(Fault { wrong: Wrong::AtRest(_), .. }))),
            "{change}: {verified:?}"
        );
        let mut ledger = world.open();
        let view = ledger.view();
        assert_eq!(view.feed_position(), 0, "{change}");
        assert_eq!(view.exposure().deny_list_made, Timestamp::EPOCH, "{change}: nothing is sold before it has come");
        tell(&world, &mut ledger, 2, card);
        assert_eq!(ledger.view().denial(card).unwrap(), Some(denial(card)), "{change}");
        assert_eq!(serial(&ledger, card), Some(2), "{change}");
        drop(ledger);
        assert!(verify(world.dir.path(), None, |_, _| ()).is_ok(), "{change}");
    }
}

#[test]
fn a_row_that_changes_while_the_terminal_runs_is_noticed_when_it_is_read() {
    let changes = [
        flip("denial"),
        "UPDATE denial SET card = card + 1".to_owned(),
        "DELETE FROM denial".to_owned(),
        flip("entitlement"),
        "DELETE FROM entitlement".to_owned(),
    ];
    for change in changes {
        let (world, mut ledger, card) = told();
        world.sql(&change).unwrap();
        let read = ledger.view().denial(card).map(drop).and(ledger.view().entitlement_for(card).map(drop));
        assert!(matches!(&read, Err(LedgerError::Damaged(_))), "{change}: {read:?}");
        let page = world.region.page(1, 1, NOW, &[card]);
        assert_eq!(exchange(&world, &mut ledger, 2, &[(1, page)]), Err(ApplyError::DenyList(1)), "{change}");
        ledger.forget_feed().unwrap();
        tell(&world, &mut ledger, 3, card);
        assert_eq!(ledger.view().denial(card).unwrap(), Some(denial(card)), "{change}");
        assert_eq!(serial(&ledger, card), Some(2), "{change}");
    }
}

#[test]
fn a_catalogue_a_policy_or_a_partner_that_was_changed_is_not_sold_with() {
    let changes = [
        "UPDATE catalogue SET season = season + 1",
        "UPDATE catalogue SET version = version + 1",
        "DELETE FROM catalogue",
        "UPDATE policy SET version = version + 1",
    ];
    let flips = ["catalogue", "policy", "partner"].map(flip);
    for change in changes.into_iter().chain(flips.iter().map(String::as_str)) {
        let (world, ledger) = World::new();
        drop(ledger);
        world.sql(change).unwrap();
        let opened = world.try_open().map(drop);
        assert!(matches!(&opened, Err(OpenError::Ledger(LedgerError::Damaged(_)))), "{change}: {opened:?}");
        assert!(verify(world.dir.path(), None, |_, _| ()).is_err(), "{change}");
    }
}

/// The region sends what is there already, and something older: the sum stays that of the row.
#[test]
fn what_comes_again_changes_no_sum() {
    let (world, mut ledger, card) = told();
    let older = vec![Item::Entitlement(world.region.entitlement(card, 1))];
    let page = with_items(world.region.page(1, 2, NOW, &[card]), older);
    exchange(&world, &mut ledger, 2, &[(1, page)]).unwrap();
    assert_eq!(serial(&ledger, card), Some(2));
    drop(ledger);
    assert!(verify(world.dir.path(), None, |_, _| ()).is_ok());
}
