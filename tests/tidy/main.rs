//! The rules of the house that no compiler knows: which room may enter which, where an outside crate is named, what a file begins with.
//! Reads the sources as text; [`reading`] understands just enough of them.
//!
//! Every rule is a function from a file to what is wrong in it, and has a test of its own that shows it something wrong: a rule
//! that cannot fail holds nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod pages;
mod reading;
mod rust_version;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reading::{Named, code, line_of, paths, without_tests};

/// The rooms of `src/`, and which others each may enter. Everybody may enter their own.
const ROOMS: &[(&str, &[&str])] = &[
    // Ring 0: values and rules.
    ("domain", &[]),
    // Ring 1: bytes; decisions.
    ("wire", &["domain"]),
    ("machine", &["domain"]),
    // Ring 2: what touches the world, each one thing.
    ("crypto", &["domain", "wire"]),
    ("succession", &["domain", "wire", "crypto"]),
    ("packing", &["wire"]),
    ("file_lock", &[]),
    ("metrics", &[]),
    ("no_dumps", &[]),
    ("whole_file", &[]),
    ("card", &["domain", "wire", "crypto"]),
    ("ledger", &["domain", "wire", "crypto", "succession", "packing", "file_lock", "whole_file"]),
    ("reader", &["domain", "wire"]),
    ("uplink", &["domain", "wire"]),
    ("payment", &["domain", "machine"]),
    ("printer", &["domain"]),
    ("virtual_card", &["domain", "wire", "crypto", "file_lock"]),
    ("virtual_tpe", &["domain", "payment"]),
    // Ring 3: what a person or another program meets.
    ("till", &["domain", "machine", "crypto", "whole_file"]),
    (
        "card_tool",
        &["domain", "wire", "crypto", "card", "reader", "virtual_card", "virtual_tpe", "ledger", "whole_file"],
    ),
    (
        "terminal",
        &[
            "domain",
            "wire",
            "machine",
            "crypto",
            "succession",
            "card",
            "ledger",
            "reader",
            "uplink",
            "payment",
            "printer",
            "virtual_card",
            "till",
            "card_tool",
            "whole_file",
            "metrics",
            "no_dumps",
        ],
    ),
    (
        "region",
        &[
            "domain",
            "wire",
            "machine",
            "crypto",
            "succession",
            "packing",
            "card",
            "reader",
            "whole_file",
            "metrics",
            "no_dumps",
        ],
    ),
    // Ring 4: three shims.
    ("bin", &["card_tool", "terminal", "region"]),
];

/// The rooms without input or output, clock or randomness.
const PURE: &[&str] = &["domain", "wire", "machine"];

/// What of the standard library a pure room does not know.
const IMPURE: &[&str] = &["env", "fs", "net", "os", "process", "thread", "Instant", "SystemTime"];

