//! The schema is the file's, word for word: a table that changes needs a migration of its own.

use std::collections::BTreeSet;

use super::fixture::*;
use crate::crypto::sha256;
use crate::domain::RequestId;
use crate::ledger::*;

/// SHA-256 of `sql/terminal/V1__ledger.sql`. An applied migration is never edited: write the next one.
const V1: &str = "7fa42b8142e39695afacde4be57ff62ad599aa7d5d5c308174d93c77107ec9a8";

#[test]
fn an_applied_migration_is_never_edited() {
    let text = include_str!("../../../sql/terminal/V1__ledger.sql");
    assert_eq!(hex::encode(sha256(text.as_bytes())), V1);
}

#[test]
fn a_ledger_has_the_objects_of_the_migrations_and_no_others() {
    let (_world, ledger) = World::new();
    let connection = &ledger.view.connection;
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'refinery%' ORDER BY rowid";
    let made: Vec<String> =
        connection.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
    let text = [
        include_str!("../../../sql/terminal/V1__ledger.sql"),
        include_str!("../../../sql/terminal/V2__export.sql"),
        include_str!("../../../sql/terminal/V3__cashiers.sql"),
        include_str!("../../../sql/terminal/V4__closings.sql"),
        include_str!("../../../sql/terminal/V5__payments.sql"),
        include_str!("../../../sql/terminal/V6__keys_and_parts.sql"),
    ]
    .concat()
    // A table that was made anew has its name in quotes.
    .replace("CREATE TABLE entry_of_now", "CREATE TABLE \"entry\"");
    for object in &made {
        assert!(text.contains(object.as_str()), "not in the files: {object}");
    }
    let name = |create: &str| create.split_whitespace().find(|word| !KEYWORDS.contains(word)).unwrap().replace('"', "");
    let names: BTreeSet<_> = text.split("\nCREATE ").skip(1).map(name).collect();
    assert_eq!(made.len(), names.len(), "{names:?}");
}

/// What stands before the name of an object.
const KEYWORDS: [&str; 4] = ["TABLE", "UNIQUE", "INDEX", "TRIGGER"];

#[test]
fn a_rule_that_was_changed_in_the_file_is_found() {
    let changes = [
        "UPDATE sqlite_schema SET sql = replace(sql, 'NEW.transaction_id', 'NEW.dransaction_id') WHERE type = 'trigger'",
        "UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE', 'unique') WHERE type = 'table'",
        "DELETE FROM sqlite_schema WHERE name = 'entry_never_changed'",
        "UPDATE sqlite_schema SET name = 'entry_never_hanged' WHERE name = 'entry_never_changed'",
    ];
    for change in changes {
        let (world, ledger) = World::new();
        drop(ledger);
        world.sql(&format!("PRAGMA writable_schema = ON; {change}")).unwrap();
        let opened = world.try_open().map(drop);
        assert!(matches!(&opened, Err(OpenError::Ledger(LedgerError::Damaged(_)))), "{change}: {opened:?}");
        assert!(verify(world.dir.path(), None, |_, _| ()).is_err(), "{change}");
    }
}

#[test]
fn every_connection_is_set_up() {
    let (_world, ledger) = World::new();
    let pragma = |name: &str| -> String {
        ledger.view.connection.pragma_query_value(None, name, |row| Ok(format!("{:?}", row.get_ref(0)?))).unwrap()
    };
    for (name, value) in [
        ("journal_mode", "Text([119, 97, 108])"),
        ("synchronous", "Integer(2)"),
        ("foreign_keys", "Integer(1)"),
        ("trusted_schema", "Integer(0)"),
        ("recursive_triggers", "Integer(1)"),
    ] {
        assert_eq!(pragma(name), value, "{name}");
    }
}

#[test]
fn a_ledger_of_the_first_schema_is_brought_up_and_loses_nothing() {
    let (mut world, mut ledger) = World::new();
    let head = sell(&mut ledger, &mut world.card(), 1);
    drop(ledger);
    world
        .sql(
            "DROP TABLE feed_sum; DROP TABLE former_certificate; DROP TABLE required_version; DROP TABLE entry_key; DROP TABLE held; DROP TABLE part; DROP TABLE payment; DROP TABLE cashier; DROP TABLE printed; DROP TABLE export; DROP INDEX entry_closing; \
             DELETE FROM refinery_schema_history WHERE version > 1; PRAGMA user_version = 1",
        )
        .unwrap();
    assert_eq!(View::open(world.dir.path()).unwrap().head(), head, "it is read as it is");
    let mut ledger = world.open();
    assert_eq!(ledger.view().head(), head);
    ledger.export(RequestId::new([1; 16]), NOW, request(&ledger, 1).health).unwrap();
    assert!(verify(world.dir.path(), None, |_, _| ()).is_ok());
}
