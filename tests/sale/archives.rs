//! A year from its first sale to its archive: what an auditor finds in it, and in one that somebody has had a hand in. And a receipt's code.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pass::crypto::Ed25519PublicKey;
use pass::domain::closing::PeriodKind;
use pass::domain::receipt::{Copy, short_code};
use pass::domain::refusal::{Language, Refusal};
use pass::domain::{Date, Timestamp};
use pass::ledger::{By, CloseError, Counted, View};
use pass::machine::sale::Outcome;
use pass::terminal::cli::{DaemonVerbs as _, Exit, Setup};
use pass::terminal::clock::Clock as _;
use pass::terminal::config::{CommandLine, Settings};
use pass::terminal::receipts::receipt;
use pass::terminal::verbs::Verbs;
use pass::wire;
use serde_json::Value;

use crate::counter::{Shop, UNDO, redemption};
use crate::world::{EVENING, Region};

fn setup(data: &Path) -> Setup {
    let settings =
        Settings::resolve(None, CommandLine { data: Some(data.to_owned()), ..CommandLine::default() }).unwrap();
    Setup { settings, language: Language::English, json: true }
}

#[track_caller]
fn close(shop: &Shop, kind: PeriodKind, now: Timestamp) {
    let by = By { cashier: None, now };
    shop.ledger().call(move |ledger| ledger.close(by, kind, Counted::default())).unwrap().unwrap();
}

/// A year with two days, an undo among their sales, closed to its end; and its archive.
fn archived() -> (Shop, tempfile::TempDir, PathBuf) {
    let region = Region::new();
    let mut shop = Shop::open(&region, 7, "cinema");
    let card = region.card(1);
    shop.tap(&card);
    for _ in 0..3 {
        assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
    }
    assert!(matches!(shop.ask(UNDO), Outcome::Undone(_)));
    close(&shop, PeriodKind::Day, EVENING.plus(60));
    shop.clock.pass(Duration::from_secs(20 * 3600));
    assert!(matches!(shop.ask(redemption(None)), Outcome::Granted(_)));
    close(&shop, PeriodKind::Day, EVENING.plus(86_400));
    close(&shop, PeriodKind::Month, Timestamp::parse("2026-11-30T20:00:00Z").unwrap());
    close(&shop, PeriodKind::Year, Timestamp::parse("2026-12-31T20:00:00Z").unwrap());

    let stick = tempfile::tempdir().unwrap();
    let archive = stick.path().join("archive-2026");
    let setup = setup(shop.directory.path());
    let mut out = Vec::new();
    assert_eq!(Verbs.archive(&setup, 2026, &archive, &mut out), Ok(Exit::Done));
    let said: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!((&said["from"], &said["entries"]), (&1.into(), &said["to"]));
    let refused = Verbs.archive(&setup, 2025, &stick.path().join("other"), &mut Vec::new()).unwrap_err();
    assert_eq!(refused.exit, Exit::Refused);
    let again = Verbs.archive(&setup, 2026, &archive, &mut Vec::new()).unwrap_err();
    assert_eq!(again.exit, Exit::Io, "an archive is not written over");
    (shop, stick, archive)
}

/// What a verification anywhere says.
fn verified(archive: &Path, key: Option<Ed25519PublicKey>) -> (Exit, Value) {
    let mut out = Vec::new();
    let exit = Verbs.verify_archive(&setup(Path::new(".")), archive, key, &mut out).unwrap();
    (exit, serde_json::from_slice(&out).unwrap())
}

#[test]
fn a_year_is_verified_from_its_archive_alone() {
    let (shop, _stick, archive) = archived();
    let key = View::open(shop.directory.path()).unwrap().identity().entry_key;
    drop(shop);
    let (exit, said) = verified(&archive, Some(key));
    assert_eq!((exit, &said["closings"], &said["perpetual_net_cents"]), (Exit::Done, &4.into(), &300.into()), "{said}");
    let lines = fs::read_to_string(archive.join("entries.jsonl")).unwrap();
    assert_eq!(lines.lines().count() as u64, said["entries"].as_u64().unwrap());
    assert!(lines.contains(" .... .... "), "cards are masked for people");
    let closings = fs::read_to_string(archive.join("closings.jsonl")).unwrap();
    assert_eq!(closings.lines().count(), 4);

    let (exit, said) = verified(&archive, Some(Ed25519PublicKey([7; 32])));
    assert_eq!(exit, Exit::Data);
    assert!(said["wrong"].as_str().unwrap().contains("another terminal's"), "{said}");
}