/// Where in `src/` each outside crate may be named: in files whose path begins so.
const CRATES: &[(&str, &[&str])] = &[
    ("pcsc", &["reader/"]),
    ("ring", &["crypto.rs"]),
    ("zstd", &["packing.rs"]),
    ("rusqlite", &["ledger/", "region/store/"]),
    ("refinery", &["ledger/", "region/store/"]),
    ("tokio_postgres", &["region/store/postgres.rs"]),
    ("deadpool_postgres", &["region/store/postgres.rs"]),
    ("tokio_postgres_rustls", &["region/store/postgres.rs"]),
    ("rustls_native_certs", &["region/store/postgres.rs"]),
    ("bytes", &["region/store/postgres.rs"]),
    ("futures_util", &["region/store/postgres.rs"]),
    ("argon2", &["terminal/pin.rs"]),
    ("minicbor", &["wire/cbor.rs"]),
    ("jiff", &["till/", "terminal/", "region/"]),
    ("tokio", &["metrics.rs", "uplink/", "payment/", "till/", "card_tool/", "terminal/", "region/"]),
    ("axum", &["metrics.rs", "till/", "region/"]),
    ("axum_server", &["metrics.rs", "till/", "region/"]),
    ("utoipa", &["till/", "region/"]),
    ("utoipa_axum", &["till/"]),
    ("escpos", &["printer/sheet.rs"]),
    ("qrcode", &["printer/symbol.rs"]),
    ("hyper", &["till/", "region/"]),
    ("hyper_util", &["uplink/", "till/", "region/"]),
    ("http_body_util", &["till/", "region/"]),
    ("reqwest", &["uplink/"]),
    // Whoever starts a program says once which cryptography TLS uses.
    ("rustls", &["uplink/", "terminal/", "region/"]),
    ("sd_notify", &["terminal/", "region/"]),
    ("lettre", &["region/holders/post.rs"]),
    ("prometheus_client", &["metrics.rs", "terminal/metrics.rs", "region/metrics.rs"]),
    ("clap", &["terminal/cli", "card_tool/", "region/"]),
    ("indicatif", &["card_tool/", "terminal/", "region/"]),
    ("serde", &["uplink/", "virtual_card/", "till/", "card_tool/", "terminal/", "region/"]),
    ("serde_json", &["uplink/", "virtual_card/", "till/", "card_tool/", "terminal/", "region/"]),
    ("hex", &["virtual_card/", "till/", "terminal/", "region/"]),
    ("toml", &["terminal/", "region/"]),
    // Everywhere but in domain, which has the standard library alone.
    (
        "thiserror",
        &[
            "wire/",
            "machine/",
            "crypto.rs",
            "packing.rs",
            "card/",
            "ledger/",
            "reader/",
            "uplink/",
            "payment/",
            "printer/",
            "virtual_card/",
            "till/",
            "card_tool/",
            "terminal/",
            "region/",
        ],
    ),
    // Files for the bank and for people.
    ("quick_xml", &["region/"]),
    ("tracing", &["metrics.rs", "ledger/", "reader/", "uplink/", "printer/", "till/", "terminal/", "region/"]),
    ("tracing_subscriber", &["card_tool/", "terminal/", "region/"]),
    (
        "rustix",
        &[
            "no_dumps.rs",
            "ledger/",
            "reader/",
            "printer/",
            "uplink/",
            "virtual_card/",
            "till/",
            "card_tool/",
            "terminal/",
            "region/",
        ],
    ),
];

/// What is let pass, and why: the path, what is found there, the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// A file past this is two files.
const LINES_MAX: usize = 800;

// ---------------------------------------------------------------------------------------------------- the house, as it is

#[test]
fn rooms_enter_only_the_rooms_they_may() {
    hold(&rust("src"), rooms);
}

#[test]
fn outside_crates_are_named_in_their_rooms_alone() {
    hold(&rust("src"), crates);
}

#[test]
fn pure_rooms_know_no_world() {
    hold(&rust("src"), purity);
}

#[test]
fn files_say_what_they_are_and_fit_in_one_sitting() {
    let files = ["src", "tests", "benches", "examples", "fuzz/fuzz_targets", "fuzz/src"].map(rust).concat();
    assert!(files.len() > 50, "the sources are found");
    hold(&files, beginning);
    hold(&files, length);
    hold(&files, leftovers);
    hold(&files, reasons);
}

#[test]
fn every_dependency_has_its_rooms() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let listed = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(dependencies(&manifest), listed);
}

#[test]
fn every_room_is_in_the_table() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    for line in code(&lib).lines() {
        if let Some(room) = line.strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            assert!(ROOMS.iter().any(|(name, _)| *name == room), "{room} has no ring");
        }
    }
}

#[test]
fn every_sql_file_is_used() {
    let sources = rust("src");
    for file in files("sql", &["sql"]) {
        assert!(is_used(&file.path, &sources), "{} is used by nobody", file.path);
    }
}

