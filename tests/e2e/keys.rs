//! A terminal's keys are changed while it is in use, and the region says which version it wants.

use std::fs;

use serde_json::Value;

use crate::kit::{Books, Story};

/// The verb runs beside the daemon, and its keys are used from the next start on.
fn change_and_restart(story: &mut Story) {
    let ready = story.cinema.ask(&["keys", "change", "--json"]).exits(0).json();
    assert_eq!((&ready["outcome"], &ready["waits_for_start"]), (&"ready".into(), &true.into()));
    story.cinema.stop();
    story.cinema.start();
}

fn keys(story: &Story) -> Value {
    story.cinema.ask(&["keys", "--json"]).exits(0).json()
}

#[test]
fn a_counter_changes_its_keys_sells_without_a_line_and_is_paid_for_all_of_it() {
    let mut story = Story::begin();
    let first = keys(&story);
    assert_eq!((&first["first_entry_key"], &first["waits_for_start"]), (&first["entry_key"], &false.into()));
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    let before = story.cinema.ask(&["receipt", "show", "--json", "3"]).exits(0).json();
    story.cinema.line.cut();
    let said = story.cinema.ask(&["keys", "change"]).exits(0).out;
    assert!(said.contains("dès le prochain démarrage") && said.contains("systemctl restart"), "{said}");
    assert_eq!(keys(&story)["waits_for_start"], true);
    story.cinema.ask(&["keys", "change"]).exits(0);
    assert!(!story.cinema.data.join("keys/entry-3.pk8").exists(), "one pair waits, not two");
    story.cinema.stop();
    story.cinema.start();
    let changed = keys(&story);
    assert_eq!((&changed["first_entry_key"], changed["changes"].as_array().unwrap().len()), (&first["entry_key"], 1));
    assert_ne!(changed["entry_key"], first["entry_key"]);
    assert_eq!(changed["card_key_certified_until"], Value::Null);
    // Cards are opened with the old card key until the region has certified the new one.
    story.cinema.redeem(&[]).exits(0);
    let again = story.cinema.ask(&["keys", "change"]).exits(3).err;
    assert!(again.contains("pas encore certifié"), "{again}");
    story.cinema.line.mend();
    story.cinema.sync();
    assert!(keys(&story)["card_key_certified_until"].is_u64());
    // The former pair is erased: nothing needs it any more.
    for name in ["entry.pk8", "card.pk8"] {
        fs::remove_file(story.cinema.data.join("keys").join(name)).unwrap();
    }
    story.cinema.stop();
    story.cinema.start();
    story.cinema.redeem(&[]).exits(0);
    assert_eq!(story.books(), Books { consumed: 3, cash: 300 });
    drop(lying);

    let shown = story.region.desk("terminal show", &[&story.cinema.id.to_string()]).exits(0).json();
    assert_eq!((&shown["first_entry_key"], &shown["entry_key"]), (&first["entry_key"], &changed["entry_key"]));
    // A receipt from before is still proven, by the ledger and by the key of its time.
    let code = before["code"].as_str().unwrap();
    story.cinema.ask(&["verify", "--receipt", code]).exits(0);
    let key = first["entry_key"].as_str().unwrap();
    story.cinema.ask(&["verify", "--receipt", code, "--key", key]).exits(0);
    story.cinema.ask(&["verify", "--receipt", code, "--key", changed["entry_key"].as_str().unwrap()]).exits(65);
    assert_eq!(story.cinema.ask(&["doctor", "--json"]).json()["findings"].to_string().matches("key-").count(), 0);
}

#[test]
fn a_backup_from_before_a_change_is_put_back_and_the_terminal_goes_on() {
    let mut story = Story::begin();
    let file = story.world.stage().place("sauvegarde.db").to_str().unwrap().to_owned();
    let lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    story.cinema.ask(&["backup", &file]).exits(0);
    change_and_restart(&mut story);
    story.cinema.redeem(&[]).exits(0);
    story.cinema.sync();
    let newest = keys(&story)["entry_key"].clone();
    story.cinema.kill();
    for gone in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = fs::remove_file(story.cinema.data.join(gone));
    }
    fs::copy(&file, story.cinema.data.join("ledger.db")).unwrap();
    story.cinema.start();
    assert_eq!(keys(&story)["entry_key"], newest, "it goes over to the newest keys again");
    story.cinema.sync();
    assert_eq!(story.cinema.status()["refusal"], Value::Null);
    assert_eq!(story.cinema.redeem(&[]).exits(0).json()["left"], 497);
    story.cinema.sync();
    story.cinema.ask(&["verify"]).exits(0);
    let entries = story.region.entries(story.cinema.id);
    let paid = entries.iter().filter(|entry| entry["payable_cents"].as_u64() > Some(0)).count();
    assert_eq!(paid, 3, "{entries:#?}");
    drop(lying);
}

#[test]
fn a_terminal_that_is_too_old_says_so_and_sells_on() {
    let story = Story::begin();
    let require = |version, by| story.region.desk("terminal require-version", &[version, "--by", by]).exits(0);
    assert!(
        story
            .region
            .desk("terminal require-version", &["1.2", "--by", "2099-01-31"])
            .exits(64)
            .err
            .contains("three numbers")
    );
    require("0.0.1", "2020-01-31");
    story.cinema.sync();
    assert_eq!(story.cinema.status()["update"], Value::Null, "it has that");
    require("9.0.0", "2099-01-31");
    story.cinema.sync();
    let update = story.cinema.status()["update"].clone();
    assert_eq!((&update["version"], &update["overdue"]), (&"9.0.0".into(), &false.into()));
    assert!(story.cinema.ask(&["status"]).exits(0).out.contains("Mise à jour à faire"));
    require("9.0.0", "2020-01-31");
    story.cinema.sync();
    assert_eq!(story.cinema.status()["update"]["overdue"], true);
    let found = story.cinema.ask(&["doctor", "--json"]).json()["findings"].to_string();
    assert!(found.contains("version-overdue"), "{found}");
    let behind = story.region.desk("terminal list", &["--behind"]).exits(0).lines();
    assert_eq!((behind.len(), &behind[0]["behind"]), (1, &true.into()));
    let _lying = story.lay();
    story.cinema.redeem(&[]).exits(0);
    // The region takes its word back.
    require("0.0.1", "2020-01-31");
    story.cinema.sync();
    assert_eq!(story.cinema.status()["update"], Value::Null);
}
