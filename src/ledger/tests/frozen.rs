//! Ledgers that older programs made, as they lay on the disk: opened, they are brought to the schema of today, and nothing of them is lost.
//!
//! `tests/frozen/ledger-vN.db` was made by the last program of schema N; its keys, which are nobody's, are in `ledger-vN.txt`. In each, besides what else its
//! program could write (see [`super::freeze`]), one sale is in doubt, of a card whose key is there too.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use super::fixture::*;
use crate::domain::card::CardCertificate;
use crate::domain::closing::PeriodKind;
use crate::domain::entry::Learnt;
use crate::domain::payment::{NotPaid, PaymentState};
use crate::domain::*;
use crate::ledger::schema::SCHEMA_VERSION;
use crate::ledger::*;
use crate::wire::exchange::Head;

/// What is kept beside a frozen ledger.
#[derive(Debug)]
pub(super) struct Frozen {
    /// PKCS#8, as are all here.
    pub(super) entry_key: Vec<u8>,
    pub(super) card_key: Vec<u8>,
    /// What the card with the doubt had counted and consumed before it, and how many debits were taken back on it.
    pub(super) card: [u32; 3],
    pub(super) head: Head,
}

impl Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [counter, consumed, reversals] = self.card;
        writeln!(f, "entry-key {}", hex::encode(&self.entry_key))?;
        writeln!(f, "card-key {}", hex::encode(&self.card_key))?;
        writeln!(f, "card {counter} {consumed} {reversals}")?;
        writeln!(f, "head {} {}", self.head.sequence.get(), hex::encode(self.head.hash.as_bytes()))
    }
}

impl Frozen {
    /// Out of the text beside the ledger.
    fn of(text: &str) -> Self {
        let lines: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        let (sequence, hash) = lines["head"].split_once(' ').unwrap();
        let card: Vec<u32> = lines["card"].split(' ').map(|number| number.parse().unwrap()).collect();
        Self {
            entry_key: hex::decode(lines["entry-key"]).unwrap(),
            card_key: hex::decode(lines["card-key"]).unwrap(),
            card: card.try_into().unwrap(),
            head: Head { sequence: Sequence::new(sequence.parse().unwrap()), hash: EntryHash::parse(hash).unwrap() },
        }
    }
}

/// Where the ledger of a schema is kept.
fn place(schema: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/frozen/ledger-v{schema}.db"))
}

/// The schemas of the migrations that are there.
fn migrations() -> Vec<u32> {
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/terminal")).unwrap();
    let names = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut numbers: Vec<u32> =
        names.map(|name| name[1..name.find("__").expect("V1__name.sql")].parse().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

/// The schema of the file, and its signed entries.
fn inside(world: &World) -> (u32, Vec<Vec<u8>>) {
    let file = rusqlite::Connection::open(world.database()).unwrap();
    let mut entries = file.prepare("SELECT cose FROM entry ORDER BY sequence").unwrap();
    let entries = entries.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    (file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap(), entries)
}

/// A ledger of `schema`, brought up by this program: it is whole, its doubts are settled, it sells, and its day is closed.
pub(super) fn sells_on(ledger: &[u8], schema: u32, frozen: &Frozen) {
    let world = World::of(ledger, frozen.entry_key.clone());
    let (found, entries) = inside(&world);
    let count = u64::try_from(entries.len()).unwrap();
    assert_eq!((found, count), (schema, frozen.head.sequence.get()));
    assert_eq!(View::open(world.dir.path()).unwrap().head(), frozen.head, "schema {schema} is read as it is");
    assert_eq!(inside(&world).0, schema, "by reading it is not changed");

    let mut ledger = world.open();
    assert_eq!(inside(&world), (SCHEMA_VERSION, entries), "schema {schema}: entries are kept byte for byte");
    assert_eq!((ledger.view().head(), ledger.view().behind()), (frozen.head, None));
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().entries, count, "schema {schema}");

    let sql =
        "SELECT c.bytes FROM card_certificate c JOIN intent i ON i.certificate = c.hash WHERE i.settled_by IS NULL";
    let certificate: Vec<u8> = ledger.view.connection.query_row(sql, [], |row| row.get(0)).unwrap();
    let certificate = CardCertificate::decode(&certificate).unwrap();
    let mut card = Card::used(&frozen.card_key, certificate, frozen.card);
    // The sale that was in doubt is settled by the card, a payment by the cashier, and the next sale is made.
    let open = ledger.view().open_intent(card.number()).unwrap().unwrap().intent;
    let proof = card.does(&open);
    ledger.settle(open.transaction, NOW, done(&open, proof, Learnt::FromRecords, false)).unwrap();
    let by = By { cashier: None, now: NOW.plus(300) };
    for payment in ledger.view().open_payments().unwrap() {
        ledger.payment_is(by, payment.asked.id, PaymentState::Refused(NotPaid::Word)).unwrap();
    }
    sell(&mut ledger, &mut card, 100);
    let before = ledger.view().last_closed_day().unwrap();
    let (head, day) = ledger.close(by, PeriodKind::Day, Counted::default()).unwrap();
    assert_eq!(day.from, before.map_or(Sequence::FIRST, |before| before.sequence.next()), "schema {schema}");
    assert_eq!(day.to.next(), head.sequence);
    drop(ledger);
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().entries, head.sequence.get(), "schema {schema}");
}

#[test]
fn a_ledger_of_every_schema_before_this_one_is_kept() {
    let migrations = migrations();
    assert_eq!(migrations, (1..=SCHEMA_VERSION).collect::<Vec<_>>(), "sql/terminal, and the newest that is known");
    for schema in 1..SCHEMA_VERSION {
        let next = schema + 1;
        assert!(
            place(schema).exists() && place(schema).with_extension("txt").exists(),
            "sql/terminal has V{next}, and tests/frozen no ledger of schema {schema}. In a worktree of the last commit before V{next} came in, \
             `PASS_FREEZE=tests/frozen cargo test --lib ledger::tests::freeze` makes ledger-v{schema}.db and ledger-v{schema}.txt: commit both here.",
        );
    }
}

#[test]
fn a_ledger_of_every_schema_is_brought_up_sells_on_and_is_closed() {
    let mut brought_up = 0;
    for schema in (1..=SCHEMA_VERSION).filter(|schema| place(*schema).exists()) {
        let frozen = Frozen::of(&std::fs::read_to_string(place(schema).with_extension("txt")).unwrap());
        sells_on(&std::fs::read(place(schema)).unwrap(), schema, &frozen);
        brought_up += 1;
    }
    assert!(brought_up >= 5, "{brought_up}");
}
