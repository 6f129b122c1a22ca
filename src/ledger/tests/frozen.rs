//! Ledgers that older programs made, as they lay on the disk: opened, they are brought to the schema of today, and nothing of them is lost.
//!
//! `tests/frozen/ledger-v2.db` was made by the last program before cashiers and closings (schema 2), with these keys, which are nobody's: enrolled, two
//! sales, the second undone, one given up that was done all the same, one more in doubt, an exchange and an export.

use super::fixture::*;
use crate::domain::card::CardCertificate;
use crate::domain::closing::PeriodKind;
use crate::domain::entry::Learnt;
use crate::domain::*;
use crate::ledger::*;

const LEDGER: &[u8] = include_bytes!("../../../tests/frozen/ledger-v2.db");
const HEAD: &str = "ff5091e28039a169fa65d67e167faa5979cef30ace0caca45a7d8406b9e4e2e7";
const ENTRY_KEY: &str = "3051020101300506032b657004220420ba91de7e84a2916f0e2664b074dad9bdcb47721f22f0d0ac9e34c65cf19ecbfd812100555f1540bdc06c46bc5bd93343e4924621\
    8b7da8e73453cbd2e07df37a7e065c";
const CARD_KEY: &str = "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b020101042079caed8f74525891e6a02d16c8414d965fb11e1f9984cc61cdade11990fa1259\
    a14403420004ba5cf943adf446b2b7ec2540ff396beabeb0ceff3fd12178d105417d33c5d51b8afa55bfb8df213a59a740af7b5c3201050161de52ebe5825bc3920583863ea8";
/// What the card had counted and consumed, and how many debits were taken back on it.
const CARD: [u32; 3] = [4, 2, 1];

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The schema of the file, and its signed entries.
fn inside(world: &World) -> (u32, Vec<Vec<u8>>) {
    let file = rusqlite::Connection::open(world.database()).unwrap();
    let mut entries = file.prepare("SELECT cose FROM entry ORDER BY sequence").unwrap();
    let entries = entries.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    (file.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap(), entries)
}

#[test]
fn a_ledger_of_the_schema_before_cashiers_and_closings_sells_on_and_is_closed() {
    let world = World::of(LEDGER, bytes(ENTRY_KEY));
    let (schema, entries) = inside(&world);
    assert_eq!((schema, entries.len()), (2, 6));
    assert_eq!(View::open(world.dir.path()).unwrap().head().sequence.get(), 6, "it is read as it is");
    assert_eq!(inside(&world).0, 2, "by reading it is not changed");

    let mut ledger = world.open();
    assert_eq!(inside(&world), (8, entries), "entries are kept byte for byte");
    assert_eq!(ledger.view().head().hash, EntryHash::new(bytes(HEAD).try_into().unwrap()));
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().entries, 6);
    assert_eq!(ledger.view().open_day().map(|day| day.since), Some(NOW), "its sales are of a day that is open");

    let certificate: Vec<u8> =
        ledger.view.connection.query_row("SELECT bytes FROM card_certificate", [], |row| row.get(0)).unwrap();
    let certificate = CardCertificate::decode(&certificate).unwrap();
    let mut card = Card::used(&bytes(CARD_KEY), certificate, CARD);
    // The sale that was in doubt is settled by the card, and the next one is sold.
    let open = ledger.view().open_intent(card.number()).unwrap().unwrap().intent;
    let proof = card.does(&open);
    ledger.settle(open.transaction, NOW, done(&open, proof, Learnt::FromRecords, false)).unwrap();
    sell(&mut ledger, &mut card, 9);
    let by = By { cashier: None, now: NOW.plus(60) };
    let day = ledger.close(by, PeriodKind::Day, Counted::default()).unwrap().1;
    assert_eq!((day.from, day.to, day.number), (Sequence::new(1), Sequence::new(8), 1));
    // Four seats of a euro each, one of which was undone; for the one that was given up the money had gone back.
    assert_eq!(day.totals.money(), (cents(400), cents(100)));
    drop(ledger);
    assert_eq!(verify(world.dir.path(), None, |_, _| ()).unwrap().entries, 9);
}
