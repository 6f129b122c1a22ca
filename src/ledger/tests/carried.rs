//! Requests and answers that somebody carries: late, twice, in the wrong order, to the wrong place. And copies of the whole ledger.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::fixture::*;
use crate::domain::{RequestId, Timestamp};
use crate::ledger::*;
use crate::wire::cbor::decode;
use crate::wire::cose::{Algorithm, Content, Sign1};
use crate::wire::exchange::{ExchangeRequest, TerminalStanding};

/// Exports the request of this name; what it says.
fn export(ledger: &mut Ledger, name: u8, now: Timestamp) -> (Exported, ExchangeRequest) {
    let health = request(ledger, name).health;
    let exported = ledger.export(RequestId::new([name; 16]), now, health).unwrap();
    let message = Sign1::decode(&exported.message, Algorithm::EdDsa, Content::ExchangeRequest).unwrap();
    (exported, decode(&message.payload).unwrap())
}

fn import(ledger: &mut Ledger, answer: &[u8], now: Timestamp) -> Result<TakenBefore, ImportError> {
    let (verified, before) = ledger.verify_import(answer)?;
    ledger.apply_answer(&verified, now).unwrap();
    Ok(before)
}

#[test]
fn an_answer_is_taken_from_a_file_when_it_is_to_an_export_and_twice_is_once() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let head = sell(&mut ledger, &mut card, 1);
    let (exported, request) = export(&mut ledger, 7, NOW);
    assert_eq!((exported.entries, exported.left, exported.in_doubt), (2, 0, 0));
    assert_eq!(exported.cents, ledger.view().exposure().waiting_cents);
    assert!(exported.cents > crate::domain::Cents::ZERO);

    let answer = world.region.answer(&request, NOW.plus(50), head, &[(1, world.region.page(0, 3, NOW, &[]))]);
    drop(ledger);
    let mut ledger = world.open();
    assert_eq!(import(&mut ledger, &answer, NOW.plus(100)), Ok(TakenBefore::No), "also after a restart");
    assert_eq!((ledger.view().acknowledged(), ledger.view().feed_position()), (head, 3));
    let before = (ledger.view().head(), ledger.view().exposure());
    assert_eq!(import(&mut ledger, &answer, NOW.plus(101)), Ok(TakenBefore::Yes));
    assert_eq!((ledger.view().head(), ledger.view().exposure()), before);

    let never = ExchangeRequest { request: RequestId::new([8; 16]), ..request.clone() };
    let to_none = world.region.answer(&never, NOW, head, &[]);
    assert_eq!(import(&mut ledger, &to_none, NOW), Err(ImportError::NotExported(RequestId::new([8; 16]))));
    assert_eq!(import(&mut ledger, &exported.message, NOW), Err(ImportError::StillTheRequest));
    assert!(matches!(import(&mut ledger, b"of the family", NOW), Err(ImportError::Answer(_))));
    let mut forged = answer;
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(import(&mut ledger, &forged, NOW), Err(ImportError::Answer(AnswerError::Signature("the answer"))));
}

#[test]
fn an_answer_that_a_later_exchange_overtook_leaves_its_receipt_and_what_was_not_known() {
    let (world, mut ledger) = World::new();
    let (_, request) = export(&mut ledger, 7, NOW);
    let head = ledger.view().head();
    // Made before the exchange on line, and after it.
    let early =
        world.region.answer_with(&request, NOW.plus(10), head, &[(1, world.region.page(0, 2, NOW, &[]))], |answer| {
            answer.standing = TerminalStanding::Suspended;
        });
    let late = world.region.answer(&request, NOW.plus(90), head, &[(1, world.region.page(0, 9, NOW.plus(90), &[]))]);
    let later = ExchangeRequest { time: NOW.plus(50), ..super::fixture::request(&ledger, 8) };
    let on_line = world.region.answer(&later, NOW.plus(50), head, &[(1, world.region.page(0, 5, NOW.plus(50), &[]))]);
    apply(&mut ledger, &on_line, &later, NOW.plus(50)).unwrap();

    import(&mut ledger, &early, NOW.plus(95)).unwrap();
    assert_eq!((ledger.view().standing(), ledger.view().feed_position()), (TerminalStanding::Active, 5));
    assert_eq!(ledger.view().exposure().last_exchange, NOW.plus(50));
    import(&mut ledger, &late, NOW.plus(96)).unwrap();
    assert_eq!((ledger.view().exposure().last_exchange, ledger.view().feed_position()), (NOW.plus(90), 9));
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().receipts, 3);
}

#[test]
fn of_many_exports_the_newest_stay_answerable() {
    let (world, mut ledger) = World::new();
    let head = ledger.view().head();
    let requests: Vec<_> = (0..=EXPORTS_KEPT as u8).map(|name| export(&mut ledger, name, NOW).1).collect();
    let answer = |request: &ExchangeRequest| world.region.answer(request, NOW, head, &[]);
    let oldest = import(&mut ledger, &answer(&requests[0]), NOW);
    assert_eq!(oldest, Err(ImportError::NotExported(requests[0].request)));
    for request in &requests[1..] {
        assert_eq!(import(&mut ledger, &answer(request), NOW), Ok(TakenBefore::No));
    }
}

#[test]
fn a_backup_is_the_ledger_of_its_moment_and_is_told_from_what_is_none() {
    let (mut world, mut ledger) = World::new();
    let mut card = world.card();
    let first = sell(&mut ledger, &mut card, 1);
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("sauvegarde.db");
    for sold in [first, sell(&mut ledger, &mut card, 2)] {
        let made = backup(world.dir.path(), &file).unwrap();
        assert!(made.head.sequence >= sold.sequence, "beside its owner, who is not asked");
    }
    let (contents, verified) = check_backup(&file, |_, _| ()).unwrap();
    assert_eq!((contents.head, verified.head, contents.waiting), (ledger.view().head(), ledger.view().head(), 3));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "one file, and nothing beside it");

    // Put back, it is noticed, and it is written as every ledger is.
    let newest = sell(&mut ledger, &mut card, 3);
    drop(ledger);
    fs::copy(&file, world.database()).unwrap();
    let mut ledger = world.open();
    assert_eq!(ledger.view().behind(), Some(Behind { other: newest }));
    ledger.append(NOW, started(), None).unwrap();
    let mode: String = ledger.view.connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");

    let inside = world.dir.path().join("sauvegarde.db");
    assert!(matches!(backup(world.dir.path(), &inside), Err(BackupError::Inside)));
    assert!(matches!(backup(world.dir.path(), &world.database()), Err(BackupError::Inside)));
    let photo = place.path().join("photo.jpg");
    fs::write(&photo, b"of the family").unwrap();
    assert!(matches!(backup(world.dir.path(), &photo), Err(BackupError::NotOurs)));
    assert_eq!(fs::read(&photo).unwrap(), b"of the family");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    fs::write(&file, bytes).unwrap();
    assert!(check_backup(&file, |_, _| ()).is_err());
    assert!(matches!(check_backup(&photo, |_, _| ()), Err(VerifyError::Open(OpenError::Foreign(_)))));
}
