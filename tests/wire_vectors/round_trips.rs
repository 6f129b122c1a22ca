//! Every value of every message and entry comes back from its bytes; other bytes are another value or none; no bytes at all make
//! a decoder panic.

use std::fmt::Debug;
use std::sync::LazyLock;

use pass::domain::entry::{Entry, Intent, Tender, Tenders};
use pass::wire::cbor::{Cbor, decode, encode};
use pass::wire::code::EnrolmentCode;
use pass::wire::cose::{Algorithm, Content, Mac0, Sign1};
use pass::wire::entry::{Link, decode_entry, decode_link};
use pass::wire::exchange::{EnrolmentAnswer, EnrolmentRequest, ExchangeAnswer, ExchangeRequest, Receipt};
use pass::wire::feed::{Item, PackedPage};
use proptest::prelude::*;
use serde_json::Value;

use crate::draw::{Draw, Drawn};
use crate::{VECTORS, bytes, entries, exchanged};

/// Comes back; cut anywhere it does not; with one bit changed, `at` says where, it is another value or none.
fn comes_back<T: Cbor + Drawn + Debug + PartialEq>(seed: u64, at: usize, bit: u32) {
    let value = T::drawn(&mut Draw::new(seed));
    let good = encode(&value);
    assert_eq!(decode::<T>(&good).as_ref(), Ok(&value));
    for end in 0..good.len() {
        assert!(decode::<T>(&good[..end]).is_err(), "cut to {end} bytes");
    }
    assert!(decode::<T>(&[good.as_slice(), &[0]].concat()).is_err(), "one byte more");
    let mut changed = good.clone();
    let at = at % changed.len();
    changed[at] ^= 1 << bit;
    if let Ok(other) = decode::<T>(&changed) {
        assert_ne!(other, value, "byte {at} changed");
        assert_eq!(encode(&other), changed, "a value has one encoding");
    }
}

macro_rules! come_back {
    ($($name:ident: $message:ty,)*) => {
        proptest! {
            $(#[test]
            fn $name(seed: u64, at: usize, bit in 0..8_u32) {
                comes_back::<$message>(seed, at, bit);
            })*
        }
    };
}

come_back! {
    an_entry_comes_back: Entry,
    an_intent_comes_back: Intent,
    an_exchange_request_comes_back: ExchangeRequest,
    an_exchange_answer_comes_back: ExchangeAnswer,
    a_receipt_comes_back: Receipt,
    a_feed_page_comes_back: PackedPage,
    the_items_of_a_page_come_back: Vec<Item>,
    an_enrolment_request_comes_back: EnrolmentRequest,
    an_enrolment_answer_comes_back: EnrolmentAnswer,
}

const CONTENTS: [Content; 8] = [
    Content::ArchiveManifest,
    Content::Entry,
    Content::ExchangeRequest,
    Content::ExchangeAnswer,
    Content::Receipt,
    Content::FeedPage,
    Content::EnrolmentRequest,
    Content::EnrolmentAnswer,
];

const ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hmac256];

/// Gives bytes to every decoder there is.
fn give_to_all(bytes: &[u8]) {
    for content in CONTENTS {
        for algorithm in ALGORITHMS {
            let _ = Sign1::decode(bytes, algorithm, content);
        }
        let _ = Mac0::decode(bytes, content);
    }
    let _ = decode_entry(bytes);
    let _ = decode_link(bytes);
    let _ = decode::<Intent>(bytes);
    let _ = decode::<ExchangeRequest>(bytes);
    let _ = decode::<ExchangeAnswer>(bytes);
    let _ = decode::<Receipt>(bytes);
    let _ = decode::<PackedPage>(bytes);
    let _ = decode::<EnrolmentRequest>(bytes);
    let _ = decode::<EnrolmentAnswer>(bytes);
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes: Vec<u8>) {
        give_to_all(&bytes);
    }

    #[test]
    fn no_damage_makes_a_decoder_panic(which: usize, at: usize, with: [u8; 4], cut: usize) {
        let good = &PAYLOADS[which % PAYLOADS.len()];
        let mut damaged = good.clone();
        let at = at % damaged.len();
        for (byte, with) in damaged[at..].iter_mut().zip(with) {
            *byte = with;
        }
        damaged.truncate(cut % (2 * good.len()));
        give_to_all(&damaged);
    }

    #[test]
    fn no_text_makes_the_code_panic_and_every_code_comes_back(text: String, terminal: u32, secret: [u8; 17]) {
        let _ = EnrolmentCode::parse(&text);
        let code = EnrolmentCode { terminal: pass::domain::TerminalId::new(terminal), secret };
        prop_assert_eq!(EnrolmentCode::parse(&code.to_string()), Ok(code));
    }

    #[test]
    fn an_entry_of_later_days_still_links(seed: u64, version in 3_u8..24, more: Vec<u8>) {
        // The first four fields of today's entry, another version, and something unknown after them.
        let entry = Entry::drawn(&mut Draw::new(seed));
        let known = encode(&entry);
        let link = encode(&entry.terminal).len() + encode(&entry.sequence).len() + encode(&entry.previous).len();
        let later = [&[0x85, version], &known[2..2 + link], &encode(&pass::wire::cbor::Opaque(more))].concat();
        prop_assert!(decode_entry(&later).is_err());
        let Entry { terminal, sequence, previous, .. } = entry;
        prop_assert_eq!(decode_link(&later), Ok(Link { terminal, sequence, previous }));
    }
}

