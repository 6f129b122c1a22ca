//! The closing of a settlement with a million payable entries against one with a tenth of that, on SQLite: time of the processor an entry, and memory. Each is closed by a process of
//! its own, checked from its evidence, and closed once more with nothing new.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement fails by panicking")]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::measure::{Aim, Comparison, report, timed};
use common::world::{CINEMA, EVENING, SEASON, cents, code};
use pass::crypto::{Ed25519Key, chain_beginning_hash, entry_hash, sign1_ed25519};
use pass::domain::card::{Operation, PublicKey, Record, Signature, SignedRecord};
use pass::domain::entry::{Body, Context, Debit, Entry, Learnt, Sale, Tender};
use pass::domain::verdict::Verdict;
use pass::domain::{CardNumber, Cents, Counter, EntitlementSerial, RequestId, Sequence, TerminalId, TransactionId};
use pass::region::config::{CatalogueFile, SHIPPED_CATALOGUE};
use pass::region::settlement::days::Day;
use pass::region::store::{EntryKey, Knowledge, NewEntry, NewTerminal, NewVerdict, Place, StoreError, TerminalKeys};
use pass::region::{Region, RegionError};
use pass::wire::cose::Content;
use pass::wire::entry::encode_entry;

const TERMINALS: u32 = 100;
const TENTH: u32 = 100_000;
const MILLION: u32 = 1_000_000;
/// Entries that are put into the store in one transaction.
const AT_ONCE: u32 = 1000;

/// Set for the child that closes the settlement of the region in this directory.
const CLOSE_VARIABLE: &str = "PASS_BENCH_SETTLE_IN";

fn main() {
    if let Some(directory) = std::env::var_os(CLOSE_VARIABLE) {
        return close(Path::new(&directory));
    }
    let [tenth, million] = [TENTH, MILLION].map(measured);
    let ratio = |name, at_most, index: usize| Comparison::of(name, Aim::AtMost(at_most), million[index], tenth[index]);
    report(
        "A settlement of 1,000,000 entries (product) against one of 100,000 (limit), SQLite",
        &[
            ratio("closing, an entry", 1.5, 0),
            ratio("checking from the evidence, an entry", 1.5, 1),
            ratio("closing again, nothing new, an entry", 1.5, 2),
            ratio("memory at its most", 1.25, 3),
        ],
    );
}

/// How long this thread has been on a processor. What else the machine does meanwhile says nothing about a settlement.
fn processor_time() -> Duration {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(status.split_whitespace().next().unwrap().parse().unwrap())
}

/// The result of `work`, and how long a processor was at it.
fn worked<R>(work: impl FnOnce() -> R) -> (R, Duration) {
    let begun = processor_time();
    let result = work();
    (result, processor_time() - begun)
}

/// Seconds an entry for closing, checking, closing again; bytes of memory.
fn measured(entries: u32) -> [f64; 4] {
    let directory = common::scratch(&format!("settlement-{entries}"));
    grow(&directory, entries).unwrap();
    let program = std::env::current_exe().unwrap();
    let (said, all) = timed(|| Command::new(program).env(CLOSE_VARIABLE, &directory).output().unwrap());
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let said = String::from_utf8(said.stdout).unwrap();
    let mut figures = said.split_whitespace().map(|figure| figure.parse::<f64>().unwrap());
    let mut figure = || figures.next().unwrap();
    let (closing, checking, again, memory) = (figure(), figure(), figure(), figure());
    println!(
        "{entries} entries: closed in {closing:.1} s, checked in {checking:.1} s, closed again in {again:.1} s of a processor; {:.1} s by the clock",
        all.as_secs_f64()
    );
    let each = |seconds: f64| seconds / f64::from(entries);
    [each(closing), each(checking), each(again), memory]
}

