//! Entries, exchange and enrolment against `tests/vectors/exchange.json`, which was made by a program that shares no code
//! with this one; that decoders take exactly what encoders give, whatever they are given; and that the document says the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod document;
mod draw;
mod expected;
mod round_trips;

use std::fmt::Debug;
use std::sync::LazyLock;

use pass::crypto::{
    Ed25519Key, Ed25519PublicKey, P256Key, TrustedKeys, chain_beginning_hash, enrolment_key, entry_hash, mac0,
    sign1_ed25519, verify_mac0, verify_p256, verify_sign1_ed25519, verify_sign1_es256,
};
use pass::domain::card::{CardCertificate, KeyCertificate, PublicKey, TerminalCertificate};
use pass::domain::entry::Entry;
use pass::domain::{CashierId, KeySerial, Sequence, TerminalId};
use pass::packing::unpack_page;
use pass::succession::{change_in, successor};
use pass::wire::cbor::{Cbor, decode, encode};
use pass::wire::code::EnrolmentCode;
use pass::wire::cose::{Algorithm, Brought, Content, Mac0, Sign1};
use pass::wire::entry::{chain_beginning, decode_entry, decode_link, encode_entry, keys_change_bytes};
use pass::wire::exchange::{EnrolmentAnswer, EnrolmentRequest, ExchangeAnswer, ExchangeRequest, Receipt};
use pass::wire::feed::{FeedPage, Item, PackedPage, denied_bytes};
use serde_json::Value;

/// The pinned bytes.
static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../vectors/exchange.json")).expect("the vectors are JSON"));

const TERMINAL: TerminalId = TerminalId::new(7001);

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name}"))
}

fn bytes(vector: &Value, name: &str) -> Vec<u8> {
    hex::decode(text(vector, name)).unwrap()
}

fn array<const N: usize>(vector: &Value, name: &str) -> [u8; N] {
    bytes(vector, name).try_into().unwrap()
}

/// A vector of the part `exchange`.
fn exchanged(name: &str) -> &'static Value {
    &VECTORS["exchange"][name]
}

fn entries() -> &'static [Value] {
    VECTORS["chain"]["entries"].as_array().unwrap()
}

fn entry_key() -> Ed25519Key {
    Ed25519Key::from_pkcs8(&bytes(&VECTORS["keys"]["terminal, entries"], "pkcs8")).unwrap()
}

fn region_keys() -> TrustedKeys {
    let keys = &VECTORS["keys"];
    let mut trusted = TrustedKeys::new(PublicKey(array(&keys["root"], "public")));
    assert!(trusted.learn(KeyCertificate::decode(&bytes(&keys["region"], "certificate")).unwrap()));
    trusted
}

/// The value of a payload, which encodes to the same bytes.
fn read<T: Cbor + Debug>(vector: &Value) -> T {
    let payload = bytes(vector, "payload");
    let value: T = decode(&payload).unwrap();
    assert_eq!(encode(&value), payload);
    value
}

/// An envelope that has exactly the vector's parts.
fn opened(vector: &Value, algorithm: Algorithm, content: Content) -> Sign1 {
    let cose = bytes(vector, "cose");
    let message = Sign1::decode(&cose, algorithm, content).unwrap();
    assert_eq!(message.encode(), cose);
    assert_eq!(message.payload, bytes(vector, "payload"));
    assert_eq!(message.signed_bytes(), bytes(vector, "signed"));
    assert_eq!(message.signature, array(vector, "signature"));
    message
}

/// A message of the terminal, signed by it: the same key gives the same signature.
fn of_terminal<T: Cbor + Debug>(vector: &Value, content: Content) -> T {
    let message = opened(vector, Algorithm::EdDsa, content);
    let key = entry_key();
    assert_eq!(message.key, TERMINAL.get());
    assert!(verify_sign1_ed25519(&message, &key.public_key()));
    assert_eq!(sign1_ed25519(&key, content, TERMINAL, message.payload.clone()), message);
    read(vector)
}

/// A message of the region, which brings the certificate of the key that signed it.
fn of_region<T: Cbor + Debug>(vector: &Value, content: Content) -> T {
    let message = opened(vector, Algorithm::Es256, content);
    let Brought::KeyCertificate(certificate) = &message.brought else { panic!("it brings no certificate") };
    let certificate = KeyCertificate::decode(certificate).unwrap();
    assert_eq!(certificate.serial, KeySerial::new(message.key));
    assert!(verify_sign1_es256(&message, &region_keys().key(certificate.serial).unwrap()));
    read(vector)
}

