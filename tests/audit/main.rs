//! What docs/audit.md tells an auditor to type, typed: sqlite3, openssl and a COSE library of others against a ledger of a released schema, whole and tampered with.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rusqlite::Connection;
use tempfile::TempDir;

/// An auditor's desk: the ledger to be checked, the script, and the keys as the region gave them.
struct Desk {
    directory: TempDir,
    key: String,
    root: String,
}

impl Desk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(here.join("tests/frozen/ledger-v2.db"), directory.path().join("ledger.db")).unwrap();
        std::fs::copy(here.join("docs/audit.py"), directory.path().join("audit.py")).unwrap();
        let mut desk = Self { directory, key: String::new(), root: String::new() };
        (desk.key, desk.root) = desk
            .ledger()
            .query_row("SELECT lower(hex(entry_key)), lower(hex(root_key)) FROM identity", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        desk
    }

    fn ledger(&self) -> Connection {
        Connection::open(self.directory.path().join("ledger.db")).unwrap()
    }

    /// Somebody who has the file and no key changes it, and takes its triggers away for that.
    fn tampered(self, change: &str) -> Self {
        let ledger = self.ledger();
        let triggers: Vec<String> = ledger
            .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for trigger in triggers {
            ledger.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
        }
        ledger
            .execute_batch(&format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {change}"))
            .unwrap();
        drop(ledger);
        self
    }

    fn typed(&self, commands: &str) -> Output {
        // The tools of scripts/tools, before those of the machine.
        let path = format!("{}:{}", tools().display(), std::env::var("PATH").unwrap());
        Command::new("sh")
            .args(["-euc", commands])
            .current_dir(self.directory.path())
            .envs([("PATH", path.as_str()), ("LEDGER", "ledger.db"), ("KEY", &self.key), ("ROOT", &self.root)])
            .output()
            .unwrap()
    }
}

/// Where `scripts/tools` puts what comes from PyPI: beside the programs under test.
fn tools() -> PathBuf {
    let programs = Path::new(env!("CARGO_BIN_EXE_pass-terminal")).parent().unwrap();
    let tools = programs.parent().unwrap().join("tools/venv/bin");
    assert!(tools.join("python3").exists(), "run scripts/tools first: {} is not there", tools.display());
    tools
}

/// What stands between ```sh and ``` in the document.
fn blocks() -> Vec<String> {
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md")).unwrap();
    document.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

const AUDIT: &str = r#"python3 audit.py "$LEDGER" "$KEY" "$ROOT""#;

#[test]
fn every_command_of_the_document_does_what_it_says() {
    let desk = Desk::new();
    let blocks = blocks();
    assert!(blocks.len() >= 4 && blocks.iter().any(|block| block.contains(AUDIT)), "{blocks:?}");
    for block in blocks {
        let output = desk.typed(&block);
        assert!(output.status.success(), "{block}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(!output.stdout.is_empty(), "{block} says nothing");
    }
}

#[test]
fn what_the_document_prints_is_what_the_script_says() {
    let said = Desk::new().typed(AUDIT);
    let said = String::from_utf8(said.stdout).unwrap();
    let document = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit.md")).unwrap();
    for line in said.lines().filter(|line| !line.starts_with("head ")) {
        assert!(document.contains(&format!("> {line}")), "{line}");
    }
}

#[test]
fn a_ledger_that_was_tampered_with_is_told_by_what() {
    let debit = "(SELECT min(sequence) FROM entry WHERE kind = 'debit')";
    let table = [
        // One bit of what a terminal has signed.
        (
            format!("UPDATE entry SET cose = CAST(substr(cose, 1, 80) || x'00' || substr(cose, 82) AS BLOB) WHERE sequence = {debit}"),
            "the terminal has not signed entry",
        ),
        ("UPDATE entry SET sequence = sequence + 1000 WHERE sequence >= 4; UPDATE entry SET sequence = sequence - 1001 WHERE sequence > 1004; DELETE FROM entry WHERE sequence = 1004".to_owned(), "does not follow"),
        ("DELETE FROM entry".to_owned(), "the region has acknowledged another entry"),
        (
            "UPDATE region_key SET bytes = CAST(substr(bytes, 1, 5) || zeroblob(65) || substr(bytes, 71) AS BLOB)".to_owned(),
            "is not certified by the root",
        ),
        ("UPDATE card_certificate SET bytes = zeroblob(163)".to_owned(), "is not the one that an entry names"),
        ("DELETE FROM card_certificate".to_owned(), "is not there"),
    ];
    for (change, reason) in table {
        let said = Desk::new().tampered(&change).typed(AUDIT);
        let reasons = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(!said.status.success() && reasons.contains(reason), "{change}: {reasons}");
    }
}

#[test]
fn another_terminal_s_key_and_another_root_are_not_believed() {
    let other = |digits: &str| digits.replace(['0', '1', '2'], "3");
    for (key, root) in [(true, false), (false, true)] {
        let mut desk = Desk::new();
        if key {
            desk.key = other(&desk.key);
        }
        if root {
            desk.root = other(&desk.root);
        }
        assert!(!desk.typed(AUDIT).status.success());
    }
}
