//! What is lost when a disk is: nothing that a card has signed and a counter will see again. And what a copy that is put back does.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::doctor::codes;
use crate::kit::{Books, Card, Counter, HERE, Region, Story, THERE, World};

/// What the region pays a terminal, in cents.
fn paid(region: &Region, terminal: u32) -> u64 {
    region.entries(terminal).iter().filter_map(|entry| entry["payable_cents"].as_u64()).sum()
}

/// The kinds of what a terminal is paid for.
fn paid_for(region: &Region, terminal: u32) -> Vec<String> {
    let entries = region.entries(terminal);
    let payable = entries.iter().filter(|entry| entry["payable_cents"].as_u64() > Some(0));
    payable.map(|entry| entry["kind"].as_str().unwrap().to_owned()).collect()
}

/// Sells a seat on this card.
#[track_caller]
fn sell(world: &World, counter: &Counter, card: &Card, reader: usize) {
    let _lying = card.lay(world, reader);
    counter.redeem(&[]).exits(0);
}

#[test]
fn three_seats_that_died_with_a_disk_are_paid_by_the_cards_and_once() {
    let world = World::new();
    let region = world.region();
    let cards = [world.card(&region), world.card(&region), world.card(&region)];
    let mut cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let port = world.counter(&region, "Cinéma du Port (inventé)", "cinema", THERE);
    cinema.line.cut();
    for card in &cards {
        sell(&world, &cinema, card, HERE);
    }
    // The disk dies with three sales that nobody else knows.
    cinema.kill();
    let away = world.stage().place("the old disk");
    fs::rename(&cinema.data, &away).unwrap();
    let new = cinema.replaced(&region);
    assert_eq!(new.status()["refusal"], Value::Null);

    // The holders go to another partner's cinema. The first tap shows the region that something is missing, the next brings it.
    for card in &cards {
        sell(&world, &port, card, THERE);
    }
    port.sync();
    assert_eq!(paid(&region, cinema.id), 0);
    for card in &cards {
        let _lying = card.lay(&world, THERE);
        assert_eq!(port.card()["genuine"], true);
    }
    port.await_status("the records are read", |_| {
        port.journal().iter().filter(|entry| entry["kind"] == "card-read").count() == cards.len()
    });
    port.sync();
    assert_eq!(paid_for(&region, cinema.id), ["orphan"; 3]);
    let by_the_cards = paid(&region, cinema.id);
    assert_eq!(paid(&region, port.id), by_the_cards, "three seats each");
    assert_eq!(paid(&region, new.id), 0);

    // The disk is found after all. It sells nothing, and its entries come on a stick.
    fs::rename(&away, &cinema.data).unwrap();
    let stick = |name: &str| world.stage().place(name).to_str().unwrap().to_owned();
    let exported = cinema.ask(&["export", "--json", &stick("demande")]).exits(0).json();
    assert_eq!(exported["owed_cents"], by_the_cards);
    region.desk("answer", &[&stick("demande"), &stick("reponse")]).exits(0);
    assert_eq!(paid_for(&region, cinema.id), ["debit"; 3], "the entries, and the records no more");
    assert_eq!(paid(&region, cinema.id), by_the_cards, "once");
    cinema.ask(&["import", &stick("reponse")]).exits(0);
    drop(new);
    cinema.start();
    let _lying = cards[0].lay(&world, HERE);
    assert_eq!(cinema.redeem(&[]).exits(3).text("refusal"), "terminal-suspended", "its place is taken");
    for card in &cards {
        assert_eq!(card.memory().counter().get(), 2);
    }
}

