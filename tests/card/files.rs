//! The card's file: it survives, it is whole or not at all, it is one process's, and a file that is not right is left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use pass::virtual_card::{CardFileError, CardMemory, FileStorage, IssuedMemory, Storage as _, VirtualCard};
use pass::wire::apdu::StatusWord;
use pass::wire::card::{Case4, Command};
use tempfile::TempDir;

use crate::kit::{Desk, NOW, back, entitled, issued, seat};

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("card.json");
    (directory, path)
}

/// A file with this memory in it.
fn written(memory: &CardMemory) -> (TempDir, PathBuf) {
    let (directory, path) = place();
    let (mut storage, _) = FileStorage::open(&path).unwrap();
    storage.save(memory).unwrap();
    (directory, path)
}

fn read(path: &PathBuf) -> Result<CardMemory, CardFileError> {
    FileStorage::open(path).map(|(_, memory)| memory)
}

/// A card in the middle of its life.
fn lived() -> CardMemory {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    desk.debited(seat(2));
    desk.reversed(back(1, 3));
    desk.block();
    desk.storage.load()
}

#[test]
fn a_new_file_is_a_blank_card() {
    let (_directory, path) = place();
    assert_eq!(read(&path).unwrap(), CardMemory::BLANK);
    assert_eq!(read(&path).unwrap(), CardMemory::BLANK);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "it will hold a private key");
}

#[test]
fn what_is_written_is_read_back() {
    for memory in [CardMemory::BLANK, CardMemory::Issued(Box::new(issued())), entitled(), lived()] {
        let (_directory, path) = written(&memory);
        assert_eq!(read(&path).unwrap(), memory);
    }
}

#[test]
fn issuing_survives_between_any_two_commands() {
    let (_directory, path) = place();
    let send = |command: &Command| {
        let (storage, memory) = FileStorage::open(&path).unwrap();
        let mut card = VirtualCard::new(memory, storage).unwrap();
        card.execute(&Command::Select.encode(Case4::WithLe)).unwrap();
        let answer = card.execute(&command.encode(Case4::WithLe)).unwrap();
        assert_eq!(answer.status, StatusWord::DONE, "{command:?}");
        answer.data
    };
    let public_key = pass::domain::card::PublicKey(send(&Command::GenerateKey).try_into().unwrap());
    let (root, region_key) =
        (crate::kit::KEYS.root.public_key(), crate::kit::key_certificate(3, &crate::kit::KEYS.region));
    send(&Command::StoreKey { root, region_key });
    send(&Command::StoreCertificate(crate::kit::card_certificate(|new| new.public_key = public_key)));
    send(&Command::PutEntitlement(crate::kit::entitlement(|_| {})));
    assert!(matches!(read(&path).unwrap(), CardMemory::Issued(issued) if issued.entitlement.is_some()));
}

#[test]
fn a_person_can_read_it() {
    let (_directory, path) = written(&lived());
    let text = fs::read_to_string(path).unwrap();
    for line in ["\"format\": \"PASS virtual card\"", "\"state\": \"issued\"", "\"blocked\": true", "\"reversals\": 1"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(text.contains(&format!("\"latest_issued_at\": {}", NOW.minus(86_400).get())));
}

#[test]
fn killed_between_write_and_rename_it_has_the_old_state() {
    let old = entitled();
    let (_directory, path) = written(&old);
    // What a process that was killed there leaves behind: a temporary file, whole or half.
    let new = lived();
    let (_other, newer) = written(&new);
    let whole = fs::read(newer).unwrap();
    for leftover in [whole.as_slice(), &whole[..whole.len() / 2], &[]] {
        fs::write(path.with_extension("json.tmp"), leftover).unwrap();
        assert_eq!(read(&path).unwrap(), old);
    }
    // And the next change goes through all the same.
    let (mut storage, _) = FileStorage::open(&path).unwrap();
    storage.save(&new).unwrap();
    drop(storage);
    assert_eq!(read(&path).unwrap(), new);
    assert!(!path.with_extension("json.tmp").exists());
}

#[test]
fn one_card_is_in_one_reader() {
    let (_directory, path) = written(&entitled());
    let held = FileStorage::open(&path).unwrap();
    assert!(matches!(FileStorage::open(&path), Err(CardFileError::InUse { .. })));
    drop(held);
    assert!(FileStorage::open(&path).is_ok());
}

#[test]
fn a_damaged_file_is_refused_and_left_alone() {
    let (_directory, path) = written(&lived());
    let whole = fs::read(&path).unwrap();
    // Any one digit or letter changed, in any line; any part cut off.
    let changed = (0..whole.len()).filter(|at| whole[*at].is_ascii_alphanumeric()).step_by(7).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        bytes
    });
    let cut = (0..whole.len() - 2).step_by(97).map(|len| whole[..len].to_vec());
    for bytes in changed.chain(cut) {
        fs::write(&path, &bytes).unwrap();
        let error = read(&path).unwrap_err();
        let refused = matches!(
            error,
            CardFileError::Damaged { .. } | CardFileError::Foreign { .. } | CardFileError::Newer { .. }
        );
        assert!(refused, "{error}");
        assert!(!error.to_string().contains('\n'), "one sentence: {error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "left alone");
    }
}

#[test]
fn a_file_of_another_kind_is_refused_and_left_alone() {
    let (_directory, path) = place();
    for (content, expected) in [
        ("", "is not the file of a virtual card"),
        ("{}", "is not the file of a virtual card"),
        ("[terminal]\nid = 7001\n", "is not the file of a virtual card"),
        (r#"{"format":"PASS ledger","version":1}"#, "is not the file of a virtual card"),
        (r#"{"format":"PASS virtual card","version":2,"purse":[]}"#, "has version 2, this program knows version 1"),
        (r#"{"format":"PASS virtual card","version":1}"#, "is damaged"),
    ] {
        fs::write(&path, content).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("card.json"), "{content}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn a_place_where_nothing_can_be_written_is_said_at_once() {
    let (directory, _) = place();
    let error = FileStorage::open(directory.path().join("no/such/place/card.json")).unwrap_err();
    assert!(matches!(error, CardFileError::Io { .. }), "{error}");
}

#[test]
fn a_record_too_many_is_damage() {
    let mut desk = Desk::with(entitled());
    desk.debited(seat(1));
    let CardMemory::Issued(issued) = desk.storage.load() else { panic!() };
    let records = std::iter::repeat_n(issued.records[0], 17).collect();
    let (_directory, path) = written(&CardMemory::Issued(Box::new(IssuedMemory { records, ..*issued })));
    assert!(matches!(read(&path), Err(CardFileError::Damaged { .. })));
}