/// A page of the feed, and the items that are packed in it.
fn of_feed(name: &str) -> FeedPage {
    let page = unpack_page(&of_region::<PackedPage>(exchanged(name), Content::FeedPage)).unwrap();
    assert_eq!(encode(&page.items), bytes(exchanged(name), "items"));
    page
}

/// A message of the enrolment, authenticated with its code.
fn of_enrolment<T: Cbor + Debug>(vector: &Value, content: Content) -> T {
    let cose = bytes(vector, "cose");
    let message = Mac0::decode(&cose, content).unwrap();
    assert_eq!(message.encode(), cose);
    assert_eq!(message.authenticated_bytes(), bytes(vector, "authenticated"));
    assert_eq!(message.tag, array(vector, "tag"));
    let key = enrolment_key(&EnrolmentCode::parse(text(&VECTORS["enrolment"], "code")).unwrap()).unwrap();
    assert!(verify_mac0(&message, &key));
    assert_eq!(mac0(&key, content, TERMINAL, bytes(vector, "payload")), message);
    read(vector)
}

#[test]
fn keys_are_what_their_certificates_say() {
    let keys = &VECTORS["keys"];
    for name in ["root", "region", "card", "terminal, cards"] {
        let key = P256Key::from_pkcs8(&bytes(&keys[name], "pkcs8")).unwrap();
        assert_eq!(key.public_key().0, array(&keys[name], "public"), "{name}");
    }
    assert_eq!(entry_key().public_key(), Ed25519PublicKey(array(&keys["terminal, entries"], "public")));
    let region = region_keys().key(KeySerial::new(3)).unwrap();
    let card = CardCertificate::decode(&bytes(&keys["card"], "certificate")).unwrap();
    assert!(verify_p256(&region, &card.signed_bytes(), &card.signature));
    assert_eq!(card.public_key.0, array(&keys["card"], "public"));
    let terminal = TerminalCertificate::decode(&bytes(&keys["terminal, cards"], "certificate")).unwrap();
    assert!(verify_p256(&region, &terminal.signed_bytes(), &terminal.signature));
    assert_eq!((terminal.terminal, terminal.public_key.0), (TERMINAL, array(&keys["terminal, cards"], "public")));
}

#[test]
fn the_chain_begins_with_its_terminal_and_key_and_every_entry_holds_the_one_before() {
    let chain = &VECTORS["chain"];
    let key = entry_key().public_key();
    assert_eq!(chain_beginning(TERMINAL, &key.0), bytes(chain, "beginning"));
    let mut previous = chain_beginning_hash(TERMINAL, &key);
    assert_eq!(previous.to_string(), text(chain, "beginning_hash"));
    let mut sequence = Sequence::FIRST;
    for vector in entries() {
        let entry: Entry = of_terminal(vector, Content::Entry);
        assert_eq!((entry.terminal, entry.sequence, entry.previous), (TERMINAL, sequence, previous));
        let link = decode_link(&bytes(vector, "payload")).unwrap();
        assert_eq!((link.terminal, link.sequence, link.previous), (TERMINAL, sequence, previous));
        previous = entry_hash(&bytes(vector, "cose"));
        assert_eq!(previous.to_string(), text(vector, "hash"));
        sequence = sequence.next();
    }
}

#[test]
fn an_entry_with_one_bit_changed_is_no_entry_of_this_terminal() {
    let good = bytes(&entries()[2], "cose");
    let key = entry_key().public_key();
    let holds = |cose: &[u8]| {
        let message = Sign1::decode(cose, Algorithm::EdDsa, Content::Entry);
        message.is_ok_and(|message| verify_sign1_ed25519(&message, &key))
    };
    assert!(holds(&good));
    for place in 0..good.len() * 8 {
        let mut changed = good.clone();
        changed[place / 8] ^= 1 << (place % 8);
        assert!(!holds(&changed), "bit {place} changed");
    }
}

