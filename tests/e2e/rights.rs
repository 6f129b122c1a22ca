//! What the region decides about cards and keys, and how it reaches them: denial, key rotation, new rights, the next season.

use std::fs;
use std::time::{Duration, Instant};

use pass::crypto::P256Key;
use pass::domain::card::{Entitlement, Signature};
use pass::domain::{EntitlementSerial, Season, Slot};
use serde_json::Value;

use crate::kit::{Card, HERE, Region, THERE, World, amount_of, shipped};

const CINEMA: Slot = Slot::new(0).unwrap();

#[test]
fn a_lost_card_is_refused_with_the_address_and_its_chip_is_blocked() {
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let here = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let there = world.counter(&region, "Cinéma du Port (inventé)", "cinema", THERE);
    there.line.cut();
    let lying = card.lay(&world, HERE);
    assert_eq!(here.redeem(&[]).exits(0).json()["left"], 4);
    drop(lying);

    region.desk("card deny", &[&card.number, "--reason", "lost"]).exits(0);
    here.sync();
    let lying = card.lay(&world, HERE);
    let refused = here.redeem(&[]).exits(3).json();
    assert_eq!((&refused["refusal"], &refused["denial"]), (&Value::from("card-denied"), &Value::from("lost")));
    assert!(refused["found_card"]["address"].as_str().is_some_and(|address| address.contains("69269 Lyon Cedex 02")));
    let spoken = here.ask(&["redeem"]).exits(3).out;
    assert!(spoken.contains("1 esplanade François Mitterrand") && spoken.contains("0810 559 559"), "{spoken}");
    assert_eq!(here.inspect()["status"], "blocked");
    // The seat that was sold before is given back by the region; the card cannot.
    let undone = here.undo(&[]).exits(0).json();
    assert_eq!((&undone["outcome"], &undone["returned_cents"]), (&Value::from("undo-requested"), &Value::from(100)));
    drop(lying);

    // The other counter has never heard of it.
    let _lying = card.lay(&world, THERE);
    assert_eq!(there.redeem(&[]).exits(3).text("refusal"), "card-blocked");
    here.sync();
    let kinds: Vec<_> = region.entries(here.id).iter().map(|entry| entry["kind"].clone()).collect();
    assert!(kinds.iter().any(|kind| kind == "refused") && kinds.iter().any(|kind| kind == "undo-request"), "{kinds:?}");
    assert_eq!(card.memory().consumed.get(CINEMA), 1);
}

#[test]
fn a_new_region_key_reaches_the_cards_by_the_terminals() {
    let world = World::new();
    let region = world.region();
    let (card, old) = (world.card(&region), world.card(&region));
    let here = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let there = world.counter(&region, "Cinéma du Port (inventé)", "cinema", THERE);
    there.line.cut();
    assert_eq!(region.desk("key rotate", &[]).exits(0).json()["key_serial"], 2);
    here.sync();

    let lying = card.lay(&world, HERE);
    assert_eq!(here.redeem(&[]).exits(0).json()["left"], 4);
    let seen = here.inspect();
    assert_eq!((&seen["region_key_serial"], &seen["certificate_key_serial"]), (&Value::from(2), &Value::from(1)));
    drop(lying);

    // A counter that has not heard of the key serves cards that have not either, and no others.
    let lying = old.lay(&world, THERE);
    assert_eq!(there.redeem(&[]).exits(0).json()["left"], 4);
    drop(lying);
    let lying = card.lay(&world, THERE);
    assert_eq!(there.redeem(&[]).exits(3).text("refusal"), "terminal-expired");
    there.line.mend();
    there.sync();
    assert_eq!(there.redeem(&[]).exits(0).json()["left"], 3);
    drop(lying);

    // A card that is made now has the new key from the start.
    let new = world.card(&region);
    let _lying = new.lay(&world, HERE);
    assert_eq!(here.redeem(&[]).exits(0).json()["left"], 4);
    assert_eq!(here.inspect()["certificate_key_serial"], 2);
    for counter in [&here, &there] {
        counter.sync();
        counter.ask(&["verify"]).exits(0);
        assert!(region.entries(counter.id).iter().all(|entry| entry["verdict"] != "contested"));
    }
}

