//! Where the kept inputs come from: the pinned vectors, the shipped configurations, and a few of the targets' scripts.
//! `FUZZING_WRITE_SEEDS=1 cargo test --test fuzzing write_the_seeds` makes those again that are made here; what a search has found stays.

use std::fs;
use std::path::Path;

use pass::domain::payment::Way;
use pass::domain::{Cents, TerminalId};
use pass::payment::{Register, Request};
use pass::region::config::{SHIPPED_CATALOGUE, SHIPPED_POLICY};
use pass::virtual_tpe::{Behaviour, play};
use pass::wire::code::EnrolmentCode;
use serde_json::Value;

use crate::{Input, folder};

/// Hexadecimal texts of a document, long enough to be an object, with the names that lead to them.
fn objects(document: &Value, name: &str, found: &mut Vec<Input>) {
    match document {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| objects(value, &format!("{name}-{key}"), found)),
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(at, value)| objects(value, &format!("{name}-{at}"), found));
        }
        Value::String(text) if text.len() >= 8 => {
            if let Ok(bytes) = hex::decode(text) {
                found.push((name.replace([' ', ','], "_"), bytes));
            }
        }
        _ => (),
    }
}

fn vectors(file: &str) -> Vec<Input> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let mut found = Vec::new();
    objects(&serde_json::from_slice(&fs::read(path).unwrap()).unwrap(), "vector", &mut found);
    found
}

/// The vectors whose name has one of these parts.
fn of(vectors: &[Input], parts: &[&str]) -> Vec<Input> {
    vectors.iter().filter(|(name, _)| parts.iter().any(|part| name.contains(part))).cloned().collect()
}

fn plain(inputs: &[(&str, &[u8])]) -> Vec<Input> {
    inputs.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
}

/// An address of the local API with its query and its body, as the target reads them.
fn local(address: u8, query: &str, body: &str) -> Vec<u8> {
    [&[address, query.len() as u8], query.as_bytes(), body.as_bytes()].concat()
}

/// What the simulator answers to a payment, each behaviour, split in its middle.
fn bank_terminal_answers() -> Vec<Input> {
    let amount = Cents::from_u32(100);
    let request = Request::new(Register::FIRST, crate::targets::payment::PAYMENT, Way::Charge, amount).unwrap();
    let answer = |behaviour: Behaviour| {
        let said = play(behaviour, &request).pieces.concat();
        let split = u16::try_from(said.len() / 2).unwrap().to_be_bytes();
        (behaviour.name().to_owned(), [&split[..], &said].concat())
    };
    let mut answers: Vec<_> = Behaviour::ALL.into_iter().map(answer).filter(|(_, bytes)| bytes.len() > 2).collect();
    answers.push(("request".to_owned(), [&[0, 9][..], &request.to_bytes()].concat()));
    answers
}

fn card_scripts() -> Vec<Input> {
    let honest = vec![0_u8; 40];
    let mut scripts =
        vec![("honest".to_owned(), honest.clone()), ("honest_on_t0".to_owned(), [&[1], &honest[..]].concat())];
    for place in 1..16 {
        // One answer lost, cut, altered, lied about, in pieces, forged with the card's key.
        for what in [0x10_u8, 0x11, 0x40, 0x50, 0x60, 0x71, 0x30] {
            let mut script = honest.clone();
            script[place] = what;
            scripts.push((format!("answer_{place}_{what:02x}"), script));
        }
    }
    scripts
}

fn command_scripts() -> Vec<Input> {
    plain(&[
        ("sale", &[1, 3, 9, 5, 1, 1, 3, 5, 1, 2, 8, 1, 13, 15]),
        ("undo", &[3, 5, 1, 1, 1, 3, 7, 1, 1, 3, 8, 1, 8, 2]),
        ("rights", &[3, 10, 11, 0, 0, 0, 0, 9, 1, 3, 11, 4, 1, 3, 10, 12, 1, 0, 0, 0, 7]),
        ("damaged", &[1, 0x43, 2, 0, 9, 3, 1, 2, 3, 0x45, 1, 1, 2, 0, 7, 2, 9, 9]),
        ("power_loss", &[1, 3, 0x85, 1, 1, 3, 5, 1, 1]),
        ("any_bytes", &[0, 5, 0, 0xA4, 4, 0, 0, 0, 4, 0x80, 0x50, 0, 0, 14, 12, 5]),
    ])
}

fn terminal_scripts() -> Vec<Input> {
    let honest: Vec<u8> = (0..9).flat_map(|body| [0, body, 0]).chain([12, 0, 0]).collect();
    let mut scripts = vec![("honest".to_owned(), honest.clone())];
    let steps: &[(&str, &[u8])] = &[
        ("dropped", &[6, 12, 0, 0]),
        ("doubled", &[7, 12, 0, 0]),
        ("altered", &[8, 2, 0, 30, 3, 1, 2, 3, 12, 0, 0]),
        ("out_of_order", &[9, 11, 12, 0, 0]),
        ("forked", &[6, 6, 0, 5, 0, 12, 0, 0, 0, 2, 0, 11, 12, 0, 0]),
        ("invented", &[0, 10, 0, 12, 0, 0]),
        ("anothers", &[0x80, 0, 0, 0x8C, 0, 0, 0x80, 6, 0, 0x8C, 0, 2]),
        ("backdated", &[0, 2, 250, 12, 0, 0]),
        ("skipped", &[0x10, 2, 0, 40, 12, 0, 0]),
        ("rewritten", &[0x20, 0, 0, 2, 0, 60, 4, 1, 1, 1, 1, 12, 0, 0]),
        ("raw", &[10, 4, 0xD2, 0x84, 0x40, 0xA0]),
    ];
    scripts.extend(steps.iter().map(|(name, step)| ((*name).to_owned(), [&honest[..], step].concat())));
    scripts
}