#[test]
fn a_backup_that_is_put_back_exchanges_before_it_sells() {
    let mut story = Story::begin();
    let file = story.world.stage().place("sauvegarde.db");
    let name = file.to_str().unwrap().to_owned();
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    let made = story.cinema.ask(&["backup", "--json", &name]).exits(0).json();
    assert_eq!((&made["terminal_id"], &made["outcome"]), (&story.cinema.id.into(), &"backup".into()));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let checked = story.world.run(crate::kit::PASS_TERMINAL, &["backup", "--check", "--json", &name]).exits(0).json();
    assert_eq!((&checked["head"], &checked["hash"], &checked["hours_old"]), (&made["head"], &made["hash"], &0.into()));
    let spoken = story.world.run(crate::kit::PASS_TERMINAL, &["backup", "--check", &name]).exits(0).out;
    assert!(spoken.starts_with("SAUVEGARDE INTACTE - ") && spoken.contains("il y a 0 h"), "{spoken}");

    // Sold after the backup: one that the region has, and one that it has not.
    story.cinema.redeem(&[]).exits(0);
    story.cinema.sync();
    story.cinema.line.cut();
    story.cinema.redeem(&[]).exits(0);
    drop(lying);
    story.cinema.kill();
    for gone in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(story.cinema.data.join(gone));
    }
    fs::copy(&file, story.cinema.data.join("ledger.db")).unwrap();
    story.cinema.start();
    assert_eq!(story.cinema.status()["refusal"]["refusal"], "ledger-behind");
    assert!(codes(&story.cinema).contains(&"ledger-behind".to_owned()));
    let lying = story.lay();
    assert_eq!(story.cinema.redeem(&[]).exits(3).text("refusal"), "ledger-behind");
    story.cinema.line.mend();
    story.cinema.sync();
    assert_eq!(story.cinema.status()["refusal"], Value::Null);
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 496);
    story.cinema.sync();
    let joined = |entry: &Value| entry["detail"].as_str().is_some_and(|detail| detail.contains("joined to a branch"));
    assert_eq!(story.cinema.journal().iter().filter(|entry| joined(entry)).count(), 1, "visible in the chain");
    story.cinema.ask(&["verify"]).exits(0);
    // Both branches are kept, and each sale that arrived is paid once. The one that neither side has is on the card.
    let debits = |entries: &[Value]| -> Vec<(u64, u64)> {
        let debits = entries.iter().filter(|entry| entry["kind"] == "debit");
        debits.map(|debit| (debit["branch"].as_u64().unwrap(), debit["counter"].as_u64().unwrap())).collect()
    };
    let entries = story.region.entries(story.cinema.id);
    assert_eq!(debits(&entries), [(0, 1), (0, 2), (1, 4)]);
    assert!(entries.iter().all(|entry| entry["reason"] == Value::Null), "{entries:#?}");
    drop(lying);
    let _lying = story.lay();
    let read = |_: &Value| story.cinema.journal().iter().any(|entry| entry["kind"] == "card-read");
    story.cinema.await_status("the card's records are read", read);
    story.cinema.sync();
    assert_eq!(paid_for(&story.region, story.cinema.id), ["debit", "debit", "debit", "orphan"]);
    assert_eq!(story.card.memory().counter().get(), 4);
}

#[test]
fn a_backup_is_made_while_the_terminal_sells_and_a_bad_one_says_so() {
    let story = Story::begin();
    let place = |name: &str| story.world.stage().place(name).to_str().unwrap().to_owned();
    let name = place("sauvegarde.db");
    let _lying = story.lay();
    for sold in 1..=5 {
        let selling = story.cinema.begin(&["redeem", "--json", "--wait", "10"]);
        story.cinema.ask(&["backup", &name]).exits(0);
        selling.said().exits(0);
        let checked = story.cinema.ask(&["backup", "--check", "--json", &name]).exits(0).json();
        assert!(checked["waiting"].as_u64() <= Some(2 + sold), "{checked}");
    }
    assert_eq!(story.books(), Books { consumed: 5, cash: 500 });

    let inside = story.cinema.data.join("sauvegarde.db");
    let photo = place("photo.jpg");
    fs::write(&photo, b"of the family").unwrap();
    for (file, says) in [(inside.to_str().unwrap(), "hors du dossier"), (&*photo, "prenez un autre nom")] {
        let said = story.cinema.ask(&["backup", file]).exits(64);
        assert!(said.err.contains(says) && said.out.is_empty(), "{}", said.err);
    }
    let whole = fs::read(&name).unwrap();
    let signature = hex::decode(story.cinema.journal()[3]["signature"].as_str().unwrap()).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = whole.clone();
        change(&mut bytes);
        bytes
    };
    let signed = whole.windows(signature.len()).position(|window| window == signature).unwrap();
    let damaged = [
        changed(&|bytes| bytes.truncate(bytes.len() / 2)),
        changed(&|bytes| bytes[..16].fill(0)),
        changed(&|bytes| bytes[signed] ^= 1),
    ];
    for bytes in damaged {
        fs::write(&name, &bytes).unwrap();
        assert_eq!(story.cinema.ask(&["backup", "--check", "--json", &name]).exits(65).text("outcome"), "damaged");
        assert!(story.cinema.ask(&["backup", "--check", &name]).exits(65).err.contains("Ne la restaurez pas"));
    }
    assert!(story.cinema.ask(&["backup", "--check", &place("none")]).exits(74).err.contains("Il n'y a pas de fichier"));
}

