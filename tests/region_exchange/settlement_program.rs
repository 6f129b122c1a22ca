//! Partners and settlements as people and scripts meet them: exit codes, sentences, JSON, files, and the public list over HTTP.

use std::net::TcpStream;
use std::path::Path;

use pass::region::RegionError;
use pass::region::settlement::trouble::SettlementTrouble;
use serde_json::Value;

use super::http::{Server, talk};
use super::kit::{CINEMA, Terminal, World, hours};
use super::program::made_region;
use super::verbs::{json, pass_region};

const IBAN: &str = "FR7630006000011234567890189";

fn data(directory: &Path) -> String {
    directory.join("region").to_str().unwrap().to_owned()
}

#[test]
fn what_is_wrong_about_money_ends_with_its_code_and_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let data = data(directory.path());
    made_region(&data);
    let at = ["--data", &data];
    assert!(pass_region(&[&["settle", "close", "--until", "2020-01-31"][..], &at].concat()).status.success());
    let to = directory.path().join("out").to_str().unwrap().to_owned();
    let table: &[(&[&str], i32)] = &[
        (&["partner", "set-activities", "9", "--activity", "cinema"], 65),
        (&["partner", "set-activities", "1", "--activity", "Cinéma"], 65),
        (&["partner", "set-activities", "1"], 64),
        (&["partner", "set-city", "1", "--city", ""], 65),
        (&["partner", "set-bank", "1", "--holder", "Le Phare", "--iban", "FR7630006000011234567890188"], 65),
        (&["partner", "set-bank", "1", "--holder", "Le Phare", "--iban", "BR1800360305000010009795493C1"], 65),
        (&["partner", "set-bank", "1", "--holder", "Le Phare", "--iban", "compte"], 65),
        (&["partner", "set-bank", "1", "--holder", "映画", "--iban", IBAN], 65),
        (&["partner", "set-bank", "1", "--holder", "Le Phare", "--iban", IBAN, "--bic", "X"], 65),
        (&["partner", "set-bank", "9", "--holder", "Le Phare", "--iban", IBAN], 65),
        (&["partner", "suspend", "9"], 65),
        (&["partner", "show", "9"], 65),
        (&["settle", "close", "--until", "hier"], 65),
        (&["settle", "close", "--until", "2020-01-30"], 65),
        (&["settle", "close", "--until", "2100-01-30"], 65),
        (&["settle", "close"], 64),
        (&["settle", "show", "9"], 65),
        (&["settle", "verify", "9"], 65),
        (&["settle", "export", "9", "--to", &to], 65),
        (&["settle", "export", "1", "--to", "/proc/out"], 73),
        (&["settle", "export", "1", "--to", &to, "--execute", "demain"], 65),
        (&["entry", "show", "1", "1"], 65),
        (&["entry", "show", "1", "0"], 65),
        (&["entry", "show", "1"], 64),
    ];
    for (arguments, code) in table {
        let output = pass_region(&[arguments, &at[..]].concat());
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        for language in ["fr", "en"].iter().filter(|_| *code != 64) {
            let output = pass_region(&[arguments, &at[..], &["--lang", language]].concat());
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.trim_end().ends_with('.') && said.lines().count() == 1, "{arguments:?}: {said}");
            assert!(!said.contains("3000"), "an account's number is never repeated: {said}");
        }
    }
}

/// A cinema with an account that has sold two seats.
fn sold() -> (World, Terminal) {
    let world = World::new();
    let mut terminal = world.terminal("cinema");
    let mut card = world.card();
    let arguments = world.arguments();
    let at: Vec<&str> = arguments.iter().map(String::as_str).collect();
    for verb in [
        &["partner", "set-bank", "1", "--holder", "Le Phare", "--iban", IBAN, "--json"][..],
        &["settle", "payer", "--holder", "Région inventée", "--iban", "BE68539007547034", "--json"],
    ] {
        let said = json(&[verb, &at[..]].concat()).to_string();
        assert!(said.contains(" **** ") && !said.contains(IBAN), "{said}");
    }
    terminal.sell(&mut card, CINEMA, 2, hours(1));
    terminal.exchange(&world.region, hours(2));
    (world, terminal)
}

#[test]
fn a_settlement_is_closed_shown_checked_and_exported_from_the_command_line() {
    let (world, _terminal) = sold();
    let arguments = world.arguments();
    let at: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let run = |verb: &[&str]| {
        let output = pass_region(&[verb, &at[..]].concat());
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let until = pass::region::settlement::days::Day::of(hours(1));
    world.region.close_settlement(until, hours(5)).unwrap();
    assert_eq!(run(&["settle", "list"]), "1\t2026-11-28\t1\t8.00\t8.00\n");
    let shown: Value = serde_json::from_str(&run(&["settle", "show", "1", "--json"])).unwrap();
    assert_eq!(shown["partners"][0]["benefits"][0]["benefit"], "cinema");
    assert_eq!((&shown["cents"], &shown["partners"][0]["paid_cents"]), (&800.into(), &800.into()));
    assert!(run(&["settle", "show", "1", "--lang", "en"]).contains("paid 8.00"));
    assert!(run(&["settle", "verify", "1"]).contains("à l'octet près"));
    let to = world.directory.path().join("out");
    let export = ["settle", "export", "1", "--to", to.to_str().unwrap(), "--json"];
    let files = |said: String| -> Vec<(String, Vec<u8>)> {
        let said: Value = serde_json::from_str(&said).unwrap();
        let paths = said["files"].as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned());
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    };
    let first = files(run(&export));
    let ends: Vec<_> = first.iter().map(|(path, _)| path.rsplit_once("reglement-0001-").unwrap().1).collect();
    assert_eq!(ends, ["avantages.csv", "versements.csv", "ecritures.csv", "releve-partenaire-1.html", "virements.xml"]);
    assert_eq!(files(run(&export)), first);
    let story: Value = serde_json::from_str(&run(&["entry", "show", "1", "1", "--json"])).unwrap();
    assert_eq!((&story["verdicts"][0]["verdict"], &story["settled"][0]["cents"]), (&"payable".into(), &800.into()));
    assert!(run(&["entry", "show", "1", "1"]).contains("payée au règlement 1 (au 2026-11-28) : 8.00 EUR"));
    let partner = run(&["partner", "show", "1", "--lang", "en"]);
    assert!(partner.contains("FR76 **** 0189") && !partner.contains(IBAN));
}