fn region_scripts(exchange: &[Input]) -> Vec<Input> {
    let mut scripts = plain(&[
        ("honest", &[0, 1, 1, 0, 0, 0]),
        ("damaged", &[0, 1, 2, 0, 90, 2, 1, 1]),
        ("receipt", &[1, 7, 3]),
        ("receipt_of_nothing", &[1, 7, 40]),
        ("retired", &[1, 15, 2, 5, 0, 0, 1, 0]),
        ("later", &[1, 11, 1, 1, 2, 3, 4]),
        ("payload", &[1, 0, 2, 0, 40, 3, 1, 2, 3]),
    ]);
    for (name, item) in exchange.iter().filter(|(name, item)| name.contains("item") && item.len() < 256) {
        let page = [&[1, 31, 1, 0, 0, 0, 0, 9, 0, 1, 3, 1, item.len() as u8], &item[..]].concat();
        scripts.push((format!("page-{name}"), page));
    }
    scripts
}

fn seeds() -> Vec<(&'static str, Vec<Input>)> {
    let (card, exchange) = (vectors("card.json"), vectors("exchange.json"));
    let code = EnrolmentCode { terminal: TerminalId::new(417), secret: *b"17 random bytes!!" }.to_string();
    let terminal = include_str!("../../config/terminal.toml");
    let raw = |text: &str| [&[0x80], text.as_bytes()].concat();
    vec![
        (
            "activation_code",
            plain(&[("code", code.as_bytes()), ("typed", code.to_lowercase().replace('-', " ").as_bytes())]),
        ),
        ("bank_terminal", bank_terminal_answers()),
        ("card_answers", card_scripts()),
        ("card_commands", command_scripts()),
        ("card_file", crate::targets::files::card_file_seeds()),
        ("card_objects", card.iter().filter(|(_, bytes)| bytes.len() > 16).cloned().collect()),
        (
            "config_files",
            plain(&[
                ("catalogue", SHIPPED_CATALOGUE.as_bytes()),
                ("policy", SHIPPED_POLICY.as_bytes()),
                ("terminal", terminal.as_bytes()),
                ("region", b"url = \"https://pass.example.org/\"\nauthorities = \"ca.pem\"\n"),
            ]),
        ),
        ("enrolment_messages", of(&exchange, &["enrolment"])),
        ("entries", of(&exchange, &["chain-entries", "intent"])),
        ("envelopes", of(&exchange, &["-cose", "message"])),
        ("exchange_answer", of(&exchange, &["answer", "receipt"])),
        ("exchange_request", of(&exchange, &["request"])),
        ("feed_pages", of(&exchange, &["page", "item", "feed"])),
        ("hostile_region", region_scripts(&exchange)),
        ("hostile_terminal", terminal_scripts()),
        (
            "local_api",
            vec![
                (
                    "redeem".to_owned(),
                    local(0, "lang=en", r#"{"benefit":"cinema","seats":1,"paid":"card","wait_seconds":0}"#),
                ),
                ("quote".to_owned(), local(1, "", r#"{"price_cents":2350,"supplement_cents":100}"#)),
                ("confirm".to_owned(), local(2, "", r#"{"id":"abababababababababababababababab"}"#)),
                ("undo".to_owned(), local(3, "", r#"{"entry":12,"without_card":true}"#)),
                ("abandon".to_owned(), local(4, "", r#"{"card":"9250 0000 0000 0016"}"#)),
                ("card".to_owned(), local(5, "wait=0&lang=fr", "")),
                ("journal".to_owned(), local(7, "limit=20&since=2026-11-22T10:00:00Z&before=7", "")),
                (
                    "raw".to_owned(),
                    raw(
                        "POST /v1/redemptions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                    ),
                ),
                ("raw_pipelined".to_owned(), raw("GET /v1/status HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\n\r\n")),
            ],
        ),
        (
            "region_http",
            plain(&[
                ("empty", &[0]),
                ("health", &[0x0D, 7, b'h', b'e', b'a', b'l', b't', b'h', b'z']),
                ("json", b"\x10\x10application/json{}"),
                ("cose", b"\x10\x10application/cose\xd2\x84\x40\xa0\x40\x40"),
                ("enrolment", &[8, 0xD1, 0x84, 0x40, 0xA0]),
            ]),
        ),
        (
            "texts",
            plain(&[
                ("amount", b"23,50 \xe2\x82\xac"),
                ("card", b"9250 0000 0000 0016"),
                ("code", b"leisure-books"),
                ("correction", b"leisure-books=8,00"),
                ("id", b"abababab-abab-abab-abab-abababababab"),
                ("instant", b"2026-11-22T10:00:00Z"),
            ]),
        ),
    ]
}

#[test]
fn write_the_seeds() {
    let write = std::env::var_os("FUZZING_WRITE_SEEDS").is_some();
    for (target, inputs) in seeds() {
        assert!(!inputs.is_empty(), "nothing is made for {target}");
        if write {
            fs::create_dir_all(folder(target)).unwrap();
            for (name, bytes) in inputs {
                fs::write(folder(target).join(name), bytes).unwrap();
            }
        }
    }
}