/// Every message of the vectors.
fn messages() -> Vec<&'static Value> {
    let exchanged = ["request", "receipt", "page", "empty_page", "answer"].map(exchanged);
    let enrolment = ["request", "answer"].map(|name| &VECTORS["enrolment"][name]);
    entries().iter().chain(exchanged).chain(enrolment).collect()
}

static PAYLOADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    messages().into_iter().flat_map(|vector| [bytes(vector, "payload"), bytes(vector, "cose")]).collect()
});

#[test]
fn every_cut_and_every_changed_bit_of_a_message_is_refused_or_another_message() {
    let decoded = |bytes: &[u8], content: Content| {
        let signed =
            [Algorithm::EdDsa, Algorithm::Es256].map(|algorithm| Sign1::decode(bytes, algorithm, content).ok());
        (signed, Mac0::decode(bytes, content).ok())
    };
    for vector in messages() {
        let good = bytes(vector, "cose");
        let contents = CONTENTS.into_iter().filter(|content| decoded(&good, *content) != ([None, None], None));
        let [content] = contents.collect::<Vec<_>>()[..] else { panic!("a message is of one content") };
        let message = decoded(&good, content);
        for end in 0..good.len() {
            assert_eq!(decoded(&good[..end], content), ([None, None], None), "cut to {end} bytes");
        }
        for place in 0..good.len() * 8 {
            let mut changed = good.clone();
            changed[place / 8] ^= 1 << (place % 8);
            assert_ne!(decoded(&changed, content), message, "bit {place} changed");
        }
    }
}

#[test]
fn money_in_parts_has_one_encoding() {
    let good: &[u8] = &[0x82, 0x82, 1, 0x18, 100, 0x82, 5, 0x18, 150];
    let read: Tenders = decode(good).unwrap();
    let parts: Vec<_> = read.parts().into_iter().map(|(tender, cents)| (tender, cents.get())).collect();
    assert_eq!(parts, [(Tender::Cash, 100), (Tender::Tpe, 150)]);
    let bad: [(&str, &[u8]); 7] = [
        ("none", &[0x80]),
        ("one alone", &[0x81, 0x82, 1, 0x18, 100]),
        ("descending", &[0x82, 0x82, 5, 0x18, 150, 0x82, 1, 0x18, 100]),
        ("twice the same", &[0x82, 0x82, 1, 0x18, 100, 0x82, 1, 0x18, 150]),
        ("one of nothing", &[0x82, 0x82, 1, 0, 0x82, 5, 0x18, 150]),
        ("no tender", &[0x82, 0x82, 1, 0x18, 100, 0x82, 6, 0x18, 150]),
        ("more than there are", &[0x86, 0x82, 1, 1, 0x82, 2, 1, 0x82, 3, 1, 0x82, 4, 1, 0x82, 5, 1, 0x82, 5, 1]),
    ];
    for (what, bytes) in bad {
        assert!(decode::<Tenders>(bytes).is_err(), "{what}");
    }
    // What is given back is the sum of its parts, and version 1 has none.
    let with_parts: Vec<_> =
        entries().iter().filter(|entry| entry["what"].as_str().unwrap().contains("in parts")).collect();
    assert_eq!(with_parts.len(), 4);
    for entry in with_parts {
        let payload = bytes(entry, "payload");
        assert!(decode_entry(&payload).is_ok());
        let at = payload.windows(3).rposition(|window| window == [0x82, 5, 0x18]).unwrap() + 3;
        let mut another = payload.clone();
        another[at] += 1;
        assert!(decode_entry(&another).is_err(), "{}", entry["what"]);
    }
    let of_version_2 = bytes(&entries()[30], "payload");
    assert_eq!((of_version_2[..2].to_vec(), of_version_2.last()), (vec![0x88, 2], Some(&0xf6)));
    let of_version_1 = [&[0x87, 1], &of_version_2[2..of_version_2.len() - 1]].concat();
    assert!(decode_entry(&of_version_1).is_err());
}
