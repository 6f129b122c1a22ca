//! `verify` against the signatures that it has to check, and nothing else: an Ed25519 and a P-256 for each entry, on all
//! cores, each side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]

mod common;

use std::collections::HashMap;
use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use common::measure::{Aim, Plan, compare, report, timed};
use common::terminal::grown;
use pass::crypto::{Ed25519PublicKey, sha256, verify_p256, verify_sign1_ed25519};
use pass::domain::Sequence;
use pass::domain::card::{CardCertificate, PublicKey, SignedRecord};
use pass::domain::entry::Body;
use pass::ledger::{View, verify};
use pass::wire::cose::{Algorithm, Content, Sign1};
use pass::wire::entry::decode_entry;
use rusqlite::{Connection, OpenFlags};

const ENTRIES: u64 = 200_000;

fn main() {
    let terminal = grown(ENTRIES);
    let proofs = Proofs::of(&terminal.directory);
    let whole = || timed(|| verify(&terminal.directory, None, |_, _| ()).unwrap()).1;
    let plan = Plan { turns: 3, operations: 1 };
    let name = "200,000 debits, chain, columns and file";
    let comparison = compare(name, Aim::AtMost(1.25), plan, whole, || proofs.check());
    report("verify (product) against its bare signature checks on all cores (limit)", &[comparison]);
}

/// Everything that is signed in a ledger, decoded before the clock starts.
struct Proofs {
    terminal_key: Ed25519PublicKey,
    region_key: PublicKey,
    certificates: Vec<CardCertificate>,
    entries: Vec<(Sign1, Option<(PublicKey, SignedRecord)>)>,
}

impl Proofs {
    fn of(directory: &Path) -> Self {
        let view = View::open(directory).unwrap();
        let certificates = certificates(directory);
        let keys: HashMap<[u8; 32], PublicKey> =
            certificates.iter().map(|certificate| (sha256(&certificate.encode()), certificate.public_key)).collect();
        let all = view.entries_after(Sequence::new(0), usize::MAX, usize::MAX).unwrap();
        let entries = all.into_iter().map(|(_, cose)| {
            let message = Sign1::decode(&cose, Algorithm::EdDsa, Content::Entry).unwrap();
            let record = match decode_entry(&message.payload).unwrap().body {
                Body::Debit(debit) => Some((keys[&debit.certificate], debit.proof)),
                _ => None,
            };
            (message, record)
        });
        let region_key = view.region_keys().first().unwrap().public_key;
        Self { terminal_key: view.identity().entry_key, region_key, entries: entries.collect(), certificates }
    }

    /// Checks them all, on all cores.
    fn check(&self) -> Duration {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let work = |part: usize| {
            let entries = self.entries.iter().skip(part).step_by(cores).all(|(message, record)| {
                let of_card = |(key, proof): &(PublicKey, SignedRecord)| {
                    verify_p256(key, &proof.record.signed_bytes(), &proof.signature)
                };
                verify_sign1_ed25519(message, &self.terminal_key) && record.as_ref().is_none_or(of_card)
            });
            let of_region =
                |card: &CardCertificate| verify_p256(&self.region_key, &card.signed_bytes(), &card.signature);
            entries && self.certificates.iter().skip(part).step_by(cores).all(of_region)
        };
        let all = || {
            std::thread::scope(|scope| {
                let workers: Vec<_> = (0..cores).map(|part| scope.spawn(move || work(part))).collect();
                workers.into_iter().all(|worker| worker.join().unwrap())
            })
        };
        let (good, took) = timed(all);
        assert!(good, "a signature does not hold");
        took
    }
}

/// The card certificates that the ledger keeps.
fn certificates(directory: &Path) -> Vec<CardCertificate> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(directory.join("ledger.db"), flags).unwrap();
    let mut statement = connection.prepare("SELECT bytes FROM card_certificate").unwrap();
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    rows.map(|bytes| CardCertificate::decode(&bytes.unwrap()).unwrap()).collect()
}