#[test]
fn a_correction_reaches_the_card_at_its_next_tap_where_it_is_known() {
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let here = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let lying = card.lay(&world, HERE);
    here.redeem(&[]).exits(0);
    drop(lying);

    let made = region.desk("card entitle", &[&card.number, "--grant", "cinema=9"]).exits(0).json();
    assert_eq!(made["serial"], 2);
    here.sync();
    let lying = card.lay(&world, HERE);
    assert_eq!(here.redeem(&[]).exits(0).json()["left"], 7);
    let seen = here.inspect();
    assert_eq!((&seen["entitlement_serial"], amount_of(&seen["slots"], "cinema", "consumed")), (&Value::from(2), 2));
    drop(lying);

    // Rights for the next season wait for its first day (decision 14).
    let next = Season::at(made_now()).next();
    let year = next.get().to_string();
    let file = shipped("catalogue.toml");
    region.desk("catalogue publish", &[file.to_str().unwrap(), "--season", &year]).exits(0);
    region.desk("card entitle", &[&card.number, "--season", &year]).exits(0);
    here.sync();
    let _lying = card.lay(&world, HERE);
    assert_eq!(here.redeem(&[]).exits(0).json()["left"], 6);
    let seen = here.inspect();
    assert_eq!((&seen["entitlement_serial"], &seen["season"]), (&Value::from(2), &Value::from(next.get() - 1)));
}

fn made_now() -> pass::domain::Timestamp {
    use pass::terminal::clock::{Clock as _, SystemClock};
    SystemClock::default().now()
}

/// The card as it was a year ago, with five seats of that season taken.
fn of_last_season(world: &World, region: &Region) -> Card {
    let mut card = world.card(region);
    let key = P256Key::from_pkcs8(&fs::read(region.data.join("keys/region-1.pk8")).unwrap()).unwrap();
    card.forge(|memory| {
        let present = memory.entitlement.unwrap();
        let plain = Entitlement {
            season: Season::new(present.season.get() - 1),
            serial: EntitlementSerial::new(1),
            signature: Signature([0; 64]),
            ..present
        };
        memory.entitlement = Some(Entitlement { signature: key.sign(&plain.signed_bytes()).unwrap(), ..plain });
        memory.consumed = memory.consumed.with(CINEMA, 5);
    });
    card
}

#[test]
fn a_card_of_last_season_waits_for_the_region_and_for_the_line() {
    let world = World::new();
    let region = world.region();
    let card = of_last_season(&world, &region);
    let here = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    here.sync();

    // No line, and no patience with it.
    here.line.cut();
    let lying = card.lay(&world, HERE);
    assert_eq!(here.redeem(&[]).exits(3).text("refusal"), "not-revalidated");
    drop(lying);
    here.line.mend();
    here.sync();
    here.line.hold();
    let lying = card.lay(&world, HERE);
    let asked = Instant::now();
    assert_eq!(here.redeem(&[]).exits(3).text("refusal"), "not-revalidated");
    assert!(asked.elapsed() < Duration::from_secs(8), "a line that says nothing is not waited for");
    drop(lying);
    here.line.mend();

    // Revalidated: the counter, which has never served the card, asks at its tap.
    region.desk("card entitle", &[&card.number]).exits(0);
    here.await_status("the line is up", |_| here.ask(&["sync"]).code == Some(0));
    let _lying = card.lay(&world, HERE);
    let granted = here.redeem(&[]).exits(0).json();
    assert_eq!((&granted["outcome"], &granted["left"]), (&Value::from("granted"), &Value::from(4)));
    let kinds: Vec<_> = here.journal().iter().map(|entry| entry["kind"].clone()).collect();
    assert!(kinds.iter().any(|kind| kind == "card-read"), "the old season's state is on record first: {kinds:?}");
    here.sync();
    assert_eq!(region.entries(here.id).last().unwrap()["verdict"], "payable");
}
