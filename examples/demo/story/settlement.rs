//! The day is over: partners are paid (docs/settlement.md), and an auditor looks at it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use pass::domain::Timestamp;
use pass::region::Region;
use pass::region::settlement::days::Day;
use serde_json::{Value, json};

use super::{BOOKS, CINEMA, Story};
use crate::books::{Book, seat_worth};
use crate::failure::Failure;
use crate::tell::euros;

/// Accounts from the handbooks of IBAN, which are nobody's.
const REGION_IBAN: &str = "BE68539007547034";
const PARTNER_IBANS: [&str; 3] =
    ["FR7630006000011234567890189", "FR1420041010050500013M02606", "DE89370400440532013000"];
/// ISO 20022's own description of what a bank reads.
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemas/pain.001.001.09.xsd");

impl Story {
    pub(super) fn partners_are_paid(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "The day is closed, and the partners are paid",
            "Only what the region judged payable counts. What is closed is never changed: a correction is in the next settlement.",
        );
        let stage = &self.stage;
        stage.region(&["settle", "payer"], &["--holder", "Région inventée", "--iban", REGION_IBAN])?;
        for (terminal, iban) in self.terminals().into_iter().zip(PARTNER_IBANS) {
            let account = ["--holder", "Partenaire inventé", "--iban", iban];
            let id = terminal.partner_id.to_string();
            stage.region(&["partner", "set-bank"], &[&[id.as_str()][..], &account].concat())?;
        }
        self.close_today()?;
        let shown = self.stage.region(&["settle", "show"], &["1"])?.json()?;
        let worth = seat_worth()?;
        let expected = [(CINEMA, 5, 5 * worth), (BOOKS, 2, 1300), (CINEMA, 2, 2 * worth)];
        let mut all = 0;
        for (terminal, (code, sales, cents)) in self.terminals().into_iter().zip(expected) {
            let mut partners = shown["partners"].as_array().into_iter().flatten();
            let partner = partners.find(|of| of["partner_id"] == terminal.partner_id).unwrap_or(&Value::Null);
            let benefits = partner["benefits"].as_array().map(Vec::as_slice).unwrap_or_default();
            let came: Vec<_> = benefits.iter().map(|of| json!([of["benefit"], of["sales"], of["cents"]])).collect();
            let of = terminal.partner;
            let what = format!("{of}: {code}, {sales} sales, {}", euros(cents));
            self.stage.tell.claim_that(&what, json!([[code, sales, cents]]), &json!(came))?;
            let book = Book::of_region(&self.region_entries(terminal)?).payable;
            self.stage.tell.claim_that(
                &format!("{of}: that is what its entries are worth, and it is paid"),
                json!([book, 0]),
                &json!([partner["paid_cents"], partner["rest_cents"]]),
            )?;
            all += cents;
        }
        self.stage.tell.claim_cents("paid in all", all, &shown["paid_cents"])?;
        self.bank_reads_it(all)
    }

    /// No verb closes a day that is not over. So that nobody waits for midnight, the region's own closing is told that it is.
    fn close_today(&self) -> Result<(), Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let at = |seconds: u64| Timestamp::new(u32::try_from(seconds).unwrap_or(u32::MAX));
        // In the last minute before midnight the day after is taken.
        let today = Day::of(at(now + 60));
        let until = today.to_string();
        // EX_DATAERR
        let refused = self.stage.region_ends(&["--lang", "en", "settle", "close"], &["--until", &until], 65)?;
        let said = refused.errors.contains("not over");
        self.stage.tell.claim_that(&format!("{until} cannot be closed before it is over"), true, &json!(said))?;
        let midnight = today.ends_at();
        let closed = Region::open(self.stage.region_data())?.close_settlement(today, midnight.plus(300))?;
        self.stage.tell.fact("five minutes after midnight, by a clock that is set for this one call:");
        self.stage.tell.claim("the settlement has lines", 9, &json!(closed.sealed()?.lines))
    }

    /// The file with the credit transfers.
    fn bank_reads_it(&self, all: u64) -> Result<(), Failure> {
        let files = self.export("export")?;
        let (path, transfers) = file(&files, "virements.xml")?;
        let checked = Command::new("xmllint").args(["--noout", "--schema", SCHEMA, path]).output();
        let checked = checked.map_err(Failure::system("xmllint, which scripts/setup installs with libxml2-utils"))?;
        let said = String::from_utf8_lossy(&checked.stderr);
        self.stage.tell.screen("xmllint", said.replace(path, "virements.xml").trim_end());
        let what = "the file for the bank is what the schema of ISO 20022 pain.001.001.09 asks for";
        self.stage.tell.claim_that(what, Some(0), &json!(checked.status.code()))?;
        let text = String::from_utf8_lossy(transfers);
        let sum = format!("<CtrlSum>{}.{:02}</CtrlSum>", all / 100, all % 100);
        let what = format!("three transfers are in it, {} together", euros(all));
        let came = [text.contains("<NbOfTxs>3</NbOfTxs>"), text.contains(&sum)];
        self.stage.tell.claim_that(&what, json!([true, true]), &json!(came))
    }

    pub(super) fn settlement_is_audited(&mut self) -> Result<(), Failure> {
        self.stage.tell.step(
            "An auditor traces a transfer to a sale, and makes the settlement again",
            "From the bank to the card: each cent has a line, each line an entry, each entry two signatures.",
        );
        let stage = &self.stage;
        let files = self.export("audit")?;
        let (_, transfers) = file(&files, "virements.xml")?;
        let reference = format!("PASS-R1-P{}", self.bookshop.partner_id);
        let there = String::from_utf8_lossy(transfers).contains(&reference);
        stage.tell.claim_that(&format!("the bookshop's transfer is {reference}"), true, &json!(there))?;
        let (_, lines) = file(&files, "ecritures.csv")?;
        let lines = String::from_utf8_lossy(lines);
        let partner = self.bookshop.partner_id.to_string();
        let mut rows = lines.lines().map(|line| line.split(';').collect::<Vec<_>>());
        let line = rows.find(|columns| columns.get(1) == Some(&partner.as_str())).unwrap_or_default();
        let [_, _, terminal, _, sequence, hash, ..] = line[..] else {
            return Err(Failure::not_understood("a line of the bookshop's in ecritures.csv", lines));
        };
        let entry = ["entry", "show", terminal, sequence];
        let shown = stage.region_ends(&[&["--lang", "en"], &entry[..]].concat(), &[], 0)?;
        stage.tell.screen("auditor", &shown.out);
        let story = stage.region(&entry, &[])?.json()?;
        let what = "the entry has the hash of the line, is payable, and was paid in settlement 1";
        let came = json!([story["hash"], story["verdicts"][0]["verdict"], story["settled"][0]["settlement"]]);
        stage.tell.claim_that(what, json!([hash, "payable", 1]), &came)?;
        let journal = stage.journal(&self.bookshop)?;
        let number = json!(sequence.parse::<u64>().ok());
        let own = journal.iter().find(|entry| entry["entry"] == number).unwrap_or(&Value::Null);
        let what = "the bookshop's own journal has that entry, of as much";
        stage.tell.claim_that(what, story["settled"][0]["cents"].clone(), &own["amount"])?;

        let verified = stage.region_ends(&["--lang", "en", "settle", "verify"], &["1"], 0)?;
        stage.tell.screen("auditor", &verified.out);
        let again = self.export("again")?;
        let what = format!("exported again, all {} files are the same to the byte", again.len());
        stage.tell.claim_that(&what, true, &json!(again.len() == 7 && bytes(&again) == bytes(&files)))?;
        let sent = stage.region(&["mails"], &[])?.json()?;
        let what = "eleven mails went out in all, each once";
        let came = json!([sent["stage"], sent["count"], stage.mails.unexpected()]);
        stage.tell.claim_that(what, json!(["sent", 11, 0]), &came)
    }

    /// Writes the files of the settlement into a directory of that name; where each is, and what is in it.
    fn export(&self, name: &str) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        let to = format!("{}/{name}", self.stage.home());
        let written = self.stage.region(&["settle", "export"], &["1", "--to", &to])?.json()?;
        let paths = written["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let read = |path: &str| Ok((path.to_owned(), fs::read(path).map_err(Failure::system(path))?));
        paths.map(read).collect()
    }
}

/// The file of an export whose name ends so.
fn file<'f>(files: &'f BTreeMap<String, Vec<u8>>, end: &str) -> Result<(&'f str, &'f [u8]), Failure> {
    let found = files.iter().find(|(path, _)| path.ends_with(end));
    let found = found.ok_or_else(|| Failure::not_understood("an export", format!("no {end}")))?;
    Ok((found.0.as_str(), found.1.as_slice()))
}

/// By their names alone.
fn bytes(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<Option<&std::ffi::OsStr>, &[u8]> {
    files.iter().map(|(path, bytes)| (Path::new(path).file_name(), bytes.as_slice())).collect()
}