#[test]
fn nothing_tells_of_anything_but_the_product() {
    let folders = [
        ".ci",
        "benches",
        "config",
        "docs",
        "examples",
        "fuzz/fuzz_targets",
        "fuzz/src",
        "scripts",
        "sql",
        "src",
        "systemd",
        "tests",
        ".",
    ];
    let files: Vec<_> = folders.into_iter().flat_map(|folder| files(folder, &[])).collect();
    assert!(files.iter().any(|file| file.path == "Makefile"), "the files of the first level are found");
    hold(&files, telling);
}

#[test]
fn every_threat_has_a_test_that_is_there() {
    let text = fs::read_to_string(root().join("docs/threats.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| tries"));
    let without: Vec<_> = rows.filter(|row| !row.contains(".rs::")).collect();
    assert!(without.is_empty(), "no test shows what answers: {without:?}");
    let sources = ["src", "tests"].map(rust).concat();
    assert!(named_tests(&text).len() > 50, "the tests are found");
    let gone: Vec<_> = named_tests(&text).into_iter().filter(|named| !is_test(named, &sources)).collect();
    assert!(gone.is_empty(), "docs/threats.md names tests that are not there: {gone:?}");
}

#[test]
fn what_the_page_on_recovery_quotes_is_what_the_programs_say() {
    let page = fs::read_to_string(root().join("docs/recovery.md")).unwrap();
    let said: String = rust("src").iter().map(|file| spoken(&file.text)).collect();
    let quotes = quotes(&page);
    assert!(quotes.len() > 10, "the quotes are found");
    let unsaid: Vec<_> = quotes.iter().filter(|quote| !said.contains(**quote)).collect();
    assert!(unsaid.is_empty(), "{unsaid:#?}");
    assert_eq!(spoken("one \\\n   sentence"), "one sentence");
}

/// What stands between guillemets.
fn quotes(page: &str) -> Vec<&str> {
    page.split('«').skip(1).filter_map(|rest| Some(rest.split_once('»')?.0.trim())).collect()
}

/// A source whose sentences are each on one line.
fn spoken(source: &str) -> String {
    source.split("\\\n").map(str::trim_start).collect()
}

#[test]
fn every_exception_is_still_needed() {
    for (path, what, why) in EXCEPTIONS {
        let text = fs::read_to_string(root().join(path)).unwrap_or_else(|_| panic!("{path} is gone"));
        let file = File { path: (*path).to_owned(), text };
        let found = [rooms, crates, purity, beginning, length, leftovers, reasons, telling].map(|rule| rule(&file));
        assert!(found.concat().iter().any(|found| found.what == *what), "{path}: {what} is not there any more ({why})");
    }
}

#[test]
fn no_line_is_lost_on_the_way_to_a_rule() {
    for file in rust("src") {
        let entering = |text: &str| text.lines().filter(|line| line.starts_with("use crate::")).count();
        assert_eq!(entering(&code(&file.text)), entering(&file.text), "{}", file.path);
    }
}

