//! The command line: whatever is wrong, one clear sentence on standard error and the exit code that is documented for it. Nothing is
//! repaired, deleted or guessed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use pass::domain::TerminalId;
use pass::wire::code::EnrolmentCode;
use rusqlite::Connection;
use serde_json::Value;

use crate::kit::{Card, Counter, HERE, PASS_CARD, PASS_REGION, PASS_TERMINAL, Said, World, shipped};

/// The last line on standard error: what is above it is the log.
fn sentence(said: &Said) -> &str {
    said.err.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default()
}

/// It ended so, said this on standard error, and nothing on standard output.
#[track_caller]
fn refused(said: &Said, code: i32, says: &str) {
    assert_eq!(said.code, Some(code), "{}: {}{}", said.command, said.out, said.err);
    assert!(sentence(said).contains(says), "{}: {}", said.command, said.err);
    assert_eq!(said.out, "", "{}", said.command);
}

#[test]
fn what_is_mistyped_is_a_usage_error_that_names_it() {
    let world = World::new();
    let data = world.stage().place("nowhere");
    let data = data.to_str().unwrap();
    let table: [(&str, &[&str], &str); 16] = [
        (PASS_TERMINAL, &[], "Usage"),
        (PASS_TERMINAL, &["sell", "--data", data], "'sell'"),
        (PASS_TERMINAL, &["redeem", "--data", data, "--price", "12,345"], "--price"),
        (PASS_TERMINAL, &["redeem", "--data", data, "--price", "-1"], "'-1'"),
        (PASS_TERMINAL, &["redeem", "--data", data, "--price", "dix"], "--price"),
        (PASS_TERMINAL, &["redeem", "--data", data, "--paid", "shells"], "--paid"),
        (PASS_TERMINAL, &["redeem", "--data", data, "--seats", "many"], "--seats"),
        (PASS_TERMINAL, &["redeem", "--data", data, "--wait", "601"], "--wait"),
        (PASS_TERMINAL, &["redeem", "--data", data, "--id", "12"], "--id"),
        (PASS_TERMINAL, &["undo", "--data", data, "last"], "[ENTRY]"),
        (PASS_TERMINAL, &["abandon", "--data", data, "9250000000000000"], "<CARD>"),
        (PASS_TERMINAL, &["journal", "--data", data, "--limit", "0"], "--limit"),
        (PASS_TERMINAL, &["status", "--data", data, "--lang", "de"], "--lang"),
        (PASS_TERMINAL, &["enrol", "--data", data], "--code"),
        (PASS_REGION, &["card", "deny", "--data", data, "9250000000000000", "--reason", "bored"], "--reason"),
        (PASS_CARD, &["serve", "x", "--pull", "during:DEBIT"], "--pull"),
    ];
    for (program, arguments, names) in table {
        let said = world.run(program, arguments);
        assert_eq!((said.code, said.out.as_str()), (Some(64), ""), "{}", said.command);
        assert!(said.err.contains(names), "{}: {}", said.command, said.err);
    }
    for program in [PASS_TERMINAL, PASS_REGION, PASS_CARD] {
        for flag in ["--help", "--version"] {
            assert!(world.run(program, &[flag]).exits(0).err.is_empty());
        }
    }
}

#[test]
fn a_terminal_that_is_not_there_says_so() {
    let world = World::new();
    let data = world.stage().place("nowhere");
    let data = data.to_str().unwrap();
    let terminal = |arguments: &[&str]| world.run(PASS_TERMINAL, arguments);
    refused(&terminal(&["status"]), 64, "Il manque le dossier du terminal");
    refused(&terminal(&["status", "--lang", "en"]), 64, "The terminal's directory is missing");
    refused(&terminal(&["run", "--data", data]), 78, "n'est pas inscrit");
    refused(&terminal(&["run", "--data", data, "--lang", "en"]), 78, "is not enrolled");
    for verb in ["status", "journal", "sync", "card", "redeem", "undo"] {
        refused(&terminal(&[verb, "--data", data]), 69, "démarrez le service");
        refused(&terminal(&[verb, "--data", data, "--lang", "en"]), 69, "start the pass-terminal service");
    }
    refused(&terminal(&["verify", "--data", data]), 78, "n'est pas inscrit");
    assert!(!Path::new(data).exists(), "asking makes nothing");
}

#[test]
fn a_configuration_names_its_line_and_its_key() {
    let world = World::new();
    let path = world.stage().place("terminal.toml");
    let file = path.to_str().unwrap();
    refused(&world.run(PASS_TERMINAL, &["run", "--config", file]), 78, file);
    let table = [
        ("language = \"fr\"\nlangage = \"fr\"\n", "ligne 2", "langage"),
        ("card-wait-seconds = 0\n", "ligne 1", "card-wait-seconds"),
        ("\n\nregion = \"pass.example\"\n", "ligne 3", "region"),
        ("[exchange]\nwindow-from = \"2:00\"\n", "ligne 2", "window-from"),
        ("data = \n", "ligne 1", "data"),
    ];
    for (text, line, key) in table {
        fs::write(&path, text).unwrap();
        for verb in ["run", "validate", "status"] {
            let said = world.run(PASS_TERMINAL, &[verb, "--config", file]);
            refused(&said, 78, line);
            assert!(sentence(&said).contains(key), "{}", said.err);
        }
    }
    fs::write(&path, "data = \"terminal\"\nlanguage = \"en\"\n").unwrap();
    let good = world.run(PASS_TERMINAL, &["validate", "--config", file]).exits(0);
    assert!(good.out.contains("not enrolled yet"), "{}", good.out);
}

