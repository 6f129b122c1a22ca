//! `docs/exchange.md` says what the vectors are: its grammar (CDDL, RFC 8610) describes them, its worked bytes are theirs.

use std::sync::LazyLock;

use cddl_cat::validate_cbor_bytes;
use pass::wire::cbor::encode;
use proptest::prelude::*;
use serde_json::Value;

use crate::draw::{Draw, Drawn};
use crate::{VECTORS, bytes, entries, exchanged, text};

const DOCUMENT: &str = include_str!("../../docs/exchange.md");

/// The bodies of the blocks of this kind, in order.
fn blocks(kind: &str) -> Vec<&'static str> {
    let after = DOCUMENT.split("\n```").skip(1).step_by(2);
    after.filter_map(|block| block.strip_prefix(kind)?.strip_prefix('\n')).collect()
}

/// The grammar. The checker knows no tags, so the two that there are stand aside: [`holds`] takes them off the bytes.
static GRAMMAR: LazyLock<String> = LazyLock::new(|| {
    let whole = blocks("cddl").join("\n");
    let tagged = [("#6.18(signed-parts)", "signed-parts"), ("#6.17(authenticated-parts)", "authenticated-parts")];
    tagged.into_iter().fold(whole, |text, (tagged, parts)| {
        assert_eq!(text.matches(tagged).count(), 1, "{tagged}");
        text.replace(tagged, parts)
    })
});

fn holds(rule: &str, bytes: &[u8]) -> Result<(), String> {
    let untagged = match (rule, bytes) {
        ("signed-message", [0xD2, parts @ ..]) | ("authenticated-message", [0xD1, parts @ ..]) => parts,
        ("signed-message" | "authenticated-message", _) => return Err("no tag".to_owned()),
        (_, bytes) => bytes,
    };
    validate_cbor_bytes(rule, &GRAMMAR, untagged).map_err(|error| format!("{rule}: {error}"))
}

#[test]
fn the_grammar_describes_the_vectors() {
    for entry in entries() {
        holds("entry", &bytes(entry, "payload")).unwrap();
        holds("signed-message", &bytes(entry, "cose")).unwrap();
        holds("signature-input", &bytes(entry, "signed")).unwrap();
    }
    let messages = [
        ("exchange-request", "request"),
        ("receipt", "receipt"),
        ("feed-page", "page"),
        ("feed-page", "empty_page"),
        ("exchange-answer", "answer"),
    ];
    for (rule, name) in messages {
        holds(rule, &bytes(exchanged(name), "payload")).unwrap();
        holds("signed-message", &bytes(exchanged(name), "cose")).unwrap();
        holds("signature-input", &bytes(exchanged(name), "signed")).unwrap();
    }
    for name in ["page", "empty_page"] {
        holds("page-items", &bytes(exchanged(name), "items")).unwrap();
    }
    for (rule, name) in [("entry", "entry"), ("exchange-request", "request")] {
        let vector = &VECTORS["keys_changed"][name];
        holds(rule, &bytes(vector, "payload")).unwrap();
        holds("signed-message", &bytes(vector, "cose")).unwrap();
        holds("signature-input", &bytes(vector, "signed")).unwrap();
    }
    for (rule, name) in [("enrolment-request", "request"), ("enrolment-answer", "answer")] {
        let vector = &VECTORS["enrolment"][name];
        holds(rule, &bytes(vector, "payload")).unwrap();
        holds("authenticated-message", &bytes(vector, "cose")).unwrap();
        holds("tag-input", &bytes(vector, "authenticated")).unwrap();
    }
}

#[test]
fn the_grammar_can_say_no() {
    let receipt = bytes(exchanged("receipt"), "payload");
    for rule in ["entry", "exchange-request", "feed-page", "exchange-answer", "enrolment-request", "intent"] {
        assert!(holds(rule, &receipt).is_err(), "a receipt is no {rule}");
    }
    assert!(holds("cents", &[0x1B, 0x00, 0x00, 0x00, 0xE8, 0xD4, 0xA5, 0x10, 0x01]).is_err(), "above the most cents");
    assert!(holds("slot", &[0x10]).is_err(), "slot 16");
    assert!(holds("hash", &[0x41, 0x00]).is_err(), "a hash of one byte");
    assert!(holds("code", &[0x61, b'A']).is_err(), "a code in capitals");
    assert!(holds("verdict", &[0xF4]).is_err(), "false is no verdict");
}

/// The grammar and the program describe the same: whatever the program writes, the grammar allows.
macro_rules! described {
    ($($name:ident: $message:ty, $rule:literal;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
            $(#[test]
            fn $name(seed: u64) {
                let value = <$message>::drawn(&mut Draw::new(seed));
                prop_assert_eq!(holds($rule, &encode(&value)), Ok(()));
            })*
        }
    };
}

described! {
    any_entry_is_described: pass::domain::entry::Entry, "entry";
    any_intent_is_described: pass::domain::entry::Intent, "intent";
    any_page_is_described: pass::wire::feed::PackedPage, "feed-page";
    any_items_are_described: Vec<pass::wire::feed::Item>, "page-items";
    any_receipt_is_described: pass::wire::exchange::Receipt, "receipt";
    any_catalogue_is_described: pass::domain::catalogue::Catalogue, "catalogue";
    any_policy_is_described: pass::domain::policy::Policy, "policy";
}

/// The worked bytes: every hexadecimal block of the document, without its remarks, under the name that stands before it.
fn worked() -> Vec<(&'static str, String)> {
    let named = blocks("hex").into_iter().map(|block| {
        let mut lines = block.lines();
        let name = lines.next().and_then(|line| line.strip_prefix("; ")).expect("a block begins with its name");
        let plain = lines.map(|line| line.split_once(';').map_or(line, |(bytes, _)| bytes));
        (name, plain.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect::<String>())
    });
    named.collect()
}

/// A vector's bytes, by their path: `exchange/receipt/cose`, `chain/entries/2/hash`.
fn vector(path: &str) -> &'static str {
    let (of, name) = path.rsplit_once('/').expect("a path");
    let vector = of.split('/').fold(&*VECTORS, |at: &Value, step| match step.parse::<usize>() {
        Ok(index) => &at[index],
        Err(_) => &at[step],
    });
    text(vector, name)
}

#[test]
fn the_worked_bytes_are_those_of_the_vectors() {
    let worked = worked();
    for (name, hex) in &worked {
        assert_eq!(hex, vector(name), "{name}");
    }
    let shown = |wanted: &str| worked.iter().any(|(name, _)| *name == wanted);
    let wanted = [
        "chain/beginning",
        "chain/beginning_hash",
        "chain/entries/2/cose",
        "chain/entries/2/signed",
        "chain/entries/2/hash",
        "exchange/request/payload",
        "exchange/receipt/cose",
        "exchange/page/payload",
        "exchange/page/items",
        "enrolment/key",
        "enrolment/request/cose",
        "enrolment/answer/payload",
    ];
    for name in wanted {
        assert!(shown(name), "{name} is not worked out");
    }
}
