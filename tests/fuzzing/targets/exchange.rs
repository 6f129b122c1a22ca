//! Messages between terminal and region: what is read encodes to the bytes that were read.

use std::fmt::Debug;

use pass::domain::entry::Intent;
use pass::packing::{pack, unpack};
use pass::wire::cbor::{Cbor, Opaque, decode, encode};
use pass::wire::cose::{Algorithm, Content, Mac0, Sign1};
use pass::wire::entry::{decode_entry, decode_link, encode_entry};
use pass::wire::exchange::{EnrolmentAnswer, EnrolmentRequest, ExchangeAnswer, ExchangeRequest, Receipt};
use pass::wire::feed::{Item, PAGE_BYTES_MAX, PackedItems, PackedPage};

const CONTENTS: [Content; 7] = [
    Content::Entry,
    Content::ExchangeRequest,
    Content::ExchangeAnswer,
    Content::Receipt,
    Content::FeedPage,
    Content::EnrolmentRequest,
    Content::EnrolmentAnswer,
];

/// What is accepted has exactly these bytes; whether it was.
fn one_encoding<T: Cbor + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let value = decode::<T>(bytes).ok()?;
    let again = encode(&value);
    assert_eq!(again, bytes, "another encoding was accepted");
    assert_eq!(decode::<T>(&again).as_ref(), Ok(&value));
    Some(value)
}

/// The payload of an envelope, or else the bytes themselves: a fuzzer need not get past the envelope to reach what is in it.
fn payload(bytes: &[u8], algorithm: Algorithm, content: Content) -> Vec<u8> {
    Sign1::decode(bytes, algorithm, content).map_or_else(|_| bytes.to_vec(), |message| message.payload)
}

/// COSE envelopes: one encoding each, and none that passes for two kinds.
pub(crate) fn envelopes(bytes: &[u8]) {
    let mut kinds = 0;
    for content in CONTENTS {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hmac256] {
            if let Ok(message) = Sign1::decode(bytes, algorithm, content) {
                assert_eq!(message.encode(), bytes);
                assert!(message.payload.len() < bytes.len());
                kinds += 1;
            }
        }
        if let Ok(message) = Mac0::decode(bytes, content) {
            assert_eq!(message.encode(), bytes);
            kinds += 1;
        }
    }
    assert!(kinds <= 1, "the bytes pass for {kinds} kinds of message");
}

/// Entries: one encoding, and the link says what the entry says.
pub(crate) fn entries(bytes: &[u8]) {
    let payload = payload(bytes, Algorithm::EdDsa, Content::Entry);
    let link = decode_link(&payload);
    if let Ok(entry) = decode_entry(&payload) {
        assert_eq!(encode_entry(&entry), payload);
        let link = link.expect("what can be read can be linked");
        assert_eq!((link.terminal, link.sequence, link.previous), (entry.terminal, entry.sequence, entry.previous));
        assert!(entry.body.kind().is_ascii());
    }
    one_encoding::<Intent>(&payload);
}

/// An exchange request.
pub(crate) fn request(bytes: &[u8]) {
    one_encoding::<ExchangeRequest>(&payload(bytes, Algorithm::EdDsa, Content::ExchangeRequest));
}

/// An exchange answer, its receipt, its pages.
pub(crate) fn answer(bytes: &[u8]) {
    let payload = payload(bytes, Algorithm::Es256, Content::ExchangeAnswer);
    one_encoding::<Receipt>(&payload);
    if let Some(answer) = one_encoding::<ExchangeAnswer>(&payload) {
        self::answer(&answer.receipt.0);
        answer.pages.iter().for_each(|page| feed_pages(&page.0));
    }
}

/// A page of the feed, what is packed in it, or one thing on it.
pub(crate) fn feed_pages(bytes: &[u8]) {
    let payload = payload(bytes, Algorithm::Es256, Content::FeedPage);
    one_encoding::<Item>(&payload);
    let packed = one_encoding::<PackedPage>(&payload).map(|page| page.items);
    for packed in
        packed.into_iter().chain([64, PAGE_BYTES_MAX].map(|size| PackedItems { size, zstd: Opaque(payload.clone()) }))
    {
        if let Ok(items) = unpack(&packed) {
            let again = pack(&items).unwrap();
            assert_eq!(again.size, packed.size, "another encoding was accepted");
            assert_eq!(unpack(&again), Ok(items));
        }
    }
}

/// Both messages of an enrolment.
pub(crate) fn enrolment_messages(bytes: &[u8]) {
    for content in [Content::EnrolmentRequest, Content::EnrolmentAnswer] {
        let payload = Mac0::decode(bytes, content).map_or_else(|_| bytes.to_vec(), |message| message.payload);
        one_encoding::<EnrolmentRequest>(&payload);
        one_encoding::<EnrolmentAnswer>(&payload);
    }
}