#[test]
fn an_enrolment_needs_the_right_code_once_and_in_time() {
    let world = World::new();
    let mut region = world.region();
    let (id, code) = region.terminal("Cinéma Le Phare (inventé)", "cinema");
    let line = crate::kit::Line::to(region.address());
    let url = line.url();
    let enrol = |name: &str, code: &str| {
        let data = world.stage().place(name);
        world.run(PASS_TERMINAL, &["enrol", "--data", data.to_str().unwrap(), "--region", &url, "--code", code])
    };
    let data = world.stage().place("here");
    let without = world.run(PASS_TERMINAL, &["enrol", "--data", data.to_str().unwrap(), "--code", &code]);
    refused(&without, 64, "--region");

    let swapped = if code.ends_with('0') { "1" } else { "0" };
    refused(&enrol("here", &format!("{}{swapped}", &code[..code.len() - 1])), 65, "code d'inscription");
    refused(&enrol("here", "0000"), 65, "code d'inscription");
    let guessed = EnrolmentCode { terminal: TerminalId::new(id), secret: [7; 17] }.to_string();
    refused(&enrol("here", &guessed), 65, "n'a pas été inscrit");
    let nobody = EnrolmentCode { terminal: TerminalId::new(id + 7), secret: [7; 17] }.to_string();
    refused(&enrol("here", &nobody), 65, "n'a pas été inscrit");
    region.kill();
    refused(&enrol("here", &code), 69, "n'a pas été inscrit");
    region.start();

    let enrolled = enrol("here", &code).exits(0);
    assert!(enrolled.out.contains("Cinéma Le Phare (inventé)"), "{}", enrolled.out);
    refused(&enrol("here", &code), 78, "n'a pas été inscrit");
    refused(&enrol("elsewhere", &code), 65, "n'a pas été inscrit");
    // Its time is over.
    let (id, late) = region.terminal("Cinéma du Port (inventé)", "cinema");
    let store = Connection::open(region.data.join("region.db")).unwrap();
    store.execute("UPDATE terminal SET code_expires_at = 1000 WHERE terminal_id = ?1", [id]).unwrap();
    refused(&enrol("late", &late), 65, "n'a pas été inscrit");
    assert!(!world.stage().place("late").join("ledger.db").exists());
}

#[test]
fn one_terminal_runs_once_and_answers_also_when_it_does_not_run() {
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let mut cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    refused(&cinema.ask(&["run"]), 69, "ne tourne qu'une fois");
    let lying = card.lay(&world, HERE);
    let granted = cinema.redeem(&[]).exits(0).json();
    drop(lying);
    assert_eq!(cinema.status()["running"], true);
    cinema.stop();

    let status = cinema.status();
    assert_eq!((&status["running"], &status["refusal"]), (&Value::from(false), &Value::Null));
    let journal = cinema.journal();
    assert_eq!((&journal[0]["detail"], &journal[1]["entry"]), (&Value::from("stopped"), &granted["entry"]));
    let spoken = cinema.ask(&["journal", "--limit", "2"]).exits(0).out;
    assert!(spoken.contains("vente") && spoken.contains("encaissé 1,00 €"), "{spoken}");
    let spoken = cinema.ask(&["journal", "--limit", "2", "--lang", "en"]).exits(0).out;
    assert!(spoken.contains("sale") && spoken.contains("collected €1.00"), "{spoken}");
    refused(&cinema.ask(&["redeem"]), 69, "démarrez le service");
    cinema.ask(&["verify"]).exits(0);
    cinema.ask(&["validate"]).exits(0);
}

/// A terminal that has sold something and was stopped.
fn stopped(world: &World) -> Counter {
    let region = world.region();
    let card = world.card(&region);
    let mut cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    let _lying = card.lay(world, HERE);
    cinema.redeem(&[]).exits(0);
    cinema.stop();
    cinema
}

/// Changes one byte in the middle of an entry's bytes, where they stand in the file.
fn flip(ledger: &Path, sequence: u64) {
    let store = Connection::open(ledger).unwrap();
    let cose: Vec<u8> =
        store.query_row("SELECT cose FROM entry WHERE sequence = ?1", [sequence], |row| row.get(0)).unwrap();
    drop(store);
    let mut file = fs::read(ledger).unwrap();
    let at = file.windows(cose.len()).position(|window| window == cose).expect("the entry is in the file");
    file[at + cose.len() / 2] ^= 0x01;
    fs::write(ledger, file).unwrap();
}