fn close(directory: &Path) {
    let region = Region::open(directory).unwrap();
    let day = |after: u32| (Day::of(EVENING.plus(after * 86_400)), EVENING.plus((after + 1) * 86_400));
    let close = |after| {
        let (until, now) = day(after);
        worked(|| region.close_settlement(until, now).unwrap())
    };
    let (first, closing) = close(0);
    assert!(first.seal.unwrap().lines >= u64::from(TENTH));
    let checking = worked(|| region.verify_settlement(1).unwrap()).1;
    let (second, again) = close(1);
    assert_eq!(second.seal.unwrap().lines, 0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    let [closing, checking, again] = [closing, checking, again].map(|time| time.as_secs_f64());
    println!("{closing} {checking} {again} {}", kibibytes * 1024);
}

/// A region with so many payable entries of [`TERMINALS`] terminals, each its own partner's.
fn grow(directory: &Path, entries: u32) -> Result<(), RegionError> {
    let catalogue = CatalogueFile::parse(SHIPPED_CATALOGUE).unwrap();
    let region = Region::create(directory, &catalogue, SEASON, EVENING)?;
    for _ in 0..TERMINALS {
        let partner = region.add_partner("Le Phare (inventé)", vec![code("cinema")], EVENING)?;
        let key = Ed25519Key::generate().unwrap().0;
        let terminal = region.store().write(|tx| {
            let new = NewTerminal {
                partner,
                replaces: None,
                all_entitlements: false,
                secret: [0; 17],
                code_expires_at: EVENING,
            };
            let terminal = tx.add_terminal(&new, EVENING)?;
            let keys = TerminalKeys { entry: key.public_key(), card: PublicKey([4; 65]), enrolled_at: EVENING };
            tx.enrol(terminal, &keys)?;
            tx.open_chain(terminal, chain_beginning_hash(terminal, &key.public_key()))?;
            Ok::<_, StoreError>(terminal)
        })?;
        fill(&region, terminal, &key, entries / TERMINALS)?;
    }
    Ok(())
}

fn fill(region: &Region, terminal: TerminalId, key: &Ed25519Key, entries: u32) -> Result<(), StoreError> {
    let mut previous = chain_beginning_hash(terminal, &key.public_key());
    let mut sequence = Sequence::new(0);
    for _ in 0..entries / AT_ONCE {
        let mut signed = Vec::new();
        for _ in 0..AT_ONCE {
            sequence = sequence.next();
            let context = Context { catalogue_version: 1, feed_position: 0, policy_version: 1, last_exchange: EVENING };
            let body = Body::Debit(debit(terminal, sequence));
            let entry = Entry { terminal, sequence, previous, time: EVENING, context, cashier: None, body };
            let cose = sign1_ed25519(key, Content::Entry, terminal, encode_entry(&entry)).encode();
            let hash = entry_hash(&cose);
            signed.push((sequence, previous, hash, cose));
            previous = hash;
        }
        let at = |sequence| EntryKey { terminal, place: Place { branch: 0, sequence } };
        let new = signed.iter().map(|(sequence, previous, hash, cose)| NewEntry {
            key: at(*sequence),
            hash: *hash,
            previous: *previous,
            cose,
            kind: "debit",
            card: None,
            worth: cents(450),
            knowledge: Knowledge { position: 0, at: EVENING, waiting_entries: 0, waiting_cents: Cents::ZERO },
        });
        let verdicts = signed.iter().map(|(sequence, ..)| NewVerdict {
            entry: at(*sequence),
            verdict: Verdict::Payable,
            payable: cents(450),
        });
        let (new, verdicts): (Vec<_>, Vec<_>) = (new.collect(), verdicts.collect());
        region.store().write::<_, StoreError>(|tx| {
            tx.add_entries(&new, EVENING)?;
            tx.add_verdicts(&verdicts, EVENING).map(drop)
        })?;
    }
    Ok(())
}

/// As long as a real one. What a settlement is made from is judged already, so the card's signature is not looked at.
fn debit(terminal: TerminalId, sequence: Sequence) -> Debit {
    let counter = u32::try_from(sequence.get()).unwrap();
    let record = Record {
        card: CardNumber::from_account(925_000_000_000_000 + sequence.get()).unwrap(),
        operation: Operation::Debit,
        slot: CINEMA,
        season: SEASON,
        amount: 1,
        link: 0,
        consumed: 1,
        counter: Counter::new(counter),
        terminal,
        transaction: TransactionId::new([7; 16]),
        time: EVENING,
    };
    let sale = Sale {
        request: RequestId::new([7; 16]),
        benefit: code("cinema"),
        price: None,
        supplement: cents(0),
        due: cents(100),
        tender: Tender::Cash.into(),
    };
    Debit {
        proof: SignedRecord { record, signature: Signature([7; 64]) },
        certificate: [7; 32],
        entitlement_serial: EntitlementSerial::new(1),
        left: 4,
        collected: sale.due,
        sale,
        learnt: Learnt::AtOnce,
        abandoned: false,
    }
}