#[test]
fn a_region_from_its_backup_is_told_again_what_it_forgot_and_pays_once() {
    let mut story = Story::begin();
    let denied = story.world.card(&story.region);
    let backup = story.world.stage().place("region.bak").to_str().unwrap().to_owned();
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    story.cinema.sync();
    // While it serves.
    let made = story.region.desk("backup", &[&backup]).exits(0).json();
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(story.region.desk("backup", &["--check", &backup]).exits(0).json()["entries"], made["entries"]);
    story.cinema.redeem(&[]).exits(0);
    story.cinema.redeem(&[]).exits(0);
    story.region.desk("card deny", &[&denied.number, "--reason", "lost"]).exits(0);
    story.region.desk("card entitle", &[&story.card.number, "--grant", "cinema=400"]).exits(0);
    story.cinema.sync();
    drop(lying);
    let lying = story.lay();
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 396, "the card took the correction");
    let acknowledged = story.cinema.sync()["acknowledged"].as_u64().unwrap();
    let receipts =
        |story: &Story| story.cinema.ask(&["verify", "--json"]).exits(0).json()["receipts"].as_u64().unwrap();
    let before = receipts(&story);

    story.region.kill();
    assert_eq!(story.region.desk("restore", &[&backup]).code, Some(73), "never over a store that is there");
    for gone in ["region.db", "region.db-wal", "region.db-shm"] {
        let _ = fs::remove_file(story.region.data.join(gone));
    }
    let bytes = fs::read(&backup).unwrap();
    let half = story.world.stage().place("half.bak").to_str().unwrap().to_owned();
    fs::write(&half, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(story.region.desk("restore", &[&half]).code, Some(65));
    assert!(!story.region.data.join("region.db").exists());
    let restored = story.region.desk("restore", &[&backup]).exits(0).json();
    assert_eq!((&restored["outcome"], &restored["entries"]), (&"restored".into(), &made["entries"]));
    assert!(story.region.entries(story.cinema.id).len() < usize::try_from(acknowledged).unwrap());
    story.region.start();

    // By itself: from the head that the region still has, and the receipts of both lives are kept.
    assert!(story.cinema.sync()["acknowledged"].as_u64() >= Some(acknowledged));
    assert!(receipts(&story) > before);
    // What the desk did since the backup it does again: the terminal and the card, which have the first ones, take the second.
    story.region.desk("card deny", &[&denied.number, "--reason", "lost"]).exits(0);
    story.region.desk("card entitle", &[&story.card.number, "--grant", "cinema=300"]).exits(0);
    story.cinema.sync();
    drop(lying);
    let lying = denied.lay(&story.world, HERE);
    assert_eq!(story.cinema.redeem(&[]).exits(3).text("refusal"), "card-denied");
    drop(lying);
    let _lying = story.lay();
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 295);
    let (id, _) = story.region.terminal("Cinéma du Port (inventé)", "cinema");
    assert!(id > 1000, "no machine is given a number that another may have: {id}");
    assert_eq!(story.books(), Books { consumed: 5, cash: 500 });
}