#[test]
fn a_damaged_ledger_sells_nothing_and_is_left_as_it_is() {
    let world = World::new();
    let cinema = stopped(&world);
    let ledger = cinema.data.join("ledger.db");
    let whole = fs::read(&ledger).unwrap();
    let newest = cinema.journal()[0]["entry"].as_u64().unwrap();

    // The newest entry, or the file's head: no start.
    let unusable: [(&str, &dyn Fn()); 3] = [
        ("n'y a été changé", &|| flip(&ledger, newest)),
        ("n'y a été changé", &|| {
            fs::write(&ledger, [b"not a ledger at all ".as_slice(), &whole[20..]].concat()).unwrap()
        }),
        ("n'y a été changé", &|| fs::write(&ledger, &whole[..whole.len() / 2]).unwrap()),
    ];
    for (says, damage) in unusable {
        fs::write(&ledger, &whole).unwrap();
        damage();
        let damaged = fs::read(&ledger).unwrap();
        refused(&cinema.ask(&["run"]), 78, says);
        assert_ne!(cinema.ask(&["verify"]).code, Some(0));
        assert_eq!(fs::read(&ledger).unwrap(), damaged, "nothing is repaired");
    }

    // An older one: the daemon opens in no time, and verify finds it.
    fs::write(&ledger, &whole).unwrap();
    flip(&ledger, newest - 1);
    let damaged = fs::read(&ledger).unwrap();
    refused(&cinema.ask(&["verify"]), 65, "appelez le support");
    let json = cinema.ask(&["verify", "--json"]).exits(65).json();
    assert_eq!((&json["verified"], &json["entry"]), (&Value::from(false), &Value::from(newest - 1)));
    assert_eq!(fs::read(&ledger).unwrap(), damaged);

    fs::write(&ledger, &whole).unwrap();
    cinema.ask(&["verify"]).exits(0);
}

#[test]
fn a_newer_ledger_and_keys_that_others_can_read_are_refused() {
    let world = World::new();
    let cinema = stopped(&world);
    let ledger = cinema.data.join("ledger.db");
    let store = Connection::open(&ledger).unwrap();
    store.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    refused(&cinema.ask(&["run"]), 78, "schema 99");
    refused(&cinema.ask(&["status"]), 78, "schema 99");
    let store = Connection::open(&ledger).unwrap();
    store.pragma_update(None, "user_version", 1).unwrap();
    drop(store);
    cinema.ask(&["validate"]).exits(0);

    for key in ["entry.pk8", "card.pk8"] {
        let path = cinema.data.join("keys").join(key);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        for verb in ["run", "validate"] {
            refused(&cinema.ask(&[verb]), 78, "chmod 600");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    }
    let hidden = cinema.data.join("keys").join("entry.pk8");
    let away = cinema.data.join("keys").join("away");
    fs::rename(&hidden, &away).unwrap();
    refused(&cinema.ask(&["run"]), 78, "entry.pk8");
    assert!(!hidden.exists(), "no new key is made");
}

#[test]
fn the_desk_of_the_region_says_what_is_wrong() {
    let world = World::new();
    let region = world.region();
    let data = region.data.to_str().unwrap();
    let desk = |arguments: &[&str]| world.run(PASS_REGION, arguments);
    refused(&desk(&["init", "--data", data]), 73, "contient déjà une région");
    refused(&desk(&["partner", "list", "--data", "/nowhere"]), 66, "Il n'y a pas de région");
    refused(&desk(&["terminal", "add", "--data", data, "--partner", "7"]), 65, "partenaire 7");
    refused(&desk(&["card", "show", "--data", data, "123"]), 65, "16 chiffres");
    refused(&desk(&["card", "show", "--data", data, "9250000000000001"]), 65, "chiffre faux");
    let issue = ["card", "issue", "--data", data, "--wait", "0", "--reader"];
    refused(&desk(&[&issue[..], &["No such reader"]].concat()), 69, "No such reader");
    let name = world.pcscd.reader_name(HERE);
    refused(&desk(&[&issue[..], &[&name, "--lang", "en"]].concat()), 66, "no card in the reader");
    let blank = Card::blank();
    let _lying = blank.lay(&world, HERE);
    let unknown = ["card", "issue", "--data", data, "--reader", &name, "--profile", "retired"];
    refused(&desk(&unknown), 65, "retired");
    let catalogue = world.stage().place("catalogue.toml");
    fs::write(&catalogue, "[[benefit]]\nslot = 16\n").unwrap();
    let said = desk(&["catalogue", "publish", "--data", data, catalogue.to_str().unwrap()]);
    refused(&said, 78, "ligne");
}

#[test]
fn the_shipped_configuration_runs_a_terminal() {
    let world = World::new();
    let region = world.region();
    let card = world.card(&region);
    let mut cinema = world.counter(&region, "Cinéma Le Phare (inventé)", "cinema", HERE);
    cinema.stop();
    let config = shipped("terminal.toml");
    let config = config.to_str().unwrap();
    cinema.ask(&["validate", "--config", config]).exits(0);
    cinema.start_with(&["--config", config]);
    let _lying = card.lay(&world, HERE);
    assert_eq!(cinema.ask(&["redeem", "--json", "--config", config]).exits(0).json()["left"], 4);
    cinema.stop();
}