#[test]
fn an_archive_that_somebody_had_a_hand_in_is_found() {
    let (_shop, _stick, archive) = archived();
    let names = ["entries.cbor", "entries.jsonl", "closings.jsonl", "keys.json", "manifest.json", "manifest.cose"];
    for name in names {
        let path = archive.join(name);
        let good = fs::read(&path).unwrap();
        for place in [0, good.len() / 2, good.len() - 1] {
            let mut changed = good.clone();
            changed[place] ^= 1;
            fs::write(&path, &changed).unwrap();
            assert_eq!(verified(&archive, None).0, Exit::Data, "{name}, byte {place}");
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert_eq!(verified(&archive, None).0, Exit::Data, "{name}, cut");
        fs::remove_file(&path).unwrap();
        assert_eq!(verified(&archive, None).0, Exit::Data, "{name}, gone");
        fs::write(&path, &good).unwrap();
    }
    assert_eq!(verified(&archive, None).0, Exit::Done);
}

#[test]
fn a_receipts_code_is_its_entry() {
    let region = Region::new();
    let mut shop = Shop::open(&region, 7, "cinema");
    shop.tap(&region.card(1));
    let Outcome::Granted(granted) = shop.redeem(None) else { panic!("granted") };
    let Outcome::Undone(undone) = shop.ask(UNDO) else { panic!("undone") };
    shop.stop();
    let view = View::open(shop.directory.path()).unwrap();
    for (entry, returned) in [(granted.entry, 0), (undone.entry, 100)] {
        let made = receipt(&view, entry, Copy::Original).unwrap();
        let cose = view.signed_entry(entry).unwrap().unwrap();
        assert_eq!(wire::receipt::decode(&made.code).unwrap().encode(), cose);
        assert!(made.code.len() < 1300, "a symbol of 3 dots a module fits on 58 mm: {}", made.code.len());
        assert!(made.code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b':'));
        let debited = made.debited.as_ref().unwrap();
        assert_eq!((debited.amount, debited.benefit.as_str()), (1, "cinema"));

        let mut out = Vec::new();
        let typed = made.code.to_ascii_lowercase().chars().flat_map(|c| [c, ' ']).collect::<String>();
        assert_eq!(Verbs.verify_receipt(&setup(shop.directory.path()), &typed, None, &mut out), Ok(Exit::Done));
        let said: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(said["returned_cents"], returned);
        assert_eq!(said["signature"], short_code(&made.hash));

        // Every character counts.
        for place in (0..made.code.len()).step_by(7) {
            let other = if made.code.as_bytes()[place] == b'A' { "B" } else { "A" };
            let mut changed = made.code.clone();
            changed.replace_range(place..=place, other);
            let mut out = Vec::new();
            let exit = Verbs.verify_receipt(&setup(shop.directory.path()), &changed, None, &mut out);
            assert_eq!(exit, Ok(Exit::Data), "character {place}");
        }
    }
    assert!(receipt(&view, pass::domain::Sequence::FIRST, Copy::Original).is_err());
}

#[test]
fn a_day_that_was_left_open_sells_nothing_until_it_is_closed() {
    let region = Region::new();
    let mut shop = Shop::open(&region, 7, "cinema");
    let card = region.card(1);
    shop.tap(&card);
    assert!(matches!(shop.redeem(None), Outcome::Granted(_)));
    shop.clock.pass(Duration::from_secs(24 * 3600 + 60));
    let Outcome::Refused(refused) = shop.redeem(None) else { panic!("refused") };
    assert_eq!(refused.refusal, Refusal::ClosingNeeded);
    let now = shop.clock.now();
    let month = shop
        .ledger()
        .call(move |ledger| ledger.close(By { cashier: None, now }, PeriodKind::Month, Counted::default()));
    assert_eq!(month.unwrap(), Err(CloseError::DayOpen(Date::at(EVENING))));
    close(&shop, PeriodKind::Day, now);
    let outcome = shop.redeem(None);
    assert!(matches!(outcome, Outcome::Granted(_)), "{outcome:?}");
}