/// A closed settlement, and the file of its region's store.
fn closed() -> (World, rusqlite::Connection) {
    let (world, _terminal) = sold();
    let until = pass::region::settlement::days::Day::of(hours(1));
    world.region.close_settlement(until, hours(5)).unwrap();
    let file = world.directory.path().join("region").join("region.db");
    (world, rusqlite::Connection::open(file).unwrap())
}

#[test]
fn nobody_changes_or_deletes_what_was_settled() {
    let (_world, database) = closed();
    for table in
        ["", "_benefit", "_terminal", "_line", "_total", "_partner", "_seal"].map(|end| format!("settlement{end}"))
    {
        for sql in [format!("DELETE FROM {table}"), format!("UPDATE {table} SET number = number")] {
            let said = database.execute(&sql, []).unwrap_err().to_string();
            assert!(said.contains("settlement"), "{sql}: {said}");
        }
    }
    for sql in [
        "DELETE FROM partner_bank",
        "UPDATE partner_bank SET iban = iban",
        "DELETE FROM payer",
        "UPDATE payer SET iban = iban",
    ] {
        assert!(database.execute(sql, []).unwrap_err().to_string().contains("account"), "{sql}");
    }
}

#[test]
fn whoever_alters_the_database_behind_its_back_is_found_out() {
    let table = [
        ("settlement_line", "after_cents = 900"),
        ("settlement_line", "hash = zeroblob(32)"),
        ("settlement_line", "before_cents = 100"),
        ("settlement_terminal", "lines = 2"),
        ("settlement_total", "cents = 900"),
        ("settlement_total", "sales = 2"),
        ("settlement_partner", "paid_cents = 900"),
        ("settlement_partner", "carried_cents = 100"),
        ("settlement_seal", "paid_cents = 900"),
        ("settlement_seal", "entries_sha256 = zeroblob(32)"),
        ("settlement_benefit", "code = 'opera'"),
        ("verdict", "payable_cents = 900"),
        ("entry", "cose = zeroblob(300)"),
    ];
    let (world, database) = closed();
    let verify = || world.region.verify_settlement(1).map(drop);
    let trigger = |table: &str| -> String {
        let sql = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1";
        database.query_row(sql, [format!("{table}_is_final")], |row| row.get(0)).unwrap()
    };
    for (table, change) in table {
        verify().unwrap();
        let guard = trigger(table);
        database
            .execute_batch(&format!(
                "DROP TRIGGER {table}_is_final; CREATE TEMP TABLE kept AS SELECT rowid AS place, * FROM {table};"
            ))
            .unwrap();
        database.execute(&format!("UPDATE {table} SET {change}"), []).unwrap();
        let found = verify().unwrap_err();
        assert!(
            matches!(found, RegionError::Settlement(SettlementTrouble::Differs(1))),
            "{table}: {change}: {found:?}"
        );
        assert_eq!(found.exit_code(), 70);
        let (column, _) = change.split_once(" =").unwrap();
        database
            .execute_batch(&format!("UPDATE {table} SET {column} = (SELECT {column} FROM kept WHERE place = {table}.rowid); DROP TABLE kept; {guard};"))
            .unwrap();
    }
    verify().unwrap();
}

#[test]
fn the_list_of_partners_is_public_bounded_and_cached() {
    let directory = tempfile::tempdir().unwrap();
    let data = data(directory.path());
    made_region(&data);
    json(&["partner", "set-city", "1", "--city", "Vienne", "--data", &data, "--json"]);
    let csv = pass_region(&["partner", "list", "--csv", "--data", &data]).stdout;
    let server = Server::start(&data, &[]);
    let ask = |path: &str, header: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: region\r\n{header}Connection: close\r\n\r\n");
        talk(&mut TcpStream::connect(&server.address).unwrap(), request.as_bytes()).unwrap()
    };
    let (status, head, body) = ask("/v1/partners", "");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/json") && head.contains("cache-control: public, max-age=300"));
    let list: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&list["partners"][0]["city"], &list["complete"]), (&"Vienne".into(), &true.into()));
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let (status, head, body) = ask("/v1/partners", &format!("If-None-Match: \"other\", W/{tag}\r\n"));
    assert_eq!((status, body.len()), (304, 0));
    assert!(head.contains(&tag));
    for (path, header) in [("/v1/partners?format=csv", ""), ("/v1/partners", "Accept: text/csv\r\n")] {
        let (status, head, body) = ask(path, header);
        assert_eq!((status, &body), (200, &csv), "the same as the desk prints");
        assert!(head.contains("content-type: text/csv") && head.contains("vary: accept") && !head.contains(&tag));
    }
    assert_eq!(ask("/v1/partners?format=xml", "").0, 406);
    assert!(server.end());
}