/// Every finding that no exception covers, together.
fn hold(files: &[File], rule: fn(&File) -> Vec<Finding>) {
    let excepted = |file: &File, found: &Finding| {
        EXCEPTIONS.iter().any(|(path, what, _)| *path == file.path && *what == found.what)
    };
    let mut wrong = Vec::new();
    for file in files {
        let found = rule(file).into_iter().filter(|found| !excepted(file, found));
        wrong.extend(found.map(|found| format!("{}:{}: {}", file.path, found.line, found.what)));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

// ---------------------------------------------------------------------------------------------------- files

/// A file of the project, its path seen from the top.
#[derive(Clone)]
struct File {
    path: String,
    text: String,
}

/// Something that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    line: usize,
    what: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust(folder: &str) -> Vec<File> {
    files(folder, &["rs"])
}

/// The text files below a folder, of these kinds or of all; of the top folder itself, the first level alone. A folder that is not
/// there has no files.
fn files(folder: &str, kinds: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return found };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = if folder == "." { name.clone() } else { format!("{folder}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            if folder != "." {
                found.extend(files(&path, kinds));
            }
        } else if name == ".git" {
            // Where this clone keeps its history.
        } else if kinds.is_empty() || name.rsplit_once('.').is_some_and(|(_, kind)| kinds.contains(&kind)) {
            // What is no text has no words.
            let Ok(text) = fs::read_to_string(entry.path()) else { continue };
            found.push(File { path, text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

// ---------------------------------------------------------------------------------------------------- the rules

/// The room that a source is in; the crate's own file is in none.
fn room(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let first = inside.split_once('/').map_or_else(|| inside.strip_suffix(".rs"), |(first, _)| Some(first))?;
    (first != "lib").then_some(first)
}

fn rooms(file: &File) -> Vec<Finding> {
    let Some(own) = room(&file.path) else { return Vec::new() };
    let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == own) else {
        return vec![Finding { line: 1, what: format!("{own} is no room of the table") }];
    };
    let mut found = Vec::new();
    for Named { line, path } in paths(&without_tests(file)) {
        let outermost = path.iter().take_while(|segment| *segment == "super").count() >= depth(&file.path);
        let entered = match path.first().map(String::as_str) {
            Some("crate" | "pass") => path.get(1),
            Some("super") if outermost => path.iter().find(|segment| *segment != "super"),
            _ => None,
        };
        let Some(entered) = entered else { continue };
        let is_room = ROOMS.iter().any(|(name, _)| name == entered);
        if is_room && entered != own && !may.contains(&entered.as_str()) {
            found.push(Finding { line, what: format!("{own} enters {entered}") });
        }
    }
    found
}

/// How many modules deep a source is: so many `super` lead out of its room.
fn depth(path: &str) -> usize {
    let inside = path.trim_start_matches("src/").trim_end_matches("/mod.rs");
    inside.split('/').count()
}

fn crates(file: &File) -> Vec<Finding> {
    let inside = file.path.trim_start_matches("src/");
    let mut found = Vec::new();
    for Named { line, path } in paths(&without_tests(file)) {
        let Some((name, places)) = CRATES.iter().find(|(name, _)| path.first().is_some_and(|first| first == name))
        else {
            continue;
        };
        if !places.iter().any(|place| inside.starts_with(place)) {
            found.push(Finding { line, what: format!("{name} is named") });
        }
    }
    found
}

fn purity(file: &File) -> Vec<Finding> {
    if !room(&file.path).is_some_and(|own| PURE.contains(&own)) {
        return Vec::new();
    }
    let of_std = paths(&without_tests(file)).into_iter().filter(|named| named.path.first().is_some_and(|s| s == "std"));
    let impure = of_std.filter_map(|Named { line, path }| {
        let segment = path.iter().find(|segment| IMPURE.contains(&segment.as_str()))?;
        Some(Finding { line, what: format!("{segment} is known to a pure room") })
    });
    impure.collect()
}

fn beginning(file: &File) -> Vec<Finding> {
    if file.text.starts_with("//!") {
        return Vec::new();
    }
    vec![Finding { line: 1, what: "does not begin by saying what it is (//!)".to_owned() }]
}

fn length(file: &File) -> Vec<Finding> {
    let lines = file.text.lines().count();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    vec![Finding { line: lines, what: format!("is past {LINES_MAX} lines") }]
}

/// What is not finished, and tests that are not run.
fn leftovers(file: &File) -> Vec<Finding> {
    let in_code = [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("#[ig", "nore")];
    let in_text = [concat!("FIX", "ME"), concat!("XX", "X")];
    let code = code(&file.text);
    let of = |text: &str, words: &[&str]| {
        let lines = text.lines().enumerate();
        let found = lines.flat_map(|(index, line)| {
            let words = words.iter().filter(|word| line.contains(**word));
            words.map(|word| Finding { line: index + 1, what: format!("{word} is left over") }).collect::<Vec<_>>()
        });
        found.collect::<Vec<_>>()
    };
    [of(&code, &in_code), of(&file.text, &in_text)].concat()
}

/// A lint is let pass only for a reason that is written down.
fn reasons(file: &File) -> Vec<Finding> {
    let code = code(&file.text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("allow(").chain(code.match_indices("[expect(")) {
        let attribute = code[at..].split_once(']').map_or(&code[at..], |(attribute, _)| attribute);
        // The line's attribute, and nothing else that ends in these letters.
        let inside =
            code[..at].rfind("#[").max(code[..at].rfind("#![")).is_some_and(|open| !code[open..at].contains(']'));
        if (inside || code[at..].starts_with('[')) && !attribute.contains("reason =") {
            found.push(Finding { line: line_of(&code, at), what: "a lint is let pass without a reason".to_owned() });
        }
    }
    found
}

/// Words about how, where or by what the project was written: it speaks of itself alone.
fn telling(file: &File) -> Vec<Finding> {
    let words = [
        concat!("clau", "de"),
        concat!("anth", "ropic"),
        concat!("chat", "gpt"),
        concat!("open", "ai"),
        concat!("copi", "lot"),
        concat!("language", " model"),
        concat!("ai assis", "tant"),
        concat!("ai-gene", "rated"),
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("bash", "_jobs"),
        concat!("../sha", "red"),
    ];
    let mut found = Vec::new();
    for (index, line) in file.text.to_lowercase().lines().enumerate() {
        let words = words.iter().filter(|word| line.contains(**word));
        found.extend(words.map(|word| Finding { line: index + 1, what: format!("says {word}") }));
    }
    found
}

/// The names of `[dependencies]`, as sources write them.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let inside = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let inside = inside.take_while(|line| !line.starts_with('['));
    inside.filter_map(|line| line.split_once(" =")).map(|(name, _)| name.trim().replace('-', "_")).collect()
}

/// Whether a source takes in this SQL file, by its name or with its whole folder.
fn is_used(sql: &str, sources: &[File]) -> bool {
    let folder = sql.rsplit_once('/').map_or("", |(folder, _)| folder);
    let with_folder = format!("embed_migrations!(\"{folder}\"");
    let by_name = format!("{sql}\"");
    sources.iter().any(|file| file.text.contains(&by_name) || file.text.contains(&with_folder))
}

/// What a document names as `FILE.rs::TEST`.
fn named_tests(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).filter(|quoted| quoted.contains(".rs::")).collect()
}

/// Whether a test named `FILE.rs::TEST` is there: written out, or made by a macro that is given its name on a line of its own.
fn is_test(named: &str, sources: &[File]) -> bool {
    let Some((path, name)) = named.split_once("::") else { return false };
    let Some(file) = sources.iter().find(|file| file.path == path) else { return false };
    let of_macro = file.text.contains("#[test]\n        fn $name()") && file.text.contains(&format!("\n    {name},\n"));
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let written = lines.iter().enumerate().any(|(at, line)| {
        let attributes = lines[..at].iter().rev().take_while(|above| above.starts_with("#["));
        line.contains(&format!("fn {name}(")) && attributes.into_iter().any(|above| above.contains("test"))
    });
    of_macro || written
}

// ---------------------------------------------------------------------------------------------------- the rules, shown what is wrong

/// What a rule says of a file with this path and text.
fn said(rule: fn(&File) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
    let file = File { path: path.to_owned(), text: text.to_owned() };
    rule(&file).into_iter().map(|found| format!("{} {}", found.line, found.what)).collect()
}

#[test]
fn a_wrong_door_is_seen_however_it_is_opened() {
    let table: &[(&str, &str, &[&str])] = &[
        ("src/domain/money.rs", "use crate::wire::cbor;", &["1 domain enters wire"]),
        ("src/wire/card/mod.rs", "//! Hello\n\nuse crate::{crypto::sha256, domain::Cents};", &["3 wire enters crypto"]),
        ("src/reader/name.rs", "fn f() { crate::ledger::open() }", &["1 reader enters ledger"]),
        ("src/reader/name.rs", "use super::super::ledger;", &["1 reader enters ledger"]),
        ("src/reader/mod.rs", "use super::{domain, ledger::Ledger};", &["1 reader enters ledger"]),
        ("src/crypto.rs", "use super::card;", &["1 crypto enters card"]),
        ("src/region/store/mod.rs", "use crate::terminal::run;", &["1 region enters terminal"]),
        ("src/bin/pass-card.rs", "fn main() { pass::wire::run() }", &["1 bin enters wire"]),
        ("src/attic/mod.rs", "", &["1 attic is no room of the table"]),
        // Own rooms, allowed rooms, words, tests and documentation are nobody's business.
        ("src/wire/card/mod.rs", "use crate::domain::Cents;\nuse crate::wire::cbor;\nuse super::cose;", &[]),
        (
            "src/domain/money.rs",
            "// crate::wire\nconst A: &str = \"crate::wire\"; /* crate::wire */ type B<'a> = &'a u8;",
            &[],
        ),
        ("src/domain/money.rs", "#[cfg(test)]\nmod tests {\n use crate::wire;\n fn f() {}\n}\n", &[]),
        ("src/domain/money.rs", "#[cfg(test)] mod tests { }\nuse crate::wire::apdu;", &["2 domain enters wire"]),
        ("src/domain/money.rs", "#[cfg(doc)]\nuse crate::{wire::cbor};\nfn f() {}", &[]),
        ("src/lib.rs", "pub mod wire;", &[]),
    ];
    for (path, text, expected) in table {
        assert_eq!(said(rooms, path, text), *expected, "{path}: {text}");
    }
}

#[test]
fn an_outside_crate_is_seen_wherever_it_is_named() {
    let table: &[(&str, &str, &[&str])] = &[
        ("src/wire/card/mod.rs", "use ring::digest;", &["1 ring is named"]),
        ("src/card/mod.rs", "fn f() {\n    ring::digest::digest()\n}", &["2 ring is named"]),
        ("src/card/mod.rs", "use pcsc;", &["1 pcsc is named"]),
        ("src/card/mod.rs", "use ::pcsc as reader;", &["1 pcsc is named"]),
        ("src/card/mod.rs", "#[derive(serde::Serialize)]\nstruct A;", &["1 serde is named"]),
        ("src/region/judge.rs", "use rusqlite::Connection;", &["1 rusqlite is named"]),
        ("src/terminal/daemon.rs", "#[tokio::main]\nasync fn f() { clap::x() }", &["2 clap is named"]),
        ("src/crypto.rs", "use ring::digest;", &[]),
        ("src/region/store/sqlite.rs", "use rusqlite::Connection;", &[]),
        ("src/card/mod.rs", "let ring = 1; self.pcsc.x; a::ring::b; r#\"use pcsc;\"#; 'p'; b\"ring::x\"", &[]),
        ("src/domain/time.rs", "#[cfg(test)]\nmod tests { fn f() { jiff::x() } }", &[]),
    ];
    for (path, text, expected) in table {
        assert_eq!(said(crates, path, text), *expected, "{path}: {text}");
    }
}

#[test]
fn the_world_is_seen_in_a_pure_room() {
    let path = "src/machine/sale/mod.rs";
    assert_eq!(said(purity, path, "use std::{fmt, fs::File};"), ["1 fs is known to a pure room"]);
    assert_eq!(said(purity, path, "use std::time::{Duration,\n Instant};"), ["2 Instant is known to a pure room"]);
    assert_eq!(said(purity, path, "fn f() { ::std::thread::sleep(t) }"), ["1 thread is known to a pure room"]);
    assert_eq!(said(purity, path, "use std::{collections::BTreeMap, fmt};"), [""; 0]);
    assert_eq!(said(purity, "src/reader/mod.rs", "use std::thread;"), [""; 0]);
}

#[test]
fn a_file_that_says_nothing_or_too_much_is_seen() {
    assert_eq!(said(beginning, "src/a.rs", "use std::fmt;\n//! Late.").len(), 1);
    assert_eq!(said(beginning, "src/a.rs", "//! Owns a.\n"), [""; 0]);
    assert_eq!(said(length, "src/a.rs", &"\n".repeat(LINES_MAX + 1)).len(), 1);
    assert_eq!(said(length, "src/a.rs", &"\n".repeat(LINES_MAX)), [""; 0]);
}

#[test]
fn what_is_left_over_is_seen() {
    for left in
        [concat!("    to", "do!()"), concat!("#[ig", "nore]"), concat!("// FIX", "ME later"), concat!("// XX", "X")]
    {
        assert_eq!(said(leftovers, "src/a.rs", &format!("//! A.\n{left}\n")).len(), 1, "{left}");
    }
    assert_eq!(said(leftovers, "src/a.rs", "//! A to-do list.\nfn todo() {}\n"), [""; 0]);
}

#[test]
fn a_lint_let_pass_needs_its_reason() {
    let wrong = "1 a lint is let pass without a reason";
    assert_eq!(said(reasons, "src/a.rs", "#[allow(dead_code)]"), [wrong]);
    assert_eq!(said(reasons, "src/a.rs", "#![allow(\n    dead_code,\n)]"), [wrong]);
    assert_eq!(said(reasons, "src/a.rs", "#[expect(dead_code)]"), [wrong]);
    assert_eq!(said(reasons, "src/a.rs", "#[cfg_attr(test, allow(dead_code))]"), [wrong]);
    assert_eq!(said(reasons, "src/a.rs", "#[allow(dead_code, reason = \"soon\")]"), [""; 0]);
    assert_eq!(said(reasons, "src/a.rs", "fn f() { self.allow(5); x.expect(\"\") } // #[allow(dead_code)]"), [""; 0]);
}

#[test]
fn a_word_that_tells_is_seen() {
    assert_eq!(said(telling, "README.md", concat!("One\nAs Clau", "de says")).len(), 1);
    assert_eq!(said(telling, "scripts/setup", concat!("cd /wo", "rk/main")).len(), 1);
    assert_eq!(said(telling, "README.md", "The model of a card; framework/core."), [""; 0]);
}

#[test]
fn a_dependency_and_a_migration_without_a_place_are_seen() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\n# One.\nhyper-util = \"1\"\nring = { version = \"2\" }\n[lints]\nb = 1";
    assert_eq!(dependencies(manifest), ["hyper_util", "ring"].map(str::to_owned).into());
    let source = |text: &str| [File { path: "src/ledger/mod.rs".to_owned(), text: text.to_owned() }];
    assert!(is_used("sql/terminal/V1__a.sql", &source("include_str!(\"../../sql/terminal/V1__a.sql\")")));
    assert!(is_used("sql/terminal/V1__a.sql", &source("refinery::embed_migrations!(\"sql/terminal\")")));
    assert!(!is_used("sql/terminal/V2__b.sql", &source("include_str!(\"../../sql/terminal/V1__a.sql\")")));
}

#[test]
fn a_test_that_is_gone_is_seen() {
    let file = |text: &str| [File { path: "tests/a.rs".to_owned(), text: text.to_owned() }];
    assert_eq!(named_tests("a `tests/a.rs::b`, `c`, `tests/a.rs::d`").len(), 2);
    assert!(is_test("tests/a.rs::b", &file("#[test]\nfn b() {}\n")));
    assert!(is_test("tests/a.rs::b", &file("#[tokio::test(flavor = \"multi_thread\")]\nasync fn b() {}\n")));
    assert!(is_test("tests/a.rs::b", &file("        #[test]\n        fn $name() {}\nall! {\n    b,\n}\n")));
    for gone in ["#[test]\nfn c() { b(); }\n", "fn b() {}\n", "#[test]\nfn bb() {}\n", "all! {\n    b,\n}\n"] {
        assert!(!is_test("tests/a.rs::b", &file(gone)), "{gone}");
    }
    assert!(!is_test("tests/other.rs::b", &file("#[test]\nfn b() {}\n")));
}