#[test]
fn a_change_of_keys_is_signed_by_the_old_key_and_proven_by_both_new_ones() {
    let vector = &VECTORS["keys_changed"];
    let entry: Entry = of_terminal(&vector["entry"], Content::Entry);
    let keys = change_in(&entry).unwrap();
    let (new, card) = (
        Ed25519Key::from_pkcs8(&bytes(&vector["entries"], "pkcs8")).unwrap(),
        P256Key::from_pkcs8(&bytes(&vector["cards"], "pkcs8")).unwrap(),
    );
    assert_eq!(keys.entry_key, array(&vector["entries"], "public"));
    assert_eq!(keys.card_key.0, array(&vector["cards"], "public"));
    let place = keys_change_bytes(TERMINAL, entry.sequence, entry.previous, &keys.entry_key, &keys.card_key);
    assert_eq!(place, bytes(vector, "place"));
    assert_eq!(keys.entry_proof, new.sign(&place));
    assert!(verify_p256(&card.public_key(), &place, &keys.card_proof));
    let whole = bytes(&vector["entry"], "cose");
    assert_eq!(entry_hash(&whole).to_string(), text(&vector["entry"], "hash"));
    assert_eq!(successor(TERMINAL, &entry_key().public_key(), &whole), Some(new.public_key()));
    // The next request is by the new key, and brings the entry by which it is known.
    let message = opened(&vector["request"], Algorithm::EdDsa, Content::ExchangeRequest);
    assert_eq!(message.brought, Brought::KeyChanges(vec![whole]));
    assert!(verify_sign1_ed25519(&message, &new.public_key()));
    let request: ExchangeRequest = read(&vector["request"]);
    assert_eq!(request.head.sequence, entry.sequence);
}

#[test]
fn every_entry_says_what_it_is_meant_to_say() {
    let bodies = expected::bodies();
    assert_eq!(bodies.len(), entries().len());
    assert_eq!(expected::cashiers().len(), entries().len());
    for ((vector, body), cashier) in entries().iter().zip(bodies).zip(expected::cashiers()) {
        let entry = decode_entry(&bytes(vector, "payload")).unwrap();
        assert_eq!(entry.body, body, "{}", text(vector, "what"));
        assert_eq!(entry.cashier.map(CashierId::get), cashier);
        let context = if entry.sequence.get() <= 2 { expected::FIRST_CONTEXT } else { expected::CONTEXT };
        assert_eq!(entry.context, context);
        assert_eq!(encode_entry(&Entry { body, ..entry.clone() }), bytes(vector, "payload"));
    }
}

#[test]
fn the_card_vouches_for_every_debit_and_reversal() {
    let card = PublicKey(array(&VECTORS["keys"]["card"], "public"));
    for proof in expected::proofs() {
        assert!(verify_p256(&card, &proof.record.signed_bytes(), &proof.signature), "{:?}", proof.record);
    }
    let (state, challenge) = expected::state();
    assert!(verify_p256(&card, &state.signed_bytes(expected::card(), &challenge), &state.signature));
}

#[test]
fn a_request_and_its_answer_say_what_they_are_meant_to_say() {
    let request: ExchangeRequest = of_terminal(exchanged("request"), Content::ExchangeRequest);
    assert_eq!(request, expected::request());
    let receipt: Receipt = of_region(exchanged("receipt"), Content::Receipt);
    assert_eq!(receipt, expected::receipt());
    let answer: ExchangeAnswer = of_region(exchanged("answer"), Content::ExchangeAnswer);
    assert_eq!(answer, expected::answer());
}

#[test]
fn a_page_says_what_it_is_meant_to_say() {
    let page = of_feed("page");
    assert_eq!(page, expected::page());
    let denied =
        page.items.iter().filter_map(|item| if let Item::Denial(denial) = item { Some(denial.card) } else { None });
    let digest = pass::crypto::sha256(&denied_bytes(denied));
    assert_eq!((page.denied_count, page.denied_digest), (1, digest));
    let empty = of_feed("empty_page");
    assert_eq!((empty.from, empty.to, empty.items.len()), (page.to, page.to, 0));
    assert!(empty.made_at > page.made_at && empty.denied_digest == page.denied_digest);
}

#[test]
fn an_enrolment_says_what_it_is_meant_to_say() {
    let enrolment = &VECTORS["enrolment"];
    let code = EnrolmentCode { terminal: TERMINAL, secret: array(enrolment, "secret") };
    assert_eq!(code.to_string(), text(enrolment, "code"));
    let request: EnrolmentRequest = of_enrolment(&enrolment["request"], Content::EnrolmentRequest);
    assert_eq!(request, expected::enrolment_request());
    let answer: EnrolmentAnswer = of_enrolment(&enrolment["answer"], Content::EnrolmentAnswer);
    assert_eq!(answer, expected::enrolment_answer());
}
