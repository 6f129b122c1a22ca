//! A day at a counter with cashiers: who may do what, paper, the drawer, the closing; and the year's archive, which an auditor verifies.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::kit::{Counter, HERE, PASS_TERMINAL, World, agree};

/// The session of a cashier who signs in.
#[track_caller]
fn sign_in(counter: &Counter, cashier: &str, pin: &str) -> String {
    let signed = counter.ask_typing(&["cashier", "sign-in", cashier, "--json"], pin, None).exits(0);
    assert_eq!(signed.text("outcome"), "signed-in");
    signed.text("session")
}

#[test]
fn from_the_first_manager_on_one_signs_in_to_sell() {
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let mut cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let lying = card.lay(&world, HERE);
    assert_eq!(cinema.redeem(&[]).exits(0).json()["left"], 4, "without cashiers nobody signs in");

    let add = |counter: &Counter, name: &str, role: &str, pin: &str, session: Option<&str>| {
        counter.ask_typing(&["cashier", "add", "--json", "--name", name, "--role", role], pin, session)
    };
    assert_eq!(add(&cinema, "Zoé", "cashier", "1111", None).exits(3).text("refusal"), "first-is-manager");
    assert_eq!(add(&cinema, "Inès", "manager", "471100", None).exits(0).json()["cashier"], 1);
    assert_eq!(add(&cinema, "Zoé", "cashier", "1111", None).exits(3).text("refusal"), "sign-in-needed");
    let ines = sign_in(&cinema, "1", "471100");
    assert_eq!(add(&cinema, "Zoé", "cashier", "1111", Some(&ines)).exits(0).json()["cashier"], 2);
    let said = add(&cinema, "Ali", "cashier", "12", Some(&ines)).exits(65);
    assert!(!said.err.contains("12") || said.err.contains("4 à 8"), "{}", said.err);

    assert_eq!(cinema.redeem(&[]).exits(3).text("refusal"), "sign-in-needed");
    let zoe = sign_in(&cinema, "2", "1111");
    let sale = cinema.ask_typing(&["redeem", "--json", "--wait", "10"], "", Some(&zoe)).exits(0).json();
    assert_eq!(sale["left"], 3);
    let newest = cinema.journal().remove(0);
    assert_eq!((&newest["kind"], &newest["cashier"]), (&"debit".into(), &2.into()));
    // The first sale was nobody's: to take it back is for a manager.
    let first = cinema.journal().iter().rfind(|entry| entry["kind"] == "debit").unwrap()["entry"].to_string();
    let undo = |session: &str, entry: &str| cinema.ask_typing(&["undo", "--json", entry], "", Some(session));
    assert_eq!(undo(&zoe, &first).exits(3).text("refusal"), "manager-needed");
    assert_eq!(undo(&zoe, &sale["entry"].to_string()).exits(0).text("outcome"), "undone");
    assert_eq!(undo(&ines, &first).exits(0).text("outcome"), "undone");

    // Wrong PINs lock out, also over a restart, and that is on record.
    let wrong = || cinema.ask_typing(&["cashier", "sign-in", "2", "--json"], "9999", None).exits(3);
    let locked = [wrong(), wrong(), wrong()].map(|said| said.json()["locked_seconds"].as_u64().unwrap());
    assert!(locked[..2] == [0, 0] && (1..=30).contains(&locked[2]), "{locked:?}");
    let until = |counter: &Counter| {
        counter.ask(&["cashier", "list", "--json"]).exits(0).json()["cashiers"][1]["locked_until"].clone()
    };
    let before = until(&cinema);
    assert!(before.is_string());
    cinema.stop();
    cinema.start();
    assert_eq!(until(&cinema), before);
    assert!(cinema.journal().iter().any(|entry| entry["detail"] == "cashier 2 locked out after 3 wrong PINs"));
    assert_eq!(cinema.ask_typing(&["redeem", "--json"], "", Some(&zoe)).exits(3).text("refusal"), "sign-in-needed");
    let log = fs::read_to_string(cinema.data.join("ledger.db")).unwrap_or_default();
    assert!(!log.contains("471100"));
    drop(lying);

    // Whoever owns the files gives a new PIN without one.
    cinema.stop();
    cinema.ask_typing(&["cashier", "pin", "1", "--json"], "2222", None).exits(0);
    cinema.start();
    let ines = sign_in(&cinema, "1", "2222");
    let list = cinema.ask_typing(&["cashier", "list", "--json"], "", Some(&ines)).exits(0).json();
    assert_eq!((&list["sign_in_needed"], &list["signed_in"]), (&true.into(), &1.into()));
    assert_eq!(cinema.ask(&["verify", "--json"]).exits(0).json()["verified"], true);
    cinema.sync();
    assert_eq!(region.entries(cinema.id).len(), cinema.journal().len(), "the region takes entries of both versions");
}

#[test]
fn a_day_with_paper_is_closed_and_nothing_is_added_to_it() {
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let mut cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    cinema.stop();
    let printer = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = cinema.data.join("terminal.toml");
    let toml = format!("[printer]\nconnection = \"tcp:{}\"\nwidth = 32\n", printer.local_addr().unwrap());
    fs::write(&config, toml).unwrap();
    let reader = cinema.reader.clone();
    cinema.start_with(&["--reader", &reader, "--config", config.to_str().unwrap()]);
    let paper = |listener: TcpListener| {
        let mut sheet = Vec::new();
        listener.accept().unwrap().0.read_to_end(&mut sheet).unwrap();
        (sheet, listener)
    };

    let _lying = card.lay(&world, HERE);
    let sale = cinema.redeem(&[]).exits(0).json();
    let entry = sale["entry"].to_string();
    let (sheet, printer) = paper(printer);
    let holds = |bytes: &[u8]| sheet.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(b"\x1c.") && holds(b"\x1bt\x13"), "no ideograms, code page 858");
    assert!(holds(b"\x1bp\0\x19\xfa"), "the drawer opens");
    assert!(holds(b"1,00 \xd5") && holds(b"Cin\x82ma Le Phare"), "euro and accents");

    // The original was printed: the next one is a duplicate, and on record.
    assert_eq!(cinema.ask(&["receipt", "print", "--json", &entry]).exits(0).json()["duplicate"], 1);
    let (sheet, printer) = paper(printer);
    assert!(sheet.windows(9).any(|window| window == b"DUPLICATA"));
    assert!(!sheet.windows(3).any(|window| window == b"\x1bp\0"), "a duplicate opens no drawer");
    let detail = format!("duplicate 1 of entry {entry}");
    assert_eq!(cinema.journal()[0]["detail"], detail.as_str());

    // Its code is checked with nothing but the key, and a changed one is not believed.
    let shown = cinema.ask(&["receipt", "show", "--json", &entry]).exits(0).json();
    let code = shown["code"].as_str().unwrap();
    let proven = cinema.ask(&["verify", "--json", "--receipt", code]).exits(0).json();
    assert_eq!((&proven["entry"], &proven["collected_cents"]), (&sale["entry"], &100.into()));
    assert_eq!(proven["signature"], shown["signature"]);
    let changed = code.replacen("PASS1:AE", "PASS1:AF", 1);
    let middle = changed.len() / 2;
    let other = if &code[middle..=middle] == "A" { "B" } else { "A" };
    let forged = format!("{}{other}{}", &code[..middle], &code[middle + 1..]);
    assert_eq!(cinema.ask(&["verify", "--json", "--receipt", &forged]).exits(65).json()["authentic"], false);

    // A printer that is gone holds nothing up.
    drop(printer);
    let begun = std::time::Instant::now();
    cinema.redeem(&[]).exits(0);
    assert!(begun.elapsed().as_secs() < 10);
    let status = cinema.await_status("it is said", |status| status["printer"]["lost"] == 1);
    assert!(status["printer"]["error"].as_str().unwrap().contains("does not answer"), "{status}");

    let closed = cinema.ask(&["close", "--json", "--cash-counted", "51,90", "--float", "50"]).exits(0).json();
    assert_eq!((&closed["collected_cents"], &closed["perpetual_net_cents"]), (&200.into(), &200.into()));
    assert_eq!((&closed["cash"]["expected_cents"], &closed["cash"]["difference_cents"]), (&5200.into(), &(-10).into()));
    assert_eq!(cinema.ask(&["close", "--json"]).exits(3).text("refusal"), "nothing-to-close");
    assert_eq!(cinema.status()["day_opened"], Value::Null);
    let listed = cinema.ask(&["closings", "list", "--json"]).exits(0).json();
    let mut same = listed["closings"][0].clone();
    same["outcome"] = "closed".into();
    assert_eq!(same, closed);
    let duplicate = cinema.ask(&["closings", "show", "--duplicate", "--json"]).exits(0).json();
    assert_eq!((&duplicate["duplicate"], &duplicate["entry"]), (&1.into(), &closed["entry"]));
    assert!(cinema.ask(&["closings", "show"]).exits(0).out.contains("Grand total perpétuel : 2,00 €"));
    let in_journal = cinema.journal().into_iter().find(|entry| entry["kind"] == "closing").unwrap();
    assert_eq!(in_journal["entry"], closed["entry"]);
    assert_eq!(
        cinema.ask(&["archive", "create", "--year", "2026", "/nowhere/archive"]).code,
        Some(3),
        "an open year has no archive"
    );
    assert_eq!(agree(&region, &cinema, &card).cash, 200);
}

#[test]
fn what_is_typed_reaches_no_argument() {
    let world = World::new();
    // A PIN is no option of any verb.
    let help = world.run(PASS_TERMINAL, &["cashier", "add", "--help"]).exits(0).out;
    assert!(!help.contains("--pin"), "{help}");
    thread::yield_now();
}
